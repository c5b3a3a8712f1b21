"""bench/retrieval.py and bench/index.py: what their figures mean, on a few lines of code."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.index import taken
from bench.retrieval import Figures, measure, read_questions
from retrieval.chunk import Span

ROOT = Path(__file__).resolve().parent.parent


def _record(files: list[str], *spans: tuple[str, int, int]) -> dict[str, object]:
    named = [dict(zip(("path", "start", "end"), span, strict=True)) for span in spans]
    return {"repo": "r", "question": "q", "files": files, "spans": named}


def test_recall_is_the_mean_over_the_questions_that_have_gold():
    found = [Span("a.py", 10, 19), Span("b.py", 1, 5)]
    records = [
        _record(["a.py", "c.py"], ("a.py", 19, 40), ("a.py", 20, 21)),
        _record(["b.py"], ("b.py", 5, 5)),
        _record(["a.py"]),
    ]
    assert measure(lambda query: found, records) == Figures(span=0.75, file=2.5 / 3, lines=7.5, longest=10)


def test_only_ten_results_count():
    found = [Span(f"{n}.py", 1, 1) for n in range(20)]
    assert measure(lambda query: found, [_record(["9.py", "10.py"], ("10.py", 1, 1))]).file == 0.5


def test_a_repository_without_questions_ends_with_what_there_is(tmp_path: Path):
    (tmp_path / "q.json").write_text(json.dumps({"repos": {"r": {}}, "records": [_record(["a.py"])]}))
    assert len(read_questions(tmp_path / "q.json", ["r"])["r"]) == 1
    with pytest.raises(SystemExit, match="no questions on x; there are: r"):
        read_questions(tmp_path / "q.json", ["x"])


def test_as_many_files_are_taken_as_the_lines_need(tmp_path: Path):
    for name in "abc":
        (tmp_path / f"{name}.py").write_text("x = 1\n" * 10)
    (tmp_path / "readme.md").write_text("no code\n")
    assert taken(tmp_path, 15, tmp_path / "out") == 20
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.py", "b.py"]


def test_the_cost_of_an_index_is_printed_as_a_table_and_as_json(tmp_path: Path):
    (tmp_path / "a.py").write_text("def one():\n    return 1\n" * 30)
    command = [sys.executable, "-m", "bench.index", str(tmp_path), "--lines", "50", "--embedder", "none"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    (figures,) = json.loads(done.stdout.strip().split("\n")[-1])
    assert figures["lines"] == 60 and set(figures) == {"lines", "facts", "cold", "warm"}
    assert figures["cold"]["embedded"] >= figures["warm"]["embedded"] >= 1
