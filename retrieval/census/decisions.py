"""Kind `decisions`: what decides the course of the main program, in a sentence: options, data, errors, exits."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.body import Exit, Guard
from retrieval.census.focus import focus_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.pipeline import main_roots
from retrieval.census.prose import counted
from retrieval.census.walk import LOOPS, Mark, guards_of, walked
from retrieval.census.wording import caller
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

DEPTH, SHOWN = 3, 10
_OPTION = re.compile(
    r"\b(?:\w*args|opts?|options|cfg|config|FLAGS|hparams|self\.(?:args|opt|cfg|config))(?:\.\w+|\[[\"']\w+[\"']\])"
)
_CHOICES = frozenset({"if", "else", "case"})


@kind(
    "decisions",
    summary="a sentence on what decides the course of the main program: options, data, errors, exits, loops",
    example="decisions",
    reads="python",
    ordered=True,
)
def decisions(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit about the most important program. Patterns match where it starts."""
    focus = focus_of(codebase)
    for root in main_roots(focus)[:1]:
        marks = walked(focus, root, DEPTH)
        if marks and query.matches(root.frame.symbol or root.frame.path):
            yield _sentence(codebase, caller(root.frame), marks)


def _sentence(codebase: "Codebase", start: str, marks: list[Mark]) -> CensusHit:
    conditions: dict[str, tuple[str, int]] = {}
    errors: dict[tuple[str, int], None] = {}
    loops: dict[tuple[str, int], None] = {}
    exits: dict[tuple[str, int], None] = {}
    steps = guarded = 0
    for mark in marks:
        held = [mark.event, *mark.guards] if isinstance(mark.event, Guard) else list(guards_of(mark.event))
        for guard in held:
            place = (mark.frame.path, guard.line)
            if guard.kind in LOOPS:
                loops[place] = None
            elif guard.kind == "except":
                errors[place] = None
            elif guard.kind in _CHOICES:
                conditions.setdefault(guard.text, place)
        if isinstance(mark.event, Exit):
            exits[(mark.frame.path, mark.event.line)] = None
        elif not isinstance(mark.event, Guard):
            steps += 1
            guarded += any(guard.kind in _CHOICES for guard in held if isinstance(guard, Guard))
    options = dict.fromkeys(found for text in conditions for found in _OPTION.findall(text))
    others = [text for text in conditions if not _OPTION.search(text) and "` and `" not in text]
    reached = f"that {start} reaches within {DEPTH} calls"
    parts = [f"{guarded} of {counted(steps, 'step')} {reached} run only under a condition"]
    parts += [f"conditions test the options {_listed(list(options))}"] if options else []
    parts += [f"{'others' if options else 'conditions'} test {_listed(others)}"] if others else []
    leaving = "by return, raise, going on with the next round or leaving a loop"
    parts += [f"there {_are(len(exits), 'conditional exit')}, {leaving}"] if exits else []
    parts += [f"there {_are(len(errors), 'handler')} with other code for an error"] if errors else []
    parts += [f"there {_are(len(loops), 'loop')} around steps"] if loops else []
    places = [*conditions.values(), *exits, *errors, *loops]
    first = places[0] if places else (marks[0].frame.path, 1)
    return hit_at(
        codebase,
        first[0],
        (first[1], first[1]),
        symbol="",
        name="decisions",
        text=f"{'; '.join(parts)}",
        related=tuple(("decision", path, line, line) for path, line in dict.fromkeys(places[1:])),
    )


def _are(count: int, noun: str) -> str:
    return f"{'is' if count == 1 else 'are'} {counted(count, noun)}"


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
