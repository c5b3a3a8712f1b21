"""Kinds `vision_models`, `vision_runs`, `image_embeddings`, `image_work`: what code does with images and video."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.body import CallStep, one_line
from retrieval.census.input_chain import Formatting, input_chain
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.made_models import Made
from retrieval.census.modal_flow import taken_by, takes
from retrieval.census.modalities import modalities
from retrieval.census.modality_names import named
from retrieval.census.model_entries import Entry, entries_of
from retrieval.census.reach import reach_of
from retrieval.census.roster import Roster, Use, roster_of
from retrieval.census.spots import Spot, arguments
from retrieval.census.tiers import anatomy_of
from retrieval.census.values import External
from retrieval.census.wording import caller, summary
from retrieval.facts import CensusHit
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

SEEN = ("image", "video")
_EMBEDDING = re.compile(r"(?i)emb|feat|coeff|latent|code\b|hidden|repr|vector|descriptor|encod")
_CALLS = re.compile(
    r"^(?:cv2|PIL\.Image|PIL\.ImageOps|torchvision\.(?:transforms|io|utils)|skimage|imageio|kornia|albumentations|decord|av|"
    r"moviepy|timm\.data)\.|^torch\.nn\.functional\.(?:interpolate|grid_sample|pad)$|^ffmpeg\."
)
_METHODS = re.compile(r"(?:^|\.)(?:resize|crop|thumbnail|rotate|imwrite|imread|convert)$")
_SORTS = tuple(
    (sort, re.compile(pattern, re.IGNORECASE))
    for sort, pattern in (
        ("reading", r"imread|\bopen$|VideoCapture|VideoReader|\bread\b|imdecode|read_video|mimread|get_reader|input$"),
        ("writing", r"imwrite|VideoWriter|mimsave|save_image|write_video|imsave|get_writer|imencode|\bsave$|output$"),
        (
            "resizing and cropping",
            r"resize|crop|interpolate|pad|thumbnail|warp|affine|rotate|rescale|pyrDown|flip",
        ),
        (
            "colours and normalisation",
            r"cvtColor|normali[sz]e|to_?tensor|convert|equalize|img_as|float|ubyte|jitter",
        ),
    )
)
CALL, MOST_STEPS = 60, 9


def sees(roster: Roster, made: Made) -> bool:
    """Whether a model takes images or video: a library's as known, a class of the repository first of all."""
    taken = takes(roster, made)
    return any(modality in SEEN for modality in (taken if made.known is not None else taken[:1]))


def sees_entry(roster: Roster, entry: Entry) -> bool:
    """Whether a model takes images or video: sessions of a runtime by what their calls are given and by their name."""
    return bool({*taken_by(roster, entry)[:2]} & {*SEEN}) if entry.only else sees(roster, entry.made[0])


