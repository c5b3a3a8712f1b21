"""The class that an option chooses by default, of those that stand ready for the members of an enumeration."""

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

KINDS = """
    from enum import Enum

    class Kind(str, Enum):
        FAST = "fast"
        FINE = "fine"
        OFF = "off"
"""
FINDERS = """
    from transformers import AutoModelForCausalLM, AutoModelForObjectDetection

    class Fast:
        def __init__(self):
            self.model = AutoModelForObjectDetection.from_pretrained("acme/fast")

        def find(self, page):
            return self.model(page)

    class Fine:
        def __init__(self):
            self.model = AutoModelForCausalLM.from_pretrained("acme/fine")

        def find(self, page):
            return self.model(page)
"""
TABLE = """
    from finders import Fast, Fine
    from kinds import Kind
    from options import Options

    FIRST = {Kind.FINE: Fine}
    FINDERS = {Kind.FAST: Fast, **FIRST}

    def main(options: Options):
        return FINDERS[options.kind]().find("page")

    if __name__ == "__main__":
        print(main(Options()))
"""
ARMS = """
    import argparse

    from finders import Fast, Fine
    from kinds import Kind

    def make(kind):
        if kind == Kind.FINE.value:
            if len(kind) > 9:
                return Fast()
            return Fine()
        elif kind == Kind.FAST.value:
            return Fast()
        return Fast()

    if __name__ == "__main__":
        parser = argparse.ArgumentParser()
        parser.add_argument("--kind", default=Kind.FINE.value)
        print(make(parser.parse_args().kind).find("page"))
"""


def _told(code: Codebase) -> list[str]:
    return [hit.text for hit in run_query(code, "model_summary: what=used").hits if hit.name == "chosen"]


def _table(default: str, more: str = "", table: str = TABLE) -> list[str]:
    options = f"""
    from dataclasses import dataclass

    from kinds import Kind

    @dataclass
    class Options:
        kind: Kind = {default}
    {more}
    """
    return _told(codebase_of({"kinds.py": KINDS, "finders.py": FINDERS, "options.py": options, "main.py": table}))


def test_a_field_chooses_among_the_classes_of_a_table() -> None:
    assert _table("Kind.FINE") == [
        "By the defaults of its options the code chooses `Fine` with `AutoModelForCausalLM` (one of 2 classes in "
        "`FINDERS`, as `Options.kind` is `Kind.FINE`)"
    ]
    assert "none of the 2 classes of `FINDERS` (as `Options.kind` is `Kind.OFF`)" in _table("Kind.OFF")[0]


def test_options_or_tables_that_differ_choose_nothing() -> None:
    assert _table("Kind.FINE", "    other: Kind = Kind.FAST") == []
    assert _table("make_kind()") == []
    crossed = TABLE.replace("**FIRST}", "**FIRST}\n    OTHERS = {Kind.FAST: Fine, Kind.FINE: Fast}")
    assert _table("Kind.FINE", "", crossed) == []


def test_an_option_chooses_among_the_classes_that_a_function_makes() -> None:
    told = _told(codebase_of({"kinds.py": KINDS, "finders.py": FINDERS, "main.py": ARMS}))
    assert told == [
        "By the defaults of its options the code chooses `Fine` with `AutoModelForCausalLM` (one of 2 classes in "
        "`make()`, as `--kind` is `Kind.FINE`)"
    ]
