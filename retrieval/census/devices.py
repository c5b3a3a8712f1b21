"""What a device argument may be: the devices by name, the tests that choose between them, options behind it."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.body import one_line
from retrieval.census.language import hit_at
from retrieval.census.reach import reach_of
from retrieval.census.spots import Spot
from retrieval.census.switches import Switch, switches_of
from retrieval.census.tracing import SAME, tracer_of
from retrieval.census.values import ClassRef, FunctionRef, Instance, alternatives
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_STEPS, MOST_NAMED = 90, 6
_DEVICE = re.compile(
    r"""^f?["'](cuda|cpu|mps|npu|xpu|hpu|auto|gpu|directml|privateuseone|balanced\w*)(?::[^"']*)?["']$""", re.I
)
_PROVIDER = re.compile(r"""^["'](\w+ExecutionProvider)["']$""")
_TEST = re.compile(r"(?:is_available|device_count|is_built|get_available_providers|get_device|get_accelerator)$")
_PASSING = SAME | words("device str int format get pop getattr getenv setdefault strip lower split vars next list")
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
        names = [f"`{name}`" for name in self.devices[:MOST_NAMED]]
        which = " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        by = [f"`{test}()`" for test in self.tests[:2]]
        by += [s.said for s in self.switches if s.kind in ("environment", "option")][: 1 if by else 2]
        return which + (", " if which and by else "") + (f"chosen by {', '.join(by)}" if by else "")


def choice_of(codebase: "Codebase", spot: Spot) -> Choice:
    """Everything that a device expression is traced to."""
    devices: dict[str, None] = {}
    aside: dict[str, None] = {}  # named only in code that no main program runs
    tests: dict[str, None] = {}
    places: dict[Place, None] = {}
    source = ""
    for at in tracer_of(spot.frame.program).walk(spot, computed=True, stop=opaque, most=MOST_STEPS):
        text = at.text()
        found = _DEVICE.match(text) or _PROVIDER.match(text)
        if at.node.type == "string" and found:
            line = at.node.start_point[0] + 1
            here = hit_at(codebase, at.frame.path, (line, line), symbol=at.frame.symbol, name="", text="")
            (devices if reach_of(codebase).has(here) else aside)[found[1]] = None
            places[at.frame.path, line] = None
        for step in at.frame.body.calls if at.node.type != "call" else ():
            near = at.node.start_point[0] + 1 - 3 <= step.start <= at.node.start_point[0] + 1
            if near and at.node.type == "string" and found and _TEST.search(step.written):
                tests[one_line(step.written, 60)] = None
        called = text.partition("(")[0]
        if at.take[-1:] and at.take[-1].startswith(".") and opaque(at) and called.rpartition(".")[2][:1].isupper():
            source = source or one_line(called, 60)
        if at.node.type == "call" and _TEST.search(written := text.partition("(")[0]):
            tests[one_line(written, 60)] = None
        for guard in at.guards if found else ():
            tests |= dict.fromkeys(re.findall(r"[\w.]*(?:is_available|device_count|is_built)(?=\()", guard.text))
    behind = switches_of(codebase).behind(spot, stop=opaque)
    for switch in behind:
        devices |= dict.fromkeys(re.findall(r"""["'](cuda|cpu|mps|npu|xpu)["':]""", switch.default))
    written = one_line(spot.text(), 60)
    return Choice(tuple(devices or aside), tuple(tests), behind, tuple(places), written, source)


def opaque(spot: Spot) -> bool:
    """Whether a call of a library says nothing of how its result depends on what it is given."""
    function = spot.node.child_by_field_name("function") if spot.node.type == "call" else None
    if function is None or spot.frame.body.tree.text(function).rpartition(".")[2] in _PASSING:
        return False
    members = alternatives(spot.frame.value(function, spot.order, spot.guards))
    return not any(isinstance(member, FunctionRef | ClassRef | Instance) for member in members)
