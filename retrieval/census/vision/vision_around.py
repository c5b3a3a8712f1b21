"""What works on images beside vision models: classes around them, objects of unknown classes, requests, functions,
and whether video is read at all."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import run_query
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import ClassRef
from retrieval.census.modalities.multimodal_messages import messages
from retrieval.census.models.roster import Roster
from retrieval.census.models.run_by import run_by
from retrieval.census.vision.kept_embeddings import asked_results
from retrieval.census.vision.pictured import leaves_video, names_video
from retrieval.census.vision.vision_calls import runs_of
from retrieval.parse import first_line, last_line

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Place = tuple[str, str, int, int]
Told = tuple[str, str, list[Place]]  # what it is about, the sentence, its places; none for a measurement
_FUNCTION = re.compile(r"`[^`]+`")
_TRAINS = re.compile(r"(?i)train|loss|evaluat|bench|test|dataset")
MOST, STAGES = 5, 10


def around(codebase: "Codebase", roster: Roster, models: bool) -> Iterator[Told]:
    """The sentences in order: around, asked, handled, video."""
    yield from _wrapping(codebase, roster)
    yield from _using(codebase, roster)
    yield from _unknown(codebase, roster)
    yield from _requests(codebase, roster)
    yield from _handled(codebase, models)
    yield from _video(codebase, models)


def _wrapping(codebase: "Codebase", roster: Roster) -> Iterator[Told]:
    """The classes that are no models themselves and run models of the repository on images."""
    found: dict[str, tuple[str, Place]] = {}
    for run in runs_of(roster):
        owner = run.frame.owner
        own = any(made.cls is not None for made in run.made)
        if owner is None or not own or roster.family.is_model(owner) or _TRAINS.search(owner.definition.name):
            continue
        if codebase.snapshot.by_path[owner.path].role == "source":
            place = ("around", owner.path, owner.definition.head_start, owner.definition.head_end)
            found.setdefault(owner.definition.name, (f"`{owner.definition.name}` runs {run.name}", place))
    if found:
        text = f"Classes around them: {listed([told for told, _ in found.values()], MOST)}"
        yield "around", text, [place for _, place in list(found.values())[:MOST]]


def _using(codebase: "Codebase", roster: Roster) -> Iterator[Told]:
    """The classes that hand their images to objects of the repository which run a library's model: stages, wrappers."""
    program = roster.program
    running = {run.frame.owner for run in runs_of(roster) if run.frame.owner and run.frame.symbol.count(".")}
    running = {cls for cls in running if not roster.family.is_model(cls)}
    known = {one for cls in running for one in program.line(cls)}
    found: dict[ClassRef, set[str]] = {}
    for cls, users in run_by(roster).items():
        for user in users if cls in known else ():
            if user not in known:
                found.setdefault(user, set()).add(cls.definition.name)
    if found:
        told = [f"`{cls.definition.name}` (by {listed(sorted(used), 2, '`')})" for cls, used in found.items()]
        places = [("around", cls.path, cls.definition.head_start, cls.definition.head_end) for cls in found]
        yield "around", f"Classes that have them run: {listed(told, STAGES)}", places[:STAGES]


def _unknown(codebase: "Codebase", roster: Roster) -> Iterator[Told]:
    """The objects of unknown classes that embed images."""
    known = {(one.frame.path, one.step.node.id) for one in runs_of(roster)}
    found = [
        (frame, step)
        for frame, step in asked_results(roster, known)
        if codebase.snapshot.by_path[frame.path].role == "source"
    ]
    if found:
        told = [f"`{step.written.rpartition('.')[0]}` in `{frame.symbol or frame.path}`" for frame, step in found]
        text = f"Images are also embedded by {listed(list(dict.fromkeys(told)), MOST)}, whose class no code tells"
        yield "asked", text, [("embeds", f.path, s.start, s.end) for f, s in found[:MOST]]


def _requests(codebase: "Codebase", roster: Roster) -> Iterator[Told]:
    """The requests that carry images to models that run elsewhere."""
    found = [one for one in messages(roster) if one.modality in ("image", "video")]
    found = [one for one in found if codebase.snapshot.by_path[one.frame.path].role == "source"]
    if found:
        names = list(dict.fromkeys(f"`{one.frame.symbol}()`" if one.frame.symbol else one.frame.path for one in found))
        text = f"Images are also given to models that read them, in requests that {listed(names, MOST)} "
        text += "builds" if len(names) == 1 else "build"
        lines = [(one.frame.path, first_line(one.node), last_line(one.node)) for one in found[:MOST]]
        yield "asked", text, [("request", *place) for place in lines]


def _handled(codebase: "Codebase", models: bool) -> Iterator[Told]:
    """The functions that work on images, which are all there is where no model does."""
    reach = reach_of(codebase)
    hits = [hit for hit in run_query(codebase, "image_work").hits if hit.role == "source"]
    hits = [hit for hit in hits if reach.has(hit)] or hits
    hits.sort(key=lambda hit: "reading" not in hit.detail["sorts"])
    if hits:
        names = listed(list(dict.fromkeys(f"`{hit.symbol}()`" if hit.symbol else hit.path for hit in hits)), MOST)
        none = "" if models else "No vision model is made; "
        text = f"{none}{'images' if none else 'Images'} are read, changed or written by {names}"
        yield "handled", text, [("work", hit.path, hit.start, hit.end) for hit in hits[:MOST]]


def _video(codebase: "Codebase", models: bool) -> Iterator[Told]:
    """Which functions read video, or that nothing does where code deals with images."""
    hits = [hit for hit in run_query(codebase, "video_frames").hits if hit.role == "source"]
    hits = [hit for hit in hits if "reads video" in hit.text or "takes frames" in hit.text]
    told = [found[0] for hit in hits if (found := _FUNCTION.match(hit.text))]
    if told:
        text = f"Video is read by {listed(list(dict.fromkeys(told)), MOST)}"
        yield "video", text, [("video", h.path, h.start, h.end) for h in hits[:MOST]]
    works = models or any(hit.role == "source" for hit in run_query(codebase, "image_work").hits)
    if works and leaves_video(codebase):
        more = "" if names_video(codebase) else ", and no line of it names video"
        yield "video", f"No module for video: no code reads, samples or writes video{more}", []
