"""Files that nobody wishes for: each is indexed or skipped with a reason, and lines are those an editor shows."""

import re
from pathlib import Path

import pytest

from retrieval.census import KINDS, run_query
from retrieval.codebase import Codebase, read_codebase
from retrieval.embed import HashEmbedder
from retrieval.index import Index, open_index
from retrieval.walk import take_snapshot
from tests.source_tree import codebase_of

DEF = "def {name}(x):\n    return x\n"
PADDING = "# one\n# two\n\n"
READ = {
    "syntax_error.py": (PADDING + DEF.format(name="marker_a") + "def broken(:\n  = = (\n\n").encode(),
    "unclosed.py": (PADDING + DEF.format(name="marker_b") + "x = '''never ends\n" + "y\n" * 50).encode(),
    "latin1.py": ("# -*- coding: latin-1 -*-\n# Grö\xdfe\n" + DEF.format(name="marker_c")).encode("latin-1"),
    "undeclared_latin1.py": ("# Grö\xdfe\n" + DEF.format(name="marker_d")).encode("latin-1"),
    "bom.py": b"\xef\xbb\xbf" + (PADDING + DEF.format(name="marker_f")).encode(),
    "mixed.py": b"# \xc3\xa9 and \xe9\n" + DEF.format(name="marker_g").encode(),
    "crlf.py": (PADDING + DEF.format(name="marker_h")).replace("\n", "\r\n").encode(),
    "odd_breaks.py": ("s = 'a\u2028b\x0cc\x85d\x1ce'\n# a\rb\n" + DEF.format(name="marker_i")).encode(),
    "long_line.py": b"x = '" + b"z" * 990_000 + b"'\n" + DEF.format(name="marker_j").encode(),
    "no_end.py": (PADDING + DEF.format(name="marker_k")).rstrip("\n").encode(),
    "circle_a.py": b"from circle_b import *\nimport circle_c\n\n" + DEF.format(name="marker_l").encode(),
    "circle_b.py": b"from circle_c import *\n\n" + DEF.format(name="marker_m").encode(),
    "circle_c.py": b"from circle_a import *\nfrom circle_b import marker_n\n\n" + DEF.format(name="marker_o").encode(),
    "itself.py": b"from itself import *\nfrom itself import marker_p\nclass A(A): ...\n"
    + DEF.format(name="marker_q").encode(),
    "deep.py": b"x = " + b"(" * 5_000 + b")" * 5_000 + b"\n" + DEF.format(name="marker_r").encode(),
    "surrogate.py": b"s = '\xed\xa0\x80'\n" + DEF.format(name="marker_s").encode(),
    "broken.ipynb": b'{"cells": [{"cell_type": "code", "source": ["marker_t = 1"',
    "broken.js": b"function marker_u( {\n" * 3,
}
SKIPPED = {
    "nul.py": b"x = 1\n\0\n",
    "blob.py": bytes(range(256)) * 40,
    "utf16.py": "def f(): ...\n".encode("utf-16"),
    "longer_line.py": b"x = '" + b"z" * 1_100_000 + b"'\n",
}


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bad") / "repo"
    root.mkdir()
    for name, data in {**READ, **SKIPPED}.items():
        (root / name).write_bytes(data)
    return root


@pytest.fixture(scope="module")
def codebase(repo: Path) -> Codebase:
    return read_codebase(take_snapshot(repo))


def _open(repo: Path) -> Index:
    embedder = HashEmbedder()
    folder = repo.parent / "index"
    return open_index(take_snapshot(repo), folder=folder, embedder=lambda: embedder, embedder_name=embedder.name)


def test_each_file_is_read_or_skipped_with_a_reason(codebase: Codebase):
    assert set(codebase.snapshot.by_path) == set(READ)
    assert {one.path: bool(one.reason) for one in codebase.snapshot.skipped} == dict.fromkeys(SKIPPED, True)
    assert all(one.reason for one in codebase.unread)
    assert {"syntax_error.py", "unclosed.py"} <= {one.path for one in codebase.unread}


def _line_of(path: str, word: bytes) -> int:
    """The line that an editor shows: line feeds before the word, and one."""
    return READ[path][: READ[path].index(word)].count(b"\n") + 1


@pytest.mark.parametrize("path", [name for name in READ if name.endswith(".py")])
def test_definitions_stand_on_the_lines_an_editor_shows(codebase: Codebase, path: str):
    found = [item for item in codebase.facts[path].definitions if item.name.startswith("marker_")]
    assert found, path
    for item in found:
        assert item.head_start == _line_of(path, f"def {item.name}".encode())


def test_what_the_search_finds_is_what_stands_on_those_lines(repo: Path):
    with _open(repo) as index:
        for path, data in READ.items():
            for word in set(re.findall(rb"def (marker_\w)", data)):
                (hit,) = [hit for hit in index.search([word.decode()], 30) if hit.span.path == path][:1]
                assert hit.span.start <= _line_of(path, b"def " + word) <= hit.span.end
        for chunk in index.chunks:
            file = index.snapshot.by_path[chunk.span.path]
            assert file.language == "notebook" or chunk.text == index.snapshot.excerpt(chunk.span)


def test_circular_imports_end(codebase: Codebase):
    assert codebase.find("circle_a.marker_o") == ("circle_c.py", codebase.facts["circle_c.py"].definitions[0])
    assert codebase.find("circle_a.nowhere") is None and codebase.find("itself.nowhere") is None
    assert [bases for path, _, bases in codebase.classes() if path == "itself.py"]


def test_ten_thousand_tiny_files(tmp_path: Path):
    for folder in range(100):
        place = tmp_path / "repo" / str(folder) / "same"
        place.mkdir(parents=True)
        for number in range(100):
            (place / f"tiny{number}.py").write_text("def tiny():\n    return 1\n")
    (tmp_path / "repo/other.py").write_text("def sought_after():\n    return tiny()\n")
    with _open(tmp_path / "repo") as index:
        assert index.stats.files == 10_001
        assert index.stats.embedded == 101  # equal texts of files with equal names are kept once
        assert index.search(["sought_after"], 3)[0].span.path == "other.py"
        assert len([hit for hit in index.search(["tiny"], 10) if "tiny" in hit.span.path]) == 1


@pytest.mark.parametrize("piece", ["a", "a/", "ab_", "meter"])
def test_a_word_of_a_megabyte_is_read_in_passing(piece: str) -> None:
    word = piece * (300_000 // len(piece))
    codebase = codebase_of(
        {"app.py": f"import logging\nword = '{word}'\n\nif __name__ == '__main__':\n    print(word)\n"}
    )
    for query in ("programs", "told_figures", "agreements"):
        assert run_query(codebase, query).files_searched == 1


def test_every_census_kind_reads_words_of_a_megabyte_in_passing() -> None:
    words = f"LETTERS = '{'a' * 300_000}'\nPARTS = '{'ab_' * 100_000}'\n"
    code = f"import torch\n{words}\ndef main():\n    return PARTS\n\nif __name__ == '__main__':\n    main()\n"
    codebase = codebase_of({"app.py": code})
    asked = [kind.example.split(", or ")[0] for kind in KINDS.values()]
    places = {(hit.path, hit.start) for query in asked for hit in run_query(codebase, query).hits}
    assert places and all(path == "app.py" and 1 <= line <= 9 for path, line in places)
