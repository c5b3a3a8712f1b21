"""How frames of video are chosen, in sentences: samplers under their conditions, and what ffmpeg is run with; which
other programs turn pages into pictures."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import hit_at
from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import arguments, default
from retrieval.census.meaning.values import ClassRef
from retrieval.census.models.roster import roster_of
from retrieval.census.settings.set_defaults import default_of, off_by_default
from retrieval.census.vision.image_batches import SAMPLERS, runs_ffmpeg
from retrieval.census.vision.image_transforms import name_of
from retrieval.facts import CensusHit
from retrieval.languages import words
from retrieval.parse import Node, descendants, first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

Sentence = tuple[str, list[tuple[str, str, int, int]]]
_FLAGS = ("-vf", "-filter:v", "-filter_complex", "-r", "-ss", "-t", "-frames:v", "-vframes")
_FILTERS = ("-vf", "-filter:v", "-filter_complex")
_SETTING = re.compile(r"\b[a-z_]\w*(?:\.[a-z_]\w*)+(?!\w*\()")
_STRING = re.compile(r"""^[rbfu]*(["'])(.*)\1$""", re.DOTALL)
_RENDERING = words("pdftoppm pdftocairo magick convert mogrify mutool gs rsvg-convert inkscape")
WAYS, OPTIONS, RUNS, LONGEST, WORDS, LEAST = 4, 4, 3, 90, 130, 2


def video_told(codebase: "Codebase") -> Iterator[Sentence]:
    """One sentence on the classes that choose frames, one on the filters and places of ffmpeg; main programs first."""
    roster, reach = roster_of(codebase), reach_of(codebase)
    frames = [frame for frame, _ in roster.frames if codebase.snapshot.by_path[frame.path].role == "source"]
    frames.sort(key=lambda frame: not reach.has(_at(codebase, frame)))
    for frame in frames:
        made = [(step, cls) for step in frame.body.calls if (cls := _sampler(frame, step)) is not None]
        if made:
            ways = [_way(codebase, frame, step, cls) for step, cls in made[:WAYS]]
            text = f"Frames of video are chosen in {name_of(frame)} by {listed(ways, WAYS)}"
            text += _defaults(codebase, [guard.text for step, _ in made for guard in step.guards[-1:]])
            yield text, [("sampler", frame.path, step.start, step.end) for step, _ in made[:WAYS]]
            break
    yield from _filtered(frames)


def _at(codebase: "Codebase", frame: "Frame") -> CensusHit:
    line = frame.definition.head_start if frame.definition is not None else 1
    return hit_at(codebase, frame.path, (line, line), symbol=frame.symbol, name="", text="")


def _sampler(frame: "Frame", step: CallStep) -> ClassRef | None:
    """The class of a sampler of frames that a call makes."""
    if not SAMPLERS.search(step.written):
        return None
    value = frame.callee(step)
    return value if isinstance(value, ClassRef) else None


def _way(codebase: "Codebase", frame: "Frame", step: CallStep, cls: ClassRef) -> str:
    """ "`A` if `mode == FIXED` (“Sample one frame every `n` seconds”; `n` 10.0 by default)"."""
    off = off_by_default(codebase, step.guards, frame)
    guard = step.guards[-1] if step.guards else None
    when = f" if `{one_line(guard.text, LONGEST)}`" if guard is not None and guard.kind == "if" else ""
    when = " otherwise" if guard is not None and guard.kind == "else" else when
    first = re.split(r"(?<=[a-z`])\.(?:\s|$)", cls.definition.docstring.strip())[0].replace("``", "`")
    notes = [f"“{one_line(first, 120)}”"] if first else []
    text = frame.body.tree.text
    for child in arguments(step.node, keywords=True):
        if child.type == "keyword_argument" and len(notes) <= OPTIONS:
            value = text(child.child_by_field_name("value"))
            default = default_of(codebase, value.rpartition(".")[2]) if "." in value else ""
            named = f"`{text(child.child_by_field_name('name'))}`"
            notes += [f"{named} {default} by default"] if default not in ("", "None") else []
    notes += ["not by default"] if off else []
    return f"`{cls.definition.name}`{when}" + (f" ({'; '.join(notes)})" if notes else "")


def _defaults(codebase: "Codebase", conditions: list[str]) -> str:
    """ "; `opts.mode` is FIXED by default": the settings that conditions compare."""
    names = dict.fromkeys(found for text in conditions for found in _SETTING.findall(text))
    told = [f"`{name}` is `{given}`" for name in names if (given := default_of(codebase, name.rpartition(".")[2]))]
    return f"; by default {listed(told, OPTIONS)}" if told else ""


def _filtered(frames: "list[Frame]") -> Iterator[Sentence]:
    told, places = list[str](), list[tuple[str, str, int, int]]()
    for frame in frames:
        if frame.definition is None or len(told) == RUNS or not runs_ffmpeg(frame):
            continue
        for node, flags in _runs(frame):
            if flags.keys() & {*_FILTERS, "-ss"} and len(told) < RUNS:
                given = " ".join(f"{flag} {value}" for flag, value in flags.items())
                told.append(f"{name_of(frame)} with `{one_line(given, LONGEST)}`")
                places.append(("ffmpeg", frame.path, first_line(node), last_line(node)))
    if told:
        yield f"Frames are taken out of video by the program ffmpeg: {listed(told, RUNS)}", places


def rendered(codebase: "Codebase") -> Iterator[Sentence]:
    """One sentence on the programs that turn pages or pictures into others, with the words that they are run with."""
    roster, reach = roster_of(codebase), reach_of(codebase)
    told, places = list[str](), list[tuple[str, str, int, int]]()
    for frame, _ in roster.frames:
        if codebase.snapshot.by_path[frame.path].role != "source" or not reach.has(_at(codebase, frame)):
            continue
        for node, given in _lists(frame):
            if given[0].rpartition("/")[2] in _RENDERING and len(given) > LEAST:
                values = [_value(codebase, frame, name) for name in frame.parameters if name in " ".join(given[1:])]
                values = [value for value in values if value]
                where = f", where {listed(values, 2)}" if values else ""
                told.append(f"{name_of(frame)} with `{one_line(' '.join(given), WORDS)}`{where}")
                places.append(("program", frame.path, first_line(node), last_line(node)))
    if told:
        yield f"Pages and pictures are turned into others by programs: {listed(told, RUNS)}", places[:RUNS]


def _value(codebase: "Codebase", frame: "Frame", name: str) -> str:
    """ "`dpi` is 200 by default": of the option of that name, else of the parameter; "" for what has no number."""
    node = default(frame, name)
    own = frame.body.tree.text(node) if node is not None and node.type in ("integer", "float") else ""
    given = default_of(codebase, name) or own
    return f"`{name}` is {given} by default" if re.fullmatch(r"[\d.]+", given) else ""


def _runs(frame: "Frame") -> Iterator[tuple[Node, dict[str, str]]]:
    """Every list of words of a body that begins with ffmpeg, with its flags that choose frames."""
    for node, given in _lists(frame):
        if given[0].endswith("ffmpeg"):
            yield node, {word: after for word, after in pairwise(given) if word in _FLAGS}


def _lists(frame: "Frame") -> Iterator[tuple[Node, list[str]]]:
    """Every list of words in a body that begins with a text."""
    whole = frame.program.node(frame.path, frame.definition) if frame.definition is not None else None
    text = frame.body.tree.text
    for node in descendants(whole) if whole is not None else ():
        first = node.named_children[0] if node.type == "list" and node.named_children else None
        if first is not None and first.type == "string":
            yield node, [_plain(text(child)) for child in node.named_children if child.type != "comment"]


def _plain(written: str) -> str:
    found = _STRING.match(written)
    return found[2] if found is not None else written
