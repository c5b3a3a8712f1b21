"""Census kind `option_globals`: options that are copied into a module's variables, and who reads them there."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

CORE = """
import argparse
import app.settings


def parse():
    parser = argparse.ArgumentParser()
    args = parser.parse_args()
    app.settings.fast = args.fast
    app.settings.name = str(args.name)
    other.fast = args.fast
"""
USE = """
from app import settings


def run(x):
    if settings.fast:
        return x.fast
"""
FILES = {"app/__init__.py": "", "app/settings.py": "fast = None\nname = None\n", "app/core.py": CORE, "app/use.py": USE}


def test_an_option_is_followed_into_the_module_and_to_its_readers() -> None:
    found = run_query(codebase_of(FILES), "option_globals").hits
    assert [hit.text for hit in found] == [
        "the option `fast` is put into `app.settings.fast` by `parse()`; it is read by `run()`",
        "the option `name` is put into `app.settings.name` by `parse()`; it is read nowhere else",
    ]
    assert found[0].related == (("reads", "app/use.py", 5, 5),)


def test_a_global_of_the_same_file_counts_and_a_local_does_not() -> None:
    source = (
        "import argparse\nFAST = None\n\n\ndef parse():\n    global FAST\n"
        "    args = argparse.ArgumentParser().parse_args()\n"
        "    FAST = args.fast\n    slow = args.slow\n\n\ndef run():\n    return FAST\n"
    )
    found = run_query(codebase_of({"a.py": source}), "option_globals").hits
    assert [(hit.name, "`run()`" in hit.text) for hit in found] == [("fast", True)]
