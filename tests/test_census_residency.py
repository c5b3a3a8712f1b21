"""What is in memory together, what is let go, what is kept for reuse, and what bounds memory."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

APP: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        import os
        import numpy as np
        import torch
        from torch import nn
        from gfpgan import GFPGANer
        from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(2, 2)
            def forward(self, x): return self.linear(x)

        class Holder:
            def __init__(self, name):
                self.net = Net().to("cuda")
                if name == "t5":
                    self.llm = AutoModelForSeq2SeqLM.from_pretrained(name, torch_dtype=torch.float16)
                else:
                    self.llm = AutoModelForCausalLM.from_pretrained(name)
                self.cache = {}
                self.table = None
            def run(self, x, path, out):
                if not os.path.isfile(path):
                    marks = self.net(x)
                    np.savetxt(path, marks)
                else:
                    marks = np.loadtxt(path)
                if not os.path.exists(out):
                    raise ValueError("no out")
                if x not in self.cache:
                    self.cache[x] = self.net(x)
                if self.table is None:
                    self.table = build_table(x)
                marks.cpu().numpy()
                for i in range(0, 100, 10):
                    self.net(x[i : i + 10])
                return marks

        class Box:
            def __init__(self):
                self.holder = Holder("t5")
            def finish(self):
                del self.holder
                landmarks = compute()
                landmarks.cpu().numpy()
                del landmarks

        def restore(images):
            restorer = GFPGANer(model_path="a.pth", tile=400, half=True)
            for image in images:
                yield restorer.enhance(image)

        def build_table(x): return [x]
        def compute(): return torch.zeros(3)

        if __name__ == "__main__":
            box = Box()
            list(restore(box.holder.run(1, "a", "b")))
            box.finish()
    """,
}


@pytest.fixture(scope="module")
def app() -> Codebase:
    return codebase_of(APP)


def _texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_what_a_program_has_in_memory_together(app: Codebase) -> None:
    [text] = _texts(app, "residency")
    assert text.startswith(
        "`app.py`: at most 2 models in memory together: `Net` (`box.holder.net`), "
        "`AutoModelForSeq2SeqLM` (`box.holder.llm`), "
        "until `del self.holder` (app.py:44); of these `Net` on `cuda`"
    )
    assert "`GFPGANer` lives only while `restore()` runs" in text
    assert text.endswith("never `AutoModelForCausalLM`, which the constants that the calls give rule out")


def test_where_each_model_goes(app: Codebase) -> None:
    lines = _texts(app, "placements")
    assert '`Net`: `Net().to("cuda")` in `Holder.__init__()`; the device is `cuda`' in lines
    assert any("made with `torch_dtype=torch.float16` in `Holder.__init__()`" in line for line in lines)
    assert lines[-1].startswith("No device and no type is given by a call of their own for `AutoModelForCausalLM`")


def test_deleting_an_object_that_holds_models_is_told_and_nothing_else(app: Codebase) -> None:
    [text, *_] = _texts(app, "unloading")
    assert text.startswith("`Box.finish()` deletes a `Holder` object, which holds `Net`")


def test_results_kept_for_reuse(app: Codebase) -> None:
    [kept] = _texts(app, "reuse: file")
    assert kept == (
        "`Holder.run()` computes again only when `path` is not there: `np.savetxt(path, marks)`; "
        "else it takes up what is kept: `np.loadtxt(path)`"
    )
    assert _texts(app, "reuse: table, attribute") == [
        "`Holder.run()` computes a value only when `x` is not in `self.cache`",
        "`Holder.run()` makes `self.table` only once and keeps it: `build_table(x)`",
    ]


def test_what_bounds_memory(app: Codebase) -> None:
    found = _texts(app, "memory_bounds")
    assert "`restore()` gives `GFPGANer` the settings `tile=400`, `half=True`" in found
    assert "`Holder.run()` runs `Net` on pieces of its input: `for i in range(0, 100, 10)`" in found
    assert "`restore()` gives the results of `GFPGANer` one by one and keeps none of them" in found


