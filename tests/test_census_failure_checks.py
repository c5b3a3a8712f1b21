"""Census kind `failure_checks`, and findings of `debt` about returns, raises and rounds that go wrong."""

import pytest

from retrieval.census import run_query
from tests.source_tree import codebase_of


def texts(source: str, query: str = "failure_checks") -> list[str]:
    return [hit.text for hit in run_query(codebase_of({"a.py": source}), query).hits]


def test_a_result_tested_for_none_is_told_with_the_call_and_what_follows() -> None:
    source = "def main():\n    x = find(1)\n    if x is None:\n        print('none')\n        return\n    use(x)\n"
    assert texts(source) == [
        "`main()` tests `x is None` (the result of `find()`, called on line 2): prints, then returns without a result"
    ]


@pytest.mark.parametrize(
    ("test", "leave", "how"),
    [
        ("not x", "continue", "continue"),
        ("len(x) == 0", "raise ValueError('none')", "raise"),
        ("x.returncode != 0", "sys.exit(1)", "exit"),
        ("not os.path.exists(path)", "break", "break"),
    ],
)
def test_each_way_of_failing_and_leaving(test: str, leave: str, how: str) -> None:
    loop = f"    for i in path:\n        x = find(i)\n        if {test}:\n            {leave}\n"
    source = f"import os, sys\n\n\ndef main(path):\n{loop}"
    hits = run_query(codebase_of({"a.py": source}), "failure_checks").hits
    assert [hit.name for hit in hits] == [how]


@pytest.mark.parametrize(
    "body",
    [
        "x = find(1)\n    if x is None:\n        x = 2\n    return x",
        "if flag is None:\n        return 1",
        "x = input()\n    if not x:\n        return 1",
        "x = find(1)\n    if x > 3:\n        return 1",
    ],
)
def test_what_goes_on_or_tests_no_result_is_no_check(body: str) -> None:
    assert texts(f"def main(flag):\n    {body}\n") == []


def test_a_raised_string_and_a_round_without_its_variable_are_debt() -> None:
    source = "def f(net):\n    for p in net.parameters():\n        net.requires_grad = False\n    raise 'no'\n"
    found = run_query(codebase_of({"a.py": source}), "debt: string raised, loop variable unused").hits
    assert [(hit.name, hit.start) for hit in found] == [("string raised", 4), ("loop variable unused", 2)]
    right = source.replace("net.requires_grad", "p.requires_grad").replace("'no'", "ValueError('no')")
    assert run_query(codebase_of({"a.py": right}), "debt: string raised, loop variable unused").hits == ()


@pytest.mark.parametrize(
    ("returns", "call", "found"),
    [
        ("return 1, 2", "a, b, c = f()", 1),
        ("return 1, 2, 3", "a, b, c = f()", 0),
        ("return 1, (2, 3)", "a, (b, c) = f()", 0),
        ("return x, 2", "(a, b, c), d = f()", 0),
        ("return 1, 2", "(a, b, c) = f()", 1),
        ("return [1, 2]", "a, b, c = f()", 0),
        ("return 1, *x", "a, b, c = f()", 0),
    ],
)
def test_unpacking_another_number_of_values_fails(returns: str, call: str, found: int) -> None:
    source = f"x = ()\n\n\ndef f():\n    {returns}\n\n\n{call}\n"
    assert len(run_query(codebase_of({"a.py": source}), "debt: unpacking fails").hits) == found


def test_checks_that_end_the_program_are_counted_among_its_ends() -> None:
    source = (
        "import os, sys\n\n\ndef main(path):\n    if not os.path.exists(path):\n        print('none')\n"
        "        sys.exit()\n    if len(path) > 9:\n        sys.exit(2)\n\n\n"
        "if __name__ == '__main__':\n    main('x')\n"
    )
    said = texts(source, "failing")
    assert any(text.startswith("The code itself ends the program at 2 places: ") for text in said)


def test_a_cut_sentence_leaves_no_quotation_open() -> None:
    names = " and ".join(f"value_{number} < limit" for number in range(9))
    source = (
        f"import time\n\n\ndef main(limit):\n    attempts = 0\n    while attempts < limit:\n        try:\n"
        f"            return load(limit)\n        except Exception as e:\n            print('{'error ' * 20}')\n"
        f"            attempts += 1\n    while attempts < 3 and {names}:\n        try:\n"
        "            return fetch(limit)\n"
        "        except Exception:\n            attempts += 1\n\n\nif __name__ == '__main__':\n    main(3)\n"
    )
    cut = [text for text in texts(source, "failing: course") if "…" in text]
    assert cut
    assert all(text.count("`") % 2 == 0 for text in cut)
