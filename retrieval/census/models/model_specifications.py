"""Kind `model_specifications`: the places that say which models there are: tables of weights, specifications by name,
folders of configurations, and configuration files that name classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.extension.folder_registries import folder_registries
from retrieval.census.language import Query, hit_at, kind, parse_query
from retrieval.census.meaning.config_rows import resolved
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.values import ClassRef
from retrieval.census.models.config_models import config_models
from retrieval.census.models.config_targets import named_by_config
from retrieval.census.models.hub_models import hub_models
from retrieval.census.models.roster import roster_of
from retrieval.census.models.weight_tables import weight_tables
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, LEAST, FILES = 6, 2, 4


@kind(
    "model_specifications",
    summary="where models are specified: tables of weights, named specifications, folders and files of configuration",
    example="model_specifications",
    reads="python",
    ordered=True,
)
def model_specifications(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per table, file of specifications, folder or set of configuration files; patterns match its name."""
    found = [*weight_tables(codebase, parse_query("weight_tables")), *_specified(codebase)]
    found += [*config_models(codebase, parse_query("config_models")), *_folders(codebase), *_configured(codebase)]
    yield from (hit for hit in found if query.matches(hit.name))


def _specified(codebase: Codebase) -> Iterator[CensusHit]:
    """Files in which several constants name models of a hub, with these."""
    files: dict[str, list[CensusHit]] = {}
    for hit in hub_models(codebase, parse_query("hub_models")):
        if hit.detail.get("constant") and hit.role == "source":
            files.setdefault(hit.path, []).append(hit)
    for path, hits in files.items():
        if len(hits) < LEAST:
            continue
        preset = [f"`{hit.name}`" for hit in hits if hit.detail["default"] == "yes"]
        shown = listed([f"`{hit.detail['constant']}` is `{hit.name}`" for hit in hits], SHOWN)
        told = f"; defaults are {listed(preset, SHOWN)}" if preset else ""
        related = tuple(("named", hit.path, hit.start, hit.end) for hit in hits[1:SHOWN])
        yield hit_at(
            codebase, path, (hits[0].start, hits[0].end), symbol=hits[0].symbol, name=path, related=related,
            text=f"{path} specifies {counted(len(hits), 'model')} by name: {shown}{told}",
        )  # fmt: skip


def _folders(codebase: Codebase) -> Iterator[CensusHit]:
    for point in folder_registries(codebase):
        files = sorted(_listed(codebase, point.path, point.short))
        told = f": {listed([f'`{name}`' for name in files], SHOWN)}" if files else ""
        yield hit_at(
            codebase, point.path, point.lines, symbol=point.symbol, name=point.symbol, text=f"{point.short}{told}"
        )


def _listed(codebase: Codebase, path: str, said: str) -> list[str]:
    """The names of the configuration files in the folder that a sentence names, beside the file that reads them."""
    folder = said.partition("a file of `")[2].partition("`")[0].strip("/*")
    beside = PurePosixPath(path).parent
    wanted = {str(beside / folder), folder} if folder else set()
    files = (PurePosixPath(file.path) for file in codebase.snapshot.files if file.language in ("json", "yaml", "toml"))
    return [file.stem for file in files if str(file.parent) in wanted]


def _configured(codebase: Codebase) -> Iterator[CensusHit]:
    """Classes of models here that configuration names, with the files."""
    roster = roster_of(codebase)
    rows: dict[str, list[tuple[str, int]]] = {}
    for entries in named_by_config(codebase).values():
        for named in entries:
            target = resolved(roster.program, named.name)
            model = isinstance(target, ClassRef) and roster.family.is_model(target)
            if model and isinstance(target, ClassRef) and roster.makers.anatomy.tier(target) in ("model", "part"):
                rows.setdefault(target.definition.name, []).append((named.path, named.line))
    files = list(dict.fromkeys(path for places in rows.values() for path, _ in places))
    if files:
        names, first = listed([f"`{name}`" for name in rows], 2 * SHOWN), next(iter(rows.values()))[0]
        related = tuple(("named", *places[0], places[0][1]) for places in list(rows.values())[1:SHOWN])
        yield hit_at(
            codebase, first[0], (first[1], first[1]), symbol="", name="configuration", related=related,
            text=f"{counted(len(files), 'file')} ({listed(files, FILES, '`')}) name the classes to make: {names}",
        )  # fmt: skip
