"""What one function (or a module's top level) does, in source order: calls, bindings, exits, decisions.

Each event carries the guards around it: the conditions, loops and handlers it stands under. `walker.py` fills
a `Body`; names are not resolved here.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from retrieval.parse import Node, Tree, first_line

GuardKind = Literal[
    "if", "else", "for", "while", "loop-else", "except", "case", "comprehension", "lambda", "past", "event", "way"
]
Taken = Literal["whole", "part", "element", "entered", "unknown"]

TEXT_LIMIT = 100
NEVER = frozenset({"False", "None", "0"})  # conditions whose arm never runs: code that somebody switched off
_OPENING = re.compile(r"([(\[{])\s*\n\s*")
_CLOSING = re.compile(r",?\s*\n\s*([)\]}])")


# Methods of the event that a web interface returns: what runs when the function before it has ended.
CHAINED = frozenset({"then", "success", "failure"})


@dataclass(frozen=True, slots=True)
class Guard:
    """One condition around an event. Events whose guards share `key` but differ in `arm` exclude each other."""

    kind: GuardKind
    text: str
    line: int
    key: int
    arm: int = 0


@dataclass(frozen=True, slots=True)
class CallStep:
    """One call. `order` counts the events of a body in the order in which they are evaluated."""

    node: Node
    written: str
    start: int
    end: int
    guards: tuple[Guard, ...]
    awaited: bool
    order: int

    @property
    def chained(self) -> str:
        """The method that takes functions for the event of another call, `then` in `button.click(f).then(g)`."""
        callee = self.node.child_by_field_name("function")
        before = callee.child_by_field_name("object") if callee is not None else None
        last = callee.child_by_field_name("attribute") if callee is not None else None
        name = (last.text or b"").decode() if last is not None else ""
        return name if before is not None and before.type == "call" and name in CHAINED else ""


@dataclass(frozen=True, slots=True)
class Binding:
    """`name` (may be "self.x") receives `value`; `index` is the position in an unpacked tuple, -1 for all."""

    name: str
    value: Node | None
    annotation: str
    taken: Taken
    index: int
    line: int
    guards: tuple[Guard, ...]
    order: int


@dataclass(frozen=True, slots=True)
class Exit:
    """A `return`, `raise` or `yield` and the expression it carries, or a `continue` or `break` of a loop."""

    kind: Literal["return", "raise", "yield", "continue", "break"]
    value: Node | None
    line: int
    guards: tuple[Guard, ...]
    order: int


@dataclass(frozen=True, slots=True)
class Decision:
    """An `if`, `match` or ternary with the guards it stands under."""

    node: Node
    guards: tuple[Guard, ...]


@dataclass(slots=True)
class Body:
    """All events of one body. `nested` maps the names of inner functions and classes to their nodes.

    `imports` are import statements as steps. `stores` are values put into a container that has a name:
    `x["k"] = value`, `x.append(value)`.
    """

    tree: Tree
    calls: list[CallStep] = field(default_factory=list)
    imports: list[CallStep] = field(default_factory=list)
    bindings: list[Binding] = field(default_factory=list)
    stores: list[Binding] = field(default_factory=list)
    exits: list[Exit] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    nested: dict[str, Node] = field(default_factory=dict)
    not_local: set[str] = field(default_factory=set)


_REGISTERING = frozenset({"register_modules", "add_module", "register_module"})


def one_line(text: str, limit: int = TEXT_LIMIT) -> str:
    """`text` on one line with single spaces, cut at `limit` characters, safe inside backticks."""
    joined = _CLOSING.sub(r"\1", _OPENING.sub(r"\1", text))
    flat = " ".join(joined.replace("`", "'").split())
    return flat if len(flat) <= limit else flat[: limit - 1].rstrip() + "…"


def modules_set(tree: Tree, call: Node, callee: Node, at: tuple[tuple[Guard, ...], Callable[[], int]]) -> list[Binding]:
    """The attributes that a call sets on its object: `register_modules(vae=vae)`, `add_module("vae", vae)`.

    `at` are the guards around the call and what counts the events of the body.
    """
    method, owner = (tree.text(callee.child_by_field_name(field)) for field in ("attribute", "object"))
    arguments = call.child_by_field_name("arguments") if method in _REGISTERING else None
    given = arguments.named_children if arguments is not None else []
    named = [(c.child_by_field_name("name"), c.child_by_field_name("value")) for c in given]
    if method != "register_modules":
        named = [(given[0], given[1])] if len(given) == 2 and given[0].type == "string" else []
    pairs = [(tree.text(name).strip("\"'"), value) for name, value in named if name is not None and value is not None]
    return [Binding(f"{owner}.{key}", v, "", "whole", -1, first_line(v), at[0], at[1]()) for key, v in pairs]
