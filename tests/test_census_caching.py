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
            def point(self, x):
                return self.features[x]
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
    passed, switch = _texts(app, "caching: kv")
    assert switch == (
        "Switch `use_cache` of the key/value cache: `False` by default in `Net.forward()`; given as `True` by `each()`"
    )
    assert passed == "Keys and values of attention are handed on from step to step in `Net.forward()`"
    assert _texts(app, "caching: memo") == ["`@functools.lru_cache` memoises 1 function in 1 file: `table()`"]
    assert _texts(app, "caching: results") == [
        "`Chat.features` keeps what `self.net.encode_image()` gave, so that it is not computed again: set by `show()` "
        "and read by `point()`"
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
    assert cached.startswith(
        "Caching: yes - outputs of models: `Chat.features` keeps what `self.net.encode_image()` gave"
    )
    assert "; loaded models: `MODELS` keeps loaded models (`Net`)" in cached
    assert "downloads kept on disk: `fetch()`" in cached
    assert checkpointed == "Checkpointing: none; no checkpoint of weights is written and none is resumed."


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
    assert first.startswith("No two models were found that run at the same time. One runs in a worker beside the code")
    assert "`Chat.answer()` in `Chat.ask()`, which runs `Net`" in first
    assert "runs `Net` with `self.net(…)`" in worker
    pool = threaded.replace("Thread(target=self.answer).start()", "ThreadPoolExecutor({}).submit(self.answer)")
    pool = pool.replace("from threading import Thread", "from concurrent.futures import ThreadPoolExecutor")
    first, *_ = _texts(codebase_of({"app.py": pool.replace("{}", "4")}), "concurrent_models")
    assert first == "Yes: `Chat.answer()` several times in threads of `Chat.ask()`, which runs `Net`."


FETCHED = """
    import os
    from urllib.request import urlopen

    def get(url, folder):
        target = os.path.join(folder, "a.pt")
        if os.path.isfile(target):
            return target
        with urlopen(url) as source, open(target, "wb") as file:
            file.write(source.read())
        return target

    def load(name, known, folder):
        if name in known:
            path = get(known[name], folder)
        elif os.path.isfile(name):
            path = name
        return path
"""


def test_a_file_of_the_user_is_no_kept_download() -> None:
    texts = _texts(codebase_of({"app.py": FETCHED}), "caching: download")
    assert texts == [
        "`get()` keeps what it has downloaded and tests for it first: `os.path.isfile(target)`, else `urlopen(url)`"
    ]


HELD = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(2, 2)
        def forward(self, x, kv_cache=None): return self.first(x)

    class Run:
        def __init__(self):
            self.net = Net()
            self.kv_cache = {}
        def step(self, x): return self.net(x, kv_cache=self.kv_cache)
        def order(self, places):
            for name in self.kv_cache: self.kv_cache[name] = self.kv_cache[name][places]
        def finish(self): self.kv_cache = {}

    def windows(size, state):
        if size not in TABLE:
            TABLE[size] = torch.hann_window(size).to("cuda")
        state["cached_features"][size] = TABLE[size]
        return TABLE[size]

    TABLE = {}
    Run().step(windows(2, {"cached_features": {}}))
"""


def test_a_cache_is_told_with_what_holds_and_empties_it() -> None:
    texts = _texts(codebase_of({"app.py": HELD}), "caching")
    assert any(text.endswith("; kept in `Run.kv_cache`, emptied by `finish()`, changed by `order()`") for text in texts)
    assert any(text.startswith("`TABLE` keeps what is built, by `size`") for text in texts)
    assert any(text.startswith("`state['cached_features']` keeps results by key") for text in texts)


DECODED = {
    "app.py": """
        import torch
        from torch import nn

        class Layer(nn.Module):
            def forward(self, x, kv_cache=None):
                if kv_cache is None or self.key not in kv_cache:
                    k = self.key(x)
                else:
                    k = kv_cache[self.key]
                return k

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.encoder, self.layer = nn.Linear(2, 2), Layer()
            def forward(self, x, image=None): return self.layer(x)
            def install_cache(self, cache=None):
                hooks = []
                def save(module, _, output):
                    cache[module] = output
                hooks.append(self.layer.register_forward_hook(save))
                return cache, hooks

        class Loss:
            def __init__(self, keep=True):
                self.keep, self.size, self.labels = keep, 0, {}
            def truth(self, device, size):
                if self.size != size or device not in self.labels:
                    labels = torch.arange(size)
                    if self.keep:
                        self.labels[device] = labels
                else:
                    labels = self.labels[device]
                return labels

        def write(net, pixels, steps):
            image = net.encoder(pixels)
            text = []
            while len(text) < steps:
                text.append(net(text, image=image))
            return text

        def page(message, use_cache=True):
            return message if use_cache else None

        def complete(prompt):
            return {"prompt": prompt, "cache_prompt": True}

        if __name__ == "__main__":
            net = Net()
            net.install_cache({})
            write(net, torch.zeros(2), 3)
            Loss().truth("cpu", 3)
            page("a")
            complete("a")
    """,
}


def test_encodings_hooks_and_labels_that_are_kept() -> None:
    code = codebase_of(DECODED)
    assert _texts(code, "caching: results") == [
        "`write()` works `image` out once (`net.encoder(pixels)`) and hands it to each round of the loop: "
        "`net(text, image=image)`"
    ]
    hooked, handed, server = _texts(code, "caching: kv")
    assert hooked.startswith(
        "`Net.install_cache()` makes a key/value cache: its forward hook `save()` puts what layers"
    )
    assert hooked.endswith(
        "into `cache`; `Layer.forward()` takes them from there, and computes them only if "
        "`kv_cache is None or self.key not in kv_cache`"
    )
    assert handed == "Keys and values of attention are handed on from step to step in `Layer.forward()`"
    assert server.endswith("keep the keys and values of a prompt: `cache_prompt` is `True` in `complete()`")
    assert "`self.labels` keeps what is built" in " ".join(_texts(code, "caching: built"))
    assert "use_cache" not in " ".join(_texts(code, "caching"))  # the switch of a page is none of a model


def test_a_cache_that_is_always_none_is_told_as_not_kept() -> None:
    source = """
        from torch import nn

        class Net(nn.Module):
            def forward(self, x): return x

        def inputs(ids, past=None):
            return {"ids": ids, "past_key_values": past}

        if __name__ == "__main__":
            Net()(**inputs(1))
    """
    cached, _ = _texts(codebase_of({"app.py": source}), "caching_answer")
    assert cached.endswith("not kept between steps: `past_key_values` is always `None` (`inputs()`).")
    kept, _ = _texts(codebase_of({"app.py": source.replace("inputs(1)", "inputs(1, past=Net())")}), "caching_answer")
    assert "always `None`" not in kept


def test_a_switch_among_collected_arguments_and_in_options_is_told_with_its_default() -> None:
    source = """
        from dataclasses import dataclass
        from typing import Any, cast
        from transformers import AutoModelForCausalLM

        @dataclass
        class Options:
            use_kv_cache: bool = True

        class Writer:
            def __init__(self, options: Options):
                self.options = options
                self.model = AutoModelForCausalLM.from_pretrained("a/b")
            def write(self, ids):
                gen_kwargs = {"input_ids": ids, "use_cache": self.options.use_kv_cache}
                return self.model.generate(**gen_kwargs)
            def table(self, ids):
                return cast(Any, self.model).generate(ids, use_cache=True)
            def row(self, ids):
                gen_kwargs = dict(max_new_tokens=3, use_cache=False)
                return self.model.generate(ids, **gen_kwargs)
            def page(self):
                columns = {"use_cache": True}
                return columns

        if __name__ == "__main__":
            print(Writer(Options()).write([1]))
    """
    assert _texts(codebase_of({"main.py": source}), "caching: kv") == [
        "Switch `use_cache` of the key/value cache: given as `self.options.use_kv_cache` (default `True`) by "
        "`Writer.write()`; given as `False` by `Writer.row()`; given as `True` by `Writer.table()`"
    ]


STATE: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        from segment_anything import SamPredictor, sam_model_registry
        from torch import nn

        class Net(nn.Module):
            def encode(self, x): return x
            def forward(self, x, y=None): return x

        class Bank:
            def __init__(self): self.keys = []
            def add_memory(self, key): self.keys.append(key)
            def match(self, key): return self.keys

        class Tracker:
            def __init__(self):
                self.net = Net()
                self.bank = Bank()
                self.results = {}
                self.flow_state = {}
            def step(self, image, key):
                encoded = self.net(image)
                old = self.bank.match(encoded)
                self.bank.add_memory(encoded)
                mel = self.net(old, self.flow_state[key])
                self.flow_state[key] = {"mel": mel}
                self.results[key] = self.net(mel)
                return mel

        class Clicks:
            def __init__(self):
                self.predictor = SamPredictor(sam_model_registry["vit_b"](checkpoint="sam.pth"))
            def show(self, image): self.predictor.set_image(image)
            def click(self, point): return self.predictor.predict(point_coords=point)

        if __name__ == "__main__":
            tracker, clicks = Tracker(), Clicks()
            tracker.step(1, "a")
            clicks.show(1)
            clicks.click(1)
    """,
}


