"""Figures of batches: against a shell loop of `run`, under kill -9 among hostile folders, and on a Ray cluster.

    python bench/batch.py loop SOURCE... [--model smollm2-135m] [--only 1,11]
    python bench/batch.py kills SOURCE... [--kills 3] [--model none] [--only 1,11]
    python bench/batch.py nodes [--repositories 24] [--nodes 1,2,4]

`loop` audits the same list twice, each time from empty caches: by one `run` after the other, and by one batch; the
answers must be the same bytes. `kills` adds five hostile folders to the list, audits everything undisturbed, then again
with so many kill -9 at random moments, and compares. `nodes` runs small repositories on Ray nodes of this machine with
a scripted model that waits a second for each answer. Exit code 1 when answers differ.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
WAIT_SECONDS = 1.0


def command(*words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "agent", *words]


def run(words: Sequence[str], cache: Path) -> tuple[float, str]:
    """Wall-clock seconds of one command, and what it logged."""
    environment = {**os.environ, "DEPOSITION_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
    began = time.monotonic()
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if done.returncode > 1:
        sys.exit(f"{' '.join(words)} ended with code {done.returncode}:\n{done.stderr[-2000:]}")
    return time.monotonic() - began, done.stderr


def texts(out: Path) -> dict[str, str]:
    return {path.parent.name: path.read_text("utf-8") for path in out.glob("*/ANSWERS.md")}


def differing(one: Path, other: Path) -> list[str]:
    left, right = texts(one), texts(other)
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def loop(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    choices = ["--model", arguments.model, *(["--only", arguments.only] if arguments.only else [])]
    each = []
    for source in arguments.sources:
        out = folder / "loop" / Path(source).resolve().name
        each.append(run(command("run", "--repo", source, "--out", str(out), *choices), folder / "cache-loop")[0])
    batch = run(command("batch", *arguments.sources, "--out", str(folder / "batch"), *choices), folder / "cache-batch")
    different = differing(folder / "loop", folder / "batch")
    figures = {
        "repositories": len(arguments.sources),
        "model": arguments.model,
        "only": arguments.only,
        "loop_seconds": round(sum(each), 1),
        "batch_seconds": round(batch[0], 1),
        "ratio": round(sum(each) / batch[0], 2),
        "different": different,
    }
    print(f"one run after the other  {figures['loop_seconds']:8.1f} s")
    print(f"one batch                {figures['batch_seconds']:8.1f} s   {figures['ratio']} times the throughput")
    print(f"answers that differ      {different or 'none'}")
    return figures


def hostile(folder: Path) -> list[str]:
    """A loop of links, a pipe, a file of a gigabyte without content, broken encodings, and nothing at all."""
    for name in ("links", "pipe", "sparse", "encodings", "empty"):
        (folder / name).mkdir(parents=True)
    (folder / "links" / "a").mkdir()
    (folder / "links" / "a" / "b").symlink_to(folder / "links")
    (folder / "links" / "x.py").symlink_to(folder / "links" / "x.py")
    os.mkfifo(folder / "pipe" / "main.py")
    with (folder / "sparse" / "model.py").open("wb") as file:
        file.truncate(1 << 30)
    (folder / "sparse" / "main.py").write_text("print(1)\n")
    (folder / "encodings" / "wide.py").write_bytes("print('hé')\n".encode("utf-16"))
    (folder / "encodings" / "latin.py").write_bytes(b"# caf\xe9\nprint('\xff\xfe')\n\x0c\n" * 50)
    (folder / "encodings" / "wrong.py").write_bytes(b"# -*- coding: no-such -*-\nx = '\x80\x81\xc3'\n")
    (Path(os.fsdecode(bytes(folder / "encodings") + b"/\xff\xfe.py"))).write_bytes(b"y = 2\n")
    (folder / "encodings" / "endless.py").write_bytes(b"x = [" + b"1, " * 300_000 + b"]\n")
    return [str(path) for path in sorted(folder.iterdir())]


def kills(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    evil = hostile(folder / "hostile")
    choices = ["--model", arguments.model, *(["--only", arguments.only] if arguments.only else [])]
    listing = folder / "list.txt"
    listing.write_text("".join(f"'{Path(source).absolute()}'\n" for source in [*arguments.sources, *evil]))
    whole = command("batch", str(listing), "--out", str(folder / "calm"), *choices)
    calm, _ = run(whole, folder / "cache-calm")
    print(f"undisturbed: {calm:.1f} s", flush=True)
    torn = command("batch", str(listing), "--out", str(folder / "torn"), *choices)
    moments = []
    for number in range(arguments.kills):
        share = random.Random(number).uniform(0.6, 1.1) / (arguments.kills + 1)
        moments.append(round(calm * share, 1))
        killed_after(torn, folder / "cache-torn", moments[-1])
    last, _ = run(torn, folder / "cache-torn")
    different = differing(folder / "calm", folder / "torn")
    records = json.loads((folder / "torn" / "summary.json").read_bytes())["repositories"]
    names = {Path(place).name for place in evil}
    cost = {one["slug"]: sum(one["seconds"].values()) for one in records if one["slug"] in names}
    summaries = [(folder / name / "SUMMARY.md").read_text("utf-8").split("## Time")[0] for name in ("calm", "torn")]
    for name, seconds in cost.items():
        reason = next(one["reason"] or one["state"] for one in records if one["slug"] == name)
        print(f"hostile {name:<10} {seconds:6.1f} s  {reason}")
    print(f"kill -9 after {moments} s each, then {last:.1f} s to the end")
    print(f"answers that differ: {different or 'none'}; summaries are equal: {summaries[0] == summaries[1]}")
    return {
        "repositories": len(arguments.sources),
        "hostile": len(evil),
        "model": arguments.model,
        "only": arguments.only,
        "undisturbed_seconds": round(calm, 1),
        "killed_after_seconds": moments,
        "last_seconds": round(last, 1),
        "done": sum(one["state"] == "done" for one in records),
        "failed": sum(one["state"] == "failed" for one in records),
        "hostile_seconds_most": round(max(cost.values()), 1),
        "different": different,
        "summaries_equal": summaries[0] == summaries[1],
    }


def killed_after(words: Sequence[str], cache: Path, seconds: float) -> None:
    environment = {**os.environ, "DEPOSITION_CACHE": str(cache), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(words, env=environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.wait()


def waiting() -> Any:
    """A model that waits as for a graphics card, and an embedder that costs nothing."""
    from agent.testing import ScriptedChat
    from retrieval.embed import HashEmbedder

    def script(messages: Any, metadata: Any) -> str:
        del metadata
        time.sleep(WAIT_SECONDS)
        return f"E1: This tool has {len(str(messages[-1].content))} characters of evidence."

    return ScriptedChat(answers=script), HashEmbedder()


@contextmanager
def cluster(nodes: int, folder: Path) -> Iterator[str]:
    """A head without work and so many nodes, each with a cache of its own; gives the address."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for number in range(nodes):
        caches = {"DEPOSITION_CACHE": str(folder / f"node{number}"), "PYTHONPATH": str(ROOT)}
        made.add_node(num_cpus=1, env_vars=caches, wait=True)
    yield made.address
    made.shutdown()


