"""The stage pack as a LangGraph state machine: START → s01 → verify → (s01 again | s02) → … → END.

One node per stage, one verifier for all of them, one router. Stepping is a pause between nodes, not a branch in them.
"""

from functools import partial

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from agent.context import Context
from agent.nodes import AuditState, answer_stage, verify
from agent.stages import StagePack


def build_graph(
    pack: StagePack, checkpointer: BaseCheckpointSaver[str] | None = None, *, pauses: bool = False
) -> CompiledStateGraph[AuditState, Context, AuditState, AuditState]:
    """Compile the pack. Node names are stage ids ("s01") and "verify"; with `pauses` it stops before every stage."""
    graph = StateGraph(AuditState, context_schema=Context)
    for stage in pack.stages:
        graph.add_node(stage.id, partial(answer_stage, stage=stage))
        graph.add_edge(stage.id, "verify")
    graph.add_node("verify", verify)
    graph.add_edge(START, pack.stages[0].id)
    order = [stage.id for stage in pack.stages]
    graph.add_conditional_edges("verify", partial(route, order=order), [*order, END])
    return graph.compile(checkpointer=checkpointer, interrupt_before=order if pauses else None)


def route(state: AuditState, *, order: list[str]) -> str:
    """The open stage again while it is not done; else the first that is not; END when all are."""
    if state.get("stopped"):
        return END
    here = state["stage"]
    if here not in state.get("done", {}):
        return here
    return next((stage for stage in order if stage not in state.get("done", {})), END)
