"""Kind `option_ways`: the way of parsed options through the program: where they are parsed, which functions are
given them under which parameter, and where they are read at last.

Followed by name inside a body and through calls of repository functions, at most four steps deep. Objects that
keep options in attributes are told with the attribute; `config_reads` says who reads entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of, reached_from
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import subject_of
from retrieval.census.settings.option_flow import Flow, Given, flow
from retrieval.census.settings.option_reads import SET
from retrieval.census.settings.option_records import record_of
from retrieval.census.settings.option_sites import Site, sites
from retrieval.facts import CensusHit, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

DEEPEST, NAMES, WIDE, LEADS, GIVEN = 3, 12, 3, 4, 6
_RAISED = re.compile(r"(?:Error|Exception|Warning)$|^self\.\w+\.append$")
_ASIDE = re.compile(r"(?:^|/)(?:\w*tests?|bench\w*|scripts|tools|docs?|examples?)/")  # not the program itself
Place = tuple[str, str]


@kind(
    "option_ways",
    summary="the way of command-line options: where parsed, to which functions and parameters given, where read",
    example="option_ways",
    reads="python",
    options=("what",),
    ordered=True,
)
def option_ways(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per place that parses and per step of the way, `detail["depth"]` deep; main programs first.

    `what=lead` says in one sentence per main program where it parses and to what it gives most options.
    """
    reach = reach_of(codebase)
    found = [site for site in sites(codebase) if query.matches(site.symbol, site.path)]
    found.sort(key=lambda s: (not _is_source(codebase, s), not reach.has(_spot(s)), bool(_ASIDE.search(s.path))))
    main = [site for site in found if _is_source(codebase, site) and reach.has(_spot(site))]
    if query.options.get("what") == "lead":
        widest = sorted(main, key=lambda site: -_runs(codebase, site)) if len(main) > 1 else main
        yield from islice((hit for site in widest if (hit := _lead(codebase, site)) is not None), LEADS)
        return
    for site in main or found:
        text = f"{subject_of(codebase, site.path, site.symbol)} {site.said}"
        yield _hit(codebase, site.path, site.lines, site.symbol, text, 0)
        yield from _way(codebase, site.path, site.symbol, site.names, 1, {(site.path, site.symbol)})

    if main and (others := [site for site in found if site not in main]):
        yield _others(codebase, others)


def _runs(codebase: Codebase, site: Site) -> int:
    """How many functions the widest program that parses there may run, or what is given to a library there."""
    every = reach_of(codebase).starts
    starts = [s for s in every if {(site.path, site.symbol), (site.path, "")} & {*s.units}]
    starts = starts or [replace(start, units=((site.path, site.symbol),)) for start in every[:1]]
    return max((len(reached_from(codebase, [start])) for start in starts), default=0)


def _lead(codebase: Codebase, site: Site) -> CensusHit | None:
    """One program: where it parses, and the functions and records that are given most of its options."""
    found = flow(codebase, site.path, site.symbol, dict(site.names))
    built = [given for unit, node, given in found.built if record_of(codebase, unit, node) is not None]
    inside = [given for given in found.given if given.target is not None or given in built]
    inside.sort(key=lambda given: (not given.whole, -len(given.options)))
    told = dict.fromkeys(f"`{given.callee}()` ({_amount(given, found)})" for given in inside if _is_telling(given))
    subject = subject_of(codebase, site.path, site.symbol)
    where = "" if site.path in subject else f" ({site.path})"
    text = f"{subject[0].upper()}{subject[1:]}{where} {site.said}"
    text += f"; it {own_values(found)}" if found.replaced else ""
    text += f"; it gives them to {listed(list(told), GIVEN)}" if told else ""
    related = tuple(("given", site.path, *given.lines) for given in inside[:GIVEN])
    return hit_at(codebase, site.path, site.lines, symbol=site.symbol, name=site.symbol or site.path, text=text,
                  related=related) if told else None  # fmt: skip


def own_values(found: Flow) -> str:
    """ "sets `port` to `12212` itself, whatever is given"."""
    told = [f"`{name}` to `{value.replace(chr(96), chr(39))}`" for name, (_, value) in found.replaced.items()]
    return f"sets {listed(told, NAMES)} itself, whatever the command line says"


def _is_telling(given: Given) -> bool:
    return "parse" not in given.callee and (bool(given.whole) or len(given.options) > 1)


def _amount(given: Given, found: Flow) -> str:
    spread = any(name == "**" for _, name in given.options)
    taken = [f"`{option}`" for option, line in found.popped.items() if line <= given.lines[0]]
    if given.whole and spread and taken:
        return f"with `**` what is left when {listed(taken, NAMES)} {'is' if len(taken) == 1 else 'are'} taken out"
    if given.whole:
        return "all, with `**`" if any(name == "**" for _, name in given.options) else "all"
    names = [f"`{option}`" for option, _ in given.options]
    return listed(names, 3)


def _others(codebase: Codebase, sites: list[Site]) -> CensusHit:
    """What other code parses, in one sentence."""
    places = list(dict.fromkeys(site.path for site in sites))
    text = f"Command lines of other scripts are parsed in {listed(places, 6)}"
    return _hit(codebase, sites[0].path, sites[0].lines, sites[0].symbol, text, 0)


