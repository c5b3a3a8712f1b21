"""The memory plan: the ladder under injected budgets and devices, dry runs against formulas and
against a real load.
"""

from pathlib import Path

import psutil
import pytest

from agent import room as rooms
from agent.catalogue import ModelSpec
from agent.errors import MemoryRefused, WorkerFailed
from agent.estimate import estimate
from agent.ladder import LoadPlan, rungs
from agent.plan import (
    RUNTIME_DEVICE,
    RUNTIME_HOST,
    Candidate,
    Need,
    candidates,
    first_that_fits,
    measure_plan,
    need_of,
    next_plan,
    plan_model,
)
from agent.room import Room
from agent.worker import Worker
from tests.small_model import small_model

GIB, MIB = 1 << 30, 1 << 20
LAYERS = 40


@pytest.fixture
def spec(tmp_path: Path) -> ModelSpec:
    path = tmp_path / "toy.gguf"
    path.write_bytes(b"x")
    return ModelSpec("toy", "writer", path, context=32768)


def toy_need(_: ModelSpec, plan: LoadPlan) -> Need:
    """4 GiB of weights in 40 layers, 64 KiB of cache a token, scratch by batch, answers and attention."""
    share = LAYERS if plan.gpu_layers < 0 else min(plan.gpu_layers, LAYERS)
    cache = plan.context * 64 * 1024 // (1 if plan.kv_type == 1 else 2)
    on_gpu = (4 * GIB + cache) * share // LAYERS
    host = 4 * GIB + cache - on_gpu + (2 * GIB if plan.repack and share < LAYERS else 0)
    host += (plan.ubatch + 8 * plan.sequences) * 64 * 1024 + (0 if plan.flash else plan.context * 16 * 1024)
    return Need(host, {"GPU0": on_gpu} if share else {})


def chosen(spec: ModelSpec, host: int, gpu: int = 0, wanted: int = 16384) -> LoadPlan:
    room = Room(host, {"GPU0": gpu} if gpu else {})
    return plan_model(spec, None, wanted, room=room, measure=toy_need)


