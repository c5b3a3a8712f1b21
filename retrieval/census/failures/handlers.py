"""Kind `handlers_passed`: functions that are given to libraries, which call them on errors, signals or exit."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.units import call_name, own_nodes, quoted, subject_of, units, written
from retrieval.facts import Call, CensusHit, Definition, Fact
from retrieval.failures import LOG_METHODS

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

KEYWORD = re.compile(
    r"(?:\w+_)?handlers?\Z|on_?(?:error|exception|failure|giveup|backoff|retry|abort)\Z|worker_init_fn\Z|errback\Z"
    r"|(?:error|exception|failure|retry_error)_(?:callback|fn|func|hook)\Z|excepthook\Z|atexit\Z|initializer\Z"
)
POSITIONAL = {
    "signal.signal": 1,
    "atexit.register": 0,
    "add_signal_handler": 1,
    "set_exception_handler": 0,
    "add_errback": 0,
    "add_done_callback": 0,
    "weakref.finalize": 1,
}
DECORATOR = re.compile(r"\.(?:errorhandler|exception_handler|error_handler)\Z|\Aatexit\.register\Z")
HOOKS = frozenset(["sys.excepthook", "threading.excepthook", "sys.unraisablehook", "warnings.showwarning"])
EXITS = frozenset(["sys.exit", "exit", "quit", "os._exit", "os.abort"])
ACTS = 6
_SETTINGS = frozenset(["kwargs_handlers", "autocast_handler"])  # of Accelerate: objects of options, no functions
_NAME = re.compile(r"[A-Za-z_][\w.]*\Z")
_PARTIAL = re.compile(r"(?:functools\.)?partial\(\s*([\w.]+)")


@kind(
    "handlers_passed",
    summary="functions passed to libraries as handlers of errors, signals, workers' start or exit, and what they do",
    example="handlers_passed, or handlers_passed: handler, worker_init_fn",
    reads="python",
)
def handlers_passed(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per handler passed, hooked in or offered as a default. Patterns match the keyword or the handler."""
    acts = _Acts(codebase)
    for path, call in codebase.all_calls():
        for role, value in _given(call):
            if query.matches(role, value):
                target = f"`{call.written}()`" if len(call.written) <= 80 else f"`{call.name}()`"
                yield _hit(codebase, path, (call, value), f"passes {{}} as {role} to {target}", acts)
    for path, fact in codebase.all_facts("decorator", "assign", "name"):
        for value, words in _declared(codebase, path, fact):
            if query.matches(fact.name, value):
                yield _hit(codebase, path, (fact, value), words, acts)


def _given(call: Call) -> Iterator[tuple[str, str]]:
    for key, value in call.keywords:
        if KEYWORD.match(key) and key not in _SETTINGS and _is_function(value):
            yield f"`{key}`", value
    last = call.name.rpartition(".")[2]
    place = POSITIONAL.get(call.name, POSITIONAL.get(last, -1))
    if 0 <= place < len(call.arguments) and _is_function(call.arguments[place]):
        event = f" for `{call.arguments[0]}`" if place == 1 else ""
        yield f"the handler{event}", call.arguments[place]


def _is_function(value: str) -> bool:
    if value in ("None", "True", "False", "self", ""):
        return False
    return bool(_NAME.match(value) or value.startswith("lambda") or _PARTIAL.match(value))


def _declared(codebase: Codebase, path: str, fact: Fact) -> Iterator[tuple[str, str]]:
    if fact.kind == "decorator" and DECORATOR.search(fact.name):
        target = codebase.speller.decorated(path, fact)
        if target is not None:
            yield target.symbol, f"registers {{}} with `{' '.join(fact.text.split())}`"
    elif fact.kind == "assign" and fact.name in HOOKS:
        yield fact.detail["value"], f"sets {{}} as `{fact.name}`"
    elif fact.kind == "name" and KEYWORD.match(fact.name) and _is_function(fact.detail.get("default", "")):
        yield fact.detail["default"], f"takes {{}} as the default of `{fact.name}`"


