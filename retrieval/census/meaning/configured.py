"""Calls that make what configuration names: `instantiate_from_config(cfg.unet_config)`, `hydra.utils.instantiate(cfg)`.

Which classes these may be is told by the key that the configuration is taken by: what entries under `unet_config` name.
"""

import re
from typing import TYPE_CHECKING

from retrieval.beside import Beside, once
from retrieval.census.meaning.config_rows import Target, mentioned, resolved, rows_of
from retrieval.census.meaning.loading import in_package
from retrieval.census.meaning.tagged_files import LOADER, reads_tagged, tagged_objects, tagged_rows
from retrieval.census.meaning.values import ClassRef, External, FunctionRef, Instance, Value
from retrieval.census.models.config_targets import Named, named_by_config
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program
    from retrieval.codebase import Codebase

_HYDRA = frozenset({"hydra.utils.instantiate", "hydra.utils.call", "hydra._internal.instantiate.instantiate"})
_READS = re.compile(r"""(?:\[|\.(?:get|pop)\()\s*["'](?:_target_|target|class_path)["']|\.(?:_target_|class_path)\b""")
_GETS = re.compile(r"return\s+getattr\(\s*(?:importlib\.)?(?:import_module\(|\w+,)")
_PASSING = frozenset(
    {"enumerate", "zip", "list", "default", "deepcopy", "to_container", "instantiate", "merge", "dict", "reversed"}
)
MOST, DEEPEST = 16, 5
_CALLS: "Beside[Program, dict[tuple[str, int], tuple[tuple[Named, Target], ...]]]" = Beside()


def configured_for(program: "Program", frame: "Frame", call: Node) -> tuple[tuple[Named, Target], ...]:
    """What a call makes that is given a configuration, with the entries that name it; () for any other call."""
    function = call.child_by_field_name("function")
    written = frame.body.tree.text(function)
    if written.rpartition(".")[2] not in _instantiators(program.codebase):
        return ()
    known = _CALLS.setdefault(program, {})
    key = (frame.path, call.id)
    if key not in known:
        known[key] = ()  # for what leads back here
        known[key] = tuple(_found(program, frame, call, function))
    return known[key]


def may_configure(codebase: "Codebase", text: str) -> bool:
    """Whether a text names a function that makes what configuration names."""
    names = _instantiators(codebase)
    return any(f"{name}(" in text for name in names)


def _found(program: "Program", frame: "Frame", call: Node, function: Node | None) -> list[tuple[Named, Target]]:
    value = frame.value(function)
    if reads_tagged(frame, call):
        made = {row[1]: row for row in tagged_rows(frame, call) if row[0].word != "!name"}
        return list(made.values())[:MOST]
    if not (isinstance(value, FunctionRef) or (isinstance(value, External) and value.name in _HYDRA)):
        return []
    given = call.child_by_field_name("arguments")
    first = (
        next((n for n in given.named_children if n.type not in ("comment", "keyword_argument")), None)
        if given
        else None
    )
    table, words = rows_of(program), _words(program, value)
    keys = list(dict.fromkeys(_keys(frame, first, DEEPEST)))
    rows = [row for key in keys for row in table.get(key, ()) if row[0].word in words]
    found = {target: (named, target) for named, target in _meant(frame, rows, keys)}
    return list(found.values())[:MOST]


def _meant(frame: "Frame", rows: list[tuple[Named, Target]], keys: list[str]) -> list[tuple[Named, Target]]:
    """Of entries under the same key those that this body overrides, else those for its class, else the outermost."""
    own = [row for row in rows if row[0].symbol and row[0].symbol == frame.symbol and row[0].path == frame.path]
    rows = [row for row in rows if not row[0].symbol]
    name = frame.owner.definition.name if frame.owner is not None else ""
    inside = [row for row in rows if name and row[0].within.rpartition(".")[2] == name]
    outermost = [row for row in rows if row[0].whole in keys] if frame.owner is None else []
    return own or inside or mentioned(frame, outermost or rows)


def _words(program: "Program", function: FunctionRef | External) -> frozenset[str]:
    """The entries that a function reads the name of the class from."""
    if isinstance(function, External):
        return frozenset({"_target_"})
    lines = program.snapshot.by_path[function.path].lines[function.definition.start - 1 : function.definition.end]
    return frozenset(re.findall(r"\b(_target_|target|class_path)\b", "\n".join(lines)))


def gives(frame: "Frame", call: Node) -> Value | None:
    """The object that a call makes from a configuration, the table of those of a file whose tags make them, the class
    that it gets by a dotted name; None for others."""
    if (cls := _by_name(frame, call)) is not None:
        return cls
    if reads_tagged(frame, call):
        return tagged_objects(frame, call)
    found = configured_for(frame.program, frame, call)
    own = [Instance(target) for _, target in found if isinstance(target, ClassRef)]
    return frame.program.settle([*own, *([None] * (len(found) - len(own)))]) if own else None


def _by_name(frame: "Frame", call: Node) -> Value | None:
    """The class that `get_obj_from_str("pkg.Net")` gives; the name may be a constant, also the second argument of
    `default(name, NET)`. `find("pkg.nets", name)` gives one of the classes that bear the names of their files."""
    written = frame.body.tree.text(call.child_by_field_name("function"))
    if written.rpartition(".")[2] not in _getters(frame.program.codebase):
        return None
    given = call.child_by_field_name("arguments")
    first = given.named_children[0] if given is not None and given.named_children else None
    while first is not None and first.type == "call":
        inner = first.child_by_field_name("arguments")
        first = inner.named_children[-1] if inner is not None and inner.named_children else None
    text = frame.body.tree.text(first) if first is not None else ""
    name = (
        text.strip("\"'")
        if first is not None and first.type == "string"
        else _constant(frame.program, frame.path, text)
    )
    found = resolved(frame.program, name) if "." in name else None
    several = given is not None and len(given.named_children) > 1 and isinstance(found, External | None)
    return found if isinstance(found, ClassRef) else in_package(frame.program, name) if several else None


