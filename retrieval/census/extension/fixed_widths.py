"""Widths, numbers of tokens and of layers that stand as numbers where the parts of models meet: rank "widths" of
`assumptions`.

Layers and tables of parameters count by their own numbers, objects of other classes by numbers given to them, names by
what they say. What a parameter or a field of settings has by default is no fixed width: another can be given.
"""

import ast
import re
from collections.abc import Callable, Iterator

from retrieval.census.meaning.units import Unit, call_name, written

Found = tuple[str, str, ast.AST]
WIDTHS = re.compile(
    r"(?i)(?:^|_)(?:num_(?:tokens|queries|query_tokens?|patches|layers|heads|positions)|n_(?:layers?|heads?|embd|state)"
    r"|in_features|out_features|d_?model|(?:vision|visual|text|audio|image|encoder|decoder|embed(?:ding)?s?|attention|hidden"
    r"|projection|proj|model|input|output|feature|feat|gin|latent|token|in|out)_?(?:dim(?:ension)?s?|width|channels|features)"
    r"|(?:hidden|intermediate|embed(?:ding)?|projection)_?size)$"
)
_COUNTS = re.compile(r"(?i)(?:^|_)(?:num|n)_")
_LAYERS = frozenset(["Linear", "Embedding", "GRU", "LSTM", "MultiheadAttention", "LayerNorm", "Dense"])
_TABLES = frozenset(["zeros", "ones", "randn", "rand", "empty", "normal"])
LEAST, GIVEN, LONGEST, MOST = 16, 64, 100, 100_000


def widths(unit: Unit, node: ast.AST, is_model: Callable[[str, str], bool]) -> Iterator[Found]:
    """Rank, text and node of what one node of a file fixes; `is_model` says whether a name there is a model class."""
    if isinstance(node, ast.Call):
        yield from _made(unit, node, is_model)
    elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None and not _is_field(unit, node):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        name = written(target).rpartition(".")[2]
        if WIDTHS.search(name) and _is_width(node.value, name):
            yield "widths", f"`{_short(written(target))} = {written(node.value)}`", node
    elif isinstance(node, ast.Dict):
        pairs = [(k.value, v) for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant)]
        named = [f"{k}={written(v)}" for k, v in pairs if WIDTHS.search(str(k)) and _is_width(v, str(k))]
        if named:
            yield "widths", f"`{', '.join(named)}`", node
    elif isinstance(node, ast.IfExp) and _large(node.body) and _large(node.orelse) and _is_wide(unit, node):
        yield "widths", f"`{_short(written(unit.parents[node]))}`", node


def _made(unit: Unit, node: ast.Call, is_model: Callable[[str, str], bool]) -> Iterator[Found]:
    name = call_name(node)
    inner = node.args[0] if node.args else None
    given = [k for k in node.keywords if k.arg and WIDTHS.search(k.arg) and _is_width(k.value, k.arg)]
    if name in _LAYERS:
        told = any(map(_large, node.args[:2])) or bool(given)
    elif name == "Parameter":
        told = inner is not None and call_name(inner) in _TABLES and any(map(_large, ast.walk(inner)))
    else:
        whole = any(_number(value) >= GIVEN for value in node.args[:2])
        wide = any(_number(keyword.value) >= GIVEN for keyword in given)
        told = name[:1].isupper() and (wide or (whole and is_model(unit.path, written(node.func))))
        if told and not whole:
            node_text = f"{written(node.func)}({', '.join(f'{k.arg}={written(k.value)}' for k in given)})"
            yield "widths", f"`{_short(node_text)}`", node
            return
    if told:
        yield "widths", f"`{_short(written(node))}`", node


def _is_wide(unit: Unit, node: ast.IfExp) -> bool:
    """Whether what a choice of two numbers is given to is a width by its name, or a layer."""
    around = unit.parents.get(node)
    if isinstance(around, ast.Assign):
        return bool(WIDTHS.search(written(around.targets[0]).rpartition(".")[2]))
    return isinstance(around, ast.Call) and call_name(around) in _LAYERS


def _is_field(unit: Unit, node: ast.AST) -> bool:
    """Whether an assignment is a field of a class, which objects may be given otherwise."""
    return isinstance(unit.parents.get(node), ast.ClassDef)


def _is_width(value: ast.AST, name: str) -> bool:
    return _number(value) >= (2 if _COUNTS.search(name) else LEAST)


def _large(value: ast.AST) -> bool:
    return LEAST <= _number(value) <= MOST


def _number(value: ast.AST) -> int:
    """The value of a whole number, -1 for anything else."""
    plain = isinstance(value, ast.Constant) and type(value.value) is int
    return value.value if plain else -1  # type: ignore[attr-defined, no-any-return]


def _short(text: str) -> str:
    flat = text.replace("`", "'")
    return flat if len(flat) <= LONGEST else flat[: LONGEST - 1] + "…"
