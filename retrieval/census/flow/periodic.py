"""Kind `periodic`: conditions on steps, epochs and time that decide when something runs, and what they decide."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.units import Unit, call_name, guarded, own_nodes, quoted, subject_of, units, written
from retrieval.facts import CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

STEP = re.compile(
    r"(?:^|_)(?:steps?|epochs?|iters?|iterations?|batch_idx|batch_count|batch_i|n_iter|num_updates|updates?|ticks?"
    r"|rounds?|accum)(?:_|$|\d)|^(?:i|idx|it|count|counter|batch|num_samples|n)$"
)
COUNTED = re.compile(r"(?:^|_)(?:step|epoch|iter|iteration|batch_count|num_updates)$")
SETTING = re.compile(r"(?:^|_)(?:per|max|min|total|warmup|num_epoch|n)_|^num_(?!updates)")
CURRENT = re.compile(r"^(?:cur|current|global|completed|this|now)_")
FREQUENCY = re.compile(
    r"(?:^|_)(?:freq|frequency|every\w*|interval|period|steps?|epochs?|iters?|accum\w*|log|save|eval|print|warmup\w*"
    r"|milestones?|patience)(?:_|$|\d)"
)
CLOCK = frozenset(["time", "monotonic", "perf_counter", "now", "utcnow"])
QUIET = words(
    """len range str int float format max min isinstance list join items item keys values append capitalize detach
    cpu numpy get round zip enumerate tolist sum abs sorted tuple dict set any all"""
)
SCHEDULERS = re.compile(
    r"(?:^|\.)(?:threading\.Timer|add_job|schedule\.every|signal\.(?:alarm|setitimer)|PeriodicCallback|call_later)\Z"
)
ACTS = 6


@kind(
    "periodic",
    summary="conditions on steps, epochs, frequencies and time that decide when something runs, and timed loops",
    example="periodic, or periodic: *save*, *epoch*",
    reads="python",
)
def periodic(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per condition or loop. Patterns match the condition as written or the function."""
    for unit in units(codebase, r"%|sleep|epoch|step|iter|time\(|monotonic"):
        for node in unit.nodes:
            if isinstance(node, ast.If | ast.While | ast.For):
                text = _decided(codebase, unit, node) if isinstance(node, ast.If) else _repeated(codebase, unit, node)
                yield from _hit(codebase, unit, node, text, query) if text else ()
    for path, call in codebase.all_calls():
        if SCHEDULERS.search(call.name) and query.matches(call.name, call.symbol):
            text = f"{subject_of(codebase, path, call.symbol)} sets a timer: `{call.text.replace('`', chr(39))}`"
            lines = (call.start, call.end)
            yield hit_at(codebase, path, lines, symbol=call.symbol, name=call.name, text=text, detail={"by": "timer"})


def _hit(
    codebase: Codebase, unit: Unit, node: ast.If | ast.While | ast.For, text: str, query: Query
) -> Iterator[CensusHit]:
    symbol = unit.symbols.get(node, "")
    tested = written(node.iter if isinstance(node, ast.For) else node.test)
    if query.matches(tested, symbol):
        by = "condition" if isinstance(node, ast.If) else "loop"
        lines = unit.lines(node)
        if isinstance(node, ast.If):
            lines = (lines[0], unit.lines(node.body[-1])[1])
        yield hit_at(codebase, unit.path, lines, symbol=symbol, name=tested, text=text, detail={"by": by})


def _decided(codebase: Codebase, unit: Unit, node: ast.If) -> str:
    """ "`f()` calls `save()` if `step % n == 0`, for each `epoch` of `range(n)`"; "" for other conditions."""
    if not any(is_periodic(part) for part in ast.walk(node.test)) or isinstance(node.body[0], ast.Raise | ast.Assert):
        return ""
    told = acts(node.body)
    if not told:
        return ""
    loop = next((item for item in loops_around(unit, node)), None)
    around = ""
    if isinstance(loop, ast.For):
        around = f", for each {quoted(loop.target, 40)} of {quoted(loop.iter, 80)}"
    elif isinstance(loop, ast.While):
        around = f", repeatedly while {quoted(loop.test, 80)}"
    subject = subject_of(codebase, unit.path, unit.symbols.get(node, ""))
    outer = [quoted(item.test, 80) for item in ifs_around(unit, node)]
    inside = f", inside `if` {' and '.join(outer)}" if outer else ""
    return f"{subject} {told} if {quoted(node.test, 200)}{inside}{around}"


def ifs_around(unit: Unit, node: ast.AST) -> Iterator[ast.If]:
    """The `if` statements in whose first arm a node stands, outermost first."""
    found: list[ast.If] = []
    child, current = node, unit.parents.get(node)
    while current is not None and not isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        if isinstance(current, ast.If) and child in current.body and not is_main(current):
            found.append(current)
        child, current = current, unit.parents.get(current)
    yield from reversed(found)


