"""Kind `weight_types`: in which types weights are made, kept, cast and computed with, and how they come into memory.

Covers parameters cast inside layers, casts of whole models, type arguments of calls that make models, autocast blocks,
precision options, and checkpoints beside models (`checkpoints.py`). Casts of data are not told.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.units import Function, Unit, call_name, only_if, quoted, units
from retrieval.census.memory.checkpoints import Finding, checkpoints, readers
from retrieval.census.models.families import MODELISH, is_library_model
from retrieval.facts import CensusHit
from retrieval.languages import words
from retrieval.pyast import dotted, source_of
from retrieval.snapshot import ROLES

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_ORDER = (
    "weight cast in forward",
    "model cast",
    "model made in type",
    "default type",
    "compute type",
    "autocast",
    "precision option",
    "precision parameter",
    "checkpoint beside model",
    "checkpoint deleted",
    "gradient scaler",
    "quantization",
)
_NEEDS = (
    r"dtype|half\(|float\(|float16|autocast|precision|fp16|bf16|load_state_dict|GradScaler|quantiz|load_in_|double\("
    r"|\.load\(|load_file|float32|bitsandbytes|bnb\.|quanto|torchao"
)
_PARAMETERS = re.compile(r"(?:^|\.)(?:weight|bias|\w*_weight|\w*_bias|w|b|gamma|beta|scale)$")
_TYPE = re.compile(r"(?:float(?:16|32|64)?|bfloat16|half|double|dtype)\b|\bdtype\b")
_CASTS = words("half float double bfloat16 type")
_OPTION = re.compile(
    r"^-{0,2}(?:(?:use|no|is|in|to)[-_])*half$"  # another word before it says of what a half
    r"|^-{0,2}(?:\w+[-_])*(?:precision|fp16|bf16|fp32|amp|dtype|torch_dtype|mixed_precision|load_in_\d+bit)$"
)
_RUNS = re.compile(r"^(?:super\(.*\)\.forward|F\.\w+|torch\.nn\.functional\.\w+|nn\.functional\.\w+)$")
_UPCAST = re.compile(r"\.float\(\)$|\.to\((?:dtype=)?torch\.float32\)$|\.type\(torch\.float32\)$")
_DTYPES = re.compile(r"^(?:torch|jnp|tf|np)\.(?:b?float\d+|half|double)$")
_GENERIC = re.compile(r"model|weight|load|create|cast|convert|__init__")
_NOT_MODELS = words("clip pipeline pipe")
_TYPED = words("torch_dtype dtype cast_dtype param_dtype weight_dtype compute_dtype model_dtype amp_dtype")
_QUANTIZED = re.compile(
    r"load_in_\dbit|quantization_config|BitsAndBytesConfig|quantize_dynamic|Int8\w*|Linear8bit\w*|bnb_(?!optim)"
)
_SWITCHED_OFF = re.compile(r"enabled\s*=\s*False|autocast\(False\)")
_QUANTIZERS = re.compile(r"^(?:bitsandbytes\.nn|bnb\.nn|optimum\.quanto|quanto|torchao|torch\.(?:ao\.)?quantization)\b")

_KNOWN: Beside[Codebase, list[CensusHit]] = Beside()


@kind(
    "weight_types",
    summary="types of weights: casts in layers, half models, dtype arguments, autocast, precision options, checkpoints",
    example="weight_types, or weight_types: checkpoint*, autocast",
    reads="python",
    ordered=True,
)
def weight_types(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per place, by what is found, main code first. Patterns match the finding's name (`_ORDER`)."""
    yield from (hit for hit in _every(codebase) if query.matches(hit.name))


def _every(codebase: Codebase) -> list[CensusHit]:
    """All findings of a codebase, worked out once."""
    if codebase not in _KNOWN:
        parsed = list(units(codebase, _NEEDS))
        known: dict[str, frozenset[str]] = {}
        for unit in parsed:
            known[unit.path] = known.get(unit.path, frozenset()) | readers(unit)
        hits = [
            _hit(codebase, unit, finding)
            for unit in parsed
            for finding in (*_findings(unit), *checkpoints(codebase, unit, known))
        ]
        _KNOWN[codebase] = sorted(
            hits, key=lambda hit: (ROLES.index(hit.role), _ORDER.index(hit.name), hit.path, hit.start)
        )
    return _KNOWN[codebase]


