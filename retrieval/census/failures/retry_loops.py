"""Loops that do the same thing again until its result passes a test.

Works on one syntax tree at a time. A search (the loop's item is what is tested), an iteration (what is computed
goes into the next round) and a loop over work are no retries: in doubt nothing is said.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from retrieval.census.meaning.units import Unit, call_name, own_nodes, quoted
from retrieval.retrying import ATTEMPT, CONTAINER_METHODS, SILENT

FALLBACK = re.compile(r"(?i)(?:^|_)fallback(?:$|_)")
_POLLED = re.compile(
    r"(?i)(?:^|_)(?:stop|stopped|cancel\w*|abort\w*|alive|done|finished|empty|ready|requested|interrupted|should)(?:_|$)|^poll$"
)
"""Questions that a loop asks while it waits or works: nothing failed."""
COUNTERS = frozenset(["range", "count", "enumerate", "zip", "tqdm", "trange", "reversed", "sorted"])
QUIET = frozenset(["print", "sleep", "warn", "info", "debug", "warning", "error", "exception", "log"])
_LOOPS = ast.For | ast.AsyncFor | ast.While


@dataclass(frozen=True, slots=True)
class Again:
    """Something done again: the node that shows it, the call, the words, and the test that decides."""

    node: ast.AST
    call: ast.Call
    text: str
    test: ast.expr


@dataclass(frozen=True, slots=True)
class _Leave:
    """A test that ends a loop: what it tests, whether it ends when false, and by which statement."""

    test: ast.expr
    negated: bool
    statement: ast.stmt


def retry_loops(unit: Unit) -> Iterator[Again]:
    """The loops of a file that repeat a call until a test passes."""
    for loop in unit.nodes:
        if isinstance(loop, _LOOPS):
            found = next(filter(None, (_repeated(unit, loop, leave) for leave in _leaves(loop))), None)
            if found is not None:
                yield found


def _leaves(loop: _LOOPS) -> Iterator[_Leave]:
    """The tests in a loop's own statements after which it is left."""
    for node in _own_statements(loop):
        if not isinstance(node, ast.If):
            continue
        for block, negated in ((node.body, False), (node.orelse, True)):
            if block and isinstance(block[-1], ast.Break | ast.Return):
                yield _Leave(node.test, negated, block[-1])
        if isinstance(node.body[-1], ast.Continue) and isinstance(loop.body[-1], ast.Break | ast.Return):
            yield _Leave(node.test, True, loop.body[-1])


def _own_statements(loop: _LOOPS) -> Iterator[ast.stmt]:
    stack: list[ast.AST] = list(reversed(loop.body))
    while stack:
        node = stack.pop()
        if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node
            if not isinstance(node, _LOOPS):
                stack.extend(reversed(list(ast.iter_child_nodes(node))))


def _repeated(unit: Unit, loop: _LOOPS, leave: _Leave) -> Again | None:
    flow = _Flow(loop)
    call = flow.tested_call(leave.test)
    if call is None or flow.carried(call) or _POLLED.search(call_name(call)):
        return None
    named = _names_attempts(loop, leave)
    if not named and not _varies(unit, loop, leave, call, flow):
        return None
    if isinstance(loop, ast.While):
        head = f"while {quoted(loop.test, 60)}"
    else:
        head = f"for each `{ast.unparse(loop.target)} in {quoted(loop.iter, 60)[1:]}"
    text = f"repeats `{ast.unparse(call.func)}()` {head} until {_until(leave)}"
    text += _set_by(loop, leave.test)
    if isinstance(leave.statement, ast.Break) and flow.result_kept(unit, call):
        text += "; the last result is kept when none passes"
    return Again(loop, call, text, leave.test)


def _until(leave: _Leave) -> str:
    test, negated = leave.test, leave.negated
    while isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test, negated = test.operand, not negated
    if isinstance(test, ast.Compare | ast.BoolOp):
        return f"{quoted(test, 80)} is false" if negated else f"{quoted(test, 80)} holds"
    return f"{quoted(test, 80)} is {'false' if negated else 'true'}"


def _set_by(loop: _LOOPS, test: ast.expr) -> str:
    """What sets the flag that a loop is left by: the comparisons under which it gets a constant; "" for none."""
    inner = test.operand if isinstance(test, ast.UnaryOp) else test
    if not isinstance(inner, ast.Name):
        return ""
    found: dict[bool, list[str]] = {}
    for node in _own_statements(loop):
        if not isinstance(node, ast.If):
            continue
        for statement in node.body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=bool() as value)):
                    if name == inner.id:
                        found.setdefault(value, []).append(quoted(node.test, 160))
    parts = [f"{value} when {' or '.join(tests)}" for value, tests in sorted(found.items(), reverse=True)]
    return f" (`{inner.id}` becomes {'; '.join(parts)})" if parts else ""


def _names_attempts(loop: _LOOPS, leave: _Leave) -> bool:
    """Whether the loop's head or its test says that this is another attempt."""
    heads = [loop.test] if isinstance(loop, ast.While) else [loop.target, loop.iter]
    if any(ATTEMPT.search(name) for head in heads for name in _names(head)):
        return True
    return any(FALLBACK.search(name) or ATTEMPT.search(name) for name in _names(leave.test))


