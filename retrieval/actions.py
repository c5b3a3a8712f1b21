"""The actions of a handler, each with a kind and a few words; nothing is said of what follows them."""

import builtins
from collections.abc import Iterator
from dataclasses import dataclass

from retrieval.languages import words
from retrieval.parse import Node, descendants
from retrieval.reader import Context, Reader, parts

CLOSED = frozenset(
    [
        "function_definition",
        "class_definition",
        "lambda",
        "call",
        "raise_statement",
        "return_statement",
        "assignment",
        "augmented_assignment",
        "yield",
    ]
)
ELSEWHERE = frozenset(["function_definition", "class_definition", "lambda"])
BRANCHES = frozenset(["if_statement", "match_statement", "except_clause"])
QUOTED = 70
MESSAGE = 50
LOG_METHODS = frozenset(["debug", "info", "warning", "warn", "error", "exception", "critical", "log"])
RECORDS = frozenset(["append", "add", "update", "extend", "put", "setdefault", "insert", "write"])
CLEANUP = words(
    """close remove unlink rmtree rmdir cleanup empty_cache collect kill terminate rollback release shutdown
    zero_grad flush clear ipc_collect"""
)
LEAVES = {
    **dict.fromkeys(["sys.exit", "exit", "quit", "os._exit", "os.abort"], "exits the process"),
    **dict.fromkeys(["time.sleep", "asyncio.sleep"], "waits"),
}
TRACES = frozenset(["traceback.print_exc", "traceback.print_exception", "traceback.print_stack"])
SILENT = frozenset(dir(builtins))


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a handler does; `branch` when it does so only in some branch."""

    kind: str
    text: str
    branch: bool = False


def own_nodes(block: Node | None) -> Iterator[Node]:
    """Every node of a block in source order, without nested functions, classes and lambdas."""
    stack = [block] if block is not None else []
    while stack:
        node = stack.pop()
        if node.type not in ELSEWHERE:
            yield node
            stack.extend(reversed(node.named_children))


def actions_of(reader: Reader, block: Node, context: Context, alias: str) -> list[Action]:
    """What a handler does, in source order."""
    found = []
    stack = [(block, False)]
    while stack:
        node, branch = stack.pop()
        said = _action(reader, node, context, alias)
        if said is not None:
            found.append(Action(*said, branch))
        if node.type not in CLOSED:
            inside = branch or node.type in BRANCHES
            stack.extend((child, inside) for child in reversed(node.named_children))
    return found


def _action(reader: Reader, node: Node, context: Context, alias: str) -> tuple[str, str] | None:
    first = next(iter(parts(node)), None)
    match node.type:
        case "raise_statement":
            return "raise", _raised(reader, first, context, alias)
        case "return_statement":
            return _returned(reader, first, context, alias)
        case "continue_statement":
            return "continue", "continues with the next iteration"
        case "break_statement":
            return "break", "leaves the loop"
        case "call":
            return _called(reader, node, context, alias)
        case "yield":
            return "yield", f"yields `{cut(reader.text(first))}`" if first is not None else "yields `None`"
        case "import_statement" | "import_from_statement":
            return _import(reader, node)
        case "assignment" | "augmented_assignment":
            return _assigned(reader, node, alias)
    return None


def cut(text: str) -> str:
    """At most 70 characters, safe inside backticks."""
    text = text.replace("`", "'")
    return text if len(text) <= QUOTED else f"{text[:QUOTED]}…"


def _raised(reader: Reader, value: Node | None, context: Context, alias: str) -> str:
    if value is None or (alias and reader.text(value) == alias):
        return "re-raises"
    callee = value.child_by_field_name("function") if value.type == "call" else None
    return f"raises `{reader.name(callee or value, context)}`"


def _returned(reader: Reader, value: Node | None, context: Context, alias: str) -> tuple[str, str]:
    if value is None:
        return "return", "returns nothing"
    called = value.type == "call" and called_name(reader, value, context, quiet=True)
    kind = "returns call" if called and not _mentions(reader, value, alias) else "return"
    return kind, f"returns `{cut(reader.text(value))}`"


def _import(reader: Reader, node: Node) -> tuple[str, str] | None:
    line = reader.line_text(node)
    if line in ("import traceback", "import sys", "import logging", "import warnings", "import time"):
        return None  # what reports an error, not a substitute
    return "import", f"falls back to `{cut(line)}`"


def _assigned(reader: Reader, node: Node, alias: str) -> tuple[str, str]:
    right = node.child_by_field_name("right")
    flag = node.type == "augmented_assignment" or (right is not None and right.type in ("true", "false"))
    kind = "flag" if flag or (right is not None and _mentions(reader, right, alias)) else "set"
    return kind, f"sets `{cut(reader.text(node))}`"


def _mentions(reader: Reader, node: Node, alias: str) -> bool:
    return bool(alias) and any(n.type == "identifier" and reader.tree.text(n) == alias for n in descendants(node))


def called_name(reader: Reader, node: Node, context: Context, *, quiet: bool = False) -> str:
    """The resolved name of what a call calls; with `quiet`, "" for builtins, messages and methods of text."""
    callee = node.child_by_field_name("function")
    name = reader.name(callee, context) if callee is not None else ""
    if not quiet or not name:
        return name
    if name in SILENT or name in TRACES or name in LEAVES or name.startswith(("()", "str.", "super", "warnings.")):
        return ""
    return "" if callee is not None and _logs(reader.tree.text(callee), name) else name


def _logs(written: str, name: str) -> bool:
    owner, _, method = written.lower().rpartition(".")
    return method in LOG_METHODS and ("log" in owner or name.startswith("logging."))


def _called(reader: Reader, node: Node, context: Context, alias: str) -> tuple[str, str] | None:
    callee = node.child_by_field_name("function")
    name = called_name(reader, node, context)
    if callee is None or not name:
        return None
    if name in LEAVES:
        return ("exit" if name in ("sys.exit", "exit", "quit", "os._exit", "os.abort") else "wait"), LEAVES[name]
    if name in TRACES:
        return "log", "prints the traceback"
    if name in ("print", "warnings.warn"):
        return "print", ("prints" if name == "print" else "warns") + _message(reader, node)
    if _logs(reader.tree.text(callee), name):
        return "log", f"logs{_message(reader, node)}"
    if not called_name(reader, node, context, quiet=True):
        return None
    method = name.rpartition(".")[2]
    kind = "record" if method in RECORDS else "cleanup" if method in CLEANUP else "call"
    given = node.child_by_field_name("arguments")
    if kind == "call" and given is not None and _mentions(reader, given, alias):
        kind = "report"
    written = reader.text(callee)
    return kind, f"calls `{name if '(' in written else written}()`"


def _message(reader: Reader, node: Node) -> str:
    """` "Skipping {path}…"`: the start of the message that is printed."""
    given = node.child_by_field_name("arguments")
    first = next(iter(parts(given)), None) if given is not None else None
    if first is None or first.type not in ("string", "concatenated_string"):
        return ""
    text = " ".join(reader.text(first).lstrip("rRfFbBuU").strip("\"'").split()).replace("`", "'")
    return f" “{text[:MESSAGE]}…”" if len(text) > MESSAGE else f" “{text}”"
