"""Models told apart by the constants that calls give: one loader for several, pools, partial calls, injection."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

LOADER = """
    import functools
    import torch
    from codec_lib import Codec
    from nets import Speaker, Writer

    models = {}

    def _load(path, device, kind="text"):
        if kind == "text":
            Config, Model = None, None
            Net = Writer
        elif kind == "sound":
            Net = Speaker
        else:
            raise NotImplementedError()
        net = Net(4)
        net.load_state_dict(torch.load(path))
        size = net.get_size()
        net.eval()
        return {"model": net, "size": size} if kind == "text" else net

    def _load_codec():
        codec = Codec.small_24k()
        codec.eval()
        return codec

    def load(kind="text"):
        loader = functools.partial(_load, kind=kind)
        key = f"{kind}"
        if key not in models:
            models[key] = loader("w.pth", "cpu")
        return models[key]

    def load_codec():
        models["codec"] = _load_codec()

    def preload():
        load("text")
        load(kind="sound")
        load_codec()

    def write(tokens):
        model = models["text"]["model"]
        return model(tokens)

    def speak(tokens):
        model = models["sound"]
        return model(tokens)

    def decode(codes):
        model = models["codec"]
        return model.quantizer.decode(codes)
"""
NETS = """
    from torch import nn

    class Writer(nn.Module):
        def __init__(self, size):
            super().__init__()
            self.line = nn.Linear(size, size)
        def get_size(self, all_of_it=True): return sum(p.numel() for p in self.parameters())
        def forward(self, x): return self.line(x)

    class Speaker(Writer):
        def forward(self, x): return -self.line(x)
"""
POOLS = """
    import onnxruntime
    POOLS = {"cli": {}, "ui": {}}

    def pool_of(context, name, files):
        if not POOLS.get(context).get(name):
            POOLS[context][name] = {}
            POOLS[context][name] = make_pool(files)
        return POOLS.get(context).get(name)

    def make_pool(files):
        pool = {}
        for key in files.keys():
            pool[key] = onnxruntime.InferenceSession(files.get(key))
        return pool

    def clear(context):
        POOLS[context].clear()
"""
DETECT = """
    import pool

    def get_pool():
        return pool.pool_of("cli", "faces", {"yolo": "yolo.onnx"})

    def detect(frame):
        thing = get_pool().get("yolo")
        size = thing.get_inputs()
        return thing.run(None, {"input": frame})
"""
INJECTED = """
    from surya.layout import LayoutPredictor
    from surya.recognition import RecognitionPredictor

    def all_models():
        return {"layout_model": LayoutPredictor(), "reading": RecognitionPredictor()}

    class Layout:
        def __init__(self, layout_model: LayoutPredictor, config=None):
            self.layout_model = layout_model
        def __call__(self, pages):
            return self.layout_model(pages)

    class Reader:
        def __init__(self, reading):
            self.reading = reading
        def __call__(self, pages):
            return self.reading(pages)

    def build(cls, artifacts):
        return cls(**artifacts)
