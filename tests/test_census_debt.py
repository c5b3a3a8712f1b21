"""Census kind `debt`: comments that admit it, disabled code and pitfalls, each found once and where it stands."""

import pytest

from retrieval.census import run_query
from tests.source_tree import codebase_of
from tests.test_census_values import hits


def found(text: str) -> list[tuple[str, int]]:
    return [(hit.name, hit.start) for hit in hits("debt", m=text)]


def test_comments_are_quoted_by_what_they_admit() -> None:
    text = """
        def f(x):
            # NOTE: this loop is obscurely flattened
            # to keep the diff short
            y = x  # TODO make it faster
            # Careful reading of x
            print("# FIXME not a comment")
            return y  # legacy name
        """
    found_hits = hits("debt", m=text)
    assert [(hit.name, hit.start, hit.end, hit.text.removesuffix(" (in `f`, m.py)")) for hit in found_hits] == [
        (
            "admission",
            2,
            3,
            "a comment admits debt: “NOTE: this loop is obscurely flattened to keep the diff short”",
        ),
        ("todo", 4, 4, "a comment marks unfinished work: “TODO make it faster”"),
        ("limitation", 7, 7, "a comment notes a limitation or something kept from before: “legacy name”"),
    ]


@pytest.mark.parametrize(
    ("name", "wrong", "right"),
    [
        ("returned error", "def f():\n    return TypeError('x')", "def make_error():\n    return TypeError('x')"),
        (
            "version compared as text",
            "import torch\nok = torch.__version__ >= '1.13'",
            "import a\nok = a.version == '1'",
        ),
        ("file never closed", "data = open('x').read()", "with open('x') as f:\n    f.read()"),
        (
            "file never closed",
            "def f():\n    g = open('x')\n    g.read()",
            "def f():\n    g = open('x')\n    g.close()",
        ),
        ("file never closed", "for line in open('x'):\n    pass", "def f():\n    return open('x')"),
        (
            "cached method",
            "from functools import cache\nclass A:\n    @cache\n    def f(self): ...",
            "def f(self): ...",
        ),
        (
            "cached tensor",
            "import torch, functools\n@functools.lru_cache\ndef f(n) -> torch.Tensor: ...",
            "import functools\n@functools.lru_cache\ndef f(n) -> int: ...",
        ),
        ("assert false", "def f():\n    assert False, 'no'", "def f(x):\n    assert x"),
        ("unreachable code", "def f():\n    return 1\n    g()", "def f():\n    return 1\ng()"),
        (
            "broad except",
            "try:\n    f()\nexcept Exception:\n    x = 1",
            "try:\n    f()\nexcept Exception as e:\n    raise E from e",
        ),
        ("error printed", "print('Error: no file')", "print('done')"),
        ("mutable class attribute", "class A:\n    cache = {}", "class A:\n    CACHE = ()\n    size = 1"),
        ("patched source", "def f(k):\n    k.src = k.src.replace('A', 'B')", "def f(self):\n    self.src = 'x'"),
        ("monkeypatch", "import torch\ntorch.load = my_load", "import torch\ndef f(torch):\n    torch.load = 1"),
        ("global switch", "import torch\ntorch.backends.cudnn.benchmark = True", "x.benchmark = True"),
        (
            "global switch",
            "class A:\n    on = True\ndef f():\n    A.on = False",
            "class A:\n    on = True\nA.off = False",
        ),
        (
            "commented-out code",
            "# x = f(1)\n# if x:\n#     y = g(x)\n#     return y",
            "# one\n# two words here\n# three\n# four",
        ),
    ],
)
def test_pitfalls_are_told_and_their_harmless_kin_are_not(name: str, wrong: str, right: str) -> None:
    assert name in [found_name for found_name, _line in found(wrong)]
    assert name not in [found_name for found_name, _line in found(right)]


def test_work_at_import_is_told_for_modules_of_packages_alone() -> None:
    text = "import os\nos.environ['A'] = '1'\nscan()\nif __name__ == '__main__':\n    main()\n"
    code = codebase_of({"pkg/__init__.py": "", "pkg/m.py": text, "script.py": text})
    assert [(hit.path, hit.start, hit.text) for hit in run_query(code, "debt: work at import").hits] == [
        ("pkg/m.py", 2, "importing pkg/m.py runs `os.environ['A'] = '1'`"),
        ("pkg/m.py", 3, "importing pkg/m.py runs `scan()`"),
    ]


def test_what_quality_reports_is_not_repeated() -> None:
    text = "try:\n    f()\nexcept Exception:\n    pass\n\ndef g(x=[]):\n    return eval(x)\n"
    assert found(text) == []


def test_sums_of_a_thousand_terms_and_endless_lines_are_read() -> None:
    sums = "def model(x):\n    print('error', x" + " + 7" * 1500 + ")\n    return x * 51865\n"
    table = "| a | VRAM |\n|" + "-" * 200 + "x|\n" + "[" * 20_000 + "\nIt needs 3 GB of GPU memory.\n"
    code = codebase_of({"model.py": sums, "README.md": table})
    assert [hit.start for hit in run_query(code, "debt").hits] == [2]
    assert [hit.start for hit in run_query(code, "numerals").hits] == [2, 3]
    assert run_query(code, "memory_notes").hits == ()


