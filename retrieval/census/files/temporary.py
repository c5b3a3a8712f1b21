"""Kind `temporary`: files and folders that the code makes and does not keep, with who removes them and when.

Temporary by use: made with `tempfile`, removed or moved away by the code that made it, or put into a folder for
temporary files. A name alone (`temp` for a temperature) makes nothing temporary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.files.disk import Contact, contacts_of
from retrieval.census.files.path_patterns import paths_of
from retrieval.census.files.temporary_ends import fate_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.people import people
from retrieval.census.meaning.prose import listed
from retrieval.facts import Call, CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

NAMED, PLACES = 3, 16
_FOLDER = re.compile(
    r"(?:^|/)(?:\.|[\w.-]*[_-])?te?mp(?:orary)?(?:/|$)|\{temporary folder\}(?:/|$)"
    r"|^\{[^{}/]*(?:temporary|te?mp_)[^{}/]*(?:dir|folder|path|disk|root)[^{}/]*\}"
)
_HOLE = re.compile(r"\{[^{}]*\}|%0?\d*[ds]")
_PLAIN = re.compile(
    r"(?:Path|join|exists|remove|unlink|rmtree|print|str|close|open|isfile|isdir|\w*log\w*|info|debug|insert|append"
    r"|basename|dirname|splitext|stat|getsize|startswith|replace)\(\)`$"
)
_KEPT = re.compile(r"log$|upload|^removal$")
_MAKERS = words("NamedTemporaryFile TemporaryFile SpooledTemporaryFile TemporaryDirectory mkstemp mkdtemp mktemp")
_MOVES = frozenset({"os.replace", "os.rename", "shutil.move"})


@kind(
    "temporary",
    summary="temporary files and folders by use: tempfile, removed or moved again, in a folder for temporary files",
    example="temporary",
    reads="python",
    ordered=True,
)
def temporary(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per call of `tempfile` and per pattern of a path. Patterns match the path or the call."""
    contacts = contacts_of(codebase)
    removals = [c for c in contacts if c.what == "removal"]
    for path, call in codebase.all_calls():
        if codebase.snapshot.by_path[path].role == "source" and _makes(call) and query.matches(call.name):
            yield _made(codebase, path, call, removals)
    made = _patterns(contacts)
    for pattern, group in made.items():
        gone = [c for c in removals if _covers(c.pattern, pattern) and not _clears(codebase, c, group)]
        above = [p for p in made if p != pattern and pattern.startswith(f"{p}/")]
        if any(_covers(c.pattern, p) for p in above for c in removals):
            continue  # told with the folder
        inside = {p: found for p, found in made.items() if p.startswith(f"{pattern}/")}
        moved = list(_moved(codebase, pattern))
        fetched = all("download" in contact.what for contact in group)
        if (gone or moved or (_FOLDER.search(pattern) and not fetched)) and query.matches(pattern):
            yield _file(codebase, pattern, (group, inside), (gone, moved))


def _makes(call: Call) -> bool:
    return call.name.startswith("tempfile.") and call.name.rpartition(".")[2] in _MAKERS


def _made(codebase: Codebase, path: str, call: Call, removals: list[Contact]) -> CensusHit:
    what = "folder" if re.search(r"(?i)dir|mkdtemp", call.name) else "file"
    where = f"`{call.symbol}()`" if call.symbol else f"the top level of {path}"
    fate = fate_of(codebase, path, call)
    gone = [c for c in removals if c.path == path and any(_names(name, c.where) for name in call.assigned)]
    places, ending = fate.places or tuple((c.path, c.start, c.end) for c in gone), fate.ending
    if gone and not fate.places and "removed" not in ending:
        ending = f"removed by {people(codebase, [c.place for c in gone], NAMED)}"
    return hit_at(
        codebase,
        path,
        (call.start, call.end),
        symbol=call.symbol,
        name=call.name,
        text=f"a temporary {what} made by {where} ({path}) with `{call.written}()`"
        f"{_use(codebase, path, call, fate.names)}; {ending}",
        related=tuple(("removed", *place) for place in places[:PLACES]),
    )


