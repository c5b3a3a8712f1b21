"""Models behind wrappers: servers started as processes, engines of libraries, loaders in a table."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

SERVER = """
    import subprocess
    import requests

    class Served:
        def __init__(self, path):
            self.path, self.port = path, 8123
            self.session = requests.Session()
            self.start()

        def start(self):
            self.process = subprocess.Popen(["llama-server", "--model", self.path, "--port", str(self.port)])

        def encode(self, text):
            return self.session.post(f"http://127.0.0.1:{self.port}/tokenize", json={"content": text}).json()

        def answer(self, prompt, pictures=()):
            payload = {"prompt_string": prompt, "multimodal_data": [base64_of(p) for p in pictures]}
            return self.session.post(f"http://127.0.0.1:{self.port}/completion", json={"prompt": payload}).json()

        def answer_twice(self, prompt):
            return self.answer(prompt) + self.answer(prompt)

        def stop(self):
            self.process.terminate()
"""
ENGINE = """
    from exllamav3 import Config, Generator, Model

    class Engine:
        @classmethod
        def from_pretrained(cls, folder):
            config = Config.from_directory(f"models/{folder}")
            model = Model.from_config(config)
            eyes = Model.from_config(config, component="vision")
            made = cls()
            made.generator = Generator(model=model)
            made.eyes = eyes
            return made

        def look(self, pictures):
            image_embeddings = [self.eyes.get_image_embeddings(image=picture) for picture in pictures]
            return image_embeddings

        def answer(self, prompt):
            return self.generator.iterate()
"""
APP = """
    import kept
    from transformers import AutoModel
    from accelerate import infer_auto_device_map

    def served(name):
        from served import Served
        model = Served(name + ".gguf")
        return model, model

    def engine(name):
        from parts.exllamav3 import Engine
        return Engine.from_pretrained(name)

    def plain(name):
        model = AutoModel.from_pretrained(name, trust_remote_code=True)
        places = infer_auto_device_map(model, max_memory={})
        model.reset_window(places)
        settings = model.make_config(name)
        return model.to("cuda")

    def load(name, kind):
        loaders = {"gguf": served, "exl": engine, "plain": plain}
        output = loaders[kind](name)
        return output[0] if type(output) is tuple else output

    def talk(question):
        kept.model = load("mine", "gguf")
        if kept.kind == "remote":
            print(kept.model.streaming_answer(question, limit=3))
            kept.model.stop()
        return kept.model.answer_twice(question)

    if __name__ == "__main__":
        print(talk("who"))
"""


@pytest.fixture(scope="module")
def code() -> Codebase:
    files = {"served.py": SERVER, "parts/exllamav3.py": ENGINE, "app.py": APP, "kept.py": "model = None\nkind = ''\n"}
    return codebase_of(files)


def _texts(code: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(code, query).hits]


def test_a_class_around_the_process_of_a_server_is_a_model(code: Codebase) -> None:
    assert any("`Served` (language model served by llama.cpp" in text for text in _texts(code, "model_objects"))
    assert any(
        text.startswith("GGUF files, read by the llama.cpp process")
        for text in _texts(code, "model_summary: what=formats")
    )


def test_loaders_in_a_table_give_one_of_several_models(code: Codebase) -> None:
    told = next(text for text in _texts(code, "model_summary: what=used") if text.startswith("These models"))
    assert "one of `" in told and "`Served`" in told and "`AutoModel`" in told


def test_methods_that_give_a_result_run_a_model_and_others_do_not(code: Codebase) -> None:
    runs = "\n".join(_texts(code, "model_runs"))
    assert "kept.model.answer_twice(question)" in runs
    assert "kept.model.streaming_answer" in runs
    assert "self.generator.iterate()" in runs
    for idle in ("infer_auto_device_map", "reset_window", "make_config", "kept.model.stop", ".encode("):
        assert idle not in runs


def test_a_module_named_as_the_library_it_imports_is_not_that_library(code: Codebase) -> None:
    assert any("get_image_embeddings" in text for text in _texts(code, "image_embeddings"))


def test_a_payload_of_pictures_beside_a_prompt_is_a_request_with_an_image(code: Codebase) -> None:
    assert any("multimodal_data" in text for text in _texts(code, "multimodal_messages"))


CHOSEN = """
    import sys
    import tabler
    from transformers import AutoModel

    class Options:
        enabled: bool = False
        platform: str = "none"

    class Tables:
        def __init__(self, enabled, folder):
            self.enabled = enabled
            if self.enabled:
                self.config = tabler.read_config(folder)
                self.config["model"]["save_dir"] = f"{folder}/tables.pth"
                self.predictor = tabler.TablePredictor(self.config, "cpu")

        def run(self, page):
            return self.predictor.predict_page(page)

    class First:
        def __init__(self, model_path):
            self.model = AutoModel.from_pretrained(model_path)

        def run(self, page):
            return self.model(page)

    class Second(First):
        pass

    def chosen(model_path="some/first-one"):
        if "first" in model_path:
            return First(model_path)
        if sys.platform == "linux":
            return Second(model_path)

    def main(enabled=True):
        chosen("some/first-one").run(1)
        chosen("some/second-one").run(1)
        return Tables(enabled, "models").run(2)

    if __name__ == "__main__":
        main()
