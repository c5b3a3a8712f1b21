"""With a GPU that llama.cpp can use (`make gpu`): layers on the device, predicted against measured, same answers twice,
one model at a time, and what happens on a card that others have filled.

Skipped elsewhere; what can be checked without a device is in test_plan.py.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.catalogue import ModelSpec
from agent.chat import GgufChat
from agent.errors import WorkerFailed
from agent.ladder import LoadPlan
from agent.plan import measure_plan, next_plan, plan_model
from agent.room import DEVICE_RESERVE
from agent.worker import Worker
from tests.small_model import small_model

pytestmark = [pytest.mark.model, pytest.mark.gpu]
ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20
SHORT = {"metadata": {"max_tokens": 8}}
# Takes all of a device but so many bytes, says so, and holds it until its stdin closes.
HOLD = """
import ctypes, sys
from agent.llama import native
from agent.breakdown import list_devices
library, left = native._lib, int(sys.argv[1])
native.llama_backend_init()
place = next(i for i, d in enumerate(list_devices(library)) if d["kind"] == "gpu")
device = library.ggml_backend_dev_get(place)
for name in ("ggml_backend_dev_buffer_type", "ggml_backend_buft_alloc_buffer"):
    getattr(library, name).restype = ctypes.c_void_p
library.ggml_backend_dev_buffer_type.argtypes = [ctypes.c_void_p]
library.ggml_backend_buft_alloc_buffer.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
kind = library.ggml_backend_dev_buffer_type(device)
step = 1 << 40
while step >= 1 << 21:
    over = list_devices(library)[place]["free"] - left
    if over < step or not library.ggml_backend_buft_alloc_buffer(kind, step):
        step //= 2
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    made = Worker()
    if not any(device["kind"] == "gpu" for device in made.ask({"op": "devices"})["devices"]):
        made.close()
        pytest.skip("llama.cpp sees no GPU")
    yield made
    made.close()


def free_bytes() -> int:
    """Free on all GPUs together, asked by a process of its own."""
    asking = Worker()
    try:
        return sum(d["free"] for d in asking.ask({"op": "devices"})["devices"] if d["kind"] == "gpu")
    finally:
        asking.close()


@contextmanager
def card_with(left: int) -> Iterator[None]:
    """A card on which another process leaves so many bytes."""
    command = [sys.executable, "-c", HOLD, str(left)]
    holder = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdin and holder.stdout
    try:
        assert holder.stdout.readline() == b"held\n"
        yield
    finally:
        holder.kill()
        holder.wait()
        holder.stdin.close()
        holder.stdout.close()


def driver_bytes() -> int:
    """What looking at a card takes of it, for the driver's context."""
    with card_with(2048 * MIB):
        return 2048 * MIB - free_bytes()


def on_device(spec: ModelSpec, plan: LoadPlan) -> int:
    """Bytes that the plan takes of all devices, by a dry run."""
    asking = Worker()
    try:
        return sum(measure_plan(spec, plan, asking).devices.values())
    finally:
        asking.close()


def test_the_plan_puts_every_layer_on_the_device(worker: Worker) -> None:
    plan = plan_model(small_model(), None, 4096)
    assert plan.gpu_layers == -1 and plan.on_device > 50 * MIB


