"""Kind `model_demands`: how the main programs call their models, and what they use of the results.

A model that takes the place of another must take the same arguments and give what is read here.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.focus import focus_of
from retrieval.census.flow.pipeline import main_roots
from retrieval.census.flow.walk import walked
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.callgraph import Site
from retrieval.census.meaning.keys import key_uses
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import ClassRef
from retrieval.census.meaning.wording import caller, either, label
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

ROOTS, DEPTH, TEXT, NEAR, MOST_CALLED, MEMBERS = 6, 9, 130, 1, 3, 6


@kind(
    "model_demands",
    summary="how main programs call their models, and what they use of the results: keys, attributes, members",
    example="model_demands",
    reads="python",
    ordered=True,
)
def model_demands(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per call of a model from outside of model classes, in order of execution. Patterns match the method."""
    focus, seen = focus_of(codebase), set()
    for root in main_roots(focus)[:ROOTS]:
        for mark in walked(focus, root, DEPTH):
            event = mark.event
            runs = isinstance(event, Site) and focus.models(event) and not isinstance(event.target, ClassRef)
            if not runs or focus.in_model(mark.frame) or not isinstance(event, Site) or event.base:
                continue
            place = (mark.frame.path, event.step.start, event.step.written)
            if place not in seen and query.matches(label(event.target).removesuffix("()")):
                seen.add(place)
                yield _hit(codebase, mark.frame, event)


def _hit(codebase: "Codebase", frame: "Frame", site: Site) -> CensusHit:
    step, target = site.step, site.target
    written = one_line(frame.body.tree.text(step.node), TEXT)
    used = " and ".join(filter(None, (_used(frame, site), _handed_on(frame, site))))
    names = [label(t) for t in site.targets]
    subject, called = caller(frame), either(names) if len(names) <= MOST_CALLED else "a model"
    text = f"{subject[0].upper()}{subject[1:]} calls {called} as `{written}`"
    read = _read(frame, site)
    around = f"; it also reads {listed([f'`{name}`' for name in read], MEMBERS)}" if read else ""
    return hit_at(
        codebase,
        frame.path,
        (step.start, step.end),
        symbol=frame.symbol,
        name=label(target),
        text=(f"{text}; of its result it {used}" if used else text) + around,
        related=(("definition", target.path, target.definition.head_start, target.definition.head_end),),
        detail={"used": used},
    )


def _used(frame: "Frame", site: Site) -> str:
    """What the calling body uses of the result, as the rest of a sentence; "" when it only passes it on."""
    bound = [b for b in frame.body.bindings if b.value == site.step.node]
    parts = [b.name for b in bound if b.taken == "part"]
    if parts:
        named = [f"`{name}`" for name in parts if name.strip("_")]
        return (
            f"takes {len(parts)} members{', of which it uses ' if len(named) < len(parts) else ': '}{', '.join(named)}"
        )
    name = next((b.name for b in bound if b.taken == "whole"), "")
    text = _after(frame, site, name) if name else ""
    if not text:
        return ""
    keys = dict.fromkeys(f"`{use.key}`" for use in key_uses(frame.program, frame, name, NEAR) if not use.puts)
    read = dict.fromkeys(
        f"`.{found}`" for found in re.findall(rf"(?<![\w.]){re.escape(name)}\.([A-Za-z_]\w*(?:\([-\d, ]+\))?)", text)
    )
    read |= dict.fromkeys(
        f"`{found}`"
        for found in re.findall(rf"(?<![\w.])(\w[\w.]*\({re.escape(name)}, ?(?:dim|axis) ?= ?-?\d+\))", text)
    )
    cut = dict.fromkeys(
        f"`[{found}]`" for found in re.findall(rf"(?<![\w.]){re.escape(name)}\[([^\]\"'\n]{{1,30}})\]", text)
    )
    spread = dict.fromkeys(re.findall(rf"([\w.]+)\((?:[^()]*,\s*)?\*\*{re.escape(name)}\b", text))
    told = [f"gives all its entries to `{found}(**{name})`" for found in list(spread)[:2]]
    told += [f"reads the keys {', '.join(keys)}"] if keys else []
    told += [f"uses {', '.join([*read, *cut][:8])}"] if read or cut else []
    return " and ".join(told)


def _read(frame: "Frame", site: Site) -> list[str]:
    """The members of the model that the calling body reads beside the call: "model.device"."""
    owner = site.step.written.rpartition(".")[0] if site.called is None else site.step.written
    node = frame.program.node(frame.path, frame.definition) if frame.definition else None
    if not owner or "(" in owner or owner == "self" or node is None:
        return []
    found = re.findall(rf"(?<![\w.]){re.escape(owner)}\.([A-Za-z_]\w*)\b(?!\s*[(=](?!=))", frame.body.tree.text(node))
    return [f"{owner}.{name}" for name in dict.fromkeys(found)]


def _handed_on(frame: "Frame", site: Site) -> str:
    """What callers use of the result when the body returns it under a name: "returns it to `f()`, which uses …"."""
    name = next((b.name for b in frame.body.bindings if b.value == site.step.node and b.taken == "whole"), "")
    given = (e.value for e in frame.body.exits if e.kind == "return" and e.value is not None)
    if not name or frame.definition is None or all(frame.body.tree.text(value) != name for value in given):
        return ""
    codebase, own = frame.program.codebase, frame.definition.name
    told = []
    for call in codebase.facts[frame.path].calls:
        if call.written != own and not call.written.endswith(f".{own}"):
            continue
        item = next((d for d in codebase.facts[frame.path].definitions if d.symbol == call.symbol), None)
        around = frame.program.frame(frame.path, item)
        members = _members(around, call.start, call.written) if around is not None else []
        if members:
            told.append(f"`{call.symbol or frame.path}`, which uses {', '.join(f'`.{m}`' for m in members[:MEMBERS])}")
    return f"returns it to {listed(told, 2)}" if told else ""


def _members(frame: "Frame", line: int, written: str) -> list[str]:
    """The members that a body reads of the result of its call on a line."""
    step = next((s for s in frame.body.calls if s.start == line and s.written == written), None)
    name = next((b.name for b in frame.body.bindings if step is not None and b.value == step.node), "")
    node = frame.program.node(frame.path, frame.definition) if frame.definition else None
    text = frame.body.tree.text(node if node is not None else frame.body.tree.root)
    found = re.findall(rf"(?<![\w.]){re.escape(name)}\.([A-Za-z_]\w*)", text) if name else []
    return list(dict.fromkeys(found))


def _after(frame: "Frame", site: Site, name: str) -> str:
    """What stands behind the call, up to where the name is given another value."""
    node = frame.program.node(frame.path, frame.definition) if frame.definition else None
    body = node or frame.body.tree.root
    end, step = body.end_byte, site.step
    arms = {guard.key: guard.arm for guard in step.guards}
    for later in frame.body.bindings:
        same = later.name == name and later.order > step.order and later.value not in (None, step.node)
        apart = any(arms.get(guard.key, guard.arm) != guard.arm for guard in later.guards)
        always = {guard.key for guard in later.guards if guard.kind != "past"} <= set(arms)
        if same and not apart and always and later.value is not None:
            end = min(end, later.value.end_byte)
    whole = frame.body.tree.text(body).encode()
    return whole[step.node.end_byte - body.start_byte : max(end, step.node.end_byte) - body.start_byte].decode(
        "utf-8", "replace"
    )
