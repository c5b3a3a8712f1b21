"""The model's process: typed failures, deadlines, no orphan, and memory that comes back."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from agent.diagnosis import diagnose, failure_kind
from agent.errors import WorkerFailed
from agent.ladder import LoadPlan
from agent.worker import Worker
from tests.small_model import small_model

pytestmark = pytest.mark.model
ROOT = Path(__file__).resolve().parent.parent


def load(worker: Worker, path: Path | None = None, **plan: int) -> dict[str, object]:
    wire = LoadPlan(**({"context": 1024} | plan)).to_wire()  # type: ignore[arg-type]
    request = {"op": "load", "path": str(path or small_model().require()), "template": "file"}
    return worker.ask(request | {"plan": wire})


def question(text: str, max_tokens: int = 8) -> dict[str, object]:
    item = {"messages": [{"role": "user", "content": text}], "grammar": "", "max_tokens": max_tokens}
    return {"op": "batch", "items": [item]}


@pytest.fixture
def worker():  # type: ignore[no-untyped-def]
    made = Worker()
    yield made
    made.close()


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_it_answers_and_leaves_nothing_behind(worker: Worker) -> None:
    assert load(worker)["context_size"] == 1024
    (answer,) = worker.ask(question("Say hello."))["items"]
    assert answer["text"] and answer["generated"] <= 8
    pid = worker.pid
    assert pid
    worker.close()
    worker.close()
    assert gone(pid) and worker.pid is None


def test_a_kill_in_the_middle_is_a_typed_failure_and_the_next_request_works(worker: Worker) -> None:
    load(worker)
    pid = worker.pid
    assert pid
    seen = threading.Event()

    def kill(_: object) -> None:
        seen.set()
        os.kill(pid, signal.SIGKILL)

    with pytest.raises(WorkerFailed, match="SIGKILL") as caught:
        worker.ask(question("Count. " * 100, 400), kill)
    assert seen.is_set() and caught.value.kind == "crash"
    load(worker)
    assert worker.starts == 2
    assert worker.ask(question("Say hello."))["items"]


def test_a_deadline_ends_the_process(worker: Worker) -> None:
    load(worker)
    pid = worker.pid
    assert pid
    with pytest.raises(WorkerFailed) as caught:
        worker.ask(question("Tell a long story. " * 90, 400), deadline=0.05)
    assert caught.value.kind == "deadline"
    assert gone(pid)


def test_refusals_leave_the_model_loaded(worker: Worker) -> None:
    load(worker)
    pid = worker.pid
    for request in (question("word " * 3000), {"op": "nonsense"}):
        with pytest.raises(WorkerFailed) as caught:
            worker.ask(request)
        assert caught.value.kind == "request"
    assert worker.pid == pid
    assert worker.ask({"op": "count", "text": "Hello there"})["count"] == 2


def test_files_that_llama_cpp_refuses_are_typed(worker: Worker, tmp_path: Path) -> None:
    data = bytearray(small_model().path.read_bytes())
    data[data.index(b"llama") : data.index(b"llama") + 5] = b"lambo"
    strange = tmp_path / "strange.gguf"
    strange.write_bytes(data)
    with pytest.raises(WorkerFailed) as caught:
        load(worker, strange)
    assert caught.value.kind == "architecture"
    with pytest.raises(WorkerFailed) as caught:
        load(worker, tmp_path / "missing.gguf")
    assert caught.value.kind == "corrupt"


def test_the_child_dies_with_its_parent() -> None:
    code = (
        "import sys, time; from agent.worker import Worker; w = Worker();"
        "w.ask({'op': 'devices'}); print(w.pid, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    pid = int(parent.stdout.readline())
    assert not gone(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 20
    while not gone(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert gone(pid)


@pytest.mark.parametrize(
    ("status", "words", "oom", "kind", "say"),
    [
        (-11, "", False, "crash", "SIGSEGV"),
        (-6, "GGML_ASSERT(x) failed\n", False, "crash", "GGML_ASSERT"),
        (-6, "ggml_backend_cuda: cudaMalloc failed: out of memory", False, "memory", "memory"),
        (-6, "CUDA error: out of memory\n  current device: 0\nggml-cuda.cu:109: CUDA error\n", False, "memory", "CUDA"),
        (-9, "", True, "memory", "memory"),
        (-9, "", False, "crash", "SIGKILL"),
        (1, "ModuleNotFoundError: No module named 'llama_cpp'", False, "crash", "not installed"),
        (None, "", False, "crash", "None"),
    ],
)
def test_exit_status_and_last_words_become_a_kind(
    status: int | None, words: str, oom: bool, kind: str, say: str
) -> None:
    failure = diagnose(status, words, killed_for_memory=oom)
    assert failure.kind == kind
    assert say in str(failure)


def test_a_segfault_under_amx_names_the_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.diagnosis.reports_amx", lambda: True)
    assert "-mno-amx-tile" in diagnose(-11, "").hint


@pytest.mark.parametrize(
    ("log", "kind"),
    [
        ("ggml_backend_cpu_buffer_type_alloc_buffer: failed to allocate buffer of size 99", "memory"),
        ("error loading model: unknown model architecture: 'lambo'", "architecture"),
        ("llama_model_load: error loading model: tensor 'x' data is not within bounds", "corrupt"),
    ],
)
def test_log_lines_become_a_kind(log: str, kind: str) -> None:
    assert failure_kind(log) == kind
