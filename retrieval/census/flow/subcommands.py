"""Sub-commands of command lines: functions of click and typer groups, and the parsers that argparse adds."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.meaning.values import FunctionRef
from retrieval.facts import Definition
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

_NAMED = re.compile(r"""\.(?:command|group)\(\s*(?:name\s*=\s*)?["']([\w-]+)["']""")
_LITERAL = re.compile(r"""[rRuU]?["']([\w:.-]+)["']""")
DEEPEST = 3


def group_commands(program: "Program", path: str, group: str, left: int = DEEPEST) -> Iterator[tuple[str, FunctionRef]]:
    """The commands of the group `group` of a file, by name; those of inner groups as "outer inner"."""
    for name, target in (*_decorated(program, path, group), *_added(program, path, group)):
        yield name, target
        if left > 1 and is_group(target.definition):
            inner = group_commands(program, target.path, target.definition.name, left - 1)
            yield from ((f"{name} {below}", found) for below, found in inner)
    for outer, inside, variable in _inner(program, path, group) if left > 1 else ():
        for below, found in group_commands(program, inside, variable, left - 1):
            yield f"{outer} {below}".strip(), found


def is_group(definition: Definition) -> bool:
    """Whether a function is a group of commands."""
    return any(name.rpartition(".")[2] == "group" for name in definition.decorators)


def _decorated(program: "Program", path: str, group: str) -> Iterator[tuple[str, FunctionRef]]:
    wanted = (f"{group}.command", f"{group}.group")
    for item in program.facts[path].definitions:
        for decorator in item.decorators if item.kind == "function" and "." not in item.symbol else ():
            if decorator in wanted or decorator.endswith(tuple(f".{name}" for name in wanted)):
                lines = program.snapshot.by_path[path].lines[item.start - 1 : item.head_start]
                named = _NAMED.search("\n".join(lines))
                yield named[1] if named else item.name.replace("_", "-"), FunctionRef(path, item)


def _added(program: "Program", path: str, group: str) -> Iterator[tuple[str, FunctionRef]]:
    """`group.add_command(f, "name")` of click, and `group.command("name")(f)`, also in other files."""
    frames = [program.frame(path, None), *_elsewhere(program, path, group)]
    for frame in (frame for frame in frames if frame is not None):
        for step in frame.body.calls:
            outer = step.node.child_by_field_name("function")
            text = frame.body.tree.text
            called = outer is not None and outer.type == "call"
            written = text(outer.child_by_field_name("function")) if called and outer is not None else step.written
            given = _given(step.node)
            if written.rpartition(".")[2] != ("command" if called else "add_command") or not given:
                continue
            if written.rpartition(".")[0].rpartition(".")[2] != group:
                continue
            target = frame.value(given[0], step.order, step.guards)
            names = _given(outer) if called and outer is not None else given[1:]
            if isinstance(target, FunctionRef):
                named = _LITERAL.search(text(names[0])) if names else None
                yield named[1] if named else target.definition.name.replace("_", "-"), target


def _given(call: Node) -> list[Node]:
    arguments = call.child_by_field_name("arguments")
    return [n for n in (arguments.named_children if arguments else ()) if n.type != "comment"]


def _elsewhere(program: "Program", path: str, group: str) -> Iterator["Frame | None"]:
    """Functions of other files that are given the group: `def register(app): app.command("name")(f)`."""
    pattern = re.compile(rf"\b{re.escape(group)}\.command\(")
    folder = str(PurePosixPath(path).parent)
    text = program.snapshot.by_path[path].text
    for other, facts in program.facts.items():
        near = facts.language == "python" and other != path and str(PurePosixPath(other).parent) == folder
        if near and pattern.search(program.snapshot.by_path[other].text):
            for item in facts.definitions:
                taken = any(parameter.partition(":")[0].strip() == group for parameter in item.parameters)
                names = {item.name, *(i.alias for i in program.facts[path].imports if i.name == item.name)}
                called = "|".join(map(re.escape, names))
                if taken and re.search(rf"\b(?:{called})\(\s*{re.escape(group)}\b", text):
                    yield program.frame(other, item)


def _inner(program: "Program", path: str, group: str) -> Iterator[tuple[str, str, str]]:
    """`app.add_typer(models_app, name="models")`: the name, and the file and variable of the inner group."""
    frame = program.frame(path, None)
    for step in frame.body.calls if frame else ():
        given = _given(step.node)
        if frame is None or step.written != f"{group}.add_typer" or not given or given[0].type != "identifier":
            continue
        text = frame.body.tree.text
        name = next((_LITERAL.search(text(n)) for n in given[1:] if text(n).startswith("name")), None)
        variable = text(given[0])
        source = next((i for i in program.facts[path].imports if i.alias == variable and i.name), None)
        located = program.codebase.locate(source.module, path) if source is not None else path
        if located is not None:
            yield name[1] if name else "", located, source.name if source is not None else variable


def parser_names(program: "Program", path: str) -> dict[str, tuple[int, int]]:
    """The names that a file gives to parsers of sub-commands, with their lines."""
    found: dict[str, tuple[int, int]] = {}
    if "add_parser" not in program.snapshot.by_path[path].text:
        return found
    for item in (None, *program.facts[path].definitions):
        frame = program.frame(path, item)
        for step in frame.body.calls if frame is not None and (item is None or item.kind != "class") else ():
            arguments = step.node.child_by_field_name("arguments")
            first = arguments.named_children[0] if arguments is not None and arguments.named_children else None
            named = _LITERAL.fullmatch(frame.body.tree.text(first)) if frame is not None else None
            if named and step.written.rpartition(".")[2] == "add_parser":
                found.setdefault(named[1], (step.start, step.end))
    return found
