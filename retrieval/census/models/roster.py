"""The models of a program: every object of a model that code makes, where it is kept, and the calls that run it.

An object counts when code outside of model classes constructs a repository class that is a model, or when any
code makes a model of a library (`known_models.py`). Calls are traced back to the objects they are made on.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.extension.injected import Injected
from retrieval.census.flow.handed import RUNNERS
from retrieval.census.language import Query
from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.callgraph import call_target, entered
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.spots import Spot
from retrieval.census.meaning.tracing import tracer_of
from retrieval.census.meaning.values import ClassRef, External, ExternalObject, FunctionRef, Instance, Value
from retrieval.census.models.computing import PLAIN
from retrieval.census.models.families import COMPANIONS, MODELISH, RUNNING, SETUP
from retrieval.census.models.known_models import known_model
from retrieval.census.models.made_models import Made, Makers, is_served
from retrieval.census.models.models import Family, family_of
from retrieval.census.models.packaged import Packaged, packaged
from retrieval.census.models.run_methods import RunMethods
from retrieval.census.models.served_models import served
from retrieval.census.models.shown_models import shown_models
from retrieval.census.models.sightings import Sighting, Use, hands_over, methods_given, use_of
from retrieval.census.project.exports import all_frames
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

PLAIN_KEYS = words("model models net network module instance pipeline")
MOST_WAYS = 3  # chains of calls through which one expression is met: more would use up the spots of a walk
_ROSTERS: "Beside[Codebase, Roster]" = Beside()


def roster_of(codebase: "Codebase") -> "Roster":
    """The roster of a codebase, worked out once."""
    if codebase not in _ROSTERS:
        _ROSTERS[codebase] = Roster(codebase)
    return _ROSTERS[codebase]


@dataclass(eq=False)
class Roster:
    """The models of one codebase."""

    codebase: "Codebase"
    _memo: dict[tuple[object, ...], tuple[Sighting, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.program = program_of(self.codebase)
        self.tracer = tracer_of(self.program)
        self.family: Family = family_of(self.codebase, Query("models", "models", (), {}))
        self.makers = Makers(self.program, self.family)

    @cached_property
    def frames(self) -> "list[tuple[Frame, int]]":
        """Every body that is no test, those that programs reach first, with their depth."""
        roles = self.program.snapshot.by_path
        return [(f, d) for f, d in all_frames(self.program, every=True) if roles[f.path].role != "test"]

    @cached_property
    def made(self) -> list[Made]:
        """Every place that makes a model, those that programs reach first."""
        shown = shown_models(self.tracer, [frame for frame, _depth in self.frames])
        found = [
            made
            for frame, _depth in self.frames
            for step in frame.body.calls
            for made in dict.fromkeys(self.makers.of(frame, step, shown.get((frame.path, step.node.id))))
            or self._packaged(frame, step)
        ]
        found, self.asked = served(self.codebase, found + self.makers.nested(found))
        return found + self.makers.components(found, [frame for frame, _depth in self.frames])

    def _packaged(self, frame: "Frame", step: CallStep) -> list[Made]:
        inner = self.packaged.get((frame.path, step.node.id))
        return [Made(frame, step, inner.maker, None, inner.known)] if inner is not None else []

    @cached_property
    def packaged(self) -> dict[tuple[str, int], Packaged]:
        """The models that packages keep to themselves, by the calls that make or run them."""
        return packaged(self.tracer, [frame for frame, _depth in self.frames])

    def of(self, spot: Spot) -> tuple[Made, ...]:
        """The models that an expression may be, nearest first."""
        return tuple(dict.fromkeys(sighting.made for sighting in self.sightings(spot)))

    def sightings(self, spot: Spot) -> tuple[Sighting, ...]:
        """The models that an expression may be, nearest first, each with the way it came."""
        if spot.key not in self._memo:
            self._memo[spot.key] = ()  # for cycles
            found = dict.fromkeys(self._found(spot))
            self._memo[spot.key] = tuple(found)
        return self._memo[spot.key]

    def _found(self, spot: Spot) -> Iterator[Sighting]:
        key, sure, longest = "", False, 0
        for at in self.tracer.walk(spot, computed=False, stop=self._is_made, most=160, ways=MOST_WAYS):
            quoted = [taken.strip("'") for taken in at.take if taken.startswith("'")] if at.frame is spot.frame else []
            if quoted and len(at.take) > longest:
                key, longest = next((name for name in quoted if name not in PLAIN_KEYS), quoted[-1]), len(at.take)
            for made in self._at(at) if at.node.type == "call" else ():
                sure = True
                yield Sighting(made, at.stack, key)
        yield from (Sighting(made, (), injected=True) for made in self.injected.of(spot)) if not sure else ()

    @cached_property
    def injected(self) -> Injected:
        """The models that parameters are given by their names and types."""
        return Injected(self.tracer, self.made)

    def _is_made(self, spot: Spot) -> bool:
        return spot.node.type == "call" and bool(self._at(spot))

    def _at(self, spot: Spot) -> tuple[Made, ...]:
        key = spot.take[0].strip("'") if len(spot.take) == 1 else ""
        if key and (keyed := self.at((f"{spot.frame.path}[{key}]", spot.node.id))):
            return keyed
        made = self._by_node.get((spot.frame.path, spot.node.id), ())
        made = tuple(m for m in made if not is_served(m) and (m.known is None or not m.known.immediate))
        hosted = any(item.known is not None and item.known.hosted for item in made)
        whole = not spot.take or spot.take[-1] in ("0", "[]") or hosted
        return self.possible(made, spot) if whole else ()

    @cached_property
    def _by_standing(self) -> dict[str, tuple[Made, ...]]:
        """The models that stand in modules of packages, by the names under which code takes them from there."""
        table: dict[str, tuple[Made, ...]] = {}
        for key, inner in self.packaged.items():
            if inner.standing:
                table[inner.standing] = (*table.get(inner.standing, ()), *self.at(key))
        return table

    def at(self, key: tuple[str, int]) -> tuple[Made, ...]:
        """What the call with that key makes (see `Made.key`)."""
        return self._by_node.get(key, ())

    def possible(self, made: tuple[Made, ...], spot: Spot) -> tuple[Made, ...]:
        """Of several classes that a variable may hold, those that it holds in the calls of the spot."""
        function = spot.node.child_by_field_name("function")
        if len(made) < 2 or not spot.stack or function is None:
            return made
        walk = self.tracer.walk(
            Spot(spot.frame, function, spot.order, spot.guards, (), spot.stack), computed=False, most=30
        )
        named = (at for at in walk if at.node.type in ("identifier", "attribute"))
        values = [at.frame.value(at.node, at.order, at.guards) for at in named]
        classes = {value for value in values if isinstance(value, ClassRef)}
        return tuple(item for item in made if item.cls in classes) or made

    @cached_property
    def _by_node(self) -> dict[tuple[str, int], tuple[Made, ...]]:
        table: dict[tuple[str, int], tuple[Made, ...]] = {}
        for made in self.made:
            table[made.key] = (*table.get(made.key, ()), made)
        return table

    @cached_property
    def uses(self) -> list[Use]:
        """Every call that runs a model of the roster, those that programs reach first."""
        found, asked = [], self.asked if self.made else {}
        for frame, depth in self.frames:
            for step in frame.body.calls:
                if (frame.path, step.node.id) in asked:
                    found.append(Use(frame, step, asked[frame.path, step.node.id], "", depth))
                elif (use := self._use(frame, step, depth) or self._handed(frame, step, depth)) is not None:
                    found.append(use)
                    self._note(use)
        return found

    def _note(self, use: Use) -> None:
        """Let the tracer know which method of a repository class the call runs."""
        for cls in dict.fromkeys(made.cls for made in use.made if made.cls is not None):
            target = call_target(self.program, Instance(cls)) if not use.method else None
            if use.method and (method := self.program.method(cls, use.method)):
                target = FunctionRef(method[0].path, method[1], method[0], cls)
            inner = entered(self.program, target) if isinstance(target, FunctionRef) else None
            if inner is not None and isinstance(target, FunctionRef):
                self.tracer.holders.note(inner, (use.frame, use.step, target))

    def _use(self, frame: "Frame", step: CallStep, depth: int) -> Use | None:
        own = self._by_node.get((frame.path, step.node.id), ())
        if own:
            immediate = any(made.known is not None and made.known.immediate for made in own)
            return Use(frame, step, own, "", depth) if immediate else None
        function = step.node.child_by_field_name("function")
        if function is None:
            return None
        value = frame.value(function, step.order, step.guards)
        if isinstance(value, External) or (value is None and function.type == "identifier"):
            given = [self.sightings(Spot(frame, node, step.order, step.guards)) for node in hands_over(step)]
            if any(given):
                return use_of(frame, step, next(filter(None, given)), "", depth)
        if isinstance(value, External) and (standing := self._by_standing.get(value.name.rpartition(".")[0], ())):
            method = value.name.rpartition(".")[2]
            return Use(frame, step, standing, method, depth) if method in RUNNING else None
        if self._ruled_out(value):
            return None
        if function.type != "attribute":
            return use_of(frame, step, self._called(frame, step), "", depth)
        return self._method_use(frame, step, (value, depth))

    def _handed(self, frame: "Frame", step: CallStep, depth: int) -> Use | None:
        """A call that is given the method of a model to run: `Thread(target=model.generate)`."""
        for node in methods_given(step) if step.written.rpartition(".")[2] in RUNNERS else ():
            method = frame.body.tree.text(node.child_by_field_name("attribute"))
            if (owner := node.child_by_field_name("object")) is not None and method in self._running.any:
                seen = self.sightings(Spot(frame, owner, step.order, step.guards))
                if ran := tuple(item for item in seen if self._running.runs(item.made, method)):
                    return use_of(frame, step, ran, method, depth)
        return None

    def _method_use(self, frame: "Frame", step: CallStep, told: tuple[Value | None, int]) -> Use | None:
        (value, depth), function = told, step.node.child_by_field_name("function")
        method = step.written.rpartition(".")[2]
        if function is None or (method in PLAIN and method not in self._running.library):
            return None
        plain = isinstance(value, Instance) or not (isinstance(value, FunctionRef) or SETUP.match(method))
        if plain and (found := self._called(frame, step)):
            return use_of(frame, step, found, "", depth)
        known = isinstance(value, FunctionRef) or method in self._running.any or MODELISH.search(method)
        asked = not isinstance(value, FunctionRef) and self._running.may_answer(frame, step)
        if not known and not asked:
            return None
        owner = function.child_by_field_name("object")
        if owner is None or frame.body.tree.text(owner) in ("self", "cls", "super()"):
            return None
        seen = self.sightings(Spot(frame, owner, step.order, step.guards))
        ran = tuple(item for item in seen if self._running.runs(item.made, method)) or self._inside(frame, step, owner)
        ran = ran or self._running.answering(seen, method) if asked else ran
        return use_of(frame, step, ran, method, depth)

    def _inside(self, frame: "Frame", step: CallStep, owner: Node) -> tuple[Sighting, ...]:
        """The library model of which a call runs a part: `model.quantizer.decode(x)`, `model.decoder(x)`."""
        method = step.written.rpartition(".")[2]
        inner = owner.child_by_field_name("object") if owner.type == "attribute" and method in RUNNING else None
        held = inner if inner is not None else owner if MODELISH.search(method) and not SETUP.match(method) else None
        whole = held is None or COMPANIONS.search(frame.body.tree.text(owner).title())  # of a tokenizer, not of a model
        seen = self.sightings(Spot(frame, held, step.order, step.guards)) if not whole and held is not None else ()
        return tuple(item for item in seen if self._has_part(item.made, method))

    def _has_part(self, made: Made, name: str) -> bool:
        """Whether what a model has under a name is a part that computes."""
        if made.cls is None:
            return made.known is not None and not made.known.hosted
        part = self.program.attribute(Instance(made.cls), name)
        return isinstance(part, Instance) and self.family.is_model(part.cls)

    def _called(self, frame: "Frame", step: CallStep) -> tuple[Sighting, ...]:
        """The models that what a call calls may be: `net(x)`, `self.net(x)`; none that can only be asked."""
        function = step.node.child_by_field_name("function")
        seen = self.sightings(Spot(frame, function, step.order, step.guards)) if function is not None else ()
        return tuple(item for item in seen if item.made.cls not in self.makers.servers)

    def _ruled_out(self, value: Value | None) -> bool:
        if isinstance(value, External | ClassRef):
            return True
        if isinstance(value, ExternalObject):
            layer = value.maker.startswith(("torch.", "tensorflow.", "numpy.")) and not value.maker.endswith(".Module")
            return layer and known_model(value.maker) is None
        if isinstance(value, FunctionRef):
            return value.receiver is None or not self._is_model(value.receiver)
        return isinstance(value, Instance) and not self._is_model(value.cls)

    def _is_model(self, cls: ClassRef) -> bool:
        return self.family.is_model(cls) or cls in self.makers.servers

    @cached_property
    def _running(self) -> RunMethods:
        return RunMethods(self.program, self.family, self.made)

    def used(self, frame: "Frame", step: CallStep) -> Use | None:
        """The use that a call is, if it runs a model."""
        return self._uses_at.get((frame.path, step.node.id))

    @cached_property
    def _uses_at(self) -> dict[tuple[str, int], Use]:
        return {(use.frame.path, use.step.node.id): use for use in self.uses}

    def uses_of(self, made: Made) -> list[Use]:
        """The calls that run one of the models."""
        return self._uses_by.get((made.key, made.name), [])

    @cached_property
    def _uses_by(self) -> dict[tuple[tuple[str, int], str], list[Use]]:
        table: dict[tuple[tuple[str, int], str], list[Use]] = {}
        for use in self.uses:
            for made in use.made:
                table.setdefault((made.key, made.name), []).append(use)
        return table
