"""Kind `vision_functions`: the vision models of a codebase by what they are for, in one sentence."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import ClassRef
from retrieval.census.modalities.fusing_models import taken
from retrieval.census.modalities.modal_flow import taken_by
from retrieval.census.modalities.modality_names import named
from retrieval.census.models.known_models import known_model
from retrieval.census.models.model_entries import Entry, entries_of, plain
from retrieval.census.models.roster import Roster, roster_of
from retrieval.census.models.tiers import anatomy_of, snake
from retrieval.census.vision.pictured import only_sound
from retrieval.census.vision.pictures import NO_PICTURES, of_pictures
from retrieval.census.vision.vision import sees_entry
from retrieval.census.vision.vision_around import around
from retrieval.census.vision.vision_calls import runs_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.body import CallStep
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

TABLE = Path(__file__).parents[2] / "data" / "vision_functions.yaml"
_OTHER, _BOTH, _ENCODING = "other models of images", "images together with text", "encoding of images"
_OWN = re.compile(
    r"(?i)vision|visual|image|video|(?:^|_)(?:vit|eva\d?|swin|resnet|sam)(?:_|$)|clip|(?:^|_)eva\d?_?\w*encoder"
)
_SMALL = ("`MLP`", "`LayerNorm2d`", "`PatchEmbed`", "`Block`", "`LayerNorm`")
_BESIDE = re.compile(r"(?i)(?:^|/)(?:bench\w*|eval\w*|tests?|examples?)/")
MODELS, PARTS, DEFINED, HOLDERS, FAR, NEAR = 5, 6, 5, 4, 99, 3


@cache
def _functions() -> tuple[tuple[str, re.Pattern[str]], ...]:
    rows = yaml.safe_load(TABLE.read_text(encoding="utf-8"))["functions"]
    return tuple((row["name"], re.compile(row["words"], re.IGNORECASE)) for row in rows)


@kind(
    "vision_functions",
    summary="the vision models by what they are for (detection, segmentation, encoding, generation …), in a sentence",
    example="vision_functions",
    reads="python",
    ordered=True,
)
def vision_functions(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One sentence on models that programs make, one on model classes with a vision name that none is seen to make."""
    roster = roster_of(codebase)
    _ = roster.uses
    found = _seeing(roster)
    source = [entry for entry in found if _role(codebase, entry) == "source"] or found
    run = _nearest([entry for entry in source if entry.run] or source, roster)
    if run and query.matches("made"):
        yield _sentence(codebase, roster, run)
        yield from _inner(codebase, roster, run)
    others = _defined(roster, {entry.made[0].cls for entry in found if entry.made[0].cls is not None})
    built = _built(codebase, roster, others)
    if built and query.matches("built"):
        by: dict[str, list[str]] = {}
        for cls, (frame, _) in built.items():
            by.setdefault(f"`{frame.symbol}()` ({frame.path})", []).append(f"`{cls.definition.name}`")
        told = [f"{listed(names, DEFINED)} by {maker}" for maker, names in by.items()]
        text = f"Models of images are made besides by functions that the main programs may run: {'; '.join(told)}"
        yield _at(codebase, text, [("made", frame.path, step.start, step.end) for frame, step in built.values()])
    others = [cls for cls in others if cls not in built]
    if others and query.matches("defined"):
        told = [f"`{cls.definition.name}` ({cls.path})" for cls in others]
        text = f"{'Also defined' if run else 'Defined'} as models of images, with no way traced from a program that "
        text += f"makes them: {listed(told, DEFINED)}"
        places = [("class", cls.path, cls.definition.head_start, cls.definition.head_end) for cls in others[:DEFINED]]
        yield _at(codebase, text, places)
    for name, text, places in around(codebase, roster, bool(run or others)):
        if query.matches(name):
            yield _at(codebase, text, places) if places else _nowhere(codebase, text)


def _nearest(entries: list[Entry], roster: Roster) -> list[Entry]:
    """Models by how few calls lead from where programs start to the places that make them, those of benchmarks last."""
    depths = {id(frame): depth for frame, depth in roster.frames if depth >= 0}

    def rank(entry: Entry) -> tuple[bool, int]:
        beside = all(_BESIDE.search(made.frame.path) for made in entry.made)
        return beside, min(depths.get(id(made.frame), FAR) for made in entry.made)

    return sorted(entries, key=rank)


