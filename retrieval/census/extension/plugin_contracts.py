"""Kind `plugin_contracts`: modules loaded by a computed name that must have certain functions, and which have them."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.values import External
from retrieval.census.meaning.wording import caller
from retrieval.census.models.roster import roster_of
from retrieval.facts import CensusHit
from retrieval.parse import Node, descendants

if TYPE_CHECKING:
    from retrieval.census.meaning.body import CallStep
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

LEAST, SHARE, SHOWN, MOST_NAMES = 2, 0.8, 12, 14


@kind(
    "plugin_contracts",
    summary="lists of functions that modules loaded by name must have, where that is checked, and who has them",
    example="plugin_contracts",
    reads="python",
    ordered=True,
)
def plugin_contracts(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per list of names that `hasattr` checks; patterns match the name of the list."""
    told: set[tuple[str, ...]] = set()
    for frame, _depth in roster_of(codebase).frames:
        for step in frame.body.calls:
            found = _contract(codebase, frame, step) if step.written == "hasattr" else None
            if found is not None and found[1] not in told and query.matches(found[0]):
                told.add(found[1])
                having = _having(codebase, found[1])
                if having:
                    yield _hit(codebase, frame, step, (*found, having))


def _contract(codebase: "Codebase", frame: "Frame", step: "CallStep") -> tuple[str, tuple[str, ...], str, int] | None:
    """The name of a list of names that `hasattr(module, name)` runs over, the names, and where the list stands."""
    given = step.node.child_by_field_name("arguments")
    nodes = (
        [child for child in given.named_children if child.type not in ("comment", "line_continuation")]
        if given is not None
        else []
    )
    if len(nodes) != 2 or nodes[1].type != "identifier":
        return None
    text = frame.body.tree.text
    over = [b for b in frame.body.bindings if b.name == text(nodes[1]) and b.taken == "element" and b.value is not None]
    source = over[0].value if over else None
    if source is None:
        return None
    path, holder, node, line = frame.path, frame, source, step.start
    if source.type == "identifier":
        outer = _listed(codebase, frame, text(source))
        if outer is None:
            return None
        path, holder, node, line = outer
    names = tuple(_strings(holder, node))
    return (text(source), names, path, line) if len(names) >= LEAST else None


def _listed(codebase: "Codebase", frame: "Frame", name: str) -> "tuple[str, Frame, Node, int] | None":
    holders = roster_of(codebase).tracer.holders
    where = [(frame.path, name)]
    imported = holders.imported_from(frame.path, name)
    where += [imported] if imported is not None else []
    local = [(frame, binding) for binding in holders.bindings(frame, name)]
    for found, binding in [*local, *(item for path, inner in where for item in holders.globals(path, inner))]:
        if binding.value is not None and binding.value.type in ("list", "tuple", "set"):
            return found.path, found, binding.value, binding.line
    return None


def _strings(frame: "Frame", node: Node) -> Iterator[str]:
    for inner in descendants(node):
        if inner.type == "string":
            yield frame.body.tree.text(inner).strip("\"'")


def _having(codebase: "Codebase", methods: tuple[str, ...]) -> list[str]:
    """The modules that have at least four fifths of the functions."""
    having = []
    for other, facts in codebase.facts.items():
        own = {definition.name for definition in facts.definitions if definition.kind == "function"}
        if codebase.snapshot.by_path[other].role == "source" and len(own & {*methods}) >= SHARE * len(methods):
            having.append(other)
    return having


def _hit(
    codebase: "Codebase", frame: "Frame", step: "CallStep", found: tuple[str, tuple[str, ...], str, int, list[str]]
) -> CensusHit:
    name, methods, path, line, having = found
    loads = any(
        isinstance(value := frame.callee(call), External) and value.name in ("importlib.import_module", "__import__")
        for call in frame.body.calls
    )
    subject = caller(frame)
    how = "loads a module by its name and checks" if loads else "checks"
    text = (
        f"{subject[0].upper()}{subject[1:]} ({frame.path}) {how} that it has the "
        f"{counted(len(methods), 'function')} of `{name}`: {listed([f'`{method}`' for method in methods], MOST_NAMES)}"
    )
    text += f"; {counted(len(having), 'module')} have them: {listed(having, SHOWN)}" if having else ""
    related = [("list", path, line, line)]
    return hit_at(
        codebase, frame.path, (step.start, step.end), symbol=frame.symbol, name=name, text=text, related=tuple(related)
    )
