"""Census kinds `decisions`, `flags` and `chains`: what decides the course of a program, and stages wired by queues."""

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of
from tests.test_census_order import NETS


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


MAIN = """
    import argparse
    from nets import big, small

    def attempt(net, x, floor=0.5, ceiling=2.0):
        out = None
        for temperature in (0.0, 0.5, 1.0):
            out = net(x)
            again = False
            if floor is not None and out.score < floor:
                again = True
            if out.ratio > ceiling:
                again = True
            if not again:
                break
        return out

    def plain(items):
        seen = False
        for item in items:
            if item == "a":
                seen = True
            if seen:
                break
        return seen

    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--refine", action="store_true")
        args = parser.parse_args()
        out = attempt(big("a"), plain([]))
        if args.refine:
            extra = small("b")
            out = extra(out)
        else:
            print(out)
        return out

    if __name__ == "__main__":
        main()
"""


def test_a_flag_is_traced_to_the_comparisons_that_set_it() -> None:
    found = texts(codebase_of({"nets.py": NETS, "run.py": MAIN}), "flags")
    assert found == [
        "In `attempt()`, if `not again` it leaves the loop for `temperature in (0.0, 0.5, 1.0)`. `again` is set to "
        "False; to True if `out.score < floor`; to True if `out.ratio > ceiling` (`floor` is 0.5 by default, `ceiling` "
        "is 2.0 by default)"
    ]


def test_decisions_name_the_steps_of_their_arms_and_the_option() -> None:
    found = texts(codebase_of({"nets.py": NETS, "run.py": MAIN}), "decisions")
    assert found == [
        "What `main()` makes and runs is decided by these conditions: `args.refine` (option `--refine`, default "
        "`False`) → `small()`, `Small.forward()`"
    ]


STAGES = """
    import threading
    from dataclasses import dataclass

    @dataclass
    class Options:
        read_batch_size: int = 4

    class Stage:
        def __init__(self, name, model, batch_size):
            self.model = model
            self.batch_size = batch_size
            self.inbox = []
            self.outputs = []

        def feeds(self, inbox):
            self.outputs.append(inbox)

        def start(self):
            threading.Thread(target=self.work).start()

        def work(self):
            while True:
                self.step(self.inbox)

        def step(self, batch):
            return self.model(batch)

    class Pipeline:
        def __init__(self, options: Options):
            self.options = options

        def build(self, opts):
            write = Stage(name="write", model=self.writer, batch_size=1)
            read = Stage(name="read", model=self.reader, batch_size=opts.read_batch_size)
            find = Stage(name="find", model=self.finder, batch_size=1)
            read.feeds(find.inbox)
            find.feeds(write.inbox)
            return [write, read, find]
"""


def test_stages_are_told_in_the_order_in_which_they_are_wired() -> None:
    found = texts(codebase_of({"stages.py": STAGES}), "chains")
    assert found == [
        "`Pipeline.build()` makes 3 objects of `Stage`, each of which calls `self.model(…)` in a thread of its own; "
        "wired one behind the other, they work in this order: `read` (`self.reader`, batches of "
        "`opts.read_batch_size`, default 4) → `find` (`self.finder`, batches of 1) → "
        "`write` (`self.writer`, batches of 1)"
    ]


def test_a_sort_of_records_is_no_choice_of_a_worker() -> None:
    code = """
        def rows(values):
            return sorted(values, key=lambda v: (v.used, v.count))

        def free(workers):
            return min(workers, key=lambda w: w.pending)
    """
    found = texts(codebase_of({"pool.py": code}), "scheduling: selection")
    assert len(found) == 1 and found[0].startswith("`free()` chooses")


def test_a_table_that_chooses_a_function_decides_and_tests_for_presence_come_last() -> None:
    code = """
        from nets import big, small

        def wide(x):
            return big("a")(x)

        def slim(x):
            return small("b")(x)

        TABLE = {"wide": wide, "slim": slim}

        def main(kind="wide", net=None):
            if net is None:
                net = small("c")
            return TABLE[kind](net(1))

        if __name__ == "__main__":
            main()
    """
    (found,) = texts(codebase_of({"nets.py": NETS, "run.py": code}), "decisions")
    assert found == (
        "What `main()` makes and runs is decided by these conditions: `TABLE[kind]()` runs one of `wide()`, `slim()`"
    )


def test_the_worker_with_the_shortest_queue_is_the_least_used() -> None:
    code = """
        import numpy as np

        def address(workers):
            worker_qlen = [worker.queue_length / worker.speed for worker in workers]
            return workers[np.argmin(worker_qlen)]

        def nearest(distances):
            return np.argmin(distances)
    """
    assert texts(codebase_of({"pool.py": code}), "scheduling: selection") == [
        "`address()` chooses by `np.argmin(worker_qlen)`"
    ]
