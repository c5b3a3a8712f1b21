"""Kind `prints`: calls that print, by where the output goes: the console, or a file.

Knows Python's `print`, the echo functions of click and typer, rich's `print` and consoles, and writes to the
standard streams.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.code.foreign import foreign_hits
from retrieval.census.code.syntax import call_hit, call_text
from retrieval.census.language import Query, kind, parse_query
from retrieval.facts import Call, CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_FUNCTIONS = words(
    """print builtins.print pprint pprint.pprint pprint.pp rich.print rich.print_json click.echo click.secho
    typer.echo typer.secho tqdm.tqdm.write tqdm.write"""
)
_STREAMS = words("sys.stdout sys.stderr sys.__stdout__ sys.__stderr__")
_STREAM_WRITES = frozenset(f"{stream}.{method}" for stream in _STREAMS for method in ("write", "writelines"))
_CONSOLES = words("rich.console.Console rich.get_console")
_CONSOLE_METHODS = words("print log print_json rule print_exception")
_POSITION = {"click.echo": 1, "typer.echo": 1, "click.secho": 1, "typer.secho": 1, "pprint.pprint": 1, "pprint.pp": 1}
_ELSEWHERE = "calls: console.log, console.error, console.warn, fmt.Print*, System.out.print*, println, printf, puts"
TO = ("console", "file")


@kind(
    "prints",
    summary="print and echo calls by where they write; option to=console|file",
    example="prints: to=console",
    options=("to",),
)
def prints(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Every printing call; patterns match the function. Raises QueryError for another destination.

    `detail` has `to` (console or file) and `file`, the destination as written, "" for standard output.
    """
    asked = query.choice("to", TO)
    for path, call in codebase.all_calls():
        if not _printing(codebase, path, call) or not query.matches(*codebase.speller.call_names(path, call)):
            continue
        file = _destination(call)
        to = "console" if file in ("", "None", *_STREAMS, "stdout", "stderr") else "file"
        if not asked or asked == to:
            yield _hit(codebase, path, call, (to, file))
    if asked != "file":
        yield from foreign_hits(codebase, query if query.patterns else parse_query(_ELSEWHERE), "calls")


def _printing(codebase: "Codebase", path: str, call: Call) -> bool:
    if call.name in _FUNCTIONS or call.name in _STREAM_WRITES:
        return codebase.resolve_local(path, call.name) is None
    method = call.name.rpartition(".")[2]
    return call.receiver in _CONSOLES and method in _CONSOLE_METHODS


def _destination(call: Call) -> str:
    """The stream or file that a call names, "" when it names none."""
    if call.name in _STREAM_WRITES:
        return call.name.rpartition(".")[0]
    position = _POSITION.get(call.name)
    named = dict(call.keywords).get("file", dict(call.keywords).get("stream", ""))
    return named or (call.arguments[position] if position and position < len(call.arguments) else "")


def _hit(codebase: "Codebase", path: str, call: Call, where: tuple[str, str]) -> CensusHit:
    to, file = where
    written = call_text(call)
    if to == "file":
        text = f"`{written}` writes to `{file}`, not the console"
    else:
        text = f"`{written}` prints to the console"
        text += " (standard error)" if file.endswith("stderr") else ""
    hit = call_hit(codebase, path, call, text=text)
    hit.detail.update({"to": to, "file": file})
    return hit
