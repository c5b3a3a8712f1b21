"""Kind `task_states`: states that code gives to its jobs and tasks while they run, and the routes that tell them.

A state counts when a value that means one (queued, running, done, failed …) is set under a name that says status or
state, or is given to a function that says so; a lone word in a text is none.
"""

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.units import Unit, call_name, units
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_STATE = re.compile(
    r"(?i)^(?:(?:task|job|step|state|status)[_.])?(?:queued|pending|waiting|drafted|processing|running|started|in_progress"
    r"|checking|stopping|completed?|done|finished|success(?:ful)?|succeeded|failed|failure|error|cancell?ed|aborted|partial(?:ly)?[_-]?\w*|skipped|paused|resumed|timed?[_-]?out"
    r"|scheduled|submitted|assigned|retrying|expired|revoked)$"
)
_NAME = re.compile(r"(?i)(?:^|_)(?:status|state|stage)(?:$|_|es$)|status$|state$")
_ROUTE = re.compile(r"(?i)status|progress|/tasks?\b|/jobs?\b|queue")
_ASKS = re.compile(r"_?(?:get|num|n|count|filter|find|list|query|select|has|is|wait)(?:_|$)")  # those of a state
_ANSWERS = re.compile(r"(?i)(?:jsonify|dumps|\w*response)$")
_KEEPS = re.compile(r"(?i)update|save|set_|status|state|task|job|publish|emit|put|insert|add")
_VERBS = frozenset(["get", "post", "route", "websocket", "put"])
_NEEDS = r"(?i)stat(?:us|e)|/tasks?\b|/jobs?\b|progress"


@kind(
    "task_states",
    summary="states that jobs and tasks are given while they run (queued, failed …), and routes that tell them",
    example="task_states",
    reads="python",
)
def task_states(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per place; patterns match the state or "route". `detail["what"]`: state or route."""
    for unit in units(codebase, _NEEDS):
        for node in unit.nodes:
            for name, text, what in _told(node):
                if query.matches(name):
                    yield hit_at(
                        codebase,
                        unit.path,
                        unit.lines(node),
                        symbol=_symbol(unit, node),
                        name=name,
                        text=text,
                        detail={"what": what},
                    )


def _symbol(unit: Unit, node: ast.AST) -> str:
    own = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    return unit.symbol_of(node) if own else unit.symbols.get(node, "")  # type: ignore[arg-type]


def _told(node: ast.AST) -> Iterator[tuple[str, str, str]]:
    if isinstance(node, ast.Assign):
        state = _state(node.value)
        for target in node.targets if state else ():
            if _NAME.search(_last(target)):
                yield state, f"`{ast.unparse(target)}` becomes `{state}`", "state"
    elif isinstance(node, ast.Call):
        yield from _call(node)
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        for mark in node.decorator_list:
            first = mark.args[0] if isinstance(mark, ast.Call) and mark.args else None
            verb = call_name(mark) in _VERBS
            if verb and isinstance(first, ast.Constant) and _ROUTE.search(str(first.value)):
                yield "route", f"`{node.name}()` answers `{first.value}`", "route"


def _last(target: ast.expr) -> str:
    """The name that an assignment gives a value: a variable, an attribute, the key of an entry."""
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return str(target.slice.value)
    return target.attr if isinstance(target, ast.Attribute) else target.id if isinstance(target, ast.Name) else ""


def _call(node: ast.Call) -> Iterator[tuple[str, str, str]]:
    callee = call_name(node)
    if _ANSWERS.match(callee):
        return  # the answer to one request is no state of a job
    given = next(filter(None, map(_state, node.args)), "") if _NAME.search(callee) else ""
    if given:
        yield given, f"`{callee}()` sets `{given}`", "state"
        return
    for keyword in node.keywords if not _ASKS.match(callee) else ():
        if keyword.arg and _NAME.search(keyword.arg) and (state := _state(keyword.value)):
            yield state, f"`{callee}()` is given `{keyword.arg}={state}`", "state"

    for part in node.args + [keyword.value for keyword in node.keywords] if _KEEPS.search(callee) else ():
        for name, value in zip(part.keys, part.values, strict=True) if isinstance(part, ast.Dict) else ():
            if isinstance(name, ast.Constant) and _NAME.search(str(name.value)) and (state := _state(value)):
                yield state, f"`{callee}()` is given `{name.value}: {state}`", "state"


def _state(value: ast.expr) -> str:
    """The state that an expression names: a literal, or a constant such as `TaskStatus.FAILED`."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return value.value if _STATE.match(value.value) else ""
    name = value.attr if isinstance(value, ast.Attribute) else value.id if isinstance(value, ast.Name) else ""
    return name if name.isupper() and _STATE.match(name) else ""
