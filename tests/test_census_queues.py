"""Kind `queues` and the threads behind them: own queue classes, stages that run the model they were made with."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

STAGES = """
import threading
from collections import deque
from dataclasses import dataclass


@dataclass
class Item:
    page: object
    number: int


@dataclass
class Options:
    queue_size: int = 5


class Line:
    def __init__(self, most: int) -> None:
        self._most = most
        self._items = deque()
        self._ready = threading.Condition()

    def put(self, item: Item) -> None:
        with self._ready:
            while len(self._items) >= self._most:
                self._ready.wait()
            self._items.append(item)
            self._ready.notify_all()

    def take(self):
        with self._ready:
            while not self._items:
                self._ready.wait()
            found = self._items.popleft()
            self._ready.notify_all()
            return found

    def close(self):
        self._most = 0


class Stage:
    def __init__(self, name, model, queue_size):
        self.name = name
        self.model = model
        self.incoming = Line(queue_size)
        self.outgoing = []

    def start(self):
        threading.Thread(target=self._run).start()

    def _run(self):
        while True:
            item = self.incoming.take()
            self._emit(self._work(item))

    def _work(self, item):
        return list(self.model(item))

    def _emit(self, items):
        for item in items:
            for line in self.outgoing:
                line.put(item)


def main(layout_model, table_model):
    options = Options()
    first = Stage(name="layout", model=layout_model, queue_size=options.queue_size)
    second = Stage(name="table", model=table_model, queue_size=options.queue_size)
    first.outgoing.append(second.incoming)
    first.start()
    second.start()


if __name__ == "__main__":
    main(print, print)
