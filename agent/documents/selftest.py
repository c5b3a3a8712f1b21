"""Measures the verifier on a finished audit: how many of its own citations pass, and how many spoilt ones.

The recorded hashes are not used, for they would refuse every spoilt citation: measured is what `verify` does with a
document of which it knows nothing. Each citation that ANSWERS.md prints is one case. It is held against its statement;
one in a list of places ("3 more:") against what the census said of that place. Passing means the verdict `ok`.
"""

import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

from agent.documents.atoms import read_atoms
from agent.documents.lexicon import Lexicon
from agent.documents.mutations import MUTATIONS, SAME_FILE, Case, Mutation, Spoiler
from agent.documents.recorded import Recorded, questions, read_record
from agent.documents.ruling import rule
from agent.documents.verdicts import FALSE, Place, Verdict
from agent.errors import UserError
from retrieval.snapshot import Snapshot

SEED = 20260101
MOST = 1500  # cases that are measured, drawn by chance when there are more
ORIGINAL, MISPLACED = "as written", "all misplacements in the same file"


@dataclass(frozen=True, slots=True)
class Row:
    """Verdicts on citations of one kind: `accepted` as ok, `weak`, `refused` as false."""

    name: str
    cases: int
    accepted: int
    weak: int
    refused: int

    @property
    def rate(self) -> float:
        """The share that was accepted, 0 without cases."""
        return self.accepted / self.cases if self.cases else 0.0


@dataclass(frozen=True)
class Table:
    """The figures of one audit; `rows` begins with the citations as written."""

    repository: str
    citations: int
    rows: tuple[Row, ...]

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        rows = [
            {"mutation": r.name, "cases": r.cases, "accepted": r.accepted, "weak": r.weak, "refused": r.refused}
            | {"accept_rate": round(r.rate, 4)}
            for r in self.rows
        ]
        return {"repository": self.repository, "citations": self.citations, "seed": SEED, "rows": rows}

    def lines(self) -> list[str]:
        """The table for people."""
        width = max(len(row.name) for row in self.rows)
        head = f"{'citations':<{width}}  {'cases':>6}  {'accepted':>8}  {'weak':>6}  {'refused':>7}"
        shares = ((row, row.weak / max(1, row.cases), row.refused / max(1, row.cases)) for row in self.rows)
        return [
            f"{self.repository}: {self.citations} citations",
            head,
            *(
                f"{row.name:<{width}}  {row.cases:>6}  {row.rate:>8.1%}  {weak:>6.1%}  {refused:>7.1%}"
                for row, weak, refused in shares
            ),
        ]


def run_selftest(snapshot: Snapshot, answers: Path) -> Table:
    """Measure on the audit in `answers` (an answers.json) of the repository in `snapshot`.

    Raises UserError when there is no such audit, or when it is of another state of the repository.
    """
    if not answers.is_file():
        raise UserError(f"no audit at {answers}", "run one first, or name its folder")
    recorded = Recorded(answers)
    lexicon = Lexicon(snapshot.files)
    every = list(cases_of(recorded.report))
    if not every or not all(_stands(case.place, recorded, snapshot) for case in every):
        raise UserError(f"{answers} is of another state of {snapshot.name}", "audit it again, then measure")
    chance = random.Random(SEED)
    cases = chance.sample(every, min(MOST, len(every)))
    rows = [_row(ORIGINAL, cases, lexicon)]
    for name, mutation in MUTATIONS.items():
        rows.append(_row(name, _spoilt(cases, mutation, Spoiler(lexicon, cases, random.Random(SEED))), lexicon))
    misplaced = [row for row in rows if row.name in SAME_FILE]
    totals = [sum(getattr(row, field) for row in misplaced) for field in ("cases", "accepted", "weak", "refused")]
    return Table(snapshot.name, len(every), (*rows, Row(MISPLACED, *totals)))


def cases_of(report: dict[str, Any]) -> Iterator[Case]:
    """Every citation that the report prints beside its statement, once per statement."""
    for question in questions(report):
        said = _census_texts(question)
        claims = question["claims"]
        for at, claim in enumerate(claims):
            cited = tuple(read_record(citation).place for citation in claim["citations"])
            for place in _own(claims, at, cited):
                yield Case(_texts(claim, said[place]), place, cited)


def _texts(claim: dict[str, Any], census: Sequence[str]) -> tuple[str, ...]:
    """What a citation stands for: its claim, or for a heading or list what the census said of the place."""
    text = claim["text"]
    names = any(atom.kind in ("name", "expression") for atom in read_atoms(text))
    is_list = not claim.get("level", 0) or text.endswith(":") or not names
    return tuple(dict.fromkeys(census)) if is_list and census else (text,)


def _own(claims: Sequence[dict[str, Any]], at: int, cited: Sequence[Place]) -> list[Place]:
    """The places that ANSWERS.md prints for a claim: a heading leaves to its items those that they name."""
    items = takewhile(lambda claim: claim.get("level", 0), claims[at + 1 :]) if not claims[at].get("level", 0) else ()
    named = {read_record(citation).place for item in items for citation in item["citations"]}
    return [place for place in dict.fromkeys(cited) if place not in named]


def _census_texts(question: dict[str, Any]) -> dict[Place, list[str]]:
    """What the census said of each place."""
    found: dict[Place, list[str]] = defaultdict(list)
    for record in question.get("census", ()):
        for hit in record["hits"]:
            where = f" in `{hit['symbol']}`" if hit.get("symbol") else ""
            found[Place(hit["path"], hit["start"], hit["end"])].append(f"{hit['text']}{where}")
    return found


def _stands(place: Place, recorded: Recorded, snapshot: Snapshot) -> bool:
    file = snapshot.by_path.get(place.path)
    return file is not None and file.lines_sha256(place.start, place.end) == recorded.records[place].sha256


def _spoilt(cases: Sequence[Case], mutation: Mutation, spoiler: Spoiler) -> list[Case]:
    return [spoilt for case in cases if (spoilt := mutation(case, spoiler))]


def _row(name: str, cases: Sequence[Case], lexicon: Lexicon) -> Row:
    verdicts = Counter(_group(judge_case(case, lexicon)) for case in cases)
    return Row(name, len(cases), verdicts["ok"], verdicts["weak"], verdicts["false"])


def _group(verdict: Verdict) -> str:
    return "false" if verdict in FALSE else verdict


def judge_case(case: Case, lexicon: Lexicon) -> Verdict:
    """The best verdict under any of the case's texts, as for a citation in a document."""
    length = {path: lexicon.page(path).length for path in {place.path for place in case.cited}}
    cited = [place for place in case.cited if place.end <= length[place.path]]
    verdicts: set[Verdict] = {rule(text, case.place, cited, lexicon).verdict for text in case.texts}
    return "ok" if "ok" in verdicts else "weak" if "weak" in verdicts else sorted(verdicts)[0]
