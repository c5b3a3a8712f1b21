"""Reading what a model wrote: lines of `E3,E5: Sentence.` become draft claims.

A model that no grammar binds may write places (`src/a.py:12-20`) for ids; they are kept as written, and `repair.py`
finds the evidence that they mean.

It never raises and never drops text: a line that cites nothing becomes a draft without evidence, which
the verifier refuses by name. It does not judge; see `verify.py`.
"""

import re
from collections.abc import Iterator

from agent.state import DraftClaim

_PLACE = r"`?[\w./@+-]{1,200}\.\w{1,6}:\d{1,7}(?:-\d{1,7})?`?"
_ONE = rf"(?:\[?E\d{{1,6}}\]?|{_PLACE})"
_IDS = rf"{_ONE}(?:\s*(?:,|;|&|and)\s*{_ONE})*"
_LINE = re.compile(rf"^\W{{0,4}}(?:\d{{1,2}}[.)]\s+)?\(?({_IDS})\)?\s*[:\-\u2013\u2014]\s*(.+)$")
_TAIL = re.compile(rf"^(.+?)\s*[\[(]\s*({_IDS})\s*[\])]\s*\.?$")
_RUN_ON = re.compile(r"(?<=[.!?])[\s_]*(?=\[?E\d{1,6}\]?:\s)")
_ID = re.compile(rf"{_PLACE}|E\d{{1,6}}")
_BULLET = re.compile(r"^(?:[-*+\u2022]|\d{1,2}[.)])\s+")
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!e\.g\.)(?<!i\.e\.)(?<!vs\.)\s+(?=[A-Z`\"])")


def parse_claims(text: str) -> list[DraftClaim]:
    """Return one draft per sentence of `text`, in order; each inherits the ids its line began with.

    A citation in parentheses at the end of a line is read too. Empty lines and code fences are no claims.
    """
    lines = (part for line in text.split("\n") for part in _RUN_ON.split(line))
    return [draft for line in lines for draft in _read_line(line.strip())]


def _read_line(line: str) -> Iterator[DraftClaim]:
    if not line or line.startswith("```"):
        return
    sentence, ids = _split_citation(line)
    for part in _SENTENCE_END.split(sentence):
        if part.strip():
            yield DraftClaim(text=part.strip(), evidence=ids)


def _split_citation(line: str) -> tuple[str, tuple[str, ...]]:
    if found := _LINE.match(line):
        return found[2].strip(), _ids(found[1])
    if found := _TAIL.match(line):
        return _BULLET.sub("", found[1]).rstrip(". ") + ".", _ids(found[2])
    return line, ()


def _ids(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(found.strip("`") for found in _ID.findall(text)))
