"""Census kind `told_figures`: keys handed to loggers and files, own timers; and where the course is recorded."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

FILES = {
    "README.md": "```\npython train.py\n```\n",
    "train.py": """
import json
import logging
import os
import time

import wandb

from timing import Recorder, settings


def main(args):
    settings.profile = args.profiling
    logging.info("a remark")
    for epoch in range(args.epochs):
        with Recorder("epoch"):
            stats = learn(args, epoch)
        log_stats = {**{f"train_{k}": v for k, v in stats.items()}, "epoch": epoch}
        with open(os.path.join(args.output_dir, "log.txt"), "a") as f:
            f.write(json.dumps(log_stats))


def learn(args, epoch):
    for batch in args.data:
        logging.info(f"Train Epoch: {epoch} batch {batch}")
        data = {"batch_time": 1, "samples_per_second": 2}
        data.update({"lr": 3})
        losses = criterion(batch)
        data.update({name: value.item() for name, value in losses.items()})
        data = {"train/" + name: value for name, value in data.items()}
        wandb.log(data, step=1)
    return {"loss": 0}


def settle(args):
    json.dump({"name": args.name, "path": args.path}, open("x.json", "w"))


if __name__ == "__main__":
    main(None)
""",
    "engine.py": """
import time
import psutil


class Engine:
    def report(self):
        now = time.monotonic()
        rate = len(self.seen) / (now - self.seen[0][0])
        record_metrics(throughput=rate, gpu_usage=0.5, name="x")

    def pay(self, tokens):
        self.total_cost += tokens * 2.5 / 1000000
        self.path_cost += 3


def heat():
    told = {}
    temperatures = psutil.sensors_temperatures()
    for name, value in temperatures.items():
        told[name] = value
    return told


print(heat(), Engine().report(), Engine().pay(1))
""",
    "timing.py": """
import time


class Settings:
    profile: bool = False


settings = Settings()


class Recorder:
    def __init__(self, name):
        self.name = name

    def __enter__(self):
        if settings.profile:
            self.start = time.monotonic()

    def __exit__(self, *_):
        if settings.profile:
            self.taken = time.monotonic() - self.start
""",
}


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return codebase_of(FILES)


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_the_keys_of_dictionaries_that_are_told_are_collected(codebase: Codebase) -> None:
    assert texts(codebase, "told_figures: key") == [
        "`Engine.report()` hands `throughput`, `gpu_usage` to `record_metrics()`",
        "`main()` hands `train_loss`, `epoch` to `json.dumps()`",
        "`learn()` hands `batch_time`, `samples_per_second`, `lr`, what `criterion()` returns to `wandb.log()`",
    ]


def test_rates_costs_and_temperatures_are_measured(codebase: Codebase) -> None:
    hits = run_query(codebase, "usage_metrics").hits
    assert [(hit.name, hit.symbol) for hit in hits] == [
        ("cpu", "heat"), ("throughput", "Engine.report"), ("time", "Recorder.__exit__"), ("counter", "Engine.pay"),
    ]  # fmt: skip


def test_a_timer_of_the_repository_is_told_with_its_switch(codebase: Codebase) -> None:
    (timer,) = texts(codebase, "told_figures: timer")
    assert timer.startswith(
        "`Recorder` (timing.py) times what runs between its begin and its end; used at 1 place: `main`"
    )
    assert (
        "only if `settings.profile` (default `False`, set by `settings.profile = args.profiling` in `main()`)" in timer
    )


def test_progress_names_the_files_and_the_messages_of_loops_first(codebase: Codebase) -> None:
    said = texts(codebase, "recording: progress")
    assert "files (`{args.output_dir}/log.txt` (appended by `main()`" in said[0]
    (messages,) = [text for text in said if text.startswith("The course is told by messages")]
    assert "Train Epoch" in messages
    assert "a remark" not in messages


def test_use_and_performance_name_the_figures(codebase: Codebase) -> None:
    (usage,) = texts(codebase, "memory_answers: usage")
    assert usage.startswith("GPU and CPU use is not tracked. Performance: `Recorder` (timing.py) times")
    assert "`learn()` hands `batch_time`" in usage
