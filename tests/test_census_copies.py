"""Census kinds `near_copies` and `debts`: nearly equal functions, debt by kind; what a module does."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

STEPS = "".join(f"    x{n} = step(x{n - 1}, {n})\n" for n in range(1, 14))
ONE = f"def run(x0):\n{STEPS}    return x13\n"
OTHER = ONE.replace("def run", "async def arun").replace("step(x4, 5)", "await step(x4, 5)")


def told(files: dict[str, str | bytes], query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of(files), query).hits]


def test_functions_that_share_most_lines_are_copies_whatever_their_names() -> None:
    assert told({"a.py": ONE, "b.py": OTHER}, "near_copies") == ["`run` (a.py), `arun` (b.py) share 93 % of 14 lines"]


def test_equal_and_different_functions_are_no_near_copies() -> None:
    different = "def go(y):\n" + "".join(f"    y{n} = other({n})\n" for n in range(14))
    assert told({"a.py": ONE, "b.py": ONE, "c.py": different}, "near_copies") == []


def test_debt_is_told_by_kind_with_the_most_harmful_first() -> None:
    source = (
        "import os\nimport sys\n\nstate = None\ntable = {}\n\n\n"
        "def choose(mode):\n    global state, table\n    state = mode\n    table[mode] = 1\n"
        "    os.environ['MODE'] = mode\n    sys.exit(1)\n"
    )
    known = "from steps import step\n\n\n"
    files: dict[str, str | bytes] = {"a.py": source, "b.py": known + ONE, "c.py": known + OTHER}
    kinds = told(files, "debts: kinds")
    assert [text.split(" (")[0] for text in kinds[:4]] == [
        "Copied code",
        "State shared through globals, classes and rewritten options",
        "Options passed through the environment",
        "Library code that ends the program",
    ]
    assert "`global`: `state` in `choose`" in kinds[1]
    assert told(files, "debts: head")[0].startswith("Yes. The gravest: copied code")


def test_code_without_findings_has_none() -> None:
    files: dict[str, str | bytes] = {"a.py": "def f(x: int) -> int:\n    return x\n", "b.py": "import a\n\na.f(1)\n"}
    assert told(files, "debts: kinds") == []


def test_a_module_that_does_many_kinds_of_work_stands_against_separation() -> None:
    body = "import argparse\nimport subprocess\nimport torch\nimport json\nfrom urllib.request import urlretrieve\n\n\n"
    body += "def go(path):\n    argparse.ArgumentParser()\n    torch.load(path)\n    json.load(open(path))\n"
    body += "    urlretrieve(path)\n    subprocess.run(['ls'])\n" + "# line\n" * 160
    (hit,) = run_query(codebase_of({"a.py": body, "b.py": ONE}), "assessment: separated").hits
    assert "`a.py` (loads weights, parses options, reads or writes files, downloads and starts programs)" in hit.text
