"""Calls whose target is chosen while the program runs: loaded modules, lists of functions, registries, processes."""

from retrieval.census import run_query
from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.program import program_of
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of


def runs(codebase: Codebase, path: str, symbol: str = "") -> dict[str, list[str]]:
    """What each call of a body may run, by the call as written."""
    program = program_of(codebase)
    frame = program.frame(path, program.definition(path, symbol) if symbol else None)
    assert frame is not None
    found: dict[str, list[str]] = {}
    for site in program.sites(frame):
        found.setdefault(site.step.written, []).extend(f"{t.path}:{t.definition.symbol}" for t in site.targets)
    return found


def test_methods_of_modules_that_are_loaded_by_a_computed_name() -> None:
    codebase = codebase_of(
        {
            "core.py": """
                import importlib
                ALLOWED = {"blur", "swap"}
                MODULES: list = []

                def load(name):
                    if name not in ALLOWED:
                        raise SystemExit
                    module = importlib.import_module(f"steps.{name}")
                    return module

                def modules(names):
                    global MODULES
                    for name in names:
                        MODULES.append(load(name))
                    return MODULES

                def main(names):
                    for step in modules(names):
                        step.apply(1)
            """,
            "steps/__init__.py": "",
            "steps/blur.py": "def apply(x): return x",
            "steps/swap.py": "def apply(x): return x",
            "steps/_shared.py": "def apply(x): return x",
        }
    )
    assert runs(codebase, "core.py", "main")["step.apply"] == ["steps/blur.py:apply", "steps/swap.py:apply"]


def test_lists_of_functions_and_partials_run_in_a_loop() -> None:
    codebase = codebase_of(
        {
            "flow.py": """
                from functools import partial

                def first(x): return x
                def second(x, y): return x
                def third(x): return x

                def main(pool):
                    steps = [first, partial(second, y=2)]
                    for step in steps:
                        step(1)
                    for step in (first, third):
                        step(2)
                    pool.submit(third, 3)
            """,
        }
    )
    found = runs(codebase, "flow.py", "main")
    assert found["step"] == ["flow.py:first", "flow.py:second", "flow.py:first", "flow.py:third"]
    assert found["pool.submit"] == ["flow.py:third"]


def test_what_a_registry_gives_is_followed_through_functions() -> None:
    codebase = codebase_of(
        {
            "registry.py": """
                class Registry:
                    held = {"task": {}}
                    @classmethod
                    def register_task(cls, name):
                        return lambda thing: cls.held["task"].setdefault(name, thing)
                    @classmethod
                    def get_task_class(cls, name):
                        return cls.held["task"].get(name)

                registry = Registry()
            """,
            "tasks.py": """
                from registry import registry

                @registry.register_task("caption")
                class Caption:
                    @classmethod
                    def setup(cls, cfg):
                        return cls()
                    def build(self, cfg):
                        return cfg

                def make(cfg):
                    task_cls = registry.get_task_class(cfg.name)
                    return task_cls.setup(cfg)
            """,
            "main.py": """
                from tasks import make

                def main(cfg):
                    task = make(cfg)
                    task.build(cfg)
            """,
        }
    )
    assert runs(codebase, "main.py", "main")["task.build"] == ["tasks.py:Caption.build"]


def test_scripts_started_in_another_process_and_imports_that_do_work() -> None:
    codebase = codebase_of(
        {
            "webui.py": """
                import subprocess, sys
                from subprocess import Popen

                def train(config):
                    cmd = '"%s" -s jobs/train.py --config "%s"' % (sys.executable, config)
                    Popen(cmd, shell=True)

                def infer():
                    subprocess.run([sys.executable, "-m", "jobs.infer"])

                def listing():
                    subprocess.run(["ls", "jobs"])
            """,
            "jobs/__init__.py": "",
            "jobs/train.py": "def main(): pass\nif __name__ == '__main__':\n    main()\n",
            "jobs/infer.py": "print(1)\n",
            "start.py": "from work import *\n",
            "work.py": "def go():\n    print(1)\n    print(2)\n\ngo()\n",
            "plain.py": "import quiet\n",
            "quiet.py": "def f(): pass\nX = f\n",
        }
    )
    assert runs(codebase, "webui.py", "train")["Popen"] == ["jobs/train.py:"]
    assert runs(codebase, "webui.py", "infer")["subprocess.run"] == ["jobs/infer.py:"]
    assert runs(codebase, "webui.py", "listing") == {}
    assert runs(codebase, "start.py")["import"] == ["work.py:"]
    assert runs(codebase, "plain.py") == {}
    told = [hit.text for hit in run_query(codebase, "pipeline: train").hits]
    assert told[-1] == "Step 1: Starts `jobs/train.py` in another process, with `Popen()`: `Popen(cmd, shell=True)`"


