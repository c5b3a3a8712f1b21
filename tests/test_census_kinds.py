"""Each census kind over names, statements, text, options, storage and registries, on small sources."""

import pytest

from retrieval.census import KINDS, parse_query, run_query
from retrieval.facts import CensusHit
from tests.source_tree import codebase_of

SYNTAX = """
    import threading, importlib
    import torch.nn as nn
    from local import helper
    from contextlib import suppress
    from torch import load as torch_load

    class Net(nn.Linear):
        @property
        def a(self): return None

        @torch_load("x")
        @staticmethod
        async def b(x):
            await x.go()
            async with x: pass

    def run(device, batch_size=2):
        t = threading.Thread(target=run, daemon=True)
        t.start()
        net = Net(1)
        net.to(device)
        net.cuda()
        importlib.import_module("yaml")
        helper(device_map="auto")
        with suppress(KeyError):
            del net, t.x
        global G
        G = net
        assert device in ("cuda", "cpu"), "no"
        if device.startswith("cuda:"):
            raise NotImplementedError("later")
        for x in y:
            yield x
        while True:
            yield from y
        return t.cpu()
    """
LOCAL = "def helper(**k): pass\n"


def hits(query: str, files: dict[str, str] | None = None) -> list[CensusHit]:
    return list(run_query(codebase_of(files or {"app.py": SYNTAX, "local.py": LOCAL}), query).hits)


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("calls: threading.Thread", [18]),
        ("calls: threading.Thread.start", [19]),
        ("calls: torch.nn.Module.to, torch.nn.Module.cuda", [21, 22]),
        ("calls: *.start", [19]),
        ("calls: local.helper", [24]),
        ("calls: helper", [24]),
        ("calls: app.Net", [20]),
        ("calls: torch.load", [11]),
        ("calls: torch_load", []),
        ("keywords: device_map", [24]),
        ("keywords: daemon=True", [18]),
        ("imports: torch", [2, 5]),
        ("imports: torch.load", [5]),
        ("imports: yaml", [23]),
        ("imports: local, contextlib.suppress", [3, 4]),
        ("bases: torch.nn.Module", [7]),
        ("bases: torch.nn.Linear", [7]),
        ("decorators: property, staticmethod, torch.load", [8, 11, 12]),
        ("defines: class *", [7]),
        ("defines: def *", [8, 11, 17, 1]),
        ("defines: async *", [11]),
        ("defines: Net.a, app.run", [8, 17]),
        ("awaits", [14, 15]),
        ("raises: NotImplementedError", [31]),
        ("catches: KeyError", [25]),
        ("assigns: G, net", [20, 28]),
        ("names: device, *batch*", [17, 17]),
        ("strings: cu*", [29, 30]),
        ("yields", [33, 35]),
        ("deletes: net", [26]),
        ("deletes: type:app.Net", [26]),
        ("with: contextlib.suppress", [25]),
        ("compares: cuda*", [29, 30]),
        ("compares: cpu, left=device", [29]),
        ("compares: cpu, left=other", []),
        ("asserts: *device*", [29]),
        ("globals: G", [27]),
        ("returns: *.cpu()", [36]),
        ("loops: True", [34]),
        ("conditions: *startswith*", [30]),
        ("text: global\\s", [27]),
        ("files: app.*", [1]),
    ],
)
def test_every_hit_stands_on_its_lines(query: str, lines: list[int]) -> None:
    assert [hit.start for hit in hits(query)] == lines


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("calls: threading.Thread", "threading.Thread(target=run, daemon=True)"),
        ("imports: torch.load", "from torch import load as torch_load"),
        ("imports: torch.nn", "import torch.nn as nn"),
        ("bases: torch.nn.Module", "class Net(nn.Linear), which derives from torch.nn.Module"),
        ("decorators: torch.load", '@torch_load("x") on Net.b'),
        ("defines: run", "def run(device, batch_size=2)"),
        ("defines: async *", "async def b(x)"),
        ("catches: KeyError", "`suppress(KeyError)` in `run`: swallows it"),
        ("with: contextlib.suppress", "with suppress(KeyError)"),
        ("keywords: device_map", 'device_map="auto" in helper(device_map="auto")'),
    ],
)
def test_a_hit_is_worded_for_people(query: str, text: str) -> None:
    assert [hit.text for hit in hits(query)] == [text]


