"""What a function's `return` hands out when that is a dictionary, a list of dictionaries or a tuple.

Reads one body: literals, `dict(…)`, and variables that a literal starts and `x[key] = …` or `x.update(…)` go
on with. Follows no calls; what another function gives is named as such.
"""

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from retrieval.census.meaning.units import Conditions, Function, call_name, guarded, quoted, written


@dataclass(frozen=True, slots=True)
class Key:
    """A key as written (a plain word without its quotes), its line, and the conditions under which it is set."""

    text: str
    line: int
    conditions: Conditions = ()
    plain: bool = True  # a string constant


@dataclass(slots=True)
class Built:
    """A dictionary: its keys, and what else goes into it as a whole (`**x`, `x.update(y)`, the start)."""

    keys: list[Key] = field(default_factory=list)
    wholes: list[Key] = field(default_factory=list)
    start: str = ""  # "parameter" or "call" when the dictionary comes from elsewhere, with `origin`
    origin: str = ""

    def add(self, other: "Built", conditions: Conditions) -> None:
        """Take in the content of another dictionary that is merged into this one under conditions."""
        self.keys += [Key(key.text, key.line, conditions, key.plain) for key in other.keys]
        self.wholes += [Key(whole.text, whole.line, conditions) for whole in other.wholes]


@dataclass(frozen=True, slots=True)
class Returned:
    """One `return` with a value; `others` are the lines of the function's other returns."""

    node: ast.Return
    value: ast.expr
    conditions: Conditions
    others: tuple[int, ...]


Statements = Sequence[tuple[ast.stmt, Conditions]]


def returns_of(statements: Statements) -> Iterator[Returned]:
    """Every `return` with a value among the statements, each arm of a conditional expression by itself."""
    found = [(node, around) for node, around in statements if isinstance(node, ast.Return)]
    lines = [node.lineno for node, _ in found if node.value is not None]
    for node, around in found:
        others = tuple(line for line in lines if line != node.lineno)
        for value, inner in _arms(node.value):
            yield Returned(node, value, (*around, *inner), others)


def _arms(value: ast.expr | None) -> Iterator[tuple[ast.expr, Conditions]]:
    if isinstance(value, ast.IfExp):
        condition = quoted(value.test, 80)
        yield from ((inner, (condition, *more)) for inner, more in _arms(value.body))
        yield from ((inner, (f"{condition} is false", *more)) for inner, more in _arms(value.orelse))
    elif value is not None:
        yield value, ()


def statements_of(function: Function) -> Statements:
    """The statements of a body with their conditions."""
    return list(guarded(function.body))


def before(given: Returned, statements: Statements) -> Statements:
    """The statements that stand before a `return`."""
    return statements[: next(i for i, (node, _) in enumerate(statements) if node is given.node)]


def dictionary(value: ast.expr, function: Function, statements: Statements) -> Built | None:
    """The dictionary that an expression is, None when it is none that this body builds or adds keys to."""
    if isinstance(value, ast.Name):
        return _variable(value.id, function, statements)
    return _literal(value)


def rows(value: ast.expr, function: Function, statements: Statements) -> Built | None:
    """The dictionaries that a list holds: a comprehension, a literal, or what `append` adds to a variable."""
    if isinstance(value, ast.ListComp):
        return dictionary(value.elt, function, statements)
    if isinstance(value, ast.List):
        found = [_literal(item) for item in value.elts]
        return found[0] if found and all(item is not None for item in found) else None
    if not isinstance(value, ast.Name):
        return None
    starts = assigned(value.id, statements)
    if len(starts) == 1 and (isinstance(starts[0], ast.ListComp) or getattr(starts[0], "elts", ())):
        return None if isinstance(starts[0], ast.Name) else rows(starts[0], function, statements)
    if not starts or not all(isinstance(item, ast.List) and not item.elts for item in starts):
        return None
    appended = [call.args[0] for node, _ in statements for call in _calls(node, value.id, "append") if call.args]
    found = [dictionary(item, function, statements) for item in appended]
    return found[0] if len(found) == 1 else None


