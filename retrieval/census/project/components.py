"""Kind `components`: what the main programs are made of, in the order in which they use it.

A component is a class or function of the repository that a main program calls itself, or through a function that
does little else. For a library, it is what the public API offers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.flow.flow import Root
from retrieval.census.flow.focus import focus_of
from retrieval.census.flow.leading import used_inside
from retrieval.census.flow.pipeline import main_roots
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.callgraph import Site, Target, entered
from retrieval.census.meaning.naming import naming_of
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import counted, first_sentence, listed
from retrieval.census.meaning.trivial import is_trivial
from retrieval.census.meaning.values import ClassRef, FunctionRef
from retrieval.census.meaning.wording import caller
from retrieval.census.project.describe import by_weight, definitions_text
from retrieval.census.project.subjects import subject_words
from retrieval.facts import CensusHit, Definition

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program
    from retrieval.codebase import Codebase

FEW = 3
ENOUGH = 40
DEEPEST = 3
OFFERED = 24
USED = 6
SHORT = 25
ENGINE = 80
REGISTERED = 12


@dataclass(slots=True)
class _Part:
    """One component, the programs that use it and its methods that they call."""

    target: Target
    programs: list[str] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    sites: list[tuple[str, int, int]] = field(default_factory=list)
    behind: list[str] = field(default_factory=list)  # the functions whose work it does


@kind(
    "components",
    summary="the classes and functions that the main programs use first, with what each works with and uses in turn",
    example="components",
    reads="python",
    ordered=True,
)
def components(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit a component, in the order of use; patterns match its name."""
    program = program_of(codebase)
    parts: dict[tuple[str, str], _Part] = {}
    for root in _main_roots(program):
        for site in _steps(program, root):
            _add(parts, program, root, site)
    parts = _with_engines(program, parts)
    telling = [part for part in parts.values() if _tells(program, part)]
    used = telling if len(telling) >= FEW else list(parts.values())
    for part in used if len(used) >= FEW else [*used, *_offered(program, parts)]:
        name = part.target.definition.symbol
        if query.matches(name):
            yield _hit(codebase, program, part)
    for hit in (*_registered(codebase, set(parts)), *_loaded(codebase)):
        if query.matches(hit.name):
            yield hit


def _with_engines(program: "Program", parts: dict[tuple[str, str], _Part]) -> dict[tuple[str, str], _Part]:
    """The components, behind each short function the class of its file that does its work."""
    found: dict[tuple[str, str], _Part] = {}
    for key, part in parts.items():
        found[key] = part
        definition, path = part.target.definition, part.target.path
        if definition.kind != "function":
            continue
        length = definition.end - definition.head_start
        for inner in used_inside(program.codebase, path, definition):
            value = program.reference(path, inner) if inner.kind == "class" else None
            larger = inner.end - inner.start > max(ENGINE, 2 * length)
            if larger and isinstance(value, ClassRef) and (path, inner.symbol) not in parts:
                engine = found.setdefault((path, inner.symbol), _Part(value, list(part.programs)))
                engine.behind.append(definition.name)
    return found


def _tells(program: "Program", part: _Part) -> bool:
    """Whether a component is more than a short function that uses nothing of the repository."""
    definition = part.target.definition
    short = definition.end - definition.head_start < SHORT
    return definition.kind == "class" or not short or len(_used(program, part.target)) > 1


def _registered(codebase: "Codebase", known: set[tuple[str, str]]) -> Iterator[CensusHit]:
    """The classes that programs get from a registry, the weightiest first."""
    reach, naming = reach_of(codebase), naming_of(codebase)
    found = {
        id(item): (path, item)
        for path in sorted({path for path, _ in reach.units})
        for item in naming.registered(path)
        if (path, item.symbol) in reach.units and (path, item.symbol) not in known
    }
    for item in by_weight(codebase, [item for _, item in found.values()])[:REGISTERED]:
        path = found[id(item)][0]
        about = first_sentence(item.docstring, 120)
        text = f"`{item.symbol}` (class of {path})" + (f" - “{about}”" if about else "")
        text += f" is registered with `@{item.decorators[0].rpartition('.')[2]}` and made by the name it has there"
        lines = (item.start, item.head_end)
        yield hit_at(codebase, path, lines, symbol=item.symbol, name=item.symbol, text=text)


def _loaded(codebase: "Codebase") -> Iterator[CensusHit]:
    """The modules that programs load by a computed name."""
    naming, seen = naming_of(codebase), set()
    for unit in sorted(reach_of(codebase).units):
        for path in naming.loaded(unit):
            facts = codebase.facts[path]
            defined_here = definitions_text(codebase, facts, 5, "`")
            if path in seen or path == unit[0] or not defined_here:
                continue
            seen.add(path)
            loader = f"`{unit[1]}()`" if unit[1] else "the top level"
            text = f"`{path}` (module) may be loaded by a computed name in {loader} of {unit[0]}; "
            text += f"it defines {defined_here}"
            if told := subject_words(codebase, facts):
                text += f"; it works with {told}"
            first = min(facts.definitions, key=lambda item: item.head_start)
            yield hit_at(codebase, path, (first.head_start, first.head_end), symbol="", name=path, text=text)


def _main_roots(program: "Program") -> list[Root]:
    """The flows of the main programs and of the uses that documents show, those that lead to models first."""
    starts = {unit for start in reach_of(program.codebase).starts for unit in start.units}
    found = []
    for root in main_roots(focus_of(program.codebase)):
        runs = (root.frame.path, root.frame.symbol) in starts
        started = any((entry.path, "") in starts for entry in root.entries)
        shown = root.entries[0].shown is not None
        if shown or ((runs or started) and root.entries[0].kind != "api"):
            found.append(root)
    return found