def test_names_travel_through_re_exports_and_wildcards() -> None:
    files = {
        "pkg/__init__.py": "from .deep import work as do\nfrom .compat import np\n",
        "pkg/deep.py": "def work(): pass\n",
        "pkg/compat.py": "import numpy as np\n",
        "use.py": "from pkg import do, np\nfrom math import *\nimport pkg\ndo()\nnp.load(x)\nsqrt(2)\npkg.do()\n",
    }
    assert [h.start for h in hits("calls: pkg.deep.work", files)] == [4, 7]
    assert [h.start for h in hits("calls: numpy.load", files)] == [5]
    assert [h.start for h in hits("calls: math.sqrt", files)] == [6]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("calls: api.fetch", ["a.js:3", "b.go:3"]),
        ("imports: react", ["a.js:1"]),
        ("defines: main", ["b.go:2"]),
        ("env_vars: TOKEN", ["a.js:4", "c.sh:2", "d.yml:1"]),
        ("env_vars: HOME_DIR", ["Dockerfile:1"]),
        ("strings: *.onnx", ["a.js:5"]),
        ("catches: e", ["a.js:6"]),
        ("text: fetch", ["README.md:1", "a.js:2", "a.js:3", "b.go:3"]),
    ],
)
def test_other_languages_are_searched_by_text(query: str, found: list[str]) -> None:
    files = {
        "a.js": "import React from 'react'\n// api.fetch()\napi.fetch(x)\nprocess.env.TOKEN\n'm.onnx'\n} catch (e) {\n",
        "b.go": 'import "fmt"\nfunc main() {\n  api.fetch(x)\n',
        "c.sh": "#!/bin/sh\nexport TOKEN=1\n",
        "d.yml": "key: ${TOKEN}\n",
        "Dockerfile": "ENV HOME_DIR=/x\n",
        "README.md": "fetch it\n",
    }
    assert sorted(f"{hit.path}:{hit.start}" for hit in hits(query, files)) == sorted(found)


@pytest.mark.parametrize(
    ("query", "source", "texts"),
    [
        ("writes", "open(p, 'w')", ["open(p, 'w') (file opened for writing at `p`)"]),
        ("writes", "open(p, mode='ab')", ["open(p, mode='ab') (file opened for appending at `p`)"]),
        ("writes", "open(p)\nopen(p, 'rb')", []),
        ("reads", "open(p)", ["open(p) (file opened for reading at `p`)"]),
        ("reads", "open(p, 'w')", []),
        ("writes", "open(p, m)", ["open(p, m) (file, mode decided at run time at `p`)"]),
        ("writes", "from pathlib import Path\nPath(p).write_text(x)", ["Path(p).write_text(x) (text at `Path(p)`)"]),
        ("writes", "import torch as t\nt.save(m, d / n)", ["t.save(m, d / n) (torch checkpoint at `d / n`)"]),
        ("writes", "df.to_csv()\ndf.to_csv(p)", ["df.to_csv(p) (CSV at `p`)"]),
        ("writes", "form.save()\nimg.save(p)", ["img.save(p) (file at `p`)"]),
        ("writes", "def save(p): pass\nclass A:\n  def save(self, p): pass\n  def f(self): self.save(1)", []),
        ("writes: folder", "import os\nos.makedirs(d)\nos.remove(d)", ["os.makedirs(d) (folder at `d`)"]),
        ("reads", "from PIL import Image\nImage.open(p)", ["Image.open(p) (image at `p`)"]),
    ],
)  # fmt: skip
def test_what_touches_the_disk_says_where(query: str, source: str, texts: list[str]) -> None:
    assert [hit.text for hit in hits(query, {"a.py": source})] == texts


