"""Which kinds of modality the names of one body carry: followed from what is known through its assignments.

Sizes, shapes, comparisons and fresh tensors carry nothing.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Binding
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

Groups = frozenset[str]
NONE: Groups = frozenset()
_EMPTY = words("shape dtype device size dim numel ndim stride get_device data_ptr is_cuda requires_grad")
_FRESH = re.compile(r"(?:^|\.)(?:zeros|ones|full|empty|arange|eye|randn?|randint|len|range|isinstance|\w+_like)$")
_TESTING = ("comparison_operator", "not_operator", "boolean_operator", "string", "lambda")


@dataclass
class Carried:
    """The names of one body so far, each with the kinds of modality of what it holds."""

    frame: "Frame"
    labels: dict[str, Groups]

    def bind(self, binding: Binding) -> None:
        """What a name holds from here on; under a condition it may still hold what it did."""
        told = self.of(binding.value) if binding.value is not None else NONE
        if told or not binding.guards:
            self.labels[binding.name] = told | (self.labels.get(binding.name, NONE) if binding.guards else NONE)

    def of(self, node: Node | None) -> Groups:
        """The kinds of modality that an expression is made of."""
        text = self.frame.body.tree.text
        if node is None or node.type in _TESTING:
            return NONE
        match node.type:
            case "identifier":
                return self.labels.get(text(node), NONE)
            case "attribute":
                if text(node.child_by_field_name("attribute")) in _EMPTY:
                    return NONE
                return self.labels.get(text(node), NONE) or self.of(node.child_by_field_name("object"))
            case "subscript":
                return self.of(node.child_by_field_name("value"))
            case "keyword_argument":
                return self.of(node.child_by_field_name("value"))
            case "call":
                written = text(node.child_by_field_name("function"))
                if _FRESH.search(written) or written.rpartition(".")[2] in _EMPTY:
                    return NONE
        return frozenset().union(*(self.of(child) for child in node.named_children))

    def note(self, into: Node, groups: Groups) -> None:
        """More that an object which the code writes into holds."""
        name = self.frame.body.tree.text(into)
        self.labels[name] = self.labels.get(name, NONE) | groups
