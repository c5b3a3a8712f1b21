"""Where bodies run, load or hand on a model, and on which certain chain of calls a function comes to such a place.

`Way` says what is certain. Whether nothing of the kind can be reached is asked of `reach.py`'s over-approximation,
and said only when no object of unknown type is called on the way.
"""

import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.reach import reached_from
from retrieval.census.flow.starts import Start, Unit
from retrieval.census.language import run_query
from retrieval.census.meaning.callgraph import entered, possible, reached
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.memory.kept_models import given_to
from retrieval.census.models.families import CONSTRUCTING
from retrieval.census.models.model_entries import wrapped
from retrieval.census.models.roster import roster_of
from retrieval.facts import CensusHit
from retrieval.retrying import CONTAINER_METHODS

if TYPE_CHECKING:
    from retrieval.census.meaning.body import CallStep
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.models.made_models import Made
    from retrieval.codebase import Codebase

DEPTH, MOST_BODIES, MOST_MODELS, MOST_WAYS, MOST_STEPS = 24, 2_500, 6, 3, 3
_ORDER = ("runs", "hands", "loads")
_NO_NETWORK = "classical machine learning"
_BUILTINS = frozenset(dir(builtins))
_PLAIN = CONTAINER_METHODS | {"write", "flush", "readline", "put", "put_nowait", "close", "is_alive", "poll"}


@dataclass(frozen=True, slots=True)
class Touch:
    """A place where a body runs a model, hands one to outside code that runs it, or loads one."""

    does: str  # "runs", "hands" or "loads"
    model: str
    path: str
    line: int
    written: str


@dataclass(frozen=True, slots=True)
class Way:
    """A certain chain of calls, by symbol, from a function to a touch."""

    touch: Touch
    chain: tuple[str, ...]


@once
def touches_of(codebase: "Codebase") -> dict[Unit, tuple[Touch, ...]]:
    """The touches of every body of the repository that is no test."""
    table: dict[Unit, dict[Touch, None]] = {}
    for unit, touch in (*_of_roster(codebase), *_invoked(codebase)):
        table.setdefault(unit, {}).setdefault(touch)
    return {unit: tuple(found) for unit, found in table.items()}


def _of_roster(codebase: "Codebase") -> Iterator[tuple[Unit, Touch]]:
    roster = roster_of(codebase)
    for use in roster.uses:
        for made in use.made[:1]:
            if made.known is None or made.known.does != _NO_NETWORK:
                yield _touch("runs", _title(made), use.frame, (use.step.start, use.step.written))
    for made in roster.made:
        if (made.known is not None and made.known.does == _NO_NETWORK) or wrapped(roster, made):
            continue
        yield _touch("loads", _title(made), made.frame, (made.step.start, made.step.written))
        for given in given_to(roster, made):
            yield _touch("hands", _title(made), given.frame, (given.line, given.receiver))


def _title(made: "Made") -> str:
    """ "`Net`", "`OpenAI` (hosted)"."""
    return f"`{made.name}` (hosted)" if made.known is not None and made.known.hosted else f"`{made.name}`"


def _touch(does: str, model: str, frame: "Frame", at: tuple[int, str]) -> tuple[Unit, Touch]:
    return (frame.path, frame.symbol), Touch(does, model, frame.path, at[0], f"{at[1]}(…)")


def _invoked(codebase: "Codebase") -> Iterator[tuple[Unit, Touch]]:
    """Calls that run a model by its type or its name, where the roster traced none."""
    traced = {(use.frame.path, use.step.start) for use in roster_of(codebase).uses}
    for hit in run_query(codebase, "invokes").hits:
        if hit.role != "test" and hit.detail["inside"] != "yes" and (hit.path, hit.start) not in traced:
            written = hit.text.split(" calls `", 1)[-1].split("(", 1)[0].split("`", 1)[0]
            names = [name for name in hit.detail["model"].split(".") if name not in CONSTRUCTING]
            yield (hit.path, hit.symbol), Touch("runs", f"`{names[-1]}`", hit.path, hit.start, f"{written}(…)")


