"""Kind `saved_state`: dictionaries of state that the code saves in a file and reads back, in another run as a rule.

Joined by what is in the file: a dictionary saved under string keys and a loaded one of which the same keys are read.
The path tells little here, for it is an option (`--resume`) or looked up in a folder. What libraries save and load as
a whole (`save_state`, `resume_from_checkpoint`) is told by the pair of calls.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.files.path_patterns import paths_of
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.people import people
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Unit, call_name, names_given, own_nodes, units, written
from retrieval.facts import CensusHit
from retrieval.languages import words
from retrieval.pyast import dotted

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

KEYS, NAMED, PLACES, LEAST, PATHS = 10, 3, 16, 2, 3
_SAVING = words("save dump save_on_master")
_LOADING = words("load torch_load safe_load safe_torch_load")
_NO_STATE = words("json yaml toml csv numpy np cv2 librosa torchaudio sf soundfile image Image")
_READING = words("get pop")
Place = tuple[str, str]


@dataclass(slots=True)
class Saved:
    """A dictionary with string keys that a function saves, with the paths that it is saved to."""

    place: Place
    keys: dict[str, None]
    where: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Loaded:
    """What a function loads with `call` and which keys it reads of it."""

    place: Place
    call: str
    line: int
    keys: dict[str, int]
    condition: str


@kind(
    "saved_state",
    summary="state that the code saves in files and reads back: the keys saved and read, or a library's own pair",
    example="saved_state",
    reads="python",
    ordered=True,
)
def saved_state(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per dictionary saved and read back, what the main programs run first. Patterns match the keys."""
    reach = reach_of(codebase)
    rows = sorted(_joined(codebase), key=lambda row: not reach.runs(row[0].place))
    for saved, loads in rows:
        if query.matches(*saved.keys):
            yield _told(codebase, saved, loads)
    yield from _pairs(codebase, query)


@once
def _joined(codebase: Codebase) -> tuple[tuple[Saved, tuple[Loaded, ...]], ...]:
    """Each dictionary that is saved with what reads it back."""
    saves, loads = _saves(codebase), _loads(codebase)
    found: dict[int, list[Loaded]] = {}
    for load in loads:
        shared = [len(load.keys.keys() & saved.keys.keys()) for saved in saves]
        most = max(shared, default=0)
        if most >= LEAST and most * 2 >= len(load.keys):
            best = [at for at, count in enumerate(shared) if count == most]
            near = [at for at in best if saves[at].place[0] == load.place[0]]
            for at in near or best:
                found.setdefault(at, []).append(load)
    return tuple((saves[at], tuple(found[at])) for at in sorted(found))


def _saves(codebase: Codebase) -> list[Saved]:
    found: dict[tuple[Place, tuple[str, ...]], Saved] = {}
    for unit in _main_units(codebase, r"\.(?:save|dump|save_on_master)\(|\bsave_on_master\("):
        for function, symbol in unit.functions():
            nodes = own_nodes(function)
            for node in nodes:
                if not isinstance(node, ast.Call) or call_name(node) not in _SAVING or len(node.args) < 2:
                    continue
                head = dotted(node.func).partition(".")[0]
                keys = _saved_keys(unit, symbol, nodes, node.args[0])
                if len(keys) >= LEAST and head not in _NO_STATE:
                    item = found.setdefault(((unit.path, symbol), tuple(keys)), Saved((unit.path, symbol), keys))
                    line = unit.lines(node)[0]
                    item.where.append(paths_of(codebase).written(unit.path, symbol, written(node.args[1]), line))
                    item.lines.append(line)
    return list(found.values())


