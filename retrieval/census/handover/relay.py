"""Kind `relay`: files that one step writes and a later step reads, joined by the path that is passed on."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.files.storage import Touch, touches
from retrieval.census.flow.focus import Focus, focus_of
from retrieval.census.flow.spine import spine_of
from retrieval.census.flow.steps import Step, steps_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.arguments import bound_arguments
from retrieval.census.meaning.callgraph import entered
from retrieval.census.meaning.keys import aliases
from retrieval.census.meaning.origins import Origin
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import FunctionRef
from retrieval.census.meaning.wording import caller, label
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

BODIES, DEEPEST, SHOWN, PLACES = 40, 4, 4, 12
_NOUNS = frozenset({"image", "video", "figure", "folder", "file", "copy", "archive"})


@dataclass(frozen=True, slots=True)
class Use:
    """A file that the body of `frame` touches at a path that it was given or gives."""

    frame: "Frame"
    touch: Touch

    @property
    def place(self) -> tuple[str, str]:
        """The body."""
        return self.frame.path, self.frame.symbol


@dataclass(frozen=True, slots=True)
class Relayed:
    """One file on its way: who writes it, who takes the path and reads it, who passes it on, and where."""

    maker: str
    reader: str
    passing: str
    lines: tuple[str, int, int]
    written: Use
    read: Use


@kind(
    "relay",
    summary="files that one step of the main programs writes and a later step reads, by the path passed between them",
    example="relay",
    reads="python",
    ordered=True,
)
def relay(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per file that is written. Patterns match the steps."""
    focus, found = focus_of(codebase), dict[tuple[str, str, int], list[Relayed]]()
    for frame in spine_of(focus)[:BODIES]:
        for step in steps_of(focus, frame):
            for text, parameter, origins in step.taken:
                for origin in origins:
                    item = _relayed(codebase, focus, (frame, step), (text, parameter, origin))
                    if item is not None and query.matches(item.maker, item.reader):
                        found.setdefault((*item.written.place, item.written.touch.start), []).append(item)
    for items in found.values():
        yield _hit(codebase, items)


def _relayed(
    codebase: "Codebase", focus: Focus, place: tuple["Frame", Step], passed: tuple[str, str, Origin]
) -> Relayed | None:
    (frame, step), (text, parameter, origin) = place, passed
    written = _written(codebase, focus, origin, _member(frame, text, origin))
    inner = entered(focus.program, step.site.target)
    read = _read(codebase, focus, inner, parameter, DEEPEST) if written and inner is not None else None
    if written is None or read is None:
        return None
    lines = (frame.path, step.site.step.start, step.site.step.end)
    return Relayed(label(origin.site.target), label(step.site.target), caller(frame), lines, written, read)


def _hit(codebase: "Codebase", items: list[Relayed]) -> CensusHit:
    first, written = items[0], items[0].written
    readers = dict.fromkeys(
        f"`{i.reader}` (with `{i.read.touch.written}()`"
        + ("" if caller(i.read.frame) == f"`{i.reader}`" else f" in {caller(i.read.frame)}")
        + ")"
        for i in items
    )
    told = (
        f"`{first.maker}` writes {_kind_of(written.touch.what)} with `{written.touch.written}()` and gives its path, "
        f"which {listed(list(dict.fromkeys(i.passing for i in items)), SHOWN)} "
        f"pass{'es' if len({i.passing for i in items}) == 1 else ''} on; it is read by {listed(list(readers), SHOWN)}"
    )
    places = dict.fromkeys(
        place
        for i in items
        for place in (("passed", *i.lines), ("read", i.read.frame.path, i.read.touch.start, i.read.touch.end))
    )
    return hit_at(
        codebase,
        written.frame.path,
        (written.touch.start, written.touch.end),
        symbol=written.frame.symbol,
        name=f"{first.maker} -> {first.reader}",
        text=told,
        related=tuple(places)[:PLACES],
    )


def _kind_of(what: str) -> str:
    """ "a MAT file", "an image": what is written, as a noun."""
    noun = (
        what if what in ("image", "video", "audio", "figure", "folder", "file", "copy", "archive") else f"{what} file"
    )
    noun = "file" if what.startswith("file ") else noun
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _member(frame: "Frame", text: str, origin: Origin) -> int:
    """Which member of a returned tuple a variable is: -1 for the whole result, -2 when that is not known."""
    names = {text}
    for binding in reversed(frame.body.bindings):
        if binding.name in names and binding.taken == "whole" and binding.value is not None:
            names.add(frame.body.tree.text(binding.value))
    node = origin.site.step.node
    found = {
        b.index for b in frame.body.bindings if b.name in names and b.value == node and b.taken in ("part", "whole")
    }
    return found.pop() if len(found) == 1 else -1 if text.startswith(origin.site.step.written) else -2


def _written(codebase: "Codebase", focus: Focus, origin: Origin, member: int) -> Use | None:
    """The file that a function writes at the path that it returns as the `member` of its result."""
    target = origin.site.target
    frame = entered(focus.program, target) if isinstance(target, FunctionRef) else None
    if frame is None:
        return None
    given = [e.value for e in frame.body.exits if e.kind == "return" and e.value is not None]
    rows = [v.named_children if v.type in ("tuple", "expression_list") else [v] for v in given]
    parts = [row[max(member, 0)] for row in rows if (len(row) == 1) == (member < 0) and -2 < member < len(row)]
    texts = {"".join(frame.body.tree.text(part).split()) for part in parts}
    for touch in touches(codebase, frame.path, frame.symbol, "writes"):
        if touch.where and "".join(touch.where.split()) in texts:
            return Use(frame, touch)
    return None


def _read(codebase: "Codebase", focus: Focus, frame: "Frame", name: str, depth: int) -> Use | None:
    """Where a path that is called `name` in a body is read, there or in what it is passed to."""
    names = aliases(frame, name)
    for touch in touches(codebase, frame.path, frame.symbol, "reads"):
        if touch.where in names:
            return Use(frame, touch)
    for site in focus.program.sites(frame) if depth else ():
        for (path, definition, parameter), node in bound_arguments(focus.program, frame, site, site.target):
            inner = focus.program.frame(path, definition) if frame.body.tree.text(node) in names else None
            found = _read(codebase, focus, inner, parameter, depth - 1) if inner is not None else None
            if found is not None:
                return found
    return None
