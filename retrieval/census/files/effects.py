"""What a step leaves on the disk: the writing calls of the function that it runs, and of those that this one calls."""

import re
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.files.commands import STARTING
from retrieval.census.files.storage import touches
from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.callgraph import Site, entered, reached
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.values import External
from retrieval.census.meaning.wording import caller
from retrieval.census.models.outside import Outside

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

LEVELS = 2
# What makes room, moves what is there already, fetches or logs is no output of a step.
_NO_OUTPUT = re.compile(
    r"(?i)\.?(?:makedirs|mkdir|rmtree|remove|unlink|rmdir|mkdtemp|mkstemp|chdir|replace|rename|move|copy\w*|extractall|"
    r"filehandler|rotatingfilehandler|temporarydirectory|namedtemporaryfile|\w*download\w*|\w*pretrained|touch)$"
)
_KNOWN: "Beside[Codebase, Effects]" = Beside()


def effects_of(codebase: "Codebase") -> "Effects":
    """The effects of a codebase, worked out once."""
    if codebase not in _KNOWN:
        _KNOWN[codebase] = Effects(codebase)
    return _KNOWN[codebase]


class Effects:
    """Answers what bodies write."""

    def __init__(self, codebase: "Codebase") -> None:
        self.codebase = codebase
        self.program = program_of(codebase)
        self._written: dict[tuple[str, str], dict[tuple[int, str], str]] = {}

    def of(self, path: str, symbol: str) -> dict[tuple[int, str], str]:
        """The calls of a body that write files, by line and callee as written, with what they write."""
        if (path, symbol) not in self._written:
            found = touches(self.codebase, path, symbol, "writes")
            kept = {(touch.start, touch.written): touch.what for touch in found}
            self._written[(path, symbol)] = {key: w for key, w in kept.items() if not _NO_OUTPUT.search(key[1])}
        return self._written[(path, symbol)]

    def steps(self, frame: "Frame") -> list[Outside]:
        """The writing calls of a body as steps."""
        written = self.of(frame.path, frame.symbol)
        found = [step for step in frame.body.calls if (step.start, step.written) in written]
        outer = [step for step in found if not any(_holds(other, step) for other in found)]
        return [Outside(step, step.written, f"writes with `{step.written}()`", "writes") for step in outer]

    def programs(self, site: Site) -> tuple[str, ...]:
        """The calls that start another program in what a call runs, three calls deep, each with where it stands."""
        frames = [frame for target in site.targets if (frame := entered(self.program, target)) is not None]
        found: dict[str, None] = {}
        for inner, _ in reached(self.program, frames, LEVELS):
            for step in inner.body.calls:
                value = inner.callee(step)
                if isinstance(value, External) and STARTING.search(value.name):
                    found[f"`{step.written}()` in {caller(inner)}"] = None
        return tuple(found)

    def below(self, site: Site) -> tuple[str, ...]:
        """The writing calls of what a call runs, two calls deep."""
        frames = [frame for target in site.targets if (frame := entered(self.program, target)) is not None]
        inner = (frame for frame, _ in reached(self.program, frames, LEVELS))
        return tuple(dict.fromkeys(f"{name}()" for frame in inner for _, name in self.of(frame.path, frame.symbol)))


def _holds(outer: CallStep, inner: CallStep) -> bool:
    """Whether a call is an argument of another: `json.dump(x, open(…, "w"))` writes once."""
    first, last = outer.node.start_byte, outer.node.end_byte
    return outer is not inner and first <= inner.node.start_byte and inner.node.end_byte <= last
