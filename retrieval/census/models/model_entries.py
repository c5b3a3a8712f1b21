"""The models of a program as entries of a list: one per class, or per place that runs sessions of a runtime."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.beside import Beside, once
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.ways_in import ways_in
from retrieval.census.language import hit_at
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.values import ClassRef
from retrieval.census.meaning.wording import summary
from retrieval.census.memory.kept_models import given_to, inside
from retrieval.census.models.instances import labels
from retrieval.census.models.known_models import known_model
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster, Use, roster_of
from retrieval.facts import CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

MOST_LABELS, FEW, MOST_CALLERS = 6, 3, 40
CLASSICAL = "classical machine learning"
_RUNTIME = re.compile(r"^(?:onnxruntime|tensorrt|openvino|tflite_runtime|torch2trt|tensorflow\.lite)\b|^cv2\.dnn\b")
_GENERAL = words(
    "core main model models __init__ __main__ inference infer predict run app base utils util common module"
)
ASIDE = re.compile(r"(?:^|/)(?:bench\w*|eval\w*|tests?|examples?|docs?)/")  # code about the program, not of it
_TRAINING = re.compile(r"(?:^|[/_])train(?:ing|er|ers)?(?:/|\.py$)")  # what uses a model comes before what trains it
_TELLING = re.compile(r"For(?!Masked)[A-Z]\w+$|LMHead\w*$|(?:^|[a-z])BertModel$|RobertaModel$|^GPT\w*Model$")
_SHAM = re.compile(r"(?:Dummy|Debug|Fake|Mock)[A-Z]")
_ENTRIES: "Beside[Codebase, list[Entry]]" = Beside()


@dataclass(frozen=True)
class Entry:
    """One model of the program: the places that make it, of which the first is the one that counts.

    `labels` tell several models of the class apart; `only` are the calls that run it when the name is that of the code
    around a session of an inference runtime, whose class says nothing.
    """

    name: str
    made: tuple[Made, ...]
    run: bool  # whether the main programs may make it
    part: bool  # a class of the repository, or an image model of a library, whose objects are all kept by other models
    labels: tuple[str, ...] = ()
    only: tuple[Use, ...] = ()
    base: str = ""
    used: bool = True  # whether a call that runs it, or something that keeps it, was traced in what programs run

    @property
    def does(self) -> str:
        """What it is for, in a few words; "" when nothing says so."""
        first = self.made[0]
        if first.known is not None:
            return first.known.does
        return self.kind or (summary(first.cls.definition) if first.cls is not None else "")

    @property
    def kind(self) -> str:
        """What kind of model it is, by its library or the outside class it derives from; "" when that says nothing."""
        first = self.made[0]
        known = first.known or (known_model(self.base) if self.base else None)
        if first.cls is not None and "PreTrainedModel" in self.base:  # a class of the hub's library, copied or extended
            known = known_model(f"transformers.{first.cls.definition.name}") if _TELLING.search(self.name) else None
        if first.cls is not None and re.match(r"diffusers\..*DiffusionPipeline$", self.base):
            named = known_model(f"diffusers.{first.cls.definition.name}")
            plain_name = named is None or (named.does == "text-to-image generation" and "Stable" not in self.name)
            known = known if plain_name else named
        return known.does if known is not None else ""

    @property
    def side(self) -> bool:
        """Whether it only guards or marks what other models make, or stands in for one."""
        known = self.made[0].known
        return (known is not None and known.side) or (self.made[0].cls is not None and bool(_SHAM.match(self.name)))

    @property
    def aside(self) -> bool:
        """Whether only code about the program makes it: benchmarks, evaluations, examples."""
        return all(ASIDE.search(made.frame.path) for made in self.made)

    @property
    def hosted(self) -> bool:
        """Whether it runs elsewhere and is called over the network."""
        known = self.made[0].known or (known_model(self.base) if self.base else None)
        return known is not None and known.hosted

    @property
    def title(self) -> str:
        """ "`GFPGANer` (face restoration)", "`GPT` (as `text`, `coarse`)"."""
        shown = ", ".join(f"`{label}`" for label in self.labels[:MOST_LABELS])
        more = f" and {len(self.labels) - MOST_LABELS} more" if len(self.labels) > MOST_LABELS else ""
        if self.only:
            what = f"{self.kind}s" if len(self.labels) > 1 else self.kind
            return f"`{self.name}` ({what}{f' {shown}{more}' if shown else ''})"
        told = "; ".join(filter(None, (self.kind, f"as {shown}{more}" if self.labels else "")))
        return f"`{self.name}`" + (f" ({told})" if told else "")

    def uses(self, roster: Roster) -> list[Use]:
        """The calls that run it."""
        if self.only:
            return list(self.only)
        return list({id(use): use for made in self.made for use in roster.uses_of(made)}.values())


def entries_of(codebase: "Codebase") -> "list[Entry]":
    """The models of a codebase, each once: those that the main programs make and run, then those they only make."""
    if codebase not in _ENTRIES:
        _ENTRIES[codebase] = _entries(codebase)
    return _ENTRIES[codebase]


def _entries(codebase: "Codebase") -> list[Entry]:
    roster = roster_of(codebase)
    groups: dict[tuple[str, ClassRef | None], list[Made]] = {}  # classes of one name in two files are two models
    for made in roster.made:
        groups.setdefault((made.name, made.cls), []).append(made)
    found: list[Entry] = []
    bare = [made for made in roster.made if is_session(made)]
    sessions = _sessions(codebase, roster, bare) if bare else []
    for (name, _), places in groups.items():
        if sessions and all(is_session(made) for made in places):
            found += sessions if places[0] is bare[0] else []
            continue
        if all(wrapped(roster, made) for made in places):
            continue  # an adapter around a model is no model of its own
        found.append(_entry(codebase, roster, name, places))
    found = [replace(entry, run=entry.run and not _is_ruled_out(codebase, roster, entry)) for entry in found]
    found = [replace(e, used=_is_used(codebase, roster, e) or bool(e.run and parts_run(roster, e))) for e in found]
    return sorted(found, key=_rank)


def _rank(entry: Entry) -> tuple[bool, bool, bool, bool, bool]:
    path = entry.made[0].frame.path
    return not entry.run, bool(ASIDE.search(path)), bool(_TRAINING.search(path)), not entry.used, entry.side


def is_session(made: Made) -> bool:
    """Whether what is made is a session of an inference runtime, whose class says nothing about the model."""
    bases = (
        made.frame.program.codebase.bases(made.cls.path, made.cls.definition) if made.cls is not None else [made.maker]
    )
    return any(map(_RUNTIME.match, bases))


def _entry(codebase: "Codebase", roster: Roster, name: str, places: list[Made]) -> Entry:
    run = {id(made): _has(codebase, made.frame, made.step.start) for made in places}
    several = {
        id(made): len(roster.at(made.key)) for made in places
    }  # a factory that makes any of a registry says less
    ranked = sorted(places, key=lambda m: (not run[id(m)], bool(ASIDE.search(m.frame.path)), several[id(m)] > FEW))
    part = all((made.cls is not None or _is_backbone(made)) and inside(roster, made) for made in places)
    counted = [made for made in ranked if run[id(made)]] or ranked
    first = ranked[0]
    base = roster.family.bases.get(first.cls, "") if first.cls is not None else ""
    return Entry(name, tuple(ranked), run[id(first)], part, labels(roster, counted), (), base)


def _is_ruled_out(codebase: "Codebase", roster: Roster, entry: Entry) -> bool:
    """Whether the constants that calls give rule out every way of the main programs to what makes the model."""
    return not entry.only and never_made(codebase, roster, entry.made)


def never_made(codebase: "Codebase", roster: Roster, every: Iterable[Made]) -> bool:
    """Whether the main programs run what makes the models, but the constants that calls give rule out every way."""
    ran = [made for made in every if _has(codebase, made.frame, made.step.start)]
    if not ran or any(_is_offered(roster, made) for made in ran):
        return False
    return not any(ways_in(roster, made, _run_bodies(roster)) for made in ran)


def _is_offered(roster: Roster, made: Made) -> bool:
    """Whether users of the code may call what makes the model, or what calls that, with arguments of their own."""
    begun = {unit for start in reach_of(roster.codebase).starts for unit in start.units if unit[1]}
    seen, waiting = set[tuple[str, str]](), [made.frame]
    while waiting and len(seen) < MOST_CALLERS:
        frame = waiting.pop()
        unit = (frame.path, frame.symbol)
        if unit in begun or (frame.path, frame.symbol.rpartition(".")[0]) in begun:
            return bool(frame.parameters)
        if unit not in seen:
            seen.add(unit)
            waiting += [around for around, _step, _target in roster.tracer.holders.callers(frame)]
    return False


@once
def _run_bodies(roster: Roster) -> frozenset[tuple[str, str]]:
    """The bodies that the main programs may run."""
    heads = ((f, f.definition.start if f.definition is not None else 1) for f, _ in roster.frames)
    return frozenset((f.path, f.symbol) for f, line in heads if not f.symbol or _has(roster.codebase, f, line))


def _is_backbone(made: Made) -> bool:
    """Whether a library makes it for any task: in a model that keeps it, it is a part like the repository's own."""
    return made.known is not None and made.known.does.startswith("image model of ")