"""


def test_a_field_of_another_class_with_the_same_name_says_nothing_about_a_default() -> None:
    code = codebase_of({"main.py": CHOSEN})
    assert not any(text.startswith("Off by default") for text in _texts(code, "model_summary: what=used"))


def test_settings_that_name_a_file_are_the_weights_of_what_they_are_given_to() -> None:
    told = _texts(codebase_of({"main.py": CHOSEN}), "model_weights")
    assert any("`TablePredictor` is filled from `models/tables.pth`" in text or "tables.pth" in text for text in told)


FACTORY = """
    import torch
    from torch import nn
    from diffusers import DiffusionPipeline, ModelMixin

    class Painter(ModelMixin):
        def __init__(self, width):
            self.inner = nn.Linear(width, width)

        @classmethod
        def from_small(cls, folder):
            model = cls.from_config(folder)
            model.load_state_dict(torch.load(f"{folder}/painter.pth"))
            return model

        def forward(self, sample):
            return self.inner(sample)

    class Talker(nn.Module):
        def __init__(self, width):
            super().__init__()
            self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)

        @staticmethod
        def init_from_size(width):
            return Talker(width)

        def forward(self, mel):
            return self.outer(self.inner(mel))

    class Mover(DiffusionPipeline):
        def __call__(self, picture):
            return picture

    if __name__ == "__main__":
        painter = Painter.from_small("weights")
        talker = Talker.init_from_size(4)
        print(Mover(painter)(talker(painter(1))))
"""


def test_class_methods_that_make_an_object_make_a_model() -> None:
    code = codebase_of({"main.py": FACTORY})
    told = _texts(code, "model_objects")
    assert any(text.startswith("`Painter`") and "painter.pth" in text for text in told)
    assert any(text.startswith("`Talker`") for text in told)
    assert _texts(code, "unmade_models") == []


def test_a_pipeline_of_ones_own_is_not_said_to_make_images_of_texts() -> None:
    (mover,) = [t for t in _texts(codebase_of({"main.py": FACTORY}), "model_objects") if t.startswith("`Mover`")]
    assert "(diffusion pipeline)" in mover


TOWERS = """
    import torch
    from torch import nn
    from PIL import Image

    class TextTower(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.outer = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, text):
            return self.outer(self.inner(text))

    class Blender(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner, self.outer = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, image_embs, text_embs):
            return self.outer(self.inner(image_embs + text_embs))

    class Pair(nn.Module):
        def __init__(self):
            super().__init__()
            self.text = TextTower()
            self.blend = Blender()

        def forward(self, text, image_embs):
            return self.blend(image_embs, self.text(text))

    def main(path="tower.pt"):
        model = Pair()
        tower = getattr(model, "text", model)
        tower.load_state_dict(torch.load(path))
        print(model("a", Image.open("a.png")))

    if __name__ == "__main__":
        main()
"""


def test_what_takes_embeddings_of_images_is_no_vision_model_and_towers_are_filled_by_getattr() -> None:
    code = codebase_of({"main.py": TOWERS})
    kinds = next(text for text in _texts(code, "model_summary: what=used") if "of text" in text)
    assert "`TextTower`" in kinds and "`Blender`" not in kinds.partition("vision models")[2]
    assert any("`TextTower` is filled from `tower.pt`" in text or "`TextTower` is filled from `path`" in text
               for text in _texts(code, "model_weights"))  # fmt: skip


def test_configuration_files_name_models_by_key() -> None:
    files: dict[str, str | bytes] = {"main.py": "import json\n"}
    for number in range(3):
        files[f"configs/m{number}.json"] = f'{{"tower": {{"timm_model_name": "vit_{number}", "depth": 3}}}}'
    (told,) = _texts(codebase_of(files), "config_models")
    assert told.startswith("`timm_model_name` in 3 files of configs is `vit_0`")


ENGINES = """
    from PIL import Image
    from transformers import AutoModelForImageTextToText, AutoProcessor
    from vllm import LLM

    class Local:
        def __init__(self, name):
            self.model = AutoModelForImageTextToText.from_pretrained(name)
            self.processor = AutoProcessor.from_pretrained(name)

        def read(self, pages):
            images = [page.convert("RGB") for page in pages]
            prompts = [self.processor.apply_chat_template([{"type": "image"}]) for _ in images]
            inputs = self.processor(text=prompts, images=images, return_tensors="pt")
            inputs = {k: v.to("cuda") for k, v in inputs.items()}
            options = {**inputs, "max_new_tokens": 9}
            options["do_sample"] = False
            return self.model.generate(**options)

    class Served:
        def __init__(self, name):
            self.llm = LLM(model=name)

        def read(self, pages, sampling_params):
            asked = [{"prompt": "what", "multi_modal_data": {"image": page}} for page in pages]
            return self.llm.generate(asked, sampling_params=sampling_params)

    if __name__ == "__main__":
        pages = [Image.open("a.png")]
        print(Local("one").read(pages), Served("two").read(pages, None))
