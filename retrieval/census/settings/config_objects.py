"""Kind `config_objects`: configuration that code keeps as an object: who reads it from which file, where the object is
kept, and which of its entries each function uses, for which call.

Followed from the call that loads, or the function that gives back what it loaded, over names, attributes of classes and
parameters of repository functions. An entry is told by its whole path of keys.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind, parse_query
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Unit, call_name, own_nodes, units, written
from retrieval.census.settings.config_chains import Chain, chains, copies, family, handed_on, holds
from retrieval.census.settings.configs import configs
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

DEPTH, KEYS, BODIES, MOST = 2, 8, 6, 40
_FORMS = {
    "config class": "a configuration file",
    "model configuration": "the configuration of a model",
    "OmegaConf": "a file with OmegaConf",
}
Body = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(slots=True)
class _Kept:
    """One loaded configuration: the hit of the loading call, where it is kept, and what is used of it."""

    hit: CensusHit
    function: str  # the function that gives it back, "" when it is used where it is read
    places: dict[str, tuple[str, int]] = field(default_factory=dict)
    chains: list[Chain] = field(default_factory=list)
    seen: set[tuple[str, str, str]] = field(default_factory=set)


@kind(
    "config_objects",
    summary="configuration kept as an object: the file it is read from, who keeps it, which entries are used where",
    example="config_objects",
    reads="python",
    ordered=True,
)
def config_objects(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per configuration of which entries are used, those used most first; patterns match keys."""
    found: list[_Kept] = []
    for hit in configs(codebase, parse_query("configs: what=config")):
        given = " is given its configuration by " in hit.text
        loads = (
            given or " reads: " in hit.text or " is read: " in hit.text or hit.text.startswith("configuration object")
        )
        if hit.role == "source" and loads and hit.name != "environment file":
            kept = _Kept(hit, "")
            _from_load(codebase, kept)
            if kept.chains:
                found.append(kept)
    for kept in sorted(_joined(found), key=lambda kept: -len({c.key for c in kept.chains})):
        chosen = [chain for chain in kept.chains if query.matches(chain.key)]
        if chosen:
            yield _hit(codebase, kept, chosen)


def _joined(found: list[_Kept]) -> list[_Kept]:
    """Each use told once, with the first load that gives it."""
    told: set[tuple[str, int, str]] = set()
    for kept in found:
        kept.chains = [c for c in kept.chains if (c.path, c.line, c.key) not in told]
        told |= {(c.path, c.line, c.key) for c in kept.chains}
    return [kept for kept in found if kept.chains]


def _from_load(codebase: "Codebase", kept: _Kept) -> None:
    for unit in units(codebase, path=kept.hit.path):
        for body, symbol in [(unit.tree, ""), *unit.functions()]:
            if symbol != kept.hit.symbol:
                continue
            if " is given its configuration by " in kept.hit.text:
                first = body.args.args[:1] if isinstance(body, ast.FunctionDef) else []
                _follow(codebase, kept, unit, body, symbol, {arg.arg for arg in first}, 0)
                continue
            loads = [n for n in own_nodes(body) if isinstance(n, ast.Call) and unit.lines(n)[0] == kept.hit.start]
            names = {name for load in loads for name in _bound(unit, load)}
            names |= copies(body, names)
            if _gives_back(unit, body, loads, names):
                kept.function = symbol
                _from_callers(codebase, kept, unit.path, symbol)
            _follow(codebase, kept, unit, body, symbol, names, 0)


def _bound(unit: Unit, node: ast.AST) -> list[str]:
    """The names and attributes that the value of a call is bound to, by itself or wrapped in other calls."""
    current = unit.parents.get(node)
    while isinstance(current, ast.Call | ast.keyword | ast.Attribute | ast.Await):
        current = unit.parents.get(current)
    if isinstance(current, ast.Assign | ast.AnnAssign):
        targets = current.targets if isinstance(current, ast.Assign) else [current.target]
        return [written(target) for target in targets if isinstance(target, ast.Name | ast.Attribute)]
    return []


def _gives_back(unit: Unit, body: ast.AST, loads: list[ast.Call], names: set[str]) -> bool:
    returned = [node.value for node in own_nodes(body) if isinstance(node, ast.Return) and node.value is not None]
    inside = {id(part) for value in returned for part in ast.walk(value)}
    return any(holds(value, names) for value in returned) or any(id(load) in inside for load in loads)


