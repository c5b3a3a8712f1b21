"""Kind `exchanged`: the classes whose objects functions of the main programs take and give, own and imported ones.

Records of the repository (data classes, pydantic models, named tuples) and classes of libraries count by the functions
whose annotations name them, and by what travels through functions without annotations; records of settings come last.
Models, enums and the arrays of `payloads` are no exchange types.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.focus import focus_of
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.spine import spine_of
from retrieval.census.flow.steps import steps_of
from retrieval.census.handover.handoffs import OPTIONS
from retrieval.census.handover.structures import fields_told, record_of
from retrieval.census.handover.travelling import travellers
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.class_fields import Field, class_fields
from retrieval.census.meaning.people import people
from retrieval.census.meaning.prose import counted
from retrieval.facts import CensusHit, Definition
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, OWN, FIELDS, INNER, NAMED, PLACES, BODIES, NEAR = 3, 2, 12, 2, 3, 16, 12, 3
_LISTS = re.compile(r"(?:[Ll]ist|Sequence|Iterable|Iterator|Generator)\[([\w., |\"']*)")
_NO_ITEM = re.compile(r"(?:Enum|Flag|Error|Exception|Warning|Module|ABC|Protocol|Widget|Thread|Process)$|^Q[A-Z]")
_WORD = re.compile(r"[A-Za-z_][\w.]*")
_NO_RECORD = re.compile(r"^(?:Int|Str)?(?:Enum|Flag)$")
_SETTING = re.compile(r"(?:Options?|Config|Cfg|Settings|Args|Arguments|Params|Parameters|Limits|Spec)$")
# Classes of libraries that carry no results: models and what serves them, plain containers, arrays, places and flags.
_NO_CARRIER = re.compile(
    r"(?:Models?|Tokenizer\w*|Processor\w*|Pipeline|Module\w*|Optimizer\w*|Scheduler|Config|Logger|Parser|Client"
    r"|Session|Mode|Label|Engine|Device|Generator|Callable|Any|Path|Namespace|Tensor|ndarray|NDArray|Image|Figure|Axes|Writer"
    r"|Lock|Event|Queue|Thread|Process|Executor|Popen|Loader|Dataset|Trainer|Accelerator|Scaler|Enum|datetime"
    r"|TextIO|BinaryIO|IO|BytesIO|Pattern|Match|Decimal|Request|Response|Progress|Console|Blocks|State|App|APIRouter)$"
)
_PLAIN = re.compile(
    r"^(?:typing|collections|builtins|types|abc|enum|os|pathlib|typing_extensions|typer|click|pydantic|fastapi|argparse|strawberry|starlette|flask|gradio|aiohttp|PySide\d|PyQt\d|tkinter|wx|kivy|textual|torch\.nn|jaxtyping|numpy)\b"
)
_MODELS = re.compile(r"^(?:torch|torchvision|diffusers|transformers|timm|keras|tensorflow|jax|flax)\b")
_RESULT = re.compile(r"(?:Outputs?|Features?|Encoding|Batch|Result)\w*$")
_WRITTEN = words(
    "Optional Union List Dict Tuple Set Sequence Iterable Iterator Mapping Literal Type Annotated ClassVar Final None"
    " Generator AsyncIterator AsyncGenerator Callable Any Awaitable Self NamedTuple True False Field Depends Query"
)
Place = tuple[str, str]


@dataclass(slots=True)
class Exchange:
    """One class with the functions that take or give its objects; `own` is where the repository defines it."""

    name: str
    own: tuple[str, Definition] | None = None
    users: dict[Place, int] = field(default_factory=dict)
    record: bool = True  # a record or a class of a library; other classes count where lists of them are handed on
    listed: bool = False

    @property
    def settings(self) -> bool:
        """Whether its objects hold settings, no results."""
        return bool(_SETTING.search(self.name) or OPTIONS.search(self.name))


@kind(
    "exchanged",
    summary="classes, own and imported, whose objects functions of the main programs take and give, with their fields",
    example="exchanged",
    reads="python",
    ordered=True,
)
def exchanged(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per class, those of most functions first, functions of the main path before others."""
    steps = _steps(codebase)
    found = [item for item in _found(codebase).values() if len(item.users) >= (OWN if item.own else LEAST)]
    found.sort(key=lambda item: (item.settings, -(len(item.users) + NEAR * len(steps & item.users.keys()))))
    for item in found:
        if query.matches(item.name, item.name.rpartition(".")[2]):
            yield _hit(codebase, item, steps)


@once
def _found(codebase: Codebase) -> dict[str, Exchange]:
    reach = reach_of(codebase)
    found: dict[str, Exchange] = {}
    for path, item in codebase.all_definitions():
        if item.kind == "class" or codebase.snapshot.by_path[path].role != "source":
            continue
        written = [p.partition(":")[2].partition("=")[0] for p in item.parameters] + [item.returns]
        names = {word for text in written if text for word in _WORD.findall(text.replace('"', "").replace("'", ""))}
        lasts = {name: name.rpartition(".")[2] for name in names}
        names = {name for name, last in lasts.items() if last[:1].isupper() and last not in _WRITTEN}
        if names and reach.runs((path, item.symbol)):
            listed_ones = {
                word for text in written if text for part in _LISTS.findall(text) for word in _WORD.findall(part)
            }
            for name in names:
                _note(codebase, found, (path, item), name, name in listed_ones)
    found = {key: item for key, item in found.items() if item.record or item.listed}
    for traveller in travellers(codebase):
        changed = traveller.changers or (traveller.cls is not None and _carries(codebase, *traveller.cls))
        if traveller.sort == "object" and traveller.cls is not None and changed:
            owner, definition = traveller.cls
            exchange = found.setdefault(f"{owner}:{definition.symbol}", Exchange(definition.symbol, traveller.cls))
            for trace in traveller.traces:
                exchange.users.setdefault(trace.place, trace.line)
    return found


