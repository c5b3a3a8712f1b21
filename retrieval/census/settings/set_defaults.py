"""Whether a condition holds by default: the defaults of the options and class fields that it compares, worked out.

A name whose default is not one known literal says nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.language import parse_query
from retrieval.census.meaning.class_fields import class_fields
from retrieval.census.meaning.conditions import UNKNOWN, parsed, truth
from retrieval.census.settings.options import cli_options, variables

if TYPE_CHECKING:
    from retrieval.census.meaning.body import Guard
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

_LITERAL = re.compile(r"[\w.\-]+|([\"'])[\w.\-/]*\1")


@once
def default_of(codebase: Codebase, name: str) -> str:
    """The literal default that every option and class field of this name shares; "" when they differ or have none."""
    found = defaults_of(codebase, name)
    value = next(iter(found)) if len(found) == 1 else ""
    return value if _LITERAL.fullmatch(value) else ""


def defaults_of(codebase: Codebase, name: str) -> set[str]:
    """The defaults of every option and class field of this name, as written, "" for those without one."""
    return {*_of_fields(codebase, name), *_of_options(codebase).get(name, ())}


def _of_fields(codebase: Codebase, name: str) -> set[str]:
    found = set()
    for path, facts in codebase.facts.items():
        if codebase.snapshot.by_path[path].role != "source":
            continue
        owners = {fact.symbol for fact in facts.facts if fact.kind == "assign" and fact.name == name and fact.symbol}
        for item in facts.definitions if owners else ():
            if item.kind == "class" and item.symbol in owners:
                found |= {f.default for f in class_fields(codebase, path, item, 0) if f.name == name and f.default}
    return found


@once
def _of_options(codebase: Codebase) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for hit in cli_options(codebase, parse_query("cli_options")):
        default = hit.detail.get("default", "")
        if not default and "store_true" in hit.detail.get("action", ""):
            default = "False"
        for name, _flag in variables(hit):
            found.setdefault(name, set()).add(default)
    return found


def off_by_default(codebase: Codebase, guards: Iterable[Guard], frame: Frame | None = None) -> str:
    """ "off by default, `workers` is 1": why a place does not run unless something is set; "" when not known.

    With the body around the place, what the body itself or its object holds is none of the options of that name.
    """
    for guard in guards:
        tree = parsed(guard.text) if guard.kind == "if" else None
        asked: dict[str, str] = {}
        whole = isinstance(tree, ast.Compare)  # a bare name that is no more than tested may be any variable

        def given(name: str, asked: dict[str, str] = asked, whole: bool = whole) -> object:
            asks = (whole or "." in name) and not (frame is not None and _held(frame, name))
            default = default_of(codebase, name.rpartition(".")[2]) if asks else ""
            asked |= {name: default} if default else {}
            return _literal(default) if default else UNKNOWN

        if truth(tree, given) is False and asked:
            name, default = next(iter(asked.items()))
            return f"off by default, `{name}` is {default}"
    return ""


def _held(frame: Frame, name: str) -> bool:
    """Whether a name is the body's own, a library's, or an attribute of its object that is no field of the class."""
    head, _, rest = name.partition(".")
    if not rest:
        return head in frame.parameters or any(binding.name == head for binding in frame.body.bindings)
    codebase = frame.program.codebase
    modules = (item for item in codebase.facts[frame.path].imports if item.alias == head and not item.name)
    if any(codebase.locate(item.module, frame.path) is None for item in modules):
        return True  # what a library has: `sys.platform`
    own = next(iter(frame.parameters), "")
    if frame.owner is None or head != own or "." in rest:
        return False
    fields = class_fields(codebase, frame.owner.path, frame.owner.definition, 0)
    return all(field.name != rest for field in fields)


def holds_by_default(codebase: Codebase, test: ast.expr) -> bool | None:
    """Whether a condition on options and settings (`args.local`) holds when nobody sets them; None when unknown."""

    def given(name: str) -> object:
        default = default_of(codebase, name.rpartition(".")[2]) if "." in name else ""
        return _literal(default) if default else UNKNOWN

    return truth(test, given)


def _literal(text: str) -> object:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return UNKNOWN