def test_a_copy_that_becomes_an_array_is_no_model_that_moves(app: Codebase) -> None:
    models = [hit.text for hit in run_query(app, "device_moves: model").hits]
    assert models == ['`Net().to("cuda")` moves the model to `"cuda"`']
    assert len(run_query(app, "device_moves: tensor").hits) == 2


GLOBAL: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        import importlib
        import onnxruntime
        import peft
        from gfpgan import GFPGANer
        from insightface.app import FaceAnalysis
        from insightface.model_zoo import get_model
        from transformers import AutoModelForCausalLM

        FACES = None

        def get_faces():
            global FACES
            if FACES is None:
                FACES = FaceAnalysis(name="large")
            return FACES

        def speed_up(detector):
            session = onnxruntime.InferenceSession("a.onnx")
            detector.session = session

        def talk():
            llm = AutoModelForCausalLM.from_pretrained("x")
            llm = peft.get_peft_model(peft.prepare_model_for_kbit_training(llm), None)
            return llm

        def sharpen(image):
            return GFPGANer(model_path="a.pth").enhance(image)

        def main(image):
            speed_up(get_model("b.onnx"))
            talk()
            sharpen(image)
            return get_faces().get(image)

        if __name__ == "__main__":
            importlib.import_module(input())
            main(1)
    """,
}


def test_how_long_a_model_lives_is_told_only_where_it_is_certain() -> None:
    codebase = codebase_of(GLOBAL)
    [text] = _texts(codebase, "residency")
    assert text.startswith("`app.py`: at least one model in memory: `FaceAnalysis` (`FACES`), from the first use on; ")
    assert "; what a call makes, its caller holds: `main()` makes `model_zoo.get_model`; `speed_up()` makes" in text
    assert "`talk()` makes `AutoModelForCausalLM`" in text
    assert "get_peft_model" not in text  # the same model, wrapped
    assert text.endswith("`GFPGANer` lives only while `sharpen()` runs")  # and of the session nothing is said
    assert "get_faces().get(image)" in " ".join(_texts(codebase, "model_runs: FaceAnalysis"))
    assert "get_peft_model" not in " ".join(_texts(codebase, "model_objects"))


OBJECTS: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        import torch
        from torch import nn
        import voices

        device = "cuda" if torch.cuda.is_available() else "cpu"
        english = voices.Speaker("en.json", device=device)
        german = voices.Speaker("de.json", device=device)
        tone = voices.Converter("tone.json", device=device)

        def answer(sound):
            return voices.cut(sound, quick=True), voices.pick("small")

        if __name__ == "__main__":
            answer(open("a.wav"))
    """,
    "voices.py": """
        import marks
        from faster_whisper import WhisperModel
        from torch import nn

        hearing = None
        tables = {}

        class Voice(nn.Module):
            def __init__(self, many):
                super().__init__()
                if many:
                    self.table = Table()
                else:
                    self.one = One()
                self.body = Body()
            def forward(self, x): return self.body(x)

        class Body(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(2, 2)
            def forward(self, x): return self.linear(x)

        class Table(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = Body()
                self.second = nn.Linear(2, 2)
            def forward(self, x): return self.second(self.first(x))

        class One(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = Body()
                self.second = nn.Linear(2, 2)
            def forward(self, x): return self.second(self.first(x))

        class Small(Body): pass
        class Large(Body): pass

        class Base:
            def __init__(self, path, device="cuda:0"):
                model = Voice(len(path)).to(device)
                self.model = model

        class Speaker(Base):
            def say(self, text): return self.model(text)

        class Converter(Base):
            def __init__(self, *args, **kwargs):
                super().__init__(*args, **kwargs)
                if kwargs.get("sign", True):
                    self.signer = Voice(2)

        def cut(sound, quick=False):
            if quick:
                return sound
            else:
                return heard(sound)

        def heard(sound):
            global hearing
            if hearing is None:
                hearing = WhisperModel("medium", device="cuda")
            return hearing.transcribe(sound)

        def pick(size):
            if size not in tables:
                tables[size] = made(size)
            return tables[size]

        def made(size):
            if size == "small":
                net = Small()
            else:
                net = Large()
            return net.eval()
    """,
}


