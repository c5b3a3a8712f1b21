"""Functions that are given to code from outside, which runs them: threads, pools, events, command lines, graphs."""

from typing import TYPE_CHECKING

from retrieval.census.flow.screens import is_screen
from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.values import External, FunctionRef
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

# Last names of what runs the functions it is given: threads, pools, loops, graphs, interfaces, command lines.
RUNNERS = words(
    """Thread Process Timer submit map starmap imap imap_unordered apply_async apply run_in_executor
    to_thread spawn start_processes create_task ensure_future run_sync start_soon add_task add_node
    add_conditional_edges RunnableLambda Interface ChatInterface click change upload release Fire run main launch
    notebook_launcher add_job from_function partial register_forward_hook scan vmap pmap"""
)


# Last names of what looks at a function that it is given, or wraps it, and does not run it.
_TELLING = words(
    """wraps update_wrapper isinstance issubclass signature getsource getdoc getmembers iscoroutinefunction isfunction
    ismethod unwrap cast signal get_type_hints partial partialmethod register overload TypeVar cache lru_cache"""
)


# Methods of widgets and signals that connect a function to an event, in files that build an interface.
EVENTS = words(
    """click change upload release submit select input blur focus tick load edit like stop clear connect bind on
    on_click on_change add_event_handler key_up"""
)


def handed(frame: "Frame", step: CallStep) -> list[FunctionRef]:
    """Functions given to code from outside that will call them: a thread, a pool, an event, a command line."""
    given = step.node.child_by_field_name("arguments")
    if given is None or not _runs(frame, step):
        return []
    nodes = [
        child.child_by_field_name("value") if child.type == "keyword_argument" else child
        for child in given.named_children
    ]
    values = [
        frame.value(node, step.order, step.guards)
        for node in nodes
        if node is not None and (node.type in ("identifier", "attribute") or _is_partial(frame, node))
    ]
    return [value for value in values if isinstance(value, FunctionRef)]


def _is_partial(frame: "Frame", node: Node) -> bool:
    return node.type == "call" and frame.body.tree.text(node.child_by_field_name("function")).endswith("partial")


def _runs(frame: "Frame", step: CallStep) -> bool:
    """Whether a call runs the functions that it is given: known runners do, and so does most code from outside."""
    last = step.written.rpartition(".")[2]
    if last in RUNNERS or step.chained:
        return True
    if last in EVENTS and is_screen(frame.program.codebase, frame.path):
        return True
    return isinstance(frame.callee(step), External) and last not in _TELLING
