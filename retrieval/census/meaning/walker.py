"""Fills a `Body` from a syntax tree: which event stands where, and under which guards.

Nested functions and classes are listed, not entered: their bodies run when they are called.
"""

from collections.abc import Callable, Sequence

from retrieval.census.meaning.body import (
    NEVER,
    Binding,
    Body,
    CallStep,
    Decision,
    Exit,
    Guard,
    GuardKind,
    Taken,
    modules_set,
    one_line,
)
from retrieval.census.meaning.early import left_early
from retrieval.parse import Node, Tree, first_line, last_line

DEEPEST = 200  # deeper than any person writes: what is below is left out rather than risking the stack
_EXITS = ("return_statement", "raise_statement", "continue_statement", "break_statement", "yield")
_GATHERING = frozenset({"append", "extend", "add", "update", "insert", "put", "put_nowait"})
_COMPREHENSIONS = ("list_comprehension", "set_comprehension", "dictionary_comprehension", "generator_expression")
_DEFINITIONS = ("function_definition", "class_definition", "decorated_definition")
_IMPORTS, _SCOPED = ("import_statement", "import_from_statement"), ("global_statement", "nonlocal_statement")


def read_body(tree: Tree, block: Node) -> Body:
    """The events under `block`: a function's body, a class body or the module node."""
    body = Body(tree)
    _Walker(body).block(block, (), 0)
    return body


