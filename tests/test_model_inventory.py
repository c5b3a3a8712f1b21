"""Which models a program uses: found by use, named by their weights, told by whether they are there by default."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

APP = """
    import argparse, os, threading
    import torch
    from huggingface_hub import hf_hub_download
    from diffusers import StableDiffusionXLPipeline, T2IAdapter
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    import pitchlib
    from nets import Painter

    parser = argparse.ArgumentParser()
    parser.add_argument("--captions", action="store_true")
    args = parser.parse_args()
    path = hf_hub_download(repo_id="some/painter", filename="painter-v1.bin")

    checker = StableDiffusionSafetyChecker.from_pretrained("some/checker")
    adapter = T2IAdapter.from_pretrained("some/adapter")
    pipe = Painter.from_pretrained("some/base", adapter=adapter, use_safetensors=True)
    pipe.load_brush_adapter(os.path.dirname(path), weight_name=os.path.basename(path))
    pipe.load_ip_adapter("h94/IP-Adapter", subfolder="models", weight_name="ip.safetensors")
    pitch = pitchlib.spawn_bundled_infer_model(device="cuda")
    if args.captions:
        from transformers import BlipForConditionalGeneration
        captioner = BlipForConditionalGeneration.from_pretrained("some/captions")
        captioner.generate(1)

    def run(prompt, sound):
        pitch.infer(sound, sr=16000)
        worker = threading.Thread(target=captioner.generate, kwargs={})
        worker.start()
        return checker(pipe(prompt))

    run("a", 1)
