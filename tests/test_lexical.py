"""lexical.py: words of code, and ranking by them."""

import pytest

from retrieval.chunk import Chunk, Span
from retrieval.lexical import LexicalIndex, tokens


def _chunk(path: str, text: str, symbol: str = "") -> Chunk:
    return Chunk(path, Span(path, 1, 1), "function", symbol, "python", "source", text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("load_audioFile", ["load_audiofile", "load", "audio", "fil"]),
        ("HTTPServer2", ["httpserver2", "http", "serv", "2"]),
        ("__init__", ["init"]),
        ("What does the loader do?", ["load"]),
        ("Größen", ["größen"]),
    ],
)
def test_tokens(text: str, found: list[str]):
    assert tokens(text)[: len(found)] == found


@pytest.mark.parametrize(
    ("question", "code"),
    [("loading", "load"), ("caches", "cache"), ("dependencies", "dependency"), ("classes", "class")],
)
def test_forms_of_a_word_meet(question: str, code: str):
    assert tokens(question) == tokens(code)


def test_the_chunk_that_shares_rare_words_comes_first():
    index = LexicalIndex(
        [
            _chunk("a.py", "def run(model): return model(x)"),
            _chunk("b.py", "def emptyCache(): torch.cuda.empty_cache()"),
            _chunk("cache/c.py", "x = 1"),
        ]
    )
    assert index.rank("how is the CUDA cache emptied", 3) == [1, 2]
    assert index.rank("zebra", 3) == []
    assert index.rank("the of what", 3) == []


@pytest.mark.parametrize("texts", [[], ["", "..."]])
def test_nothing_to_search_gives_nothing(texts: list[str]):
    chunks = [_chunk("", text) for text in texts]
    assert LexicalIndex(chunks).rank("model", 5) == []
