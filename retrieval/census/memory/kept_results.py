"""Results that are kept: in attributes and tables named as caches, in files taken up again, and by skipping work."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.handover.collected import collected
from retrieval.census.handover.kept_outputs import kept_outputs
from retrieval.census.handover.kept_state import kept_state
from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, bound_names, own_nodes, units
from retrieval.facts import CensusHit
from retrieval.pyast import dotted, source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_NAMED = 4
_NAMED = re.compile(r"(?i)(?:^|[._])\w*cache[sd]?$|_store(?:_set)?$")
_OF_ATTENTION = re.compile(r"(?i)kv_?cache")
_KEYED = re.compile(r"(?i)^cached?_\w+$|^\w+_cache[sd]?$")
_NO_CACHE = re.compile(
    r"(?i)kv_?cache|use_cache|past|cache_(?:dir|path|num|size)|no_cache|clear|lru_cache|style|font|element"
)
_PLAIN = re.compile(
    r"(?:^|\.)(?:list|dict|set|tuple|deque|\w*[dD]efault[dD]ict|Counter|OrderedDict|R?Lock|Event|Queue|int|float|str|len|sum"
    r"|max|min|zeros|ones|empty|time|now|append|get|pop|format|join|split|strip|replace|\w*[mM]eter|SmoothedValue)$|^$"
)
_SUFFIX = re.compile(r"\.(?:pkl|pickle|npz|npy|h5|mat|safetensors)\b")
_WRITING = re.compile(r"(?:^|\.)(?:dump|save|save_file|savez|savez_compressed|savemat|to_pickle|write_\w+)$")
_READING = re.compile(r"(?:^|\.)(?:load|loads|loadmat|read_pickle|load_\w+)$")
_TESTING = re.compile(r"(?:^|\.)(?:exists|isfile|is_file)$")
_SAYING = re.compile(r"(?i)(?:^|\.)(?:print|log|debug|info|warn|warning|error|write|echo|update)$")
Place = tuple[str, str, int]  # symbol, path, line
_SKIPPED = re.compile(r"(?i)exists?\b|is_?file|skip_existing|already")


def kept_results(codebase: Codebase) -> Iterator[CensusHit]:
    """One hit per attribute, table, kind of file and skipped step."""
    yield from kept_outputs(codebase)
    yield from kept_state(codebase)
    yield from (hit for hit in collected(codebase) if hit.detail.get("reused"))
    built = list(_built(codebase))
    yield from built
    told = {hit.text.split("`")[1].rpartition(".")[2] for hit in built}
    yield from (hit for hit in _tables(codebase) if hit.text.split("`")[1].rpartition(".")[2] not in told)
    yield from _files(codebase)
    for unit in units(codebase, r"exist|isfile|is_file"):
        for node in unit.nodes:
            if isinstance(node, ast.If) and (text := _skips(node)):
                symbol = unit.symbols.get(node, "")
                subject = f"`{symbol}()`" if symbol else f"The top level of {unit.path}"
                first, _ = unit.lines(node)
                said = f"{subject} {text}"
                yield hit_at(codebase, unit.path, (first, first + 1), symbol=symbol, name="skip", text=said)


def _skips(node: ast.If) -> str:
    """`if exists(out): continue`: work that is left out because its result is there."""
    test = source_of(node.test, 80)
    last = node.body[-1]
    leaves = isinstance(last, ast.Continue | ast.Return) and all(map(_is_said, node.body[:-1]))
    negated = re.search(r"\bnot\b", test) is not None
    if not leaves or negated or not _SKIPPED.search(test) or len(node.body) > 2:
        return ""
    if isinstance(last, ast.Return) and last.value is not None:
        return ""
    does = "goes on with the next one" if isinstance(last, ast.Continue) else "returns at once"
    return f"{does} when the result is there already: `if {test}`"


def _is_said(node: ast.stmt) -> bool:
    """Whether a statement only tells something: what works with a file that is there has it as its input."""
    call = node.value if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
    return call is not None and _SAYING.search(dotted(call.func)) is not None


def _tables(codebase: Codebase) -> Iterator[CensusHit]:
    """Tables named as caches that are filled by key and read."""
    found: dict[str, list[tuple[Unit, ast.AST, str]]] = {}
    for unit in units(codebase, r"(?i)cache|_store"):
        for body in (unit.tree, *(node for node, _ in unit.functions())):
            for node in own_nodes(body):
                target = node.targets[0] if isinstance(node, ast.Assign) else None
                held = _root(target) if isinstance(target, ast.Subscript) else ""
                held = "" if held.endswith("']") and not _is_nested(target) else held
                symbol = unit.symbols.get(node, "")
                if (
                    held
                    and (_NAMED.search(held) or held.endswith("']"))
                    and not _NO_CACHE.search(held)
                    and not _OF_ATTENTION.search(symbol)
                ):
                    found.setdefault(held.removeprefix("self."), []).append((unit, node, unit.symbols.get(node, "")))
    for name, rows in found.items():
        unit, node, _ = rows[0]
        functions = list(dict.fromkeys(f"`{symbol}()`" for _, _, symbol in rows if symbol))
        text = f"`{name}` keeps results by key, filled by {listed(functions, MOST_NAMED) or unit.path}"
        text += f": `{source_of(node, 80)}`"
        related = tuple(("fill", u.path, u.lines(n)[0], u.lines(n)[0]) for u, n, _ in rows[1:4])
        lines = unit.lines(node)
        yield hit_at(codebase, unit.path, lines, symbol="", name="tables", text=text, related=related)


def _is_nested(node: ast.AST | None) -> bool:
    """Whether an entry of a table that is itself an entry is meant: `state["cached"][frame]`."""
    return isinstance(node, ast.Subscript) and isinstance(node.value, ast.Subscript)


def _is_cache(held: str) -> bool:
    named = _NAMED.search(held) is not None or held.endswith("']")
    return named and _NO_CACHE.search(held) is None and "environ" not in held


def _is_empty(node: ast.AST) -> bool:
    """Whether an assignment makes an empty container, or lets an entry go."""
    value = node.value if isinstance(node, ast.Assign) else None
    return (isinstance(value, ast.Dict) and not value.keys) or (isinstance(value, ast.Constant) and value.value is None)


def _built(codebase: Codebase) -> Iterator[CensusHit]:
    """What is built once and kept by key: `if key not in self.made: self.made[key] = build(...)`."""
    told: dict[tuple[str, str], list[tuple[Unit, ast.Assign, str]]] = {}
    for unit in units(codebase, r" not in "):
        for node in ast.walk(unit.tree):
            found = _first_time(node) if isinstance(node, ast.If) else None
            held = dotted(found.targets[0].value) if found is not None else ""  # type: ignore[attr-defined]
            if found is not None and _outlives(unit, node, held) and _reads_back(unit, node, found):
                told.setdefault((unit.path, held), []).append((unit, found, unit.symbols.get(node, "")))
    for (path, held), rows in told.items():
        unit, found, symbol = rows[0]
        key, made = source_of(found.targets[0].slice, 40), source_of(found.value, 70)  # type: ignore[attr-defined]
        where = listed([f"`{name}()`" for name in dict.fromkeys(name for _, _, name in rows)], MOST_NAMED)
        text = f"`{held}` keeps what is built, by `{key}`, so that it is built once: `{made}` in {where}"
        related = tuple(("fill", path, *unit.lines(item)) for _, item, _ in rows[1:4])
        yield hit_at(codebase, path, unit.lines(found), symbol=symbol, name="built", text=text, related=related)


def _first_time(node: ast.If) -> ast.Assign | None:
    """The assignment that fills `table[key]` when the key is not in the table, by a call that builds something."""
    tests = node.test.values if isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.Or) else [node.test]
    absent = [t for t in tests if isinstance(t, ast.Compare) and len(t.ops) == 1 and isinstance(t.ops[0], ast.NotIn)]
    return next(filter(None, (_filling(node, test) for test in absent)), None)


def _filling(node: ast.If, test: ast.Compare) -> ast.Assign | None:
    table, key = dotted(test.comparators[0]), source_of(test.left, 60)
    inner = [item for statement in node.body for item in ast.walk(statement) if isinstance(item, ast.Assign)]
    built = {dotted(item.targets[0]): item.value for item in reversed(inner) if isinstance(item.value, ast.Call)}
    for item in inner if table else ():
        target = item.targets[0] if len(item.targets) == 1 else None
        if not isinstance(target, ast.Subscript) or dotted(target.value) != table or source_of(target.slice, 60) != key:
            continue
        value = built.get(item.value.id, item.value) if isinstance(item.value, ast.Name) else item.value
        maker = next((n for n in ast.walk(value) if isinstance(n, ast.Call) and dotted(n.func)), None)
        if isinstance(value, ast.Call) and maker is not None and not _PLAIN.search(dotted(maker.func)):
            return item
    return None


def _outlives(unit: Unit, node: ast.AST, held: str) -> bool:
    """Whether a table is there when the function ends: an attribute of the own object or class, or a global."""
    root, dot, _ = held.partition(".")
    around = next((item for item in unit.enclosing(node) if isinstance(item, Function)), None)
    if dot:
        return root in ("self", "cls") or root[:1].isupper()
    return around is not None and root not in bound_names(around)


def _reads_back(unit: Unit, node: ast.AST, made: ast.Assign) -> bool:
    """Whether the function takes the entry out of the table again, beside making it."""
    around = next((item for item in unit.enclosing(node) if isinstance(item, Function)), None)
    wanted = source_of(made.targets[0], 120)
    inner = ast.walk(around) if around is not None else ()
    return any(isinstance(i, ast.Subscript) and i is not made.targets[0] and source_of(i, 120) == wanted for i in inner)


def _root(node: ast.AST) -> str:
    """`cache` of `cache[a][b]`, and `state["cached"]` of `state["cached"][a]`."""
    while isinstance(node, ast.Subscript):
        key = node.slice.value if isinstance(node.slice, ast.Constant) else None
        if isinstance(key, str) and _KEYED.search(key):
            return f"{dotted(node.value)}[{key!r}]"
        node = node.value
    return dotted(node)


def _files(codebase: Codebase) -> Iterator[CensusHit]:
    """Files of one ending that one function writes and another one takes up."""
    written: dict[str, list[Place]] = {}
    read: dict[str, list[Place]] = {}
    tested: set[tuple[str, str]] = set()
    for unit in units(codebase, _SUFFIX.pattern):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for node, symbol in unit.functions():
            text = " ".join(i.value for i in ast.walk(node) if isinstance(i, ast.Constant) and isinstance(i.value, str))
            endings = set(_SUFFIX.findall(text))
            if any(isinstance(i, ast.Call) and _TESTING.search(dotted(i.func)) for i in own_nodes(node)):
                tested |= {(ending, unit.path) for ending in endings}
            for call in (inner for inner in own_nodes(node) if isinstance(inner, ast.Call) and endings):
                name = dotted(call.func)
                table = written if _WRITING.search(name) else read if _READING.search(name) else None
                for ending in endings if table is not None else ():
                    table.setdefault(ending, []).append((symbol, unit.path, unit.row(call.lineno)))  # type: ignore[union-attr]
    for ending in sorted(set(written) & set(read)):
        homes = {path for _, path, _ in written[ending]} & {path for _, path, _ in read[ending]}
        if ending == ".safetensors":  # what one program writes and another loads is no cache
            homes = {path for path in homes if (ending, path) in tested}
        makes = [row for row in written[ending] if row[1] in homes]
        takes = [row for row in read[ending] if row[1] in homes]
        if not makes:
            continue
        symbol, path, line = makes[0]
        makers = listed(list(dict.fromkeys(f"`{s}()`" for s, _, _ in makes)), MOST_NAMED)
        takers = listed(list(dict.fromkeys(f"`{s}()`" for s, _, _ in takes)), MOST_NAMED)
        text = f"Files `{ending}` written by {makers} can be taken up by {takers}"
        related = tuple(("read", p, n, n) for _, p, n in takes[:3])
        yield hit_at(codebase, path, (line, line), symbol=symbol, name="files", text=text, related=related)
