"""Statements about code that no citation stands behind.

A statement is a sentence with a verb that names code or counts something; its citation may stand in the same sentence,
or at the end of its paragraph, list item or table row. What is no statement (headings, commands, links) is not counted.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from agent.documents.atoms import read_atoms
from agent.documents.reading import Reading

_FEWEST = 4  # words of a statement
_WORDS = re.compile(r"[A-Za-z]{2,}")


@dataclass(frozen=True, slots=True)
class Uncited:
    """A statement without a citation."""

    document_line: int
    text: str


def uncited(read: Reading) -> Iterator[Uncited]:
    """The statements of a passage that cite nothing."""
    cited = {read.index(mention) for mention in read.mentions}
    if read.passage.kind == "heading" or len(read.sentences) - 1 in cited:
        return
    for index, sentence in enumerate(read.sentences):
        if index not in cited and _states(sentence.text):
            lead = len(sentence.text) - len(sentence.text.lstrip())
            yield Uncited(read.passage.line_at(sentence.at + lead), " ".join(sentence.text.split()))


def _states(text: str) -> bool:
    if len(_WORDS.findall(text)) < _FEWEST or text.rstrip().endswith(("?", ":")):
        return False
    return any(atom.kind == "name" and atom.code for atom in read_atoms(text))
