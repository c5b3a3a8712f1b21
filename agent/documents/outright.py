"""What makes lines hold a sentence whatever stands elsewhere in the file: a definition, an import, a quotation."""

import re

from agent.documents.atoms import KEYWORDS
from agent.documents.case import Case, stems

_OWNER = re.compile(r"([^\W\d]\w*)\.(?=[^\W\d])")
_NOT_OWNER = re.compile(r"([^\W\d]\w*)(?!\w|\.[^\W\d])")


def outright(case: Case) -> str:
    """Why the lines hold the sentence, in words, "" when nothing says so outright."""
    names = {atom.text for atom in case.sought if atom.kind == "name"}
    for name in names - _owners(case.text):
        if any(b.start <= case.start <= b.head <= case.end for b in case.page.blocks.get(name, ())):
            return f"`{name}` is defined there"
    file = case.page.file.path
    if word := _kind_of_statement(case, names):
        return word
    if imported := next((stem for stem in _imported(case)), ""):
        return f"`{imported}` is imported there"
    if (case.start, case.end) in ((1, 1), (1, case.page.length)) and file.rpartition("/")[2] in case.text:
        return "the file as a whole"
    return "it is quoted there" if _quotes(case) else ""


def _owners(text: str) -> set[str]:
    """Names that stand only before a dot: a sentence about `Linear.forward` is not about the head of `Linear`."""
    return set(_OWNER.findall(text)) - set(_NOT_OWNER.findall(text))


def _kind_of_statement(case: Case, names: set[str]) -> str:
    """Whether the sentence speaks of this kind of statement inside the definition that it names."""
    word = case.page.lines[case.start - 1].split(maxsplit=1)[:1]
    spoken = {atom.text for atom in case.sought} & KEYWORDS & set(word)
    around = [name for name in names for b in case.page.blocks.get(name, ()) if b.head < case.start <= b.end]
    return f"a `{spoken.pop()}` of `{around[-1]}`" if spoken and around and case.width <= 30 else ""


def _imported(case: Case) -> list[str]:
    """Files that the sentence says are imported, if the lines are an import of them."""
    if not any(atom.text == "import" for atom in case.sought) or case.width > 30:
        return []
    lines = case.page.lines[case.start - 1 : case.end]
    named = [atom.text for atom in stems(case.text, case.page.file.path)]
    return [stem for stem in named if re.match(rf"\s*(?:from|import)\b.*(?<!\w){re.escape(stem)}(?!\w)", lines[0])]


def _quotes(case: Case) -> bool:
    """Whether the sentence quotes the better part of the lines, or the lines the better part of a quotation."""
    quoted = [atom.text for atom in case.sought if atom.kind == "expression" and len(atom.text) >= 10]
    if not quoted or case.width > 30:
        return False
    lines = case.page.condensed(case.start, case.end)
    return any(
        (quote in lines and 2 * len(quote) >= len(lines))
        or (2 * len(lines) >= len(quote) and len(lines) >= 10 and lines in quote)
        for quote in quoted
    )
