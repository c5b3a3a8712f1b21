"""Image processors of libraries that code makes: what each does by default, or that a checkpoint says so."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import arguments
from retrieval.census.meaning.values import External
from retrieval.census.models.model_entries import plain
from retrieval.census.models.roster import roster_of
from retrieval.census.vision.image_transforms import name_of

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

TABLE = Path(__file__).parents[2] / "data" / "image_processors.yaml"
_PROCESSOR = re.compile(
    r"^(?:transformers|diffusers)\.(?:[\w.]+\.)?(\w*(?:ImageProcessor\w*|FeatureExtractor)|AutoProcessor|\w+(?<!Attn)(?<!Logits)Processor)"
    r"(?:\.from_pretrained)?$"
)
_OTHER = re.compile(r"(?i)token|logits|attn|attention|audio|whisper|wav2vec|speech|seamless|bark|musicgen|clap|encodec")
_IMAGES = re.compile(r"(?i)image|pixel|visual|vision|video")
SHOWN = 3


@cache
def _rows(part: str) -> tuple[tuple[tuple[str, ...], str], ...]:
    table = yaml.safe_load(TABLE.read_text(encoding="utf-8"))[part]
    return tuple((tuple(row["name"].split("|")), row["does"]) for row in table)


def processors(codebase: "Codebase") -> Iterator[tuple[str, list[tuple[str, str, int, int]]]]:
    """One sentence with the processors that are made, those of main programs first."""
    roster, reach = roster_of(codebase), reach_of(codebase)
    made = [(frame, step) for frame, _ in roster.frames for step in frame.body.calls if _made(frame, step)]
    made = [item for item in made if codebase.snapshot.by_path[item[0].path].role == "source"]
    made.sort(key=lambda item: not reach.has(plain(codebase, item[0], item[1].start)))
    found: dict[tuple[str, str], list[tuple[Frame, CallStep]]] = {}
    for frame, step in made:
        if (told := _said(frame, step, _made(frame, step)))[0]:
            found.setdefault(told, []).append((frame, step))
    if found:
        said = [
            f"{written} in {listed(list(dict.fromkeys(name_of(frame) for frame, _ in places)), SHOWN)}{does}"
            for (written, does), places in found.items()
        ]
        spots = [("processor", f.path, s.start, s.end) for places in found.values() for f, s in places[:SHOWN]]
        yield f"Processors of libraries prepare images: {'; '.join(said[:SHOWN])}", spots[: 2 * SHOWN]
    yield from _given_along(codebase)


def _given_along(codebase: "Codebase") -> Iterator[tuple[str, list[tuple[str, str, int, int]]]]:
    """One sentence on the transforms that functions of libraries give beside the model that they load."""
    roster, reach = roster_of(codebase), reach_of(codebase)
    found: dict[tuple[str, str], list[tuple[Frame, CallStep]]] = {}
    for frame, _ in roster.frames:
        for step in frame.body.calls:
            does = _along(frame, step)
            if does and codebase.snapshot.by_path[frame.path].role == "source":
                found.setdefault((step.written, does), []).append((frame, step))
    for (written, does), places in found.items():
        places.sort(key=lambda item: not reach.has(plain(codebase, item[0], item[1].start)))
        where = listed(list(dict.fromkeys(name_of(frame) for frame, _ in places)), SHOWN)
        text = f"Images are prepared by the transform that `{written}()` gives beside the model in {where}: it {does}"
        yield text, [("transform", f.path, s.start, s.end) for f, s in places[:SHOWN]]


def _along(frame: "Frame", step: CallStep) -> str:
    """What the transform does that a call gives beside a model, "" where it gives none that is kept."""
    value = frame.callee(step)
    name = value.name if isinstance(value, External) else ""
    does = next((does for patterns, does in _rows("loaders") if name in patterns), "") if name else ""
    kept = [b for b in frame.body.bindings if b.value is not None and b.value.id == step.node.id and b.index > 0]
    return does if any(set(binding.name) != {"_"} for binding in kept) else ""


def _made(frame: "Frame", step: CallStep) -> str:
    """The class of a processor that a call makes, "" for anything else."""
    value = frame.callee(step)
    found = _PROCESSOR.match(value.name) if isinstance(value, External) else None
    return found[1] if found is not None and not _OTHER.search(found[1]) else ""


def _said(frame: "Frame", step: CallStep, name: str) -> tuple[str, str]:
    """The call as written and what the processor does, ("", "") for one that may be of something else than images."""
    does = next((does for patterns, does in _rows("processors") if any(fnmatchcase(name, p) for p in patterns)), "")
    written = f"`{one_line(frame.body.tree.text(step.node), 70)}`"
    loaded = step.written.endswith("from_pretrained")
    if not loaded and does and (not arguments(step.node, keywords=True) or name == "VaeImageProcessor"):
        return written, f", which by its defaults {does}"
    if "Image" in name or does or _IMAGES.search(f"{name} {written}"):
        return written, ", with the sizes of the checkpoint's preprocessor configuration" if loaded else ""
    return "", ""
