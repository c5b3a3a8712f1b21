"""What code works with, in the words of `data/subjects.yaml`: known from the outside modules that a file imports."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from retrieval.facts import FileFacts

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

TABLE = Path(__file__).parents[1] / "data" / "subjects.yaml"
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
        if module and module not in found.setdefault(_subjects()[module], []):
            found[_subjects()[module]].append(module)
    return dict(sorted(found.items(), key=lambda pair: pair[0] in _PLAIN))


def subject_words(codebase: "Codebase", facts: FileFacts, most: int = 3) -> str:
    """ "images (`cv2`, `PIL`), audio (`librosa`)"; "" when no import tells a subject."""
    told = list(subjects(codebase, facts).items())[:most]
    return ", ".join(f"{subject} ({', '.join(f'`{m}`' for m in modules[:2])})" for subject, modules in told)


def _known(dotted: str) -> str:
    """The longest prefix of a module's name that has a subject."""
    parts = dotted.split(".")
    prefixes = (".".join(parts[:size]) for size in range(len(parts), 0, -1))
    return next((prefix for prefix in prefixes if prefix in _subjects()), "")
