"""Fields of pydantic settings, which environment variables fill: `settings.TORCH_DEVICE` is such a variable."""

import re
from typing import TYPE_CHECKING

from retrieval.census.meaning.class_fields import class_fields
from retrieval.census.meaning.spots import Spot
from retrieval.census.meaning.values import Instance, alternatives
from retrieval.census.settings.switch import Switch

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_PREFIX = re.compile(r"env_prefix\s*=\s*[\"'](\w*)[\"']")


def environment_field(codebase: "Codebase", at: Spot) -> Switch | None:
    """The environment variable behind an attribute of a settings object; None for any other attribute."""
    name = at.text().rpartition(".")[2]
    owner = at.node.child_by_field_name("object") if at.node.type == "attribute" else None
    for held in alternatives(at.frame.value(owner, at.order, at.guards)) if owner is not None else ():
        if not isinstance(held, Instance):
            continue
        path, item = held.cls.path, held.cls.definition
        if not any(base.endswith("BaseSettings") for base in codebase.bases(path, item)):
            continue
        field = next((field for field in class_fields(codebase, path, item) if field.name == name), None)
        if field is not None:
            lines = codebase.snapshot.by_path[path].lines[item.start - 1 : item.end]
            prefix = _PREFIX.search("\n".join(map(str, lines)))
            variable = f"{prefix[1] if prefix else ''}{name}".upper()
            default = "" if field.default == "None" else field.default
            return Switch("environment", variable, default, (field.path, field.line))
    return None
