"""What is kept for reuse, and what is no cache: `caching`, `caching_answer`."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

APP: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        import functools
        import os
        import pickle
        import requests
        from torch import nn

        MODELS = {}

        class Net(nn.Module):
            def forward(self, x, past_kv=None, use_cache=False): return x
            def encode_image(self, x): return self(x)

        @functools.lru_cache(maxsize=4)
        def table(name): return name

        def load(name):
            if name not in MODELS:
                MODELS[name] = Net()
            return MODELS[name]

        def fetch(url, path):
            if os.path.exists(path):
                return path
            open(path, "wb").write(requests.get(url).content)
            return path

        class Chat:
            def __init__(self):
                self.net = Net()
                self.title = None
            def show(self, image):
                self.features = self.net.encode_image(image)
            def name(self):
                if self.title is None:
                    self.title = str("x")
                return self.title

        def keep(value, path):
            with open(path + ".pkl", "wb") as file:
                pickle.dump(value, file)

        def restore(path):
            if path.endswith(".pkl"):
                with open(path, "rb") as file:
                    return pickle.load(file)

        def each(paths):
            for path in paths:
                if os.path.exists(path + ".out"):
                    continue
                load("a")(path, use_cache=True)

        def main():
            chat = Chat()
            chat.show(fetch("u", "p"))
            chat.name()
            keep(table("a"), "p")
            restore("p.pkl")
            each(["a"])

        if __name__ == "__main__":
            main()
    """,
}


@pytest.fixture(scope="module")
def app() -> Codebase:
    return codebase_of(APP)


def _texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_every_kind_of_cache_is_told_once(app: Codebase) -> None:
    assert _texts(app, "caching: models") == ["`MODELS` keeps loaded models (`Net`), put in by `load()`"]
    switch, passed = _texts(app, "caching: kv")
    assert switch == (
        "Switch `use_cache` of the key/value cache: `False` by default in `Net.forward()`; given as `True` by `each()`"
    )
    assert passed == "Keys and values of attention are handed on from step to step in `Net.forward()`"
    assert _texts(app, "caching: memo") == ["`@functools.lru_cache` memoises 1 function in 1 file: `table()`"]
    assert _texts(app, "caching: results") == [
        "`Chat.show()` keeps what `self.net.encode_image()` gives in `self.features`"
    ]
    assert _texts(app, "caching: files") == ["Files `.pkl` written by `keep()` can be taken up by `restore()`"]
    assert _texts(app, "caching: skip") == [
        "`each()` goes on with the next one when the result is there already: `if os.path.exists(path + '.out')`"
    ]
    [download] = _texts(app, "caching: download")
    assert download.startswith("`fetch()` keeps what it has downloaded and tests for it first: `os.path.exists(path)`")


def test_lazy_defaults_are_no_caches(app: Codebase) -> None:
    assert not [text for text in _texts(app, "caching") if "title" in text]


def test_the_answer_says_what_is_checkpointed_too(app: Codebase) -> None:
    cached, checkpointed = _texts(app, "caching_answer")
    assert cached.startswith("Caching: yes - loaded models: `MODELS` keeps loaded models (`Net`)")
    assert "downloads kept on disk: `fetch()`" in cached
    assert checkpointed == "Checkpointing: none; no checkpoint is written and none is resumed."


def test_models_run_in_turn_or_in_workers(app: Codebase) -> None:
    [answer] = _texts(app, "concurrent_models")
    assert answer.startswith("No. Models run one after another: ")
    threaded = """
        from threading import Thread
        from torch import nn

        class Net(nn.Module):
            def forward(self, x): return x

        class Chat:
            def __init__(self):
                self.net = Net()
            def answer(self):
                self.net(1)
            def ask(self):
                Thread(target=self.answer).start()

        if __name__ == "__main__":
            Chat().ask()
    """
    first, worker = _texts(codebase_of({"app.py": threaded}), "concurrent_models")
    assert first.startswith("Yes, models run in background threads (`Chat.answer()` in `Chat.ask()`)")
    assert "runs `Net` with `self.net(…)`" in worker
