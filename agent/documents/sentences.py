"""The sentences of a passage, told apart by their punctuation. It does not know what they say."""

import re
from dataclasses import dataclass

_END = re.compile(r"(?<=[.!?])[)\]*\"\u201d]{0,2}(?:\s+|$)(?=[A-Z`*\[(\"\u201c<]|$)|(?<=[.!?:])\n")
_SHORT = re.compile(r"(?:\b(?:e\.g|i\.e|vs|cf|etc|fig|no|approx|Dr|Mr|Inc)|\b[A-Z])\.$")


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence between the offsets `at` and `end` of its passage."""

    at: int
    end: int
    text: str


def sentences(text: str) -> list[Sentence]:
    """The sentences of a passage in order; together they cover it."""
    found, at = [], 0
    for stop in _END.finditer(text):
        end = stop.end()
        if end > at and not _SHORT.search(text[at : stop.start()]) and text.count("`", at, end) % 2 == 0:
            found.append(Sentence(at, end, text[at:end]))
            at = end
    if at < len(text):
        found.append(Sentence(at, len(text), text[at:]))
    return found
