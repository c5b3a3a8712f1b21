"""Calls in a body that leave the repository but belong to its story: model libraries, and received functions.

`callgraph.py` has the calls of repository code. Everything else (logging, arrays, paths) is no step of a flow.
"""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.hooks import is_pipeline, outside_bases
from retrieval.census.meaning.invoked import invoked, root_object
from retrieval.census.meaning.origins import Origins
from retrieval.census.meaning.values import ClassRef, External, ExternalObject, Instance, OneOf
from retrieval.census.meaning.wording import either, label
from retrieval.census.models.families import (
    COMPANIONS,
    LOADING,
    LOSSES,
    MODELISH,
    OPTIMIZER,
    RUNNING,
    STEPPING,
    STEPS,
    is_library_model,
    is_model_base,
    library,
)
from retrieval.census.models.known_models import wrappers
from retrieval.census.models.model_uses import by_name

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

SHOWN = 80
TRACED = frozenset({"makes", "runs"})  # what an event does when the model was traced to it (see `Focus.outside`)
_NO_MODEL = re.compile(
    r"Output(?:s|With\w*)?$|DataLoader|Sampler|\boptim\b|\.optim\.|Optimizer|Iterator|DataParallel|init_process_group|Accelerator$"
)
_MODEL = re.compile(
    r"Model|Net|Pipeline|For[A-Z]|LLM|LM|Chain|Chat|Encoder|Detector|App|Llama|Session|Reader|OCR|Client|AI$"
)


_PREPARING = re.compile(
    r"(?:load|fuse|unfuse|unload|set|merge|add)_(?:lora|ip_adapter|adapter|textual_inversion|weighted_adapter)\w*"
    r"|merge_and_unload"
)
_QUIET = re.compile(
    r"^(?:progress_bar|register_\w+|maybe_\w+|to|enable_\w+|disable_\w+|set_progress\w*|check_\w+|log\w*)$"
)
_ENCODES = re.compile(r"(?:encode|decode|run_safety)_")


@dataclass(frozen=True, slots=True)
class Outside:
    """One such call; `said` is the predicate of a sentence, `does` is "library", "received", "training", "inherited"
    (of a library's pipeline) or "prepares" (puts weights in); "writes" for a file, "makes" or "runs" for a model that
    was followed to where it is made."""

    step: CallStep
    name: str
    said: str
    does: str


def outside_steps(program: "Program", frame: "Frame") -> list[Outside]:
    """The calls of model libraries, of functions that repository code returned and of models known by name,
    and the steps of a training, in order."""
    known = {site.step.node.id for site in program.sites(frame)}
    origins = Origins(program, frame)
    found = []
    for step in frame.body.calls:
        if step.node.id in known:
            continue
        told = _prepared(program, frame, step) or _inherited(program, frame, step) or _library(frame, step)
        told = told or _received(frame, step, origins) or _training(frame, step) or _got(frame, step)
        if told is not None:
            found.append(told)
    return found


def _prepared(program: "Program", frame: "Frame", step: CallStep) -> Outside | None:
    """Weights and adapters that are put into an object of a library's class: `pipe.fuse_lora()`."""
    if not _PREPARING.fullmatch(step.written.rpartition(".")[2]) or "." not in step.written:
        return None
    holder = invoked(frame, step)
    own = isinstance(holder, Instance) and any(map(library, outside_bases(program, holder.cls)))
    if not own and not (isinstance(holder, ExternalObject) and library(holder.maker)):
        return None
    written = one_line(frame.body.tree.text(step.node), SHOWN)
    return Outside(step, step.written, f"calls `{written}`", "prepares")


def _inherited(program: "Program", frame: "Frame", step: CallStep) -> Outside | None:
    """What a pipeline calls of the library's pipeline that it extends: `self.encode_prompt(…)`."""
    head, _, name = step.written.rpartition(".")
    owner = frame.receiver or frame.owner
    if head != "self" or name.startswith("_") or _QUIET.search(name) or frame.callee(step) is not None:
        return None
    if owner is None or not is_pipeline(program, owner) or MODELISH.search(name):
        return None
    written = one_line(frame.body.tree.text(step.node), SHOWN)
    return Outside(step, name, f"calls `{written}` of the library's pipeline", "inherited")


