"""Kind `numerals`: numbers in code that hold knowledge about a model: comparisons, arithmetic, ranges and constants.

0, 1, -1 and 2 are left out, and so are indices, widths, help texts, tests, defaults of parameters and the sizes given
to layers. What a number means is not said; code of models, tokenizers, audio and images comes first.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.units import Function, Unit, call_name, units
from retrieval.facts import CensusHit
from retrieval.languages import words
from retrieval.pyast import dotted, source_of
from retrieval.snapshot import ROLES

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Numeral = tuple[str, ast.AST, str, str]  # what it does, the node, the number as written, what it says

SHOWN = 8
_PLAIN = frozenset([0, 1, -1, 2])
_SIGNS = {
    ast.Add: "adds",
    ast.Sub: "subtracts",
    ast.Mult: "multiplies by",
    ast.Div: "divides by",
    ast.FloorDiv: "divides by",
    ast.Mod: "takes the remainder by",
    ast.Pow: "raises to the power of",
    ast.LShift: "shifts by",
    ast.RShift: "shifts by",
}
_MODEL_CODE = re.compile(
    r"model|token|vocab|audio|image|mel(?![a-z])|vision|transform|preproc|feature|embed|encod|decod|attention|mask|speech|patch"
    r"|spectrogram|pixel|frame|timing|align|layer|net(?!work)|convert|loss|prompt|sample|whitening|constants|_pad",
    re.IGNORECASE,
)
_ASIDE = re.compile(
    r"logg|download|progress|print|argpars|parse_args|\bcli\b|setup|bench|profil|plot|visuali[sz]|font|\bmain\b|__str__|format",
    re.IGNORECASE,
)
# Numbers that mostly say how many axes, channels, parts or units there are.
_DULL = words(
    """3 4 5 6 8 10 16 32 64 0.5 -0.5 0.25 -0.25 60 100 100.0 255 255.0 1000 1000.0 1024 3600 3600000 60000
    1000000 1000000.0 1000000000.0 -100 -10000.0"""
)
_RANGES = words("range arange linspace clamp clip full pad pad_or_trim unfold")
_CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*$")


@kind(
    "numerals",
    summary="numbers in code of models and preprocessing: compared, calculated with, and constants made of others",
    example="numerals, or numerals: *Tokenizer*, 51865",
    reads="python",
    ordered=True,
)
def numerals(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per expression; patterns match the function or constant, or the number as written."""
    found: dict[tuple[str, int, str], CensusHit] = {}
    for unit in units(codebase, r"\d"):
        role = codebase.snapshot.by_path[unit.path].role
        if role == "test" or unit.path.rpartition("/")[2] in ("setup.py", "conftest.py"):
            continue
        for what, node, number, text in (*_in_functions(unit), *_constants(unit)):
            symbol = unit.symbols.get(node, "")
            name = text.split("`")[1] if what == "constant" else symbol or unit.path
            if query.matches(name, symbol.rpartition(".")[2], number):
                hit = hit_at(
                    codebase,
                    unit.path,
                    unit.lines(node),
                    symbol=symbol,
                    name=name,
                    text=text,
                    detail={"number": number},
                )
                found.setdefault((hit.path, hit.start, text), hit)
    yield from sorted(found.values(), key=_importance)


def _importance(hit: CensusHit) -> tuple[int, bool, bool, int, bool, str, int]:
    place = f"{hit.path.rpartition('/')[2]} {hit.symbol}"
    rank = 2 if _ASIDE.search(place) else 0 if _MODEL_CODE.search(place) else 1
    dull = hit.detail["number"] in _DULL
    return ROLES.index(hit.role), rank == 2, dull, rank, "compares" not in hit.text, hit.path, hit.start


def _in_functions(unit: Unit) -> Iterator[Numeral]:
    for node in unit.nodes:
        if not isinstance(node, ast.Compare | ast.BinOp | ast.Call) or not _inside(unit, node):
            continue
        symbol = unit.symbols.get(node, "")
        if isinstance(node, ast.Compare):
            numbers = [_number(side) for side in (node.left, *node.comparators)]
            told = [number for number in numbers if number]
            if told:
                yield "compare", node, told[0], f"`{symbol}` compares with {' and '.join(told)}: {_shown(node)}"
        elif isinstance(node, ast.BinOp):
            yield from _calculated(unit, node, symbol)
        elif call_name(node) in _RANGES:
            told = [number for argument in node.args if (number := _number(argument))]
            if told:
                yield "argument", node, told[0], f"`{symbol}` uses {', '.join(told)}: {_shown(node)}"


