"""What a registry of the repository can give: definitions that decorators or calls of the same object register.

`REG.get(name)` may give any function or class under `@REG.register(...)`; where the registry keeps several sorts
(`register_model`, `register_task`), the name of the method that is asked tells the sort. A table of a module is one
too where a function puts its parameter into it: `register("net", Net)` before `TABLE[name]`. And which class an `Auto`
loader of Transformers makes: one of the repository that is registered with it (`auto_class`).
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.results import annotation, called
from retrieval.census.meaning.values import ClassRef, External, FunctionRef, Instance, Value, read_annotation
from retrieval.facts import Definition
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

Registered = FunctionRef | ClassRef
_DECORATOR = re.compile(r"(?:^|\.)(\w+)\.(\w*regist\w*)$")
_ASKING = re.compile(r"(?:^|_)(?:get|build|create|make|lookup|find|load|resolve)(?:_|$)")
_BUILDING = re.compile(r"_*(?:build|create|make|instantiate)")
_FILLERS = frozenset(
    {"regist", "register", "registe", "registry", "with", "name", "module", "get", "class", "build", "by"}
)
_LITERAL = re.compile(r"""["']([^"']+)["']""")
_AUTO = re.compile(
    r"^transformers\.(?:[\w.]+\.)?(Auto(?:Model\w*|Backbone))\.(?:from_pretrained|from_config|register)$"
)
_AUTOS: "Beside[Program, dict[str, list[ClassRef]]]" = Beside()
_KNOWN: "Beside[Program, dict[str, list[tuple[str, Registered]]]]" = Beside()


def registered_for(program: "Program", frame: "Frame", node: Node | None) -> tuple[Registered, ...]:
    """What an expression that asks a registry may be; () when it asks none. Follows a name to its one binding."""
    if node is not None and node.type == "identifier":
        bound = frame.bound(frame.body.tree.text(node))
        node = bound[0].value if len(bound) == 1 and bound[0].taken == "whole" else None
    function = node.child_by_field_name("function") if node is not None and node.type == "call" else None
    if function is None or function.type != "attribute":
        return ()
    owner = frame.body.tree.text(function.child_by_field_name("object")).rpartition(".")[2]
    method = frame.body.tree.text(function.child_by_field_name("attribute"))
    held = _registrations(program).get(owner, []) if _ASKING.search(method) else []
    sorts = {part for part in method.lower().split("_") if part not in _FILLERS}
    fitting = [target for sort, target in held if not sorts or not sort or sort in sorts]
    asked = _constant(frame, node)
    named = [target for target in fitting if asked and asked in _keys(program, owner, target)]
    return tuple(dict.fromkeys(named or fitting))


def _constant(frame: "Frame", call: Node | None) -> str:
    """The literal name that a registry is asked for, "" when it is computed; a call may have given it."""
    given = call.child_by_field_name("arguments") if call is not None else None
    first = next(iter(given.named_children), None) if given is not None else None
    text = frame.body.tree.text(first)
    told = dict(frame.given).get(text, "") if first is not None and first.type == "identifier" else text
    match = _LITERAL.fullmatch(told) if isinstance(told, str) else None
    return match[1] if match else ""


def _keys(program: "Program", owner: str, target: Registered) -> frozenset[str]:
    """The names under which a definition is registered: those that its decorators give, else its own."""
    item, lines = target.definition, program.snapshot.by_path[target.path].lines
    head = "\n".join(lines[item.start - 1 : item.head_start])
    given = re.findall(rf"""\b{owner}\.\w*regist\w*\(\s*(?:name\s*=\s*)?["']([^"'\n]+)["']""", head)
    return frozenset(given or [item.name])


def gives(program: "Program", frame: "Frame", node: Node) -> Value | None:
    """What a call that asks a registry gives: one of the definitions it holds, or an object of one that it builds."""
    found = registered_for(program, frame, node)
    if not found:
        return None
    text = frame.body.tree.text(node.child_by_field_name("function"))
    builds = _BUILDING.match(text.rpartition(".")[2]) is not None
    return program.settle([called(program, value) if builds else value for value in found])


def _registrations(program: "Program") -> dict[str, list[tuple[str, Registered]]]:
    """Name of a registry object → the sort and the definition of everything that its decorators register."""
    if program not in _KNOWN:
        table: dict[str, list[tuple[str, Registered]]] = {}
        for path, item in program.codebase.all_definitions():
            for name in item.decorators if "." not in item.symbol else ():
                match = _DECORATOR.search(name)
                if match:
                    sort = next((part for part in match[2].lower().split("_") if part not in _FILLERS), "")
                    target = ClassRef(path, item) if item.kind == "class" else FunctionRef(path, item)
                    table.setdefault(match[1], []).append((sort, target))
        for name, target in _handed_in(program):
            table.setdefault(name, []).append(("", target))
        _KNOWN[program] = table
    return _KNOWN[program]


def auto_class(program: "Program", frame: "Frame", node: Node, target: Value | None) -> ClassRef | None:
    """The class of the repository of which an `Auto` loader makes an object, None when nothing tells.

    What the result is annotated as tells it, and so does a registered class that the file imports by its name and
    does not use to make anything itself.
    """
    maker = target.name if isinstance(target, External) else ""
    match = _AUTO.match(maker)
    if match is None or maker.endswith(".register"):
        return None
    told = next((b.annotation for b in frame.body.bindings if b.annotation and b.value == node), "")
    value = annotation(program, frame.path, read_annotation(told)) if told else None
    if isinstance(value, Instance):
        return value.cls
    facts = program.facts[frame.path]
    made = {call.written.partition(".")[0] for call in facts.calls}
    named = {item.alias for item in facts.imports if item.name not in ("", "*")} - made
    fitting = [cls for cls in _autos(program).get(match[1], []) if cls.definition.name in named]
    held = [cls for cls in fitting if program.member(frame.path, cls.definition.name) == cls]
    return held[0] if len(held) == 1 else None


def auto_made(frame: "Frame", node: Node, target: Value | None) -> Instance | None:
    """The object that an `Auto` loader makes, when its class is of the repository."""
    cls = auto_class(frame.program, frame, node, target)
    return Instance(cls) if cls is not None else None


def _autos(program: "Program") -> dict[str, list[ClassRef]]:
    """Name of an `Auto` class → the classes of the repository that are registered with it."""
    if program not in _AUTOS:
        table: dict[str, list[ClassRef]] = {}
        for path, call in program.codebase.all_calls():
            match = _AUTO.match(call.name) if call.name.endswith(".register") else None
            value = program.member(path, call.arguments[1]) if match and len(call.arguments) > 1 else None
            if match and isinstance(value, ClassRef):
                table.setdefault(match[1], []).append(value)
        _AUTOS[program] = table
    return _AUTOS[program]


def put_into(program: "Program", frame: "Frame", table: str) -> Value | None:
    """What the functions of a file put into a table of it, and into one that it imports, by their parameters."""
    if frame.bound(table) or table in frame.parameters:
        return None
    return program.settle([target for _, target in _registrations(program).get(table, ())])


def _handed_in(program: "Program") -> Iterator[tuple[str, Registered]]:
    """Name of a table → a definition that a call hands to the function that puts its parameter into the table."""
    codebase = program.codebase
    named = [(p, d) for p, d in codebase.all_definitions() if d.kind == "function" and "regist" in d.name]
    registrars = {(path, item.symbol): kept for path, item in named if (kept := _kept(program, path, item))}
    names = {symbol for _, symbol in registrars}
    for path, call in codebase.all_calls() if names else ():
        target = codebase.resolve_call(path, call) if call.name.rpartition(".")[2] in names else None
        table, place = registrars.get((target[0], target[1].symbol), ("", 0)) if target is not None else ("", 0)
        given = codebase.resolve_local(path, call.arguments[place]) if table and place < len(call.arguments) else None
        if given is not None and given[1].kind in ("class", "function"):
            yield table, ClassRef(*given) if given[1].kind == "class" else FunctionRef(*given)


def _kept(program: "Program", path: str, function: Definition) -> tuple[str, int] | None:
    """The table of the file that a function puts a parameter into, and the place of the parameter."""
    frame, top = program.frame(path, function), program.frame(path, None)
    if frame is None or top is None:
        return None
    values = [(store.name, frame.body.tree.text(store.value)) for store in frame.body.stores]
    listed = list(frame.parameters)
    return next(((name, listed.index(v)) for name, v in values if v in frame.parameters and top.bound(name)), None)
