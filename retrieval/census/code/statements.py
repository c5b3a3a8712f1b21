"""Census kinds over statements: awaits, raises, catches, assigns, names, strings, deletes, with, asserts …

Each kind reads the facts that `extract` left (see `retrieval/statements.py`, `failures.py`, `constants.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.code.foreign import foreign_hits
from retrieval.census.code.syntax import call_hit
from retrieval.census.language import Query, hit_at, kind
from retrieval.errors import QueryError
from retrieval.facts import CensusHit, Fact
from retrieval.handlers import HANDLED, IMPORT_ERRORS

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN = 160


def fact_hit(codebase: Codebase, path: str, fact: Fact, *, text: str = "") -> CensusHit:
    """A hit for a fact."""
    lines = (fact.start, fact.end)
    shown = text or fact.text
    return hit_at(
        codebase,
        path,
        lines,
        symbol=fact.symbol,
        name=fact.name,
        text=shown if len(shown) <= SHOWN + 80 else f"{shown[:SHOWN]}…",
        detail=fact.detail,
    )


def _named(codebase: Codebase, query: Query, *kinds: str) -> Iterator[CensusHit]:
    """Facts whose resolved name fits."""
    for path, fact in codebase.all_facts(*kinds):
        if query.matches(*codebase.speller.names(path, fact.name)):
            yield fact_hit(codebase, path, fact)


@kind(
    "awaits",
    summary="what is awaited, `async for` and `async with` included, by resolved callee",
    example="awaits: asyncio.sleep, *.generate",
)
def awaits(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every `await` whose callee fits."""
    yield from _named(codebase, query, "await")
    yield from foreign_hits(codebase, query, "awaits")


