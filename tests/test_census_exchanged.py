"""Classes that functions exchange, and which names mean a dictionary that travels."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

CODE = """
    import sys
    from dataclasses import dataclass
    import pandas as pd
    import typing as tp
    from papers.types import Document

    @dataclass
    class Options:
        size: int = 1

    @dataclass
    class Page:
        number: int
        text: str

    def read(path: str, options: Options) -> Document:
        return Document(path)

    def split(document: Document) -> list[Page]:
        return [Page(1, document.text)]

    def clean(page: Page) -> tp.Optional[Page]:
        return page

    def join(pages: tp.List[Page], document: Document, options: Options) -> Document:
        return document

    def parse(body):
        settings = {}
        settings.update(body)
        return settings

    def generate(state):
        state = check(state)
        return state["prompt"] + sample(state)

    def sample(state):
        return state["seed"]

    def check(state):
        state.setdefault("seed", 1)
        if state is None:
            state = {"prompt": "", "seed": 0}
        return state

    def score(row):
        return row["answer"] == row["prediction"]

    def table(path):
        data = pd.read_csv(path)
        for index, row in data.iterrows():
            data["hit"] = score(row) and row["answer"]
        return data["hit"], data["answer"]

    def group(data):
        return data["hit"], data["answer"]

    def report(data):
        data["total"] = data["hit"] + data["answer"]

    def main(body):
        document = read(body["path"], Options())
        join([clean(page) for page in split(document)], document, Options())
        state = parse(body)
        generate(state)
        data = table("x.csv")
        group(data)
        report(data)

    if __name__ == "__main__":
        main(sys.argv)
"""


def texts(query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of({"run.py": CODE}), query).hits]


def test_classes_count_by_the_functions_that_take_or_give_them_and_settings_come_last() -> None:
    assert texts("exchanged") == [
        "`Document` (of `papers`, imported as `papers.types.Document`): 3 functions take or give it, such as `read()`, "
        "`split()`, `join()` (run.py)",
        "`Page` (dataclass, run.py; fields `number`, `text`): 3 functions take or give it, such as `split()`, "
        "`clean()`, `join()` (run.py)",
        "`Options` (dataclass of settings, run.py; fields `size`): 2 functions take or give it, such as `read()`, "
        "`join()` (run.py)",
    ]


RECORDS = """
    from typing import List, Optional
    from pydantic import BaseModel

    class Boxes(BaseModel):
        found: list = []
        scores: list = []

    class Guesses(BaseModel):
        layout: Optional[Boxes] = None
        text: str = ""

    class Assets(BaseModel):
        status: str = ""
        pages: List["Guesses"] = []

    class Result(Assets):
        source: str

    def run(paths):
        def one(path) -> "Result":
            return Result(source=path)
        return [one(path) for path in paths]

    def save(result: "Result") -> None:
        print(result.status)

    def main():
        for result in run(["a"]):
            save(result)

    if __name__ == "__main__":
        main()
"""


def test_fields_are_told_with_those_of_bases_and_of_records_inside_and_inner_functions_count() -> None:
    found = [hit.text for hit in run_query(codebase_of({"run.py": RECORDS}), "exchanged").hits]
    assert found == [
        "`Result` (pydantic model, run.py; fields `source`; from `Assets` also `status`, `pages`; its `pages` holds "
        "`Guesses` with `layout`, `text`): 2 functions take or give it, such as `save()`, `run.one()` (run.py)"
    ]
    structures = [hit.text for hit in run_query(codebase_of({"run.py": RECORDS}), "structures: Result").hits]
    assert structures == ["Pydantic model `Result` with fields `source: str`, from `Assets` `status`, `pages`"]


def test_plain_classes_count_where_lists_of_them_are_handed_on() -> None:
    code = """
        from typing import List

        class Region:
            def __init__(self, box):
                self.box = box

        class Service:
            def __init__(self, address):
                self.address = address

        def find(picture, service: Service) -> List[Region]:
            return [Region(picture)]

        def join(regions: List["Region"], service: Service) -> Region:
            return regions[0]

        def main():
            service = Service("here")
            join(find(None, service), service)

        if __name__ == "__main__":
            main()
    """
    found = [hit.text for hit in run_query(codebase_of({"run.py": code}), "exchanged").hits]
    assert found == ["`Region` (class, run.py): 2 functions take or give it, such as `find()`, `join()` (run.py)"]


def test_a_table_is_no_dictionary_and_a_stand_in_is_no_maker() -> None:
    assert texts("travelling: sort=dictionary") == [
        "a dictionary passed as `state` with the keys `prompt`, `seed`: given by `parse()` (run.py); entries set by "
        "`check()` (run.py); read by key in `generate()`, `sample()` (run.py)"
    ]