def _hit(codebase: Codebase, unit: Unit, finding: Finding) -> CensusHit:
    name, node, text, others = finding
    symbol = unit.symbols.get(node, "")
    if isinstance(node, Function):
        symbol = unit.symbol_of(node)
    related = tuple(("use", unit.path, *unit.lines(other)) for other in others)
    return hit_at(codebase, unit.path, unit.lines(node), symbol=symbol, name=name, text=text, related=related)


def _findings(unit: Unit) -> Iterator[Finding]:
    for node in unit.nodes:
        if isinstance(node, ast.Call):
            yield from _call(unit, node)
        elif isinstance(node, ast.With | ast.AsyncWith):
            yield from _block(unit, node)
        elif isinstance(node, Function):
            yield from _parameters(unit, node)
        elif isinstance(node, ast.Assign | ast.AnnAssign | ast.IfExp):
            yield from _chosen(unit, node)
        elif isinstance(node, ast.Attribute) and node.attr == "data":
            yield from _data(unit, node)


def _call(unit: Unit, node: ast.Call) -> Iterator[Finding]:
    name, where = dotted(node.func), _where(unit, node)
    method = call_name(node)
    owner = node.func.value if isinstance(node.func, ast.Attribute) else None
    if owner is not None and method in ("to", *_CASTS):
        yield from _cast(unit, node, owner)
        return
    if _RUNS.search(source_of(node.func)) and any(_UPCAST.search(source_of(item)) for item in node.args):
        yield "compute type", node, f"{where} computes in float32: `{source_of(node, 120)}`", []
    if name.endswith("add_argument") or name in ("click.option", "typer.Option"):
        yield from _option(node, where)
    elif method in ("set_default_dtype", "set_default_tensor_type", "set_float32_matmul_precision"):
        yield "default type", node, f"{where} sets the type for the whole process: `{source_of(node)}`", []
    elif method == "GradScaler":
        yield "gradient scaler", node, f"{where} scales gradients for half precision: `{source_of(node)}`", []
    elif _QUANTIZED.search(name) or any(_QUANTIZED.search(k.arg or "") for k in node.keywords):
        text = f"{where} quantizes weights: `{source_of(node, 140)}`{_condition(unit, node)}"
        yield "quantization", node, text, []
    elif _QUANTIZERS.search(name) or (name == "getattr" and _QUANTIZERS.search(dotted(node.args[0]))):
        text = f"{where} replaces layers by quantized ones: `{source_of(node, 140)}`{_condition(unit, node)}"
        yield "quantization", node, text, []
    else:
        yield from _made(node, where)


def _cast(unit: Unit, node: ast.Call, owner: ast.expr) -> Iterator[Finding]:
    """Casts of a layer's own parameters while it runs, and casts of models."""
    given = [source_of(a, 80) for a in node.args] + [f"{k.arg}={source_of(k.value, 80)}" for k in node.keywords]
    method = call_name(node)
    named = (text for text in given if "device" not in text)  # `device_dtype` may be either
    typed = method in _CASTS or any(_TYPE.search(text) for text in named)
    target, where = dotted(owner), _where(unit, node)
    if not typed or not target:
        return
    if _PARAMETERS.search(target) and target.startswith("self."):
        yield "weight cast in forward", node, f"{where} casts its own `{target}` when it runs: `{source_of(node)}`", []
    elif target not in _NOT_MODELS and MODELISH.search(target.rpartition(".")[2].lower()):
        yield "model cast", node, f"{where} casts the model: `{source_of(node)}`{_condition(unit, node)}", []