def _is_source(codebase: Codebase, site: Site) -> bool:
    return codebase.snapshot.by_path[site.path].role == "source"


def _spot(site: Site) -> CensusHit:
    return CensusHit(site.path, *site.lines, site.symbol, "", "")


def _way(
    codebase: Codebase, path: str, symbol: str, names: dict[str, str], depth: int, seen: set[Place]
) -> Iterator[CensusHit]:
    """The steps below one body in which `names` (variable → option, "" for all of them) are known."""
    found = flow(codebase, path, symbol, names)
    built = [given for unit, node, given in found.built if record_of(codebase, unit, node) is not None]
    inside = [given for given in found.given if given.target is not None or given.whole or given in built]
    subject = subject_of(codebase, path, symbol)
    passed = {option for given in inside for option, _ in given.options}
    read = {name: line for name, line in found.read.items() if name not in passed}
    if read:
        others = _outside([given for given in found.given if given not in built])
        text = f"{subject} reads {listed([f'`{name}`' for name in read], NAMES)}{others}"
        yield _hit(codebase, path, (min(read.values()), min(read.values())), symbol, text, depth)
    if found.replaced:
        first = next(iter(found.replaced.values()))[0]
        yield _hit(codebase, path, (first, first), symbol, f"{subject} {own_values(found)}", depth)
    for target, options in found.kept.items():
        text = f"{subject} keeps {_options(options)} in `{target}`"
        yield _hit(codebase, path, (min(options.values()), min(options.values())), symbol, text, depth)
    wide = [given for given in inside if depth == 1 or given.whole or len(given.options) >= WIDE]
    if few := [given for given in inside if given not in wide]:
        text = f"{subject} gives {_few(few)}"
        yield _hit(codebase, path, few[0].lines, symbol, text, depth)
    for given in wide:
        yield from _step(codebase, path, symbol, given, depth, seen)


def _few(given: list[Given]) -> str:
    """Calls that are given one or two options, in one clause: "`a` to `f()`, `g()`"."""
    found: dict[str, list[str]] = {}
    for one in given:
        names = " and ".join(dict.fromkeys(f"`{option}`" for option, _ in one.options))
        found.setdefault(names, []).append(one.callee)
    return "; ".join(f"{names} to {listed(list(dict.fromkeys(c)), 5, '`')}" for names, c in found.items())


def _outside(given: list[Given]) -> str:
    """Which functions of libraries are given options."""
    found: dict[str, list[str]] = {}
    for one in given:
        if one.target is None and not one.whole and not _RAISED.search(one.callee):
            found.setdefault(one.callee, []).extend(f"`{option}`" for option, _ in one.options)
    told = [f"{listed(list(dict.fromkeys(names)), 4)} to `{callee}()`" for callee, names in found.items()]
    return f"; gives {listed(told, 4)}" if told else ""


def _step(
    codebase: Codebase, path: str, symbol: str, given: Given, depth: int, seen: set[Place]
) -> Iterator[CensusHit]:
    told = [f"`{option}`" + (f" as `{name}`" if name and name != option else "") for option, name in given.options]
    text = f"{subject_of(codebase, path, symbol)} gives {listed(told, NAMES)} to `{given.callee}({given.first})`"
    yield _hit(codebase, path, given.lines, symbol, text, depth)
    found = given.target
    if found is None or depth >= DEEPEST or (found[0], found[1].symbol) in seen:
        return
    seen.add((found[0], found[1].symbol))
    names = received(found[1], given)
    yield from _way(codebase, found[0], found[1].symbol, names, depth + 1, seen)


def received(item: Definition, given: Given) -> dict[str, str]:
    """Parameter → option that it holds; `**` fills the parameters that the call gives in no other way."""
    names = [parameter.split(":")[0].split("=")[0].strip() for parameter in item.parameters]
    plain = [name for name in names if name not in ("self", "cls")]
    known: dict[str, str] = {}
    rest = next((own[2:] for own in plain if own.startswith("**")), "")
    for position, (option, name) in zip(given.positions, given.options, strict=True):
        parameter = name or (plain[position] if 0 <= position < len(plain) else "")
        if parameter.lstrip("*") in [own.lstrip("*") for own in plain]:
            known[parameter.lstrip("*")] = "" if option in given.whole else option
            if option in given.whole:
                known |= {f"{parameter.lstrip('*')}.{name}": SET for name in given.replaced}
        elif rest and parameter == option:
            known[rest] = ""  # what has no parameter of its own is an entry there
    if any(name == "**" for _, name in given.options):
        left = [own for own in plain[given.count :] if own not in given.explicit]
        known |= {own.lstrip("*"): "" if own.startswith("**") else own for own in left}
    return known


def _options(options: dict[str, int]) -> str:
    return listed([f"`{name}`" for name in options], NAMES)


def _hit(codebase: Codebase, path: str, lines: tuple[int, int], symbol: str, text: str, depth: int) -> CensusHit:
    detail = {"depth": str(depth)}
    return hit_at(codebase, path, lines, symbol=symbol, name=symbol or path, text=text, detail=detail)
