"""Which bodies and calls lead to a model: where one is made, loaded or run, in the body itself or further down."""

from functools import cached_property
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.flow.default_targets import PRESET, Way, ways_of
from retrieval.census.flow.trainer_calls import trained_by
from retrieval.census.language import Query
from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.callgraph import Site, Target, entered, reached, started
from retrieval.census.meaning.hooks import GIVING, is_pipeline, outside_bases
from retrieval.census.meaning.narrowing import Given, given_constants
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.values import ClassRef, FunctionRef, Instance, alternatives
from retrieval.census.meaning.wording import MOST_NAMED, either
from retrieval.census.models.families import CONSTRUCTING, RUNNING, SETUP, is_library_model
from retrieval.census.models.model_entries import holder, is_session
from retrieval.census.models.models import family_of
from retrieval.census.models.outside import SHOWN, Outside, outside_steps
from retrieval.census.models.roster import roster_of
from retrieval.census.models.served_models import is_request
from retrieval.census.models.tiers import anatomy_of, is_layer

if TYPE_CHECKING:
    from retrieval.census.flow.flow import Root
    from retrieval.census.flow.user_events import Event
    from retrieval.census.flow.walk import Mark
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.models.sightings import Use
    from retrieval.codebase import Codebase

DEEPEST = 12
Body = tuple[str, str, Given, Instance | None]
_MODES = frozenset({"train", "eval"})
WHOLE = ("model", "part")
_KNOWN: "Beside[Codebase, Focus]" = Beside()


def focus_of(codebase: "Codebase") -> "Focus":
    """The focus of a codebase, worked out once."""
    if codebase not in _KNOWN:
        _KNOWN[codebase] = Focus(codebase)
    return _KNOWN[codebase]


def _computes(target: FunctionRef, own: bool) -> bool:
    """Whether a method runs its model; of a model's own methods that it calls itself only `forward` does."""
    name = target.definition.name
    if any(item.rpartition(".")[2] in ("classmethod", "staticmethod") for item in target.definition.decorators):
        return name in RUNNING
    if own or name.startswith("_"):
        return name in ("forward", "_forward", "__call__")
    return name in RUNNING or SETUP.match(name) is None