@pytest.mark.parametrize(
    ("source", "names", "first"),
    [
        (
            "p.add_argument('--model', '-m', default='x', help='the '\n 'name')\nargs = p.parse_args()",
            ["--model"],
            "`--model, -m` (default 'x'): the name",
        ),
        (
            "import click\n@click.command()\n@click.option('--n', default=1, help='many')\ndef f(n): pass",
            ["--n"],
            "`--n` (default 1): many",
        ),
        (
            "import typer\napp = typer.Typer()\n@app.command()\ndef f(in_dir: str, n: int = typer.Option(1)): pass",
            ["IN_DIR", "--n"],
            "`IN_DIR`, an argument, (type str; required) - of `f()`, by typer",
        ),
        (
            "import fire\ndef f(a, b=1): pass\nfire.Fire(f)",
            ["--a", "--b"],
            "`--a` (required) - of `f()`, by fire",
        ),
        (
            "from absl import flags\nflags.DEFINE_string('lr', None, 'rate')",
            ["--lr"],
            "`--lr` (default None): rate",
        ),
        ("import hydra\n@hydra.main(config_path='c', config_name='n')\ndef f(cfg): pass", ["hydra.main"], None),
    ],
)
def test_command_line_options(source: str, names: list[str], first: str | None) -> None:
    found = hits("cli_options", {"a.py": source})
    assert [hit.name for hit in found] == names
    assert first is None or found[0].text == first


def test_a_class_that_only_looks_like_argparse_has_no_options() -> None:
    source = "class V:\n    def add_argument(self, n): pass\nv = V()\nv.add_argument('x')\n"
    assert not hits("cli_options", {"a.py": source})


def test_an_option_says_where_it_is_parsed() -> None:
    source = "def f():\n    p.add_argument('--x')\n    return p.parse_args()\n"
    (hit,) = hits("cli_options: x", {"a.py": source})
    assert hit.related == (("parsed", "a.py", 3, 3),)


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("def a(): pass\nT = {'a': a, 'b': len}\nT[k](1)", [2, 3]),
        ("@register('x')\nclass A: pass", [1]),
        ("@REGISTRY.register_module()\ndef a(): pass", [1]),
        ("self.register_buffer('x', y)", []),
        ("import importlib\nimportlib.import_module(name)\nimportlib.import_module('os')", [2]),
        ("getattr(m, name)(x)\ngetattr(m, 'x')", [1]),
        ("def f():\n    d = {'a': x, 'b': y}", []),
        ("class A: pass\ndef f(k):\n    d = {'a': A}\n    return d[k]()", [3, 4]),
        ("T.get(k)(x)", [1]),
        ("kernel[grid](x)\nkernel[(1,)](y)", []),
        ("def __getattr__(name): pass", [1]),
    ],
)
def test_registries_and_dispatch(source: str, lines: list[int]) -> None:
    assert [hit.start for hit in hits("registries", {"a.py": source})] == lines


def test_every_kind_runs_its_own_example() -> None:
    codebase = codebase_of({"app.py": SYNTAX, "local.py": LOCAL})
    for kind in KINDS.values():
        assert kind.summary
        example = kind.example.split(", or ")[0]
        assert parse_query(example).kind == kind.name
        run_query(codebase, example)


def test_imports_of_the_repository_itself_are_told_from_those_of_a_library() -> None:
    files = {"fast_net/__init__.py": "import torch\n", "run.py": "import fast_net\nimport torch\n"}
    codebase = codebase_of(files)
    found = {
        target: [(hit.path, hit.name) for hit in run_query(codebase, f"imports: fast_net, torch{target}").hits]
        for target in ("", ", target=library", ", target=own")
    }
    assert found[", target=own"] == [("run.py", "fast_net")]
    assert found[", target=library"] == [("fast_net/__init__.py", "torch"), ("run.py", "torch")]
    assert len(found[""]) == 3
