"""Kind `attribute_chains`: chains of attributes into a model, by function: what couples code to one model's layout.

A chain starts at a name that people give to models (`model`, `net`, `encoder`) or at an object known to be of a model
class, and goes on for two attributes or more; names bound to a part (`for block in model.blocks`) continue the chain.
Methods of a model class that look into its own parts are not told, nor are attributes of tensors and of settings.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, bound_names, own_nodes, units
from retrieval.census.models.families import MODELISH, is_model_base
from retrieval.facts import CensusHit
from retrieval.languages import words
from retrieval.pyast import source_of
from retrieval.snapshot import ROLES

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Chain = tuple[str, ast.AST]
Models = frozenset[tuple[str, str]]  # path and symbol of the model classes of the repository

NAMED = 12
RELATED = 12
_WRAPPERS = words("module _orig_mod")
_END = words(
    """device dtype shape data grad size __class__ __dict__ __name__ training requires_grad weight_norm type ndim
    parameters named_parameters state_dict load_state_dict modules named_modules children named_children eval train to
    half float cuda cpu config_class name_or_path"""
)
_PASSING = words("enumerate list reversed tuple iter zip sorted")
_UNWRAPS = re.compile(r"(?i)unwrap|de_?parallel|without_ddp|get_(?:core|raw|base)_model|accelerator\.unwrap")
_SETTINGS = re.compile(r"(?i)(?:^|_)(?:cfg|conf|config|args|opts?|options|settings|h?params)$")
_HOOK = re.compile(r"^(?:register_\w*hook\w*|add_hook|attach_hook)$")
_NOT_MODELS = words("clip pipe pipeline agent lm llm")


@kind(
    "attribute_chains",
    summary="chains of attributes into a model and hooks on its parts, by function: ties to one model's layout",
    example="attribute_chains, or attribute_chains: *.visual.*",
    reads="python",
    ordered=True,
)
def attribute_chains(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per function, those with most chains first; patterns match the chains as written in the text."""
    hits = []
    models = frozenset(
        (path, item.symbol) for path, item, bases in codebase.classes() if any(map(is_model_base, bases))
    )
    parts = _parts(codebase, models)
    for unit in units(codebase, r"\.\w+[.(]"):
        found: dict[str, list[Chain]] = {}
        for scope, symbol in (*unit.functions(), (unit.tree, "")):
            if not _of_model(unit, scope, models):
                found.setdefault(symbol, []).extend(_chains(codebase, unit, scope, models, parts))
        for symbol, chains in found.items():
            chains = [chain for chain in chains if query.matches(chain[0], chain[0].replace("[]", ""))]
            if chains:
                hits.append(_hit(codebase, unit, symbol, chains))

    def importance(hit: CensusHit) -> tuple[int, bool, int, str, int]:
        return ROLES.index(hit.role), hit.name != "hook", -int(hit.detail["chains"]), hit.path, hit.start

    yield from sorted(hits, key=importance)


def _hit(codebase: Codebase, unit: Unit, symbol: str, chains: list[Chain]) -> CensusHit:
    told = list(dict.fromkeys(text for text, _node in chains))
    hooks = [text for text in told if _HOOK.match(text.removesuffix("()").rpartition(".")[2])]
    plain = [text for text in told if text not in hooks]
    who = f"`{symbol}()`" if symbol else f"the top level of {unit.path}"
    parts = []
    if plain:
        parts.append(f"reaches into the model: {listed([f'`{text}`' for text in plain], NAMED)}")
    if hooks:
        parts.append(f"hooks parts of it: {listed([f'`{text}`' for text in hooks], NAMED)}")
    nodes = sorted((unit.lines(node) for _text, node in chains), key=lambda lines: lines[0])
    places = list(dict.fromkeys(nodes))
    return hit_at(
        codebase,
        unit.path,
        places[0],
        symbol=symbol,
        name="hook" if hooks else "chain",
        text=f"{who} {' and '.join(parts)} ({unit.path})",
        related=tuple(("use", unit.path, *place) for place in places[1:RELATED]),
        detail={"chains": str(len(told))},
    )


def _of_model(unit: Unit, scope: ast.AST, models: Models) -> bool:
    """Whether a function is a method of a model class, which knows its own parts."""
    owner = next((item for item in unit.enclosing(scope) if isinstance(item, ast.ClassDef)), None)
    return owner is not None and (unit.path, unit.symbol_of(owner)) in models


def _parts(codebase: Codebase, models: Models) -> frozenset[str]:
    """The names under which model classes of the repository keep what they make in their `__init__`."""
    paths = {path for path, _ in models}
    return frozenset(
        target.attr
        for path in paths
        for unit in units(codebase, path=path)
        for scope, symbol in unit.functions()
        if symbol.endswith(".__init__") and (path, symbol.removesuffix(".__init__")) in models
        for node in own_nodes(scope)
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "self"
    )


