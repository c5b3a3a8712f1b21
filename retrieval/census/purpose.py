"""Kind `purpose`: what the project is for, in sentences: tagline and description, what it does, features, what goes
in, what comes out, and by which models.

Words are those of the README, the package metadata and the options of the main programs; models are those that
`outline` finds.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind, parse_query
from retrieval.census.options import cli_options
from retrieval.census.outline import outline
from retrieval.census.prose import listed
from retrieval.census.reach import reach_of
from retrieval.census.readme import Readme, Said, read_readme
from retrieval.census.units import units
from retrieval.facts import CensusHit
from retrieval.manifests import read_manifests

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_IN = re.compile(
    r"(?i)(?:^|[-_])(?:sources?|src|inputs?|text|prompt|question|query|audio|speech|wav|images?|img|videos?|files?"
    r"|paths?|target|driving|driven|reference|document|pdf|url|folder|dir|directory)$"
)
_OUT = re.compile(
    r"(?i)(?:^|[-_])(?:out|outputs?|save|results?)(?:[-_](?:dir|directory|path|file|filename|folder|name|format))?$"
)
_NOT = re.compile(
    r"(?i)model|artifact|network|pretrained|ckpt|checkpoint|config|cfg|weight|log|cache|device|server|port|host|token|batch|temp|gpu|lora|bert|gpt"
    r"|jobs?[-_]|api|url|font|benchmark|prune|max[-_]|init[-_]"
)
_WEIGHTS = re.compile(r"(?i)\b(?:models?|weights?|checkpoints?|networks?|artifacts?|executable|ffmpeg)\b|ffmpeg_")
_BLANK = re.compile(r"(?i)\b(?:brief|short) description\b|^\W*(?:todo|add your|my (?:package|project))")
_PLACE = re.compile(r"(?i)(?:paths?|files?|dir|directory|folder)$")
_SWITCH = re.compile(
    r"(?i)type (?:bool|float|int)\b|store_(?:true|false)|is_flag|: whether\b|: if true"
    r"|^`--(?:keep|no|use|enable|disable)[-_]"
)
_MODEL = re.compile(r"`(?:[\w.]*\.)?[A-Z]\w*(?:\.from_\w+|\.create)?(?:\(\))?`")
_WORDS = ("sub-command", "position", "computed")
_MODELS = "Made or loaded, in this order: "
GIVEN, MODELS, HELP, TITLE, FEW = 5, 6, 90, 5, 2
Place = tuple[str, int, int]  # path, first line, last line


@kind(
    "purpose",
    summary="what the project is for: tagline, description, features, what goes in and out, by which models",
    example="purpose",
    reads="text",
    ordered=True,
)
def purpose(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per sentence, the README in English first. Patterns match the kind of sentence."""
    found = [*_said(codebase), *_goes(codebase), *_models(codebase)]
    yield from (hit for hit in found if query.matches(hit.name))


def _said(codebase: Codebase) -> Iterator[CensusHit]:
    readme = _main_readme(codebase)
    told: list[str] = []
    path, parts = readme if readme else ("", None)
    title = parts.title.text if parts and parts.title else codebase.snapshot.name
    for word, lines in _descriptions(codebase):
        if word not in told:
            told.append(word)
            yield _hit(codebase, lines, "description", f"The package metadata describes {title} as “{word}”.")
    if parts is None:
        return
    if parts.title and len(parts.title.text.split()) >= TITLE and not any(parts.title.text in one for one in told):
        where = (path, parts.title.start, parts.title.end)
        yield _hit(codebase, where, "title", f"The README is titled “{parts.title.text}”.")
        title = "the project"
    for name, said, before in (
        ("tagline", parts.tagline, f"The README says of {title}:"),
        ("abstract", parts.abstract, "It goes on:"),
    ):
        if said is not None and not any(said.text.rstrip(".") in one or one in said.text for one in told):
            told.append(said.text)
            yield _hit(codebase, (path, said.start, said.end), name, f"{before} “{said.text}”")
    if parts.features:
        yield _features(codebase, path, parts.features)


def _features(codebase: Codebase, path: str, features: tuple[Said, ...]) -> CensusHit:
    words = "; ".join(_clause(said.text) for said in features)
    return _hit(codebase, (path, features[0].start, features[-1].end), "features", f"Features it lists: {words}.")


def _clause(text: str) -> str:
    first = re.split(r"(?<=[.!?])\s+(?=[A-Z])", text)[0].rstrip(".")
    return first if len(first) <= 2 * HELP else first[: 2 * HELP].rsplit(" ", 1)[0] + " …"


def _main_readme(codebase: Codebase) -> tuple[str, Readme] | None:
    """The README at the root, in English where there are several."""
    files = [
        file
        for file in codebase.snapshot.files
        if "/" not in file.path and file.path.lower().startswith("readme") and file.language == "markdown"
    ]
    files.sort(key=lambda file: (PurePosixPath(file.path).stem.lower() not in ("readme", "readme_en"), file.path))
    english = [file for file in files if re.search(r"(?i)[_-]en\b", file.path)]
    wide = files and len(re.findall(r"[\u3040-\u9fff]", files[0].text[:4000])) > len(files[0].text[:4000]) // 20
    chosen = english[0] if english and wide else files[0] if files else None
    return (chosen.path, read_readme(chosen)) if chosen is not None else None


