"""Methods of repository classes that a base class from outside calls: `_forward` of a `transformers.Pipeline`.

A call of a method that only the outside base defines (`trainer.train()`, `super().generate()`) runs that
library's code, which calls the methods that the repository class overrides. Which of them, and in what order, is
the library's affair: all that nothing in the repository calls by name are listed.
"""

import re
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.values import (
    ClassRef,
    External,
    ExternalObject,
    FunctionRef,
    Instance,
    Super,
    alternatives,
)
from retrieval.census.models.families import RUNNING
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program
    from retrieval.codebase import Codebase

STARTING = (RUNNING | words("__call__ train fit evaluate start main execute test serve launch")) - {"forward"}
# Methods of a library's trainer that run the object they are given.
GIVING = "given"
_OTHER_PHASES = {
    "fit": re.compile(r"forward|test_|predict"),
    "tune": re.compile(r"forward|test_|predict"),
    "validate": re.compile(r"forward|train|test_|predict|configure_opt"),
    "evaluate": re.compile(r"forward|train|test_|predict|configure_opt"),
    "test": re.compile(r"forward|train|val|predict|configure_opt"),
    "predict": re.compile(r"train|val|test_|configure_opt"),
}
GIVEN = frozenset(_OTHER_PHASES)
# Methods that well-known libraries call on classes that derive from theirs.
_HOOKS = words(
    """forward preprocess _forward postprocess _sanitize_parameters prepare_inputs_for_generation setup
    training_step validation_step test_step predict_step configure_optimizers train_dataloader val_dataloader
    compute_loss get_train_dataloader get_eval_dataloader create_optimizer _get_train_sampler prediction_step
    _save_checkpoint _save run predict decode_request encode_response"""
)
# Bases whose methods call nothing that a subclass overrides, or whose `forward` is followed anyway.
_SILENT = re.compile(
    r"^(?:object|type|abc\.|enum\.|typing|dict|list|str|int|tuple|set|Exception|\w*Error$|collections\."
    r"|torch\.nn\.(?:Module|Sequential|ModuleList|ModuleDict)$|torch\.utils\.data\.|pydantic\.|argparse\.)"
)


def called_back(program: "Program", frame: "Frame", step: CallStep) -> tuple[str, tuple[FunctionRef, ...], str]:
    """The outside base class whose method a call runs, the methods of the repository class that it may call, and
    GIVING when it is a library's trainer that calls them."""
    node = step.node.child_by_field_name("function")
    if node is None:
        return "", (), ""
    value = frame.value(node, step.order, step.guards)
    method = "__call__"
    if not isinstance(value, Instance) and node.type == "attribute":
        method = frame.body.tree.text(node.child_by_field_name("attribute"))
        value = frame.value(node.child_by_field_name("object"), step.order, step.guards)
    cls = value.receiver if isinstance(value, Super) else value.cls if isinstance(value, Instance) else None
    above = isinstance(value, Super) and cls is not None
    if cls is None and method in GIVEN and isinstance(value, External | ExternalObject):
        return _of_given(program, frame, step, method)
    if cls is None or method not in STARTING or (not above and program.method(cls, method)):
        return "", (), ""
    base = next((name for name in outside_bases(program, cls) if not _SILENT.search(name)), "")
    return (base, tuple(_overrides(program, cls, frame)), "") if base else ("", (), "")


def _of_given(
    program: "Program", frame: "Frame", step: CallStep, method: str
) -> tuple[str, tuple[FunctionRef, ...], str]:
    """What `trainer.fit(model)` of a library calls: the hooks that the class of the model overrides."""
    found: dict[tuple[str, str], FunctionRef] = {}
    first, other = "", _OTHER_PHASES[method]
    listed = step.node.child_by_field_name("arguments")
    for node in listed.named_children if listed is not None else ():
        node = node.child_by_field_name("value") or node if node.type == "keyword_argument" else node
        for member in alternatives(frame.value(node, step.order, step.guards)):
            cls = member.cls if isinstance(member, Instance) else None
            base = next((b for b in outside_bases(program, cls) if not _SILENT.search(b)), "") if cls else ""
            for function in _overrides(program, cls, frame) if cls and base else ():
                if function.definition.name in _HOOKS and not other.match(function.definition.name):
                    found.setdefault((function.path, function.definition.symbol), function)
                    first = first or base
    return first, tuple(found.values()), GIVING


def outside_bases(program: "Program", cls: ClassRef) -> list[str]:
    """Base classes that are not of the repository, of the class and of the classes it derives from."""
    return [
        name
        for owner in program.line(cls)
        for name in owner.definition.bases
        if program.named_class(owner.path, name) is None
    ]


def is_pipeline(program: "Program", cls: ClassRef) -> bool:
    """Whether a class extends a pipeline of a library: an object that holds several models and runs them in turn."""
    return any(name.rpartition(".")[2].endswith("Pipeline") for name in outside_bases(program, cls))


def _overrides(program: "Program", cls: ClassRef, caller: "Frame") -> list[FunctionRef]:
    """The methods of a class and its repository bases that nothing in the repository calls."""
    found: dict[str, FunctionRef] = {}
    called = _called(program.codebase) - _HOOKS | {caller.symbol.rpartition(".")[2]}
    for owner in program.line(cls):
        for body in program.methods(owner, cls):
            item = body.definition
            plain = item is not None and not item.decorators and not item.name.startswith("__")
            if plain and item is not None:
                found.setdefault(item.name, FunctionRef(owner.path, item, owner, cls))
    return [function for name, function in found.items() if name not in called]


_CALLED: "Beside[Codebase, frozenset[str]]" = Beside()


def _called(codebase: "Codebase") -> frozenset[str]:
    """The last names of everything that is called on an object anywhere."""
    if codebase not in _CALLED:
        written = [call.written for _, call in codebase.all_calls() if not call.written.startswith("super()")]
        _CALLED[codebase] = frozenset(text.rpartition(".")[2] for text in written if "." in text)
    return _CALLED[codebase]