def _sessions(codebase: "Codebase", roster: Roster, places: list[Made]) -> list[Entry]:
    """Sessions of a runtime by the class or file that runs them, with the keys by which it gets them."""
    uses = {id(use): use for made in places for use in roster.uses_of(made)}
    groups: dict[str, list[Use]] = {}
    for use in uses.values():
        groups.setdefault(holder(use), []).append(use)
    if not groups or (
        len(groups) == 1 and len(places) == 1 and places[0].frame.path == uses[next(iter(uses))].frame.path
    ):
        return []
    found = []
    for name, own in groups.items():
        made = list(dict.fromkeys(made for use in own for made in use.made if made in places))
        run = any(_has(codebase, use.frame, use.step.start) for use in own)
        near = sorted(made, key=lambda item: item.frame.path != own[0].frame.path)
        keys = tuple(dict.fromkeys(use.key for use in own if use.key not in ("", name)))
        found.append(Entry(name, tuple(near), run, part=False, labels=keys, only=tuple(own)))
    return [*found, *_unused(codebase, uses.values(), places)]


def _unused(codebase: "Codebase", uses: Iterable[Use], places: list[Made]) -> Iterator[Entry]:
    """Sessions of which no run was traced, by the class or file that makes them: `Voice(session=…)`."""
    used = {made for use in uses for made in use.made}
    rest: dict[str, list[Made]] = {}
    for made in (item for item in places if item not in used):
        owner = made.frame.owner
        name = owner.definition.symbol if owner is not None else PurePosixPath(made.frame.path).stem
        rest.setdefault(name, []).append(made)
    for name, own in rest.items():
        run = any(_has(codebase, made.frame, made.step.start) for made in own)
        yield Entry(name, tuple(own), run, part=False)