def _saved_keys(unit: Unit, symbol: str, nodes: Sequence[ast.AST], value: ast.expr) -> dict[str, None]:
    """The string keys of a dictionary: written out, bound to a name of the body, or what a method gives."""
    if isinstance(value, ast.Dict):
        return {k.value: None for k in value.keys if isinstance(k, ast.Constant) and isinstance(k.value, str)}
    if isinstance(value, ast.Call) and dotted(value.func) == "dict":
        return {keyword.arg: None for keyword in value.keywords if keyword.arg}
    if isinstance(value, ast.Call):
        return _returned_keys(unit, symbol, value)
    if not isinstance(value, ast.Name):
        return {}
    keys: dict[str, None] = {}
    for node in (node for node in nodes if isinstance(node, ast.Assign)):
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id == value.id and isinstance(node.value, ast.Dict | ast.Call):
                keys |= _saved_keys(unit, symbol, nodes, node.value)
            key = target.slice if isinstance(target, ast.Subscript) and dotted(target.value) == value.id else None
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                keys[key.value] = None
    return keys


def _returned_keys(unit: Unit, symbol: str, call: ast.Call) -> dict[str, None]:
    """The keys of the dictionary that a function of the same class or file returns."""
    owner = symbol.rpartition(".")[0]
    named = dotted(call.func)
    wanted = f"{owner}.{call_name(call)}" if named.startswith("self.") and named.count(".") == 1 else named
    for function, inner in unit.functions():
        if inner == wanted and inner != symbol:
            nodes = own_nodes(function)
            given = [n.value for n in nodes if isinstance(n, ast.Return) and isinstance(n.value, ast.Dict | ast.Name)]
            return _saved_keys(unit, inner, nodes, given[-1]) if given else {}
    return {}


def _loads(codebase: Codebase) -> list[Loaded]:
    found = []
    loaders = _loaders(codebase)
    for unit in _main_units(codebase, r"load"):
        for function, symbol in unit.functions():
            nodes = own_nodes(function)
            for node in nodes:
                if not (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)):
                    continue
                if _is_loading(codebase, unit, node.value, loaders):
                    keys = _read_keys(unit, nodes, node.targets[0].id)
                    if len(keys) >= LEAST:
                        call = dotted(node.value.func)  # type: ignore[attr-defined]
                        condition = _condition(unit, node)
                        found.append(Loaded((unit.path, symbol), call, unit.lines(node)[0], keys, condition))
    return found


@once
def _loaders(codebase: Codebase) -> frozenset[Place]:
    """The functions that return what a library loads for them."""
    found = set()
    for unit in _main_units(codebase, r"\.load\("):
        for function, symbol in unit.functions():
            nodes = own_nodes(function)
            held = names_given(nodes, _is_library)
            given = [node.value for node in nodes if isinstance(node, ast.Return) and node.value is not None]
            if any(_is_library(value) or (isinstance(value, ast.Name) and value.id in held) for value in given):
                found.add((unit.path, symbol))
    return frozenset(found)


def _is_loading(codebase: Codebase, unit: Unit, value: ast.expr, loaders: frozenset[Place]) -> bool:
    if _is_library(value):
        return True
    name = dotted(value.func) if isinstance(value, ast.Call) else ""
    target = codebase.resolve_local(unit.path, name) if name and "." not in name.removeprefix("self.") else None
    return target is not None and (target[0], target[1].symbol) in loaders


def _is_library(value: ast.expr | None) -> bool:
    """Whether an expression is what `torch.load`, `pickle.load` and their like give."""
    if not isinstance(value, ast.Call) or call_name(value) not in _LOADING:
        return False
    return dotted(value.func).partition(".")[0] not in _NO_STATE


def _read_keys(unit: Unit, nodes: Sequence[ast.AST], name: str) -> dict[str, int]:
    """The string keys that a body reads of a name, each with a line."""
    keys: dict[str, int] = {}
    for node in nodes:
        key: ast.AST | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and dotted(node.value) == name:
            key = node.slice
        elif isinstance(node, ast.Call) and call_name(node) in _READING and node.args:
            key = node.args[0] if dotted(node.func).rpartition(".")[0] == name else None
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            keys.setdefault(key.value, unit.lines(node)[0])
    return keys