def test_names_declared_global_are_what_any_function_gave_them() -> None:
    codebase = codebase_of(
        {
            "app.py": """
                class Net:
                    def run(self, x): return x

                net = None

                def load():
                    global net
                    net = Net()

                def main():
                    load()
                    net.run(1)
            """,
        }
    )
    assert runs(codebase, "app.py", "main")["net.run"] == ["app.py:Net.run"]


def test_a_folder_named_like_a_library_does_not_hide_it() -> None:
    codebase = codebase_of(
        {
            "deep/kernels/torch/__init__.py": "from .act import Act",
            "deep/kernels/torch/act.py": "class Act: pass",
            "main.py": "import torch\nimport torch.nn.functional as F\nfrom torch.utils.data import Dataset\n",
            "pkg/part/__init__.py": "",
            "pkg/part/code.py": "def f(): pass",
            "run.py": "from pkg.part.code import f\nf()\n",
        }
    )
    assert codebase.locate("torch", "main.py") is None
    assert codebase.facts["pkg/part/code.py"].module == "pkg.part.code", "a folder that is imported from is a package"
    assert codebase.locate("part.code") == "pkg/part/code.py"


def test_a_command_handed_on_to_a_starter_and_code_given_to_python_are_started_programs() -> None:
    codebase = codebase_of(
        {
            "README.md": "```\npython app.py\n```\n",
            "app.py": """
                import subprocess
                import sys

                def start(state, cmd):
                    process = subprocess.Popen(cmd, shell=True)
                    state.append(process)
                    return process

                def work():
                    code = "import sys;" "from jobs import run_job;" "run_job(sys.argv[1])"
                    subprocess.run([sys.executable, "-c", code, "x"])

                def main():
                    cmd = '"%s" train/preprocess.py "%s"' % (sys.executable, sys.argv[1])
                    start([], cmd)
                    work()

                if __name__ == "__main__":
                    main()
            """,
            "jobs.py": "def run_job(path):\n    print(path)\n    print(path)\n    print(path)\n",
            "train/preprocess.py": "import sys\n\ndef cut(x):\n    print(x)\n    print(x)\n\ncut(sys.argv[1])\n",
        }
    )
    lines = [hit.text for hit in run_query(codebase, "pipeline: roots=1").hits]
    assert any("Starts `train/preprocess.py` in another process, with `start()`" in line for line in lines)
    assert any("Starts `run_job()` in another process, with `subprocess.run()`" in line for line in lines)
    units = reach_of(codebase).units
    assert ("jobs.py", "run_job") in units
    assert ("train/preprocess.py", "cut") in units


def test_a_server_inside_a_library_that_nothing_starts_is_no_main_program_and_batch_files_launch() -> None:
    server = "from fastapi import FastAPI\n\ndef create_app():\n    app = FastAPI()\n\n    @app.get('/x')\n"
    server += "    def x():\n        return 1\n\n    return app\n"
    codebase = codebase_of(
        {
            "go.bat": "@echo off\nruntime\\python.exe -I webui.py --port 1\n",
            "webui.py": "from lib.core import work\n\nif __name__ == '__main__':\n    work()\n",
            "lib/__init__.py": "",
            "lib/core.py": "def work():\n    print(1)\n",
            "lib/server.py": server,
        }
    )
    told = [hit.text for hit in run_query(codebase, "programs").hits]
    assert len(told) == 1
    assert "go.bat runs `python.exe -I webui.py --port 1`" in told[0]


def test_a_call_on_a_long_expression_named_like_a_trainer_is_read() -> None:
    code = "import cluster\n\n\ndef group(x):\n    return cluster.KMeans(n=" + "10000 + " * 30 + "1).fit(x)\n"
    assert run_query(codebase_of({"group.py": code}), "handoffs").hits == ()
