"""references.py: chunks that name each other's definitions are neighbours."""

from retrieval.chunk import Chunk, Span
from retrieval.references import References


def _chunk(name: str, text: str) -> Chunk:
    return Chunk(name, Span(f"{name}.py", 1, 2), "function", name, "python", "source", text, (name,))


CHUNKS = [
    _chunk("open_audio", "def open_audio(path): ..."),
    _chunk("transcribe", "def transcribe(): return decode_all(open_audio(path))"),
    _chunk("decode_all", "def decode_all(): ..."),
    _chunk("unrelated", "def unrelated(): opened_audio()"),
]


def test_callers_and_callees_are_neighbours_and_nothing_else():
    references = References(CHUNKS)
    assert references.rank([1], 5) == [0, 2]
    assert references.rank([0], 5) == [1]
    assert references.rank([3], 5) == []


def test_neighbours_of_the_first_places_come_first():
    assert References(CHUNKS).rank([0, 1], 2) == [1, 0]
    assert References(CHUNKS).rank([1], 1) == [0]


def test_names_that_many_define_or_that_are_short_mean_nothing():
    many = [_chunk("forward", f"def forward(): return {n}") for n in range(5)]
    short = [_chunk("run", "def run(): ..."), _chunk("call_it", "def call_it(): run()")]
    dunder = [_chunk("A.__init__", "def __init__(self): ..."), _chunk("make", "A.__init__(self)")]
    for chunks in ([*many, _chunk("caller", "forward()")], short, dunder):
        assert References(chunks).rank(range(len(chunks)), 5) == []
