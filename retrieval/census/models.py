"""Kinds `models`, `instantiates` and `invokes`: model classes, where objects of them are made and used."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.body import CallStep, one_line
from retrieval.census.callgraph import Site, caller, circumstances, invoked, label, root_object, summary
from retrieval.census.exports import all_frames
from retrieval.census.families import MODELISH, RUNNING, SETUP, is_library_model, is_model_base
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.program import Program, program_of
from retrieval.census.values import ClassRef, External, ExternalObject, FunctionRef, Instance, Items
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

SHOWN = 10
ARGUMENTS = 80


@dataclass(frozen=True, slots=True)
class Family:
    """The model classes of a repository with the outside base that makes each one a model."""

    bases: dict[ClassRef, str]

    def is_model(self, cls: ClassRef) -> bool:
        """Whether a repository class derives from one of the bases asked for."""
        return cls in self.bases


def family_of(codebase: "Codebase", query: Query) -> Family:
    """Classes that derive from the patterns of the query, or from any known model base without patterns."""
    fits = query.matches if query.patterns else is_model_base
    found: dict[ClassRef, str] = {}
    for cls in program_of(codebase).classes:
        base = next((b for b in codebase.bases(cls.path, cls.definition) if fits(b)), "")
        if base:
            found[cls] = base
    return Family(found)


@kind(
    "models",
    summary="classes that derive from a model base class, whole models before parts",
    example="models: torch.nn.Module",
    reads="python",
    ordered=True,
)
def models(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Model classes. Those with most parts first; `detail["part"]` is "no" for parts of no other."""
    program = program_of(codebase)
    family = family_of(codebase, query)
    parts = {cls: _parts(program, family, cls) for cls in family.bases}
    holders: dict[ClassRef, list[ClassRef]] = {}
    for cls, built in parts.items():
        for part in built:
            if cls not in program.line(part):
                holders.setdefault(part, []).append(cls)

    def importance(cls: ClassRef) -> tuple[bool, int, bool, str, int]:
        role = program.snapshot.by_path[cls.path].role
        reach = len(_all_parts(parts, cls))
        own = cls.definition
        return (role != "source", -reach, cls in holders, cls.path, own.head_start)

    for cls in sorted(family.bases, key=importance):
        held = [holder.definition.symbol for holder in holders.get(cls, [])]
        names = [part.definition.symbol for part in parts[cls]]
        yield _class_hit(codebase, cls, family.bases[cls], names, held)


def _parts(program: Program, family: Family, cls: ClassRef) -> list[ClassRef]:
    """The model classes that `cls` constructs in its methods or holds in its attributes, each once."""
    found: dict[ClassRef, None] = {}
    for frame in program.methods(cls, cls):
        for site in program.sites(frame):
            if isinstance(site.target, ClassRef):
                found[site.target] = None
        own = f"{next(iter(frame.parameters))}."
        for name in dict.fromkeys(b.name for b in frame.body.bindings if b.name.startswith(own)):
            held = program.attribute(Instance(cls), name.removeprefix(own))
            held = held.element if isinstance(held, Items) else held
            if isinstance(held, Instance):
                found[held.cls] = None
    return [part for part in found if family.is_model(part) and part != cls]


def _all_parts(parts: dict[ClassRef, list[ClassRef]], cls: ClassRef) -> set[ClassRef]:
    found: set[ClassRef] = set()
    waiting = [cls]
    while waiting:
        for part in parts.get(waiting.pop(), ()):
            if part not in found:
                found.add(part)
                waiting.append(part)
    return found