def _chains(codebase: Codebase, unit: Unit, scope: ast.AST, models: Models, parts: frozenset[str]) -> Iterator[Chain]:
    starts = _typed(codebase, unit, scope, models)
    imported = _imports(unit)
    bound = bound_names(scope) if isinstance(scope, Function) else frozenset()
    aliases: dict[str, str] = {}
    for node in own_nodes(scope):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            _alias(node.targets[0], _spelled(node.value, aliases), aliases)
        elif isinstance(node, ast.For | ast.comprehension):
            _looped(node.target, node.iter, aliases)
    for node in own_nodes(scope):
        outer = unit.parents.get(node)
        if not isinstance(node, ast.Attribute) or isinstance(outer, ast.Attribute):
            continue
        inner = (
            isinstance(outer, ast.Subscript)
            and outer.value is node
            and isinstance(unit.parents.get(outer), ast.Attribute)
        )
        root = dotted_root(node)
        if inner or not root or (root in imported and root not in bound) or _SETTINGS.search(root):
            continue
        called = isinstance(outer, ast.Call) and outer.func is node
        spelled = _spelled(node, aliases)
        if text := _deep(spelled, starts, called) or (called and _part(spelled, starts, parts)):
            yield text, node


def dotted_root(node: ast.AST) -> str:
    """The name that an expression of attributes and subscripts starts with, "" for anything else."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = _unwrapped(node.value)
    return node.id if isinstance(node, ast.Name) else ""


def _unwrapped(node: ast.expr) -> ast.expr:
    """`model` of `unwrap_model(model)`; another expression as it is."""
    one = isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords
    return node.args[0] if one and _UNWRAPS.search(source_of(node.func)) else node  # type: ignore[attr-defined]


def _typed(codebase: Codebase, unit: Unit, scope: ast.AST, models: Models) -> frozenset[str]:
    """Parameters of the function that are annotated with a model class of the repository."""
    if not isinstance(scope, Function):
        return frozenset()
    listed_ = [*scope.args.posonlyargs, *scope.args.args, *scope.args.kwonlyargs]
    told = [(item.arg, source_of(item.annotation).strip("'\"")) for item in listed_ if item.annotation is not None]
    found = [(name, codebase.resolve_local(unit.path, told_type)) for name, told_type in told]
    return frozenset(name for name, item in found if item and (item[0], item[1].symbol) in models)


@lru_cache(maxsize=1)  # asked for each function of a file in turn
def _imports(unit: Unit) -> frozenset[str]:
    nodes = [node for node in unit.nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    return frozenset(alias.asname or alias.name.partition(".")[0] for node in nodes for alias in node.names)


def _spelled(node: ast.AST, aliases: dict[str, str]) -> str:
    """`a.b[].c` with names replaced by what they are bound to; "" for anything but attributes and subscripts."""
    tail: list[str] = []
    while isinstance(node, ast.Attribute | ast.Subscript):
        tail.append(f".{node.attr}" if isinstance(node, ast.Attribute) else "[]")
        node = _unwrapped(node.value)
    if not isinstance(node, ast.Name):
        return ""
    return aliases.get(node.id, node.id) + "".join(reversed(tail))


def _alias(target: ast.expr, text: str, aliases: dict[str, str]) -> None:
    """Remember that a name stands for a part of a model; a name bound to two things stands for nothing."""
    if not isinstance(target, ast.Name) or target.id in ("self", "cls"):
        return
    known = aliases.get(target.id)
    parts = re.sub(r"\[\]", "", text).split(".")
    modelled = len(parts) > 1 and any(_is_modelish(part) for part in parts[:-1]) and not _END & set(parts)
    aliases[target.id] = text if modelled and known in (None, text) else target.id


def _looped(target: ast.expr, source: ast.expr, aliases: dict[str, str]) -> None:
    if (
        isinstance(source, ast.Call)
        and isinstance(source.func, ast.Name)
        and source.func.id in _PASSING
        and source.args
    ):
        counted = source.func.id == "enumerate" and isinstance(target, ast.Tuple) and len(target.elts) == 2
        target = target.elts[1] if counted and isinstance(target, ast.Tuple) else target
        source = source.args[0]
    text = _spelled(source, aliases)
    if text:
        _alias(target, f"{text}[]", aliases)


def _is_modelish(part: str) -> bool:
    return bool(MODELISH.search(part.lower())) and part not in _NOT_MODELS


def _part(text: str, starts: frozenset[str], parts: frozenset[str]) -> str:
    """The call of a part of a model, `model.text_encoder()`, "" for any other call."""
    names = [name for name in text.split(".") if name not in _WRAPPERS]
    if len(names) != 2 or names[1] not in parts or names[1] in _END or names[0] in ("self", "cls"):
        return ""
    return f"{text}()" if names[0] in starts or _is_modelish(names[0]) else ""


def _deep(text: str, starts: frozenset[str], called: bool) -> str:
    """The chain when it goes two attributes or more into a model, "" otherwise."""
    parts = text.split(".")
    names = [part.removesuffix("[]") for part in parts]
    start = next((i for i, name in enumerate(names) if name in starts or _is_modelish(name)), None)
    if start is None or names[0] in ("cls",) or (start == 0 and len(parts) < 3):
        return ""
    end = next((i for i, name in enumerate(names) if i > start and name in _END), len(names))
    inside = [name for name in names[start + 1 : end] if name not in _WRAPPERS]
    if len(inside) < 2:
        return ""
    return ".".join(parts[:end]) + ("()" if called and end == len(parts) else "")
