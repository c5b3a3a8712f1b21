"""Census kinds `concurrency` and `started`: what runs beside the main thread, and which models that reaches."""

from retrieval.census import run_query
from tests.source_tree import NET, codebase_of

POOL = """
from concurrent.futures import ThreadPoolExecutor
from jobs import work


def spread(items, each):
    with ThreadPoolExecutor(2) as executor:
        return [executor.submit(each, item) for item in items]


if __name__ == "__main__":
    spread([1], work)
"""
JOBS = "from net import infer\n\n\ndef work(item):\n    return infer(item)\n"


def told(files: dict[str, str | bytes], query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of(files), query).hits]


def test_a_function_that_comes_in_by_a_parameter_is_found_at_the_callers() -> None:
    found = run_query(codebase_of({"net.py": NET, "jobs.py": JOBS, "app.py": POOL}), "workers").hits
    assert [(hit.detail["runs"], hit.detail["model"]) for hit in found] == [("work", "yes")]
    assert (
        "runs `Net` with `Net()(…)`" in found[0].text.replace("`Net().__call__", "`Net()") or "`Net`" in found[0].text
    )


def test_models_in_threads_are_named_first() -> None:
    first = told({"net.py": NET, "jobs.py": JOBS, "app.py": POOL}, "concurrency: models")[0]
    assert first == "Yes, models run in background threads (`work()` in `spread()`)"


def test_a_method_of_an_abstract_base_stands_for_those_that_subclasses_define() -> None:
    source = (
        "from threading import Thread\nfrom net import infer\n\n\nclass Base:\n    def go(self):\n"
        "        Thread(target=self.step).start()\n\n    def step(self):\n        raise NotImplementedError\n\n\n"
        "class Real(Base):\n    def step(self):\n        return infer(1)\n\n\n"
        "if __name__ == '__main__':\n    Real().go()\n"
    )
    found = run_query(codebase_of({"net.py": NET, "app.py": source}), "workers").hits
    assert [(hit.detail["runs"], hit.detail["model"]) for hit in found] == [("Real.step", "yes")]


def test_a_call_of_an_unknown_object_is_not_said_to_reach_no_model() -> None:
    source = (
        "from threading import Thread\n\n\ndef ask(service):\n    return service(1)\n\n\n"
        "def go(service):\n    Thread(target=ask, args=(service,)).start()\n"
    )
    found = run_query(codebase_of({"app.py": source}), "workers").hits
    assert [hit.detail["model"] for hit in found] == ["unknown"]
    assert found[0].text.endswith("whether that reaches a model was not traced")


def test_a_script_of_the_repository_is_told_apart_from_an_outside_program() -> None:
    source = (
        "import subprocess\nimport sys\n\nif __name__ == '__main__':\n"
        "    cmd = f'\"{sys.executable}\" tools/train.py --fast'\n"
        "    subprocess.Popen(cmd, shell=True)\n    subprocess.run(['ffmpeg', '-i', 'a.mp4'])\n"
    )
    train = "from net import infer\n\nif __name__ == '__main__':\n    infer(1)\n"
    files: dict[str, str | bytes] = {"net.py": NET, "tools/train.py": train, "app.py": source}
    found = run_query(codebase_of(files), "started").hits
    said = [(hit.detail["program"], hit.detail["own"], hit.detail["model"]) for hit in found]
    assert said == [("tools/train.py", "yes", "yes"), ("ffmpeg", "no", "unknown")]
    assert told(files, "concurrency: models")[0].startswith("Yes, models run in a program of the repository")


def test_one_thread_of_one_process_is_said_so() -> None:
    files: dict[str, str | bytes] = {
        "net.py": NET,
        "app.py": "from net import infer\n\nif __name__ == '__main__':\n    infer(1)\n",
    }
    assert told(files, "concurrency: async")[0].startswith("No: the main programs run in one thread of one process")
    assert told(files, "concurrency: memory")[0].startswith("Everything that the main programs run")


def test_loaders_without_workers_and_guards_of_process_groups_are_no_parallelism() -> None:
    source = (
        "import torch.distributed as dist\nfrom torch.utils.data import DataLoader\n\n\n"
        "def rank():\n    return dist.get_rank() if dist.is_initialized() else 0\n\n\n"
        "if __name__ == '__main__':\n    print(rank(), DataLoader([1], num_workers=0))\n"
    )
    assert told({"app.py": source}, "concurrency: async")[0].startswith("No:")


