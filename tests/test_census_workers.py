"""Census kind `workers`: what runs in threads and processes, and whether it reaches a model."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

NET = """
import torch


class Net(torch.nn.Module):
    def forward(self, x):
        return x


def infer(x):
    return Net()(x)


def beat(x):
    return x
"""


def hits(source: str, query: str = "workers") -> list[tuple[str, str, str]]:
    """name, worker and whether a model is reached, for each hit."""
    found = run_query(codebase_of({"net.py": NET, "app.py": source}), query).hits
    return [(hit.name, hit.detail["worker"], hit.detail["model"]) for hit in found]


def test_a_thread_is_told_with_what_it_reaches() -> None:
    source = "from threading import Thread\nimport net\n\nThread(target=net.infer, args=(1,)).start()\n"
    assert hits(source) == [("threading.Thread", "thread", "yes")]
    assert hits(source.replace("infer", "beat")) == [("threading.Thread", "thread", "no")]


def test_work_handed_to_a_pool_stands_for_the_pool() -> None:
    source = (
        "from multiprocessing import Pool\nfrom net import infer\n\n"
        "pool = Pool(4)\nfor r in pool.imap_unordered(infer, range(3)):\n    print(r)\n"
    )
    assert hits(source) == [("pool.imap_unordered", "process", "yes")]


def test_an_executor_that_is_never_given_work_is_told_itself() -> None:
    source = "from concurrent.futures import ProcessPoolExecutor\n\npool = ProcessPoolExecutor(2)\n"
    assert hits(source) == [("concurrent.futures.ProcessPoolExecutor", "process", "unknown")]


def test_a_model_method_as_target_is_a_call_on_a_model() -> None:
    source = "from threading import Thread\n\n\ndef go(model):\n    Thread(target=model.generate).start()\n"
    assert hits(source, "workers: model=yes") == [("threading.Thread", "thread", "yes")]


def test_classes_that_are_threads_count_with_their_run_method() -> None:
    source = (
        "import threading\nfrom net import infer\n\n\n"
        "class Feeder(threading.Thread):\n    def run(self):\n        infer(1)\n"
    )
    assert hits(source) == [("threading.Thread", "thread", "yes")]


def test_functions_that_only_share_a_name_are_no_workers() -> None:
    source = "def submit(x):\n    return x\n\n\nsubmit(1)\nlist(map(str, [1]))\n'a'.join(map(str, [1]))\n"
    assert hits(source) == []


def test_a_target_that_calls_a_model_by_its_words_runs_a_model() -> None:
    source = (
        "from threading import Thread\n\n\nclass Chat:\n"
        "    def go(self):\n        Thread(target=self.answer).start()\n\n"
        "    def answer(self):\n        return self.model.llama_model.generate(1)\n"
    )
    assert hits(source) == [("threading.Thread", "thread", "yes")]


def test_a_pool_whose_class_a_condition_chose_is_a_pool() -> None:
    source = """
from concurrent.futures import ThreadPoolExecutor
from net import beat


class InPlace:
    def submit(self, run, *given):
        return run(*given)


def work(items, many):
    executor = ThreadPoolExecutor if many else InPlace
    with executor(max_workers=2) as pool:
        return [pool.submit(beat, item) for item in items]
"""
    assert hits(source) == [("pool.submit", "thread", "no")]
    assert hits(source.replace("ThreadPoolExecutor if many else InPlace", "InPlace")) == []
