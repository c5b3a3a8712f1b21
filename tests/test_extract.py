"""What `extract` reads from one file: names resolved, receivers known, lines exact, nothing crashed."""

import json
from pathlib import Path

import pytest

from retrieval.codebase import read_codebase
from retrieval.extract import extract
from retrieval.facts import Call, Fact, FileFacts
from retrieval.walk import take_snapshot
from tests.source_tree import source_file


def facts_of(text: str | bytes, path: str = "pkg/mod.py") -> FileFacts:
    return extract(source_file(path, text))


def call(facts: FileFacts, written: str) -> Call:
    found = [item for item in facts.calls if item.written == written]
    assert len(found) == 1, [item.written for item in facts.calls]
    return found[0]


def of_kind(facts: FileFacts, kind: str) -> list[Fact]:
    return [fact for fact in facts.facts if fact.kind == kind]


@pytest.mark.parametrize(
    ("source", "written", "name"),
    [
        ("from torch import cuda as c\nc.empty_cache()", "c.empty_cache", "torch.cuda.empty_cache"),
        ("import torch.nn.functional as F\nF.relu(x)", "F.relu", "torch.nn.functional.relu"),
        ("import os.path\nos.path.join(a)", "os.path.join", "os.path.join"),
        ("import torch\nload = torch.load\nload(x)", "load", "torch.load"),
        ("from . import util as u\nu.go()", "u.go", "pkg.util.go"),
        ("from .util import go\ngo()", "go", "pkg.util.go"),
        ("def f():\n    import gc\n    gc.collect()", "gc.collect", "gc.collect"),
        ("def go(): pass\ngo()", "go", "pkg.mod.go"),
        ("import json\ndef f(json):\n    json.load(x)", "json.load", "json.load"),
        ("try:\n    import torch\nexcept ImportError:\n    torch = None\ntorch.load(x)", "torch.load", "torch.load"),
        ("class A:\n    def f(self): self.g()\n    def g(self): pass", "self.g", "pkg.mod.A.g"),
        ("TABLE[key](x)", "TABLE[key]", "TABLE[]"),
        ("a().b()", "a().b", "().b"),
        ("from ...up import x\nx()", "x", "...up.x"),
    ],
)
def test_calls_are_named_by_what_they_reach(source: str, written: str, name: str) -> None:
    assert call(facts_of(source), written).name == name


def test_a_parameter_hides_an_import() -> None:
    facts = facts_of("import json as j\ndef f(j):\n    j.load(x)\nj.load(y)")
    assert [item.name for item in facts.calls] == ["j.load", "json.load"]


@pytest.mark.parametrize(
    ("body", "written", "receiver"),
    [
        ("m = AutoModel.from_pretrained(x)\nm.to('cuda')", "m.to", "transformers.AutoModel.from_pretrained"),
        ("m = AutoModel.from_pretrained(x).eval()\nm.go()", "m.go", "transformers.AutoModel.from_pretrained"),
        ("def f(m: AutoModel): m.go()", "m.go", "transformers.AutoModel"),
        ("def f(m: 'Optional[AutoModel]' = None): m.go()", "m.go", "transformers.AutoModel"),
        ("def f(m: AutoModel | None): m.go()", "m.go", "transformers.AutoModel"),
        ("with open(p) as f: f.write(x)", "f.write", "open"),
        ("m, p = AutoModel.pair()\nm.go()", "m.go", "transformers.AutoModel.pair[0]"),
        ("m = AutoModel() if x else None\nm.go()", "m.go", "transformers.AutoModel"),
        ("if (m := AutoModel()): m.go()", "m.go", "transformers.AutoModel"),
        ("m = make()\nm.go()", "m.go", "make"),
        ("m: AutoModel = given['m']\nm.go()", "m.go", "transformers.AutoModel"),
        ("for m in ms: m.go()", "m.go", ""),
        ("m = m\nm.go()", "m.go", ""),
        ("try: x\nexcept AutoModel as e: e.go()", "e.go", "transformers.AutoModel"),
        (
            "class A:\n    def __init__(self): self.m = AutoModel()\n    def f(self): self.m.go()",
            "self.m.go",
            "transformers.AutoModel",
        ),
        ("class A:\n    m: AutoModel\n    def f(self): self.m.go()", "self.m.go", "transformers.AutoModel"),
        ("class A(AutoModel):\n    def f(self): super().go()", "super().go", "transformers.AutoModel"),
    ],
)
def test_receivers_are_known_by_what_bound_them(body: str, written: str, receiver: str) -> None:
    source = f"from transformers import AutoModel\nfrom typing import Optional\n{body}"
    assert call(facts_of(source), written).receiver == receiver


