"""Kind `recomputing`: where activations are not kept but worked out again in the backward pass, and what turns it on.

A place behind an attribute that every assignment in the repository sets to False is told as never on.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import Guard, one_line
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import arguments
from retrieval.census.meaning.values import External
from retrieval.census.meaning.wording import caller
from retrieval.census.memory.released import has_on
from retrieval.census.models.roster import roster_of
from retrieval.census.settings.config_files import config_entries
from retrieval.census.settings.presets import is_off
from retrieval.census.settings.switches import Switch, circumstances_of, controlled, proof
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.body import CallStep
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

NAMES = ("on", "off", "never", "offloaded")
_ENABLING = re.compile(r"\.(?:\w*gradient_checkpointing_enable|enable_gradient_checkpointing|set_grad_checkpointing)$")
_OUTSIDE = re.compile(r"^torch\.utils\.checkpoint\.|(?:^|\.)(?:checkpoint_wrapper|apply_activation_checkpointing)$")
_KEPT_ASIDE = re.compile(r"(?:^|\.)(?:save_on_cpu|offload_wrapper)$")
_ATTRIBUTE = re.compile(r"\bself\.(\w+)")
_KEY = re.compile(r"(?:cfg|conf\w*)\.(?:\w+\.)*(\w+)|\[[\"'](\w+)[\"']\]")
_NAME = re.compile(r"(?<![\w.\"'])([A-Za-z_]\w{3,})(?![\w.(\"'])")


@kind(
    "recomputing",
    summary="activation (gradient) checkpointing: where, behind which switch, on or off by default, or never on",
    example="recomputing: on, off",
    reads="python",
    ordered=True,
)
def recomputing(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per call, those that enable it for whole models first; patterns are on, off, never and offloaded."""
    found = []
    for frame, _depth in roster_of(codebase).frames:
        for step in frame.body.calls:
            enables = bool(_ENABLING.search(step.written)) and not _ENABLING.search(f".{frame.symbol}")
            if enables or _is_outside(frame, step):
                found.append((not enables, _hit(codebase, frame, step)))
            if _is_kept_aside(frame, step):
                found.append((True, _offloaded(codebase, frame, step)))
    for _, hit in sorted(found, key=lambda row: (row[0], NAMES.index(row[1].name))):
        if query.matches(hit.name):
            yield hit


def _is_outside(frame: "Frame", step: "CallStep") -> bool:
    if "checkpoint" not in step.written:
        return False
    function = step.node.child_by_field_name("function")
    value = frame.value(function, step.order, step.guards) if function is not None else None
    return isinstance(value, External) and bool(_OUTSIDE.search(value.name))


def _is_kept_aside(frame: "Frame", step: "CallStep") -> bool:
    """Whether activations wait for the backward pass on the CPU: `checkpoint_wrapper(..., offload_to_cpu=True)`."""
    given = arguments(step.node)
    first = frame.body.tree.text(given[0]) if given and step.written.rpartition(".")[2] == "partial" else ""
    wraps = any(name.rpartition(".")[2] == "checkpoint_wrapper" for name in (step.written, first))
    return bool(_KEPT_ASIDE.search(step.written)) or (wraps and has_on(frame, step.node, "offload_to_cpu"))


def _offloaded(codebase: "Codebase", frame: "Frame", step: "CallStep") -> CensusHit:
    condition, behind = circumstances_of(codebase, frame, step.guards)
    subject = caller(frame)
    shown = one_line(frame.body.tree.text(step.node), 90)
    text = f"{subject[0].upper()}{subject[1:]} has activations kept on the CPU meanwhile: `{shown}`{condition}"
    return hit_at(
        codebase, frame.path, (step.start, step.end), symbol=frame.symbol, name="offloaded", text=text,
        related=proof(behind), detail={"controlled": controlled(behind) or _parameter(behind)},
    )  # fmt: skip


