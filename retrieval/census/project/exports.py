"""What a package offers to its users: the names its `__init__` exports, and every body in order of reach."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.code.examples import example_frames
from retrieval.census.flow.entries import Entry, code_entries, is_side_tool, start_frames
from retrieval.census.flow.served import served_entries
from retrieval.census.meaning.callgraph import Target, reached
from retrieval.census.meaning.results import returned
from retrieval.census.meaning.values import ClassRef, FunctionRef, Instance, alternatives
from retrieval.snapshot import ROLES

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

MENTIONED = 1000  # a function that the README names comes before any other
FEW_METHODS = 9  # a constructor and eight methods: their order in the class is the order to read them in


@dataclass(frozen=True, slots=True)
class Export:
    """`name` as it is offered by the package file `path`, on `line` of it, and what it is."""

    path: str
    line: int
    name: str
    value: FunctionRef | ClassRef


def packages(program: "Program") -> list[str]:
    """The `__init__.py` files of the repository's own packages, outermost packages first."""
    inits = [
        path
        for path in program.facts
        if PurePosixPath(path).name == "__init__.py" and program.snapshot.by_path[path].role == "source"
    ]
    folders = {PurePosixPath(path).parent for path in inits}

    def nesting(path: str) -> tuple[int, str]:
        return sum(parent in folders for parent in PurePosixPath(path).parent.parents), path

    return sorted(inits, key=nesting)


def top_packages(program: "Program") -> list[str]:
    """The `__init__.py` files of packages that stand in no other package."""
    every = packages(program)
    folders = {PurePosixPath(path).parent for path in every}
    return [p for p in every if not folders.intersection(PurePosixPath(p).parent.parents)]


def exports(program: "Program", path: str) -> list[Export]:
    """The functions and classes of the repository that a package file offers, as `__all__` or its names say."""
    lines = _names(program, path, frozenset())
    listed = _all(program, path)
    offered = listed or {name: line for name, line in lines.items() if not name.startswith("_")}
    found = []
    for name, line in offered.items():
        value = program.member(path, name)
        if isinstance(value, FunctionRef | ClassRef):
            found.append(Export(path, lines.get(name, line), name, value))
    return found


def _names(program: "Program", path: str, seen: frozenset[str]) -> dict[str, int]:
    """The names at the top level of a file with their lines; a wildcard import gives its line to all it brings."""
    facts = program.facts[path]
    lines: dict[str, int] = {}
    for item in facts.imports:
        if item.symbol:
            continue
        if item.name != "*":
            lines[item.alias] = item.start
            continue
        located = program.codebase.locate(item.module, path)
        if located is not None and located not in seen:
            brought = _all(program, located) or _names(program, located, seen | {path})
            lines |= {name: item.start for name in brought if not name.startswith("_")}
    return lines | {d.name: d.head_start for d in facts.definitions if "." not in d.symbol}


def _all(program: "Program", path: str) -> dict[str, int]:
    """The strings of `__all__` with their lines."""
    frame = program.frame(path, None)
    found: dict[str, int] = {}
    for binding in frame.bound("__all__") if frame else ():
        for node in binding.value.named_children if binding.value else ():
            if frame and node.type == "string":
                found[frame.body.tree.text(node).strip("\"'")] = node.start_point[0] + 1
    return found


def api_entries(program: "Program") -> list[Entry]:
    """Exported functions, and constructors and public methods of exported classes.

    Functions that give an object of the repository come first; then what reaches most of the code.
    """
    offers: list[tuple[tuple[bool, int], list[Entry]]] = []
    for path in top_packages(program):
        for export in exports(program, path):
            starts = _by_reach(program, list(_starts(program, export)))
            reach = max((entry.weight for entry in starts), default=0)
            offers.append(((not _makes(program, export), -reach), starts))
    offers.sort(key=lambda offer: offer[0])
    shown = list(_shown(program))
    return [*shown, *(entry for _, starts in offers for entry in starts)] or _uncalled(program)


def _shown(program: "Program") -> Iterator[Entry]:
    """The uses that documents show, each as a start of its own; those that only repeat earlier calls left out."""
    told: set[Target] = set()
    for frame in example_frames(program):
        run = {target for site in program.sites(frame) for target in site.targets}
        if run - told and frame.definition is not None:
            told |= run
            lines = (frame.definition.start, frame.definition.end)
            text = f"{frame.path} shows how the code is used"
            yield Entry("api", frame.path, lines, frame.path, text, shown=frame.definition)