HAZARDS = {
    "a.py": """
import sys
from pick import shapes, Registry

registry = Registry()
registry.register("a", 1)


def spy(model):
    hooks = [block.register_forward_hook(print) for block in model.blocks]
    model()
    for hook in hooks:
        hook.remove()


def safe(model):
    handle = model.register_forward_hook(print)
    try:
        model()
    finally:
        handle.remove()


def prepare(args):
    args.a = 1
    args.b = 2
    args.c = 3
    if "big" in args.model.lower():
        return 1


def outer(x):
    def inner(y):
        a = y + 1
        b = a + 2
        c = b + 3
        d = c + 4
        e = d + 5
        f = e + 6
        g = f + 7
        h = g + 8
        i = h + 9
        j = i + 10
        return j

    return inner(x)


def use():
    a, b = shapes("pair")
    return a, b
""",
    "pick.py": '''
class Registry:
    """Keeps things. Entries that are broken should be removed by the caller."""

    def register(self, name, value):
        self.name = value


def shapes(kind):
    if kind == "pair":
        return 1, 2
    return 1, 2, 3
''',
}


def test_harmful_habits_are_told_and_harmless_ones_are_not() -> None:
    codebase = codebase_of(HAZARDS)
    kinds = "\n".join(hit.text for hit in run_query(codebase, "debts: kinds").hits)
    assert "`spy()` (a.py) registers hooks on a model and removes them only when no error comes in between" in kinds
    assert "`safe()`" not in kinds
    assert "`prepare()` (a.py) sets 3 attributes of the options it was given: `args.a`, `args.b`, `args.c`" in kinds
    assert "`'big' in args.model.lower()`" in kinds
    for harmless in ("Copied code", "Debt that the code admits", "when a module is imported", "fails when"):
        assert harmless not in kinds


BROKEN = """
    import json

    from tools import load, missing

    def read(path, mode=None):
        if mode is not None:
            kind = mode.lower()
        print(path)
        return kind

    def run(path):
        item = load(path, strict=True)
        return item, undefined_thing, json.dumps(item)

    def fine(path, loud=False):
        if loud:
            word = "loud"
        else:
            word = "low"
        for part in path:
            if part:
                last = part
            print(last)
        load(path)
        return word, missing
"""


def test_code_that_fails_when_it_is_reached_is_told_by_name() -> None:
    files = {"run.py": BROKEN, "tools.py": "def load(path):\n    return path\n"}
    told = {hit.text for hit in run_query(codebase_of(files), "debts: kinds").hits}
    (fails,) = [text for text in told if text.startswith("Code that fails when it is reached")]
    assert fails.startswith("Code that fails when it is reached (3 places in 1 file): ")
    assert "`undefined_thing` is read in `run` and defined nowhere (run.py)" in fails
    assert "`missing` is imported from `tools`, but tools.py does not define it (run.py)" in fails
    built = {
        **files,
        "setup.py": 'from setuptools import Extension, setup\nsetup(ext_modules=[Extension("tools.missing", [])])\n',
    }
    assert not any("but tools.py" in hit.text for hit in run_query(codebase_of(built), "debts: kinds").hits)
    assert "`load()` is called with `strict`, which it does not take, in `run` (run.py)" in fails
    (unbound,) = [text for text in told if text.startswith("Names that one way of a condition leaves unbound")]
    assert "(1 place in 1 file): `kind` is bound only under `mode is not None` in `read`" in unbound


def test_names_that_a_template_fills_or_that_are_marked_are_not_undefined() -> None:
    source = """
    def kernel(x):
        FILL_HERE  # noqa: F821
        OTHER_HERE
        return missing

    def build(kernel):
        return kernel.src.replace("    OTHER_HERE", "x = 1")
    """
    told = {hit.text for hit in run_query(codebase_of({"a.py": source}), "debts: kinds").hits}
    (fails,) = [text for text in told if text.startswith("Code that fails when it is reached")]
    assert "(1 place in 1 file): `missing` is read in `kernel` and defined nowhere (a.py)" in fails


def test_models_that_the_top_level_of_a_file_makes_are_debt_outside_of_its_guard() -> None:
    nets = "from torch import nn\n\n\nclass Net(nn.Module):\n    def forward(self, x):\n        return x\n"
    main = "from nets import Net\n\nNET = Net()\n\n\ndef run(x):\n    return NET(x)\n\n\nif __name__ == '__main__':\n"
    main += "    run(Net()(1))\n"
    told = [hit.text for hit in run_query(codebase_of({"nets.py": nets, "app.py": main}), "debts: kinds").hits]
    assert told[0] == (
        "Models made as soon as a file is imported or started, outside of any function (1 place in 1 file): "
        "`Net` is made by the top level of app.py"
    )