def nodes(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    from agent.batch.course import BatchOptions, run_batch
    from agent.batch.task import Choices, Outcome, Sign

    for number in range(arguments.repositories):
        repo = folder / "shelf" / f"r{number}"
        repo.mkdir(parents=True)
        (repo / "README.md").write_text(f"# Tool {number}\n\nIt adds {number}.\n")
        (repo / "tool.py").write_text(f"def add(a):\n    return a + {number}\n\n\nprint(add(1))\n")
    os.environ["DEPOSITION_CACHE"] = str(folder / "cache")
    measured = []
    for count in [int(part) for part in arguments.nodes.split(",")]:
        with cluster(count, folder / f"nodes{count}") as address:
            first: list[float] = []

            def listen(message: Sign | Outcome, first: list[float] = first) -> None:
                if isinstance(message, Outcome):
                    first.append(time.monotonic())

            choices = Choices(only=("1.1",), double="bench.batch:waiting")
            options = BatchOptions((str(folder / "shelf"),), str(folder / f"out{count}"), choices, 1, "ray", address)
            began = time.monotonic()
            run_batch(options, listen)
            whole = time.monotonic() - began
        records = json.loads((folder / f"out{count}" / "summary.json").read_bytes())["repositories"]
        work = sum(record["seconds"]["answer"] for record in records)
        # From the first result on every process is up: what the nodes spent then beyond the work itself is overhead.
        steady = first[-1] - first[0]
        share = (len(first) - 1) / len(first)
        overhead = (steady * count - work * share) / (len(first) - 1)
        measured.append(
            {
                "nodes": count,
                "seconds": round(whole, 1),
                "steady_seconds": round(steady, 1),
                "seconds_per_repository": round(steady / (len(first) - 1), 3),
                "work_per_repository": round(work / len(records), 3),
                "overhead_per_repository": round(overhead, 3),
            }
        )
        print(json.dumps(measured[-1]), flush=True)
    same = all(texts(folder / f"out{one['nodes']}") == texts(folder / f"out{measured[0]['nodes']}") for one in measured)
    print(f"the same answers on any number of nodes: {same}")
    return {"repositories": arguments.repositories, "measured": measured, "different": [] if same else ["nodes"]}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = parser.add_subparsers(dest="kind", required=True)
    for name in ("loop", "kills"):
        kind = kinds.add_parser(name)
        kind.add_argument("sources", nargs="+")
        kind.add_argument("--model", default="smollm2-135m")
        kind.add_argument("--only", default="")
        kind.add_argument("--kills", type=int, default=3)
        kind.add_argument("--keep", type=Path, help="a folder for everything that is written")
    kind = kinds.add_parser("nodes")
    kind.add_argument("--repositories", type=int, default=24)
    kind.add_argument("--nodes", default="1,2,4")
    kind.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as temporary:
        folder = arguments.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        figures = {"loop": loop, "kills": kills, "nodes": nodes}[arguments.kind](arguments, folder.absolute())
    print(json.dumps(figures))
    return 1 if figures["different"] else 0


if __name__ == "__main__":
    sys.exit(main())
