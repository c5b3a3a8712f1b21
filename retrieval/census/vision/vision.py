"""Kinds `vision_models`, `vision_runs`, `image_embeddings`, `image_work`: what code does with images and video."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.values import External
from retrieval.census.meaning.wording import caller, summary
from retrieval.census.modalities.modal_flow import taken_by
from retrieval.census.modalities.modalities import modalities
from retrieval.census.modalities.modality_names import named
from retrieval.census.models.model_entries import Entry, entries_of, never_made
from retrieval.census.models.roster import Roster, roster_of
from retrieval.census.models.tiers import anatomy_of, snake
from retrieval.census.vision.image_inputs import SEEN, embeds_at_once, sees
from retrieval.census.vision.vision_calls import Run, runs_of, written
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

_EMBEDDING = re.compile(r"(?i)emb|feat|coeff|latent|code\b|hidden|repr|vector|descriptor|encod")
_NO_EMBEDDING = re.compile(r"(?i)(?:^|[._])decode\w*$")  # what is decoded is an image again
_OF_OTHERS = re.compile(r"(?i)sparse|dense_|point|box|prompt|text|(?:^|[._])pos(?:_|$)|mask")
_CALLS = re.compile(
    r"^(?:cv2|PIL\.Image|PIL\.ImageOps|torchvision\.(?:transforms|io|utils)|skimage|imageio|kornia|albumentations|decord|av|"
    r"moviepy|timm\.data|pdf2image|torchvision\.datasets(?!\.utils))\.|^webdataset\.(?:decode|map_dict)$|^torch\.nn\.functional\.(?:interpolate|grid_sample|pad)$|^ffmpeg\."
)
_READING = (
    r"imread|\bopen$|VideoCapture|VideoReader|\bread\b|imdecode|read_video|mimread|get_reader|input$|get_pixmap$|to_pil$|"
    r"\brender$|convert_from_|ImageFolder|datasets\.[A-Z]\w+$|wds\.decode|webdataset\.decode"
)
_PAGES = re.compile(r"(?:^|\.)(?:get_pixmap|to_pil|render)$")
_PAGE_LIBRARIES = frozenset({"fitz", "pymupdf", "pypdfium2", "pdf2image"})
_VIDEO = re.compile(r"(?i)rawvideo|pix_fmt|vcodec|video|frame|image2|fps")
_PICTURED = re.compile(r"(?i)video|to_image|to_rgb|rgb24|bgr24|picture")
_STREAMED = re.compile(r"VideoFrame|streams\.video|\bvideo=|[\"']video[\"']|to_image|to_rgb|rgb24|bgr24")
_HEARD = re.compile(r"AudioFrame|AudioResampler|streams\.audio|\baudio=|[\"']audio[\"']")
_METHODS = re.compile(r"(?:^|\.)(?:resize|crop|thumbnail|rotate|imwrite|imread|convert|save)$")
_RESHAPING = re.compile(r"\.(?:resize|crop|thumbnail|rotate)$")
_RESAMPLING = re.compile(r"\.(?:interpolate|grid_sample|pad|upsample)$")
_POSITIONS = re.compile(r"(?i)pos(?:ition\w*)?_?(?:emb|enc|tok)|state_dict|checkpoint|rel_pos")
_SORTS = tuple(
    (sort, re.compile(pattern, re.IGNORECASE))
    for sort, pattern in (
        ("reading", _READING),
        ("writing", r"imwrite|VideoWriter|mimsave|save_image|write_video|imsave|get_writer|imencode|\bsave$|output$"),
        ("augmentation", r"Random(?!\w*Crop)\w+$|flip|jitter|AutoAugment|RandAug|TrivialAug"),
        ("resizing and cropping", r"resize|crop|interpolate|pad|thumbnail|warp|(?:^|\.)affine|rotate|rescale|pyrDown"),
        (
            "colours and normalisation",
            r"cvtColor|normali[sz]e|to_?tensor|convert|equalize|img_as|float|ubyte",
        ),
    )
)
CALL, MOST_STEPS = 60, 9
_WORKING: "Beside[Roster, list[tuple[Frame, list[CallStep]]]]" = Beside()


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
        decodes = entry.part and "text" in taken_by(roster, entry)  # a part that puts text beside images
        if query.matches(entry.name, entry.does) and sees_entry(roster, entry) and not decodes:
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
    for run in runs_of(roster):
        if query.matches(*(made.name for made in run.made), run.name) and not never_made(codebase, roster, run.made):
            yield _run(codebase, run)


def _run(codebase: "Codebase", run: Run) -> CensusHit:
    subject = caller(run.frame)
    text = f"{subject[0].upper()}{subject[1:]} runs {run.name} by `{written(run)}`"
    if run.chain:
        text += f"; its input `{one_line(run.spot.text(), 40)}` is made by "
        text += ", then ".join(step.said(CALL) for step in run.chain)
    text += f" ({', '.join(run.form)})" if run.form else ""
    related = tuple(dict.fromkeys(("step", s.frame.path, s.line, s.line) for s in run.chain))
    return hit_at(
        codebase, run.frame.path, (run.step.start, run.step.end), symbol=run.frame.symbol,
        name=run.made[0].name if run.made else run.step.written, text=text, related=related,
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
    for run in runs_of(roster):
        if (
            embeds(run)
            and not never_made(codebase, roster, run.made)
            and query.matches(*(made.name for made in run.made), run.name)
        ):
            text = f"{run.name[0].upper()}{run.name[1:]} makes {embeds(run)}: `{written(run)}` in {caller(run.frame)}"
            text += f", kept as `{embedded(run)}`" if run.kept else ""
            yield hit_at(
                codebase, run.frame.path, (run.step.start, run.step.end), symbol=run.frame.symbol,
                name=run.made[0].name if run.made else run.step.written, text=text,
            )  # fmt: skip


def embeds(run: Run) -> str:
    """What a call makes of an image: "an embedding of an image" or "features of an image inside a model", or ""."""
    known = run.made[0].known if run.made else None
    if run.inner and not run.step.written.endswith(".run"):
        return "features of an image inside a model"
    if embeds_at_once(run):
        return "an embedding of an image"
    if re.search(r"(?i)emb", run.spot.text()):
        return ""  # what is made of an embedding is no image
    if run.kept and all(named(name.rpartition(".")[2]) in ("text", "prompt") for name in run.kept):
        return ""  # what is kept is a text, changed by the image
    if _NO_EMBEDDING.search(run.step.written) or any(_OF_OTHERS.search(name) for name in run.kept):
        return ""
    if named(snake(run.frame.symbol.rpartition(".")[2])) == "text":
        return ""  # a tower for text, of a model that also takes images
    named_so = [name for name in run.kept if _EMBEDDING.search(name.rpartition(".")[2])]
    method = run.step.written.rpartition(".")[2]
    said = " ".join((*named_so, method if _EMBEDDING.search(method) else ""))
    part = " of `" in run.name and "rec" not in run.name
    gives = known is not None and known.gives == "embedding" and not part
    words = (("emb", "an embedding"), ("coeff", "coefficients"), ("latent", "latents"), ("feat", "features"))
    kind_of = next((word for piece, word in words if piece in said.lower()), "an embedding")
    return f"{kind_of} of an image" if said.strip() or gives else ""


def embedded(run: Run) -> str:
    """The name under which an embedding is kept: of several parts of a result, the one that is named as such."""
    return next((name for name in run.kept if _EMBEDDING.search(name.rpartition(".")[2])), run.kept[0])


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
    reach = reach_of(codebase)
    found = []
    for frame, steps in working(roster_of(codebase)):
        sorts = list(dict.fromkeys(_sort(step) for step in steps))
        if any(query.matches(sort) for sort in sorts):
            found.append(_work(codebase, frame, steps, sorts))
    yield from sorted(found, key=lambda hit: not reach.has(hit))


def working(roster: Roster) -> "list[tuple[Frame, list[CallStep]]]":
    """The bodies that work on images, with the calls that do; worked out once."""
    if roster not in _WORKING:
        all_steps = [(f, [step for step in f.body.calls if _is_image_call(roster, f, step)]) for f, _ in roster.frames]
        _WORKING[roster] = [(frame, steps) for frame, steps in all_steps if steps]
    return _WORKING[roster]


def reads_images(steps: list[CallStep]) -> bool:
    """Whether calls on images read or decode some."""
    return any(_sort(step) == "reading" for step in steps)


def worked(codebase: "Codebase", sort: str) -> "list[tuple[Frame, CallStep, bool]]":
    """The bodies with calls of one sort, the first such call of each, and whether the main programs may run it."""
    reach, found = reach_of(codebase), []
    for frame, steps in working(roster_of(codebase)):
        step = next((step for step in steps if _sort(step) == sort), None)
        if step is not None:
            place = hit_at(codebase, frame.path, (step.start, step.end), symbol=frame.symbol, name="", text="")
            found.append((frame, step, reach.has(place) and place.role == "source"))
    return found


def shows_pictures(frame: "Frame") -> bool:
    """Whether a body takes pictures, or a file names them and the body takes no sound: `av.open` opens both."""
    node = frame.program.node(frame.path, frame.definition) if frame.definition is not None else None
    body = frame.body.tree.text(node) if node is not None else ""
    if _STREAMED.search(body) or _HEARD.search(body):
        return _STREAMED.search(body) is not None
    return _PICTURED.search(frame.program.snapshot.by_path[frame.path].text) is not None


def _is_image_call(roster: Roster, frame: "Frame", step: CallStep) -> bool:
    value = frame.callee(step)
    if isinstance(value, External):
        if value.name.startswith("torch.nn.functional."):
            wanted = frame.owner is None and _RESAMPLING.search(value.name) is not None
            given = arguments(step.node) if wanted and not _POSITIONS.search(f"{frame.symbol} {step.written}") else []
            told = modalities(roster.tracer, Spot(frame, given[0], step.order, step.guards), 20) if given else []
            return bool(told) and told[0].modality in SEEN
        if value.name.startswith("ffmpeg."):
            return _of_video(roster, frame)
        if value.name.startswith("av.") and not shows_pictures(frame):
            return False
        return _CALLS.search(value.name) is not None and not value.name.endswith((".Compose", ".release"))
    holder = step.written.rpartition(".")[0].rpartition(".")[2]
    if _PAGES.search(step.written) and not isinstance(value, External):
        modules = {item.module.partition(".")[0] for item in roster.program.facts[frame.path].imports}
        return bool(modules & _PAGE_LIBRARIES)
    return value is None and _METHODS.search(step.written) is not None and _is_picture(roster, frame, step, holder)


def _is_picture(roster: Roster, frame: "Frame", step: CallStep, holder: str) -> bool:
    """Whether a method is called on an image, by its name or, for what reshapes one, by what it is drawn from."""
    if named(holder) in SEEN:
        return True
    function = step.node.child_by_field_name("function")
    owner = function.child_by_field_name("object") if function is not None else None
    if owner is None or owner.type != "identifier" or not _RESHAPING.search(step.written):
        return False
    told = modalities(roster.tracer, Spot(frame, owner, step.order, step.guards), 12)
    return bool(told) and told[0].modality in SEEN


def _of_video(roster: Roster, frame: "Frame") -> bool:
    """Whether a body that calls ffmpeg has to do with pictures; ffmpeg decodes sound as well."""
    node = roster.program.node(frame.path, frame.definition) if frame.definition is not None else None
    return node is not None and _VIDEO.search(frame.body.tree.text(node)) is not None


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