def _chosen(unit: Unit, node: ast.Assign | ast.AnnAssign | ast.IfExp) -> Iterator[Finding]:
    """A type chosen by a condition, and fields of option classes that name a precision."""
    if isinstance(node, ast.IfExp):
        sides = [dotted(node.body), dotted(node.orelse)]
        if all(map(_DTYPES.match, sides)):
            yield "compute type", node, f"{_where(unit, node)} chooses the type: `{source_of(node)}`", []
        return
    target = node.target if isinstance(node, ast.AnnAssign) else None
    inside = isinstance(unit.parents.get(node), ast.ClassDef)
    if isinstance(target, ast.Name) and inside and node.value is not None and _OPTION.match(target.id):
        owner = unit.symbols.get(node, "")
        text = f"the field `{target.id}` of `{owner}` defaults to `{source_of(node.value, 60)}`"
        yield "precision option", node, text, []


def _data(unit: Unit, node: ast.Attribute) -> Iterator[Finding]:
    """`layer.weight.data = layer.weight.data.half()`: parameters that are cast in place."""
    parent = unit.parents.get(node)
    if not isinstance(parent, ast.Assign) or node not in parent.targets:
        return
    value = parent.value
    casts = isinstance(value, ast.Call) and (
        call_name(value) in _CASTS or (call_name(value) == "to" and "type" in source_of(value))
    )
    if casts:
        where = _where(unit, node)
        yield (
            "model cast",
            parent,
            f"{where} casts parameters in place: `{source_of(parent)}`{_condition(unit, parent)}",
            [],
        )


def _made(node: ast.Call, where: str) -> Iterator[Finding]:
    told = [k for k in node.keywords if k.arg in _TYPED or (k.arg == "precision" and not isinstance(k.value, ast.Name))]
    name = dotted(node.func)
    last = name.rpartition(".")[2]
    makes = is_library_model(name) or re.search(
        r"from_pretrained|from_config|Parameter$|model|Model|LayerNorm|Linear", name
    )
    for keyword in told:
        if keyword.arg == "torch_dtype" or (makes and last not in words("autocast empty zeros ones")):
            given = f"{keyword.arg}={source_of(keyword.value, 60)}"
            yield "model made in type", node, f"{where} calls `{name}()` with `{given}`", []


def _block(unit: Unit, node: ast.With | ast.AsyncWith) -> Iterator[Finding]:
    for item in node.items:
        text = source_of(item.context_expr, 100)
        if re.search(r"autocast|amp_cast|maybe_autocast|precision_scope", text) and not _SWITCHED_OFF.search(text):
            where = _where(unit, node)
            yield "autocast", item.context_expr, f"{where} computes under `with {text}`{_condition(unit, node)}", []


def _option(node: ast.Call, where: str) -> Iterator[Finding]:
    flags = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    flag = next((flag for flag in flags if _OPTION.match(flag)), "")
    given = {k.arg: k.value for k in node.keywords if k.arg}
    if flag:
        told = [f"{name} `{source_of(given[name], 160)}`" for name in ("default", "choices", "action") if name in given]
        yield "precision option", node, f"the option `{flag}` ({where}) has {', '.join(told) or 'no default'}", []


def _parameters(unit: Unit, node: Function) -> Iterator[Finding]:
    listed = [*node.args.posonlyargs, *node.args.args]
    pairs = list(zip(listed[len(listed) - len(node.args.defaults) :], node.args.defaults, strict=True))
    pairs += [(a, d) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is not None]
    for parameter, default in pairs:
        generic = parameter.arg == "dtype" and not _GENERIC.search(unit.symbol_of(node).lower())
        if (_OPTION.match(parameter.arg) or parameter.arg in _TYPED) and not generic:
            text = (
                f"the parameter `{parameter.arg}` of `{unit.symbol_of(node)}()` defaults to `{source_of(default, 60)}`"
            )
            yield "precision parameter", parameter, text, []


def _where(unit: Unit, node: ast.AST) -> str:
    symbol = unit.symbols.get(node, "")
    return f"`{symbol}()`" if symbol else f"the top level of {unit.path}"


def _condition(unit: Unit, node: ast.AST) -> str:
    found: list[str] = []
    around = unit.parents.get(node)
    while around is not None and not isinstance(around, Function | ast.ClassDef):
        if isinstance(around, ast.If) and (node in around.body or node in around.orelse):
            found.append(quoted(around.test, 80) + (" is false" if node in around.orelse else ""))
        node, around = around, unit.parents.get(around)
    return f" —{only_if(found[::-1])}" if found else ""
