"""Model classes, where they are made and run, record types, interfaces, imports and what is passed around."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from retrieval.errors import QueryError
from tests.source_tree import codebase_of

MODELS: dict[str, str | bytes] = {
    "net/__init__.py": "from .model import Net, build\nfrom .records import *\n__version__ = '1'\n",
    "net/model.py": """
        from typing import Iterable, Optional
        import torch
        from torch import nn

        class Block(nn.Module):
            def forward(self, x): return x

        class Head(Block):
            pass

        class Net(nn.Module):
            \"\"\"A small net.\"\"\"
            def __init__(self, size: int):
                super().__init__()
                self.blocks: Iterable[Block] = nn.ModuleList([Block() for _ in range(size)])
                self.head: Optional["Head"] = Head() if size else None
                self.extra = nn.ModuleList()
                for _ in range(2):
                    self.extra.append(Block())
            def forward(self, x):
                for block in self.blocks:
                    x = block(x)
                for i, more in enumerate(self.extra):
                    x = more(x)
                return self.head(x)
            def encode_image(self, x): return self(x)
            def set_size(self, n): self.n = n

        def build(size=2) -> Net:
            net = Net(size)
            net.load_state_dict(torch.load("x"))
            return net.eval().to("cuda")
    """,
    "net/records.py": """
        from dataclasses import dataclass
        from collections import namedtuple
        from enum import Enum
        import typing as t
        from pydantic import BaseModel as Model

        __all__ = ["Options"]

        @dataclass(frozen=True)
        class Options:
            size: int = 3
            name: t.Optional[str] = None
        class Kind(Enum):
            A = 1
        class Row(t.NamedTuple):
            x: int
        class Wire(Model):
            y: str
        Point = namedtuple("Point", ["x", "y"])
        class Plain: pass
    """,
    "use.py": """
        from transformers import AutoTokenizer, AutoModelForCausalLM
        from net import build, Net
        import openai

        def run(images, model, other_net):
            net = build()
            for image in images:
                out = net(image)
                net.encode_image(image)
                net.set_size(3)
            model(images)
            other_net.generate(images)
            table = images.clip(0, 1)
            if isinstance(model, Net):
                pass
            tokenizer = AutoTokenizer.from_pretrained("x")
            lm = AutoModelForCausalLM.from_pretrained("x").to("cuda")
            lm.generate(tokenizer(images))
            client = openai.OpenAI()
            client.chat.completions.create(model="m")

        if __name__ == "__main__":
            run([1], None, None)
    """,
}


@pytest.fixture(scope="module")
def models() -> Codebase:
    return codebase_of(MODELS)


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_whole_models_come_before_their_parts(models: Codebase) -> None:
    hits = run_query(models, "models").hits
    assert [hit.name for hit in hits] == ["Net", "Block", "Head"]
    assert hits[0].text == ("`Net` (net/model.py) derives from `torch.nn.Module`; its parts are `Block`, `Head`")
    assert hits[0].detail["part"] == "no" and hits[1].detail["part"] == "yes"
    assert hits[0].detail["about"] == "A small net"


FACTORY: dict[str, str | bytes] = {
    "zoo.py": """
        import torch
        from torch import nn

        class Grid(nn.Module):
            def __init__(self):
                super().__init__()
                self.stem = nn.Conv2d(3, 8, 1)
            def forward(self, x): return self.stem(x)
        class Patches(nn.Module):
            def __init__(self):
                super().__init__()
                self.embed = nn.Linear(3, 8)
                self.block = Block()
            def forward(self, x): return self.block(x)
        class Block(nn.Module):
            def __init__(self):
                super().__init__()
                self.act = Swish()
                self.fc = nn.Linear(8, 8)
        class Swish(nn.Module):
            def forward(self, x): return x * torch.sigmoid(x)
        class PairLoss(nn.Module):
            def forward(self, a, b): return (a - b).sum()
        class RandomCrop(nn.Module):
            def forward(self, image): return image[1:]

        def make_tower(kind):
            if kind == "grid":
                tower = Grid()
            else:
                tower = Patches()
            return tower

        class Single(nn.Module):
            def __init__(self, kind):
                super().__init__()
                self.tower = make_tower(kind)
            def forward(self, x): return self.tower(x)
        class Double(Single):
            pass
        TOWERS = {"grid": Grid, "patches": Patches}
        class Named(nn.Module):
            def __init__(self, kind):
                super().__init__()
                self.tower = TOWERS[kind]()

        def create(kind):
            if kind == "a":
                chosen = Single
            else:
                chosen = Named
            return chosen(kind)

        def main():
            net = create("a")
            net(3)

        main()
    """,
}


def test_parts_come_through_helpers_and_tables_and_complete_models_come_first() -> None:
    codebase = codebase_of(FACTORY)
    hits = run_query(codebase, "models").hits
    assert {hit.name: hit.detail["tier"] for hit in hits} == {
        "Single": "model",
        "Named": "model",
        "Double": "part",
        "Grid": "layer",
        "Patches": "part",
        "Block": "layer",
        "Swish": "layer",
        "PairLoss": "loss",
        "RandomCrop": "transform",
    }
    assert "its parts are `Grid`, `Patches`" in hits[0].text and "its parts are `Grid`, `Patches`" in hits[1].text
    assert [hit.name for hit in run_query(codebase, "models: tier=loss|transform").hits] == ["PairLoss", "RandomCrop"]
    with pytest.raises(QueryError, match="unknown tier"):
        run_query(codebase, "models: tier=tower")


def test_a_class_held_in_a_variable_is_called_by_all_its_names() -> None:
    codebase = codebase_of(FACTORY)
    steps = texts(codebase, "flow")
    assert "`create()` constructs `chosen(…)`, which is `Single` or `Named`" in steps
    made = {hit.name: hit for hit in run_query(codebase, "instantiates").hits}
    assert made["Single | Named"].text == "`create()` constructs `chosen(kind)`, which is `Single` or `Named`"
    assert [label for label, *_ in made["Single | Named"].related] == ["definition", "definition"]
    inside = texts(codebase, "invokes")
    assert "`Single.forward()` calls `self.tower(x)`, which runs `Grid.forward()` or `Patches.forward()`" in inside


def test_a_table_that_is_filled_elsewhere_names_no_alternatives() -> None:
    codebase = codebase_of(
        {
            "zoo.py": """
                class A: pass
                class B: pass
                OPEN = {"a": A}
                CLOSED = {"a": A, "b": B}
                def add(cls): OPEN[cls.__name__] = cls
                def main(kind):
                    OPEN[kind]()
                    CLOSED[kind]()
                main("a")
            """
        }
    )
    calls = [line for line in texts(codebase, "flow: all=yes") if line.startswith("`main()`")]
    assert calls == ["`main()` constructs `CLOSED[kind](…)`, which is `A` or `B`"]


def test_instantiates_lists_every_constructor_call(models: Codebase) -> None:
    hits = run_query(models, "instantiates: torch.nn.Module").hits
    assert [(hit.path, hit.start, hit.name) for hit in hits] == [
        ("net/model.py", 30, "Net"),
        ("net/model.py", 15, "Block"),
        ("net/model.py", 16, "Head"),
        ("net/model.py", 19, "Block"),
    ]


def test_invokes_tells_types_libraries_and_names_apart(models: Codebase) -> None:
    hits = run_query(models, "invokes: in=use.py").hits
    assert [(hit.start, hit.detail["by"]) for hit in hits] == [
        (8, "type"),
        (9, "type"),
        (11, "name"),
        (12, "name"),
        (18, "library"),
        (20, "library"),
    ]
    assert hits[0].text == ("`run()` calls `net(image)`, which runs `Net.forward()` — for each `image in images`")
    assert hits[2].text == "`run()` calls `model(images)`; `model` is a parameter"
    assert hits[4].name == "transformers.AutoModelForCausalLM.from_pretrained"
    assert hits[5].name == "openai.OpenAI"


def test_invokes_inside_models_follows_module_lists_and_optional_parts(models: Codebase) -> None:
    inner = [h.text for h in run_query(models, "invokes: in=net/*").hits]
    assert any("`block(x)`, which runs `Block.forward()`" in line for line in inner)
    assert any("`more(x)`, which runs `Block.forward()`" in line for line in inner)
    assert any("`self.head(x)`, which runs `Block.forward()` on a `Head` object" in line for line in inner)


def test_structures_list_fields_and_leave_plain_classes_out(models: Codebase) -> None:
    found = {hit.name: hit for hit in run_query(models, "structures").hits}
    assert set(found) == {"Options", "Kind", "Row", "Wire", "Point"}
    assert found["Options"].text == ("Dataclass `Options` with fields `size: int`, `name: t.Optional[str]`")
    assert found["Kind"].text == "Enum `Kind` with members `A = 1`"
    assert found["Wire"].detail["type"] == "pydantic model"


def test_interfaces_show_signatures_through_wildcards_and_all(models: Codebase) -> None:
    assert texts(models, "interfaces") == [
        "`net` offers the class `Net(size: int)`",
        "`net` offers the function `build(size=2) -> Net`",
        "`net` offers the class `Options`",
    ]


def test_import_graph_fan_in_and_coupling(models: Codebase) -> None:
    assert texts(models, "import_graph: use.py") == ["use.py imports net/__init__.py"]
    assert "net/__init__.py is imported by 1 module: use.py" in texts(models, "fan_in")
    assert texts(models, "coupling: use.py") == [
        "use.py imports the model libraries `transformers`, `openai`; imports the model class `Net`;"
        " tests `isinstance(model, Net)`"
    ]


def test_context_counts_the_functions_that_one_object_is_passed_to() -> None:
    codebase = codebase_of(
        {
            "run.py": """
                class Config: pass
                def a(cfg): pass
                def b(cfg): a(cfg)
                def c(x, settings=None): pass
                def main():
                    cfg = Config()
                    b(cfg)
                    c(1, settings=cfg)
                main()
            """
        }
    )
    assert texts(codebase, "context") == [
        "An argument named `cfg` (a `Config` object) is passed in 3 calls to 3 functions and classes of the "
        "repository: `b()`, `c()`, `a()`"
    ]


KINDS = (
    "entry_points flow handoffs branches models instantiates invokes structures interfaces"
    " import_graph fan_in coupling context"
)


@pytest.mark.parametrize("kind", KINDS.split())
def test_broken_code_never_breaks_a_kind(kind: str) -> None:
    codebase = codebase_of(
        {
            "a.py": b"def f(:\n  x = (((\nclass\n@\nif __name__ == '__main__':\n f(\n",
            "b.py": b"from b import x\nfrom a import *\nx = x\ny = y.z()\nclass C(C): pass\nC().q().r\n",
            "c/__init__.py": b"from d import d\nfrom . import *\n",
            "d.py": b"from c import d\ndef g():\n return g()()\ng().h\n",
            "e.py": b"x = " + b"(" * 600 + b"1" + b")" * 600 + b"\nmain(lambda: f(x))\n",
            "pyproject.toml": b"[project.scripts]\nx = 3\ny = 'nowhere:f'\n[broken",
            "setup.py": b"entry_points={'console_scripts': ['a = a:f', 'b']}",
            "n.ipynb": b"{}",
        }
    )
    run_query(codebase, kind)
