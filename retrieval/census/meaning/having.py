"""Of several classes that an object may be of, those that have every attribute that a body reads of it for certain."""

from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.values import ClassRef
from retrieval.languages import words
from retrieval.parse import Node, descendants

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.holders import Holders

_PLAIN = frozenset({"torch.nn.Module", "torch.nn.modules.module.Module", "object", "abc.ABC"})
_UNSURE = frozenset(
    {"if_statement", "try_statement", "conditional_expression", "boolean_operator", "while_statement", "lambda"}
)
_READ: "Beside[Frame, dict[str, frozenset[str]]]" = Beside()


def having(holders: "Holders", frame: "Frame", name: str, classes: list[ClassRef]) -> list[ClassRef]:
    """The classes with all attributes that `frame` reads of the variable `name` on every way; all where none has."""
    wanted = _read(frame).get(name, frozenset())
    fitting = [cls for cls in classes if all(_has(holders, cls, attribute) for attribute in wanted)]
    return fitting or classes


def _has(holders: "Holders", cls: ClassRef, attribute: str) -> bool:
    """Whether objects of a class have an attribute; where a class from outside may bring it, they do."""
    program = holders.program
    line = program.line(cls)
    outside = {base for owner in line for base in program.codebase.bases(owner.path, owner.definition)}
    own = {owner.definition.name for owner in line}
    brought = [base for base in outside if base not in _PLAIN and base.rpartition(".")[2] not in own]
    if brought or program.method(cls, "__getattr__") is not None:
        return True
    return attribute in _MODULE or program.method(cls, attribute) is not None or bool(holders.attribute(cls, attribute))


_MODULE = words(
    """to cuda cpu half float double eval train training parameters named_parameters buffers named_buffers modules
    named_modules children named_children state_dict load_state_dict apply requires_grad_ register_buffer add_module
    zero_grad type share_memory dtype device __class__ forward register_forward_hook get_submodule"""
)
"""What every module of torch has."""


def _read(frame: "Frame") -> dict[str, frozenset[str]]:
    """Variable → the attributes that the body reads of it outside of conditions."""
    if frame not in _READ:
        found: dict[str, set[str]] = {}
        node = frame.program.node(frame.path, frame.definition) if frame.definition is not None else None
        body = node.child_by_field_name("body") if node is not None else None
        text = frame.body.tree.text
        for item in descendants(body) if body is not None else ():
            owner = item.child_by_field_name("object") if item.type == "attribute" else None
            if owner is not None and owner.type == "identifier" and not _unsure(item, body):
                found.setdefault(text(owner), set()).add(text(item.child_by_field_name("attribute")))
        _READ[frame] = {name: frozenset(attributes) for name, attributes in found.items()}
    return _READ[frame]


def _unsure(node: Node, body: Node | None) -> bool:
    """Whether a part of a body stands under a condition."""
    around = node.parent
    while around is not None and around != body:
        if around.type in _UNSURE:
            return True
        around = around.parent
    return False
