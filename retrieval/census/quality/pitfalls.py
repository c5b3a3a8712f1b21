"""Pitfalls that stand in single statements of Python code, beyond those that `quality` reports.

Each is a place with a sentence that says what stands there; whether it does harm is left to the reader.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from itertools import pairwise

from retrieval.census.dependencies.constraints import compares_texts
from retrieval.census.meaning.units import Function, Unit, call_name, own_nodes
from retrieval.languages import words
from retrieval.pyast import dotted, source_of

Pitfall = tuple[str, ast.AST, str]  # name, the node that shows it, text without the place

_ERROR = re.compile(r"^[A-Z]\w*(?:Error|Exception)$")
_OPENERS = words("open io.open gzip.open bz2.open lzma.open codecs.open builtins.open tarfile.open zipfile.ZipFile")
_CLOSING = words("close __exit__ shutdown")
_CACHES = words("lru_cache cache functools.lru_cache functools.cache")
_TENSORS = re.compile(r"(?:^|[.\[ |])(?:Tensor|Module|\w*Model|ndarray)\b")
_TROUBLE = re.compile(
    r"\b(?:errors?|warn(?:ing)?|fail(?:ed|ure|s)?|exception|cannot|could not|can't|unable|invalid|skipping)\b", re.I
)
_BROAD = words("Exception BaseException")
_LEAVING = ast.Return | ast.Raise | ast.Continue | ast.Break
_MUTABLE = words("list dict set defaultdict OrderedDict deque Counter")
_DECLARED = re.compile(r"(?:^|\.)(?:Enum|IntEnum|StrEnum|NamedTuple|TypedDict|BaseModel|BaseSettings|Structure)$")
_RECORDS = re.compile(r"(?:^|\.)(?:dataclass|define|frozen|attrs|s)$")


def pitfalls(unit: Unit) -> Iterator[Pitfall]:
    """Every pitfall of a file or notebook cell, in no particular order."""
    for node in unit.nodes:
        for search in _SEARCHES:
            yield from search(unit, node)


def _returned_error(unit: Unit, node: ast.AST) -> Iterator[Pitfall]:
    name = call_name(node.value) if isinstance(node, ast.Return) else ""
    if isinstance(node, ast.Return) and node.value is not None and _ERROR.match(name):
        function = next((f for f in unit.enclosing(node) if isinstance(f, Function)), None)
        annotated = function is not None and function.returns is not None
        making = function is not None and re.search(r"error|exception", function.name, re.IGNORECASE)
        if not annotated and not making:
            yield "returned error", node, f"an error is returned instead of raised: `{source_of(node, 120)}`"


def _version_text(unit: Unit, node: ast.AST) -> Iterator[Pitfall]:
    if isinstance(node, ast.Compare) and compares_texts(node):
        text = f"a version is compared with a string instead of a parsed version: `{source_of(node)}`"
        yield "version compared as text", node, text


def _unclosed(unit: Unit, node: ast.AST) -> Iterator[Pitfall]:
    if not isinstance(node, ast.Call) or dotted(node.func) not in _OPENERS:
        return
    around: ast.AST = node
    parent = unit.parents.get(node)
    while isinstance(parent, ast.IfExp | ast.BoolOp | ast.NamedExpr):
        around, parent = parent, unit.parents.get(parent)
    if isinstance(parent, ast.withitem | ast.Return | ast.Yield | ast.YieldFrom | ast.Lambda | ast.keyword):
        return
    if isinstance(parent, ast.Call) and call_name(parent) in words("closing enter_context push callback"):
        return
    if isinstance(parent, ast.Assign | ast.AnnAssign) and not _left_open(unit, node, parent):
        return
    statement = around
    while not isinstance(statement, ast.stmt) and statement in unit.parents:
        statement = unit.parents[statement]
    whole = source_of(statement, 400) if not hasattr(statement, "body") else ""
    shown = whole if whole and len(whole) <= 100 else source_of(around, 100)
    yield "file never closed", node, f"a file is opened without `with` and never closed explicitly: `{shown}`"


def _left_open(unit: Unit, node: ast.Call, statement: ast.Assign | ast.AnnAssign) -> bool:
    """Whether an opened file is bound to a name that its function neither closes, enters nor hands on."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if len(targets) != 1 or not isinstance(targets[0], ast.Name):
        return False
    name = targets[0].id
    scope = next((f for f in unit.enclosing(node) if isinstance(f, Function)), None) or unit.tree
    for other in ast.walk(scope):
        match other:
            case ast.Attribute(value=ast.Name(id=used), attr=method) if used == name and method in _CLOSING:
                return False
            case ast.withitem(context_expr=ast.Name(id=used)) if used == name:
                return False
            case ast.Return(value=ast.Name(id=used)) | ast.Yield(value=ast.Name(id=used)) if used == name:
                return False
            case ast.Global(names=names) | ast.Nonlocal(names=names) if name in names:
                return False
            case ast.Assign(value=ast.Name(id=used)) if used == name:
                return False
            case ast.Call(args=arguments) if any(isinstance(a, ast.Name) and a.id == name for a in arguments):
                return call_name(other) in words("load loads safe_load reader DictReader enumerate iter list read_csv")
    return True


def _cached(unit: Unit, node: ast.AST) -> Iterator[Pitfall]:
    if not isinstance(node, Function):
        return
    marks = [d for d in node.decorator_list if dotted(d.func if isinstance(d, ast.Call) else d) in _CACHES]
    if not marks:
        return
    mark, symbol = source_of(marks[0], 60), unit.symbol_of(node)
    parameters = [item.arg for item in node.args.args]
    if parameters[:1] == ["self"]:
        text = f"`@{mark}` on the method `{symbol}` keeps every object it was called on alive"
        yield "cached method", node, text
        return
    returned = source_of(node.returns) if node.returns else ""
    made = [n.value for n in own_nodes(node) if isinstance(n, ast.Return) and n.value is not None]
    tensors = bool(_TENSORS.search(returned)) or any(_makes_tensor(value) for value in made)
    if tensors:
        what = f"`{returned}`" if _TENSORS.search(returned) else f"`{source_of(made[0], 80)}`"
        text = f"`@{mark}` on `{symbol}` keeps what it returns ({what}) in memory, one for each set of arguments"
        yield "cached tensor", node, text


