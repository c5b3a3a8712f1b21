"""Census kinds about values: tables filled elsewhere, what functions return, attributes and names in use."""

from retrieval.census import run_query
from retrieval.facts import CensusHit
from tests.source_tree import codebase_of


def hits(query: str, **files: str) -> list[CensusHit]:
    """The hits of a query over files given as name="source" (name.py)."""
    return list(run_query(codebase_of({f"{name}.py": text for name, text in files.items()}), query).hits)


def texts(query: str, **files: str) -> list[str]:
    return [hit.text for hit in hits(query, **files)]


TABLES = """
    from collections import defaultdict
    LOG = []
    MODELS = {}
    KEPT = {"a": 1}
    BY_NAME = defaultdict(set)

    def register(name):
        def wrap(fn):
            MODELS[name] = fn
            BY_NAME[name].add(fn)
            return fn
        return wrap

    def get(name):
        return MODELS[name]

    def local():
        KEPT = {}
        KEPT["x"] = 2
        LOG.append(1)
        return KEPT

    class Registry:
        mapping = {"task": {}, "model": {}}
        own = {}

        def __init__(self):
            self.own = {}
            self.own["a"] = 1

        @classmethod
        def add(cls, name, task):
            cls.mapping["task"][name] = task

        @classmethod
        def get(cls, name):
            return cls.mapping["task"].get(name)

    registry = Registry()
    """
USERS = """
    from tables import register, MODELS, registry
    import tables as t

    @register("a")
    def build():
        return list(MODELS)

    def more():
        t.LOG.extend([1])
    """


def test_tables_filled_elsewhere_are_told_with_who_fills_and_reads_them() -> None:
    found = hits("filled_tables", tables=TABLES, users=USERS)
    assert [hit.text for hit in found] == [
        "`MODELS` (tables.py:3), an empty dictionary at first, is filled in `register()` "
        "(a decorator, on 1 definition) and read in `get()`, `build()` (users.py)",
        "`BY_NAME` (tables.py:5), an empty `defaultdict` at first, is filled in `register()` "
        "(a decorator, on 1 definition)",
        "`Registry.mapping` (tables.py:24), a dictionary of 2 entries at first, is filled in "
        "`Registry.add()` under `task` and read in `Registry.get()`",
        "`LOG` (tables.py:2), an empty list at first, is filled in `local()`, `more()` (users.py)",
    ]
    assert found[0].related == (
        ("definition", "tables.py", 3, 3),
        ("filled", "tables.py", 9, 9),
        ("read", "tables.py", 15, 15),
        ("read", "users.py", 6, 6),
    )
