"""Kind `reuse`: results that are computed once and taken up again, from files, tables in memory or attributes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.wording import caller
from retrieval.census.models.roster import roster_of
from retrieval.facts import CensusHit
from retrieval.parse import Node, descendants, first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

_FILE = re.compile(
    r"(?:os\.path\.|osp\.)?(?:isfile|exists|is_file|lexists)\(\s*([^()]*(?:\([^()]*\)[^()]*)?)\)"
    r"|([\w.]+)\.(?:exists|is_file)\(\)"
)
_MISSING = re.compile(
    r"^\(?\s*(?P<key>[\w.\[\]()'\", ]+?)\s+not in\s+(?P<table>[\w.]+)\s*\)?$"
    r"|^(?P<k2>[\w.\[\]()'\", ]+?)\s+in\s+(?P<t2>[\w.]+)$"
)
_UNSET = re.compile(
    r"^\(?(?:(?P<a>(?:self|cls)\.\w+|_?[A-Za-z]\w*)\s+is\s+None|not\s+(?P<b>(?:self|cls)\.\w+)"
    r"|not\s+hasattr\(self,\s*['\"](?P<c>\w+)['\"]\))\)?$"
)
_WRITING = re.compile(
    r"(?:save|dump|write|to_csv|to_json|imwrite|savetxt|savemat|export|download|urlretrieve|copy|fetch|mimsave|extract)"
    r"\w*$"
)
_READING = re.compile(r"(?:load|read|open|imread|loadtxt|loadmat|fromfile|from_file)\w*$")
_TRIVIAL = re.compile(
    r"(?:warning|info|error|debug|getLogger|makedirs|mkdir|print|warn|exit|remove|unlink|rmtree|join|append|isfile|exists)$"
)
_NOT_TABLES = re.compile(
    r"(?:^|\.)(?:args|kwargs|config|cfg|options|params|state_dict|environ|modules|__dict__|keys|columns|shape|text|line"
    r"|name|path|url)$"
)
_FETCHING = re.compile(r"(?i)download|fetch|urlretrieve|wget|load_url")
CALL = 80


@dataclass(frozen=True)
class Found:
    """One place: its sort ("file", "table" or "attribute") and what it says."""

    sort: str
    node: Node
    said: str


@kind(
    "reuse",
    summary="results kept for reuse: files that are computed only when missing, tables and attributes filled once",
    example="reuse: file",
    reads="python",
    ordered=True,
)
def reuse(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Patterns are of file, table and attribute; places in the order in which programs come to them."""
    for frame, _depth in roster_of(codebase).frames:
        for decision in frame.body.decisions:
            found = _decision(frame, decision.node) if decision.node.type == "if_statement" else None
            if found is not None and query.matches(found.sort):
                lines = (first_line(found.node), last_line(found.node))
                subject = caller(frame)
                text = f"{subject[0].upper()}{subject[1:]} {found.said}"
                yield hit_at(codebase, frame.path, lines, symbol=frame.symbol, name=found.sort, text=text)


def _decision(frame: "Frame", node: Node) -> Found | None:
    text = frame.body.tree.text
    condition = " ".join(text(node.child_by_field_name("condition")).split())
    block, other = node.child_by_field_name("consequence"), node.child_by_field_name("alternative")
    if block is None:
        return None
    match = _FILE.search(condition)
    if match is not None:
        absent = re.search(r"\bnot\b[^()]*$", condition[: match.start()]) is not None
        return _kept_file(
            frame, node, (match[1] or match[2] or "").strip(), (block, other) if absent else (other, block)
        )
    missing = _MISSING.match(condition)
    if missing is not None:
        key, table = missing["key"] or missing["k2"], missing["table"] or missing["t2"]
        return _kept_table(frame, node, (key, table), block)
    unset = _UNSET.match(condition)
    if unset is not None:
        name = unset["a"] or unset["b"] or f"self.{unset['c']}"
        return _kept_attribute(frame, node, name, block)
    return None


def _kept_file(frame: "Frame", node: Node, path: str, arms: tuple[Node | None, Node | None]) -> Found | None:
    """A file that is made when it is missing and read when it is there; `arms` are these two branches."""
    making, taking = arms
    makes = [c for c in _calls(frame, making) if not _TRIVIAL.search(c[0])]
    if any(re.search(r"(?:Error|Exception|Exit)$", c[0]) for c in makes[:2]):
        return None
    mentions = [c for c in makes if path and path in c[1]]
    reads = [c for c in _calls(frame, taking) if path and path in c[1] and _READING.search(c[0])]
    writes = [c for c in mentions if _WRITING.search(c[0])]
    # What is made must be the file that was looked for: reading another one in its place keeps nothing.
    if making is None or not makes or not (writes or (mentions and (reads or _is_costly(mentions)))):
        return None
    shown = [c for c in (writes or mentions or makes)][:1]
    first = next((c for c in makes if c not in shown and c in mentions), None)
    does = "fetches it" if _FETCHING.search(shown[0][0]) else "computes again"
    said = f"{does} only when `{one_line(path, 60)}` is not there: `{one_line(shown[0][1], CALL)}`"
    said += f", `{one_line(first[1], CALL)}`" if first else ""
    said += f"; else it takes up what is kept: `{one_line(reads[0][1], CALL)}`" if reads else ""
    return Found("file", node, said)


def _is_costly(calls: list[tuple[str, str]]) -> bool:
    return any(re.search(r"extract|generate|predict|infer|compute|encode|process|convert|build", c[0]) for c in calls)


def _kept_table(frame: "Frame", node: Node, pair: tuple[str, str], block: Node) -> Found | None:
    """`if key not in table: table[key] = compute(...)`, or `if key in table: return table[key]`."""
    key, table = pair
    if _NOT_TABLES.search(table) or key[:1] in "\"'":
        return None
    body = " ".join(frame.body.tree.text(block).split())
    stored = re.search(
        rf"{re.escape(table)}\[{re.escape(key)}\]\s*=\s*(?!\[\]|\{{\}}|0\b|None|list|set|dict|1\b)(.+?\()", body
    )
    given = re.match(rf"return {re.escape(table)}\[{re.escape(key)}\]", body)
    if stored is None and given is None:
        return None
    source = frame.body.tree.data.decode("utf-8", errors="replace")
    if stored is None and not re.search(rf"(?<![\w.]){re.escape(table)}\[[^\]]+\]\s*=(?!=)", source):
        return None
    what = "computes a value only when" if stored else "gives back what it has kept when"
    return Found("table", node, f"{what} `{key}` is {'not ' if stored else ''}in `{table}`")


def _kept_attribute(frame: "Frame", node: Node, name: str, block: Node) -> Found | None:
    """`if self.x is None: self.x = compute()`: worked out once and kept on the object or in the module."""
    if "." not in name and name not in frame.body.not_local:
        return None
    body = " ".join(frame.body.tree.text(block).split())
    stored = re.search(rf"(?:^|\s){re.escape(name)}\s*=\s*([\w.]+\([^\n]*?\)|[\w.]+\()", body)
    if stored is None or re.match(r"[\w.]*(?:dict|list|set|get_logger|getLogger)\(", stored[1]):
        return None
    return Found("attribute", node, f"makes `{name}` only once and keeps it: `{one_line(stored[1], CALL)}`")


def _calls(frame: "Frame", block: Node | None) -> list[tuple[str, str]]:
    """The calls in a branch: the written name, and the whole."""
    text = frame.body.tree.text
    return [
        (text(node.child_by_field_name("function")), " ".join(text(node).split()))
        for node in (descendants(block) if block is not None else ())
        if node.type == "call"
    ]
