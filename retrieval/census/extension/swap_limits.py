"""What code fixes about models in numbers, allowed values, markers of texts and tables: more ranks of `assumptions`.

Numbers count where they are compared with or taken off a size of the model, allowed values where an assertion or an
error names them, markers where they look like those of tokenizers, tables where they have an entry for each of the
models of another table.
"""

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.meaning.units import Function, Unit, defaults_of, units, written

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Found = tuple[str, str, ast.AST]
LEAST, LARGE, SHARE, LONGEST, EXACT, TWO, SHOWN = 4, 16, 0.6, 100, 6, 2, 6
_SIZE = re.compile(
    r"(?i)(?:^|_)(?:n_?vocab|vocab_?size|n_?mels|n_?ctx|(?:encoder|vision|text|embed|hidden|width|feature|model)_?(?:dim|width"
    r"|size)|d_?model|num_?(?:features|channels|tokens|queries|frames|patches)|in_?chans|channels|width|resolution)$"
)
_ALLOWED = re.compile(
    r"(?i)(?:^|[._])vit|model|arch|backbone|encoder|decoder|mels?|(?:^|_)size|channels|(?:^|_)dim|variant|network"
)
_PLAIN = re.compile(r"\(?(?:(?:str|int|float|bool|bytes|list|tuple|dict|set|torch\.Tensor|np\.ndarray|Path)[, |]*)+\)?")
_SHAPES = frozenset(["reshape", "view", "zeros", "ones", "empty", "randn", "rand", "full", "expand"])
_RATES = re.compile(r"^(?:sampl(?:e|ing)_?rate|sr|hop_?length|n_?fft|n_?mels?|feature_size|chunk_length|win_length)$")
_MARKER = re.compile(
    r"<\|[\w.{}]+\|>|</?s>|</?(?:pad|unk|bos|eos|sep|mask|cls|image|img|video|vid|audio|speech|im_\w+|\w*(?:Here|placeholder))>"
    r"|\[(?:CLS|SEP|MASK|PAD|UNK|BOS|EOS|ENC|DEC|INST|/INST|IMG|laughter|music)\]"
)
_WEIGHTS = re.compile(r"(?i)\.(?:pth?|ckpt|safetensors|bin|onnx|gguf)(?:$|\?)|^[\w.-]+/[\w.-]+$|^https?://")


def limits(unit: Unit, node: ast.AST) -> Iterator[Found]:
    """Rank, text and node of what one node of a file fixes: "values", "numbers", "tokens" and "sizes"."""
    if isinstance(node, ast.Assert):
        yield from _asserted(node)
    elif isinstance(node, ast.If):
        yield from _kinds(node) if _raises(node) else _chain(unit, node)
    elif isinstance(node, ast.Call):
        yield from _shaped(unit, node)
    elif isinstance(node, ast.Compare):
        if isinstance(unit.parents.get(node), ast.If) and _raises(unit.parents[node]):
            yield from _allowed(node, node)
        yield from _compared(unit, node)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Sub | ast.Add):
        yield from _worked_out(node)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult | ast.Div):
        yield from _scaled(node)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _marker(unit, node)
    elif isinstance(node, Function):
        yield from _rates(node)


def _rates(node: Function) -> Iterator[Found]:
    """The rates and lengths of sound that a function takes unless it is told others."""
    for name, value in defaults_of(node):
        if _RATES.match(name) and isinstance(value, ast.Constant) and type(value.value) is int:
            yield "sizes", f"`{name} = {value.value}` (default)", value


def _asserted(node: ast.Assert) -> Iterator[Found]:
    for part in ast.walk(node.test):
        if isinstance(part, ast.Compare):
            yield from _allowed(part, node)
            sides = [part.left, *part.comparators]
            apart = len({written(side).rpartition(".")[0] for side in sides}) == TWO
            if isinstance(part.ops[0], ast.Eq) and apart and all(map(_is_size, sides)):
                yield "numbers", f"`{_short(written(part))}`, or an error", node


