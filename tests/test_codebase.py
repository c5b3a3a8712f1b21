"""Lookups across files: modules, re-exports, wildcards, inheritance, calls that reach definitions, the cache."""

from pathlib import Path

import pytest

from retrieval.codebase import Codebase, read_codebase
from tests.source_tree import codebase_of, snapshot_of

PACKAGE = {
    "src/pkg/__init__.py": "from .core import Model, load as load_model\nfrom .wild import *\n",
    "src/pkg/core.py": """
        import torch
        from .compat import json
        class Model(torch.nn.Module):
            def forward(self, x): return x
            def run(self): return self.forward(1)
        class Big(Model):
            def go(self): return self.run()
        def load(name) -> "Model":
            return Model()
        def pick() -> Big: ...
        """,
    "src/pkg/compat.py": "import ujson as json\n",
    "src/pkg/wild.py": "def spread(): pass\n",
    "src/pkg/use.py": """
        from pkg import load_model, Model
        from pkg.core import pick
        from . import *
        def f(given: Model):
            m = load_model("x")
            m.run()
            m(1)
            given.forward(2)
            pick().go()
            spread()
        """,
    "tools/run.py": "import side\nfrom pkg import Model\nside.help_me()\n",
    "tools/side.py": "def help_me(): pass\n",
}


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return codebase_of(PACKAGE)


def test_modules_are_named_from_the_topmost_package_or_the_root(codebase: Codebase) -> None:
    assert codebase.modules["pkg"] == "src/pkg/__init__.py"
    assert codebase.modules["pkg.core"] == "src/pkg/core.py"
    assert codebase.modules["tools.side"] == "tools/side.py"


@pytest.mark.parametrize(
    ("dotted", "path", "symbol"),
    [
        ("pkg.core.Model", "src/pkg/core.py", "Model"),
        ("pkg.load_model", "src/pkg/core.py", "load"),
        ("pkg.Model.run", "src/pkg/core.py", "Model.run"),
        ("pkg.core.Big.run", "src/pkg/core.py", "Model.run"),
        ("pkg.spread", "src/pkg/wild.py", "spread"),
    ],
)
def test_a_dotted_name_is_followed_to_its_definition(codebase: Codebase, dotted: str, path: str, symbol: str) -> None:
    found = codebase.find(dotted)
    assert found is not None
    assert (found[0], found[1].symbol) == (path, symbol)


def test_names_that_lead_outside_are_not_found(codebase: Codebase) -> None:
    assert codebase.find("torch.nn.Module") is None
    assert codebase.find("pkg.missing") is None
    assert codebase.canonical("pkg.compat.json.loads") == "ujson.loads"
    assert codebase.canonical("pkg.load_model") == "pkg.core.load"


def test_calls_reach_definitions_through_receivers_and_return_annotations(codebase: Codebase) -> None:
    reached = {}
    for call in codebase.facts["src/pkg/use.py"].calls:
        found = codebase.resolve_call("src/pkg/use.py", call)
        reached[call.written] = found[1].symbol if found else None
    assert reached == {
        "load_model": "load",
        "m.run": "Model.run",
        "m": "Model.forward",
        "given.forward": "Model.forward",
        "pick().go": "Big.go",
        "pick": "pick",
        "spread": "spread",
    }


def test_a_script_imports_what_lies_beside_it(codebase: Codebase) -> None:
    (call,) = codebase.facts["tools/run.py"].calls
    found = codebase.resolve_call("tools/run.py", call)
    assert found is not None
    assert found[0] == "tools/side.py"


def test_a_module_beside_a_package_file_does_not_hide_the_standard_library() -> None:
    codebase = codebase_of({"app/types.py": "def f(): pass\n", "app/main.py": "import types\ntypes.f()\n"})
    assert codebase.locate("types", "app/main.py") is None


def test_subclasses_are_found_through_local_chains_and_known_libraries() -> None:
    codebase = codebase_of(
        {
            "a.py": "import torch\nclass A(torch.nn.Linear): pass\nclass B(A): pass\nclass L(list): pass\n",
            "b.py": "from a import B as Z\nclass C(Z): pass\nclass D(C, metaclass=M): pass\n",
        }
    )
    assert [item.symbol for _, item in codebase.subclasses("torch.nn.Module")] == ["A", "B", "C", "D"]
    assert [item.symbol for _, item in codebase.subclasses("a.B")] == ["C", "D"]


def test_circular_imports_and_inheritance_end() -> None:
    codebase = codebase_of(
        {
            "a.py": "from b import x\nfrom b import *\nclass A(B): pass\nclass B(A): pass\n",
            "b.py": "from a import x\nfrom a import *\n",
        }
    )
    assert codebase.find("a.x") is None
    assert codebase.find("b.y") is None
    assert codebase.find("a.A.missing") is None
    assert codebase.subclasses("a.A")


def test_what_could_not_be_read_whole_is_listed() -> None:
    codebase = codebase_of({"a.py": "def f(:\n  ((\n", "b.py": "x = 1\n", "c.md": "# hi\n"})
    assert [item.path for item in codebase.unread] == ["a.py"]
    assert codebase.facts["c.md"].lines == 1


def test_the_cache_gives_the_same_facts_and_survives_being_broken(tmp_path: Path) -> None:
    snapshot = snapshot_of(PACKAGE)
    first = read_codebase(snapshot, tmp_path)
    assert read_codebase(snapshot, tmp_path).facts == first.facts
    for file in tmp_path.iterdir():
        file.write_bytes(b"not a database" * 100)
    assert read_codebase(snapshot, tmp_path).facts == first.facts
    for file in tmp_path.iterdir():
        file.unlink()
        file.mkdir()
    assert read_codebase(snapshot, tmp_path).facts == first.facts


def test_what_a_script_imports_finds_modules_of_its_folder_though_that_is_a_package() -> None:
    files: dict[str, str | bytes] = {
        "requirements.txt": "gradio\n",
        "tool/gradio/__init__.py": "",
        "tool/gradio/app.py": "import gradio\nfrom loop import run\nif __name__ == '__main__':\n    run()\n",
        "tool/gradio/loop.py": "from agent.actor import act\n\ndef run():\n    act()\n",
        "tool/gradio/agent/actor.py": "from tools import Tool\n\ndef act():\n    Tool()\n",
        "tool/gradio/tools/__init__.py": "class Tool: pass\n",
        "tool/other/use.py": "import loop\n",
    }
    found = codebase_of(files)
    assert found.locate("loop", "tool/gradio/app.py") == "tool/gradio/loop.py"
    assert found.locate("agent.actor", "tool/gradio/loop.py") == "tool/gradio/agent/actor.py"
    assert found.locate("tools", "tool/gradio/agent/actor.py") == "tool/gradio/tools/__init__.py"
    assert found.locate("gradio", "tool/gradio/app.py") is None
    assert found.locate("loop", "tool/other/use.py") is None


def test_a_project_in_a_folder_that_imports_itself_is_no_library() -> None:
    codebase = codebase_of(
        {
            "src/run/setup.py": 'setup(name="voice-tool", packages=["voice"], scripts=["voice"])',
            "src/run/voice/__init__.py": "from .core import Voice\n",
            "src/run/voice/core.py": "class Voice: pass\n",
            "src/run/voice/__main__.py": "from . import Voice\nfrom voice import Voice as Other\n",
        }
    )
    assert codebase.locate("voice", "src/run/voice/__main__.py") == "src/run/voice/__init__.py"
