"""Which programs of a repository are its main ones: what people are meant to run, out of every entry point."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.code.examples import example_frames
from retrieval.census.flow.entries import Entry, code_entries, is_side_tool
from retrieval.census.flow.launchers import files_from_above, outside_entries
from retrieval.census.flow.launches import works
from retrieval.census.flow.standing import Standing
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import ClassRef, FunctionRef
from retrieval.census.project.exports import Export, exports, top_packages
from retrieval.snapshot import SourceFile

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

Unit = tuple[str, str]
"""A file and the symbol in it that runs as one: a function, a method, a class body, or "" for the top level."""

_SCRIPT = re.compile(r"(?:^|\s)(?:-m\s+)?([\w./-]+\.py|[\w.]+)(?::\w+)?(?=\s|$)")
_GIVEN = re.compile(r"(?:^|\s)--[\w-]+[\s=]+$")
_APART = re.compile(r"&&|\|\||[;|]")
_PACKAGED = re.compile(r"(?m)^\[(?:project|build-system|tool\.(?:poetry|flit|pdm|hatch|setuptools))[\].]")
_FRAMEWORKS = re.compile(r"(?:^|\.)(?:hydra\.main|hydra_main|argparse_main|draccus\.wrap|pyrallis\.wrap)$")
_TRAINS = re.compile(r"(?:^|_)(?:train|fine_?tune|eval|test|benchmark)")
_PREPARES = re.compile(r"(?:^|_)(?:prepare|preproc\w*|extract)(?:_|$)")
_MODELS = frozenset({"torch", "tensorflow", "jax", "transformers", "onnxruntime", "insightface"})
_MEASURING = re.compile(r"(?:^|[/_])(?:eval\w*|tests?|bench\w*)(?:[/_.]|$)")
_CHECKING = re.compile(
    r"(?:^|/)(?:\.github|\.gitlab|\.circleci|\.ci)/|(?:^|/)(?:\.gitlab-ci\.ya?ml|[Mm]akefile|azure-pipelines\.ya?ml)$"
)
LIBRARY = "the public API of"
SHOWN, PARAMETERS, MANY_LAUNCHERS = 8, 5, 3
_PROGRAMS = ("console script", "package main", "web app", "hub")


@dataclass(frozen=True, slots=True)
class Start:
    """Where one program starts: the units that run first, and how people call it."""

    name: str
    units: tuple[Unit, ...]
    path: str
    lines: tuple[int, int]
    text: str
    guarded: bool = False  # the file's `__main__` block runs


def main_starts(program: "Program") -> list[Start]:
    """The programs that people are meant to run.

    Installed commands, packages with a `__main__`, web apps, scripts that the README names, that a document or a
    launching file runs or that lie open at the top; without any, the scripts that are no side tools; and the public
    functions and classes of packages that can be installed.
    """
    entries = [e for e in code_entries(program) if _is_main_code(program, e.path)]
    launched = _launched(program)
    apps = [e for e in outside_entries(program) if e.kind == "web app" and _is_main_code(program, e.path)]
    scored = Standing(program.snapshot)
    named = {e.path for e in entries if e.kind == "script" and scored.is_in_readme(e.path)}
    chosen = [
        e
        for e in (*entries, *apps)
        if e.kind in _PROGRAMS or e.path in {*launched, *named} or _is_configured(program, e)
    ]
    plain = [replace(e, path=p, lines=(1, 1)) for p, e in launched.items() if p not in {c.path for c in chosen}]
    told = [e for e in (*chosen, *plain) if not is_side_tool(e) or _prepares(program, e, launched)]
    told = [_with_command(e, launched.get(e.path)) for e in _joined(program, told, launched)]
    open_ones = [e for e in entries if not is_side_tool(e) and (not told or _is_offered(program, e))]
    starts = [*(_start(entry) for entry in dict.fromkeys((*told, *open_ones))), *_shown(program), *_library(program)]
    return list({(start.name, start.units): start for start in reversed(starts)}.values())[::-1]


def _prepares(program: "Program", entry: Entry, launched: dict[str, Entry]) -> bool:
    """Whether a command that people are told makes the data for the next program, with the help of models."""
    if entry.path not in launched or entry.kind != "script" or not _PREPARES.search(PurePosixPath(entry.path).stem):
        return False
    loaded = (item.module for path in _imported(program, {entry.path}) for item in program.facts[path].imports)
    return any(name.partition(".")[0] in _MODELS for name in loaded)


def _is_configured(program: "Program", entry: Entry) -> bool:
    """Whether a framework that reads configuration and command line runs the script's `main`."""
    made = (name for item in program.facts[entry.path].definitions for name in item.decorators)
    return entry.kind in ("script", "package main") and any(_FRAMEWORKS.search(name) for name in made)


def _with_command(entry: Entry, command: Entry | None) -> Entry:
    """A start with the command that people are told to start it by."""
    plain = command is None or entry.kind != "script" or command.name in entry.text
    return entry if plain or command is None else replace(entry, text=f"{entry.text}; {command.text}")