"""


def _runs(codebase: Codebase) -> list[str]:
    return [hit.text for hit in run_query(codebase, "model_runs").hits]


@pytest.fixture
def voices() -> Codebase:
    """One loader that makes two models, kept in a dictionary of the module."""
    return codebase_of({"app.py": LOADER, "nets.py": NETS})


def test_models_of_one_loader_are_told_apart(voices: Codebase) -> None:
    """What `models["sound"]` holds is the class that the loader makes for "sound"."""
    runs = _runs(voices)
    assert [text.partition(", which runs ")[2] for text in runs if "model(tokens)" in text] == ["`Writer`", "`Speaker`"]
    assert not any("get_size" in text for text in runs)


def test_a_model_of_an_unlisted_library_counts_by_its_use(voices: Codebase) -> None:
    """`Codec.small_24k()` is put into evaluation mode, so it is a model, and calls of its parts run it."""
    names = [hit.detail["model"] for hit in run_query(voices, "model_objects").hits]
    assert "Codec" in names
    assert any("`model.quantizer.decode(codes)`, which runs `Codec`" in text for text in _runs(voices))


def test_sessions_come_out_of_nested_pools() -> None:
    """A session is followed through two dictionaries; asking for its inputs and clearing the pool run nothing."""
    (told,) = _runs(codebase_of({"pool.py": POOLS, "detect.py": DETECT}))
    assert '`thing.run(None, {"input": frame})`, which runs `InferenceSession`' in told


def test_injected_models_are_known_by_type_or_name() -> None:
    """A parameter that no call fills is the model of its annotation, or the one kept under its name."""
    runs = _runs(codebase_of({"app.py": INJECTED}))
    assert any("self.layout_model(pages)`, which runs `LayoutPredictor` (layout detection)" in text for text in runs)
    assert any("self.reading(pages)`, which runs `RecognitionPredictor`" in text for text in runs)


def test_models_of_one_class_count_one_by_one() -> None:
    """A loader that is called for "text" and "sound" makes two models, called by these names."""
    app = LOADER.replace("Net = Speaker", "Net = Writer")
    (writer,) = [hit for hit in run_query(codebase_of({"app.py": app, "nets.py": NETS}), "model_objects: Writer").hits]
    assert writer.text.startswith("`Writer` (as `text`, `sound`) (nets.py)")


def test_summaries_name_models_formats_and_what_is_absent(voices: Codebase) -> None:
    """The sentences on the models used, and on what fills them."""
    used = [hit.text for hit in run_query(voices, "model_summary: what=used").hits]
    assert used[0].startswith("These models are used") and "`Codec` of the library `codec_lib`" in used[0]
    formats = [hit.text for hit in run_query(voices, "model_summary: what=formats").hits]
    assert any(text.startswith("PyTorch checkpoints, read by `torch.load`: `Writer` from") for text in formats)
    assert any("The library `codec_lib` finds and reads the weights itself: `Codec`" in text for text in formats)
    assert formats[-1].startswith(
        "GGUF is not used: nothing in the code points to it or to llama.cpp, nor to safetensors, ONNX"
    )


HOSTED = """
    import requests
    from typing import Annotated

    class Service:
        chat_model: Annotated[str, "The model"] = ("llama3.2-vision")
        base = "http://localhost:11434"
        def __call__(self, prompt):
            url = f"{self.base}/api/generate"
            answer = requests.post(url, json={"model": self.chat_model, "prompt": prompt})
            answer.raise_for_status()
            return answer.json()

    class Shop:
        def order(self, item):
            return requests.post("http://shop/api/orders", json=item)
"""


def test_a_service_that_is_asked_over_http_is_a_hosted_model() -> None:
    """A request to an address of a service of language models counts; any other request does not."""
    codebase = codebase_of({"app.py": HOSTED})
    assert [hit.detail["model"] for hit in run_query(codebase, "model_objects").hits] == ["Service"]
    assert len(run_query(codebase, "model_runs").hits) == 1
    told = [hit.text for hit in run_query(codebase, "model_summary: what=used").hits]
    assert told[0].startswith("No model is loaded here: all are hosted")
    assert any("`Service.chat_model` (app.py) is `llama3.2-vision`" in text for text in told)


def test_tables_of_weights_are_found() -> None:
    """A dictionary of dictionaries that names files of weights."""
    table = (
        'PATHS = {\n    "small": {"file": "a_s.pt"},\n    "large": {"file": "a_l.pt"},\n}\nFONTS = ["a.ttf", "b.ttf"]\n'
    )
    (hit,) = run_query(codebase_of({"app.py": table}), "weight_tables").hits
    assert hit.text == "`PATHS` (app.py) names 2 files of weights under `small`, `large`: `a_s.pt`, `a_l.pt`"


def test_a_class_that_gives_the_next_token_is_a_language_model() -> None:
    source = """
from torch import nn

class Reader(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.lm_head = nn.Linear(8, vocab_size)

    def forward(self, input_ids):
        return self.lm_head(input_ids)

if __name__ == "__main__":
    Reader(100)([1, 2])
"""
    for text, said in ((source, True), (source.replace("vocab_size)", "labels)"), False)):
        hits = run_query(codebase_of({"app.py": text}), "model_summary: what=used").hits
        assert any("Language models among them: `Reader`" in hit.text for hit in hits) is said
