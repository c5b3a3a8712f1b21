"""Syntax trees, bodies and definitions of a codebase, each worked out once and kept."""

import re
from functools import cached_property
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Body
from retrieval.census.meaning.values import ClassRef, FunctionRef, Value
from retrieval.census.meaning.walker import read_body
from retrieval.facts import Definition
from retrieval.parse import Node, Tree, descendants, first_line, last_line, parse_python

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_MAIN_TEST = re.compile(r"""(__name__\s*==\s*(["'])__main__\2|(["'])__main__\3\s*==\s*__name__)""")
TOP_LEVEL = ("module", "script")
_REPEATED = ("overload", ".setter", ".deleter", ".register")


class Sources:
    """The parsed files of one codebase; `parsed` lends what it has already read."""

    def __init__(self, codebase: "Codebase", parsed: "Sources | None" = None) -> None:
        self.codebase = codebase
        self.snapshot = codebase.snapshot
        self.facts = codebase.facts
        self.modules = codebase.modules
        self._trees: dict[str, Tree | None] = parsed._trees if parsed else {}
        self._nodes: dict[str, dict[int, Node]] = parsed._nodes if parsed else {}
        self._fillings: dict[str, dict[str, int]] = parsed._fillings if parsed else {}
        self._bodies: dict[tuple[str, int], Body | None] = parsed._bodies if parsed else {}
        self._setters: dict[str, dict[str, list[Definition]]] = parsed._setters if parsed else {}
        self.notes: dict[object, bool] = parsed.notes if parsed else {}
        self.commands: dict[object, str] = {}  # functions that start programs → the parameter that is the command
        self._guards: dict[str, tuple[int, int] | None] = parsed._guards if parsed else {}

    def tree(self, path: str) -> Tree | None:
        """The syntax tree of a Python file; None when it is not Python or took too long to parse."""
        if path not in self._trees:
            file = self.snapshot.by_path.get(path)
            python = file is not None and file.language == "python"
            self._trees[path] = parse_python(file.data) if file and python else None
        return self._trees[path]

    def node(self, path: str, definition: Definition) -> Node | None:
        """The `def` or `class` node of a definition."""
        if path not in self._nodes:
            tree = self.tree(path)
            self._nodes[path] = {
                first_line(node): node
                for node in (descendants(tree.root) if tree else ())
                if node.type in ("function_definition", "class_definition")
            }
        return self._nodes[path].get(definition.head_start)

    def body(self, path: str, definition: Definition | None) -> Body | None:
        """What a definition does, or a module's top level when `definition` is None."""
        definition = None if definition is not None and definition.kind in TOP_LEVEL else definition
        key = (path, definition.head_start if definition else 0)
        if key not in self._bodies:
            tree = self.tree(path)
            node = tree.root if tree and definition is None else None
            if tree and definition is not None:
                found = self.node(path, definition)
                node = found.child_by_field_name("body") if found else None
            self._bodies[key] = read_body(tree, node) if tree and node else None
        return self._bodies[key]

    def main_guard(self, path: str) -> tuple[int, int] | None:
        """The lines of the `if __name__ == "__main__"` block of a file."""
        if path not in self._guards:
            body = self.body(path, None) if "__main__" in self.snapshot.by_path[path].text else None
            blocks = (
                (first_line(decision.node), last_line(decision.node))
                for decision in (body.decisions if body else ())
                if body and not decision.guards and _is_main_test(body, decision.node)
            )
            self._guards[path] = next(blocks, None)
        return self._guards[path]

    def definition(self, path: str, symbol: str) -> Definition | None:
        """The only definition with this dotted name in a file; None without one, or with several."""
        found = self._by_symbol.get((path, symbol), [])
        single = found if len(found) == 1 else [d for d in found if not _is_repeated(d)]
        return single[0] if len(single) == 1 else None

    def enclosing(self, path: str, symbol: str) -> Definition | None:
        """The definition one level out of `symbol`; None at module level."""
        return self.definition(path, symbol.rpartition(".")[0])

    @cached_property
    def _by_symbol(self) -> dict[tuple[str, str], list[Definition]]:
        table: dict[tuple[str, str], list[Definition]] = {}
        for path, facts in self.facts.items():
            for definition in facts.definitions:
                table.setdefault((path, definition.symbol), []).append(definition)
        return table

    def setters(self, path: str, name: str) -> list[Definition]:
        """The functions of a file that declare a name of its top level `global`."""
        if path not in self._setters:
            table: dict[str, list[Definition]] = {}
            listed = self.facts[path].definitions if "global " in self.snapshot.by_path[path].text else ()
            for item in listed:
                body = self.body(path, item) if item.kind != "class" else None
                for declared in body.not_local if body else ():
                    table.setdefault(declared, []).append(item)
            self._setters[path] = table
        return self._setters[path].get(name, [])

    def fillings(self, path: str, name: str) -> int:
        """How many places put something into a dictionary of this name: in the file at `path`, and in others that
        import the name or reach it through a module."""
        if name not in self._fillings:
            written = re.compile(rb"\b%b(?:\s*\[[^\]\n]+\]\s*=(?!=)|\.(?:update|setdefault)\()" % name.encode())
            counts = {p: len(written.findall(self.snapshot.by_path[p].data)) for p in self.facts}
            self._fillings[name] = {p: number for p, number in counts.items() if number}
        others = (number for p, number in self._fillings[name].items() if p != path and self._reaches(p, name))
        return self._fillings[name].get(path, 0) + sum(others)

    def _reaches(self, path: str, name: str) -> bool:
        """Whether a file imports a name or takes it out of something."""
        imported = any(item.name == name for item in self.facts[path].imports)
        return imported or re.search(rf"\.{name}\b", self.snapshot.by_path[path].text) is not None

    def reference(self, path: str, definition: Definition) -> Value:
        """The definition as a value."""
        if definition.kind == "class":
            return ClassRef(path, definition)
        owner = self.enclosing(path, definition.symbol)
        held = ClassRef(path, owner) if owner and owner.kind == "class" else None
        return FunctionRef(path, definition, held)

    @cached_property
    def classes(self) -> tuple[ClassRef, ...]:
        """Every class of the repository."""
        return tuple(
            ClassRef(path, definition)
            for path, facts in self.facts.items()
            for definition in facts.definitions
            if definition.kind == "class"
        )


def _is_main_test(body: Body, node: Node) -> bool:
    condition = body.tree.text(node.child_by_field_name("condition"))
    return _MAIN_TEST.fullmatch(condition.strip("() ")) is not None


def _is_repeated(definition: Definition) -> bool:
    """Whether a decorator says that the definition stands beside another one of the same name."""
    return any(name.endswith(_REPEATED) for name in definition.decorators)
