"""Which functions have to do with models: they lead to one, let one go, or share their object with those that do."""

from __future__ import annotations

import ast
from functools import cached_property
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.flow.focus import focus_of
from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.callgraph import reached
from retrieval.census.memory.unloading import acts_of
from retrieval.census.models.held_models import runs_held_model

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

DEEP = 4
_KNOWN: Beside[Codebase, Concerns] = Beside()


def concerns_of(codebase: Codebase) -> Concerns:
    """Worked out once."""
    if codebase not in _KNOWN:
        _KNOWN[codebase] = Concerns(codebase)
    return _KNOWN[codebase]


class Concerns:
    """Answers which functions of one codebase have to do with models."""

    def __init__(self, codebase: Codebase) -> None:
        self.codebase = codebase
        self.focus = focus_of(codebase)
        self._itself: dict[tuple[str, str], bool] = {}

    @cached_property
    def _letting_go(self) -> set[tuple[str, str]]:
        return {(act.frame.path, act.frame.symbol) for act in acts_of(self.codebase)}

    def frame(self, path: str, symbol: str) -> Frame | None:
        """The body of a function."""
        program = self.focus.program
        definition = program.definition(path, symbol)
        return program.frame(path, definition) if definition is not None else None

    def runs(self, path: str, symbol: str) -> bool:
        """Whether the main programs may run a function, or the one around it."""
        reach, parts = reach_of(self.codebase), symbol.split(".")
        return any(reach.runs((path, ".".join(parts[:size]))) for size in range(len(parts), 0, -1))

    def itself(self, path: str, symbol: str) -> bool:
        """Whether a function leads to a model or lets one go; layers and what they are made of do neither."""
        if (path, symbol) not in self._itself:
            frame = self.frame(path, symbol)
            self._itself[path, symbol] = frame is not None and self._concerns(frame)
        return self._itself[path, symbol]

    def _concerns(self, frame: Frame) -> bool:
        if self.focus.is_layer(frame):
            return False
        telling = self._letting_go | self._using
        below = [(f.path, f.symbol) for f, _ in reached(self.focus.program, [frame], DEEP)]
        held = (runs_held_model(self.codebase, place) is not None for place in below)
        return self.focus.leads(frame) or any(place in telling for place in below) or any(held)

    def drives(self, path: str, symbol: str) -> bool:
        """The same of a function that is no method of a model itself."""
        frame = self.frame(path, symbol)
        return frame is not None and not self.focus.in_model(frame) and self.itself(path, symbol)

    def around(self, path: str, symbol: str) -> bool:
        """The same of a function or of another method of its class that runs a model."""
        return self.itself(path, symbol) or bool(self._siblings(path, symbol))

    def _siblings(self, path: str, symbol: str) -> list[str]:
        owner = symbol.rpartition(".")[0]
        definitions = self.codebase.facts[path].definitions if owner else ()
        own = [d.symbol for d in definitions if d.kind == "method" and d.symbol.rpartition(".")[0] == owner]
        rest = [name for name in own if not name.endswith(".__init__")]
        frames = [self.frame(path, name) for name in rest]
        return [f.symbol for f in frames if f is not None and not self.focus.is_layer(f) and self._executes(f)]

    def _executes(self, frame: Frame) -> bool:
        return (frame.path, frame.symbol) in self._using or self.focus.runs(frame)

    @cached_property
    def _using(self) -> set[tuple[str, str]]:
        return {(use.frame.path, use.frame.symbol) for use in self.focus.roster.uses}

    def called(self, path: str, symbol: str, call: ast.Call) -> bool:
        """Whether one call of a function has to do with models."""
        frame = self.frame(path, symbol)
        sites = self.focus.program.sites(frame) if frame is not None else []
        lines = range(call.lineno, (call.end_lineno or call.lineno) + 1)
        targets = [t for site in sites if site.step.start in lines for t in site.targets]
        return any(self.itself(t.path, t.definition.symbol) for t in targets if t.definition.kind != "class")
