"""Kind `assessment`: a judgement on modularity, readability and separation, by criteria with figures.

Every criterion is a measurement with a threshold that is said with it; the word (yes, largely, partly, hardly)
only counts how many hold. Figures are of the main code: tests, examples and vendored files are left out.
"""

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.concerns import concerns_of
from retrieval.census.import_cycles import import_cycles
from retrieval.census.language import Query, hit_at, kind, run_query
from retrieval.census.metrics import Measured, python_files
from retrieval.census.prose import counted, listed
from retrieval.facts import CensusHit
from retrieval.shape import measure
from retrieval.snapshot import SourceFile

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LONG_MODULE, LARGE_SHARE, LONG_FUNCTION, VERY_LONG, COMPLEX = 300, 25, 50, 100, 15
FEW_MODULES, MOST_COPIED, MANY_CONCERNS, SMALL_MODULE = 4, 5, 4, 150


@dataclass(frozen=True, slots=True)
class Criterion:
    """One measurement in words, whether it holds, and the places that show it, as (path, first, last line)."""

    holds: bool
    text: str
    places: tuple[tuple[str, int, int], ...] = ()


@kind(
    "assessment",
    summary="judgements by stated criteria with figures: modular, readable, separated",
    example="assessment: modular",
    reads="python",
    ordered=True,
)
def assessment(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per judgement; patterns match its name. `detail["word"]` is yes, largely, partly or hardly."""
    files = [file for file in python_files(codebase, "source") if file.lines]
    shapes: Measured = [(file, shape) for file in files for shape in measure(file) or ()]
    if not files or not shapes:
        return
    judged = {
        "modular": _modular(codebase, files),
        "readable": _readable(shapes),
        "separated": _separated(codebase, files, shapes),
    }
    for name, criteria in judged.items():
        if query.matches(name):
            yield _hit(codebase, files, name, list(criteria))


def _hit(codebase: "Codebase", files: list[SourceFile], name: str, criteria: list[Criterion]) -> CensusHit:
    held = [c for c in criteria if c.holds]
    broken = [c for c in criteria if not c.holds]
    word = _word(len(held), len(criteria))
    text = f"{name.capitalize()}: {word} ({len(held)} of {len(criteria)} criteria hold)"
    text += f"; for it: {', '.join(c.text for c in held)}" if held else ""
    text += f"; against it: {', '.join(c.text for c in broken)}" if broken else ""
    places = [place for criterion in (*broken, *held) for place in criterion.places]
    path, first, last = places[0] if places else (files[0].path, 1, 1)
    return hit_at(
        codebase,
        path,
        (first, last),
        symbol="",
        name=name,
        text=text,
        related=tuple(("shows", *place) for place in places[1:8]),
        detail={"word": word, "about": "repository"} | ({} if places else {"scope": "repository"}),
    )


def _word(held: int, of: int) -> str:
    if held == of:
        return "yes"
    return "largely" if held * 3 >= of * 2 else "partly" if held * 3 >= of else "hardly"


def _modular(codebase: "Codebase", files: list[SourceFile]) -> Iterator[Criterion]:
    sizes = [len(file.lines) for file in files]
    largest = max(files, key=lambda file: len(file.lines))
    median = round(statistics.median(sizes))
    share = round(100 * len(largest.lines) / sum(sizes))
    yield Criterion(
        len(files) >= FEW_MODULES,
        f"the code is divided into {counted(len(files), 'module')} (at least {FEW_MODULES} wanted)",
    )
    yield Criterion(median <= LONG_MODULE, f"the median module has {median} lines (at most {LONG_MODULE})")
    shown = f"the largest module, `{largest.path}`, holds {share} % of the lines (at most {LARGE_SHARE} %)"
    yield Criterion(share <= LARGE_SHARE, shown, ((largest.path, 1, 1),))
    yield _circles(codebase)
    yield _copied(codebase, sum(sizes))


def _circles(codebase: "Codebase") -> Criterion:
    """Whether modules import each other; circles through imports inside functions count too."""
    source = {path for path in codebase.facts if codebase.snapshot.by_path[path].role == "source"}
    loaded = [cycle for cycle in import_cycles(codebase) if all(step[1] in source for step in cycle[1])]
    late = [cycle for cycle in import_cycles(codebase, on_load=False) if all(step[1] in source for step in cycle[1])]
    cycles = loaded or late
    steps = tuple((path, start, end) for _, cycle in cycles[:1] for _, path, start, end in cycle)
    if loaded:
        text = f"{counted(len(loaded), 'group')} of modules that import each other (none wanted)"
    elif late:
        chain = " → ".join(f"`{name}`" for name in [*late[0][0], late[0][0][0]])
        text = f"modules import each other through imports inside functions (none wanted): {chain}"
    else:
        text = "no modules import each other in a circle"
    return Criterion(not cycles, text, steps)


def _copied(codebase: "Codebase", lines: int) -> Criterion:
    """How much of the code is a copy of other code, nearly or wholly."""
    copies = [hit for hit in run_query(codebase, "near_copies").hits if hit.role == "source"]
    equal = [hit for hit in run_query(codebase, "quality: duplicated code").hits if hit.role == "source"]
    count = sum(int(hit.detail["lines"]) for hit in copies) + sum(hit.end - hit.start for hit in equal)
    share = round(100 * count / max(1, lines))
    places = tuple((hit.path, hit.start, hit.end) for hit in [*copies[:2], *equal[:1]])
    text = f"about {share} % of the lines are copies of others (at most {MOST_COPIED} %)"
    return Criterion(share <= MOST_COPIED, text, places)


def _readable(shapes: Measured) -> Iterator[Criterion]:
    functions = [shape for _, shape in shapes if not shape.is_class]
    public = [shape for _, shape in shapes if shape.public]
    given = [shape for shape in functions if shape.parameters]
    yield from _share("public definitions with a docstring", [s.documented for s in public])
    yield from _share("functions with all parameters annotated", [s.annotated for s in given])
    if not functions:
        return
    median = round(statistics.median(shape.lines for shape in functions))
    yield Criterion(median <= 20, f"the median function has {median} lines (at most 20)")
    mean = statistics.mean(shape.complexity for shape in functions)
    yield Criterion(mean <= 5, f"the mean cyclomatic complexity is {mean:.1f} (at most 5)")


def _share(what: str, flags: list[bool]) -> Iterator[Criterion]:
    if flags:
        share = round(100 * sum(flags) / len(flags))
        yield Criterion(share >= 50, f"{share} % of {what} (at least 50 %)")


def _separated(codebase: "Codebase", files: list[SourceFile], shapes: Measured) -> Iterator[Criterion]:
    functions = [(file, shape) for file, shape in shapes if not shape.is_class]
    for limit, most in ((LONG_FUNCTION, 10), (VERY_LONG, 1)):
        long = [(file, shape) for file, shape in functions if shape.lines > limit]
        yield _part(long, functions, f"are longer than {limit} lines", most)
    hard = [(file, shape) for file, shape in functions if shape.complexity > COMPLEX]
    yield _part(hard, functions, f"have a cyclomatic complexity above {COMPLEX}", 2)
    yield _responsibilities(codebase, files)


def _part(found: Measured, of: Measured, what: str, most: int) -> Criterion:
    share = 100 * len(found) / max(1, len(of))
    worst = sorted(found, key=lambda pair: (-pair[1].lines, pair[0].path))[:3]
    named = f", the longest `{worst[0][1].symbol}` with {worst[0][1].lines}" if worst and "longer" in what else ""
    text = f"{len(found)} of {counted(len(of), 'function')} {what}{named} (at most {most} %)"
    return Criterion(share <= most, text, tuple((file.path, s.start, s.end) for file, s in worst))


def _responsibilities(codebase: "Codebase", files: Iterable[SourceFile]) -> Criterion:
    """How many modules do many kinds of work: those that do are named with what they do."""
    concerns = concerns_of(codebase)
    pairs = [(file, concerns.get(file.path, ())) for file in files]
    mixed = [(file, found) for file, found in pairs if len(found) >= MANY_CONCERNS and len(file.lines) > SMALL_MODULE]
    mixed.sort(key=lambda pair: (-len(pair[0].lines), pair[0].path))
    share = round(100 * sum(len(file.lines) for file, _ in mixed) / max(1, sum(len(file.lines) for file, _ in pairs)))
    held = f"hold {share} % of the lines (at most {LARGE_SHARE} %)"
    text = f"modules that do {MANY_CONCERNS} or more kinds of work {held}"
    if mixed:
        text += f": {listed([f'`{file.path}` ({_and(found)})' for file, found in mixed], 3)}"
    return Criterion(share <= LARGE_SHARE, text, tuple((file.path, 1, 1) for file, _ in mixed[:4]))


def _and(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