def test_objects_are_counted_each_by_what_holds_it() -> None:
    [text] = [text for text in _texts(codebase_of(OBJECTS), "residency") if text.startswith("`app.py`")]
    assert "`Voice` (`english.model`, `german.model`, `tone.model`, `tone.signer`)" in text.replace(
        "4 `Voice`", "`Voice`"
    )
    assert text.startswith("`app.py`: 5 models in memory together")
    assert "on `cuda` or `cpu`, chosen by `torch.cuda.is_available()`" in text
    assert text.endswith("never `WhisperModel`, `Large`, which the constants that the calls give rule out")


def test_parts_of_exclusive_arms_are_told_apart() -> None:
    inside = [text for text in _texts(codebase_of(OBJECTS), "residency") if text.startswith("Inside each `Voice`")]
    assert inside == [
        "Inside each `Voice`, in memory with it: `body` (`Body`); `table` (`Table`) only if `many`; "
        "`one` (`One`) only if `many` is false"
    ]


PIPELINE: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        from diffusers import StableDiffusionXLPipeline

        class Painter(StableDiffusionXLPipeline):
            def __call__(self, text):
                self.maybe_free_model_hooks()
                return text

        pipe = Painter.from_pretrained("a/b").to("cuda")
        pipe("a cat")
    """,
}


def test_parts_that_a_pipeline_of_a_library_holds_are_told() -> None:
    codebase = codebase_of(PIPELINE)
    assert any(
        text.startswith("Inside each `Painter`, in memory with it: the UNet, the VAE and two CLIP text encoders")
        for text in _texts(codebase, "residency")
    )
    [text] = _texts(codebase, "memory_answers: unloading")
    assert text.startswith("No. ")
    assert "`Painter.__call__()` ends with `maybe_free_model_hooks()`" in text


def test_a_class_that_users_make_is_not_left_to_a_configuration_that_there_is_none_of() -> None:
    source = """
        import ctranslate2

        class Speech:
            def __init__(self, path, device="auto", compute_type="default"):
                self.model = ctranslate2.models.Whisper(path, device=device, compute_type=compute_type)

            def hear(self, sound):
                return self.model.generate(sound)
    """
    setup = "from setuptools import setup\nsetup(name='heard')\n"
    codebase = codebase_of(
        {"heard/__init__.py": "from heard.speech import Speech\n", "heard/speech.py": source, "setup.py": setup}
    )
    (told,) = [hit.text for hit in run_query(codebase, "residency").hits]
    assert "configuration" not in told and told.endswith(": a `Speech` object holds `Whisper`")
    (memory,) = [hit.text for hit in run_query(codebase, "memory_answers: memory").hits]
    assert memory.endswith("The type of weights or of computing is a setting: `compute_type` in `Speech.__init__()`.")


STAGED = {
    "README.md": "```python\nfrom staged import Pipeline\nPipeline(Options()).convert(1)\n```\n",
    "setup.py": "from setuptools import setup\nsetup(name='staged')\n",
    "staged/__init__.py": "from staged.pipeline import Options, Pipeline\n",
    "staged/engines.py": """
        import onnxruntime
        from abc import ABC
        from typing import Generic, TypeVar
        from transformers import AutoModelForObjectDetection

        A = TypeVar("A")

        class Layout(ABC):
            pass

        class Torch(Layout):
            def __init__(self, enabled):
                self.net = AutoModelForObjectDetection.from_pretrained("a")
            def find(self, x): return self.net(x)

        class Onnx(Layout):
            def __init__(self, enabled):
                self.session = onnxruntime.InferenceSession("a.onnx")
            def find(self, x): return self.session.run(None, x)

        class Maker(Generic[A]):
            def __init__(self): self.table = {}
            def create(self, kind, enabled) -> A: return self.table[kind](enabled)

        class LayoutMaker(Maker[Layout]):
            pass
    """,
    "staged/pipeline.py": """
        from dataclasses import dataclass
        from transformers import AutoModelForCausalLM
        from staged.engines import LayoutMaker

        @dataclass
        class Options:
            kind: str = "torch"
            do_words: bool = False

        class Words:
            def __init__(self, enabled):
                self.llm = AutoModelForCausalLM.from_pretrained("b") if enabled else None
            def say(self, x): return self.llm.generate(x)

        class Pipeline:
            def __init__(self, options):
                self.options = options
                self._build()

            def _build(self):
                self.layout = LayoutMaker().create(self.options.kind, enabled=True)
                self.words = Words(enabled=self.options.do_words)
                self.size = len([1])

            def convert(self, x):
                return self.words.say(self.layout.find(x))
    """,
}


def test_what_a_constructor_builds_stage_by_stage_is_in_memory_together() -> None:
    told = _texts(codebase_of(STAGED), "residency: Pipeline")
    assert told == [
        "Each `Pipeline` object holds at the same time, as its constructor builds them: `layout` (one of "
        "`AutoModelForObjectDetection`, `InferenceSession`); only where turned on: `words` (`AutoModelForCausalLM`; "
        "off by default, `do_words` is False)"
    ]
    [text] = _texts(codebase_of(STAGED), "residency: *API*")
    assert "together" not in text and "a `Words` object holds `AutoModelForCausalLM`" in text


NET = """
    from torch import nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(2, 2)
        def forward(self, x): return self.linear(x)

    def load():
        return Net()