def test_stores_tables_and_predictors_keep_what_runs_gave() -> None:
    said = {hit.text for hit in run_query(codebase_of(STATE), "caching: results").hits}
    assert said == {
        "`Tracker.bank` keeps what model runs gave from call to call: put in by `step()`, "
        "taken out for later runs with `self.bank.match()`",
        "`Tracker.flow_state` keeps by key what model runs gave, for later runs with that key: filled by `step()`",
        "`Clicks.predictor` keeps the encoding of its input, worked out once by `self.predictor.set_image()` in "
        "`show()`, for every prompt that `click()` gives it",
    }
    [answer] = [hit.text for hit in run_query(codebase_of(STATE), "caching_answer: caching").hits]
    assert answer.startswith("Caching: yes - outputs of models: ")


TAKEN_UP: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        import json
        from pathlib import Path

        class Conversion:
            def __init__(self): self.pages, self.errors, self.times = [], [], {}
            def save(self, path):
                Path(path).write_text(json.dumps([self.pages, self.errors, self.times]))
            @classmethod
            def load(cls, path):
                made = cls()
                made.pages, made.errors, made.times = json.loads(Path(path).read_text())
                return made

        def run(items, done_items):
            remaining = set(items) - done_items
            for item in remaining:
                print(item)

        if __name__ == "__main__":
            run([1], {2})
            Conversion().save("state.json")
    """,
}


def test_work_left_out_and_state_saved_by_hand_are_near_to_checkpointing() -> None:
    [text] = [hit.text for hit in run_query(codebase_of(TAKEN_UP), "caching_answer: checkpointing").hits]
    assert text.startswith(
        "Checkpointing: a run that is started again leaves out what is done already, in `run()` "
        "(`remaining = set(items) - done_items`). None; no checkpoint of weights is written"
    )
    assert (
        "state of a run: `Conversion.save()` writes the state of its object to a file and `Conversion.load()`" in text
    )


SPEECH = """
    from transformers import AutoModel

    class Base:
        def __init__(self):
            self.net = None

        def translate(self, text, size):
            try:
                self.update(size)
                return self.net(text)
            finally:
                self.offload()

        def offload(self):
            self.net = None

    class Translator(Base):
        def update(self, size):
            if self.net is None:
                self.net = AutoModel.from_pretrained("o/m")

    class Separator:
        def __init__(self):
            self.net, self.size = None, ""

        def update(self, size):
            self.size = size
            self.net = AutoModel.from_pretrained("o/s")

        def separate(self, audio, size):
            if self.net is None or size != self.size:
                self.update(size)
            return self.net(audio)

        def offload(self):
            self.net = None

    def main():
        Translator().translate("a", "b")
        separator = Separator()
        separator.separate("a", "b")
        separator.offload()

    if __name__ == "__main__":
        main()
