"""Check a finished audit with nothing but its two files and the repository.

    python bench/check_answers.py OUT_DIR REPO [--stages 17] [--questions 55]

Reads OUT_DIR/answers.json and OUT_DIR/ANSWERS.md; imports nothing of the auditor. Every citation must name a
file of the repository, lines inside it, and the digest of exactly these bytes; every excerpt must equal its
lines; statuses, counts and the structure of ANSWERS.md must be as documented. Prints a table, one line per
fault, and as the last line one JSON object. Exit 0 without faults, 1 with, 2 for a call that cannot be carried out.

It does not know whether a cited line supports its sentence.
"""

import argparse
import hashlib
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote_to_bytes

SCHEMA = "answers/1"
STATUSES = ("verified", "extractive", "unresolved", "edited")
ORIGINS = ("census", "model", "excerpt", "person")
FAULTS_SHOWN = 40

Json = dict[str, Any]


class Repository:
    """The files of the audited repository, read once each. Paths are repository-relative POSIX."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._lines: dict[str, list[bytes] | str] = {}

    def lines(self, path: str) -> list[bytes] | str:
        """The lines of a file, without a last empty one; or, as text, why there are none."""
        if path not in self._lines:
            self._lines[path] = self._read(path)
        return self._lines[path]

    def _read(self, path: str) -> list[bytes] | str:
        try:
            name = os.fsdecode(unquote_to_bytes(os.fsencode(path)))
        except (TypeError, UnicodeEncodeError):
            return "not a path"
        pure = PurePosixPath(name)
        if pure.is_absolute() or ".." in pure.parts or "\0" in name or not pure.parts:
            return "not a path inside the repository"
        file = self._root / pure
        if file.is_symlink() or not file.is_file() or not file.resolve().is_relative_to(self._root):
            return "no such file"
        parts = file.read_bytes().split(b"\n")
        return parts[:-1] if parts[-1] == b"" else parts


def check_citation(citation: Json, repository: Repository) -> str:
    """What is wrong with one citation, "" when it resolves."""
    if missing := {"path", "start", "end", "sha256"} - citation.keys():
        return f"citation without {', '.join(sorted(missing))}"
    path, start, end = citation["path"], citation["start"], citation["end"]
    lines = repository.lines(path)
    if isinstance(lines, str):
        return f"{path}: {lines}"
    if not (type(start) is type(end) is int and 1 <= start <= end <= len(lines)):
        return f"{path}:{start}-{end}: out of range, the file has {len(lines)} lines"
    digest = hashlib.sha256(b"\n".join(lines[start - 1 : end])).hexdigest()
    return "" if digest == citation["sha256"] else f"{path}:{start}-{end}: other bytes than were cited"


def check_excerpt(excerpt: Json, repository: Repository) -> str:
    """What is wrong with one excerpt, "" when its text is its lines."""
    if fault := check_citation(excerpt, repository):
        return f"excerpt {fault}"
    lines = repository.lines(excerpt["path"])
    quoted = b"\n".join(lines[excerpt["start"] - 1 : excerpt["end"]])  # type: ignore[arg-type]
    same = excerpt.get("text") == quoted.decode("utf-8", errors="replace")
    return "" if same else f"excerpt {excerpt['path']}:{excerpt['start']}: text differs from the file"


def check_claim(claim: Json, repository: Repository) -> Iterator[str]:
    """Everything wrong with one claim."""
    text = str(claim.get("text", ""))
    if not text.strip() and not claim.get("block"):
        yield "claim without text"
    if claim.get("origin", "census") not in ORIGINS:
        yield f"claim of unknown origin {claim.get('origin')!r}"
    if claim.get("origin") in ("model", "excerpt") and not (claim.get("citations") or claim.get("searched")):
        yield f"claim without citation: {text[:60]!r}"
    for citation in claim.get("citations", []):
        if fault := check_citation(citation, repository):
            yield fault


def check_question(question: Json, repository: Repository) -> Iterator[str]:
    """Everything wrong with one answer."""
    status, claims = question.get("status"), question.get("claims", [])
    if status not in STATUSES:
        yield f"unknown status {status!r}"
    if status in ("verified", "extractive", "edited") and not (claims or question.get("excerpts")):
        yield f"{status} without a single statement"
    for claim in claims:
        yield from check_claim(claim, repository)
    for excerpt in question.get("excerpts", []):
        if fault := check_excerpt(excerpt, repository):
            yield fault


def check_document(text: str, stages: list[Json]) -> Iterator[str]:
    """Whether ANSWERS.md has the stages and questions of answers.json, in order, each with an answer."""
    lines = _outside_fences(text)
    headings = [_bare(line[2:]) for line in lines if re.match(r"# \d", line)]
    wanted = [_bare(f"{stage['number']} - {stage['title']}") for stage in stages]
    if headings != wanted:
        yield f"ANSWERS.md: {len(headings)} stage headings, or another order, where {len(wanted)} are due"
    items = [_bare(line[2:]) for line in lines if line.startswith("- ")]
    at = 0
    for question in (question for stage in stages for question in stage["questions"]):
        text = _bare(question["question"])
        found = next((i for i in range(at, len(items)) if items[i] == text), None)
        if found is None:
            yield f"ANSWERS.md: question {question['id']} is missing or out of place"
        elif found + 1 >= len(items) or not items[found + 1]:
            yield f"ANSWERS.md: question {question['id']} has no answer"
        else:
            at = found + 2


def _outside_fences(text: str) -> list[str]:
    kept: list[str] = []
    fence = ""
    for line in text.split("\n"):
        mark = re.match(r"\s*(`{3,}|~{3,})", line)
        if mark and (not fence or mark[1].startswith(fence)):
            fence = "" if fence else mark[1]
        elif not fence:
            kept.append(line)
    return kept


def _bare(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", re.sub(r"&#?\w+;", " ", text.lower())).strip()


def check(out: Path, repo: Path, stages_due: int, questions_due: int) -> tuple[list[str], Json]:
    """All faults and the figures of one audit. Raises OSError or ValueError for unreadable files."""
    report: Json = json.loads((out / "answers.json").read_text(encoding="utf-8"))
    document = (out / "ANSWERS.md").read_text(encoding="utf-8")
    stages: list[Json] = report.get("stages", [])
    questions = [question for stage in stages for question in stage["questions"]]
    repository = Repository(repo)
    faults = [] if report.get("schema") == SCHEMA else [f"schema is {report.get('schema')!r}"]
    if (len(stages), len(questions)) != (stages_due, questions_due):
        faults.append(f"{len(stages)} stages and {len(questions)} questions")
    if len({question["id"] for question in questions}) != len(questions):
        faults.append("a question id occurs twice")
    for question in questions:
        faults += [f"{question['id']}: {fault}" for fault in check_question(question, repository)]
    faults += check_document(document, stages)
    return faults, figures(stages, questions, faults)


def figures(stages: list[Json], questions: list[Json], faults: list[str]) -> Json:
    """The counts that the table and the last line print."""
    claims = [claim for question in questions for claim in question.get("claims", [])]
    return {
        "stages": len(stages),
        "questions": len(questions),
        **{status: sum(q.get("status") == status for q in questions) for status in STATUSES},
        "claims": len(claims),
        "claims_of_the_model": sum(claim.get("origin") == "model" for claim in claims),
        "uncited_claims": sum(not claim.get("citations") for claim in claims),
        "citations": sum(len(claim.get("citations", [])) for claim in claims),
        "excerpts": sum(len(question.get("excerpts", [])) for question in questions),
        "repeated_claims": _repeated(questions),
        "faults": len(faults),
    }


def _repeated(questions: list[Json]) -> int:
    counted = (Counter(claim["text"] for claim in q.get("claims", []) if claim.get("text")) for q in questions)
    return sum(number - 1 for counter in counted for number in counter.values())


def main() -> int:
    """Run the check that the command line asks for; return the exit code."""
    parser = argparse.ArgumentParser(description="Check a finished audit against its repository.")
    parser.add_argument("out", type=Path, help="folder with answers.json and ANSWERS.md")
    parser.add_argument("repo", type=Path, help="the audited repository")
    parser.add_argument("--stages", type=int, default=17)
    parser.add_argument("--questions", type=int, default=55)
    options = parser.parse_args()
    if not options.repo.is_dir():
        print(f"no such folder: {options.repo}", file=sys.stderr)
        return 2
    try:
        faults, counted = check(options.out, options.repo, options.stages, options.questions)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"cannot read the audit in {options.out}: {error!r}", file=sys.stderr)
        return 2
    for name, value in counted.items():
        print(f"{name.replace('_', ' '):>22}  {value}")
    for fault in faults[:FAULTS_SHOWN]:
        print(f"  fault: {fault}")
    print(json.dumps(counted))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