@pytest.mark.parametrize("layers", [-1, 8])
def test_predicted_device_memory_is_taken_and_given_back(worker: Worker, layers: int) -> None:
    spec, plan = small_model(), LoadPlan(context=8192, gpu_layers=layers, flash=True)
    predicted = sum(measure_plan(spec, plan, worker).devices.values())
    before = free_bytes()
    chat = GgufChat(spec, plan)
    try:
        chat.invoke("word " * 3000, config=SHORT)
        taken = before - free_bytes()
    finally:
        chat.close()
    # The driver's context and cuBLAS come on top: `agent.room` keeps 1 GiB of each device for them.
    assert predicted - max(50 * MIB, predicted // 20) <= taken <= predicted + 1024 * MIB
    assert before - free_bytes() < 64 * MIB


def test_a_plan_for_the_cpu_takes_nothing_of_the_device(worker: Worker) -> None:
    assert on_device(small_model(), LoadPlan(context=2048)) == 0


@pytest.mark.parametrize("layers", [-1, 15])
def test_the_same_batch_gives_the_same_texts_whatever_came_before(worker: Worker, layers: int) -> None:
    prompts = [("word " * 300) + f"Count from {n} to {n + 9}." for n in range(5)]
    limit = {"metadata": {"max_tokens": 48}}
    texts = []
    for before in (0, 0, 2):
        chat = GgufChat(small_model(), LoadPlan(context=8192, gpu_layers=layers, flash=True))
        try:
            chat.batch(prompts[:before], limit)
            texts.append([answer.content for answer in chat.batch(prompts, limit)])
        finally:
            chat.close()
    assert texts[0] == texts[1] == texts[2]


def test_a_model_leaves_the_device_before_the_next_one_is_loaded(worker: Worker) -> None:
    spec, plan = small_model(), LoadPlan(context=16384, gpu_layers=-1, flash=True)
    one, other = GgufChat(spec, plan), GgufChat(spec, plan)
    try:
        one.invoke("Say hello.", config=SHORT)
        first, held = one.pid, free_bytes()
        other.invoke("Say hello.", config=SHORT)
        assert first and one.pid is None and other.pid
        assert abs(free_bytes() - held) < 64 * MIB
    finally:
        one.close()
        other.close()


def test_a_card_that_is_partly_taken_gets_part_of_the_layers(worker: Worker) -> None:
    spec = small_model()
    whole = on_device(spec, LoadPlan(context=2048, gpu_layers=-1, flash=True))
    worker.close()  # its own context would count as taken
    with card_with(DEVICE_RESERVE + driver_bytes() + whole - 60 * MIB):
        plan = plan_model(spec, None, 2048)
        assert 0 < plan.gpu_layers < 30 and 0 < plan.on_device <= whole - 60 * MIB
        chat = GgufChat(spec, plan)
        try:
            assert chat.invoke("Say hello.", config=SHORT).content
        finally:
            chat.close()


@pytest.mark.parametrize("left", [0, DEVICE_RESERVE // 2 + 512 * MIB])
def test_where_the_card_is_full_the_cpu_computes(worker: Worker, left: int) -> None:
    worker.close()
    with card_with(left):
        plan = plan_model(small_model(), None, 2048)
        assert plan.gpu_layers == 0
        chat = GgufChat(small_model(), plan)
        try:
            assert chat.invoke("Say hello.", config=SHORT).content
        finally:
            chat.close()


def test_memory_that_runs_out_in_a_load_is_told_and_the_next_plan_taken(worker: Worker) -> None:
    worker.close()
    spec, plan = small_model(), LoadPlan(context=8192, gpu_layers=-1, flash=True)
    with card_with(driver_bytes() + 200 * MIB):
        chat = GgufChat(spec, plan)
        try:
            with pytest.raises(WorkerFailed, match="failed to allocate") as caught:
                chat.invoke("Say hello.", config=SHORT)
            assert caught.value.kind == "memory" and caught.value.hint and "\n" not in str(caught.value)
        finally:
            chat.close()
        told: list[str] = []
        chat = GgufChat(
            spec,
            plan,
            on_progress=lambda report: told.append(str(report.get("text", ""))),
            retreat=lambda failed: next_plan(spec, failed, None, 8192),
        )
        try:
            assert chat.invoke("Say hello.", config=SHORT).content
            assert chat.plan != plan and any("memory ran out" in text for text in told)
        finally:
            chat.close()


def test_memory_that_runs_out_in_a_computation_is_no_crash(worker: Worker) -> None:
    """Another program takes the rest of the card after the load; scratch that is taken later finds none."""
    worker.close()
    spec = small_model()
    chat = GgufChat(
        spec,
        LoadPlan(context=4096, gpu_layers=-1, flash=True),
        retreat=lambda failed: LoadPlan(context=4096) if failed.gpu_layers else None,
    )
    try:
        assert chat.context_size == 4096
        with card_with(0):
            assert chat.invoke("word " * 2000, config=SHORT).content
    finally:
        chat.close()
