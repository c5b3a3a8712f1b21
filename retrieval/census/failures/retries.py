"""Kind `retries`: what is done again after it failed, by loops, handlers, decorators, settings and checks."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.failures.retry_loops import Again, retry_loops
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.units import Unit, units
from retrieval.census.memory.fetched_again import fetched_again
from retrieval.facts import Call, CensusHit, Fact
from retrieval.handlers import shown_calls

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

DECORATOR = re.compile(
    r"^(?:tenacity|backoff|retrying|stamina|retry|retrypy|opnieuw)\.|(?:^|[._])(?:\w+_)?retry(?:_\w+)?$"
)
LIBRARY = re.compile(
    r"^(?:tenacity\.(?:Async)?Retrying|backoff\.on_\w+|stamina\.(?:retry\w*|Async\w+|Retrying\w*)"
    r"|urllib3\.(?:util\.)?(?:retry\.)?Retry|requests\.packages\.urllib3\.util\.retry\.Retry"
    r"|requests\.adapters\.Retry|aiohttp_retry\.\w+|httpx_retries\.\w+)$|\.with_retry$"
)
SETTING = re.compile(
    r"^(?:max_|num_|n_|total_|http_)?(?:retries|retry_times|retry_count|attempts)$|^autoretry_for$|^max_tries$"
)
_TELLS = re.compile(r"(?:^|[._])(?:\w*(?i:error|failure)\w*|[A-Z]\w*(?:Response|Result|Exception|Item|Call))$")
_CONVERTING = frozenset(["ValueError", "TypeError", "KeyError", "IndexError", "AttributeError"])
NONE = frozenset(["0", "None", "False", "1"])
_NEEDS = r"for\b|while\b|(?i:sha|md5|checksum|digest|hash|integrity)"


@kind(
    "retries",
    summary="what is done again after a failure: loops, handlers, decorators, max_retries settings, failed checksums",
    example="retries",
    reads="python",
)
def retries(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Patterns match the repeated call, the function it stands in, or `detail["how"]`.

    That is one of loop, handler, decorator, library, setting, check. A second call with other arguments after an error
    is another way, no retry: `catches: what=fallback` tells it.
    """
    for hit in _found(codebase):
        if query.matches(hit.name, hit.symbol, hit.detail["how"]):
            yield hit


def _found(codebase: Codebase) -> Iterator[CensusHit]:
    for path, fact in codebase.all_facts("catch"):
        if (
            fact.detail["what"] == "retry"
            and not _TELLS.search(fact.detail["again"])
            and _is_again(codebase, path, fact)
        ):
            yield _handler(codebase, path, fact)
    for path, fact in codebase.all_facts("decorator"):
        if DECORATOR.search(fact.name):
            target = codebase.speller.decorated(path, fact)
            if target is not None and target.kind != "class":
                text = f"`{target.symbol}()` is tried again by its decorator `{_cut(fact.text)}`"
                yield _hit(codebase, path, (fact.start, fact.end), (target.symbol, fact.name), text, "decorator")
    for path, call in codebase.all_calls():
        yield from _called(codebase, path, call)
    for unit in units(codebase, _NEEDS):
        with contextlib.suppress(RecursionError):  # an expression nested thousands deep is nobody's retry
            yield from [_again(codebase, unit, again, "loop") for again in retry_loops(unit)]
            yield from [_again(codebase, unit, again, "check") for again in fetched_again(unit)]


def _is_again(codebase: Codebase, path: str, fact: Fact) -> bool:
    """Whether the very thing that failed is done again: not the last step of a `try`, nor the next spelling of a value
    that could not be converted."""
    covers = list(filter(None, fact.detail["covers"].split(", ")))
    if not fact.detail["loop"]:
        return not covers or fact.detail["again"] == covers[0]
    head = codebase.snapshot.by_path[path].lines[int(fact.detail["loop"].partition("-")[0]) - 1]
    narrow = all(name in _CONVERTING for name in fact.detail["types"].split(", "))
    return not (narrow and re.search(r"\bfor\b", head) and not re.search(r"\brange\(", head))


def _subject(path: str, symbol: str) -> str:
    return f"`{symbol}()`" if symbol else f"the top level of {path}"


def _handler(codebase: Codebase, path: str, fact: Fact) -> CensusHit:
    """A handler after which the `try` runs again, or that makes its call again."""
    caught = f"`{fact.detail['types']}`" if fact.detail["types"] else "any exception"
    covers = tuple(filter(None, fact.detail["covers"].split(", ")))
    lines = (int(fact.detail["try_start"]), fact.end)
    if fact.detail["loop"]:
        start, _, end = fact.detail["loop"].partition("-")
        lines = (int(start), int(end))
    what = shown_calls(covers) if covers else "the `try`"
    if not fact.detail["loop"]:
        what = f"`{fact.detail['again']}()`"
    text = f"{_subject(path, fact.symbol)} repeats {what} after {caught}: {fact.detail['action']}"
    related = (("handler", path, fact.start, fact.end),)
    name = fact.detail["again"] or (covers[0] if covers else "")
    return _hit(codebase, path, lines, (fact.symbol, name), text, "handler", related)


def _called(codebase: Codebase, path: str, call: Call) -> Iterator[CensusHit]:
    lines, where = (call.start, call.end), _subject(path, call.symbol)
    if LIBRARY.search(call.name) and not call.text.startswith("@"):
        given = ", ".join([*call.arguments, *(f"{key}={value}" for key, value in call.keywords)])
        text = f"{where} sets up retries with `{_cut(f'{call.written}({given})')}`"
        yield _hit(codebase, path, lines, (call.symbol, call.name), text, "library")
        return
    for key, value in call.keywords:
        if (
            not SETTING.match(key)
            or value in NONE
            or "Retry(" in value
            or call.text.startswith("@")
            or call.name.endswith("add_argument")
        ):
            continue
        text = f"{where} passes `{key}={_cut(value)}` to `{_cut(call.written)}()`"
        yield _hit(codebase, path, lines, (call.symbol, call.name), text, "setting")


def _again(codebase: Codebase, unit: Unit, again: Again, how: str) -> CensusHit:
    symbol = unit.symbols.get(again.node, "")
    related = tuple((role, unit.path, *unit.lines(node)) for role, node in (("call", again.call), ("test", again.test)))
    text = f"{_subject(unit.path, symbol)} {again.text}"
    name = again.text.split("`")[1]
    return _hit(codebase, unit.path, unit.lines(again.node), (symbol, name), text, how, related)


def _hit(
    codebase: Codebase,
    path: str,
    lines: tuple[int, int],
    what: tuple[str, str],
    text: str,
    how: str,
    related: tuple[tuple[str, str, int, int], ...] = (),
) -> CensusHit:
    symbol, name = what
    name = name.removesuffix("()")
    return hit_at(codebase, path, lines, symbol=symbol, name=name, text=text, related=related, detail={"how": how})


def _cut(text: str) -> str:
    text = text.replace("`", "'")
    return text if len(text) <= 80 else f"{text[:80]}…"
