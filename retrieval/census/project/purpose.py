"""Kind `purpose`: what the project is for, in sentences: tagline and description, what it does, features, what goes
in, what comes out, and by which models.

Words are those of the README, the package metadata and the options of the main programs; models are those that
`model_summary` finds.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.served_inputs import served_inputs
from retrieval.census.language import Query, hit_at, kind, parse_query
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import units
from retrieval.census.meaning.wording import summary
from retrieval.census.models.model_summary import model_summary
from retrieval.census.models.roster import roster_of
from retrieval.census.project.readme import Readme, read_readme
from retrieval.census.project.readme_blocks import Said
from retrieval.census.settings.options import cli_options
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
    r"|jobs?[-_]|allow|trusted|api|url|font|benchmark|prune|max[-_]|init[-_]|auth|user[-_]data|download|leaderboard|root[-_]path|fit[-_]"
)
_WEIGHTS = re.compile(r"(?i)\b(?:models?|weights?|checkpoints?|networks?|artifacts?|executable|ffmpeg)\b|ffmpeg_")
_BLANK = re.compile(r"(?i)\b(?:brief|short) description\b|^\W*(?:todo|add your|my (?:package|project))")
_SERVING = re.compile(
    r"(?i)(?:^|[/_-])(?:eval\w*|bench\w*|download\w*|convert\w*|metrics?|prepare\w*|preprocess\w*)(?:[/_.-])"
)
"""Programs that measure, fetch or prepare: what they take says little of what the project is for."""
_PLACE = re.compile(r"(?i)(?:paths?|files?|dir|directory|folder)$")
_SWITCH = re.compile(
    r"(?i)type (?:bool|float|int)\b|store_(?:true|false)|is_flag|: whether\b|: if true"
    r"|^`--(?:keep|no|use|enable|disable)[-_]|\(default (?:True|False)\)"
)
_WRITES = re.compile(r"(?i)-*(?:out(?:put)?|save|result|dest(?:ination)?|target_output)[-_]")
_PLAINLY = re.compile(r"(?i)readme(?:_en)?$")
_ENGLISH = re.compile(
    r"(?i)^[^/]*[_.-]en(?:glish)?\.\w+$|(?:^|/)docs?/(?:en/)?[^/]*[_.-]en(?:glish)?\.\w+$|(?:^|/)docs?/en/[^/]+$"
)
_GIVEN = re.compile(
    r"(?i)gr\.(?:Image|Audio|Video|Files?|UploadButton|Chatbot)\b|\b(?:image|photo|audio|speech|voice|video|text|prompt"
    r"|question|document|pdf|file|sentence|caption)s?\b"
)
_SETS = re.compile(
    r"gr\.(?:Checkbox\w*|Dropdown|Slider|Number|Radio|\w*Button|ColorPicker|HTML|Label)\b"
    r"|“(?i:generated|output|result)"
)
"""Controls that set something, and those that show what comes out."""
_USED = re.compile(r"\bmodels? (?:is|are) used\b")
_ASIDE = re.compile(
    r" \((?:[\w.-]+/)*[\w.-]+\.py\)|(?:[\w.-]+/)*[\w.-]+\.py, (?=“)| of the library `[^`]+`| in `[^`]+`$"
)
GIVEN, MODELS, HELP, TITLE = 5, 6, 90, 5
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
    title = title if len(title.split()) < TITLE else codebase.snapshot.name
    for word, lines in _descriptions(codebase):
        if word not in told and re.search(r"\w\w", word):
            told.append(word)
            yield _hit(codebase, lines, "description", f"The package metadata describes {title} as “{word}”.")
    if parts is None:
        return
    if (
        parts.title
        and title != parts.title.text
        and len(parts.title.text.split()) >= TITLE
        and not any(parts.title.text in one for one in told)
    ):
        where = (path, parts.title.start, parts.title.end)
        yield _hit(codebase, where, "title", f"The README is titled “{parts.title.text}”.")
    said_of = [("tagline", parts.tagline, f"The README says of {title}:")]
    said_of += [
        ("abstract", said, "It goes on:" if place == 0 else "And:") for place, said in enumerate(parts.abstracts)
    ]
    for name, said, before in said_of:
        if said is not None and not any(said.text.rstrip(".") in one or one in said.text for one in told):
            told.append(said.text)
            yield _hit(codebase, (path, said.start, said.end), name, f"{before} “{said.text}”")
    if parts.tagline is None and not parts.abstracts and not any(len(word.split()) >= TITLE for word in told):
        yield from _docstrings(codebase)
    if parts.features:
        yield _features(codebase, path, parts.features)


def _docstrings(codebase: Codebase) -> Iterator[CensusHit]:
    """What functions that run models, in no model class, say of themselves: for a README that says nothing."""
    roster, told = roster_of(codebase), dict[str, tuple[str, Place]]()
    for use in sorted(roster.uses, key=lambda use: use.depth):
        item, path = use.frame.definition, use.frame.path
        inside = use.frame.owner is not None and roster.family.is_model(use.frame.owner)
        first = summary(item) if item is not None and not inside and item.kind == "function" else ""
        aside = _SERVING.search(path) or codebase.snapshot.by_path[path].role != "source"
        if item is not None and len(first.split()) >= TITLE - 1 and _GIVEN.search(first) and not aside:
            place = (path, item.doc_start, item.doc_end)
            told.setdefault(item.symbol, (f"`{item.symbol}()` ({path}): “{first}”", place))
    shown = list(told.values())[:2]
    if shown:
        text = f"Functions that run its models say of themselves: {'; '.join(said for said, _ in shown)}."
        yield _hit(codebase, shown[0][1], "docstrings", text, [place for _, place in shown[1:]])


def _features(codebase: Codebase, path: str, features: tuple[Said, ...]) -> CensusHit:
    words = "; ".join(_clause(said.text) for said in features)
    return _hit(codebase, (path, features[0].start, features[-1].end), "features", f"Features it lists: {words}.")


def _clause(text: str) -> str:
    first, *rest = re.split(r"(?<=[.!?])\s+(?=[A-Z])", text)
    first = f"{first.rstrip('.')} ({rest[0].rstrip('.')})" if rest and len(first.split()) < TITLE else first.rstrip(".")
    return first if len(first) <= 2 * HELP else first[: 2 * HELP].rsplit(" ", 1)[0] + " …"


def _main_readme(codebase: Codebase) -> tuple[str, Readme] | None:
    """The README at the root, in English where there are several."""
    files = [
        file
        for file in codebase.snapshot.files
        if file.path.rpartition("/")[2].lower().startswith("readme") and file.language == "markdown"
    ]
    files.sort(key=lambda file: (file.path.count("/"), not _PLAINLY.match(PurePosixPath(file.path).stem), file.path))
    files = files if files and "/" not in files[0].path else []
    first = files[0].text[:4000] if files else ""
    wide = len(re.findall(r"[\u3040-\u9fff]", first)) > len(first) // 20
    english = [file for file in files if _ENGLISH.search(file.path)] if wide else []
    chosen = (english or files or [None])[0]
    return (chosen.path, read_readme(chosen, codebase.snapshot.name)) if chosen is not None else None


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
    options = [hit for hit in options if not _SERVING.search(hit.path)] or options
    kinds = ((_IN, _OUT, "input", "Goes in"), (_OUT, None, "output", "Comes out"))
    for rule, other, name, words in kinds:
        chosen = [hit for hit in options if rule.search(hit.name.lstrip("-")) and not _NOT.search(hit.name)]
        chosen = [hit for hit in chosen if other is None or not (other.search(hit.name) or _WRITES.match(hit.name))]
        chosen = [hit for hit in chosen if not (_PLACE.search(hit.name) and _WEIGHTS.search(hit.text))]
        unique = list({hit.name: hit for hit in reversed(chosen)}.values())[::-1][:GIVEN]
        if unique:
            told = [f"`{hit.name}`" + _helped(hit, options) for hit in unique]
            lines = [(hit.path, hit.start, hit.end) for hit in unique]
            text = f"{words}, by the options of the main programs: {listed(told, GIVEN)}."
            yield _hit(codebase, lines[0], name, text, lines[1:])
        elif name == "input":
            yield from _served(codebase)


def _served(codebase: Codebase) -> Iterator[CensusHit]:
    """What predictors and web interfaces take in, where no option names an input."""
    hits = [hit for hit in served_inputs(codebase, parse_query("served_inputs")) if reach_of(codebase).has(hit)]
    hits = [hit for hit in hits if hit.role == "source" and _GIVEN.search(hit.text) and not _NOT.search(hit.name)]
    hits = [hit for hit in hits if not _SETS.search(hit.detail["said"])]
    cog = [hit for hit in hits if hit.detail["way"] == "cog"]
    unique = list({hit.detail["said"]: hit for hit in reversed(cog or hits)}.values())[::-1][:GIVEN]
    if unique:
        where = "the inputs of its predictor" if cog else "the controls of its web interface"
        text = f"Goes in, by {where}: {listed([hit.detail['said'] for hit in unique], GIVEN)}."
        lines = [(hit.path, hit.start, hit.end) for hit in unique]
        yield _hit(codebase, lines[0], "input", text, lines[1:])


def _helped(hit: CensusHit, options: list[CensusHit]) -> str:
    """The help of an option in brackets; "" where it is that of another option, copied, which names other things."""
    said = hit.detail.get("help", "").lower()
    copied = [
        other for other in options if said and other.name != hit.name and other.detail.get("help", "").lower() == said
    ]
    if any(_shared(other, said) > _shared(hit, said) for other in copied):
        return ""
    text = " ".join(hit.text.partition("): ")[2].split() or hit.text.partition("`: ")[2].split())
    return f" ({text if len(text) <= HELP else text[: HELP - 1] + '…'})" if text else ""


def _shared(hit: CensusHit, said: str) -> int:
    """How many words of the name of an option its help says."""
    return sum(word in said for word in re.split(r"\W|_", hit.name.lower()) if len(word) > TITLE - 2)


def _models(codebase: Codebase) -> Iterator[CensusHit]:
    """The models that the main programs use, with what they are for, by `model_summary`."""
    sentences = model_summary(codebase, parse_query("model_summary: what=used"))
    for hit in (hit for hit in sentences if hit.name != "stages"):
        words, colon, told = hit.text.partition(": ")
        if not _USED.search(words) or not colon:
            return
        named = [_ASIDE.sub("", part) for part in told.split("; ")]
        lines = [(path, start, end) for _, path, start, end in hit.related]
        text = f"The models that its programs use: {listed(named, MODELS)}."
        yield _hit(codebase, (hit.path, hit.start, hit.end), "models", text, lines[:MODELS])
        return


def _hit(codebase: Codebase, lines: Place, name: str, text: str, more: list[Place] | None = None) -> CensusHit:
    related = tuple(("also", *spot) for spot in more or ())
    return hit_at(codebase, lines[0], lines[1:], symbol="", name=name, text=text, related=related)