@kind(
    "raises",
    summary="raised exceptions by resolved name; a bare re-raise is named `raise`",
    example="raises: NotImplementedError, torch.cuda.OutOfMemoryError, raise",
)
def raises(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every `raise` that fits."""
    for path, fact in codebase.all_facts("raise"):
        if query.matches(*codebase.speller.names(path, fact.name or "raise")):
            yield fact_hit(codebase, path, fact)
    yield from foreign_hits(codebase, query, "raises")


@kind(
    "catches",
    summary="`except` clauses and contextlib.suppress by caught type, with what is done; a bare one is `bare`",
    example="catches: RuntimeError, torch.cuda.OutOfMemoryError, bare, what=!import_guard",
    options=("what",),
)
def catches(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every handler one of whose types fits. `what=skip|retry` asks for kinds of handlers, `what=!x` for the others.

    `detail["what"]` is one of HANDLED, `detail["covers"]` the calls in the `try`. Raises QueryError for another kind.
    """
    wanted = _handled(query)
    for path, fact in codebase.all_facts("catch"):
        types = list(filter(None, fact.detail["types"].split(", "))) or ["bare"]
        fits = query.matches(*(n for t in types for n in codebase.speller.names(path, t)))
        if fits and fact.detail["what"] in wanted:
            yield replace(fact_hit(codebase, path, fact), text=fact.text)
    for path, call in codebase.all_calls():
        if call.name == "contextlib.suppress" and query.matches(*call.arguments):
            where = f"in `{call.symbol}`" if call.symbol else "at module level"
            text = f"`suppress({', '.join(call.arguments)})` {where}: swallows it"
            what = "import_guard" if IMPORT_ERRORS.issuperset(call.arguments) else "swallow"
            if what in wanted:
                hit = call_hit(codebase, path, call, name=", ".join(call.arguments), text=text)
                yield replace(hit, detail={**hit.detail, "what": what})
    if wanted == HANDLED or query.options.get("what", "").startswith("!"):
        yield from foreign_hits(codebase, query, "catches")


def _handled(query: Query) -> frozenset[str]:
    """The kinds of handlers that the option `what` asks for."""
    text = query.options.get("what", "")
    asked = frozenset(filter(None, (name.strip() for name in text.removeprefix("!").split("|"))))
    if asked - HANDLED:
        hint = f"known: {', '.join(sorted(HANDLED))}"
        raise QueryError(f"{query.text!r}: unknown kind of handler {min(asked - HANDLED)!r}", hint=hint)
    return HANDLED - asked if text.startswith("!") else asked or HANDLED


@kind(
    "assigns",
    summary="assignments by target: `x`, `self.x`, `Class.x`, `module.X`",
    example="assigns: *cache*, self.device, os.environ[*",
    reads="python",
)
def assigns(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every assignment to a target that fits."""
    for path, fact in codebase.all_facts("assign"):
        if query.matches(*_target_names(codebase, path, fact)):
            yield fact_hit(codebase, path, fact)


def _target_names(codebase: Codebase, path: str, fact: Fact) -> tuple[str, ...]:
    found = [fact.name]
    module = codebase.facts[path].module
    if fact.detail["scope"] == "module":
        found.append(f"{module}.{fact.name}")
    elif fact.detail["scope"] == "class":
        found += [f"{fact.symbol}.{fact.name}", f"{module}.{fact.symbol}.{fact.name}"]
    elif fact.name.startswith("self."):
        owner = fact.symbol.rpartition(".")[0]
        found.append(f"{owner}.{fact.name.removeprefix('self.')}")
    return tuple(found)


@kind(
    "names",
    summary="parameters, variables and attributes by name, once per scope; attributes also without `self.`",
    example="names: *embed*, device, batch_size",
)
def names(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every name that fits, where its scope first binds it."""
    for path, fact in codebase.all_facts("name"):
        if query.matches(fact.name, fact.name.rpartition(".")[2]):
            yield fact_hit(codebase, path, fact)
    if query.patterns:
        yield from foreign_hits(codebase, query, "names")


@kind(
    "strings",
    summary="string constants (not docstrings) by value; an f-string keeps its braces",
    example="strings: 'https://*', *.safetensors, 're:^cuda(:\\d+)?$'",
)
def strings(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every string constant whose value fits."""
    for path, fact in codebase.all_facts("string"):
        if query.matches(fact.name):
            yield fact_hit(codebase, path, fact)
    if query.patterns:
        yield from foreign_hits(codebase, query, "strings")


@kind(
    "deletes",
    summary="`del` by target as written, or by `type:NAME` of what it holds",
    example="deletes: model, *.model, type:torch.*",
    reads="python",
)
def deletes(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every deleted target that fits."""
    for path, fact in codebase.all_facts("delete"):
        held = fact.detail["type"]
        if query.matches(fact.name, *([f"type:{held}"] if held else [])):
            yield fact_hit(codebase, path, fact)


@kind(
    "with",
    summary="`with` and `async with` items by resolved context manager; the lines of the whole statement",
    example="with: torch.no_grad, torch.autocast, *.lock",
    reads="python",
)
def with_statements(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every `with` item that fits."""
    yield from _named(codebase, query, "with")


@kind(
    "compares",
    summary="string constants that something is compared with (==, in, startswith, endswith, case)",
    example="compares: cuda*, ViT-*",
    reads="python",
    options=("left",),
)
def compares(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every comparison with a string that fits; option left=TEXT asks for it in the other operand."""
    for path, fact in codebase.all_facts("compare"):
        if query.matches(fact.name) and query.options.get("left", "") in fact.detail["left"]:
            yield fact_hit(codebase, path, fact)


@kind("asserts", summary="`assert` by condition", example="asserts: *isinstance*", reads="python")
def asserts(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every assert whose condition fits."""
    yield from _named(codebase, query, "assert")


@kind("globals", summary="`global` and `nonlocal` by name", example="globals", reads="python")
def global_names(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every global statement that fits."""
    yield from _named(codebase, query, "global")


@kind(
    "returns",
    summary="`return` by the value as written",
    example="returns: None, *.cpu()",
    reads="python",
)
def returns(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every return whose value fits."""
    for path, fact in codebase.all_facts("return"):
        if query.matches(fact.name):
            yield fact_hit(codebase, path, fact)


@kind(
    "loops",
    summary="`for`, `async for` and `while` by what is iterated over or tested",
    example="loops: *dataloader*, range(*epochs*), True",
    reads="python",
)
def loops(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every loop that fits; the lines of the whole loop."""
    for path, fact in codebase.all_facts("loop"):
        if query.matches(fact.name):
            yield fact_hit(codebase, path, fact)


@kind(
    "conditions",
    summary="conditions of `if`, `elif`, ternary and subjects of `match`, as written",
    example="conditions: *is_available*, *device*",
    reads="python",
)
def conditions(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every condition that fits; the lines of the branch."""
    for path, fact in codebase.all_facts("if"):
        if query.matches(fact.name):
            yield fact_hit(codebase, path, fact)
