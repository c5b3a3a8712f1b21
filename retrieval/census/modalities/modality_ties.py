"""Kind `modality_ties`: modalities that signatures of models and losses fix, and ways in which batches are taken apart.

A model that takes another modality needs new parameters, batch entries and losses at each of these places. A modality
is read off names alone, so that only what several places agree on is worth much.
"""

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, own_nodes, units, written
from retrieval.census.meaning.values import ClassRef
from retrieval.census.modalities.modality_names import GROUPS
from retrieval.census.modalities.modality_names import named as spelled
from retrieval.census.models.model_entries import entries_of
from retrieval.census.models.model_formats import main_entries
from retrieval.census.models.roster import roster_of
from retrieval.facts import CensusHit, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, MOST, LEAST = 6, 12, 2
_RUNS = re.compile(r"forward$|__call__$|(?:generate|predict|encode|embed|infer|sample|chat|transcribe)(?:_\w+)?$")
_LOSS = re.compile(r"(?:Loss|Criterion)\w*$")
_BATCH = re.compile(r"(?i)^(?:\w+_)?(?:batch|samples?|data|inputs?|items?|example|x)(?:_\w+)?$")
_SOURCE = re.compile(r"(?i)(?:^|[_.])(?:\w*batch(?:es)?|samples?|data|\w*loader|inputs?|items?|examples?)\b")
_FRAMES = re.compile(r"(?i)(?:^|_)frames?(?:_|$)")
_FLAG = re.compile(r":\s*bool\b|=\s*(?:True|False)$")
Item = tuple[str, str, tuple[int, int], str, tuple[str, ...]]  # path, symbol, lines, text, modalities


