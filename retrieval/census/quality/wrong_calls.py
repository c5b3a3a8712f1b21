"""Calls of functions of the repository with arguments that these do not take: a TypeError whenever they are reached.

Only calls whose function is certain count: a definition of a module without decorators, not defined twice, called by a
name that the calling body does not bind itself.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import bound_names, units
from retrieval.facts import Call, CensusHit, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_KEYWORD = re.compile(r"^[A-Za-z_]\w*$")
Found = tuple[str, Definition]


def wrong_calls(codebase: "Codebase") -> Iterator[CensusHit]:
    """One hit per call that gives a keyword which the function does not take, or leaves out what it must have."""
    for path, call in codebase.all_calls():
        if codebase.snapshot.by_path[path].role != "source" or "." in call.written or call.receiver:
            continue
        found = _certain(codebase, path, call)
        said = _fault(call, found[1], is_method=found[2]) if found is not None else ""
        if found is not None and said and not _shadowed(codebase, path, call):
            where, item, _ = found
            text = (
                f"`{call.written}()` is called {said}, in `{call.symbol}` ({path})"
                if call.symbol
                else (f"`{call.written}()` is called {said}, at the top level of {path}")
            )
            yield hit_at(codebase, path, (call.start, call.end), symbol=call.symbol, name="wrong call", text=text,
                         related=(("definition", where, item.head_start, item.head_end),))  # fmt: skip


def _certain(codebase: "Codebase", path: str, call: Call) -> tuple[str, Definition, bool] | None:
    """The function, or the `__init__` of the class, that a call enters, and whether its first parameter is `self`."""
    found = codebase.resolve_local(path, call.name)
    if found is None or not _is_single(codebase, found):
        return None
    where, item = found
    if item.kind == "function":
        return (where, item, False) if "." not in item.symbol and not item.decorators else None
    if item.kind != "class" or item.decorators or item.bases:
        return None
    own = codebase.member(found, "__init__")
    made = codebase.member(found, "__new__") or codebase.member(found, "__call__")
    return (own[0], own[1], True) if own is not None and made is None and not own[1].decorators else None


@once
def _is_single(codebase: "Codebase", found: Found) -> bool:
    """Whether a file defines the name once, and assigns it nowhere."""
    path, item = found
    same = [other for other in codebase.facts[path].definitions if other.symbol == item.symbol]
    again = any(
        fact.kind == "assign" and not fact.symbol and fact.name == item.name for fact in codebase.facts[path].facts
    )
    return len(same) == 1 and not again


def _fault(call: Call, item: Definition, *, is_method: bool) -> str:
    """ "with `x`, which it does not take", "without `y`, which it must have"; "" for nothing wrong."""
    if any(text.startswith("*") for text in call.arguments) or any(not _KEYWORD.match(key) for key, _ in call.keywords):
        return ""
    listed_ = [re.split(r"[:=]", text, maxsplit=1)[0].strip() for text in item.parameters]
    if any(name.startswith("*") and name != "*" for name in listed_):
        return ""
    names = [name for name in listed_ if name not in ("*", "/")][1 if is_method else 0 :]
    required = [
        name for name, text in zip(listed_, item.parameters, strict=True) if "=" not in text and name in names
    ]  # fmt: skip
    given = [key for key, _ in call.keywords]
    strange = [key for key in given if key not in names]
    if strange:
        return f"with {listed([f'`{key}`' for key in strange], 3)}, which it does not take"
    filled = {*names[: len(call.arguments)], *given}
    missing = [name for name in required if name not in filled]
    return f"without {listed([f'`{name}`' for name in missing], 3)}, which it must have" if missing else ""


def _shadowed(codebase: "Codebase", path: str, call: Call) -> bool:
    """Whether a body around the call binds the name itself."""
    root = call.written.partition(".")[0]
    return any(
        root in bound_names(body)
        for unit in units(codebase, path=path) for body, symbol in unit.functions()
        if call.symbol == symbol or call.symbol.startswith(f"{symbol}.")
    )  # fmt: skip