"""


def _kept(source: str) -> list[str]:
    return _texts(codebase_of({"README.md": "Run `python app.py`.\n", "app.py": source}), "caching: models")


def test_a_model_that_a_finally_clears_is_not_kept_and_one_made_anew_on_a_test_is() -> None:
    kept = (
        "`Separator.net` keeps `AutoModel` from one call to the next: `Separator.separate()` has `Separator.update()` "
        "make it only if `self.net is None or size != self.size`; `Separator.offload()` lets it go"
    )
    assert _kept(SPEECH) == [kept]
    on_condition = SPEECH.replace("self.offload()", "if size: self.offload()")
    first = "`Translator.net` keeps `AutoModel` from the first use on, made by `Translator.update()`"
    assert _kept(on_condition) == [first, kept]
    untested = SPEECH.replace("if self.net is None or size != self.size", "if size != self.size")
    assert _kept(untested) == []


REPEATED = """
    def run(items, folder):
        processed = []
        READS
        for item in items:
            if id(item) in processed:
                continue
            processed.append(id(item))

    if __name__ == "__main__":
        run([1], "out")
"""


def test_repetitions_within_a_run_are_no_checkpoint_but_what_files_say_is() -> None:
    within = {"run.py": REPEATED.replace("READS", "print(folder)")}
    assert "leaves out" not in run_query(codebase_of(within), "caching_answer: checkpointing").hits[0].text
    across = {"run.py": REPEATED.replace("READS", "processed += open(folder).read().split()")}
    assert "leaves out" in run_query(codebase_of(across), "caching_answer: checkpointing").hits[0].text