def test_weights_stay_in_the_file_where_its_kernels_are_faster(
    spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.ladder.tiled_kernels", lambda: True)
    assert not LoadPlan().repack
    rungs = list(candidates(spec, None, 8192, room=Room(64 * GIB), measure=toy_need))
    assert not any(rung.plan.repack for rung in rungs)


def test_the_ladder_gives_up_the_cheapest_first(spec: ModelSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.ladder.tiled_kernels", lambda: False)
    everything = chosen(spec, 32 * GIB, 16 * GIB)
    assert (everything.gpu_layers, everything.context, everything.kv_type) == (-1, 16384, 1)
    smaller = chosen(spec, 32 * GIB, 4 * GIB + 640 * MIB)
    assert smaller.gpu_layers == -1 and 2048 <= smaller.context < 16384 and smaller.kv_type == 1
    quantised = chosen(spec, 32 * GIB, 4 * GIB + 100 * MIB)
    assert (quantised.gpu_layers, quantised.kv_type) == (-1, 8)
    partial = chosen(spec, 32 * GIB, 2 * GIB)
    assert 0 < partial.gpu_layers < LAYERS
    nothing_on_it = chosen(spec, 32 * GIB, 100 * MIB)
    assert (nothing_on_it.gpu_layers, nothing_on_it.repack, nothing_on_it.context) == (0, True, 16384)
    mapped = chosen(spec, 5 * GIB + 512 * MIB)
    assert (mapped.repack, mapped.context, mapped.flash) == (False, 16384, False)
    flash = chosen(spec, 5 * GIB + 100 * MIB)
    assert (flash.context, flash.flash) == (16384, True)
    shorter = chosen(spec, 4 * GIB + 900 * MIB)
    assert shorter.context < 16384 and shorter.ubatch == 256
    narrow = chosen(spec, 4 * GIB + 142 * MIB)
    assert (narrow.context, narrow.ubatch, narrow.sequences) == (2048, 128, 8)
    few = chosen(spec, 4 * GIB + 138 * MIB)
    assert (few.sequences, few.kv_type) == (2, 1)
    last = chosen(spec, 4 * GIB + 80 * MIB)
    assert (last.repack, last.kv_type, last.context) == (False, 8, 2048)


def test_every_rung_can_be_the_one_that_fits(spec: ModelSpec) -> None:
    """Each rung is chosen when exactly its need is free and no rung before it needs less."""
    for gpu in (0, 16 * GIB):
        best = 1 << 60
        for rung in candidates(spec, None, 8192, room=Room(64 * GIB, {"GPU0": gpu} if gpu else {}), measure=toy_need):
            assert rung.need
            if rung.need.host < best and not rung.need.devices:
                room = Room(rung.need.host)
                assert plan_model(spec, None, 8192, room=room, measure=toy_need).context == rung.plan.context
            best = min(best, rung.need.host)


def test_after_a_load_that_failed_the_next_rung_is_taken_until_none_is_left(spec: ModelSpec) -> None:
    room = Room(64 * GIB, {"GPU0": 64 * GIB})
    plan: LoadPlan | None = plan_model(spec, None, 8192, room=room, measure=toy_need)
    taken = []
    while plan:
        taken.append(plan)
        plan = next_plan(spec, plan, None, 8192, room=room, measure=toy_need)
    rungs = [rung.plan for rung in candidates(spec, None, 8192, room=room, measure=toy_need)]
    assert [(p.gpu_layers, p.context, p.kv_type, p.flash, p.ubatch, p.sequences) for p in taken] == [
        (p.gpu_layers, p.context, p.kv_type, p.flash, p.ubatch, p.sequences) for p in rungs
    ]
    assert taken[0].gpu_layers == -1 and taken[-1].gpu_layers == 0


def test_the_next_model_down_answers_where_the_first_does_not_fit(spec: ModelSpec, tmp_path: Path) -> None:
    small = ModelSpec("small", "writer", tmp_path / "toy.gguf", context=32768)

    def measure(wanted: ModelSpec, plan: LoadPlan) -> Need:
        need = toy_need(wanted, plan)
        return need if wanted is spec else Need(need.host // 4)

    found, plan = first_that_fits([spec, small], None, 8192, room=Room(2 * GIB), measure=measure)
    assert found is small and plan.predicted <= 2 * GIB
    with pytest.raises(MemoryRefused, match="toy does not fit"):
        first_that_fits([spec, small], None, 8192, room=Room(GIB), measure=measure)


def test_nothing_that_fits_is_refused_with_what_would(spec: ModelSpec) -> None:
    with pytest.raises(MemoryRefused, match=r"budget of 1\.0 GiB") as caught:
        plan_model(spec, GIB, 8192, room=Room(GIB), measure=toy_need)
    assert "4.1 GiB at least" in caught.value.hint
    assert caught.value.exit_code == 3


def test_a_cache_type_the_model_cannot_have_is_passed_over(spec: ModelSpec) -> None:
    def measure(spec: ModelSpec, plan: LoadPlan) -> Need:
        if plan.kv_type != 1:
            raise WorkerFailed("no such cache", kind="request")
        return toy_need(spec, plan)

    rungs: list[Candidate] = list(candidates(spec, None, 8192, room=Room(GIB), measure=measure))
    assert rungs[-1].need is None and not rungs[-1].fits
    with pytest.raises(WorkerFailed):
        plan_model(spec, None, 8192, room=Room(GIB), measure=lambda *_: broken())


def broken() -> Need:
    raise WorkerFailed("corrupt", kind="corrupt")


def test_context_never_exceeds_what_is_wanted_or_trained(spec: ModelSpec) -> None:
    assert chosen(spec, 64 * GIB, wanted=1000).context == 1024
    assert chosen(spec, 64 * GIB, wanted=100_000).context == 32768
    assert all(c.plan.context % 256 == 0 for c in candidates(spec, None, 9001, room=Room(0), measure=toy_need))


def test_a_budget_caps_host_and_devices_together() -> None:
    room = Room(8 * GIB, {"GPU0": 8 * GIB}, together=10 * GIB)
    assert room.lacks(2 * GIB, {"GPU0": 8 * GIB}) == {}
    assert room.lacks(3 * GIB, {"GPU0": 8 * GIB}) == {"budget": GIB}
    assert room.lacks(9 * GIB, {"GPU1": 1}) == {"host": GIB, "GPU1": 1}


def test_buffers_are_sorted_to_host_and_devices() -> None:
    def buffer(name: str, weights: int = 0, cache: int = 0, compute: int = 0) -> dict[str, object]:
        return {"name": name, "weights": weights, "cache": cache, "compute": compute}

    need = need_of(
        [buffer("CPU", 100, 0, 5), buffer("CPU_REPACK", 40), buffer("CUDA0", 500, 60, 7), buffer("CUDA_Host", 0, 0, 3)],
        resident=1000,
        output=2,
    )
    assert need == Need(host=1000 + 2 + 105 + 80 + 3 + RUNTIME_HOST, devices={"CUDA0": 567 + RUNTIME_DEVICE}, saved=60)


def test_a_full_card_is_passed_over(spec: ModelSpec) -> None:
    assert chosen(spec, 32 * GIB, 1).gpu_layers == 0
    full = list(candidates(spec, None, 8192, room=Room(32 * GIB, {"GPU0": 0}), measure=toy_need))
    assert {one.plan.gpu_layers for one in full} == {0}

    def measure(spec: ModelSpec, plan: LoadPlan) -> Need:
        if plan.gpu_layers:
            raise WorkerFailed("CUDA error: out of memory", kind="memory")
        return toy_need(spec, plan)

    room = Room(32 * GIB, {"GPU0": GIB, "GPU1": 0})
    assert plan_model(spec, None, 8192, room=room, measure=measure).gpu_layers == 0


def test_layers_go_to_the_device_by_eighths_of_the_model() -> None:
    parts = [plan.gpu_layers for plan in rungs([2048], gpu=True, layers=28) if plan.gpu_layers > 0]
    assert parts == [24, 21, 17, 14, 10, 7, 3]


def test_the_cgroup_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    monkeypatch.setattr(rooms, "_own_cgroup", lambda *_: "a/b")
    (inner / "memory.max").write_text("max\n")
    (inner / "memory.current").write_text("5\n")
    (tmp_path / "a" / "memory.max").write_text("1000\n")
    (tmp_path / "a" / "memory.current").write_text("700\n")
    (tmp_path / "a" / "memory.stat").write_text("anon 1\ninactive_file 50\n")
    assert rooms._cgroup_leaves(tmp_path) == [350]
    assert rooms._old_cgroup_leaves(tmp_path) == []
    (tmp_path / "a" / "memory.limit_in_bytes").write_text("2000\n")
    (tmp_path / "a" / "memory.usage_in_bytes").write_text("1500\n")
    (tmp_path / "a" / "memory.stat").write_text("inactive_file 5\ntotal_inactive_file 50\n")
    assert rooms._old_cgroup_leaves(tmp_path) == [550]


@pytest.mark.model
@pytest.mark.parametrize(("context", "flash"), [(2048, False), (8192, True)])
def test_dry_run_formula_and_real_load_agree(context: int, flash: bool) -> None:
    """A prompt that fills the context, since scratch is taken as it is needed, or flash attention with little of it."""
    spec, plan = small_model(), LoadPlan(context=context, flash=flash)
    worker = Worker()
    try:
        need = measure_plan(spec, plan, worker)
        base = worker.ask({"op": "measure", "path": str(spec.path), "plan": plan.to_wire()})["resident"]
        assert abs(estimate(spec.path, plan) - (need.host - base)) < 20 * MIB
        worker.close()
        worker.ask({"op": "load", "path": str(spec.path), "plan": plan.to_wire(), "template": "file"})
        item = {"messages": [{"role": "user", "content": "word " * 1900}], "grammar": "", "max_tokens": 8}
        worker.ask({"op": "batch", "items": [item]})
        peak = psutil.Process(worker.pid).memory_info().rss
        assert abs(peak - need.host) < max(50 * MIB, need.host // 20)
    finally:
        worker.close()
