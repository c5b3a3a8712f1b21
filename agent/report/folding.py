"""A module graph too large for one picture, as several pictures: folders folded until what is left can be read.

The first picture shows the repository, folders of many modules as one node; each of these has a picture of its
own, with the neighbours outside it folded as far as they go.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

MOST_NODES = 26
MOST_PICTURES = 32


@dataclass(frozen=True, slots=True)
class Node:
    """A module (its path) or a folder (ends with `/`) with its modules; `outside` is what a picture is not about."""

    name: str
    modules: tuple[str, ...]
    outside: bool = False

    @property
    def folder(self) -> bool:
        """Whether the node stands for a folder."""
        return self.name.endswith("/")


@dataclass
class Picture:
    """The graph of one folder ("" is the whole): its nodes, and edge → number of imports behind it."""

    folder: str
    nodes: list[Node]
    edges: dict[tuple[str, str], int] = field(default_factory=dict)


def pictures(imports: Mapping[str, Iterable[str]], modules: Sequence[str], most: int = MOST_NODES) -> list[Picture]:
    """The picture of the whole first, then those of its folders, at most MOST_PICTURES."""
    waiting, drawn = [""], []
    while waiting and len(drawn) < MOST_PICTURES:
        picture = _picture(waiting.pop(0), imports, modules, most)
        drawn.append(picture)
        waiting += [node.name for node in picture.nodes if node.folder and not node.outside and len(node.modules) > 1]
    return drawn


def _picture(folder: str, imports: Mapping[str, Iterable[str]], modules: Sequence[str], most: int) -> Picture:
    inside = [path for path in modules if path.startswith(folder)]
    nodes = _unfold(folder, inside, most)
    nodes += [Node(name, paths, outside=True) for name, paths in _neighbours(folder, imports, modules).items()]
    home = {path: node.name for node in nodes for path in node.modules}
    picture = Picture(folder, nodes)
    for start, targets in imports.items():
        for end in targets:
            edge = (home.get(start, ""), home.get(end, ""))
            relevant = start.startswith(folder) or end.startswith(folder)
            if all(edge) and edge[0] != edge[1] and relevant:
                picture.edges[edge] = picture.edges.get(edge, 0) + 1
    return picture


def _unfold(folder: str, modules: Sequence[str], most: int) -> list[Node]:
    """Nodes for `modules`: the folder of most modules is opened again and again, as long as there is room."""
    closed = _children(folder, modules)
    while True:
        folders = sorted((name for name in closed if name.endswith("/")), key=lambda name: (-len(closed[name]), name))
        for name in folders:
            opened = _children(name, closed[name])
            if len(closed) - 1 + len(opened) <= most or len(closed) == 1:
                closed = {key: paths for key, paths in closed.items() if key != name} | opened
                break
        else:
            return [Node(name, tuple(paths)) for name, paths in _limited(folder, closed, most).items()]


def _limited(folder: str, closed: dict[str, list[str]], most: int) -> dict[str, list[str]]:
    """A folder with more files than fit keeps its first ones apart; the others share a node."""
    if len(closed) <= 2 * most:
        return closed
    names = sorted(closed, key=lambda name: (-len(closed[name]), name))
    kept = {name: closed[name] for name in names[: 2 * most - 1]}
    return kept | {f"{folder}…": [path for name in names[2 * most - 1 :] for path in closed[name]]}


def _children(folder: str, modules: Iterable[str]) -> dict[str, list[str]]:
    """What lies directly in `folder`: module path or `folder/` → its modules."""
    found: dict[str, list[str]] = {}
    for path in modules:
        name, slash, _ = path[len(folder) :].partition("/")
        found.setdefault(folder + name + slash, []).append(path)
    return found


def _neighbours(
    folder: str, imports: Mapping[str, Iterable[str]], modules: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """Modules outside `folder` that import from it or are imported by it, by the outermost folder not around it."""
    if not folder:
        return {}
    known = set(modules)
    pairs = [(a, b) for a, targets in imports.items() for b in targets if a in known and b in known]
    near = {b for a, b in pairs if a.startswith(folder)} | {a for a, b in pairs if b.startswith(folder)}
    found: dict[str, list[str]] = {}
    for path in sorted(near):
        if not path.startswith(folder):
            found.setdefault(_outermost(path, folder), []).append(path)
    return {name: tuple(paths) for name, paths in found.items()}


def _outermost(path: str, folder: str) -> str:
    shared = ""
    for name in path.split("/")[:-1]:
        if not folder.startswith(f"{shared}{name}/"):
            return f"{shared}{name}/"
        shared += f"{name}/"
    return path
