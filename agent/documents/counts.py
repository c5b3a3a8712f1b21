"""Counts in a document that the census contradicts: "126 source files", "12 classes", "4 models".

A count is held against every way in which it may have been counted (with tests or without, one language or all) and is
contradicted only when none of them gives it. Counts of some of the things ("3 functions that load") are not judged.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.documents.passages import Passage
from agent.documents.tally import NOUNS, Tally

_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_SMALL: dict[str, int] = dict(zip(_WORDS, range(2, 13), strict=True))
_NUMBER = rf"(?P<number>\d+(?:,\d{{3}})*|{'|'.join(_SMALL)})"
_NOUN = "|".join(sorted((re.escape(noun) for noun in NOUNS), key=len, reverse=True))
_ABOUT = r"(?P<about>about|around|roughly|approximately|approx\.?|some|nearly|almost|circa|~|\u2248)"
_OVER = r"(?P<over>over|more than|at least|upwards of|>=?)"
_UNDER = r"(?P<under>under|fewer than|less than|up to|at most|<=?)"
_SAID = re.compile(
    rf"(?:(?:{_ABOUT}|{_OVER}|{_UNDER})\s?)?(?<![\w.,$/-]){_NUMBER}(?P<plus>\+)?\s"
    rf"(?:(?:different|separate|distinct|total|individual)\s)?(?P<noun>{_NOUN})\b(?=(?P<rest>[^.;|]{{0,24}}))",
    re.IGNORECASE,
)
_LISTED = re.compile(
    rf"(?:^|\|)\s*\**(?:number of |total )?(?P<noun>{_NOUN})\**\s*[:|=]\s*\**(?P<number>\d[\d,]*)(?![\w.%-])",
    re.IGNORECASE,
)
_PART = re.compile(  # what follows the count of some of the things
    r"^\s*(?:that|which|who|for|to\b|with|of\b|from|named|called|used|deriv|inherit|defin|per\b|each|long|like|such|only"
    r"|\(|:)",
    re.IGNORECASE,
)
_WHOLE = re.compile(
    r"\b(?:repositor(?:y|ies)|repo|project|package|code\s?base|library|source tree|system|application|framework"
    r"|in total|altogether|overall)\b",
    re.IGNORECASE,
)
_LAST_WORDS = frozenset(noun.rpartition(" ")[2] for noun in NOUNS)
_CLOSE = 0.15
_REACH = 300  # characters around a count in which the sentence may say what is counted


@dataclass(frozen=True)
class Count:
    """A count of the document. `counted`: way of counting → result; `verdict`: "ok" | "contradicted"."""

    document_line: int
    text: str
    said: int
    counted: dict[str, int]
    verdict: str
    reason: str


def check_counts(passage: Passage, scopes: list[str], tally: Tally) -> Iterator[Count]:
    """Every count of a passage that can be judged. `scopes` are the files and folders that the passage names."""
    for found, listed in _found(passage):
        scope = _scope(passage, found, scopes, listed=listed)
        if scope is None:
            continue
        counted = tally.readings(found["noun"].lower(), scope)
        if not counted:
            continue
        number = found["number"].lower().replace(",", "")
        said = _SMALL.get(number) or int(number)
        fits = _fits(found, said, listed=listed)
        right = any(fits(value) for value in counted.values())
        shown = ", ".join(f"{value} {name}" for name, value in _distinct(counted).items())
        where = f" in {scope}" if scope else ""
        yield Count(
            passage.line_at(found.start("number")),
            " ".join(passage.text[found.start("number") : found.end("noun")].split()),
            said,
            counted,
            "ok" if right else "contradicted",
            f"counted{where}: {shown}",
        )


def _found(passage: Passage) -> Iterator[tuple[re.Match[str], bool]]:
    low = passage.text.lower()
    if not any(noun in low for noun in _LAST_WORDS):
        return
    for found in _SAID.finditer(passage.text):
        if not _PART.match(found["rest"]):
            yield found, False
    for found in _LISTED.finditer(passage.text):
        yield found, True


def _scope(passage: Passage, found: re.Match[str], scopes: list[str], *, listed: bool) -> str | None:
    """What is counted: "" for the repository, a file or folder, None when that cannot be told."""
    if scopes:
        return scopes[0] if len(set(scopes)) == 1 else None
    if listed:
        return ""
    start = max(passage.text.rfind(". ", 0, found.start()) + 1, found.start() - _REACH, 0)
    stop = passage.text.find(". ", found.end(), found.end() + _REACH)
    return "" if _WHOLE.search(passage.text, start, stop if stop >= 0 else found.end() + _REACH) else None


def _fits(found: re.Match[str], said: int, *, listed: bool) -> Callable[[int], bool]:
    if listed:
        return lambda value: value == said
    if found["over"] or found["plus"]:
        return lambda value: value >= said
    if found["under"]:
        return lambda value: value <= said
    if found["about"] or (said >= 1000 and said % 100 == 0):
        return lambda value: abs(value - said) <= max(1, _CLOSE * said)
    return lambda value: value == said


def _distinct(counted: dict[str, int]) -> dict[str, int]:
    """The first way of counting for each result."""
    shown: dict[int, str] = {}
    for name, value in counted.items():
        shown.setdefault(value, name)
    return {name: value for value, name in list(shown.items())[:4]}