def test_a_package_without_init_is_found_by_its_absolute_name() -> None:
    files: dict[str, str | bytes] = {
        "pkg/services/__init__.py": "class Base:\n    def __call__(self, x):\n        raise NotImplementedError\n",
        "pkg/services/own.py": (
            "from pkg.services import Base\nfrom pkg.net import infer\n\n\n"
            "class Own(Base):\n    def __call__(self, x):\n        return infer(x)\n"
        ),
        "pkg/net.py": NET,
        "pkg/app.py": (
            "from threading import Thread\nfrom pkg.services import Base\n\n\nclass Asker:\n"
            "    def __init__(self, service: Base):\n        self.service = service\n\n"
            "    def ask(self):\n        return self.service(1)\n\n"
            "    def go(self):\n        Thread(target=self.ask).start()\n"
        ),
    }
    assert [hit.detail["model"] for hit in run_query(codebase_of(files), "workers").hits] == ["yes"]


def wrapped_in(wrapper: str) -> dict[str, str | bytes]:
    source = f"import torch\nfrom net import Net\n\nif __name__ == '__main__':\n    {wrapper}(Net())(1)\n"
    return {"net.py": NET, "app.py": source}


def test_data_parallel_is_one_process_and_distributed_data_parallel_one_for_each_rank() -> None:
    threads, ranks = wrapped_in("torch.nn.DataParallel"), wrapped_in("torch.nn.parallel.DistributedDataParallel")
    assert not [text for text in told(threads, "concurrency") if "rank" in text or "launcher" in text]
    assert "in threads of one process" in told(threads, "concurrency: async")[0]
    assert told(threads, "concurrency: memory")[0].startswith("Everything that the main programs run")
    assert (
        "`torch.nn.DataParallel` runs one on each, in threads of one process" in told(threads, "concurrent_models")[0]
    )
    assert told(ranks, "concurrency: memory")[0].startswith("Separate processes: yes, one process per rank")
    assert "under a distributed launcher each process runs its own" in told(ranks, "concurrent_models")[0]


def test_an_accelerator_counts_as_replicas_wherever_it_is_asked_for() -> None:
    files = wrapped_in("Accelerator().prepare") | {"net.py": NET}
    files["app.py"] = b"from accelerate import Accelerator\n" + str(files["app.py"]).encode()
    assert "each rank runs the model" in " ".join(told(files, "concurrency: models"))
    assert "under a distributed launcher each process runs its own" in told(files, "concurrent_models")[0]


SERVED = {
    "README.md": "Run `python app.py`, or train with\n\n```\ntorchrun --nproc_per_node 2 train.py\n```\n",
    "app.py": """
        import subprocess
        import gradio as gr
        from torch import nn

        class Net(nn.Module):
            def forward(self, x): return x

        net = Net()

        def predict(x):
            return net(x)

        def read(path):
            command = ["tesseract", path]
            command += ["-l", "eng"]
            return subprocess.run(command, capture_output=True)

        if __name__ == "__main__":
            read("a.png")
            gr.Interface(fn=predict, inputs="text", outputs="text").launch()
    """,
    "train.py": """
        from app import net

        if __name__ == "__main__":
            net(1)
    """,
}


def test_handlers_programs_that_run_models_and_ranks_of_a_launcher() -> None:
    codebase = codebase_of(SERVED)
    models = [hit.text for hit in run_query(codebase, "concurrency: models").hits]
    assert models[0].startswith(
        "Yes, as far as their arguments tell, in outside programs, which are processes of their own: `tesseract`, "
    )
    assert any(
        "Handlers of the web server or interface run models: `predict()` in its worker" in text for text in models
    )
    [first, *_] = [hit.text for hit in run_query(codebase, "concurrency: async").hits]
    assert "one process per rank, each with a model of its own, of `train.py` as documented, with `torchrun`" in first
    [answer] = [hit.text for hit in run_query(codebase, "concurrent_models").hits]
    assert answer.startswith("No. Models run one after another")
    assert "An outside program that runs a model is started as a process: `tesseract`" in answer


def test_a_command_that_is_put_together_names_its_script() -> None:
    files = dict(SERVED) | {
        "app.py": """
            import os
            import subprocess
            import train

            script = str(os.path.join("here", "train.py"))

            def start(name):
                command = (
                    f'accelerate launch "{script}" '
                    f"--name {name}"
                )
                command += " --fast"
                return subprocess.Popen(command, shell=True)

            if __name__ == "__main__":
                start("a")
        """,
        "train.py": """
            from torch import nn

            class Net(nn.Module):
                def forward(self, x): return x

            if __name__ == "__main__":
                Net()(1)
        """,
    }
    [first, *_] = [hit.text for hit in run_query(codebase_of(files), "concurrency: models").hits]
    assert first == ("Yes, models run in a program of the repository started as a process of its own (`train.py`)")


