"""search.py: fusing rankings and choosing from them."""

from pathlib import Path

from retrieval.chunk import Chunk, Span
from retrieval.search import MAX_HIT_LINES, Ranking, fuse, select
from retrieval.snapshot import Role, Snapshot, SourceFile

LINES = 400


def _chunk(path: str, start: int, end: int, role: Role = "source", text: str = "") -> Chunk:
    body = text or f"{path} {start}"
    return Chunk(f"{path}:{start}", Span(path, start, end), "function", "f", "python", role, body)


def _snapshot(chunks: list[Chunk]) -> Snapshot:
    data = "".join(f"line {n}\n" for n in range(1, LINES + 1)).encode()
    paths = sorted({chunk.span.path for chunk in chunks})
    files = tuple(SourceFile(path, data, "python", "source") for path in paths)
    return Snapshot(Path(), "x", "", files, ())


def _select(chunks: list[Chunk], *rankings: list[int], k: int = 10) -> list[str]:
    fused = fuse(chunks, [Ranking("words", "q", places) for places in rankings])
    return [str(hit.chunk.span) for hit in select(_snapshot(chunks), chunks, fused, k)]


def test_what_two_rankings_agree_on_comes_first():
    chunks = [_chunk(f"{name}.py", 1, 5) for name in "abcd"]
    assert _select(chunks, [0, 1, 2], [3, 1, 0])[:2] == ["a.py:1-5", "b.py:1-5"]


def test_tests_and_vendored_code_stand_below_but_are_there():
    chunks = [
        _chunk("t.py", 1, 5, "test"),
        _chunk("v.py", 1, 5, "vendored"),
        *[_chunk(f"s{n}.py", 1, 5) for n in range(8)],
    ]
    found = _select(chunks, list(range(10)))
    assert found[-2:] == ["t.py:1-5", "v.py:1-5"] and found[0] == "s0.py:1-5"


def test_one_file_does_not_fill_the_result_while_others_are_left():
    flood = [_chunk("flood.py", n * 10 + 1, n * 10 + 2) for n in range(30)]
    chunks = [*flood, *[_chunk(f"{n}.py", 1, 2) for n in range(8)]]
    found = _select(chunks, list(range(len(chunks))), k=9)
    assert sum(span.startswith("flood") for span in found) == 3
    assert len(_select(flood, list(range(30)), k=9)) == 9


def test_equal_texts_come_once():
    chunks = [_chunk(f"{n}.py", 1, 2, text="same") for n in range(50)] + [_chunk("b.py", 1, 2)]
    assert _select(chunks, list(range(51))) == ["0.py:1-2", "b.py:1-2"]


def test_neighbours_are_joined_up_to_a_length():
    chunks = [_chunk("a.py", 1, 30), _chunk("a.py", 33, 60), _chunk("a.py", 62, 110)]
    assert _select(chunks, [1, 0, 2]) == ["a.py:1-60", "a.py:62-110"]
    (hit,) = select(_snapshot(chunks), chunks, fuse(chunks, [Ranking("words", "q", [1, 0])]), 5)
    assert hit.chunk.text.split("\n")[:1] == ["line 1"]
    assert len(hit.chunk.text.split("\n")) == 60 <= MAX_HIT_LINES


def test_no_rankings_give_no_hits():
    assert _select([_chunk("a.py", 1, 2)]) == []
