"""Kind `debts`: technical debt by kind, the most harmful first, each with its number and the gravest places."""

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.concurrency.side_by_side import spoken
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind, run_query
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import Function, units, written
from retrieval.census.models.roster import roster_of
from retrieval.census.quality.hazards import hazards
from retrieval.census.quality.old_ways import old_ways
from retrieval.census.quality.unbound import unbound_names
from retrieval.census.quality.undefined import missing_imports, undefined_names
from retrieval.census.quality.wrong_calls import wrong_calls
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Hits = list[CensusHit]

# What each group says, most harmful first: heading → names of findings.
GROUPS: dict[str, tuple[str, ...]] = {
    "code that fails when it is reached": (
        "undefined name",
        "missing import",
        "wrong call",
        "unpacking fails",
        "string raised",
    ),
    "models made as soon as a file is imported or started, outside of any function": ("model at import",),
    "functions, classes and files that are too large": (
        "long function",
        "large class",
        "complex function",
        "large file",
    ),
    "copied code": ("duplicated code", "near copy"),
    "old ways kept beside new ones": ("legacy twin", "deprecated"),
    "errors hidden": ("bare except", "swallowed exception", "returned error", "broad except"),
    "names that one way of a condition leaves unbound": ("unbound name",),
    "hooks that stay on a model when an error comes": ("leaked hook",),
    "state shared through globals, classes and rewritten options": (
        "global statement",
        "mutable class attribute",
        "rewritten options",
    ),
    "decisions by the name of a type or model": ("dispatch by name",),
    "modules that import each other in a circle": ("import cycle",),
    "options passed through the environment": ("environment set",),
    "library code that ends the program": ("exit in a function",),
    "code or settings of others changed at run time": (
        "patched source",
        "monkeypatch",
        "global switch",
        "eval or exec",
    ),
    "paths fixed to one machine or import paths changed": ("machine path", "changed sys.path"),
    "pitfalls of single statements": (
        "file never closed",
        "mutable default",
        "version compared as text",
        "loop variable unused",
        "assert false",
        "unreachable code",
    ),
    "debt that the code admits": ("admission", "todo", "limitation"),
    "code switched off": ("commented-out code", "unimported module"),
    "results kept as long as the program runs": ("cached method", "cached tensor"),
    "work done when a module is imported": ("work at import",),
    "imports of everything": ("wildcard import",),
}
SHOWN, HEAD, LONGEST = 3, 4, 190
_BROKEN = frozenset(["undefined name", "missing import", "wrong call", "unbound name"])
_OLD = frozenset(["legacy twin", "deprecated"])
_HAZARDS = frozenset(["leaked hook", "rewritten options", "dispatch by name"])
_ASIDE = re.compile(r"(?:^|/)(?:bench\w*|eval\w*|examples?|docs?)/")
_EXIT = re.compile(r"^(?:sys\.exit|exit|quit|os\._exit)$")
_ENTRY = re.compile(r"(?i)^(?:main|cli|run|start|launch|\w*_main|\w*_cli|parse_\w+|usage)$")


