"""answers.json, schema "answers/1": the same report for programs, with every census hit and every
rejected draft.

Non-ASCII characters are written as JSON escapes, so that the file can be shown in any terminal.
"""

import json
from collections.abc import Callable
from dataclasses import asdict

from agent.documents.anchors import anchor
from agent.report.document import Report, count, repair_yields
from agent.stages import Stage
from agent.state import Answer, Citation, Claim
from retrieval.snapshot import Snapshot

SCHEMA = "answers/1"


def render_json(report: Report) -> str:
    """The whole document, ending with a newline."""
    return json.dumps(as_dict(report), indent=1, ensure_ascii=True) + "\n"


def as_dict(report: Report) -> dict[str, object]:
    """The document as plain values."""
    coverage = report.coverage
    cited = _Cited(report.snapshot)
    skipped = [{"path": skip.path, "reason": skip.reason} for skip in coverage.skipped]
    return {
        "schema": SCHEMA,
        "repo": {
            "name": report.repository,
            "commit": report.commit,
            "tree_hash": report.tree_hash,
            "files": len(coverage.read),
            "skipped": skipped,
        },
        "run": asdict(report.run),
        "stages": [_stage(stage, answers, cited) for stage, answers in report.answers],
        "coverage": {
            "read": list(coverage.read),
            "cited": list(coverage.cited),
            "untouched": list(coverage.untouched),
            "source": list(coverage.source),
            "unseen": list(coverage.unseen),
            "entry_points": [str(span) for span in coverage.entry_points],
            "stages": [asdict(stage) for stage in coverage.stages],
        },
        "totals": {**asdict(count(report.every_answer())), "seconds": round(report.seconds, 3)},
        "contradictions": [found.model_dump(mode="json") for found in report.contradictions],
        "usage": {
            **report.usage,
            "repairs": {kind: asdict(made) for kind, made in repair_yields(report.every_answer()).items()},
        },
    }


class _Cited:
    """Citations with what lets them be found again: digests of their edges and of the lines around them."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._files = snapshot.by_path
        self._lines: dict[str, list[bytes]] = {}

    def __call__(self, citation: Citation) -> dict[str, object]:
        found = _citation(citation)
        if file := self._files.get(citation.path):
            lines = self._lines.setdefault(file.path, file.data.removesuffix(b"\n").split(b"\n"))
            found["anchor"] = anchor(lines, citation.start, citation.end)
        return found


def _stage(stage: Stage, answers: tuple[Answer, ...], cited: _Cited) -> dict[str, object]:
    return {
        "id": stage.id,
        "number": stage.number,
        "title": stage.title,
        "questions": [_question(answer, cited) for answer in answers],
    }


def _question(answer: Answer, cited: _Cited) -> dict[str, object]:
    return {
        "id": answer.question_id,
        "question": answer.question,
        "status": answer.status,
        "claims": [as_claim(claim, cited) for claim in answer.claims],
        "census": [record.model_dump(mode="json") for record in answer.census],
        "excerpts": [
            {**cited(excerpt.citation), "language": excerpt.language, "text": excerpt.text}
            for excerpt in answer.excerpts
        ],
        "rejected": [rejected.model_dump(mode="json") for rejected in answer.rejected],
        "repairs": [repair.model_dump(mode="json") for repair in answer.repairs],
        "shown": [shown.model_dump(mode="json") for shown in answer.shown],
        "left_out": list(answer.left_out),
        "missing": [fault.model_dump(mode="json") for fault in answer.missing],
        "attempts": answer.attempts,
        "seconds": round(answer.seconds, 3),
    }


def _citation(citation: Citation) -> dict[str, object]:
    return citation.model_dump(mode="json", exclude_defaults=True)


def as_claim(claim: Claim, cited: Callable[[Citation], dict[str, object]] = _citation) -> dict[str, object]:
    """A claim as plain values; `cited` gives those of a citation."""
    return {
        "text": claim.text,
        "origin": claim.origin,
        "level": claim.level,
        "block": claim.block,
        "searched": claim.searched,
        "citations": [cited(citation) for citation in claim.citations],
        **({"faults": [fault.model_dump() for fault in claim.faults]} if claim.faults else {}),
    }
