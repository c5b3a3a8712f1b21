"""Census kinds `logged`, `task_states` and `recording`: which library really logs, and how progress is told."""

from retrieval.census import run_query
from retrieval.census.files.path_patterns import paths_of
from tests.source_tree import codebase_of


def libraries(files: dict[str, str | bytes]) -> list[str]:
    return [hit.detail["library"] for hit in run_query(codebase_of(files), "logged").hits]


def told(files: dict[str, str | bytes], query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of(files), query).hits]


def test_a_logger_of_loguru_is_not_the_standard_module() -> None:
    assert libraries({"app.py": "from loguru import logger\n\nlogger.info('x')\n"}) == ["loguru"]


def test_a_logger_is_followed_through_a_function_and_a_module() -> None:
    files: dict[str, str | bytes] = {
        "pkg/__init__.py": "",
        "pkg/log.py": "import logging\n\n\ndef build():\n    return logging.getLogger('pkg')\n\n\nlogger = build()\n",
        "pkg/a.py": "from pkg.log import build\n\nlog = build()\n\n\ndef go():\n    log.warning('x')\n",
        "pkg/b.py": "from pkg.log import logger\n\n\ndef go():\n    logger.info('x')\n",
    }
    assert libraries(files) == ["logging", "logging"]


def test_a_print_by_another_name_is_told_by_its_library() -> None:
    files: dict[str, str | bytes] = {
        "say.py": "from rich.console import Console\n\nconsole = Console()\nrlog = console.log\n",
        "app.py": "from say import rlog as log\n\n\ndef go():\n    log('x')\n",
    }
    assert libraries(files) == ["rich"]


def test_logarithms_and_containers_do_not_log() -> None:
    assert libraries({"app.py": "import math\nimport torch\n\nmath.log(2)\ntorch.log(3)\n[].append(1)\n"}) == []


def test_log_files_and_switches_are_told() -> None:
    source = (
        "import os\nfrom loguru import logger\n\n"
        "logger.add('run.log', level=os.environ.get('APP_LOG_LEVEL', 'INFO'))\nlogger.info('x')\n"
    )
    said = told({"app.py": source}, "recording: logging")
    assert any(text.startswith("Log files are written by `logger.add('run.log'") for text in said)
    assert "What is told can be set by `APP_LOG_LEVEL`" in said


def test_states_of_tasks_and_the_route_that_tells_them() -> None:
    source = (
        "from fastapi import FastAPI\n\napp = FastAPI()\nFAILED = 'failed'\n\n\nclass Task:\n    status = ''\n\n\n"
        "def run(task):\n    task.status = 'processing'\n    task.colour = 'failed'\n    task.status = FAILED\n"
        "    task.status = Status.PARTIAL_SUCCESS\n    task.status = 'parallel'\n\n\n"
        "@app.get('/tasks/{name}')\ndef show(name):\n    return {}\n"
    )
    assert told({"app.py": source}, "task_states") == [
        "`task.status` becomes `processing`",
        "`task.status` becomes `FAILED`",
        "`task.status` becomes `PARTIAL_SUCCESS`",
        "`show()` answers `/tasks/{name}`",
    ]


def test_a_stream_handler_on_a_file_and_a_library_that_is_given_a_name_write_log_files() -> None:
    files: dict[str, str | bytes] = {
        "README.md": "Run `python app.py`.\n",
        "app.py": """
            import flashy
            import logging
            import sys

            def main(path):
                logger = logging.getLogger()
                logger.addHandler(logging.StreamHandler(sys.stdout))
                logger.addHandler(logging.StreamHandler(open(path, "a")))
                flashy.setup_logging(log_name="solver.log")
                logger.info("start")

            if __name__ == "__main__":
                main("a.log")
        """,
    }
    told = [hit.text for hit in run_query(codebase_of(files), "recording: logging").hits]
    written = next(text for text in told if text.startswith("Log files are written by"))
    assert (
        'logging.StreamHandler(open(path, "a"))' in written and 'flashy.setup_logging(log_name="solver.log")' in written
    )
    assert "sys.stdout" not in written


def test_of_two_names_of_a_log_file_the_one_is_told_that_nobody_asks_for() -> None:
    source = """
        import argparse
        import os

        def main():
            parser = argparse.ArgumentParser()
            parser.add_argument("--per-rank", action="store_true")
            parser.add_argument("--rank", type=int, default=3)
            args = parser.parse_args()
            name = f"out-{args.rank}.log" if args.per_rank else "out.log"
            return os.path.join("logs", name)
    """
    codebase = codebase_of({"app.py": source})
    assert paths_of(codebase).written("app.py", "main", "os.path.join('logs', name)", 99) == "logs/out.log"


