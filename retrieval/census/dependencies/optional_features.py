"""Imports that code does without, and what is lost then: the handler's way out, and the branch that is taken.

Kind `optional_features`. An import counts when a handler of its `try` catches its absence, or tells of a fallback.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.dependencies.introduced import introduced
from retrieval.census.dependencies.version_switches import done, flagged
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted
from retrieval.census.meaning.units import Unit, quoted, subject_of, units
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_ABSENCE = frozenset({"ImportError", "ModuleNotFoundError", "Exception", "BaseException", ""})
_FALLBACK = re.compile(r"(?i)fall(?:ing)? ?back|slower|not (?:installed|available|found)|missing|disabled|unavailable")
BROUGHT = "which came with "
_TESTED = ", so that `"
_COMMON = frozenset({"torch", "numpy", "typing_extensions", "os", "sys"})


@kind(
    "optional_features",
    summary="imports that code does without, with what is done when they fail and what is lost",
    example="optional_features: torch",
    reads="python",
)
def optional_features(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per module, at the place that tells what is lost; patterns match the module that is imported."""
    found: dict[str, list[CensusHit]] = {}
    for unit in units(codebase, r"\bexcept\b"):
        if codebase.snapshot.by_path[unit.path].role in ("source", "config"):
            for node in unit.nodes:
                hit = _optional(codebase, unit, node) if isinstance(node, ast.Try) else None
                if hit is not None and query.matches(hit.name):
                    found.setdefault(hit.name, []).append(hit)
    for hits in found.values():
        yield _together(sorted(hits, key=lambda hit: _TESTED not in hit.text))


def _together(hits: list[CensusHit]) -> CensusHit:
    """The place that tells most of one module, with the others."""
    first, *more = hits
    text = first.text + (f" (and {counted(len(more), 'more place')})" if more else "")
    return replace(first, text=text, related=tuple(("again", hit.path, hit.start, hit.end) for hit in more))


def _optional(codebase: Codebase, unit: Unit, node: ast.Try) -> CensusHit | None:
    imports = [part for part in node.body if isinstance(part, ast.Import | ast.ImportFrom)]
    named = [(module, name) for part in imports for module, name in _imported(codebase, unit, part)]
    handler = next((one for one in node.handlers if _is_of_absence(one)), None)
    if not named or handler is None or any(isinstance(part, ast.Raise) for part in handler.body):
        return None
    module, what = named[0]
    lost = _lost(unit, node, handler)
    if not lost:
        return None
    where = subject_of(codebase, unit.path, unit.symbols.get(node, ""))
    text = f"{where[0].upper()}{where[1:]} does without {what}: {lost}"
    start, _ = unit.lines(node)
    _, end = unit.lines(handler)
    return hit_at(codebase, unit.path, (start, end), symbol="", name=module, text=text)


def _imported(codebase: Codebase, unit: Unit, part: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    """Outside module and what is imported, in words; a module of the repository stands for what it imports itself."""
    if isinstance(part, ast.Import):
        for alias in part.names:
            if (
                codebase.locate(alias.name, unit.path) is None
                and alias.name.split(".")[0] not in sys.stdlib_module_names
            ):
                yield alias.name.split(".")[0], f"`{alias.name}`"
        return
    around = unit.path.split("/")[: -part.level] if part.level else []
    dotted = ".".join([*around, part.module] if part.module else around)
    names = ", ".join(f"`{alias.name}`" for alias in part.names[:2])
    located = codebase.locate(dotted, unit.path)
    if located is None and not part.level and dotted.split(".")[0] not in sys.stdlib_module_names:
        since = next((introduced(f"{dotted}.{alias.name}") for alias in part.names), "")
        yield dotted.split(".")[0], f"{names} of `{dotted}`" + (f" ({BROUGHT}{since})" if since else "")
    elif located is not None and located in codebase.facts:
        own = {item.module.split(".")[0] for item in codebase.facts[unit.path].imports}
        for item in codebase.facts[located].imports:
            top = item.module.split(".")[0]
            foreign = codebase.locate(item.module, located) is None and top not in sys.stdlib_module_names
            if foreign and top not in _COMMON | own:
                yield top, f"{names} of {located}, which needs `{top}`"
                return


def _is_of_absence(handler: ast.ExceptHandler) -> bool:
    """Whether a handler catches the absence of a module, or says that something else is done in its place."""
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {ast.unparse(one).rpartition(".")[2] if one is not None else "" for one in kinds}
    return bool(names & _ABSENCE) or _FALLBACK.search(ast.unparse(handler)) is not None


def _lost(unit: Unit, node: ast.Try, handler: ast.ExceptHandler) -> str:
    """What is done in place of it, and which branch a flag of the handler then leads to."""
    instead = done(handler.body)
    flags = [target.id for part in handler.body for target in _flags(part)]
    for flag in flags:
        found = flagged(unit, flag)
        if found is not None:
            test, then, other, symbol = found
            plain = other.startswith(("raises", "returns"))
            way = (
                other if plain else f"runs {other}" if other else f"leaves out {then}" if then else "does nothing else"
            )
            return f"without it {instead}{_TESTED}{symbol or unit.path}`, which tests {quoted(test, 70)}, {way}"
    messages = [
        part.value
        for part in ast.walk(handler)
        if isinstance(part, ast.Constant) and isinstance(part.value, str) and _FALLBACK.search(part.value)
    ]
    if messages:
        return f"without it the code says “{' '.join(messages[0].split())[:140]}” and goes on"
    return f"without it {instead}" if instead else ""


def _flags(part: ast.stmt) -> Iterator[ast.Name]:
    """Names that a handler sets to False or None."""
    if isinstance(part, ast.Assign) and isinstance(part.value, ast.Constant) and not part.value.value:
        yield from (target for target in part.targets if isinstance(target, ast.Name))