def _hit(codebase: Codebase, path: str, what: tuple[Call | Fact, str], words: str, acts: _Acts) -> CensusHit:
    place, value = what
    found = _found(codebase, path, place.symbol, value)
    own = found is None and _is_parameter(codebase, path, place.symbol, value)
    name = f"`{found[1].symbol}()`" if found else f"{'its parameter ' if own else ''}{_spoken(value)}"
    where = f" ({found[0]})" if found and found[0] != path else ""
    does = acts.of(*found) if found else acts.of_lambda(value)
    text = f"{subject_of(codebase, path, place.symbol)} {words.format(name + where)}"
    return hit_at(
        codebase,
        path,
        (place.start, place.end),
        symbol=place.symbol,
        name=value,
        text=f"{text}; {name} {does}" if does else text,
        related=(("handler", found[0], found[1].start, found[1].end),) if found else (),
        detail={"handler": found[1].symbol if found else value, "does": does},
    )


def _is_parameter(codebase: Codebase, path: str, symbol: str, value: str) -> bool:
    item = next((item for item in codebase.facts[path].definitions if item.symbol == symbol), None)
    return item is not None and any(re.match(rf"{re.escape(value)}\b", given) for given in item.parameters)


def _spoken(value: str) -> str:
    return "the " + quoted_text(value) if value.startswith("lambda") else quoted_text(value)


def quoted_text(value: str) -> str:
    """Source text in backticks on one line."""
    return f"`{' '.join(value.replace('`', chr(39)).split())}`"


def _found(codebase: Codebase, path: str, symbol: str, value: str) -> tuple[str, Definition] | None:
    """The repository function that a value names, inner functions of the caller and `partial(f)` included."""
    match = _PARTIAL.match(value)
    name = match[1] if match else value
    if name.startswith(("self.", "cls.")):
        name = f"{symbol.rpartition('.')[0]}.{name.partition('.')[2]}"
    parts = symbol.split(".") if symbol else []
    for count in range(len(parts), -1, -1):
        found = codebase.resolve_local(path, ".".join([*parts[:count], name]))
        if found is not None and found[1].kind != "class":
            return found
    return None


class _Acts:
    """What functions do, each worked out once."""

    def __init__(self, codebase: Codebase) -> None:
        self.codebase = codebase
        self.known: dict[str, dict[str, ast.AST]] = {}

    def of(self, path: str, definition: Definition) -> str:
        """The acts of a function in words: "logs and returns `True`"."""
        if path not in self.known:
            self.known[path] = {
                symbol: node for unit in units(self.codebase, path=path) for node, symbol in unit.functions()
            }
        node = self.known[path].get(definition.symbol)
        return acts_of(node) if node is not None else ""

    def of_lambda(self, value: str) -> str:
        """What a lambda gives."""
        return f"gives `{value.partition(':')[2].strip()}`" if value.startswith("lambda") and ":" in value else ""


def acts_of(function: ast.AST) -> str:
    """What a body does, in source order and without repetition, at most six acts."""
    found = list(dict.fromkeys(filter(None, map(_act, own_nodes(function)))))[:ACTS]
    return " and ".join(filter(None, (", ".join(found[:-1]), *found[-1:]))) or "does nothing"


def _act(node: ast.AST) -> str:
    match node:
        case ast.Raise(exc=None):
            return "re-raises"
        case ast.Raise(exc=ast.expr() as raised):
            return f"raises {quoted(raised.func if isinstance(raised, ast.Call) else raised, 60)}"
        case ast.Return(value=ast.expr() as value):
            return f"returns {quoted(value, 60)}"
        case ast.Assign(targets=[ast.Name() | ast.Attribute() as target], value=value):
            return f"sets `{written(target)} = {written(value)[:60]}`"
        case ast.Expr(value=ast.Call() as call):
            return _call(call)
    return ""


def _call(call: ast.Call) -> str:
    callee = written(call.func)
    owner = callee.rpartition(".")[0].lower()
    if call_name(call) in LOG_METHODS and "log" in owner:
        return "logs"
    if callee in EXITS:
        return "exits the process"
    return {"print": "prints", "warnings.warn": "warns"}.get(callee, f"calls `{callee}()`")
