"""Which model runs are tried again, what waits between two tries, and what an error ends in a server."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

APP: dict[str, str | bytes] = {
    "README.md": "Run `python serve.py`.\n",
    "serve.py": """
        import time
        import requests
        import uvicorn
        from fastapi import FastAPI
        from transformers import AutoModelForCausalLM

        app = FastAPI()

        class Writer:
            def __init__(self):
                self.net = AutoModelForCausalLM.from_pretrained("a")

            def write(self, ids, most, retry_empty=True):
                found = self.net.generate(ids, max_new_tokens=most)
                if not len(found) and retry_empty:
                    return self.write(ids, most, retry_empty)
                return found

        writer = Writer()

        def report(url):
            while True:
                try:
                    requests.post(url, timeout=5)
                    break
                except requests.exceptions.RequestException as error:
                    print(error)
                time.sleep(5)

        @app.post("/write")
        def write(ids: list):
            report("http://a")
            return prepare(writer.write(ids, 5))

        def prepare(x):
            return [x]

        if __name__ == "__main__":
            uvicorn.run(app)
    """,
}
PLAIN: dict[str, str | bytes] = APP | {
    "serve.py": str(APP["serve.py"])
    .replace("if not len(found) and retry_empty:", "if False:")
    .replace("return self.write(ids, most, retry_empty)", "return None")
}


def _told(tree: dict[str, str | bytes]) -> list[str]:
    return [hit.text for hit in run_query(codebase_of(tree), "failing: course").hits]


def test_what_is_tried_again_and_what_an_error_ends() -> None:
    told = "\n".join(_told(APP))
    assert "Model runs are tried again: `Writer.write()`, which runs a model, calls itself again" in told
    assert "Retried: `report()` repeats `requests.post()` after `requests.exceptions.RequestException`" in told
    assert "`write()`, which `serve.py` serves, has no `try` around its calls" in told
    assert "out ends that request with an error, and the server goes on" in told and "out ends the run" not in told


def test_no_model_run_is_tried_again_where_only_a_request_is() -> None:
    told = "\n".join(_told(PLAIN))
    assert (
        "no model run in the program itself is seen to be tried again; what is retried is other work, in `report()`"
        in told
    )
