"""Kind `assessment`: a judgement on modularity, readability and separation, by criteria with figures.

Every criterion is a measurement with a threshold that is said with it; the word (yes, largely, partly, hardly)
only counts how many hold. Figures are of the main code: tests, examples and vendored files are left out.
"""

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.families import is_model_base
from retrieval.census.import_cycles import import_cycles
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.metrics import Measured, python_files
from retrieval.census.prose import counted, listed
from retrieval.facts import CensusHit
from retrieval.shape import measure
from retrieval.snapshot import SourceFile

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LONG_MODULE, LARGE_SHARE, LONG_FUNCTION, VERY_LONG, COMPLEX = 300, 25, 50, 100, 15
FEW_MODULES = 4
_PARSERS = ("argparse", "click", "typer", "fire", "absl", "hydra")


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
    cycles = import_cycles(codebase)
    steps = [(path, start, end) for _, cycle in cycles[:1] for _, path, start, end in cycle]
    cyclic = f"{counted(len(cycles), 'group')} of modules that import each other (none wanted)"
    yield Criterion(
        not cycles, cyclic if cycles else "no modules import each other in a circle when they are loaded", tuple(steps)
    )


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
    mixed = _mixed(codebase, files)
    names = listed([f"`{path}`" for path, _, _ in mixed])
    text = f"{counted(len(mixed), 'module')} both define a model and parse a command line: {names}"
    yield Criterion(not mixed, text if mixed else "no module both defines a model and parses a command line", mixed[:4])


def _part(found: Measured, of: Measured, what: str, most: int) -> Criterion:
    share = 100 * len(found) / max(1, len(of))
    worst = sorted(found, key=lambda pair: (-pair[1].lines, pair[0].path))[:3]
    named = f", the longest `{worst[0][1].symbol}` with {worst[0][1].lines}" if worst and "longer" in what else ""
    text = f"{len(found)} of {counted(len(of), 'function')} {what}{named} (at most {most} %)"
    return Criterion(share <= most, text, tuple((file.path, s.start, s.end) for file, s in worst))


def _mixed(codebase: "Codebase", files: Iterable[SourceFile]) -> tuple[tuple[str, int, int], ...]:
    """The modules that define a model class and also parse command-line options outside a `__main__` block."""
    models = {path: item for path, item, bases in codebase.classes() if any(map(is_model_base, bases))}
    found = []
    for file in files:
        parses = [c for c in codebase.facts[file.path].calls if c.name.split(".")[0] in _PARSERS and c.symbol]
        if file.path in models and parses:
            found.append((file.path, parses[0].start, parses[0].end))
    return tuple(found)
