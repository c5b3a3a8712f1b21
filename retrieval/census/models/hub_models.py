"""Kind `hub_models`: models named as they are called on a model hub, `owner/name`, with what names them and defaults.

A text counts by its shape and by where it stands: under a key or parameter that names a model, or given to a call that
fetches or loads one. A constant is the default when a field or parameter has it as its default.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Unit, call_name, defaults_of, units, written
from retrieval.facts import CensusHit
from retrieval.pyast import dotted
from retrieval.snapshot import ROLES

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_KEYS, MOST_NAMES = 3, 40
_SHAPE = re.compile(r"^(?!\.|https?:)[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*$")
NO_MODEL = re.compile(
    r"^(?:image|text|audio|video|application|multipart|font|v\d+|api|data|datasets?|models?|src|tests?|docs?|output|assets|model_artifacts"
    r"|configs?|checkpoints?|weights|train|val|results?|runs)/|\.(?:py|json|ya?ml|txt|md|png|jpe?g|csv|html?|pth?|ckpt|bin|zip"
    r"|safetensors|onnx|wav|mp\d|npz|tar|gz)$"
)
_KEY = re.compile(
    r"(?i)(?:^|_)(?:repo(?:_?ids?)?|hub_?ids?|hf_?(?:repo|hub|model)\w*|model_?(?:ids?|names?|paths?|name_or_path|repo)?"
    r"|pretrained\w*|checkpoint\w*|base_model|encoder|llm|tokenizer|text_encoder|vae|unet|controlnet|clip|ckpt)$"
)
_LOADS = re.compile(
    r"^(?:from_pretrained|snapshot_download|hf_hub_download|cached_download|load_model|SentenceTransformer|CrossEncoder"
    r"|WhisperModel|pipeline|LLM|AsyncLLMEngine|load)$"
)
_FETCHES = re.compile(r"^(?:from_pretrained|snapshot_download|hf_hub_download|cached_download)$")
_ENVIRONMENT = re.compile(r"(?:^|\.)(?:environ\.get|getenv)$")
_PRESET = re.compile(r"preset_?(?:id|name|key)$")
_FIELD, _SETS = re.compile(r"^[Ff]ield$"), ("default", "default_factory")  # all else given to a field describes it
_VARIABLE = re.compile(r"(?i)model|checkpoint|ckpt|weights|repo|tokenizer|hub")


@dataclass
class _Named:
    """One name, where it stands first, and the keys and constants that name it."""

    unit: Unit
    node: ast.AST
    keys: dict[str, None]
    constants: dict[str, tuple[Unit, ast.AST]]
    preset: str = ""  # the field, parameter or option of which it is the default


@dataclass
class _Presets:
    """The constants of one file that ask for presets by their keys, those that bear keys, and what these read."""

    asked: dict[str, str]
    named: dict[str, set[str]]
    read: dict[str, set[str]]


@kind(
    "hub_models",
    summary="models named as on a model hub (`owner/name`), by what names them, those that are defaults first",
    example="hub_models: default=yes",
    reads="python",
    options=("default",),
    ordered=True,
)
def hub_models(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per name; patterns match names. `detail` has `default`: yes or no. With `default=yes` only the names that
    are defaults, with `default=no` the others, one hit per file. Raises QueryError for anything else."""
    asked = query.choice("default", ("yes", "no"))
    hits = (hit for hit in _named(codebase, query) if asked in ("", hit.detail["default"]))
    yield from _by_file(codebase, list(hits)) if asked == "no" else hits


def _by_file(codebase: Codebase, hits: list[CensusHit]) -> Iterator[CensusHit]:
    for path in dict.fromkeys(hit.path for hit in hits):
        own = [hit for hit in hits if hit.path == path]
        text = f"{path} names {listed([f'`{hit.name}`' for hit in own], MOST_NAMES)}"
        lines = tuple(dict.fromkeys(("name", path, hit.start, hit.end) for hit in own[1:MOST_NAMES]))
        yield hit_at(codebase, path, (own[0].start, own[0].end), symbol="", name=own[0].name, text=text, related=lines)


