"""Functions whose parameters a library reads from the command line: what `fire.Fire(f)` or `typer.run(f)` is given,
there or through a function of the repository that hands it on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.facts import Call, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

DISPATCHERS = {
    "fire.Fire": "fire",
    "fire.core.Fire": "fire",
    "typer.run": "typer",
    "defopt.run": "defopt",
    "plac.call": "plac",
    "jsonargparse.CLI": "jsonargparse",
}
_COMPONENT = ("component", "function", "func")


@dataclass(frozen=True, slots=True)
class Dispatched:
    """A function or class that is run with options; `path` and `call` are where it is given, `through` the wrapper."""

    library: str
    path: str
    call: Call
    found: tuple[str, Definition] | None
    through: str = ""


@once
def dispatched(codebase: "Codebase") -> tuple[Dispatched, ...]:
    """Everything that is run so, in the order of the code."""
    return tuple(
        item
        for path in sorted(codebase.facts)
        for call in codebase.facts[path].calls
        if call.name in DISPATCHERS and (given := _given(call))
        for item in _of(codebase, path, call, given)
    )


def _of(codebase: "Codebase", path: str, call: Call, given: str) -> Iterator[Dispatched]:
    library = DISPATCHERS[call.name]
    own = next((d for d in codebase.facts[path].definitions if call.symbol and d.symbol == call.symbol), None)
    names = _names(own) if own is not None else []
    if own is None or given not in names:
        yield Dispatched(library, path, call, codebase.resolve_local(path, given))
        return
    for where, other in codebase.all_calls():
        if other.name.rpartition(".")[2] == own.name and codebase.resolve_call(where, other) == (path, own):
            position = names.index(given)
            plain = other.arguments[position] if position < len(other.arguments) else ""
            handed = dict(other.keywords).get(given, plain)
            found = codebase.resolve_local(where, handed) if handed else None
            if found is not None:
                yield Dispatched(library, where, other, found, own.name)


def _given(call: Call) -> str:
    keywords = dict(call.keywords)
    return call.arguments[0] if call.arguments else next((keywords[k] for k in _COMPONENT if k in keywords), "")


def _names(item: Definition) -> list[str]:
    return [parameter.split(":")[0].split("=")[0].strip() for parameter in item.parameters]
