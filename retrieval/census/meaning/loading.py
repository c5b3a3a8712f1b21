"""What code gets by a computed name: `import_module(f"pkg.{name}")`, `getattr(x, f"do_{name}")`, and the classes of
`hydra.utils.get_class(f"pkg.nets.{cfg.model.name}")`.

What is computed stands for any name that fits around the constant parts; without a constant part nothing is said.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.name_patterns import ANY, STRINGS, source_of, written
from retrieval.census.meaning.parameters import defaults_of
from retrieval.census.meaning.values import (
    ClassRef,
    External,
    FunctionRef,
    Loaded,
    ModuleRef,
    OneOf,
    Value,
    alternatives,
)
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program
    from retrieval.codebase import Codebase

LOADERS = frozenset({"importlib.import_module", "__import__", "importlib.__import__"})
LOCATORS = frozenset(
    {
        "hydra.utils.get_class",
        "hydra.utils.get_object",
        "pydoc.locate",
        "pkgutil.resolve_name",
        "django.utils.module_loading.import_string",
        "werkzeug.utils.import_string",
    }
)
_ENTRY = re.compile(r"""(?:\.|\[["'])(\w+)(?:["']\])?$""")
_REFUSED = re.compile(r"(\w+)\s+not\s+in\s+([\w.]+)\Z")
_CONFIGS = frozenset({"yaml", "json", "toml"})
LARGEST = 300_000
MOST_LOADED = 120


def loaded(frame: "Frame", call: Node, target: Value | None, place: tuple[int, tuple[Guard, ...]]) -> Value | None:
    """The modules or classes of the repository that a call loads; None when it loads none that is known."""
    function = frame.body.tree.text(call.child_by_field_name("function"))
    name = target.name if isinstance(target, External) else function
    arguments = _given(call)
    if name in LOCATORS and arguments:
        return _located(frame, arguments[0], place)
    if name not in LOADERS or not arguments:
        return None
    pattern = written(frame, arguments[0], *place)
    if len(arguments) > 1 and pattern.startswith(r"\."):
        pattern = written(frame, arguments[1], *place) + pattern
    if not re.search(r"\w", pattern.replace(ANY, "")):
        return None
    return _fitting(frame, pattern, refusing(frame, arguments[0]))


def _fitting(frame: "Frame", pattern: str, allowed: frozenset[str]) -> Value | None:
    whole = re.compile(pattern.replace(ANY, rf"({ANY})"))
    found = []
    for module, path in frame.program.modules.items():
        match = whole.fullmatch(module)
        if match and path != frame.path and (not allowed or allowed & {part for part in match.groups()}):
            found.append(ModuleRef(module, path))
    if not 0 < len(found) <= MOST_LOADED:
        return None
    return found[0] if len(found) == 1 and ANY not in pattern else Loaded(tuple(found))


def _located(frame: "Frame", name: Node, place: tuple[int, tuple[Guard, ...]]) -> Value | None:
    """The class of the repository that a dotted name stands for; where its end is an entry of a configuration, one of
    the classes that configuration files give to entries of that name."""
    module, _, last = written(frame, name, *place).rpartition(r"\.")
    if not module or ANY in module:
        return None
    inside = frame.program.module(frame.path, module.replace("\\", ""))
    if not isinstance(inside, ModuleRef) or not inside.path:
        return None
    if ANY not in last:
        return frame.program.attribute(inside, last)
    offered = dict(_offered(frame, inside))
    parts = [child for child in name.named_children if child.type == "interpolation"]
    entry = frame.body.tree.text(parts[0].named_children[0]) if len(parts) == 1 else ""
    chosen = _chosen(frame, offered, entry)
    return frame.program.settle(chosen)


def _offered(frame: "Frame", module: ModuleRef) -> Iterator[tuple[str, Value]]:
    """The classes that a module defines or imports, by name."""
    facts = frame.program.facts[module.path]
    names = [item.name for item in facts.definitions if item.kind == "class" and "." not in item.symbol]
    names += [item.alias for item in facts.imports if not item.symbol and item.name not in ("", "*")]
    for name in dict.fromkeys(names):
        value = frame.program.attribute(module, name)
        if isinstance(value, ClassRef):
            yield name, value


def in_package(program: "Program", package: str) -> Value | None:
    """One of the classes of a package that bear the names of their files: `Vits` of `vits.py`, `GlowTTS` of
    `glow_tts.py`. That is how a function finds a class that is given a package and a name."""
    found: list[Value | None] = []
    for module, path in program.modules.items():
        inside, _, name = module.rpartition(".")
        if package and inside == package and path in program.facts:
            same = (
                d for d in program.facts[path].definitions if d.kind == "class" and _folded(d.symbol) == _folded(name)
            )
            found += [program.member(path, item.symbol) for item in same]
    return program.settle([cls for cls in found if isinstance(cls, ClassRef)])


def _folded(name: str) -> str:
    return name.replace("_", "").lower()


def _chosen(frame: "Frame", offered: dict[str, Value], entry: str) -> list[Value | None]:
    """The classes whose names configuration files give to the entry that an expression reads: `cfg.model.name`."""
    found = _ENTRY.search(entry)
    given = _configured(frame.program.codebase, found[1]) if found else ()
    return [offered[text] for text in given if text in offered]


@once
def _configured(codebase: "Codebase", entry: str) -> tuple[str, ...]:
    """What configuration files give to entries of a name, the most frequent first."""
    line = re.compile(rf"""(?m)^[ \t]*["']?{entry}["']?[ \t]*[:=][ \t]*["']?(\w+)["']?[ \t]*(?:,|#|$)""")
    files = [f for f in codebase.snapshot.files if f.language in _CONFIGS and f.role in ("config", "source")]
    given = [text for file in files if len(file.data) <= LARGEST for text in line.findall(file.text)]
    return tuple(sorted(dict.fromkeys(given), key=lambda text: -given.count(text)))


def member(frame: "Frame", call: Node, place: tuple[int, tuple[Guard, ...]]) -> Value | None:
    """What `getattr` with a name that is written, or partly written, gives."""
    arguments = _given(call)
    if len(arguments) < 2:
        return None
    return _named(frame, frame.value(arguments[0], *place), arguments[1], place)


def entry(frame: "Frame", node: Node, place: tuple[int, tuple[Guard, ...]]) -> Value | None:
    """What `module.__dict__[name]`, `vars(module)[name]` or `globals()[name]` gives."""
    table, key = (node.child_by_field_name(part) for part in ("value", "subscript"))
    if table is None or key is None:
        return None
    text = frame.body.tree.text
    if table.type == "attribute" and text(table.child_by_field_name("attribute")) == "__dict__":
        owner = frame.value(table.child_by_field_name("object"), *place)
    elif table.type == "call" and text(table) == "globals()":
        owner = ModuleRef(frame.program.facts[frame.path].module, frame.path)
    elif table.type == "call" and text(table.child_by_field_name("function")) == "vars" and len(_given(table)) == 1:
        owner = frame.value(_given(table)[0], *place)
    else:
        return None
    return _named(frame, owner, key, place) if isinstance(owner, ModuleRef) else None


def _named(frame: "Frame", owner: Value | None, name: Node, place: tuple[int, tuple[Guard, ...]]) -> Value | None:
    """What a computed name means in a module or an object."""
    pattern = written(frame, name, *place)
    if pattern == ANY and isinstance(owner, ModuleRef) and owner.path in frame.program.facts:
        return _of_several(frame, owner, name)
    if owner is None or not re.search(r"\w", pattern.replace(ANY, "")):
        return None
    if ANY not in pattern:
        return frame.program.attribute(owner, pattern.replace("\\", ""))
    modules = [m for part in alternatives(owner) for m in (part.modules if isinstance(part, Loaded) else (part,))]
    whole = re.compile(pattern.replace(ANY, rf"({ANY})", 1))
    found = [
        (whole.fullmatch(item.name), module, frame.program.member(module.path, item.name))
        for module in modules
        if isinstance(module, ModuleRef) and module.path in frame.program.facts
        for item in frame.program.facts[module.path].definitions
        if "." not in item.symbol and whole.fullmatch(item.name)
    ]
    alike = [value for match, module, value in found if match and match[1] == module.name.rpartition(".")[2]]
    values = alike if len(alike) > 1 else [value for _, _, value in found]  # `read_pdf` of the module `pdf`
    return frame.program.settle([value for value in values if value is not None])


def namesake(frame: "Frame", node: Node | None, value: Value | None) -> Value | None:
    """Of several functions that a variable may hold the one whose name it bears: `read_pdf = loader.get("pdf")`."""
    if not isinstance(value, OneOf) or value.open or node is None or node.type != "identifier":
        return value
    name = frame.body.tree.text(node)
    same = [one for one in value.members if isinstance(one, FunctionRef) and one.definition.name == name]
    return same[0] if len(same) == 1 else value


def _of_several(frame: "Frame", module: ModuleRef, name: Node) -> Value | None:
    """What a name that is wholly computed takes out of a module: one of those that the body allows, else one of the
    classes that configuration files name, else what the name is by default."""
    text = frame.body.tree.text(name)
    preset = {d for item in frame.program.facts[frame.path].definitions for d in defaults_of(item).values()}
    usual = {d.strip("\"'") for d in preset}  # what functions of this file take by default comes first
    allowed = sorted(refusing(frame, name), key=lambda one: (one not in usual, one))
    found: list[Value | None] = [frame.program.attribute(module, one) for one in allowed]
    found = [value for value in found if value is not None]
    chosen = found if 0 < len(found) <= MOST_LOADED else _chosen(frame, dict(_offered(frame, module)), text)
    if chosen:
        return frame.program.settle(chosen)
    default = STRINGS.fullmatch(defaults_of(frame.definition).get(text, ""))
    return frame.program.attribute(module, default[1]) if default else None


def refusing(frame: "Frame", node: Node) -> frozenset[str]:
    """The only names that a computed name may have, where the body refuses all others: `if name not in KNOWN:`."""
    used = set(re.findall(r"[A-Za-z_]\w*", frame.body.tree.text(node)))
    for decision in frame.body.decisions:
        condition = frame.body.tree.text(decision.node.child_by_field_name("condition"))
        match = _REFUSED.match(condition.strip("() "))
        if match and match[1] in used and "." not in match[2]:
            source, bound = source_of(frame, match[2])
            if source is not None and len(bound) == 1:
                return frozenset(STRINGS.findall(source.body.tree.text(bound[0].value)))
    return frozenset()


def _given(call: Node) -> list[Node]:
    arguments = call.child_by_field_name("arguments")
    listed = arguments.named_children if arguments and arguments.type == "argument_list" else []
    return [
        n for child in listed if child.type not in ("comment", "line_continuation") if (n := _plain(child)) is not None
    ]


def _plain(child: Node) -> Node | None:
    return child.child_by_field_name("value") if child.type == "keyword_argument" else child