@kind(
    "debts",
    summary="technical debt by kind, most harmful first, with numbers and the gravest places (head: a sentence)",
    example="debts: kinds",
    reads="python",
    ordered=True,
)
def debts(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per kind of debt for `kinds`, one sentence for `head`. Only the repository's own source counts."""
    found = _found(codebase)
    if query.matches("head"):
        yield _head(codebase, found)
    for words, hits in found if query.matches("kinds") else ():
        text = f"{words[0].upper()}{words[1:]} ({_count(hits)}): {_gravest(hits)}"
        yield spoken(codebase, "kinds", text, hits[:SHOWN])


@once
def _found(codebase: "Codebase") -> list[tuple[str, Hits]]:
    found = [(words, hits) for words, names in GROUPS.items() if (hits := _hits(codebase, names))]
    return sorted(found, key=lambda item: _is_slight(item[1]))  # the sort is stable


def _is_slight(hits: Hits) -> bool:
    """Whether findings stand only in benchmarks and evaluations, or only warn of old options."""
    warns = all(hit.name == "deprecated" and not _weight(hit) for hit in hits)
    return warns or all(_ASIDE.search(hit.path) for hit in hits)


def _head(codebase: "Codebase", found: list[tuple[str, Hits]]) -> CensusHit:
    if not found:
        return spoken(
            codebase, "head", "None of the patterns searched for was found in the repository's own source", []
        )
    said = [f"{words} ({_count(hits)}; {_brief(hits[0])})" for words, hits in found[:HEAD]]
    more = f"; then {listed([words for words, _hits_ in found[HEAD:]], 12)}" if len(found) > HEAD else ""
    shown = [hits[0] for _words, hits in found[:HEAD]]
    return spoken(codebase, "head", f"Yes. The gravest: {'; '.join(said)}{more}", shown)


def _count(hits: Hits) -> str:
    return f"{counted(len(hits), 'place')} in {counted(len({hit.path for hit in hits}), 'file')}"


def _gravest(hits: Hits) -> str:
    more = f" and {len(hits) - SHOWN} more" if len(hits) > SHOWN else ""
    return "; ".join(list(dict.fromkeys(map(_brief, hits)))[:SHOWN]) + more


def _brief(hit: CensusHit) -> str:
    text = " ".join(hit.text.split()).removeprefix("duplicated code: ").removeprefix("import cycle: ")
    text = text if len(text) <= LONGEST else f"{text[:LONGEST].rsplit(' ', 1)[0]} …"
    return text + ("`" if text.count("`") % 2 else "")


def _hits(codebase: "Codebase", names: tuple[str, ...]) -> Hits:
    """The findings of a group in the repository's own source, those that the main programs run first."""
    reach = reach_of(codebase)
    found = [hit for name in names for hit in _named(codebase, name) if hit.role == "source"]
    old = names[0] in _OLD  # what nothing runs any more comes first there
    return sorted(found, key=lambda hit: (not (old or reach.has(hit)), names.index(hit.name), -_weight(hit)))


def _weight(hit: CensusHit) -> int:
    """How much code a finding is about."""
    return int(hit.detail.get("lines", hit.end - hit.start))


def _named(codebase: "Codebase", name: str) -> Iterator[CensusHit]:
    if name == "near copy":
        yield from run_query(codebase, "near_copies").hits
    elif name == "environment set":
        yield from _environment(codebase)
    elif name == "model at import":
        yield from _at_import(codebase)
    elif name == "exit in a function":
        yield from _exits(codebase)
    elif name in _BROKEN:
        yield from (hit for hit in _broken(codebase) if hit.name == name)
    elif name in _OLD:
        yield from (hit for hit in _old_ways(codebase) if hit.name == name)
    elif name in _HAZARDS:
        yield from (hit for hit in _hazards(codebase) if hit.name == name)
    else:
        yield from _findings(codebase).get(name, ())


@once
def _old_ways(codebase: "Codebase") -> Hits:
    return list(old_ways(codebase))


@once
def _hazards(codebase: "Codebase") -> Hits:
    return list(hazards(codebase))


@once
def _broken(codebase: "Codebase") -> Hits:
    return [*undefined_names(codebase), *missing_imports(codebase), *wrong_calls(codebase), *unbound_names(codebase)]


@once
def _findings(codebase: "Codebase") -> dict[str, Hits]:
    """Every finding of the kinds `quality` and `debt`, by its name."""
    table: dict[str, Hits] = {}
    for query in ("quality", "debt"):
        for hit in run_query(codebase, query).hits:
            table.setdefault(hit.name, []).append(hit)
    return table


def _environment(codebase: "Codebase") -> Iterator[CensusHit]:
    """`os.environ[name] = value` in a function with a value that is computed: an option handed on unseen."""
    for unit in units(codebase, r"environ"):
        for node in unit.nodes:
            if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Subscript):
                continue
            inside = any(isinstance(around, Function) for around in unit.enclosing(node))
            if inside and written(node.targets[0].value) == "os.environ" and not isinstance(node.value, ast.Constant):
                symbol = unit.symbols.get(node, "")
                text = f"`{written(node)[:90]}` in `{symbol}`"
                yield hit_at(codebase, unit.path, unit.lines(node), symbol=symbol, name="environment set", text=text)


def _at_import(codebase: "Codebase") -> Iterator[CensusHit]:
    """Models that the top level of a file makes, so that nothing of it can be used without loading them."""
    for made in roster_of(codebase).made:
        frame, step = made.frame, made.step
        guard = program_of(codebase).main_guard(frame.path)
        guarded = guard is not None and guard[0] <= step.start <= guard[1]
        if not frame.symbol and frame.definition is None and not guarded:
            text = f"`{made.name}` is made by the top level of {frame.path}"
            yield hit_at(codebase, frame.path, (step.start, step.end), symbol="", name="model at import", text=text)


def _exits(codebase: "Codebase") -> Iterator[CensusHit]:
    """Calls that end the program in functions that are no program's own first function."""
    for path, call in codebase.all_calls():
        last = call.symbol.rpartition(".")[2]
        if call.symbol and _EXIT.match(call.name) and not _ENTRY.match(last):
            text = f"`{call.written}()` in `{call.symbol}` ({path})"
            yield hit_at(
                codebase, path, (call.start, call.end), symbol=call.symbol, name="exit in a function", text=text
            )