def _seeing(roster: Roster) -> list[Entry]:
    """The models that work on images, and the whole models of the repository that keep such as parts."""
    entries = [one for one in entries_of(roster.codebase) if named(snake(one.name.rpartition(".")[2])) != "audio"]
    run = {id(made) for one in runs_of(roster) for made in one.made}
    seeing = [one for one in entries if pictures(roster, one) or any(id(made) in run for made in one.made)]
    classes = {entry.made[0].cls for entry in seeing}
    anatomy = anatomy_of(roster.program, roster.family.bases)

    def keeps(entry: Entry) -> bool:
        cls = entry.made[0].cls
        return cls is not None and not entry.part and entry.run and bool(anatomy.reach(cls) & classes)

    return [entry for entry in entries if entry in seeing or keeps(entry)]


def pictures(roster: Roster, entry: Entry) -> bool:
    """Whether a model takes images or video, or makes them."""
    first = entry.made[0]
    known = first.known or (known_model(entry.base) if entry.base else None)
    said = named(snake(entry.name.rpartition(".")[2]))
    sound = only_sound(roster.codebase) and (known is None or "image" not in (*known.takes, known.gives))
    seen = {"image", "video"} & set(taken(roster, first.cls).values()) if first.cls is not None else set()
    if sound or said == "audio" or (first.cls is not None and said == "text" and not seen):
        return False
    if (known is not None and known.gives in ("image", "video")) or sees_entry(roster, entry):
        return True
    return not entry.part and (bool(seen) or (entry.run and first.cls is not None and of_pictures(roster, first.cls)))


def _role(codebase: "Codebase", entry: Entry) -> str:
    return codebase.snapshot.by_path[entry.made[0].frame.path].role


def function_of(roster: Roster, entry: Entry) -> str:
    """What a vision model is for, by its library, its name, its docstring and its base class, in that order."""
    name = snake(entry.name.rpartition(".")[2])
    own = entry.made[0].cls is not None and "pretrained" not in entry.base.lower()  # its name says more than its base
    for told in (*((name, entry.kind) if own else (entry.kind, name)), entry.does, entry.base.rpartition(".")[2]):
        found = next((word for word, pattern in _functions() if told and pattern.search(told)), "")
        if found and (found != _ENCODING or told is not name or "text" not in taken_by(roster, entry)):
            return found
    if own and (found := next((word for word, pattern in _functions() if pattern.search(_folders(entry))), "")):
        return found
    return _BOTH if {"text", "prompt"} & set(taken_by(roster, entry)) else _OTHER


def _folders(entry: Entry) -> str:
    """The last folders and the file in which a class of the repository stands, which may say what it is for."""
    cls = entry.made[0].cls
    return " ".join(cls.path.rpartition(".")[0].split("/")[-NEAR:]) if cls is not None else ""


def _sentence(codebase: "Codebase", roster: Roster, entries: list[Entry]) -> CensusHit:
    by: dict[str, list[Entry]] = {}
    for entry in [entry for entry in entries if not _is_inner(roster, entry)] or entries:
        by.setdefault(function_of(roster, entry), []).append(entry)
    told = [f"{word}: {listed([_named(roster, entry) for entry in group], MODELS)}" for word, group in by.items()]
    places = [_place(entry) for group in by.values() for entry in group[:MODELS]]
    return _at(codebase, f"Vision models by what they are for - {'; '.join(told)}", places)


def _is_inner(roster: Roster, entry: Entry) -> bool:
    """Whether a model is only a part of others: kept by them, or a library's that a class of a model makes."""
    owners = [made.frame.owner for made in entry.made]
    return entry.part or all(owner is not None and roster.family.is_model(owner) for owner in owners)


def _inner(codebase: "Codebase", roster: Roster, entries: list[Entry]) -> Iterator[CensusHit]:
    """The parts of models that work on images alone, by what they are for, with the function that makes them."""
    inside = [entry for entry in entries if _is_inner(roster, entry)]
    by: dict[str, list[Entry]] = {}
    for entry in inside if len(inside) < len(entries) else ():
        if "text" not in taken_by(roster, entry) and (word := function_of(roster, entry)) != _OTHER:
            by.setdefault(word, []).append(entry)
    told = [f"{word}: {listed(_by_maker(group), MODELS)}" for word, group in by.items()]
    if told:
        places = [_place(entry) for group in by.values() for entry in group[:MODELS]]
        yield _at(codebase, f"Inside them - {'; '.join(told)}", places)


