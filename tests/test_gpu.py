"""With a GPU that llama.cpp can use (`make gpu`): layers on the device, predicted against measured, same answers twice.

Skipped elsewhere; what can be checked without a device is in test_plan.py.
"""

from collections.abc import Iterator

import pytest

from agent.chat import GgufChat
from agent.ladder import LoadPlan
from agent.plan import measure_plan, plan_model
from agent.worker import Worker
from tests.small_model import small_model

pytestmark = [pytest.mark.model, pytest.mark.gpu]
MIB = 1 << 20


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
        chat.invoke("word " * 3000, config={"metadata": {"max_tokens": 8}})
        taken = before - free_bytes()
    finally:
        chat.close()
    # The driver's context and cuBLAS come on top: `agent.room` keeps 1 GiB of each device for them.
    assert predicted - max(50 * MIB, predicted // 20) <= taken <= predicted + 1024 * MIB
    assert before - free_bytes() < 64 * MIB


def test_the_same_batch_gives_the_same_texts(worker: Worker) -> None:
    prompts = [f"Count from {n} to {n + 9}." for n in range(5)]
    texts = []
    for _ in range(2):
        chat = GgufChat(small_model(), LoadPlan(context=4096, gpu_layers=-1, flash=True))
        try:
            texts.append([answer.content for answer in chat.batch(prompts, {"metadata": {"max_tokens": 24}})])
        finally:
            chat.close()
    assert texts[0] == texts[1]
