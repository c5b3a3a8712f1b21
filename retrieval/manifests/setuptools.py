"""setup.py and setup.cfg: what setuptools would be told, read from the syntax tree, never executed.

In setup.py it follows names, list additions, dictionaries, `**kwargs` and comprehensions over literal lists, and
notices which requirements files a helper function opens. What it cannot follow it leaves out.
"""

import ast
import configparser
import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from retrieval.manifests.declaration import (
    Broken,
    Include,
    Item,
    Property,
    Scope,
    from_requirement,
    interpreter,
    is_development,
)
from retrieval.snapshot import SourceFile

_LISTS: dict[str, tuple[Scope, str]] = {
    "install_requires": ("runtime", ""),
    "requires": ("runtime", ""),
    "setup_requires": ("build", "setup_requires"),
    "tests_require": ("dev", "tests_require"),
}
_TEXTS = {
    "name": "name",
    "version": "version",
    "description": "description",
    "license": "license",
    "author": "authors",
    "url": "url (homepage)",
}
_REQUIREMENTS_FILE = re.compile(r"[\w./-]*(?:requirements?|constraints?|deps)[\w./-]*\.(?:txt|in|pip)")
_DEPTH = 12

Strings = list[tuple[str, int, int]]


def read_setup_py(file: SourceFile) -> Iterator[Item]:
    """The dependencies, Python version and description that setup.py's `setup(…)` call is given."""
    try:
        tree = ast.parse(file.data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        yield Broken(file.path, f"not valid Python: {str(error)[:120]}")
        return
    script = _Script(file.path, tree)
    for call in script.setup_calls():
        for keyword in script.keywords(call):
            yield from script.items(keyword)


class _Script:
    """Just enough evaluation of a setup.py to see literal lists through the names they pass by."""

    def __init__(self, path: str, tree: ast.Module) -> None:
        self.path = path
        self.values: dict[str, list[ast.expr]] = {}
        self.functions: dict[str, ast.AST] = {}
        self.nodes = list(ast.walk(tree))
        for node in self.nodes:
            self._note(node)

    def _note(self, node: ast.AST) -> None:
        if isinstance(node, ast.FunctionDef):
            self.functions[node.name] = node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                self._bind(target, node.value)
        elif isinstance(node, ast.AugAssign) or (isinstance(node, ast.AnnAssign) and node.value):
            self._bind(node.target, node.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            self._note_call(node.func, node.args)

    def _note_call(self, method: ast.Attribute, arguments: list[ast.expr]) -> None:
        # `install_requires.append("x")`, `.extend([...])`
        if method.attr in ("append", "extend") and arguments:
            self._bind(method.value, arguments[0])

    def _bind(self, target: ast.expr, value: ast.expr | None) -> None:
        if value is None:
            return
        if isinstance(target, ast.Name):
            self.values.setdefault(target.id, []).append(value)
        elif isinstance(target, ast.Subscript) and isinstance(target.value, ast.Name):
            entry = ast.Dict(keys=[target.slice], values=[value])
            self.values.setdefault(target.value.id, []).append(entry)

    def setup_calls(self) -> list[ast.Call]:
        return [node for node in self.nodes if isinstance(node, ast.Call) and _is_setup(node.func)]

    def keywords(self, call: ast.Call) -> Iterator[ast.keyword]:
        for keyword in call.keywords:
            if keyword.arg is not None:
                yield keyword
                continue
            for key, value in self.entries(keyword.value):
                yield ast.keyword(arg=key, value=value)

    def items(self, keyword: ast.keyword) -> Iterator[Item]:
        name, value = keyword.arg or "", keyword.value
        if name in _LISTS:
            yield from self.requirements(value, *_LISTS[name], name)
        elif name == "extras_require":
            for extra, part in self.entries(value):
                extra = extra.partition(":")[0]
                scope: Scope = "dev" if is_development(extra) else "extra"
                yield from self.requirements(part, scope, extra, name)
        elif name == "python_requires":
            for text, start, end in self.strings(value):
                written = f"python_requires {text}"
                yield interpreter(text, written, self.path, start, end)
        elif name in _TEXTS:
            for text, start, end in self.strings(value)[:1]:
                yield Property(_TEXTS[name], " ".join(text.split()), self.path, start, end)
        elif name == "classifiers":
            yield from _classifiers(self.path, self.strings(value))

    def requirements(self, value: ast.expr, scope: Scope, group: str, name: str) -> Iterator[Item]:
        found = False
        for text, start, end in self.strings(value):
            item = from_requirement(text, self.path, start, end)
            if item is not None and not _REQUIREMENTS_FILE.fullmatch(text):
                found = True
                yield replace(item, scope=scope, group=group)
        if found:
            return
        if scope == "runtime" and isinstance(value, ast.List | ast.Tuple) and not value.elts:
            yield Property("no dependencies", name, self.path, value.lineno, value.lineno)
        for target in sorted(self.files(value)):
            written = f"{name} is read from {target}"
            joined = posixpath.normpath(posixpath.join(posixpath.dirname(self.path), target))
            yield Include(self.path, value.lineno, value.end_lineno or value.lineno, joined, written)

    def strings(self, value: ast.AST, depth: int = 0) -> Strings:
        """The string constants that `value` evaluates to, as far as that can be seen, with their lines."""
        if depth > _DEPTH:
            return []
        if isinstance(value, ast.Constant):
            return _split(value) if isinstance(value.value, str) else []
        return [found for part in self._parts(value) for found in self.strings(part, depth + 1)]

    def _parts(self, value: ast.AST) -> list[ast.AST]:
        """The expressions whose strings together are those of `value`."""
        if isinstance(value, ast.Name):
            return list(self.values.get(value.id, []))
        if isinstance(value, ast.Subscript):
            return self._subscript(value)
        if isinstance(value, ast.Call):
            return self._call(value)
        return _literal_parts(value)

    def _subscript(self, value: ast.Subscript) -> list[ast.AST]:
        if not isinstance(value.slice, ast.Constant):
            return []
        return [part for key, part in self.entries(value.value) if key == value.slice.value]

    def _call(self, call: ast.Call) -> list[ast.AST]:
        if isinstance(call.func, ast.Attribute):
            splits = call.func.attr in ("split", "splitlines", "strip", "copy")
            return [call.func.value] if splits else []
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        if name in ("list", "sorted", "set", "tuple"):
            return list(call.args)
        return self._looked_up(call) if name in self.functions else []

    def _looked_up(self, call: ast.Call) -> list[ast.AST]:
        # `deps_list("torch", "numpy")` picks its requirements by name from a literal list of the file.
        wanted = {arg.value for arg in call.args if isinstance(arg, ast.Constant)}
        texts = [
            node
            for values in self.values.values()
            for value in values
            if isinstance(value, ast.List)
            for node in value.elts
            if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        return [node for node in texts if (item := from_requirement(str(node.value), "", 1, 1)) and item.name in wanted]

    def entries(self, value: ast.expr, depth: int = 0) -> list[tuple[str, ast.expr]]:
        """The (key, value) pairs of a dictionary literal, a `dict(…)` call, or a name bound to them."""
        if depth > _DEPTH:
            return []
        if isinstance(value, ast.Dict):
            return [pair for pair in zip(map(_key, value.keys), value.values, strict=True) if pair[0]]
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "dict":
            return [(word.arg, word.value) for word in value.keywords if word.arg]
        if isinstance(value, ast.Name):
            parts = self.values.get(value.id, [])
            return [pair for part in parts for pair in self.entries(part, depth + 1)]
        return []

    def files(self, value: ast.AST, depth: int = 0) -> set[str]:
        """Names of requirements files in `value`, in the names it uses and in the functions it calls."""
        found: set[str] = set()
        for node in ast.walk(value):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                match = _REQUIREMENTS_FILE.fullmatch(node.value)
                found |= {node.value} if match else set()
            elif isinstance(node, ast.Name) and depth < _DEPTH:
                parts: list[ast.AST] = list(self.values.get(node.id, []))
                parts += [self.functions[node.id]] if node.id in self.functions else []
                found |= {name for part in parts for name in self.files(part, depth + 4)}
        return found


def _literal_parts(value: ast.AST) -> list[ast.AST]:
    if isinstance(value, ast.List | ast.Tuple | ast.Set):
        return list(value.elts)
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        return [value.left, value.right]
    if isinstance(value, ast.IfExp):
        return [value.body, value.orelse]
    if isinstance(value, ast.Starred):
        return [value.value]
    if isinstance(value, ast.ListComp | ast.GeneratorExp | ast.SetComp):
        return [value.generators[0].iter]
    return []


def _is_setup(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name == "setup"


def _key(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _split(constant: ast.Constant) -> Strings:
    text, first = str(constant.value), constant.lineno
    last = constant.end_lineno or first
    lines = text.split("\n")
    if len(lines) == 1 or last - first + 1 != len(lines):
        return [(text.strip(), first, last)] if text.strip() else []
    return [(line.strip(), first + i, first + i) for i, line in enumerate(lines) if line.strip()]


def _classifiers(path: str, strings: Strings) -> Iterator[Property]:
    for text, start, end in strings:
        if text.startswith("Programming Language :: Python :: 3."):
            yield Property("classifier", text, path, start, end)


def read_setup_cfg(file: SourceFile) -> Iterator[Item]:
    """The [metadata], [options] and [options.extras_require] of a setup.cfg."""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(file.text)
    except configparser.Error as error:
        yield Broken(file.path, f"not a valid INI file: {str(error)[:120]}")
        return
    for section, key, text, line in _cfg_values(file.lines):
        yield from _cfg_item(file.path, section, key, text, line)


def _cfg_item(path: str, section: str, key: str, text: str, line: int) -> Iterator[Item]:
    if section == "metadata" and key in _TEXTS:
        if not text.startswith(("attr:", "file:")):
            yield Property(_TEXTS[key], text, path, line, line)
    elif section == "options" and key == "python_requires":
        written = f"python_requires {text}"
        yield interpreter(text, written, path, line, line)
    elif (section == "options" and key in _LISTS) or section == "options.extras_require":
        extra: Scope = "dev" if is_development(key) else "extra"
        scope, group = _LISTS[key] if section == "options" else (extra, key)
        if text.startswith("file:"):
            for name in text.removeprefix("file:").split(","):
                joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), name.strip()))
                yield Include(path, line, line, joined, f"{key} = {text}")
            return
        for part in text.split(",") if section != "options" and ";" not in text else [text]:
            item = from_requirement(part, path, line, line)
            if item is not None:
                yield replace(item, scope=scope, group=group)


def _cfg_values(lines: tuple[str, ...]) -> Iterator[tuple[str, str, str, int]]:
    """(section, key, one line of the value, line number) for every line of every value."""
    section = key = ""
    for number, raw in enumerate(lines, 1):
        line = re.sub(r"(^|\s)[#;]\s.*$|^\s*[#;].*$", "", raw.rstrip())
        header = re.fullmatch(r"\[([^\]]+)\]\s*", line)
        if header:
            section, key = header[1].strip(), ""
        elif line[:1].isspace() and key:
            if line.strip():
                yield section, key, line.strip(), number
        elif found := re.match(r"([^=:\s][^=:]*?)\s*[=:]\s*(.*)", line):
            key = found[1].strip()
            if found[2].strip():
                yield section, key, found[2].strip(), number
