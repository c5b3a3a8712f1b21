"""notebook.py: cells, and the raw line of each source line."""

import json

from hypothesis import given
from hypothesis import strategies as st

from retrieval.notebook import cells

NOTEBOOK = {
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": ["# Title\n", 'with "quotes"']},
        {
            "cell_type": "code",
            "metadata": {"cells": [{"source": ["not a cell of the notebook"]}]},
            "outputs": [{"data": {"text/plain": ["source\n"]}}],
            "source": ["import os\n", "\n", "%cd x\n", "if os:\n", "    !ls\n", "n = !nproc\n"],
        },
        {"cell_type": "code", "source": []},
        {"cell_type": "code", "source": ["%%bash\n", "ls"]},
    ],
    "metadata": {"source": ["nor this"]},
}


def test_each_source_line_knows_its_raw_line():
    raw = json.dumps(NOTEBOOK, indent=1)
    lines = raw.split("\n")
    found = [one for one in cells(raw) if "not a cell" not in one.text]
    assert [cell.kind for cell in found] == ["markdown", "code", "code"]
    assert found[0].text == '# Title\nwith "quotes"'
    for cell in found:
        for line, row in zip(cell.lines, cell.rows, strict=True):
            assert json.loads(lines[row - 1].strip().rstrip(",")).rstrip("\n") == line


def test_magics_are_inert_and_keep_their_lines():
    code, bash = cells(json.dumps(NOTEBOOK, indent=1))[-2:]
    assert code.python.split("\n") == ["import os", "", "pass", "if os:", "    pass", "n = None"]
    assert bash.python == ""


def test_one_string_per_cell_and_the_old_format():
    one = json.dumps({"cells": [{"cell_type": "code", "source": "a = 1\nb = 2"}]})
    assert [(cell.lines, cell.rows) for cell in cells(one)] == [(("a = 1", "b = 2"), (1, 1))]
    old = json.dumps({"worksheets": [{"cells": [{"cell_type": "code", "input": ["x = 1"]}]}]})
    assert [cell.text for cell in cells(old)] == ["x = 1"]


def test_half_a_character_in_an_escape_stays_text():
    (cell,) = cells('{"cells": [{"cell_type": "code", "source": "x = \'\\ud83d\'"}]}')
    cell.text.encode("utf-8")


@given(st.text(alphabet='{}[]",:\\ncels source', max_size=200))
def test_nothing_that_looks_like_json_raises(text: str):
    cells(text)
    cells('{"cells": [' + text)


def test_deep_nesting_costs_no_recursion():
    assert cells("[" * 100_000) == []
