"""The class that stands for a type variable: `Base[Layout]` in the bases of the class whose object a method runs on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from retrieval.census.meaning.values import ClassRef, External, ExternalObject

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program

_VARIABLE = re.compile(r"(?:^|\.)(?:TypeVar|Generic)$")


def type_argument(program: Program, receiver: ClassRef, name: str) -> ClassRef | None:
    """The class of the repository that `receiver` or a base of it gives for the type variable `name`."""
    if "." in name:
        return None
    for cls in program.line(receiver):
        node = program.node(cls.path, cls.definition)
        node = node.child_by_field_name("definition") or node if node is not None else None
        bases = node.child_by_field_name("superclasses") if node is not None else None
        for base in bases.named_children if bases is not None else ():
            inner = base.child_by_field_name("subscript") if base.type == "subscript" else None
            text = (inner.text or b"").decode("utf-8", "replace") if inner is not None else ""
            if (
                re.fullmatch(r"[A-Za-z_][\w.]*", text)
                and text != name
                and (found := program.named_class(cls.path, text))
            ):
                return found
    return None


def is_type_variable(program: Program, path: str, name: str) -> bool:
    """Whether a name of a file is a `TypeVar`."""
    value = program.member(path, name)
    return isinstance(value, External | ExternalObject) and bool(
        _VARIABLE.search(value.name if isinstance(value, External) else value.maker)
    )