def _note(codebase: Codebase, found: dict[str, Exchange], at: tuple[str, Definition], name: str, in_list: bool) -> None:
    path, function = at
    own = _local(codebase, path, name)
    if own is not None:
        record = own[1].kind == "class" and _carries(codebase, *own)
        if record or (own[1].kind == "class" and _is_plain(codebase, *own)):
            key = f"{own[0]}:{own[1].symbol}"
            exchange = found.setdefault(key, Exchange(own[1].symbol, own, record=record))
            exchange.listed |= in_list
            exchange.users.setdefault((path, function.symbol), function.head_start)
        return
    dotted = _canonical(codebase, path, name)
    last = dotted.rpartition(".")[2]
    library = _MODELS.match(dotted) is not None and _RESULT.search(last) is None
    carries = (
        "." in dotted
        and dotted.rpartition(".")[0] not in codebase.modules
        and not library
        and not (_PLAIN.match(dotted) or _NO_CARRIER.search(last) or _SETTING.search(last))
    )
    if carries:
        exchange = found.setdefault(f"{dotted.partition('.')[0]} {last}", Exchange(dotted))
        exchange.users.setdefault((path, function.symbol), function.head_start)


@once
def _local(codebase: Codebase, path: str, name: str) -> tuple[str, Definition] | None:
    return codebase.resolve_local(path, name)


@once
def _canonical(codebase: Codebase, path: str, name: str) -> str:
    """The dotted name that an annotation means, by the imports of its file; "" for a name of no import."""
    root, _, rest = name.partition(".")
    item = next((i for i in codebase.facts[path].imports if i.alias == root), None)
    if item is None:
        return ""
    module = f"{item.module}.{item.name}" if item.name else item.module
    return codebase.canonical(f"{module}.{rest}" if rest else module, path)


@once
def _carries(codebase: Codebase, path: str, item: Definition) -> bool:
    """Whether a class of the repository is a record, no enum."""
    what = record_of(codebase, path, item)
    return bool(what) and not _NO_RECORD.match(what)


@once
def _is_plain(codebase: Codebase, path: str, item: Definition) -> bool:
    """Whether a class of the repository may be an item of data: no enum, error, model or service by its bases."""
    bases = [base.rpartition(".")[2] for base in codebase.bases(path, item)]
    return not any(map(_NO_ITEM.search, (item.name, *bases))) and not _NO_CARRIER.search(item.name)


@once
def _steps(codebase: Codebase) -> frozenset[Place]:
    """The functions of the bodies that hand most on, and what they call."""
    focus = focus_of(codebase)
    bodies = spine_of(focus)[:BODIES]
    called = {
        (target.path, target.definition.symbol)
        for frame in bodies
        for step in steps_of(focus, frame)
        for target in step.site.targets
    }
    return frozenset(called | {(frame.path, frame.symbol) for frame in bodies})


def _inner(codebase: Codebase, fields: list[Field], name: str) -> str:
    """The records that fields of class `name` hold, with their own fields: those that hold most records themselves."""
    found: dict[str, tuple[str, list[Field]]] = {}
    for outer in fields:
        for own in _held(codebase, outer):
            if own[1].name not in {name, *found} and (inner := class_fields(codebase, *own)):
                found[own[1].name] = outer.name, inner
    ranked = sorted(found.items(), key=lambda row: -len([f for f in row[1][1] if any(_held(codebase, f))]))
    told = [f"its `{field}` holds `{cls}` with {fields_told(held, cls, FIELDS)}" for cls, (field, held) in ranked]
    return "".join(f"; {text}" for text in told[:INNER])


def _held(codebase: Codebase, field: Field) -> Iterator[tuple[str, Definition]]:
    """The records of the repository that the type of a field names."""
    for word in _WORD.findall(field.type.replace('"', "").replace("'", "")):
        own = _local(codebase, field.path, word)
        if own is not None and own[1].kind == "class" and _carries(codebase, *own):
            yield own


def _hit(codebase: Codebase, item: Exchange, steps: frozenset[Place]) -> CensusHit:
    last = item.name.rpartition(".")[2]
    ordered = sorted(item.users, key=lambda place: place not in steps)
    if item.own is not None:
        path, definition = item.own
        what = f"{record_of(codebase, path, definition) or 'class'}{' of settings' if item.settings else ''}"
        fields = class_fields(codebase, path, definition)
        told = f"; fields {fields_told(fields, definition.name, FIELDS)}" if fields else ""
        text = f"`{last}` ({what}, {path}{told}{_inner(codebase, fields, definition.name)})"
        first = (path, definition.head_start)
    else:
        text = f"`{last}` (of `{item.name.partition('.')[0]}`, imported as `{item.name}`)"
        first = (ordered[0][0], item.users[ordered[0]])
    text += f": {counted(len(item.users), 'function')} take or give it, such as {people(codebase, ordered, NAMED)}"
    places = list(dict.fromkeys((place[0], item.users[place]) for place in ordered))[:PLACES]
    related = tuple(("use", path, line, line) for path, line in places if (path, line) != first)
    symbol = item.own[1].symbol if item.own else ordered[0][1]
    lines = (first[1], first[1])
    detail = {"functions": str(len(item.users))}
    return hit_at(codebase, first[0], lines, symbol=symbol, name=last, text=text, related=related, detail=detail)
