"""Census kind `error_policy`: what decides whether a failure ends the run, and what the answer on failures says."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

FILES = {
    "README.md": "```\npython main.py\n```\n",
    "main.py": """
import sys

from stage import Stage, load, convert
from quality import decode


def main(paths, abort_on_error: bool = False):
    if not paths:
        return -1
    if len(paths) > 9:
        load(paths)
    convert(paths, raises_on_error=abort_on_error)
    Stage().run(paths)
    decode(paths)
    return 0


if __name__ == "__main__":
    main(sys.argv)
""",
    "stage.py": """
import urllib.request


def convert(paths, raises_on_error: bool = True):
    for path in paths:
        try:
            open(path)
        except Exception as e:
            if raises_on_error:
                raise RuntimeError(path) from e
            else:
                print(path)


class Stage:
    def run(self, items):
        for item in items:
            try:
                item.work()
            except Exception as exc:
                item.is_failed = True
                item.error = exc
        if any(item.is_failed for item in items):
            self.status = "PARTIAL_SUCCESS"


def load(path):
    try:
        return urllib.request.urlopen(path, timeout=3)
    except TypeError:
        return urllib.request.urlopen(path)


def drain(stream):
    while True:
        block = stream.read()
        if not block:
            break
""",
    "quality.py": """
def decode(paths, limit=2.4):
    for t in (0.0, 0.5, 1.0):
        needs_fallback = False
        result = paths.decode(t)
        if limit is not None and result.ratio > limit:
            needs_fallback = True
        if not needs_fallback:
            break
    return result
""",
}


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return codebase_of(FILES)


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_a_switch_between_raising_and_recording_is_told_with_its_defaults(codebase: Codebase) -> None:
    (told,) = texts(codebase, "error_policy: switch")
    assert told.startswith("`convert()` raises after `Exception` only if `raises_on_error` is true; else the error")
    assert "default `True` in `convert()`; `main` passes `abort_on_error`, default `False` in `main()`" in told


def test_failed_items_partial_success_and_early_returns_are_found(codebase: Codebase) -> None:
    assert texts(codebase, "error_policy: mark") == [
        "`Stage.run()` marks what failed and goes on after `Exception`: `item.is_failed = True`, `item.error = exc`"
    ]
    assert "sets `self.status` to `'PARTIAL_SUCCESS'`" in texts(codebase, "error_policy: partial")[0]
    assert texts(codebase, "error_policy: ends") == ["`main()` ends early with `return -1` only if `not paths`"]


def test_another_call_after_an_error_is_no_retry_and_the_end_of_a_file_no_failure(codebase: Codebase) -> None:
    (again,) = texts(codebase, "retries")
    assert "`decode()` repeats `paths.decode()`" in again
    assert "(`needs_fallback` becomes True when `limit is not None and result.ratio > limit`)" in again
    assert texts(codebase, "failure_checks: break") == []


def test_the_answer_leads_with_the_policy_and_agrees_with_its_lists(codebase: Codebase) -> None:
    course = texts(codebase, "failing: course")
    assert course[0].startswith("Whether a failure ends the work is decided by `raises_on_error` in `convert()`")
    assert "retried in `decode()`" in course[0]
    assert "noted on the failed item or result in `Stage.run()`" in course[0]
    assert any(text.startswith("A main function aborts by an early return at 1 place: `main()`") for text in course)


def test_without_a_switch_a_failed_step_aborts() -> None:
    files = {
        "README.md": "```\npython a.py\n```\n",
        "a.py": "def main():\n    work()\n\n\ndef work():\n    pass\n\n\nmain()\n",
    }
    assert texts(codebase_of(files), "failing: course")[0].startswith("By default a failed step aborts: ")


def test_a_handler_around_the_last_step_ends_the_run_quietly() -> None:
    body = "def main():\n    try:\n        f()\n    except Exception as e:\n        print(e)\n\n\ndef f():\n    1\n\n\n"
    files = {"README.md": "```\npython a.py\n```\n", "a.py": f"{body}main()\n"}
    (last,) = texts(codebase_of(files), "error_policy: last")
    assert last.endswith("the run is over then, with exit status 0")


def test_the_policy_is_told_with_errors_of_model_runs_too(codebase: Codebase) -> None:
    said = texts(codebase, "failing: errors")
    assert any(text.startswith("An error is raised or recorded by a switch: `convert()`") for text in said)
    assert any(text.startswith("An item that fails is marked: `Stage.run()`") for text in said)


def test_a_none_that_a_caller_uses_untested_is_told() -> None:
    body = (
        "def read(path):\n    try:\n        return open(path)\n    except Exception:\n        return None\n\n\n"
        "def use(path):\n    frames = read(path)\n    return frames.size\n\n\n"
        "def careful(path):\n    frames = read(path)\n    return frames.size if frames else 0\n\n\nuse('a')\n"
    )
    said = texts(codebase_of({"README.md": "```\npython a.py\n```\n", "a.py": body}), "failing: course")
    told = "The `None` that `read()` gives after an error is used without a test by `frames.size` in `use()`"
    assert f"{told}, so that the failure comes out there" in said
    careful = body[: body.index("def use")] + body[body.index("def careful") :].replace("use('a')", "careful('a')")
    said = texts(codebase_of({"README.md": "```\npython a.py\n```\n", "a.py": careful}), "failing: course")
    assert not [text for text in said if "without a test" in text]


CONVERTER = """
from transformers import AutoModel


