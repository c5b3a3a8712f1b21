"""Several models of one class: told apart by the constant a loader is given, or the names they are bound to."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.meaning.feasible import constant, refuted
from retrieval.census.meaning.spots import Called, Spot
from retrieval.census.meaning.values import alternatives
from retrieval.census.memory.kept_models import kept
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

DEEPEST, MOST_CALLS = 3, 24


def labels(roster: Roster, places: Sequence[Made]) -> tuple[str, ...]:
    """What the models of one class are called when programs make several; () for one, and where one place makes
    objects of any of several classes."""
    places = [made for made in places if not _is_any(made) or variants(roster, made)]
    found: dict[str, None] = {}
    for made in places:
        found.update(dict.fromkeys(variants(roster, made)))
    if len(found) < 2:
        found = dict.fromkeys(_bound(roster, places))
    if len(found) < 2:
        found = dict.fromkeys(_attributes(roster, places))
    return tuple(found) if len(found) > 1 else ()


def _is_any(made: Made) -> bool:
    """Whether a call makes an object of any of several classes, so that its names tell nothing of one."""
    function = made.step.node.child_by_field_name("function")
    return len(alternatives(made.frame.value(function, made.step.order, made.step.guards))) > 1


def variants(roster: Roster, made: Made) -> list[str]:
    """The constants that the calls leading to a place give to the parameters that decide there."""
    names = [name for name in deciding(made.frame) if _depends(made, name)]
    found: dict[str, None] = {}
    for stack in _ways(roster, made.frame, (), names) if names else ():
        if refuted(made.frame, made.step.guards, stack) or not makes(roster, made, stack):
            continue
        told = [constant(made.frame, name, stack) for name in names]
        found.update({name: None for value in told if (name := _name(value))})
    return list(found)


def _depends(made: Made, name: str) -> bool:
    """Whether a place makes what a parameter says: through a variable that holds the class, or where the call or a
    condition around it reads the parameter."""
    if made.step.written.rpartition(".")[2] != made.maker.rpartition(".")[2]:
        return True
    texts = [made.frame.body.tree.text(made.step.node), *(guard.text for guard in made.step.guards)]
    past = any(guard.kind in ("past", "else", "case") for guard in made.step.guards)
    return past or any(re.search(rf"(?<![\w.]){name}\b", text) for text in texts)


def _name(value: object) -> str:
    """The text that a constant is, or the one of a pair; "" for others."""
    return str(value[1]) if isinstance(value, tuple) else value if isinstance(value, str) else ""


def makes(roster: Roster, made: Made, stack: tuple[Called, ...]) -> bool:
    """Whether the place makes this class when it is entered through `stack`."""
    spot = Spot(made.frame, made.step.node, made.step.order, made.step.guards, (), stack)
    return made in roster.possible(roster.at(made.key), spot)


def deciding(frame: "Frame", *, compared: bool = False) -> list[str]:
    """The parameters of a body that its conditions compare with constants, or only test unless `compared` is asked."""
    end = "" if compared else "|$"
    fields = ("condition", "subject")
    nodes = [decision.node.child_by_field_name(field) for decision in frame.body.decisions for field in fields]
    texts = [frame.body.tree.text(node) for node in nodes if node is not None]
    return [
        name
        for name in frame.parameters
        if any(re.search(rf"(?<![\w.]){name}\b(?:\.\w+\(\))?\s*(?:==|in\b{end})|==\s*{name}\b", text) for text in texts)
    ]


def _ways(roster: Roster, frame: "Frame", stack: tuple[Called, ...], names: list[str]) -> Iterator[tuple[Called, ...]]:
    """The calls that lead into a body, as far up as it takes to know what they give it."""
    for call in roster.tracer.holders.callers(frame)[:MOST_CALLS]:
        way = (call, *stack)
        inner = roster.program.frame(way[-1][2].path, way[-1][2].definition) if stack else frame
        told = inner is None or any(_name(constant(inner, name, way)) for name in names)
        if told or len(way) >= DEEPEST:
            yield way
        else:
            yield from list(_ways(roster, call[0], way, names)) or [way]


def _bound(roster: Roster, places: Sequence[Made]) -> Iterator[str]:
    """The names that several models made in one body are bound to."""
    frames = {(made.frame.path, made.frame.symbol) for made in places}
    for made in places if len(frames) == 1 and len(places) > 1 else ():
        step = made.step.node
        for binding in made.frame.body.bindings:
            value = binding.value
            around = value is not None and value.start_byte <= step.start_byte and step.end_byte <= value.end_byte
            if (
                around
                and value is not None
                and made in roster.of(Spot(made.frame, value, binding.order, binding.guards))
            ):
                yield binding.name.rpartition(".")[2]
                break


def _attributes(roster: Roster, places: Sequence[Made]) -> Iterator[str]:
    """The attributes of one object that hold what one place makes in several calls."""
    held = [at for made in places for at in kept(roster, made)] if len(places) == 1 else []
    if len({at.owner for at in held}) == 1:
        yield from (at.name for at in held)
