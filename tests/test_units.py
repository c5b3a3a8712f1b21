"""Parsed files by what their text must hold: the shortcut for plain words changes nothing but the time."""

import re

from hypothesis import given
from hypothesis import strategies as st

from retrieval.census.meaning.units import units
from retrieval.codebase import read_codebase
from retrieval.walk import take_snapshot

TEXTS = {
    "a.py": "model = load()\n",
    "b.py": "remodel = reload()\n",
    "c.py": "x.model\n",
    "d.py": "def  model():\n    pass\n",
    "e.py": "MODEL = 1\n",
}
PATTERNS = [
    r"\bmodel\b",
    r"\.model\b",
    r"\bdef\s+model\b",
    r"\bload\(",
    r"(?i)model",
    r"\b(?:load|def)\b",
    "mod|MOD",
    "mode?l",
    "modelx*",
    "",
]


def paths(root, needs):
    return [unit.path for unit in units(read_codebase(take_snapshot(root)), needs)]


def test_a_pattern_finds_the_files_that_it_matches(tmp_path):
    for name, text in TEXTS.items():
        (tmp_path / name).write_text(text)
    for needs in PATTERNS:
        assert paths(tmp_path, needs) == [name for name, text in TEXTS.items() if re.search(needs, text)], needs


@given(st.text("abc_.(?*|\\ ", max_size=8), st.text("abc_.( ", max_size=12))
def test_a_word_that_must_stand_there_stands_in_all_that_match(pattern, text):
    from retrieval.census.meaning.units import _word

    try:
        matched = re.search(pattern, text)
    except re.error:
        return
    if matched:
        assert _word(pattern) in text