def _uncalled(program: "Program") -> list[Entry]:
    """For a repository whose packages export nothing: the public functions, and the `forward` of the classes, that no
    code of the repository calls and that call code of it, those that a README names first."""
    calls = [call for _, call in program.codebase.all_calls()]
    called = {call.written.rpartition(".")[2] for call in calls}
    parts = {call.written.rpartition(".")[2] for call in calls if "." in call.symbol}  # made inside classes
    readme = "\n".join(f.text for f in program.snapshot.files if f.path.lower().startswith("readme"))
    found: list[Entry] = []
    for path, item in program.codebase.all_definitions():
        method = item.kind == "method" and item.name in ("forward", "__call__")
        public = item.kind == "function" and "." not in item.symbol and not item.name.startswith("_")
        own = program.snapshot.by_path[path].role == "source" and not item.decorators
        name = item.symbol.partition(".")[0]
        if own and ((method and name not in parts) or (public and name not in called)):
            cls = program.enclosing(path, item.symbol) if method else None
            held = ClassRef(path, cls) if cls else None
            text = f"`{item.symbol}()` of {path} is called by no code of the repository"
            target = FunctionRef(path, item, held, held)
            weight = sum(1 for _ in reached(program, start_frames(program, Entry("api", path, (1, 1), "", "", target))))
            named = bool(re.search(rf"\b{re.escape(name)}\b", readme))
            lines = (item.head_start, item.head_end)
            found.append(Entry("api", path, lines, item.symbol, text, target, weight=weight + MENTIONED * named))
    return sorted(found, key=lambda entry: -entry.weight)


def _makes(program: "Program", export: Export) -> bool:
    value = export.value
    given = returned(program, value) if isinstance(value, FunctionRef) else None
    return any(isinstance(member, Instance) for member in alternatives(given))


def _by_reach(program: "Program", starts: list[Entry]) -> list[Entry]:
    """The entries of one export with their weight; the methods of a large class by what they reach."""
    weighed = [
        replace(entry, weight=sum(1 for _ in reached(program, start_frames(program, entry)))) for entry in starts
    ]
    if len(weighed) <= FEW_METHODS:
        return weighed
    return [weighed[0], *sorted(weighed[1:], key=lambda entry: -entry.weight)]


def _starts(program: "Program", export: Export) -> Iterator[Entry]:
    package = program.facts[export.path].module or str(PurePosixPath(export.path).parent)
    lines = (export.line, export.line)
    name = f"{package}.{export.name}"
    value = export.value
    if isinstance(value, FunctionRef):
        yield Entry("api", export.path, lines, name, f"`{name}()` is part of the public API", value)
        return
    yield Entry("api", export.path, lines, name, f"`{name}` is part of the public API", value)
    prefix = f"{value.definition.symbol}."
    for item in program.facts[value.path].definitions:
        method = item.symbol.removeprefix(prefix)
        if item.kind != "method" or method == item.symbol or method.startswith("_"):
            continue
        plain = not any("property" in name or name.endswith(".setter") for name in item.decorators)
        if "." not in method and plain:
            text = f"`{name}.{method}()` is part of the public API"
            target = FunctionRef(value.path, item, value, value, exact=False)
            yield Entry("api", export.path, lines, f"{name}.{method}", text, target)


def entries_in_order(program: "Program") -> list[Entry]:
    """The programs, then the public API, then the tools beside the program and the programs of tests."""
    if program not in _ENTRIES:
        _ENTRIES[program] = _entries_in_order(program)
    return list(_ENTRIES[program])


_ENTRIES: "Beside[Program, list[Entry]]" = Beside()


def _entries_in_order(program: "Program") -> list[Entry]:
    programs = [*code_entries(program), *served_entries(program)]
    roles = {path: file.role for path, file in program.snapshot.by_path.items()}
    tools = [entry for entry in programs if is_side_tool(entry) or roles[entry.path] in ("test", "vendored")]
    return [*(entry for entry in programs if entry not in tools), *api_entries(program), *tools]


def all_frames(program: "Program", *, every: bool = False) -> "Iterator[tuple[Frame, int]]":
    """Every body of the repository's own code: those the entries reach first, with their depth.

    A method comes once, on an object of its own class, whichever subclass the way to it led through.
    Bodies that no entry reaches follow with depth -1; with `every` also those of tests and vendored code.
    """
    seen: set[tuple[str, str]] = set()
    for entry in entries_in_order(program):
        for frame, depth in reached(program, start_frames(program, entry)):
            plain = program.frame(frame.path, frame.definition)
            if plain is not None and (frame.path, frame.symbol) not in seen:
                seen.add((frame.path, frame.symbol))
                yield plain, depth
    for path in sorted(program.facts, key=lambda path: (_rank(program, path), path)):
        if not every and program.snapshot.by_path[path].role not in ("source", "example"):
            continue
        for definition in (None, *program.facts[path].definitions):
            symbol = definition.symbol if definition else ""
            frame = program.frame(path, definition)
            if frame is not None and (path, symbol) not in seen:
                seen.add((path, symbol))
                yield frame, -1


def _rank(program: "Program", path: str) -> int:
    return ROLES.index(program.snapshot.by_path[path].role)
