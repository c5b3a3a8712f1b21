"""Kind `option_objects`: classes that only hold options (dataclasses, pydantic models), their fields and readers.

A caller fills such an object and hands it to the program: it steers what runs as a command line does. Classes that are
filled from the environment or from files are the business of `settings`.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.class_fields import Field, class_fields
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.settings.option_records import field_reads
from retrieval.facts import CensusHit, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, MOST, FIELDS, USERS, MADE = 3, 12, 12, 5, 20  # what main programs themselves make counts most
_NAMED = re.compile(
    r"(?:Options?|Opts?|Config|Cfg|Configuration|Settings|Params|Parameters|Args|Arguments|[Hh][Pp]arams)$"
)
_RECORDS = re.compile(r"(?:^|\.)(?:dataclass|attrs?|define|frozen|s)$")
_MODELS = re.compile(r"(?:^|\.)(?:BaseModel|NamedTuple|Struct|TypedDict)$")
_SETTINGS = re.compile(r"BaseSettings$")
Found = tuple[str, Definition]


@kind(
    "option_objects",
    summary="classes that hold options (dataclasses, pydantic models): fields with defaults, who makes and reads them",
    example="option_objects, or option_objects: *PipelineOptions",
    reads="python",
    ordered=True,
)
def option_objects(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per class, at most MOST, those with the most fields that most code makes or takes first; patterns match
    the class."""
    uses = _uses(codebase)
    reach = reach_of(codebase)
    used = [item for item in _classes(codebase) if uses[item[1].name] and query.matches(item[1].name)]
    found = [(item, fields) for item in used if len(fields := class_fields(codebase, *item)) >= LEAST]

    def order(told: tuple[Found, list[Field]]) -> tuple[bool, int, str]:
        (path, definition), fields = told
        return path not in reach.paths and reach.tells, -uses[definition.name] * len(fields), path

    for item, fields in sorted(found, key=order)[:MOST]:
        yield _hit(codebase, item, fields)


def _classes(codebase: "Codebase") -> Iterator[Found]:
    for path, item in codebase.all_definitions():
        if item.kind != "class" or not _NAMED.search(item.name) or codebase.snapshot.by_path[path].role != "source":
            continue
        bases = codebase.bases(path, item)
        record = any(map(_RECORDS.search, item.decorators)) or any(map(_MODELS.search, bases))
        if record and not any(map(_SETTINGS.search, bases)) and codebase.member((path, item), "__init__") is None:
            yield path, item


def _uses(codebase: "Codebase") -> Counter[str]:
    """Name of a class → in how many functions source code makes one or takes one as a parameter.

    The files in which programs start count most; a table of objects at the top level of a module counts once.
    """
    counts: Counter[str] = Counter()
    starts = reach_of(codebase).starts
    programs = {start.path for start in starts} | {path for start in starts for path, *_ in start.units}
    made = {(path, call.symbol, call.name.rpartition(".")[2]) for path, call in codebase.all_calls()}
    for path, _, name in made:
        if codebase.snapshot.by_path[path].role == "source":
            counts[name] += MADE if path in programs else 1
    for path, item in codebase.all_definitions():
        if codebase.snapshot.by_path[path].role == "source":
            for parameter in item.parameters:
                counts.update(set(re.findall(r"[A-Za-z_]\w*", parameter.partition(":")[2].partition("=")[0])))
    return counts


def _hit(codebase: "Codebase", found: Found, fields: list[Field]) -> CensusHit:
    path, item = found
    shown = [f"`{f.name} = {f.default}`" if f.default else f"`{f.name}` (required)" for f in fields]
    reads = field_reads(codebase, found)
    users: dict[str, set[str]] = {}
    reach = reach_of(codebase)
    for name, places in reads.items():
        for unit, node, symbol in places:
            if not reach.has(CensusHit(unit.path, *unit.lines(node), symbol, "", "")):
                continue
            users.setdefault(f"`{symbol}()`" if symbol else unit.path, set()).add(name)
    order = sorted(users, key=lambda user: -len(users[user]))
    text = f"`{item.name}` ({path}) has {counted(len(fields), 'field')}: {listed(shown, FIELDS)}"
    text += f"; read in {listed(order, USERS)}" if order else ""
    lines = (item.head_start, item.head_end)
    related = tuple(("field", f.path, f.line, f.end) for f in fields[:FIELDS])
    return hit_at(codebase, path, lines, symbol=item.symbol, name=item.name, text=text, related=related)
