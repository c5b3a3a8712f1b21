"""Kind `option_effects`: for every option of the main programs, the places where its value takes effect.

Options are followed from the parser through calls, `**` and the fields of objects that are built from them, down to
the conditions that test them and the expressions that use them. An object that only has the name of an option is none.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.default_targets import is_unchosen
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Unit, call_name, written
from retrieval.census.settings.option_flow import SPELLING, Flow, Given, Seen, flow
from retrieval.census.settings.option_records import field_names, field_reads, record_of
from retrieval.census.settings.option_sites import Site, sites
from retrieval.census.settings.option_ways import received
from retrieval.census.settings.options import all_options, variables
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

DEEPEST, MOST, LONGEST, FIELDS = 5, 4, 90, 3
_TOLD = re.compile(r"(?i)(?:print|format|join|echo|secho)\(\)`$|`(?:\w*\.)?\w*log\w*\.|warn|(?:Error|Exception)\(\)`$")


@dataclass(frozen=True, slots=True)
class Effect:
    """One place where an option takes effect: what is done with it in words, and where."""

    text: str
    path: str
    lines: tuple[int, int]
    symbol: str
    rank: int  # 0 for what tells most


@dataclass
class Effects:
    """The effects of the options of main programs, by option; of several programs with one option together."""

    codebase: "Codebase"
    found: dict[str, list[Effect]] = field(default_factory=dict)
    fields: dict[str, dict[str, None]] = field(default_factory=dict)  # option → "Class.field" that it fills
    replaced: dict[str, Effect] = field(default_factory=dict)  # option → where the code gives it a value of its own
    _seen: set[tuple[str, str, tuple[tuple[str, str], ...]]] = field(default_factory=set)

    def follow(self, path: str, symbol: str, names: dict[str, str], depth: int = 0) -> None:
        """Note what the body does with the options that `names` hold, and go on into the functions that it calls."""
        key = path, symbol, tuple(sorted(names.items()))
        if depth > DEEPEST or key in self._seen or not names:
            return
        self._seen.add(key)
        done = flow(self.codebase, path, symbol, names)
        for option, (line, value) in done.replaced.items():
            text = f"sets it to `{value}` itself, so that what is given has no effect there"
            self.replaced.setdefault(option, Effect(text, path, (line, line), symbol, 0))
        for seen in done.seen:
            self._note(seen, symbol or seen.unit.symbols.get(seen.node, ""))
        for given in done.given:
            for target, item in given.targets:
                self.follow(target, item.symbol, received(item, given), depth + 1)
        self._own(path, symbol, done, depth)
        self._records(done, depth)

    def _own(self, path: str, symbol: str, done: Flow, depth: int) -> None:
        """Go on into the other methods of a class whose object keeps options."""
        owner = symbol.rpartition(".")[0]
        names = {name: option for name, option in done.attributes.items() if name.startswith("self.")}
        for item in self.codebase.facts[path].definitions if owner and names else ():
            if item.kind == "method" and item.symbol.rpartition(".")[0] == owner and item.symbol != symbol:
                self.follow(path, item.symbol, names, depth + 1)

    def _records(self, done: Flow, depth: int) -> None:
        for unit, node, given in done.built:
            found = record_of(self.codebase, unit, node)
            for option, name in self._fields(found, given) if found is not None else ():
                self.fields.setdefault(option, {})[f"`{found[1].name}.{name}`" if found else ""] = None
                for where, read, symbol in field_reads(self.codebase, found).get(name, ()) if found else ():
                    self._note(Seen(option, where, read), symbol)
                    if symbol:
                        self.follow(where.path, symbol, {written(read): option}, depth + 1)

    def _fields(self, found: "tuple[str, object]", given: Given) -> Iterator[tuple[str, str]]:
        """Pairs of option and field that a call of a record fills."""
        fields = field_names(self.codebase, found)  # type: ignore[arg-type]
        for position, (option, name) in zip(given.positions, given.options, strict=True):
            if name == "**":
                yield from ((own, own) for own in fields if own not in given.explicit)
            elif option not in given.whole:
                named = name or (fields[position] if 0 <= position < len(fields) else "")
                yield option, named

    def _note(self, seen: Seen, symbol: str) -> None:
        told = _effect(seen.unit, seen.node)
        if told is not None:
            text, rank = told
            rank += 3 * (rank == 1 and self._is_followed(seen, text))
            effect = Effect(text, seen.unit.path, seen.unit.lines(seen.node), symbol, rank)
            self.found.setdefault(seen.option, []).append(effect)

    def _is_followed(self, seen: Seen, text: str) -> bool:
        """Whether a value is only told to people, or goes on into a function or class of the repository."""
        if _TOLD.search(text):
            return True
        return self.codebase.resolve_local(seen.unit.path, text.split("`")[1].removesuffix("()")) is not None


def _effect(unit: Unit, node: ast.AST) -> tuple[str, int] | None:
    """What the code does with a value, and how telling that is: a condition 0, a call 1, an expression 2."""
    inner, at = node, unit.parents.get(node)
    call = compared = None
    while at is not None and not isinstance(at, ast.stmt):
        if isinstance(at, ast.IfExp) and inner is at.test:
            return f"chooses by `{_short(at.test)}`", 0
        if isinstance(at, ast.Compare | ast.BoolOp) and call is None:
            compared = at
        if isinstance(at, ast.Call) and inner is not at.func and call is None and compared is None:
            call = at
        inner, at = at, unit.parents.get(at)
    if isinstance(at, ast.If | ast.While | ast.Assert) and inner is at.test:
        return f"{'asserts' if isinstance(at, ast.Assert) else 'tests'} `{_short(compared or at.test)}`", 0
    if compared is not None:
        filled = isinstance(compared, ast.BoolOp) and isinstance(at, ast.Assign) and at.value is compared
        return f"works out `{_short(compared)}`", 3 if filled else 0  # `x or default` goes on under another name
    if call is not None:
        spare = call_name(call) == "get" and len(call.args) > 1 and node is call.args[1]  # for an entry that is missing
        return None if spare else (f"gives it to `{_short(call.func)}()`", 1)
    return _worked_out(at, inner, node)


def _worked_out(at: ast.AST | None, inner: ast.AST, node: ast.AST) -> tuple[str, int] | None:
    """What a statement does with a value that is neither tested nor given to a call."""
    if isinstance(at, ast.For) and inner is at.iter:
        return f"loops over `{_short(at.iter)}`", 2
    if isinstance(at, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.Return) and at.value is not None:
        plain = at.value is node or isinstance(at.value, ast.Name | ast.Attribute | ast.Subscript)
        plain = plain or call_name(at.value) in SPELLING
        return None if plain else (f"works out `{_short(at.value)}`", 2)
    return None


def _short(node: ast.AST) -> str:
    text = written(node).replace("`", "'")
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


@kind(
    "option_effects",
    summary="where each option of the main programs takes effect: conditions that test it, calls and expressions",
    example="option_effects, or option_effects: beam_size",
    reads="python",
    ordered=True,
)
def option_effects(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per option, in the order of the command line; patterns match the option with underscores."""
    known, effects = known_options(codebase), effects_of(codebase)
    every = {**effects.found, **effects.replaced}
    for option in sorted((o for o in every if o in known), key=list(known).index):
        if query.matches(option):
            filled = listed(list(effects.fields.get(option, ())), FIELDS)
            subject = f"`{known[option]}`" + (f" (as {filled})" if filled else "")
            first = [effects.replaced[option]] if option in effects.replaced else []
            yield _hit(codebase, option, subject, [*first, *effects.found.get(option, ())])


