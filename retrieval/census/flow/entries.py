"""Where the programs of a repository start: console scripts, `__main__` files, scripts, hub and public API.

Commands in shell scripts, documents and containers are read by `launchers.py`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Literal, get_args

from retrieval.beside import Beside
from retrieval.census.code.examples import example_frames
from retrieval.census.flow.scripts import declared_scripts
from retrieval.census.flow.standing import DOCUMENT, README, Standing, is_side_name
from retrieval.census.flow.subcommands import group_commands
from retrieval.census.meaning.callgraph import entered, reached
from retrieval.census.meaning.values import ClassRef, FunctionRef
from retrieval.facts import Definition
from retrieval.parse import Node
from retrieval.snapshot import SourceFile

if TYPE_CHECKING:
    from retrieval.census.meaning.callgraph import Site
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

EntryKind = Literal["console script", "package main", "script", "web app", "command", "hub", "notebook", "api"]
KINDS: tuple[EntryKind, ...] = get_args(EntryKind)
_RELATIVE = re.compile(r"\s*from\s+\.")
_MANIFESTS = ("pyproject.toml", "setup.py", "setup.cfg")
_BUILD = frozenset(["setup.py", "conftest.py", "noxfile.py", "conf.py", "versioneer.py"])


_ENTRIES: "Beside[Program, list[Entry]]" = Beside()


@dataclass(frozen=True, slots=True)
class Entry:
    """One place where execution starts. `lines` of `path` prove it; `target` is what runs first.

    `guard_line` is the line of the `__main__` test of a script, 0 without one.
    """

    kind: EntryKind
    path: str
    lines: tuple[int, int]
    name: str
    text: str
    target: FunctionRef | ClassRef | None = None
    guard_line: int = 0
    weight: int = 0
    imported: bool = False  # other source files import the script
    shown: Definition | None = None  # the block of a document that is run instead of a target
    standing: int = 0  # how much of a main program the file is; see `standing.py`


def code_entries(program: "Program") -> list[Entry]:
    """Entries that stand in code and manifests, most important first; worked out once per program."""
    if program not in _ENTRIES:
        _ENTRIES[program] = _code_entries(program)
    return list(_ENTRIES[program])


def _code_entries(program: "Program") -> list[Entry]:
    found = [
        *_console_scripts(program),
        *_package_mains(program),
        *_scripts(program),
        *_hub(program),
    ]
    scored = Standing(program.snapshot)
    return ranked(program, [_weighed(program, scored, item) for item in found])


def _weighed(program: "Program", scored: Standing, entry: Entry) -> Entry:
    path = entry.target.path if entry.target is not None else entry.path
    module = program.facts[path].module if path in program.facts else ""
    package = module.partition(".")[0].lower()
    named = entry.kind == "console script" and entry.name.lower().replace("-", "_") == package
    single = entry.kind != "console script" or " " not in entry.name  # sub-commands are ranked by what they reach
    told = DOCUMENT * (entry.kind == "console script" and scored.says(entry.name))
    standing = scored.of(path, module) + README * named + told if single else 0
    return replace(entry, weight=_weight(program, entry), standing=standing)


def ranked(program: "Program", entries: list[Entry]) -> list[Entry]:
    """Entries by kind, standing and reach, side tools after the programs; tests, examples and vendored code last."""

    scored, facts = Standing(program.snapshot), program.facts
    orders = {p: scored.order(p, facts[p].module if p in facts else "") for p in {entry.path for entry in entries}}

    def key(entry: Entry) -> tuple[int, bool, int, int, int, bool, int, str, int]:
        role = program.snapshot.by_path[entry.path].role
        second = {"source": 0, "config": 0, "docs": 0, "example": 1}.get(role, 2)
        return (
            second,
            is_side_tool(entry),
            KINDS.index(entry.kind),
            -entry.standing,
            orders[entry.path],
            entry.imported,
            -entry.weight,
            entry.path,
            entry.lines[0],
        )

    return sorted(entries, key=key)


def is_side_tool(entry: Entry) -> bool:
    """Whether the file that runs is named as a tool beside the program: it profiles, converts, uploads or the like.
    What is installed as a command is none."""
    if entry.kind == "console script":
        return False
    path = entry.target.path if entry.target is not None else entry.path
    return is_side_name(path)


def start_frames(program: "Program", entry: Entry) -> "list[Frame]":
    """The bodies that an entry runs first."""
    if entry.shown is not None:
        return [frame for frame in example_frames(program) if frame.definition is entry.shown]
    if entry.target is not None:
        frame = entered(program, entry.target)
        return [frame] if frame else []
    frame = program.frame(entry.path, None) if entry.kind in ("script", "package main") else None
    if frame is None:
        return []
    inner = [entered(program, site.target) for site in main_sites(program, frame, entry)]
    return [found for found in inner if found is not None]


def main_sites(program: "Program", frame: "Frame", entry: Entry) -> "list[Site]":
    """The calls of repository code that a script makes when it is run."""
    return [
        site
        for site in program.sites(frame)
        if not entry.guard_line or any(g.line == entry.guard_line for g in site.step.guards)
    ]


def _weight(program: "Program", entry: Entry) -> int:
    return sum(1 for _ in reached(program, start_frames(program, entry)))


def _console_scripts(program: "Program") -> Iterator[Entry]:
    for file in program.snapshot.files:
        declared = [] if file.role in ("generated", "vendored") else declared_scripts(file)
        for command, module, function in declared:
            entry = _console(program, file, command, (module, function))
            yield entry
            yield from _subcommands(program, entry, (module, function))


def _console(program: "Program", file: SourceFile, command: str, target: tuple[str, str]) -> Entry:
    module, function = target
    line = _line_of(file, rf"\b{re.escape(module)}\s*:\s*{re.escape(function)}", command)
    value = program.lookup(f"{module}.{function}") if function else program.lookup(module)
    known = value if isinstance(value, FunctionRef | ClassRef) else None
    what = f"`{function}()`" if function else f"module `{module}`"
    where = f" of {known.path}" if known else f" of module `{module}`" if function else ""
    text = f"the console script `{command}` runs {what}{where}"
    return Entry("console script", file.path, (line, line), command, text, known)


def _subcommands(program: "Program", entry: Entry, target: tuple[str, str]) -> Iterator[Entry]:
    """The commands of the group that a console script runs, each as a program of its own."""
    module, function = target
    path = entry.target.path if entry.target is not None else program.codebase.locate(module)
    if path is None or not function:
        return
    for name, known in group_commands(program, path, function):
        text = f"the command `{entry.name} {name}` runs `{known.definition.symbol}()` of {known.path}"
        yield replace(entry, name=f"{entry.name} {name}", text=text, target=known)


def _line_of(file: SourceFile, pattern: str, command: str) -> int:
    quoted = re.compile(pattern)
    lines = [number for number, line in enumerate(file.lines, 1) if quoted.search(line)]
    both = [number for number in lines if command in file.lines[number - 1]]
    return (both or lines or [1])[0]


def _package_mains(program: "Program") -> Iterator[Entry]:
    for path, facts in program.facts.items():
        if PurePosixPath(path).name != "__main__.py" or facts.language != "python":
            continue
        package = facts.module.removesuffix(".__main__")
        command = f"python -m {package}" if package else f"python {path}"
        guard = program.main_guard(path)
        kind: EntryKind = "package main" if _stands_alone(program, path) else "script"
        entry = Entry(kind, path, (1, max(1, facts.lines)), command, "", None, guard[0] if guard else 0)
        yield replace(entry, text=f"`{command}` runs {path}{_then(program, entry)}")


def _stands_alone(program: "Program", path: str) -> bool:
    """Whether the package of a `__main__.py` is at the top or beside a manifest; others are often somebody's copies."""
    above = PurePosixPath(path).parent.parent
    above = above.parent if above.name == "src" else above
    return str(above) == "." or any(str(above / name) in program.snapshot.by_path for name in _MANIFESTS)