def test_trackers_behind_wrappers_and_loops_of_libraries_are_told() -> None:
    files: dict[str, str | bytes] = {
        "train.py": """
import flashy
from transformers import Trainer


class Solver(flashy.BaseSolver):
    def __init__(self):
        self.init_wandb()
        self.init_tensorboard()


class Own(Trainer):
    pass


def main():
    Solver()
    Own(model=1).train()


if __name__ == "__main__":
    main()
""",
        "run.sh": "python train.py --report_to tensorboard --logging_steps 5\n",
    }
    found = told(files, "recording: progress")
    assert any("metrics with Weights & Biases, TensorBoard" in text for text in found)
    loop = next(text for text in found if text.startswith("Training runs"))
    assert "`Own` (made in `main()`)" in loop and "`--logging_steps 5` (run.sh)" in loop
    assert not any("Named, but no call" in text for text in found)


def test_a_function_that_nobody_calls_measures_nothing_and_a_timeout_is_no_metric() -> None:
    files: dict[str, str | bytes] = {
        "app.py": """
import time
import torch
from helpers import *


class Stream:
    def late(self):
        return time.time() - self.started > 5


def main():
    Stream().late()


if __name__ == "__main__":
    main()
""",
        "helpers.py": "import torch\n\n\ndef gpu_used():\n    print(torch.cuda.memory_allocated())\n",
        "benchmark/memory.py": "import pynvml\n\nprint(pynvml.nvmlDeviceGetMemoryInfo(0).used)\n",
    }
    (text,) = told(files, "memory_answers: usage")
    assert text.startswith("Not by the program itself. GPU and CPU use is not tracked. No performance figure")
    assert "gpu_used" not in text and "Benchmarks measure GPU memory or load in `benchmark/memory.py`" in text


def test_figures_in_a_text_that_grows_are_told_and_comments_write_no_log_file() -> None:
    files: dict[str, str | bytes] = {
        "app.py": """
import logging
import psutil
import torch


def stats():
    \"\"\"If asked for, a FileHandler is added.\"\"\"
    told = ""
    used = torch.cuda.memory_allocated()
    told += f"GPU {used}"
    told += f"CPU {psutil.cpu_percent()}"
    # handler = logging.FileHandler("old.log")
    return told


def main():
    print(stats())


if __name__ == "__main__":
    main()
""",
    }
    (text,) = told(files, "memory_answers: usage")
    assert "GPU memory or load is measured by `stats()`" in text and "CPU or process memory is measured" in text
    assert not any("FileHandler" in line for line in told(files, "recording: logging"))


def test_data_given_to_a_meter_are_no_figures_and_buffers_no_files() -> None:
    source = """
import io
import logging

LOG_BUFFER = io.StringIO()
handler = logging.StreamHandler(LOG_BUFFER)
logging.info("epoch %d", 1)


def main(meter, metric_logger, data):
    meter.update(find_stages=data, reset_peak=True)
    metric_logger.update(loss=1.0, class_error=2.0)
"""
    files: dict[str, str | bytes] = {"app.py": source}
    (text,) = told(files, "told_figures: key")
    assert "hands `loss`, `class_error` to `metric_logger.update()`" in text and "find_stages" not in text
    assert not any("Log files" in line for line in told(files, "recording: logging"))


def test_a_logger_that_another_object_keeps_is_the_same_library() -> None:
    files: dict[str, str | bytes] = {
        "app.py": """
import logging


class Model:
    def __init__(self):
        self.logger = logging.getLogger("m")

    def run(self):
        self.logger.info("one")


class Pipe:
    def __init__(self, model):
        self.model = model

    def run(self):
        self.model.logger.debug("two")
""",
    }
    assert libraries(files) == ["logging", "logging"]


def test_a_logger_that_callers_hand_in_logs() -> None:
    source = """
        import logging

        class Chat:
            def __init__(self, logger=logging.getLogger(__name__)):
                self.logger = logger
                self.board = logger

            def run(self):
                self.logger.info("begin")
                self.board.info("not known")
    """
    hits = run_query(codebase_of({"run.py": source}), "logged").hits
    assert [hit.text for hit in hits] == ['`self.logger.info("begin")`']
    without = source.replace("import logging", "").replace("logging.getLogger(__name__)", "None")
    assert not run_query(codebase_of({"run.py": without}), "logged").hits