def _constant(program: "Program", path: str, name: str, hops: int = 3) -> str:
    """The text that a name of a module is bound to, followed through imports; "" for none."""
    top = program.frame(path, None)
    bound = [b.value for b in top.bound(name) if b.value is not None and b.value.type == "string"] if top else []
    if top is not None and len(bound) == 1:
        return top.body.tree.text(bound[0]).strip("\"'")
    for item in program.facts[path].imports if path in program.facts and hops else ():
        if item.alias == name and item.name and (other := program.codebase.locate(item.module, path)) is not None:
            return _constant(program, other, item.name, hops - 1)
    return ""


@once
def _getters(codebase: "Codebase") -> frozenset[str]:
    """Names of functions that return what a dotted name stands for."""
    found: set[str] = set()
    for path, facts in codebase.facts.items():
        file = codebase.snapshot.by_path[path]
        if facts.language == "python" and "import_module(" in file.text:
            for item in facts.definitions:
                text = "\n".join(file.lines[item.start - 1 : item.end]) if item.kind == "function" else ""
                found |= {item.name} if _GETS.search(text) else set()
    return frozenset(found)


@once
def _instantiators(codebase: "Codebase") -> frozenset[str]:
    """Names of functions that make what the entry `target` of their argument names, and those of Hydra."""
    if not named_by_config(codebase):
        return frozenset()
    found = {"instantiate", LOADER}
    for path, facts in codebase.facts.items():
        file = codebase.snapshot.by_path[path]
        if facts.language != "python" or not _READS.search(file.text):
            continue
        for item in facts.definitions:
            if item.kind == "function" and _READS.search("\n".join(file.lines[item.start - 1 : item.end])):
                found.add(item.name)
    return frozenset(found)


def _keys(frame: "Frame", node: Node | None, left: int) -> list[str]:
    """The keys that a configuration may have been taken by, "" for a whole file."""
    if node is None or left <= 0:
        return []
    text = frame.body.tree.text
    match node.type:
        case "attribute":
            return _attribute(frame, node, left)
        case "subscript":
            key = node.child_by_field_name("subscript")
            literal = key is not None and key.type == "string"
            return [text(key).strip("\"'")] if literal else _keys(frame, node.child_by_field_name("value"), left - 1)
        case "identifier":
            return _named(frame, text(node), left)
        case "call":
            return _called(frame, node, left)
        case "boolean_operator" | "conditional_expression" | "parenthesized_expression":
            return [key for child in node.named_children for key in _keys(frame, child, left - 1)]
    return []


def _attribute(frame: "Frame", node: Node, left: int) -> list[str]:
    """`cfg.model`; of `self.config` what a method of the class sets it to, where no entry has that name."""
    text, name = frame.body.tree.text(node), frame.body.tree.text(node.child_by_field_name("attribute"))
    if name in named_by_config(frame.program.codebase) or not text.startswith("self.") or frame.owner is None:
        return [name]
    found: list[str] = []
    for method in frame.program.methods(frame.owner):
        bound = (binding.value for binding in method.body.bindings if binding.name == text)
        found += [key for value in bound if value is not None for key in _keys(method, value, left - 1)]
    return list(dict.fromkeys(found)) or [name]


def _called(frame: "Frame", node: Node, left: int) -> list[str]:
    """`cfg.get("model")`, `default(config, OTHER)`, `OmegaConf.load(path)`."""
    text = frame.body.tree.text
    written = text(node.child_by_field_name("function"))
    given = node.child_by_field_name("arguments")
    listed = [child for child in given.named_children if child.type != "comment"] if given is not None else []
    if written.endswith((".get", ".pop")) and listed and listed[0].type == "string":
        return [text(listed[0]).strip("\"'")]
    if written.rpartition(".")[2] in _PASSING:
        return [key for child in listed[:2] for key in _keys(frame, child, left - 1)]
    return [""] if re.search(r"(?:^|\.)(?:load|compose|create|load_config)$", written) else []


def _named(frame: "Frame", name: str, left: int) -> list[str]:
    own = [name] if name in named_by_config(frame.program.codebase) else []
    bound = [binding for binding in frame.body.bindings if binding.name == name and binding.value is not None]
    if bound:
        return own + [key for binding in bound[:4] for key in _keys(frame, binding.value, left - 1)]
    if own or name not in frame.parameters or frame.definition is None:
        return own
    return _given(frame, name, left)


def _given(frame: "Frame", name: str, left: int) -> list[str]:
    """The keys of what callers in the same file give to a parameter."""
    program, asked = frame.program, frame.definition.name if frame.definition else ""
    place = [p for p in frame.parameters if p not in ("self", "cls")].index(name) if name not in ("self", "cls") else 0
    found: list[str] = []
    for item in (None, *program.facts[frame.path].definitions):
        around = program.frame(frame.path, item)
        for step in around.body.calls if around is not None and around is not frame else ():
            if step.written.rpartition(".")[2] == asked:
                given = step.node.child_by_field_name("arguments")
                plain = [c for c in given.named_children if c.type != "comment"] if given is not None else []
                if place < len(plain) and plain[place].type != "keyword_argument":
                    found += _keys(around, plain[place], left - 1)  # type: ignore[arg-type]
    return list(dict.fromkeys(found))
