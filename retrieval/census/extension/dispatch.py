"""Kind `dispatch`: where code calls the methods of a base class on whichever implementation it holds."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.extension.hierarchies import hierarchies
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind, parse_query
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import FunctionRef
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program
    from retrieval.codebase import Codebase

SHOWN, LEAST = 8, 2
Key = tuple[str, str]  # the file and symbol of a method
Call = tuple[str, str, str, int]  # the call as written, the function around it, its file and line


@kind(
    "dispatch",
    summary="where methods of a base class are called on whichever implementation is held, main programs only",
    example="dispatch",
    reads="python",
    ordered=True,
)
def dispatch(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per base class with at least two implementations of a method, those called most first."""
    program = program_of(codebase)
    owners = _owners(codebase, program)
    found: dict[Key, list[Call]] = {}
    for path, symbol in sorted(reach_of(codebase).units):
        definition = program.definition(path, symbol) if symbol else None
        frame = program.frame(path, definition) if not symbol or definition is not None else None
        if frame is None or (definition is not None and definition.kind == "class"):
            continue
        for site in program.sites(frame):
            for base in {owners[key] for key in map(_key, site.targets) if key in owners}:
                own = site.step.written.startswith(("self.", "cls.", "super()")) and site.step.written.count(".") == 1
                if not _inside(program, base, (path, symbol)) and not own:
                    found.setdefault(base, []).append((site.step.written, symbol, path, site.step.start))
    for base, calls in sorted(found.items(), key=lambda item: -len(item[1])):
        if query.matches(base[1]):
            yield _hit(codebase, program, base, list(dict.fromkeys(calls)))


def _key(target: object) -> Key:
    return (target.path, target.definition.symbol) if isinstance(target, FunctionRef) else ("", "")


def _owners(codebase: "Codebase", program: "Program") -> dict[Key, Key]:
    """Method → the base class for which at least two classes define it."""
    found: dict[Key, Key] = {}
    for hit in hierarchies(codebase, parse_query("hierarchies: what=interfaces")):
        if hit.role != "source":
            continue
        places = [(hit.path, hit.symbol), *((path, "") for kind_, path, _, _ in hit.related if kind_ == "subclass")]
        names = {hit.symbol, *hit.detail["members"].split(", ")}
        methods: dict[str, list[Key]] = {}
        for path in dict.fromkeys(path for path, _ in places):
            for item in program.facts[path].definitions:
                owner, _, name = item.symbol.rpartition(".")
                if owner in names and not name.startswith("__"):
                    methods.setdefault(name, []).append((path, item.symbol))
        abstract = hit.detail["abstract"].split(", ")
        for name, keys in methods.items():
            if name in abstract or len(keys) >= LEAST:
                found |= {key: (hit.path, hit.symbol) for key in keys if key not in found}
    return found


def _inside(program: "Program", base: Key, place: Key) -> bool:
    """Whether a function belongs to the base class itself."""
    return place[0] == base[0] and place[1].startswith(f"{base[1]}.")


def _hit(codebase: "Codebase", program: "Program", base: Key, calls: list[Call]) -> CensusHit:
    told: dict[str, list[str]] = {}
    for written, symbol, path, line in calls:
        where = f"`{symbol}()` ({path}:{line})" if symbol else f"{path}:{line}"
        told.setdefault(f"`{written}()`", []).append(where)
    parts = [f"{call} in {listed(list(dict.fromkeys(places)), 2)}" for call, places in told.items()]
    definition = program.definition(*base)
    text = f"`{base[1]}` ({base[0]}): {listed(parts, SHOWN)}"
    related = tuple(("call", path, line, line) for _, _, path, line in calls[:SHOWN])
    lines = (definition.head_start, definition.head_end) if definition is not None else (1, 1)
    return hit_at(codebase, base[0], lines, symbol=base[1], name=base[1], text=text, related=related)
