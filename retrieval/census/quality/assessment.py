"""Kind `assessment`: a judgement on modularity, readability and separation, by criteria with figures.

Every criterion is a measurement with a threshold that is said with it. How far it holds is graded, so that a hair's
breadth beyond a threshold decides nothing; the word (yes, largely, partly, hardly) is their mean. Figures are of the
main code: tests, examples and vendored files are left out.
"""

import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.code.metrics import Measured, python_files
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.models.roster import roster_of
from retrieval.census.project.concerns import concerns_of
from retrieval.census.quality.copied_lines import RUN, copied_lines
from retrieval.census.quality.import_cycles import import_cycles
from retrieval.census.quality.scripts import scripts_of
from retrieval.facts import CensusHit
from retrieval.shape import Shape, measure
from retrieval.snapshot import SourceFile

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LONG_MODULE, LARGE_SHARE, LONG_FUNCTION, VERY_LONG, COMPLEX = 300, 25, 50, 100, 15
FEW_MODULES, MOST_COPIED, MANY_CONCERNS, SMALL_MODULE = 4, 5, 4, 150
NEARLY, FAILED = (
    0.8,
    3.0,
)  # from which degree a criterion does not speak against the code; at how many times its limit it is 0
GRADES = ((0.9, "yes"), (0.6, "largely"), (0.3, "partly"), (0.0, "hardly"))
EXCEPTIONS, FOLDERS, TELLING = 4, 5, 40
Place = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Criterion:
    """One measurement in words, how far it holds (0 to 1), the places that show it, as (path, first, last line), and
    how often it counts in the mean."""

    degree: float
    text: str
    places: tuple[Place, ...] = ()
    weight: int = 1


def _within(value: float, limit: float) -> float:
    """1 up to the limit, falling to 0 at `FAILED` times the limit."""
    return min(1.0, max(0.0, 1 - (value / limit - 1) / (FAILED - 1)))


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
        "modular": list(_modular(codebase, files)),
        "readable": list(_readable(shapes)),
        "separated": list(_separated(codebase, files, shapes)),
    }
    for name, criteria in judged.items():
        if query.matches(name):
            but, places = _exceptions(codebase, shapes) if name == "separated" else ("", ())
            yield _hit(codebase, files, (name, _word(criteria, bool(but)), but), criteria, places)


def _hit(
    codebase: "Codebase",
    files: list[SourceFile],
    said: tuple[str, str, str],
    criteria: list[Criterion],
    first_places: tuple[Place, ...],
) -> CensusHit:
    """One judgement: `said` is its name, its word and what is excepted from it."""
    name, word, but = said
    held = [c for c in criteria if c.degree >= 1]
    near = [c for c in criteria if NEARLY <= c.degree < 1]
    broken = [c for c in criteria if c.degree < NEARLY]
    text = f"{name.capitalize()}: {word}{but}"
    text += f"; for it: {', '.join(c.text for c in held)}" if held else ""
    text += f"; close to the limit, but beyond it: {', '.join(c.text for c in near)}" if near else ""
    text += f"; against it: {', '.join(c.text for c in broken)}" if broken else ""
    places = [*first_places, *(place for criterion in (*broken, *near, *held) for place in criterion.places)]
    path, first, last = places[0] if places else (files[0].path, 1, 1)
    return hit_at(
        codebase,
        path,
        (first, last),
        symbol="",
        name=name,
        text=text,
        related=tuple(("shows", *place) for place in dict.fromkeys(places[1:8])),
        detail={"word": word, "about": "repository"} | ({} if places else {"scope": "repository"}),
    )


def _word(criteria: list[Criterion], excepted: bool) -> str:
    """The grade of the mean degree; what has exceptions is at best largely so, and partly what has as much against
    it as for it, or misses a limit altogether."""
    mean = statistics.mean(criterion.degree for criterion in criteria for _ in range(criterion.weight))
    word = next(word for least, word in GRADES if mean >= least)
    against = sum(criterion.degree < NEARLY for criterion in criteria)
    failed = any(criterion.degree == 0 for criterion in criteria)
    if (failed or against * 2 >= len(criteria)) and word in ("yes", "largely"):
        return "partly"
    return "largely" if excepted and word == "yes" else word