@kind(
    "modality_ties",
    summary="modalities that signatures of models and losses fix, and batches that are taken apart by name or place",
    example="modality_ties, or modality_ties: image",
    reads="python",
    ordered=True,
)
def modality_ties(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per method, body or loss: models first, then batches, then losses. Patterns match modalities."""
    reach = reach_of(codebase)
    models = sorted(_models(codebase), key=lambda item: -len(item[4]))  # those that join modalities first
    found = [*models, *_batches(codebase), *_losses(codebase)]
    first = {item[:2]: item for item in reversed(found)}
    for path, symbol, lines, text, modalities in dict.fromkeys(first[item[:2]] for item in found):
        hit = hit_at(codebase, path, lines, symbol=symbol, name=symbol, text=text,
                     detail={"modalities": ", ".join(modalities)})  # fmt: skip
        if reach.has(hit) and any(map(query.matches, modalities)):
            yield hit


def named(name: str) -> str:
    """The modality of a name; frames are of audio as well as of video, and tell nothing."""
    return "" if _FRAMES.search(name) or name.startswith("tabular") else spelled(name)


def _models(codebase: "Codebase") -> Iterator[Item]:
    """The methods that run the main models of the repository, with the parameters that name a modality."""
    roster = roster_of(codebase)
    entries = entries_of(codebase)
    classes = {made.cls: None for entry in main_entries(entries) for made in entry.made if made.cls is not None}
    for cls in list(classes)[:MOST]:
        found = roster.program.method(cls, "forward")
        if found is not None:
            yield from _method(codebase, cls, found[0].path, found[1])


def _method(codebase: "Codebase", cls: ClassRef, path: str, item: Definition) -> Iterator[Item]:
    taken = [p for p in item.parameters if not _FLAG.search(p.strip())]  # `return_latents=False` takes no latents
    names = [re.split(r"[:=]", p, maxsplit=1)[0].strip().lstrip("*") for p in taken]
    spoken = {name: named(name) for name in names if name not in ("self", "cls")}
    told = {name: modality for name, modality in spoken.items() if modality}
    said = f"`{cls.definition.name}.{item.name}()` ({path}) takes"
    if told:
        shown = listed([f"`{name}`" for name in told], SHOWN)
        yield path, item.symbol, (item.head_start, item.head_end), f"{said} {shown}", _groups(told.values())
        return
    keys = _keys_read(codebase, path, item, {name for name in spoken if _BATCH.match(name)})
    if keys:
        modalities = _groups(named(key) for key in keys)
        shown = listed([f"`{key}`" for key in keys if named(key)], SHOWN)
        text = f"{said} a dictionary, of which it reads {shown}"
        yield path, item.symbol, (item.head_start, item.head_end), text, modalities


def _groups(modalities: "Iterator[str] | object") -> tuple[str, ...]:
    found = dict.fromkeys(GROUPS.get(m, m) if m == "prompt" else m for m in modalities if m)  # type: ignore[attr-defined]
    return tuple(found)


def _keys_read(codebase: "Codebase", path: str, item: Definition, holders: set[str]) -> list[str]:
    """The quoted keys that a method reads of its own parameters."""
    keys: dict[str, None] = {}
    for unit in units(codebase, path=path) if holders else ():
        for body, symbol in unit.functions():
            if symbol == item.symbol:
                keys |= dict.fromkeys(key for key, _ in _entries(body, holders) if named(key))
    return list(keys)


def _entries(body: Function, holders: set[str]) -> Iterator[tuple[str, ast.AST]]:
    for node in own_nodes(body):
        if not isinstance(node, ast.Subscript | ast.Attribute) or written(node.value) not in holders:
            continue
        if isinstance(node, ast.Attribute):
            yield node.attr, node
        elif isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            yield node.slice.value, node


def _batches(codebase: "Codebase") -> Iterator[Item]:
    """The bodies that run a model and take a batch apart into values that names say are of some modality."""
    wanted: dict[str, dict[str, set[int]]] = {}
    for use in roster_of(codebase).uses:
        if codebase.snapshot.by_path[use.frame.path].role == "source":
            wanted.setdefault(use.frame.path, {}).setdefault(use.frame.symbol, set()).add(use.step.start)
    for path, symbols in wanted.items():
        for unit in units(codebase, path=path):
            for body, symbol in unit.functions():
                if symbol in symbols:
                    yield from _batch(unit, body, symbol)


def _batch(unit: Unit, body: Function, symbol: str) -> Iterator[Item]:
    for node in own_nodes(body):
        target, source = _apart(node)
        if not isinstance(target, ast.Tuple) or source is None:
            continue
        names = [written(part) for part in target.elts]
        told = {name: named(name) for name in names if named(name)}
        if told and len(names) >= LEAST and _SOURCE.search(_source(source)):
            text = f"`{symbol}()` ({unit.path}) takes `{written(source)}` apart as `{', '.join(names)}`"
            first = unit.lines(node)[0]
            yield unit.path, symbol, (first, first), text, _groups(told.values())
            return
    holders = {arg.arg for arg in body.args.args if _BATCH.match(arg.arg)}
    holders |= {
        written(n.target) for n in own_nodes(body) if isinstance(n, ast.For) and _BATCH.match(written(n.target))
    }
    keys = {key: node for key, node in _entries(body, holders) if named(key)}
    if keys:
        first = next(iter(keys.values()))
        shown = listed([f"`{key}`" for key in keys], SHOWN)
        text = f"`{symbol}()` ({unit.path}) reads {shown} of what it is given"
        yield unit.path, symbol, unit.lines(first), text, _groups(named(key) for key in keys)


def _source(node: ast.expr) -> str:
    """What a loop or assignment takes from: `loader` of `tqdm(loader)` too; "" for values put side by side."""
    if isinstance(node, ast.Call):
        return "" if written(node.func) == "zip" or not node.args else written(node.args[0])
    return written(node)


def _apart(node: ast.AST) -> tuple[ast.AST | None, ast.expr | None]:
    """The names and the source of `a, b = batch` and `for a, b in loader`, also within `enumerate`."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
        return node.targets[0], node.value
    if not isinstance(node, ast.For):
        return None, None
    target: ast.AST = node.target
    if isinstance(target, ast.Tuple) and len(target.elts) == LEAST and isinstance(target.elts[1], ast.Tuple):
        target = target.elts[1]
    return target, node.iter


def _losses(codebase: "Codebase") -> Iterator[Item]:
    """The losses that compare two modalities by the names of their parameters."""
    for path, item in codebase.all_definitions():
        owner = item.symbol.rpartition(".")[0]
        if item.name != "forward" or not _LOSS.search(owner) or codebase.snapshot.by_path[path].role != "source":
            continue
        names = [re.split(r"[:=]", p, maxsplit=1)[0].strip().lstrip("*") for p in item.parameters]
        told = {name: named(name) for name in names if named(name)}
        if len({*told.values()}) >= LEAST:
            text = f"the loss `{owner}` ({path}) takes {listed([f'`{name}`' for name in told], SHOWN)}"
            yield path, item.symbol, (item.head_start, item.head_end), text, _groups(told.values())
