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


RETURNS = """
    from dataclasses import dataclass
    from typing import NamedTuple

    class Pair(NamedTuple):
        left: int
        right: int = 0

    @dataclass
    class Result:
        text: str

    def forward(image, labels=None, short=False):
        out = {"image": image, **extra}
        if short:
            return out
        out["loss"] = 1
        if labels is not None:
            out["labels"] = labels
        else:
            out.update(guess=1)
        if image:
            out["side"] = 1
        else:
            out["side"] = 2
        return out

    def rows(items):
        found = []
        for item in items:
            found.append(dict(name=item, size=1))
        return found

    def put(batch, model):
        batch["ids"] = 1
        return batch

    def computed(items):
        out = {}
        for item in items:
            out[item] = 1
        return out

    def several(x):
        return (x, x + 1) if x else (x, None, 2)

    def pair():
        return Pair(1, 2)

    def results(x):
        return [Result(text=i) for i in x]
    """


def test_returned_dictionaries_name_their_keys_and_when_they_are_set() -> None:
    assert texts("returned_dicts", m=RETURNS) == [
        "`forward()` returns a dictionary with the key `image`, and everything in `extra` — only if `short`; "
        "it also returns on line 25",
        "`forward()` returns a dictionary with the keys `image`, `loss`, `side`, `labels` (only if "
        "`labels is not None`), `guess` (only if `labels is not None` is false), and everything in `extra`; "
        "it also returns on line 15",
        "`rows()` returns a list of dictionaries with the keys `name`, `size`",
        "`put()` returns its parameter `batch`, a dictionary in which it sets the key `ids`",
    ]


def test_returned_tuples_and_records_name_their_parts() -> None:
    assert texts("returned_tuples", m=RETURNS) == [
        "`several()` returns a tuple of 2: `x`, `x + 1` — only if `x`",
        "`several()` returns a tuple of 3: `x`, `None`, `2` — only if `x` is false",
        "`pair()` returns the named tuple `Pair` with the fields `left`, `right`",
    ]
    assert texts("returned_objects: results", m=RETURNS) == [
        "`results()` returns a list of records `Result` with the field `text`"
    ]


USES = """
    class Net:
        accum = 1

        def run(self, model, args, accum_freq=1):
            args.accum_freq = 2
            size = model.visual.size + getattr(model, "scale")
            model.visual.lock()
            return self.step(size, accum_freq=args.accum_freq), unwrap(model).scale

    parser.add_argument("--accum-freq", type=int)
    options = {"accum_freq": 3}
    """


def test_attributes_read_are_told_once_per_function_as_written() -> None:
    assert texts("attribute_uses: model.visual, *.scale", m=USES) == [
        "`Net.run()` reads `model.scale`",
        "`Net.run()` reads `model.visual.size`",
        "`Net.run()` reads `model.visual`",
        "`Net.run()` reads `unwrap().scale`",
    ]


def test_a_name_is_found_in_every_role_and_language() -> None:
    files = {"m.py": USES, "conf.yaml": "run:\n  accum_freq: 4\n", "go.sh": "train --accum-freq 8\n"}
    result = run_query(codebase_of(files), "uses: accum*")
    assert [hit.text for hit in result.hits] == [
        "go.sh has the word `accum_freq`",
        "the body of class `Net` uses the name `accum`",
        "`Net.run()` uses the parameter `accum_freq`, the attribute `args.accum_freq`, the keyword argument "
        "`accum_freq=` (lines 4, 5, 8)",
        "the top level of m.py uses the option `--accum-freq`, the key `accum_freq` (lines 10, 11)",
        "conf.yaml has the word `accum_freq`",
    ]
    assert not run_query(codebase_of(files), "uses: accumulate").hits
