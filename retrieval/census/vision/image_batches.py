"""Kinds `image_batches` and `video_frames`: how images are put into batches, and which frames of videos are taken."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.onward import inside
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.values import External
from retrieval.census.modalities.modality_names import named
from retrieval.census.models.roster import Roster, roster_of
from retrieval.census.settings.told_values import told_value
from retrieval.census.vision.image_transforms import name_of
from retrieval.census.vision.vision import reads_images, shows_pictures, working
from retrieval.census.vision.vision_calls import runs_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

_LOADER = re.compile(r"(?:^|\.)(?:DataLoader|WebLoader|MultiEpochsDataLoader)$")
_BATCHED = re.compile(r"(?:^|\.)batched$")
_SLICED = re.compile(r"\brange\([^()]*(?:\([^()]*\))?[^()]*,\s*[^(),]*\b\w*batch\w*\)|^(?:more_itertools|mit)\.chunked")
_PIECE = re.compile(r"\[[^\[\]]{0,40}\*\s*(?:self\.)?\w*batch_?size\s*:")  # `x[i * self.batch_size : …]`
_STACK = re.compile(r"(?:^|\.)(?:stack|cat|concatenate|default_collate|as_tensor)$")
_ITEMS = re.compile(r"(?:^|\.)__(?:getitem|iter|next)__$")
_FOLDERS = re.compile(r"^torchvision\.datasets\.|^(?:webdataset|wds)\.decode$|^datasets\.Image$")
_VIDEO = re.compile(
    r"VideoReader|VideoCapture|read_video|\bav\.open|mimread|get_reader|VideoFileClip|EncodedVideo|torchcodec"
)
_SIZE = re.compile(r"(?i)batch|(?:^|[_.])bs\b")
_SAMPLING = re.compile(
    r"(?:^|\.)(?:linspace|arange|sample|randint|get_batch|get_frames_at|get_frames_played_at|get_frame|seek|set|"
    r"iter_frames|get_clip|subclip)$"
)
_FRAMES = re.compile(r"(?i)frame|\bvlen|fps|num_frm|video|CAP_PROP|\bvr\b|indices|index|total")
_SAMPLER = re.compile(r"(?i)(?:sample|select|extract|read|get|load)\w*_(?:video_)?frames?\w*$|frames?_?sampl\w*$")
SAMPLERS = re.compile(r"Frames?Sampl|Sampl\w*Frame")
_PICTURES = re.compile(r"rawvideo|image2|mjpeg|\bpng\b|-frames|vframes|rgb24|bgr24|fps=|PIL|Image\.")
_WRITES = re.compile(r"""["'][wa]b?["']""")
_IMAGES = re.compile(r"(?i)image|pixel|video|img")
_FILM = re.compile(r"(?i)video|frame|fps")
WIDE, MOST = 90, 5


@kind(
    "image_batches",
    summary="how images are put into batches: data loaders, collate functions, slices by a batch size, with its value",
    example="image_batches",
    reads="python",
    ordered=True,
)
def image_batches(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per place, main programs first; patterns match the way: loader, batched, collate, slices."""
    roster, reach = roster_of(codebase), reach_of(codebase)
    found = [hit for how, hit in _batches(codebase, roster) if query.matches(how)]
    yield from sorted(found, key=lambda hit: (hit.role != "source", not reach.has(hit)))


def _batches(codebase: "Codebase", roster: Roster) -> Iterator[tuple[str, CensusHit]]:
    loads = _has_image_data(roster)
    collating = {name for frame, _ in roster.frames for name in _collate_names(frame)} if loads else set()
    seeing = {id(run.frame) for run in runs_of(roster)} | {id(frame) for frame, _ in working(roster)}
    owners = {frame.owner for frame, _ in working(roster) if frame.owner is not None}
    for frame, _depth in roster.frames:
        for step in frame.body.calls:
            value = frame.callee(step)
            outside = value.name if isinstance(value, External) else ""
            if loads and _LOADER.search(outside or step.written):
                yield "loader", _loader(codebase, frame, step)
            elif loads and _BATCHED.search(step.written) and outside.startswith("webdataset"):
                said = f"batches samples by `{_shown(frame, step)}`{_told(codebase, frame, step)}"
                yield "batched", _at(codebase, frame, step, said)
            elif (frame.symbol.rpartition(".")[2] in collating or _collates(frame)) and _STACK.search(step.written):
                yield "collate", _at(codebase, frame, step, f"puts a batch together by `{_shown(frame, step)}`")
            elif frame.owner in owners and _STACK.search(step.written) and _PIECE.search(_shown(frame, step)):
                yield "slices", _at(codebase, frame, step, f"stacks slices into batches: `{_shown(frame, step)}`")
        if _makes_batches(frame):
            yield "slices", _generated(codebase, frame)
        if id(frame) in seeing:
            yield from (("slices", hit) for hit in _sliced(codebase, frame))


def _has_image_data(roster: Roster) -> bool:
    """Whether a data set of the repository reads images: in an item method, or by a library of data sets."""
    if any(_ITEMS.search(frame.symbol) and reads_images(steps) for frame, steps in working(roster)):
        return True
    for frame, _ in roster.frames:
        for step in frame.body.calls:
            value = frame.callee(step)
            if isinstance(value, External) and _FOLDERS.search(value.name):
                return True
    return False


def _collate_names(frame: "Frame") -> Iterator[str]:
    text = frame.body.tree.text
    for step in frame.body.calls:
        for child in arguments(step.node, keywords=True):
            if child.type == "keyword_argument" and text(child.child_by_field_name("name")).startswith("collate_fn"):
                yield from re.findall(r"\w+", text(child.child_by_field_name("value")))
    if frame.symbol.rpartition(".")[2] in ("collater", "collate_fn", "collate"):
        yield frame.symbol.rpartition(".")[2]


def _collates(frame: "Frame") -> bool:
    """Whether a body is the call of a class that is named for collating, and its lines name images."""
    owner = frame.owner.definition if frame.owner is not None else None
    if owner is None or "ollat" not in owner.name or not frame.symbol.endswith("__call__"):
        return False
    node = frame.program.node(frame.path, frame.definition) if frame.definition is not None else None
    return node is not None and _IMAGES.search(frame.body.tree.text(node)) is not None


def _loader(codebase: "Codebase", frame: "Frame", step: CallStep) -> CensusHit:
    text = frame.body.tree.text
    given = {
        text(c.child_by_field_name("name")): c.child_by_field_name("value")
        for c in arguments(step.node, keywords=True)
        if c.type == "keyword_argument"
    }
    parts = [f"{key}={one_line(text(node), 50)}" for key, node in given.items() if key in ("batch_size", "collate_fn")]
    said = f"makes batches with `{one_line(step.written, 50)}`"
    said += f" ({', '.join(f'`{part}`' for part in parts)})" if parts else ""
    node = given.get("batch_size")
    values = list(told_value(codebase, frame, text(node))) if node is not None else []
    if node is not None and not values:
        values = _origin(codebase, frame, step, Spot(frame, node, step.order, step.guards))
    said += f", where {listed(values, 3)}" if values else ""
    return _at(codebase, frame, step, said)


def _origin(codebase: "Codebase", frame: "Frame", step: CallStep, spot: Spot) -> list[str]:
    """What a batch size comes from: settings and options on its way, with their values."""
    found: list[str] = []
    for at in roster_of(codebase).tracer.walk(spot, computed=True, most=60):
        if at.node.type in ("attribute", "subscript") and _SIZE.search(at.text()):
            found += told_value(codebase, at.frame, at.text())
    return list(dict.fromkeys(found))[:4]


def _makes_batches(frame: "Frame") -> bool:
    """Whether a generator of batches is given images or what was made of them, and the size of a batch."""
    sized = any(_SIZE.search(name) and not named(name) for name in frame.parameters)
    seen = any(named(name) in ("image", "video", "latents") for name in frame.parameters)
    return sized and seen and any(event.kind == "yield" for event in frame.body.exits)


def _generated(codebase: "Codebase", frame: "Frame") -> CensusHit:
    size = next(name for name in frame.parameters if _SIZE.search(name) and not named(name))
    event = next(event for event in frame.body.exits if event.kind == "yield")
    values = listed(list(told_value(codebase, frame, size)), 1)
    text = f"{name_of(frame)} yields batches of `{size}`" + (f", where {values}" if values else "")
    lines = (event.line, event.line)
    return hit_at(codebase, frame.path, lines, symbol="", name=frame.symbol, text=text[0].upper() + text[1:])


def _sliced(codebase: "Codebase", frame: "Frame") -> Iterator[CensusHit]:
    """Loops that take images in slices of a batch size, in bodies that read images or run a model on them."""
    for step in frame.body.calls:
        written = frame.body.tree.text(step.node)
        if step.written in ("range", "trange", "tqdm") and _SLICED.search(written):
            said = f"goes through its images in slices: `{one_line(written, WIDE)}`{_told(codebase, frame, step)}"
            yield _at(codebase, frame, step, said)


def _told(codebase: "Codebase", frame: "Frame", step: CallStep) -> str:
    values = list(told_value(codebase, frame, frame.body.tree.text(step.node)))
    return f", where {listed(values, 3)}" if values else ""


@kind(
    "video_frames",
    summary="functions that read video, with the steps by which they choose frames",
    example="video_frames",
    reads="python",
    ordered=True,
)
def video_frames(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per function, main programs first; patterns match its name."""
    roster, reach = roster_of(codebase), reach_of(codebase)
    found = []
    for frame, _depth in roster.frames:
        opened = [step for step in frame.body.calls if _opens(frame, step)]
        if (opened or _samples(frame)) and query.matches(frame.symbol):
            films = {b.name for b in frame.body.bindings for step in opened if b.value and inside(step.node, b.value)}
            chosen = [step for step in frame.body.calls if step not in opened and _chooses(frame, step, films)]
            if opened or chosen or SAMPLERS.search(frame.symbol):
                found.append(_video(codebase, frame, opened, chosen))
    yield from sorted(found, key=lambda hit: (hit.role != "source", not reach.has(hit)))


def _opens(frame: "Frame", step: CallStep) -> bool:
    value = frame.callee(step)
    name = value.name if isinstance(value, External) else step.written
    if name.startswith("subprocess.") and _FILM.search(frame.symbol):
        return runs_ffmpeg(frame)
    if name.startswith("av.") and (not shows_pictures(frame) or _WRITES.search(frame.body.tree.text(step.node))):
        return False
    return _VIDEO.search(name) is not None and (isinstance(value, External) or value is None)


def runs_ffmpeg(frame: "Frame") -> bool:
    """Whether a body names ffmpeg and pictures: the program takes sound apart as well."""
    node = frame.program.node(frame.path, frame.definition) if frame.definition is not None else None
    text = frame.body.tree.text(node) if node is not None else ""
    return "ffmpeg" in text and _PICTURES.search(text) is not None


def _samples(frame: "Frame") -> bool:
    """Whether a function is one that takes frames of a video, by its name or its class, and its parameters."""
    name = frame.symbol.rpartition(".")[2]
    film = any(named(parameter) == "video" or _FILM.search(parameter) for parameter in frame.parameters)
    owner = frame.owner.definition.name if frame.owner is not None else ""
    by_class = SAMPLERS.search(owner) is not None and not name.startswith("_")
    film = film and "audio" not in frame.symbol.lower()
    return frame.definition is not None and film and (by_class or _SAMPLER.search(name) is not None)


def _chooses(frame: "Frame", step: CallStep, films: set[str]) -> bool:
    """Whether a call picks frames: it is made on the video, or with what is named for frames or taken of it."""
    if not _SAMPLING.search(step.written):
        return False
    given = " ".join(frame.body.tree.text(child) for child in arguments(step.node, keywords=True))
    own = step.written.partition(".")[0] in films or any(re.search(rf"\b{re.escape(film)}\b", given) for film in films)
    return own or _FRAMES.search(given) is not None


def _video(codebase: "Codebase", frame: "Frame", opened: list[CallStep], chosen: list[CallStep]) -> CensusHit:
    said = []
    if opened:
        said.append(f"reads video by {listed([f'`{_shown(frame, step)}`' for step in opened], 3)}")
    if chosen:
        told = [f"`{_shown(frame, step)}`{_when(step, opened or chosen)}" for step in chosen]
        said.append(f"takes frames by {listed(list(dict.fromkeys(told)), MOST)}")
    name, steps = name_of(frame), [*opened, *chosen]
    head = frame.definition.head_start if frame.definition is not None else 1
    lines = (steps[0].start, steps[0].end) if steps else (head, head)
    text = f"{name[0].upper()}{name[1:]} {' and '.join(said) or 'chooses frames of video'}"
    related = tuple(dict.fromkeys(("step", frame.path, s.start, s.end) for s in steps))
    return hit_at(codebase, frame.path, lines, symbol="", name=frame.symbol, text=text, related=related)


def _when(step: CallStep, first: list[CallStep]) -> str:
    """The condition that decides for one way of several."""
    around = {(guard.key, guard.arm) for guard in first[0].guards}
    own = [guard for guard in step.guards if guard.kind == "if" and (guard.key, guard.arm) not in around]
    return f" (if `{one_line(own[-1].text, 60)}`)" if own else ""


def _shown(frame: "Frame", step: CallStep) -> str:
    return one_line(frame.body.tree.text(step.node), WIDE)


def _at(codebase: "Codebase", frame: "Frame", step: CallStep, said: str) -> CensusHit:
    name = name_of(frame)
    return hit_at(
        codebase, frame.path, (step.start, step.end), symbol="", name=frame.symbol,
        text=f"{name[0].upper()}{name[1:]} {said}",
    )  # fmt: skip