def _named(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    found: dict[str, _Named] = {}
    defaults: set[str] = set()
    presets: list[_Presets] = []
    for unit in units(codebase, r"[\"'][A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*[\"']|="):
        role = codebase.snapshot.by_path[unit.path].role
        if role not in ("source", "config"):
            continue
        defaults |= _default_names(unit)
        presets.append(_Presets(*_preset_keys(unit)))
        for key, constant, node, preset in _texts(unit):
            entry = found.setdefault(str(node.value), _Named(unit, node, {}, {}))
            entry.keys[key] = None
            if constant:
                entry.constants.setdefault(constant, (unit, node))
            entry.preset = entry.preset or (key if preset else "")
    asked = {key for each in presets for name, key in each.asked.items() if name in defaults}
    chosen = [(each, name) for each in presets for name, keys in each.named.items() if keys & asked]
    defaults |= {other for each, name in chosen for other in (name, *each.read[name])}
    rows = [(name, entry, _preset(entry, defaults)) for name, entry in found.items() if query.matches(name)]
    for name, entry, preset in sorted(rows, key=lambda row: (not row[2], _rank(codebase, row[1]))):
        keys = listed([f"`{key}`" for key in entry.keys], MOST_KEYS)
        first = preset if preset in entry.constants else next(iter(entry.constants), "")
        unit, node = entry.constants.get(preset, (entry.unit, entry.node))
        text = f"`{name}` ({keys}{f' of `{first}`' if first else ''})"
        text += f", the default of `{preset}`" if preset and preset not in (*entry.keys, *entry.constants) else ""
        text += ", a default" if preset and not text.endswith(f"`{preset}`") else ""
        yield hit_at(
            codebase, unit.path, unit.lines(node), symbol=unit.symbols.get(node, ""),
            name=name, text=text,
            detail={"default": "yes" if preset else "no", "constant": first,
                    "constants": " ".join(entry.constants)},
        )  # fmt: skip


def _rank(codebase: Codebase, entry: _Named) -> tuple[int, str, int]:
    path = entry.unit.path
    return ROLES.index(codebase.snapshot.by_path[path].role), path, entry.unit.lines(entry.node)[0]


def _preset(entry: _Named, defaults: set[str]) -> str:
    """What has the model as its default; "" for none."""
    return entry.preset or next((name for name in entry.constants if name in defaults), "")


def _texts(unit: Unit) -> Iterator[tuple[str, str, ast.Constant, bool]]:
    """The texts that name models: what names them, the constant around them or "", the text, whether a default."""
    for node in ast.walk(unit.tree):
        for key, value, preset in _keyed(unit, node):
            if "repo" in key.lower() and _fetches_data(unit, node):
                continue
            constant = _constant(unit, node) if isinstance(node, ast.keyword | ast.Dict) else ""
            yield from ((key, constant, text, preset) for text in _names(value))


def _fetches_data(unit: Unit, node: ast.AST) -> bool:
    """Whether the function around a node asks a hub for data sets alone; for a node in none, the whole file."""
    around: ast.AST | None = node
    while around is not None and not isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef):
        around = unit.parents.get(around)
    parts = ast.walk(around) if around is not None else unit.nodes
    kinds = [
        next((written(item.value) for item in call.keywords if item.arg == "repo_type"), "")
        for call in parts
        if isinstance(call, ast.Call)
        and (_FETCHES.match(call_name(call)) or any(item.arg == "repo_type" for item in call.keywords))
    ]
    return set(kinds) == {"'dataset'"}


def _keyed(unit: Unit, node: ast.AST) -> Iterator[tuple[str, ast.AST, bool]]:
    """The expressions that stand under a key, a name or a parameter for a model, or are given to a loading call."""
    if isinstance(node, ast.keyword) and node.arg and _KEY.search(node.arg):
        yield node.arg, node.value, False
    elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        name = dotted(node.targets[0] if isinstance(node, ast.Assign) else node.target).rpartition(".")[2]
        if name and _KEY.search(name):
            field = isinstance(unit.parents.get(node), ast.ClassDef) and not name.startswith("_")
            yield name, _set_to(node.value), field
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and isinstance(key.value, str) and _KEY.search(key.value):
                yield key.value, value, False
    elif isinstance(node, ast.Call):
        yield from _called(node)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from ((name, value, True) for name, value in defaults_of(node) if _KEY.search(name))


