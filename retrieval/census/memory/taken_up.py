"""What is near to checkpointing without weights: work that a run started again leaves out, state that is saved by hand.

`remaining = set(every) - done_hashes`, `if queue.is_completed(item): continue`; a class with `save()` and `load()`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.units import Function, Unit, call_name, own_nodes, units
from retrieval.census.models.roster import roster_of
from retrieval.facts import CensusHit
from retrieval.pyast import dotted, source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_DONE = re.compile(r"(?:^|_)(?:done|completed|finished|processed)(?:_|$)")
_IS_DONE = re.compile(r"^(?:is|was|has_been)_(?:done|completed|finished|processed)$")
_SAVING, _LOADING = re.compile(r"^(?:save|dump)(?:_\w+)?$"), re.compile(r"^(?:load|restore)(?:_\w+)?$")
_WRITES = re.compile(r"(?:ZipFile|dump|write_text|write_bytes|save|savez|save_file|to_parquet)$")
_READS = re.compile(r"(?:ZipFile|load|loads|read_text|read_bytes|load_file|model_validate_json)$")
_SETTINGS = re.compile(
    r"(?i)config|setting|option|argument|param|token|vocab|dict|processor|dataset|cache|profile|model"
)
_LOOKS = re.compile(r"^(?:open|loads?|read\w*|glob|rglob|iterdir|listdir|scandir|walk|exists|is_file|execute)$")
_CONTAINERS = frozenset({"set", "list", "dict", "defaultdict", "OrderedDict", "deque", "Counter"})
LEAST_FIELDS = 3


def left_out(codebase: Codebase) -> Iterator[CensusHit]:
    """One hit per function that leaves out what is done; the text is how."""
    for unit in units(codebase, r"done|completed|finished|processed"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for function, symbol in unit.functions():
            node = next((n for n in own_nodes(function) if (by := _done_by(n)) and _lasts(unit, by)), None)
            if node is not None:
                shown = source_of(node.test if isinstance(node, ast.If) else node, 80)
                text = f"`{symbol}()` (`{'if ' if isinstance(node, ast.If) else ''}{shown}`)"
                line = unit.lines(node)[0]
                yield hit_at(codebase, unit.path, (line, line), symbol=symbol, name="left out", text=text)


def _done_by(node: ast.AST) -> str:
    """What knows what is done where the rest is worked out or what is done is passed over; "" elsewhere."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp) and isinstance(node.value.op, ast.Sub):
        by = _last(node.value.right)
        return by if _is_set(node.value.left) and _DONE.search(by) else ""
    if not isinstance(node, ast.If) or not isinstance(node.body[-1], ast.Continue):
        return ""
    test = node.test.value if isinstance(node.test, ast.Await) else node.test
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.In):
        by = _last(test.comparators[0])
        return by if _DONE.search(by) else ""
    return _last(test.func) if isinstance(test, ast.Call) and _IS_DONE.match(_last(test.func)) else ""


def _lasts(unit: Unit, name: str) -> bool:
    """Whether a name may hold what an earlier run did: a container that the run itself begins empty tells repetitions
    within the run, unless files or folders are read where it is made."""
    made = False
    for function, _symbol in unit.functions():
        nodes = list(own_nodes(function))
        for node in nodes:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            value = node.value if isinstance(node, ast.Assign | ast.AnnAssign) else None
            if value is None or not any(isinstance(item, ast.expr) and _last(item) == name for item in targets):
                continue
            made = True
            reads = any(isinstance(item, ast.Call) and _LOOKS.match(call_name(item)) for item in nodes)
            if reads or not _fresh(value):
                return True
    return not made


def _fresh(value: ast.expr) -> bool:
    """Whether an expression writes a new container out."""
    if isinstance(value, ast.Call):
        return dotted(value.func).rpartition(".")[2] in _CONTAINERS and not value.args
    return isinstance(value, ast.List | ast.Set | ast.Dict | ast.Tuple)


def _is_set(node: ast.expr) -> bool:
    """Whether something is a set by how it is made, or may be one by a name that says many."""
    return isinstance(node, ast.Call) and dotted(node.func) in ("set", "frozenset")


def _last(node: ast.expr) -> str:
    return dotted(node).rpartition(".")[2]


def saved_state(codebase: Codebase) -> Iterator[CensusHit]:
    """One hit per class that is no model, with a method that writes several of its fields and one that restores."""
    models = {(cls.path, cls.definition.symbol) for cls in roster_of(codebase).family.bases}
    for unit in units(codebase, r"def (?:save|dump)"):
        if codebase.snapshot.by_path[unit.path].role != "source":
            continue
        for node in (n for n in unit.nodes if isinstance(n, ast.ClassDef) and not _SETTINGS.search(n.name)):
            methods = [item for item in node.body if isinstance(item, Function)]
            save = next((m for m in methods if _SAVING.match(m.name) and _writes(m)), None)
            load = next((m for m in methods if _LOADING.match(m.name) and _calls(m, _READS)), None)
            if save is not None and load is not None and (unit.path, unit.symbol_of(node)) not in models:
                yield _pair(codebase, unit, node.name, save, load)


def _writes(method: Function) -> bool:
    """Whether a method writes a file and takes several fields of its object for it."""
    inner = [n for n in ast.walk(method) if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Load)]
    fields = {n.attr for n in inner if isinstance(n.value, ast.Name) and n.value.id == "self"}
    return len(fields) >= LEAST_FIELDS and _calls(method, _WRITES)


def _calls(method: Function, names: re.Pattern[str]) -> bool:
    return any(isinstance(n, ast.Call) and names.match(call_name(n)) for n in ast.walk(method))


def _pair(codebase: Codebase, unit: Unit, name: str, save: Function, load: Function) -> CensusHit:
    text = f"`{name}.{save.name}()` writes the state of its object to a file and `{name}.{load.name}()` restores it"
    first, last = unit.row(save.lineno), unit.row(load.lineno)
    related = (("load", unit.path, last, last),)
    symbol = f"{name}.{save.name}"
    return hit_at(codebase, unit.path, (first, first), symbol=symbol, name="state", text=text, related=related)
