"""Rectangles whose areas are in proportion to the sizes of files, nested as their folders are.

The squarified layout of Bruls, Huizing and van Wijk, "Squarified treemaps", 2000. Knows nothing of colours.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

TITLE, GAP = 15.0, 2.0
SMALL = 26.0  # a folder with a side below this is drawn without its title


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle for the file or folder at `path`; `titled` folders have room for their name on top."""

    path: str
    x: float
    y: float
    width: float
    height: float
    folder: bool
    titled: bool = False


@dataclass
class _Folder:
    path: str
    size: float = 0.0
    folders: dict[str, "_Folder"] = field(default_factory=dict)
    files: dict[str, float] = field(default_factory=dict)


def treemap(sizes: Mapping[str, float], width: float, height: float) -> list[Box]:
    """A box for every path in `sizes` (`/` separates folders; sizes above 0) and, before them, for its folders."""
    return list(_fill(_tree(sizes), 0.0, 0.0, width, height))


def _tree(sizes: Mapping[str, float]) -> _Folder:
    root = _Folder("")
    for path, size in sizes.items():
        folder, names = root, path.split("/")
        folder.size += size
        for depth, name in enumerate(names[:-1], 1):
            folder = folder.folders.setdefault(name, _Folder("/".join(names[:depth])))
            folder.size += size
        folder.files[path] = size
    return root


def _fill(folder: _Folder, x: float, y: float, width: float, height: float) -> Iterable[Box]:
    parts: list[tuple[float, str, _Folder | None]] = [(sub.size, sub.path, sub) for sub in folder.folders.values()]
    parts += [(size, path, None) for path, size in folder.files.items()]
    parts.sort(key=lambda part: (-part[0], part[1]))
    places = _squarify([size for size, _, _ in parts], x, y, width, height)
    for (_, path, sub), (left, top, wide, high) in zip(parts, places, strict=True):
        if sub is None:
            yield Box(path, left, top, wide, high, folder=False)
            continue
        titled = wide > 2 * SMALL and high > SMALL + TITLE
        yield Box(path, left, top, wide, high, folder=True, titled=titled)
        edge = min(GAP, wide / 8, high / 8)
        head = TITLE if titled else edge
        yield from _fill(sub, left + edge, top + head, wide - 2 * edge, high - head - edge)


def _squarify(
    sizes: Sequence[float], x: float, y: float, width: float, height: float
) -> list[tuple[float, float, float, float]]:
    """(x, y, width, height) for each of `sizes`, which fall; rows are closed where one more would make them longer."""
    places: list[tuple[float, float, float, float]] = []
    rest, at = float(sum(sizes)), 0
    while at < len(sizes):
        side = min(width, height)
        scale = width * height / rest if rest else 0.0
        row = [sizes[at]]
        while at + len(row) < len(sizes):
            longer = [*row, sizes[at + len(row)]]
            if _worst(longer, side, scale) > _worst(row, side, scale):
                break
            row = longer
        thick = sum(row) * scale / side if side else 0.0
        along = 0.0
        for size in row:
            length = size / sum(row) * side if sum(row) else 0.0
            places.append((x, y + along, thick, length) if width >= height else (x + along, y, length, thick))
            along += length
        if width >= height:
            x, width = x + thick, max(0.0, width - thick)
        else:
            y, height = y + thick, max(0.0, height - thick)
        rest -= sum(row)
        at += len(row)
    return places


def _worst(row: Sequence[float], side: float, scale: float) -> float:
    """The largest ratio of sides in a row of these sizes along `side`."""
    total = sum(row) * scale
    if not total or not side:
        return float("inf")
    square = side * side
    return max(square * max(row) * scale / total**2, total**2 / (square * min(row) * scale))
