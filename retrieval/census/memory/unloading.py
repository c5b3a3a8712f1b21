"""Kind `unloading`: every place where code lets a model go, on what condition, and what makes it run.

A model is let go by `del`, by leaving the container that keeps it, by `None` in its variable or attribute, by a method
that unloads it, by a library's offloading, or for a while by a move to the CPU. Deleting anything else is none.
"""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import Guard, one_line
from retrieval.census.meaning.spots import Spot
from retrieval.census.meaning.triggers import Trigger, triggers_of
from retrieval.census.meaning.wording import caller
from retrieval.census.memory.deleted_names import deleted_names
from retrieval.census.memory.deleted_parts import is_made_here, model_of_part, put_in_place
from retrieval.census.memory.moves import moved_models
from retrieval.census.memory.released import Act, named, released
from retrieval.census.memory.server_memory import server_ends
from retrieval.census.models.held import held_by
from retrieval.census.models.roster import Roster, roster_of
from retrieval.census.models.shelves import Shelves, shelves_of, written_root
from retrieval.census.settings.switches import circumstances_of, controlled, proof
from retrieval.facts import CensusHit, Fact
from retrieval.parse import Node, descendants, first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

_BEGINS = re.compile(r"__init__$|__new__$|_*init(?:iali[sz]e)?(?:_|$)|_*set_?up(?:_|$)")  # nothing is let go there
_CLEARS = re.compile(r"(?:^|\.)(?:empty_cache|gc\.collect|collect)$")
_ORDER = ("delete", "container", "none", "release", "cpu", "offload", "discard")
_HITS: "Beside[Codebase, list[CensusHit]]" = Beside()
_KNOWN: "Beside[Codebase, list[Act]]" = Beside()