def test_a_called_instance_says_what_it_is() -> None:
    facts = facts_of("from torch import nn\nnet = nn.Linear(1, 2)\nnet(x)")
    assert call(facts, "net").instance == "torch.nn.Linear"
    assert call(facts, "nn.Linear").instance == ""


def test_a_call_knows_its_arguments_and_where_it_stands() -> None:
    facts = facts_of(
        """
        async def f():
            for x in xs:
                a, b = await g(x, *rest, k=1, **more)
            with h() as y:
                print([i(z) for z in zs])
        """
    )
    g = call(facts, "g")
    assert (g.arguments, g.keywords) == (("x", "*rest"), (("k", "1"), ("**", "more")))
    assert (g.assigned, g.awaited, g.in_loop, g.in_with) == (("a", "b"), True, True, False)
    assert (g.start, g.symbol, g.text) == (3, "f", "a, b = await g(x, *rest, k=1, **more)")
    assert call(facts, "h").in_with and call(facts, "h").assigned == ("y",)
    assert call(facts, "i").in_loop and not call(facts, "print").in_loop


def test_definitions_carry_header_decorators_and_docstring() -> None:
    facts = facts_of(
        '''
        """Module doc."""
        import functools

        @functools.lru_cache(
            maxsize=1)
        def f(a, /, b: int = 2,
              *c, d) -> str:
            """First.

            Second.
            """

        class A(f.X, metaclass=M):
            class B:
                async def g(self): ...
        '''
    )
    f, a, b, g = facts.definitions
    assert (f.start, f.head_start, f.head_end, f.end) == (4, 6, 7, 11)
    assert f.parameters == ("a", "/", "b: int = 2", "*c", "d")
    assert (f.returns, f.decorators) == ("str", ("functools.lru_cache",))
    assert (f.docstring, f.doc_start, f.doc_end) == ("First.\n\nSecond.", 8, 11)
    assert a.bases == ("pkg.mod.f.X",) and of_kind(facts, "metaclass")[0].name == "M"
    assert (b.symbol, g.symbol, g.kind, g.is_async) == ("A.B", "A.B.g", "method", True)
    assert facts.docstring == "Module doc." and facts.doc_start == 1


def test_imports_are_absolute_and_know_when_they_are_guarded() -> None:
    facts = facts_of(
        """
        from __future__ import annotations
        from .. import x
        from .a.b import *
        if TYPE_CHECKING:
            import numpy as np
        try:
            import cv2
        except ImportError:
            import PIL
        """,
        "top/pkg/mod.py",
    )
    assert [(i.module, i.name, i.alias, i.guarded) for i in facts.imports] == [
        ("__future__", "annotations", "annotations", False),
        ("top", "x", "x", False),
        ("top.pkg.a.b", "*", "*", False),
        ("numpy", "", "np", True),
        ("cv2", "", "cv2", True),
        ("PIL", "", "PIL", True),
    ]


