"""The parameters of a function as its `def` line names them."""

from retrieval.facts import Definition
from retrieval.parse import Node, Tree


def parameters_of(function: Node, tree: Tree) -> dict[str, str]:
    """Parameter names with their annotations as written, "" without one and for starred ones."""
    listed = function.child_by_field_name("parameters")
    found: dict[str, str] = {}
    for child in listed.named_children if listed else ():
        name = child.child_by_field_name("name") or child
        if name.type in ("typed_parameter", "list_splat_pattern", "dictionary_splat_pattern"):
            name = name.named_children[0]
        starred = name.type in ("list_splat_pattern", "dictionary_splat_pattern")
        annotation = child.child_by_field_name("type") if not starred else None
        if starred and name.named_children:
            name = name.named_children[0]
        if name.type == "identifier":
            found[tree.text(name)] = tree.text(annotation)
    return found


def defaults_of(definition: Definition | None) -> dict[str, str]:
    """What parameters are when nothing is given, as written; only those that have such a default."""
    found = {}
    for item in definition.parameters if definition is not None else ():
        head, equals, default = item.partition("=")
        if equals and default.strip():
            found[head.partition(":")[0].strip()] = default.strip()
    return found
