"""What code works with, in the words of `data/subjects.yaml`: known from the outside modules that a file imports.

Kind `subjects` tells it of the code that the main programs may run.
"""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted, listed
from retrieval.facts import CensusHit, FileFacts

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

TABLE = Path(__file__).parents[2] / "data" / "subjects.yaml"
_PLAIN = frozenset({"command line", "plots", "tables", "configuration", "other programs"})


@lru_cache(maxsize=1)
def _subjects() -> dict[str, str]:
    """Module → subject."""
    table = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return {module: subject for subject, modules in table.items() for module in modules}


def subjects(codebase: "Codebase", facts: FileFacts) -> dict[str, list[str]]:
    """Subject → the imported modules that tell it, telling subjects before those of nearly every file."""
    found: dict[str, list[str]] = {}
    for item in facts.imports:
        if codebase.locate(item.module, facts.path) is not None:
            continue
        module = _known(f"{item.module}.{item.name}" if item.name else item.module)
        idle = module and not _uses(facts, f"{item.module}.{item.name}" if item.name else item.module)
        if module and not idle and module not in found.setdefault(_subjects()[module], []):
            found[_subjects()[module]].append(module)
    return dict(sorted(found.items(), key=lambda pair: pair[0] in _PLAIN))


def _uses(facts: FileFacts, imported: str) -> bool:
    """Whether a file calls what an import brings, or derives a class from it; one that calls nothing may use all."""
    names = [*(call.name for call in facts.calls), *(base for item in facts.definitions for base in item.bases)]
    return not facts.calls or any(f"{name}.".startswith(f"{imported}.") for name in names)


def subject_words(codebase: "Codebase", facts: FileFacts, most: int = 3) -> str:
    """ "images (`cv2`, `PIL`), audio (`librosa`)"; "" when no import tells a subject."""
    told = list(subjects(codebase, facts).items())[:most]
    return ", ".join(f"{subject} ({', '.join(f'`{m}`' for m in modules[:2])})" for subject, modules in told)


def _known(dotted: str) -> str:
    """The longest prefix of a module's name that has a subject."""
    parts = dotted.split(".")
    prefixes = (".".join(parts[:size]) for size in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in _subjects()), "")


@kind(
    "subjects",
    summary="what the code that the main programs run works with: images, audio, language models … by its imports",
    example="subjects: images, video",
    reads="python",
    ordered=True,
)
def subjects_of(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per subject, that of most files first; patterns match the subject."""
    reach = reach_of(codebase)
    files = {path for path, _ in reach.units} if reach.tells else set(codebase.facts)
    told: dict[str, dict[str, list[tuple[str, int, int]]]] = {}
    for path in sorted(files):
        facts = codebase.facts[path]
        if codebase.snapshot.by_path[path].role != "source":
            continue
        for subject, modules in subjects(codebase, facts).items():
            for module in modules:
                told.setdefault(subject, {}).setdefault(module, []).append((path, *_import_lines(facts, module)))
    ranked = sorted(told.items(), key=lambda pair: (pair[0] in _PLAIN, -len(_paths(pair[1])), pair[0]))
    for subject, modules in ranked:
        if query.matches(subject):
            yield _subject_hit(codebase, subject, modules)


def _import_lines(facts: FileFacts, module: str) -> tuple[int, int]:
    for item in facts.imports:
        if f"{item.module}.{item.name}.".startswith(f"{module}."):
            return item.start, item.end
    return 1, 1


def _paths(modules: dict[str, list[tuple[str, int, int]]]) -> set[str]:
    return {path for places in modules.values() for path, _, _ in places}


def _subject_hit(codebase: "Codebase", subject: str, modules: dict[str, list[tuple[str, int, int]]]) -> CensusHit:
    ordered = sorted(modules.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    first = ordered[0][1][0]
    text = f"{subject}: {counted(len(_paths(modules)), 'file')} import {listed([f'`{name}`' for name, _ in ordered])}"
    text = text.replace("1 file import ", "1 file imports ")
    return hit_at(
        codebase,
        first[0],
        first[1:],
        symbol="",
        name=subject,
        text=text,
        related=tuple(("imports", *places[0]) for _, places in ordered[1:3]),
    )
