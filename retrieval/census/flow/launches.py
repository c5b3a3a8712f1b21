"""Programs of the repository that its own code starts: scripts in another process, and modules whose import does work.

A command is read from the constant parts of what is given to `subprocess`, `os.system` and the like; a script is the
file of the repository that such a part names.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Binding, CallStep, Guard
from retrieval.census.meaning.names import reaching
from retrieval.census.meaning.values import External, FunctionRef
from retrieval.facts import Definition
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

STARTERS = words(
    """subprocess.run subprocess.Popen subprocess.call subprocess.check_call subprocess.check_output os.system os.popen
    os.execv os.execvp os.spawnv asyncio.create_subprocess_exec asyncio.create_subprocess_shell runpy.run_path
    runpy.run_module"""
)
SERVING = words("launch serve serve_forever mainloop run run_app run_forever")
_SCRIPT = re.compile(r"(?<![\w/.-])((?:[\w.-]+/)*[\w-]+\.py)\b")
_MODULE = re.compile(r"(?:^|\s)-m\s+([A-Za-z_][\w.]*)")
_IMPORTED = re.compile(r"\bfrom\s+([\w.]+)\s+import\s+([\w, ]+)")
_LAST = frozenset(name.rpartition(".")[2] for name in STARTERS)
_HERE = "__file__"
_COMPUTED = re.compile(r"(?<![\w/.-])((?:[\w.-]+/)+)\*(?=\s|$)")
DEEPEST_TEXT, MOST_SCRIPTS = 14, 12


def script(program: "Program", path: str, *, imported: bool = False) -> FunctionRef:
    """The top level of a file as something that runs; imported, its `__main__` block does not."""
    last = max(1, program.facts[path].lines)
    kind = "module" if imported else "script"
    return FunctionRef(path, Definition(kind, path, "", 1, last, 1, 1, (), "", (), (), "", 0, 0, False))


def launched(program: "Program", frame: "Frame", step: CallStep) -> tuple[FunctionRef, ...]:
    """The scripts of the repository, and the functions that a text of code calls, which a call starts in another
    process: itself, or by a function that hands the command on."""
    callee = frame.callee(step)
    given: list[Node] = []
    if isinstance(callee, External) and callee.name in STARTERS:
        arguments = step.node.child_by_field_name("arguments")
        given = (arguments.named_children if arguments else [])[:1]
    elif isinstance(callee, FunctionRef) and (name := _command_of(program, callee)):
        inner = program.frame(callee.path, callee.definition)
        node = _argument(frame, step, callee, list(inner.parameters), name) if inner is not None else None
        given = [node] if node is not None else []
    found: dict[FunctionRef, None] = {}
    for text in (_text(frame, node, step.order, step.guards) for node in given):
        found |= dict.fromkeys(script(program, path) for path in _paths(program, frame.path, text))
        found |= dict.fromkeys(_coded(program, frame.path, text))
    return tuple(found)[:MOST_SCRIPTS]


def _argument(frame: "Frame", step: CallStep, function: FunctionRef, names: list[str], wanted: str) -> Node | None:
    """What a call gives to one parameter of a function; None when a `*` or `**` hides it."""
    static = any(name.endswith("staticmethod") for name in function.definition.decorators)
    places = iter(names[1:] if function.owner is not None and not static else names)
    arguments = step.node.child_by_field_name("arguments")
    for child in arguments.named_children if arguments is not None else ():
        if child.type == "keyword_argument":
            if frame.body.tree.text(child.child_by_field_name("name")) == wanted:
                return child.child_by_field_name("value")
        elif child.type in ("list_splat", "dictionary_splat"):
            return None
        elif child.type != "comment" and next(places, "") == wanted:
            return child
    return None


def _command_of(program: "Program", function: FunctionRef) -> str:
    """The parameter of a function that it gives to a starter of programs as the command; "" for other functions."""
    key = ("command", function.path, function.definition.head_start)
    if key not in program.commands:
        program.commands[key] = ""  # while it is looked at
        program.commands[key] = _handed_on(program, function)
    return program.commands[key]


def _handed_on(program: "Program", function: FunctionRef) -> str:
    frame = program.frame(function.path, function.definition)
    for step in frame.body.calls if frame is not None else ():
        if frame is None or step.written.rpartition(".")[2] not in _LAST:
            continue
        callee, arguments = frame.callee(step), step.node.child_by_field_name("arguments")
        first = next(iter(arguments.named_children), None) if arguments is not None else None
        name = frame.body.tree.text(first) if first is not None and first.type == "identifier" else ""
        if isinstance(callee, External) and callee.name in STARTERS and name in frame.parameters:
            return "" if frame.bound(name) else name
    return ""


def _coded(program: "Program", near: str, text: str) -> Iterator[FunctionRef]:
    """The functions of the repository that code given with `-c` imports and calls."""
    code = text.partition("-c ")[2]
    for module, names in _IMPORTED.findall(code):
        path = program.codebase.locate(module, near)
        for name in re.findall(r"\w+", names) if path is not None else ():
            value = program.member(path or "", name) if re.search(rf"\b{name}\(", code) else None
            if isinstance(value, FunctionRef):
                yield value


def _paths(program: "Program", near: str, text: str) -> Iterator[str]:
    for name in _SCRIPT.findall(text):
        yield from named_files(program, near, name, beside=_HERE in text.split())
    for module in _MODULE.findall(text):
        inner = program.modules.get(f"{module}.__main__") or program.modules.get(module)
        yield from [inner] if inner else []
    for folder in _COMPUTED.findall(text):
        inside = (path for path in program.facts if path.startswith(folder) and "/" not in path.removeprefix(folder))
        yield from (path for path in inside if path.endswith(".py") and program.main_guard(path))


def named_files(program: "Program", near: str, name: str, *, beside: bool = False) -> list[str]:
    """The file of the repository that a path names, as written or from the folder of `near` - this first when it is put
    together `beside` the file itself; none if several end so."""
    told = [name.removeprefix("./"), str(PurePosixPath(near).parent / name)]
    exact = [path for path in (told[::-1] if beside else told) if path in program.facts]
    ending = [path for path in program.facts if path.endswith(f"/{name}")]
    return exact[:1] or (ending if len(ending) == 1 else [])


def _text(frame: "Frame", node: Node | None, order: int, guards: tuple[Guard, ...], left: int = DEEPEST_TEXT) -> str:
    """The constant text of an expression, its words parted by spaces, `*` for what is computed."""
    if node is None or left <= 0:
        return ""
    if node.type in ("string", "identifier", "binary_operator", "parenthesized_expression", "concatenated_string"):
        return _plain(frame, node, (order, guards), left)
    return " ".join(_text(frame, child, order, guards, left - 1) for child in node.named_children)


def _plain(frame: "Frame", node: Node, place: tuple[int, tuple[Guard, ...]], left: int) -> str:
    text = frame.body.tree.text
    if node.type == "string":
        return "".join(_piece(frame, child) for child in node.named_children)
    if node.type == "identifier":
        name = text(node)
        if name == _HERE:
            return _HERE
        given = _bound(frame, name, *place)
        told = (_text(frame, binding.value, binding.order, binding.guards, left - 1) for binding in given)
        return " ".join([*told, *_defaults(frame, name)])
    if node.type == "binary_operator" and text(node.child_by_field_name("operator")) == "%":
        return _text(frame, node.child_by_field_name("left"), *place, left - 1)
    glue = "" if node.type in ("binary_operator", "concatenated_string") else " "
    return glue.join(_text(frame, child, *place, left - 1) for child in node.named_children)


def _piece(frame: "Frame", child: Node) -> str:
    if child.type == "interpolation":
        return "*"
    return frame.body.tree.text(child) if child.type == "string_content" else ""


def _bound(frame: "Frame", name: str, order: int, guards: tuple[Guard, ...]) -> list[Binding]:
    own = frame.bound(name)
    if own:
        return list(reaching(own, order, guards, looped=True).bindings)
    top = frame.program.frame(frame.path, None)
    return top.bound(name) if top is not None and name not in frame.parameters else []


def _defaults(frame: "Frame", name: str) -> list[str]:
    """The text that a parameter has when nothing is given for it."""
    listed = frame.definition.parameters if frame.definition is not None else ()
    written = [item.partition("=")[2] for item in listed if re.match(rf"{re.escape(name)}\s*[:=]", item)]
    return [text.strip().strip("\"'") for text in written if text]


def imports(program: "Program", frame: "Frame") -> Iterator[tuple[CallStep, FunctionRef]]:
    """The imports of a body that run work: those of modules whose top level starts something."""
    for step in frame.body.imports:
        for path in dict.fromkeys(_imported(program, frame, step)):
            if path != frame.path and works(program, path):
                yield step, script(program, path, imported=True)


def _imported(program: "Program", frame: "Frame", step: CallStep) -> Iterator[str]:
    for item in program.facts[frame.path].imports:
        if item.start != step.start:
            continue
        for name in (f"{item.module}.{item.name}", item.module):
            found = program.codebase.locate(name, frame.path)
            if found is not None:
                yield found
                break


def works(program: "Program", path: str) -> bool:
    """Whether importing a file does work: its top level has a call of a function of the repository, or serves."""
    key = ("works", path)
    if key not in program.notes:
        program.notes[key] = False  # while files import each other
        program.notes[key] = program.snapshot.by_path[path].role == "source" and _works(program, path)
    return program.notes[key]


def _works(program: "Program", path: str) -> bool:
    frame = program.frame(path, None)
    guard = program.main_guard(path)
    for step in frame.body.calls if frame else ():
        plain = step.node.parent is not None and step.node.parent.type == "expression_statement"
        if not plain or frame is None or (guard and guard[0] <= step.start <= guard[1]):
            continue
        if isinstance(frame.callee(step), FunctionRef) or step.written.rpartition(".")[2] in SERVING:
            return True
    return False
