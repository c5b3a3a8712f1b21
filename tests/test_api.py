"""The Python interface: events as they come, the result, an end at any time, and an import that costs nothing."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agent import audit
from agent.errors import UserError
from agent.events import AuditStarted, Event, Finished, StageFinished, StageStarted
from agent.stream import Cancelled, Running

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "load.py").write_text("import torch\n\n\ndef load(path):\n    return torch.load(path)\n")
    monkeypatch.setenv("DEPOSITION_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return folder


def options(repo: Path, out: Path, *only: str) -> audit.AuditOptions:
    return audit.AuditOptions(repo=repo, out=out, model="none", only=only)


def test_events_come_in_order_and_the_result_after_them(repo: Path, tmp_path: Path) -> None:
    running = audit.start_audit(options(repo, tmp_path / "out", "2", "11.3"))
    told = [event for event in running if not type(event).__name__.startswith("Progress")]
    stages = [event.stage_id for event in told if isinstance(event, StageFinished)]
    assert isinstance(told[0], AuditStarted) and isinstance(told[-1], Finished) and stages == ["s02", "s11"]
    result = running.result()
    assert (result.out / "ANSWERS.md").exists() and result.exit_code == 0
    assert [answer.question_id for _, answers in result.answers for answer in answers][-1] == "11.3"
    assert list(running) == []


def test_the_same_bytes_as_a_plain_call(repo: Path, tmp_path: Path) -> None:
    audit.run_audit(options(repo, tmp_path / "plain", "2"))
    audit.start_audit(options(repo, tmp_path / "streamed", "2")).result()
    plain, streamed = (tmp_path / name / "ANSWERS.md" for name in ("plain", "streamed"))
    assert plain.read_bytes() == streamed.read_bytes()


def test_leaving_the_block_ends_the_audit_and_the_next_call_continues_it(repo: Path, tmp_path: Path) -> None:
    chosen = options(repo, tmp_path / "out")
    with audit.start_audit(chosen) as running:
        next(event for event in running if isinstance(event, StageStarted))
    with pytest.raises(Cancelled):
        running.result()
    assert not (tmp_path / "out" / "ANSWERS.md").exists()
    assert not [thread for thread in threading.enumerate() if thread.name == "audit"]
    assert audit.run_audit(chosen).out == tmp_path / "out"


def test_errors_reach_the_caller(tmp_path: Path) -> None:
    running = audit.start_audit(options(tmp_path / "nowhere", tmp_path / "out"))
    with pytest.raises(Exception, match="nowhere"):
        running.result()
    with pytest.raises(UserError, match="--only names '99'"):
        audit.start_audit(options(tmp_path, tmp_path / "out", "99")).result()


def test_any_work_can_be_streamed() -> None:
    def work(tell: object) -> int:
        assert callable(tell)
        tell(Event())
        return 7

    running = Running(work)
    assert list(running) == [Event()] and running.result() == 7


def test_importing_the_package_imports_nothing_else() -> None:
    code = "import sys; before = set(sys.modules); import agent; print(sorted(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() in ("[]", "['agent']")  # [] where the environment imported it already


def test_the_example_of_the_readme_runs(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    example = readme.split("## From Python\n", 1)[1].split("```python\n", 1)[1].split("```", 1)[0]
    assert len(example.strip().split("\n")) <= 12
    exec(compile(example.replace("path/to/repository", str(repo)), "README.md", "exec"), {})
    out = capsys.readouterr().out
    assert "11.3 verified" in out and "ANSWERS.md" in out
