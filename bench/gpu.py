"""One GPU against the CPU of the same machine: tokens per second, and whether the same texts come out.

    python -m bench.gpu [--models ALIAS|FILE,…] [--questions 5] [--evidence 3000] [--answer 100] [--ubatch 256,…]
                        [--once]

Each model answers the questions of `bench/decode.py` over shared evidence, as one batch, once per place: with every
layer on the GPU, with half of them, and with the card hidden, each in a process of its own, loading not counted. The
first batch of a process is a small one that warms it up. On each place the batch is written twice, the second
time by a model just loaded, and a third time after half of it, so that prompts could be taken over; `--once` leaves
that out. Memory is `bench/memory.py --layers`. Prints a table and, as the last line, one JSON object with every figure.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from agent.catalogue import find_model
from agent.chat import GgufChat
from agent.gguf_header import read_header
from agent.ladder import LoadPlan
from bench.decode import GRAMMAR, QUESTIONS, SYSTEM, evidence_of, prompt_of

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Measure what was asked for."""
    options = parse_options()
    if options.child:
        print(json.dumps(measure(options, options.child)))
        return
    found = []
    for alias in options.models.split(","):
        for ubatch in options.ubatch.split(","):
            rows = {place: child(options, alias, ubatch, place) for place in options.places.split(",")}
            show(alias, ubatch, rows)
            found.append({"model": alias, "ubatch": int(ubatch), "places": rows})
    print(json.dumps(found))


def parse_options() -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--models", default="smollm2-135m")
    parser.add_argument("--questions", type=int, default=5)
    parser.add_argument("--evidence", type=int, default=3000, help="shared tokens")
    parser.add_argument("--answer", type=int, default=100, help="tokens per answer")
    parser.add_argument("--ubatch", default="256", help="tokens evaluated at a time")
    parser.add_argument("--places", default="GPU,half,CPU")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    return parser.parse_args()


def child(options: argparse.Namespace, alias: str, ubatch: str, place: str) -> dict[str, Any]:
    """The figures of one place, from a process that sees the card or not."""
    hidden = {"CUDA_VISIBLE_DEVICES": "-1"} if place == "CPU" else {}
    asked = ["--models", alias, "--ubatch", ubatch, "--child", place]
    asked += [f"--{name}={getattr(options, name)}" for name in ("questions", "evidence", "answer")]
    command = [sys.executable, "-m", "bench.gpu", *asked, *(["--once"] if options.once else [])]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True, env=os.environ | hidden)
    figures: dict[str, Any] = json.loads(done.stdout.strip().rsplit("\n", 1)[-1])
    return figures


def measure(options: argparse.Namespace, place: str) -> dict[str, Any]:
    """Speed of one batch, and the texts of three."""
    from langchain_core.messages import HumanMessage, SystemMessage

    spec = find_model(options.models)
    layers = {"GPU": -1, "half": read_header(spec.require()).number("block_count") // 2, "CPU": 0}[place]
    room = options.evidence + options.questions * 400 + 500
    ubatch = int(options.ubatch)
    chat = GgufChat(spec, LoadPlan(context=-(-room // 256) * 256, gpu_layers=layers, flash=layers != 0, ubatch=ubatch))
    limits: Any = {"metadata": {"grammar": GRAMMAR, "max_tokens": options.answer}}
    try:
        evidence = evidence_of(options.evidence, chat.count_tokens)
        prompts = [prompt_of(evidence, question)["evidence first"] for question in QUESTIONS[: options.questions]]
        messages = [[SystemMessage(SYSTEM), HumanMessage(prompt)] for prompt in prompts]
        chat.batch([[HumanMessage(prompt[:600])] for prompt in prompts], {"metadata": {"max_tokens": 4}})
        chat.forget()
        speed, first = timed(chat, messages, limits)
        if options.once:
            return speed | {"texts": first, "layers": layers}
        chat.close()
        again = [str(answer.content) for answer in chat.batch(messages, limits)]
        chat.batch(messages[: len(messages) // 2], limits)
        warm = [str(answer.content) for answer in chat.batch(messages, limits)]
    finally:
        chat.close()
    return speed | {"texts": first, "same_cold": first == again, "same_warm": first == warm, "layers": layers}


def timed(chat: GgufChat, messages: Any, limits: Any) -> tuple[dict[str, Any], list[str]]:
    """Seconds and tokens of a batch: reading, writing and all of it, and its texts."""
    ends: dict[str, float] = {}
    began = time.perf_counter()
    chat.on_progress = lambda report: ends.__setitem__(report["phase"], time.perf_counter() - began)
    answers = chat.batch(messages, limits)
    seconds = time.perf_counter() - began
    usage = [answer.response_metadata for answer in answers]
    inside, native = chat.last_times
    figures = {
        "seconds": seconds,
        "reading": ends.get("prompt", 0.0),
        "read": sum(one["prompt_tokens"] - one["prompt_reused"] for one in usage),
        "written": sum(one["generated"] for one in usage),
        "outside_llama": 1 - native / inside,
    }
    return figures, [str(answer.content) for answer in answers]


def show(alias: str, ubatch: str, rows: dict[str, dict[str, Any]]) -> None:
    """The places side by side, as shares of the last one's time."""
    last = list(rows.values())[-1]
    for place, row in rows.items():
        writing = row["seconds"] - row["reading"]
        reads = row["read"] / max(row["reading"], 1e-9)
        writes = row["written"] / max(writing, 1e-9)
        alike = sum(one == other for one, other in zip(row["texts"], last["texts"], strict=True))
        print(
            f"{Path(alias).stem:24} {place:5} ubatch {ubatch:>4}  read {row['read']} at {reads:8.0f} tokens/s, wrote "
            f"{row['written']} at {writes:7.1f}, {row['seconds']:7.2f} s, {last['seconds'] / row['seconds']:5.1f} "
            f"times as fast, {row['outside_llama']:.1%} outside llama.cpp; same again {row.get('same_cold')}, "
            f"after other prompts {row.get('same_warm')}, {alike} of {len(row['texts'])} texts as the last",
            flush=True,
        )


if __name__ == "__main__":
    main()
