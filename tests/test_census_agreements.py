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
        "base class `Writer` (writers.py), which leaves `write()` to 2 subclasses: `TextWriter`, `JsonWriter`"
    )
    assert listed == (
        "the list `METHODS` (core.py) of the functions that a module must have: `pre_check()`, `process()`; 2 modules "
        "have them: steps/one.py, steps/two.py"
    ), "a list that nobody tests modules for is none"


def test_a_nested_function_cannot_be_used_on_its_own(codebase: Codebase) -> None:
    verdict, interfaces = texts(codebase, "modularity")
    assert "1 is nested in another function and cannot be imported (`nested()`)" in verdict
    assert interfaces.startswith("Parts are exchangeable behind 2 common interfaces: `Writer`")


def test_types_of_data_come_with_the_shapes_that_code_asserts(codebase: Codebase) -> None:
    (told,) = texts(codebase, "payloads: NumPy*")
    assert told.startswith("NumPy arrays: 3 functions take or give them, such as `process()`")
    assert "`process()` asserts `frame.ndim == 3 and frame.shape[2] == 3`" in told


def test_a_typed_dict_made_by_a_call_has_its_keys(codebase: Codebase) -> None:
    assert texts(codebase, "structures: Line") == ["TypedDict `Line` with keys `text: str`, `width: int`"]
