"""Census kind `hub_models`: names of models by shape and place, and which of them are defaults."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

SPECS = """
    from dataclasses import dataclass, field

    SMALL = Spec(name="small", repo_id="acme/detector-small")
    LARGE = Spec(name="large", repo_id="acme/detector-large")
    ALL: dict = {"small": SMALL, "large": LARGE}
    MIME = {"model": "image/png"}

    @dataclass
    class Options:
        spec: Spec = SMALL
        model_name: str = "acme/reader"
        other: str = "some/text"

    def load(path="data/models"):
        return Net.from_pretrained("acme/net-base")
"""


def test_names_are_told_with_their_keys_and_defaults_first() -> None:
    hits = run_query(codebase_of({"specs.py": SPECS}), "hub_models").hits
    assert [(hit.name, hit.detail["default"]) for hit in hits] == [
        ("acme/detector-small", "yes"),
        ("acme/reader", "yes"),
        ("acme/detector-large", "no"),
        ("acme/net-base", "no"),
    ]
    assert hits[0].text == "`acme/detector-small` (`repo_id` of `SMALL`), a default"
    assert hits[3].text == "`acme/net-base` (`from_pretrained()`)"
