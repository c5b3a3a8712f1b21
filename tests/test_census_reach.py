"""What the main programs may run: who counts as a main program, and what is found from there."""

import json
from textwrap import dedent

import pytest

from retrieval.census import run_query
from retrieval.census.flow.reach import reach_of
from retrieval.roles import role_of
from tests.source_tree import codebase_of

APP = {
    "README.md": "# App\n\n```\npython inference.py --image a.png\n```\n",
    "inference.py": (
        "from net import Net\n\n\ndef main():\n    from late import draw\n    net = Net()\n    draw(net.run(1))\n\n\n"
        "if __name__ == '__main__':\n    main()\n"
    ),
    "net.py": (
        "import loss\n\n\nclass Net:\n    def run(self, x):\n        return self.forward(x)\n\n"
        "    def forward(self, x):\n        return x\n\n    def fit(self):\n        return loss.value()\n"
    ),
    "loss.py": "def value():\n    return 0\n",
    "late.py": "def draw(x):\n    return x\n\n\ndef unused():\n    return 'draw'\n",
    "train.py": "from net import Net\n\nif __name__ == '__main__':\n    Net().fit()\n",
}


def reached(files: dict[str, str]) -> set[str]:
    """The units that the main programs may run, as "path:symbol"."""
    return {f"{path}:{symbol}" for path, symbol in reach_of(codebase_of(files)).units}


def test_only_what_documents_tell_people_to_run_is_a_main_program() -> None:
    assert reach_of(codebase_of(APP)).programs == ("inference.py",)


def test_a_script_at_the_top_is_a_main_program_unless_it_trains() -> None:
    files = APP | {"run_cli.py": "from net import Net\n\nif __name__ == '__main__':\n    Net().run(1)\n"}
    assert set(reach_of(codebase_of(files)).programs) == {"inference.py", "run_cli.py"}


def test_a_package_inside_the_code_is_no_program_by_its_main_file() -> None:
    main = "from .work import go\n\ngo()\n"
    copied = {"app/lib/tool/__main__.py": main, "app/lib/tool/work.py": "def go():\n    pass\n"}
    own = {"kit/tool/__main__.py": main, "kit/tool/work.py": "def go():\n    pass\n", "kit/setup.py": "setup()\n"}
    assert reach_of(codebase_of(APP | copied)).programs == ("inference.py",)
    assert len(reach_of(codebase_of(APP | own)).programs) == 2


def test_the_class_of_a_method_that_runs_is_reached() -> None:
    hook = "import cog\n\n\nclass Predictor(cog.BasePredictor):\n    def predict(self, x):\n        return x\n"
    files = APP | {"predict.py": hook}
    assert {"predict.py:Predictor", "predict.py:Predictor.predict"} <= reached(files)


def test_calls_methods_and_imports_inside_functions_are_followed() -> None:
    found = reached(APP)
    assert {"inference.py:main", "net.py:Net", "net.py:Net.run", "net.py:Net.forward", "late.py:draw"} <= found


def test_what_is_never_named_is_not_reached() -> None:
    found = reached(APP)
    assert not {"net.py:Net.fit", "loss.py:value", "late.py:unused", "train.py:"} & found
    assert "loss.py:" in found  # its top level runs when `net` is imported


def test_without_documents_every_script_counts() -> None:
    files = {path: text for path, text in APP.items() if path != "README.md"}
    assert set(reach_of(codebase_of(files)).programs) == {"inference.py", "train.py"}


def test_scripts_that_only_a_nested_launcher_names_give_way_to_documented_ones() -> None:
    files = APP | {"tools/face/run.sh": "python train.py\n", "tools/face/train.py": APP["train.py"]}
    assert reach_of(codebase_of(files)).programs == ("inference.py",)


def test_modules_loaded_by_a_computed_name_are_reached() -> None:
    files = {
        "README.md": "```\npython run.py\n```\n",
        "run.py": "import importlib\n\nm = importlib.import_module('zoo.models.' + 'a')\nm.Model().go()\n",
        "zoo/__init__.py": "",
        "zoo/models/__init__.py": "",
        "zoo/models/a.py": "class Model:\n    def go(self):\n        pass\n\n    def stay(self):\n        pass\n",
    }
    found = reached(files)
    assert "zoo/models/a.py:Model.go" in found
    assert "zoo/models/a.py:Model.stay" not in found


def test_registered_classes_of_loaded_modules_are_reached() -> None:
    files = {
        "README.md": "```\npython run.py\n```\n",
        "run.py": "import zoo\n\nprint(zoo.build('a'))\n",
        "zoo.py": (
            "TABLE = {}\n\n\ndef register(cls):\n    TABLE[cls.__name__] = cls\n    return cls\n\n\n"
            "def build(name):\n    return TABLE[name]()\n\n\n"
            "@register\nclass A:\n    def __init__(self):\n        pass\n\n\n"
            "class B:\n    pass\n"
        ),
    }
    found = reached(files)
    assert "zoo.py:A.__init__" in found
    assert "zoo.py:B" not in found


