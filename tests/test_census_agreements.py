"""Census kinds on interfaces: what several parts keep, how far steps stand alone, types of data with their shapes."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

STEP = """
    import numpy as np

    def pre_check():
        return True

    def process(frame: np.ndarray, mask) -> np.ndarray:
        assert frame.ndim == 3 and frame.shape[2] == 3
        return frame * 2
"""
FILES: dict[str, str | bytes] = {
    "main.py": """
        import sys
        import importlib
        from core import load
        from writers import TextWriter, JsonWriter

        def main(names):
            for name in names:
                module = load(name)
                module.process(None, None)
            for writer in (TextWriter(), JsonWriter()):
                writer.write("a")
            inner = outer()
            print(inner)

        def outer():
            def nested(value):
                print(value)
                print(value)
                print(value)
                return [value, value]
            first = nested(1)
            return nested(first)

        if __name__ == "__main__":
            main(sys.argv)
    """,
    "core.py": """
        import importlib

        METHODS = ["pre_check", "process"]
        COLOURS = ["red", "green"]

        def load(name):
            module = importlib.import_module("steps." + name)
            for method in METHODS:
                if not hasattr(module, method):
                    raise NotImplementedError(method)
            return module
    """,
    "steps/__init__.py": "",
    "steps/one.py": STEP,
    "steps/two.py": STEP,
    "steps/three.py": STEP.replace("def pre_check", "def other"),
    "writers.py": """
        from typing import TypedDict

        class Writer:
            def write(self, text):
                raise NotImplementedError

        class TextWriter(Writer):
            def write(self, text):
                print(text)

        class JsonWriter(Writer):
            def write(self, text):
                print([text])

        Line = TypedDict("Line", {"text": str, "width": int})
    """,
}


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return codebase_of(FILES)


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_bases_lists_and_equal_signatures_are_interfaces(codebase: Codebase) -> None:
    bases, listed = texts(codebase, "agreements: sort=bases|lists")
    assert bases == (
        "base class `Writer` (writers.py), which leaves `write(text)` to 2 subclasses: `TextWriter`, `JsonWriter`"
    )
    assert listed == (
        "the list `METHODS` (core.py) of the functions that a module must have: `pre_check()`, `process()`; 2 modules "
        "have them: steps/one.py, steps/two.py"
    ), "a list that nobody tests modules for is none"


def test_a_nested_function_cannot_be_used_on_its_own(codebase: Codebase) -> None:
    verdict, interfaces = texts(codebase, "modularity")
    assert "1 is nested in another function and cannot be imported (`nested()`)" in verdict
    assert interfaces.startswith("Parts keep 2 common interfaces: `Writer`")
    assert interfaces.endswith(
        "Which implementation runs is fixed where they are made or chosen: `Writer` in `main()` (main.py)"
    )
    open_files = {**FILES, "show.py": "from writers import Writer\n\ndef show(writer: Writer):\n    writer.write('')\n"}
    taken = texts(codebase_of(open_files), "modularity")[1]
    assert taken.endswith("can be passed in where one is a parameter: `Writer` by `show()` (show.py)")


def test_types_of_data_come_with_the_shapes_that_code_asserts(codebase: Codebase) -> None:
    (told,) = texts(codebase, "payloads: NumPy*")
    assert told.startswith("NumPy arrays: 3 functions take or give them, such as `process()`")
    assert "`process()` asserts `frame.ndim == 3 and frame.shape[2] == 3`" in told


def test_a_typed_dict_made_by_a_call_has_its_keys(codebase: Codebase) -> None:
    assert texts(codebase, "structures: Line") == ["TypedDict `Line` with keys `text: str`, `width: int`"]


TOWERS = """
class Small:
    def lock(self, groups=0, freeze=False):
        return groups

    def grow(self, by):
        return by


class Large:
    def lock(self, groups: int = 0, freeze: bool = True):
        return freeze

    def grow(self, by):
        return -by


def build(size):
    if size == "small":
        tower = Small()
    else:
        tower = Large()
    return tower


if __name__ == "__main__":
    build("small").lock()
"""
SHOW = """
def show(image, where):
    print(image)
    print(where)
    return image


if __name__ == "__main__":
    show(1, 2)
"""


def said(files: dict[str, str | bytes], query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of(files), query).hits]


def test_classes_that_a_branch_chooses_between_keep_the_methods_that_they_share() -> None:
    assert said({"towers.py": TOWERS}, "agreements") == [
        "`lock(groups, freeze)`, `grow(by)`, which `Small`, `Large` all have with the same parameters and without a "
        "common base class; `build()` (towers.py) chooses between them"
    ]
    assert said({"towers.py": TOWERS.replace("def grow(self, by):\n        return -by", "")}, "agreements") == []


def test_functions_that_a_condition_imports_from_several_modules_are_an_interface() -> None:
    main = (
        "def load(kind):\n    if kind == 'a':\n        from first import find\n    else:\n"
        "        from second import find\n    return find(kind)\n\n\nif __name__ == '__main__':\n    load('a')\n"
    )
    one = "def find(kind):\n    return kind\n"
    found = said({"main.py": main, "first.py": one, "second.py": one}, "agreements")
    assert found == ["`find`, which `load()` (main.py) imports from first.py, second.py, by condition"]


def test_copies_that_nothing_exchanges_are_no_interface_and_count_against_reuse() -> None:
    files: dict[str, str | bytes] = {f"{name}.py": SHOW for name in ("one", "two", "three")}
    assert said(files, "agreements") == []


def test_a_base_with_one_implementation_is_told_last() -> None:
    source = TOWERS.replace(
        "class Small:",
        "class Base:\n    def rank(self):\n        raise NotImplementedError\n\n\n"
        "class Only(Base):\n    def rank(self):\n        return 1\n\n\nclass Small:",
    )
    found = said({"towers.py": source.replace("    build(", "    Only().rank()\n    build(")}, "agreements")
    assert found[-1] == "base class `Base` (towers.py), which leaves `rank()` to 1 subclass: `Only`"


def test_a_subclass_that_brings_nothing_itself_is_not_told_as_one_that_does() -> None:
    files = {
        "run.py": """
            class Writer:
                def write(self, rows):
                    raise NotImplementedError

            class Timed(Writer):
                def stamp(self, row):
                    return row["start"]

            class First(Timed):
                def write(self, rows):
                    return [self.stamp(row) for row in rows]

            class Second(Writer):
                def write(self, rows):
                    return rows

            def main(rows, plain):
                (Second() if plain else First()).write(rows)

            if __name__ == "__main__":
                main([], True)
        """
    }
    (told,) = texts(codebase_of(files), "agreements: sort=bases")
    assert told.endswith("leaves `write(rows)` to 2 subclasses: `First`, `Second`")