def _steps(program: "Program", root: Root) -> Iterator[Site]:
    """The telling calls of a program: functions of its own file are entered, and so are those of other files while
    only few calls were met."""
    deepest = DEEPEST if root.entries[0].shown is None else 1  # what a document calls are the parts themselves
    waiting, entered_already, met = [(root.sites, deepest)], {(root.frame.path, root.frame.symbol)}, 0
    while waiting:
        sites, left = waiting.pop(0)
        telling = [site for site in sites if not is_trivial(program, site)]
        for site in telling:
            target = site.target if isinstance(site.target, FunctionRef) else None
            inner = entered(program, target) if target else None
            own = inner is not None and inner.path == root.frame.path and target is not None and target.receiver is None
            if not own:
                met += 1
                yield site
            if inner is not None and left > 1 and (own or len(telling) < FEW) and met < ENOUGH:
                key = (inner.path, inner.symbol)
                if key not in entered_already:
                    entered_already.add(key)
                    waiting.append((program.sites(inner), left - 1))


def _add(parts: dict[tuple[str, str], _Part], program: "Program", root: Root, site: Site) -> None:
    for target in site.targets:
        owner = _owner(program, target)
        part = parts.setdefault((owner.path, owner.definition.symbol), _Part(owner))
        name = root.frame.path if root.block or root.frame.symbol == "main" else root.entries[0].name
        name = caller(root.frame) if root.entries[0].shown is not None else name
        if name not in part.programs:
            part.programs.append(name)
        if owner is not target and target.definition.name not in part.methods:
            part.methods.append(target.definition.name)
        part.sites.append((root.frame.path, site.step.start, site.step.end))


def _owner(program: "Program", target: Target) -> Target:
    """The class that a method belongs to, else the target itself."""
    if isinstance(target, ClassRef):
        return target
    if target.receiver is not None:
        return target.receiver
    outer = program.enclosing(target.path, target.definition.symbol)
    return ClassRef(target.path, outer) if outer is not None and outer.kind == "class" else target


def _offered(program: "Program", parts: dict[tuple[str, str], _Part]) -> Iterator[_Part]:
    """The weightiest classes and functions of the public API that no main program uses."""
    told = set(parts)
    for start in reach_of(program.codebase).starts:
        if not start.name.startswith("the public API"):
            continue
        known = [
            (path, program.definition(path, symbol)) for path, symbol in start.units if symbol and "." not in symbol
        ]
        items = {id(d): (path, d) for path, d in known if d is not None and (path, d.symbol) not in told}
        told |= {(path, d.symbol) for path, d in items.values()}
        for item in by_weight(program.codebase, [d for _, d in items.values()])[:OFFERED]:
            value = program.reference(items[id(item)][0], item)
            if isinstance(value, ClassRef | FunctionRef):
                yield _Part(value, [start.name])


def _hit(codebase: "Codebase", program: "Program", part: _Part) -> CensusHit:
    path, definition = part.target.path, part.target.definition
    word = "class" if definition.kind == "class" else "function"
    whole = definition.kind in ("module", "script")
    text = f"`{path}` ({definition.kind})" if whole else f"`{definition.symbol}` ({word} of {path})"
    if about := first_sentence(definition.docstring, 120):
        text += f" - “{about}”"
    verb = "used" if part.sites else "offered"
    if part.behind:
        text += f" does the work of {listed([f'`{name}()`' for name in part.behind])}"
    else:
        text += f" is {verb} by {listed([p if ' ' in p else f'`{p}`' for p in part.programs])}"
    if part.methods:
        text += f" through {listed([f'`{name}()`' for name in part.methods])}"
    if used := _used(program, part.target):
        text += f"; it uses {listed([f'`{name}`' for name in used], USED)}"
    if told := subject_words(codebase, codebase.facts[path]):
        text += f"; its file works with {told}"
    lines = (definition.head_start, definition.head_end)
    related = tuple(("used", *site) for site in dict.fromkeys(part.sites))
    return hit_at(
        codebase,
        path,
        lines,
        symbol=definition.symbol,
        name=definition.symbol,
        text=text,
        related=related[:FEW],
        detail={"programs": counted(len(part.programs), "program")},
    )


def _used(program: "Program", target: Target) -> list[str]:
    """The classes and functions of the repository that a component's own code calls, in order."""
    found: dict[str, Definition] = {}
    own = (target.path, target.definition.symbol)
    for frame in _frames(program, target):
        for site in program.sites(frame):
            for inner in site.targets:
                owner = _owner(program, inner)
                if (owner.path, owner.definition.symbol) != own and not is_trivial(program, site):
                    call = "" if isinstance(owner, ClassRef) else "()"
                    found.setdefault(f"{owner.definition.symbol}{call}", owner.definition)
    return list(found)


def _frames(program: "Program", target: Target) -> "Iterator[Frame]":
    if isinstance(target, FunctionRef):
        frame = entered(program, target)
        yield from [frame] if frame else []
        return
    prefix = f"{target.definition.symbol}."
    for item in program.facts[target.path].definitions:
        if item.symbol.startswith(prefix) and "." not in item.symbol.removeprefix(prefix) and item.kind != "class":
            frame = program.frame(target.path, item, target)
            yield from [frame] if frame else []
