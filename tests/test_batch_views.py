"""What people and programs see of batches: their standing, what differs between two, one fact in all repositories."""

import json
import os
from pathlib import Path

import pytest

from agent.batch.board import Board
from agent.batch.course import BatchOptions, enrol, follow
from agent.batch.progress import Progress
from agent.batch.summary import render_csv, render_page
from agent.batch.task import Choices, Outcome, Sign
from agent.cli import main
from tests.doubles import Inline

CLEARING = "import torch\n\n\ndef tidy():\n    torch.cuda.empty_cache()\n"
PLAIN = "def add(a, b):\n    return a + b\n"


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DEPOSITION_CACHE", str(tmp_path / "cache"))
    for name, code in {"clearing": CLEARING, "plain": PLAIN}.items():
        (tmp_path / "shelf" / name).mkdir(parents=True)
        (tmp_path / "shelf" / name / "tool.py").write_text(code)
    (tmp_path / "shelf" / "void").mkdir()
    return tmp_path / "shelf"


def batch(shelf: Path, out: Path) -> Path:
    options = BatchOptions((str(shelf),), str(out), Choices(model="none", only=("11.2", "11.3")))
    board, tasks = enrol(options)
    follow(board, tasks, Inline(tasks[0].choices))
    return out


def shown(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    main([str(argument) for argument in arguments])
    return capsys.readouterr().out


def test_diff_tells_what_changed_and_nothing_else(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = batch(shelf, tmp_path / "old")
    (shelf / "plain" / "tool.py").write_text(PLAIN + "\n\nimport gc\ngc.collect()\n")
    (shelf / "clearing" / "tool.py").write_text("# moved down\n" + CLEARING)
    (shelf / "void").rmdir()
    (shelf / "late").mkdir()
    (shelf / "late" / "tool.py").write_text(PLAIN)
    new = batch(shelf, tmp_path / "new")
    assert main(["batch", "diff", str(old), str(new)]) == 1
    text = capsys.readouterr().out
    assert "added: late" in text and "removed: void" in text
    assert "plain: 1 answers changed" in text and "    + Yes" in text and "    - No." in text
    assert "clearing: 0 answers changed" in text and "only the cited lines moved: 11.3" in text
    found = json.loads(shown(capsys, "batch", "diff", old, new, "--json"))
    [plain] = [change for change in found["changed"] if change["slug"] == "plain"]
    assert [0, 1] in [fact[1:] for fact in plain["facts"] if "gc.collect" in fact[0]]
    assert main(["batch", "diff", str(old), str(old)]) == 0


def test_compare_finds_who_calls_it(shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = batch(shelf, tmp_path / "out")
    text = shown(capsys, "batch", "compare", out, "empty_cache")
    assert text.startswith("found in 1 of 2 repositories\nclearing: 1 hits")
    assert "tool.py:5" in text and "plain: no hits in 1 files searched" in text
    answers = shown(capsys, "batch", "compare", out, "11.3")
    assert [line.split()[:2] for line in answers.strip().split("\n")] == [
        ["clearing", "verified"],
        ["plain", "verified"],
    ]
    assert "no repository was asked" in shown(capsys, "batch", "compare", out, "quantum")


def test_status_tells_who_works_and_forgets_who_died(
    shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = batch(shelf, tmp_path / "out")
    assert "2 done, 1 failed" in shown(capsys, "batch", "status", out)
    board = Board(out)
    lock = board.lock("plain")
    board.show(Sign("plain", "answering", "RESOURCES", 3, 17, 42.0))
    states = json.loads(shown(capsys, "batch", "status", out, "--json"))["repositories"]
    assert states[0]["slug"] == "plain" and (states[0]["stage"], states[0]["per_second"]) == (3, 42.0)
    text = shown(capsys, "batch", "status", out)
    assert "42 tokens/s" in text and "answering stage 3/17" in text
    assert lock is not None
    os.close(lock)
    assert "0 answering" in shown(capsys, "batch", "status", out)


def test_nothing_of_a_repository_becomes_markup_or_a_formula() -> None:
    answer = {
        "question": "Why?",
        "status": "verified",
        "answer": "=cmd() </script><img src=x> \x1b[2J",
        "claims": 1,
        "citations": 0,
        "rejected": 0,
        "digest": "",
    }
    record = {
        "slug": "evil",
        "source": {"kind": "folder", "place": "/tmp/<b>"},
        "state": "done",
        "reason": "",
        "questions": {"1.1": answer},
        "stages": [{"id": "s01", "number": 1, "title": "</script>", "seconds": 0.0}],
        "facts": {"strings: </script>": {"hits": 1, "searched": 1, "first": []}},
    }
    page = render_page([record])
    assert page.count("</script>") == 2 and "<img" not in page and "\x1b" not in page
    assert "'=cmd()" in render_csv([record])


def test_progress_counts_and_says_each_turn_once() -> None:
    progress = Progress(began=0.0)
    for slug in ("a", "b", "c"):
        assert progress.update(Sign(slug, "queued")) == ""
    assert progress.update(Sign("a", "indexing", "reading files")) == "a: indexing: reading files"
    assert progress.update(Sign("a", "indexing", "facts 3/9")) == ""
    assert progress.update(Sign("a", "answering", "MODELS", 2, 17)) == "a: answering stage 2/17: MODELS"
    assert progress.update(Sign("a", "answering", "", 2, 17, 30.0)) == ""
    assert progress.headline() == "2 queued, 0 indexing, 1 answering, 0 done, 0 failed; 30 tokens/s"
    assert progress.rows() == [("a", "answering stage 2/17", "")]
    assert progress.update(Outcome("a", "failed", "too odd")) == "a: failed: too odd"
    assert progress.seconds_left(now=10.0) == 20.0


def test_results_go_to_a_url_and_a_new_machine_takes_over(
    shelf: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"file://{tmp_path}/store"
    options = BatchOptions((str(shelf),), url, Choices(model="none", only=("11.3",)))
    board, tasks = enrol(options)
    result = follow(board, tasks, Inline(tasks[0].choices))
    assert result.out == url
    store = tmp_path / "store"
    assert (store / "clearing" / "ANSWERS.md").read_bytes() == (board.out / "clearing" / "ANSWERS.md").read_bytes()
    assert json.loads((store / "summary.json").read_text())["totals"]["done"] == 2
    monkeypatch.setenv("DEPOSITION_CACHE", str(tmp_path / "other machine"))
    elsewhere, tasks = enrol(options)
    assert elsewhere.slugs() == ["clearing", "plain", "void"]
    taken_over = follow(elsewhere, tasks, Inline(tasks[0].choices))
    assert (taken_over.unchanged, taken_over.failed) == (("clearing", "plain"), ("void",))


def test_what_could_not_be_copied_is_copied_later(shelf: Path, tmp_path: Path) -> None:
    options = BatchOptions((str(shelf),), f"file://{tmp_path}/store", Choices(model="none", only=("11.3",)))
    board, tasks = enrol(options)
    follow(board, tasks, Inline(tasks[0].choices))
    (tmp_path / "store" / "plain" / "ANSWERS.md").unlink()
    (board.state / "waiting" / "plain").touch()
    enrol(options)
    assert (tmp_path / "store" / "plain" / "ANSWERS.md").is_file()
    assert not list((board.state / "waiting").iterdir())
