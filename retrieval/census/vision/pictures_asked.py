"""At which scale or resolution code asks for pictures of pages and regions; by stages of pipelines in their order."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.built_stages import Built, built_stages
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import hit_at, run_query
from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.class_fields import class_fields
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import arguments
from retrieval.census.meaning.values import ClassRef
from retrieval.census.meaning.wording import title
from retrieval.census.models.roster import Roster, roster_of
from retrieval.census.models.stage_models import chosen_stages
from retrieval.census.settings.told_values import told_value
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

Place = tuple[str, str, int, int]
Asked = tuple["Frame", CallStep, str]
_PICTURE = re.compile(r"(?i)(?:^|_)(?:images?|imgs?|pixmap|pictures?|render|raster\w*)(?:_|$)|convert_from_\w+$")
_SIZED = ("scale", "dpi", "zoom", "resolution", "pdf_image_dpi", "render_scale")
_CUTS = re.compile(r"(?i)(?:^|_)(?:crop|resize|paste|warp|pad|rotate|rescale|scale)(?:_|$)")  # of a picture at hand
_DRAWN = re.compile(r"(?i)plot|figure|draw|thumbnail|icon|debug|visuali")
STAGES, CALLS, WRITTEN, LOOSE, TURNS = 8, 3, 60, 4, 6


def asked_in_stages(codebase: "Codebase") -> Iterator[tuple[str, list[Place]]]:
    """One sentence per pipeline that defaults or code choose whose stages ask for pictures, the default one first."""
    asked, told = _by_owner(roster_of(codebase)), set[str]()
    for cls, _ in chosen_stages(codebase):
        by, places = dict[str, list[str]](), list[Place]()
        for built in _in_order(codebase, cls):
            name, found = _of_stage(codebase, built, asked)
            if found and name not in told:
                told.add(name)
                by.setdefault(_said(codebase, found), []).append(
                    f"`{name}{'' if name.endswith(')') else '`'}{' (off by default)' if _off(built) else ''}"
                )
                places += [_place(item) for item in found[:CALLS]]
        if by:
            said = [f"{listed(names, STAGES)} {how}" for how, names in by.items()]
            yield f"In a `{cls.definition.symbol}` the stages ask for pictures in this order: {'; '.join(said)}", places


def asked_by_functions(codebase: "Codebase") -> Iterator[tuple[str, list[Place]]]:
    """One sentence on the functions that do, for code without such pipelines."""
    loose = [] if next(asked_in_stages(codebase), None) else _loose(codebase)
    if loose:
        said = [f"`{title(f.definition)}` {_said(codebase, [(f, s, w)])}" for f, s, w in loose if f.definition]
        text = f"Pages are rendered, or pictures asked for, at a scale or resolution: {listed(said, LOOSE)}"
        yield text, [_place(one) for one in loose[:LOOSE]]


def _in_order(codebase: "Codebase", cls: ClassRef) -> list[Built]:
    """The stages of a pipeline in the order in which they run, as far as that is known."""
    hits = run_query(codebase, "stage_order").hits
    name = cls.definition.symbol
    order = next((h.detail["stages"].split(",") for h in hits if name in h.detail["classes"].split(",")), [])
    built = built_stages(codebase, roster_of(codebase), cls)
    every = [(one.name or name, one) for name, members in built.items() for one in members if one.classes]
    rank = {name: at for at, name in enumerate(order)}
    every.sort(key=lambda item: (_off(item[1]), min(_rank(rank, item[0], item[1]), len(rank))))
    return [one for _, one in every]


def _rank(rank: dict[str, int], name: str, built: Built) -> int:
    return min(rank.get(key, len(rank)) for key in (name, *(cls.definition.symbol for cls in built.classes)))


def _off(built: Built) -> bool:
    return built.when.startswith(("off by default", "only if "))


def _of_stage(codebase: "Codebase", built: Built, asked: dict[ClassRef, list[Asked]]) -> tuple[str, list[Asked]]:
    """The class that a stage is by default and the calls of it and its bases that ask for pictures; else those of the
    first other class that it may be, of those that are tried in turn the first."""
    program, turn = roster_of(codebase).program, _turns(codebase).get(built.preset, [])

    def rank(cls: ClassRef) -> tuple[bool, int]:
        name = cls.definition.symbol
        return name != built.preset, turn.index(name) if name in turn else len(turn)

    by: dict[str, list[Asked]] = {}
    for cls in sorted(built.classes, key=rank):
        if found := [item for at in program.line(cls) for item in asked.get(at, ())]:
            by[cls.definition.symbol] = found
    name = next(iter(by), "")
    if not built.preset or name in ("", built.preset):
        return name, by.get(name, [])
    others = [f"`{one}`" for one in by if one in turn]
    if others:
        return f"{built.preset}` (the first of {listed(others, TURNS)} that the machine has)", by[name]
    return f"{name}` of `{built.preset}", by[name]


@once
def _turns(codebase: "Codebase") -> dict[str, list[str]]:
    """Class → the classes of which it makes the first that the machine has, in the order in which they are tried."""
    hits = run_query(codebase, "tried_in_turn").hits
    return {hit.symbol.rpartition(".")[0]: hit.detail["ways"].split(",") for hit in hits}


def _said(codebase: "Codebase", found: list[Asked]) -> str:
    """ "with `page.get_image(scale=self.scale)` (`self.scale` is 2.0)"."""
    shown = [item for at, item in enumerate(found) if item[2] not in {other[2] for other in found[:at]}][:CALLS]
    told = [f"`{one_line(written, WRITTEN)}`" for _, _, written in shown]
    notes = dict.fromkeys(note for frame, step, _ in shown for note in _values(codebase, frame, step))
    return f"with {listed(told, CALLS)}" + (f" ({', '.join(notes)})" if notes else "")


def _values(codebase: "Codebase", frame: "Frame", step: CallStep) -> Iterator[str]:
    value = _sized(frame, step)
    written = frame.body.tree.text(value) if value is not None else ""
    methods = frame.program.methods(frame.owner, frame.owner) if frame.owner is not None else ()
    if value is not None and written.startswith("self."):
        for method in methods:
            for binding in method.bound(written):
                if binding.value is not None and binding.value.type in ("integer", "float"):
                    yield f"`{written}` is {method.body.tree.text(binding.value)}"
                    return
                if binding.value is not None and (told := _option(codebase, method, binding.value)):
                    yield f"`{written}` is {told}"
                    return
    if value is not None and value.type != "float":
        yield from told_value(codebase, frame, written)


def _option(codebase: "Codebase", method: "Frame", value: Node) -> str:
    """ "`RapidOcrOptions.scale`, 3.0 by default": the field of an options object that an attribute is set to."""
    found = re.fullmatch(r"(?:self\.)?(\w+)\.(\w+)", method.body.tree.text(value))
    annotation = method.parameters.get(found[1], "") if found is not None else ""
    cls = method.program.named_class(method.path, annotation.strip("\"' ")) if annotation else None
    if cls is not None and found is not None:
        fields = class_fields(codebase, cls.path, cls.definition)
        default = next((field.default for field in fields if field.name == found[2]), "")
        return f"`{cls.definition.name}.{found[2]}`, {default} by default" if default else ""
    return ""


def _place(item: Asked) -> Place:
    return "asked", item[0].path, item[1].start, item[1].end


@once
def _by_owner(roster: Roster) -> dict[ClassRef, list[Asked]]:
    found: dict[ClassRef, list[Asked]] = {}
    for item in _every(roster):
        if item[0].owner is not None:
            found.setdefault(item[0].owner, []).append(item)
    return found


@once
def _every(roster: Roster) -> list[Asked]:
    """Calls that ask for a picture and say how large, in the sources, those that programs reach first."""
    roles = roster.codebase.snapshot.by_path
    return [
        (frame, step, _short(frame, step))
        for frame, _ in roster.frames
        if roles[frame.path].role == "source" and not _DRAWN.search(frame.symbol)
        for step in frame.body.calls
        if _PICTURE.search(step.written.rpartition(".")[2]) and not _CUTS.search(step.written.rpartition(".")[2])
        if _sized(frame, step) is not None
    ]


def _short(frame: "Frame", step: CallStep) -> str:
    """ "page.get_image(scale=1.0, …)": the call with what it gives for the scale alone."""
    text, given = frame.body.tree.text, arguments(step.node, keywords=True)
    kept = [text(c) for c in given if c.type == "keyword_argument" and text(c.child_by_field_name("name")) in _SIZED]
    return f"{one_line(step.written, WRITTEN)}({', '.join(kept)}{', …' if len(given) > len(kept) else ''})"


def _sized(frame: "Frame", step: CallStep) -> Node | None:
    """What a call gives for the scale or the resolution; None for a call that gives none."""
    for child in arguments(step.node, keywords=True):
        name = child.child_by_field_name("name") if child.type == "keyword_argument" else None
        if name is not None and frame.body.tree.text(name) in _SIZED:
            return child.child_by_field_name("value")
    return None


def _loose(codebase: "Codebase") -> list[Asked]:
    """The first such call of each function that the main programs may run."""
    reach, found = reach_of(codebase), dict[str, Asked]()
    for frame, step, written in _every(roster_of(codebase)):
        hit = hit_at(codebase, frame.path, (step.start, step.end), symbol=frame.symbol, name="", text="")
        if reach.has(hit):
            found.setdefault(f"{frame.path}:{frame.symbol}", (frame, step, written))
    return list(found.values())
