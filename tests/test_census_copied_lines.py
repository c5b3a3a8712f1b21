"""How many lines are copies: runs of equal lines that stand elsewhere too, imports and comments aside."""

from retrieval.census.quality.copied_lines import copied_lines
from tests.source_tree import codebase_of

BODY = "".join(f"    value_{n} = compute({n})\n" for n in range(8))


def test_runs_that_stand_elsewhere_are_copies_and_imports_are_not() -> None:
    head = "import os\nimport sys\nimport json\nimport math\nimport random\nimport typing\nimport string\n"
    codebase = codebase_of(
        {
            "a.py": f"{head}def first():\n{BODY}",
            "b.py": f"{head}def other():\n{BODY}    return value_1\n",
            "c.py": f"{head}def third():\n    return 1\n",
        }
    )
    files, copies, total = copied_lines(codebase)
    assert files == {"b.py": (8, 10)}
    assert (copies, total) == (8, 21)