def _raises(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and bool(node.body) and isinstance(node.body[-1], ast.Raise)


def _allowed(test: ast.Compare, node: ast.AST) -> Iterator[Found]:
    """`kind in ["a", "b"]`: the values that are let through."""
    values = test.comparators[0]
    subject = written(test.left)
    if not isinstance(test.ops[0], ast.In | ast.NotIn):
        return
    if isinstance(values, ast.Name | ast.Attribute) and _last(written(values)).strip("_").isupper():
        if _ALLOWED.search(_last(subject)):
            yield "values", f"`{_short(subject)}` only as an entry of `{_short(written(values))}`", node
        return
    if not isinstance(values, ast.List | ast.Tuple | ast.Set):
        return
    if values.elts and all(isinstance(e, ast.Constant) for e in values.elts) and _ALLOWED.search(_last(subject)):
        yield (
            "values",
            f"`{_short(subject)}` only as {' or '.join(f'`{_short(written(e))}`' for e in values.elts[:6])}",
            node,
        )


def _kinds(node: ast.If) -> Iterator[Found]:
    """`if not isinstance(model, (A, B)): raise`: the classes that are let through."""
    test = node.test
    call = test.operand if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not) else None
    if isinstance(call, ast.Call) and written(call.func) == "isinstance" and len(call.args) == TWO:
        subject, classes = map(written, call.args)
        if _ALLOWED.search(_last(subject)) and not _PLAIN.fullmatch(classes):
            yield "values", f"`{_short(subject)}` only as an object of `{_short(classes)}`", node


def _chain(unit: Unit, node: ast.If) -> Iterator[Found]:
    """`if kind == "a": … elif kind == "b": … else: raise`: the names that are let through."""
    around = unit.parents.get(node)
    if isinstance(around, ast.If) and around.orelse == [node]:
        return
    names, last = [], node
    while True:
        named = _named(last.test)
        if named is None:
            return
        names.append(named)
        if len(last.orelse) != 1 or not isinstance(last.orelse[0], ast.If):
            break
        last = last.orelse[0]
    subjects = {subject for subject, _ in names}
    ends = bool(last.orelse) and isinstance(last.orelse[-1], ast.Raise)
    if (
        ends
        and len(names) >= TWO
        and len(subjects) == 1
        and _ALLOWED.search(f"{_last(names[0][0])} {unit.symbols.get(node, '')}")
    ):
        told = [f"`{_short(name)}`" for _, name in names]
        yield "values", f"`{_short(names[0][0])}` only as {' or '.join(told[:SHOWN])}", node


def _named(test: ast.expr) -> tuple[str, str] | None:
    """What is compared with one text, and the text, of `kind == "a"` and `"a" in kind`."""
    if not isinstance(test, ast.Compare) or len(test.ops) != 1:
        return None
    pair = (test.left, test.comparators[0]) if isinstance(test.ops[0], ast.Eq) else (test.comparators[0], test.left)
    text = isinstance(pair[1], ast.Constant) and isinstance(pair[1].value, str)
    return (written(pair[0]), written(pair[1])) if text and isinstance(test.ops[0], ast.Eq | ast.In) else None


def _shaped(unit: Unit, node: ast.Call) -> Iterator[Found]:
    """`x.reshape(24, 24, 768)` outside of a model: the shape of what a model gives or takes."""
    name = written(node.func).rpartition(".")[2]
    if name not in _SHAPES or not node.args:
        return
    given = node.args[0].elts if isinstance(node.args[0], ast.Tuple | ast.List) else node.args
    sizes = [part.value for part in given if isinstance(part, ast.Constant) and type(part.value) is int]
    around = next((item for item in unit.enclosing(node) if isinstance(item, ast.ClassDef)), None)
    inside = around is not None and any("Module" in written(base) for base in around.bases)
    if len(sizes) >= TWO and max(sizes) >= LARGE and not inside:
        yield "sizes", f"`{_short(written(node))}`", node


