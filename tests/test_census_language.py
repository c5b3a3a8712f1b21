"""The query language: patterns, options, errors with a hint, order and count of what is searched."""

import pytest

from retrieval.census import parse_query, run_query
from retrieval.errors import QueryError
from tests.source_tree import codebase_of

FILES = {
    "tests/test_a.py": "import gc\ngc.collect()\n",
    "pkg/z.py": "import gc\ngc.collect()\n",
    "pkg/broken.py": "def (:\n",
    "web/app.js": "import gc from 'gc'\ngc.collect()\n// gc.collect()\n",
    "README.md": "gc.collect()\n",
}


@pytest.mark.parametrize(
    ("pattern", "name", "fits"),
    [
        ("torch.cuda.*", "torch.cuda.empty_cache", True),
        ("torch.cuda.*", "torch.cpu", False),
        ("*.backward", "backward", True),
        ("*.backward", "loss.backward", True),
        ("Torch.*", "torch.x", False),
        ("re:^load_(a|b)$", "load_b", True),
        ("'re:x{1,2}'", "x", True),
        ("x, !x", "x", False),
        ("!y", "x", True),
        ("!y", "y", False),
        ("'a,b'", "a,b", True),
        ("'!x'", "!x", True),
        ("", "anything", True),
    ],
)
def test_patterns(pattern: str, name: str, fits: bool) -> None:
    assert parse_query(f"calls: {pattern}").matches(name) is fits


def test_a_type_is_meant_only_by_a_pattern_that_spells_the_method_out() -> None:
    assert parse_query("calls: threading.Thread.start").matches("t.start", typed=("threading.Thread.start",))
    assert not parse_query("calls: threading.*").matches("t.start", typed=("threading.Thread.start",))


def test_options_are_those_the_kind_knows() -> None:
    query = parse_query("compares: cuda*, left=device, in=src/*")
    assert query.options == {"left": "device", "in": "src/*"}
    assert parse_query("strings: a=b").names() == ("a=b",)


@pytest.mark.parametrize(
    ("text", "word"),
    [("call: x", "calls"), ("calls: 're:('", "("), ("calls: x, role=sauce", "source"), ("", "calls")],
)
def test_a_query_that_cannot_be_understood_says_what_would_do(text: str, word: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_query(text)
    assert word in f"{caught.value} {caught.value.hint}"


def test_source_comes_first_and_every_language_counts() -> None:
    result = run_query(codebase_of(FILES), "calls: gc.collect")
    assert [(hit.path, hit.start, hit.role) for hit in result.hits] == [
        ("pkg/z.py", 2, "source"),
        ("web/app.js", 2, "source"),
        ("tests/test_a.py", 2, "test"),
    ]
    assert result.files_searched == 4
    assert [item.path for item in result.unread] == ["pkg/broken.py"]
    assert result.hits[1].detail["by"] == "text"


def test_a_query_can_be_narrowed_to_a_folder_or_a_role() -> None:
    codebase = codebase_of(FILES)
    assert [h.path for h in run_query(codebase, "calls: gc.*, in=pkg/*").hits] == ["pkg/z.py"]
    narrowed = run_query(codebase, "calls: gc.collect, role=test")
    assert [h.path for h in narrowed.hits] == ["tests/test_a.py"]
    assert narrowed.files_searched == 1


def test_a_query_can_be_narrowed_to_what_stands_within_a_function_or_class() -> None:
    source = (
        "def f():\n    a()\n\n\nclass C:\n    def m(self):\n        def inner():\n            a()\n        return a()\n"
    )
    codebase = codebase_of({"m.py": source})
    for within, lines in (("f", [2]), ("C", [8, 9]), ("*.m", [8, 9]), ("*.inner", [8]), ("nowhere", [])):
        result = run_query(codebase, f"calls: a, within={within}")
        assert ([hit.start for hit in result.hits], result.files_searched) == (lines, 1)


def test_calls_of_the_repository_and_of_libraries_are_told_apart() -> None:
    codebase = codebase_of({"m.py": "import gc\n\n\ndef f():\n    gc.collect()\n\n\nf()\n"})
    assert [hit.start for hit in run_query(codebase, "calls: target=own").hits] == [8]
    assert [hit.start for hit in run_query(codebase, "calls: target=library").hits] == [5]


def test_docstrings_and_comments_above_speak_for_definitions() -> None:
    source = '''
        def f():
            """Load it. And more."""

        # Frees the cache.
        class C:
            pass

        def silent():
            pass
    '''
    hits = run_query(codebase_of({"m.py": source}), "docstrings").hits
    assert [(hit.name, hit.start, hit.text) for hit in hits] == [
        ("f", 2, "`f()`: “Load it”"),
        ("C", 4, "`C`: “Frees the cache”"),
    ]
