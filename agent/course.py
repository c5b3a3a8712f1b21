"""The course of one audit through its graph: where it stands, one step further, to the end.

Knows LangGraph's checkpoint and nothing of what the nodes do. A course that pauses stops before every stage, so that
a layer around it can look and change things there; resuming runs no node twice.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.context import Context
from agent.errors import MachineError
from agent.report.coverage import Answers
from agent.stages import Stage
from agent.state import Answer

if TYPE_CHECKING:
    from langgraph.graph.state import CompiledStateGraph

Walk = Callable[["Course"], None]
_CONFIG: Any = {"configurable": {"thread_id": "audit"}, "recursion_limit": 10_000}


class Course:
    """One audit on its way; `open_course` makes it. `watch` is called after every node, `folder` holds
    its state."""

    def __init__(self, graph: "CompiledStateGraph[Any, Context, Any, Any]", context: Context, folder: Path) -> None:
        self._graph = graph
        self.context = context
        self.folder = folder
        self.watch: Callable[[], None] = lambda: None
        state = graph.get_state(_CONFIG)
        if state.values and not state.next and not self.finished:
            # A kill between a node's writes and their checkpoint leaves no next task: route again.
            graph.update_state(_CONFIG, {}, as_node="verify")

    @property
    def values(self) -> Mapping[str, Any]:
        """The checkpointed state."""
        return self._graph.get_state(_CONFIG).values

    @property
    def done(self) -> dict[str, str]:
        """Stage id → digest of its record."""
        return dict(self.values.get("done", {}))

    @property
    def finished(self) -> bool:
        """Whether every stage has its record: our own mark, since LangGraph's `next` can be empty too early."""
        return bool(self.values.get("stopped")) or len(self.done) == len(self.context.pack.stages)

    @property
    def waiting(self) -> bool:
        """Whether it stands at a pause, or inside a stage."""
        return bool(self._graph.get_state(_CONFIG).next)

    @property
    def stage(self) -> Stage:
        """The stage that comes next, again when the verifier refused its drafts."""
        waiting = self._graph.get_state(_CONFIG).next
        stages = self.context.pack.stages
        return next((stage for stage in stages if stage.id in waiting), None) or next(
            stage for stage in stages if stage.id not in self.done
        )

    def go(self) -> None:
        """On to the next pause, or to the end where the course has none."""
        from agent.nodes import BEGINNING

        state = self._graph.get_state(_CONFIG)
        start = None if state.values or state.next else BEGINNING
        for _ in self._graph.stream(start, _CONFIG, context=self.context, durability="sync", stream_mode="updates"):
            self.watch()

    def change(self, **values: Any) -> None:
        """Store other values and route again from there, as the verifier does."""
        self._graph.update_state(_CONFIG, values, as_node="verify")

    def answers_of(self, stage: Stage) -> tuple[Answer, ...]:
        """The answers of a finished stage. Raises MachineError when their record is damaged."""
        record = self.context.records.read(stage.id, self.done[stage.id])
        if record is None:
            raise MachineError(f"the saved answers of stage {stage.number} are damaged", "start over with --fresh")
        return tuple(record)

    def answers(self) -> Answers:
        """The answers of all finished stages, in the pack's order."""
        return tuple((stage, self.answers_of(stage)) for stage in self.context.pack.stages if stage.id in self.done)


@contextmanager
def open_course(context: Context, checkpoint: Path, *, pauses: bool) -> Iterator[Course]:
    """The course whose state lies in the SQLite file `checkpoint`, from wherever it stands."""
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    from langgraph.checkpoint.sqlite import SqliteSaver

    from agent.graph import build_graph

    with closing(sqlite3.connect(checkpoint, check_same_thread=False)) as connection:
        saver = SqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        yield Course(build_graph(context.pack, saver, pauses=pauses), context, checkpoint.parent)


def straight_on(course: Course) -> None:
    """To the end, without a look to either side."""
    while not course.finished:
        course.go()
