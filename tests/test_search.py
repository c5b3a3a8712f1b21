"""search.py: fusing rankings and choosing from them."""

from retrieval.chunk import Chunk, Span
from retrieval.search import MAX_HIT_LINES, Ranking, Scored, fuse, select
from retrieval.snapshot import Role


def _chunk(path: str, start: int, end: int, role: Role = "source", text: str = "") -> Chunk:
    body = text or f"{path} {start}"
    return Chunk(f"{path}:{start}", Span(path, start, end), "function", "f", "python", role, body)


def _select(chunks: list[Chunk], *rankings: list[int], k: int = 10, query: str = "q") -> list[str]:
    fused = fuse(chunks, [Ranking("words", query, places) for places in rankings])
    return [str(hit.span) for hit in select(chunks, fused, k)]


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
    assert found[0] == "s0.py:1-5" and found[-1] == "v.py:1-5"
    assert found.index("t.py:1-5") >= 3


def test_a_query_on_tests_counts_them_in_full():
    chunks = [_chunk("t.py", 1, 5, "test"), *[_chunk(f"s{n}.py", 1, 5) for n in range(8)]]
    assert _select(chunks, list(range(9)))[0] == "s0.py:1-5"
    assert _select(chunks, list(range(9)), query="what does test_x check")[0] == "t.py:1-5"
    assert _select(chunks, list(range(9)), query="the latest contest")[0] == "s0.py:1-5"


def test_one_file_does_not_fill_the_result_while_others_are_left():
    flood = [_chunk("flood.py", n * 200 + 1, n * 200 + 2) for n in range(30)]
    chunks = [*flood, *[_chunk(f"{n}.py", 1, 2) for n in range(8)]]
    found = _select(chunks, list(range(len(chunks))), k=9)
    assert 2 <= sum(span.startswith("flood") for span in found) <= 5
    assert len(_select(flood, list(range(30)), k=9)) == 9


def test_folders_take_turns_where_nothing_else_decides():
    chunks = [_chunk("a/1.py", 1, 2), _chunk("a/2.py", 1, 2), _chunk("b/1.py", 1, 2)]
    same = [Scored(place, 1.0, ()) for place in range(3)]
    assert [hit.span.path for hit in select(chunks, same, 2)] == ["a/1.py", "b/1.py"]


def test_equal_texts_come_once():
    chunks = [_chunk(f"{n}.py", 1, 2, text="same") for n in range(50)] + [_chunk("b.py", 1, 2)]
    assert _select(chunks, list(range(51))) == ["0.py:1-2", "b.py:1-2"]


def test_neighbours_are_joined_up_to_a_length():
    chunks = [_chunk("a.py", 1, 30), _chunk("a.py", 33, 60), _chunk("a.py", 62, 110)]
    assert _select(chunks, [1, 0, 2]) == ["a.py:1-60", "a.py:62-110"]
    (hit,) = select(chunks, fuse(chunks, [Ranking("words", "q", [1, 0])]), 5)
    assert (hit.chunk, hit.span) == (chunks[1], Span("a.py", 1, 60))
    assert len(hit.why) == 2


def test_what_is_far_apart_is_not_joined_and_no_result_is_too_long():
    chunks = [_chunk("a.py", n * 25 + 1, n * 25 + 20) for n in range(12)]
    spans = [span.rpartition(":")[2].split("-") for span in _select(chunks, list(range(12)))]
    assert all(int(end) - int(start) < MAX_HIT_LINES for start, end in spans)
    assert len(_select([chunks[0], chunks[5]], [0, 1])) == 2


def test_no_rankings_give_no_hits():
    assert _select([_chunk("a.py", 1, 2)]) == []
