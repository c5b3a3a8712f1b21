"""What a program with a user interface does when its events happen, as the end of a sentence."""

from collections import Counter

from retrieval.census.flow.course_steps import Step
from retrieval.census.flow.event_steps import starts_below
from retrieval.census.flow.focus import Focus
from retrieval.census.flow.own_steps import inside, steps_by_number, waits
from retrieval.census.flow.user_events import RUNNING, SILENT, Event, event_under, needed
from retrieval.census.flow.walk import Mark
from retrieval.census.meaning.callgraph import Site
from retrieval.census.meaning.prose import counted
from retrieval.census.meaning.wording import label

OTHERS, CHAIN = 10, 4


def event_sentence(focus: Focus, marks: list[Mark]) -> str:
    """The principal event with its steps, then the other events; "" for programs without events."""
    found: dict[int, tuple[Event, list[Mark]]] = {}
    for mark in _outermost(marks):
        event = event_under(focus, mark.frame, mark.event.step.guards if isinstance(mark.event, Site) else ())
        if event is not None:
            found.setdefault(id(event), (event, []))[1].append(mark)
    telling = [(event, held) for event, held in found.values() if event.rank < SILENT]
    if not telling:
        return ""
    weights = steps_by_number(focus, marks)
    ways = Counter(_handlers(held) for _, held in telling)
    telling = _joined(telling)
    event, held = max(telling, key=lambda item: _principal(item, ways[_handlers(item[1])], _weight(weights, item[1])))
    text = (
        f". Then it waits for the user, and each action runs by itself. The principal one, on `{event.trigger}`, runs "
    )
    text += f"{_handlers(held)}{inside(focus, marks, held, weights)}{needed(event)}"
    others = [
        f"on `{other.trigger}` {_handlers(marks_of)}{_starts(weights, marks_of)}"
        for other, marks_of in telling
        if other is not event
    ]
    more = f" and {len(others) - OTHERS} more" if len(others) > OTHERS else ""
    text += (
        f". Other actions that lead to models or start programs: {'; '.join(others[:OTHERS])}{more}" if others else ""
    )
    silent = len(found) - len(telling)
    return text + (f". {counted(silent, 'event')} more change only the interface or settings" if silent > 1 else "")


def _principal(item: tuple[Event, list[Mark]], ways: int, weight: int) -> tuple[bool, int, int]:
    """How much of a principal action an event is: what runs models, then what most elements lead to."""
    return item[0].rank == RUNNING, ways if weight else 0, weight


def _joined(found: list[tuple[Event, list[Mark]]]) -> list[tuple[Event, list[Mark]]]:
    """The events of which another one runs the same handlers are left out."""
    kept: dict[str, tuple[Event, list[Mark]]] = {}
    for event, held in found:
        kept.setdefault(_handlers(held), (event, held))
    return list(kept.values())


def _outermost(marks: list[Mark]) -> list[Mark]:
    """The marks that connect handlers, those below another one left out."""
    found: list[Mark] = []
    for mark in marks:
        if waits(mark) and not any(mark.number.startswith(f"{outer.number}.") for outer in found):
            found.append(mark)
    return found


def _weight(steps: dict[str, Step], held: list[Mark]) -> int:
    found = [steps[mark.number] for mark in held if mark.number in steps]
    return sum(len(step.runs) for step in found if not any(starts_below(step)))


def _handlers(held: list[Mark]) -> str:
    """The handlers of an event, one after the other."""
    names = list(dict.fromkeys(f"`{label(m.event.target)}`" for m in held if isinstance(m.event, Site)))
    more = f" and {len(names) - CHAIN} more" if len(names) > CHAIN else ""
    return " then ".join(names[-CHAIN:]) + more


def _starts(steps: dict[str, Step], held: list[Mark]) -> str:
    """The programs of the repository that the handlers of an event start."""
    found = [target for mark in held if mark.number in steps for target in starts_below(steps[mark.number])]
    names = list(dict.fromkeys(f"`{label(target)}`" for target in found))
    return f" (starts {', '.join(names[:CHAIN])})" if names else ""
