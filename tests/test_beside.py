"""What is worked out of an object goes when the object goes: a batch reads repository after repository."""

import gc
import weakref

import pytest

from retrieval.beside import Beside, once
from retrieval.census import KINDS, run_query
from tests.source_tree import codebase_of


class Thing:
    """Anything that things are known of."""


def test_a_table_lies_on_its_keys_and_goes_with_them() -> None:
    table: Beside[Thing, list[object]] = Beside()
    thing = Thing()
    assert thing not in table and table.get(thing) is None
    table[thing] = [thing]  # refers back
    assert table[thing] == [thing] and table.setdefault(thing, []) == [thing]
    with pytest.raises(KeyError):
        table[Thing()]
    known = weakref.ref(thing)
    del thing
    gc.collect()
    assert known() is None


def test_a_result_is_worked_out_once_for_each_object_and_arguments() -> None:
    asked: list[tuple[object, int]] = []

    @once
    def doubled(thing: Thing, number: int) -> int:
        asked.append((thing, number))
        return number * 2

    first, second = Thing(), Thing()
    assert [doubled(first, 1), doubled(first, 1), doubled(first, 2), doubled(second, 1)] == [2, 2, 4, 2]
    assert asked == [(first, 1), (first, 2), (second, 1)]


def test_nothing_of_the_census_keeps_a_codebase() -> None:
    codebase = codebase_of(
        {
            "net.py": """
                import torch
                class Net(torch.nn.Module):
                    def __init__(self): self.inner = torch.nn.Linear(1, 1)
                    def forward(self, x): return self.inner(x)
            """,
            "app.py": """
                from net import Net
                def main(): return Net()(1)
                if __name__ == "__main__": main()
            """,
        }
    )
    for kind in KINDS.values():
        run_query(codebase, kind.example.split(", or ")[0])
    known = weakref.ref(codebase)
    del codebase
    gc.collect()
    assert known() is None
