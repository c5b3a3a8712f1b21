"""Files that code keeps a record of its course in (logs, metrics, results), and the messages that tell the course."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.files.disk import Contact, contacts_of
from retrieval.census.files.path_patterns import paths_of
from retrieval.census.flow.reach import reach_of, reached_from
from retrieval.census.meaning.people import people
from retrieval.census.meaning.units import units
from retrieval.census.models.roster import roster_of
from retrieval.facts import CensusHit
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_RECORD = re.compile(
    r"(?i)(?:^|/)(?![^/]*metadata)[^/]*(?:log|metric|result|evaluat|history|progress|stats|losses)[^/]*"
    r"\.(?:txt|log|jsonl?|csv|tsv)$"
)
_KEPT = re.compile(r"(?i)log|metric|result|history|progress|stats|losses|record|report")
_ONE = re.compile(r"^\{([\w.]+)\}$")
_COURSE = re.compile(
    r"(?i)epoch|\bstep|iter|batch|progress|\}%|%%|percent|process(?:ing|ed)|finish|\bdone\b|complet|\bpages?\b|frames?\b"
    r"|seconds|\btook\b|elapsed|start(?:ing|ed)|saved|eta\b"
)
_LOADED = re.compile(r"(?i)load(?:ing|ed)")
_COUNTED = re.compile(r"(?i)epoch|\bsteps?\b|\biter|batch|\beta\b|samples")
_FAULT = re.compile(r"(?i)\berrors?\b|fail|exception|invalid|not found|could not|cannot|unable|\bnan\b|skipp|missing")
_HOLE = re.compile(r"\{[^}]*\w[^}]*\}|%[\d.]*[sdfr]|\+\s*\w|,\s*[a-z_]\w*")
FILES, MESSAGES, LONGEST, LEAST, FAR = 6, 4, 110, 2, 99


def record_files(codebase: Codebase) -> list[tuple[str, list[Contact]]]:
    """Path pattern → where code of the main programs writes it: log files, files that are appended to, and files called
    after logs, metrics or results; those that most places write first."""
    reach = reach_of(codebase)
    found: dict[str, list[Contact]] = {}
    for contact in contacts_of(codebase):
        if contact.effect != "writes" or not reach.runs((contact.path, contact.symbol)):
            continue
        pattern = _resolved(codebase, contact)
        kept = contact.what in ("log", "TensorBoard log", "file opened for appending")
        named = _RECORD.search(pattern) and ("opened" in contact.what or contact.what in ("JSON", "CSV", "text"))
        if (kept or named) and re.search(r"\w", pattern) and not pattern.startswith("{open("):
            found.setdefault(pattern, []).append(contact)
    bare = {pattern for pattern in found if _ONE.match(pattern) and not _KEPT.search(pattern)}
    found = {p: places for p, places in found.items() if p not in bare}  # a mere parameter says nothing
    return sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))


def _resolved(codebase: Codebase, contact: Contact) -> str:
    """A path that is only a name, replaced by what the file assigns to that name as a joined path."""
    match = _ONE.match(contact.pattern)
    if match is None:
        return contact.pattern
    for unit in units(codebase, re.escape(match[1]), path=contact.path):
        for node in unit.nodes:
            if isinstance(node, ast.Assign) and any(dotted(target) == match[1] for target in node.targets):
                symbol = unit.symbols.get(node, "")
                told = paths_of(codebase).written(contact.path, symbol, ast.unparse(node.value), unit.row(node.lineno))
                if "/" in told:
                    return told
    return contact.pattern


def files_text(codebase: Codebase) -> tuple[str, list[CensusHit]]:
    """ "`{output_dir}/log.txt` by `main()`, …" and the places; ("", []) when nothing is kept in a file."""
    found = record_files(codebase)
    said = [
        f"`{pattern.replace('`', chr(39))}` ({'TensorBoard log' if 'Tensor' in group[0].what else _way(group[0])} by "
        f"{people(codebase, [c.place for c in group], 3)})"
        for pattern, group in found[:FILES]
    ]
    more = f" and {len(found) - FILES} more" if len(found) > FILES else ""
    hits = [CensusHit(c.path, c.start, c.end, c.symbol, pattern, "") for pattern, group in found for c in group]
    return ", ".join(said) + more, hits


def _way(contact: Contact) -> str:
    return "appended" if "append" in contact.what else "written"


def course_messages(codebase: Codebase, hits: list[CensusHit]) -> list[CensusHit]:
    """The messages that tell the course best: in loops, with values in them and words of progress; one a function."""
    rated = [(_rate(codebase, hit), place, hit) for place, hit in enumerate(hits)]
    rated.sort(key=lambda item: (-item[0], item[1]))
    chosen: dict[tuple[str, str], CensusHit] = {}
    for score, _place, hit in rated:
        if score > LEAST:
            chosen.setdefault((hit.path, hit.symbol), hit)
    return list(chosen.values())[:MESSAGES]


def _rate(codebase: Codebase, hit: CensusHit) -> int:
    plain = bool(_LOADED.search(hit.text)) - ("ownload" in hit.text)
    told = 2 * bool(_COURSE.search(hit.text)) or plain
    told += 2 * bool(_HOLE.search(hit.text)) + bool(_COUNTED.search(hit.text))
    loops = (fact for fact in codebase.facts[hit.path].facts if fact.kind == "loop" and fact.symbol == hit.symbol)
    told += (hit.path, hit.symbol) in _depths(codebase)
    told -= hit.detail.get("level") == "debug"
    told -= 2 * bool(_FAULT.search(hit.text))
    return told + any(fact.start < hit.start <= fact.end for fact in loops)


def message_text(hit: CensusHit) -> str:
    """A message as written, on one line, cut."""
    text = " ".join(hit.text.removesuffix(" prints to the console").strip("`").replace("`", "'").split())
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def main_first(codebase: Codebase, hits: list[CensusHit]) -> list[CensusHit]:
    """Hits in what the first main program runs before others, and those that few calls lead to before deep ones."""
    starts = reach_of(codebase).starts[:1]
    files = {path for path, _symbol in reached_from(codebase, starts)} if starts else set()
    depths = _depths(codebase)
    return sorted(hits, key=lambda hit: (hit.path not in files, depths.get((hit.path, hit.symbol), FAR)))


@once
def _depths(codebase: Codebase) -> dict[tuple[str, str], int]:
    """Body → how many calls lead to it from where programs start, for those that calls are seen to lead to."""
    found: dict[tuple[str, str], int] = {}
    for frame, depth in roster_of(codebase).frames:
        if depth >= 0:
            found.setdefault((frame.path, frame.symbol), depth)
    return found
