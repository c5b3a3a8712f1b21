"""Predicted against measured memory of a loaded model, and whether memory comes back.

    python -m bench.memory [--models ALIAS|FILE,…] [--contexts 2048,8192,32768] [--layers all,N,…] [--cycles N]

For each model and context a child process loads the model as planned, fills the cache to its last cell and evaluates
one full batch there, so that weights, cache and scratch are all touched; its peak resident size is held against the
plan. The cache is filled by evaluating an eighth of it and laying copies beside it. With `--layers` so many layers are
put on the GPU, and what the child takes of each device, its driver's own context left out, is held against the plan as
well; peak resident size then counts the file's pages, which the kernel drops. With `--cycles`, the first two models are
loaded, asked and unloaded in turn that many times, by this process's own chat model: resident size of this process,
memory in use and processes left over, before and after. Prints a table and, as the last line, one JSON object.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from agent.catalogue import find_model
from agent.ladder import LoadPlan
from agent.plan import measure_plan

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20
MODELS = "smollm2-135m,gemma-3-270m,qwen2.5-coder-1.5b"
ALLOWED_SHARE, ALLOWED_BYTES = 0.05, 50 * MIB
TEXT = (ROOT / "agent" / "lockstep.py").read_text("utf-8")


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--models", default=MODELS)
    parser.add_argument("--contexts", default="2048,8192,32768")
    parser.add_argument("--layers", default="0", help="on the GPU: all, or numbers")
    parser.add_argument("--cycles", type=int, default=0)
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(peak(json.loads(options.child))))
        return
    aliases = options.models.split(",")
    if options.cycles:
        print(json.dumps(cycles(aliases[:2], options.cycles)))
        return
    rows = [
        compare(alias, LoadPlan(context=int(size), flash=flash, gpu_layers=-1 if layers == "all" else int(layers)))
        for alias in aliases
        for layers in options.layers.split(",")
        for size in options.contexts.split(",")
        for flash in ((False, True) if layers == "0" else (True,))
    ]
    print(json.dumps(rows))


def compare(alias: str, plan: LoadPlan) -> dict[str, Any]:
    """One line of the table."""
    from agent.worker import Worker

    spec = find_model(alias)
    worker = Worker(gpu=plan.gpu_layers != 0)
    try:
        need = measure_plan(spec, plan, worker)
    finally:
        worker.close()
    job = {"path": str(spec.require()), "plan": plan.to_wire()}
    done = subprocess.run(
        [sys.executable, "-m", "bench.memory", "--child", json.dumps(job)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | ({} if plan.gpu_layers else {"CUDA_VISIBLE_DEVICES": "-1"}),
    )
    found = json.loads(done.stdout.strip().rsplit("\n", 1)[-1])
    row = {"model": spec.alias, "context": plan.context, "flash": plan.flash, "layers": plan.gpu_layers}
    row |= held_against(need.host + found["saved"], found["peak"])
    devices = {name: held_against(need.devices.get(name, 0), taken) for name, taken in found["taken"].items()}
    told = "".join(f"; {name} {tell(one)}" for name, one in devices.items() if plan.gpu_layers)
    way = f"{'flash' if plan.flash else 'full':5} {plan.place:23}"
    print(f"{spec.alias:20} {plan.context:6} {way} {tell(row)}{told}", flush=True)
    return row | {"devices": devices, "resident": found["resident"], "context_bytes": found["context_bytes"]}


def held_against(predicted: int, measured: int) -> dict[str, Any]:
    """Both figures, and whether they agree as promised."""
    within = abs(predicted - measured) <= max(ALLOWED_BYTES, ALLOWED_SHARE * measured)
    return {"predicted": predicted, "measured": measured, "within": within}


def tell(row: dict[str, Any]) -> str:
    """Both figures for a person."""
    predicted, measured = row["predicted"] / MIB, row["measured"] / MIB
    apart = f", {predicted / measured - 1:+.1%}" if measured else ""
    outside = "" if row["within"] else "  OUTSIDE"
    return f"predicted {predicted:7.0f} MiB, measured {measured:7.0f} MiB{apart}{outside}"


def peak(job: dict[str, Any]) -> dict[str, Any]:
    """Bytes of this process with a full cache: `peak` and `resident` ones, `saved` those of them that hold the copied
    prompt, `taken` of each device, and `context_bytes` of the driver's own beside them.
    """
    from agent.llama import Engine
    from agent.prefill import Row

    before = free_on_devices()
    driver = device_bytes_of_this_process()
    plan = job["plan"]
    engine = Engine(job["path"], plan)
    batch = plan["ubatch"] + 64
    length = (engine.context_size - batch) // plan["sequences"]
    text = engine.tokenize(TEXT, special=False)
    tokens = (text * (1 + length // len(text)))[:length]
    for start in range(0, length, plan["ubatch"]):
        end = min(length, start + plan["ubatch"])
        engine.decode([Row(tokens[at], at, 0) for at in range(start, end)])
    cells = engine.save(0)
    for sequence in range(1, plan["sequences"]):
        engine.restore(sequence, cells)
    last = plan["sequences"]
    rows = [Row(text[at], at, last, wanted=at < last) for at in range(batch)]
    engine.decode(rows)
    engine.logits(0)  # waits until a device has computed them
    after = free_on_devices()
    return {
        "peak": _peak_bytes(),
        "resident": psutil.Process().memory_info().rss,
        "saved": len(cells),
        "taken": {name: size - after[name] for name, size in before.items()},
        "context_bytes": driver,
    }


def free_on_devices() -> dict[str, int]:
    """Free bytes of each GPU, in this process's eyes; asking makes the driver's context."""
    from agent.llama import devices

    return {device["name"]: device["free"] for device in devices() if device["kind"] == "gpu"}


def device_bytes_of_this_process() -> int:
    """Bytes that this process holds on NVIDIA's GPUs, as the driver tells them; 0 where it does not."""
    if not shutil.which("nvidia-smi"):
        return 0
    query = ["nvidia-smi", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits"]
    lines = subprocess.run(query, capture_output=True, text=True).stdout.split("\n")
    found = [line.split(",") for line in lines if line.startswith(f"{os.getpid()},")]
    return sum(int(size) << 20 for _, size in found if size.strip().isdecimal())


def _peak_bytes() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def cycles(aliases: list[str], count: int) -> dict[str, Any]:
    """Load, ask and unload two models in turn."""
    from agent.chat import GgufChat

    own = psutil.Process()
    chats = [GgufChat(find_model(alias), LoadPlan(context=2048)) for alias in aliases]
    resident: list[int] = []
    used: list[int] = []
    pids: list[int] = []
    for number in range(count):
        # Entering the slot ends the other one; nothing else closes it.
        chat = chats[number % 2]
        chat.invoke("Say hello.", config={"metadata": {"max_tokens": 4}})
        assert chat.pid
        pids.append(chat.pid)
        resident.append(own.memory_info().rss)
        used.append(psutil.virtual_memory().used)
        if number % 20 == 19:
            print(f"{number + 1} loads: own {resident[-1] / MIB:.0f} MiB, machine {used[-1] / MIB:.0f} MiB", flush=True)
    for chat in chats:
        chat.close()
    tenth = max(1, count // 10)
    return {
        "loads": sum(chat.loads for chat in chats),
        "processes": len(set(pids)),
        "orphans": sum(psutil.pid_exists(pid) for pid in set(pids)) + len(own.children(recursive=True)),
        "own_bytes_first_and_last_tenth": [median(resident[tenth : 2 * tenth]), median(resident[-tenth:])],
        "machine_bytes_first_and_last_tenth": [median(used[:tenth]), median(used[-tenth:])],
    }


if __name__ == "__main__":
    main()