def _joined(program: "Program", told: list[Entry], launched: dict[str, Entry]) -> list[Entry]:
    """Without the servers that stand inside a library: no command starts their file, it does not start itself, and no
    other program imports it."""
    inside = [e for e in told if e.kind == "web app" and e.path not in launched and not _starts_itself(program, e)]
    others = [e for e in told if e not in inside]
    if not inside or not others:
        return told
    known = _imported(program, {e.target.path if e.target is not None else e.path for e in others})
    return [e for e in told if e not in inside or e.path in known]


def _starts_itself(program: "Program", entry: Entry) -> bool:
    """Whether running a file starts its application, or a framework runs its predictor."""
    framework = entry.target is not None and not entry.text.endswith(")")
    page = entry.name == "streamlit"
    return framework or page or program.main_guard(entry.path) is not None or works(program, entry.path)


def _imported(program: "Program", paths: set[str]) -> set[str]:
    """The files that some files import, at any place, and those that these import."""
    found, waiting = set(paths), list(paths)
    while waiting:
        path = waiting.pop()
        for item in program.facts[path].imports if path in program.facts else ():
            for name in (item.module, f"{item.module}.{item.name}"):
                located = program.codebase.locate(name, path)
                if located is not None and located not in found:
                    found.add(located)
                    waiting.append(located)
    return found


def _is_offered(program: "Program", entry: Entry) -> bool:
    """Whether it is a script at the top with a `__main__` block, and is not there to train or to evaluate."""
    at_top = entry.kind == "script" and "/" not in entry.path and program.main_guard(entry.path) is not None
    return at_top and not _TRAINS.search(entry.path)


def _is_main_code(program: "Program", path: str) -> bool:
    return program.snapshot.by_path[path].role in ("source", "config", "docs")


def _launched(program: "Program") -> dict[str, Entry]:
    """The files run by commands in documents and containers, in scripts that a README names, or in many scripts;
    without any, the files that any script runs."""
    readmes = [f for f in program.snapshot.files if PurePosixPath(f.path).name.lower().startswith("readme")]
    said = "\n".join(f.text for f in readmes if len(PurePosixPath(f.path).parts) == 1)
    first, second, checks = dict[str, Entry](), dict[str, Entry](), dict[str, Entry]()  # checks: only CI, a makefile
    launchers: dict[str, set[str]] = {}
    for entry in outside_entries(program):
        if entry.kind == "command" and _is_main_code(program, entry.path):
            told = _is_told(program, entry.path, said)
            listed = checks if _CHECKING.search(entry.path) else first if told else second
            for path in _named_files(program, entry):
                if _is_main_code(program, path):
                    listed.setdefault(path, entry)
                    launchers.setdefault(path, set()).add(entry.path)
    many = (p for p in second if len(launchers[p]) >= MANY_LAUNCHERS and not _MEASURING.search(p))
    first |= {path: second[path] for path in many if path not in first}
    installed = any(entry.kind in _PROGRAMS for entry in code_entries(program))
    return first or second or ({} if installed else checks)


def _is_told(program: "Program", path: str, said: str) -> bool:
    """Whether people find the launching file: it lies at the top, is a README or a document, or a README names it."""
    readme = PurePosixPath(path).name.lower().startswith("readme")
    document = program.snapshot.by_path[path].language in ("markdown", "rst")
    at_hand = readme or len(PurePosixPath(path).parts) == 1 or path in said or (document and path.startswith("doc"))
    return at_hand or any(_names(file, path) for file in program.snapshot.files)


def _names(file: SourceFile, path: str) -> bool:
    """Whether a README in a folder around a file names it by its path from there."""
    place = PurePosixPath(file.path)
    folder = "" if str(place.parent) == "." else f"{place.parent}/"
    return (
        place.name.lower().startswith("readme") and path.startswith(folder) and path.removeprefix(folder) in file.text
    )


def _named_files(program: "Program", entry: Entry) -> Iterator[str]:
    for command in _APART.split(entry.name):
        yield from next(filter(None, _run_files(program, entry, command)), [])


def _run_files(program: "Program", entry: Entry, command: str) -> Iterator[list[str]]:
    """The files that each word of a command may name; what comes after the first of them is given to it."""
    for match in _SCRIPT.finditer(command):
        name = match[1]
        if _GIVEN.search(command[: match.start(1)]):
            continue  # the value of an option is read, not run
        path = name.removeprefix("./") if name.endswith(".py") else _module(program, name)
        folders = PurePosixPath(entry.path).parents  # a launcher is run from its own folder or one above it
        found = [p for p in (str(folder / path) for folder in folders) if p in program.facts]
        document = program.snapshot.by_path[entry.path].language in ("markdown", "rst")
        yield found[: 1 if document else 2] or _in_another_folder(program, entry.path, path)


def _module(program: "Program", name: str) -> str:
    """The file that `python -m NAME` runs."""
    return program.modules.get(f"{name}.__main__", "") or program.modules.get(name, "")