def _exceptions(codebase: "Codebase", shapes: Measured) -> tuple[str, tuple[Place, ...]]:
    """The very long functions, those that main programs run first: in words, and their places."""
    reach = reach_of(codebase)
    long = [(file, shape) for file, shape in shapes if not shape.is_class and shape.lines > VERY_LONG]
    long.sort(key=lambda pair: (not reach.runs((pair[0].path, pair[1].symbol)), -pair[1].lines, pair[0].path))
    told = [f"`{shape.symbol}()` ({shape.lines} lines)" for _file, shape in long]
    names = listed([f"{one}, {told.count(one)} times" if told.count(one) > 1 else one for one in dict.fromkeys(told)],
                   EXCEPTIONS)  # fmt: skip
    places = tuple((file.path, shape.start, shape.end) for file, shape in long[:EXCEPTIONS])
    whole = sum(len(file.lines) for file in python_files(codebase, "source"))
    few = len(long) <= EXCEPTIONS and sum(shape.lines for _file, shape in long) * 10 <= whole
    many = f"{counted(len(long), 'function')} {'is' if len(long) == 1 else 'are'} monolithic"
    said = "only single functions are monolithic" if few else many
    said = f"; {said}: {names}" if long else ""
    scripts = scripts_of(codebase)
    if scripts:
        shown = listed([f"`{path}` ({count} lines)" for count, path in scripts], EXCEPTIONS)
        said += f"; scripts with many lines outside of any function: {shown}"
    return said, (*places, *((path, 1, 1) for _, path in scripts[:EXCEPTIONS]))


def _modular(codebase: "Codebase", files: list[SourceFile]) -> Iterator[Criterion]:
    sizes = [len(file.lines) for file in files]
    largest = max(files, key=lambda file: len(file.lines))
    median = round(statistics.median(sizes))
    share = round(100 * len(largest.lines) / sum(sizes))
    yield Criterion(
        min(1.0, len(files) / FEW_MODULES),
        f"the code is divided into {counted(len(files), 'module')} (at least {FEW_MODULES} wanted)",
    )
    yield Criterion(_within(median, LONG_MODULE), f"the median module has {median} lines (at most {LONG_MODULE})")
    shown = f"the largest module, `{largest.path}`, holds {share} % of the lines (at most {LARGE_SHARE} %)"
    yield Criterion(_within(share, LARGE_SHARE), shown, ((largest.path, 1, 1),), 2)
    yield _circles(codebase)
    yield _copied(codebase)


def _circles(codebase: "Codebase") -> Criterion:
    """Whether modules import each other; circles through imports inside functions count too."""
    source = {path for path in codebase.facts if codebase.snapshot.by_path[path].role == "source"}
    loaded = [cycle for cycle in import_cycles(codebase) if all(step[1] in source for step in cycle[1])]
    models = frozenset(cls.path for cls in roster_of(codebase).family.bases)
    late = [
        cycle for cycle in import_cycles(codebase, on_load=False, through=models)
        if all(step[1] in source for step in cycle[1])
    ]  # fmt: skip
    late.sort(key=lambda cycle: not models & {step[1] for step in cycle[1]})
    cycles = loaded or late
    steps = tuple((path, start, end) for _, cycle in cycles[:1] for _, path, start, end in cycle)
    if loaded:
        text = f"{counted(len(loaded), 'group')} of modules that import each other (none wanted)"
    elif late:
        chains = [" → ".join(f"`{name}`" for name in [*names, names[0]]) for names, _ in late]
        text = f"modules import each other through imports inside functions (none wanted): {listed(chains, 3)}"
    else:
        text = "no modules import each other in a circle"
    return Criterion(float(not cycles) or _within(len(cycles), 1) / 2, text, steps)


def _copied(codebase: "Codebase") -> Criterion:
    """How much of the code is a copy of other code: runs of equal lines, told by the files that hold most."""
    files, count, total = copied_lines(codebase)
    share = round(100 * count / max(1, total))
    told = [f"`{path}` ({own} of {whole})" for path, (own, whole) in list(files.items())[:EXCEPTIONS] if own >= TELLING]
    most = f", most in {listed(told, EXCEPTIONS)}" if told else ""
    text = f"{share} % of the lines stand in runs of {RUN} or more that are copies (at most {MOST_COPIED} %){most}"
    return Criterion(_within(share, MOST_COPIED), text, tuple((path, 1, 1) for path in list(files)[:EXCEPTIONS]))