def _condition(unit: Unit, node: ast.AST) -> str:
    """The innermost `if` around a statement of a body, as written; "" without one."""
    inner, around = node, unit.parents.get(node)
    while around is not None and not isinstance(around, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        if isinstance(around, ast.If) and inner in around.body:
            return written(around.test)
        inner, around = around, unit.parents.get(around)
    return ""


def _main_units(codebase: Codebase, needs: str) -> Iterator[Unit]:
    for unit in units(codebase, needs):
        if codebase.snapshot.by_path[unit.path].role == "source":
            yield unit


def _told(codebase: Codebase, saved: Saved, loads: tuple[Loaded, ...]) -> CensusHit:
    where = [f"`{w.replace('`', chr(39))}`" for w in dict.fromkeys(saved.where) if "/" in w or "." in w]
    keys = listed([f"`{key}`" for key in saved.keys], KEYS)
    text = f"state saved with the keys {keys}: written by {people(codebase, [saved.place], NAMED)}"
    text += f" to {listed(where, PATHS)}" if where else ""
    read = dict.fromkeys(key for load in loads for key in load.keys if key in saved.keys)
    text += f"; read back by {people(codebase, [load.place for load in loads], NAMED)} "
    text += f"with {listed(list(dict.fromkeys(f'`{load.call}()`' for load in loads)), NAMED)}"
    text += f" ({listed([f'`{key}`' for key in read], KEYS)})"
    conditions = dict.fromkeys(load.condition for load in loads)
    if len(conditions) == 1 and (condition := next(iter(conditions))):
        text += f", if `{condition[:80].replace('`', chr(39))}`"
    places = [(saved.place[0], line, line) for line in saved.lines]
    places += [(load.place[0], line, line) for load in loads for line in (load.line, *load.keys.values())]
    return _hit(codebase, saved.place[1], text, places, ", ".join(saved.keys))


def _hit(codebase: Codebase, symbol: str, text: str, places: list[tuple[str, int, int]], name: str) -> CensusHit:
    related = tuple(("place", *place) for place in dict.fromkeys(places[1:]))[:PLACES]
    return hit_at(codebase, places[0][0], places[0][1:], symbol=symbol, name=name, text=text, related=related)


_ENGINES = (("save_state", "load_state"), ("save_checkpoint", "load_checkpoint"))
_RESUMING = {"resume_from_checkpoint": words("train fit"), "ckpt_path": words("fit")}


def _pairs(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """What a library saves and loads by itself: its pair of methods, or an argument of its training call."""
    for save, load in _ENGINES:
        written_by, read_by = (_outside_calls(codebase, name) for name in (save, load))
        if written_by and read_by and query.matches(save):
            text = f"the whole state of training: written by {people(codebase, [c[:2] for c in written_by], NAMED)} "
            text += f"with `{save}()` of the library; read back by "
            text += f"{people(codebase, [c[:2] for c in read_by], NAMED)} with `{load}()`"
            places = [(path, line, line) for path, _, line in (*written_by, *read_by)]
            yield _hit(codebase, written_by[0][1], text, places, save)
    for path, call in codebase.all_calls():
        method = call.name.rpartition(".")[2]
        for keyword, value in call.keywords:
            main = codebase.snapshot.by_path[path].role == "source"
            resumes = main and method in _RESUMING.get(keyword, ()) and value != "None"
            if resumes and "." in call.written and codebase.resolve_call(path, call) is None and query.matches(keyword):
                text = "checkpoints that the trainer of the library writes: read back by "
                text += f"{people(codebase, [(path, call.symbol)], 1)} with `{call.written}({keyword}={value[:60]})`"
                yield _hit(codebase, call.symbol, text, [(path, call.start, call.end)], keyword)


def _outside_calls(codebase: Codebase, name: str) -> list[tuple[str, str, int]]:
    """The calls of a method of that name on an object of a library."""
    return [
        (path, call.symbol, call.start)
        for path, call in codebase.all_calls()
        if call.name.rpartition(".")[2] == name
        and call.written.rpartition(".")[0] not in ("", "self", "cls", "super()")
        and codebase.snapshot.by_path[path].role == "source"
        and codebase.resolve_call(path, call) is None
    ]