"""


def test_an_installed_command_holds_what_its_file_loads_and_what_its_function_makes() -> None:
    manifest = '[project]\nname = "tool"\nversion = "1"\n[project.scripts]\ntool = "tool.run:main"\n'
    run = """
        from tool.nets import Net, load

        first = load()

        def main():
            second = Net()
            return second(first(1))

        if __name__ == "__main__":
            main()
    """
    files = {"pyproject.toml": manifest, "tool/__init__.py": "", "tool/nets.py": NET, "tool/run.py": run}
    texts = [text for text in _texts(codebase_of(files), "residency") if text.startswith("`tool`")]
    assert len(texts) == 1 and "2 models in memory together: 2 `Net` (`first`, `second`)" in texts[0], texts


WORKING = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        from torch import nn
        from transformers import AutoModel

        class Net(nn.Module):
            def forward(self, x): return x

        class Ears:
            def __init__(self): self.model = AutoModel.from_pretrained("ears")
            def __enter__(self): return self
            def __exit__(self, *error): pass

        class Whole(nn.Module):
            def __init__(self, net, decoder):
                super().__init__()
                self.net, self.decoder = net, decoder
            def forward(self, x): return self.decoder(self.net(x))

        class Decoder(nn.Module):
            def forward(self, x): return x

        def work(x):
            with Ears() as ears:
                y = ears.model(x)
            net = Net()
            decoder = Decoder()
            return Whole(net, decoder)(y)

        if __name__ == "__main__":
            work(1)
    """,
}


def test_what_a_function_holds_in_its_variables_is_together_while_it_runs() -> None:
    [text, *_] = _texts(codebase_of(WORKING), "residency")
    assert text.startswith("`app.py`: 3 models in memory together: ")
    assert all(f"`{name}`" in text for name in ("Ears.model", "net", "decoder")) and "`Whole`" not in text
    assert "while `work()` runs" in text
    kept = "models = {}\n            models['net'] = Net()\n            models['decoder'] = Decoder()"
    source = str(WORKING["app.py"]).replace("return Whole(net, decoder)(y)", f"{kept}\n            return models")
    source = source.replace("net = Net()\n            decoder = Decoder()\n            ", "")
    [text, *_] = _texts(codebase_of({**WORKING, "app.py": source}), "residency")
    assert ", made by `work()`, which hands them on" in text, text


def test_a_dictionary_that_takes_up_itself_gives_its_entries() -> None:
    source = """
        from transformers import AutoModel

        def load(name, **kwargs):
            kwargs = {"device_map": "auto", **kwargs}
            return AutoModel.from_pretrained(name, **kwargs)

        if __name__ == "__main__":
            model = load("a")
            model.generate("x")
    """
    assert any("device_map=" in text for text in _texts(codebase_of({"run.py": source}), "placements"))


