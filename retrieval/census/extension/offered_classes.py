"""Where code loads what installed packages offer under a group of entry points."""

import re
import tomllib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import Point
from retrieval.census.meaning.prose import listed

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_ENTRY_POINTS = re.compile(
    r"(?:^|\.)(?:load_setuptools_entrypoints|iter_entry_points|entry_points|ExtensionManager|DriverManager)$"
)
_SCRIPTS = ("console_scripts", "gui_scripts")


def entry_points(codebase: "Codebase") -> Iterator[Point]:
    """Where code loads what installed packages offer under a group of entry points."""
    groups = [
        f"`{group}` ({path}: {listed([_module(codebase, v) for v in table.values()], 3)})"
        for path, found in _groups(codebase) for group, table in found.items()
    ]  # fmt: skip
    for path, call in codebase.all_calls():
        if codebase.snapshot.by_path[path].role != "source" or not _ENTRY_POINTS.search(call.name):
            continue
        method = call.name.rpartition(".")[2]
        literal = next((t for t in (*call.arguments, *(v for _, v in call.keywords)) if t[:1] in "\"'"), "")
        if literal.strip("\"'") in _SCRIPTS or (method == "entry_points" and not (call.arguments or call.keywords)):
            continue
        gate = _gate(codebase, path, call.symbol)
        text = f"By registering: `{call.symbol}()` ({path}) loads what installed packages offer as entry points"
        text += f" of the group `{literal.strip(chr(34) + chr(39))}`" if literal else ""
        text += f" with `{call.written}()`"
        text += f"; the repository itself declares the group {listed(groups, 3)}" if groups else ""
        text += f"; its parameter {gate}" if gate else ""
        short = f"an installed package can add classes as entry points (`{call.symbol}()`)"
        yield Point("registering", short, text, path, (call.start, call.end), call.symbol, holds=_offered(codebase))


def _offered(codebase: "Codebase") -> tuple[tuple[str, str], ...]:
    """The classes that the repository's own entry points name or import: what an installed package adds to."""
    found: dict[tuple[str, str], None] = {}
    for _, groups in _groups(codebase):
        for name in (str(value) for table in groups.values() for value in table.values()):
            path = codebase.locate(name.partition(":")[0])
            for item in codebase.facts[path].imports if path is not None else ():
                target = codebase.find(f"{item.module}.{item.name}", path or "") if item.name else None
                if target is not None and target[1].kind == "class":
                    found[target[0], target[1].symbol] = None
    return tuple(found)


def _module(codebase: "Codebase", name: object) -> str:
    """A module that an entry point names, with the functions that it offers."""
    path = codebase.locate(str(name).partition(":")[0])
    items = codebase.facts[path].definitions if path is not None else ()
    own = [f"`{item.name}()`" for item in items if item.kind == "function" and "." not in item.symbol]
    return f"`{name}`" + (f" with {listed(own, 6)}" if own else "")


def _gate(codebase: "Codebase", path: str, symbol: str) -> str:
    """ "`allow_external` is False by default" for a switch among the parameters of the function that loads."""
    item = next((item for item in codebase.facts[path].definitions if item.symbol == symbol), None)
    for parameter in item.parameters if item is not None else ():
        name, _, default = parameter.partition("=")
        if default.strip() in ("False", "True"):
            return f"`{name.partition(':')[0].strip()}` is {default.strip()} by default"
    return ""


def _groups(codebase: "Codebase") -> Iterator[tuple[str, dict[str, dict[str, str]]]]:
    for file in codebase.snapshot.files:
        if file.path.endswith("pyproject.toml"):
            try:
                project = tomllib.loads(file.text).get("project", {})
            except (tomllib.TOMLDecodeError, AttributeError):
                continue
            found = project.get("entry-points", {}) if isinstance(project, dict) else {}
            kept = {g: t for g, t in found.items() if isinstance(t, dict) and g not in _SCRIPTS}
            if kept:
                yield file.path, kept