"""


def test_the_input_of_a_model_that_reads_images_and_texts_is_what_its_processor_makes() -> None:
    runs = _texts(codebase_of({"main.py": ENGINES}), "vision_runs")
    way = next(text for text in runs if "Local.read()" in text)
    assert way.index("convert(") < way.index("`self.processor(text=prompts, images=images")
    assert any("`asked`" in text and "multi_modal_data" in text for text in runs)


def test_a_table_of_names_on_a_hub_names_weights() -> None:
    table = '_MODELS = {"tiny": "Some/speech-tiny", "large": "Other/speech-large"}\nDATA_DIRS = {"a": "x/y"}\n'
    (told,) = _texts(codebase_of({"names.py": table}), "weight_tables")
    assert "names 2 weights under `tiny`, `large`: `Some/speech-tiny`, `Other/speech-large`" in told


MIXED = """
    import openai
    import transformers
    from transformers import AutoModelForCausalLM

    class Reader:
        def load(self, model_path):
            self.model = AutoModelForCausalLM.from_pretrained(model_path)

        def read(self, text):
            return self.model.generate(text)

    def ask(question, picture):
        client = openai.OpenAI(base_url="https://api.example.org/v1")
        parts = [{"type": "image_url", "image_url": {"url": picture}}, {"type": "text", "text": question}]
        return client.chat.completions.create(model="some-model", messages=[{"role": "user", "content": parts}])

    def train(name="some/small-model"):
        model = AutoModelForCausalLM.from_pretrained(name)
        return transformers.Trainer(model=model)

    if __name__ == "__main__":
        reader = Reader()
        reader.load("mine")
        print(ask("who", "a.png"), reader.read("b"), train())
"""


def test_local_and_hosted_models_together() -> None:
    code = codebase_of({"main.py": MIXED})
    formats = _texts(code, "model_summary: what=formats")
    assert formats[0].startswith("`from_pretrained`") and any(text.startswith("Without files") for text in formats)
    assert not any("api.example.org" in text for text in _texts(code, "model_weights"))
    used = "\\n".join(_texts(code, "model_summary: what=used"))
    assert "none takes images" not in used and "in `Reader` from `some/small-model`" not in used


LIGHTNING = """
    import pytorch_lightning as pl
    from torch import nn

    class MelSpec(nn.Module):
        def forward(self, wav):
            return wav

    class Voice(pl.LightningModule):
        def __init__(self):
            super().__init__()
            self.mel, self.inner = MelSpec(), nn.Linear(3, 3)

        def forward(self, wav):
            return self.inner(self.mel(wav))

    if __name__ == "__main__":
        mel = MelSpec()
        voice = Voice.load_from_checkpoint("voice.ckpt")
        print(voice(mel([1.0])))
"""


def test_lightning_checkpoints_are_told_as_such_and_spectrograms_are_no_models() -> None:
    code = codebase_of({"main.py": LIGHTNING})
    assert any(t.startswith("PyTorch Lightning checkpoints") for t in _texts(code, "model_summary: what=formats"))
    assert not any(text.startswith("`MelSpec`") for text in _texts(code, "model_objects"))


READING = """
    from PIL import Image
    import easyocr
    from transformers import AutoModelForCausalLM
    from rapidocr import RapidOCR

    class BaseReader:
        def read(self, page):
            raise NotImplementedError

    class Easy(BaseReader):
        def __init__(self):
            self.reader = easyocr.Reader(["en"])

        def read(self, page):
            return self.reader.readtext(page)

    class Rapid(BaseReader):
        def __init__(self):
            self.engine = RapidOCR()

        def read(self, page):
            return self.engine(page)

    if __name__ == "__main__":
        writer = AutoModelForCausalLM.from_pretrained("some/writer")
        print(Easy().read(Image.open("a.png")), Rapid().read(Image.open("a.png")), writer.generate("b"))
"""


def test_models_of_sibling_classes_are_told_as_implementations() -> None:
    used = _texts(codebase_of({"main.py": READING}), "model_summary: what=used")[0]
    told = used.partition("implementations of `BaseReader`: ")[2]
    assert "`Reader`" in told and "`RapidOCR`" in told and used.count("`AutoModelForCausalLM`") == 1
