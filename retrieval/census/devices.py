"""What a device argument may be: the devices by name, the tests that choose between them, options behind it."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.body import one_line
from retrieval.census.spots import Spot
from retrieval.census.switches import Switch, switches_of
from retrieval.census.tracing import tracer_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_STEPS, MOST_NAMED = 90, 6
_DEVICE = re.compile(
    r"""^f?["'](cuda|cpu|mps|npu|xpu|hpu|auto|gpu|directml|privateuseone|balanced\w*)(?::[^"']*)?["']$""", re.I
)
_PROVIDER = re.compile(r"""^["'](\w+ExecutionProvider)["']$""")
_TEST = re.compile(r"(?:is_available|device_count|is_built|get_available_providers|get_device|get_accelerator)$")
Place = tuple[str, int]


@dataclass(frozen=True)
class Choice:
    """The devices that an expression may be, in the order in which code names them, and what chooses."""

    devices: tuple[str, ...]
    tests: tuple[str, ...]
    switches: tuple[Switch, ...]
    places: tuple[Place, ...]

    @property
    def known(self) -> bool:
        """Whether anything was found that the device depends on."""
        return bool(self.devices) or any(s.kind in ("environment", "option") for s in self.switches)

    @property
    def said(self) -> str:
        """ "`cuda` or `cpu`, chosen by `torch.cuda.is_available()` and option `--device`, default `None`"."""
        names = [f"`{name}`" for name in self.devices[:MOST_NAMED]]
        which = " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
        by = [f"`{test}()`" for test in self.tests[:2]]
        by += [s.said for s in self.switches if s.kind in ("environment", "option")][: 1 if by else 2]
        return which + (", " if which and by else "") + (f"chosen by {', '.join(by)}" if by else "")


def choice_of(codebase: "Codebase", spot: Spot) -> Choice:
    """Everything that a device expression is traced to."""
    devices: dict[str, None] = {}
    tests: dict[str, None] = {}
    places: dict[Place, None] = {}
    for at in tracer_of(spot.frame.program).walk(spot, computed=True, most=MOST_STEPS):
        text = at.text()
        found = _DEVICE.match(text) or _PROVIDER.match(text)
        if at.node.type == "string" and found:
            devices[found[1]] = None
            places[at.frame.path, at.node.start_point[0] + 1] = None
        for step in at.frame.body.calls if at.node.type != "call" else ():
            near = at.node.start_point[0] + 1 - 3 <= step.start <= at.node.start_point[0] + 1
            if near and at.node.type == "string" and found and _TEST.search(step.written):
                tests[one_line(step.written, 60)] = None
        if at.node.type == "call" and _TEST.search(written := text.partition("(")[0]):
            tests[one_line(written, 60)] = None
        for guard in at.guards if found else ():
            tests |= dict.fromkeys(re.findall(r"[\w.]*(?:is_available|device_count|is_built)(?=\()", guard.text))
    behind = switches_of(codebase).behind(spot)
    for switch in behind:
        devices |= dict.fromkeys(re.findall(r"""["'](cuda|cpu|mps|npu|xpu)["':]""", switch.default))
    return Choice(tuple(devices), tuple(tests), behind, tuple(places))
