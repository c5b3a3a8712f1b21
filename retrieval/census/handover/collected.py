"""Outputs of models that a function collects over a loop and uses together afterwards: features, embeddings, scores."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.body import Binding
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import arguments
from retrieval.census.meaning.wording import caller
from retrieval.census.models.roster import Use, roster_of
from retrieval.facts import CensusHit
from retrieval.parse import Node, descendants

if TYPE_CHECKING:
    from retrieval.census.meaning.body import CallStep
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

MOST_HOPS, MOST_NAMED = 4, 6
_JOINING = re.compile(r"(?:^|\.)(?:cat|concat|concatenate|stack|vstack|hstack)$")
_NUMBER = re.compile(r"\.(?:item|tolist)\(|\bloss\w*$")
_LOOPS = frozenset({"for", "while"})


def collected(codebase: "Codebase") -> Iterator[CensusHit]:
    """One hit per function that puts outputs of models into lists and joins them, or keeps them in its object."""
    frames: dict[tuple[str, str], tuple[Frame, list[Use]]] = {}
    roster = roster_of(codebase)
    for use in roster.uses:
        if use.frame.owner is not None and roster.family.is_model(use.frame.owner):
            continue  # what a model works with inside
        frames.setdefault((use.frame.path, use.frame.symbol), (use.frame, []))[1].append(use)
    for frame, uses in frames.values():
        lists = dict(_lists(frame, uses))
        if lists:
            names = listed([f"`{name}`" + _where(frame, steps) for name, steps in lists.items()], MOST_NAMED)
            step = next(iter(lists.values()))[0]
            subject = caller(frame)
            end = "and keeps them" if all("." in name for name in lists) else "and joins them"
            text = f"{subject[0].upper()}{subject[1:]} collects outputs of models over a loop {end}: {names}"
            lines = (step.start, step.end)
            again = [name for name in lists if _is_reused(frame, name, lists[name])]
            text += f", and a later loop reads {listed([f'`{name}`' for name in again], 2)} again" if again else ""
            detail = {"reused": "yes"} if again or end == "and keeps them" else {}
            yield hit_at(
                codebase, frame.path, lines, symbol=frame.symbol, name="collected", text=text, detail=detail,
            )  # fmt: skip


def _is_reused(frame: "Frame", name: str, filling: "list[CallStep]") -> bool:
    """Whether an element of a list that a loop filled is read in a later loop."""
    loops = {guard.key for step in filling for guard in step.guards if guard.kind in _LOOPS}
    after = max(step.order for step in filling)
    for item in (*frame.body.bindings, *frame.body.calls):
        around = {guard.key for guard in item.guards if guard.kind in _LOOPS}
        node = item.value if isinstance(item, Binding) else item.node
        if item.order > after and around and not around & loops and node is not None:
            inner = (n for n in (node, *descendants(node)) if n.type == "subscript")
            if any(frame.body.tree.text(n.child_by_field_name("value")) == name for n in inner):
                return True
    return False


def _where(frame: "Frame", steps: "list[CallStep]") -> str:
    return " (taken to the CPU)" if any(".cpu()" in frame.body.tree.text(step.node) for step in steps) else ""


def _lists(frame: "Frame", uses: list[Use]) -> "Iterator[tuple[str, list[CallStep]]]":
    """The lists of a body that get outputs of models in a loop and are joined, with the calls that fill them."""
    filled: dict[str, list[CallStep]] = {}
    outputs = _outputs(frame, uses)
    for step in frame.body.calls:
        holder, _, method = step.written.rpartition(".")
        given = arguments(step.node)
        looped = any(guard.kind in _LOOPS for guard in step.guards)
        puts = method == "append" and holder and looped and given and not _NUMBER.search(frame.body.tree.text(given[0]))
        if puts and (_named(frame, given[0]) & outputs or _holds(given[0], uses)):
            filled.setdefault(re.split(r"[\[(]", holder)[0], []).append(step)
    joined = _joined(frame)
    # What an object keeps outlives the body that collects it, and is joined elsewhere.
    own = f"{next(iter(frame.parameters), '')}." if frame.owner is not None else "\0"
    yield from ((name, steps) for name, steps in filled.items() if name in joined or name.startswith(own))


def _outputs(frame: "Frame", uses: list[Use]) -> set[str]:
    """The names that hold what models gave, or what was worked out from it."""
    found: set[str] = set()
    for _ in range(MOST_HOPS):
        for binding in frame.body.bindings:
            value = binding.value
            local = value is not None and "." not in binding.name and binding.name not in found
            if local and value is not None and (_holds(value, uses) or _named(frame, value) & found):
                found.add(binding.name)
    return found


def _holds(node: Node, uses: list[Use]) -> bool:
    ids = {use.step.node.id for use in uses}
    return node.id in ids or any(child.id in ids for child in descendants(node))


def _named(frame: "Frame", node: Node) -> set[str]:
    """The names that an expression reads."""
    inner = [node, *descendants(node)]
    return {frame.body.tree.text(child) for child in inner if child.type == "identifier"}


def _joined(frame: "Frame") -> set[str]:
    """The names that are joined, or of which an element is."""
    names = {
        name
        for step in frame.body.calls
        if _JOINING.search(step.written)
        for item in arguments(step.node)
        for name in _named(frame, item)
    }
    aliases = [b for b in frame.body.bindings if b.name in names and b.value is not None]
    return names | {name for binding in aliases if binding.value for name in _named(frame, binding.value)}
