"""Every extension point of a codebase: configuration, registries, plug-ins, arguments, tables, choices, subclassing."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.extension.asked_addresses import asked_addresses
from retrieval.census.extension.called_tables import called_tables
from retrieval.census.extension.class_registries import class_registries
from retrieval.census.extension.folder_registries import folder_registries
from retrieval.census.extension.given_models import given_models
from retrieval.census.extension.hierarchies import hierarchies
from retrieval.census.extension.implementations import selectors
from retrieval.census.extension.import_paths import import_paths
from retrieval.census.extension.library_registries import library_registries, library_tables
from retrieval.census.extension.listed_classes import listed_classes
from retrieval.census.extension.module_dispatch import module_dispatch
from retrieval.census.extension.offered_classes import entry_points
from retrieval.census.extension.plug_in_hooks import plug_in_hooks
from retrieval.census.extension.swap_points import ENGINE_WORD, MODEL_WORD, Point
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import parse_query
from retrieval.census.meaning.filled_tables import filled_tables
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.models.config_classes import config_classes
from retrieval.census.models.model_tables import model_tables
from retrieval.census.models.name_schemas import name_schemas
from retrieval.census.models.named_models import named_models
from retrieval.census.models.roster import roster_of
from retrieval.census.settings.class_options import class_options
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST, BASES, METHODS = 5, 5, 6
_NEAR = re.compile(r"forward|logits|infer|predict|encode|decode|embed|generate|transcri|detect|segment|__call__")
"""Methods that run a model: an interface with one is the seam nearest to it."""
_POINTS: "Beside[Codebase, list[Point]]" = Beside()


def extension_points(codebase: "Codebase") -> list[Point]:
    """The points that main programs may run first, at most MOST of each finder; worked out once."""
    if codebase not in _POINTS:
        _POINTS[codebase] = list(_found(codebase))
    return _POINTS[codebase]


def _found(codebase: "Codebase") -> Iterator[Point]:
    roster = roster_of(codebase)
    registries = list(class_registries(codebase))
    tables = list(model_tables(roster))
    for points in (
        config_classes(roster),
        folder_registries(codebase),
        asked_addresses(roster),
        named_models(roster),
        name_schemas(codebase),
        entry_points(codebase),
        registries,
        library_registries(codebase),
        library_tables(codebase),
        listed_classes(codebase),
        _decorated(codebase, {point.path for point in registries}),
        plug_in_hooks(codebase),
        class_options(codebase),
        given_models(codebase, roster),
        module_dispatch(codebase),
        tables,
        called_tables(codebase, {(point.path, point.lines[0]) for point in tables}),
        import_paths(codebase),
        selectors(codebase),
        _interfaces(codebase),
    ):
        yield from sorted(points, key=lambda point: not _run(codebase, point))[:MOST]


def _run(codebase: "Codebase", point: Point) -> bool:
    return reach_of(codebase).has(CensusHit(point.path, *point.lines, point.symbol, "", ""))


def _decorated(codebase: "Codebase", told: set[str]) -> Iterator[Point]:
    """Tables of a module that a decorator fills with classes or functions, when names say they are about models."""
    for hit in filled_tables(codebase, parse_query("filled_tables: holds=definitions")):
        filled = "(a decorator, on" in hit.text
        if filled and hit.role == "source" and hit.path not in told and MODEL_WORD.search(hit.text.replace("/", " ")):
            by = hit.detail["filled_by"].partition(",")[0]
            short = f"`@{by}` enters a definition in `{hit.name}`"
            said = f"By registering: {hit.text}"
            yield Point("registering", short, said, hit.path, (hit.start, hit.end), hit.symbol, hit.related[:8])


def _interfaces(codebase: "Codebase") -> Iterator[Point]:
    """One point for the interfaces that classes of source code implement, with the methods left to subclasses."""
    hits = list(hierarchies(codebase, parse_query("hierarchies: what=interfaces")))
    hits = [
        h for h in hits
        if _NEAR.search(h.detail["abstract"])
        or any(map(ENGINE_WORD.search, (h.name, *h.detail["members"].split(", "))))
    ]  # fmt: skip
    run = [h for h in hits if reach_of(codebase).has(h)] or hits
    if not run:
        return
    run.sort(key=lambda hit: (not _NEAR.search(hit.detail["abstract"]), not MODEL_WORD.search(hit.name)))
    told = [
        f"`{h.name}` ({_methods(h)}{h.path}, {counted(len(h.detail['members'].split(', ')), 'class')})" for h in run
    ]
    said = f"By subclassing: {listed(told, BASES)}; a new subclass takes part where it is registered or constructed"
    short = f"subclasses of {listed([f'`{h.name}`' for h in run], BASES)} can be written"
    first, *rest = run
    related = tuple(("interface", h.path, h.start, h.end) for h in rest[:8])
    yield Point("subclassing", short, said, first.path, (first.start, first.end), first.symbol, related)


def _methods(hit: CensusHit) -> str:
    left = [f"`{name}()`" for name in hit.detail["abstract"].split(", ") if name]
    return f"to implement: {listed(left, METHODS)}; " if left else ""
