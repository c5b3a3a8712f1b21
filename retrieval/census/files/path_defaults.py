"""What the unknown parts of a path are by default: of an option its default, of a parameter what its callers give."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.files.path_patterns import paths_of
from retrieval.census.meaning.units import defaults_of as parameter_defaults
from retrieval.census.meaning.units import units
from retrieval.census.settings.set_defaults import defaults_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

DEEPEST, MOST = 3, 2
_OPTIONS = re.compile(r"(?i)^(?:\w+_)?(?:args|opts?|options|cfg|conf|config|hparams|hps|settings|flags|params)$")
_LEADING = re.compile(r"\{([\w.]+)\}")
Place = tuple[str, str]


def with_defaults(codebase: Codebase, place: Place, pattern: str) -> str:
    """ "`target_dir` is `processed` by default" for the unknown parts of a path that a function writes, or ""."""
    told = []
    for name in dict.fromkeys(_LEADING.findall(pattern)):
        value = default_of_name(codebase, *place, name)
        if value and value != "None":
            told.append(f"`{name}` is `{value}` by default")
    return " and ".join(told[:MOST])


@once
def default_of_name(codebase: Codebase, path: str, symbol: str, name: str, depth: int = DEEPEST) -> str:
    """The text that a name or attribute is by default in a function; "" when that is not one known text."""
    names = paths_of(codebase).names(path, symbol)
    bound = names.bound.get(name, [])
    owner, _, last = name.rpartition(".")
    if owner and not _OPTIONS.search(owner.rpartition(".")[2]):
        return ""  # an attribute of an object, which options of that name do not set
    key = last if owner else _key(bound[-1][1]) if bound else ""
    if key:
        found = {value.strip("\"'") for value in defaults_of(codebase, key) if value}
        return found.pop() if len(found) == 1 else ""
    if name not in names.parameters:
        return ""
    return _own(codebase, path, symbol, name) or (_given(codebase, path, symbol, name, depth) if depth else "")


def _key(value: ast.expr) -> str:
    """The entry that an expression takes out of options: `args.pop("out")`, `args["out"]`, `args.out`."""
    if isinstance(value, ast.Attribute):
        return value.attr
    taken = value.slice if isinstance(value, ast.Subscript) else None
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in ("pop", "get"):
        taken = value.args[0] if value.args else None
    return taken.value if isinstance(taken, ast.Constant) and isinstance(taken.value, str) else ""


def _own(codebase: Codebase, path: str, symbol: str, name: str) -> str:
    for unit in units(codebase, path=path):
        for function, inner in unit.functions():
            if inner == symbol:
                defaults = dict(parameter_defaults(function))
                value = defaults.get(name)
                return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""
    return ""


def _given(codebase: Codebase, path: str, symbol: str, name: str, depth: int) -> str:
    """What the calls of a function give for a parameter, where all of them give the same text."""
    index = paths_of(codebase).names(path, symbol).parameters.index(name)
    last, found = symbol.rpartition(".")[2], set[str]()
    for caller, call in codebase.all_calls():
        main = codebase.snapshot.by_path[caller].role == "source"
        if call.name.rpartition(".")[2] != last or not main:
            continue
        target = codebase.resolve_call(caller, call)
        if target is None or (target[0], target[1].symbol) != (path, symbol):
            continue
        given = dict(call.keywords).get(name) or (call.arguments[index] if index < len(call.arguments) else "")
        told = paths_of(codebase).written(caller, call.symbol, given, call.start) if given else ""
        known = re.fullmatch(r"\{([\w.]+)\}", told)
        inner = default_of_name(codebase, caller, call.symbol, known[1], depth - 1) if known else told
        found.add("" if "{" in inner else inner)
    return found.pop() if len(found) == 1 else ""
