"""Kind `served_inputs`: what people set where there is no command line: inputs of Cog predictors, web controls."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.served_wiring import Wire, wires
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.units import Function, Unit, call_name, units
from retrieval.facts import CensusHit
from retrieval.languages import words
from retrieval.pyast import dotted, source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_CONTROLS = words(
    "Slider Dropdown Radio Checkbox CheckboxGroup Number Textbox Audio Image Video File Files ColorPicker"
)
_TOLD = {"default": "default", "value": "default", "choices": "one of", "ge": "at least", "le": "at most"}
_SAID = ("description", "help", "label")
LONGEST, DESCRIBED = 40, 90


@kind(
    "served_inputs",
    summary="inputs of Cog predictors and controls of Gradio interfaces, with their defaults and what they say",
    example="served_inputs: cog",
    reads="python",
    ordered=True,
)
def served_inputs(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per input or control, predictors first. Patterns match "cog", "gradio" or the name."""
    found = [*_predictors(codebase), *_controls(codebase)]
    for way, unit, node, name, text in found:
        if query.matches(way, name):
            symbol = unit.symbols.get(node, "")
            detail = {"way": way, "said": text.partition(": a")[0]}
            yield hit_at(codebase, unit.path, unit.lines(node), symbol=symbol, name=name, text=text, detail=detail)


Found = tuple[str, Unit, ast.AST, str, str]


def _predictors(codebase: Codebase) -> Iterator[Found]:
    for unit, _, symbol, name, node in predictors(codebase):
        yield "cog", unit, node, name, f"`{name}`{_spelled(node)}: an input of `{symbol}()`, given to Cog"


def predictors(codebase: Codebase) -> Iterator[tuple[Unit, Function, str, str, ast.Call]]:
    """Unit, function, its symbol, name and declaration of each input: parameters of `predict` with `Input(…)`, and the
    older decorators `@cog.input("name", …)`."""
    for unit in units(codebase, r"\bcog\b"):
        for function, symbol in unit.functions():
            for name, node in (*_parameters(function), *_decorated(function)):
                yield unit, function, symbol, name, node


def _parameters(function: Function) -> Iterator[tuple[str, ast.Call]]:
    given = [*function.args.posonlyargs, *function.args.args]
    pairs = [*zip(given[::-1], function.args.defaults[::-1], strict=False)][::-1]
    pairs += [(a, d) for a, d in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True) if d]
    for argument, default in pairs:
        if isinstance(default, ast.Call) and call_name(default) == "Input":
            yield argument.arg, default


def _decorated(function: Function) -> Iterator[tuple[str, ast.Call]]:
    for node in function.decorator_list:
        first = node.args[0] if isinstance(node, ast.Call) and node.args else None
        if isinstance(node, ast.Call) and dotted(node.func) == "cog.input" and isinstance(first, ast.Constant):
            yield str(first.value), node


def _controls(codebase: Codebase) -> Iterator[Found]:
    for unit in units(codebase, r"\bgradio\b"):
        aliases = {item.alias for item in codebase.facts[unit.path].imports if item.module == "gradio"}
        events = wires(codebase, unit)
        for node in unit.nodes:
            control = dotted(node.func) if isinstance(node, ast.Call) else ""
            if not isinstance(node, ast.Call) or control.rpartition(".")[2] not in _CONTROLS:
                continue
            label = next((k.value for k in node.keywords if k.arg == "label"), None)
            if control.partition(".")[0] not in aliases or _shows(events, node):
                continue
            if name := str(label.value) if isinstance(label, ast.Constant) and label.value else _set(events, node)[0]:
                said = f"`{control}` “{name}”{_spelled(node, said=False)}"
                yield "gradio", unit, node, name, said + _set(events, node)[1]


def _shows(events: list[Wire], node: ast.Call) -> bool:
    """Whether a control only shows what functions give."""
    inputs = any(control is node for wire in events for control, _ in wire.inputs)
    return not inputs and any(node in wire.outputs for wire in events)


def _set(events: list[Wire], node: ast.Call) -> tuple[str, str]:
    """The parameter that a control sets, and that in words."""
    for wire in sorted(events, key=lambda wire: -len(wire.inputs)):
        for control, name in wire.inputs:
            if control is node and name:
                return name, f": a control of the web interface that sets `{name}` of `{wire.symbol}()`"
    return "", ": a control of the web interface"


def _spelled(node: ast.Call, *, said: bool = True) -> str:
    """ " (default `50`, at most `100`; “Number of steps”)", "" when the call says nothing of that."""
    given = {item.arg: item.value for item in node.keywords if item.arg}
    told = [f"{words} `{source_of(given[key], LONGEST)}`" for key, words in _TOLD.items() if key in given]
    text = next((given[key] for key in _SAID if key in given), None) if said else None
    about = f"“{str(text.value)[:DESCRIBED]}”" if isinstance(text, ast.Constant) else ""
    parts = "; ".join(part for part in (", ".join(told), about) if part)
    return f" ({parts})" if parts else ""
