"""Functions whose returns give tuples of another length than a caller unpacks: the call fails on that path."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.program import program_of
from retrieval.facts import Call, CensusHit, Definition
from retrieval.parse import Node, first_line

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program
    from retrieval.codebase import Codebase


def arities(codebase: "Codebase") -> Iterator[CensusHit]:
    """One hit per call that unpacks a certain number of values from a function that also returns another number."""
    program = program_of(codebase)
    for path, call in codebase.all_calls():
        wanted = len(call.assigned)
        if wanted < 2 or not _is_flat(call) or codebase.snapshot.by_path[path].role != "source" or call.awaited:
            continue
        found = codebase.resolve_call(path, call)
        if found is None or found[1].kind == "class":
            continue
        lengths = list(_lengths(program, *found))
        fits = any(given == wanted for _line, given in lengths)
        if fits and (_gives_constant(call) or _chooses(program, *found)):
            continue  # what is given may choose the return that fits
        for line, given in lengths:
            if given == wanted:
                continue
            text = f"{wanted} values are unpacked from `{call.written}()`, which returns {given} "
            text += f"on line {line} of {found[0]}"
            yield hit_at(
                codebase,
                path,
                (call.start, call.end),
                symbol=call.symbol,
                name="unpacking fails",
                text=text,
                related=(("return", found[0], line, line),),
            )


def _gives_constant(call: Call) -> bool:
    """Whether a call gives a text, a number or a truth value as such, by which a function may choose its return."""
    values = [*call.arguments, *(value for _key, value in call.keywords)]
    return any(value[:1] in "'\"0123456789" or value in ("True", "False", "None") for value in values if value)


def _chooses(program: "Program", path: str, definition: Definition) -> bool:
    """Whether a condition around a return, or before it, tests a parameter that has a default."""
    body = program.body(path, definition)
    optional = [p.partition("=")[0].partition(":")[0].strip() for p in definition.parameters if "=" in p]
    told = " ".join(guard.text for item in (body.exits if body is not None else ()) for guard in item.guards)
    return any(re.search(rf"\b{re.escape(name)}\b", told) for name in optional)


def _is_flat(call: Call) -> bool:
    """Whether the names stand side by side: `a, (b, c) = f()` and `a, *b = f()` unpack otherwise."""
    left, assigns, _ = call.text.partition("=")
    names = left.strip()
    names = names[1:-1] if names.startswith("(") and names.endswith(")") else names
    return bool(assigns) and not set("[](){}*") & set(names)


def _lengths(program: "Program", path: str, definition: Definition) -> Iterator[tuple[int, int]]:
    """The line and length of each returned tuple that is written out."""
    body = program.body(path, definition)
    for item in body.exits if body is not None and not any(e.kind == "yield" for e in body.exits) else ():
        node = item.value
        if item.kind == "return" and node is not None and node.type in ("expression_list", "tuple"):
            parts = [part for part in node.named_children if part.type not in ("comment", "line_continuation")]
            if not any(_is_spread(part) for part in parts):
                yield first_line(node), len(parts)


def _is_spread(part: Node) -> bool:
    return part.type in ("list_splat", "generator_expression")