def _called(node: ast.Call) -> Iterator[tuple[str, ast.AST, bool]]:
    """What a loading call is given, and the default of an option that names a model."""
    if _LOADS.match(call_name(node)):
        yield from ((f"{call_name(node)}()", given, False) for given in node.args[:1])
    if _ENVIRONMENT.search(dotted(node.func)) and len(node.args) > 1 and isinstance(node.args[0], ast.Constant):
        variable = str(node.args[0].value)
        yield from [(variable, node.args[1], True)] if _VARIABLE.search(variable) else []
    flags = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    flag = next((flag for flag in flags if flag.startswith("--")), "")
    if flag and _KEY.search(flag.lstrip("-").replace("-", "_")):
        yield from ((flag, key.value, True) for key in node.keywords if key.arg == "default")


def _set_to(value: ast.expr) -> ast.expr:
    """What a field has as its default: of `Field(None, examples=…)` what is given first, or as `default`."""
    if not isinstance(value, ast.Call) or not _FIELD.search(call_name(value)):
        return value
    given = {item.arg: item.value for item in value.keywords if item.arg in _SETS}
    return next(iter((*value.args[:1], *given.values())), ast.Constant(None))


def _names(node: ast.AST) -> Iterator[ast.Constant]:
    """A text that is a name of a model, also as an element of a choice or a list."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        if _SHAPE.match(node.value) and not NO_MODEL.search(node.value):
            yield node
    elif isinstance(node, ast.List | ast.Tuple | ast.IfExp | ast.BoolOp | ast.Dict):
        for child in ast.iter_child_nodes(node):
            yield from _names(child)


def _constant(unit: Unit, node: ast.AST) -> str:
    """The constant of a module or class that is set to the object around a node; "" for none, as for what stands in
    its annotation or among the examples of a field."""
    around: ast.AST | None = node
    while around is not None and not isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        below, around = around, unit.parents.get(around)
        described = isinstance(below, ast.keyword) and below.arg not in _SETS
        if described and isinstance(around, ast.Call) and _FIELD.search(call_name(around)):
            return ""
        if isinstance(around, ast.Assign | ast.AnnAssign):
            told = isinstance(around, ast.AnnAssign) and below is around.annotation
            return "" if told else dotted(around.targets[0] if isinstance(around, ast.Assign) else around.target)
    return ""


def _preset_keys(unit: Unit) -> tuple[dict[str, str], dict[str, set[str]], dict[str, set[str]]]:
    """Constants that a preset is asked for by its key, `OPTIONS = Options.from_preset("small")`, with the key; and
    constants that bear keys, `SMALL = Preset(preset_id="small", spec=SPEC)`, with theirs and with what they read."""
    asked: dict[str, str] = {}
    named: dict[str, set[str]] = {}
    read: dict[str, set[str]] = {}
    for node in unit.tree.body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Call):
            continue
        name = dotted(node.targets[0] if isinstance(node, ast.Assign) else node.target)
        first = node.value.args[0] if node.value.args else None
        if "preset" in call_name(node.value) and isinstance(first, ast.Constant) and isinstance(first.value, str):
            asked[name] = first.value
        keys = {k.value.value for k in node.value.keywords if k.arg and _PRESET.search(k.arg) and _is_text(k.value)}  # type: ignore[attr-defined]
        named |= {name: keys} if keys else {}
        read[name] = {dotted(item).rpartition(".")[2] for k in node.value.keywords for item in _reads(k.value)}
    return asked, named, read


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def _default_names(unit: Unit) -> set[str]:
    """The constants that fields and parameters have as their defaults."""
    found: set[str] = set()
    for node in ast.walk(unit.tree):
        for value in _defaults(unit, node):
            found |= {dotted(item).rpartition(".")[2] for item in _reads(value)}
    return found - {""}


def _defaults(unit: Unit, node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        yield from [_set_to(node.value)] if isinstance(unit.parents.get(node), ast.ClassDef) else []
    elif isinstance(node, ast.keyword):
        yield from [node.value] if node.arg in ("default", "default_factory") else []
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from (value for _, value in defaults_of(node))


def _reads(node: ast.AST) -> Iterator[ast.AST]:
    """The names of an expression; a collection is a choice and no default."""
    if isinstance(node, ast.Name | ast.Attribute):
        yield node
    elif not isinstance(node, ast.Dict | ast.List | ast.Tuple | ast.Set):
        for child in ast.iter_child_nodes(node):
            yield from _reads(child)
