"""Census kinds `about` and `modules`: what the repository says it is, and what its code is divided into.

`about` quotes manifests, the README and package docstrings. `modules` lists packages and modules with their
length, docstring and main definitions; large repositories are listed by package.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted, first_sentence, listed
from retrieval.census.project.describe import (
    by_weight,
    definitions_text,
    describe_file,
    documented,
    led_by,
    main_definitions,
    own_sentence,
)
from retrieval.census.project.duties import work_of, work_of_folder
from retrieval.census.project.kinships import kin_words
from retrieval.census.project.tree_words import spoken_for
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit, Definition
from retrieval.manifests import Property, read_manifests
from retrieval.markup import Passage, headings, paragraphs
from retrieval.roles import is_left
from retrieval.snapshot import SourceFile

_WORDS = {
    "name": "the package is named `{}`",
    "version": "its version is {}",
    "description": "its manifest describes it as “{}”",
    "license": "its licence is given as “{}”",
    "authors": "its authors are given as {}",
}
_ORDER = ("description", "name", "version", "authors", "license")
_MANY_MODULES = 60
_WORTH = 60  # lines of one module that make its folder a part of its own
_SENTENCES = 420
_PARAGRAPHS, _QUOTED = 10, 3
_NEWS = re.compile(
    r"(?i)^\W*(?:\d{4}\b|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)\w*\W+\d|news\b|updates?\b|note:)"
    r"|^\W*we(?:'re| are) (?:tracking|hiring)|change ?log|\bwe (?:have )?releas|\bis released\b|star history"
    r"|\b(?:discord|slack|wechat|telegram|arxiv\.org)\b|^\W*(?:see|click|join|follow|contact|more \w+ can be found)\b"
    r"|^\W*(?:please (?:see|refer|cite|check)|if you (?:find|use|have)|community\b|by using this|we are aware)"
    r"|\b(?:ethical|unethical|legal purposes|not responsible|at your own risk)\b"
)


@kind(
    "about",
    summary="what the repository says of itself: README, package metadata, package docstrings",
    example="about",
    reads="text",
    ordered=True,
)
def about(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """Title and first paragraphs of the README, then manifest properties, then docstrings of top packages."""
    yield from _readmes(codebase)
    properties = read_manifests(codebase.snapshot).properties
    for item in sorted(properties, key=_place):
        if text := _property_text(item):
            lines = (item.start, item.end)
            yield hit_at(codebase, item.path, lines, symbol="", name=item.name, text=text)
    yield from _docstrings(codebase)


def _place(item: Property) -> tuple[int, str, int]:
    order = _ORDER.index(item.name) if item.name in _ORDER else len(_ORDER)
    return order, item.path, item.start


def _property_text(item: Property) -> str:
    if item.name.startswith("url "):
        return f"its {item.name[5:-1].lower()} address is {item.value}"
    return _WORDS[item.name].format(item.value) if item.name in _WORDS else ""


def _readmes(codebase: Codebase) -> Iterator[CensusHit]:
    for file in codebase.snapshot.files:
        if "/" in file.path or not file.path.lower().startswith("readme"):
            continue
        for title, start, end in headings(file)[:1]:
            text = f"the README is titled “{title}”"
            yield hit_at(codebase, file.path, (start, end), symbol="", name="title", text=text)
        for passage in _prose(file):
            quoted, start, end = passage
            text = f"the README says: “{quoted}”"
            yield hit_at(codebase, file.path, (start, end), symbol="", name="readme", text=text)


def _prose(file: SourceFile) -> list[Passage]:
    if file.language in ("markdown", "rst"):
        told = [passage for passage in paragraphs(file, _PARAGRAPHS) if not _NEWS.search(passage[0][:160])]
        return [(_cut(text), start, end) for text, start, end in told[:_QUOTED]]
    return []


def _cut(text: str) -> str:
    if len(text) <= _SENTENCES:
        return text
    return text[:_SENTENCES].rsplit(" ", 1)[0] + " …"


def _docstrings(codebase: Codebase) -> Iterator[CensusHit]:
    for path in sorted(codebase.facts):
        facts = codebase.facts[path]
        file = codebase.snapshot.by_path[path]
        top = path.endswith("__init__.py") and "." not in facts.module
        script = "/" not in path and file.language == "python" and file.role == "source"
        sentence = first_sentence(facts.docstring, 300)
        if sentence and file.role == "source" and (top or script):
            text = f"`{path}` says: “{sentence}”"
            lines = (facts.doc_start, facts.doc_end)
            yield hit_at(codebase, path, lines, symbol="", name=facts.module, text=text)


@kind(
    "modules",
    summary="packages and modules with length, docstring and main definitions",
    example="modules: in=src/*, only=modules",
    reads="python",
    options=("only",),
    ordered=True,
)
def modules(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """Packages first (largest first), then modules by path; over 60 modules, only packages and single modules.

    `only=modules` gives every module and no folder, `only=folders` no module; `detail["kind"]` says which a hit is.
    Raises QueryError for another word.
    """
    only = query.choice("only", ("modules", "folders"))
    files = [
        file
        for file in codebase.snapshot.files
        if file.language == "python" and file.role not in ("config", "generated")
    ]
    chosen = [file for file in files if query.matches(file.path, codebase.facts[file.path].module)]
    by_folder: dict[str, list[SourceFile]] = {}
    for file in chosen:
        by_folder.setdefault(str(PurePosixPath(file.path).parent), []).append(file)
    packages = {
        folder: group
        for folder, group in by_folder.items()
        if len(group) > 1 or (only == "folders" and folder != "." and _lines(group) >= _WORTH)
    }
    for folder, group in sorted(packages.items(), key=lambda item: (is_left(f"{item[0]}/x"), -_lines(item[1]))):
        if only != "modules":
            yield _package(codebase, folder, group)
    many = sum(file.role == "source" for file in chosen) > _MANY_MODULES and not only
    for file in chosen if only != "folders" else ():
        alone = str(PurePosixPath(file.path).parent) not in packages
        if file.lines and (alone or not many) and (file.role == "source" or not many):
            yield _module(codebase, file)


def _lines(files: Iterable[SourceFile]) -> int:
    return sum(len(file.lines) for file in files)


def _package(codebase: Codebase, folder: str, group: list[SourceFile]) -> CensusHit:
    title = f"folder `{folder}/`" if folder != "." else "the root folder"
    text = f"{title} holds {counted(len(group), 'module')} ({_lines(group)} lines)"
    places: list[tuple[str, int, int]] = []
    init = next((file for file in group if file.path.endswith("__init__.py")), None)
    if init is not None and (sentence := first_sentence(codebase.facts[init.path].docstring, 160)):
        facts = codebase.facts[init.path]
        places.append((init.path, facts.doc_start, facts.doc_end))
        text += f": “{sentence}”"
    told = kin_words(codebase, group) or ("" if places else spoken_for(codebase, group))
    text += f"; {told}" if told else ""
    if work := work_of_folder(codebase, group):
        text += f"; {work}"
    names, heads = _largest(codebase, group)
    text += names
    places += heads or [(next((f for f in group if f.lines), group[0]).path, 1, 1)]
    return hit_at(
        codebase,
        places[0][0],
        places[0][1:],
        symbol="",
        name=folder,
        text=text,
        related=tuple(("definition", *place) for place in places[1:]),
        detail={"part": "package", "kind": "folder", "about": "folder"},
    )


def _largest(codebase: Codebase, group: list[SourceFile]) -> tuple[str, list[tuple[str, int, int]]]:
    """The weightiest classes (or functions) of a folder in words, and the lines of their heads."""
    place: dict[str, tuple[str, int, int]] = {}
    items: dict[bool, dict[str, Definition]] = {True: {}, False: {}}
    for file in group:
        classes, functions = main_definitions(codebase.facts[file.path])
        for item in [*classes, *functions]:
            items[item.kind == "class"].setdefault(item.name, item)
            place.setdefault(item.name, (file.path, item.head_start, item.head_end))
    chosen = items[True] or items[False]
    if not chosen:
        return "", []
    ranked = [item.name for item in by_weight(codebase, chosen.values())]
    noun = "classes" if items[True] else "functions"
    return f"; main {noun}: {listed(ranked, 5, '`')}", [place[name] for name in ranked[:5]]


def _module(codebase: Codebase, file: SourceFile) -> CensusHit:
    facts = codebase.facts[file.path]
    text = f"`{file.path}` ({counted(len(file.lines), 'line')})"
    sentence = own_sentence(facts.docstring, 160)
    words, start, end = describe_file(codebase, file)
    defined = definitions_text(codebase, facts, 5, "`")
    told = [f"“{sentence}”"] if sentence else [work_of(codebase, file.path)]
    if not sentence and defined and (quoted := documented(codebase, facts, 140)):
        told.append(f"`{quoted[1].name}`: “{quoted[0]}”")
    if not sentence and defined and (led := led_by(codebase, facts)):
        told.append(led)
    told.append(f"defines {defined}" if defined else "" if sentence else words)
    text += f": {'; '.join(filter(None, told))}"
    return hit_at(
        codebase,
        file.path,
        (start, end),
        symbol="",
        name=facts.module or file.path,
        text=text,
        detail={"part": "module", "kind": "module", "about": "module"},
    )