class _Walker:
    def __init__(self, body: Body) -> None:
        self.body = body
        self.order = 0
        self.handlers: dict[str, Callable[[Node, tuple[Guard, ...], int], None]] = {
            "block": self.block,
            "call": self._call,
            "assignment": self._assignment,
            "augmented_assignment": self._augmented,
            "named_expression": self._named,
            "for_statement": self._for,
            "while_statement": self._while,
            "if_statement": self._if,
            "conditional_expression": self._ternary,
            "boolean_operator": self._boolean,
            "except_clause": self._except,
            "except_group_clause": self._except,
            "with_item": self._with_item,
            "match_statement": self._match,
            "lambda": self._lambda,
        }
        self.handlers |= dict.fromkeys(_COMPREHENSIONS, self._comprehension) | dict.fromkeys(_EXITS, self._exit)
        self.handlers |= dict.fromkeys(_IMPORTS, self._import) | dict.fromkeys(_SCOPED, self._scope_names)
        self.handlers |= dict.fromkeys(_DEFINITIONS, self._definition)

    def visit(self, node: Node | None, guards: tuple[Guard, ...], depth: int) -> None:
        if node is None or depth > DEEPEST:
            return
        handler = self.handlers.get(node.type)
        if handler is not None:
            handler(node, guards, depth + 1)
            return
        self._children(node.named_children, guards, depth + 1)

    def _children(self, nodes: Sequence[Node], guards: tuple[Guard, ...], depth: int) -> None:
        for child in nodes:
            self.visit(child, guards, depth)

    def block(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        """Statements in order; what follows a conditional `return` or `continue` stands under it."""
        for statement in node.named_children:
            self.visit(statement, guards, depth)
            if statement.type == "if_statement":
                guards = (*guards, *left_early(statement))

    def _tick(self) -> int:
        self.order += 1
        return self.order

    def _text(self, node: Node | None) -> str:
        return one_line(self.body.tree.text(node))

    def _call(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        callee = node.child_by_field_name("function")
        self.visit(callee, guards, depth)
        self.visit(node.child_by_field_name("arguments"), guards, depth)
        awaited, lines = node.parent is not None and node.parent.type == "await", (first_line(node), last_line(node))
        self.body.calls.append(CallStep(node, self._written(callee), *lines, guards, awaited, self._tick()))
        if callee is not None and callee.type == "attribute":
            self._gather(node, callee, guards)
            self.body.bindings += modules_set(self.body.tree, node, callee, (guards, self._tick))

    def _written(self, callee: Node | None) -> str:
        """The callee on one line; a long one is cut, but ends with the name of the method that it calls."""
        text, last = self._text(callee), callee.child_by_field_name("attribute") if callee is not None else None
        return f"{text}.{self.body.tree.text(last)}" if last is not None and text.endswith("…") else text

    def _gather(self, node: Node, callee: Node, guards: tuple[Guard, ...]) -> None:
        arguments = node.child_by_field_name("arguments")
        given = arguments.named_children if arguments else []
        used = node.parent is not None and node.parent.type == "assignment"  # a container gives nothing back
        if self.body.tree.text(callee.child_by_field_name("attribute")) in _GATHERING and given and not used:
            self._store(callee.child_by_field_name("object"), given[-1], guards)

    def _assignment(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        value = node.child_by_field_name("right")
        target = node.child_by_field_name("left")
        annotation = self.body.tree.text(node.child_by_field_name("type"))
        self.visit(value, guards, depth)
        self.visit(target, guards, depth)
        while value is not None and value.type == "assignment":
            value = value.child_by_field_name("right")
        if value is not None or annotation:
            self._bind(target, value, guards, "whole", annotation=annotation)

    def _augmented(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        self._children(node.named_children, guards, depth)
        self._bind(node.child_by_field_name("left"), None, guards, "unknown")

    def _named(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        value = node.child_by_field_name("value")
        self.visit(value, guards, depth)
        self._bind(node.child_by_field_name("name"), value, guards, "whole")

    def _bind(
        self,
        target: Node | None,
        value: Node | None,
        guards: tuple[Guard, ...],
        taken: Taken,
        *,
        index: int = -1,
        annotation: str = "",
    ) -> None:
        if target is None:
            return
        if target.type in ("identifier", "attribute"):
            name = self.body.tree.text(target)
            order = self._tick()
            line = first_line(target)
            self.body.bindings.append(Binding(name, value, annotation, taken, index, line, guards, order))
        elif target.type == "subscript" and taken == "whole":
            self._store(target.child_by_field_name("value"), value, guards)
        elif target.type in ("pattern_list", "tuple_pattern", "list_pattern"):
            splat = any(child.type == "list_splat_pattern" for child in target.named_children)
            inner: Taken = "unknown"
            if index < 0 and not splat:
                inner = {"whole": "part", "element": "element"}.get(taken, "unknown")  # type: ignore[assignment]
            for position, child in enumerate(target.named_children):
                self._bind(child, value, guards, inner, index=position)
        elif target.type in ("as_pattern_target", "list_splat_pattern", "parenthesized_expression"):
            for child in target.named_children:
                self._bind(child, value, guards, taken, index=index)

    def _store(self, container: Node | None, value: Node | None, guards: tuple[Guard, ...]) -> None:
        if container is not None and container.type == "subscript":  # `pool[a][b] = x` is put into `pool`
            self._store(container.child_by_field_name("value"), value, guards)
        elif container is not None and container.type in ("identifier", "attribute"):
            name, line = self.body.tree.text(container), first_line(container)
            self.body.stores.append(Binding(name, value, "", "whole", -1, line, guards, self._tick()))

    def _for(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        self.visit(right, guards, depth)
        text = f"{self._text(left)} in {self._text(right)}"
        inside = (*guards, Guard("for", text, first_line(node), node.id))
        self._bind(left, right, inside, "element")
        self.visit(node.child_by_field_name("body"), inside, depth)
        self._loop_else(node, guards, depth)

    def _while(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        condition = node.child_by_field_name("condition")
        guard = Guard("while", self._text(condition), first_line(node), node.id)
        self.visit(condition, (*guards, guard), depth)
        self.visit(node.child_by_field_name("body"), (*guards, guard), depth)
        self._loop_else(node, guards, depth)

    def _loop_else(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        alternative = node.child_by_field_name("alternative")
        if alternative is not None:
            guard = Guard("loop-else", "", first_line(alternative), alternative.id)
            self.visit(alternative, (*guards, guard), depth)

    def _if(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        self.body.decisions.append(Decision(node, guards))
        conditions: list[str] = []
        for arm, part in enumerate([node, *node.children_by_field_name("alternative")]):
            condition = part.child_by_field_name("condition")
            if condition is None:
                guard = Guard("else", "` and `".join(conditions), first_line(part), node.id, arm)
                self.visit(part.child_by_field_name("body"), (*guards, guard) if conditions else guards, depth)
                continue
            self.visit(condition, guards, depth)
            if (text := self._text(condition)) in NEVER:
                continue
            conditions.append(text)
            guard = Guard("if", text, first_line(part), node.id, arm)
            self.visit(part.child_by_field_name("consequence"), (*guards, guard), depth)

    def _ternary(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        parts = node.named_children
        if len(parts) != 3:
            self._children(parts, guards, depth)
            return
        chosen, condition, other = parts
        self.body.decisions.append(Decision(node, guards))
        self.visit(condition, guards, depth)
        text, line = self._text(condition), first_line(condition)
        self.visit(chosen, (*guards, Guard("if", text, line, node.id, 0)), depth)
        self.visit(other, (*guards, Guard("else", text, line, node.id, 1)), depth)

    def _boolean(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        operator = self.body.tree.text(node.child_by_field_name("operator"))
        self.visit(left, guards, depth)
        kind: GuardKind = "if" if operator == "and" else "else"
        self.visit(right, (*guards, Guard(kind, self._text(left), first_line(node), node.id)), depth)

    def _except(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        block = next((child for child in node.named_children if child.type == "block"), None)
        caught = [child for child in node.named_children if child.type not in ("block", "comment")]
        key = node.parent.id if node.parent else node.id
        text = self._text(caught[0]).partition(" as ")[0] if caught else ""
        guard = Guard("except", text, first_line(node), key, node.id)
        for child in caught:
            if child.type == "as_pattern":
                self._bind(child.child_by_field_name("alias"), None, (*guards, guard), "unknown")
        self.visit(block, (*guards, guard), depth)

    def _with_item(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        value = node.child_by_field_name("value")
        if value is None or value.type != "as_pattern":
            self.visit(value, guards, depth)
            return
        entered = value.named_children[0]
        self.visit(entered, guards, depth)
        self._bind(value.child_by_field_name("alias"), entered, guards, "entered")

    def _match(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        self.body.decisions.append(Decision(node, guards))
        subject = node.child_by_field_name("subject")
        self.visit(subject, guards, depth)
        block = node.child_by_field_name("body")
        cases = [child for child in (block.named_children if block else ()) if child.type == "case_clause"]
        for arm, case in enumerate(cases):
            patterns = [self._text(c) for c in case.named_children if c.type == "case_pattern"]
            text = f"{self._text(subject)}` matches `{', '.join(patterns)}"
            guard = Guard("case", text, first_line(case), node.id, arm)
            self.visit(case.child_by_field_name("consequence"), (*guards, guard), depth)

    def _comprehension(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        clauses = [child for child in node.named_children if child.type == "for_in_clause"]
        text = "; ".join(self._text(clause).removeprefix("for ") for clause in clauses)
        inside = (*guards, Guard("comprehension", text, first_line(node), node.id))
        for position, clause in enumerate(clauses):
            iterated = clause.child_by_field_name("right")
            self.visit(iterated, inside if position else guards, depth)
            self._bind(clause.child_by_field_name("left"), iterated, inside, "element")
        conditions = [child for child in node.named_children if child.type == "if_clause"]
        self._children(conditions, inside, depth)
        for condition in conditions:
            test = self._text(condition).removeprefix("if ")
            inside = (*inside, Guard("if", test, first_line(condition), condition.id))
        self.visit(node.child_by_field_name("body"), inside, depth)

    def _lambda(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        inside = (*guards, Guard("lambda", "", first_line(node), node.id))
        parameters = node.child_by_field_name("parameters")
        for parameter in parameters.named_children if parameters else ():
            name = parameter.child_by_field_name("name") or parameter
            self._bind(name, None, inside, "unknown")
        self.visit(node.child_by_field_name("body"), inside, depth)

    def _exit(self, node: Node, guards: tuple[Guard, ...], depth: int) -> None:
        self._children(node.named_children, guards, depth)
        value = next((c for c in node.named_children if c.type not in ("comment", "line_continuation")), None)
        kind = node.type.removesuffix("_statement")
        self.body.exits.append(Exit(kind, value, first_line(node), guards, self._tick()))  # type: ignore[arg-type]

    def _import(self, node: Node, guards: tuple[Guard, ...], _depth: int) -> None:
        step = CallStep(node, "import", first_line(node), last_line(node), guards, False, self._tick())
        self.body.imports.append(step)

    def _scope_names(self, node: Node, _guards: tuple[Guard, ...], _depth: int) -> None:
        self.body.not_local.update(self.body.tree.text(child) for child in node.named_children)

    def _definition(self, node: Node, _guards: tuple[Guard, ...], _depth: int) -> None:
        inner = node.child_by_field_name("definition") or node
        self.body.nested[self.body.tree.text(inner.child_by_field_name("name"))] = inner
