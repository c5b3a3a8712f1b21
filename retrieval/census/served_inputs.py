"""Kind `served_inputs`: what people set where there is no command line: inputs of Cog predictors, web controls."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.units import Function, Unit, call_name, units
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
            yield hit_at(codebase, unit.path, unit.lines(node), symbol=symbol, name=name, text=text)


Found = tuple[str, Unit, ast.AST, str, str]


def _predictors(codebase: Codebase) -> Iterator[Found]:
    """Parameters of `predict` with `Input(…)`, and the older decorators `@cog.input("name", …)`."""
    for unit in units(codebase, r"\bcog\b"):
        for function, symbol in unit.functions():
            for name, node in (*_parameters(function), *_decorated(function)):
                default = _spelled(node)
                yield "cog", unit, node, name, f"`{name}`{default}: an input of `{symbol}()`, given to Cog"


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
        for node in unit.nodes:
            control = dotted(node.func) if isinstance(node, ast.Call) else ""
            if not isinstance(node, ast.Call) or control.rpartition(".")[2] not in _CONTROLS:
                continue
            label = next((k.value for k in node.keywords if k.arg == "label"), None)
            if control.partition(".")[0] in aliases and isinstance(label, ast.Constant):
                text = f"`{control}` “{label.value}”{_spelled(node, said=False)}: a control of the web interface"
                yield "gradio", unit, node, str(label.value), text


def _spelled(node: ast.Call, *, said: bool = True) -> str:
    """ " (default `50`, at most `100`; “Number of steps”)", "" when the call says nothing of that."""
    given = {item.arg: item.value for item in node.keywords if item.arg}
    told = [f"{words} `{source_of(given[key], LONGEST)}`" for key, words in _TOLD.items() if key in given]
    text = next((given[key] for key in _SAID if key in given), None) if said else None
    about = f"“{str(text.value)[:DESCRIBED]}”" if isinstance(text, ast.Constant) else ""
    parts = "; ".join(part for part in (", ".join(told), about) if part)
    return f" ({parts})" if parts else ""