def _varies(unit: Unit, loop: _LOOPS, leave: _Leave, call: ast.Call, flow: "_Flow") -> bool:
    """Whether the loop tries one setting after the other on the same thing and keeps the last result."""
    if not isinstance(loop, ast.For) or not isinstance(leave.statement, ast.Break) or call_name(loop.iter) in COUNTERS:
        return False
    if not isinstance(leave.test, ast.Compare | ast.BoolOp | ast.UnaryOp) or _is_presence(leave.test):
        return False
    target = _names(loop.target)
    direct = {name for value in call.args for name in ([value.id] if isinstance(value, ast.Name) else [])}
    given = [*call.args, *(keyword.value for keyword in call.keywords)]
    varying = [bool(flow.sources(_names(value)) & target) for value in given]
    alone = all(_harmless(node, flow) for node in _own_statements(loop))
    same = any(not found and _names(value) for value, found in zip(given, varying, strict=True))
    fits = any(varying) and same and not (direct | _names(call.func)) & target
    return fits and alone and flow.result_kept(unit, call)


def _is_presence(test: ast.expr) -> bool:
    """`x is not None` and the like: what is tested is whether something was found."""
    inner = test.operand if isinstance(test, ast.UnaryOp) else test
    if isinstance(inner, ast.Compare):
        return any(isinstance(item, ast.Constant) and item.value is None for item in inner.comparators)
    return False


def _harmless(node: ast.stmt, flow: "_Flow") -> bool:
    """Whether a statement changes nothing outside the loop: it is a message, or acts on what the loop makes."""
    if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Call):
        return not isinstance(node, ast.AugAssign | ast.Delete)
    return call_name(node.value) in QUIET or bool(_names(node.value.func) & flow.bound)


class _Flow:
    """Which names of a loop depend on which."""

    def __init__(self, loop: _LOOPS) -> None:
        self.loop = loop
        self.values: dict[str, list[tuple[ast.expr, frozenset[str]]]] = {}
        self._collect(loop)
        self.bound = frozenset(self.values)

    def _collect(self, loop: _LOOPS) -> None:
        """Every assignment of the loop with the names of the tests it stands under."""
        stack: list[tuple[ast.stmt, frozenset[str]]] = [(node, frozenset()) for node in reversed(loop.body)]
        while stack:
            node, tests = stack.pop()
            for target, value in _assignments(node):
                for name in _names(target):
                    self.values.setdefault(name, []).append((value, tests))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            inner = tests | _names(node.test) if isinstance(node, ast.If | ast.While) else tests
            handled = [part for handler in getattr(node, "handlers", []) for part in handler.body]
            listed = [part for block in ("body", "orelse", "finalbody") for part in getattr(node, block, [])]
            stack.extend((part, inner) for part in reversed([*listed, *handled]))

    def sources(self, names: frozenset[str]) -> frozenset[str]:
        """The names that these names are made from in one round, themselves included."""
        found, waiting = set(names), list(names)
        while waiting:
            for value, _ in self.values.get(waiting.pop(), ()):
                new = _names(value) - found
                found |= new
                waiting += new
        return frozenset(found)

    def tested_call(self, test: ast.expr) -> ast.Call | None:
        """The call whose result a test looks at, directly, or through names and the tests that set them."""
        if (direct := _real_call(test)) is not None:
            return direct
        seen: set[str] = set()
        waiting = sorted(_names(test))
        while waiting:
            name = waiting.pop(0)
            if name in seen:
                continue
            seen.add(name)
            for value, tests in self.values.get(name, ()):
                if (call := _real_call(value)) is not None:
                    return call
                waiting += sorted((_names(value) | tests) - seen)
        return None

    def results(self, call: ast.Call) -> frozenset[str]:
        """The names that receive the result of a call."""
        return frozenset(n for n, given in self.values.items() if any(call in ast.walk(v) for v, _ in given))

    def carried(self, call: ast.Call) -> bool:
        """Whether what goes into the call comes from an earlier round: then it is an iteration."""
        given = frozenset(name for value in [*call.args, *call.keywords] for name in _names(value))
        made = self.sources(given)
        return bool(made & self.results(call)) or any(self._grows(name) for name in made)

    def _grows(self, name: str) -> bool:
        """Whether a name is made from its own earlier value."""
        return any(name in _names(value) for value, _ in self.values.get(name, ())) and not ATTEMPT.search(name)

    def result_kept(self, unit: Unit, call: ast.Call) -> bool:
        """Whether the result is read after the loop in the same function."""
        around = next(unit.enclosing(self.loop), unit.tree)
        last, results = self.loop.end_lineno or self.loop.lineno, self.results(call)
        if getattr(self.loop, "orelse", []):
            return False
        return any(
            isinstance(node, ast.Name) and node.id in results and node.lineno > last for node in own_nodes(around)
        )


def _assignments(node: ast.stmt) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(node, ast.Assign):
        yield from ((target, node.value) for target in node.targets)
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        yield node.target, node.value
    elif isinstance(node, ast.AugAssign):
        yield node.target, ast.BinOp(node.target, node.op, node.value)


def _names(node: ast.AST) -> frozenset[str]:
    return frozenset(item.id for item in ast.walk(node) if isinstance(item, ast.Name))


def _real_call(value: ast.expr) -> ast.Call | None:
    """The outermost call of an expression that is neither a builtin nor a method of a container or a string."""
    for node in ast.walk(value):
        name = call_name(node)
        if isinstance(node, ast.Call) and name and name not in SILENT and name not in CONTAINER_METHODS - {"get"}:
            dotted = ast.unparse(node.func)
            if "(" not in dotted and not dotted.startswith(("re.", "os.path.", "time.")):
                return node
    return None