@pytest.mark.parametrize(
    ("loop", "handler", "says"),
    [
        ("", "raise", "reraise: re-raises"),
        ("", "raise e", "reraise: re-raises"),
        ("", "raise ValueError(str(e)) from e", "reraise: raises `ValueError`"),
        ("", "pass", "swallow: swallows it, then `f()` ends"),
        ("", "...", "swallow: swallows it, then `f()` ends"),
        ("", "logger.warning('no')\nraise", "reraise: logs “no” and re-raises"),
        ("", "print(e)\nreturn None", "return: prints and returns `None`"),
        ("", "return other()", "fallback: returns `other()`"),
        ("", "return report(e)", "return: returns `report(e)`"),
        ("", "sys.exit(1)", "abort: exits the process"),
        ("", "x = None", "fallback: sets `x = None`, then `f()` ends"),
        ("", "go()", "retry: calls `go()`, so `go()` is called again, then `f()` ends"),
        ("", "go(1)", "fallback: calls `go()`, then `f()` ends"),
        ("", "f()", "fallback: calls `f()`, then `f()` ends"),
        ("for x in xs:", "continue", "skip: swallows it, then goes on with the next `x` (skips this one)"),
        ("for x in xs:", "print('no', x)", "skip: prints “no”, then goes on with the next `x` (skips this one)"),
        ("for x in xs:", "x = 1", "fallback: sets `x = 1`, then goes on with the next `x`"),
        ("for x in xs:", "break", "swallow: leaves the loop"),
        ("for attempt in range(3):", "continue", "retry: swallows it, then tries again (`for attempt in range(3)`)"),
        ("while True:", "time.sleep(1)\ncontinue", "retry: waits, then tries again (`while True`)"),
        ("while True:", "continue", "skip: swallows it, then goes on with the next round of the loop"),
        ("", "if x:\n  return 1\nraise", "reraise: returns `1` in one branch and re-raises"),
        ("", "self.recover()", "fallback: calls `self.recover()`, then `f()` ends"),
        ("", "x.close()", "cleanup: calls `x.close()`, then `f()` ends"),
    ],
)
def test_a_handler_says_what_it_does_and_what_happens_next(loop: str, handler: str, says: str) -> None:
    lines = ["def f():", f"  {loop or 'if 1:'}", "    try: go()", "    except (KeyError, OSError) as e:"]
    lines += [f"      {line}" for line in handler.split("\n")]
    caught = only_catch("import sys, time\n" + "\n".join(lines))
    what, _, words = says.partition(": ")
    assert caught.text == f"`except (KeyError, OSError)` in `f` (covers `go()`): {words}"
    assert (caught.start, caught.detail["types"], caught.detail["what"]) == (5, "KeyError, OSError", what)
    assert (caught.detail["try_start"], caught.detail["try_end"]) == ("4", "4")


def only_catch(source: str) -> Fact:
    (caught,) = of_kind(facts_of(source), "catch")
    return caught


@pytest.mark.parametrize(
    ("source", "what", "ends"),
    [
        ("for u in us:\n  try: return get(u)\n  except E: pass", "fallback", "then tries the next `u`"),
        ("while 1:\n  try: x = get()\n  except E: continue\n  break", "retry", "then tries again (`while 1`)"),
        ("while 1:\n  try: x = next(i)\n  except E: i = g()", "fallback", "with the next round of the loop"),
        ("while not done:\n  try:\n    go()\n    done = 1\n  except E: pass", "retry", "(`while not done`)"),
        ("for x in xs:\n  put(x)\n  try: go(x)\n  except E: pass", "skip", "then goes on with the next `x`"),
        ("for x in xs:\n  try: go(x)\n  except E: pass\n  put(x)", "swallow", "then goes on after the `try`"),
        ("for x in xs:\n  def g():\n    try: go(x)\n    except E: pass", "swallow", "then `g()` ends"),
        ("try: return go()\nexcept E: pass\nreturn slow()", "fallback", "then returns `slow(…)`"),
        ("r = None\ntry: r = go()\nexcept E: pass\nif r is None: r = slow()", "fallback", "with `if r is None`"),
        ("try: go()\nexcept E: x = 1\nraise Other(x)", "fallback", "then raises `Other`"),
        ("try:\n  import a.b, c\nexcept ImportError: a = None", "import_guard", "of `a.b`, `c`: sets `a = None`"),
        ("try:\n  from a import b\n  X = 1\nexcept Exception: X = 0", "import_guard", "of `a.b`: sets `X = 0`"),
        ("try:\n  from a import b\n  b()\nexcept Exception: pass", "swallow", "swallows it, then `f()` ends"),
        ("for x in xs:\n  try: go(x)\n  except E: bad.append(x)", "skip", "the next `x` (skips this one)"),
    ],
)
def test_what_follows_a_handler_is_told(source: str, what: str, ends: str) -> None:
    caught = only_catch("def f():\n" + "\n".join(f"  {line}" for line in source.split("\n")))
    assert caught.detail["what"] == what
    assert caught.text.endswith(ends)


def test_a_tuple_of_exceptions_stands_for_its_members() -> None:
    facts = facts_of("E = (KeyError, OSError)\ntry: x\nexcept E: pass\ntry: x\nexcept: pass")
    assert [f.detail["types"] for f in of_kind(facts, "catch")] == ["KeyError, OSError", ""]