@kind(
    "vision_models",
    summary="models that take images or video, by what their inputs are, with the parts inside them",
    example="vision_models",
    reads="python",
    ordered=True,
)
def vision_models(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per model that programs make; patterns match its name or purpose."""
    roster = roster_of(codebase)
    _ = roster.uses
    for entry in entries_of(codebase):
        if query.matches(entry.name, entry.does) and sees_entry(roster, entry):
            yield _model(codebase, roster, entry)


def _model(codebase: "Codebase", roster: Roster, entry: Entry) -> CensusHit:
    first = entry.made[0]
    taken = " and ".join(taken_by(roster, entry)[:3])
    gives = f" and gives {first.known.gives}" if first.known and first.known.gives else ""
    text = f"{entry.title} takes {taken}{gives}"
    related: tuple[tuple[str, str, int, int], ...] = ()
    frame, step = (entry.only[0].frame, entry.only[0].step) if entry.only else (first.frame, first.step)
    path, lines, symbol = frame.path, (step.start, step.end), frame.symbol
    if first.cls is not None:
        definition = first.cls.definition
        about = summary(definition)
        parts = [p.definition.symbol for p in anatomy_of(roster.program, roster.family.bases).parts.get(first.cls, ())]
        text += f": “{about}”" if about else ""
        text += f"; its parts are {', '.join(f'`{part}`' for part in dict.fromkeys(parts))}" if parts else ""
        related = (("made", path, *lines),)
        path, lines, symbol = first.cls.path, (definition.head_start, definition.end), definition.symbol
    return hit_at(codebase, path, lines, symbol=symbol, name=entry.title, text=text, related=related)


@kind(
    "vision_runs",
    summary="calls that run a model on images or video, with the steps that format the input before",
    example="vision_runs",
    reads="python",
    ordered=True,
)
def vision_runs(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per call; patterns match the model's name."""
    roster = roster_of(codebase)
    for use in roster.uses:
        spot = _image_input(roster, use)
        if spot is not None and query.matches(use.made[0].name):
            chain = input_chain(roster.tracer, spot)
            yield _run(codebase, use, spot, chain)


def _image_input(roster: Roster, use: Use) -> Spot | None:
    """The argument of a call that is an image or a video; the first one when the model is known to take such."""
    first: Spot | None = None
    if use.made[0].cls is not None and not sees(roster, use.made[0]):
        return None
    for child in arguments(use.step.node, keywords=True)[:6]:
        node = child.child_by_field_name("value") if child.type == "keyword_argument" else child
        if node is None or node.type in ("string", "integer", "float", "true", "false", "none"):
            continue
        spot = Spot(use.frame, node, use.step.order, use.step.guards)
        told = modalities(roster.tracer, spot)
        if told and (told[0].modality == "image" or (told[0].modality == "video" and sees(roster, use.made[0]))):
            return spot
        first = first or (spot if not told else None)
    return first if first is not None and sees(roster, use.made[0]) else None


def _run(codebase: "Codebase", use: Use, spot: Spot, chain: list[Formatting]) -> CensusHit:
    model = use.made[0]
    does = f" ({model.known.does})" if model.known and model.known.does else ""
    subject = caller(use.frame)
    written = one_line(use.frame.body.tree.text(use.step.node), CALL)
    text = f"{subject[0].upper()}{subject[1:]} runs `{model.name}`{does} by `{written}`"
    given = one_line(spot.text(), 40)
    if chain:
        text += f"; its input `{given}` is made by {', then '.join(f'`{step.written}`' for step in chain)}"
    related = tuple(dict.fromkeys(("step", s.frame.path, s.line, s.line) for s in chain))
    return hit_at(
        codebase, use.frame.path, (use.step.start, use.step.end), symbol=use.frame.symbol, name=model.name, text=text,
        related=related,
    )  # fmt: skip


@kind(
    "image_embeddings",
    summary="calls of models on images whose result is an embedding, features or coefficients",
    example="image_embeddings",
    reads="python",
    ordered=True,
)
def image_embeddings(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Results named as such, or of models known to give them; patterns match the model's name."""
    roster = roster_of(codebase)
    for use in roster.uses:
        if not query.matches(use.made[0].name) or _image_input(roster, use) is None:
            continue
        bound = [b.name for b in use.frame.body.bindings if b.value is not None and _holds(b.value, use.step)]
        known = use.made[0].known
        telling = [name for name in bound if _EMBEDDING.search(name.rpartition(".")[2])]
        gives = known is not None and known.gives == "embedding"
        if not (telling or gives or _EMBEDDING.search(use.method)):
            continue
        written = one_line(use.frame.body.tree.text(use.step.node), CALL)
        kept = f", kept as `{(telling or bound)[0]}`" if bound else ""
        text = f"`{use.made[0].name}` makes an embedding of an image: `{written}` in {caller(use.frame)}{kept}"
        yield hit_at(
            codebase, use.frame.path, (use.step.start, use.step.end), symbol=use.frame.symbol, name=use.made[0].name,
            text=text,
        )  # fmt: skip


def _holds(value: Node, step: CallStep) -> bool:
    return value.start_byte <= step.node.start_byte and step.node.end_byte <= value.end_byte


@kind(
    "image_work",
    summary="functions that read, resize, crop, convert or write images and video, with the steps in order",
    example="image_work: resizing*",
    reads="python",
    ordered=True,
)
def image_work(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per function, those that programs reach first; patterns match the sorts of its steps.

    The sorts are reading, writing, resizing and cropping, colours and normalisation, and other.
    """
    reach, roster = reach_of(codebase), roster_of(codebase)
    found = []
    for frame, _depth in roster.frames:
        steps = [step for step in frame.body.calls if _is_image_call(roster, frame, step)]
        sorts = list(dict.fromkeys(_sort(step) for step in steps))
        if steps and any(query.matches(sort) for sort in sorts):
            found.append(_work(codebase, frame, steps, sorts))
    yield from sorted(found, key=lambda hit: not reach.has(hit))


def _is_image_call(roster: Roster, frame: "Frame", step: CallStep) -> bool:
    value = frame.callee(step)
    if isinstance(value, External):
        if value.name.startswith("torch.nn.functional."):
            given = arguments(step.node) if frame.owner is None else []
            told = modalities(roster.tracer, Spot(frame, given[0], step.order, step.guards), 20) if given else []
            return bool(told) and told[0].modality in SEEN
        return _CALLS.search(value.name) is not None and not value.name.endswith((".Compose", ".release"))
    holder = step.written.rpartition(".")[0].rpartition(".")[2]
    return value is None and _METHODS.search(step.written) is not None and named(holder) in SEEN


def _sort(step: CallStep) -> str:
    return next((sort for sort, pattern in _SORTS if pattern.search(step.written)), "other")


def _work(codebase: "Codebase", frame: "Frame", steps: list[CallStep], sorts: list[str]) -> CensusHit:
    subject = caller(frame)
    known = [sort for sort in sorts if sort != "other"]
    written = list(dict.fromkeys(one_line(frame.body.tree.text(step.node), CALL) for step in steps))
    more = f" and {len(written) - MOST_STEPS} more" if len(written) > MOST_STEPS else ""
    text = f"{subject[0].upper()}{subject[1:]}" + (f" ({', '.join(known)})" if known else "")
    text += f": {', '.join(f'`{item}`' for item in written[:MOST_STEPS])}{more}"
    related = tuple(dict.fromkeys(("step", frame.path, s.start, s.end) for s in steps[1:MOST_STEPS]))
    return hit_at(
        codebase, frame.path, (steps[0].start, steps[0].end), symbol=frame.symbol, name=frame.symbol, text=text,
        related=related, detail={"sorts": ", ".join(sorts)},
    )  # fmt: skip
