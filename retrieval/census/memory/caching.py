"""Kind `caching`: what is kept so that it need not be worked out, loaded or fetched again.

Containers of loaded models, key/value caches with the switch that turns them on, memoised functions, results put into
attributes and tables named as caches, files that are written and taken up again, work that is skipped when its result
is there, and downloads that are kept. Lazy defaults and caches of documents are none.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.files.kept_downloads import kept_download
from retrieval.census.flow.loop_inputs import loop_inputs
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.presence import is_first_use
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.spots import Spot
from retrieval.census.meaning.units import subject_of, units
from retrieval.census.meaning.wording import caller
from retrieval.census.memory.attention_caches import attention_caches
from retrieval.census.memory.between_calls import kept_while, let_go_after, methods_of
from retrieval.census.memory.kept_results import kept_results
from retrieval.census.memory.released import named
from retrieval.census.models.held import held_by
from retrieval.census.models.roster import Roster, roster_of
from retrieval.census.models.shelves import shelves_of
from retrieval.facts import CensusHit
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.census.meaning.body import Binding
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

NAMES = ("results", "kv", "models", "built", "collected", "files", "tables", "memo", "skip", "download")
MOST_NAMED = 6
_MEMO = re.compile(
    r"(?:^|\.)(?:lru_cache|cache|cached|memoize|memoized|ttl_cache|alru_cache|cache_data|cache_resource)$"
)
_KNOWN: Beside[Codebase, list[CensusHit]] = Beside()


@kind(
    "caching",
    summary="what is kept for reuse: loaded models, key/value caches with their switch, memoised functions, results",
    example="caching: models, kv",
    reads="python",
    ordered=True,
)
def caching(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per cache; patterns are the names in `NAMES`."""
    if codebase not in _KNOWN:
        found = [
            *_models(codebase),
            *attention_caches(codebase),
            *_functions(codebase),
            *loop_inputs(codebase),
            *kept_results(codebase),
        ]
        _KNOWN[codebase] = sorted(found, key=lambda hit: NAMES.index(hit.name))
    yield from (hit for hit in _KNOWN[codebase] if query.matches(hit.name))


def _models(codebase: Codebase) -> Iterator[CensusHit]:
    """Containers and variables that keep loaded models."""
    roster = roster_of(codebase)
    for shelf in shelves_of(roster).by_root.values():
        if not any(_is_keyed(frame, line) for frame, line in shelf.puts):
            continue  # a list of what there is
        if all(frame.symbol.endswith("__init__") for frame, _ in shelf.puts):
            continue  # parts that are made with their object
        frames = list(dict.fromkeys(frame for frame, _ in shelf.puts))
        frame, line = shelf.puts[0]
        by = listed(list(dict.fromkeys(caller(frame) for frame in frames)), 3)
        text = f"`{shelf.written}` keeps loaded models ({named(shelf.models)}), put in by {by}"
        related = tuple(("put", f.path, n, n) for f, n in shelf.puts[1:4])
        yield hit_at(codebase, frame.path, (line, line), symbol=frame.symbol, name="models", text=text, related=related)
    yield from _variables(codebase, roster)


def _is_keyed(frame: Frame, line: int) -> bool:
    """Whether a line puts something into a container under a key."""
    lines = frame.program.snapshot.by_path[frame.path].lines
    return re.search(r"\]\s*=(?!=)|\.(?:setdefault|set)\(", lines[line - 1]) is not None


def _variables(codebase: Codebase, roster: Roster) -> Iterator[CensusHit]:
    """Variables of modules and attributes that get a model at its first use: `if net is None: net = load()`."""
    told, methods = set[tuple[str, str]](), methods_of(roster)
    for frame, _depth in roster.frames:
        for binding in frame.body.bindings:
            name = _outliving(frame, binding)
            if not name or (frame.path, name) in told:
                continue
            lazy = f"from the first use on, made by {caller(frame)}" if _is_lazy(frame, binding) else ""
            how = lazy or kept_while(methods, frame, binding.name)
            if not how or not (kept := _kept(roster, frame, binding)):
                continue
            if not let_go_after(methods, frame, binding.name):
                told.add((frame.path, name))
                text = f"`{name}` keeps {kept} {how}"
                lines = (binding.line, binding.line)
                yield hit_at(codebase, frame.path, lines, symbol=frame.symbol, name="models", text=text)


def _kept(roster: Roster, frame: Frame, binding: Binding) -> str:
    """The models that a binding gets, or the object that holds models, in words; "" for neither."""
    if made := shelves_of(roster).carried(frame, binding.value):
        return named(made)
    if binding.value is None:
        return ""
    spot = Spot(frame, binding.value, binding.order, binding.guards)
    held = {cls: held_by(roster, cls) for cls in roster.tracer.classes(spot)}
    cls = next((cls for cls, models in held.items() if models), None)
    return f"a `{cls.definition.symbol}`, which holds {named(held[cls])}," if cls is not None else ""


def _outliving(frame: Frame, binding: Binding) -> str:
    """The name of a variable or attribute that outlives the call of the body that binds it; "" for others."""
    own, dot, attribute = binding.name.partition(".")
    if dot and frame.owner is not None and own == next(iter(frame.parameters), "") and "." not in attribute:
        return f"{frame.owner.definition.symbol}.{attribute}"
    return binding.name if not dot and binding.name in frame.body.not_local else ""


def _is_lazy(frame: Frame, binding: Binding) -> bool:
    """Whether a name is bound only when it holds nothing yet; what a constructor does is a beginning."""
    value = binding.value
    if frame.symbol.rpartition(".")[2] == "__init__":
        return False
    keeps = value is not None and value.type == "boolean_operator" and value.child_by_field_name("left") is not None
    if keeps and value is not None and frame.body.tree.text(value.child_by_field_name("left")) == binding.name:
        return True
    last = binding.name.rpartition(".")[2]
    near = [
        guard for guard in binding.guards if binding.name in guard.text or f'"{last}"' in guard.text.replace("'", '"')
    ]
    return value is not None and any(map(is_first_use, near))


def _functions(codebase: Codebase) -> Iterator[CensusHit]:
    """Memoised functions by decorator, and functions that keep what they download."""
    memo: dict[str, list[tuple[str, str, int, int]]] = {}
    for unit in units(codebase, r"cache|memoize|download|urlopen|urlretrieve|load_url|fetch"):
        for node, symbol in unit.functions():
            for item in node.decorator_list:
                name = dotted(item.func if isinstance(item, ast.Call) else item)
                if _MEMO.search(name):
                    memo.setdefault(name, []).append((symbol, unit.path, *unit.lines(node)))
            text = kept_download(node)
            if text:
                subject = subject_of(codebase, unit.path, symbol)
                said = f"{subject[0].upper()}{subject[1:]} {text}"
                yield hit_at(codebase, unit.path, unit.lines(node), symbol=symbol, name="download", text=said)
    for name, rows in memo.items():
        rows.sort(key=lambda row: codebase.snapshot.by_path[row[1]].role != "source")
        symbol, path, first, last = rows[0]
        names = listed(list(dict.fromkeys(f"`{row[0]}()`" for row in rows)), MOST_NAMED)
        files = len({row[1] for row in rows})
        text = f"`@{name}` memoises {counted(len(rows), 'function')} in {counted(files, 'file')}: {names}"
        related = tuple(("memo", p, a, a) for _, p, a, _ in rows[1:6])
        yield hit_at(codebase, path, (first, min(last, first + 8)), symbol="", name="memo", text=text, related=related)
