"""Whose an option is: a main program's own, that of other code that they run, or of nobody who is asked.

A parser that is only given lists by the code itself takes nothing from the command line.
"""

import re
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.flow.reach import reach_of
from retrieval.facts import Call, CensusHit
from retrieval.roles import is_left
from retrieval.snapshot import ROLES

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_MEASURES = re.compile(r"(?i)(?:^|/)(?:eval\w*|bench\w*|tests?)(?:/|_[^/]*$|\.\w+$)")
OWN, RUN, OTHER = 0, 1, 2
PARSERS = frozenset(["parse_args", "parse_known_args", "parse_intermixed_args"])
_LITERAL = re.compile(r"[\[(]")
_ASKED: "Beside[Codebase, list[tuple[str, Call]]]" = Beside()


def rank(codebase: "Codebase", hit: CensusHit) -> int:
    """OWN for options of the files in which main programs start or that these parse, RUN for others of code that
    main programs run, OTHER for the rest and for parsers that only the code itself fills."""
    if hit.detail.get("library") == "argparse" and _is_internal(codebase, hit):
        return OTHER
    reach = reach_of(codebase)
    paths = {start.path for start in reach.starts} | {path for start in reach.starts for path, _ in start.units}
    parsed = {path for label, path, _, _ in hit.related if label == "parsed"}
    if hit.path in paths or parsed & paths:
        return OWN
    return RUN if reach.has(hit) else OTHER


def ordered(codebase: "Codebase", hits: list[CensusHit]) -> list[CensusHit]:
    """The options of main programs first, sub-commands before them, those of programs that measure and of code that
    was left behind after others; else by role and place."""

    def place(hit: CensusHit) -> tuple[int, int, bool, bool, str, int]:
        role = ROLES.index(hit.role)  # type: ignore[arg-type]
        aside = bool(_MEASURES.search(hit.path)) or is_left(hit.path)
        return role, rank(codebase, hit), aside, hit.detail.get("library") != "sub-command", hit.path, hit.start

    return sorted(hits, key=place)


def _is_internal(codebase: "Codebase", hit: CensusHit) -> bool:
    """Whether every place that asks the option's parser gives it the words itself."""
    maker = hit.symbol.rpartition(".")[2]
    asked = [
        (path, call)
        for path, call in _asking(codebase)
        if (path == hit.path and call.symbol == hit.symbol) or (maker and _calls(codebase, path, call.symbol, maker))
    ]
    reach = reach_of(codebase)
    run = [item for item in asked if reach.has(_as_hit(hit, *item))] or asked
    return bool(run) and all(_is_given(codebase, path, call) for path, call in run)


def _as_hit(hit: CensusHit, path: str, call: Call) -> CensusHit:
    return CensusHit(path, call.start, call.end, call.symbol, hit.name, "")


def _asking(codebase: "Codebase") -> list[tuple[str, Call]]:
    if codebase not in _ASKED:
        _ASKED[codebase] = [(p, c) for p, c in codebase.all_calls() if c.name.rpartition(".")[2] in PARSERS]
    return _ASKED[codebase]


def _calls(codebase: "Codebase", path: str, symbol: str, name: str) -> bool:
    calls = codebase.facts[path].calls
    return any(c.symbol == symbol and c.name.rpartition(".")[2] == name for c in calls)


def _is_given(codebase: "Codebase", path: str, call: Call) -> bool:
    """Whether the words are a list in the code or what a function's callers hand over one by one."""
    given = call.arguments[0] if call.arguments else dict(call.keywords).get("args", "")
    if not given:
        return False
    own = (d for d in codebase.facts[path].definitions if d.symbol == call.symbol)
    variadic = any(p.strip() == f"*{given}" for d in own for p in d.parameters)
    return variadic or _LITERAL.match(given) is not None
