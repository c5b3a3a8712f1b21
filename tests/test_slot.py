"""The slot: one model at a time in a process, claims that the kernel frees, waiting that is said."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import slot
from agent.errors import MachineError
from agent.slot import Load, enter, fit_together, held_bytes

GIB = 1 << 30
ROOT = Path(__file__).resolve().parent.parent
HOLDER = """
import sys
from pathlib import Path
from agent import slot
slot.claims_folder = lambda: Path(sys.argv[1])
claim = slot.enter(slot.Load("other", int(sys.argv[2])), None, lambda: None, print)
print("in", flush=True)
sys.stdin.readline()
claim.release()
print("out", flush=True)
sys.stdin.readline()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(slot, "claims_folder", lambda: tmp_path / "claims")
    monkeypatch.setattr(slot, "_own", [])
    yield tmp_path / "claims"


@pytest.fixture
def other(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process with a model of 2 GiB."""
    made = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder), str(2 * GIB)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert made.stdout and made.stdin
    assert made.stdout.readline() == "in\n"
    yield made
    made.kill()
    made.wait()
    made.stdout.close()
    made.stdin.close()


def test_who_enters_sees_the_other_off(folder: Path) -> None:
    first = enter(Load("writer", GIB), None, lambda: first.release(), print)
    second = enter(Load("judge", GIB), None, lambda: second.release(), print)
    assert not first.held and second.held
    assert len(list(folder.glob("*.claim"))) == 1
    second.release()
    second.release()
    assert not list(folder.glob("*.claim"))


def test_who_does_not_leave_stops_the_next(folder: Path) -> None:
    first = enter(Load("writer", GIB), None, lambda: None, print)
    with pytest.raises(MachineError, match="writer did not leave"):
        enter(Load("judge", GIB), None, lambda: None, print)
    first.release()


def test_a_small_one_may_stand_beside_where_both_fit(folder: Path) -> None:
    writer = enter(Load("writer", GIB), 2 * GIB, lambda: writer.release(), print)
    embedder = enter(Load("embedder", GIB // 2), 2 * GIB, lambda: embedder.release(), print, beside=True)
    assert writer.held and embedder.held
    embedder.release()
    embedder = enter(Load("embedder", 2 * GIB), 2 * GIB, lambda: embedder.release(), print, beside=True)
    assert not writer.held and embedder.held
    embedder.release()


def test_another_process_is_waited_for_and_that_is_said(other: subprocess.Popen[str]) -> None:
    told: list[str] = []
    entered = threading.Event()

    def wait_for_it() -> None:
        claim = enter(Load("mine", GIB), 2 * GIB, lambda: None, told.append)
        entered.set()
        claim.release()

    waiting = threading.Thread(target=wait_for_it, daemon=True)
    waiting.start()
    assert not entered.wait(0.5)
    assert told == [f"waiting for memory: process {other.pid} has other loaded, 2.0 GiB"]
    assert other.stdin
    other.stdin.write("go\n")
    other.stdin.flush()
    assert entered.wait(20)
    waiting.join(20)


def test_both_are_loaded_where_the_budget_holds_both(other: subprocess.Popen[str]) -> None:
    told: list[str] = []
    claim = enter(Load("mine", GIB), 4 * GIB, lambda: None, told.append)
    assert claim.held and not told and other.poll() is None
    claim.release()


def test_the_kernel_frees_the_claim_of_a_killed_process(other: subprocess.Popen[str], folder: Path) -> None:
    assert list(folder.glob("*.claim"))
    os.kill(other.pid, signal.SIGKILL)
    other.wait()
    told: list[str] = []
    claim = enter(Load("mine", 3 * GIB), 3 * GIB, lambda: None, told.append)
    assert not told
    assert [path.name for path in folder.glob("*.claim")] == [claim._path.name]
    claim.release()
    assert held_bytes() == 0


def test_what_fits_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slot, "free_host_bytes", lambda: 4 * GIB)
    monkeypatch.setattr(slot, "private_bytes", lambda pid: GIB if pid == 7 else 0)
    assert fit_together([Load("a", 2 * GIB), Load("b", 2 * GIB, pid=7)], None)
    assert not fit_together([Load("a", 3 * GIB), Load("b", 2 * GIB, pid=7)], None)
    assert not fit_together([Load("a", 0, GIB), Load("b", 0, GIB)], None)
    assert fit_together([Load("a", 0, GIB), Load("b", 0, GIB)], 2 * GIB)