def _makes_tensor(value: ast.expr) -> bool:
    for node in ast.walk(value):
        name = dotted(node.func) if isinstance(node, ast.Call) else ""
        if name.split(".")[0] in ("torch", "jax", "jnp", "tf") and name not in (
            "torch.device",
            "torch.cuda.is_available",
        ):
            return True
        if isinstance(node, ast.Call) and call_name(node) in ("cuda", "from_pretrained", "load_model", "from_numpy"):
            return True
    return False


def _assert_false(unit: Unit, node: ast.AST) -> Iterator[Pitfall]:
    if isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant) and not node.test.value:
        yield "assert false", node, f"`{source_of(node, 100)}` stands for an error; `python -O` removes it"


def _unreachable(unit: Unit, node: ast.AST) -> Iterator[Pitfall]:
    for block in ("body", "orelse", "finalbody"):
        body = getattr(node, block, None)
        for first, second in pairwise(body) if isinstance(body, list) else ():
            if not isinstance(first, _LEAVING) or _makes_generator(second):
                continue
            word = source_of(first, 60)
            yield "unreachable code", second, f"code after `{word}` is never reached: `{source_of(second, 80)}`"
            break


def _makes_generator(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Yield)


def _printed(unit: Unit, node: ast.AST) -> Iterator[Pitfall]:
    if not isinstance(node, ast.Call) or dotted(node.func) != "print":
        return
    parents = list(_above(unit, node))
    handler = any(isinstance(parent, ast.ExceptHandler) for parent in parents)
    told = " ".join(n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))
    error = any(k.arg == "file" and "stderr" in source_of(k.value) for k in node.keywords)
    if handler or error or _TROUBLE.search(told):
        yield (
            "error printed",
            node,
            f"a problem is reported with `print` instead of a log or an error: `{source_of(node)}`",
        )


def _above(unit: Unit, node: ast.AST) -> Iterator[ast.AST]:
    current = unit.parents.get(node)
    while current is not None and not isinstance(current, Function | ast.ClassDef):
        yield current
        current = unit.parents.get(current)


def _broad(unit: Unit, node: ast.AST) -> Iterator[Pitfall]:
    if not isinstance(node, ast.ExceptHandler) or node.type is None:
        return
    kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
    silent = all(isinstance(part, ast.Pass | ast.Continue) for part in node.body)
    if silent or not any(dotted(item) in _BROAD for item in kinds):
        return
    if any(isinstance(inner, ast.Raise) for inner in ast.walk(node)):
        return
    done = "; ".join(source_of(part, 70) for part in node.body[:2]).replace("`", "'")
    yield (
        "broad except",
        node,
        f"`except {source_of(node.type)}` catches every error and does not raise it again: `{done}`",
    )


def _class_attribute(unit: Unit, node: ast.AST) -> Iterator[Pitfall]:
    if not isinstance(node, ast.ClassDef) or any(_DECLARED.search(dotted(base)) for base in node.bases):
        return
    if any(_RECORDS.search(dotted(d.func if isinstance(d, ast.Call) else d)) for d in node.decorator_list):
        return
    for statement in node.body:
        if not isinstance(statement, ast.Assign):
            continue
        for target in statement.targets:
            name = target.id if isinstance(target, ast.Name) else ""
            if name and not name.startswith("__") and not name.isupper() and _is_mutable(statement.value):
                text = f"the class attribute `{node.name}.{name}` is mutable and shared by all objects: "
                yield "mutable class attribute", statement, f"{text}`{source_of(statement, 80)}`"


def _is_mutable(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return dotted(node.func).rpartition(".")[2] in _MUTABLE
    return isinstance(node, ast.List | ast.Dict | ast.Set | ast.ListComp | ast.DictComp | ast.SetComp)


def _raised_text(unit: Unit, node: ast.AST) -> Iterator[Pitfall]:
    value = node.exc if isinstance(node, ast.Raise) else None
    if isinstance(value, ast.JoinedStr) or (isinstance(value, ast.Constant) and isinstance(value.value, str)):
        text = f"a string is raised, which is itself a `TypeError` when the line runs: `{source_of(node, 100)}`"
        yield "string raised", node, text


def _unused_round(unit: Unit, node: ast.AST) -> Iterator[Pitfall]:
    """`for p in net.parameters(): net.requires_grad = False` sets one attribute again and again."""
    if not isinstance(node, ast.For) or not isinstance(node.target, ast.Name) or len(node.body) != 1:
        return
    statement = node.body[0]
    if not isinstance(statement, ast.Assign) or not isinstance(statement.targets[0], ast.Attribute):
        return
    used = {name.id for name in ast.walk(statement) if isinstance(name, ast.Name)}
    if node.target.id not in used and used:
        text = f"every round sets the same attribute, the loop's `{node.target.id}` is not used: "
        yield "loop variable unused", node, f"{text}`{source_of(statement, 80)}`"


_SEARCHES: tuple[Callable[[Unit, ast.AST], Iterator[Pitfall]], ...] = (
    _returned_error,
    _version_text,
    _unclosed,
    _cached,
    _assert_false,
    _unreachable,
    _printed,
    _broad,
    _class_attribute,
    _raised_text,
    _unused_round,
)
