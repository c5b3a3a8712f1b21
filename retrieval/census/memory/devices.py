"""What a device argument may be: the devices by name, the tests that choose between them, options behind it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import hit_at
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.spots import Called, Spot
from retrieval.census.meaning.tracing import SAME, tracer_of
from retrieval.census.meaning.values import ClassRef, ExternalObject, FunctionRef, Instance, alternatives
from retrieval.census.memory.deciders import asked_of, decider, left_out, replaced
from retrieval.census.settings.settings_fields import environment_field
from retrieval.census.settings.switches import Switch, switches_of
from retrieval.languages import words
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_STEPS, MOST_NAMED, MOST_OWNERS = 90, 6, 12
_DEVICE = re.compile(
    r"""^f?["'](cuda|cpu|mps|npu|xpu|xla|hpu|auto|gpu|directml|privateuseone|balanced\w*)(?::[^"']*)?["']$""", re.I
)
_SAME_TYPE = re.compile(r"""([\w.]+)\.type == ["'](cuda|mps|npu|xpu|cpu)["']""")
_PROVIDER = re.compile(r"""^["'](\w+ExecutionProvider)["']$""")
_TEST = re.compile(r"(?:is_available|device_count|is_built|get_available_providers|get_device|get_accelerator)$")
_GIVES = re.compile(r"(?:^|\.)_?(?:get|current)_device$")
_PART = re.compile(r"torch\.(cuda|npu|xpu|mps|hpu|mlu|musa)")
_PASSING = SAME | words("device str int format get pop getattr getenv setdefault strip lower split vars next list")
_MAP = re.compile(r"auto$|balanced")
SPREAD = " by `device_map` (the GPUs are filled first, what does not fit goes to the CPU)"
Place = tuple[str, int]


@dataclass(frozen=True)
class Choice:
    """The devices that an expression may be, in the order in which code names them, and what chooses."""

    devices: tuple[str, ...]
    tests: tuple[str, ...]
    switches: tuple[Switch, ...]
    places: tuple[Place, ...]
    written: str = ""
    source: str = ""
    preset: bool = False  # only defaults are known, which hold unless a caller or a setting gives another device
    offered: tuple[tuple[str, str, str], ...] = ()  # path and symbol of functions, and their parameter with a default
    deciders: tuple[str, ...] = ()  # the functions here that choose, as they are called
    map: bool = False  # a `device_map`, by which weights may be spread

    @property
    def known(self) -> bool:
        """Whether anything was found that the device depends on."""
        return bool(self.devices) or any(s.kind in ("environment", "option") for s in self.switches)

    @property
    def telling(self) -> bool:
        """Whether there is more to say than the expression alone."""
        return self.known or bool(self.source)

    @property
    def said(self) -> str:
        """ "`cuda` or `cpu`, chosen by `torch.cuda.is_available()` and option `--device`, default `None`"."""
        if not self.known:
            return f"`{self.written}`" + (f", which `{self.source}()` decides" if self.source else "")
        ordered = sorted(self.devices, key=lambda name: name.lower() == "cpu")  # what is left where there is no other
        names = [f"`{name}`{SPREAD if self.map and _MAP.match(name) else ''}" for name in ordered[:MOST_NAMED]]
        which = " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        by = [f"`{test}()`" for test in self._asked()[:2]]
        by[-1:] = [f"{by[-1]} in `{self.deciders[0]}()`"] if by and self.deciders else by[-1:]
        by = by or [f"`{name}()`" for name in self.deciders[:1]]
        by += [s.said for s in self.switches if s.kind in ("environment", "option")][: 1 if by else 2]
        which += " unless another is given" if self.preset else ""
        return which + (", " if which and by else "") + (f"chosen by {', '.join(by)}" if by else "")

    def _asked(self) -> list[str]:
        """What is asked for devices that are there; how many there are only where nothing else is asked."""
        asked = [test for test in self.tests if test.endswith("is_available")] or list(self.tests)
        others = {name for name in ("cuda", "mps", "xpu", "npu") if name not in self.devices}
        return [test for test in asked if not others.intersection(test.split("."))] or asked


def united(choices: Iterable[Choice]) -> Choice | None:
    """What several choices come to for one model that is moved at several places: that with most devices first."""
    known = sorted((item for item in choices if item.telling), key=lambda item: (not item.known, -len(item.devices)))
    if not known:
        return None
    first = known[0]
    return replace(
        first,
        devices=tuple(dict.fromkeys(name for item in known for name in item.devices)),
        tests=tuple(dict.fromkeys(name for item in known for name in item.tests)),
        switches=tuple(dict.fromkeys(switch for item in known for switch in item.switches)),
        places=tuple(dict.fromkeys(place for item in known for place in item.places)),
        preset=all(item.preset for item in known if item.known),
        map=any(item.map for item in known),
        deciders=tuple(dict.fromkeys(name for item in known for name in item.deciders)),
    )


def choice_of(codebase: "Codebase", spot: Spot) -> Choice:
    """Everything that a device expression is traced to."""
    found = _Found(codebase, spot)
    for at in tracer_of(spot.frame.program).walk(spot, computed=True, stop=opaque, most=MOST_STEPS):
        found.note(at)
    switches = switches_of(codebase)
    behind = switches.behind(spot, stop=opaque)
    if found.calls and not any(s.kind in ("environment", "option") for s in behind):
        behind += tuple(s for called in found.calls.values() for at in asked_of(called) for s in switches.behind(at))
    if not any(s.kind in ("environment", "option") for s in behind):
        behind += tuple(found.settings)
    for switch in behind:
        found.devices |= dict.fromkeys(re.findall(r"""["'](cuda|cpu|mps|npu|xpu)["':]""", switch.default))
    chosen = {name: None for name in found.devices or found.aside if name not in found.replaced}
    chosen |= found.given if found.presets else {}
    return Choice(
        tuple(chosen | found.presets), tuple(found.tests), behind, tuple(found.places), one_line(spot.text(), 60),
        found.source, bool(found.presets) and not chosen, tuple(found.offered), tuple(found.calls),
        _is_map(spot.node),
    )  # fmt: skip


class _Found:
    """What the walk from a device expression met: devices by name, tests that choose, and where they stand."""

    def __init__(self, codebase: "Codebase", start: Spot) -> None:
        self.codebase, self.start = codebase, start
        self.devices: dict[str, None] = {}
        self.aside: dict[str, None] = {}  # named only in code that no main program runs
        self.presets: dict[str, None] = {}  # defaults, which hold where nothing else gives a device
        self.offered: dict[tuple[str, str, str], None] = {}
        self.tests: dict[str, None] = {}
        self.places: dict[Place, None] = {}
        self.calls: dict[str, Called] = {}  # the functions here that choose, each with its call
        self.given: dict[str, None] = {}  # what Accelerate decides, which overrides the default of a parameter
        self.replaced: set[str] = set()
        self.settings: dict[Switch, None] = {}  # environment variables that fill fields of settings
        self.source = ""

    def note(self, at: Spot) -> None:
        """Take in one expression of the walk."""
        text = at.text()
        called = text.partition("(")[0]
        device = _DEVICE.match(text) or _PROVIDER.match(text) if at.node.type == "string" else None
        if at.node.type == "attribute" and _of_accelerate(at):
            self.given[text] = None
        if at.node.type == "attribute" and (field := environment_field(self.codebase, at)) is not None:
            self.settings[field] = None
        if device is not None and not left_out(at, device[1]):
            self._named(at, device[1])
        self.replaced |= {replaced(at)}
        if at.take[-1:] and at.take[-1].startswith(".") and opaque(at) and called.rpartition(".")[2][:1].isupper():
            self.source = self.source or one_line(called, 60)
        if at.node.type == "call" and _TEST.search(called):
            self.tests[one_line(called, 60)] = None
            self._asked(at)
        for guard in at.guards:
            same = _SAME_TYPE.search(guard.text) if guard.kind == "if" and at.node.type != "string" else None
            if same is not None and same[1] in text:
                self.devices[same[2]] = None

    def _asked(self, at: Spot) -> None:
        """The devices of the parts of torch that a call may ask for one: `part = torch.cuda; part.get_device(0)`."""
        function = at.node.child_by_field_name("function")
        owner = function.child_by_field_name("object") if function is not None else None
        if owner is None or not _GIVES.search(at.text().partition("(")[0]):
            return
        spot = Spot(at.frame, owner, at.order, at.guards)
        for part in tracer_of(at.frame.program).walk(spot, computed=False, most=MOST_OWNERS):
            if (named := _PART.fullmatch(part.text())) is not None:
                self._named(part, named[1])

    def _named(self, at: Spot, device: str) -> None:
        """A device that is named, the tests beside it and those that it stands under."""
        line = at.node.start_point[0] + 1
        here = hit_at(self.codebase, at.frame.path, (line, line), symbol=at.frame.symbol, name="", text="")
        named = self.devices if reach_of(self.codebase).has(here) else self.aside
        (self.presets if _is_preset(at) else named)[device] = None
        if (parameter := _parameter(at)) and (symbol := _taking(at, line)):
            self.offered[at.frame.path, symbol, parameter] = None
        self.places[at.frame.path, line] = None
        called = decider(self.start, at)
        if called is not None:
            self.calls.setdefault(called[2].definition.name, called)
        for step in at.frame.body.calls:
            near = line - 3 <= step.start <= line or called is not None
            if near and _TEST.search(step.written):
                self.tests[one_line(step.written, 60)] = None
        for guard in at.guards:
            asked = re.findall(r"[\w.]*(?:is_available|device_count|is_built)(?=\()", guard.text)
            self.tests |= dict.fromkeys(asked)


def _of_accelerate(at: Spot) -> bool:
    """Whether an attribute is the device of an `accelerate.Accelerator`: the GPU of the process, where there is one."""
    if not at.text().endswith(".device"):
        return False
    held = at.frame.value(at.node.child_by_field_name("object"), at.order, at.guards)
    return any(isinstance(v, ExternalObject) and v.maker.startswith("accelerate.") for v in alternatives(held))


def _is_map(node: Node) -> bool:
    """Whether a value is given as `device_map`: by keyword, in a dictionary, under a key."""
    above = node.parent
    name = above and (above.child_by_field_name("name") or above.child_by_field_name("key"))
    name = name or (above and above.child_by_field_name("left"))
    return name is not None and b"device_map" in (name.text or b"")


def _is_preset(spot: Spot) -> bool:
    """Whether an expression is a default: of a parameter, of `getattr(x, name, default)`, of `x.get(key, default)`."""
    above = spot.node.parent
    if above is None or above.type in ("default_parameter", "typed_default_parameter"):
        return above is not None
    call = above.parent if above.type == "argument_list" else None
    function = spot.frame.body.tree.text(call.child_by_field_name("function")) if call is not None else ""
    place = [child.id for child in above.named_children].index(spot.node.id) if call is not None else 0
    return (function == "getattr" and place == 2) or (function.endswith((".get", ".getenv")) and place == 1)


def _parameter(spot: Spot) -> str:
    """The parameter that an expression is the default of; "" for others."""
    above = spot.node.parent
    if above is None or above.type not in ("default_parameter", "typed_default_parameter"):
        return ""
    return spot.frame.body.tree.text(above.child_by_field_name("name"))


def _taking(spot: Spot, line: int) -> str:
    """The function in whose head a line stands."""
    listed = spot.frame.program.facts[spot.frame.path].definitions
    inside = [d for d in listed if d.kind != "class" and d.head_start <= line <= d.head_end]
    return min(inside, key=lambda d: d.head_end - d.head_start).symbol if inside else ""


def opaque(spot: Spot) -> bool:
    """Whether a call of a library says nothing of how its result depends on what it is given."""
    function = spot.node.child_by_field_name("function") if spot.node.type == "call" else None
    if function is None or spot.frame.body.tree.text(function).rpartition(".")[2] in _PASSING:
        return False
    members = alternatives(spot.frame.value(function, spot.order, spot.guards))
    return not any(isinstance(member, FunctionRef | ClassRef | Instance) for member in members)
