"""The citations that a finished audit recorded in answers.json, and their drift.

Reads the schema "answers/1", also of reports that remember no surroundings. It does not read ANSWERS.md.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from agent.documents.drift import Drift, Record
from agent.documents.lexicon import Lexicon
from agent.documents.verdicts import Place, Ruling
from agent.errors import UserError

ANSWERS = "answers.json"
SCHEMA = "answers/1"
_HINT = "name the ANSWERS.md or answers.json that `run` has written"


@dataclass(frozen=True)
class Said:
    """A statement of the audit with its citations; `places` in the order of the report."""

    question: str
    text: str
    level: int
    records: tuple[Record, ...]


class Recorded:
    """answers.json opened. Raises UserError when it is none."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.report = _load(path)
        self._drift: Drift | None = None

    @cached_property
    def said(self) -> tuple[Said, ...]:
        """Every statement that cites something."""
        return tuple(self._statements())

    @cached_property
    def records(self) -> dict[Place, Record]:
        """Every cited place, those of excerpts too."""
        found = {record.place: record for said in self.said for record in said.records}
        for question in questions(self.report):
            for excerpt in question.get("excerpts", ()):
                record = read_record(excerpt)
                found.setdefault(record.place, record)
        return found

    def every_citation(self) -> Iterator[tuple[str, Place]]:
        """Every citation of claims and excerpts, in the order of the file, with the statement it stands under."""
        for question in questions(self.report):
            for claim in question["claims"]:
                yield from ((claim["text"], read_record(citation).place) for citation in claim["citations"])
            yield from (("", read_record(excerpt).place) for excerpt in question.get("excerpts", ()))

    def rule(self, place: Place, lexicon: Lexicon) -> Ruling | None:
        """What became of a recorded place, None for one that was never recorded."""
        record = self.records.get(place)
        if record is None:
            return None
        if self._drift is None:
            self._drift = Drift(lexicon)
        return self._drift.rule(record)

    def _statements(self) -> Iterator[Said]:
        for question in questions(self.report):
            for claim in question["claims"]:
                records = tuple(read_record(citation) for citation in claim["citations"])
                yield Said(question["id"], claim["text"], int(claim.get("level", 0)), records)


def questions(report: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The questions of a report in order."""
    for stage in report["stages"]:
        yield from stage["questions"]


def read_record(citation: dict[str, Any]) -> Record:
    """A citation of answers.json."""
    anchor = citation.get("anchor") or {}
    place = Place(citation["path"], citation["start"], citation["end"])
    return Record(
        place, citation["sha256"], *(str(anchor.get(key, "")) for key in ("first", "last", "before", "after"))
    )


def _load(path: Path) -> dict[str, Any]:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if report["schema"] != SCHEMA:
            raise UserError(f"{path} has the schema {str(report['schema'])[:40]!r}, not {SCHEMA!r}", _HINT)
        for question in questions(report):
            for claim in question["claims"]:
                for citation in claim["citations"]:
                    read_record(citation)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}", _HINT) from None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UserError(f"{path} is no report of an audit: {error!r}"[:300], _HINT) from None
    return report
