"""What frameworks of screens keep for a session: `st.session_state` of Streamlit, `gr.State` and chats of Gradio."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.people import people
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Unit, call_name, units
from retrieval.facts import CensusHit
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MAIN, NAMED, PLACES, SHOWN = ("source", "example"), 4, 24, 6
_KEPT = frozenset({"State", "BrowserState", "Chatbot", "ChatInterface"})
EVENTS = frozenset({"click", "submit", "change", "then", "success", "upload", "select", "input", "release", "load"})
Place = tuple[str, str]


@dataclass(slots=True)
class Store:
    """One entry of a session: what holds it, who sets it and who reads it, with lines."""

    holder: str
    setters: dict[Place, int] = field(default_factory=dict)
    readers: dict[Place, int] = field(default_factory=dict)


def session_stores(codebase: Codebase) -> Iterator[CensusHit]:
    """One hit per framework: the entries with who sets and who reads them."""
    for sort, needs, read in (
        (
            "`st.session_state`, which Streamlit keeps from one run of the script to the next",
            "session_state",
            _streamlit,
        ),
        ("components of Gradio, which the page keeps between events", r"\bgr(?:adio)?\.", _gradio),
    ):
        stores: dict[str, Store] = {}
        for unit in units(codebase, needs):
            if codebase.snapshot.by_path[unit.path].role in MAIN:
                read(unit, stores)
        kept = {name: store for name, store in stores.items() if store.setters and store.readers}
        if kept:
            yield _hit(codebase, sort, kept)


def _streamlit(unit: Unit, stores: dict[str, Store]) -> None:
    for node in unit.nodes:
        name = _entry(node)
        if name:
            store = stores.setdefault(name, Store("st.session_state"))
            filled = isinstance(getattr(node, "ctx", None), ast.Store) or _added(unit, node)
            table = store.setters if filled else store.readers
            table.setdefault((unit.path, unit.symbols.get(node, "")), unit.row(node.lineno))  # type: ignore[attr-defined]


def _entry(node: ast.AST) -> str:
    """The entry that `x.session_state.name` or `x.session_state["name"]` names."""
    held = dotted(node.value) if isinstance(node, ast.Attribute | ast.Subscript) else ""
    if not (held == "session_state" or held.endswith(".session_state")):
        return ""
    if isinstance(node, ast.Attribute):
        return node.attr if node.attr not in ("get", "keys", "items", "clear", "setdefault", "pop") else ""
    key = node.slice if isinstance(node, ast.Subscript) else None
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""


def _added(unit: Unit, node: ast.AST) -> bool:
    """Whether something is put into the entry: `st.session_state.history.append(x)`."""
    above = unit.parents.get(node)
    return isinstance(above, ast.Attribute) and above.attr in ("append", "extend", "insert", "clear", "update")


def _gradio(unit: Unit, stores: dict[str, Store]) -> None:
    """Components that hold a state, by the events that take and give them."""
    made = {
        dotted(node.targets[0]): call_name(node.value)
        for node in unit.nodes
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and call_name(node.value) in _KEPT
    }
    for node in unit.nodes if made else ():
        if not isinstance(node, ast.Call) or call_name(node) not in EVENTS:
            continue
        given = {k.arg: k.value for k in node.keywords} | dict(
            zip(("fn", "inputs", "outputs"), node.args, strict=False)
        )
        runs = dotted(given["fn"]) if "fn" in given else ""
        for word in ("inputs", "outputs"):
            for name in _names(given.get(word)) & made.keys() if runs else ():
                store = stores.setdefault(name, Store(made[name]))
                table = store.readers if word == "inputs" else store.setters
                table.setdefault((unit.path, runs), unit.row(node.lineno))


def _names(node: ast.AST | None) -> set[str]:
    return {dotted(n) for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute)} if node is not None else set()


def _hit(codebase: Codebase, sort: str, stores: dict[str, Store]) -> CensusHit:
    ranked = sorted(stores.items(), key=lambda item: -len(item[1].setters) - len(item[1].readers))
    told = []
    for name, store in ranked[:NAMED]:
        kind = f" ({store.holder})" if store.holder in _KEPT else ""
        setters, readers = people(codebase, store.setters, 3), people(codebase, store.readers, 3)
        told.append(f"`{name}`{kind}, set by {setters} and read by {readers}")
    more = listed([f"`{name}`" for name, _ in ranked[NAMED:]], SHOWN)
    text = f"Between the actions of a person, context is kept in {sort}: {'; '.join(told)}"
    text += f"; and {more}" if more else ""
    spots = [(p, n, n) for _, s in ranked for (p, _), n in (*s.setters.items(), *s.readers.items())]
    first, *rest = list(dict.fromkeys(spots))
    related = tuple(("place", *spot) for spot in rest[:PLACES])
    return hit_at(codebase, first[0], first[1:], symbol="", name="sessions", text=text, related=related)
