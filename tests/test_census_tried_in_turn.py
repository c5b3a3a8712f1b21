"""Census kind `tried_in_turn`: engines of which a body takes the first that the machine has."""

from retrieval.census import run_query
from tests.source_tree import codebase_of
from tests.test_census_order import NETS

ENGINES = """
    import sys

    from nets import big, small


    class MacReader:
        def __init__(self):
            self.net = big("a")


    class PlainReader:
        def __init__(self):
            self.net = small("b")


    class JsonWriter:
        pass


    class YamlWriter:
        pass


    class AutoReader:
        def __init__(self):
            self.reader = None
            if sys.platform == "darwin":
                try:
                    import macreader

                    self.reader = MacReader()
                except ImportError:
                    print("no mac reader")
            if self.reader is None:
                try:
                    from plain.reader import Reader

                    self.reader = PlainReader()
                except ImportError:
                    print("no reader")


    def writer():
        try:
            import yaml

            return YamlWriter()
        except ImportError:
            pass
        try:
            import json

            return JsonWriter()
        except ImportError:
            pass


    if __name__ == "__main__":
        AutoReader()
        writer()
"""


def test_engines_are_told_in_the_order_in_which_they_are_tried_and_writers_are_none() -> None:
    codebase = codebase_of({"nets.py": NETS, "run.py": ENGINES})
    assert [hit.text for hit in run_query(codebase, "tried_in_turn").hits] == [
        "`AutoReader.__init__()` takes as `self.reader` what the machine has, tried in this order: "
        "(1) `MacReader` if `sys.platform == 'darwin'` and `macreader` can be imported; "
        "(2) `PlainReader` if none was made before and `plain` can be imported"
    ]


def test_a_semaphore_counts_where_it_lets_into_model_work() -> None:
    sent = """
        import threading

        SLOT = threading.BoundedSemaphore(1)

        def send(text):
            if SLOT.acquire(blocking=False):
                print(text)
    """
    work = """
        import threading
        from nets import big
        from sent import send

        class Worker:
            def __init__(self):
                self.semaphore = threading.Semaphore(2)
                self.net = big("a")

            def enter(self):
                self.semaphore.acquire()

            def answer(self, x):
                self.enter()
                return self.net(x)

        if __name__ == "__main__":
            send("begin")
            Worker().answer(1)
    """
    codebase = codebase_of({"nets.py": NETS, "sent.py": sent, "run.py": work})
    assert [hit.path for hit in run_query(codebase, "scheduling: semaphore, model=yes").hits] == ["run.py"]
    assert len(run_query(codebase, "scheduling: semaphore").hits) == 2


def test_a_class_that_nothing_chooses_beside_its_kin_chooses_nothing() -> None:
    steps = """
        from nets import big, small

        class Step:
            def run(self, x):
                raise NotImplementedError

        class Old(Step):
            def __init__(self):
                self.net = big("a")
            def run(self, x):
                return self.net(x)

        class New(Step):
            def __init__(self):
                self.net = small("b")
            def run(self, x):
                return self.net(x)

        class Course:
            steps: list[Step]
            def go(self, x):
                for step in self.steps:
                    x = step.run(x)
                return x

        class OldCourse(Course):
            def __init__(self):
                self.steps = [Old()]

        class NewCourse(Course):
            def __init__(self):
                self.steps = [New()]

        if __name__ == "__main__":
            NewCourse().go(1)
    """
    told = [hit.text for hit in run_query(codebase_of({"nets.py": NETS, "run.py": steps}), "pipeline").hits]
    assert any("New.run()" in text for text in told) and not any("`Old.run()`" in text for text in told)