def _scripts(program: "Program") -> Iterator[Entry]:
    imported, standing = _imported_paths(program), Standing(program.snapshot)
    for path, facts in program.facts.items():
        name = PurePosixPath(path).name
        if facts.language != "python" or name in _BUILD or name in ("__main__.py", "hubconf.py"):
            continue
        guard = program.main_guard(path)
        if guard is not None and not _only_serves(program, path, guard[0]):
            command = _module_command(program, path)
            known = imported.get(path, False)
            entry = Entry("script", path, guard, command or path, "", None, guard[0], imported=known)
            way = f"`{command}` runs {path}{_then(program, entry)}" if command else ""
            yield replace(entry, text=way or f"running {path} as a script{_runs(program, entry)}")
        elif name != "__init__.py" and (guard or path not in imported or standing.is_launched(path)):
            yield from _bare_script(program, path)


def _only_serves(program: "Program", path: str, guard_line: int) -> bool:
    """Whether the code above a `__main__` block does the work: the block itself calls nothing of the repository."""
    frame = program.frame(path, None)
    sites = program.sites(frame) if frame else []
    return bool(sites) and not any(g.line == guard_line for site in sites for g in site.step.guards)


def _module_command(program: "Program", path: str) -> str:
    """`python -m package.module` for a file whose relative imports fail when it is run as a plain script."""
    facts, lines = program.facts[path], program.snapshot.by_path[path].lines
    loading = [lines[item.start - 1] for item in facts.imports if not item.symbol]
    relative = any(_RELATIVE.match(line) for line in loading)
    return f"python -m {facts.module}" if relative and "." in facts.module else ""


