"""Who holds what in a program: bindings and stores by name, attributes by class, callers by function.

Tables for `tracing.py`, each filled when it is first asked for.
"""

from functools import cached_property
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Binding, CallStep
from retrieval.census.meaning.callgraph import Target
from retrieval.census.meaning.set_from_outside import set_from_outside
from retrieval.census.meaning.spots import is_partial
from retrieval.census.meaning.values import ClassRef, FunctionRef
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

Called = tuple["Frame", CallStep, Target]
MOST_REGISTERED = 24
_REGISTRY_WORDS = words("get build class fn func function by name from cfg create make instance the")
Kept = list[tuple["Frame", Binding]]


class Holders:
    """The tables of one program."""

    def __init__(self, program: "Program") -> None:
        self.program = program
        self._bindings: dict[int, dict[str, list[Binding]]] = {}
        self._stores: dict[int, dict[str, list[Binding]]] = {}
        self._steps: dict[int, dict[int, CallStep]] = {}
        self._attributes: dict[ClassRef, dict[str, Kept]] = {}
        self._setters: dict[ClassRef, dict[str, list[Frame]]] = {}
        self._writers: dict[str, dict[str, Kept]] = {}
        self._fillers: dict[str, dict[str, list[Frame]]] = {}
        self._made: dict[tuple[str, int], list[Called]] = {}

    def bindings(self, frame: "Frame", name: str) -> list[Binding]:
        """Every binding of a name in a body."""
        return _by_name(self._bindings, frame, frame.body.bindings).get(name, [])

    def stores(self, frame: "Frame", name: str) -> list[Binding]:
        """What is put into the container of that name in a body."""
        return _by_name(self._stores, frame, frame.body.stores).get(name, [])

    def step(self, frame: "Frame", call: Node) -> CallStep | None:
        """The event of a call in a body."""
        if id(frame) not in self._steps:
            self._steps[id(frame)] = {step.node.id: step for step in frame.body.calls}
        return self._steps[id(frame)].get(call.id)

    # Globals

    def globals(self, path: str, name: str) -> Kept:
        """Bindings of a name at the top level of a file, those of functions that declare it `global`, and those that
        set it on the module from other files."""
        top = self.program.frame(path, None)
        found: Kept = [(top, binding) for binding in self.bindings(top, name)] if top else []
        return [*found, *self._global_writers(path).get(name, []), *set_from_outside(self.program, path, name)]

    def _global_writers(self, path: str) -> dict[str, Kept]:
        if path not in self._writers:
            table: dict[str, Kept] = {}
            facts = self.program.facts.get(path)
            text = self.program.snapshot.by_path[path].data if facts else b""
            for definition in facts.definitions if facts and b"global " in text else ():
                frame = self.program.frame(path, definition)
                for name in frame.body.not_local if frame else ():
                    table.setdefault(name, []).extend((frame, b) for b in self.bindings(frame, name))  # type: ignore[misc]
            self._writers[path] = table
        return self._writers[path]

    def fillers(self, path: str, name: str) -> "list[Frame]":
        """The bodies of a file that put something into a container of its top level, the top level first."""
        if path not in self._fillers:
            table: dict[str, list[Frame]] = {}
            facts = self.program.facts.get(path)
            for definition in (None, *facts.definitions) if facts else ():
                frame = self.program.frame(path, definition)
                for held in dict.fromkeys(store.name for store in frame.body.stores) if frame else ():
                    if frame is not None and (definition is None or self._is_global(frame, held)):
                        table.setdefault(held, []).append(frame)
            self._fillers[path] = table
        return self._fillers[path].get(name, [])

    def _is_global(self, frame: "Frame", name: str) -> bool:
        inside = "." in name or name in frame.parameters or frame.outer is not None
        return not inside and (name in frame.body.not_local or not self.bindings(frame, name))

    def imported_from(self, path: str, name: str) -> tuple[str, str] | None:
        """The file of the repository, and the name in it, that a top-level name of `path` is imported from."""
        for item in self.program.facts[path].imports if path in self.program.facts else ():
            if item.alias == name and item.name and item.name != "*":
                located = self.program.codebase.locate(item.module, path)
                if located is not None:
                    return located, item.name
        return None

    # Attributes

    def attribute(self, cls: ClassRef, name: str) -> Kept:
        """Every assignment of an attribute by the class, its bases and its subclasses; inherited methods are those of
        an object of the class itself."""
        found: Kept = []
        above = self.program.line(cls)[1:]
        for owner in dict.fromkeys((*self.program.line(cls), *self.program.descendants(cls))):
            kept = self.own(owner).get(name, [])
            found += [(self._inherited(frame, cls), b) for frame, b in kept] if owner in above else kept
        return [*found, *self._fields(cls, name)] if found and self.program.method(cls, "__init__") is None else found

    def _fields(self, cls: ClassRef, name: str) -> Kept:
        """What calls give to a field of a class that has no constructor of its own, such as a dataclass."""
        found: Kept = []
        for owner in dict.fromkeys((*self.program.line(cls), *self.program.descendants(cls))):
            for frame, step, _ in self._makers.get((owner.path, owner.definition.head_start), ()):
                node = _given(frame, step, name)
                if node is not None:
                    found.append((frame, Binding(name, node, "", "whole", -1, step.start, step.guards, step.order)))
        return found

    def _inherited(self, frame: "Frame", cls: ClassRef) -> "Frame":
        method = frame.definition is not None and frame.definition.kind != "class"
        return self.program.frame(frame.path, frame.definition, cls) or frame if method else frame

    def setting(self, cls: ClassRef, name: str) -> "list[Frame]":
        """The methods that put something into the container that an attribute is."""
        found = []
        for owner in dict.fromkeys((*self.program.line(cls), *self.program.descendants(cls))):
            self.own(owner)
            found += self._setters[owner].get(name, [])
        return found

    def own(self, owner: ClassRef) -> dict[str, Kept]:
        """Every assignment of an attribute that a class itself makes, by name."""
        if owner in self._attributes:
            return self._attributes[owner]
        table: dict[str, Kept] = {}
        setters: dict[str, list[Frame]] = {}
        for frame in self.program.methods(owner):
            own = f"{next(iter(frame.parameters))}."
            fresh = _constructed(owner, frame)
            for binding in frame.body.bindings:
                holder, _, name = binding.name.partition(".")
                if binding.name.startswith(own) or (name and holder in fresh):
                    table.setdefault(name, []).append((frame, binding))
            for store in frame.body.stores:
                if store.name.startswith(own):
                    setters.setdefault(store.name.removeprefix(own), []).append(frame)
        body = self.program.frame(owner.path, owner.definition)
        for binding in body.body.bindings if body else ():
            if "." not in binding.name:
                table.setdefault(binding.name, []).append((body, binding))  # type: ignore[arg-type]
        self._attributes[owner] = table
        self._setters[owner] = {name: list(dict.fromkeys(frames)) for name, frames in setters.items()}
        return table

    # Callers

    def callers(self, frame: "Frame") -> list[Called]:
        """The calls that enter a body, as far as they are certain, and those that `note` added."""
        if frame.definition is None:
            return []
        return self._callers.get((frame.path, frame.definition.head_start), [])

    def note(self, frame: "Frame", called: Called) -> None:
        """Add a call that was found to enter a body."""
        if frame.definition is not None:
            known = self._callers.setdefault((frame.path, frame.definition.head_start), [])
            if all(other[1] is not called[1] for other in known):
                known.append(called)

    @cached_property
    def _callers(self) -> dict[tuple[str, int], list[Called]]:
        table: dict[tuple[str, int], list[Called]] = {}
        for frame in self.frames:
            for site in self.program.sites(frame):
                apart = site.how == "configured" or (site.handed and not is_partial(site.step))
                for target in () if apart else site.targets:
                    key = self._entered(target)
                    if key is not None:
                        table.setdefault(key, []).append((frame, site.step, target))
                    elif isinstance(target, ClassRef):
                        place = target.path, target.definition.head_start
                        self._made.setdefault(place, []).append((frame, site.step, target))
        return table

    @property
    def _makers(self) -> dict[tuple[str, int], list[Called]]:
        """The calls that make objects of classes without a constructor of their own."""
        return self._made if self._callers is not None else {}

    def _entered(self, target: Target) -> tuple[str, int] | None:
        if not isinstance(target, ClassRef):
            return target.path, target.definition.head_start
        found = self.program.method(target, "__init__")
        return (found[0].path, found[1].head_start) if found else None

    def registered(self, registry: str, getter: str) -> list[Target]:
        """What decorators put into a registry: `@MODELS.register()` before a class or function, for `MODELS.get(name)`.

        A getter with a word of its own (`get_model_class`) gives what a decorator with that word registers.
        """
        telling = set(getter.split("_")) - _REGISTRY_WORDS
        found = [target for words_, target in self._registries.get(registry, ()) if not telling or telling & words_]
        return found[:MOST_REGISTERED]

    @cached_property
    def _registries(self) -> dict[str, list[tuple[set[str], Target]]]:
        table: dict[str, list[tuple[set[str], Target]]] = {}
        for path, facts in self.program.facts.items():
            for definition in facts.definitions if self.program.snapshot.by_path[path].role == "source" else ():
                for decorator in definition.decorators:
                    parts = decorator.split(".")
                    if len(parts) > 1 and "regist" in parts[-1].lower():
                        target = self.program.reference(path, definition)
                        if isinstance(target, ClassRef | FunctionRef):
                            table.setdefault(parts[-2], []).append((set(parts[-1].split("_")), target))
        return table

    @cached_property
    def frames(self) -> "list[Frame]":
        """Every body of the repository, tests excepted."""
        listed = [
            self.program.frame(path, definition)
            for path, facts in self.program.facts.items()
            if self.program.snapshot.by_path[path].role in ("source", "example", "vendored")
            for definition in (None, *facts.definitions)
        ]
        return [frame for frame in listed if frame is not None]


def _given(frame: "Frame", step: CallStep, name: str) -> Node | None:
    """What a call is given under a name."""
    arguments = step.node.child_by_field_name("arguments")
    for child in arguments.named_children if arguments is not None else ():
        if child.type == "keyword_argument" and frame.body.tree.text(child.child_by_field_name("name")) == name:
            return child.child_by_field_name("value")
    return None


def _constructed(owner: ClassRef, frame: "Frame") -> set[str]:
    """The names by which a method knows a new object of its class: `model` of `model = cls()`."""
    makers = ("cls", owner.definition.name) if next(iter(frame.parameters)) == "cls" else ()
    calls = (
        (b.name, b.value) for b in frame.body.bindings if makers and b.value is not None and b.value.type == "call"
    )
    return {name for name, call in calls if frame.body.tree.text(call.child_by_field_name("function")) in makers}


def _by_name(
    tables: dict[int, dict[str, list[Binding]]], frame: "Frame", listed: list[Binding]
) -> dict[str, list[Binding]]:
    if id(frame) not in tables:
        table: dict[str, list[Binding]] = {}
        for binding in listed:
            table.setdefault(binding.name, []).append(binding)
        tables[id(frame)] = table
    return tables[id(frame)]
