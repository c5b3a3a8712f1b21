"""The steps that events of an interface run: which is the principal one, and what programs they start."""

from collections.abc import Iterator

from retrieval.census.flow.course_steps import Step
from retrieval.census.flow.focus import Focus
from retrieval.census.flow.user_events import RUNNING, event_under
from retrieval.census.meaning.callgraph import Site, Target


def principal(focus: Focus, steps: list[Step]) -> Step | None:
    """The step of the handler that runs models in the process itself and that most events lead to; of several the one
    that runs most. None for programs without events."""
    found = []
    for step in steps:
        guards = step.mark.event.step.guards if isinstance(step.mark.event, Site) else ()
        event = event_under(focus, step.mark.frame, guards)
        if event is not None and step.weight:
            ways = 1 + len(step.events) if step.runs else 0
            found.append((event.rank == RUNNING, not any(starts_below(step)), ways, len(step.runs), step))
    return max(found, key=lambda item: item[:4])[4] if found else None


def starts_below(step: Step) -> Iterator[Target]:
    """The programs of the repository that the steps below one start in another process."""
    for inner in step.inner:
        event = inner.mark.event
        if isinstance(event, Site) and event.how == "starts":
            yield from event.targets
        yield from starts_below(inner)
