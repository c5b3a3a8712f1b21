"""Kind `idle_options`: options of main programs that change nothing: the code gives them values itself, or reads none.

An option counts as unread when its name stands nowhere in the Python code of the repository but where it is declared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind, parse_query
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.unread import words_of
from retrieval.census.settings.option_effects import effects_of, known_options
from retrieval.census.settings.options import cli_options
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, PLACES = 8, 12
_NAME = re.compile(r"[A-Za-z_]\w*$")
_BUILT_IN = re.compile(r"(?:help|version)\b")


@kind(
    "idle_options",
    summary="options of main programs that change nothing: given values by the code itself, or read by none",
    example="idle_options",
    reads="python",
    ordered=True,
)
def idle_options(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """A sentence on options that the code gives values of its own, and one on those that nothing reads."""
    known, replaced = known_options(codebase), effects_of(codebase).replaced
    told = {name: effect for name, effect in replaced.items() if name in known and query.matches(name)}
    if told:
        parts = [
            f"`{known[name]}` (`{effect.text.split('`')[1]}`, {effect.path}:{effect.lines[0]})"
            for name, effect in told.items()
        ]
        text = f"What is given with {listed(parts, SHOWN)} has no effect: the code sets its own value after parsing"
        first, *rest = told.values()
        related = tuple(("set", effect.path, *effect.lines) for effect in rest[:PLACES])
        yield hit_at(codebase, first.path, first.lines, symbol=first.symbol, name="set", text=text, related=related)
    unread = [hit for hit in _unread(codebase) if query.matches(hit.name.lstrip("-"))]
    if unread:
        first, *rest = unread
        names = listed(list(dict.fromkeys(f"`{hit.name}`" for hit in unread)), SHOWN)
        text = f"No Python code of the repository reads {names}: the command line takes the option and nothing follows"
        related = tuple(("declared", hit.path, hit.start, hit.end) for hit in rest[:PLACES])
        yield hit_at(codebase, first.path, (first.start, first.end), symbol=first.symbol, name="unread", text=text,
                     related=related)  # fmt: skip


def _unread(codebase: Codebase) -> Iterator[CensusHit]:
    """Options of argparse under a name that only declarations write."""
    hits = list(cli_options(codebase, parse_query("cli_options: of=programs")))
    hits = [hit for hit in hits if hit.detail.get("library") == "argparse" and hit.role == "source"]
    hits = [hit for hit in hits if hit.detail.get("action", "").strip("\"'") not in ("help", "version")]
    written = Counter[str]()
    for hit in {(hit.path, hit.start): hit for hit in hits}.values():
        lines = codebase.snapshot.by_path[hit.path].lines[hit.start - 1 : hit.end]
        written.update(re.findall(r"\w+", "\n".join(lines)))
    for hit in hits:
        name = hit.name.lstrip("-").replace("-", "_")
        flag = hit.name.startswith("--") and _NAME.match(name) and not _BUILT_IN.match(name)
        if flag and "dest=" not in _declared(codebase, hit) and words_of(codebase)[name] <= written[name]:
            yield hit


def _declared(codebase: Codebase, hit: CensusHit) -> str:
    return "".join(codebase.snapshot.by_path[hit.path].lines[hit.start - 1 : hit.end])