def _hit(codebase: "Codebase", frame: "Frame", step: "CallStep") -> CensusHit:
    condition, behind = circumstances_of(codebase, frame, step.guards)
    dead = next((name for guard in step.guards if (name := _dead(codebase, frame, guard))), "")
    off = is_off(codebase, frame, step.guards) or any(s.default == "False" for s in behind)
    off = off or any(_starts_off(codebase, frame, guard) for guard in step.guards)
    name = "never" if dead else "off" if off else "on"
    ending = f"; never on: every assignment of `{dead}` here is False" if dead else ", off by default" if off else ""
    subject = caller(frame)
    shown = one_line(frame.body.tree.text(step.node), 70)
    text = f"{subject[0].upper()}{subject[1:]} has activations worked out again: `{shown}`{condition}{ending}"
    return hit_at(
        codebase, frame.path, (step.start, step.end), symbol=frame.symbol, name=name, text=text,
        related=proof(behind),
        detail={"controlled": _entry(codebase, step.guards) or controlled(behind) or _parameter(behind)},
    )  # fmt: skip


def _entry(codebase: "Codebase", guards: tuple[Guard, ...]) -> str:
    """The entry of configuration files that a condition asks for, with its values; "" for none."""
    asked = {key for guard in guards if guard.kind == "if" for pair in _KEY.findall(guard.text) for key in pair if key}
    found: dict[str, list[str]] = {}
    for path, entries in config_entries(codebase).items():
        for item in entries:
            if item.key.rpartition(".")[2] in asked:
                found.setdefault(f"`{item.key}`", []).append(f"`{item.value}` in {path}")
    return next((f"entry {key} of the configuration ({listed(told, 3)})" for key, told in found.items()), "")


def _parameter(behind: tuple[Switch, ...]) -> str:
    return next((switch.said for switch in behind if switch.kind == "parameter"), "")


def _dead(codebase: "Codebase", frame: "Frame", guard: Guard) -> str:
    """The flag that a condition asks for and that nothing here ever sets to anything but False; "" for none."""
    return next((name for name in _asked(frame, guard) if _never_set(codebase, name)), "")


def _asked(frame: "Frame", guard: Guard) -> list[str]:
    """The attributes of its own object and the variables of the module that must be true for a condition to hold."""
    if guard.kind != "if" or " or " in guard.text:
        return []
    free = [name for name in _NAME.findall(guard.text) if name not in frame.parameters and not frame.bound(name)]
    asked = [*_ATTRIBUTE.findall(guard.text), *free]
    return [name for name in asked if not re.search(rf"\bnot (?:self\.)?{name}\b", guard.text)]


def _starts_off(codebase: "Codebase", frame: "Frame", guard: Guard) -> bool:
    return any(f"self.{name} = False" in _values(codebase, name) for name in _asked(frame, guard))


@once
def _values(codebase: "Codebase", name: str) -> dict[str, str]:
    """What a name is set to or given as, in all code: the assignment as written → the value."""
    given = re.compile(rf"((?:self\.)?\b{name})\s*(?::[^=\n]+)?=(?!=)\s*([^\n,#)]+)")
    texts = [codebase.snapshot.by_path[path].text for path in codebase.facts]
    found = [match for text in texts if name in text for match in given.finditer(text)]
    return {f"{match[1]} = {match[2].strip()}": match[2].strip() for match in found}


@once
def _never_set(codebase: "Codebase", name: str) -> bool:
    """Whether all assignments and keyword arguments of a name are False, in code and in configuration files."""
    values = _values(codebase, name).values()
    enabled = any(_ENABLING.search(f".{call.name}") for _, call in codebase.all_calls())
    entries = (item for table in config_entries(codebase).values() for item in table)
    written = any(item.key.rpartition(".")[2] == name and item.value not in ("False", "false") for item in entries)
    return bool(values) and set(values) == {"False"} and not enabled and not written
