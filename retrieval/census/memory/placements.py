"""Kind `placements`: for every model where its weights go and in which type: device, precision, providers, settings.

One line per model, drawn from the call that makes it and the calls that move or cast it. Hosted models have no
weights here.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.wording import caller
from retrieval.census.memory.devices import Choice, choice_of, united
from retrieval.census.memory.given_settings import settings_of, switched
from retrieval.census.memory.kept_models import inside
from retrieval.census.memory.moves import Moved, moved_models
from retrieval.census.memory.server_memory import server_memory
from retrieval.census.models.library_defaults import library_defaults
from retrieval.census.models.made_models import Made, is_served
from retrieval.census.models.model_objects import Entry, entries_of
from retrieval.census.models.roster import roster_of
from retrieval.census.models.shelves import shelves_of
from retrieval.census.settings.presets import is_off, is_preset
from retrieval.census.settings.switches import circumstances_of
from retrieval.facts import CensusHit
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_ASKED = re.compile(r"""["'](cuda|mps|xpu|npu)["']""")
MOST_MADE, MOST_MOVES, MOST_LEFT = 2, 5, 8
HOSTED = "{} run on a server that is asked over the network: this process holds no weights of them and needs no VRAM"
LEFT = (
    "No device and no type is given by a call of their own for {}: they follow what holds them, or the library chooses"
)


@kind(
    "placements",
    summary="per model on which device and in which type its weights are: settings when made, moves, casts, choice",
    example="placements",
    reads="python",
    ordered=True,
)
def placements(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per model, those that the main programs make first; patterns match the model's name."""
    every = entries_of(codebase)
    parts = frozenset(entry.name for entry in every if follows(codebase, entry))
    moves = moves_by_model(codebase, parts)
    entries = [e for e in every if query.matches(e.name) and (e.name not in parts or _is_placed(codebase, e, moves))]
    hosted = [entry for entry in entries if _hosted(entry.made[0])]
    lines: dict[str, list[CensusHit]] = {}
    plain: list[Entry] = []
    yield from (_served(codebase, entry) for entry in entries if is_served(entry.made[0]))
    entries = [entry for entry in entries if not is_served(entry.made[0])]
    for entry in entries:
        told = _told(codebase, entry, moves.get(entry.name, [])) if entry not in hosted else None
        if told is not None:
            lines.setdefault(told.text.partition(": ")[2], []).append(told)
        elif entry not in hosted:
            plain.append(entry)
    yield from map(_merged, lines.values())
    groups = [(hosted, HOSTED), ([e for e in plain if e.run], LEFT), ([e for e in plain if not e.run], LEFT)]
    for members, words in groups:
        if members:
            text = words.format(listed([entry.title for entry in members], MOST_LEFT))
            yield _together(codebase, members, text, "yes" if words == HOSTED else "no")


def _served(codebase: "Codebase", entry: Entry) -> CensusHit:
    """The line of a model in a server: its memory is that of the process which the program starts."""
    first = entry.made[0]
    text = f"{entry.title}: {server_memory(first)}"
    detail = {"hosted": "served", "chosen": "", "names": entry.name}
    place = (first.frame.path, (first.step.start, first.step.end))
    return hit_at(codebase, *place, symbol=first.frame.symbol, name=entry.name, text=text, detail=detail)


def follows(codebase: "Codebase", entry: Entry) -> bool:
    """Whether a model is only ever a part of others, so that it goes where they go."""
    roster = roster_of(codebase)
    return entry.part or (not entry.hosted and all(inside(roster, made) for made in entry.made))


def _is_placed(codebase: "Codebase", entry: Entry, moves: dict[str, list[Moved]]) -> bool:
    """Whether a part is moved by itself, or told its own device when it is made."""
    return entry.name in moves or any(settings_of(codebase, made)[1] is not None for made in entry.made[:2])


def moves_by_model(codebase: "Codebase", parts: frozenset[str]) -> dict[str, list[Moved]]:
    """The calls that move or cast each model, by its name; what moves a whole is no move of its parts."""
    shelves, moves = shelves_of(roster_of(codebase)), dict[str, list[Moved]]()
    around = _given(codebase)
    for move in _outermost(moved_models(codebase)):
        names = list(dict.fromkeys(made.name for made in shelves.carried(move.frame, move.owner)))
        names += around.get((move.frame.path, move.frame.symbol, move.frame.body.tree.text(move.owner)), [])
        whole = [name for name in names if name not in parts]
        for name in whole or (names if _is_part_of_one(move) else ()):
            moves.setdefault(name, []).append(move)
    return moves


def _given(codebase: "Codebase") -> dict[tuple[str, str, str], list[str]]:
    """The models by the body that makes them and what they are put around there: `SamPredictor(self.model)`."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for made in roster_of(codebase).made:
        for given in arguments(made.step.node)[:1] if made.cls is None else ():
            if given.type in ("identifier", "attribute"):
                place = (made.frame.path, made.frame.symbol, made.frame.body.tree.text(given))
                found.setdefault(place, []).append(made.name)
    return found


def _is_part_of_one(move: Moved) -> bool:
    """Whether an attribute is moved: `self.encoder.to(device)`, `model.visual.half()`; a bare name may be a whole."""
    return move.part or move.owner.type == "attribute"


def _outermost(moves: Iterable[Moved]) -> list[Moved]:
    """Without the `.half()` inside `model.half().to(device)`, which the outer call shows."""
    found = list(moves)
    inner = {(move.frame.path, move.owner.id) for move in found}
    return [move for move in found if (move.frame.path, move.step.node.id) not in inner]


def _merged(hits: list[CensusHit]) -> CensusHit:
    """One line for models that go the same way."""
    first, *others = hits
    if not others:
        return first
    titles = [hit.text.partition(": ")[0] for hit in hits]
    related = (*first.related, *(("made", hit.path, hit.start, hit.end) for hit in others))
    text = f"{listed(titles, MOST_LEFT)}: {first.text.partition(': ')[2]}"
    names = ",".join(hit.name for hit in hits)
    return replace(first, text=text, related=related, detail={**first.detail, "names": names})


def _told(codebase: "Codebase", entry: Entry, moves: list[Moved]) -> CensusHit | None:
    """The line of one model; None when nothing says where it goes."""
    first, told = entry.made[0], []
    choices: dict[tuple[str, str], Choice] = {}  # by the function that says it: the maker's own word first
    moves = [move for move in moves if move.to != "cpu"]
    run = [move for move in moves if _runs(codebase, move)] or moves
    run.sort(key=lambda move: is_off(codebase, move.frame, move.step.guards))
    for made in entry.made[:MOST_MADE]:
        written, device = settings_of(codebase, made)
        told += [f"made with {', '.join(f'`{item}`' for item in written)} in {caller(made.frame)}"] if written else []
        place = (made.frame.path, made.frame.symbol)
        if device is not None and not (moves and _is_reading(made, device)):
            choices.setdefault(place, choice_of(codebase, Spot(made.frame, device, made.step.order)))
        elif name := switched(made):
            choices.setdefault(place, Choice((name,), (), (), ()))
    run = _telling(run)
    for move in run[:MOST_MOVES]:
        condition = _condition(codebase, move)
        told.append(f"{move.said} in {caller(move.frame)}{condition}")
        given, place = target_of(move), (move.frame.path, move.frame.symbol)
        if given is not None and not (place in choices and choices[place].known):
            choices[place] = choice_of(codebase, Spot(move.frame, given, move.step.order, move.step.guards))
    choice = _conditional(united(choices.values()), run)
    if not told:
        return None
    said = "; ".join(dict.fromkeys(told))
    spans = [("move", move.frame.path, move.step.start, move.step.end) for move in run[:MOST_MOVES]]
    spans += [("choice", path, line, line) for path, line in (choice.places[:3] if choice else ())]
    return hit_at(
        codebase, first.frame.path, (first.step.start, first.step.end), symbol="", name=entry.name,
        text=f"{entry.title}: {said}{_chosen(codebase, choice)}", related=tuple(dict.fromkeys(spans)),
        detail={
            "hosted": "no", "names": entry.name, "used": "yes" if entry.used else "no", **_detail(codebase, choice),
        },
    )  # fmt: skip


def _conditional(choice: Choice | None, moves: list[Moved]) -> Choice | None:
    """The choice, with the devices on whose condition a model is moved: `if device == "cuda": net.to(device)`."""
    if choice is None or choice.devices != ("cpu",):
        return choice
    asked = [name for move in moves for guard in move.step.guards for name in _ASKED.findall(guard.text)]
    return replace(choice, devices=tuple(dict.fromkeys([*asked, "cpu"])))


def _condition(codebase: "Codebase", move: Moved) -> str:
    """On which condition a model is moved: by default, or only if people set something."""
    condition, behind = circumstances_of(codebase, move.frame, move.step.guards)
    if is_preset(codebase, move.frame, move.step.guards):
        return f" by default ({'; '.join(switch.said for switch in behind[:2])})"
    return condition


def target_of(move: Moved) -> Node | None:
    """The argument of a move that names the device."""
    listed = arguments(move.step.node, keywords=True) if move.to == "device" else []
    text = move.frame.body.tree.text
    for child in listed:
        if child.type == "keyword_argument" and text(child.child_by_field_name("name")) == "device":
            return child.child_by_field_name("value")
    return next((child for child in listed if child.type != "keyword_argument"), None)


def _telling(moves: list[Moved]) -> list[Moved]:
    """The first move to a device, by default if there is one, and what the same function does before the others."""
    placed = next((m for m in moves if m.to == "device"), None)
    same = [m for m in moves if placed is not None and m.frame is placed.frame]
    cast = [m for m in moves if placed is not None and m.to == "dtype" and m.frame.path == placed.frame.path]
    first = (placed, *same, *cast[:1])
    return list({id(m): m for m in (*first, *moves) if m is not None}.values())


def _runs(codebase: "Codebase", move: Moved) -> bool:
    at = hit_at(codebase, move.frame.path, (move.step.start, move.step.end), symbol=move.frame.symbol, name="", text="")
    return reach_of(codebase).has(at)


def _together(codebase: "Codebase", entries: list[Entry], text: str, hosted: str) -> CensusHit:
    """One line for several models."""
    first = entries[0].made[0]
    spans = [("made", e.made[0].frame.path, e.made[0].step.start, e.made[0].step.end) for e in entries[1:MOST_LEFT]]
    names = ",".join(entry.name for entry in entries)
    return hit_at(
        codebase, first.frame.path, (first.step.start, first.step.end), symbol="", name="", text=text,
        related=tuple(spans), detail={"hosted": hosted, "chosen": "", "names": names},
    )  # fmt: skip


def _hosted(made: Made) -> bool:
    return made.known is not None and made.known.hosted


def _chosen(codebase: "Codebase", choice: Choice | None) -> str:
    if choice is None or not choice.telling:
        return ""
    return f"; the device is {choice.said}{library_defaults(codebase, choice)}"


def _detail(codebase: "Codebase", choice: Choice | None) -> dict[str, str]:
    telling = choice is not None and choice.telling
    chosen = choice.said if choice is not None and telling else ""
    known = "yes" if choice and choice.known else "no"
    return {"known": known, "chosen": chosen, "library": library_defaults(codebase, choice) if chosen else ""}


def _is_reading(made: Made, device: Node) -> bool:
    """Whether the device is only where a file is read to: `map_location`."""
    name = device.parent.child_by_field_name("name") if device.parent is not None else None
    return made.frame.body.tree.text(name) == "map_location"
