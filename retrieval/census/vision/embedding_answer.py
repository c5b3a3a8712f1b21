"""The answer on embeddings of images: what makes them, what is read from results, what models keep inside."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.onward import inside, onward
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import arguments
from retrieval.census.meaning.tracing import Tracer
from retrieval.census.models.roster import Roster, roster_of
from retrieval.census.settings.told_values import told_value
from retrieval.census.vision.image_inputs import embeds_at_once
from retrieval.census.vision.image_transforms import name_of
from retrieval.census.vision.kept_embeddings import asked_results, kept_inside, read_results
from retrieval.census.vision.kept_embeddings import said as kept_said
from retrieval.census.vision.pictured import only_sound
from retrieval.census.vision.vision import embedded, embeds
from retrieval.census.vision.vision_calls import Run, runs_of, written
from retrieval.census.vision.vision_words import Place, at, is_run, place, several
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

_NORM = re.compile(r"(?:^|\.)(?:normalize|norm|l2_norm\w*|normalise)$")
_UNTRACED = "Yes, in code to which no way from the main programs was traced: "
_TRIAL = re.compile(r"(?i)warm_?up|bench|(?:^|/)speed")
SHOWN, READ, ASIDE, CALL = 4, 3, 2, 90


def embedding(codebase: "Codebase", runs: list[Run]) -> Iterator[CensusHit]:
    """What makes embeddings of images, whether they are normalised, and where they go."""
    roster = roster_of(codebase)
    if only_sound(codebase):
        return  # what is named as an image is a spectrogram there
    whole = _by_owner([run for run in runs if embeds(run).endswith("of an image")])
    inner = several([run for run in runs if embeds(run).endswith("inside a model")], SHOWN)
    others = [run for run in runs_of(roster) if embeds(run).endswith("of an image") and not is_run(codebase, run)]
    whole_said = [_said(roster, run) for run in whole]
    whole_said += _asked(roster) if len(whole) < SHOWN else []
    told = {run.name for run in whole}
    aside = several([run for run in others if run not in runs and run.name not in told], ASIDE)
    groups = (
        ("", whole_said),
        ("embeddings are read from what a model gives: ", list(_read(codebase))),
        (
            "inside models: ",
            ([_said(roster, run) for run in inner] + list(_kept(roster) if runs_of(roster) else ()))[:SHOWN],
        ),
        ("in code that the main programs are not seen to run: ", [_said(roster, run) for run in aside]),
    )
    first = True
    idle = bool(runs) and not any(is_run(codebase, run) for run in runs)
    for opening, group in groups:
        if group:
            lead = "" if not first else _UNTRACED if idle else "Yes, " if opening.startswith("inside") else "Yes: "
            text = f"{lead}{opening}{'; '.join(text for text, _ in group)}"
            first = False
            yield at(codebase, text, [where for _, where in group])


def _by_owner(runs: Sequence[Run]) -> list[Run]:
    """The first call of each model in each class."""
    first: dict[tuple[str, object], Run] = {}
    for run in [run for run in runs if not _TRIAL.search(f"{run.frame.path} {run.frame.symbol}")] or runs:
        first.setdefault((run.name, run.frame.owner), run)
    return [*first.values()][:SHOWN]


def _said(roster: Roster, run: Run) -> tuple[str, Place]:
    return _embedding(run) + _callers(roster.tracer, run), place(run)


def _asked(roster: Roster) -> list[tuple[str, Place]]:
    """What objects give whose class nothing tells, by methods that are named for it; in source files, each once."""
    known = {(run.frame.path, run.step.node.id) for run in runs_of(roster)}
    told: dict[str, tuple[str, Place]] = {}
    for frame, step in asked_results(roster, known):
        if roster.codebase.snapshot.by_path[frame.path].role == "source":
            written = one_line(frame.body.tree.text(step.node), CALL)
            text = f"{name_of(frame)} has `{step.written.rpartition('.')[0]}` make an embedding of an image by "
            told.setdefault(step.written, (f"{text}`{written}`{onward(frame, step.node)}", _place(frame, step)))
    return [*told.values()][:READ]


def _place(frame: "Frame", step: CallStep) -> Place:
    return "call", frame.path, step.start, step.end


def _read(codebase: "Codebase") -> Iterator[tuple[str, Place]]:
    """Entries and attributes of results, those in the code of main programs first."""
    reach = reach_of(codebase)
    found = sorted(read_results(codebase), key=lambda hit: (hit.role != "source", not reach.has(hit)))
    for hit in found[:READ]:
        yield hit.text, ("read", hit.path, hit.start, hit.end)


def _kept(roster: Roster) -> Iterator[tuple[str, Place]]:
    """What modules inside models give under a name that says embedding of an image, each model once."""
    known = {(run.frame.path, run.step.node.id) for run in runs_of(roster)}
    seen: set[str] = set()
    for frame, _ in roster.frames:
        for binding, step in kept_inside(roster, frame):
            source = roster.codebase.snapshot.by_path[frame.path].role == "source"
            if source and (frame.path, step.node.id) not in known and step.written not in seen:
                seen.add(step.written)
                yield kept_said(frame, name_of(frame), binding, step), ("kept", frame.path, step.start, step.end)


def _embedding(run: Run) -> str:
    kept = f", kept as `{embedded(run)}`" if run.kept else ""
    kept = ", kept in that object for the calls that follow" if embeds_at_once(run) else kept
    further = [_normalised(run.frame, run.kept), onward(run.frame, run.step.node)]
    done = kept + "".join(reversed(further) if further[0].startswith("; of it") else further)
    return f"{name_of(run.frame)} has {run.name} make {embeds(run)} by `{written(run)}`{done}"


def _callers(tracer: Tracer, run: Run) -> str:
    """Who calls a function that returns an embedding, and whether that normalises it."""
    if not onward(run.frame, run.step.node).endswith("returns"):
        return ""
    for around, step, _ in tracer.holders.callers(run.frame)[:1]:
        kept = [b.name for b in around.body.bindings if b.value is not None and inside(step.node, b.value)]
        return f" to {name_of(around)}{_normalised(around, kept)}"
    return ""


def _normalised(frame: "Frame", kept: Sequence[str]) -> str:
    """ ", normalised with `…`" when the body divides the result by its norm, or what it makes of it by its norm."""
    names = {name.rpartition(".")[2] for name in kept}
    for step in frame.body.calls:
        given = arguments(step.node)
        text = frame.body.tree.text(given[0]) if given else step.written.rpartition(".")[0]
        if not _NORM.search(step.written) or not any(re.search(rf"\b{re.escape(name)}\b", text) for name in names):
            continue
        if text.rpartition(".")[2] in names:
            return f", normalised with `{step.written}`"
        made = [b.name for b in frame.body.bindings if b.value is not None and inside(step.node, b.value)]
        of = f"`{made[0]}`, " if made else ""
        written = frame.body.tree.text(step.node)
        return f"; of it {of}`{one_line(written, 70)}`, is made{_projected(frame, written)}"
    return ""


def _projected(frame: "Frame", written: str) -> str:
    """ " (`self.proj` is `nn.Linear(width, 256)`)" for the linear layers in an expression."""
    program, told = frame.program, []
    methods = program.methods(frame.owner, frame.owner) if frame.owner is not None else []
    for method in methods:
        text = method.body.tree.text
        for binding in method.body.bindings:
            if binding.value is None or f"{binding.name}(" not in written or "Linear(" not in text(binding.value):
                continue
            layer = text(binding.value)
            values = list(told_value(program.codebase, method, layer))
            told.append(f"`{binding.name}` is `{one_line(layer, 60)}`" + (f", {listed(values, 3)}" if values else ""))
    return f" ({'; '.join(dict.fromkeys(told))})" if told else ""
