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
from retrieval.census.held import held_by
from retrieval.census.kept_downloads import kept_download
from retrieval.census.kept_results import kept_results
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.presence import is_first_use
from retrieval.census.prose import counted, listed
from retrieval.census.released import named
from retrieval.census.roster import Roster, roster_of
from retrieval.census.shelves import shelves_of
from retrieval.census.spots import Spot
from retrieval.census.units import Function, Unit, subject_of, units
from retrieval.census.wording import caller
from retrieval.facts import CensusHit
from retrieval.pyast import dotted, source_of

if TYPE_CHECKING:
    from retrieval.census.body import Binding
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

NAMES = ("models", "built", "kv", "results", "collected", "files", "tables", "memo", "skip", "download")
MOST_NAMED = 6
_MEMO = re.compile(
    r"(?:^|\.)(?:lru_cache|cache|cached|memoize|memoized|ttl_cache|alru_cache|cache_data|cache_resource)$"
)
_FLAG = re.compile(r"^(?:use_)?(?:kv_?)?cach(?:e|ing)$|^use_\w*kv_?cach\w*$|^use_cache$")
_OWNED = re.compile(r"(?i)^self\.\w*(?:kv_?cache|past_key_values?|past_kv)$")
_PAST = re.compile(r"^(?:past_(?:kv|key_values?)|layer_past|kv_cache|key_value_cache)$")
Switches = dict[str, dict[str, list[tuple[str, str, int]]]]  # flag → how it is set → functions with their places
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
        found = [*_models(codebase), *_attention(codebase), *_functions(codebase), *kept_results(codebase)]
        _KNOWN[codebase] = sorted(found, key=lambda hit: NAMES.index(hit.name))
    yield from (hit for hit in _KNOWN[codebase] if query.matches(hit.name))


def _models(codebase: Codebase) -> Iterator[CensusHit]:
    """Containers and variables that keep loaded models."""
    roster = roster_of(codebase)
    for shelf in shelves_of(roster).by_root.values():
        if not any(_is_keyed(frame, line) for frame, line in shelf.puts):
            continue  # a list of what there is
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
    return re.search(r"\]\s*=(?!=)|\.(?:setdefault|update|set|put)\(", lines[line - 1]) is not None


def _variables(codebase: Codebase, roster: Roster) -> Iterator[CensusHit]:
    """Variables of modules and attributes that get a model at its first use: `if net is None: net = load()`."""
    told = set[tuple[str, str]]()
    for frame, _depth in roster.frames:
        for binding in frame.body.bindings:
            name = _outliving(frame, binding)
            if not name or (frame.path, name) in told or not _is_lazy(frame, binding):
                continue
            if kept := _kept(roster, frame, binding):
                told.add((frame.path, name))
                text = f"`{name}` keeps {kept} from the first use on, made by {caller(frame)}"
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


def _attention(codebase: Codebase) -> Iterator[CensusHit]:
    """Key/value caches: the switch with its default and its callers, and the functions that hand keys and values on."""
    switches: Switches = {}
    passed: dict[str, tuple[str, int]] = {}
    for unit in units(codebase, r"cach|past_k|layer_past"):
        for node, symbol in unit.functions():
            for item, preset in _parameters(node):
                if _FLAG.match(item.arg) and preset is not None and _is_flag(preset):
                    words = f"`{source_of(preset, 20)}` by default in"
                    switches.setdefault(item.arg, {}).setdefault(words, []).append((symbol, unit.path, item.lineno))
                elif _PAST.match(item.arg):
                    passed.setdefault(symbol, (unit.path, item.lineno))
        for node in unit.nodes:
            _note_given(unit, node, switches)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and _PAST.match(node.id):
                passed.setdefault(unit.symbols.get(node, ""), (unit.path, unit.row(node.lineno)))
    yield from _told_switches(codebase, switches)
    if passed:
        symbol, (path, line) = next(iter(passed.items()))
        names = listed([f"`{name}()`" for name in passed if name], MOST_NAMED)
        text = f"Keys and values of attention are handed on from step to step in {names}{_owners(codebase)}"
        related = tuple(("kv", p, n, n) for p, n in list(passed.values())[1:4])
        yield hit_at(codebase, path, (line, line), symbol=symbol, name="kv", text=text, related=related)


def _owners(codebase: Codebase) -> str:
    """The attributes that hold a key/value cache over several steps, with the methods that set and empty them."""
    found: dict[str, dict[str, list[str]]] = {}
    for unit in units(codebase, r"(?i)kv_?cache|past_key"):
        for node in unit.nodes:
            target = (
                node.targets[0]
                if isinstance(node, ast.Assign)
                else node.target
                if isinstance(node, ast.AnnAssign)
                else None
            )
            inner = target.value if isinstance(target, ast.Subscript) else target
            name = dotted(inner) if inner is not None else ""
            owner, _, method = unit.symbols.get(node, "").rpartition(".")
            if name.startswith("self.") and _OWNED.search(name) and owner:
                value = node.value  # type: ignore[attr-defined]
                empty = isinstance(value, ast.Constant | ast.Dict | ast.List) and "fill" not in method
                how = "changed" if isinstance(target, ast.Subscript) else "emptied" if empty else "set"
                names = found.setdefault(f"{owner}.{name[5:]}", {}).setdefault(how, [])
                names += [f"`{method}()`"] if f"`{method}()`" not in names and method != "__init__" else []
    rows = [
        f"`{name}`" + "".join(f", {how} by {listed(methods, 3)}" for how, methods in ways.items() if methods)
        for name, ways in found.items()
        if any(ways.values())
    ]
    return f"; kept in {listed(rows, 2)}" if rows else ""


def _is_flag(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, bool)


def _parameters(node: Function) -> Iterator[tuple[ast.arg, ast.expr | None]]:
    """The parameters of a function, each with its default."""
    given = node.args
    plain = [*given.posonlyargs, *given.args]
    missing: list[ast.expr | None] = [None] * (len(plain) - len(given.defaults))
    yield from zip(plain, [*missing, *given.defaults], strict=True)
    yield from zip(given.kwonlyargs, given.kw_defaults, strict=True)


def _note_given(unit: Unit, node: ast.AST, switches: Switches) -> None:
    """Calls that turn a cache on or off."""
    for key in node.keywords if isinstance(node, ast.Call) else ():
        if key.arg and _FLAG.match(key.arg) and _is_flag(key.value):
            words = f"given as `{source_of(key.value, 20)}` by"
            place = (unit.symbols.get(node, "") or unit.path, unit.path, unit.row(key.value.lineno))
            switches.setdefault(key.arg, {}).setdefault(words, []).append(place)


def _told_switches(codebase: Codebase, switches: Switches) -> Iterator[CensusHit]:
    for flag, ways in switches.items():
        rows = [
            f"{words} {listed(list(dict.fromkeys(f'`{s}()`' if '.py' not in s else s for s, _, _ in places)), 4)}"
            for words, places in ways.items()
        ]
        places = [place for listed_ in ways.values() for place in listed_]
        symbol, path, line = places[0]
        related = tuple(("use", p, n, n) for _, p, n in places[1:5])
        text = f"Switch `{flag}` of the key/value cache: {'; '.join(rows)}"
        yield hit_at(codebase, path, (line, line), symbol=symbol, name="kv", text=text, related=related)


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