def _bare_script(program: "Program", path: str) -> Iterator[Entry]:
    """A file without a `__main__` test that nothing imports and whose top level does the work."""
    frame = program.frame(path, None)
    calls = [step for step in frame.body.calls if _is_statement(step.node)] if frame else []
    working = program.sites(frame) if frame else []
    parsing = any(step.written.endswith(("parse_args", "parse_known_args")) for step in calls)
    if frame is None or not (parsing or any(_is_statement(site.step.node) for site in working)):
        return
    command = _module_command(program, path)
    lines = (calls[0].start, calls[-1].end) if calls else (working[0].step.start, working[-1].step.end)
    entry = Entry("script", path, lines, command or path, "")
    way = f"`{command}` executes the top-level code of {path}" if command else ""
    yield replace(entry, text=f"{way or f'running {path} executes its top-level code'}{_then(program, entry)}")


def _is_statement(node: Node) -> bool:
    holder = node.parent
    if node.type.startswith("import"):
        return True
    return holder is not None and holder.type in ("expression_statement", "assignment")


def _imported_paths(program: "Program") -> dict[str, bool]:
    """The files that other files import, and whether any file that is no test does."""
    found: dict[str, bool] = {}
    for path, facts in program.facts.items():
        for item in facts.imports:
            for name in (item.module, f"{item.module}.{item.name}"):
                located = program.codebase.locate(name, path)
                if located is not None and located != path:
                    tested = program.snapshot.by_path[path].role == "test"
                    found[located] = found.get(located, False) or not tested
    return found


def _runs(program: "Program", entry: Entry) -> str:
    called = _called(program, entry)
    return f" calls {called}" if called else f" runs the block on lines {entry.lines[0]}-{entry.lines[1]}"


def _then(program: "Program", entry: Entry) -> str:
    called = _called(program, entry)
    return f", which calls {called}" if called else ""


def _called(program: "Program", entry: Entry, most: int = 5) -> str:
    frame = program.frame(entry.path, None)
    names = []
    for site in main_sites(program, frame, entry) if frame else ():
        written = f"`{site.step.written}()`"
        if written not in names:
            names.append(written)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _hub(program: "Program") -> Iterator[Entry]:
    for path, facts in program.facts.items():
        if PurePosixPath(path).name != "hubconf.py":
            continue
        for item in facts.definitions:
            if item.kind == "function" and "." not in item.symbol and not item.name.startswith("_"):
                text = f"`{item.name}()` of {path} is an entry point for `torch.hub.load`"
                lines = (item.head_start, item.head_end)
                yield Entry("hub", path, lines, item.name, text, FunctionRef(path, item))