"""


def told(source: str, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of({"app.py": source}), query).hits]


def test_a_queue_class_is_told_with_its_bound_both_ends_and_what_it_holds() -> None:
    assert told(STAGES, "queues") == [
        "the queue class `Line` of the repository (app.py; `put()`, `take()` wait, `close()` ends it), with at most "
        "`queue_size` (default 5) waiting, of `Item` objects with `page`, `number`, made as `self.incoming`; filled "
        "by `Stage._emit()`; emptied by `Stage._run()`, which runs a model on what comes out"
    ]


def test_a_thread_whose_method_runs_a_held_model_names_the_models() -> None:
    (hit,) = run_query(codebase_of({"app.py": STAGES}), "workers").hits
    assert hit.detail["model"] == "yes"
    assert hit.text.endswith(
        "it calls `self.model(…)` on the model that its object was made with: in `main` `layout_model`, `table_model`"
    )


def test_the_answer_on_the_gpu_counts_a_queue_out_of_which_models_run() -> None:
    first, second, *_ = told(STAGES, "blocking")
    assert first == "Yes, in what the main programs run: queues out of which models are run (1 place)"
    assert second.startswith("The queue class `Line` of the repository")


def test_a_queue_for_other_work_is_no_queue_for_the_gpu() -> None:
    source = (
        "import queue\n\nJOBS = queue.Queue(4)\n\n\ndef fill():\n    JOBS.put(1)\n\n\ndef drain():\n"
        "    print(JOBS.get())\n\n\nif __name__ == '__main__':\n    fill()\n    drain()\n"
    )
    first, *rest = told(source, "blocking")
    assert first.startswith(
        "No: in what the main programs run no lock, semaphore or queue of its own guards the GPU or a model"
    )
    assert rest == [
        "Queues for other work: The queue `JOBS` (`queue.Queue`, at most `4` waiting); filled by `fill()`; emptied by "
        "`drain()`"
    ]


def test_a_class_that_waits_for_nothing_is_no_queue() -> None:
    source = STAGES.replace("self._ready.wait()", "break")
    assert told(source, "queues") == []


def test_launching_a_browser_is_no_web_server() -> None:
    source = "from playwright.sync_api import chromium\n\nif __name__ == '__main__':\n    chromium.launch()\n"
    assert not any("web server" in text for text in told(source, "concurrency: async"))
    served = source.replace("playwright.sync_api", "gradio").replace("chromium", "Blocks")
    assert any("web server" in text for text in told(served, "concurrency: async"))


def test_a_pool_that_its_defaults_switch_off_is_said_to_be_off() -> None:
    source = (
        "from concurrent.futures import ThreadPoolExecutor\nfrom dataclasses import dataclass\n\n\n@dataclass\n"
        "class Settings:\n    workers: int = 1\n\n\nsettings = Settings()\n\n\ndef work(x):\n    return x\n\n\n"
        "def go(items):\n    if settings.workers > 1:\n        with ThreadPoolExecutor(settings.workers) as pool:\n"
        "            return list(pool.map(work, items))\n    return list(map(work, items))\n\n\n"
        "if __name__ == '__main__':\n    go([1])\n"
    )
    (text,) = told(source, "workers")
    assert text.endswith("(off by default, `settings.workers` is 1)")
    (text,) = told(source.replace("workers: int = 1", "workers: int = 4"), "workers")
    assert "off by default" not in text


def test_a_lock_that_an_object_carries_and_a_lent_gpu_make_work_wait() -> None:
    carried = {
        "state.py": """
            import asyncio
            class State:
                def __init__(self, inference_lock): self.inference_lock = inference_lock
            def load():
                return State(inference_lock=asyncio.Lock())
        """,
        "app.py": """
            import asyncio
            from state import load
            async def run(state, job):
                async with state.inference_lock:
                    return await asyncio.to_thread(job)
            if __name__ == "__main__":
                asyncio.run(run(load(), print))
        """,
    }
    first = run_query(codebase_of(carried), "blocking").hits[0].text
    assert first.startswith("Yes, as far as names tell, in what the main programs run: `inference_lock` is a lock held")
    lent = "import spaces\n\n@spaces.GPU\ndef make(x):\n    return x\n\nif __name__ == '__main__':\n    make(1)\n"
    said = [hit.text for hit in run_query(codebase_of({"app.py": lent}), "blocking").hits]
    assert said[0].startswith("Yes") and said[1].endswith("`@spaces.GPU` on `make()`")


GATED = {
    "app.py": """
        import queue
        import threading
        from torch import nn

        generation_lock = threading.Lock()
        slots = threading.Semaphore(2)
        steps = queue.Queue()
        jobs = queue.Queue()

        class Net(nn.Module):
            def forward(self, x): return x

        net = Net()

        def _reply(x):
            yield net(x)

        def reply(x, alone=True):
            if alone:
                generation_lock.acquire()
            try:
                for word in _reply(x):
                    yield word
            finally:
                if alone:
                    generation_lock.release()

        def take_slot():
            slots.acquire()

        def answer(x):
            take_slot()
            y = net(x)
            slots.release()
            return y

        def show(x):
            y = net(x)
            while True:
                step = steps.get()
                print(step)
                steps.put(step + 1)

        def work():
            while True:
                job = jobs.get()
                net(job)

        if __name__ == "__main__":
            threading.Thread(target=work).start()
            jobs.put(1)
            print(list(reply(1)), answer(2), show(3))
    """,
}


def test_what_runs_between_acquiring_and_releasing_and_which_queue_holds_runs_back() -> None:
    codebase = codebase_of(GATED)
    held = {hit.name: hit.text for hit in run_query(codebase, "locks: model=yes").hits}
    assert "is held around the model run `_reply(…)` in `reply()`, only if `alone`" in held["generation_lock"]
    assert "around the model run `net(…)` in `answer` for `take_slot()`" in held["slots"]
    assert [hit.name for hit in run_query(codebase, "queues: model=yes").hits] == ["jobs"]  # steps of progress are none


WAITING = """
    from collections import deque
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(2, 2)
        def forward(self, x):
            return self.line(x)

    class Reader:
        def __init__(self):
            self.net = Net()
            self.prompts = deque()
            self.last = []

        def ask(self, prompt):
            self.prompts.append(prompt)
            self.last.append(prompt)

        def trim(self):
            self.last.pop(0)

        def fill(self):
            batch = [self.prompts.popleft() for _ in range(2)]
            return self.net(batch)

    class Pile:
        def __init__(self):
            self.things = []
        def put(self, thing):
            self.things.append(thing)
        def take(self):
            return self.things.pop(0)

    def main():
        pile = Pile()
        pile.put(1)
        pile.take()
        reader = Reader()
        reader.ask(1)
        reader.trim()
        reader.fill()

    if __name__ == "__main__":
        main()
"""


def test_lists_out_of_which_rounds_of_model_work_are_filled() -> None:
    found = run_query(codebase_of({"run.py": WAITING}), "waiting_lists").hits
    assert [hit.text for hit in found] == [
        "`Reader` keeps waiting work in `self.prompts`, filled by `ask()` and taken out first in, first out by "
        "`fill()`; what is taken out goes to the model work of `Reader.fill()`"
    ]


def test_work_that_waits_in_a_list_for_a_round_of_model_work_is_queued() -> None:
    source = """
from collections import deque
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(8, 8)

    def forward(self, x):
        return self.line(x)

class Reader:
    def __init__(self):
        self.model = Net()
        self.model.load_state_dict(torch.load("net.pth"))
        self.waiting = deque()

    def read(self, items):
        for item in items:
            self.waiting.append(item)
        while self.waiting:
            self.step()

    def step(self):
        batch = [self.waiting.popleft() for _ in range(min(4, len(self.waiting)))]
        return self.model(batch)

def main():
    reader = Reader()
    reader.read([1, 2])

if __name__ == "__main__":
    main()
"""
    first, second = run_query(codebase_of({"app.py": source}), "blocking").hits
    assert first.text.startswith("Yes") and "wait" in first.text
    assert "`Reader` keeps waiting work in `self.waiting`" in second.text