def test_pictures_in_notebooks_name_no_way_of_running() -> None:
    picture = (
        '{"cells": [{"cell_type": "code", "source": ["x = 1"], "outputs": [{"data": {"image/png": "' + "aFSDP+" * 400
    )
    told = [hit.text for hit in run_query(codebase_of({"a.ipynb": picture + '"}}]}]}'}), "concurrency").hits]
    assert not any("Distributed running is named" in text for text in told)
    told = [
        hit.text
        for hit in run_query(codebase_of({"a.sh": "accelerate launch --use_FSDP\n# FSDP\n"}), "concurrency").hits
    ]
    assert any("Distributed running is named" in text for text in told)


def test_objects_with_a_thread_each_name_what_they_were_made_with_by_their_makers() -> None:
    source = """
        import threading
        from torch import nn

        class Net(nn.Module):
            def forward(self, x): return x

        class Step:
            def __init__(self):
                self.net = Net()
            def __call__(self, x): return self.net(x)

        class Stage:
            def __init__(self, model):
                self.model = model
            def start(self):
                threading.Thread(target=self._run).start()
            def _run(self):
                try:
                    self.model(1)
                except Exception as error:
                    print(error)

        class Pages:
            def __init__(self):
                self.layout_model, self.table_model = Step(), Step()
            def go(self):
                for stage in (Stage(model=self.layout_model), Stage(model=self.table_model)):
                    stage.start()

        class Films:
            def __init__(self):
                self.film_model = Step()
            def go(self):
                Stage(model=self.film_model).start()

        if __name__ == "__main__":
            Pages().go()
            Films().go()
    """
    files = {"app.py": source}
    [answer, *_] = told(files, "concurrent_models")
    assert "each `Stage` object runs in a thread of its own what it was made with" in answer
    assert ": in `Pages` `self.layout_model`, `self.table_model`; in `Films` `self.film_model`" in answer
    assert any("`except Exception` in `Stage._run`" in text for text in told(files, "failing: course"))


SERVICE: dict[str, str | bytes] = {
    "net.py": NET,
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        from fastapi import BackgroundTasks, FastAPI
        from torch import nn
        from net import Net
        app = FastAPI()

        def caption(x): return Net()(x)

        @app.post("/caption")
        async def ask(x, background_tasks: BackgroundTasks):
            background_tasks.add_task(caption, x)

        def wrap():
            device_ids = [0]
            return nn.DataParallel(Net(), device_ids=device_ids)

        if __name__ == "__main__":
            wrap()
    """,
}


def test_background_tasks_are_threads_and_one_device_is_no_spreading() -> None:
    [task] = run_query(codebase_of(SERVICE), "workers").hits
    assert (task.detail["worker"], task.detail["runs"], task.detail["model"]) == ("thread", "caption", "yes")
    assert "caption" in told(SERVICE, "concurrency: models")[0]
    assert "DataParallel" not in told(SERVICE, "concurrent_models")[0]


REQUESTS: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        import asyncio

        limit = asyncio.Semaphore(4)

        async def apost(url, data): return 200, data

        async def read_page(server, page):
            url = f"{server}/chat/completions"
            try:
                async with limit:
                    return await apost(url, {"page": page})
            except ValueError:
                raise
            except Exception:
                return None

        async def attempts(server, page):
            for attempt in range(3):
                result = await read_page(server, page)
                if result is not None:
                    break
            return result

        async def read(server, pages):
            process = await asyncio.create_subprocess_exec("vllm", "serve", "--port", "80")
            return await asyncio.gather(*[attempts(server, page) for page in pages])

        class Busy:
            def __init__(self): self.gate = asyncio.Lock()
            def enter(self):
                if not self.gate.acquire(blocking=False):
                    raise ValueError("busy")
            async def one(self, server, page):
                self.enter()
                found = await read_page(server, page)
                self.gate.release()
                return found

        if __name__ == "__main__":
            asyncio.run(read("http://localhost", [1]))
            asyncio.run(Busy().one("http://localhost", 1))
    """,
}


def test_requests_to_a_model_server_count_as_model_runs() -> None:
    [whole, *_] = told(REQUESTS, "concurrent_models")
    assert "several at a time: `attempts()` several times as tasks of one event loop in `read()`" in whole
    assert told(REQUESTS, "concurrency: models")[0].startswith("Yes, as far as their arguments tell, in outside")
    held = told(REQUESTS, "locks: model=yes")
    assert any("`limit`" in text and "`apost(…)` in `read_page()`" in text for text in held)
    assert any("`self.gate`" in text and "`read_page(…)` in `Busy.one" in text for text in held)
    course = told(REQUESTS, "failing: course")
    assert course[0].endswith("Model runs are tried again in `attempts()`")
    assert course[0].startswith("A failed model run is answered with what the handler")
