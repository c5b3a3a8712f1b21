"""Kind `vision_told`: in sentences, how images come to vision models, where these are called, what embeds images."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.body import CallStep, one_line
from retrieval.census.image_transforms import Composed, composed_of, said
from retrieval.census.language import Query, hit_at, kind, run_query
from retrieval.census.multimodal_messages import Message, messages, sender
from retrieval.census.onward import inside, onward
from retrieval.census.prose import counted, listed
from retrieval.census.reach import reach_of
from retrieval.census.roster import Roster, roster_of
from retrieval.census.spots import arguments
from retrieval.census.told_values import told_value
from retrieval.census.tracing import Tracer
from retrieval.census.vision import embedded, embeds, worked, working
from retrieval.census.vision_calls import Run, from_loader, runs_of, written
from retrieval.census.wording import title
from retrieval.facts import CensusHit
from retrieval.parse import first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

PARTS = ("preprocessing", "calls", "embeddings")
SHOWN, WAYS, KINDS = 4, 3, 3
READ = (
    "attribute_uses: *.normed_embedding, "
    r"re:(?i)(?:^|[._])(?:face|img|image|photo|portrait)s?\d*\.(?:embeddings?|image_embeds)$"
)
_READ_AT_ALL = re.compile(rb"\.(?:normed_embedding|embeddings?|image_embeds)\b")
_PAGES = re.compile(r"(?:^|\.)(?:render|get_pixmap|to_pil|convert_from_\w+)$")  # what documents begin with
_NORM = re.compile(r"(?:^|\.)(?:normalize|norm|l2_norm\w*|normalise)$")
_MOVES = re.compile(r"\.(?:to|cuda|cpu)\((?:[^)]*device|[\"']cuda|\))")  # where a tensor is is no format of it
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
    """Transforms in order, the ways of images into models, what reads images and video, and how batches are made."""
    yield from _listed(codebase, "image_transforms", "Transforms are composed, in the order of their use, in ")
    ways = _several([run for run in sorted(runs, key=_bare) if len(run.chain) > 1 and _bare(run) < 0], WAYS)
    for run in ways:
        steps = " → ".join(f"`{one_line(step.written, 60)}`" for step in run.chain)
        form = f"; it is then {', '.join(run.form)}" if run.form else ""
        text = f"On its way to {run.name} in {_name(run.frame)} an image goes through {steps}{form}"
        yield _at(codebase, text, [_place(run), *(("step", s.frame.path, s.line, s.line) for s in run.chain)])
    yield from _worked(codebase, "reading", "read or decoded")
    yield from _listed(codebase, "video_frames", "Frames of video are taken as follows: ", wanted="takes frames")
    yield from _listed(codebase, "image_batches", "Batches: ")
    yield from _worked(codebase, "resizing and cropping", "resized, cropped or warped")


def _worked(codebase: "Codebase", sort: str, does: str) -> Iterator[CensusHit]:
    frames = sorted(worked(codebase, sort), key=lambda item: _PAGES.search(item[1].written) is None)
    run_first = [item for item in frames if item[2]] or frames
    if run_first:
        text = f"Images and video are {does} by {listed([_with(*item[:2]) for item in run_first], SHOWN)}"
        yield _at(codebase, text, [("works", f.path, s.start, s.end) for f, s, _ in run_first[:SHOWN]])


def _listed(codebase: "Codebase", query: str, opening: str, wanted: str = "") -> Iterator[CensusHit]:
    """The first hits of a census kind as one sentence, those of main programs first; more of them are counted."""
    hits = [hit for hit in run_query(codebase, query).hits if hit.role == "source"]
    hits = [hit for hit in hits if wanted in hit.text] or hits
    if hits:
        more = f"; and {len(hits) - KINDS} more below" if len(hits) > KINDS else ""
        text = opening + "; ".join(re.sub("^The script", "the script", hit.text) for hit in hits[:KINDS]) + more
        yield _at(codebase, text, [("place", hit.path, hit.start, hit.end) for hit in hits[:KINDS]])


def _bare(run: Run) -> int:
    """How little of a whole way a chain shows: reading, resizing, and a range of values."""
    steps = " ".join(step.written for step in run.chain)
    shown = (r"imread|open\(|Capture|Reader|decode", r"(?i)resize|crop|warp|process", r"/ ?\(?\d|[Nn]ormali|Tensor")
    return -sum(re.search(pattern, steps) is not None for pattern in shown)


def _calls(codebase: "Codebase", runs: list[Run]) -> Iterator[CensusHit]:
    """Which function runs which model on what, and requests that carry images."""
    if runs:
        shown = _several(runs, SHOWN)
        models = listed(list(dict.fromkeys(run.name for run in runs)), 8)
        untraced = "" if _is_run(codebase, runs[0]) else _UNTRACED
        text = f"{counted(len(runs), 'call')} of vision models{untraced}: {models}. "
        text += "; ".join(_call(run) for run in shown)
        yield _at(codebase, text, [_place(run) for run in shown])
        yield from _forms(codebase, runs)
    asked = [message for message in messages(roster_of(codebase)) if message.modality in ("image", "video")]
    if asked:
        text = f"Requests to models that read images: {'; '.join(_request(message) for message in asked[:SHOWN])}"
        nodes = [(m.frame, m.node) for m in asked[:SHOWN]]
        yield _at(codebase, text, [("request", f.path, first_line(n), last_line(n)) for f, n in nodes])


def _call(run: Run) -> str:
    given = one_line(run.spot.text(), 40)
    form = f" - {', '.join(run.form)}" if run.form else ""
    steps = [step for step in run.chain if not _MOVES.match(step.written)][-4:]
    made = f", made by {' → '.join(f'`{one_line(s.written, 44)}`' for s in steps)}" if steps else ""
    return f"{_name(run.frame)} runs {run.name} with `{written(run)}` on `{given}`{made}{form}"


def _forms(codebase: "Codebase", runs: list[Run]) -> Iterator[CensusHit]:
    """Which transform makes the tensors of those calls that say nothing of the form of their input themselves."""
    chains = [one for one in composed_of(codebase) if _role(codebase, one) == "source"]
    used = {re.match(r"[\w.]*", s.written)[0].rpartition(".")[2] for run in runs for s in run.chain}  # type: ignore[index]
    named = {one.frame.symbol.rpartition(".")[2]: one for one in reversed(chains)}
    applied = [named[name] for name in sorted(used & named.keys())]
    fed = [run for run in runs if from_loader(roster_of(codebase), run)]
    if applied:
        text = f"What formats the inputs: {'; '.join(said(codebase, one) for one in applied[:2])}"
        yield _at(codebase, text, [("composed", one.frame.path, one.step.start, one.step.end) for one in applied[:2]])
    chains = _of_data(roster_of(codebase), chains)
    if fed and chains:
        names = listed(list(dict.fromkeys(run.name for run in fed)), 6)
        channels = "3" if all("(3, H, W)" in one.gives for one in chains if one.gives) else "C"
        shape = f" of shape (B, {channels}, H, W)" if any(one.gives for one in chains) else ""
        text = f"{names} {'get' if len(fed) > 1 else 'gets'} batches{shape} from a data loader, whose images the "
        text += f"transforms made: {'; '.join(said(codebase, one) for one in chains[:2])}"
        places = [("composed", one.frame.path, one.step.start, one.step.end) for one in chains[:2]]
        yield _at(codebase, text, [*places, *(_place(run) for run in fed[:SHOWN])])


def _of_data(roster: Roster, chains: list[Composed]) -> list[Composed]:
    """The chains that stand beside data sets which read images; else those that no class keeps for itself."""
    folders = {frame.path.rpartition("/")[0] for frame, _ in working(roster) if frame.symbol.endswith(".__getitem__")}
    beside = [one for one in chains if one.frame.path.rpartition("/")[0] in folders]
    return beside or [one for one in chains if one.frame.owner is None]


def _role(codebase: "Codebase", one: Composed) -> str:
    return codebase.snapshot.by_path[one.frame.path].role


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
    further = [_normalised(run.frame, run.kept), onward(run.frame, run.step.node)]
    done = kept + "".join(reversed(further) if further[0].startswith("; of it") else further)
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