def _class_hit(codebase: "Codebase", cls: ClassRef, base: str, names: list[str], held: list[str]) -> CensusHit:
    definition = cls.definition
    text = f"`{definition.symbol}` ({cls.path}) derives from `{base}`"
    if names:
        text += f"; its parts are {_listed(names)}"
    if held:
        text += f"; it is a part of {_listed(held)}"
    about = summary(definition)
    return hit_at(
        codebase,
        cls.path,
        (definition.head_start, definition.head_end),
        symbol=definition.symbol,
        name=definition.symbol,
        text=text,
        related=(("definition", cls.path, definition.start, definition.end),),
        detail={"base": base, "part": "yes" if held else "no"} | ({"about": about} if about else {}),
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"


@kind(
    "instantiates",
    summary="calls that construct repository subclasses of a base, or classes of that outside name",
    example="instantiates: torch.nn.Module",
    reads="python",
    ordered=True,
)
def instantiates(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Constructor calls, those on the paths from the entry points first. See `models` for the bases."""
    program = program_of(codebase)
    family = family_of(codebase, query)
    found: list[CensusHit] = []
    for frame, depth in all_frames(program, every=True):
        inside = frame.owner is not None and family.is_model(frame.owner)
        for step, cls in _constructed(program, frame, family):
            found.append(_constructs(codebase, frame, step, cls, (depth, inside)))
        for step in frame.body.calls if query.patterns else ():
            value = frame.callee(step)
            if isinstance(value, External) and query.matches(value.name):
                found.append(_outside(codebase, frame, step, value.name))
    yield from sorted(found, key=lambda hit: hit.detail.get("inside") == "yes")


def _constructed(program: Program, frame: "Frame", family: Family) -> Iterator[tuple[CallStep, ClassRef]]:
    for site in program.sites(frame):
        if isinstance(site.target, ClassRef) and family.is_model(site.target):
            yield site.step, site.target


def _written(frame: "Frame", step: CallStep) -> str:
    return one_line(frame.body.tree.text(step.node), ARGUMENTS)


def _subject(frame: "Frame") -> str:
    words = caller(frame)
    return words[0].upper() + words[1:]


def _constructs(
    codebase: "Codebase",
    frame: "Frame",
    step: CallStep,
    cls: ClassRef,
    place: tuple[int, bool],
) -> CensusHit:
    depth, inside = place
    own = cls.definition
    return hit_at(
        codebase,
        frame.path,
        (step.start, step.end),
        symbol=frame.symbol,
        name=own.symbol,
        text=f"{_subject(frame)} constructs `{_written(frame, step)}`{circumstances(step.guards)}",
        related=(("definition", cls.path, own.head_start, own.head_end),),
        detail={"class": own.symbol, "inside": "yes" if inside else "no", "depth": str(depth)},
    )


def _outside(codebase: "Codebase", frame: "Frame", step: CallStep, name: str) -> CensusHit:
    text = f"{_subject(frame)} calls `{_written(frame, step)}` (`{name}`){circumstances(step.guards)}"
    return hit_at(
        codebase,
        frame.path,
        (step.start, step.end),
        symbol=frame.symbol,
        name=name,
        text=text,
        detail={"class": name, "inside": "no"},
    )


@kind(
    "invokes",
    summary="calls on model objects: model(x), model.encode_image(x), pipe.generate(x)",
    example="invokes: torch.nn.Module",
    reads="python",
    ordered=True,
)
def invokes(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Calls that run a model, in order of execution where an entry point reaches them.

    `detail["by"]` is "type" when the object's class is known, "library" when an outside model
    library made it, and "name" when only its name says that it is a model.
    """
    program = program_of(codebase)
    family = family_of(codebase, query)
    found: list[CensusHit] = []
    for frame, depth in all_frames(program, every=True):
        inside = frame.owner is not None and family.is_model(frame.owner)
        known = {s.step.node.id: s for s in program.sites(frame) if not s.handed}
        for step in frame.body.calls:
            said = _invocation(frame, step, known.get(step.node.id), (family, query))
            if said is not None:
                found.append(_invokes(codebase, frame, step, said, (depth, inside)))
    yield from sorted(found, key=lambda hit: hit.detail["inside"] == "yes")


def _invocation(
    frame: "Frame", step: CallStep, site: Site | None, asked: tuple[Family, Query]
) -> tuple[str, str, str] | None:
    """How a call runs a model: (by, the model's name, words to add); None when it does not."""
    family, query = asked
    method = step.written.rpartition(".")[2]
    if site is not None:
        return _typed(step.written, site, family)
    holder = invoked(frame, step)
    if isinstance(holder, Instance):
        if family.is_model(holder.cls) and method in RUNNING:
            return "type", holder.cls.definition.symbol, ""
        return _by_name(frame, step) if frame.callee(step) is None else None
    holder = holder or root_object(frame, step)
    if isinstance(holder, ExternalObject):
        fits = query.matches(holder.maker) if query.patterns else is_library_model(holder.maker)
        running = method in RUNNING or isinstance(frame.callee(step), ExternalObject)
        if fits and running:
            return "library", holder.maker, f", on what `{holder.maker}` gave"
        if not is_model_base(holder.maker):
            return None
    return _by_name(frame, step) if frame.callee(step) is None else None


def _typed(written: str, site: Site, family: Family) -> tuple[str, str, str] | None:
    target = site.target
    if not isinstance(target, FunctionRef) or target.receiver is None:
        return None
    head, _, rest = written.partition(".")
    method = written.rpartition(".")[2]
    if site.called is None and method not in RUNNING and SETUP.match(method.lstrip("_")):
        return None
    own_method = head in ("self", "cls") and "." not in rest and site.called is None
    if own_method or written.startswith("super()") or not family.is_model(target.receiver):
        return None
    model = target.receiver.definition.symbol
    if site.overridden:
        return "type", model, f" on a `{model}` object or one of a subclass"
    runs = label(target)
    on = "" if runs.startswith(f"{model}.") else f" on a `{model}` object"
    return "type", model, f", which runs `{runs}`{on}"


def _by_name(frame: "Frame", step: CallStep) -> tuple[str, str, str] | None:
    holder, _, method = step.written.rpartition(".")
    called = step.written if MODELISH.search(step.written.rpartition(".")[2]) else holder
    last = called.rpartition(".")[2]
    held = holder.rpartition(".")[2] in ("", "self") or MODELISH.search(holder.rpartition(".")[2])
    if called == step.written and (not held or SETUP.match(last.lstrip("_"))):
        return None
    if not MODELISH.search(last) or "(" in called or (called == holder and method not in RUNNING):
        return None
    parameter = called in frame.parameters and not frame.bound(called)
    return "name", called, f"; `{called}` is a parameter" if parameter else ""


def _invokes(
    codebase: "Codebase",
    frame: "Frame",
    step: CallStep,
    said: tuple[str, str, str],
    place: tuple[int, bool],
) -> CensusHit:
    by, model, words = said
    depth, inside = place
    text = f"{_subject(frame)} calls `{_written(frame, step)}`{words}{circumstances(step.guards)}"
    return hit_at(
        codebase,
        frame.path,
        (step.start, step.end),
        symbol=frame.symbol,
        name=model,
        text=text,
        detail={"by": by, "model": model, "inside": "yes" if inside else "no", "depth": str(depth)},
    )
