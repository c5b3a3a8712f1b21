"""A sentence and the lines it is held against: what to look for, what each thing weighs, how the lines are cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from agent.documents.atoms import Atom, read_atoms
from agent.documents.lexicon import Lexicon
from agent.documents.page import Page
from retrieval.languages import words

PLAIN = 0.5  # what a plain word or figure counts, of what a name of the same rarity counts
EXPRESSION = 12.0  # what a whole expression or quotation counts: a name that stands on one line of 160,000
_STATEMENTS = words("python javascript typescript java c cpp cuda go rust csharp kotlin swift")

Range = tuple[int, int]


@dataclass(frozen=True)
class Case:
    """`text` against lines `start` to `end` of `page`; `taken` are other lines of it that the sentence cites."""

    text: str
    lexicon: Lexicon
    page: Page
    start: int
    end: int
    taken: Sequence[Range]

    @cached_property
    def sought(self) -> list[Atom]:
        """What to look for."""
        read = [atom for atom in read_atoms(self.text) if atom.kind != "path"]
        return [*read, *stems(self.text, self.page.file.path)]

    @property
    def atoms(self) -> list[tuple[Atom, float]]:
        """What to look for, with its weight."""
        return [(atom, weight(atom, self.lexicon)) for atom in self.sought]

    @property
    def width(self) -> int:
        """How many lines are cited."""
        return self.end - self.start + 1

    @property
    def windows(self) -> int:
        """How many stretches of this width the file has."""
        return max(1, self.page.length - self.width + 1)


def weight(atom: Atom, lexicon: Lexicon) -> float:
    """How much it says that an atom stands somewhere: its rarity, for plain words and figures half of it."""
    if atom.kind == "expression":
        return EXPRESSION
    return lexicon.rarity(atom.text) * (PLAIN if atom.kind in ("word", "number") else 1.0)


def lines_of(atom: Atom, page: Page) -> list[int]:
    """The lines of a file on which an atom stands."""
    return page.lines_with(atom.text) if atom.kind == "expression" else page.places.get(atom.text, [])


def stems(text: str, path: str) -> list[Atom]:
    """Other files that the sentence names, as import statements name them."""
    named = [atom.text for atom in read_atoms(text) if atom.kind == "path" and not names_file(atom.text, path)]
    parts = [text.removesuffix("/__init__.py").rstrip("/").rpartition("/")[2].partition(".")[0] for text in named]
    return [Atom(part, "name", part, False) for part in dict.fromkeys(parts) if part]


def names_file(said: str, path: str) -> bool:
    """Whether a path as a sentence writes it can mean the file at `path`."""
    return f"/{path}".endswith(f"/{said.removeprefix('./')}")


def aligned(case: Case) -> bool:
    """Whether the lines are exactly one statement or call of several lines: nobody hits that by chance."""
    return case.width > 2 and case.page.is_whole(case.start, case.end)


def ragged(case: Case) -> bool:
    """Whether several lines of code begin or end in the middle of a statement."""
    page = case.page
    if case.width < 2 or page.file.language not in _STATEMENTS:
        return False
    text = page.text
    begins = not page.is_inside(case.start) or case.start in text or _bracket(page.lines[case.start - 1])
    ends = not page.depths[case.end] or case.end in text
    whole = not ends and page.is_whole(case.start, case.end)
    header = page.file.language == "python" and page.lines[case.end - 1].rstrip().endswith(":")
    return not whole and (not begins or not ends or (header and not _defines(page, case.start, case.end)))


def _bracket(line: str) -> bool:
    return line.strip()[:1] in (")", "]", "}")


def _defines(page: Page, start: int, end: int) -> bool:
    """Whether the lines are the head of a definition."""
    return any(b.start <= start <= b.head <= end for blocks in page.blocks.values() for b in blocks)