FACTORY: dict[str, str | bytes] = {
    "README.md": "Run `python app.py --kind fast`.\n",
    "app.py": """
        import argparse
        from torch import nn

        class Net(nn.Module):
            def forward(self, x): return x

        class Large(nn.Module):
            def forward(self, x): return x

        class Judge(nn.Module):
            def forward(self, x): return x

        class Fast:
            def __init__(self): self.model = Net()
            def run(self, x): return self.model(x)

        class Careful:
            def __init__(self): self.model = Large()
            def run(self, x): return self.model(x)

        def make(kind):
            if kind == "fast":
                return Fast()
            elif kind == "careful":
                return Careful()
            raise ValueError(kind)

        class App:
            def __init__(self, kind):
                self.reader = make(kind)
                self.judge = Judge()
            def run(self, x): return self.judge(self.reader.run(x))

        if __name__ == "__main__":
            parser = argparse.ArgumentParser()
            parser.add_argument("--kind", default="fast")
            app = App(parser.parse_args().kind)
            print(app.run(1))
    """,
}


def test_models_whose_holders_a_factory_chooses_between_are_not_together() -> None:
    [text, *_] = _texts(codebase_of(FACTORY), "residency")
    assert "2 models in memory together: `Judge` (`app.judge`)" in text and "one of `" in text


OVERRIDDEN: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        import argparse
        from segment_anything import SamPredictor, sam_model_registry
        from torch import nn

        class Net(nn.Module):
            def forward(self, x): return x

        class Segmenter:
            def __init__(self, device):
                self.model = sam_model_registry["vit_b"](checkpoint="sam.pth")
                self.model.to(device=device)
                self.predictor = SamPredictor(self.model)

        def load(device="cpu"):
            net = Net()
            if device.startswith("cuda") or device == "mps":
                net.to(device)
            return net

        parser = argparse.ArgumentParser()
        parser.add_argument("--device", default="cuda:0")
        args = parser.parse_args()
        args.device = "cuda:3"
        net = load()
        segmenter = Segmenter(args.device)

        def work(x):
            try:
                return net(x)
            except MemoryError:
                return None

        if __name__ == "__main__":
            work(1)
    """,
}


def test_a_replaced_option_a_wrapped_predictor_and_a_conditional_move() -> None:
    codebase = codebase_of(OVERRIDDEN)
    lines = _texts(codebase, "placements")
    [sam] = [line for line in lines if "`SamPredictor`" in line]
    assert 'option `--device`, default `"cuda:0"` (app.py sets it to `"cuda:3"` whatever is given)' in sam
    [net] = [line for line in lines if line.startswith("`Net`")]
    assert "the device is `cuda`, `mps` or `cpu`" in net
    said = _texts(codebase, "failing: errors")
    assert said[0].startswith("GPU memory overflows have no handling of their own")
    assert any(text.startswith("`MemoryError`, which running out of GPU memory does not raise") for text in said)


WORKER: dict[str, str | bytes] = {
    "README.md": "Run `python cli.py` or `python serve.py`.\n",
    "loading.py": """
        from transformers import AutoModel, AutoModelForCausalLM

        def load(kind):
            if kind == "text":
                return AutoModelForCausalLM.from_pretrained("a")
            return AutoModel.from_pretrained("b")
    """,
    "worker.py": """
        from loading import load

        class Worker:
            def __init__(self, kind): self.model = load(kind)
            def run(self, x): return self.model.generate(x)
    """,
    "cli.py": """
        import sys
        from loading import load

        if __name__ == "__main__":
            model = load(sys.argv[1])
            print(model.generate("a"))
    """,
    "serve.py": """
        import sys
        from worker import Worker

        if __name__ == "__main__":
            worker = Worker(sys.argv[1])
            print(worker.run("a"))
    """,
}


def test_what_objects_of_other_programs_keep_is_not_in_memory() -> None:
    told = {text.partition(":")[0]: text for text in _texts(codebase_of(WORKER), "residency")}
    assert told["`cli.py`"].startswith("`cli.py`: one model in memory: one of `AutoModelForCausalLM`, `AutoModel`")
    assert told["`serve.py`"].startswith("`serve.py`: one model in memory: one of `AutoModelForCausalLM`, `AutoModel`")
