"""Citations spoilt on purpose, to measure how many of them the verifier lets pass.

A spoilt citation keeps its sentence, or keeps its lines under a sentence that was changed. It never lies inside lines
that the sentence cites anyway. Seeded: the same audit gives the same mutations.
"""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from agent.documents.atoms import read_atoms
from agent.documents.lexicon import Lexicon
from agent.documents.verdicts import Place

_TRIES = 20
_SHORTEST_FILE = 5


@dataclass(frozen=True)
class Case:
    """A citation of an audit: what it stands for (see `selftest.py`), and all places that its statement cites."""

    texts: tuple[str, ...]
    place: Place
    cited: tuple[Place, ...]


@dataclass(frozen=True)
class Spoiler:
    """What mutations need: the words and files of the repository, the other cases, and chance."""

    lexicon: Lexicon
    cases: Sequence[Case]
    chance: random.Random

    @property
    def paths(self) -> list[str]:
        """Files long enough to cite lines of."""
        return [path for path, file in self.lexicon.files.items() if len(file.lines) > _SHORTEST_FILE]


Mutation = Callable[[Case, Spoiler], Case | None]


def elsewhere(case: Case, spoiler: Spoiler) -> Case | None:
    """As many lines at another place of the same file."""
    width = case.place.end - case.place.start
    length = spoiler.lexicon.page(case.place.path).length
    for _ in range(_TRIES):
        start = spoiler.chance.randint(1, max(1, length - width))
        if abs(start - case.place.start) > width and (moved := _at(case, case.place.path, start, start + width)):
            return moved
    return None


def other_file(case: Case, spoiler: Spoiler) -> Case | None:
    """As many lines of another file."""
    cited = {place.path for place in case.cited}
    paths = [path for path in spoiler.paths if path not in cited]
    if not paths:
        return None
    path = spoiler.chance.choice(paths)
    length, width = spoiler.lexicon.page(path).length, case.place.end - case.place.start
    start = spoiler.chance.randint(1, max(1, length - width))
    return _at(case, path, start, min(length, start + width))


def first_lines(case: Case, spoiler: Spoiler) -> Case | None:
    """Lines 1 to 20 of the file, which models that see no line numbers like to name."""
    if case.place.start <= 20:
        return None
    return _at(case, case.place.path, 1, min(20, spoiler.lexicon.page(case.place.path).length))


def shifted(by: int) -> Mutation:
    """The lines moved up or down by `by`."""

    def shift(case: Case, spoiler: Spoiler) -> Case | None:
        length = spoiler.lexicon.page(case.place.path).length
        for step in spoiler.chance.sample((by, -by), 2):
            start, end = case.place.start + step, case.place.end + step
            if start >= 1 and end <= length and (moved := _at(case, case.place.path, start, end)):
                return moved
        return None

    return shift


def swapped(case: Case, spoiler: Spoiler) -> Case | None:
    """The lines that another statement cites."""
    for _ in range(_TRIES):
        place = spoiler.chance.choice(spoiler.cases).place
        if place.path != case.place.path or place.start > case.place.end or place.end < case.place.start:
            return _at(case, place.path, place.start, place.end)
    return None


def out_of_range(case: Case, spoiler: Spoiler) -> Case | None:
    """Lines that begin or end behind the end of the file."""
    length = spoiler.lexicon.page(case.place.path).length
    start = length - spoiler.chance.randint(-5, 2)
    return replace(case, place=Place(case.place.path, start, max(start, length) + spoiler.chance.randint(1, 40)))


def renamed(case: Case, spoiler: Spoiler) -> Case | None:
    """One identifier of the sentence with other letters, so that there is no such name."""

    def other(name: str) -> str:
        at = spoiler.chance.randrange(len(name))
        return f"{name[:at]}{spoiler.chance.choice('bdfgklmprtvz')}{name[at:]}_x"

    return _reworded(case, spoiler, other)


def exchanged(case: Case, spoiler: Spoiler) -> Case | None:
    """One identifier of the sentence replaced by another one of the repository."""
    names = [word for word in spoiler.lexicon.in_code if _identifier(word)]
    return _reworded(case, spoiler, lambda _: spoiler.chance.choice(names)) if names else None


def renumbered(case: Case, spoiler: Spoiler) -> Case | None:
    """One figure of the sentence changed."""
    figures = re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.])", case.texts[0])
    if not figures:
        return None
    figure = spoiler.chance.choice(figures)
    changed = str(int(float(figure)) + spoiler.chance.randint(1, 9))
    pattern = re.compile(rf"(?<![\w.]){re.escape(figure)}(?![\w.])")
    return replace(case, texts=tuple(pattern.sub(changed, text) for text in case.texts))


def _reworded(case: Case, spoiler: Spoiler, other: Callable[[str], str]) -> Case | None:
    """The case with one identifier of each text changed; texts without an identifier are left out."""
    changed: list[str] = []
    for text in case.texts:
        names = [atom.text for atom in read_atoms(text) if atom.kind == "name" and atom.code]
        names = [name for name in names if _identifier(name) and spoiler.lexicon.occurrences[name]]
        if names:
            name = spoiler.chance.choice(names)
            new = other(name)
            changed += [re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", new, text)] if new != name else []
    return replace(case, texts=tuple(changed)) if changed else None


def _identifier(word: str) -> bool:
    return len(word) > 3 and ("_" in word.strip("_") or bool(re.search(r"[a-z][A-Z]", word)))


def _at(case: Case, path: str, start: int, end: int) -> Case | None:
    """The case at other lines, None where they lie inside lines that the sentence cites as well."""
    if any(one.path == path and one.start <= start and end <= one.end for one in case.cited):
        return None
    place = Place(path, start, end)
    cited = tuple(place if one == case.place else one for one in case.cited)
    return replace(case, place=place, cited=cited)


SAME_FILE: dict[str, Mutation] = {
    "other place in the same file": elsewhere,
    "lines 1-20": first_lines,
    "shifted by 3 lines": shifted(3),
    "shifted by 10 lines": shifted(10),
    "shifted by 40 lines": shifted(40),
}
MUTATIONS: dict[str, Mutation] = {
    "other file": other_file,
    "out of range": out_of_range,
    "identifier renamed": renamed,
    **SAME_FILE,
    "swapped between claims": swapped,
    "identifier exchanged": exchanged,
    "number changed": renumbered,
}
