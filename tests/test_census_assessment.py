"""Census kind `assessment`: judgements by stated criteria, with the figures and the places that show them."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

SMALL = {f"m{n}.py": f'"""Module."""\n\n\ndef f{n}(x: int) -> int:\n    """One."""\n    return x\n' for n in range(5)}


def judged(files: dict[str, str], name: str) -> tuple[str, str]:
    """The word and the sentence of one judgement."""
    (hit,) = run_query(codebase_of(files), f"assessment: {name}").hits
    return hit.detail["word"], hit.text


def test_small_documented_modules_are_modular_readable_and_separated() -> None:
    assert judged(SMALL, "modular")[0] == "yes"
    assert judged(SMALL, "readable")[0] == "yes"
    assert judged(SMALL, "separated")[0] == "yes"


def test_a_circle_of_imports_and_a_dominant_module_stand_against_modularity() -> None:
    big = "import m1\n" + "x = 1\n" * 400
    word, text = judged(SMALL | {"m0.py": big, "m1.py": "import m0\n\n\ndef g():\n    return 1\n"}, "modular")
    assert word == "partly"
    assert "against it: the largest module, `m0.py`, holds 95 % of the lines (at most 25 %)" in text
    assert "1 group of modules that import each other" in text


def test_long_functions_stand_against_separation_with_the_longest_named() -> None:
    long = "def huge(x):\n" + "    x += 1\n" * 150
    word, text = judged(SMALL | {"m0.py": long}, "separated")
    assert word == "partly"
    assert "1 function is monolithic: `huge()` (151 lines)" in text


def test_single_long_functions_are_exceptions() -> None:
    long = "def huge(x):\n" + "    x += 1\n" * 110
    rest = {f"n{n}.py": '"""Module."""\n\n\n' + "A = 1\n" * 290 for n in range(6)}
    _word, text = judged(SMALL | rest | {"m0.py": long}, "separated")
    assert "only single functions are monolithic: `huge()` (111 lines)" in text


def test_what_has_as_much_against_it_as_for_it_is_partly_so() -> None:
    long = "def huge(x):\n" + "    x += 1\n" * 110
    word, text = judged({f"m{n}.py": long for n in range(5)}, "separated")
    assert (word, "5 functions are monolithic" in text) == ("partly", True)


def test_a_script_without_functions_is_named() -> None:
    script = "import m1\n" + "print(m1.f1(1))\n" * 70
    _word, text = judged(SMALL | {"app.py": script}, "separated")
    assert "scripts with many lines outside of any function: `app.py` (70 lines)" in text


def test_layers_go_from_what_nobody_imports_to_what_imports_nothing() -> None:
    files = {
        "pkg/cli/main.py": "from pkg.core.run import go\n\ngo()\n" * 9,
        "pkg/core/run.py": "from pkg.data.table import rows\n\n\ndef go():\n    return rows()\n" * 9,
        "pkg/data/table.py": "def rows():\n    return []\n" * 9,
        "pkg/data/__init__.py": '"""Tables of rows."""\n',
    }
    (hit,) = run_query(codebase_of(files), "layers").hits
    assert hit.text.partition(": ")[2] == (
        "`pkg/cli/` uses `pkg/core/`; `pkg/core/` uses `pkg/data/`; "
        "`pkg/data/` (“Tables of rows”) uses none of the others"
    )


def test_a_name_that_a_package_hands_on_ties_to_the_file_that_defines_it() -> None:
    files = {
        "run.py": "from pkg import go\n\ngo()\n" * 9,
        "pkg/__init__.py": "from .core.run import go\nfrom .data.table import rows\n",
        "pkg/core/run.py": "from pkg import rows\n\n\ndef go():\n    return rows()\n" * 9,
        "pkg/data/table.py": "def rows():\n    return []\n" * 9,
    }
    (hit,) = run_query(codebase_of(files), "layers").hits
    told = hit.text.partition(": ")[2].split("; ")
    assert told[0].startswith("`run.py`") and told[0].endswith("uses `pkg/core/`")
    assert told[1] == "`pkg/core/` uses `pkg/data/`"


def test_a_hair_beyond_a_threshold_decides_nothing() -> None:
    short = "".join(f"def f{n}(x):\n    return x\n\n\n" for n in range(17))
    long = "".join(f"def g{n}(x):\n" + "    x += 1\n" * 55 + "\n\n" for n in range(2))
    files = {f"pkg/m{n}.py": f'"""Module {n}."""\n\nY{n} = {n}\n' * 20 for n in range(6)}
    word, text = judged(files | {"pkg/a.py": short, "pkg/b.py": long}, "separated")
    assert "2 of 19 functions are longer than 50 lines (at most 10 %)" in text
    assert "for it: 8 modules" in text
    assert word in ("yes", "largely")


def test_exceptions_of_the_main_programs_come_first() -> None:
    run = "def run(x):\n" + "    x += 1\n" * 110 + "\n\nif __name__ == '__main__':\n    run(1)\n"
    aside = "def aside(x):\n" + "    x += 1\n" * 200
    _word, text = judged(SMALL | {"main.py": run, "other.py": aside}, "separated")
    assert "monolithic: `run()` (111 lines), `aside()` (201 lines)" in text


def test_code_that_defines_nothing_is_not_judged() -> None:
    assert run_query(codebase_of({"a.py": "x = 1\n"}), "assessment").hits == ()


def test_circles_through_imports_inside_functions_lead_with_those_through_models() -> None:
    files: dict[str, str | bytes] = {
        "pkg/__init__.py": "from pkg.run import main\n",
        "pkg/run.py": "def main():\n    import pkg\n    from pkg.timing import time\n    return time\n",
        "pkg/timing.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pkg.run import main\n"
        "from pkg.model import Net\ntime = Net\n",
        "pkg/model.py": "import torch\nfrom pkg.run import main\nclass Net(torch.nn.Module):\n"
        "    def forward(self, x):\n        return x\n",
    }
    (text,) = [hit.text for hit in run_query(codebase_of(files), "assessment: modular").hits]
    assert "(none wanted): `pkg.model` → `pkg.run` → `pkg.timing` → `pkg.model`, `pkg` → `pkg.run` → `pkg`" in text