def assigned(name: str, statements: Statements) -> list[ast.expr]:
    """Every value that the statements bind a name to."""
    return [value for node, _ in statements for value in _assigned(node, name)]


def _literal(value: ast.expr | None) -> Built | None:
    if isinstance(value, ast.Dict):
        built = Built()
        for key, item in zip(value.keys, value.values, strict=True):
            line = item.lineno
            if key is None:
                built.wholes.append(Key(quoted(item, 60), line))
            else:
                built.keys.append(_key(key, line, ()))
        return built
    if call_name(value) in ("dict", "OrderedDict") and isinstance(value, ast.Call):
        built = _literal(value.args[0]) if value.args and isinstance(value.args[0], ast.Dict) else Built()
        if built is None or (value.args and not isinstance(value.args[0], ast.Dict)):
            return None
        built.keys += [Key(item.arg, item.value.lineno) for item in value.keywords if item.arg]
        built.wholes += [Key(quoted(k.value, 60), k.value.lineno) for k in value.keywords if not k.arg]
        return built
    return None


def _key(node: ast.expr, line: int, conditions: Conditions) -> Key:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return Key(node.value, line, conditions)
    return Key(written(node), line, conditions, plain=False)


def _variable(name: str, function: Function, statements: Statements) -> Built | None:
    built: Built | None = None
    for node, around in statements:
        for value in _assigned(node, name):
            started = _literal(value)
            if built is not None and started is not None and (built.keys or built.wholes):
                return None  # several dictionaries under one name: which is returned is not certain
            if started is None and built is not None:
                return None
            built = started or Built(start="call", origin=quoted(value, 80))
        for key in _stored(node, name):
            built = built or _parameter(name, function)
            if built is not None:
                built.keys.append(_key(key, node.lineno, around))
        for call in _calls(node, name, "update"):
            if built is not None:
                _merge(built, call, around)
    if built is None or not any(key.plain for key in built.keys):
        return None
    return None if built.start and not all(key.plain for key in built.keys) else built


def _parameter(name: str, function: Function) -> Built | None:
    given = function.args
    names = [item.arg for item in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return Built(start="parameter", origin=f"`{name}`") if name in names else None


def _assigned(node: ast.stmt, name: str) -> Iterator[ast.expr]:
    targets = node.targets if isinstance(node, ast.Assign) else []
    if isinstance(node, ast.AnnAssign) and node.value is not None:
        targets = [node.target]
    for target in targets:
        if isinstance(target, ast.Name) and target.id == name and isinstance(node, ast.Assign | ast.AnnAssign):
            yield from [node.value] if node.value is not None else []
        elif isinstance(target, ast.Tuple) and isinstance(node, ast.Assign) and _among(target.elts, name):
            yield node.value


def _among(targets: Sequence[ast.expr], name: str) -> bool:
    return any(isinstance(item, ast.Name) and item.id == name for item in targets)


def _stored(node: ast.stmt, name: str) -> Iterator[ast.expr]:
    for target in node.targets if isinstance(node, ast.Assign) else ():
        for item in target.elts if isinstance(target, ast.Tuple) else [target]:
            if isinstance(item, ast.Subscript) and isinstance(item.value, ast.Name) and item.value.id == name:
                yield item.slice


def _calls(node: ast.stmt, name: str, method: str) -> Iterator[ast.Call]:
    call = node.value if isinstance(node, ast.Expr) else None
    if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == method:
        owner = call.func.value
        if isinstance(owner, ast.Name) and owner.id == name:
            yield call


def _merge(built: Built, call: ast.Call, around: Conditions) -> None:
    for item in call.args:
        merged = _literal(item)
        if merged is not None:
            built.add(merged, around)
        else:
            built.wholes.append(Key(quoted(item, 60), item.lineno, around))
    built.keys += [Key(item.arg, item.value.lineno, around) for item in call.keywords if item.arg]