def _readable(shapes: Measured) -> Iterator[Criterion]:
    functions = [shape for _, shape in shapes if not shape.is_class]
    public = [shape for _, shape in shapes if shape.public]
    given = [shape for shape in functions if shape.parameters]
    yield from _share("public definitions with a docstring", [s.documented for s in public])
    yield from _share("functions with all parameters annotated", [s.annotated for s in given])
    if not functions:
        return
    median = round(statistics.median(shape.lines for shape in functions))
    yield Criterion(_within(median, 20), f"the median function has {median} lines (at most 20)")
    mean = statistics.mean(shape.complexity for shape in functions)
    yield Criterion(_within(mean, 5), f"the mean cyclomatic complexity is {mean:.1f} (at most 5)")


def _share(what: str, flags: list[bool]) -> Iterator[Criterion]:
    if flags:
        share = round(100 * sum(flags) / len(flags))
        yield Criterion(min(1.0, share / 50), f"{share} % of {what} (at least 50 %)")


def _separated(codebase: "Codebase", files: list[SourceFile], shapes: Measured) -> Iterator[Criterion]:
    """Parts first (folders and modules, and whether a module does one kind of work), then the sizes of functions."""
    functions = [(file, shape) for file, shape in shapes if not shape.is_class]
    yield _parts(files)
    yield _responsibilities(codebase, files)
    lines = sum(len(file.lines) for file in files)
    yield _loose(codebase, lines)
    outer = [(f, s) for f, s in functions if s.lines > VERY_LONG and not _within_other(f, s, functions)]
    share = round(100 * sum(shape.lines for _file, shape in outer) / max(1, lines))
    text = f"functions longer than {VERY_LONG} lines hold {share} % of the code (at most 10 %)"
    yield Criterion(_within(share, 10), text)
    long = [(file, shape) for file, shape in functions if shape.lines > LONG_FUNCTION]
    yield _part(long, functions, f"are longer than {LONG_FUNCTION} lines", 10)
    hard = [(file, shape) for file, shape in functions if shape.complexity > COMPLEX]
    yield _part(hard, functions, f"have a cyclomatic complexity above {COMPLEX}", 2)


def _loose(codebase: "Codebase", lines: int) -> Criterion:
    """How much of the code scripts hold outside of functions."""
    share = round(100 * sum(count for count, _ in scripts_of(codebase)) / max(1, lines))
    return Criterion(_within(share, 5), f"scripts hold {share} % of the code outside of any function (at most 5 %)")


def _within_other(file: SourceFile, shape: Shape, functions: Measured) -> bool:
    """Whether a function stands inside another very long one, which is counted already."""
    return any(
        other is file and outer.lines > VERY_LONG and shape.symbol.startswith(f"{outer.symbol}.")
        for other, outer in functions
    )


def _parts(files: list[SourceFile]) -> Criterion:
    """How the code is divided into folders and modules, the folders with the most lines named."""
    sizes: dict[str, int] = {}
    for file in files:
        folder = file.path.rpartition("/")[0]
        sizes[folder] = sizes.get(folder, 0) + len(file.lines)
    named = [f"`{folder}/`" for folder in sorted(sizes, key=lambda name: (-sizes[name], name)) if folder]
    where = f" in {counted(len(sizes), 'folder')} ({listed(named, FOLDERS)})" if len(sizes) > 1 and named else ""
    largest = max(files, key=lambda file: len(file.lines))
    share = round(100 * len(largest.lines) / max(1, sum(sizes.values())))
    text = (
        f"{counted(len(files), 'module')}{where}, the largest of which, `{largest.path}`, holds {share} % of the lines"
    )
    return Criterion(min(1.0, len(files) / FEW_MODULES) * _within(share, LARGE_SHARE), text, ((largest.path, 1, 1),), 2)


def _part(found: Measured, of: Measured, what: str, most: int) -> Criterion:
    share = 100 * len(found) / max(1, len(of))
    worst = sorted(found, key=lambda pair: (-pair[1].lines, pair[0].path))[:3]
    text = f"{len(found)} of {counted(len(of), 'function')} {what} (at most {most} %)"
    return Criterion(_within(share, most), text, tuple((file.path, s.start, s.end) for file, s in worst))


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
    return Criterion(_within(share, LARGE_SHARE), text, tuple((file.path, 1, 1) for file, _ in mixed[:4]))


def _and(names: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
