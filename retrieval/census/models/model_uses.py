"""Kinds `instantiates` and `invokes`: where objects of model classes are made, and where they run."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.callgraph import Site, defined
from retrieval.census.meaning.invoked import invoked, root_object
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.values import ClassRef, External, ExternalObject, FunctionRef, Instance, alternatives
from retrieval.census.meaning.wording import caller, circumstances, either, label
from retrieval.census.models.families import MODELISH, RUNNING, SETUP, is_library_model, is_model_base
from retrieval.census.project.exports import all_frames
from retrieval.facts import CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

from retrieval.census.models.models import Family, family_of

ARGUMENTS = 80
_CODECS = words("tiktoken tokenizers sentencepiece codecs base64 json")


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
        for site in program.sites(frame):
            if any(isinstance(target, ClassRef) and family.is_model(target) for target in site.targets):
                found.append(_constructs(codebase, frame, site, (depth, inside)))
        for step in frame.body.calls if query.patterns else ():
            value = frame.callee(step)
            if isinstance(value, External) and query.matches(value.name):
                found.append(_outside(codebase, frame, step, value.name))
    yield from sorted(found, key=lambda hit: hit.detail.get("inside") == "yes")


def _written(frame: "Frame", step: CallStep) -> str:
    return one_line(frame.body.tree.text(step.node), ARGUMENTS)


def _subject(frame: "Frame") -> str:
    words = caller(frame)
    return words[0].upper() + words[1:]


def _constructs(
    codebase: "Codebase",
    frame: "Frame",
    site: Site,
    place: tuple[int, bool],
) -> CensusHit:
    depth, inside = place
    step = site.step
    name = " | ".join(label(target) for target in site.targets)
    which = f", which is {either([label(target) for target in site.targets])}" if site.others else ""
    return hit_at(
        codebase,
        frame.path,
        (step.start, step.end),
        symbol=frame.symbol,
        name=name,
        text=f"{_subject(frame)} constructs `{_written(frame, step)}`{which}{circumstances(step.guards)}",
        related=tuple(defined(target) for target in site.targets),
        detail={"class": name, "inside": "yes" if inside else "no", "depth": str(depth)},
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
        return by_name(frame, step) if frame.callee(step) is None else None
    holder = holder or root_object(frame, step)
    if isinstance(holder, ExternalObject):
        fits = query.matches(holder.maker) if query.patterns else is_library_model(holder.maker)
        running = method in RUNNING or isinstance(frame.callee(step), ExternalObject)
        if fits and running:
            return "library", holder.maker, f", on what `{holder.maker}` gave"
        if not is_model_base(holder.maker):
            return None
    return by_name(frame, step) if frame.callee(step) is None else None


def _typed(written: str, site: Site, family: Family) -> tuple[str, str, str] | None:
    target = site.target
    if not isinstance(target, FunctionRef) or target.receiver is None:
        return None
    if site.others:
        return _alternatives(written, site, family)
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


def _alternatives(written: str, site: Site, family: Family) -> tuple[str, str, str] | None:
    """A call on one of several models, as `_typed` says it of one."""
    held = [t.receiver for t in site.targets if isinstance(t, FunctionRef) and t.receiver is not None]
    method = written.rpartition(".")[2]
    if not any(map(family.is_model, held)):
        return None
    if site.called is None and method not in RUNNING and SETUP.match(method.lstrip("_")):
        return None
    model = " | ".join(dict.fromkeys(cls.definition.symbol for cls in held))
    return "type", model, f", which runs {either([label(target) for target in site.targets])}"


def by_name(frame: "Frame", step: CallStep) -> tuple[str, str, str] | None:
    """A call on something whose name alone says that it is a model, as ("name", the name, words to add)."""
    holder, _, method = step.written.rpartition(".")
    called = step.written if MODELISH.search(step.written.rpartition(".")[2]) else holder
    last = called.rpartition(".")[2]
    held = holder.rpartition(".")[2] in ("", "self") or MODELISH.search(holder.rpartition(".")[2])
    if called == step.written and (not held or SETUP.match(last.lstrip("_"))):
        return None
    if not MODELISH.search(last) or "(" in called or (called == holder and method not in RUNNING):
        return None
    if called == holder and _turns_text(frame, step):
        return None
    parameter = called in frame.parameters and not frame.bound(called)
    return "name", called, f"; `{called}` is a parameter" if parameter else ""


def _turns_text(frame: "Frame", step: CallStep) -> bool:
    """Whether a call is made on what a library of codecs and tokenizers gave: `encoder.decode(ids)` of tiktoken."""
    node = step.node.child_by_field_name("function")
    held = node.child_by_field_name("object") if node is not None and node.type == "attribute" else None
    value = frame.value(held, step.order, step.guards)
    made = [item for item in alternatives(value) if isinstance(item, ExternalObject)]
    if made:
        return all(item.maker.partition(".")[0] in _CODECS for item in made)
    name = step.written.rpartition(".")[0]
    texts = [frame.body.tree.text(b.value) for b in frame.body.bindings if b.name == name and b.value is not None]
    return bool(texts) and all(text.partition(".")[0] in _CODECS for text in texts)


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
