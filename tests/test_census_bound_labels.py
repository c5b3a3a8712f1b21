"""Labels that models must give: tables that nothing reads limit nothing, errors behind an interface do."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

LABELS = """
    from enum import Enum

    class DocLabel(Enum):
        TITLE = "title"
        TABLE = "table"
        TEXT = "text"
        PICTURE = "picture"

    RENAMED = {DocLabel.TITLE: "a", DocLabel.TABLE: "b", DocLabel.TEXT: "c", DocLabel.PICTURE: "d"}
    __all__ = ["DocLabel", "RENAMED"]
"""
ENGINE = """
    import easyocr
    from labels import RENAMED, DocLabel

    class Engine:
        def __init__(self):
            self.reader = easyocr.Reader(["en"])
        def names(self):
            return {0: DocLabel.TITLE}
        def run(self, image):
            return self.reader.readtext(image)
"""
FACTORY = """
    def create(kind):
        from engines.easy import Engine
        return Engine()
"""
STAGE = """
    from engines.factory import create
    from labels import DocLabel

    class Layout:
        def __init__(self, kind):
            self.engine = create(kind)
            self.table = self.labels()
        def labels(self):
            found = {}
            for number, label_name in self.engine.names().items():
                try:
                    found[number] = DocLabel[label_name.upper()]
                except KeyError:
                    raise RuntimeError(label_name)
            return found
        def run(self, image):
            return self.engine.run(image)

    if __name__ == "__main__":
        Layout("easy").run("a.png")
"""


def bound(**more: str) -> list[str]:
    files: dict[str, str | bytes] = {
        "labels.py": LABELS,
        "engines/__init__.py": "",
        "engines/easy.py": ENGINE,
        "engines/factory.py": FACTORY,
        "stage.py": STAGE,
        **{f"{name}.py": text for name, text in more.items()},
    }
    return [hit.text for hit in run_query(codebase_of(files), "assumptions: bound").hits]


def test_a_look_up_behind_an_interface_is_found_and_a_table_that_nothing_reads_is_not() -> None:
    error = "`Layout.labels()` fixes a label of the model only as a member of `DocLabel`, or an error (`RuntimeError`)"
    table = "labels.py fixes `RENAMED` (an entry for 4 members of `DocLabel`)"
    assert bound() == [error]
    assert table in bound(use="import labels\n\nprint(labels.RENAMED)\n")
    assert table in bound(use="import labels\n\nprint(getattr(labels, 'RENAMED'))\n")
