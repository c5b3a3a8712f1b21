"""Kind `device_moves`: what is moved to another device or type, a model or a tensor, and where to.

Covers `.to(…)`, `.cpu()`, `.cuda()` and the like, `.half()` and its kin, on PyTorch objects. `moved.py` says what
is moved; here it is read where to. A `.to` whose argument is no device and no type is none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.values import Instance
from retrieval.census.memory.moved import Judge, Place
from retrieval.census.models.makers import UNKNOWN, Judged, made_by
from retrieval.census.models.models import family_of
from retrieval.census.models.roster import roster_of
from retrieval.census.models.shelves import shelves_of, written_root
from retrieval.census.settings.switches import circumstances_of, controlled, proof
from retrieval.errors import QueryError
from retrieval.facts import Call, CensusHit
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.models.models import Family
    from retrieval.codebase import Codebase

WHAT = ("model", "tensor", "unknown")
WHERE = ("cpu", "device", "dtype")
_ACCELERATORS = words("cuda npu xpu mps hpu ipu mlu musa")
_TYPES = words("half float double bfloat16")
_METHODS = _ACCELERATORS | _TYPES | {"to", "cpu", "to_empty"}
_CPU = re.compile(r"""(?:torch\.device\()?(?:type=)?["']cpu["']\)?$""")
_DEVICE = re.compile(
    r"""(?i)f?["'](?:cuda|mps|xpu|npu|hpu|ipu|xla|meta|tpu|vulkan|mlu|auto|privateuseone)\b"""
    r"""|\b\w*(?:device|cuda|gpu|rank|xpu|npu|mps)\w*\b|\d+$"""
)
_DTYPE = re.compile(
    r"(?i)(?!\w*device)\w*dtype\w*$|(?:.*\.)(?!\w*device)\w*dtype\w*$|(?:torch|th|tl|np|numpy|jnp)\.(?:u?int\d*|q?u?int\d+|float\d*\w*|bfloat16|half|double|long|"
    r"short|bool|cfloat|cdouble|complex\d+|\w*Tensor)$|(?:precision|weight_type)$"
)
_NEITHER = re.compile(r"non_blocking|copy|memory_format|\*")
SHOWN = 60

Where = tuple[str, str]  # one of WHERE or "unknown", and the argument as written


@kind(
    "device_moves",
    summary="what `.to`, `.cpu`, `.cuda`, `.half` move: model, tensor or unknown; option to=cpu|device|dtype",
    example="device_moves: model, to=device|cpu",
    reads="python",
    options=("to",),
)
def device_moves(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per call; patterns are of model, tensor and unknown. Raises QueryError for another word.

    `detail` has `what`, `to` (cpu, device, dtype or unknown) and `by`, what tells it: `type`, `use` or `name`.
    """
    wanted = _wanted(query)
    for move in _moves(codebase):
        if query.matches(move.judged[0]) and (not wanted or move.where[0] in wanted):
            yield _hit(codebase, move)


@dataclass(frozen=True, slots=True)
class _Move:
    path: str
    lines: tuple[int, int]
    symbol: str
    written: str
    receiver: str
    judged: Judged
    where: Where
    kept: str = ""  # the repository class of an object that is neither model nor tensor
    encoded: bool = False  # what a tokenizer gives with `return_tensors`
    part: bool = False  # an attribute of a model, moved by the model itself
    frame: "Frame | None" = None
    step: CallStep | None = None


_MOVES: "Beside[Codebase, list[_Move]]" = Beside()


def _wanted(query: Query) -> frozenset[str]:
    unknown = [name for name in query.names() if name not in WHAT and not set("*?[:") & set(name)]
    asked = frozenset(filter(None, (word.strip() for word in query.options.get("to", "").split("|"))))
    if unknown or asked - set(WHERE):
        raise QueryError(f"{query.text!r}: unknown word {(unknown or sorted(asked - set(WHERE)))[0]!r}",
                         hint=f"patterns: {', '.join(WHAT)}; to={'|'.join(WHERE)}")  # fmt: skip
    return asked


def _moves(codebase: "Codebase") -> "list[_Move]":
    """Every move of a codebase, worked out once."""
    if codebase not in _MOVES:
        _MOVES[codebase] = list(_found(codebase))
    return _MOVES[codebase]


def _found(codebase: "Codebase") -> Iterator[_Move]:
    program = program_of(codebase)
    family = family_of(codebase, Query("models", "models", (), {}))
    for path, facts in codebase.facts.items():
        if not any(call.name.rpartition(".")[2] in _METHODS for call in facts.calls):
            continue
        torch = any(item.module.split(".")[0] in ("torch", "transformers") for item in facts.imports)
        if facts.language == "notebook":
            yield from filter(None, (_of_fact(path, call) for call in facts.calls))
            continue
        for definition in (None, *facts.definitions):
            frame = program.frame(path, definition)
            for step in frame.body.calls if frame else ():
                if frame is not None and (move := _of_step(frame, family, step, torch)) is not None:
                    yield move


def _of_step(frame: "Frame", family: "Family", step: CallStep, torch: bool) -> _Move | None:
    function = step.node.child_by_field_name("function")
    tree = frame.body.tree
    if function is None or function.type != "attribute":
        return None
    method = tree.text(function.child_by_field_name("attribute"))
    owner = function.child_by_field_name("object")
    if method not in _METHODS or owner is None:
        return None
    given = _arguments(frame, step)
    judge = Judge(frame, family)
    place = Place(step.order, step.guards)
    judged = judge.of(owner, place)
    judged = _traced(frame, step, owner, judged)
    where = _where(method, given)
    if where is None or (judged == UNKNOWN and not torch and method not in ("cpu", "cuda") and where[0] != "device"):
        return None
    if where[0] == "unknown":
        where = _told(judge, step, place, where)
        if where[0] == "unknown" and judged == UNKNOWN:
            return None
    value = frame.value(owner, step.order, step.guards)
    kept = value.cls.definition.symbol if isinstance(value, Instance) else ""
    receiver = one_line(tree.text(owner), SHOWN)
    inside = frame.owner is not None and family.is_model(frame.owner)
    encoded = owner.type == "call" and "return_tensors" in tree.text(owner)
    part = inside and judged[0] == "model" and receiver.startswith("self.")
    written = one_line(f"{receiver}.{method}({', '.join(given)})", 2 * SHOWN)
    lines = (step.start, step.end)
    return _Move(frame.path, lines, frame.symbol, written, receiver, judged, where, kept, encoded, part, frame, step)


def _traced(frame: "Frame", step: CallStep, owner: Node, judged: Judged) -> Judged:
    """What is moved, once it is traced to what made it; a copy that becomes an array was no model."""
    parent = step.node.parent
    turned = parent is not None and parent.type == "attribute"
    method = frame.body.tree.text(parent.child_by_field_name("attribute")) if turned and parent is not None else ""
    if method in ("numpy", "item", "tolist", "detach", "squeeze") and judged[0] != "tensor":
        return "tensor", "use"
    if judged[0] != "unknown":
        return judged
    roster = roster_of(frame.program.codebase)
    if roster.of(Spot(frame, owner, step.order, step.guards)) or _is_shelved(frame, owner):
        return "model", "type"
    return judged


def _is_shelved(frame: "Frame", owner: Node) -> bool:
    """Whether what is moved is taken out of a container that holds models: `MODELS[key]`."""
    if owner.type not in ("subscript", "call"):
        return False
    shelves = shelves_of(roster_of(frame.program.codebase))
    return shelves.shelf(frame, written_root(frame, owner)) is not None


@dataclass(frozen=True, slots=True)
class Moved:
    """A call that moves or casts a model: where it stands, what is moved, and where to."""

    frame: "Frame"
    step: CallStep
    owner: Node
    to: str
    said: str
    part: bool


def moved_models(codebase: "Codebase") -> Iterator[Moved]:
    """Every call that moves or casts a model, notebooks excepted."""
    for move in _moves(codebase):
        function = move.step.node.child_by_field_name("function") if move.step is not None else None
        owner = function.child_by_field_name("object") if function is not None else None
        if move.judged[0] == "model" and move.frame is not None and move.step is not None and owner is not None:
            yield Moved(move.frame, move.step, owner, move.where[0], f"`{move.written}`", move.part)


def moved_tensors(codebase: "Codebase") -> "Iterator[tuple[Frame, CallStep, str, str]]":
    """Every call that moves a tensor, or what is not known: its body, the call, where to, as written."""
    for move in _moves(codebase):
        if move.judged[0] != "model" and move.frame is not None and move.step is not None:
            yield move.frame, move.step, move.where[0], move.written


def _of_fact(path: str, call: Call) -> _Move | None:
    """A move in a notebook, where only the call's own record says what is moved."""
    receiver, _, method = call.written.rpartition(".")
    given = [*call.arguments, *(f"{name}={value}" for name, value in call.keywords)]
    where = _where(method, given) if receiver and method in _METHODS else None
    if where is None or where[0] == "unknown":
        return None
    shown = one_line(receiver, SHOWN)
    written = one_line(f"{shown}.{method}({', '.join(given)})", 2 * SHOWN)
    return _Move(path, (call.start, call.end), call.symbol, written, shown, made_by(call.receiver), where)


def _arguments(frame: "Frame", step: CallStep) -> list[str]:
    listed = step.node.child_by_field_name("arguments")
    nodes = listed.named_children if listed else []
    return [one_line(frame.body.tree.text(node)) for node in nodes if node.type not in ("comment", "line_continuation")]


def _where(method: str, given: list[str]) -> Where | None:
    """Where a method moves to; None for a call that is no move of a torch object at all."""
    if method == "cpu":
        return None if given and not given[0].startswith("memory_format") else ("cpu", "the CPU")
    if method in _ACCELERATORS:
        return "device", f"`{method}`"
    if method in _TYPES:
        return None if given and not given[0].startswith("memory_format") else ("dtype", method)
    told = [_argument(item) for item in given]
    for sort in ("cpu", "device"):
        found = next((written for kind_, written in told if kind_ == sort), "")
        if found:
            return sort, "the CPU" if sort == "cpu" else f"`{found}`"
    if any(sort == "other" for sort, _ in told):
        return None
    types = next((written for sort, written in told if sort == "dtype"), "")
    loose = next((written for sort, written in told if sort == "unknown"), "")
    return ("dtype", types) if types else ("unknown", f"`{loose}`") if loose else None


def _argument(written: str) -> tuple[str, str]:
    """The sort of one argument of `.to`, and the argument without its keyword."""
    name, equals, value = written.partition("=")
    keyword = name.strip() if equals and name.strip().isidentifier() else ""
    text = value.strip() if keyword else written
    if _NEITHER.match(keyword or written):
        return "", text
    if _CPU.match(text):
        return "cpu", text
    if keyword == "device" or (keyword != "dtype" and not _DTYPE.match(text) and _DEVICE.search(text)):
        return "device", text
    if keyword == "dtype" or _DTYPE.match(text):
        return "dtype", text
    plain = text[:1] not in "\"'[{(" and not text.startswith(("f'", 'f"')) and not keyword
    return ("unknown" if plain else "other"), text


def _told(judge: Judge, step: CallStep, place: Place, where: Where) -> Where:
    """What an argument that is a name stands for: a type or device bound to it, or a tensor to be like."""
    first = next(iter(arguments(step.node, keywords=True)), None)
    written = judge.frame.body.tree.text(first)
    bound = [judge.frame.body.tree.text(b.value) for b in judge.frame.bound(written) if b.taken == "whole" and b.value]
    sorts = {_argument(one_line(value))[0] for value in bound}
    if len(sorts) == 1 and sorts <= {"dtype", "device"}:
        return sorts.pop(), where[1]
    like = judge.of(first, place)[0] == "tensor"
    return ("device", f"the device and type of {where[1]}") if like else where


def _subject(move: _Move) -> str:
    if move.part:
        return f"the part `{move.receiver}` of the model"
    if move.encoded:
        return "the tensors of an encoding"
    told = {"model": "the model", "tensor": "a tensor"}.get(move.judged[0])
    return told or (f"a `{move.kept}` object" if move.kept else f"`{move.receiver}`")


def _hit(codebase: "Codebase", move: _Move) -> CensusHit:
    (what, by), (to, target) = move.judged, move.where
    subject = _subject(move)
    if to == "dtype":
        text = f"`{move.written}` changes only the type" + (f" of {subject}" if what == "model" else "")
    elif to == "unknown":
        text = f"`{move.written}` moves {subject} to what {target} says, a device or a type"
    else:
        text = f"`{move.written}` moves {subject} to {target}"
    condition, behind = "", ()
    if move.frame and move.step and what == "model":
        condition, behind = circumstances_of(codebase, move.frame, move.step.guards)
    return hit_at(
        codebase, move.path, move.lines, symbol=move.symbol, name=what, text=text + condition,
        related=proof(behind),
        detail={"what": what, "to": to, "by": by, "receiver": move.receiver, "part": "yes" if move.part else "no",
                "controlled": controlled(behind)},
    )  # fmt: skip