def ways(codebase: "Codebase", roots: Iterable["Frame"]) -> list[Way]:
    """The nearest way to each model that bodies reach for certain, those that run one first."""
    program, touches, family = program_of(codebase), touches_of(codebase), roster_of(codebase).family
    waiting = [(frame, (frame.symbol,)) for frame in roots]
    seen: set[Unit] = set()
    found: dict[str, Way] = {}
    while waiting and len(seen) < MOST_BODIES:
        frame, chain = waiting.pop(0)
        unit = (frame.path, frame.symbol)
        if unit in seen:
            continue
        seen.add(unit)
        for touch in touches.get(unit, ()):
            before = found.get(touch.model)
            if before is None or _ORDER.index(before.touch.does) > _ORDER.index(touch.does):
                found[touch.model] = Way(touch, chain)
        inside = frame.owner is not None and len(chain) > 1 and family.is_model(frame.owner)
        if len(chain) < DEPTH and not inside:  # what a model runs of its own parts is not told apart
            inner = [entered(program, target) for site in program.sites(frame) for target in possible(program, site)]
            waiting += [(body, (*chain, body.symbol)) for body in inner if body is not None]
    return sorted(found.values(), key=lambda way: _ORDER.index(way.touch.does))


def free_of_models(codebase: "Codebase", roots: Iterable["Frame"]) -> bool:
    """Whether nothing that the bodies may run, by any name in them, touches a model or calls an unknown object."""
    program, touches = program_of(codebase), touches_of(codebase)
    roots = list(roots)
    bodies = [frame for frame, _ in reached(program, roots)]
    if all(_is_known(frame, step) for frame in bodies for step in frame.body.calls):
        return not any((frame.path, frame.symbol) in touches for frame in bodies)
    units: set[Unit] = set()
    for frame in roots:
        lines = (frame.definition.start, frame.definition.end) if frame.definition else (1, 1)
        units |= reached_from(codebase, [Start("", ((frame.path, frame.symbol),), frame.path, lines, "")])
        units.add((frame.path, frame.symbol))
    if any(unit in touches for unit in units if unit[1]):
        return False
    for path, symbol in units:
        definition = program.definition(path, symbol) if symbol else None
        frame_ = program.frame(path, definition) if definition is not None and definition.kind != "class" else None
        if frame_ is not None and _calls_unknown(frame_):
            return False
    return True


def may_run_model(codebase: "Codebase", roots: Iterable["Frame"]) -> bool:
    """Whether something that the bodies may run, by any name in them, runs a model."""
    touches = touches_of(codebase)
    units: set[Unit] = set()
    for frame in roots:
        lines = (frame.definition.start, frame.definition.end) if frame.definition else (1, 1)
        units |= reached_from(codebase, [Start("", ((frame.path, frame.symbol),), frame.path, lines, "")])
    return any(touch.does == "runs" for unit in units if unit[1] for touch in touches.get(unit, ()))


def _calls_unknown(frame: "Frame") -> bool:
    """Whether a body calls a parameter, or an attribute of its object, of which it is not known what it is."""
    own = next(iter(frame.parameters), "") if frame.owner is not None else ""
    for step in frame.body.calls:
        head, _, rest = step.written.partition(".")
        called = step.written in frame.parameters or (head == own and rest.isidentifier())
        if called and frame.callee(step) is None and not frame.bound(step.written):
            return True
    return False


def _is_known(frame: "Frame", step: "CallStep") -> bool:
    """Whether it is certain what a call runs: a function that is known, of the repository or not, or of a container."""
    last = step.written.rpartition(".")[2]
    return frame.callee(step) is not None or step.written in _BUILTINS or ("." in step.written and last in _PLAIN)


def told(found: list[Way]) -> str:
    """What ways lead to, in words: "runs `Net` with `self.net(…)`, by way of `process()` → `infer()`"."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[str]] = {}
    for way in found:
        groups.setdefault((way.touch.does, way.touch.written, way.chain), []).append(way.touch.model)
    said = []
    for (does, written, chain), models in groups.items():
        middle = " → ".join(f"`{symbol}()`" for symbol in [s for s in chain[1:] if s][-MOST_STEPS:])
        verb, by = ("hands", "to") if does == "hands" else (does, "with")
        said.append(
            f"{verb} {listed(models, MOST_MODELS)} {by} `{written}`" + (f" (through {middle})" if middle else "")
        )
    return listed(said, MOST_WAYS) if len(said) <= MOST_WAYS else f"{listed(said[:MOST_WAYS])} and more"


def places(found: list[Way]) -> tuple[tuple[str, str, int, int], ...]:
    """The lines that show the ways' touches, as related spans of a hit."""
    return tuple(("model", way.touch.path, way.touch.line, way.touch.line) for way in found[:MOST_MODELS])


def is_main(hit: CensusHit, codebase: "Codebase") -> bool:
    """Whether the main programs may run the lines of a hit."""
    from retrieval.census.flow.reach import reach_of

    return reach_of(codebase).has(hit)