def _calculated(unit: Unit, node: ast.BinOp, symbol: str) -> Iterator[Numeral]:
    verb = _SIGNS.get(type(node.op), "")
    parent = unit.parents.get(node)
    operands = list(_operands(node))
    if not verb or isinstance(parent, ast.BinOp) or any(map(_is_text, operands)):
        return
    told = [number for inner in operands if (number := _number(inner))]
    if not told:
        return
    if len(told) == 1 and _number(node.right):
        yield "arithmetic", node, told[0], f"`{symbol}` {verb} {told[0]}: {_shown(node)}"
    else:
        yield (
            "arithmetic",
            node,
            told[0],
            f"`{symbol}` calculates with {', '.join(list(dict.fromkeys(told))[:SHOWN])}: {_shown(node)}",
        )


def _operands(node: ast.expr) -> Iterator[ast.expr]:
    """The terms of a calculation from left to right."""
    waiting = [node]
    while waiting:
        current = waiting.pop()
        if isinstance(current, ast.BinOp) and type(current.op) in _SIGNS:
            waiting += [current.right, current.left]
        else:
            yield current


def _is_text(node: ast.expr) -> bool:
    """Whether an operand is text or a list, which a number only repeats."""
    text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return text or isinstance(node, ast.JoinedStr | ast.List | ast.Tuple)


def _number(node: ast.expr) -> str:
    """The number as written when it tells something, else ""."""
    inner = node.operand if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else node
    if not isinstance(inner, ast.Constant) or isinstance(inner.value, bool) or not isinstance(inner.value, int | float):
        return ""
    return "" if inner.value in _PLAIN else source_of(node)


def _inside(unit: Unit, node: ast.AST) -> bool:
    """Whether an expression stands in a function and is no index, default, format width or text of an option."""
    child, around = node, unit.parents.get(node)
    while around is not None:
        if isinstance(around, ast.Subscript) and child is around.slice:
            return False
        if isinstance(around, ast.FormattedValue) and child is around.format_spec:
            return False
        if isinstance(around, ast.Call) and call_name(around) in ("add_argument", "option", "Option"):
            return False
        if isinstance(around, Function):
            return child in around.body
        if isinstance(around, ast.arguments | ast.ClassDef):
            return False
        child, around = around, unit.parents.get(around)
    return False


def _constants(unit: Unit) -> Iterator[Numeral]:
    """Module-level constants in capitals: numbers, tuples of numbers, and what is calculated from others."""
    for node in unit.tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            target, value = node.target, node.value
        else:
            continue
        if not isinstance(target, ast.Name) or not _CONSTANT.match(target.id):
            continue
        if made := _made_of(value):
            yield "constant", node, "", f"`{target.id}` is {made}: `{source_of(node, 120)}`"


def _made_of(value: ast.expr) -> str:
    if _number(value):
        return "a number"
    if isinstance(value, ast.Tuple | ast.List) and value.elts and all(_is_number(item) for item in value.elts):
        return f"{len(value.elts)} numbers"
    names = [n.id for n in ast.walk(value) if isinstance(n, ast.Name) and _CONSTANT.match(n.id)]
    if isinstance(value, ast.BinOp) and all(isinstance(n, _ARITHMETIC) for n in ast.walk(value)):
        return "calculated from other constants" if names else "calculated"
    plain = isinstance(value, ast.Call) and not value.keywords and bool(dotted(value.func))
    if (
        plain
        and isinstance(value, ast.Call)
        and names
        and all(isinstance(a, ast.Name | ast.Constant) for a in value.args)
    ):
        return "calculated from other constants"
    return ""


_ARITHMETIC = ast.BinOp | ast.UnaryOp | ast.Name | ast.Constant | ast.operator | ast.unaryop | ast.expr_context


def _is_number(node: ast.expr) -> bool:
    inner = node.operand if isinstance(node, ast.UnaryOp) else node
    return (
        isinstance(inner, ast.Constant) and isinstance(inner.value, int | float) and not isinstance(inner.value, bool)
    )


def _shown(node: ast.AST) -> str:
    return f"`{source_of(node, 110)}`"
