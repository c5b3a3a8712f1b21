"""Configuration read by a helper of the project: it is found, and the files are those that the callers name."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

HELPER = """
    import json

    def settings_from(config_path):
        with open(config_path, encoding="utf-8") as file:
            data = file.read()
        config = json.loads(data)
        return config

    def answer(reply):
        config = json.loads(reply)
        return config
"""


def test_a_helper_that_reads_configuration_is_told_with_the_files_it_is_given() -> None:
    codebase = codebase_of(
        {
            "helper.py": HELPER,
            "app.py": """
                from helper import settings_from

                class Voice:
                    def __init__(self, path, device):
                        self.settings = settings_from(path)

                BASE = "weights"
                first = Voice(f"{BASE}/en/config.json", "cpu")
                second = Voice("weights/zh/config.json", "cpu")
            """,
        }
    )
    [hit] = run_query(codebase, "configs").hits
    assert hit.text == (
        "JSON is read: `config = json.loads(data)` in `settings_from`, "
        "of `{BASE}/en/config.json` (app.py:8), `weights/zh/config.json` (app.py:9)"
    )
    assert hit.related == (("path", "app.py", 8, 8), ("path", "app.py", 9, 9))
