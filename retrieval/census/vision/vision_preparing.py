"""The answer on preprocessing: whether images are prepared, by which steps for what purpose, how they are batched."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import run_query
from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import External
from retrieval.census.settings.set_defaults import defaults_of
from retrieval.census.vision.image_transforms import composed_of, name_of, placed
from retrieval.census.vision.library_processors import processors
from retrieval.census.vision.pictured import kinds_of_pictures, leaves_video
from retrieval.census.vision.pictures_asked import asked_by_functions, asked_in_stages
from retrieval.census.vision.video_told import rendered, video_told
from retrieval.census.vision.vision import worked
from retrieval.census.vision.vision_calls import Run, is_trial, written
from retrieval.census.vision.vision_words import at, place, several
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

Sentence = tuple[str, list[tuple[str, str, int, int]]]
_PAGES = re.compile(r"(?:^|\.)(?:render|get_pixmap|to_pil|convert_from_\w+)$")  # what documents begin with
_ENCODING = re.compile(r"(?i)(?:vae|first_stage_model|autoencoder|ae|tokenizer_2d)\.encode$|encode_first_stage$")
_BATCH = re.compile(r"`([\w-]*batch[_-]?size\w*)`")
_DEFAULT = re.compile(r"default (\d+|[A-Z_]+|[\w.]*\.\w*batch\w*)")
_OTHER = re.compile(r"(?i)text|token|audio|train|grad|prompt|(?:^|[_-])doc")
SHOWN, WAYS, KINDS, SIZES = 4, 3, 3, 8


def preparing(codebase: "Codebase", runs: list[Run]) -> Iterator[CensusHit]:
    """Transforms in order, the ways of images into models, what reads images and video, and how batches are made."""
    said = [*_sentences(codebase, runs)]
    if said and leaves_video(codebase):
        said.insert(1, ("Video takes no part: no code reads, samples or writes it", said[0][1]))
    for index, (text, places) in enumerate(said):
        yield at(codebase, text if index else f"Yes: {text[0].lower() if text[:1] != '`' else '`'}{text[1:]}", places)


def _sentences(codebase: "Codebase", runs: list[Run]) -> Iterator[Sentence]:
    asked, video = list(asked_in_stages(codebase)), list(video_told(codebase))
    yield from asked[:1]
    yield from _sizes(codebase) if asked and runs else ()
    yield from video if asked else ()
    yield from asked[1:]
    ordered = sorted(runs, key=lambda run: (is_trial(run), _bare(run)))
    ways = several([run for run in ordered if len(run.chain) > 1 and _bare(run) < 0], WAYS)
    for run in ways:
        steps = " → ".join(step.said(60) for step in run.chain)
        form = f"; it is then {', '.join(run.form)}" if run.form else ""
        text = f"On its way to {run.name} in {name_of(run.frame)} an image goes through {steps}{form}"
        yield text, [place(run), *(("step", s.frame.path, s.line, s.line) for s in run.chain)]
    yield from rendered(codebase)
    yield from video if not asked else ()
    yield from asked_by_functions(codebase)
    transforms = [*_transforms(codebase)]
    yield from (said for said, run in transforms if run)
    yield from processors(codebase)
    yield from _sizes(codebase) if runs and not asked else ()
    yield from _encoded(runs)
    yield from _worked(codebase, "reading", "read or decoded")
    yield from _worked(codebase, "resizing and cropping", "resized, cropped or warped")
    yield from _worked(codebase, "augmentation", "augmented")
    if not video:
        yield from _listed(codebase, "video_frames", "Frames of video are taken as follows: ", wanted="takes frames")
    yield from _listed(codebase, "image_batches", "Batches: ")
    yield from (said for said, run in transforms if not run)


def _transforms(codebase: "Codebase") -> Iterator[tuple[Sentence, bool]]:
    """What composes transforms, and whether the main programs are seen to run the first of it."""
    run = not any(any(placed(codebase, one)) for one in composed_of(codebase)[:1])
    where = "in " if run else "outside what the main programs are seen to run, in "
    for said in _listed(codebase, "image_transforms", f"Transforms are composed, in the order of their use, {where}"):
        yield said, run


def _sizes(codebase: "Codebase") -> Iterator[Sentence]:
    """The settings that say how many images or pages go together, with their defaults."""
    found: dict[str, tuple[str, CensusHit]] = {}
    for hit in reach_of(codebase).parted(run_query(codebase, "memory_limits: switch").hits)[0]:
        named = _BATCH.search(hit.text) if hit.role == "source" else None
        if named is not None and not _OTHER.search(named[1]):
            default = _DEFAULT.search(hit.text)
            given = default[1] if default else ""
            behind = defaults_of(codebase, given.rpartition(".")[2]) - {given} if "." in given else set[str]()
            given = next(iter(behind)) if len(behind) == 1 else given
            found.setdefault(named[1], (f"`{named[1]}`{f' (default {given})' if given else ''}", hit))
    if found:
        told = listed([said for said, _ in found.values()], SIZES)
        places = [("size", hit.path, hit.start, hit.end) for _, hit in found.values()]
        yield f"How many go into a batch is set by {told}", places[:SIZES]


def _encoded(runs: list[Run]) -> Iterator[Sentence]:
    """Where images are encoded into latents before a generator works on them."""
    found = [run for run in runs if _ENCODING.search(run.step.written)]
    if found:
        named = [f"{name_of(run.frame)} with `{written(run)}`" for run in found]
        yield (
            f"Images are encoded into latents by {listed(list(dict.fromkeys(named)), SHOWN)}",
            [place(run) for run in found[:SHOWN]],
        )


def _worked(codebase: "Codebase", sort: str, does: str) -> Iterator[Sentence]:
    frames = [item for item in worked(codebase, sort) if not _is_of_tensors(*item[:2])]
    frames.sort(key=lambda item: _PAGES.search(item[1].written) is None)
    run_first = [item for item in frames if item[2]] or frames
    if run_first:
        what = kinds_of_pictures(codebase)
        by = listed([_with(*item[:2]) for item in run_first], SHOWN)
        idle = "" if run_first[0][2] else "In code that the main programs are not seen to run, "
        text = f"{idle}{what if idle else what.capitalize()} are {does} by {by}"
        yield text, [("works", f.path, s.start, s.end) for f, s, _ in run_first[:SHOWN]]


def _is_of_tensors(frame: "Frame", step: CallStep) -> bool:
    """Whether a call works on any tensor: inside networks features are padded and resampled in the same way."""
    value = frame.callee(step)
    return isinstance(value, External) and value.name.startswith("torch.nn.functional.")


def _listed(codebase: "Codebase", query: str, opening: str, wanted: str = "") -> Iterator[Sentence]:
    """The first hits of a census kind as one sentence, those of main programs first; more of them are counted."""
    hits = [hit for hit in run_query(codebase, query).hits if hit.role == "source"]
    hits = [hit for hit in hits if wanted in hit.text] or hits
    run = reach_of(codebase).parted(hits)[0]
    opening = opening if run or not hits else f"Outside what the main programs are seen to run: {opening}"
    hits = run or hits
    if hits:
        more = f"; and {len(hits) - KINDS} more below" if len(hits) > KINDS else ""
        text = opening + "; ".join(re.sub("^The script", "the script", hit.text) for hit in hits[:KINDS]) + more
        yield text, [("place", hit.path, hit.start, hit.end) for hit in hits[:KINDS]]


def _bare(run: Run) -> int:
    """How little of a whole way a chain shows: reading, resizing, and a range of values."""
    steps = " ".join(step.written for step in run.chain)
    shown = (r"imread|open\(|Capture|Reader|decode", r"(?i)resize|crop|warp|process", r"/ ?\(?\d|[Nn]ormali|Tensor")
    return -sum(re.search(pattern, steps) is not None for pattern in shown)


def _with(frame: "Frame", step: CallStep) -> str:
    return f"{name_of(frame)} with `{step.written}`"
