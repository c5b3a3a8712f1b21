"""What code around models fixes: classes in loading code, rewritten keys of checkpoints, sizes, prompts.

Read from single bodies; what is written inside of a class with a `forward()` is the model's own and is left out.
"""

import ast
import re
from collections.abc import Iterator

from retrieval.census.meaning.units import Unit, call_name, own_nodes, written

FEW = 4
_PROMPT = re.compile(r"(?i)prompt|template|system_message|instruction|conv_")
_MARK = re.compile(r"<[\w/|]+>|\[INST\]|###\s?\w+|\{\w*\}")
_PAGE = re.compile(r"(?i)<!doctype|</?(?:html|head|body|div|span|style|script|table|svg|h[1-6]|br)\b|<\?xml")
DIMENSIONS = re.compile(
    r"(?i)(?:^|_)(?:(?:in|input|out|output|latent)_?channels?"
    r"|im(?:g|age)_?(?:size|height|width|[hw])|resized_?img|crop_?size)$"
)
_NO_MODEL = re.compile(r"(?i)optim|sched|scaler|(?:^|\.)ema\b|parallel|adam|sgd")
_CHECKPOINT = re.compile(r"(?i)state_?dict|ckpt|checkpoint")
_LOADS = re.compile(r"(?:^|\.)(?:torch\.load|load_file|load_state_dict_from_url)$")
_METHODS = ("replace", "removeprefix", "startswith", "split", "lstrip")
_ASKED = ("load_state_dict", "items", "keys")
RESIZES = ("resize", "Resize", "interpolate", "CenterCrop")
LEAST = 16
Found = tuple[str, str, ast.AST]


def fixed_parts(unit: Unit) -> Iterator[Found]:
    """Rank, text and node of everything in a file. Ranks: "classes", "checkpoint", "sizes"."""
    for body in (unit.tree, *(function for function, _ in unit.functions())):
        nodes = list(own_nodes(body))
        values = _values(nodes) if any(call_name(node) in _ASKED for node in nodes) else {}
        own = {item.name for item in unit.tree.body if isinstance(item, ast.ClassDef)}
        yield from _classes(nodes, values, own)
        yield from _keys(nodes, values)
        if not _in_model(unit, body):
            for node in nodes:
                yield from _sizes(node)


def _values(nodes: list[ast.AST]) -> dict[str, list[ast.expr]]:
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign):
            for target in node.targets:
                found.setdefault(written(target), []).append(node.value)
    return found


def _classes(nodes: list[ast.AST], values: dict[str, list[ast.expr]], own: set[str]) -> Iterator[Found]:
    """`Net()` where `net = Net()` and `net.load_state_dict()` stand in one body, unless the class is a plug-in's.

    A function that stands beside its class and returns what it makes belongs to the model and counts for nothing.
    """
    told: set[ast.AST] = set()
    given = {written(node.value) for node in nodes if isinstance(node, ast.Return) and node.value is not None}
    for node in nodes:
        if call_name(node) != "load_state_dict" or not isinstance(node.func, ast.Attribute):  # type: ignore[attr-defined]
            continue
        owner = written(node.func.value)  # type: ignore[attr-defined]
        for value in values.get(owner, ()):
            if not isinstance(value, ast.Call) or (owner in given and call_name(value) in own):
                continue
            if value not in told and _is_class(value, owner, values):
                told.add(value)
                yield "classes", f"`{_short(written(value))}`", value


def _is_class(value: ast.Call, owner: str, values: dict[str, list[ast.expr]]) -> bool:
    name = written(value.func)
    if not call_name(value)[:1].isupper() or _NO_MODEL.search(name) or owner in map(written, value.args):
        return False
    imported = values.get(name.partition(".")[0], ())
    return not any(call_name(each) in ("import_module", "__import__") for each in imported)


def _keys(nodes: list[ast.AST], values: dict[str, list[ast.expr]]) -> Iterator[Found]:
    """Keys of a checkpoint that a loop over its entries cuts, replaces or tests by a text."""
    for node in nodes:
        loops = [node] if isinstance(node, ast.For) else getattr(node, "generators", [])
        for loop in loops:
            key = _key_of(loop, values)
            if key:
                yield from _rewritten(node, key)
        tested = written(node) if call_name(node) == "startswith" and _constant(node) else ""
        if ".keys()" in tested and _CHECKPOINT.search(tested):
            yield "checkpoint", f"`{_short(tested)}`", node


