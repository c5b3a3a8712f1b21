"""The files that outside programs are told to read and write by the words of their command.

What follows `-i` is read and the last word written by programs of ffmpeg's kind; of others what follows `-o`,
`--output` or `>` is written, and any other word may be read: it counts only where the code writes the same file.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.units import Unit, call_name, own_nodes, units

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

STARTING = re.compile(
    r"^(?:subprocess\.(?:run|Popen|call|check_call|check_output|getoutput|getstatusoutput)"
    r"|os\.(?:system|popen|exec\w+|spawn\w+|startfile)"
    r"|asyncio\.create_subprocess_(?:exec|shell)|pexpect\.\w+|mcp\.client\.stdio\.stdio_client|psutil\.Popen)$"
)
RUNNERS = re.compile(r"^(?:run|Popen|call|check_\w+|getoutput|getstatusoutput|system|popen|create_subprocess_\w+)$")
_OUT = re.compile(r"^(?:-o|>|--?(?:out(?:put)?|save|dest|target)(?:[_-]\w+)*)$")
_HOLES = re.compile(r"%\(?\w*\)?[sd]|\{[^{}]*\}")
MOST_WORDS, DEEPEST = 80, 5
Word = str | ast.expr


@dataclass(frozen=True, slots=True)
class CommandFile:
    """A word of a command that may name a file: the body, the word, its effect, and the program at the head ("")."""

    path: str
    symbol: str
    line: int
    node: ast.expr
    effect: str
    program: str


def command_files(codebase: Codebase) -> Iterator[CommandFile]:
    """Every word of the commands of the source code that may name a file."""
    starting = {(path, call.start) for path, call in codebase.all_calls() if STARTING.match(call.name)}
    for unit in units(codebase, r"subprocess|os\.(?:system|popen)|[\"']-i[\"']"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        seen: set[ast.AST] = set()
        for node in unit.nodes:
            if not isinstance(node, ast.Call) or not RUNNERS.match(call_name(node)) or not node.args:
                continue
            if (unit.path, unit.lines(node)[0]) in starting:
                yield from _told(unit, node, _Words(unit, node, seen).of(node.args[0], DEEPEST))
        for node in unit.nodes:  # lists that a wrapper of its own is given
            if isinstance(node, ast.List) and node not in seen and any(_text(item) == "-i" for item in node.elts):
                yield from _told(unit, node, list(node.elts))


def _told(unit: Unit, at: ast.expr, found: list[Word]) -> Iterator[CommandFile]:
    texts = [_text(word) for word in found]
    if len(found) < 2:
        return
    program = texts[0].rpartition("/")[2] if re.fullmatch(r"[\w./-]+", texts[0]) else ""
    filters = "-i" in texts
    for index, word in enumerate(found[1:], 1):
        before = texts[index - 1]
        if isinstance(word, str | ast.Starred) or texts[index].startswith("-"):
            continue
        if filters:
            effect = "reads" if before == "-i" else "writes" if index == len(found) - 1 else ""
        else:
            effect = "writes" if _OUT.match(before) else "reads"
        if effect:
            line = unit.lines(word if hasattr(word, "lineno") else at)[0]
            yield CommandFile(unit.path, unit.symbols.get(at, ""), line, word, effect, program)


def _text(word: Word) -> str:
    """The word where it is written out, "" otherwise."""
    if isinstance(word, str):
        return word
    return word.value if isinstance(word, ast.Constant) and isinstance(word.value, str) else ""


class _Words:
    """Takes the command of one call apart into words, names followed inside their function."""

    def __init__(self, unit: Unit, call: ast.Call, seen: set[ast.AST]) -> None:
        scope = next((n for n in unit.enclosing(call) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)), None)
        self.body = own_nodes(scope) if scope is not None else own_nodes(unit.tree)
        self.line, self.seen = call.lineno, seen

    def of(self, node: ast.expr, left: int) -> list[Word]:
        """The words of an expression, [] where it is not known."""
        self.seen.add(node)
        match node:
            case ast.List() | ast.Tuple():
                return list(node.elts[:MOST_WORDS])
            case ast.Constant(value=str(text)):
                return list(text.split()[:MOST_WORDS])
            case ast.JoinedStr():
                return _pieces(node.values)
            case ast.BinOp(op=ast.Mod(), left=ast.Constant(value=str(text))):
                given = node.right.elts if isinstance(node.right, ast.Tuple) else [node.right]
                return _filled(text, given)
            case ast.BinOp(op=ast.Add()):
                return [*self.of(node.left, left), *self.of(node.right, left)]
            case ast.Name() if left:
                return self._named(node.id, left - 1)
            case ast.Call():
                return self._called(node, left)
        return [node]

    def _called(self, node: ast.Call, left: int) -> list[Word]:
        """`" ".join(words)`, `shlex.split(text)`, `text.format(…)`."""
        held = node.func.value if isinstance(node.func, ast.Attribute) else None
        name = call_name(node)
        if name in ("join", "split", "quote") and node.args:
            return self.of(node.args[0], left)
        if name == "split" and held is not None:
            return self.of(held, left)
        if name == "format" and isinstance(held, ast.Constant) and isinstance(held.value, str):
            return _filled(held.value, node.args)
        return [node]

    def _named(self, name: str, left: int) -> list[Word]:
        """What a name was bound to last before the call, with what the body appended to it."""
        found: list[Word] = []
        for node in self.body:
            if getattr(node, "lineno", self.line + 1) > self.line:
                continue
            if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == name for t in node.targets):
                found = self.of(node.value, left)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name) and node.target.id == name:
                found += self.of(node.value, left)
            elif added := _added(node, name):
                found += [added[1]] if added[0] == "append" else self.of(added[1], left)
        return found[:MOST_WORDS]


def _added(node: ast.AST, name: str) -> tuple[str, ast.expr] | None:
    """What `name.append(x)` or `name.extend(x)` adds."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
        to = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
        return (node.func.attr, node.args[0]) if to == name and node.func.attr in ("append", "extend") else None
    return None