class Failed(Exception):
    pass


class Result:
    status = "new"


class Converter:
    def __init__(self):
        self.net = AutoModel.from_pretrained("o/m")

    def _run(self, path):
        result = Result()
        try:
            self.net(path)
            result.status = "done"
        except Exception:
            result.status = "failed"
        return result

    def convert_all(self, paths, raises_on_error: bool = True):
        for path in paths:
            result = self._run(path)
            if raises_on_error and result.status not in ("done",):
                raise Failed(path)
            yield result

    def convert(self, path, raises_on_error: bool = True):
        return next(self.convert_all([path], raises_on_error=raises_on_error))
"""
MAIN = """
import sys

from converter import Converter


def main(paths, abort_on_error: bool = False):
    for result in Converter().convert_all(paths, raises_on_error=abort_on_error):
        print(result.status)


if __name__ == "__main__":
    main(sys.argv)
"""


def _first_sentence(main: str, converter: str = CONVERTER) -> str:
    files = {"README.md": "```\npython main.py\n```\n", "main.py": main, "converter.py": converter}
    return texts(codebase_of(files), "failing: course")[0]


def test_what_a_program_passes_and_what_the_library_does_by_default_are_told_apart() -> None:
    said = _first_sentence(MAIN)
    assert said.startswith(
        "A failed model run does not abort by default where `main()` passes `abort_on_error`, by default `False`, for "
        "`raises_on_error`; called as a library it does: `raises_on_error` is `True` by default in "
        "`Converter.convert_all()`, `Converter.convert()`, and `Converter.convert_all()` raises `Failed` if "
        "`result.status not in ('done',)`. Where it does not abort, it is marked on its item"
    )


def test_a_check_of_a_status_under_a_flag_is_a_switch_and_any_other_test_is_none() -> None:
    told = texts(codebase_of({"converter.py": CONVERTER}), "error_policy: switch")
    assert [text.partition(" (default")[0] for text in told] == [
        "`Converter.convert_all()` raises `Failed` if `result.status not in ('done',)`, "
        "only if `raises_on_error` is true"
    ]
    other = CONVERTER.replace("result.status not in", "path not in")
    assert texts(codebase_of({"converter.py": other}), "error_policy: switch") == []


def test_a_library_that_goes_on_and_a_program_that_raises_are_not_told_as_the_contrary() -> None:
    assert "as a library" not in _first_sentence(MAIN.replace("= False", "= True"))
    assert "as a library" not in _first_sentence(MAIN, CONVERTER.replace("bool = True", "bool = False"))