def _key_of(loop: ast.For | ast.comprehension, values: dict[str, list[ast.expr]]) -> str:
    """The name that a loop over the entries of a checkpoint gives to their keys, "" for other loops."""
    source = loop.iter
    if not isinstance(source, ast.Call) or call_name(source) not in ("items", "keys"):
        return ""
    owner = written(source.func).rpartition(".")[0]
    loaded = any(isinstance(value, ast.Call) and _LOADS.search(written(value.func)) for value in values.get(owner, ()))
    target = loop.target.elts[0] if isinstance(loop.target, ast.Tuple) else loop.target
    return written(target) if loaded or _CHECKPOINT.search(owner) else ""


def _rewritten(node: ast.AST, key: str) -> Iterator[Found]:
    for inner in ast.walk(node):
        if isinstance(inner, ast.Subscript) and written(inner.value) == key and isinstance(inner.slice, ast.Slice):
            start = inner.slice.lower
            if isinstance(start, ast.Constant) and inner.slice.upper is None:
                yield "checkpoint", f"`{written(inner)}` (cuts {start.value} characters off every key)", inner
        elif call_name(inner) in _METHODS and _constant(inner) and written(inner).startswith(f"{key}."):
            yield "checkpoint", f"`{_short(written(inner))}` (on every key)", inner


def _constant(node: ast.AST) -> bool:
    arguments = getattr(node, "args", [])
    return bool(arguments) and isinstance(arguments[0], ast.Constant)


def _in_model(unit: Unit, body: ast.AST) -> bool:
    return any(
        isinstance(around, ast.ClassDef)
        and any(isinstance(item, ast.FunctionDef) and item.name == "forward" for item in around.body)
        for around in unit.enclosing(body)
    )


def _sizes(node: ast.AST) -> Iterator[Found]:
    if isinstance(node, ast.Dict):
        pairs = [(str(k.value), v) for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant)]
        yield from _named(pairs, node, "")
    elif isinstance(node, ast.Call) and call_name(node)[:1].isupper() and call_name(node) not in RESIZES:
        yield from _named([(k.arg or "", k.value) for k in node.keywords], node, call_name(node))
    elif isinstance(node, ast.Call) and call_name(node) in RESIZES and "fromarray(" not in written(node.func):
        given = [*node.args, *(keyword.value for keyword in node.keywords)]
        if any(isinstance(value, ast.Tuple) and all(map(_side, value.elts)) and value.elts for value in given):
            yield "sizes", f"`{_short(written(node))}`", node


def _named(pairs: list[tuple[str, ast.expr]], node: ast.AST, owner: str) -> Iterator[Found]:
    found = [f"{name}={written(value)}" for name, value in pairs if DIMENSIONS.search(name) and _number(value)]
    if found:
        told = ", ".join(found)
        yield "sizes", f"`{owner}({told})`" if owner else f"`{told}`", node


def _number(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and type(value.value) is int


def _side(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and type(value.value) is int and value.value >= LEAST


def _short(text: str, longest: int = 100) -> str:
    flat = text.replace("`", "'")
    return flat if len(flat) <= longest else flat[: longest - 1] + "…"


def is_prompt(name: str, value: ast.expr) -> bool:
    """Whether a text is a prompt by its name and the marks of a conversation in it; a page of HTML is none."""
    text = value.value if isinstance(value, ast.Constant) else None
    written_so = isinstance(text, str) and bool(_PROMPT.search(name) and _MARK.search(text))
    return written_so and not _PAGE.search(str(text))


def is_number(value: ast.expr) -> bool:
    """Whether an expression is a number, one worked out of numbers, or a few of them."""
    if isinstance(value, ast.BinOp):
        return is_number(value.left) and is_number(value.right)
    if isinstance(value, ast.Tuple | ast.List):
        return 0 < len(value.elts) <= FEW and all(map(is_number, value.elts))
    plain = isinstance(value, ast.Constant) and isinstance(value.value, int | float)
    return plain and not isinstance(value.value, bool)  # type: ignore[union-attr]


def is_table(value: ast.Dict | ast.List | ast.Tuple) -> bool:
    """Whether at least half of a table or list are texts and numbers, four or more."""
    items = [*value.keys, *value.values] if isinstance(value, ast.Dict) else value.elts
    texts = [item for item in items if isinstance(item, ast.Constant) and isinstance(item.value, str | int)]
    return len(texts) >= FEW and len(texts) * 4 >= len(items) * 2