def test_words_in_comments_and_strings_name_nothing() -> None:
    files = {"run.py": "# helper()\n'helper'\n\n\ndef helper():\n    pass\n\n\ndef main():\n    pass\n\n\nmain()\n"}
    found = reached(files)
    assert "run.py:main" in found
    assert "run.py:helper" not in found


def test_kind_programs_says_how_each_is_started_and_what_it_runs() -> None:
    hits = run_query(codebase_of(APP), "programs").hits
    assert [(hit.name, hit.path) for hit in hits] == [("inference.py", "inference.py")]
    assert "in 4 files" in hits[0].text


@pytest.mark.parametrize(
    ("text", "role"),
    [
        ("class Audio2Coeff:\n    def generate(self):\n        return 1\n", "source"),
        ("def test_it():\n    assert 1\n", "test"),
        ("import unittest\n", "test"),
        ("", "test"),
    ],
)
def test_a_file_is_no_test_by_its_name_alone(text: str, role: str) -> None:
    assert role_of("src/test_audio.py", "python", text.encode()) == role
    assert role_of("tests/audio.py", "python", text.encode()) == "test"


@pytest.mark.parametrize(
    ("manifest", "offered"),
    [("[project]\nname = 'zoo'\n", True), ("[tool.ruff]\nline-length = 99\n", False)],
)
def test_only_code_that_can_be_installed_offers_an_api(manifest: str, offered: bool) -> None:
    files = {"pyproject.toml": manifest, "zoo/__init__.py": "def build():\n    return 1\n"}
    assert bool(reach_of(codebase_of(files)).programs) is offered


def test_public_methods_of_exported_classes_are_run_by_the_users_of_a_library() -> None:
    codebase = codebase_of(
        {
            "pyproject.toml": '[project]\nname = "pkg"\n',
            "pkg/__init__.py": "from pkg.tool import Tool as Tool\n",
            "pkg/tool.py": """
                import torch

                class Tool:
                    def use(self, x):
                        return self._inner(x)

                    def _inner(self, x):
                        return torch.load(x)

                    def _idle(self, x):
                        return torch.save(x, x)
            """,
        }
    )
    reach = reach_of(codebase)
    loads, saves = (run_query(codebase, f"calls: {name}").hits[0] for name in ("torch.load", "torch.save"))
    assert reach.has(loads)
    assert not reach.has(saves)


