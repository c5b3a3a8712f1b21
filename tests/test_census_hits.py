"""Hits are what their heading says: what is moved, where is printed, what is streamed, typed, counted."""

import pytest

from retrieval.census import run_query
from retrieval.errors import QueryError
from retrieval.facts import CensusHit
from tests.source_tree import codebase_of


def hits(query: str, files: dict[str, str]) -> list[CensusHit]:
    return list(run_query(codebase_of(dict(files)), query).hits)


def texts(query: str, files: dict[str, str]) -> list[str]:
    return [hit.text for hit in hits(query, files)]


MOVES = {
    "moves.py": """
    import torch
    from torch import nn
    from transformers import AutoModel, AutoTokenizer

    class Net(nn.Module):
        def __init__(self):
            self.embed_tokens = nn.Embedding(4, 4)

        def forward(self, x, y: torch.Tensor):
            self.embed_tokens.to("cpu")
            return (x.to(y.device) @ y).float()

        def place(self, device):
            return self.to(device)

    def pad(array):
        return array.index_select(0, 1)

    def load(device, name):
        net = Net().half()
        other = AutoModel.from_pretrained(name).to(device=device, dtype=torch.float16)
        tokens = AutoTokenizer.from_pretrained("x")(name, return_tensors="pt").to(device)
        return net.to(device), other, tokens

    def run(model, loader, dtype, unit, thing):
        model.eval()
        kind = dtype.dtype
        for batch, other in loader:
            batch = batch.to(model.device, non_blocking=True)
            model(batch)
            pad(other).cpu()
            batch["image"].cuda().to(kind)
            unit.to("meters")
            thing.to(device="cuda")
        if isinstance(thing, torch.Tensor):
            thing.cpu()
    """
}


def test_device_moves_tell_models_from_tensors():
    found = [(hit.start, hit.detail["what"], hit.detail["to"], hit.text) for hit in hits("device_moves", MOVES)]
    assert sorted(found) == [
        (10, "model", "cpu",
         '`self.embed_tokens.to("cpu")` moves the part `self.embed_tokens` of the model to the CPU'),
        (11, "tensor", "device", "`x.to(y.device)` moves a tensor to `y.device`"),
        (11, "tensor", "dtype", "`(x.to(y.device) @ y).float()` changes only the type"),
        (14, "model", "device", "`self.to(device)` moves the model to `device`"),
        (20, "model", "dtype", "`Net().half()` changes only the type of the model"),
        (21, "model", "device", "`AutoModel.from_pretrained(name).to(device=device, dtype=torch.float16)` "
         "moves the model to `device`"),
        (22, "tensor", "device", '`AutoTokenizer.from_pretrained("x")(name, return_tensors="pt….to(device)` '
         "moves the tensors of an encoding to `device`"),
        (23, "model", "device", "`net.to(device)` moves the model to `device`"),
        (29, "tensor", "device", "`batch.to(model.device, non_blocking=True)` moves a tensor to `model.device`"),
        (31, "tensor", "cpu", "`pad(other).cpu()` moves a tensor to the CPU"),
        (32, "tensor", "device", '`batch["image"].cuda()` moves a tensor to `cuda`'),
        (32, "tensor", "dtype", '`batch["image"].cuda().to(kind)` changes only the type'),
        (34, "unknown", "device", '`thing.to(device="cuda")` moves `thing` to `"cuda"`'),
        (36, "tensor", "cpu", "`thing.cpu()` moves a tensor to the CPU"),
    ]  # fmt: skip


def test_device_moves_are_chosen_by_what_and_where():
    assert [hit.start for hit in hits("device_moves: model, to=cpu|dtype", MOVES)] == [10, 20]
    assert [hit.start for hit in hits("device_moves: unknown", MOVES)] == [34]
    assert not hits("device_moves", {"units.py": "def f(x):\n    return x.to('meter').float()\n"})
    for wrong in ("device_moves: modle", "device_moves: model, to=gpu"):
        with pytest.raises(QueryError):
            hits(wrong, MOVES)


PRINTS = {
    "out.py": """
    import sys, click
    from rich.console import Console

    console = Console()
    def show(file, log):
        print("a")
        print("b", file=sys.stderr)
        print("c", file=file)
        click.echo("d", log)
        console.print("e")
        sys.stdout.write("f")
        log.print("g")
    """,
    "own.py": "def print(x): ...\nprint(1)\n",
    "app.js": "console.log('x')\n",
}


def test_prints_tell_the_console_from_files():
    assert texts("prints: to=console, in=*.py", PRINTS) == [
        '`print("a")` prints to the console',
        '`print("b", file=sys.stderr)` prints to the console (standard error)',
        '`console.print("e")` prints to the console',
        '`sys.stdout.write("f")` prints to the console',
    ]
    assert texts("prints: to=file", PRINTS) == [
        '`print("c", file=file)` writes to `file`, not the console',
        '`click.echo("d", log)` writes to `log`, not the console',
    ]
    assert [hit.path for hit in hits("prints: in=*.js", PRINTS)] == ["app.js"]


YIELDS = {
    "pkg/__init__.py": "from pkg.run import main\n",
    "pkg/run.py": """
    from contextlib import contextmanager

    @contextmanager
    def quiet():
        yield

    def main():
        with quiet():
            for x in stream():
                print(x, other)

    def stream():
        yield 1

    class Idle:
        def forgotten(self):
            yield 2

    def other():
        yield 3

    if __name__ == "__main__":
        main()
    """,
    "tests/test_run.py": """
    import pytest
    from pkg.run import Idle

    @pytest.fixture
    def idle():
        yield Idle().forgotten()
    """,
}