def _pieces(values: list[ast.expr]) -> list[Word]:
    """The words of an f-string: a word with nothing but one value is that value."""
    words: list[list[ast.expr]] = [[]]
    for value in values:
        if isinstance(value, ast.FormattedValue):
            words[-1].append(value)
            continue
        text = str(value.value) if isinstance(value, ast.Constant) else ""
        parts = re.split(r"\s+", text)
        words[-1] += [ast.Constant(parts[0])] if parts[0] else []
        for part in parts[1:]:
            words.append([ast.Constant(part)] if part else [])
    return [_one(word) for word in words if word][:MOST_WORDS]


def _one(parts: list[ast.expr]) -> Word:
    told = [p for p in parts if isinstance(p, ast.FormattedValue) or str(getattr(p, "value", "")).strip("\"'")]
    if len(told) == 1 and isinstance(told[0], ast.FormattedValue):
        return told[0].value
    if all(isinstance(part, ast.Constant) for part in parts):
        return "".join(str(getattr(part, "value", "")) for part in parts).strip("\"'")
    clean = [ast.Constant(str(p.value).strip("\"'")) if isinstance(p, ast.Constant) else p for p in parts]
    return ast.JoinedStr(values=clean, lineno=_line(parts), col_offset=0)


def _line(parts: list[ast.expr]) -> int:
    return next((p.value.lineno for p in parts if isinstance(p, ast.FormattedValue)), 1)


def _filled(text: str, given: list[ast.expr]) -> list[Word]:
    """The words of `"a %s b" % …` and `"a {} b".format(…)`: whole holes are what they are given."""
    values = iter(given)
    found: list[Word] = []
    for word in text.split()[:MOST_WORDS]:
        holes = len(_HOLES.findall(word))
        parts = [value for _ in range(holes) if (value := next(values, None)) is not None]
        whole = holes == 1 and _HOLES.fullmatch(word.strip("\"'"))
        found.append(parts[0] if whole and parts else word)
    return found
