"""Census kind `loop_state`: what a loop carries from one round to the next, and what it only replaces."""

import pytest

from retrieval.census import run_query
from tests.source_tree import codebase_of


def carried(source: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of({"work.py": source}), "loop_state").hits]


@pytest.mark.parametrize(
    ("before", "inside", "said"),
    [
        ("total = 0", "total += item", "`total` (set on line 2, `+=` on line 5)"),
        ("seen = []", "seen.append(item)", "`seen` (set on line 2, `append()` on line 5)"),
        ("table = {}", "table[item] = 1", "`table` (set on line 2, `table[item] = …` on line 5)"),
        ("state = None", "state = step(state, item)", "`state` (set on line 2, set from itself on line 5)"),
    ],
)
def test_what_is_added_to_or_changed_is_carried(before: str, inside: str, said: str) -> None:
    source = f"""
    def work(items):
        {before}
        for item in items:
            check(item)
            {inside}
            check(item)
    """
    (text,) = carried(source)
    assert text.endswith(f"(lines 3-6) carries from round to round: {said}")


@pytest.mark.parametrize(
    "inside",
    [
        "kept = make(item)",
        "kept = make(item); kept = wrap(kept)",
        "kept = []; kept.append(item)",
        "other.append(item)",
        "item.append(1)",
    ],
)
def test_what_each_round_replaces_is_not(inside: str) -> None:
    source = f"""
    def work(items):
        kept = None
        for item in items:
            check(item)
            {inside}
            check(item)
    """
    assert carried(source) == []
