"""Kind `vision_told`: in sentences, how images come to vision models, where these are called, what embeds images."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.body import CallStep, one_line
from retrieval.census.language import Query, hit_at, kind, run_query
from retrieval.census.multimodal_messages import Message, messages, sender
from retrieval.census.onward import inside, onward
from retrieval.census.prose import counted, listed
from retrieval.census.reach import reach_of
from retrieval.census.roster import roster_of
from retrieval.census.tracing import Tracer
from retrieval.census.vision import embedded, embeds, worked
from retrieval.census.vision_calls import Run, runs_of, written
from retrieval.census.wording import title
from retrieval.facts import CensusHit
from retrieval.parse import first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

PARTS = ("preprocessing", "calls", "embeddings")
SHOWN, WAYS = 4, 3
READ = (
    "attribute_uses: *.normed_embedding, "
    r"re:(?i)(?:^|[._])(?:face|img|image|photo|portrait)s?\d*\.(?:embeddings?|image_embeds)$"
)
_READ_AT_ALL = re.compile(rb"\.(?:normed_embedding|embeddings?|image_embeds)\b")
_PAGES = re.compile(r"(?:^|\.)(?:render|get_pixmap|to_pil|convert_from_\w+)$")  # what documents begin with
_NORM = re.compile(r"(?:^|\.)(?:normalize|norm|l2_norm\w*|normalise)$")
_IMAGES = re.compile(r"Resize|ToTensor|Normali[sz]e|Crop|ToImage")
_UNTRACED = " (no way from the main programs to this code was traced)"
Place = tuple[str, str, int, int]


@kind(
    "vision_told",
    summary="in sentences: the way of images to vision models (part=preprocessing), their calls, embeddings of images",
    example="vision_told: part=calls",
    reads="python",
    options=("part",),
    ordered=True,
)
def vision_told(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """A few sentences; none where nothing of the kind is found. Raises QueryError for an unknown part."""
    part = query.choice("part", PARTS, "calls")
    runs = _first(codebase, runs_of(roster_of(codebase)))
    told = {"preprocessing": _preprocessing, "calls": _calls, "embeddings": _embeddings}[part]
    yield from told(codebase, runs)


def _first(codebase: "Codebase", runs: list[Run]) -> list[Run]:
    """The calls that the main programs may make; all of them when there are none."""
    return [run for run in runs if _is_run(codebase, run)] or runs


def _is_run(codebase: "Codebase", run: Run) -> bool:
    place = hit_at(codebase, run.frame.path, (run.step.start, run.step.end), symbol=run.frame.symbol, name="", text="")
    return reach_of(codebase).has(place) and place.role == "source"


def _several(runs: Sequence[Run], most: int) -> list[Run]:
    """The first call of each model, whole models before parts inside them."""
    by = {run.name: run for run in reversed(runs)}
    kept = [run for run in runs if by[run.name] is run]
    return sorted(kept, key=lambda run: run.inner)[:most]


def _preprocessing(codebase: "Codebase", runs: list[Run]) -> Iterator[CensusHit]:
    """The ways of images into models, then what reads and writes images."""
    ways = _several([run for run in sorted(runs, key=_bare) if len(run.chain) > 1], WAYS)
    for run in ways:
        steps = " → ".join(f"`{one_line(step.written, 60)}`" for step in run.chain)
        form = f"; it is then {', '.join(run.form)}" if run.form else ""
        text = f"On its way to {run.name} in {_name(run.frame)} an image goes through {steps}{form}"
        yield _at(codebase, text, [_place(run), *(("step", s.frame.path, s.line, s.line) for s in run.chain)])
    for sort, does in (("reading", "read or decoded"), ("resizing and cropping", "resized, cropped or warped")):
        frames = sorted(worked(codebase, sort), key=lambda item: _PAGES.search(item[1].written) is None)
        run_first = [item for item in frames if item[2]] or frames
        if run_first:
            text = f"Images and video are {does} by {listed([_with(*item[:2]) for item in run_first], SHOWN)}"
            yield _at(codebase, text, [("works", f.path, s.start, s.end) for f, s, _ in run_first[:SHOWN]])

    composed = sorted(_composed(codebase), key=lambda item: item[2])[:2]
    if composed:
        said = [f"{_name(f)}: `{one_line(f.body.tree.text(s.node), 220)}`" for f, s, _ in composed]
        yield _at(codebase, f"Transforms are composed in {'; '.join(said)}", [_of(f, s) for f, s, _ in composed])


def _bare(run: Run) -> int:
    """How little of a whole way a chain shows: reading, resizing, and a range of values."""
    steps = " ".join(step.written for step in run.chain)
    shown = (r"imread|open\(|Capture|Reader|decode", r"(?i)resize|crop|warp|process", r"/ ?\(?\d|[Nn]ormali|Tensor")
    return -sum(re.search(pattern, steps) is not None for pattern in shown)


def _composed(codebase: "Codebase") -> "Iterator[tuple[Frame, CallStep, tuple[bool, bool]]]":
    """Transforms that are put together, those for training after those that the main programs run on what they get."""
    for frame, _ in roster_of(codebase).frames:
        for step in frame.body.calls:
            if step.written.endswith("Compose") and _IMAGES.search(frame.body.tree.text(step.node)):
                place = hit_at(codebase, frame.path, (step.start, step.end), symbol=frame.symbol, name="", text="")
                if place.role == "source":
                    training = re.search(r"(?i)train|aug|random", frame.body.tree.text(step.node) + frame.symbol)
                    yield frame, step, (not reach_of(codebase).has(place), training is not None)


def _of(frame: "Frame", step: "CallStep") -> Place:
    return "works", frame.path, step.start, step.end


def _calls(codebase: "Codebase", runs: list[Run]) -> Iterator[CensusHit]:
    """Which function runs which model on what, and requests that carry images."""
    if runs:
        shown = _several(runs, SHOWN)
        models = listed(list(dict.fromkeys(run.name for run in runs)), 8)
        untraced = "" if _is_run(codebase, runs[0]) else _UNTRACED
        text = f"{counted(len(runs), 'call')} of vision models{untraced}: {models}. "
        text += "; ".join(_call(run) for run in shown)
        yield _at(codebase, text, [_place(run) for run in shown])
    asked = [message for message in messages(roster_of(codebase)) if message.modality in ("image", "video")]
    if asked:
        text = f"Requests to models that read images: {'; '.join(_request(message) for message in asked[:SHOWN])}"
        nodes = [(m.frame, m.node) for m in asked[:SHOWN]]
        yield _at(codebase, text, [("request", f.path, first_line(n), last_line(n)) for f, n in nodes])


def _call(run: Run) -> str:
    given = one_line(run.spot.text(), 40)
    form = f" - {', '.join(run.form)}" if run.form else ""
    made = f", made by {' → '.join(f'`{one_line(s.written, 44)}`' for s in run.chain[-4:])}" if run.chain else ""
    return f"{_name(run.frame)} runs {run.name} with `{written(run)}` on `{given}`{made}{form}"


def _request(message: Message) -> str:
    by = f", sent by `{sender(message)}`" if message.sent is not None else ""
    return f"{_name(message.frame)} builds the {message.modality} part `{message.written}`{by}"


def _embeddings(codebase: "Codebase", runs: list[Run]) -> Iterator[CensusHit]:
    """What makes embeddings of images, whether they are normalised, and where they go."""
    tracer = roster_of(codebase).tracer

    def said(run: Run) -> str:
        return _embedding(run) + _callers(tracer, run)

    whole = _several([run for run in runs if embeds(run).endswith("of an image")], SHOWN)
    inner = _several([run for run in runs if embeds(run).endswith("inside a model")], SHOWN)
    if whole:
        yield _at(codebase, "; ".join(said(run) for run in whole), [_place(run) for run in whole])
    if inner:
        opening = "Inside models" if whole else "Only as features inside models"
        yield _at(codebase, f"{opening}: {'; '.join(said(run) for run in inner)}", [_place(run) for run in inner])
    may = any(re.search(_READ_AT_ALL, file.data) for file in codebase.snapshot.files if file.language == "python")
    read = [hit for hit in run_query(codebase, READ).hits if hit.role == "source"] if may else []
    if read:
        text = f"Embeddings are read from what a model gives: {'; '.join(hit.text for hit in read[:SHOWN])}"
        yield _at(codebase, text, [("read", hit.path, hit.start, hit.end) for hit in read[:SHOWN]])


def _embedding(run: Run) -> str:
    kept = f", kept as `{embedded(run)}`" if run.kept else ""
    done = kept + _normalised(run.frame, run.kept) + onward(run.frame, run.step.node)
    return f"{_name(run.frame)} has {run.name} make {embeds(run)} by `{written(run)}`{done}"


def _callers(tracer: Tracer, run: Run) -> str:
    """Who calls a function that returns an embedding, and whether that normalises it."""
    if not onward(run.frame, run.step.node).endswith("returns"):
        return ""
    for around, step, _ in tracer.holders.callers(run.frame)[:1]:
        kept = [b.name for b in around.body.bindings if b.value is not None and inside(step.node, b.value)]
        return f" to {_name(around)}{_normalised(around, kept)}"
    return ""


def _normalised(frame: "Frame", kept: Sequence[str]) -> str:
    """ ", normalised with `…`" when the body divides the result by its norm."""
    names = {name.rpartition(".")[2] for name in kept}
    for step in frame.body.calls:
        text = frame.body.tree.text(step.node)
        if _NORM.search(step.written) and any(re.search(rf"\b{re.escape(name)}\b", text) for name in names):
            return f", normalised with `{step.written}`"
    return ""


def _with(frame: "Frame", step: CallStep) -> str:
    return f"{_name(frame)} with `{step.written}`"


def _name(frame: "Frame") -> str:
    where = f" ({frame.path})"
    return f"`{title(frame.definition)}`{where}" if frame.definition is not None else f"the script {frame.path}"


def _place(run: Run) -> Place:
    return "call", run.frame.path, run.step.start, run.step.end


def _at(codebase: "Codebase", text: str, places: Sequence[Place]) -> CensusHit:
    _, path, start, end = places[0]
    related = tuple(dict.fromkeys(places))
    return hit_at(
        codebase, path, (start, end), symbol="", name="vision", text=text[0].upper() + text[1:], related=related
    )
