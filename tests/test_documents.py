"""Checking documents: forms of citations, verdicts, names, code blocks and counts, on a small repository."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.documents.forms import Mention, find_mentions
from agent.documents.passages import Passage, read_document
from agent.documents.verification import Verification, Verifier
from tests.courtroom import ENGINE, line
from tests.source_tree import codebase_of, snapshot_of

FILES: dict[str, str | bytes] = {
    "captioner/engine.py": ENGINE,
    "captioner/__init__.py": "from captioner.engine import caption\n",
    "captioner/web/__init__.py": '"""Nothing yet."""\n',
    "scripts/run.sh": "#!/bin/sh\npython -m captioner\n",
    "Makefile": "all:\n\tpython -m captioner\n",
    "README.md": "# Captioner\n\nWrites captions. See [the engine](captioner/engine.py).\n",
}
SNAPSHOT = snapshot_of(FILES)
LENGTH = ENGINE.count("\n")


def verify(text: str, own: str = "") -> Verification:
    return Verifier(SNAPSHOT, lambda: codebase_of(FILES), own=own).verify(text)


def known(path: str) -> bool:
    return path.lstrip("./") in ("src/a.py", "a.py", "Makefile")


def mentions(text: str) -> list[Mention]:
    return [one for passage in read_document(text).passages for one in find_mentions(passage, known)]


FORMS = {
    "`src/a.py:12-40`": [(12, 40)],
    "src/a.py:12": [(12, 12)],
    "`src/a.py:L12-L40`": [(12, 40)],
    "src/a.py:12\u201340": [(12, 40)],
    "(src/a.py#L12-L40)": [(12, 40)],
    "src/a.py#L12": [(12, 12)],
    "[text](src/a.py#L12)": [(12, 12)],
    "[text](./src/a.py#L12-L40)": [(12, 40)],
    "[text](https://github.com/o/r/blob/main/src/a.py#L1-L3)": [(1, 3)],
    "[`a.py:12`](src/a.py#L12)": [(12, 12)],
    "`src/a.py` (lines 12-40)": [(12, 40)],
    "`src/a.py` (line 12)": [(12, 12)],
    "`src/a.py`, line 12": [(12, 12)],
    "src/a.py, line 12": [(12, 12)],
    "`src/a.py`, lines 12\u201340": [(12, 40)],
    "`src/a.py` lines 3, 7 and 9-12": [(3, 3), (7, 7), (9, 12)],
    "lines 12-40 of `src/a.py`": [(12, 40)],
    "line 7 in a.py": [(7, 7)],
    "a.py L12": [(12, 12)],
    "a.py (12-40)": [(12, 40)],
    "`src/a.py`:12": [(12, 12)],
    "**src/a.py**:12-13": [(12, 13)],
    "`a.py:12, 14-16, 20`": [(12, 12), (14, 16), (20, 20)],
    "`a.py:12:5`": [(12, 12)],
    "`Makefile:3`": [(3, 3)],
    "in `a.py`": [],
    "`a.py::test_x`": [],
    "<p>see a.py:12</p>": [(12, 12)],
}


@pytest.mark.parametrize("text", FORMS)
def test_each_form_is_one_mention(text: str) -> None:
    [found] = mentions(text)
    assert list(found.ranges) == FORMS[text] and not found.fault
    assert found.path.endswith("a.py") or found.path == "Makefile"


NO_CITATIONS = [
    "at 12:40 we met",
    "http://localhost:8080/a.py:12",
    "https://example.com/a.py#L12",
    "version v1.2.3:4 of python:3.11-slim",
    "C:\\x\\a.py:12",
    "`x[1:20]` and `a[3:]`",
    "docs.rs:443, localhost:8080 and 10.0.0.1:80",
    "`python run.py --x 12:40`",
    "Node.js and Next.js",
    "Makefile does it",
    "a line 5% longer",
    "[top](#lines) and [mail](mailto:a@b.py)",
    "<!-- a.py:12 -->",
]


@pytest.mark.parametrize("text", NO_CITATIONS)
def test_what_is_no_citation(text: str) -> None:
    assert not mentions(text)


UNREADABLE = [
    "`a.py:12-`",
    "a.py:12-4O",
    "`a.py:??`",
    "`a.py:[12]`",
    "a.py:40-12",
    "see lines 12-4O of `a.py`",
    "[x](a.py#L1-x)",
]


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_cannot_be_read_is_a_fault(text: str) -> None:
    assert any(mention.fault for mention in mentions(text))
    assert all(one.verdict != "ok" or one.start is None for one in verify(text.replace("a.py", "engine.py")).citations)


def span(first: str, last: str) -> str:
    return f"captioner/engine.py:{line(first)}-{line(last)}"


LOAD = span("def load_captioner", "return model.to")
VERDICTS = {
    f"`load_captioner` loads weights with `torch.load` (`{LOAD}`).": "ok",
    f"Weights are loaded in `load_captioner` ({LOAD}).": "ok",
    "`BEAM_WIDTH` is 5 (`captioner/engine.py:6`).": "ok",
    "`BEAM_WIDTH` is 7 (`captioner/engine.py:6`).": "wrong_lines",
    "`load_captioner` loads weights (`captioner/engine.py:6`).": "wrong_lines",
    "`load_capshuner` loads weights (`captioner/engine.py:6`).": "wrong_lines",
    f"`resize_picture` resizes (`{LOAD}`).": "weak",  # it stands just below
    f"It works well (`{LOAD}`).": "weak",
    f"`load_captioner` does it (`captioner/engine.py:{LENGTH - 2}-{LENGTH + 4}`).": "out_of_range",
    "`load_captioner` does it (`captioner/engine.py:0`).": "out_of_range",
    "`load_captioner` is in `captioner/loader.py:3`.": "missing",
    "The package begins in `__init__.py:1`.": "ambiguous",
    "The package begins in `web/__init__.py:1`.": "weak",
    "`load_captioner` is at `engine.py:12-x`.": "unparsable",
    "`caption` is at lines 3-9.": "unparsable",
    "[The engine](captioner/engine.py) writes captions.": "ok",
    "It is started by `scripts/run.sh`.": "ok",
    "It is started by `scripts/start.sh`.": "missing",
    "It writes `captions.json`.": "weak",
}


@pytest.mark.parametrize("text", VERDICTS)
def test_verdicts(text: str) -> None:
    [found] = verify(text).citations
    assert found.verdict == VERDICTS[text], found.reason
    assert found.reason


def test_wrong_lines_say_where_the_name_stands() -> None:
    [found] = verify("`resize_picture` resizes (`captioner/engine.py:6`).").citations
    assert str(line("def resize_picture")) in found.reason


def test_a_range_that_proves_nothing_in_particular() -> None:
    files: dict[str, str | bytes] = {"big.py": "".join(f"value_{n} = {n}\n" for n in range(400))}
    verifier = Verifier(snapshot_of(files), lambda: codebase_of(files))
    [found] = verifier.verify("`value_7` is set (`big.py:1-390`).").citations
    assert found.verdict == "too_wide"


def test_bare_lines_belong_to_the_file_named_before() -> None:
    text = f"- `captioner/engine.py`\n  - lines {line('def caption')}-{line('return None')}: `caption` writes\n"
    _, found = verify(text).citations
    assert (found.path, found.start, found.verdict, found.document_line) == (
        "captioner/engine.py",
        line("def caption"),
        "ok",
        2,
    )


def test_lines_in_a_column_of_their_own() -> None:
    head = "| File | Lines | What |\n|---|---|---|\n"
    rows = f"| `engine.py` | {line('def caption')} | `caption` |\n| `engine.py` | 6 | `resize_picture` |\n"
    found = [one for one in verify(head + rows).citations if one.start is not None]
    assert [(one.verdict, one.document_line) for one in found] == [("ok", 3), ("wrong_lines", 4)]


def test_a_broken_link_counts_only_inside_the_repository() -> None:
    text = "See [how](docs/how.md)."
    assert [one.verdict for one in verify(text).citations] == ["weak"]
    assert [one.verdict for one in verify(text, own="README.md").citations] == ["missing"]


NAMES = {
    "`captioner.engine.load_all` loads.": "missing",
    "`Captioner.backward` trains.": "missing",
    "`load_alll()` in `captioner/engine.py` loads.": "missing",
    "`np.float64` and `some_library.thing` are used.": "weak",
    "`load_captioner` and `torch.cuda.empty_cache()`": "ok",
    "There is no `load_alll()` in `captioner/engine.py`.": "weak",
}


@pytest.mark.parametrize("text", NAMES)
def test_names_that_do_not_exist(text: str) -> None:
    assert {name.verdict for name in verify(text).names} == {NAMES[text]}


BODY = "def resize_picture(picture, side=224):\n    picture = picture.resize((side, side))\n"
BLOCKS = {
    f"```python captioner/engine.py\n{BODY}```": "ok",
    f"```python\n# captioner/engine.py\n{BODY}```": "ok",
    f"```{line('def resize_picture')}:{line('def resize_picture') + 1}:captioner/engine.py\n{BODY}```": "ok",
    f"```6:7:captioner/engine.py\n{BODY}```": "wrong_lines",
    f"```python\n{BODY}```": "ok",
    f"```python\n{BODY}    ...\n    return picture\n```": "ok",
    f"```python captioner/engine.py\n{BODY.replace('224', '512')}```": "changed",
    f"```python captioner/other.py\n{BODY}```": "missing",
    "```python\nimport captioner\ncaptioner.caption(1)\n```": "weak",
}


@pytest.mark.parametrize("text", BLOCKS)
def test_code_blocks(text: str) -> None:
    [block] = verify(text).code_blocks
    assert block.verdict == BLOCKS[text], block.reason
    assert block.is_false == (block.verdict not in ("ok", "weak"))


COUNTS = {
    "The package has 3 Python files.": "ok",
    "The repository has 126 source files.": "contradicted",
    "The project defines 1 classes.": "ok",
    "The project defines 9 classes in total.": "contradicted",
    "The code base has about 100 Python files.": "contradicted",
    "The package has over 2 functions.": "ok",
    "- Classes: 4": "contradicted",
    "| Python files | 3 |\n|---|---|\n": "ok",
    "`captioner/engine.py` has 5 functions.": "ok",
    "`captioner/engine.py` has 8 functions.": "contradicted",
}


@pytest.mark.parametrize("text", COUNTS)
def test_counts(text: str) -> None:
    [count] = verify(text).counts
    assert count.verdict == COUNTS[text], count.reason


@pytest.mark.parametrize("text", ["It has 3 functions that load.", "3 files were changed.", "We use 4 models for X."])
def test_counts_of_some_of_the_things_are_not_judged(text: str) -> None:
    assert not verify(text).counts


def test_statements_without_a_citation() -> None:
    text = f"# `caption`\n\n`load_captioner` loads the weights. It is good.\n\n`caption` writes the text ({LOAD}).\n"
    assert [one.text for one in verify(text).uncited] == ["`load_captioner` loads the weights."]


def test_the_document_itself_proves_nothing() -> None:
    text = "`made_up_name()` in `captioner/engine.py` does it."
    files = {**FILES, "README.md": text}
    found = Verifier(snapshot_of(files), lambda: codebase_of(files), own="README.md").verify(text)
    assert [name.verdict for name in found.names] == ["missing"]


WORDS = [
    "`caption`",
    "load_captioner",
    "engine.py:",
    "captioner/engine.py:",
    "12-40",
    "#L3",
    "(lines 4-9)",
    "|",
    "\n",
    "- ",
    "```",
]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=8), st.integers(-9, 99).map(str)), max_size=14).map(
        " ".join
    )
)
def test_an_accepted_citation_lies_in_the_repository(text: str) -> None:
    result = verify(text)
    for found in result.citations:
        if found.verdict == "ok" and found.start is not None and found.end is not None:
            assert 1 <= found.start <= found.end <= len(SNAPSHOT.by_path[found.path].lines)
    assert sum(result.summary()[verdict] for verdict in ("ok", "weak")) <= len(result.citations)


HOSTILE = {
    "nested quotes": "> " * 3000 + "x",
    "brackets": "[" * 60_000,
    "images": "![" * 40_000,
    "open comments": "<!--" * 40_000,
    "entities": "&#x" * 40_000,
    "backticks": "`a``b```" * 20_000,
    "nul": "a\0b `engine.py:3`",
    "controls": "\x1b[2J `engine.py:3` \u202e\ud800",
    "many dots": "a." * 30_000 + "py:1",
    "many lines": "lines 1, " * 20_000,
    "slashes": "a/" * 40_000 + "b.py:3",
    "numbers": "`engine.py:" + "9" * 5_000 + "`",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_are_read_in_time(name: str) -> None:
    began = time.monotonic()
    verify(HOSTILE[name])
    assert time.monotonic() - began < 60


def test_passages_know_their_lines() -> None:
    text = "# T\n\nfirst\nsecond `engine.py:3`\n\n1. one\n2. two\n\n   more `engine.py:4`\n\n> quoted `engine.py:5`\n"
    assert [(one.document_line, one.start) for one in verify(text).citations] == [(4, 3), (9, 4), (11, 5)]
    assert isinstance(read_document(text).passages[0], Passage)
