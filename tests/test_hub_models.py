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


TABLES = """
    class Tables:
        def __init__(self, device):
            from acme_models.tables import TablePredictor
            from acme_models.stats import Predictor

            self.predictor = TablePredictor({"save_dir": "weights"}, device)
            self.plain = Predictor()
            self.seen = []

        def run(self, page):
            self.seen.append(self.plain.predict(page))
            return self.predictor.multi_table_predict(page)

    if __name__ == "__main__":
        Tables("cpu").run("page")
"""


def test_a_predictor_of_a_library_that_is_imported_inside_a_function_is_a_model() -> None:
    (hit,) = run_query(codebase_of({"app.py": TABLES}), "model_objects").hits
    assert hit.name == "`TablePredictor`"  # made with settings, and run; the other one is given nothing
    assert "run as `self.predictor.multi_table_predict(page)` in `Tables.run()`" in hit.text


MEASURED = """
    from huggingface_hub import snapshot_download

    DEFAULT_REPO_ID = "acme/performance-pages"

    def main(args):
        return snapshot_download(repo_id=args.repo_id or DEFAULT_REPO_ID, repo_type="dataset")
"""


def test_the_data_sets_that_a_file_fetches_are_no_models() -> None:
    assert not run_query(codebase_of({"measure.py": MEASURED}), "hub_models").hits
    plain = MEASURED + '\n    def load(path):\n        return snapshot_download(repo_id="acme/net")\n'
    found = [hit.name for hit in run_query(codebase_of({"measure.py": plain}), "hub_models").hits]
    assert sorted(found) == ["acme/net", "acme/performance-pages"]  # which of the two the constant is, is not known


FIELDS = """
    from typing import Annotated

    from pydantic import BaseModel, Field

    HEAVY = Spec(repo_id="acme/heavy")

    def load(params=None, model_api=None):
        return params, model_api

    class Api(BaseModel):
        params: Annotated[dict, Field(description="More.", examples=[{"model": "acme/shown"}])] = {}
        model_api: str | None = Field(None, examples=[Api(params={"model": "acme/told"}), HEAVY])
        model_name: str = Field(default="acme/reader", examples=["acme/writer"])

    class Other(BaseModel):
        api: dict = Api.params
        more: str = Api.model_api
"""


def test_examples_of_fields_are_no_defaults() -> None:
    hits = run_query(codebase_of({"options.py": FIELDS}), "hub_models").hits
    told = {hit.name: hit.detail["default"] for hit in hits}
    assert told == {"acme/reader": "yes", "acme/heavy": "no", "acme/shown": "no", "acme/told": "no"}