def is_main(node: ast.If) -> bool:
    """Whether an `if` is the guard of a script."""
    return "__name__" in written(node.test)


def loops_around(unit: Unit, node: ast.AST) -> Iterator[ast.For | ast.While]:
    """The loops around a node inside its function, the nearest first."""
    current = unit.parents.get(node)
    while current is not None and not isinstance(current, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        if isinstance(current, ast.For | ast.While):
            yield current
        current = unit.parents.get(current)


def is_periodic(node: ast.AST) -> bool:
    """Whether an expression asks for a step, an epoch, a frequency or the time."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
        left, right = _names(node.left), _names(node.right)
        text = isinstance(node.left, ast.Constant | ast.JoinedStr)
        return not text and (any(map(STEP.search, left)) or any(map(FREQUENCY.search, right)))
    if isinstance(node, ast.Compare) and isinstance(
        node.ops[0], ast.Eq | ast.NotEq | ast.Lt | ast.LtE | ast.Gt | ast.GtE | ast.In
    ):
        names = _names(node)
        counted = [name for name in _names(node.left) if COUNTED.search(name) and not SETTING.search(name)]
        if counted and not _is_text(node):
            return len(names) > 1 or any(map(CURRENT.search, counted))
        return any(call_name(part) in CLOCK for part in ast.walk(node))
    return False


def _is_text(node: ast.Compare) -> bool:
    return any(isinstance(c, ast.Constant) and (c.value is None or isinstance(c.value, str)) for c in node.comparators)


def _names(node: ast.AST) -> list[str]:
    """The names in an expression, those that are called or indexed left out."""
    found: list[str] = []
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, ast.Attribute | ast.Name):
            found.append(part.attr if isinstance(part, ast.Attribute) else part.id)
        elif not isinstance(part, ast.Subscript | ast.Call):
            stack.extend(ast.iter_child_nodes(part))
    return found


def _repeated(codebase: Codebase, unit: Unit, node: ast.While | ast.For) -> str:
    """A loop that waits in every round."""
    calls = [item for item in own_nodes(node) if isinstance(item, ast.Call)]
    waits = [call for call in calls if call_name(call) == "sleep" and call.args]
    if not waits or (isinstance(node, ast.For) and any(isinstance(n, ast.Try) for n in own_nodes(node))):
        return ""
    told = acts([item for item in node.body if not _is_wait(item)])
    subject = subject_of(codebase, unit.path, unit.symbols.get(node, ""))
    head = f"while {quoted(node.test, 80)}" if isinstance(node, ast.While) else f"for each {quoted(node.iter, 80)}"
    does = f"{told} " if told else "loops "
    return (
        f"{subject} {does}repeatedly {head}, waiting {quoted(waits[0].args[0], 60)} seconds with {quoted(waits[0], 80)}"
    )


def _is_wait(node: ast.stmt) -> bool:
    value = node.value if isinstance(node, ast.Expr) else None
    return call_name(value.value if isinstance(value, ast.Await) else value) == "sleep"


def acts(body: Sequence[ast.stmt]) -> str:
    """What a body does in words: the calls it makes, else how it leaves, else what it sets."""
    plain: dict[str, None] = {}
    nested: dict[str, None] = {}
    for statement, conditions in guarded(body):
        for name in calls_of(statement):
            (nested if conditions else plain)[name] = None
    further = [name for name in nested if name not in plain]
    parts = [f"calls {_listed(list(plain))}"] if plain else []
    parts += [f"under further conditions calls {_listed(further)}"] if further else []
    parts += [_leaves(node) for node in body if _leaves(node)][:1]
    if not parts:
        sets = [quoted(node, 60) for node in body if isinstance(node, ast.Assign | ast.AugAssign)]
        parts = [f"sets {_listed(sets)}"] if sets else []
    return " and ".join(parts)


def calls_of(statement: ast.stmt) -> Iterator[str]:
    """The calls of one statement, those of the statements inside it left out."""
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Call) and call_name(node) not in QUIET:
            callee = written(node.func)
            if len(callee) <= 60 and re.fullmatch(r"[\w.]+", callee):
                yield f"`{callee}()`"
        inner = [c for c in ast.iter_child_nodes(node) if not isinstance(c, ast.stmt | ast.ExceptHandler | ast.Lambda)]
        stack.extend(reversed(inner))


def _leaves(node: ast.stmt) -> str:
    if isinstance(node, ast.Continue):
        return "goes on with the next round"
    if isinstance(node, ast.Break):
        return "leaves the loop"
    return "returns" if isinstance(node, ast.Return) else ""


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - ACTS} more" if len(names) > ACTS else ""
    return f"{', '.join(names[:ACTS])}{more}"
