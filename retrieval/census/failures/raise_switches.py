"""Switches that decide on raising: parameters under which a failure is raised, what they are by default, and for whom.

A handler that raises only under a flag is one; so is a check of a result's status by whoever asked for it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import own_nodes
from retrieval.facts import CensusHit
from retrieval.pyast import dotted, source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_SWITCH = re.compile(
    r"(?i)(?:^|_)(?:rais(?:es?|ing)|halt|abort|strict|ignore|suppress|skip|continue|stop|fail|exit|keep_going|fail_fast)"
    r"(?:$|_)\w*(?:error|exception|fail\w*|fast|invalid)?"
)
_STATUS = re.compile(r"(?i)^(?:is_|has_)?(?:failed|errors?|status|state|exception|failure|success|ok)(?:_\w+)?$")
_RAISES = re.compile(r"` raises .*?only if `([\w.]+)` is (true|false)")
_SHOWN = 3


def raising(hits: Iterable[CensusHit]) -> list[CensusHit]:
    """The switches that decide on raising; others end a series, not the run."""
    return [hit for hit in hits if _RAISES.search(hit.text)]


def flags_said(hits: Iterable[CensusHit]) -> str:
    """The flags of switches as they are written, in words."""
    return listed([f"`{flag}`" for flag in _flags(hits)], _SHOWN)


def _flags(hits: Iterable[CensusHit]) -> dict[str, bool]:
    """The flags of switches, each with the value under which they raise."""
    found = [match for hit in hits if (match := _RAISES.search(hit.text))]
    return {match.group(1): match.group(2) == "true" for match in found}


def by_default(codebase: Codebase, hits: list[CensusHit]) -> tuple[str, str]:
    """What switches are by default where programs and callers of the library are told apart, in two sentences.

    The first says which programs pass a value that does not raise, the second which functions raise if they are
    called without one. Both are "" unless both are seen.
    """
    first = first_functions(codebase)
    for written, wanted in _flags(hits).items():
        flag = written.rpartition(".")[2]
        library = _library(codebase, flag, wanted, hits, first)
        given = [(path, symbol, value) for path, symbol, value in _passed(codebase, flag) if (path, symbol) in first]
        programs = [(symbol, value) for _path, symbol, value in given if _is(codebase, value, not wanted)]
        if not library or not programs:
            continue
        symbol, value = programs[0]
        passes = f"passes `{value}`" + ("" if value in _VALUES else f", by default `{not wanted}`,") + f" for `{flag}`"
        at = listed([f"`{name}()`" for name in library], _SHOWN)
        checks = [hit for hit in hits if " raises `" in hit.text and f"`{flag}` is " in hit.text]
        raised = f", and {checks[0].text.partition(', only if ')[0]}" if checks else ""
        return f"`{symbol}()` {passes}", f"`{flag}` is `{wanted}` by default in {at}{raised}"
    return "", ""


_VALUES = ("True", "False")


def _library(
    codebase: Codebase, flag: str, wanted: bool, hits: list[CensusHit], first: set[tuple[str, str]]
) -> list[str]:
    """Public functions that raise by default: their own parameter is the switch, which they test or hand on."""
    tests = {(hit.path, hit.symbol) for hit in hits}
    hands_on = {(path, call.symbol) for path, call in codebase.all_calls() if (flag, flag) in call.keywords}
    found = [
        (path, symbol)
        for path, symbol, value in _with_default(codebase, flag)
        if value == str(wanted) and (path, symbol) in tests | hands_on and (path, symbol) not in first
    ]
    public = [place for place in found if not any(part.startswith("_") for part in place[1].split("."))]
    return [symbol for _path, symbol in sorted(public, key=lambda place: place not in tests)]


def _is(codebase: Codebase, value: str, wanted: bool) -> bool:
    """Whether a value that is passed is the one wanted, by itself or by the default of the parameter that it is."""
    defaults = (
        {default for _path, _symbol, default in _with_default(codebase, value)} if value.isidentifier() else set()
    )
    return value == str(wanted) or (value not in _VALUES and defaults == {str(wanted)})


def first_functions(codebase: Codebase) -> set[tuple[str, str]]:
    """The functions that main programs run first: of a console script, or called at the top level of a program."""
    reach = reach_of(codebase)
    found = {unit for start in reach.starts for unit in start.units if unit[1] and not start.name.startswith("the ")}
    for start in reach.starts:
        facts = codebase.facts.get(start.path)
        if facts is not None and start.units[:1] == ((start.path, ""),):
            called = (codebase.resolve_local(start.path, c.written) for c in facts.calls if not c.symbol)
            found |= {(place[0], place[1].symbol) for place in called if place and place[1].kind == "function"}
    return found


# What a function tests


def switches(codebase: Codebase, function: ast.AST) -> Iterator[tuple[ast.AST, str, str]]:
    """The tests of a function that raise a failure, or end the work, only when a flag says so: node, kind, words."""
    for handler in [node for node in own_nodes(function) if isinstance(node, ast.ExceptHandler)]:
        for node in ast.walk(handler):
            if isinstance(node, ast.If) and (flag := _flag(node.test, handler.name or "")):
                for block, wanted in ((node.body, True), (node.orelse, False)):
                    if block and isinstance(block[-1], ast.Raise):
                        yield node, "switch", _switch_words(codebase, flag, wanted, handler, node)
    for node in own_nodes(function):
        if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Return | ast.Break):
            flag = _flag(node.test, "")
            if flag and re.search(r"(?i)on_(?:error|fail|exception)", flag[0]):
                ends = "stops" if isinstance(node.body[-1], ast.Break) else "returns"
                yield node, "switch", f"{ends} at the first failure only if {_said(flag, True)}{_given(codebase, flag)}"
        if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise) and (words := _checked(codebase, node)):
            yield node, "switch", words


def _flag(test: ast.expr, caught: str) -> tuple[str, bool] | None:
    """The name of a flag that alone is tested, and whether it is tested to be true; None for any other test."""
    negated = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    inner = test.operand if isinstance(test, ast.UnaryOp) and negated else test
    name = dotted(inner) if isinstance(inner, ast.Name | ast.Attribute) else ""
    last = name.rpartition(".")[2]
    if not name or (caught and name.split(".")[0] == caught) or not _SWITCH.search(last):
        return None
    return name, not negated


def _checked(codebase: Codebase, node: ast.If) -> str:
    """A raise for a result whose status is tested together with a flag, in words; "" for any other test."""
    parts = node.test.values if isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.And) else []
    flags = [flag for part in parts if (flag := _flag(part, ""))]
    tests = [part for part in parts if any(_is_status(inner) for inner in ast.walk(part))]
    if len(parts) != 2 or len(flags) != 1 or len(tests) != 1 or _flag(tests[0], ""):
        return ""
    raised = node.body[-1].exc if isinstance(node.body[-1], ast.Raise) else None
    error = dotted(raised.func if isinstance(raised, ast.Call) else raised) if raised is not None else ""
    named = f"`{error}`" if error else "`an error`"
    return f"raises {named} if `{source_of(tests[0], 90)}`, only if {_said(flags[0], True)}{_given(codebase, flags[0])}"


def _is_status(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and _STATUS.search(node.attr) is not None


def _said(flag: tuple[str, bool], wanted: bool) -> str:
    return f"`{flag[0]}` is {'true' if flag[1] == wanted else 'false'}"


def _switch_words(
    codebase: Codebase, flag: tuple[str, bool], wanted: bool, handler: ast.ExceptHandler, test: ast.If
) -> str:
    caught = source_of(handler.type, 60) if handler.type is not None else "any exception"
    other = (test.orelse if wanted else test.body) or [n for n in handler.body if n is not test]
    kept = listed([f"`{text}`" for text in _does(other)], 2)
    words = f"raises after `{caught}` only if {_said(flag, wanted)}; else the error is recorded"
    return f"{words}{f' ({kept})' if kept else ''} and the work goes on{_given(codebase, flag)}"


def _does(block: list[ast.stmt]) -> list[str]:
    return [source_of(node, 70).replace("`", "'") for node in block if isinstance(node, ast.Assign | ast.Expr)]


def _given(codebase: Codebase, flag: tuple[str, bool]) -> str:
    """The defaults of a flag, and what callers give for it."""
    name = flag[0].rpartition(".")[2]
    told = _defaults(codebase, name)
    passed: dict[str, None] = {}
    for path, symbol, value in _passed(codebase, name):
        default = _defaults(codebase, value) if value.isidentifier() else []
        plus = f", {default[0]}" if default and value not in _VALUES else ""
        passed.setdefault(f"`{symbol or path}` passes `{value}`{plus}")
    parts = [*told[:_SHOWN], *list(passed)[:_SHOWN]]
    return f" ({'; '.join(parts)})" if parts else ""


def _passed(codebase: Codebase, name: str) -> Iterator[tuple[str, str, str]]:
    """What calls of the main code give for a parameter, but a parameter of that name: path, symbol, value."""
    for path, call in codebase.all_calls():
        if codebase.snapshot.by_path[path].role == "source":
            for key, value in call.keywords:
                if key == name and value not in (name, f"self.{name}"):
                    yield path, call.symbol, value


def _defaults(codebase: Codebase, name: str) -> list[str]:
    """ "default `True` in `convert()`" for every function of the main code that has a default for a parameter."""
    found = [f"default `{value}` in `{symbol}()`" for _path, symbol, value in _with_default(codebase, name)]
    return list(dict.fromkeys(found))


def _with_default(codebase: Codebase, name: str) -> Iterator[tuple[str, str, str]]:
    """Functions of the main code that have a default for a parameter: path, symbol, `True`, `False` or `None`."""
    for path, facts in codebase.facts.items():
        if codebase.snapshot.by_path[path].role != "source":
            continue
        for item in facts.definitions:
            for parameter in item.parameters:
                if re.match(rf"{re.escape(name)}\b", parameter) and "=" in parameter:
                    value = parameter.rpartition("=")[2].strip()
                    if value in ("True", "False", "None"):
                        yield path, item.symbol, value
