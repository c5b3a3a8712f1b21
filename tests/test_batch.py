"""A batch with processes of its own: what it takes, what it leaves, and what no fault, kill or neighbour can change."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agent.audit import AuditOptions, run_audit
from agent.batch.board import Board
from agent.batch.course import BatchOptions, enrol, follow, run_batch
from agent.batch.source import find_sources, is_collection
from agent.batch.task import Choices, Outcome, Sign
from agent.cli import main
from agent.errors import UserError
from tests.doubles import Inline

ROOT = Path(__file__).resolve().parent.parent
FEW = ("1.4", "11.3")
COLLECTOR = "import gc\nimport torch\n\n\ndef tidy(model):\n    gc.collect()\n    torch.cuda.empty_cache()\n"
QUIET = "def add(a, b):\n    return a + b\n\n\nif __name__ == '__main__':\n    print(add(1, 2))\n"


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPOSITION_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A folder of three repositories, one of them empty."""
    folder = tmp_path / "shelf"
    make(folder / "collector", COLLECTOR)
    make(folder / "quiet", QUIET)
    (folder / "void").mkdir()
    return folder


def make(repo: Path, code: str) -> Path:
    repo.mkdir(parents=True)
    (repo / "README.md").write_text(f"# {repo.name}\n\nA small tool.\n")
    (repo / "tool.py").write_text(code)
    return repo


def choices(**given: object) -> Choices:
    return Choices(**{"model": "none", "only": FEW, **given})  # type: ignore[arg-type]


def batch(out: Path, *sources: Path, **given: object):
    """A batch without processes of its own, and all it told."""
    messages: list[Sign | Outcome] = []
    board, tasks = enrol(BatchOptions(tuple(map(str, sources)), str(out), choices(**given)))
    return follow(board, tasks, Inline(tasks[0].choices), messages.append), messages


def batch_in_processes(out: Path, *sources: Path, **given: object):
    return run_batch(BatchOptions(tuple(map(str, sources)), str(out), choices(**given), workers=1))


def texts(out: Path) -> dict[str, str]:
    """What the bytes of a batch's results are, besides figures of time."""
    return {path.parent.name: path.read_text() for path in sorted(out.glob("*/ANSWERS.md"))}


def test_each_repository_gets_what_run_gives_and_a_failing_one_is_a_row(shelf: Path, tmp_path: Path) -> None:
    result, _ = batch(tmp_path / "out", shelf)
    assert (sorted(result.done), result.failed, result.unresolved) == (["collector", "quiet"], ("void",), 0)
    for name in result.done:
        run_audit(AuditOptions(repo=shelf / name, out=tmp_path / "solo" / name, model="none", only=FEW))
    assert texts(tmp_path / "out") == texts(tmp_path / "solo")
    assert "- void: it holds no file that can be read" in (tmp_path / "out" / "SUMMARY.md").read_text()


def test_a_failure_costs_its_own_work_and_not_the_wait_for_others(shelf: Path, tmp_path: Path) -> None:
    class Queued(Inline):
        def poll(self, seconds: float) -> list[Any]:
            news = super().poll(seconds)
            assert all(one.seconds > 0 for one in news if isinstance(one, Outcome) and one.state == "failed")
            return [replace(one, seconds=0.25) if isinstance(one, Outcome) else one for one in news]

    board, tasks = enrol(BatchOptions((str(shelf / "void"),), str(tmp_path / "out"), choices()))
    follow(board, tasks, Queued(tasks[0].choices))
    record = board.record("void") or {}
    assert record["seconds"] == {"index": 0.0, "answer": 0.25}


def test_the_summary_compares_answers_and_counts_facts(shelf: Path, tmp_path: Path) -> None:
    batch(tmp_path / "out", shelf)
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["totals"]["done"], summary["totals"]["failed"], summary["totals"]["questions"]) == (2, 1, 4)
    by_slug = {one["slug"]: one for one in summary["repositories"]}
    [query] = [query for query in by_slug["collector"]["facts"] if query.startswith("calls: gc.collect")]
    assert [by_slug[slug]["facts"][query]["hits"] for slug in ("collector", "quiet")] == [1, 0]
    assert by_slug["quiet"]["questions"]["11.3"]["answer"].startswith("No.")
    lines = list(csv.DictReader((tmp_path / "out" / "summary.csv").read_text().split("\n")))
    assert {(line["repository"], line["question"]) for line in lines if line["question"]} == {
        (slug, question) for slug in ("collector", "quiet") for question in FEW
    }
    page = (tmp_path / "out" / "summary.html").read_text()
    assert "://" not in page.split('id="data"')[0] and page.count("<script") == 2


