"""What the calls of a repository give to the parameters of its functions: `net` in `run(net)` is an `Encoder`.

Only calls whose target is certain count, and only values that are known; a parameter that is given things of
several kinds is one of them, open when one of the calls gives what is not known.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.meaning.config_rows import held_by_config
from retrieval.census.meaning.values import ClassRef, FunctionRef, Instance, Nothing, Value
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.callgraph import Site, Target
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program
    from retrieval.facts import Definition

Key = tuple[str, int, str]  # path and first line of a function, and the name of a parameter
DEEPEST_PASSING = 6
_SILENT = frozenset({"comment", "line_continuation"})
_SPLATS = frozenset({"list_splat", "dictionary_splat"})


def given_values(program: "Program") -> dict[Key, Value]:
    """Parameter → what the repository's own code passes for it, directly or through parameters of callers."""
    found: dict[Key, list[Value | Key | None]] = {}
    for frame in _own_frames(program):
        for site in program.sites(frame):
            if site.handed or not site.sure or site.how == "configured":
                continue
            for target in site.targets:
                for (path, definition, name), node in bound_arguments(program, frame, site, target):
                    value = frame.value(node, site.step.order, site.step.guards)
                    passed = _passed_on(frame, node) if value is None else None
                    found.setdefault((path, definition.head_start, name), []).append(passed or value)
    for (cls, name), entries in held_by_config(program).items():
        start = program.method(cls, "__init__")
        if start is not None:
            given = [Instance(target) for _, target in entries]
            found.setdefault((start[0].path, start[1].head_start, name), []).extend(given)
    settled = {key: program.settle(_resolved(found, key, frozenset())) for key in found}
    return {key: value for key, value in settled.items() if value is not None and not isinstance(value, Nothing)}


def _passed_on(frame: "Frame", node: Node) -> Key | None:
    """The parameter of the calling function that an argument is."""
    name = frame.body.tree.text(node) if node.type == "identifier" else ""
    if frame.definition is None or name not in frame.parameters or frame.bound(name):
        return None
    return frame.path, frame.definition.head_start, name


def _resolved(found: dict[Key, list[Value | Key | None]], key: Key, seen: frozenset[Key]) -> list[Value | None]:
    """The values of a parameter; what callers pass on stands for what they are given, which a cycle adds nothing to."""
    values: list[Value | None] = []
    for item in found.get(key, [None]):
        if not isinstance(item, tuple):
            values.append(item)
        elif item in seen or len(seen) > DEEPEST_PASSING:
            values.append(Nothing() if item in seen else None)
        else:
            values += _resolved(found, item, seen | {key, item})
    return values


def bound_arguments(
    program: "Program", frame: "Frame", site: "Site", target: "Target"
) -> Iterator[tuple[tuple[str, "Definition", str], Node]]:
    """Each argument of a call with the parameter that receives it; none after a `*` or `**`."""
    function, path = _function(program, target)
    if function is None:
        return
    inner = program.frame(path, function)
    names = list(inner.parameters) if inner else []
    bound = isinstance(target, ClassRef) or (target.receiver is not None and not _is_static(function))
    places = iter(names[1:] if bound else names)
    given = site.step.node.child_by_field_name("arguments")
    for child in given.named_children if given and given.type == "argument_list" else ():
        if child.type in _SPLATS:
            places = iter(())
        elif child.type == "keyword_argument":
            name, node = frame.body.tree.text(child.child_by_field_name("name")), child.child_by_field_name("value")
            if name in names and node is not None:
                yield (path, function, name), node
        elif child.type not in _SILENT and (place := next(places, None)) is not None:
            yield (path, function, place), child


def _function(program: "Program", target: "Target") -> "tuple[Definition | None, str]":
    if isinstance(target, FunctionRef):
        return target.definition, target.path
    found = program.method(target, "__init__")
    return (found[1], found[0].path) if found else (None, target.path)


def _is_static(function: "Definition") -> bool:
    return any(name.rpartition(".")[2] == "staticmethod" for name in function.decorators)


def _own_frames(program: "Program") -> "Iterator[Frame]":
    for path, facts in program.facts.items():
        if program.snapshot.by_path[path].role not in ("source", "example"):
            continue
        for definition in (None, *facts.definitions):
            frame = program.frame(path, definition)
            if frame is not None:
                yield frame
