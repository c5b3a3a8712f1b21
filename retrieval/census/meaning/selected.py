"""What stands under a key that the conditions around a place decide: `nets[task]` where `task == "caption"` holds."""

import re
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Body, Guard
from retrieval.census.meaning.conditions import UNKNOWN, left_under, refutes
from retrieval.census.meaning.values import Table, Value
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

Guards = tuple[Guard, ...]
_KEYED = ("identifier", "attribute")


def under(frame: "Frame", table: Table, key: Node | None, guards: Guards) -> Value | None:
    """What a table holds under a literal key, or under a name that `guards` compare with its keys."""
    names = wanted(frame, table, key, guards)
    held = [value for name, value in table.held if name in names]
    if table.held and not held and key is not None and key.type == "string":
        return None
    return frame.program.settle(held) if held else table.element


def got(frame: "Frame", table: Table, function: Node, guards: Guards) -> Value | None:
    """What `table.get(key)` or `table.pop(key)` gives."""
    given = function.parent.child_by_field_name("arguments") if function.parent is not None else None
    return under(frame, table, given.named_children[0] if given and given.named_children else None, guards)


def wanted(frame: "Frame", table: Table, key: Node | None, guards: Guards) -> list[str]:
    """The keys of a table that may be meant; none when nothing is known of that."""
    text = frame.body.tree.text(key)
    if key is not None and key.type == "string":
        return [name for name, _ in table.held if name == text.strip("\"'")]
    if key is None or key.type not in _KEYED:
        return []
    member = [
        name for name, _ in table.held if key.type == "attribute" and name.split(".")[-2:] == text.split(".")[-2:]
    ]
    if member:
        return member
    names = [name for name, _ in table.held if not _refuted(frame, text, name, guards)]
    return names if len(names) < len(table.held) else []


def keys_of(body: Body) -> frozenset[str]:
    """The names by which a body takes things out of tables to keep them and which its conditions compare with texts:
    `task` in `net = nets[task]`."""
    taken = [b.value.child_by_field_name("subscript") for b in body.bindings if b.value and b.value.type == "subscript"]
    names = {(key.text or b"").decode() for key in taken if key is not None and key.type in _KEYED}
    if not names:
        return frozenset()
    tested = [body.tree.text(decision.node.child_by_field_name("condition")) for decision in body.decisions]
    compared = "\n".join(text for text in tested if "'" in text or '"' in text)
    return frozenset(name for name in names if re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", compared))


def telling(frame: "Frame", keys: frozenset[str], guards: Guards) -> Guards:
    """Those of `guards` that say what one of the keys is."""
    return tuple(guard for guard in guards if any(key in _condition(frame, guard) for key in keys))


def _condition(frame: "Frame", guard: Guard) -> str:
    if guard.kind == "past":
        return " ".join(inner.text for inner in left_under(frame.body, guard))
    return guard.text if guard.kind in ("if", "else") else ""


def _refuted(frame: "Frame", key: str, name: str, guards: Guards) -> bool:
    return refutes(frame.body, guards, lambda asked: name if asked == key else UNKNOWN)
