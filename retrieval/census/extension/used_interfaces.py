"""Where the programs meet their models: the classes and functions that they call to run one, with what these take.

Told from the bodies in which models take part; what a class is given ready-made and calls methods of is part of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.focus import focus_of
from retrieval.census.handover.model_bodies import leading_bodies
from retrieval.census.language import hit_at
from retrieval.census.meaning.callgraph import Target
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import ClassRef, FunctionRef
from retrieval.census.models.model_requests import builders
from retrieval.census.models.request_forms import RequestForm, request_forms
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase
    from retrieval.facts import Definition

SHOWN, METHODS, CALLERS, GIVEN, MOST_PARAMETERS, BODIES, PLACES = 4, 3, 2, 3, 8, 12, 20


@dataclass(slots=True)
class Interface:
    """A class, or a file's functions, that programs call to run models: what is called, and by which bodies."""

    path: str
    owner: ClassRef | None
    called: dict[str, tuple[str, Definition]] = field(default_factory=dict)  # name → the file that defines it, too
    callers: dict[str, None] = field(default_factory=dict)


def used_interfaces(codebase: Codebase) -> Iterator[CensusHit]:
    """A sentence on where the programs meet their models, if any."""
    every, forms = _every(codebase), request_forms(codebase)
    if every or forms:
        told = [_said(codebase, item) for item in every[:SHOWN]] + ([_asked(forms)] if forms else [])
        text = f"The programs run their models through {'; '.join(told)}"
        text += f"; and through {len(every) - SHOWN} more" if len(every) > SHOWN else ""
        spots = [(path, d.head_start, d.head_end) for item in every[:SHOWN] for path, d in item.called.values()]
        spots += [(form.frame.path, form.use.step.start, form.use.step.end) for form in forms[:SHOWN]]
        related = tuple(("interface", *spot) for spot in spots[1:PLACES])
        path, first, last = spots[0]
        yield hit_at(codebase, path, (first, last), symbol="", name="used", text=text, related=related)


def _asked(forms: tuple[RequestForm, ...]) -> str:
    """ "requests that `read(page)` (run.py) sends, with the messages that `query(page)` writes"."""
    senders = [f"`{_of(form.frame)}` ({form.frame.path})" for form in forms]
    frames = dict.fromkeys(at for form in forms for at in builders(form.frame) if at.symbol != form.frame.symbol)
    writers = [f"`{_of(at)}`" for at in frames]
    sends = "sends" if len(senders) == 1 else "send"
    told = f"requests that {listed(senders, METHODS)} {sends}"
    writes = "writes" if len(writers) == 1 else "write"
    return f"{told}, with the messages that {listed(writers, METHODS)} {writes}" if writers else told


def _of(frame: Frame) -> str:
    return _signature(frame.symbol, frame.definition) if frame.definition is not None else frame.path


@once
def _every(codebase: Codebase) -> list[Interface]:
    """The interfaces that bodies of other classes and files call, those of the first programs first; what models
    call of their own parts only where nothing else runs a model."""
    focus, found = focus_of(codebase), dict[tuple[str, str], Interface]()
    bodies = leading_bodies(codebase, BODIES)
    outer = [body for body in bodies if not focus.in_model(body.frame)]
    for body in outer or bodies:
        for step in body.steps:
            site = body.roles[step].site
            if site is None or not body.roles[step].leading or len(site.targets) != 1:
                continue
            target, own = site.target, body.frame.receiver or body.frame.owner
            if not isinstance(target, FunctionRef) or _is_inner(target, body.frame.path, own):
                continue
            owner = target.receiver or target.owner
            key = (owner.path, owner.definition.symbol) if owner is not None else (target.path, "")
            item = found.setdefault(key, Interface(target.path, owner))
            item.called.setdefault(target.definition.name, (target.path, target.definition))
            item.callers.setdefault(body.where)
    return list(found.values())


def _is_inner(target: Target, path: str, own: ClassRef | None) -> bool:
    """Whether a function is called by its own class or file, or is hidden by its name."""
    owner = target.receiver or target.owner if isinstance(target, FunctionRef) else None
    hidden = target.definition.name.startswith("_") and not target.definition.name.startswith("__")
    return hidden or (owner == own and owner is not None) or (owner is None and target.path == path)


def _said(codebase: Codebase, item: Interface) -> str:
    """ "`Restorer(path, upscale)` with `enhance(image)`, called by `main()` (run.py)"."""
    shown = [f"`{_signature(name, definition)}`" for name, (_, definition) in item.called.items()]
    if item.owner is None:
        head = f"{listed(shown, METHODS)} ({item.path})"
    else:
        made = _constructor(codebase, item.owner)
        cls = item.owner.definition.symbol
        head = f"`{_signature(cls, made) if made is not None else f'{cls}()'}` with {listed(shown, METHODS)}"
    told = f"{head}, called by {listed(list(item.callers), CALLERS)}"
    given = _given(codebase, item.owner) if item.owner is not None else []
    return told + (f"; it is given {listed(given, GIVEN)}" if given else "")


def _signature(name: str, item: Definition) -> str:
    names = [re.split(r"[:=]", parameter)[0].strip() for parameter in item.parameters]
    kept = [n for n in names if n not in ("self", "cls")]
    return f"{name}({', '.join(kept[:MOST_PARAMETERS])}{', …' if len(kept) > MOST_PARAMETERS else ''})"


def _constructor(codebase: Codebase, cls: ClassRef) -> Definition | None:
    found = codebase.member((cls.path, cls.definition), "__init__")
    return found[1] if found is not None else None


def _given(codebase: Codebase, cls: ClassRef) -> list[str]:
    """What a class takes ready-made and calls methods of: "`upsampler`, of which it calls `enhance()`"."""
    program = program_of(codebase)
    frames = list(program.methods(cls, cls))
    first = next((frame for frame in frames if frame.symbol.endswith(".__init__")), None)
    if first is None:
        return []
    held = {b.name: first.body.tree.text(b.value) for b in first.body.bindings if b.value is not None}
    held = {name: text for name, text in held.items() if name.startswith("self.") and text in first.parameters}
    uses: dict[str, dict[str, None]] = {}
    for frame in frames:
        for call in frame.body.calls:
            holder, _, method = call.written.rpartition(".")
            if holder in held and method != "to" and not re.search(r"(?i)log|writer$", held[holder]):
                uses.setdefault(held[holder], {}).setdefault(f"`{method}()`")
    return [f"`{name}` ready-made, of which it calls {listed(list(used), GIVEN)}" for name, used in uses.items()]
