"""Deterministic corrections of a draft claim, made before anything is asked of the model again.

A repair only takes away: references that the program writes itself, purpose clauses and strengthening
words that no line proves, a half sentence at the end. What is left must pass every gate. Moving a
citation to other evidence is decided in `verify.py`, where evidence is weighed.
"""

import re
import unicodedata
from collections.abc import Callable

from agent.lint import Lint
from agent.state import Repair
from agent.words import read_sentence

_QUOTES = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2011": "-", "\u00a0": " ", "\u2026": "..."}
)
_HALF = re.compile(r"^(.{20,}?[\w`)\"'])(?:\.\s+[A-Z`][^.]*|\s*;[^;]*)$", re.DOTALL)


def tidy(text: str, lint: Lint) -> tuple[str, list[Repair]]:
    """Return the sentence with every repair applied, and the repairs that changed it."""
    repairs: list[Repair] = []
    text = _plain(text)
    for kind, repair in _REPAIRS:
        changed = repair(text, lint)
        if changed != text:
            repairs.append(Repair(kind=kind, before=text, after=changed))
            text = changed
    return text, repairs


def _plain(text: str) -> str:
    return re.sub(r"[ \t]+", " ", unicodedata.normalize("NFC", text).translate(_QUOTES)).strip()


def _cut_half(text: str, lint: Lint) -> str:
    del lint
    if text.endswith((".", "!", "?")):
        return text
    found = _HALF.match(text)
    return f"{found[1]}." if found else text


def _cut_references(text: str, lint: Lint) -> str:
    for pattern in lint.references:
        text = pattern.sub("", text)
    return text


def _cut_lead(text: str, lint: Lint) -> str:
    return _capital(lint.leads.sub("", text), text)


def _cut_tail(text: str, lint: Lint) -> str:
    for pattern in lint.tails:
        prose = read_sentence(text).prose
        found = re.search(rf"(?:{pattern.pattern})\s*\.?$", prose, re.IGNORECASE)
        if found and _enough(text[: found.start()], lint):
            text = text[: found.start()].rstrip(" ,;") + "."
    return text


def _enough(text: str, lint: Lint) -> bool:
    sentence = read_sentence(text)
    return bool(sentence.terms) and len(sentence.words) + len(sentence.terms) >= lint.data.limits.fewest_words


def _cut_strengthening(text: str, lint: Lint) -> str:
    before = text
    while found := lint.droppable.search(read_sentence(text).prose):
        text = text[: found.start()] + text[found.end() :]
    return _capital(text, before)


def _capital(text: str, before: str) -> str:
    if text[:8] == before[:8] or not re.match(r"[a-z]+[ ,]", text):
        return text
    return text[0].upper() + text[1:]


_REPAIRS: tuple[tuple[str, Callable[[str, Lint], str]], ...] = (
    ("half sentence cut", _cut_half),
    ("reference removed", _cut_references),
    ("leading connective removed", _cut_lead),
    ("purpose clause cut", _cut_tail),
    ("strengthening removed", _cut_strengthening),
)