def test_a_logger_beside_the_traced_programs_is_no_denial() -> None:
    files: dict[str, str | bytes] = {
        "README.md": "Run `python app.py`.\n",
        "app.py": "def main():\n    print('done')\n\n\nif __name__ == '__main__':\n    main()\n",
        "server.py": "import logging\n\nlogger = logging.getLogger('s')\n\n\ndef serve():\n    logger.info('up')\n",
    }
    said = told(files, "recording: logging")[0]
    assert said.startswith(
        "Mostly by printing: 1 call in 1 file to `print` or the like; a logger (`logging`) is used in"
    )
    assert "`server.py`, to which no way from the main programs was traced" in said


def test_what_asks_for_things_of_a_state_sets_none() -> None:
    source = """
        def step(queue, status):
            for item in queue.get_items(status="running"):
                item.status = "done"
            return queue.num_items(status="waiting"), queue.mark(status="failed")
    """
    hits = run_query(codebase_of({"run.py": source}), "task_states").hits
    assert [hit.name for hit in hits] == ["done", "failed"]


def test_a_logger_that_a_function_of_another_package_gives_is_a_logger() -> None:
    code = (
        "from basekit.log import get_root_logger\n\n"
        "def main():\n    logger = get_root_logger()\n    logger.info('begun')\n\n\n"
        "if __name__ == '__main__':\n    main()\n"
    )
    codebase = codebase_of({"main.py": code})
    [first, *rest] = [hit.text for hit in run_query(codebase, "recording: logging").hits]
    assert first.startswith("Yes") and "basekit" in first and not any("Nothing sets a handler" in text for text in rest)


def test_a_program_whose_output_is_thrown_away_measures_nothing() -> None:
    code = "import subprocess\n\n\ndef probe():\n    subprocess.run(['nvidia-smi']{})\n"
    kept, thrown = code.format(", capture_output=True"), code.format(", stdout=subprocess.DEVNULL")
    assert run_query(codebase_of({"a.py": kept}), "usage_metrics: gpu").hits
    assert not run_query(codebase_of({"a.py": thrown}), "usage_metrics: gpu").hits


def test_a_logger_that_another_module_imports_is_followed_to_its_library() -> None:
    codebase = codebase_of(
        {
            "pkg/__init__.py": "",
            "pkg/files.py": "import logging\nfrom loguru import logger as notes\nfrom math import log\n",
            "pkg/run.py": """
            from pkg.files import logging, notes
            from .files import log, logging as course

            def run(x):
                logging.info("begun")
                course.warning("slow")
                notes.info("done")
                return log.info(x)
            """,
        }
    )
    found = [(hit.start, hit.detail["library"]) for hit in run_query(codebase, "logged").hits]
    assert found == [(5, "logging"), (6, "logging"), (7, "loguru")]


def test_a_progress_object_is_told_by_its_calls_and_an_answer_to_a_request_is_no_state() -> None:
    files: dict[str, str | bytes] = {
        "app.py": """
            import gradio as gr
            from flask import jsonify
            from store import update_task

            def run(audio, progress: gr.Progress = gr.Progress(), progress_callback=None):
                progress(0.1, desc="Loading")
                update_task(audio, {"status": "in_progress", "part": 0.1})
                progress_callback(1.0)
                return jsonify(status="success")

            if __name__ == "__main__":
                run("a.wav", progress_callback=print)
        """,
        "store.py": "def update_task(name, values):\n    return name, values\n",
    }
    [lead, *_] = told(files, "recording: progress")
    assert "a progress object or callback (`progress()`, 1 call, `progress_callback()`, 1 call, as `progress(" in lead
    assert "bars" not in lead and "states of jobs or tasks (1 place)" in lead
    assert told(files, "task_states") == ["`update_task()` is given `status: in_progress`"]


def test_memory_that_is_held_against_a_limit_is_measured() -> None:
    source = """
        import psutil

        def read(frames):
            for frame in frames:
                used = psutil.virtual_memory().percent
                if used > 90:
                    break

        if __name__ == "__main__":
            read([])
    """
    [hit] = told({"app.py": source}, "usage_metrics: cpu")
    assert "holds it against a limit, `used > 90`" in hit
    assert "CPU or process memory is measured by `read()`" in told({"app.py": source}, "memory_answers: usage")[0]