@once
def effects_of(codebase: "Codebase") -> Effects:
    """The effects of the options of the main programs."""
    effects = Effects(codebase)
    for site in _main_sites(codebase):
        effects.follow(site.path, site.symbol, dict(site.names))
    return effects


def acting_in(codebase: "Codebase", path: str, symbol: str, word: str = "") -> list[str]:
    """The flags that a body tests, or uses in an expression that holds `word`."""
    known = known_options(codebase)
    return [
        known[option]
        for option, effects in effects_of(codebase).found.items()
        if option in known and any(
            (e.path, e.symbol) == (path, symbol) and (word in e.text if word else e.rank == 0) for e in effects)
    ]  # fmt: skip


def known_options(codebase: "Codebase") -> dict[str, str]:
    """Option as a name of Python → its flag, of the options that a command line has."""
    found: dict[str, str] = {}
    for hit in all_options(codebase):
        for name, flag in variables(hit):
            found.setdefault(name, flag)
    return found


def _main_sites(codebase: "Codebase") -> list[Site]:
    reach = reach_of(codebase)
    return [
        site for site in sites(codebase)
        if codebase.snapshot.by_path[site.path].role == "source" and site.names
        and "whole configuration" not in site.said  # what Hydra gives are entries of files, no options
        and reach.has(CensusHit(site.path, *site.lines, site.symbol, "", ""))
    ]  # fmt: skip


def _hit(codebase: "Codebase", option: str, subject: str, effects: list[Effect]) -> CensusHit:

    def order(effect: Effect) -> tuple[bool, int]:
        return is_unchosen(codebase, effect.path, effect.symbol), effect.rank

    unique = list({(e.path, e.symbol, e.text): e for e in sorted(effects, key=order)}.values())
    unique = [e for e in unique if e.rank <= 2] or unique  # where it only goes on, unless nothing else is known
    by_body: dict[str, list[str]] = {}
    for effect in unique[:MOST]:
        place = f"`{effect.symbol}()` ({effect.path})" if effect.symbol else effect.path
        by_body.setdefault(place, []).append(effect.text)
    told = "; ".join(f"{place} {', '.join(texts)}" for place, texts in by_body.items())
    more = f"; and {len(unique) - MOST} more" if len(unique) > MOST else ""
    first, *rest = unique
    related = tuple(("effect", e.path, *e.lines) for e in rest[: MOST - 1])
    return hit_at(codebase, first.path, first.lines, symbol=first.symbol, name=option, text=f"{subject}: {told}{more}",
                  related=related, detail={"option": option})  # fmt: skip