def _use(codebase: Codebase, path: str, call: Call, held: frozenset[str]) -> str:
    """ ", into which go `chart.xlsx`, given to `run()`": what its function puts there, and who takes the path."""
    own = "{own temporary folder}" if re.search(r"(?i)dir|mkdtemp", call.name) else "{own temporary file}"
    inside = [c for c in contacts_of(codebase) if c.place == (path, call.symbol) and c.pattern.startswith(own)]
    inside = [c for c in inside if c.effect == "writes" and not re.match(r"temporary|removal", c.what)]
    put = dict.fromkeys(c.pattern.partition("/")[2] for c in inside if "/" in c.pattern)
    inside = [c for c in inside if not held or any(_names(name, c.where) for name in held)]
    written = dict.fromkeys(f"`{c.call}()`" for c in inside if "/" not in c.pattern)
    given = dict.fromkeys(
        f"`{other.written}()`"
        for other in codebase.facts[path].calls
        if other.symbol == call.symbol and held & {*other.arguments, *(value for _, value in other.keywords)}
    )
    given = {name: None for name in given if name not in written and not _PLAIN.search(name)}
    parts = [f"into which go {listed([f'`{_quoted(name)}`' for name in put], NAMED)}"] if put else []
    parts += [f"written with {listed(list(written), NAMED)}"] if written else []
    parts += [f"given to {listed(list(given), NAMED)}"] if given else []
    return "".join(f", {part}" for part in parts)


def _names(name: str, where: str) -> bool:
    return re.search(rf"(?<![\w.]){re.escape(name)}\b", where) is not None


def _patterns(contacts: list[Contact]) -> dict[str, list[Contact]]:
    """What is written or made as a folder, by pattern; paths that say nothing of themselves are left out."""
    found: dict[str, list[Contact]] = {}
    for contact in contacts:
        named = "/" in contact.pattern.rstrip("/") or "{" not in contact.pattern
        told = named and _HOLE.sub("", contact.pattern).strip("/.")
        kept = _KEPT.search(contact.what) or contact.what.startswith("temporary")
        own = contact.pattern.startswith("{own temporary")  # told with what makes it
        if contact.effect == "writes" and told and not kept and not own:
            found.setdefault(contact.pattern, []).append(contact)
    return found


def _covers(removed: str, pattern: str) -> bool:
    """Whether a removal takes a path away: the same path, or a folder above it."""
    if not _HOLE.sub("", removed).strip("/. "):
        return False
    return pattern == removed or pattern.startswith(f"{removed.rstrip('/')}/")


def _clears(codebase: Codebase, removal: Contact, made: list[Contact]) -> bool:
    """Whether a removal makes room for what its function, or one that this calls, writes further down: nothing is gone
    at the end."""
    own = [c.start > removal.start for c in made if c.place == removal.place]
    makers = {c.place for c in made} - {removal.place}
    for call in codebase.facts[removal.path].calls if makers else ():
        if call.symbol == removal.symbol and call.name.rpartition(".")[2] in {m[1].rpartition(".")[2] for m in makers}:
            target = codebase.resolve_call(removal.path, call)
            own += [call.start > removal.start] if target and (target[0], target[1].symbol) in makers else []
    return bool(own) and all(own)


def _moved(codebase: Codebase, pattern: str) -> Iterator[tuple[str, Call]]:
    """The calls that move a file from that path."""
    for path, call in codebase.all_calls():
        given = call.arguments[0] if call.name in _MOVES and call.arguments else ""
        if given and paths_of(codebase).written(path, call.symbol, given, call.start) == pattern:
            yield path, call


def _file(
    codebase: Codebase,
    pattern: str,
    made: tuple[list[Contact], dict[str, list[Contact]]],
    ends: tuple[list[Contact], list[tuple[str, Call]]],
) -> CensusHit:
    (group, inside), (gone, moved) = made, ends
    what = "folder" if all(c.what == "folder" for c in group) else "file"
    text = f"the {what} `{_quoted(pattern)}`, made by {people(codebase, [c.place for c in group], NAMED)}"
    if inside:
        names = [f"`{_quoted(p[len(pattern) + 1 :])}` by {_makers(codebase, found)}" for p, found in inside.items()]
        text += f", into which go {listed(names, NAMED)}"
    if gone:
        text += f"; removed by {people(codebase, [c.place for c in gone], NAMED)}"
    elif moved:
        text += f"; moved away by {people(codebase, [(path, call.symbol) for path, call in moved], NAMED)}"
    else:
        text += "; it lies in a folder for temporary files, and nothing that was found removes it"
    held = [c for found in inside.values() for c in found]
    places = [*((c.path, c.start, c.end) for c in (*group, *gone, *held)), *((p, c.start, c.end) for p, c in moved)]
    return hit_at(
        codebase,
        places[0][0],
        places[0][1:],
        symbol=group[0].symbol,
        name=pattern,
        text=text,
        related=tuple(("place", *place) for place in places[1:PLACES]),
    )


def _makers(codebase: Codebase, found: list[Contact]) -> str:
    return people(codebase, [c.place for c in found], NAMED)


def _quoted(pattern: str) -> str:
    return pattern.replace("`", "'")
