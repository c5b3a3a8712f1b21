"""Sub-commands of command lines: functions of click and typer groups, and the parsers that argparse adds."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.values import FunctionRef
from retrieval.facts import Definition

if TYPE_CHECKING:
    from retrieval.census.program import Program

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
    frame = program.frame(path, None)
    for step in frame.body.calls if frame else ():
        arguments = step.node.child_by_field_name("arguments")
        if frame is None or step.written != f"{group}.add_command" or arguments is None:
            continue
        given = arguments.named_children
        target = frame.value(given[0], step.order, step.guards) if given else None
        if isinstance(target, FunctionRef):
            named = _LITERAL.search(frame.body.tree.text(given[1])) if len(given) > 1 else None
            yield named[1] if named else target.definition.name.replace("_", "-"), target


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