def _in_another_folder(program: "Program", document: str, path: str) -> list[str]:
    """The one file that `python path` runs after a `cd` that the document only tells in words, or from a folder above
    the repository; empty when unclear."""
    ends = [p for p in program.facts if path.endswith(".py") and p.endswith(f"/{path}") and _is_main_code(program, p)]
    if len(ends) > 1:
        said = program.snapshot.by_path[document].text
        ends = [p for p in ends if p.removesuffix(f"/{path}") in said]
    if path.endswith(".py") and not ends:
        ends = [p for p in files_from_above(program, path) if _is_main_code(program, p)]
    return ends if len(ends) == 1 else []


def _start(entry: Entry) -> Start:
    proof = (entry.path, entry.lines, entry.text)
    if entry.target is not None:
        units = ((entry.target.path, ""), (entry.target.path, entry.target.definition.symbol))
        loaded = entry.kind in _PROGRAMS[:2]  # the top level of the file runs before the function
        return Start(entry.name, units if loaded else units[1:], *proof)
    if entry.kind == "web app" and entry.name.isidentifier():
        return Start(entry.path, ((entry.path, ""), (entry.path, entry.name)), *proof)
    return Start(entry.path, ((entry.path, ""),), *proof, guarded=True)


def _library(program: "Program") -> Iterator[Start]:
    """The public API of each package, when the repository can be installed."""
    if not any(map(_describes_a_package, program.snapshot.files)):
        return
    for path in top_packages(program):
        offered = exports(program, path)
        if not offered or all(_is_stub(program, e) for e in offered):
            continue
        package = program.facts[path].module or str(PurePosixPath(path).parent)
        units = [unit for e in offered for unit in _offered_units(program, e)]
        lines = (min(e.line for e in offered), max(e.line for e in offered))
        text = f"as a library, `{package}` offers {len(offered)} functions and classes"
        yield Start(f"{LIBRARY} `{package}`", ((path, ""), *units), path, lines, text)


def _shown(program: "Program") -> Iterator[Start]:
    """The functions and classes that documents show in use, with the public methods of the classes."""
    uses: dict[str, list[tuple[Frame, FunctionRef | ClassRef]]] = {}
    for frame in example_frames(program):
        for target in (target for site in program.sites(frame) for target in site.targets):
            package = program.facts[target.path].module.partition(".")[0]
            if package and program.snapshot.by_path[target.path].role == "source":
                uses.setdefault(package, []).append((frame, target))
    for package, found in uses.items():
        frame = found[0][0]
        units = dict.fromkeys(unit for _, target in found for unit in _units(program, _whole(program, target)))
        names = listed(list(dict.fromkeys(f"`{_written(target)}`" for _, target in found)), SHOWN)
        lines = (frame.definition.start, frame.definition.end) if frame.definition else (1, 1)
        text = f"as a library, `{package}` is used as {frame.path} shows: {names}"
        yield Start(f"{LIBRARY} `{package}`", tuple(units), frame.path, lines, text)


def _written(target: "FunctionRef | ClassRef") -> str:
    """A function with the names of its first parameters, a class by its name."""
    listed_ones = target.definition.parameters if isinstance(target, FunctionRef) and target.owner is None else ()
    names = [item.partition(":")[0].partition("=")[0].strip() for item in listed_ones[:PARAMETERS]]
    more = ", …" if len(listed_ones) > PARAMETERS else ""
    return f"{target.definition.symbol}({', '.join(names)}{more})" if names else target.definition.symbol


def _is_stub(program: "Program", export: Export) -> bool:
    """Whether what is offered only says its types: `def read(path: str) -> str: ...`."""
    last = program.snapshot.by_path[export.value.path].lines[export.value.definition.end - 1]
    return last.partition("#")[0].rstrip().endswith("...")


def _whole(program: "Program", target: "FunctionRef | ClassRef") -> "FunctionRef | ClassRef":
    """The class whose method is called: its other public methods are as open to users."""
    return target.receiver if isinstance(target, FunctionRef) and target.receiver is not None else target


def _describes_a_package(file: SourceFile) -> bool:
    """Whether a manifest says how to install the code, and does not only hold settings of tools."""
    name = PurePosixPath(file.path).name
    if name == "setup.py":
        return "setup(" in file.text
    if name == "setup.cfg":
        return "[metadata]" in file.text
    return name == "pyproject.toml" and _PACKAGED.search(file.text) is not None


def _offered_units(program: "Program", export: Export) -> Iterator[Unit]:
    """What users of a package may run of an export."""
    return _units(program, export.value)


def _units(program: "Program", value: FunctionRef | ClassRef) -> Iterator[Unit]:
    """A function, or a class with its public methods."""
    path, symbol = value.path, value.definition.symbol
    yield path, symbol
    for item in program.facts[path].definitions if isinstance(value, ClassRef) else ():
        method = item.symbol.removeprefix(f"{symbol}.")
        if item.kind == "method" and method != item.symbol and "." not in method and not method.startswith("_"):
            yield path, item.symbol
