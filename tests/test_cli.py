"""The command line: exit codes, one clear line per mistake, data on standard output, and a safe start."""

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from agent.cli import main
from agent.events import AuditStarted, Finished, Progress, StageFinished, StageStarted
from agent.settings import parse_size, repository_cache

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def repo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small repository; caches and the current folder are temporary too."""
    folder = tmp_path / "tiny"
    (folder / "tiny").mkdir(parents=True)
    (folder / "README.md").write_text("# tiny\n\nLoads a model and prints its size.\n")
    (folder / "tiny" / "__init__.py").write_text("")
    (folder / "tiny" / "load.py").write_text(
        "import torch\n\n\ndef load(path):\n    return torch.load(path)\n\n\n"
        'if __name__ == "__main__":\n    print(load("a.pt"))\n'
    )
    monkeypatch.setenv("DEPOSITION_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return folder


def test_census_prints_every_hit_as_json(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["census", "--repo", str(repo), "calls: torch.load", "imports: os", "--json"]) == 0
    first, second = json.loads(capsys.readouterr().out)["queries"]
    assert first["query"] == "calls: torch.load"
    [hit] = first["hits"]
    assert (hit["path"], hit["start"], hit["end"], hit["symbol"]) == ("tiny/load.py", 5, 5, "load")
    assert second["hits"] == [] and second["files_searched"] == 2


def test_census_for_people(repo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["census", "--repo", str(repo), "calls: torch.*"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("calls: torch.*: 1 hits, 2 files searched\n  tiny/load.py:5 in load: ")
    assert not err


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"deposition {version('deposition')}\n"


def test_census_help_lists_the_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["census", "--help"]) == 0
    out = capsys.readouterr().out
    assert "\n  calls " in out and "\n  entry_points " in out


def test_stages_shows_the_shipped_pack(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["stages"]) == 0
    out = capsys.readouterr().out
    assert "17 stages, 55 questions, valid" in out.split("\n")[0]
    assert "  1.1   What is the overall purpose of this project?" in out


def test_models_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "list"]) == 0
    assert "qwen2.5-coder-1.5b (default)" in capsys.readouterr().out


RUN = ["run", "--repo", "tiny", "--model", "none"]
NO_TITLE = "version: 1\ntitle: x\nstages:\n- number: 3\n  questions: [{id: '3.1', text: q}]\n"
MISTAKES = {
    "no such path": (["run", "--repo", "nowhere"], "nowhere"),
    "a file as repository": (["run", "--repo", "tiny/README.md"], "README.md"),
    "unknown model": (["run", "--repo", "tiny", "--model", "gpt-9"], "gpt-9"),
    "broken model": (["run", "--repo", "tiny", "--model", "broken.gguf"], "broken.gguf"),
    "no such pack": ([*RUN, "--stages", "absent.yaml"], "absent.yaml"),
    "pack without a title": ([*RUN, "--stages", "untitled.yaml"], "stage 3"),
    "unknown question": ([*RUN, "--only", "2,99.1"], "99.1"),
    "output is a file": ([*RUN, "--out", "broken.gguf"], "broken.gguf"),
    "output not writable": ([*RUN, "--out", "/proc/out"], "/proc/out"),
    "memory size": ([*RUN, "--memory-budget", "lots"], "lots"),
    "no repository": (["run"], "--repo"),
    "unknown command": (["runn"], "runn"),
    "unknown kind": (["census", "--repo", "tiny", "cals: x"], "cals"),
    "no query": (["search", "--repo", "tiny"], "QUERY"),
    "bad query file": (["search", "--repo", "tiny", "--queries", "bad.jsonl"], "line 2"),
    "unknown embedder": (["search", "--repo", "tiny", "x", "--embedder", "nothing"], "nothing"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_line_and_a_hint(
    name: str, repo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"GGUF\x03\x00\x00\x00" + b"\xff" * 40)
    (tmp_path / "untitled.yaml").write_text(NO_TITLE)
    (tmp_path / "bad.jsonl").write_text('{"id": 1, "query": "x"}\n{"id": 2}\n')
    arguments, word = MISTAKES[name]
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    lines = err.rstrip("\n").split("\n")
    assert not out
    assert lines[0].startswith("error: ") and word in lines[0]
    assert [line[:6] for line in lines[1:]] == ["hint: "]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read and write everywhere")
def test_folders_without_permission(repo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for mode, arguments in ((0o000, ["--repo", str(repo)]), (0o500, ["--out", str(repo / "out")])):
        repo.chmod(mode)
        try:
            assert main(["run", "--repo", str(repo), "--model", "none", *arguments]) == 2
        finally:
            repo.chmod(0o700)
        assert "Traceback" not in capsys.readouterr().err


def test_a_run_without_a_model_answers_from_the_census(
    repo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", "--repo", str(repo), "--model", "none", "--only", "1,2.3"]
    assert main(arguments) in (0, 1)
    out, err = capsys.readouterr()
    report = Path(out.strip())
    assert report == tmp_path / "audits" / "tiny" / "ANSWERS.md"
    text = report.read_text()
    assert "# 1 - GENERAL PROJECT OVERVIEW\n\n- What is the overall purpose" in text
    assert "`tiny/load.py:" in text
    assert "stage 1/2 GENERAL PROJECT OVERVIEW\n" in err
    assert "citations" in err
    assert main(arguments) in (0, 1)
    assert report.read_text() == text
    assert not list(repo.rglob("*.sqlite*"))


def test_the_situation_estimates_what_is_left() -> None:
    from agent.situation import Situation, describe, summary

    situation = Situation()
    situation.update(AuditStarted("tiny", 3, 0, 2, 4), 0.0)
    situation.update(Progress("embed", 5, 10), 1.0)
    assert situation.activity() == "embedding 5/10"
    started = StageStarted("s01", "FIRST", 1, 2, 1, ("1.1", "1.2"), 9, 700)
    situation.update(started, 10.0)
    assert situation.seconds_left(12.0) is None
    assert describe(started, situation, 10.0) == "stage 1/2 FIRST: 1.1, 1.2"
    situation.answered = 2
    assert situation.seconds_left(20.0) == pytest.approx(10.0)
    situation.update(StageFinished("s01", (), 1.0), 20.0)
    assert situation.activity() == "9 evidence items, 700 tokens"
    rows = dict(summary(Finished("out", 3, 2, 1, 1, 12, 65.0, 2**30)))
    assert rows["answered"] == "3 of 4" and rows["time"] == "1:05"
    assert rows["peak memory"] == "1.0 GiB"


@pytest.mark.parametrize(("text", "size"), [("6GiB", 6 * 2**30), ("512m", 2**29), ("1.5 GB", 3 * 2**29), ("7", 7)])
def test_sizes(text: str, size: int) -> None:
    assert parse_size(text) == size


def test_caches_of_two_repositories_differ(tmp_path: Path) -> None:
    folders = {repository_cache(tmp_path / name / "repo", tmp_path) for name in ("a", "b")}
    assert len(folders) == 2
    assert all(folder.name.startswith("repo-") for folder in folders)


def start(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)


def installed() -> bool:
    try:
        return bool(version("deposition"))
    except PackageNotFoundError:
        return False


@pytest.mark.skipif(not installed(), reason="needs the environment that `make setup` creates")
@pytest.mark.parametrize("flags", [["-m"], ["-P", "-m"], ["-I", "-m"]])
def test_a_hostile_folder_runs_nothing(flags: list[str], tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    for name in ("agent/__init__", "agent/__main__", "json", "contextlib", "typer", "sqlite3"):
        path = tmp_path / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"open({str(marker)!r}, 'w')\n")
    fires = start(["-c", "import contextlib, agent"], tmp_path)
    assert marker.exists(), fires.stderr
    marker.unlink()
    done = start([*flags, "agent", "models", "list"], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "qwen2.5-coder" in done.stdout
    assert not marker.exists()


def test_an_interrupt_is_said(repo: Path) -> None:
    fifo = repo.parent / "queries"
    os.mkfifo(fifo)
    search = ["search", "--repo", str(repo), "--queries", str(fifo)]
    command = [sys.executable, "-m", "agent", *search]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process, fifo.open("w"):
        process.send_signal(signal.SIGINT)
        _, err = process.communicate()
    assert process.returncode == 130
    assert err.startswith("error: interrupted\nhint: ")


def test_help_imports_no_heavy_library() -> None:
    code = "import sys\nfrom agent.cli import main\nmain(['--help'])\nprint(*sys.modules)"
    done = start(["-c", code], ROOT)
    loaded = set(done.stdout.rsplit("\n", 2)[-2].split())
    assert not loaded & {"pydantic", "langgraph", "chromadb", "torch", "rich", "yaml", "numpy"}


def test_a_closed_pipe_is_no_error(repo: Path) -> None:
    command = f"{sys.executable} -m agent census --repo {repo} 'text: .' | head -n 1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.startswith("text: .")
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr
