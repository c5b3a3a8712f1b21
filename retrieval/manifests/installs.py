"""What documents and programs install outside manifests: commands in Markdown, commands that Python code runs,
tables of packages with versions, and shell functions that stand for `pip install`.

Yields declarations in scope "command"; their group names the wheel index ("cu121") where one is given.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

from retrieval.manifests.declaration import Declaration, Item, from_requirement
from retrieval.snapshot import SourceFile

_FENCE = re.compile(r"^\s*(?:```|~~~)")
_PROSE = re.compile(r"(?i)\b(?:raise|print|warn\w*|log(?:ger|ging)?|error|echo|\w*Error|\w*Exception)\b\W")
_COMMAND = re.compile(r"(?:\S*python[\d.]*\S*\s+-m\s+)?\b(?:pip[\d.]*|mim)\s+install\s")
_TOOL = re.compile(r"\b(?:pip[\d.]*|mim)\b")
_INDEX = re.compile(r"download\.pytorch\.org/whl/(?:[a-z]+/)?(cu\d+|cpu|rocm[\d.]+|xpu|nightly/\w+)")
_HELPER = re.compile(r"(?m)^\s*(?:function\s+)?([A-Za-z_][\w-]*)\s*(?:\(\))?\s*\{")
_PASSING = re.compile(r"""\bpip[\d.]*["']?\s+install\s[^\n]*(?:"?\$[@*]"?|@Args\b|@args\b|\$Args\b)""")
_DISTRIBUTION = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_.][A-Za-z0-9]+)*")
_VERSION = re.compile(r"\d+(?:\.\d+)+(?:[.+]?\w+)*")


def command_lines(file: SourceFile) -> Iterator[tuple[str, int, int]]:
    """The lines of a document or Python file that hold an install command, with their numbers."""
    if file.language == "markdown":
        yield from _fenced(file)
    elif file.language == "python" and "install" in file.text and _TOOL.search(file.text):
        yield from _run(file)


def _fenced(file: SourceFile) -> Iterator[tuple[str, int, int]]:
    inside = False
    for number, line in enumerate(file.lines, 1):
        if _FENCE.match(line):
            inside = not inside
        elif inside and _COMMAND.search(line) and not line.lstrip().startswith("#"):
            yield line.strip(), number, number


def _run(file: SourceFile) -> Iterator[tuple[str, int, int]]:
    """Commands in texts that are run, as one text or as a list of words."""
    try:
        tree = ast.parse(file.data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    known = _texts(tree.body, {})
    inner = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    within: dict[int, dict[str, str]] = {}
    for function in inner:  # an inner function comes after the one around it
        nodes = list(ast.walk(function))
        within |= dict.fromkeys(map(id, nodes), _texts(nodes, known))
    parts = {id(p) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr | ast.BinOp) for p in _parts(node)}
    for node in ast.walk(tree):
        text = _command_text(node, within.get(id(node), known)) if id(node) not in parts else ""
        if text and not _PROSE.search(file.lines[getattr(node, "lineno", 1) - 1]):
            first = getattr(node, "lineno", 1)
            yield text, first, getattr(node, "end_lineno", None) or first


def _parts(node: ast.JoinedStr | ast.BinOp) -> list[ast.expr]:
    return node.values if isinstance(node, ast.JoinedStr) else [node.left, node.right]


def _texts(nodes: Sequence[ast.AST], outer: dict[str, str]) -> dict[str, str]:
    """Name → the text that it is bound to, of names that are bound once."""
    bound = [
        (node.targets[0].id, node.value)
        for node in nodes
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name)
    ]
    count = Counter(name for name, _ in bound)
    found = {name: text for name, text in outer.items() if name not in count}
    for name, value in bound:
        text = _folded(value, found) if count[name] == 1 else None
        if text is not None:
            found[name] = text
    return found


def _folded(node: ast.expr, known: dict[str, str]) -> str | None:
    """The text of an expression, "{}" for what it holds that is not known; None for what is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.JoinedStr):
        held = [part.value if isinstance(part, ast.FormattedValue) else part for part in node.values]
        return "".join("{}" if (text := _folded(part, known)) is None else text for part in held)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = [_folded(side, known) for side in (node.left, node.right)]
        return None if sides[0] is None else sides[0] + ("{}" if sides[1] is None else sides[1])
    return None


def _command_text(node: ast.AST, known: dict[str, str]) -> str:
    if isinstance(node, ast.Constant | ast.JoinedStr | ast.BinOp):
        text = _folded(node, known) or ""
        return " ".join(text.split()) if _COMMAND.match(text) and "\n\n" not in text else ""
    if isinstance(node, ast.List):
        words = [str(p.value) for p in node.elts if isinstance(p, ast.Constant)]
        text = " ".join(words)
        return text if re.search(r"\bpip[\d.]*\s+install\s+\S", text) else ""
    return ""


def helpers(file: SourceFile) -> frozenset[str]:
    """The functions of a shell script that hand their words to `pip install`."""
    found = list(_HELPER.finditer(file.text))
    names = set()
    for position, match in enumerate(found):
        end = found[position + 1].start() if position + 1 < len(found) else len(file.text)
        if _PASSING.search(file.text[match.end() : end]):
            names.add(match[1])
    return frozenset(names)


def wheel_index(text: str) -> str:
    """ "cu121" of a command that takes its wheels from PyTorch's index of that name, "" without one."""
    found = _INDEX.search(text)
    return found[1] if found else ""


def is_package(word: str) -> bool:
    """Whether a word of a command can be a requirement."""
    return re.fullmatch(r"[A-Za-z0-9][\w.-]*(?:\[[\w,.-]*\])?(?:\s*(?:@|[=<>!~;]).*)?", word) is not None


def read_tables(file: SourceFile) -> Iterator[Item]:
    """Pairs of a package and its version in Python code that installs: `("onnxruntime-gpu", "1.24.4")`."""
    if "install" not in file.text or not _TOOL.search(file.text):
        return
    try:
        tree = ast.parse(file.data)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and (item := _pair(file.path, node)) is not None:
            yield item


def _pair(path: str, node: ast.Tuple) -> Declaration | None:
    words = [part.value for part in node.elts if isinstance(part, ast.Constant) and isinstance(part.value, str)]
    if len(words) != 2 or len(node.elts) != 2:
        return None
    name, version = words
    if not _DISTRIBUTION.fullmatch(name) or not _VERSION.fullmatch(version):
        return None
    item = from_requirement(f"{name}=={version}", path, node.lineno, node.end_lineno or node.lineno)
    return None if item is None else replace(item, scope="command")
