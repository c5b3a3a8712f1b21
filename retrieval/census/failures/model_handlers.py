"""Broad handlers around runs of models: running out of GPU memory, like any other error of a run, comes to them.

A handler counts when its `try` holds a call that runs a model, or one that leads to such a call without a nearer
handler.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.failures.model_errors import BROAD, model_calls
from retrieval.census.language import hit_at, run_query
from retrieval.census.meaning.prose import listed
from retrieval.census.memory.memory_errors import runs_by_name
from retrieval.census.models.asking import asked
from retrieval.census.models.held_calls import held_calls
from retrieval.census.models.held_models import runs_held_model
from retrieval.census.models.touches import touches_of
from retrieval.facts import CensusHit, Fact

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, LONGEST = 2, 60
_COVERS = re.compile(r" \(covers .*?\)(?=: )")


@once
def model_handlers(codebase: Codebase) -> tuple[CensusHit, ...]:
    """One hit per handler, those with the run in their own `try` first. The text says what it does.

    `detail["what"]` is what the handler does, as of kind `catches`; "reraise" for one that raises another error.
    """
    direct: dict[tuple[str, int], CensusHit] = {}
    for path, fact in codebase.all_facts("catch"):
        wanted = _is_broad(fact) and codebase.snapshot.by_path[path].role not in ("test", "vendored")
        if calls := list(dict.fromkeys(_runs(codebase, path, fact))) if wanted else []:
            direct[path, fact.start] = _hit(codebase, path, fact, calls)
    for hit in run_query(codebase, "unhandled_model_calls: covered=callers").hits:
        for label, path, start, _end in hit.related:
            fact = _catch(codebase, path, start) if label == "handler" else None
            if fact is not None and (path, start) not in direct:
                named = re.findall(r"catches its errors around `([^`]+)\(\)`", hit.text)
                calls = list(filter(None, fact.detail["covers"].split(", ")))
                calls.sort(key=lambda call: (call not in named, not call.startswith("self.")))
                direct[path, start] = _hit(codebase, path, fact, calls)
    asked = _hosted(codebase)
    return tuple(sorted(direct.values(), key=lambda hit: _only_asks(codebase, hit, asked)))


@once
def _hosted(codebase: Codebase) -> frozenset[tuple[str, int]]:
    """The lines on which hosted models alone are asked."""
    every = [t for touches in touches_of(codebase).values() for t in touches if t.does == "runs"]
    local = {(t.path, t.line) for t in every if not t.model.endswith("(hosted)")}
    behind = {(hit.path, hit.start) for hit in asked(codebase)}
    return frozenset((behind | {(t.path, t.line) for t in every}) - local)


def _only_asks(codebase: Codebase, hit: CensusHit, asked: frozenset[tuple[str, int]]) -> bool:
    """Whether the `try` of a handler holds requests to hosted models alone: such handlers come after the others."""
    fact = _catch(codebase, hit.path, hit.start)
    if fact is None:
        return False
    first, last = int(fact.detail["try_start"]), int(fact.detail["try_end"])
    lines = [start for start, _ in _lines(codebase).get(hit.path, ()) if first <= start <= last]
    return bool(lines) and all((hit.path, line) in asked for line in lines)


def _is_broad(fact: Fact) -> bool:
    types = [name for name in fact.detail["types"].split(", ") if name]
    if fact.detail["what"] in ("import_guard", "abort"):
        return False
    if fact.detail["what"] == "reraise" and "raises `" not in fact.text:
        return False  # the same error goes on
    return not types or any(BROAD.search(name) for name in types)


def _runs(codebase: Codebase, path: str, fact: Fact) -> Iterator[str]:
    """The calls in the `try` of a handler that run a model."""
    first, last = int(fact.detail["try_start"]), int(fact.detail["try_end"])
    for start, text in _lines(codebase).get(path, ()):
        if first <= start <= last:
            yield text
    if "RuntimeError" in fact.detail["types"]:
        calls = (call for call in codebase.facts[path].calls if first <= call.start and call.end <= last)
        yield from (call.written for call in calls if runs_by_name(call.written))
    held = runs_held_model(codebase, (path, fact.symbol)) if "." in fact.symbol else None
    entered = held is not None and any(caller == (path, fact.symbol) for _, (caller, _, _) in held_calls(codebase))
    if held is not None and not entered and held.path == path and first <= held.line <= last:
        yield held.call  # what it enters is not known: by its name it is a model


@once
def _lines(codebase: Codebase) -> dict[str, list[tuple[int, str]]]:
    """File → the lines of calls that run a model, and what they call."""
    found: dict[str, list[tuple[int, str]]] = {}
    every = {(hit.path, hit.start): hit for hit in (*model_calls(codebase), *run_query(codebase, "invokes").hits)}
    for hit in every.values():
        called = hit.text.split(" calls `", 1)[-1].partition("(")[0].split("`")[0]
        found.setdefault(hit.path, []).append((hit.start, called))
    return found


def _catch(codebase: Codebase, path: str, start: int) -> Fact | None:
    return next((f for f in codebase.facts[path].facts if f.kind == "catch" and f.start == start), None)


def _hit(codebase: Codebase, path: str, fact: Fact, calls: list[str]) -> CensusHit:
    around = listed([f"`{call[:LONGEST]}()`" for call in calls], SHOWN)
    text = _COVERS.sub("", fact.text)
    text = text.replace(": ", f", around {around}: ", 1) if around else text
    if re.search(r"raises `(?:gradio|gr)\.Error`", text):
        text += ", which the interface shows and which ends that request only"
    if given := list(dict.fromkeys(_changed(codebase, path, fact))):
        text += f"; what another round changes: {listed([f'`{item}`' for item in given], SHOWN)}"
    return hit_at(
        codebase, path, (fact.start, fact.end), symbol=fact.symbol, name=fact.detail["types"] or "bare", text=text,
        detail={"what": fact.detail["what"]},
    )  # fmt: skip


def _changed(codebase: Codebase, path: str, fact: Fact) -> Iterator[str]:
    """The arguments in a `try` that the variable of the loop around it decides: `force_cpu=not retries`."""
    line = int(fact.detail["loop"].partition("-")[0]) if fact.detail["what"] == "retry" and fact.detail["loop"] else 0
    head = codebase.snapshot.by_path[path].lines[line - 1] if line else ""
    asked = head.partition("while ")[2].rstrip(": \n") or head.partition("for ")[2].partition(" in ")[0]
    names = re.compile("|".join(rf"\b{name}\b" for name in re.findall(r"[A-Za-z_]\w*", asked)) or r"(?!)")
    first, last = int(fact.detail["try_start"]), int(fact.detail["try_end"])
    for call in codebase.facts[path].calls if asked else ():
        if first <= call.start and call.end <= last:
            yield from (f"{key}={value}" for key, value in call.keywords if names.search(value))
