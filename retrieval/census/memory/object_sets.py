"""What one object holds at the same time: the models of the stages that its constructor builds, with defaults.

Stages come from `built_stages.py`, which follows constructors from the base down: lists that a subclass sets anew are
gone, lists that it spreads into its own go on. A stage of several classes holds the models of one of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.built_stages import Built, built_stages
from retrieval.census.flow.default_targets import chosen_by
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.taken import given
from retrieval.census.memory.stage_sets import building, held_in, told_when
from retrieval.census.models.roster import Roster, roster_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.values import ClassRef
    from retrieval.codebase import Codebase

LEAST, MOST_SETS, MOST_MODELS, MOST_STAGES = 2, 6, 4, 10
_OFF = re.compile(r"^(?:off by default|only if )")


@dataclass(frozen=True, slots=True)
class Stage:
    """What one attribute, or one element of a list, holds: its models, the class that defaults choose with its models,
    and when it is there."""

    name: str
    models: tuple[str, ...]
    preset: str
    chosen: tuple[str, ...]
    when: str
    path: str
    line: int
    classes: tuple[ClassRef, ...] = ()  # of the object of the repository that holds them, none for models kept directly

    @property
    def first(self) -> ClassRef | None:
        """The class that defaults choose, or the only one."""
        chosen = [cls for cls in self.classes if cls.definition.symbol == self.preset or len(self.classes) == 1]
        return chosen[0] if chosen else None

    @property
    def said(self) -> str:
        """ "`layout` (by default `Net` with `A`, else `B`; off by default, `do_layout` is False)"."""
        which = _one_of(self.models)
        if self.preset and (rest := [name for name in self.models if name not in self.chosen]):
            with_ = f" with {_one_of(self.chosen)}" if self.chosen else ""
            which = f"by default `{self.preset}`{with_}, else {listed([f'`{name}`' for name in rest], MOST_MODELS)}"
        return f"`{self.name}` ({which}{f'; {self.when}' if self.when else ''})"


def _one_of(models: Sequence[str]) -> str:
    names = [f"`{name}`" for name in models]
    return f"one of {listed(names, MOST_MODELS)}" if len(names) > 1 else names[0]


@once
def object_sets(codebase: Codebase) -> tuple[CensusHit, ...]:
    """One hit per class whose objects hold models in two stages or more, what defaults choose first; beside them
    classes of the same base with one. `detail["models"]` names the models that are there by default."""
    told: dict[str, CensusHit] = {}
    for cls, stages in staged(codebase):
        hit = _hit(codebase, cls, stages)
        told.setdefault(hit.detail["said"], hit)  # what a subclass inherits is told once
    return tuple(told.values())[:MOST_SETS]


@once
def is_named(codebase: Codebase, path: str, name: str) -> bool:
    """Whether source or settings name a class beside its own definition; what only examples name no program makes."""
    word, least = re.compile(rf"\b{re.escape(name)}\b"), {path: 2}
    for file in codebase.snapshot.files:
        told = file.role in ("source", "config") or file.path.lower().startswith("readme")
        if told and name in file.text and len(word.findall(file.text)) >= least.get(file.path, 1):
            return True
    return False


@once
def staged(codebase: Codebase) -> tuple[tuple[ClassRef, list[Stage]], ...]:
    """The classes whose objects hold models in stages, with these, in the order of `object_sets`."""
    roster, reach = roster_of(codebase), reach_of(codebase)
    found: list[tuple[ClassRef, list[Stage]]] = []
    for cls in roster.program.classes:
        source = codebase.snapshot.by_path[cls.path].role in ("source", "example")
        if not source or roster.family.is_model(cls) or roster.program.method(cls, "__init__") is None:
            continue
        if any(reach.runs((frame.path, frame.symbol)) for frame in building(roster, cls)):
            stages = list(_stages(codebase, roster, cls))
            found += [(cls, stages)] if stages else []
    full = [cls for cls, stages in found if _count(stages) >= LEAST]
    bases = {base for cls in full for base in roster.program.line(cls)[1:]}
    rows = [(cls, s) for cls, s in found if cls in full or bases & set(roster.program.line(cls)[1:])]
    return tuple(sorted(rows, key=lambda row: (-chosen_by(codebase, row[0].definition.name).rank, -len(row[1]))))


def _count(stages: list[Stage]) -> int:
    return min(len(stages), len({name for stage in stages for name in stage.models}))


def _stages(codebase: Codebase, roster: Roster, cls: ClassRef) -> Iterator[Stage]:
    """The stages of a class that hold models: objects of the repository, and models kept directly."""
    direct = _direct(codebase, roster, cls)
    for attribute, members in built_stages(codebase, roster, cls).items():
        for built in members if attribute not in direct else ():
            if models := _models(roster, built):
                several = len(built.classes) > 1
                name = built.name or (built.preset or attribute if several else built.classes[0].definition.symbol)
                preset = built.preset if several else ""
                chosen = [cls for cls in built.classes if preset and cls.definition.symbol == preset]
                held = tuple(name for cls in chosen for name in held_in(roster, cls))
                yield Stage(name, models, preset, held, built.when, built.path, built.line, built.classes)
    yield from direct.values()


def _direct(codebase: Codebase, roster: Roster, cls: ClassRef) -> dict[str, Stage]:
    """By attribute the models that the constructor keeps there itself."""
    direct: dict[str, Stage] = {}
    for frame in building(roster, cls):
        own = f"{next(iter(frame.parameters), '')}."
        for binding in frame.body.bindings:
            if binding.name.startswith(own) and binding.value is not None and binding.value.type == "call":
                spot = given(frame, binding, binding.value)
                made = [item.name for item in roster.of(spot) if item.known is None or not item.known.hosted]
                name = binding.name[len(own) :]
                if made:
                    before = direct[name].models if name in direct else ()
                    models = tuple(dict.fromkeys((*before, *made)))
                    when = told_when(codebase, frame, binding.guards, binding.value) if not before else ""
                    direct[name] = Stage(name, models, "", (), when, frame.path, binding.line)
    return direct


def _models(roster: Roster, built: Built) -> tuple[str, ...]:
    """The models that an object of the stage holds: those of the class that defaults choose first."""
    classes = sorted(built.classes, key=lambda cls: cls.definition.symbol != built.preset)
    return tuple(dict.fromkeys(name for cls in classes for name in held_in(roster, cls)))


def is_told(hit: CensusHit, story: str) -> bool:
    """Whether a story tells all that an object holds as being in memory together."""
    return together(story) > 0 and all(f"`{name}`" in story for name in hit.detail["models"].split(","))


def together(story: str) -> int:
    """How many models a story tells of that are in memory together."""
    found = re.match(r"(?:at \w+ )?(\d+) (?:of \d+ )?models in memory together", story)
    return int(found[1]) if found is not None else 0


def _hit(codebase: Codebase, cls: ClassRef, stages: list[Stage]) -> CensusHit:
    on = [stage for stage in stages if not _OFF.match(stage.when)]
    off = [stage for stage in stages if stage not in on]
    rows = [listed([stage.said for stage in on], MOST_STAGES)] if on else []
    rows += [f"only where turned on: {listed([stage.said for stage in off], MOST_STAGES)}"] if off else []
    chosen = chosen_by(codebase, cls.definition.name)
    which = f", {chosen.said}," if chosen.said else ""
    said = f"holds at the same time, as its constructor builds them: {'; '.join(rows)}"
    spans = [("made", stage.path, stage.line, stage.line) for stage in (*on, *off)][:MOST_STAGES]
    names = ",".join(dict.fromkeys(model for stage in (on or off) for model in stage.models))
    return hit_at(
        codebase, cls.path, (cls.definition.head_start, cls.definition.head_end), symbol="",
        name=cls.definition.symbol, text=f"Each `{cls.definition.symbol}` object{which} {said}", related=tuple(spans),
        detail={"models": names, "said": said, "count": str(len(on))},
    )  # fmt: skip