def _from_callers(codebase: "Codebase", kept: _Kept, path: str, symbol: str) -> None:
    """The bodies that call the function which gives the configuration back."""
    name = symbol.rpartition(".")[2]
    for unit in units(codebase, rf"\b{name}\("):
        for body, own in [(unit.tree, ""), *unit.functions()]:
            calls = [n for n in own_nodes(body) if call_name(n) == name]
            calls = [n for n in calls if _reaches(codebase, unit, n, (path, symbol))]
            names = {bound for call in calls for bound in _bound(unit, call)}
            if names:
                _follow(codebase, kept, unit, body, own, names, 0)


def _reaches(codebase: "Codebase", unit: Unit, node: ast.AST, place: tuple[str, str]) -> bool:
    assert isinstance(node, ast.Call)
    found = codebase.resolve_local(unit.path, written(node.func))
    if found is not None:
        return (found[0], found[1].symbol) == place
    return unit.path == place[0] and "." in place[1] and written(node.func).startswith(("self.", "cls."))


def _follow(
    codebase: "Codebase", kept: _Kept, unit: Unit, body: ast.AST, symbol: str, names: set[str], depth: int
) -> None:
    """What a body in which names hold the configuration uses of it, and where it keeps or hands it on."""
    names = names | copies(body, names)
    for name in sorted(names):
        if (unit.path, symbol, name) in kept.seen or len(kept.seen) > MOST:
            continue
        kept.seen.add((unit.path, symbol, name))
        kept.chains += chains(unit, body, symbol, name)
        if name.startswith("self.") and name.count(".") == 1:
            kept.places.setdefault(f"`{name}` of `{symbol.rpartition('.')[0]}`", (unit.path, unit.row(body_line(body))))
            for other, method, own in family(codebase, unit, symbol.rpartition(".")[0], name):
                _follow(codebase, kept, other, method, own, {name}, depth)
        if depth < DEPTH:
            for other, function, own, parameter in handed_on(codebase, unit, body, name):
                _follow(codebase, kept, other, function, own, {parameter}, depth + 1)


def body_line(body: ast.AST) -> int:
    """The first line of a body."""
    return getattr(body, "lineno", 1)


def _hit(codebase: "Codebase", kept: _Kept, used: list[Chain]) -> CensusHit:
    hit = kept.hit
    subject = f"`{hit.symbol}()` ({hit.path})" if hit.symbol else f"the top level of {hit.path}"
    source = hit.text.partition(", of ")[2]
    form = _FORMS.get(hit.name, f"a file as {hit.name}")
    text = f"{subject} reads {form}" + (f", given {source}" if source else f": {_call(hit.text)}")
    text = hit.text if " is given its configuration by " in hit.text else text
    if kept.places:
        text += f"; kept in {listed(list(kept.places), 3)}"
    bodies: dict[tuple[str, str], list[Chain]] = {}
    for chain in used:
        bodies.setdefault((chain.path, chain.symbol), []).append(chain)
    told = [_used(place, found) for place, found in bodies.items()]
    more = f"; and by {len(told) - BODIES} more functions" if len(told) > BODIES else ""
    text += f"; used: {'; '.join(told[:BODIES])}{more}"
    spots = dict.fromkeys((chain.path, chain.line) for chain in used)
    related = tuple(("used", path, line, line) for path, line in list(spots)[:BODIES])
    return hit_at(
        codebase, hit.path, (hit.start, hit.end), symbol=hit.symbol, name=hit.name, text=text, related=related
    )


def _call(text: str) -> str:
    return f"`{text.split('`')[1]}`" if "`" in text else "a call"


def _used(place: tuple[str, str], found: list[Chain]) -> str:
    path, symbol = place
    told = {chain.key for chain in found if chain.given}
    by: dict[str, dict[str, None]] = {}
    for chain in sorted(found, key=lambda chain: not chain.given):
        if not chain.given and chain.key in told:
            continue
        by.setdefault(chain.given, {}).setdefault(f"`{chain.key}`")
    parts = [
        listed(list(keys), KEYS) + (f" in `{given}()`" if given else "") for given, keys in list(by.items())[:KEYS]
    ]
    return f"{', '.join(parts)} by {f'`{symbol}()`' if symbol else f'the top level of {path}'}"