def test_strings_are_values_without_docstrings() -> None:
    facts = facts_of(
        """
        '''doc'''
        a = 'x' "y"
        b = f"{a}-{g('in')}"
        def f(c="d\\te"):
            "doc"
        """
    )
    assert [f.name for f in of_kind(facts, "string")] == ["xy", "{a}-{g('in')}", "in", "d\te"]


def test_environment_variables_are_found_however_they_are_asked_for() -> None:
    facts = facts_of(
        """
        import os
        from os import environ, getenv as ge
        os.environ["A"]
        environ.get("B", "b")
        ge("C")
        os.environ["D"] = "1"
        "E" in os.environ
        os.environ.setdefault("F", "1")
        del environ["G"]
        request.environ["H"]
        """
    )
    found = {f.name: f.detail["mode"] for f in of_kind(facts, "env_var")}
    assert found == {"A": "read", "B": "read", "C": "read", "D": "write", "E": "test", "F": "write", "G": "write"}


def test_names_assignments_and_defaults() -> None:
    facts = facts_of(
        """
        X: int = 1
        def f(a, b=[], *c):
            global Y
            Y, z = 2, a
            z += 1
        """
    )
    assigned = [(f.name, f.detail["value"], f.detail["operator"]) for f in of_kind(facts, "assign")]
    assert assigned == [("X", "1", "="), ("Y", "2", "="), ("z", "a", "="), ("z", "1", "+=")]
    assert [(f.name, f.symbol) for f in of_kind(facts, "name")] == [
        ("X", ""), ("a", "f"), ("b", "f"), ("c", "f"), ("Y", "f"), ("z", "f"),
    ]  # fmt: skip
    assert [f.text for f in of_kind(facts, "mutable_default")] == ["b=[]"]


def test_a_notebook_is_read_at_the_lines_of_its_file() -> None:
    cells = [
        {"cell_type": "markdown", "source": ["import nothing"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "import torch as t"], "outputs": []},
        {"cell_type": "code", "source": ["%%time\n", "t.load(\n", "  'x')\n"], "outputs": []},
    ]
    text = json.dumps({"cells": cells, "nbformat": 4}, indent=1)
    facts = facts_of(text.encode(), "demo.ipynb")
    lines = text.split("\n")
    (loaded,) = facts.calls
    assert loaded.name == "torch.load" and "t.load(" in lines[loaded.start - 1]
    assert "'x')" in lines[loaded.end - 1] and "import torch" in lines[facts.imports[0].start - 1]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xef\xbb\xbfimport os\nos.getcwd()\n",
        b"import os\r\nos.getcwd()\r\n",
        b"import os\nos.getcwd()\ndef broken(:\n  ((\n",
        b"x = '\xff\xfe'\nimport os\nos.getcwd()\n",
        b"(" * 3000 + b")" * 3000,
        b"x = " + b"f(" * 2000 + b")" * 2000,
        b"x" + b".y()" * 2000,
        b"a = " + b" + ".join([b"b"] * 3000),
        b"class A(" * 500,
        b"x: 'Optional[' = 1\nx.y()\n",
        b"def f(*, **): pass\nimport\nfrom x import\nexcept:\n  pass\n",
        b"\x0c\x00import os\nos.getcwd()",
    ],
)
def test_strange_bytes_are_read_without_a_crash(data: bytes) -> None:
    facts = facts_of(data)
    lines = data.count(b"\n") + 1
    assert all(1 <= item.start <= item.end <= lines for item in (*facts.calls, *facts.facts))
    if b"os.getcwd()" in data and b"\x00" not in data:
        assert "os.getcwd" in {item.name for item in facts.calls}


def test_a_string_with_a_lone_surrogate_can_be_kept(tmp_path: Path) -> None:
    (tmp_path / "repo").mkdir()
    (tmp_path / "repo" / "odd.py").write_text('X = "a\\ud800b"\n')
    snapshot = take_snapshot(tmp_path / "repo")
    for _ in range(2):
        facts = read_codebase(snapshot, tmp_path / "cache").facts["odd.py"].facts
        assert [fact.name for fact in facts if fact.kind == "string"] == ["a\\ud800b"]
