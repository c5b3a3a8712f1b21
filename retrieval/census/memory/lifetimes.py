"""How long a model that a function makes certainly lives: only as long as the call, or longer; unknown otherwise."""

from typing import TYPE_CHECKING

from retrieval.census.meaning.tracing import SAME
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster
from retrieval.languages import words
from retrieval.parse import Node, descendants

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_LOOKING = words("print len isinstance hasattr type id repr str")
_HARMLESS = words("expression_statement delete_statement comparison_operator not_operator if_statement")
_BODIES = words("function_definition lambda class_definition")
_WRITTEN = {"attribute": "attribute", "keyword_argument": "name", "assignment": "left"} | dict.fromkeys(
    ("default_parameter", "typed_default_parameter"), "name"
)
MOST_DEEP = 6


def global_names(frame: "Frame", made: Made) -> list[str]:
    """The module variables that a function puts a model into: `global NET; NET = Net()`."""
    node = made.step.node
    return [
        binding.name
        for binding in frame.body.bindings
        if binding.name in frame.body.not_local and binding.value is not None and _is_whole(frame, binding.value, node)
    ]


def _is_whole(frame: "Frame", value: Node, node: Node) -> bool:
    """Whether an expression is what a call gives, perhaps moved or cast."""
    while value.id != node.id:
        function = value.child_by_field_name("function") if value.type == "call" else None
        owner = function.child_by_field_name("object") if function is not None else None
        if function is None or owner is None or not _is_same(frame, function):
            return False
        value = owner
    return True


def ends_with_call(roster: Roster, made: Made, deep: int = MOST_DEEP) -> bool:
    """Whether a model certainly is let go when the function that makes it returns: nothing else is given it."""
    frame = made.frame
    body = roster.program.node(frame.path, frame.definition) if frame.definition is not None else None
    return body is not None and deep > 0 and _is_contained(roster, frame, (body, made.step.node), deep)


def _is_contained(roster: Roster, frame: "Frame", at: tuple[Node, Node], deep: int) -> bool:
    """Whether the model that the node `at[1]` of the function `at[0]` stands for stays within the function."""
    body, node = at
    parent = node.parent
    if parent is None or deep <= 0 or _body_of(node) != body.id:
        return False
    if parent.type in _HARMLESS:
        return True
    if parent.type == "attribute":
        return _is_part_contained(roster, frame, (body, parent), deep)
    if parent.type == "call":  # the model itself is called
        return parent.child_by_field_name("function") == node
    if parent.type in ("argument_list", "keyword_argument"):
        return _is_given_inside(roster, frame, parent, deep)
    left = parent.child_by_field_name("left") if parent.type == "assignment" else None
    if left is None or left.type != "identifier":
        return False
    return left == node or _is_name_contained(roster, frame, (body, left), deep)


def _body_of(node: Node) -> int:
    above = node.parent
    while above is not None and above.type not in _BODIES:
        above = above.parent
    return above.id if above is not None else -1


def _is_same(frame: "Frame", function: Node) -> bool:
    """Whether a method gives back its own object: `.eval()`."""
    return function.type == "attribute" and frame.body.tree.text(function.child_by_field_name("attribute")) in SAME


def _is_part_contained(roster: Roster, frame: "Frame", at: tuple[Node, Node], deep: int) -> bool:
    """`net.run(x)`, `net.to(device)`, `net.part.run(x)`, `net.flag = True`; not `run = net.run`."""
    body, part = at
    above = part.parent
    if above is None:
        return False
    if above.type == "call" and above.child_by_field_name("function") == part:
        return not _is_same(frame, part) or _is_contained(roster, frame, (body, above), deep - 1)
    return above.type == "attribute" or (above.type == "assignment" and above.child_by_field_name("left") == part)


def _is_given_inside(roster: Roster, frame: "Frame", parent: Node, deep: int) -> bool:
    """Whether the call that is given a model only looks at it, or makes a model that stays within the function."""
    call = parent.parent if parent.type == "argument_list" else parent.parent and parent.parent.parent
    if call is None or call.type != "call":
        return False
    if frame.body.tree.text(call.child_by_field_name("function")) in _LOOKING:
        return True
    makes = [other for other in roster.made if other.key == (frame.path, call.id)]
    return bool(makes) and all(ends_with_call(roster, other, deep - 1) for other in makes)


def _is_name_contained(roster: Roster, frame: "Frame", at: tuple[Node, Node], deep: int) -> bool:
    """Whether every use of a variable keeps the model within the function."""
    body, left = at
    name = frame.body.tree.text(left)
    if name in frame.body.not_local:
        return False
    places = [n for n in descendants(body) if n.type == "identifier" and frame.body.tree.text(n) == name]
    return all(_is_contained(roster, frame, (body, node), deep - 1) for node in places if _is_read(node))


def _is_read(node: Node) -> bool:
    """Whether an identifier is a value that is read: not the `x` of `a.x`, `f(x=1)`, `x = 1` or `def f(x=1)`."""
    parent = node.parent
    if parent is None or parent.type == "parameters":
        return False
    field = _WRITTEN.get(parent.type, "")
    return not field or parent.child_by_field_name(field) != node
