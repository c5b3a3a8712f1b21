"""An independent reading of Python files with the standard library's `ast`: what the census must find.

Shares no code with `retrieval`: its own walk, its own scopes, its own resolution of imports. Each kind yields keys
(path, first line, last line, name); a kind is compared as a multiset of keys.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

Key = tuple[str, int, int, str]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)


@dataclass
class Space:
    """The names bound in one function, class or module; imports with their target."""

    kind: str
    parent: "Space | None"
    imports: dict[str, list[str]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)

    def lookup(self, name: str) -> str | None:
        """The one import target of `name`, None when it is something else or ambiguous."""
        space: Space | None = self
        first = True
        while space is not None:
            if first or space.kind != "class":
                if name in space.others:
                    return None
                if name in space.imports:
                    targets = set(space.imports[name])
                    return targets.pop() if len(targets) == 1 else None
            space, first = space.parent, False
        return None


class Oracle(ast.NodeVisitor):
    """Collects the keys of one file."""

    def __init__(self, path: str, package: str) -> None:
        self.path = path
        self.package = package
        self.found: dict[str, Counter[Key]] = {}
        self.spaces: dict[ast.AST, Space] = {}
        self.space = Space("module", None)

    def read(self, tree: ast.Module) -> dict[str, Counter[Key]]:
        """Bind every name first, then collect."""
        self._bind(tree, self.space)
        self.visit(tree)
        return self.found

    def _bind(self, node: ast.AST, space: Space) -> None:
        self.spaces[node] = space
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.Import | ast.ImportFrom):
                self._bind_import(child, space)
            elif isinstance(child, ast.Name) and not isinstance(child.ctx, ast.Load):
                space.others.add(child.id)
            elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or (
                isinstance(child, ast.ExceptHandler) and child.name
            ):
                space.others.add(child.name)
            inner = space
            if isinstance(child, (*FUNCTIONS, ast.ClassDef)):
                inner = Space("class" if isinstance(child, ast.ClassDef) else "function", space)
                if isinstance(child, FUNCTIONS):
                    inner.others |= {a.arg for a in ast.walk(child.args) if isinstance(a, ast.arg)}
            self._bind(child, inner)

    def _bind_import(self, node: ast.Import | ast.ImportFrom, space: Space) -> None:
        for alias in node.names:
            if isinstance(node, ast.Import):
                bound = alias.asname or alias.name.split(".")[0]
                target = alias.name if alias.asname else bound
            else:
                bound = alias.asname or alias.name
                module = self.module(node)
                target = f"{module}.{alias.name}" if module else alias.name
            space.imports.setdefault(bound, []).append(target)

    def module(self, node: ast.ImportFrom) -> str:
        """The absolute module of a `from` import."""
        if not node.level:
            return node.module or ""
        package = self.package.split(".") if self.package else []
        if node.level - 1 > len(package):
            return "." * node.level + (node.module or "")
        kept = package[: len(package) - node.level + 1]
        return ".".join([*kept, node.module] if node.module else kept)

    def dotted(self, node: ast.expr, space: Space) -> str | None:
        """The resolved name of an expression rooted in an import, else None."""
        steps: list[str] = []
        while isinstance(node, ast.Attribute):
            steps.append(node.attr)
            node = node.value
        target = space.lookup(node.id) if isinstance(node, ast.Name) else None
        return ".".join([target, *reversed(steps)]) if target else None

    def add(self, kind: str, node: ast.AST, name: str, end: int | None = None) -> None:
        """Count one key."""
        last = end if end is not None else node.end_lineno
        self.found.setdefault(kind, Counter())[self.path, node.lineno, last, name] += 1

    def visit(self, node: ast.AST) -> None:
        """Dispatch by type, outer scope for what stands outside a definition's body."""
        method = getattr(self, f"see_{type(node).__name__}", None)
        if method is not None:
            method(node, self.spaces[node])
        self.generic_visit(node)

    def see_Call(self, node: ast.Call, space: Space) -> None:
        last = _last(node.func)
        self.add("calls by place", node, last)
        name = self.dotted(node.func, space)
        if name:
            self.add("calls", node, name)
        for keyword in node.keywords:
            if keyword.arg:
                self.add("keywords", node, keyword.arg)

    def see_Import(self, node: ast.Import, _space: Space) -> None:
        for alias in node.names:
            self.add("imports", node, alias.name)

    def see_ImportFrom(self, node: ast.ImportFrom, _space: Space) -> None:
        for alias in node.names:
            module = self.module(node)
            parts = (module, "" if alias.name == "*" else alias.name)
            name = ".".join(part for part in parts if part)
            spot = node if alias.name == "*" else alias
            self.add("imports", spot, name)

    def see_ClassDef(self, node: ast.ClassDef, space: Space) -> None:
        self._definition(node, "class")
        for base in node.bases:
            inner = base.value if isinstance(base, ast.Subscript) else base
            name = self.dotted(inner, space.parent or space)
            if name:
                self.add("bases", node, name, end=node.lineno)
        self._decorators(node, space)

    def see_FunctionDef(self, node: ast.FunctionDef, space: Space) -> None:
        self._definition(node, "def")
        self._decorators(node, space)

    def see_AsyncFunctionDef(self, node: ast.AsyncFunctionDef, space: Space) -> None:
        self._definition(node, "async def")
        self._decorators(node, space)

    def _definition(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, word: str) -> None:
        start = node.decorator_list[0].lineno if node.decorator_list else node.lineno
        key = (self.path, start, node.end_lineno, f"{word} {node.name}")
        self.found.setdefault("defines", Counter())[key] += 1

    def _decorators(self, node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, space: Space) -> None:
        for item in node.decorator_list:
            callee = item.func if isinstance(item, ast.Call) else item
            name = self.dotted(callee, space.parent or space) or _last(callee)
            self.add("decorators", item, name)

    def see_ExceptHandler(self, node: ast.ExceptHandler, space: Space) -> None:
        types = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        names = [self.dotted(t, space) or ast.unparse(t) if t is not None else "bare" for t in types]
        self.add("catches", node, ", ".join(names))

    def see_Raise(self, node: ast.Raise, space: Space) -> None:
        value = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        name = "raise" if value is None else self.dotted(value, space) or _last(value)
        self.add("raises", node, name)

    def see_Assert(self, node: ast.Assert, _space: Space) -> None:
        self.add("asserts", node, "")

    def see_Yield(self, node: ast.Yield, _space: Space) -> None:
        self.add("yields", node, "yield")

    def see_YieldFrom(self, node: ast.YieldFrom, _space: Space) -> None:
        self.add("yields", node, "yield from")

    def see_Await(self, node: ast.Await, _space: Space) -> None:
        self.add("awaits", node, "await")

    def see_Delete(self, node: ast.Delete, _space: Space) -> None:
        for target in node.targets:
            for one in target.elts if isinstance(target, ast.Tuple) else [target]:
                self.add("deletes", node, flat(ast.unparse(one)))

    def see_Global(self, node: ast.Global, _space: Space) -> None:
        for name in node.names:
            self.add("globals", node, name)

    see_Nonlocal = see_Global

    def see_With(self, node: ast.With, space: Space) -> None:
        for item in node.items:
            callee = item.context_expr
            callee = callee.func if isinstance(callee, ast.Call) else callee
            self.add("with", node, self.dotted(callee, space) or _last(callee))

    see_AsyncWith = see_With

    def see_Assign(self, node: ast.Assign, _space: Space) -> None:
        for target in node.targets:
            for one in _targets(target):
                # a chained `a = b = c` is one node here and nested ones in a concrete tree
                self.add("assigns", one, flat(ast.unparse(one)), end=node.end_lineno)

    def see_AnnAssign(self, node: ast.AnnAssign, _space: Space) -> None:
        self.add("assigns", node, flat(ast.unparse(node.target)))

    def see_AugAssign(self, node: ast.AugAssign, _space: Space) -> None:
        self.add("assigns", node, flat(ast.unparse(node.target)))

    def see_Expr(self, node: ast.Expr, _space: Space) -> None:
        if isinstance(node.value, ast.Constant):
            node.value.kind = "statement"

    def see_JoinedStr(self, node: ast.JoinedStr, _space: Space) -> None:
        for part in node.values:
            if isinstance(part, ast.Constant):
                part.kind = "statement"
            elif isinstance(part, ast.FormattedValue) and part.format_spec is not None:
                self.see_JoinedStr(part.format_spec, _space)

    def see_Constant(self, node: ast.Constant, _space: Space) -> None:
        if isinstance(node.value, str) and node.value and node.kind != "statement":
            self.add("strings", node, node.value[:200])


def _targets(target: ast.expr) -> Iterator[ast.expr]:
    if isinstance(target, ast.Tuple | ast.List):
        for one in target.elts:
            yield from _targets(one)
    else:
        yield target.value if isinstance(target, ast.Starred) else target


def _last(node: ast.expr) -> str:
    """The last written name of an expression, "" when it has none."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def flat(text: str) -> str:
    """Source of a target without what `ast.unparse` writes its own way."""
    bare = "".join(text.split()).replace('"', "'")
    return bare.replace("[(", "[").replace(")]", "]")
