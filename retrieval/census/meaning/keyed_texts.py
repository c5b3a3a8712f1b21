"""The texts of a table out of which a name takes one: `path = FILES[kind]`, by key, as far as conditions allow each."""

from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.conditions import UNKNOWN, fails
from retrieval.census.settings.set_defaults import default_of

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.parse import Node


def keyed_texts(frame: "Frame", node: "Node", guards: tuple[Guard, ...]) -> list[str]:
    """The texts that an expression may be under the conditions, that of the default key first; [] for what is taken
    out of no table of texts that a module holds."""
    taken = _taken(frame, node)
    table, key = (taken.child_by_field_name("value"), taken.child_by_field_name("subscript")) if taken else (None, None)
    if table is None or key is None or key.type == "string":
        return []
    asked = frame.body.tree.text(key)
    pairs = _pairs(frame, frame.body.tree.text(table))
    fitting = {name: text for name, text in pairs.items() if _fits(guards, asked, name)}
    preset = default_of(frame.program.codebase, asked.rpartition(".")[2]).strip("\"'")
    return sorted(fitting.values(), key=lambda text: text != fitting.get(preset, ""))


def _taken(frame: "Frame", node: "Node") -> "Node | None":
    """The subscript that an expression is, or that the name it is has been bound to once."""
    if node.type == "identifier":
        bound = [binding.value for binding in frame.bound(frame.body.tree.text(node))]
        node = bound[0] if len(bound) == 1 and bound[0] is not None else node
    return node if node.type == "subscript" else None


def _pairs(frame: "Frame", name: str) -> dict[str, str]:
    """The texts under literal keys of a dictionary that is bound at the top level of the file."""
    top = frame.program.frame(frame.path, None)
    bound = [b.value for b in top.bound(name) if b.value is not None and b.value.type == "dictionary"] if top else []
    found: dict[str, str] = {}
    for pair in bound[0].named_children if len(bound) == 1 else ():
        assert top is not None
        key, value = pair.child_by_field_name("key"), pair.child_by_field_name("value")
        if key is not None and value is not None and key.type == value.type == "string":
            found[top.body.tree.text(key).strip("\"'")] = top.body.tree.text(value).strip("\"'")
    return found


def _fits(guards: tuple[Guard, ...], asked: str, key: str) -> bool:
    def given(name: str) -> object:
        return key if name == asked else UNKNOWN

    return not any(guard.kind in ("if", "else") and fails(guard, given) for guard in guards)
