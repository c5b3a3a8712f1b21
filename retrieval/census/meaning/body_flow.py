"""What flows from call to call inside one function: from loops and parameters into steps, and from step to step.

Which calls are steps is said by whoever asks. Values are followed in source order through names, unpacking, loops,
containers, entries, comprehensions and outside calls; the arms of a condition are read apart and joined behind it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from retrieval.census.meaning.flow_names import SETTINGS, each_of, read_names, scalars, short, stored_names
from retrieval.census.meaning.traces import ADDING
from retrieval.census.meaning.units import Function, call_name, written
from retrieval.languages import words

_PLAIN = words("len isinstance issubclass print range id type hasattr callable bool repr format time size dim numel")
_MEASURES = words("shape size ndim dtype device")
_SAME = words("list tuple iter next sorted reversed set enumerate zip dict copy")
_FILLING = ADDING | {"add", "update"}
DEEPEST = 4
Origins = dict["Step", str]
Fills = Callable[[ast.Call], list[tuple[ast.expr, list[str]]]]


@dataclass(eq=False, slots=True)
class Taken:
    """One argument of a step: as written, the steps it comes from with the part taken, else where it comes from."""

    text: str
    splat: bool
    makers: Origins
    source: str = ""
    receiver: bool = False


@dataclass(eq=False, slots=True)
class Step:
    """A call (or `return`, `yield`) with what it takes, the names its result is bound to, and what it sets in what it
    is given: the argument as written with entries and attributes."""

    node: ast.expr | ast.stmt
    callee: str
    takes: list[Taken] = field(default_factory=list)
    gives: list[str] = field(default_factory=list)
    fills: dict[str, list[str]] = field(default_factory=dict)

    @property
    def makers(self) -> list[Step]:
        """The steps that it takes something from."""
        return list(dict.fromkeys(maker for taken in self.takes for maker in taken.makers))


def steps_in(function: Function, is_step: Callable[[ast.Call], bool], fills: Fills = lambda _: []) -> list[Step]:
    """The steps of a function in source order; `return` and `yield` are steps where they give a step's result.

    `fills` says in which arguments of a call the called function sets entries or attributes, and which.
    """
    flow = _Flow(function, is_step, fills)
    flow.block(function.body)
    return flow.steps


class _Flow:
    """Reads one function."""

    def __init__(self, function: Function, is_step: Callable[[ast.Call], bool], fills: Fills) -> None:
        self.is_step = is_step
        self.fills = fills
        self.steps: list[Step] = []
        self.made: dict[str, Origins] = {}
        given = function.args
        self.back: dict[str, tuple[str, list[str]]] = {
            item.arg: ("parameter", [])
            for item in (*given.posonlyargs, *given.args, *given.kwonlyargs)
            if item.arg not in scalars(function)
        }

    def block(self, body: Iterable[ast.stmt]) -> None:
        """Read statements in order."""
        for statement in body:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Assign(targets=targets, value=value):
                self._assigned(targets, value)
            case ast.AnnAssign(target=target, value=value) if value is not None:
                self._assigned([target], value)
            case ast.AugAssign(target=target, value=value):
                self._put(target, self.value(value))
            case ast.Return(value=value) if value is not None:
                self._ends(node, "return", value)
            case ast.Expr(value=value):
                self.value(value)
            case _:
                self._compound(node)

    def _compound(self, node: ast.stmt) -> None:
        match node:
            case ast.For() | ast.AsyncFor():
                self._bind(node.target, self.value(node.iter))
                self._remember(node.target, each_of(node.iter), [])
                self.block((*node.body, *node.orelse))
            case ast.While():
                self.value(node.test)
                self.block((*node.body, *node.orelse))
            case ast.If():
                self.value(node.test)
                self._arms(node.body, node.orelse)
            case ast.With() | ast.AsyncWith():
                self._entered(node)
            case ast.Try():
                self._arms((*node.body, *node.orelse), *(handler.body for handler in node.handlers))
                self.block(node.finalbody)
            case ast.Match():
                self._arms(*(case.body for case in node.cases))

    def _entered(self, node: ast.With | ast.AsyncWith) -> None:
        for item in node.items:
            made = self.value(item.context_expr)
            if item.optional_vars is not None:
                self._bind(item.optional_vars, made)
        self.block(node.body)

    def _arms(self, *arms: Iterable[ast.stmt]) -> None:
        before = {name: dict(made) for name, made in self.made.items()}
        after: dict[str, Origins] = {}
        for arm in arms:
            self.made = {name: dict(made) for name, made in before.items()}
            self.block(arm)
            for name, made in self.made.items():
                after.setdefault(name, {}).update(made)
        self.made = after

    def _ends(self, node: ast.stmt | ast.expr, word: str, value: ast.expr) -> None:
        parts = value.elts if isinstance(value, ast.Tuple) else [value]
        takes = [taken for part in parts if (taken := self._taken(part)).makers]
        if takes:
            self.steps.append(Step(node, word, takes))

    def _assigned(self, targets: list[ast.expr], value: ast.expr) -> None:
        count = len(self.steps)
        first = targets[0]
        pairs = isinstance(value, ast.Tuple) and isinstance(first, ast.Tuple) and len(value.elts) == len(first.elts)
        if isinstance(value, ast.Tuple) and isinstance(first, ast.Tuple) and pairs:
            for target, part in zip(first.elts, value.elts, strict=True):
                self._assigned([target], part)
            return
        made = self.value(value)
        for target in targets:
            self._bind(target, made)
            if not made:
                self._remember(target, "", read_names(value))
            for step in self.steps[count:]:
                if step in made:
                    step.gives += [name for name in stored_names(target) if name not in step.gives]

    def _bind(self, target: ast.expr, made: Origins) -> None:
        if isinstance(target, ast.Tuple | ast.List):
            for item in target.elts:
                self._bind(item, made)
        elif isinstance(target, ast.Starred):
            self._bind(target.value, made)
        elif isinstance(target, ast.Subscript):
            self._put(target.value, made)
        else:
            self.made[written(target)] = dict(made)

    def _put(self, holder: ast.expr, made: Origins) -> None:
        while isinstance(holder, ast.Subscript):
            holder = holder.value
        if made and isinstance(holder, ast.Name | ast.Attribute):
            self.made.setdefault(written(holder), {}).update(made)

    def _remember(self, target: ast.expr, said: str, names: list[str]) -> None:
        for name in stored_names(target):
            if name not in names:
                self.back[name] = (said, names)

    def value(self, node: ast.expr | None) -> Origins:
        """The steps that an expression comes from; steps inside it are noted."""
        match node:
            case ast.Name(id=name):
                return dict(self.made.get(name, {}))
            case ast.Attribute():
                held = self.made.get(written(node))
                if held is None and node.attr in _MEASURES:
                    self.value(node.value)
                    return {}
                return dict(held) if held is not None else _part(self.value(node.value), node.attr)
            case ast.Subscript():
                key = node.slice.value if isinstance(node.slice, ast.Constant) else ""
                return _part(self.value(node.value), key if isinstance(key, str) else "")
            case ast.Call():
                return self._called(node)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                return self._comprehended(node)
            case ast.Lambda() | None:
                return {}
        return self._passing(node)

    def _passing(self, node: ast.expr) -> Origins:
        """Expressions that bind, give out or only compare."""
        match node:
            case ast.NamedExpr():
                made = self.value(node.value)
                self._bind(node.target, made)
                return made
            case ast.Yield() | ast.YieldFrom() if node.value is not None:
                self._ends(node, "yield", node.value)
                return {}
            case ast.Compare():
                self._joined((node.left, *node.comparators))
                return {}
        return self._joined(child for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))

    def _comprehended(self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> Origins:
        for part in node.generators:
            self._bind(part.target, self.value(part.iter))
            self._remember(part.target, each_of(part.iter), [])
        return self.value(node.value if isinstance(node, ast.DictComp) else node.elt)

    def _joined(self, nodes: Iterable[ast.expr]) -> Origins:
        found: Origins = {}
        for node in nodes:
            found.update(self.value(node))
        return found

    def _called(self, node: ast.Call) -> Origins:
        holder = node.func.value if isinstance(node.func, ast.Attribute) else None
        if self.is_step(node):
            return {self._step(node, holder): ""}
        name = call_name(node)
        held = self.value(holder) if holder is not None else {}
        given = self._joined([*node.args, *(k.value for k in node.keywords if k.arg not in SETTINGS)])
        if name in _FILLING and holder is not None:
            self._put(holder, given)
            return {}
        if name in _PLAIN:
            return {}
        return {**held, **given} if name in _SAME else dict.fromkeys({**held, **given}, "")

    def _step(self, node: ast.Call, holder: ast.expr | None) -> Step:
        takes = [self._taken(argument) for argument in node.args]
        takes += [self._taken(keyword.value, splat=keyword.arg is None) for keyword in node.keywords]
        held = self.value(holder) if holder is not None and not isinstance(holder, ast.Name) else {}
        if isinstance(holder, ast.Name) and (own := self.made.get(holder.id)):
            held = own
        if held and holder is not None and not isinstance(holder, ast.Call):
            takes.insert(0, Taken(short(holder), False, held, receiver=True))
        step = Step(node, written(node.func), takes)
        self.steps.append(step)
        for argument, names in self.fills(node):
            step.fills[short(argument)] = names
            self._put(argument, {step: ""})
        return step

    def _taken(self, node: ast.expr, splat: bool = False) -> Taken:
        inner = node.value if isinstance(node, ast.Starred) else node
        made = self.value(inner)
        taken = Taken(short(inner), splat, made)
        if not made and not (isinstance(inner, ast.Attribute) and inner.attr in _MEASURES):
            taken.source = next(filter(None, map(self._came, read_names(inner))), "")
        return taken

    def _came(self, name: str, depth: int = DEEPEST) -> str:
        """Where a name that no step made comes from: "from `batch`, each of `loader`"; of a long way the first name."""
        said, names = self.back.get(name, ("", []))
        if said or not depth:
            return said
        for inner in names:
            if inner in self.back and (found := self._came(inner, depth - 1)):
                short_way = "" if found.startswith("from") else f", {found}"
                return found if found == "parameter" else f"from `{inner}`{short_way}"
        return ""


def _part(made: Origins, key: str) -> Origins:
    return {step: key or part for step, part in made.items()}