def test_a_notebook_is_run_only_when_it_is_the_program() -> None:
    cell = {"cell_type": "code", "metadata": {}, "outputs": [], "source": ["import gc\n", "gc.collect()"]}
    notebook = json.dumps({"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1)
    beside = codebase_of(APP | {"try.ipynb": notebook})
    alone = codebase_of({"try.ipynb": notebook})
    for codebase, runs in ((beside, False), (alone, True)):
        (hit,) = run_query(codebase, "calls: gc.collect").hits
        reach = reach_of(codebase)
        assert (not reach.tells or reach.has(hit)) is runs


def test_what_is_started_loaded_or_named_as_a_file_is_run() -> None:
    """Scripts in another process, modules of a checked name, plug-ins, and files that constants name."""
    codebase = codebase_of(
        {
            "README.md": "```\npython app.py\n```\n",
            "app.py": """
                import importlib, subprocess, sys
                from plugins.base import Base
                KNOWN = ["one"]

                def load(name):
                    if name not in KNOWN:
                        raise ValueError(name)
                    return importlib.import_module(f"steps.{name}")

                def plugin(name):
                    return importlib.import_module(name)

                if __name__ == "__main__":
                    load(sys.argv[1])
                    plugin(sys.argv[2])
                    subprocess.run([sys.executable, "jobs/work.py"])
                    print(Base, "./settings/model_config.py")
            """,
            "steps/__init__.py": "",
            "steps/one.py": "def run(): pass",
            "steps/two.py": "def run(): pass",
            "plugins/__init__.py": "",
            "plugins/base.py": "class Base: pass",
            "plugins/loud.py": "from plugins.base import Base\nclass Loud(Base): pass",
            "jobs/work.py": "def main(): pass\nif __name__ == '__main__':\n    main()\n",
            "settings/model_config.py": "size = 3\n",
            "settings/other_config.py": "size = 3\n",
        }
    )
    files = {path for path, _ in reach_of(codebase).units}
    assert {"steps/one.py", "plugins/loud.py", "jobs/work.py", "settings/model_config.py"} <= files
    assert not {"steps/two.py", "settings/other_config.py"} & files
    assert ("jobs/work.py", "main") in reach_of(codebase).units, "a started script runs its `__main__` block"


def test_programs_of_frameworks_and_of_readmes_beside_the_code_and_no_arguments() -> None:
    guard = "if __name__ == '__main__':\n    main()\n"
    codebase = codebase_of(
        {
            "README.md": "```\npython demo/run.py -c settings/tiny.py\n```\n",
            "demo/run.py": f"def main(): pass\n{guard}",
            "settings/tiny.py": "size = 1\n",
            "tools/README.md": "```\npython ./tools/infer.py\n```\n",
            "tools/infer.py": f"def main(): pass\n{guard}",
            "work/train.py": f"import hydra\n\n@hydra.main(config_path='c')\ndef main(cfg): pass\n{guard}",
            "work/other.py": f"def main(): pass\n{guard}",
        }
    )
    assert set(reach_of(codebase).programs) == {"demo/run.py", "tools/infer.py", "work/train.py"}


def test_a_module_with_a_main_file_runs_that_file_and_one_call_of_several_is_no_program() -> None:
    codebase = codebase_of(
        {
            "README.md": "```\npython -m served\n```\n",
            "served/__init__.py": "size = 1\n",
            "served/check.py": "def latest():\n    print('latest')\n    return 1\n",
            "served/__main__.py": (
                "import sys\nfrom served.check import latest\n\nif __name__ == '__main__':\n"
                "    latest()\n    from jina import Flow\n    Flow.load_config(sys.argv[1]).block()\n"
            ),
        }
    )
    assert all(start.path != "served/__init__.py" for start in reach_of(codebase).starts)
    told = run_query(codebase, "outline: what=steps").hits[0].text
    assert told.startswith("The main program is the script served/__main__.py")


def test_methods_that_a_decorator_hands_on_run_where_their_class_is_named() -> None:
    units = reached(
        {
            "README.md": "```\npython app.py\n```\n",
            "app.py": (
                "import strawberry\nfrom schema import Mutation\n\nstrawberry.Schema(mutation=Mutation)\n\n"
                "if __name__ == '__main__':\n    print(1)\n"
            ),
            "schema.py": (
                "import strawberry\nfrom work import segment\n\nclass Mutation:\n    @strawberry.mutation\n"
                "    def add_points(self):\n        return segment()\n\n"
                "    @property\n    def quiet(self):\n        return 1\n"
            ),
            "work.py": "def segment():\n    return 1\n",
        }
    )
    assert {"schema.py:Mutation.add_points", "work.py:segment"} <= units
    assert "schema.py:Mutation.quiet" not in units


def test_an_interface_inside_the_one_that_is_launched_is_no_program() -> None:
    codebase = codebase_of(
        {
            "server.py": (
                "import gradio as gr\nimport panel\n\nwith gr.Blocks() as demo:\n    panel.build()\ndemo.launch()\n"
            ),
            "panel.py": "import gradio as gr\n\ndef build():\n    with gr.Blocks():\n        gr.Button()\n",
        }
    )
    assert reach_of(codebase).programs == ("server.py",)


def test_a_documented_preparation_with_models_is_a_main_program_and_other_tools_are_none() -> None:
    main = "\nif __name__ == '__main__':\n    main()\n"
    code = codebase_of(
        {
            "README.md": "`python preprocess.py`, `python prepare_names.py`, `python train.py`, `python export.py`\n",
            "preprocess.py": f"import detector\n\ndef main():\n    detector.find()\n{main}",
            "detector.py": "import onnxruntime\n\ndef find():\n    return onnxruntime.InferenceSession('vad.onnx')\n",
            "prepare_names.py": f"import json\n\ndef main():\n    json.load(open('a'))\n{main}",
            "train.py": f"import torch\n\ndef main():\n    torch.load('a')\n{main}",
            "export.py": f"import torch\n\ndef main():\n    torch.load('a')\n{main}",
        }
    )
    assert {hit.path for hit in run_query(code, "programs").hits} == {"preprocess.py", "train.py"}


def test_a_script_that_many_scripts_launch_is_a_main_program() -> None:
    main = "\ndef main(): ...\n\nif __name__ == '__main__':\n    main()\n"
    files = {"README.md": "Run `python demo.py`.\n", "demo.py": main, "work/tune.py": main, "work/once.py": main}
    files |= {f"work/shell/tune_{n}.sh": "torchrun work/tune.py --deepspeed zero.json\n" for n in range(3)}
    files |= {"work/shell/once.sh": "python work/once.py\n"}
    assert {hit.path for hit in run_query(codebase_of(files), "programs").hits} == {"demo.py", "work/tune.py"}


def test_a_container_with_python_as_its_entry_runs_the_script_and_a_served_application_is_a_program() -> None:
    readme = """
        # Reader

        ```bash
        docker run \\
          --entrypoint python --rm -v /data/server/old.py:/app/old.py -e KEY='' \\
          owner/reader:main \\
          serve/go.py --verbose
        uvicorn api.main:app --port 80
        ```
    """
    served = "from fastapi import FastAPI\n\napp = FastAPI()\n\n@app.get('/')\ndef get():\n    return 1\n"
    script = "def work():\n    return 1\n\nif __name__ == '__main__':\n    work()\n"
    files = {"README.md": dedent(readme), "serve/go.py": script, "api/main.py": served, "api/__init__.py": ""}
    told = "\n".join(hit.text for hit in run_query(codebase_of(files), "programs").hits)
    assert "documents the command `python serve/go.py --verbose`" in told
    assert "api/main.py builds a FastAPI application" in told