def _last(text: str) -> str:
    return text.rpartition(".")[2].split("(")[0]


def _compared(unit: Unit, node: ast.Compare) -> Iterator[Found]:
    sides = [node.left, *node.comparators]
    if any(isinstance(unit.parents.get(node), kind) for kind in (ast.Assert,)) or len(sides) != 2:
        return
    for one, other in (sides, sides[::-1]):
        if _is_size(one) and _is_large(other):
            yield "numbers", f"`{_short(written(node))}`", node


def _worked_out(node: ast.BinOp) -> Iterator[Found]:
    sized = any(_is_size(part) for part in ast.walk(node))
    if sized and any(_is_large(side) and not _aligns(side) for side in (node.left, node.right)):
        yield "numbers", f"`{_short(written(node))}`", node


def _scaled(node: ast.BinOp) -> Iterator[Found]:
    """`latents / 0.18215`: the scale of the latents of one autoencoder."""
    for one, other in ((node.left, node.right), (node.right, node.left)):
        inner = list(ast.walk(one))
        numbers = [part.value for part in inner if isinstance(part, ast.Constant) and isinstance(part.value, float)]
        exact = any(len(repr(value)) >= EXACT for value in numbers) and not any(isinstance(p, ast.Name) for p in inner)
        if exact and "latent" in written(other):
            yield "numbers", f"`{_short(written(node))}`", node


def _is_size(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute | ast.Name) and bool(_SIZE.search(_last(written(node))))


def _aligns(node: ast.AST) -> bool:
    """Whether a number rounds up to a power of two: 31, 63."""
    return isinstance(node, ast.Constant) and type(node.value) is int and (node.value + 1) & node.value == 0


def _is_large(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int and node.value >= LARGE


def _marker(unit: Unit, node: ast.Constant) -> Iterator[Found]:
    parent = unit.parents.get(node)
    if not isinstance(parent, ast.Expr | ast.JoinedStr) and _MARKER.fullmatch(str(node.value)):
        yield "tokens", f"`{_short(str(node.value))}`", node


def model_rows(codebase: "Codebase") -> Iterator[tuple[Unit, Found]]:
    """Tables with an entry for most of the models of a table of weights; rank "rows"."""
    tables: list[tuple[Unit, str, ast.Dict, frozenset[str]]] = []
    for unit in units(codebase, r"(?m)^\w+(?:\s*:[^=\n]+)?\s*=\s*\{"):
        if codebase.snapshot.by_path[unit.path].role == "source":
            for node in unit.tree.body:
                target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
                value = getattr(node, "value", None)
                if isinstance(value, ast.Dict) and isinstance(target, ast.Name):
                    keys = [k.value for k in value.keys if isinstance(k, ast.Constant) and isinstance(k.value, str)]
                    if len(keys) >= LEAST:
                        tables.append((unit, target.id, value, frozenset(keys)))
    weights = [(name, keys) for _, name, node, keys in tables if _names_weights(node)]
    for unit, name, node, keys in tables:
        for other, models in weights:
            if name != other and len(keys & models) >= SHARE * len(models) and not _names_weights(node):
                yield (
                    unit,
                    ("rows", f"`{name}` (an entry for {len(keys & models)} of the {len(models)} of `{other}`)", node),
                )
                break


def _names_weights(node: ast.Dict) -> bool:
    texts = [v.value for v in node.values if isinstance(v, ast.Constant) and isinstance(v.value, str)]
    return len(texts) * 2 >= len(node.values) and any(map(_WEIGHTS.search, texts))


def _short(text: str) -> str:
    flat = " ".join(text.split()).replace("`", "'")
    return flat if len(flat) <= LONGEST else flat[: LONGEST - 1] + "…"