def test_yields_tell_streams_from_context_managers():
    found = [(hit.text, hit.detail["what"], hit.detail["reached"]) for hit in hits("yields: role=source", YIELDS)]
    assert found == [
        ("yield 1", "stream", "yes"),
        ("yield 3", "stream", ""),
        ("yield 2 (nothing that an entry point reaches calls `Idle.forgotten`)", "stream", "no"),
        (
            "`yield` in the context manager `quiet` hands control to the `with` block; it streams nothing",
            "context_manager",
            "yes",
        ),
    ]
    assert [hit.start for hit in hits("yields: what=stream", YIELDS)] == [13, 20, 17]
    with pytest.raises(QueryError):
        hits("yields: what=streams", YIELDS)


TYPED = {
    "pkg/__init__.py": "",
    "pkg/a.py": """
    import typing
    from typing import TYPE_CHECKING
    import torch.nn as nn

    if TYPE_CHECKING:
        from pkg.b import Net
        import transformers
    if not typing.TYPE_CHECKING:
        import pkg.c
    else:
        import sklearn
    """,
    "pkg/b.py": "import torch.nn as nn\n\nclass Net(nn.Module): ...\n",
    "pkg/c.py": "from pkg.b import Net\n",
}


def test_imports_for_type_checking_only_are_no_run_time_imports():
    assert texts("imports: pkg, transformers, sklearn", TYPED) == [
        "import pkg.c",
        "from pkg.b import Net",
        "from pkg.b import Net (for type checking only)",
        "import transformers (for type checking only)",
        "import sklearn (for type checking only)",
    ]
    assert texts("coupling", TYPED) == ["pkg/c.py imports the model class `Net`"]
    assert texts("import_graph: pkg/a.py", TYPED) == ["pkg/a.py imports pkg/c.py; and pkg/b.py for type checking only"]
    assert texts("fan_in", TYPED) == [
        "pkg/b.py is imported by 1 module: pkg/c.py; and by 1 more module for type checking only: pkg/a.py",
        "pkg/c.py is imported by 1 module: pkg/a.py",
    ]


def test_calls_of_a_library_are_not_the_repositorys_own():
    files = {
        "whisper/__init__.py": "def load_model(name): ...\n",
        "run.py": "import whisper, torch\nwhisper.load_model('a')\ntorch.load('b')\n",
    }
    query = "calls: whisper.load_model, torch.load"
    assert [hit.start for hit in hits(query, files)] == [2, 3]
    assert [hit.start for hit in hits(f"{query}, target=library", files)] == [3]
    with pytest.raises(QueryError):
        hits("calls: torch.load, target=mine", files)


def test_modules_with_relative_imports_start_as_modules():
    files = {
        "src/pkg/__init__.py": "",
        "src/pkg/a.py": "from . import b\n\ndef main(): ...\n\nif __name__ == '__main__':\n    main()\n",
        "src/pkg/b.py": "import pkg\n\ndef main(): ...\n\nif __name__ == '__main__':\n    main()\n",
    }
    assert sorted(texts("entry_points", files)) == [
        "Running src/pkg/b.py as a script calls `main()`",
        "`python -m pkg.a` runs src/pkg/a.py, which calls `main()`",
    ]


SIZED = {
    "pkg/__init__.py": "",
    "pkg/a.py": "A = 1\n",
    "tests/test_a.py": "import pytest, unittest\nfrom pkg import a\n\ndef test_a(): ...\n",
}


def test_modules_are_told_from_folders_and_test_files_listed_once():
    assert [(hit.name, hit.detail["kind"]) for hit in hits("modules", SIZED)] == [
        ("pkg", "folder"),
        ("pkg.a", "module"),
        ("tests.test_a", "module"),
    ]
    assert [hit.name for hit in hits("modules: only=modules", SIZED)] == ["pkg.a", "tests.test_a"]
    assert [hit.name for hit in hits("modules: only=folders", SIZED)] == ["pkg"]
    with pytest.raises(QueryError):
        hits("modules: only=files", SIZED)
    assert texts("tests", SIZED) == [
        "`tests/test_a.py` defines 1 test function: `test_a`; imports `pkg`; uses `pytest`, `unittest`"
    ]


def test_configs_tell_data_tables_from_configuration():
    words = ", ".join(f'"w{number}": "{number}"' for number in range(60))
    files = {
        "configs/words.json": f"{{{words}}}",
        "configs/net.json": f"{{{words}}}",
        "configs/train.yaml": "lr: 1\nname: a\n",
        "labels.yaml": "".join(f"- label{number}\n" for number in range(30)),
        "run.py": """
        import yaml

        def names(path):
            labels = yaml.safe_load(open(path))
            return labels

        def load_config():
            return yaml.safe_load(open("configs/net.json"))
        """,
    }
    assert [(hit.path, hit.detail["what"]) for hit in hits("configs", files) if hit.path != "run.py"] == [
        ("configs/net.json", "config"),
        ("configs/train.yaml", "config"),
        ("configs/words.json", "data"),
        ("labels.yaml", "data"),
    ]
    assert texts("configs: what=data", files) == [
        "YAML data table is read: `labels = yaml.safe_load(open(path))` in `names`",
        "`configs/words.json` (JSON) is a data table: an object with 60 keys",
        "`labels.yaml` (YAML) is a data table: yaml, 30 lines",
    ]
    assert "words.json" not in " ".join(texts("configs: what=config", files))
    with pytest.raises(QueryError):
        hits("configs: what=table", files)