"""
NETS = """
    import torch
    from safetensors import safe_open
    from torch import nn
    from diffusers import StableDiffusionXLPipeline
    from diffusers.utils import _get_model_file

    class Stroke(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(3, 3)
        def forward(self, x): return self.linear(x)

    class BrushEncoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.stroke = Stroke()
            self.linear = nn.Linear(3, 3)
        def forward(self, x): return self.linear(self.stroke(x))

    class Painter(StableDiffusionXLPipeline):
        def load_brush_adapter(self, folder, weight_name):
            file = _get_model_file(folder, weights_name=weight_name)
            if weight_name.endswith(".safetensors"):
                state = {}
                with safe_open(file, framework="pt") as f:
                    state = {key: f.get_tensor(key) for key in f.keys()}
            else:
                state = torch.load(file)
            brush = BrushEncoder()
            brush.load_state_dict(state["brush"])
            self.brush = brush

        def __call__(self, prompt):
            return self.vae.decode(self.unet(self.brush(prompt)))
"""


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    readme = "Run `python app.py`.\n"
    return codebase_of({"README.md": readme, "app.py": APP, "nets.py": NETS})


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_models_are_named_with_their_weights_and_what_only_guards_comes_last(codebase: Codebase) -> None:
    used = texts(codebase, "model_summary: what=used")
    assert "`Painter` (text-to-image generation) (nets.py) from `some/base`" in used[0]
    assert "`BrushEncoder` (nets.py) from `painter-v1.bin`" in used[2]
    assert "from `some/adapter`" in used[0]
    assert "`pitchlib.spawn_bundled_infer_model` of the library `pitchlib`" in used[0]
    assert used[0].index("`Painter`") < used[0].index("`StableDiffusionSafetyChecker`")


def test_what_an_option_brings_is_told_as_off_by_default(codebase: Codebase) -> None:
    used = texts(codebase, "model_summary: what=used")
    assert used[1].startswith("Off by default: `BlipForConditionalGeneration`")
    assert "Blip" not in used[0]


def test_formats_are_those_that_the_reader_of_the_file_reads(codebase: Codebase) -> None:
    formats = texts(codebase, "model_summary: what=formats")
    pickled = next(text for text in formats if "torch.load" in text)
    assert "`BrushEncoder`" in pickled and "painter-v1.bin" in pickled
    assert not any(text.startswith("safetensors, read by") for text in formats)
    assert any("(safetensors files, by hub name or folder): `Painter`" in text for text in formats)
    assert formats[-1].startswith("GGUF is not used")


def test_parts_of_a_library_and_adapters_are_told(codebase: Codebase) -> None:
    told = texts(codebase, "model_additions")
    assert told[0].startswith(
        "`Painter` runs parts that its base class `StableDiffusionXLPipeline` of `diffusers` keeps"
    )
    assert "`self.vae`" in told[0] and "`self.unet`" in told[0] and "brush" not in told[0]
    assert any("loads `h94/IP-Adapter`" in text for text in told)


def test_a_method_that_a_thread_runs_is_a_run(codebase: Codebase) -> None:
    runs = [text for text in texts(codebase, "model_runs") if "Thread(" in text]
    assert len(runs) == 1 and "BlipForConditionalGeneration" in runs[0]


TOWERS = """
    from torch import nn
    from transformers import AutoModel

    class Layers(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.first = nn.Linear(width, width)
        def forward(self, x): return self.first(x)

    class OwnText(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.transformer = Layers(width)
            self.vocabulary = 7
        def forward(self, x): return self.transformer(x)

    class HubText(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.transformer = AutoModel.from_pretrained(name)
        def forward(self, x): return self.transformer(x)

    def tower(name):
        if name:
            text = HubText(name)
        else:
            text = OwnText(8)
        return text

    class Flat(nn.Module):
        def __init__(self, name):
            super().__init__()
            text = tower(name)
            self.transformer = text.transformer
            self.vocabulary = text.vocabulary
        def encode_text(self, x): return self.transformer(x)

    class Nested(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.text = tower(name)
        def encode_text(self, x): return self.text(x)
"""
TABLES = """
    def spec(url="", hub=""):
        return {"url": url, "hub": hub}

    _SMALL = dict(first=spec(url="https://host/small_a.pt"), second=spec(hub="owner/small-b/"))
    _LARGE = {"first": spec("https://host/large.safetensors")}
    PRETRAINED = {"small": _SMALL, "large": _LARGE}

    def find(folder):
        wanted = ["model.safetensors", "model.pth"]
        return wanted
"""


def test_an_object_is_of_a_class_that_has_what_is_read_of_it() -> None:
    main = "from towers import Flat, Nested\nFlat('').encode_text(1)\nNested('a').encode_text(1)\n"
    codebase = codebase_of({"main.py": main, "towers.py": TOWERS})
    runs = [text for text in texts(codebase, "model_runs") if "AutoModel" in text]
    assert [text.partition("()")[0] for text in runs] == ["`HubText.forward"]


def test_a_table_of_tables_is_one_and_names_to_look_for_are_none() -> None:
    codebase = codebase_of({"tables.py": TABLES})
    assert texts(codebase, "model_specifications") == texts(codebase, "weight_tables")
    assert texts(codebase, "weight_tables") == [
        "`PRETRAINED` (tables.py) names 3 weights under `small`, `large`: `small_a.pt`, `owner/small-b`, "
        "`large.safetensors`"
    ]


REBOUND = """
    import litellm, torch
    from mesh import get_model
    from torch.nn.parallel.data_parallel import DataParallel
    from towers import Nested

    def ask(text, model="gpt-asked"):
        return litellm.completion(model=model, messages=[text])

    def recover(image):
        return model(image)

    if __name__ == "__main__":
        model = Nested("")
        model.encode_text("x")
        ask("y")
        model = DataParallel(get_model()).cuda()
        model.eval()
        recover("z")
"""


def test_a_global_name_is_what_it_was_last_bound_to_before_the_call() -> None:
    codebase = codebase_of({"main.py": REBOUND, "towers.py": TOWERS})
    (run,) = [text for text in texts(codebase, "model_runs") if text.startswith("`recover()`")]
    assert "`mesh.get_model`" in run and "Nested" not in run
    assert "The calls ask for `gpt-asked`" in texts(codebase, "model_summary: what=used")


KEYED = """
    from dataclasses import dataclass
    from transformers import AutoModelForCausalLM, Blip2ForConditionalGeneration, BlipForConditionalGeneration

    MODELS = {"blip-base": "some/blip-base", "blip-large": "some/blip-large", "blip2": "some/blip2", "git": "some/git"}

    @dataclass
    class Config:
        caption_name: str = "blip-large"

    def load(config):
        path = MODELS[config.caption_name]
        if config.caption_name.startswith("git"):
            model = AutoModelForCausalLM.from_pretrained(path)
        elif config.caption_name.startswith("blip2"):
            model = Blip2ForConditionalGeneration.from_pretrained(path)
        else:
            model = BlipForConditionalGeneration.from_pretrained(path)
        return model

    if __name__ == "__main__":
        load(Config()).generate(1)
"""


def test_a_name_out_of_a_table_fits_the_conditions_and_the_default_comes_first() -> None:
    used = texts(codebase_of({"main.py": KEYED}), "model_summary: what=used")
    assert (
        "`BlipForConditionalGeneration` (image-to-text model) of the library `transformers` from `some/blip-large`, "
        in used[0]
    )
    assert "blip2" not in used[0] and "git" not in used[0]
    assert used[1].startswith("Off by default: ") and "from `some/git`" in used[1] and "from `some/blip2`" in used[1]


def test_programs_are_told_apart_by_the_constants_that_they_give() -> None:
    loader = """
        from towers import HubText, OwnText

        def load(kind="own"):
            if kind == "hub":
                return HubText("some/text")
            return OwnText(8)
    """
    main = "from loader import load\nload({kind})(1)\n"
    readme = "```\npython own.py\npython hub.py\n```\n"
    files: dict[str, str | bytes] = {
        "README.md": readme, "loader.py": loader, "towers.py": TOWERS,
        "own.py": main.format(kind=""), "hub.py": main.format(kind="'hub'"),
    }  # fmt: skip
    (told,) = [t for t in texts(codebase_of(files), "model_summary: what=used") if t.startswith("By program")]
    assert "`own.py`: `OwnText`" in told and "`hub.py`: " in told and "`HubText`" in told.partition("`hub.py`")[2]
    assert "HubText" not in told.partition("`own.py`: ")[2].partition(";")[0]
