"""Where boxes and arrows of the module graph stand, in pixels.

Shapes values for pictures.html.j2; reads only the structure of a report.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from agent.report.document import Report
from agent.report.folding import Node, Picture, pictures
from agent.report.layers import Layout, Slot, layered
from agent.report.markup import shortened

LETTER, LINE = 6.9, 26.0  # width of a letter of the labels, height of a box
ROW, COLUMN_GAP, BEND = 36.0, 56.0, 14.0
LONGEST_LABEL = 44
HUES = 8  # colours that tell folders apart


@dataclass(frozen=True)
class Box:
    """A node of the module graph; `file` is the number of its file or -1, `link` the id of the folder's own picture,
    `hue` the number of its folder's colour or -1.
    """

    name: str
    label: str
    note: str
    title: str
    x: float
    y: float
    width: float
    height: float
    folder: bool
    outside: bool
    entry: bool
    file: int
    link: str
    hue: int


@dataclass(frozen=True)
class Arrow:
    """An edge between the nodes numbered `start` and `end`: its curve `d`, its `head`, and its thickness."""

    start: int
    end: int
    d: str
    head: str
    weight: float
    back: bool
    title: str


@dataclass(frozen=True)
class Graph:
    """One drawn picture of modules; `anchor` is its id in the page, `count` the modules in its folder."""

    folder: str
    anchor: str
    count: int
    width: float
    height: float
    nodes: tuple[Box, ...]
    edges: tuple[Arrow, ...]
    hues: tuple[tuple[int, str], ...] = ()


def draw_imports(report: Report, numbers: Mapping[str, int]) -> list[Graph]:
    """The module graph as pictures, the whole first; empty without two modules that know each other."""
    structure = report.structure
    if not any(structure.imports.values()):
        return []
    drawn = pictures(structure.imports, structure.modules)
    anchors = {picture.folder: f"modules-{at}" for at, picture in enumerate(drawn)}
    return [_graph(picture, report, numbers, anchors) for picture in drawn]


def _graph(picture: Picture, report: Report, numbers: Mapping[str, int], anchors: Mapping[str, str]) -> Graph:
    nodes = {node.name: node for node in picture.nodes}
    layout = layered(list(nodes), list(picture.edges))
    labels, hues = _labels(picture), _hues(picture)
    widths = {name: _width(labels[name], len(node.modules)) for name, node in nodes.items()}
    at, width, height = _places(layout, widths)
    entries = report.structure.entries
    boxes = tuple(
        Box(
            name=node.name,
            label=labels[node.name],
            note=str(len(node.modules)) if len(node.modules) > 1 else "",
            title=_title(node, [path for path in node.modules if path in entries]),
            x=at[node.name][0],
            y=at[node.name][1],
            width=at[node.name][2],
            height=LINE,
            folder=len(node.modules) > 1,
            outside=node.outside,
            entry=any(path in entries for path in node.modules),
            file=numbers.get(node.name, -1),
            link=anchors.get(node.name, "") if not node.outside else "",
            hue=hues.get(_home(node.name), -1),
        )
        for node in picture.nodes
    )
    arrows = tuple(_arrow(edge, count, layout, at, labels) for edge, count in picture.edges.items())
    inside = sum(len(node.modules) for node in picture.nodes if not node.outside)
    legend = tuple((hue, folder) for folder, hue in hues.items())
    return Graph(picture.folder, anchors[picture.folder], inside, width, height, boxes, arrows, legend)


def _labels(picture: Picture) -> dict[str, str]:
    """Node → the shortest end of its path that no other node ends with; an `__init__` keeps its folder."""
    parts = {node.name: node.name.removesuffix(".py").rstrip("/").split("/") for node in picture.nodes}
    labels: dict[str, str] = {}
    for name, own in parts.items():
        length = 2 if own[-1] == "__init__" and len(own) > 1 else 1
        while length < len(own) and any(
            other[-length:] == own[-length:] for key, other in parts.items() if key != name
        ):
            length += 1
        labels[name] = shortened("/".join(own[-length:]) + "/" * name.endswith("/"), LONGEST_LABEL)
    return labels


def _home(name: str) -> str:
    return name.rstrip("/").rpartition("/")[0]


def _hues(picture: Picture) -> dict[str, int]:
    """Folder → number of its colour, for the folders that hold most of the nodes; none where all share one folder."""
    homes = Counter(_home(node.name) for node in picture.nodes if not node.outside)
    named = [folder for folder, _ in sorted(homes.items(), key=lambda home: (-home[1], home[0]))]
    return {folder: hue for hue, folder in enumerate(named[:HUES])} if len(named) > 1 else {}


def _title(node: Node, entries: Sequence[str]) -> str:
    held = f", {len(node.modules)} modules" if len(node.modules) > 1 else ""
    starts = f"; programs start in {', '.join(entries[:4])}" if entries else ""
    return f"{node.name}{held}{starts}"


def _places(layout: Layout, widths: Mapping[str, float]) -> tuple[dict[Slot, tuple[float, float, float]], float, float]:
    """Slot → (x, y, width); then the width and height of the picture."""
    heights = [sum(ROW if isinstance(slot, str) else BEND for slot in column) for column in layout.columns]
    tallest = max(heights, default=0.0)
    places: dict[Slot, tuple[float, float, float]] = {}
    x = 10.0
    for column, height in zip(layout.columns, heights, strict=True):
        wide = max((widths[slot] for slot in column if isinstance(slot, str)), default=20.0)
        y = 10.0 + (tallest - height) / 2
        for slot in column:
            real = isinstance(slot, str)
            places[slot] = (x, y + (0 if real else BEND / 2), wide)
            y += ROW if real else BEND
        x += wide + COLUMN_GAP
    return places, x - COLUMN_GAP + 10, tallest + 14


def _width(label: str, modules: int) -> float:
    note = 12 + LETTER * len(str(modules)) if modules > 1 else 0
    return 22 + LETTER * len(label) + note


def _arrow(
    edge: tuple[str, str],
    count: int,
    layout: Layout,
    at: Mapping[Slot, tuple[float, float, float]],
    labels: Mapping[str, str],
) -> Arrow:
    back, order = edge in layout.back, list(labels)
    points = list(_points(layout.routes[edge], at, back=back))
    (x, y), step = points[-1], 7 if back else -7
    return Arrow(
        start=order.index(edge[0]),
        end=order.index(edge[1]),
        d=_curve(points),
        head=f"M{x + step:.0f},{y - 3.5:.0f}L{x:.0f},{y:.0f}L{x + step:.0f},{y + 3.5:.0f}",
        weight=round(min(4.0, 1 + count**0.5 / 3), 1),
        back=back,
        title=f"{labels[edge[0]]} imports {labels[edge[1]]}" + (f" ({count} imports)" if count > 1 else ""),
    )


def _points(
    route: Sequence[Slot], at: Mapping[Slot, tuple[float, float, float]], *, back: bool
) -> Iterator[tuple[float, float]]:
    """Where the line leaves a box, passes the columns between, and enters the other box."""
    for number, slot in enumerate(route):
        x, y, wide = at[slot]
        if isinstance(slot, str):
            leaves = (number == 0) != back
            yield (x + wide if leaves else x), y + LINE / 2
        else:
            yield from ((x + wide, y), (x, y)) if back else ((x, y), (x + wide, y))


def _curve(points: Sequence[tuple[float, float]]) -> str:
    path = f"M{points[0][0]:.0f},{points[0][1]:.0f}"
    for (x1, y1), (x2, y2) in pairwise(points):
        bend = (x2 - x1) / 2
        path += f"C{x1 + bend:.0f},{y1:.0f} {x2 - bend:.0f},{y2:.0f} {x2:.0f},{y2:.0f}"
    return path
