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
