"""The independent check finds what is wrong with a finished audit, and nothing where nothing is."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "bench" / "check_answers.py"
SOURCE = b"import torch\n\ndef load(path):\r\n    return torch.load(path)  # \xff\n"


def digest(start: int, end: int) -> str:
    return hashlib.sha256(b"\n".join(SOURCE.split(b"\n")[start - 1 : end])).hexdigest()


def citation(start: int, end: int) -> dict[str, Any]:
    return {"path": "src/a b.py", "start": start, "end": end, "sha256": digest(start, end)}


def audit(folder: Path) -> tuple[Path, Path, dict[str, Any]]:
    """A repository, an output folder and a report of 1 stage and 2 questions without fault."""
    repo, out = folder / "repo", folder / "out"
    (repo / "src").mkdir(parents=True)
    out.mkdir()
    (repo / "src" / "a b.py").write_bytes(SOURCE)
    claim = {"text": "`load` loads.", "origin": "model", "citations": [citation(3, 4)]}
    excerpt = {**citation(3, 4), "text": "def load(path):\r\n    return torch.load(path)  # \ufffd"}
    questions = [
        {"id": "1.1", "question": "What is empty\\_cache for?", "status": "verified", "claims": [claim]},
        {"id": "1.2", "question": "How?", "status": "extractive", "claims": [], "excerpts": [excerpt]},
    ]
    stages = [{"id": "s01", "number": 1, "title": "OVERVIEW", "questions": questions}]
    document = (
        "Opening.\n\n# 1 - OVERVIEW\n\n- What is empty\\_cache for?\n- `load` loads.\n\n"
        "  ```python\n# 2 - a comment\n  ```\n\n- How?\n- As follows.\n\n## Coverage\n- Files: 1\n"
    )
    (out / "ANSWERS.md").write_text(document)
    return repo, out, {"schema": "answers/1", "stages": stages}


def run(repo: Path, out: Path, report: dict[str, Any]) -> tuple[int, dict[str, Any], str]:
    (out / "answers.json").write_text(json.dumps(report))
    command = [sys.executable, str(SCRIPT), str(out), str(repo), "--stages", "1", "--questions", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, json.loads(done.stdout.strip().split("\n")[-1]), done.stdout


def test_a_sound_audit_passes(tmp_path: Path) -> None:
    code, figures, printed = run(*audit(tmp_path))
    assert (code, figures["faults"]) == (0, 0), printed
    assert (figures["questions"], figures["citations"], figures["excerpts"]) == (2, 1, 1)


def claim_of(report: dict[str, Any]) -> dict[str, Any]:
    return report["stages"][0]["questions"][0]["claims"][0]


def with_citation(**change: object) -> Any:
    return lambda report: claim_of(report)["citations"][0].update(change)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (with_citation(end=5), "out of range"),
        (with_citation(start=0), "out of range"),
        (with_citation(start=2), "other bytes"),
        (with_citation(path="src/gone.py"), "no such file"),
        (with_citation(path="../out/ANSWERS.md"), "not a path inside"),
        (with_citation(path="/etc/passwd"), "not a path inside"),
        (with_citation(start=True), "out of range"),
        (lambda report: claim_of(report).update(citations=[]), "without citation"),
        (lambda report: claim_of(report).update(text=" "), "without text"),
        (lambda report: report["stages"][0]["questions"][0].update(status="sure"), "unknown status"),
        (lambda report: report["stages"][0]["questions"][0].update(claims=[]), "without a single"),
        (lambda report: report["stages"][0]["questions"][1]["excerpts"][0].update(text="x"), "differs"),
        (lambda report: report["stages"][0]["questions"].pop(), "1 stages and 1 questions"),
        (lambda report: report["stages"][0]["questions"][1].update(question="Why?"), "missing or out"),
        (lambda report: report["stages"][0].update(title="OTHER"), "headings"),
        (lambda report: report.update(schema="answers/2"), "schema"),
    ],
)
def test_each_fault_is_found(tmp_path: Path, spoil: Any, said: str) -> None:
    repo, out, report = audit(tmp_path)
    spoil(report)
    code, figures, printed = run(repo, out, report)
    assert code == 1
    assert figures["faults"] >= 1
    assert said in printed


def test_what_cannot_be_read_is_said_in_one_line(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), str(tmp_path / "none"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in done.stderr
