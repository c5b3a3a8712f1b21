"""Kind `coupled_files`: files by how tightly they are tied to particular models, with what ties them.

Ties are model classes that code outside of model classes makes or runs, models that it loads from libraries, reaches
into the parts of a model, tests for a model class and decisions by the name of a model.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.attribute_chains import attribute_chains
from retrieval.census.callgraph import Site
from retrieval.census.exports import all_frames
from retrieval.census.focus import Focus, focus_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.outside import does
from retrieval.census.reach import reach_of
from retrieval.census.values import ClassRef
from retrieval.facts import CensusHit
from retrieval.parse import first_line

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.codebase import Codebase

SHOWN = 8
_NAMED = re.compile(
    r"(?i)\b(?:model|arch|backbone|variant|network|pretrained|tower|encoder)(?:_?(?:name|type|arch|id|class|tag|path))?"
    r"(?:\.lower\(\))?\s*(?:==|!=)|[\"'][^\"']+[\"']\s+(?:not )?in\s+"
    r"(?!\S*(?:checkpoint|ckpt|state_?dict|param))\S*(?:model|arch|backbone|tower|encoder)\w*"
    r"|\.(?-i:NAME)\s*(?:==|!=|in\b)|(?:model|arch|tower|encoder)\w*\.(?:lower\(\)\.)?(?:starts|ends)with\("
)

_QUOTED = re.compile(r"""["']([^"']+)["']""")
_FORMAT = re.compile(
    r"(?i)\.?(?:lib(?:x26[45]|vpx|aom|svtav1|mp3lame|opus|vorbis)|[hx]\.?26[45]|hevc|av1|vp[89]|avc1?|mpeg4?|mp[34]v?|m4[av]"
    r"|mkv|mov|avi|webm|gif|png|jpe?g|webp|bmp|tiff?|wav|flac|ogg|opus|aac|pcm|xvid|mjpe?g|prores)(?:[-_]\w+)*"
)
"""Codecs, their encoders and file formats of media: a comparison with one tells nothing about a model."""


@dataclass(slots=True)
class Ties:
    """What ties one file: names of models with the lines, decisions by name, and reaches into parts."""

    made: dict[str, int] = field(default_factory=dict)
    run: dict[str, int] = field(default_factory=dict)
    loaded: dict[str, int] = field(default_factory=dict)
    named: list[int] = field(default_factory=list)
    reaches: list[int] = field(default_factory=list)

    @property
    def weight(self) -> int:
        """How tightly: makes and decisions count twice."""
        return 2 * len(self.made) + len(self.run) + 2 * len(self.loaded) + 2 * len(self.named) + len(self.reaches)

    @property
    def lines(self) -> list[int]:
        """Every line that ties, in order."""
        named = (self.made, self.run, self.loaded)
        return sorted({*(line for held in named for line in held.values()), *self.named, *self.reaches})


@kind(
    "coupled_files",
    summary="files by how tightly they are tied to particular models, and what ties them (what=verdict)",
    example="coupled_files, or coupled_files: what=verdict",
    reads="python",
    options=("what",),
    ordered=True,
)
def coupled_files(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per tied file, tightest first; patterns match the path. `what=verdict` names the tightest files."""
    focus = focus_of(codebase)
    table = {path: ties for path, ties in _ties(codebase, focus).items() if ties.weight and query.matches(path)}
    role = {path: file.role for path, file in codebase.snapshot.by_path.items()}
    reached = {unit[0] for unit in reach_of(codebase).units}
    ranked = sorted(table, key=lambda path: (role[path] != "source", path not in reached, -table[path].weight, path))
    if query.options.get("what") == "verdict":
        main = [path for path in ranked if role[path] == "source"]
        yield from [_verdict(codebase, table, main)] if main else []
        return
    for path in ranked:
        yield _hit(codebase, path, table[path])


def _ties(codebase: "Codebase", focus: Focus) -> dict[str, Ties]:
    table: dict[str, Ties] = {}
    for frame, _ in all_frames(focus.program, every=True):
        ties = table.setdefault(frame.path, Ties())
        if not focus.in_model(frame):
            _calls(focus, frame, ties)
        for decision in frame.body.decisions if not focus.in_model(frame) else ():
            condition = decision.node.child_by_field_name("condition")
            if condition is not None and _decides(frame.body.tree.text(condition)):
                ties.named.append(first_line(condition))
        for event in focus.outside(frame):
            if does(event) == "makes":
                ties.loaded.setdefault(f"`{event.step.written}()`", event.step.start)
    for hit in attribute_chains(codebase, Query("", "attribute_chains", (), {})):
        table.setdefault(hit.path, Ties()).reaches.append(hit.start)
    return table


def _decides(condition: str) -> bool:
    """Whether a condition asks for the name or type of a model, not for a codec or a format of files."""
    names = _QUOTED.findall(condition)
    return bool(_NAMED.search(condition)) and not (names and all(_FORMAT.fullmatch(name) for name in names))


def _calls(focus: Focus, frame: "Frame", ties: Ties) -> None:
    for site in focus.program.sites(frame):
        assert isinstance(site, Site)
        for cls in focus.models(site):
            held = ties.made if isinstance(site.target, ClassRef) else ties.run
            held.setdefault(f"`{cls.definition.symbol}`", site.step.start)


def _hit(codebase: "Codebase", path: str, ties: Ties) -> CensusHit:
    lines = ties.lines
    return hit_at(
        codebase,
        path,
        (lines[0], lines[0]),
        symbol="",
        name=path,
        text=f"{path} {'; '.join(_words(ties))}",
        related=tuple(("tie", path, line, line) for line in lines[1:]),
        detail={"weight": str(ties.weight)},
    )


def _words(ties: Ties) -> list[str]:
    parts = [f"makes {_listed(list(ties.made))}"] if ties.made else []
    parts += [f"runs {_listed(list(ties.run))}"] if ties.run else []
    parts += [f"loads models or weights with {_listed(list(ties.loaded))}"] if ties.loaded else []
    parts += [f"decides {_times(len(ties.named))} by the name or type of a model or step"] if ties.named else []
    parts += [f"reaches {_times(len(ties.reaches))} into the parts of a model"] if ties.reaches else []
    return parts


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _verdict(codebase: "Codebase", table: dict[str, Ties], ranked: list[str]) -> CensusHit:
    told = [f"{path} ({'; '.join(_words(table[path]))})" for path in ranked[:3]]
    sources = [p for p in codebase.facts if codebase.snapshot.by_path[p].role == "source"]
    text = (
        f"{len(ranked)} of {len(sources)} source files are tied to particular models - they make, load or run them, "
        f"decide by their names or reach into their parts; the tightest: {'; '.join(told)}"
    )
    first = [table[path].lines[0] for path in ranked[:3]]
    places = list(zip(ranked[:3], first, strict=True))
    return hit_at(
        codebase,
        places[0][0],
        (places[0][1], places[0][1]),
        symbol="",
        name="verdict",
        text=text,
        related=tuple(("tie", path, line, line) for path, line in places[1:]),
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
