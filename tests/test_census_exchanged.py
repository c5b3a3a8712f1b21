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


def test_classes_count_by_the_functions_that_take_or_give_them_and_options_do_not() -> None:
    assert texts("exchanged") == [
        "`Document` (of `papers`, imported as `papers.types.Document`): 3 functions take or give it, such as `read()`, "
        "`split()`, `join()` (run.py)",
        "`Page` (dataclass, run.py; fields `number`, `text`): 3 functions take or give it, such as `split()`, "
        "`clean()`, `join()` (run.py)",
    ]


def test_a_table_is_no_dictionary_and_a_stand_in_is_no_maker() -> None:
    assert texts("travelling: sort=dictionary") == [
        "a dictionary passed as `state` with the keys `prompt`, `seed`: given by `parse()` (run.py); entries set by "
        "`check()` (run.py); read by key in `generate()`, `sample()` (run.py)"
    ]
