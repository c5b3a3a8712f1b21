"""split.py: chunks have exact lines, do not overlap and leave nothing out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.chunk import Chunk
from retrieval.snapshot import SourceFile
from retrieval.split import MAX_LINES, MAX_WINDOWS, WINDOW_LINES, split


def _file(text: str | bytes, language: str = "python", path: str = "pkg/a.py") -> SourceFile:
    return SourceFile(path, text.encode() if isinstance(text, str) else text, language, "source")


def _outline(chunks: list[Chunk]) -> list[tuple[int, int, str, str]]:
    return [(one.span.start, one.span.end, one.kind, one.symbol) for one in chunks]


def _check(file: SourceFile, chunks: list[Chunk], longest: int) -> None:
    seen: set[int] = set()
    for chunk in chunks:
        lines = range(chunk.span.start, chunk.span.end + 1)
        assert chunk.text == "\n".join(file.lines[lines[0] - 1 : lines[-1]])
        assert len(lines) <= longest and not seen & set(lines)
        seen |= set(lines)
    assert {number for number, line in enumerate(file.lines, 1) if line.strip()} <= seen
    assert len({chunk.id for chunk in chunks}) == len(chunks)


SMALL = '''\
"""A module."""

import os

# What it does.
# In two lines.
@decorated
def first(x):
    def inner():
        return x

    return inner


class Small:
    a = 1

    def method(self): ...


LIMIT = 3
if __name__ == "__main__":
    first(1)
'''


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch):
    """Short definitions stay apart."""
    monkeypatch.setattr("retrieval.split.SMALL_LINES", 0)


@pytest.mark.usefixtures("apart")
def test_a_module_falls_into_its_definitions():
    file = _file(SMALL)
    chunks = split(file)
    assert _outline(chunks) == [
        (1, 3, "module", ""),
        (5, 12, "function", "first"),
        (15, 18, "class", "Small"),
        (21, 21, "module", ""),
        (22, 23, "script", "__main__"),
    ]
    _check(file, chunks, MAX_LINES)


def test_short_neighbours_go_together_and_keep_their_names():
    small = "def f{n}():\n    return {n}\n\n\n"
    long = "def long():\n" + "    work()\n" * 45 + "\n\n"
    file = _file("".join(small.format(n=n) for n in range(14)) + long + "class A:\n    def one(self): ...\n")
    chunks = split(file)
    assert _outline(chunks) == [
        (1, 38, "module", ""),
        (41, 54, "module", ""),
        (57, 102, "function", "long"),
        (105, 106, "class", "A"),
    ]
    assert chunks[0].names == tuple(f"f{n}" for n in range(10))
    assert (chunks[2].names, chunks[3].names) == (("long",), ("A", "A.one"))
    _check(file, chunks, MAX_LINES)


def test_short_methods_of_a_long_class_belong_to_the_class():
    methods = "".join(f"    def m{n}(self):\n        return {n}\n\n" for n in range(20))
    chunks = split(_file(f"class Long:\n{methods}"))
    assert {(one.kind, one.symbol) for one in chunks} == {("class", "Long")}
    assert chunks[1].names[0].startswith("Long.m")
    _check(_file(f"class Long:\n{methods}"), chunks, MAX_LINES)


@pytest.mark.usefixtures("apart")
def test_a_long_class_falls_into_head_methods_and_rest():
    body = "".join(f"        x{n} = {n}\n" for n in range(12))
    text = (
        "class Long(Base):\n"
        '    """Says what."""\n\n'
        f"    def __init__(self):\n{body}\n"
        f"    @property\n    def one(self):\n{body}\n"
        f"    class Inner:\n        def deep(self):\n{body.replace('    ', '      ')}\n"
        "    after = 1\n"
    )
    file = _file(text)
    chunks = split(file)
    assert _outline(chunks) == [
        (1, 16, "class", "Long"),
        (18, 31, "method", "Long.one"),
        (33, 46, "class", "Long.Inner"),
        (48, 48, "class", "Long"),
    ]
    _check(file, chunks, MAX_LINES)


def test_a_long_function_is_cut_between_its_outer_statements():
    inner = "".join(f"        f({n})\n" for n in range(28))
    text = "def long():\n" + "".join(f"    if x == {n}:\n{inner}" for n in range(5))
    chunks = split(_file(text))
    starts = [chunk.text.split("\n")[0] for chunk in chunks]
    assert all(line.startswith(("def", "    if")) for line in starts)
    assert {chunk.symbol for chunk in chunks} == {"long"}
    _check(_file(text), chunks, MAX_LINES)


def test_a_file_without_definitions_is_a_script():
    assert {chunk.kind for chunk in split(_file("import os\nprint(os)\n"))} == {"script"}


def test_code_that_cannot_be_parsed_in_time_falls_into_windows():
    file = _file(b"\\\n" * 40_000 + b"x = 1\n")
    assert {chunk.kind for chunk in split(file)} == {"window"}


@pytest.mark.parametrize("text", ["", "\n\n  \n"])
@pytest.mark.parametrize("language", ["python", "markdown", "yaml", "notebook"])
def test_blank_files_have_no_chunks(text: str, language: str):
    assert split(_file(text, language)) == []


def test_markdown_falls_into_sections_outside_fences():
    text = "intro\n# One\n\n```sh\n# not a heading\n```\n## Two ##\ntext\n# Three\n"
    assert _outline(split(_file(text, "markdown", "README.md"))) == [
        (1, 1, "section", ""),
        (2, 6, "section", "One"),
        (7, 8, "section", "One > Two"),
        (9, 9, "section", "Three"),
    ]


def test_rst_falls_into_sections_by_its_underlines():
    text = "=====\nTitle\n=====\n\nwords\n\nOne\n---\n\ntext\nmore\n\nDeep\n~~~~\nx\n\nTwo\n---\n"
    text += "===  ===\na    b\n===  ===\n"
    assert _outline(split(_file(text, "rst", "a.rst"))) == [
        (1, 5, "section", "Title"),
        (7, 11, "section", "Title > One"),
        (13, 15, "section", "Title > One > Deep"),
        (17, 21, "section", "Title > Two"),
    ]


def test_other_text_falls_into_windows_and_data_is_capped():
    text = "".join(f"line {n}\n" for n in range(1_000))
    code, data = _file(text, "go", "a.go"), _file(text, "json", "a.json")
    assert len(split(code)) == 1_000 // WINDOW_LINES
    assert len(split(data)) == MAX_WINDOWS
    _check(code, split(code), WINDOW_LINES)


def test_notebook_chunks_are_lines_of_the_raw_file():
    raw = json.dumps(
        {"cells": [{"cell_type": "code", "source": [f"x{n} = {n}\n" for n in range(100)]}]},
        indent=1,
    )
    file = _file(raw, "notebook", "a.ipynb")
    chunks = split(file)
    assert [chunk.symbol for chunk in chunks] == ["cell 1", "cell 1"]
    assert chunks[0].text.split("\n")[0].strip() == '"x0 = 0\\n",'
    assert all(chunk.text in file.text for chunk in chunks)


def test_a_minified_notebook_has_a_chunk_per_cell():
    sources = ["import os", "print(os)"]
    raw = json.dumps(
        {
            "cells": [{"cell_type": "code", "source": one} for one in sources],
            "metadata": {"picture": "x" * 3_000},
        }
    )
    chunks = split(_file(raw, "notebook", "a.ipynb"))
    assert [chunk.text for chunk in chunks] == sources
    assert len({chunk.id for chunk in chunks}) == 2


_LINES = st.sampled_from(
    [
        "def f(x):",
        "    def g(self):",
        "class A:",
        "    class B(C):",
        "    x = 1",
        "        y = (",
        ")",
        '"""',
        "# note",
        "@d",
        "",
        "if __name__ == '__main__':",
        "x = 1; y = 2",
        "\x0c",
        "é\u2028ß",
        "Title",
        "-----",
        "\\",
    ]
)


@given(st.lists(_LINES, max_size=150), st.sampled_from(["python", "markdown", "rst", "shell"]))
def test_chunks_of_any_text_cover_it_without_overlap(lines: list[str], language: str):
    file = _file("\n".join(lines), language)
    _check(file, split(file), MAX_LINES)
