"""What a batch keeps of one finished audit: each question's answer in a line, what each census query found, figures.

Read from answers.json, so that a summary never needs the repositories, and kept small: a summary of thousands of
audits reads nothing else.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from agent.batch.task import Prepared, Task
from agent.report.files import JSON, MARKDOWN, PAGE

SCHEMA = "batch-record/1"
ANSWER_LENGTH = 240
FIRST_HITS = 2
OUTPUTS = (MARKDOWN, JSON, PAGE)

Values = Mapping[str, Any]


def read_answers(out: Path) -> dict[str, Any] | None:
    """The answers.json of a folder of results; None while it is not whole."""
    if not all((out / name).is_file() for name in OUTPUTS):
        return None
    try:
        document: dict[str, Any] = json.loads((out / JSON).read_bytes())
        return document if document["schema"].startswith("answers/") else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def digest(out: Path) -> str:
    """SHA-256 of the answers.json of a folder of results, which also a person may have edited; "" without one."""
    try:
        return hashlib.sha256((out / JSON).read_bytes()).hexdigest()
    except OSError:
        return ""


def done_record(task: Task, prepared: Prepared, answers: Values, fingerprint: Values, seconds: float) -> dict[str, Any]:
    """The record of a finished audit; `seconds` is the time of answering, that of stages what the model took."""
    questions = [question for stage in answers["stages"] for question in stage["questions"]]
    repo = answers["repo"]
    return {
        **_head(task, "done"),
        "notes": list(prepared.notes),
        "mark": prepared.mark,
        "answers": digest(Path(task.out)),
        "fingerprint": dict(fingerprint),
        "repo": {**repo, "skipped": len(repo["skipped"])},
        "run": {key: answers["run"].get(key, "") for key in ("model", "model_sha256", "embedder")},
        "totals": {key: value for key, value in answers["totals"].items() if key != "seconds"},
        "stages": [_stage(stage) for stage in answers["stages"]],
        "questions": {question["id"]: _question(question) for question in questions},
        "facts": _facts(questions),
        "usage": dict(answers["usage"]),
        "seconds": {"index": round(prepared.seconds, 3), "answer": round(seconds, 3)},
    }


def failed_record(task: Task, reason: str, seconds: float) -> dict[str, Any]:
    """The record of a task that came to nothing."""
    return {**_head(task, "failed"), "reason": reason, "seconds": {"index": 0.0, "answer": round(seconds, 3)}}


def outline(record: Values) -> dict[str, Any]:
    """What tells whether an audit still holds."""
    return {key: record[key] for key in ("state", "fingerprint", "mark", "answers") if key in record}


def _head(task: Task, state: str) -> dict[str, Any]:
    source = task.source
    return {
        "schema": SCHEMA,
        "slug": task.slug,
        "source": {"kind": source.kind, "place": source.place},
        "state": state,
        "reason": "",
    }


def _stage(stage: Values) -> dict[str, Any]:
    seconds = sum(question["seconds"] for question in stage["questions"])
    return {"id": stage["id"], "number": stage["number"], "title": stage["title"], "seconds": round(seconds, 3)}


def _question(question: Values) -> dict[str, Any]:
    claims = question["claims"]
    shown = [(claim["text"], [_place(citation) for citation in claim["citations"]]) for claim in claims]
    return {
        "question": question["question"],
        "status": question["status"],
        "answer": short_answer(claims),
        "claims": len(claims),
        "citations": sum(len(claim["citations"]) for claim in claims),
        "rejected": len(question["rejected"]),
        "digest": hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:32],
    }


def _place(citation: Values) -> str:
    return f"{citation['path']}:{citation['start']}-{citation['end']}"


def short_answer(claims: Sequence[Values]) -> str:
    """The first statement on one line, with the items that it announces, cut at a word."""
    if not claims:
        return ""
    text = str(claims[0]["text"])
    if text.endswith(":"):
        text = f"{text} {'; '.join(_items(claims))}"
    return cut(" ".join(text.split()), ANSWER_LENGTH)


def _items(claims: Sequence[Values]) -> Iterator[str]:
    for claim in claims[1:]:
        if not claim["level"]:
            return
        if claim["level"] == 1:
            yield str(claim["text"])


def cut(text: str, length: int) -> str:
    """`text`, shortened at a space to at most `length` characters with "…" at the end."""
    if len(text) <= length:
        return text
    return text[: length - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"


def _facts(questions: Sequence[Values]) -> dict[str, Any]:
    """Census query → how many hits in how many files searched, and the first of them."""
    found: dict[str, Any] = {}
    for record in (record for question in questions for record in question["census"]):
        hits = record["hits"]
        found[record["query"]] = {
            "hits": len(hits),
            "searched": record["files_searched"],
            **({"first": [_hit(hit) for hit in hits[:FIRST_HITS]]} if hits else {}),
        }
    return found


def _hit(hit: Values) -> dict[str, Any]:
    return {"place": _place(hit), "text": cut(" ".join(str(hit["text"]).split()), 100)}
