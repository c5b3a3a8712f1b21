"""Census kinds `locks` and `blocking`: locks with what they guard, queues, and what is no waiting for a GPU."""

from retrieval.census import run_query
from tests.source_tree import NET, codebase_of


def told(files: dict[str, str | bytes], query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of({"net.py": NET, **files}), query).hits]


def test_a_lock_is_told_with_the_model_run_it_guards_and_its_condition() -> None:
    source = (
        "import os\nimport threading\nfrom net import infer\n\nLOCK = threading.Lock()\n"
        "LOCKS_ENABLED = os.getenv('USE_LOCKS', 'no') == 'yes'\n\n\n"
        "def run(x):\n    if not LOCKS_ENABLED:\n        return infer(x)\n    with LOCK:\n        return infer(x)\n"
    )
    assert told({"app.py": source}, "locks") == [
        "`LOCK` (`threading.Lock()`) is held around the model run `infer(…)` in `run()`, only if `LOCKS_ENABLED` "
        "(`LOCKS_ENABLED = os.getenv('USE_LOCKS', 'no') == 'yes'`)"
    ]


def test_a_function_that_hands_a_lock_out_stands_for_it() -> None:
    files: dict[str, str | bytes] = {
        "guard.py": (
            "import threading\n\nGATE = threading.Semaphore(2)\n\n\n"
            "def gate(on):\n    if on:\n        return GATE\n    return None\n"
        ),
        "app.py": (
            "from guard import gate\nfrom net import infer\n\n\n"
            "def run(x):\n    with gate(x):\n        return infer(x)\n"
        ),
    }
    assert told(files, "locks") == [
        "`GATE` (`threading.Semaphore(2)`) is held around the model run `infer(…)` in `run()`, only if `on`"
    ]


def test_a_lock_around_other_work_is_no_queue_for_a_model() -> None:
    source = (
        "import threading\n\n\nclass Store:\n    def __init__(self):\n        self._lock = threading.Lock()\n\n"
        "    def put(self, x):\n        with self._lock:\n            return save(x)\n\n\n"
        "def save(x):\n    return x\n\n\n"
        "if __name__ == '__main__':\n    Store().put(1)\n"
    )
    first = told({"app.py": source}, "blocking")[0]
    assert first.startswith(
        "No: in what the main programs run no lock, semaphore or queue of its own guards the GPU or a model"
    )


def test_waiting_for_an_outside_program_is_no_mechanism() -> None:
    source = "import subprocess\n\nif __name__ == '__main__':\n    subprocess.Popen(['ls']).wait()\n"
    assert len(told({"app.py": source}, "blocking")) == 1


def test_a_queue_is_told_with_who_fills_and_empties_it() -> None:
    source = (
        "import queue\n\n\nclass Line:\n    def __init__(self):\n        self.items = queue.Queue(2)\n\n"
        "    def give(self):\n        self.items.put(1)\n\n    def take(self):\n        return self.items.get()\n\n\n"
        "if __name__ == '__main__':\n    line = Line()\n    line.give()\n    line.take()\n"
    )
    assert (
        "Queues for other work: The queue `self.items` (`queue.Queue`, at most `2` waiting); filled by `Line.give()`; "
        "emptied by `Line.take()`"
    ) in told({"app.py": source}, "blocking")


def test_barriers_are_those_of_distributed_libraries_in_python() -> None:
    idle = "import threading\n\n\ndef meet(game):\n    game.barrier()\n"
    files: dict[str, str | bytes] = {"a.rb": "File.join('a', 'b')\nhvd.join('c')\nx.barrier()\n", "app.py": idle}
    assert not any("barrier" in text for text in told(files, "blocking"))
    real = "import torch.distributed as dist\n\n\ndef meet():\n    dist.barrier()\n"
    first, second = told({"app.py": real}, "blocking")
    assert first.startswith("No:") and "barriers and collective calls between distributed processes (1 place)" in first
    assert second.startswith("Distributed processes wait for each other at 1 place (`torch.distributed.barrier()`)")


ENGINE: dict[str, str | bytes] = {
    "speaker.py": (
        "class Speaker:\n    def speak(self, x):\n        with self.lock:\n            self.engine.add_request(x)\n"
        "            return self.engine.step()\n"
    ),
    "app.py": (
        "import threading\nfrom vllm import EngineArgs, LLMEngine\nfrom speaker import Speaker\n\n\n"
        "class App:\n    def __init__(self, speaker):\n        self.speaker = speaker\n"
        "        self.lock = threading.Lock()\n        self.table = {}\n\n"
        "    def start(self, folder):\n"
        "        self.speaker.engine = LLMEngine.from_engine_args(EngineArgs(model=folder))\n"
        "        self.speaker.lock = threading.Lock()\n\n"
        "    def note(self, x):\n        with self.lock:\n            self.table[x] = measure(x)\n\n\n"
        "class Later(App):\n    def __init__(self, speaker):\n        self.speaker = speaker\n"
        "        self.lock = threading.Lock()\n\n\n"
        "def measure(x):\n    return x\n\n\n"
        "if __name__ == '__main__':\n    app = App(Speaker())\n    app.start('m')\n"
        "    app.speaker.speak(1)\n    app.note(1)\n"
    ),
}


def test_a_lock_that_is_put_on_another_object_is_held_by_that_object_alone() -> None:
    code = codebase_of(ENGINE)
    first, outside, later = [hit.text for hit in run_query(code, "locks").hits]
    assert first == later == "`self.lock` (`threading.Lock()`) is held around `measure(…)` in `App.note()`"
    assert outside == (
        "`self.speaker.lock` (`threading.Lock()`) is held around the model run `self.engine.add_request(…)`, "
        "`self.engine.step(…)` in `Speaker.speak()`"
    )
    assert run_query(code, "blocking").hits[0].text.startswith("Yes, in what the main programs run: locks")


def test_a_lock_of_a_held_object_is_found_through_it() -> None:
    files: dict[str, str | bytes] = {
        "gate.py": "import threading\n\n\nclass Gate:\n    def __init__(self):\n        self.door = threading.Lock()\n",
        "app.py": (
            "from gate import Gate\nfrom net import infer\n\n\nclass App:\n    def __init__(self):\n"
            "        self.gate = Gate()\n\n    def run(self, x):\n        with self.gate.door:\n"
            "            return infer(x)\n"
        ),
    }
    assert told(files, "locks") == [
        "`self.door` (`threading.Lock()`) is held around the model run `infer(…)` in `App.run()`"
    ]