@kind(
    "unloading",
    summary="where models are let go: `del`, emptied containers, None, unloading, moves to the CPU, offloading",
    example="unloading: delete, container",
    reads="python",
    ordered=True,
)
def unloading(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per statement; patterns are of delete, container, none, release, cpu and offload."""
    if codebase not in _HITS:
        acts = sorted(acts_of(codebase), key=lambda act: _ORDER.index(act.sort))
        _HITS[codebase] = [_hit(codebase, act) for act in acts]
    yield from (hit for hit in _HITS[codebase] if query.matches(hit.name))


def acts_of(codebase: "Codebase") -> list[Act]:
    """Every statement that lets a model go, worked out once."""
    if codebase not in _KNOWN:
        _KNOWN[codebase] = _single(_acts(codebase))
    return _KNOWN[codebase]


def _single(acts: Iterable[Act]) -> list[Act]:
    """Without `None` for what the same body deletes, and without the move before a deletion."""
    listed = list(acts)
    gone = {(act.frame.path, act.frame.symbol, _target(act)) for act in listed if act.sort == "delete"}
    once: dict[tuple[str, int], Act] = {}  # of the names that one statement sets to None, the last that is bound
    for act in (item for item in listed if item.sort == "none"):
        once[act.frame.path, act.lines[0]] = act
    return [
        act
        for act in listed
        if (act.sort not in ("none", "cpu") or (act.frame.path, act.frame.symbol, _target(act)) not in gone)
        and (act.sort != "none" or once[act.frame.path, act.lines[0]] is act)
    ]


def _target(act: Act) -> str:
    """The name in `del x`, `x = None` and `x.cpu()`."""
    written = act.said.rpartition(": `")[2].rstrip("`").removeprefix("del ")
    return re.split(r" = |\.(?:cpu|to)\(", written)[0]


def _acts(codebase: "Codebase") -> Iterator[Act]:
    roster = roster_of(codebase)
    shelves = shelves_of(roster)
    for path, fact in codebase.all_facts("delete"):
        frame = _frame(roster, path, fact.symbol)
        act = _deleted(shelves, frame, fact) if frame is not None else None
        if act is not None:
            yield act
    for frame, _depth in roster.frames:
        yield from _emptied(shelves, frame)
        yield from deleted_names(shelves, frame)
        yield from released(shelves, frame)
    yield from server_ends(roster)
    for move in moved_models(codebase):
        if move.to == "cpu":
            lines = (move.step.start, move.step.end)
            made = shelves.carried(move.frame, move.owner)
            what = named(made) if made else "the model"
            yield Act("cpu", move.frame, lines, move.step.guards, f"moves {what} to the CPU: {move.said}", what)


def _hit(codebase: "Codebase", act: Act) -> CensusHit:
    condition, behind = circumstances_of(codebase, act.frame, act.guards)
    switched = any(switch.kind in ("environment", "option") for switch in behind)
    trigger = Trigger() if switched and act.sort == "cpu" else triggers_of(codebase, act.frame)
    subject = caller(act.frame)
    text = f"{subject[0].upper()}{subject[1:]} {act.said}{condition}{trigger.said}"
    related = [*proof((*behind, *trigger.switches)), *(("caller", path, n, n) for path, n in trigger.places)]
    return hit_at(
        codebase, act.frame.path, act.lines, symbol=act.frame.symbol, name=act.sort, text=text,
        related=tuple(dict.fromkeys(related)),
        detail={
            "controlled": controlled((*behind, *trigger.switches)), "what": act.what, "when": condition,
            "statement": f"`{act.said.rpartition(': `')[2]}", "by": trigger.said,
        },
    )  # fmt: skip


def _frame(roster: Roster, path: str, symbol: str) -> "Frame | None":
    program = roster.program
    return program.frame(path, program.definition(path, symbol) if symbol else None)


# `del`


def _deleted(shelves: Shelves, frame: "Frame", fact: Fact) -> Act | None:
    node = _statement(frame, fact)
    guards = _guards(frame, node)
    for target in _targets(node):
        text = one_line(frame.body.tree.text(target), 70)
        if text != one_line(fact.name, 70):
            continue
        if target.type == "subscript":
            shelf = shelves.shelf(frame, written_root(frame, target))
            if shelf is not None:
                said = f"takes {named(shelf.models)} out of `{shelf.written}`, which keeps them: `del {text}`"
                return Act("container", frame, (fact.start, fact.end), guards, said, named(shelf.models))
        elif what := _what(shelves, frame, target):
            if "." not in text and frame.symbol.endswith("__init__") and text not in frame.body.not_local:
                said = f"drops {what} again that it has just made and does not keep: `del {text}`"
                return Act("discard", frame, (fact.start, fact.end), guards, said)
            return Act("delete", frame, (fact.start, fact.end), guards, f"deletes {what}: `del {text}`", what)
        elif whole := model_of_part(shelves, frame, target):
            what = f"the part `{text}` of a model"
            said = f"deletes the part `{text.removeprefix(f'{whole}.')}` of the model `{whole}`"
            said += f"{put_in_place(frame, text)}: `del {text}`"
            sort = "discard" if is_made_here(frame, whole) else "delete"
            return Act(sort, frame, (fact.start, fact.end), guards, said, what)
    return None


def _statement(frame: "Frame", fact: Fact) -> Node | None:
    root = frame.program.node(frame.path, frame.definition) if frame.definition else frame.body.tree.root
    for node in descendants(root) if root is not None else ():
        if node.type == "delete_statement" and first_line(node) <= fact.start <= last_line(node):
            return node
    return None


def _targets(node: Node | None) -> Iterator[Node]:
    for child in node.named_children if node is not None else ():
        yield from child.named_children if child.type == "expression_list" else (child,)


def _guards(frame: "Frame", node: Node | None) -> tuple[Guard, ...]:
    """The conditions around a statement, read from the decisions that enclose it."""
    found: list[Guard] = []
    around = {decision.node.id: decision for decision in frame.body.decisions}
    while node is not None:
        above = node.parent
        if above is not None and above.type in ("if_statement", "elif_clause", "else_clause"):
            whole = above if above.type == "if_statement" else above.parent
            arms = [whole, *whole.children_by_field_name("alternative")] if whole is not None else []
            arm = next((n for n, part in enumerate(arms) if part is not None and part.id == above.id), 0)
            if whole is not None and whole.id in around and node.type == "block":
                told = above.child_by_field_name("condition") or whole.child_by_field_name("condition")
                sort = "else" if above.type == "else_clause" else "if"
                text = one_line(frame.body.tree.text(told))
                found.append(Guard(sort, text, first_line(above), whole.id, arm))  # type: ignore[arg-type]
            node = whole if above.type != "if_statement" else above
            continue
        node = above
    return tuple(reversed(found))


def _what(shelves: Shelves, frame: "Frame", node: Node) -> str:
    """What a name or attribute holds, in words; "" when that is no model."""
    text, roster = frame.body.tree.text(node), shelves.roster
    own, dot, name = text.partition(".")
    holders = shelves.holders
    mine = dot and frame.owner is not None and own == next(iter(frame.parameters), "")
    bound = holders.attribute(frame.owner, name) if mine and frame.owner is not None else []
    bound = bound or [(frame, binding) for binding in holders.bindings(frame, text)]
    if not bound and not dot:
        bound = holders.globals(frame.path, text)
    for around, binding in bound:
        if binding.value is None or binding.taken == "unknown":
            continue
        spot = Spot(around, binding.value, binding.order, binding.guards)
        if made := roster.of(spot):
            return f"the model {named(made)}"
        for cls in roster.tracer.classes(spot):
            if held := held_by(roster, cls):
                return f"a `{cls.definition.symbol}` object, which holds {named(held)}"
        if binding.taken == "whole" and (made := shelves.carried(around, binding.value)):
            return f"a container of the models {named(made)}"
    return ""


# Containers emptied, None


def _emptied(shelves: Shelves, frame: "Frame") -> Iterator[Act]:
    text = frame.body.tree.text
    for step in frame.body.calls:
        holder, _, method = step.written.rpartition(".")
        if method not in ("clear", "pop", "popitem") or not holder:
            continue
        owner = step.node.child_by_field_name("function").child_by_field_name("object")  # type: ignore[union-attr]
        shelf = shelves.shelf(frame, written_root(frame, owner))
        if shelf is not None:
            said = f"takes {named(shelf.models)} out of `{shelf.written}`: `{one_line(text(step.node), 70)}`"
            yield Act("container", frame, (step.start, step.end), step.guards, said, named(shelf.models))
    for binding in frame.body.bindings:
        empty = binding.value is not None and (binding.value.type == "none" or text(binding.value) in ("{}", "[]"))
        if not empty or frame.definition is None or frame.definition.kind == "class":
            continue
        if _BEGINS.match(frame.symbol.rpartition(".")[2]) or _is_local(frame, binding.name):
            continue
        if what := _let_go(shelves, frame, binding.name, binding.order):
            said = f"lets {what} go: `{binding.name} = {text(binding.value)}`"
            yield Act("none", frame, (binding.line, binding.line), binding.guards, said, what)


def _is_local(frame: "Frame", name: str) -> bool:
    return "." not in name and name not in frame.body.not_local


def _let_go(shelves: Shelves, frame: "Frame", name: str, order: int) -> str:
    """The models that a variable of a module or an attribute holds elsewhere, when this body does not fill it first."""
    filled = [b for b in shelves.holders.bindings(frame, name) if b.value is not None and b.value.type == "call"]
    cleared = [step.order for step in frame.body.calls if _CLEARS.search(step.written) and step.order > order]
    if filled and not any(order < at < later.order for at in cleared for later in filled):
        return ""  # set to None and filled by the same body: a beginning, unless memory is given back in between
    shelf = shelves.shelf(frame, name)
    if shelf is not None:
        return f"{named(shelf.models)}, kept in `{shelf.written}`,"
    own, dot, attribute = name.partition(".")
    if dot and frame.owner is not None and own == next(iter(frame.parameters), ""):
        bound = shelves.holders.attribute(frame.owner, attribute)
    else:
        root = shelves.root(frame, name) if dot else (frame.path, "", name)
        bound = shelves.holders.globals(root[0], root[2]) if root is not None and not root[1] else []
    for around, binding in bound:
        if binding.value is not None and (made := shelves.held(around, binding)):
            return named(made)
    return ""