class Focus:
    """Answers where the models of one codebase are."""

    def __init__(self, codebase: "Codebase") -> None:
        self.program = program_of(codebase)
        self.roster = roster_of(codebase)
        family = family_of(codebase, Query("models", "models", (), {}))
        self.anatomy = anatomy_of(self.program, family.bases)
        self.walks: dict[tuple[str, str, int, int, int], list[Mark]] = {}
        self.roots: list[Root] = []
        self.events: dict[tuple[str, str], list[Event]] = {}  # what `user_events.py` finds in a body
        self._outside: dict[Body, list[Outside]] = {}
        self._direct: dict[Body, bool] = {}
        self._leads: dict[Body, bool] = {}
        self._composing: dict[ClassRef, bool] = {}
        self._ways: dict[tuple[int, int, Target], list[Way]] = {}

    def owner(self, target: object) -> ClassRef | None:
        """The model class that a target makes an object of or runs; None for other code and for layers."""
        cls = target if isinstance(target, ClassRef) else getattr(target, "receiver", None)
        if not isinstance(cls, ClassRef):
            return None
        if cls in self.anatomy.models:
            ready = is_library_model(self.anatomy.models[cls]) and self.anatomy.tier(cls) not in ("loss", "transform")
            return cls if ready or self.anatomy.tier(cls) in WHOLE else None
        return cls if any(map(is_library_model, outside_bases(self.program, cls))) else None

    def models(self, site: Site) -> list[ClassRef]:
        """The model classes that a call makes objects of or runs; methods that only prepare or tell do neither."""
        method = site.step.written.rpartition(".")[2]
        if site.base:  # code from outside runs the model: `generate()` of a class that inherits it
            targets = site.targets if site.how == GIVING else (site.target,) if method in RUNNING else ()
            return list(dict.fromkeys(cls for cls in map(self.owner, targets) if cls is not None))
        if made := self._made_here(site):
            return list(made)
        own = site.step.written.startswith("self.") and site.step.written.count(".") == 1 and not site.called
        found = [self.owner(t) for t in site.targets if isinstance(t, ClassRef) or site.called or _computes(t, own)]
        return list(dict.fromkeys(cls for cls in found if cls is not None))

    def makes(self, site: Site) -> bool:
        """Whether a call of repository code makes an object: of its class, or of a model class by a method of it."""
        return isinstance(site.target, ClassRef) or bool(self._made_here(site))

    def _made_here(self, site: Site) -> tuple[ClassRef, ...]:
        """The models that a call makes of which a method of the repository does the work: `Net.from_pretrained(…)`."""
        return self._making.get(site.step.node.id, ()) if isinstance(site.target, FunctionRef) else ()

    @cached_property
    def _making(self) -> dict[int, tuple[ClassRef, ...]]:
        found: dict[int, tuple[ClassRef, ...]] = {}
        for made in self.roster.made:
            if made.cls is not None and made.step.written.rpartition(".")[2] in CONSTRUCTING:
                found[made.step.node.id] = (*found.get(made.step.node.id, ()), made.cls)
        return found

    def in_model(self, frame: "Frame") -> bool:
        """Whether a body is a method of a model class, layers included; what only puts models together is none."""
        owner = frame.owner
        return owner is not None and owner in self.anatomy.models and not self._composes(owner)

    def _composes(self, cls: ClassRef) -> bool:
        """Whether a class runs several whole models in turn and has no weights of its own, or extends a pipeline of a
        library."""
        if cls not in self._composing:
            parts = [part for part in self.anatomy.parts[cls] if self.anatomy.tier(part) == "model"]
            several = len(parts) > 1 and not self.anatomy.makes(cls, is_layer)
            self._composing[cls] = several or is_pipeline(self.program, cls)
        return self._composing[cls]

    def is_layer(self, frame: "Frame") -> bool:
        """Whether a body is a method of a layer: of a part that no model is made of as a whole."""
        return self.in_model(frame) and frame.owner is not None and self.anatomy.tier(frame.owner) not in WHOLE

    def outside(self, frame: "Frame") -> list[Outside]:
        """See `outside_steps`, and the calls that make or run a model of the roster; switches between training and
        evaluation are left out."""
        key = (frame.path, frame.symbol, frame.given, frame.of)
        if key not in self._outside:
            steps = outside_steps(self.program, frame)
            steps = [s for s in steps if s.step.written.rpartition(".")[2] not in _MODES or trained_by(frame, s)]
            known = {site.step.node.id for site in self.program.sites(frame)} - self._requests
            told = [step for step in frame.body.calls if step.node.id not in known]
            rostered = [found for step in told if (found := self._rostered(frame, step)) is not None]
            other = {item.step.node.id for item in rostered}
            self._outside[key] = [*(item for item in steps if item.step.node.id not in other), *rostered]
        return self._outside[key]

    @cached_property
    def _requests(self) -> frozenset[int]:
        """The calls of the repository's own functions that send a request to a model behind a server."""
        return frozenset(use.step.node.id for use in self.roster.uses if is_request(use.made[0]))

    def _rostered(self, frame: "Frame", step: CallStep) -> Outside | None:
        """A call that makes or runs a model which no library's name tells: it was followed to where it is made."""
        does, names = self._roster.get((frame.path, step.node.id), ("", ()))
        if not does:
            return None
        written = one_line(frame.body.tree.text(step.node), SHOWN)
        return Outside(step, " | ".join(names), f"{does} the model {either(list(names))}: `{written}`", does)

    @cached_property
    def _roster(self) -> dict[tuple[str, int], tuple[str, tuple[str, ...]]]:
        """Calls by file and node → whether they make or run models, and which."""
        roster = roster_of(self.program.codebase)
        learned = {made.key for made in roster.made if made.known is not None and "machine learning" in made.known.does}
        found: dict[tuple[str, int], tuple[str, tuple[str, ...]]] = {
            made.key: ("makes", (made.name,)) for made in roster.made if made.key not in learned
        }
        for use in roster.uses:
            own = [made for made in use.made if made.key not in learned]
            session = own and is_session(own[0])  # its class says nothing; the key or the code around it does
            names = (use.key or holder(use),) if session else tuple(dict.fromkeys(made.name for made in own))
            names += tuple(self.besides(use)) if names and not session else ()
            if names:
                found[(use.frame.path, use.step.node.id)] = ("runs", names[:MOST_NAMED])
        return found

    def besides(self, use: "Use") -> list[str]:
        """The repository's own classes, other than the models a use is traced to, of which the object called may be."""
        function = use.step.node.child_by_field_name("function")
        value = use.frame.value(function, use.step.order, use.step.guards)
        traced = {made.cls for made in use.made}
        own = [member.cls for member in alternatives(value) if isinstance(member, Instance)]
        return list(dict.fromkeys(cls.definition.symbol for cls in own if not self._is_traced(cls, traced)))

    def _is_traced(self, cls: ClassRef, traced: set[ClassRef | None]) -> bool:
        """Whether a class, one that it derives from or one that derives from it is among the models of a use."""
        line = {*self.program.line(cls), *self.program.descendants(cls)}
        return bool(line & traced)

    def direct(self, frame: "Frame") -> bool:
        """Whether a body itself makes, loads or runs a model, or starts a program of the repository."""
        key = (frame.path, frame.symbol, frame.given, frame.of)
        if key not in self._direct:
            sites = self.program.sites(frame)
            starts = any(site.how == "starts" for site in sites)
            self._direct[key] = starts or any(map(self.models, sites)) or bool(self.outside(frame))
        return self._direct[key]

    def runs(self, frame: "Frame") -> bool:
        """Whether a body or anything it calls runs a model."""
        inner = (frame for frame, _ in reached(self.program, [frame], DEEPEST))
        made = (site for frame in inner for site in self.program.sites(frame) if self.models(site))
        return any(not self.makes(site) for site in made)

    def leads(self, frame: "Frame") -> bool:
        """Whether a body or anything it calls makes, loads or runs a model."""
        key = (frame.path, frame.symbol, frame.given, frame.of)
        if key not in self._leads:
            self._leads[key] = any(self.direct(inner) for inner, _ in reached(self.program, [frame], DEEPEST))
        return self._leads[key]

    def followed(self, site: Site, caller: "Frame | None" = None) -> "list[Frame]":
        """The bodies that a call runs and that lead to a model; without the arms that constants of `caller` exclude.
        Where some do, what defaults choose first is among them in any case."""
        given = self.given(site, caller) if caller is not None else ()
        ways = self.ways(site)
        inner = [(entered(self.program, way.target, given), way) for way in ways]
        leading = [frame for frame, _ in inner if frame is not None and self.leads(frame)]
        first, way = inner[0] if inner else (None, None)
        preset = way is not None and way.rank == PRESET and first is not None and leading
        return [first, *leading] if preset and first is not None and first not in leading else leading

    def ways(self, site: Site) -> list[Way]:
        """What a call may run, what defaults choose first; see `default_targets.py`."""
        key = (site.step.node.id, site.step.start, site.target)
        if key not in self._ways:
            self._ways[key] = ways_of(self, site)
        return self._ways[key]

    def given(self, site: Site, caller: "Frame") -> Given:
        """The constants that a call gives to the one function that it runs."""
        function = started(self.program, site.target) if not site.handed and not site.others else None
        return given_constants(caller, site.step.node, function) if function is not None else ()
