"""Census kinds about names, values and signatures: `constants`, `signatures`, `defaults`, `options_used`.

Reads the facts only; parses nothing.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator

from retrieval.census.language import Query, hit_at, kind
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit, Definition, FileFacts

_LITERAL = re.compile(r"[-+(\[{\"'\d]|True\b|False\b|(?:frozen)?set\(|tuple\(|dict\(|[rfb]{1,2}[\"']")
_PARSERS = re.compile(r"\.parse_(?:known_)?args\(|simple_parsing\.parse\(|tyro\.cli\(")
_SHOWN = 120
_USES = 12


@kind(
    "constants",
    summary="module-level names in capitals that are given a value",
    example="constants: N_*, *_SIZE",
    reads="python",
)
def constants(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per assignment of a capitalised name at module level."""
    for path, facts in codebase.facts.items():
        for fact in facts.facts:
            if fact.kind != "assign" or fact.symbol or fact.detail.get("scope") != "module":
                continue
            name = fact.name
            if not name.isupper() or not query.matches(name):
                continue
            value = fact.detail.get("value", "")
            if not _LITERAL.match(value) and not re.search(r"[\d\"']", value):
                continue
            text = f"`{name} = {_cut(value)}`"
            yield hit_at(codebase, path, (fact.start, fact.end), symbol="", name=name, text=text)


@kind(
    "signatures",
    summary="functions whose parameters include all the given names, joined by &",
    example="signatures: image & text, audio & tokens",
    reads="python",
)
def signatures(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per function that takes all names of one pattern."""
    wanted = [frozenset(part.strip() for part in text.split("&")) for text in query.names()]
    for path, definition in _functions(codebase):
        names = {_parameter(parameter) for parameter in definition.parameters}
        if any(group <= names for group in wanted):
            yield _definition_hit(codebase, path, definition, _signature(definition))


@kind(
    "defaults",
    summary="parameters with a literal default value, by parameter name",
    example="defaults: *dim*, *size*",
    reads="python",
)
def defaults(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per function that has such parameters, naming them all."""
    for path, definition in _functions(codebase):
        fixed = [
            " ".join(parameter.split())
            for parameter in definition.parameters
            if "=" in parameter
            and query.matches(_parameter(parameter))
            and re.match(r"[-\d(\[\"']", parameter.partition("=")[2].strip())
        ]
        if fixed:
            listed = ", ".join(f"`{parameter}`" for parameter in fixed)
            yield _definition_hit(codebase, path, definition, f"`{definition.symbol}()` defaults to {listed}")


@kind(
    "options_used",
    summary="functions that read options parsed from the command line, and which ones",
    example="options_used",
    reads="python",
)
def options_used(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per function (or module body) that reads attributes or keys of the parsed options."""
    holders = _holders(codebase)
    if not holders:
        return
    use = re.compile(
        rf"(?<![\w.])(?:{'|'.join(map(re.escape, sorted(holders)))})"
        r"(?:\.(?!pop\b|get\b|items\b)(\w+)(?!\w*\()|(?:\.pop|\.get)?[\[(][\"'](\w+)[\"'])"
    )
    for path, facts in codebase.facts.items():
        if facts.language == "python" and _knows(facts, holders):
            yield from _uses(codebase, path, facts, use, query)


def _uses(codebase: Codebase, path: str, facts: FileFacts, use: re.Pattern[str], query: Query) -> Iterator[CensusHit]:
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for number, line in enumerate(codebase.snapshot.by_path[path].lines, 1):
        code = line.split("#", 1)[0]
        for match in use.finditer(code):
            option = match[1] or match[2]
            if query.matches(option):
                found[_symbol_at(facts.definitions, number)].setdefault(option, number)
    for symbol, options in found.items():
        places = sorted(set(options.values()))
        named = ", ".join(f"`{option}`" for option in options)
        where = f"`{symbol}()`" if symbol else "the module body"
        yield hit_at(
            codebase,
            path,
            (places[0], places[0]),
            symbol=symbol,
            name=symbol or path,
            text=f"{where} uses {len(options)} option{'s' if len(options) > 1 else ''}: {named}",
            related=tuple(("use", path, place, place) for place in places[1:_USES]),
        )


def _holders(codebase: Codebase) -> set[str]:
    """The names that parsed options are bound to anywhere in the repository."""
    return {
        fact.name
        for facts in codebase.facts.values()
        for fact in facts.facts
        if fact.kind == "assign" and _PARSERS.search(fact.detail.get("value", "")) and fact.name.isidentifier()
    }


def _knows(facts: FileFacts, holders: set[str]) -> bool:
    assigned = {fact.name for fact in facts.facts if fact.kind == "assign"}
    taken = {_parameter(p) for d in facts.definitions for p in d.parameters}
    return bool(holders & (assigned | taken))


def _functions(codebase: Codebase) -> Iterator[tuple[str, Definition]]:
    for path, facts in codebase.facts.items():
        for definition in facts.definitions:
            if definition.kind != "class":
                yield path, definition


def _definition_hit(codebase: Codebase, path: str, definition: Definition, text: str) -> CensusHit:
    lines = (definition.head_start, definition.head_end)
    return hit_at(codebase, path, lines, symbol=definition.symbol, name=definition.symbol, text=text)


def _signature(definition: Definition) -> str:
    parameters = ", ".join(" ".join(p.split()) for p in definition.parameters)
    returned = f" -> {definition.returns}" if definition.returns else ""
    return f"`{definition.symbol}({_cut(parameters)}){returned}`"


def _parameter(written: str) -> str:
    return re.split(r"[:=]", written, maxsplit=1)[0].strip().lstrip("*")


def _symbol_at(definitions: Iterable[Definition], line: int) -> str:
    inside = [d for d in definitions if d.kind != "class" and d.start <= line <= d.end]
    return min(inside, key=lambda d: d.end - d.start).symbol if inside else ""


def _cut(text: str) -> str:
    flat = " ".join(text.split()).replace("`", "'")
    return flat if len(flat) <= _SHOWN else flat[: _SHOWN - 1] + "…"
