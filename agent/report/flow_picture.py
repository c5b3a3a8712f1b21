"""Where boxes and lines of the execution flow stand, in pixels: one row per call, indented under its caller.

Shapes values for pictures.html.j2; reads only the structure of a report.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.report.document import Report
from agent.report.markup import one_line, shortened
from retrieval.chunk import Span
from retrieval.facts import CensusHit

LETTER, BOX, ROW, INDENT = 6.9, 24.0, 32.4, 34.0  # width of a letter, height of a box, of a row, step to the right
MOST_STEPS, LONGEST_LABEL, LONGEST_NOTE = 120, 44, 90


@dataclass(frozen=True)
class Step:
    """One call of a flow: its box, the line from its caller, and the circumstances beside it."""

    number: str
    label: str
    note: str
    text: str
    kind: str
    span: Span
    x: float
    y: float
    width: float
    height: float
    elbow: str


@dataclass(frozen=True)
class Flow:
    """The drawn steps of one entry point; `hidden` counts those beyond MOST_STEPS, the deepest ones."""

    name: str
    path: str
    width: float
    height: float
    steps: tuple[Step, ...]
    hidden: int


def draw_flows(report: Report) -> list[Flow]:
    """One flow per entry point, in the census's order."""
    roots: dict[str, list[CensusHit]] = {}
    for hit in report.structure.flow:
        roots.setdefault(hit.detail["rank"], []).append(hit)
    return [_flow(hits) for hits in roots.values() if len(hits) > 1]


def _flow(hits: Sequence[CensusHit]) -> Flow:
    depth = max(int(hit.detail["depth"]) for hit in hits)
    kept = list(hits)
    while len(kept) > MOST_STEPS and depth > 1:
        kept = [hit for hit in kept if int(hit.detail["depth"]) < depth]
        depth -= 1
    kept = kept[:MOST_STEPS]
    steps: list[Step] = []
    parents: dict[int, Step] = {}
    for row, hit in enumerate(kept):
        level = int(hit.detail["depth"])
        step = _step(hit, row, level, parents.get(level - 1))
        parents[level] = step
        steps.append(step)
    width = max(step.x + step.width + 16 + LETTER * 0.92 * len(step.note) for step in steps)
    name = hits[0].symbol or hits[0].path
    return Flow(name, hits[0].path, width, len(steps) * ROW + 14, tuple(steps), len(hits) - len(kept))


def _step(hit: CensusHit, row: int, level: int, parent: Step | None) -> Step:
    x, y = 10.0 + INDENT * level, 8.0 + row * ROW
    label = shortened(hit.name, LONGEST_LABEL) + ("()" if level and not hit.name.endswith(")") else "")
    number = hit.detail.get("number", "")
    elbow = ""
    if parent is not None:
        elbow = f"M{parent.x + 14:.0f},{parent.y + 24:.1f}V{y + 12:.1f}H{x:.0f}"
    return Step(
        number=number,
        label=label,
        note=_note(hit) if level else "",
        text=one_line(hit.text),
        kind=hit.detail.get("does", "start") if level else "start",
        span=Span(hit.path, hit.start, hit.end),
        x=x,
        y=y,
        width=16 + LETTER * (len(label) + len(number) + bool(number)),
        height=BOX,
        elbow=elbow,
    )


_WHEN = re.compile(r"(?:,? )?\b((?:for each|while|if|unless|when|until|in the|otherwise|else|after|with)\b.*)$")


def _note(hit: CensusHit) -> str:
    """What the step is for, else under which circumstances it is taken, else where it stands."""
    about = hit.detail.get("about", "")
    place = f"{hit.path.rpartition('/')[2]}:{hit.start}"
    said = _WHEN.search(re.sub(r"`[^`]*`", lambda code: code[0].replace(" ", "\u00a0"), hit.text))
    when = said[1].replace("\u00a0", " ").replace("`", "") if said else ""
    return shortened(" — ".join(part for part in (place, when or about) if part), LONGEST_NOTE)
