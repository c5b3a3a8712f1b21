"""What a program with a user interface does when its events happen, in sentences."""

from collections import Counter

from retrieval.census.flow.course_steps import Step
from retrieval.census.flow.event_steps import starts_below
from retrieval.census.flow.focus import Focus
from retrieval.census.flow.own_steps import Said, inside, steps_by_number, waits
from retrieval.census.flow.user_events import RUNNING, SILENT, Event, event_under, needed
from retrieval.census.flow.walk import Mark
from retrieval.census.meaning.callgraph import Site
from retrieval.census.meaning.prose import counted
from retrieval.census.meaning.wording import label

OTHERS, CHAIN = 10, 4


def event_sentences(focus: Focus, marks: list[Mark]) -> list[Said]:
    """The principal event with its steps, then the other events; nothing for programs without events."""
    found: dict[int, tuple[Event, list[Mark]]] = {}
    for mark in _outermost(marks):
        event = event_under(focus, mark.frame, mark.event.step.guards if isinstance(mark.event, Site) else ())
        if event is not None:
            found.setdefault(id(event), (event, []))[1].append(mark)
    telling = [(event, held) for event, held in found.values() if event.rank < SILENT]
    if not telling:
        return []
    weights = steps_by_number(focus, marks)
    ways = Counter(_handlers(held) for _, held in telling)
    telling = _joined(telling)
    event, held = max(telling, key=lambda item: _principal(item, ways[_handlers(item[1])], _weight(weights, item[1])))
    text = f"Then it waits for the user, and each action runs by itself. {_first(telling, event, held)}{needed(event)}"
    silent = [marks_of for other, marks_of in found.values() if other.rank >= SILENT]
    return [
        (text, held),
        *inside(focus, marks, held, weights),
        *_others(weights, [item for item in telling if item[0] is not event]),
        *([(_silent(silent), [mark for marks_of in silent for mark in marks_of])] if silent else []),
    ]


def _first(telling: list[tuple[Event, list[Mark]]], event: Event, held: list[Mark]) -> str:
    which = "The principal one" if len(telling) > 1 else "The one that leads to models"
    return f"{which}, on `{event.trigger}`, runs {_handlers(held)}"


def _others(weights: dict[str, Step], telling: list[tuple[Event, list[Mark]]]) -> list[Said]:
    """The other events that lead to models, with what they start."""
    told = [f"on `{event.trigger}` {_handlers(held)}{_starts(weights, held)}" for event, held in telling]
    more = f" and {len(told) - OTHERS} more" if len(told) > OTHERS else ""
    text = f"Other actions that lead to models or start programs: {'; '.join(told[:OTHERS])}{more}"
    return [(text, [mark for _, held in telling for mark in held])] if told else []


def _silent(events: list[list[Mark]]) -> str:
    """The handlers of which no run of a model was seen: nothing is said of what else they do."""
    names = list(dict.fromkeys(_handlers(held) for held in events))
    more = f" and {len(names) - OTHERS} more" if len(names) > OTHERS else ""
    return f"No model was seen to run on {counted(len(events), 'other event')}: {', '.join(names[:OTHERS])}{more}"


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