def holder(use: Use) -> str:
    """The class around a call that runs a session, else the file, or its folder when the file has a general name."""
    if use.frame.owner is not None:
        return use.frame.owner.definition.symbol
    path = PurePosixPath(use.frame.path)
    return path.parent.name if path.stem in _GENERAL and path.parent.name else path.stem


def _is_used(codebase: "Codebase", roster: Roster, entry: Entry) -> bool:
    """Whether the main programs may run the model, or give it to something that runs it."""
    places = [(use.frame, use.step.start) for use in entry.uses(roster)]
    places += [(given.frame, given.line) for made in entry.made for given in given_to(roster, made)]
    return any(_has(codebase, frame, line) for frame, line in places)


def parts_run(roster: Roster, entry: Entry) -> list[str]:
    """The parts of a model that code outside of models runs by themselves: `self.model.encoder(x)`."""
    cls = entry.made[0].cls
    parts = roster.makers.anatomy.parts.get(cls, []) if cls is not None else []
    return [part.definition.symbol for part in parts if part in _run_apart(roster)]


@once
def _run_apart(roster: Roster) -> frozenset[ClassRef]:
    """The classes of which code outside of models runs an object that is an attribute of what it holds."""
    own = (use for use in roster.uses if use.frame.owner is None or not roster.family.is_model(use.frame.owner))
    held = (use for use in own if use.step.written.removeprefix("self.").count(".") > 0)
    return frozenset(made.cls for use in held for made in use.made if made.cls is not None)


def plain(codebase: "Codebase", frame: "Frame", line: int) -> CensusHit:
    """A line of a body as a hit without words."""
    return hit_at(codebase, frame.path, (line, line), symbol=frame.symbol, name="", text="")


def _has(codebase: "Codebase", frame: "Frame", line: int) -> bool:
    return reach_of(codebase).has(plain(codebase, frame, line))


def wrapped(roster: Roster, made: Made) -> tuple[Made, ...]:
    """The models that an adapter is put around, () for what is a model itself."""
    wraps = made.known is not None and made.known.wraps
    given = arguments(made.step.node) if wraps else []
    return roster.of(Spot(made.frame, given[0], made.step.order, made.step.guards)) if given else ()