def _descriptions(codebase: Codebase) -> Iterator[tuple[str, tuple[str, int, int]]]:
    """Descriptions of manifests of the root, else of tables of metadata in code, with their places."""
    depth = sorted(
        (item.path.count("/"), item.path, item.start, item.end, item.value)
        for item in read_manifests(codebase.snapshot).properties
        if item.name == "description" and len(item.value.split()) > 1 and not _BLANK.search(item.value)
    )
    depth = [item for item in depth if item[0] == 0 or _holds_most(codebase, item[1])]
    lowest = depth[0][0] if depth else 9
    found = [(value, (path, start, end)) for level, path, start, end, value in depth if level == lowest <= 2]
    yield from found[:2] or list(_tables(codebase))[:1]


def _holds_most(codebase: Codebase, path: str) -> bool:
    """Whether the folder of a manifest holds most of the code: a package that is only used beside it does not."""
    folder = f"{PurePosixPath(path).parent}/"
    sizes = {f.path: len(f.lines) for f in codebase.snapshot.files if f.language == "python" and f.role == "source"}
    inside = sum(size for where, size in sizes.items() if where.startswith(folder))
    beside = any("/" not in where for where in sizes)
    return inside * 2 > sum(sizes.values()) and not beside


def _tables(codebase: Codebase) -> Iterator[tuple[str, tuple[str, int, int]]]:
    """`{"name": …, "version": …, "description": "…"}` in code."""
    for unit in units(codebase, r"""["']description["']\s*:.*(?:\n.*){0,6}?["'](?:version|license|author)["']"""):
        for node in unit.nodes:
            if isinstance(node, ast.Dict):
                keys = {k.value: v for k, v in zip(node.keys, node.values, strict=True) if isinstance(k, ast.Constant)}
                told = keys.get("description")
                if {"name", "version"} <= keys.keys() and isinstance(told, ast.Constant):
                    yield str(told.value), (unit.path, told.lineno, told.lineno)


def _goes(codebase: Codebase) -> Iterator[CensusHit]:
    """What the options of the main programs take in and where they put what comes out."""
    options = [
        hit
        for hit in cli_options(codebase, parse_query("cli_options: of=programs"))
        if hit.role == "source"
        and not _SWITCH.search(hit.text)
        and hit.detail.get("library") not in ("sub-command", "position", "computed")
    ]
    kinds = ((_IN, _OUT, "input", "Goes in"), (_OUT, None, "output", "Comes out"))
    for rule, other, name, words in kinds:
        chosen = [hit for hit in options if rule.search(hit.name.lstrip("-")) and not _NOT.search(hit.name)]
        chosen = [hit for hit in chosen if other is None or not other.search(hit.name)]
        chosen = [hit for hit in chosen if not (_PLACE.search(hit.name) and _WEIGHTS.search(hit.text))]
        unique = list({hit.name: hit for hit in reversed(chosen)}.values())[::-1][:GIVEN]
        if unique:
            told = [f"`{hit.name}`" + _helped(hit) for hit in unique]
            lines = [(hit.path, hit.start, hit.end) for hit in unique]
            text = f"{words}, by the options of the main programs: {listed(told, GIVEN)}."
            yield _hit(codebase, lines[0], name, text, lines[1:])


def _helped(hit: CensusHit) -> str:
    text = " ".join(hit.text.partition("): ")[2].split() or hit.text.partition("`: ")[2].split())
    return f" ({text if len(text) <= HELP else text[: HELP - 1] + '…'})" if text else ""


def _models(codebase: Codebase) -> Iterator[CensusHit]:
    """The models of the main program; of many programs none stands for all."""
    if len({start.path for start in reach_of(codebase).starts if not start.name.startswith("the public")}) > FEW:
        return
    for hit in outline(codebase, parse_query("outline")):
        if not hit.text.startswith(_MODELS):
            continue
        parts = [part.partition(" in ")[0] for part in re.split(r"[;,] (?=\(\d+\)|`)", hit.text.removeprefix(_MODELS))]
        parts = [re.sub(r"^\(\d+\) ", "", part).partition(" by ")[0] for part in parts]
        names = list(dict.fromkeys(part for part in parts if _MODEL.search(part)))
        lines = [(path, start, end) for _, path, start, end in hit.related]
        text = f"By the models that the main program makes or loads: {listed(names, MODELS)}."
        if names:
            yield _hit(codebase, (hit.path, hit.start, hit.end), "models", text, lines[:MODELS])
        return


def _hit(codebase: Codebase, lines: Place, name: str, text: str, more: list[Place] | None = None) -> CensusHit:
    related = tuple(("also", *spot) for spot in more or ())
    return hit_at(codebase, lines[0], lines[1:], symbol="", name=name, text=text, related=related)