def _by_maker(entries: list[Entry]) -> list[str]:
    """ "one of `A`, `B` (`build()` chooses)": the models by the function that makes them."""
    by: dict[str, list[Entry]] = {}
    for entry in entries:
        by.setdefault(entry.made[0].frame.symbol, []).append(entry)
    told = []
    for maker, group in by.items():
        names = listed([f"`{entry.name}`" for entry in group], MODELS)
        chosen = len(group) > 1 and all(_apart(one, other) for at, one in enumerate(group) for other in group[:at])
        where = f"`{maker}()` chooses" if chosen else f"made in `{maker}()`"
        told.append(f"{'one of ' if chosen else ''}{names}" + (f" ({where})" if maker else ""))
    return told


def _apart(one: Entry, other: Entry) -> bool:
    """Whether two models are made in different arms of one decision."""
    arms = {guard.key: guard.arm for guard in one.made[0].step.guards if guard.kind in ("if", "else", "case")}
    return any(arms.get(guard.key, guard.arm) != guard.arm for guard in other.made[0].step.guards)


def _named(roster: Roster, entry: Entry) -> str:
    cls = entry.made[0].cls
    anatomy = anatomy_of(roster.program, roster.family.bases)
    parts = [f"`{part.definition.name}`" for part in anatomy.parts.get(cls, ()) if cls is not None] if cls else []
    reading = {f"`{one.name}`" for one in entries_of(roster.codebase) if one.part and "text" in taken_by(roster, one)}
    aside = {*_SMALL, *reading}
    parts = [part for part in dict.fromkeys(parts) if part not in aside and named(snake(part.strip("`"))) != "text"]
    holders = [] if cls else _holders(roster, entry)
    held = f" (in {listed(holders, HOLDERS)})" if holders else ""
    return f"`{entry.name}`{held}" + (f" (parts {listed(parts, PARTS)})" if parts else "")


def _holders(roster: Roster, entry: Entry) -> list[str]:
    """The classes of the repository that run a library's model, else those that make it."""
    frames = [use.frame for use in entry.uses(roster)] or [made.frame for made in entry.made]
    owners = [frame.owner for frame in frames if frame.owner is not None]
    names = dict.fromkeys(owner.definition.name for owner in owners)
    return [f"`{name}`" for name in names if name != entry.name]


def _place(entry: Entry) -> tuple[str, str, int, int]:
    cls, first = entry.made[0].cls, entry.made[0]
    if cls is not None:
        return "class", cls.path, cls.definition.head_start, cls.definition.head_end
    return "made", first.frame.path, first.step.start, first.step.end


def _defined(roster: Roster, made: set[ClassRef]) -> list[ClassRef]:
    """Model classes with a vision name that no program is seen to make, and that are no part of a made one."""
    anatomy = anatomy_of(roster.program, roster.family.bases)
    within = set(made)
    for cls in made:
        within |= anatomy.reach(cls)
    roles = roster.codebase.snapshot.by_path
    found = []
    for cls in roster.family.bases:
        name = snake(cls.definition.name)
        seen = _OWN.search(name) is not None or named(name) in ("image", "video")
        if cls in within or not seen or NO_PICTURES.search(name) or roles[cls.path].role != "source":
            continue
        if anatomy.tier(cls) in ("model", "part"):
            found.append(cls)
    return sorted(found, key=lambda cls: anatomy.tier(cls) != "model")


def _built(codebase: "Codebase", roster: Roster, classes: list[ClassRef]) -> "dict[ClassRef, tuple[Frame, CallStep]]":
    """The classes of which a function that the main programs may run makes an object, with the first such call."""
    wanted = {cls.definition.name for cls in classes}
    found: dict[ClassRef, tuple[Frame, CallStep]] = {}
    for frame, _ in roster.frames:
        for step in frame.body.calls:
            if step.written.rpartition(".")[2] in wanted and frame.symbol:
                value = frame.callee(step)
                if (
                    isinstance(value, ClassRef)
                    and value in classes
                    and reach_of(codebase).has(plain(codebase, frame, step.start))
                ):
                    found.setdefault(value, (frame, step))
    return found


def _nowhere(codebase: "Codebase", text: str) -> CensusHit:
    path = next(path for path, facts in codebase.facts.items() if facts.language == "python")
    return hit_at(codebase, path, (1, 1), symbol="", name="video", text=text, detail={"scope": "repository"})


def _at(codebase: "Codebase", text: str, places: list[tuple[str, str, int, int]]) -> CensusHit:
    _, path, start, end = places[0]
    related = tuple(dict.fromkeys(places))
    return hit_at(codebase, path, (start, end), symbol="", name=text.partition(" ")[0], text=text, related=related)