def test_what_is_finished_is_not_done_again_and_what_changed_is(shelf: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    batch(out, shelf)
    before = {path: path.stat().st_mtime_ns for path in out.glob("*/answers.json")}
    (shelf / "quiet" / "tool.py").write_text(QUIET + "\n\nimport gc\ngc.collect()\n")
    result, messages = batch(out, shelf)
    assert result.unchanged == ("collector",)
    changed = {path.parent.name for path, when in before.items() if path.stat().st_mtime_ns != when}
    assert changed == {"quiet"}
    assert not [m for m in messages if isinstance(m, Sign) and m.slug == "collector" and m.state == "answering"]
    result, _ = batch(out, shelf, only=("11.3",))
    assert result.unchanged == ()


def test_lost_records_are_read_from_the_results(shelf: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    batch(out, shelf)
    for record in (out / ".batch" / "records").iterdir():
        record.unlink()
    result, _ = batch(out, shelf)
    assert sorted(result.unchanged) == ["collector", "quiet"]


def test_a_process_that_dies_costs_its_repository_alone(shelf: Path, tmp_path: Path) -> None:
    result = batch_in_processes(tmp_path / "out", shelf, double="tests.doubles:deadly", only=("1.1",))
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    reasons = {one["slug"]: one["reason"] for one in summary["repositories"]}
    assert result.done == ("quiet",)
    assert "SIGKILL" in reasons["collector"]


def test_a_fault_of_the_program_is_a_row_too(shelf: Path, tmp_path: Path) -> None:
    result, _ = batch(tmp_path / "out", shelf, double="tests.doubles:faulty", only=("1.1",))
    assert result.done == ("quiet",)
    assert "ZeroDivisionError in doubles.py" in (tmp_path / "out" / "SUMMARY.md").read_text()


def test_order_and_neighbours_change_no_text(shelf: Path, tmp_path: Path) -> None:
    for name, sources in {"a": ["collector", "quiet"], "b": ["quiet", "collector"], "c": ["quiet"]}.items():
        batch(tmp_path / name, *(shelf / source for source in sources), double="tests.doubles:talkative", only=("1.1",))
    assert texts(tmp_path / "a") == texts(tmp_path / "b")
    assert texts(tmp_path / "c")["quiet"] == texts(tmp_path / "a")["quiet"]


COMMAND = [sys.executable, "-m", "agent", "batch"]


def start(shelf: Path, out: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, str(shelf), "--out", str(out), "--model", "none", *options],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_batches_share_a_folder_and_do_nothing_twice(tmp_path: Path) -> None:
    shelf, out = tmp_path / "shelf", tmp_path / "out"
    for number in range(6):
        make(shelf / f"r{number}", COLLECTOR)
    both = [start(shelf, out, "--only", "1", "--workers", "1") for _ in range(2)]
    logs = [process.communicate(timeout=200)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], logs
    worked = [line.split("  ", 1)[1] for log in logs for line in log.split("\n") if ": done in" in line]
    assert sorted(line.split(":")[0] for line in worked) == [f"r{number}" for number in range(6)]
    for log in logs:
        assert "6 done, 0 failed" in log


def test_killed_anywhere_the_result_is_the_same(shelf: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for wait in (1.5, 3.0, 4.5):
        process = start(shelf, out, "--only", "1,11", "--workers", "1")
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    last = start(shelf, out, "--only", "1,11")
    assert last.communicate(timeout=200) and last.returncode == 1
    undisturbed = tmp_path / "undisturbed"
    batch(undisturbed, shelf, only=("1", "11"))
    assert texts(out) == texts(undisturbed)
    without_time = [(o / "SUMMARY.md").read_text().split("## Time")[0] for o in (out, undisturbed)]
    assert without_time[0] == without_time[1]


def test_a_lock_lives_as_long_as_somebody_works(tmp_path: Path) -> None:
    board = Board(tmp_path)
    board.open()
    lock = board.lock("one")
    assert lock is not None and board.is_locked("one") and board.lock("one") is None
    copy = os.dup(lock)
    os.close(lock)
    assert board.is_locked("one")
    os.close(copy)
    assert not board.is_locked("one")


def test_what_a_source_stands_for(shelf: Path, tmp_path: Path) -> None:
    assert is_collection(shelf) and not is_collection(shelf / "quiet") and not is_collection(shelf / "void")
    assert [s.name for s in find_sources([str(shelf), str(shelf / "quiet")])] == ["collector", "quiet", "void"]
    lines = tmp_path / "list.txt"
    lines.write_text("# mine\nshelf/quiet name=calm only=1,2.1 max-attempts=1\n'shelf'\nhttps://example.org/a/b.git\n")
    calm, whole, url = find_sources([str(lines)])
    assert (calm.name, calm.only, calm.max_attempts, calm.kind) == ("calm", ("1", "2.1"), 1, "folder")
    assert (whole.name, whole.kind) == ("shelf", "folder")
    assert (url.name, url.kind, url.place) == ("b", "url", "https://example.org/a/b.git")


@pytest.mark.parametrize("line", ["shelf colour=red", "shelf only", "'open", "shelf max-attempts=99"])
def test_a_wrong_line_of_a_list_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text(f"shelf\n{line}\n")
    with pytest.raises(UserError, match=r"list.txt:2"):
        find_sources([str(tmp_path / "list.txt")])


def test_equal_names_get_folders_of_their_own_and_keep_them(tmp_path: Path) -> None:
    first, second = make(tmp_path / "a" / "tool", QUIET), make(tmp_path / "b" / "tool", COLLECTOR)
    batch(tmp_path / "out", first, second)
    batch(tmp_path / "out", second, first)
    facts = json.loads((tmp_path / "out" / "summary.json").read_text())["repositories"]
    assert [(one["slug"], one["source"]["place"]) for one in facts] == [("tool", str(first)), ("tool-2", str(second))]


def test_mistakes_end_in_one_line(shelf: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, word in {
        ("nowhere",): "nowhere",
        (str(shelf / "quiet"), "--out", str(shelf / "quiet" / "out")): "lies inside",
        (str(shelf), "--model", "gpt-9"): "gpt-9",
        (str(shelf), "--only", "99"): "99",
    }.items():
        assert main(["batch", *arguments]) == 2
        error = capsys.readouterr().err
        assert word in error and error.count("\n") <= 2


def test_the_exit_code_is_what_was_asked_for(shelf: Path, tmp_path: Path) -> None:
    common = ["--model", "none", "--only", "11.3", "--out", str(tmp_path / "out"), "--workers", "1"]
    assert main(["batch", str(shelf / "quiet"), "--fail-on", "unresolved", *common]) == 0
    assert main(["batch", str(shelf), *common]) == 1
