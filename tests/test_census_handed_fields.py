"""Fields of shared objects that one step sets on the elements of a batch and a later step reads."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

FILES: dict[str, str | bytes] = {
    "data.py": """
        from dataclasses import dataclass, field
        from typing import Optional

        @dataclass
        class Predictions:
            layout: Optional[list] = None
            tables: list = field(default_factory=list)

        @dataclass
        class Page:
            number: int
            predictions: Predictions = field(default_factory=Predictions)
            text: str = ""

        class RunOptions:
            fast: bool = False
    """,
    "main.py": """
        from collections.abc import Iterable
        from data import Page, RunOptions

        class LayoutModel:
            def __call__(self, page_batch: Iterable[Page]):
                pages = list(page_batch)
                for page, found in zip(pages, self.predict(pages)):
                    page.predictions.layout = found
                    yield page

            def predict(self, pages):
                return [[p.number] for p in pages]

        class TableModel:
            def __call__(self, page_batch: Iterable[Page]):
                for number, page in enumerate(page_batch):
                    if page.predictions.layout is not None:
                        page.predictions.tables.append(number)
                    yield page

        def assemble(pages: list[Page]):
            return [(p.predictions.layout, p.predictions.tables, p.number) for p in pages]

        def tune(options: RunOptions):
            options.fast = True

        def main(numbers, options: RunOptions):
            tune(options)
            pages = [Page(n) for n in numbers]
            for step in (LayoutModel(), TableModel()):
                pages = list(step(pages))
            assemble(pages)
            return options.fast

        if __name__ == "__main__":
            main([1, 2], RunOptions())
    """,
}


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return codebase_of(FILES)


def test_fields_of_elements_are_handed_from_step_to_step(codebase: Codebase) -> None:
    hits = run_query(codebase, "handed_fields").hits
    assert [hit.name for hit in hits] == ["Page"]  # the inner object is told with it, options are left out
    text = hits[0].text
    assert "`predictions.layout` is set by `LayoutModel.__call__()`" in text
    assert "read by `TableModel.__call__()`, `assemble()`" in text
    assert "`predictions.tables` is set by `TableModel.__call__()` (main.py) and read by `assemble()`" in text
    assert "number" not in text  # nobody sets it after the object is made


def test_it_is_told_among_the_carriers(codebase: Codebase) -> None:
    assert not run_query(codebase, "handed_fields: Predictions").hits
    assert run_query(codebase, "handed_fields: Page").hits[0].detail["writers"] == "2"
