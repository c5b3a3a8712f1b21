"""What paths look like that code builds: `{out}/frames/{n}.png` for an expression, followed through names and helpers.

`{x}` stands for what is not known. Follows assignments of the body, of `self` and of the module, what loops take from
folder listings, and what functions of the repository return, at most `DEEPEST` steps.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.files.path_meets import folder_of
from retrieval.census.meaning.units import call_name, own_nodes, units
from retrieval.census.settings.set_defaults import holds_by_default
from retrieval.languages import words
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

DEEPEST, LONGEST = 12, 160
_SAME = words("Path PurePath PosixPath str abspath realpath normpath expanduser fspath as_posix resolve absolute open")
_LISTING = words("glob iglob rglob iterdir listdir sorted list tqdm reversed enumerate")
_FORMAT = re.compile(r"\{[^{}]*\}")
_PERCENT = re.compile(r"%(?:\(\w+\))?[-+ #0]*\d*(?:\.\d+)?[sdifrx]")
_OWN_TEMPORARY = {
    "TemporaryDirectory": "{own temporary folder}",
    "mkdtemp": "{own temporary folder}",
    "NamedTemporaryFile": "{own temporary file}",
    "mkstemp": "{own temporary file}",
}
_SAVED_AS = words("filename file_path filepath output_file output_path local_path dest destination")
_OPENED = frozenset({"open", *_OWN_TEMPORARY})
_KNOWN: Beside[Codebase, Paths] = Beside()
Env = dict[str, str]


@dataclass(slots=True)
class Names:
    """What one body binds: name → (line, value, index in an unpacked tuple or -1), and what it returns."""

    bound: dict[str, list[tuple[int, ast.expr, int]]] = field(default_factory=dict)
    loops: dict[str, ast.expr] = field(default_factory=dict)
    returned: list[ast.expr] = field(default_factory=list)
    parameters: list[str] = field(default_factory=list)


def paths_of(codebase: Codebase) -> Paths:
    """The paths of a codebase, worked out once."""
    if codebase not in _KNOWN:
        _KNOWN[codebase] = Paths(codebase)
    return _KNOWN[codebase]


class Paths:
    """Answers what path an expression is."""

    def __init__(self, codebase: Codebase) -> None:
        self.codebase = codebase
        self._files: dict[str, dict[str, Names]] = {}

    def written(self, path: str, symbol: str, text: str, line: int) -> str:
        """The pattern of an expression as written in the body `symbol`, "" when it is no expression."""
        try:
            node = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return ""
        return self.pattern((path, symbol, line), node, {}, DEEPEST)[:LONGEST]

    def names(self, path: str, symbol: str) -> Names:
        """What a body binds and returns."""
        if path not in self._files:
            self._files[path] = _read(self.codebase, path)
        return self._files[path].get(symbol, Names())

    def pattern(self, at: tuple[str, str, int], node: ast.expr, env: Env, left: int) -> str:
        """The pattern of an expression at (path, symbol, line); `env` are the patterns of parameters."""
        if left <= 0 and not isinstance(node, ast.Constant):
            return _unknown(node)
        match node:
            case ast.Constant():
                return str(node.value) if isinstance(node.value, str) else f"{{{node.value}}}"
            case ast.JoinedStr():
                return "".join(self._piece(at, part, env, left) for part in node.values)
            case ast.BinOp():
                return self._operation(at, node, env, left)
            case ast.Call():
                return self._call(at, node, env, left)
            case ast.Name():
                return self._name(at, node, env, left)
            case ast.Attribute():
                return self._attribute(at, node, env, left)
            case ast.BoolOp():
                return self.pattern(at, node.values[-1], env, left - 1)
            case ast.IfExp():
                usual = node.orelse if holds_by_default(self.codebase, node.test) is False else node.body
                return self.pattern(at, usual, env, left - 1)
        return _unknown(node)

    def _piece(self, at: tuple[str, str, int], part: ast.expr, env: Env, left: int) -> str:
        if isinstance(part, ast.FormattedValue):
            return self.pattern(at, part.value, env, left - 1)
        return str(part.value) if isinstance(part, ast.Constant) else "{…}"

    def _operation(self, at: tuple[str, str, int], node: ast.BinOp, env: Env, left: int) -> str:
        first = self.pattern(at, node.left, env, left - 1)
        if isinstance(node.op, ast.Mod):
            given = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
            parts = iter([self.pattern(at, item, env, left - 1) for item in given])
            return _PERCENT.sub(lambda found: next(parts, "{…}") if found[0] == "%s" else found[0], first)
        between = {ast.Add: "", ast.Div: "/"}.get(type(node.op))
        return _unknown(node) if between is None else first + between + self.pattern(at, node.right, env, left - 1)

    def _call(self, at: tuple[str, str, int], node: ast.Call, env: Env, left: int) -> str:
        name, given = call_name(node), [item for item in node.args if not isinstance(item, ast.Starred)]
        held = node.func.value if isinstance(node.func, ast.Attribute) else None
        chain = dotted(node.func)
        if name == "join" and given and ("path" in chain.lower() or len(given) > 1):  # of texts it takes one argument
            return "/".join(self.pattern(at, item, env, left - 1) for item in given)
        if name == "joinpath" and held is not None:
            return "/".join(self.pattern(at, item, env, left - 1) for item in (held, *given))
        if name in _SAME:
            inner = given[0] if given else held
            return self.pattern(at, inner, env, left - 1) if inner is not None else _unknown(node)
        if name == "format" and held is not None:
            return _FORMAT.sub("{…}", self.pattern(at, held, env, left - 1))
        if name in ("getenv", "get") and len(given) > 1 and ("environ" in chain or name == "getenv"):
            return self.pattern(at, given[1], env, left - 1)
        if temporary := _temporary(node):
            return temporary
        named = next((item.value for item in node.keywords if item.arg in _SAVED_AS), None)
        if name.startswith("download") and named is not None:
            return self.pattern(at, named, env, left - 1)
        if name == "dirname" and given:
            return folder_of(self.pattern(at, given[0], env, left - 1)) or _unknown(node)
        if name in ("with_suffix", "with_name") and held is not None and given:
            base = self.pattern(at, held, env, left - 1)
            cut = base.rpartition("/")[0] + "/" if name == "with_name" else base.rpartition(".")[0] or base
            return cut + self.pattern(at, given[0], env, left - 1)
        return self._returned(at, node, env, left) or _unknown(node)

    def _returned(self, at: tuple[str, str, int], node: ast.Call, env: Env, left: int, index: int = -1) -> str:
        """What a function of the repository returns, of a tuple the member at `index`."""
        found = self.codebase.resolve_local(at[0], dotted(node.func)) if dotted(node.func) else None
        if found is None and dotted(node.func).startswith("self."):
            owner = at[1].rpartition(".")[0]
            found = self.codebase.resolve_local(at[0], f"{owner}.{call_name(node)}")
        if found is None or found[1].kind == "class":
            return ""
        names = self.names(found[0], found[1].symbol)
        inner = {p: self.pattern(at, a, env, left - 1) for p, a in zip(names.parameters, node.args, strict=False)}
        inner |= {k.arg: self.pattern(at, k.value, env, left - 1) for k in node.keywords if k.arg in names.parameters}
        for value in reversed(names.returned):
            chosen = value.elts[index] if isinstance(value, ast.Tuple) and 0 <= index < len(value.elts) else value
            told = self.pattern((found[0], found[1].symbol, value.lineno), chosen, inner, left - 1)
            if "/" in told or "." in told.rpartition("}")[2]:
                return told
        return ""

    def _name(self, at: tuple[str, str, int], node: ast.Name, env: Env, left: int) -> str:
        path, symbol, line = at
        if symbol and node.id in env:
            return env[node.id]
        for scope in dict.fromkeys((symbol, "")):
            names = self.names(path, scope)
            bound = [item for item in names.bound.get(node.id, []) if item[0] < line or scope != symbol]
            if bound:
                where, value, index = bound[-1]
                return self._value((path, scope, where), value, index, (env, left), node.id)
            if node.id in names.loops:
                return self._looped((path, scope, line), names.loops[node.id], (env, left), node.id)
            if node.id in names.parameters:
                return f"{{{node.id}}}"
        return self._constant(path, node.id) or f"{{{node.id}}}"

    def _value(self, at: tuple[str, str, int], value: ast.expr, index: int, how: tuple[Env, int], name: str) -> str:
        env, left = how
        if index < 0:
            told = self.pattern(at, value, env, left - 1)
            opened = call_name(value) == "open" and told != _unknown(value)
            return told if _tells(told) or opened else f"{{{name}}}"
        if isinstance(value, ast.Call):
            return self._returned(at, value, env, left, index) or f"{{{name}}}"
        return f"{{{name}}}"

    def _looped(self, at: tuple[str, str, int], source: ast.expr, how: tuple[Env, int], name: str) -> str:
        """What a loop takes: of `glob(p)` the pattern, of `listdir(d)` the bare names."""
        env, left = how
        while isinstance(source, ast.Call) and call_name(source) in _LISTING and source.args:
            if call_name(source) in ("glob", "iglob"):
                told = self.pattern(at, source.args[0], env, left - 1)
                held = source.func.value if isinstance(source.func, ast.Attribute) else None
                joined = held is not None and dotted(held) != "glob"
                return f"{self.pattern(at, held, env, left - 1)}/{told}" if joined and held is not None else told
            source = source.args[0]
        return f"{{{name}}}"

    def _attribute(self, at: tuple[str, str, int], node: ast.Attribute, env: Env, left: int) -> str:
        path, symbol, _ = at
        chain = dotted(node)
        owner = symbol.rpartition(".")[0]
        if chain.startswith("self.") and chain.count(".") == 1 and owner:
            if path not in self._files:
                self.names(path, symbol)
            for other, names in self._files[path].items():
                if other.rpartition(".")[0] == owner and chain in names.bound:
                    where, value, index = names.bound[chain][0]
                    return self._value((path, other, where), value, index, ({}, left), chain)
        if node.attr == "name" and (told := self.pattern(at, node.value, env, left - 1)).startswith("{own temporary"):
            return told
        found = self.codebase.resolve_local(path, chain) if chain else None
        if found is None and "." in chain and (known := self._constant(path, chain)):
            return known
        return _unknown(node)

    def _constant(self, path: str, chain: str) -> str:
        """The text that a variable of another module of the repository is, named by `chain` or imported by name."""
        from retrieval.census.handover.option_globals import module_variable

        variable = module_variable(self.codebase, path, chain)
        bound = self.names(variable[0], "").bound.get(variable[1], []) if variable is not None else []
        told = self.pattern((variable[0], "", bound[0][0]), bound[0][1], {}, 3) if bound and variable else ""
        return told if _tells(told) else ""


def _tells(told: str) -> bool:
    """Whether a pattern has anything but one unknown."""
    return bool(_FORMAT.sub("", told)) or told in _OWN_TEMPORARY.values()


def _temporary(node: ast.Call) -> str:
    """What a call of `tempfile` makes, "" for any other call."""
    name = call_name(node)
    if name == "gettempdir":
        return "{temporary folder}"
    return _OWN_TEMPORARY[name] + _ending(node) if name in _OWN_TEMPORARY else ""


def _ending(made: ast.Call) -> str:
    """The ending that a temporary file is given: `suffix=".wav"`."""
    given = next((item.value for item in made.keywords if item.arg == "suffix"), None)
    text = given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else ""
    return text if re.fullmatch(r"\.\w{1,5}", text) else ""


def _unknown(node: ast.AST) -> str:
    text = ast.unparse(node)
    text = re.sub(r"[{}/\"'`\s]", "", text)
    return f"{{{text if len(text) < 30 else '…'}}}"


def _read(codebase: Codebase, path: str) -> dict[str, Names]:
    found: dict[str, Names] = {}
    for unit in units(codebase, "", path):
        bodies = [(unit.tree, ""), *unit.functions()]
        for body, symbol in bodies:
            names = found.setdefault(symbol, Names())
            given = getattr(body, "args", None)
            if given is not None:
                listed = [*given.posonlyargs, *given.args, *given.kwonlyargs]
                names.parameters = [item.arg for item in listed if item.arg not in ("self", "cls")]
            for node in own_nodes(body):
                _note(names, node)
    return found


def _note(names: Names, node: ast.AST) -> None:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            _bind(names, target, node.value, -1)
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        _bind(names, node.target, node.value, -1)
    elif isinstance(node, ast.Return) and node.value is not None:
        names.returned.append(node.value)
    else:
        _note_loop(names, node)


def _note_loop(names: Names, node: ast.AST) -> None:
    """What loops and comprehensions take, and the files that `with` opens."""
    if isinstance(node, ast.For | ast.comprehension) and isinstance(node.target, ast.Name):
        names.loops.setdefault(node.target.id, node.iter)
    elif isinstance(node, ast.For) and isinstance(node.target, ast.Tuple) and call_name(node.iter) == "enumerate":
        if isinstance(last := node.target.elts[-1], ast.Name):
            names.loops.setdefault(last.id, node.iter)
    elif isinstance(node, ast.withitem) and node.optional_vars and call_name(node.context_expr) in _OPENED:
        _bind(names, node.optional_vars, node.context_expr, -1)


def _bind(names: Names, target: ast.expr, value: ast.expr, index: int) -> None:
    if isinstance(target, ast.Tuple):
        for place, item in enumerate(target.elts):
            _bind(names, item, value, place)
    elif name := dotted(target):
        names.bound.setdefault(name, []).append((target.lineno, value, index))