def _library(frame: "Frame", step: CallStep) -> Outside | None:
    value = frame.callee(step)
    written = one_line(frame.body.tree.text(step.node), SHOWN)
    if isinstance(value, OneOf):
        return _either(step, value, written)
    if isinstance(value, External):
        if _tells(value.name):
            full = "" if step.written == value.name else f" (`{value.name}`)"
            return Outside(step, value.name, f"calls `{written}`{full}", "library")
        return None
    holder = invoked(frame, step) if value is None or isinstance(value, ExternalObject) else None
    method = step.written.rpartition(".")[2]
    if isinstance(holder, Instance) and method == "load_state_dict":
        own = step.written.startswith("self.") and step.written.count(".") == 1
        what = "" if own else f" on the `{holder.cls.definition.symbol}` object"
        return Outside(step, step.written, f"calls `{written}`{what}", "library")
    holder = holder or root_object(frame, step)
    if not isinstance(holder, ExternalObject) or not library(holder.maker):
        return None
    if method not in RUNNING and not isinstance(value, ExternalObject):
        return None
    return Outside(step, holder.maker, f"calls `{written}` on what `{holder.maker}` gave", "library")


def _tells(name: str) -> bool:
    """Whether a call of the outside function or class `name` is a step: it loads, makes or runs a model."""
    last = name.rpartition(".")[2]
    makes = last in LOADING or last[:1].isupper() or last in RUNNING
    return name in LOADING or name in STEPS or bool(OPTIMIZER.search(name) or (library(name) and makes))


def _training(frame: "Frame", step: CallStep) -> Outside | None:
    """Steps that their names tell: `loss.backward()`, `optimizer.step()`, `model.eval()`, `model(x)`, `loss(x, y)`."""
    holder, _, method = step.written.rpartition(".")
    last = holder.rpartition(".")[2]
    stepping = method == "step" and STEPPING.search(last)
    mode = method in ("eval", "train") and MODELISH.search(last)
    restores = method == "load_state_dict" and bool(holder)
    loops = method in ("train", "fit") and last.lower().endswith("trainer")
    callee = frame.callee(step)
    known = callee is not None and not (isinstance(callee, ExternalObject) and is_model_base(callee.maker))
    named = None if known else by_name(frame, step)
    loss = not known and holder in ("", "self") and LOSSES.search(method)
    if not (method == "backward" and holder) and not any((stepping, mode, loss, restores, loops)) and named is None:
        return None
    written = one_line(frame.body.tree.text(step.node), SHOWN)
    return Outside(step, named[1] if named else step.written, f"calls `{written}`", "training")


def _got(frame: "Frame", step: CallStep) -> Outside | None:
    """`self.get_vision_tower()(images)`: what a function named for a model gives is called at once."""
    function = step.node.child_by_field_name("function")
    made = function.child_by_field_name("function") if function is not None and function.type == "call" else None
    name = frame.body.tree.text(made).rpartition(".")[2]
    if not name or not MODELISH.search(name) or frame.callee(step) is not None:
        return None
    written = one_line(frame.body.tree.text(step.node), SHOWN)
    return Outside(step, name, f"calls `{written}`, the model that `{name}()` gives", "training")


def _either(step: CallStep, value: OneOf, written: str) -> Outside | None:
    """A call of a variable that holds one of several outside functions."""
    names = [member.name for member in value.members if isinstance(member, External)]
    if len(names) < len(value.members) or not any(map(_tells, names)):
        return None
    return Outside(step, " | ".join(names), f"calls `{written}`, which is {either(names)}", "library")


def _received(frame: "Frame", step: CallStep, origins: Origins) -> Outside | None:
    function = step.node.child_by_field_name("function")
    if function is None or function.type != "identifier" or frame.callee(step) is not None:
        return None
    made = [origin for origin in origins.of(function, step) if origin.how != "computed"]
    if len(made) != 1 or isinstance(made[0].site.target, ClassRef):
        return None
    maker = label(made[0].site.target)
    what = "what" if made[0].how == "itself" else "part of what"
    written = one_line(frame.body.tree.text(step.node), SHOWN)
    return Outside(step, maker, f"calls `{written}`, {what} `{maker}` returned", "received")


def does(event: Outside) -> str:
    """ "makes" or "runs" for calls on and of models, "" for tokenizers, data loaders, optimizers and the like."""
    method = event.step.written.rpartition(".")[2]
    if event.does in TRACED:
        return event.does
    if (
        event.does == "writes"
        or event.name in wrappers()
        or COMPANIONS.search(event.name)
        or _NO_MODEL.search(event.name)
        or method in ("load_state_dict", "step", "backward")
    ):
        return ""
    loads = method in LOADING or event.name in LOADING
    if LOSSES.search(method):
        return ""
    if event.does in ("inherited", "prepares"):
        return "runs" if _ENCODES.match(method) else ""
    if event.does == "received" and not MODELISH.search(method):
        return ""  # what a function gave to be called may be anything
    if event.does != "library":
        return "runs"
    if loads or (is_library_model(event.name) and (_MODEL.search(method) or not method[:1].isupper())):
        return "makes" if loads or method[:1].isupper() else "runs"
    return ""
