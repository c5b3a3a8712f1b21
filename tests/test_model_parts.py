"""Models that are reached through getters, registered parts and Auto loaders, and what is then said to run them."""

from textwrap import dedent

from retrieval.census import run_query
from tests.source_tree import codebase_of

PIPELINE = """
    from diffusers import AutoencoderKL, DiffusionPipeline

    class Animate(DiffusionPipeline):
        def __init__(self, vae, scheduler):
            super().__init__()
            self.register_modules(vae=vae, scheduler=scheduler)

        def __call__(self, image):
            return self.vae.encode(image)

    vae = AutoencoderKL.from_pretrained("some/vae")
    Animate(vae, None)(1)
"""

TOWERS = """
    import torch
    from torch import nn

    class Tower(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.conv = nn.Conv2d(3, 8, 3)

        def forward(self, images):
            return self.conv(images)

    def build_tower(name):
        return Tower(name)

    class MetaModel:
        def __init__(self, config):
            self.tower = build_tower(config.name)

        def get_tower(self):
            tower = getattr(self, "tower", None)
            if type(tower) is list:
                tower = tower[0]
            return tower

    class Chat(nn.Module):
        def __init__(self, config):
            super().__init__()
            self.model = MetaModel(config)

        def get_model(self):
            return self.model

        def forward(self, images):
            return self.get_model().get_tower()(images)

    if __name__ == "__main__":
        Chat(1)(2)
"""

REGISTERED = """
    from torch import nn
    from transformers import AutoModelForCausalLM, PreTrainedModel

    class Joint(PreTrainedModel):
        def __init__(self, config):
            super().__init__(config)
            self.head = nn.Linear(2, 2)

        def embed(self, images):
            return self.head(images)

    AutoModelForCausalLM.register(object, Joint)
"""
CHATTING = """
    from transformers import AutoModelForCausalLM
    from joint import Joint

    chat = AutoModelForCausalLM.from_pretrained("some/joint")

    def answer(image):
        return chat.embed(image)

    answer(1)
"""
CHAINED = """
    from vocoderlib import Vocoder

    vocoder = (
        Vocoder(feature_extractor=1, backbone=2, head=3).to("cpu" if where == "a place that has no device" else where)
    ).eval()
    vocoder.decode(1)
"""
NAMES = """
    PICTURE = "data:image/png;base64,xGgUfQ9a"
    model = LlamaForCausalLM.from_pretrained("some/llama")
    model(1)
"""
OTHER = """
    from transformers import AutoModelForCausalLM
    import joint

    plain = AutoModelForCausalLM.from_pretrained("some/plain")
    plain(1)
"""


def _texts(files: dict[str, str], query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of(files), query).hits]


def test_a_part_that_a_pipeline_registers_is_run_as_the_model_it_is() -> None:
    told = _texts({"animate.py": PIPELINE}, "model_runs")
    assert any(
        "`Animate.__call__()` calls `self.vae.encode(image)`, which runs `AutoencoderKL`" in text for text in told
    )


def test_a_model_is_run_through_the_getters_that_give_it() -> None:
    told = _texts({"towers.py": TOWERS}, "model_runs")
    assert any("`self.get_model().get_tower()(images)`, which runs `Tower`" in text for text in told)


def test_an_auto_loader_makes_the_registered_class_that_the_file_imports_and_no_other() -> None:
    told = _texts({"joint.py": REGISTERED, "chat.py": CHATTING, "other.py": OTHER}, "model_objects")
    assert any(
        text.startswith("`Joint` (joint.py): made by the script chat.py; filled from `some/joint`") for text in told
    )
    assert any(text.startswith("`AutoModelForCausalLM` (language model)") and "other.py" in text for text in told)


def test_a_model_made_at_the_start_of_a_long_chain_is_met() -> None:
    assert len(_texts({"speak.py": CHAINED}, "model_objects")) == 1


def test_chance_letters_and_llama_are_no_gguf() -> None:
    told = _texts(
        {"run.py": "from transformers import LlamaForCausalLM\n" + dedent(NAMES)}, "model_summary: what=formats"
    )
    assert any(text.startswith("GGUF is not used") for text in told)


LOADERS = """
    from torch import nn

    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, page):
            return self.layer(page)

    class Painter(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, page):
            return self.layer(page)

    class Loader:
        def model(self):
            raise NotImplementedError()

    class ReaderLoader(Loader):
        def model(self):
            return Reader()

    class PainterLoader(Loader):
        def model(self):
            return Painter()

    class Base:
        loader_class = Loader

        def __init__(self):
            self.model = None
            self.model = self.loader_class().model()

    class Reading(Base):
        loader_class = ReaderLoader

        def __call__(self, page):
            return self.model(page)

    class Painting(Base):
        loader_class = PainterLoader

    if __name__ == "__main__":
        Reading()(1)
        Painting()
"""

ZOO = """
    from torch import nn
    import nets

    KNOWN: list[str]

    KNOWN = ["small_net", "large_net"]

    def build(arch):
        if arch not in KNOWN:
            raise ValueError(arch)
        return nets.__dict__[arch](pretrained=True)

    if __name__ == "__main__":
        build("small_net")(1)
"""
NETS = """
    from torch import nn

    class Small(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, page):
            return self.layer(page)

    class Large(Small):
        pass

    class Other(Small):
        pass

    def small_net(pretrained=False):
        return Small()

    def large_net(pretrained=False):
        return Large()

    def other_net(pretrained=False):
        return Other()
"""


def test_a_class_that_a_subclass_puts_into_an_attribute_loads_the_model_of_that_subclass() -> None:
    told = [text for text in _texts({"read.py": LOADERS}, "model_runs") if "self.model(page)" in text]
    assert told == ["`Reading.__call__()` calls `self.model(page)`, which runs `Reader`"]


def test_a_name_that_is_checked_against_a_list_gets_one_of_these_out_of_a_module() -> None:
    told = [text for text in _texts({"zoo.py": ZOO, "nets.py": NETS}, "model_runs") if "build(" in text]
    assert told == ['The script zoo.py calls `build("small_net")(1)`, which runs `Small` or `Large`'] or told == [
        'The script zoo.py calls `build("small_net")(1)`, which runs `Large` or `Small`'
    ]


HALVES = """
    from torch import nn

    class EyeEncoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Conv2d(3, 3, 3)

        def forward(self, page):
            return self.layer(page)

    class MouthDecoder(EyeEncoder):
        pass

    class Whole(nn.Module):
        def __init__(self):
            super().__init__()
            self.encoder = EyeEncoder()
            self.decoder = MouthDecoder()

    class Predictor:
        def __init__(self):
            self.model = Whole()

        def __call__(self, page):
            return self.model.decoder(self.model.encoder(page))

    if __name__ == "__main__":
        Predictor()(1)
"""
BENCH = """
    import pytesseract

    if __name__ == "__main__":
        pytesseract.image_to_string(1)
"""
PRESETS = """
    SPEC = Spec(default_repo_id="some/small-model")
    SMALL = Preset(preset_id="small", spec=SPEC)
    LARGE = Preset(preset_id="large", spec=Spec(default_repo_id="some/large-model"))
    OPTIONS = Options.from_preset("small")

    class Settings:
        options: Options = OPTIONS
"""


def test_a_model_of_which_the_parts_are_run_by_themselves_is_used() -> None:
    files = {"halves.py": HALVES}
    (whole,) = (text for text in _texts(files, "model_objects") if text.startswith("`Whole`"))
    assert "but its parts `EyeEncoder`, `MouthDecoder` are run by themselves" in whole
    assert not any("no call that runs them was traced" in text for text in _texts(files, "model_summary: what=used"))


def test_what_benchmarks_compare_with_does_not_head_the_models() -> None:
    first, *_, last = _texts({"halves.py": HALVES, "benchmark/run.py": BENCH}, "model_summary: what=used")
    assert "pytesseract" not in first and "pytesseract" in last


def test_the_preset_of_a_default_makes_its_model_a_default() -> None:
    told = _texts({"settings.py": PRESETS}, "hub_models")
    assert [text for text in told if text.endswith("a default")] == [
        "`some/small-model` (`default_repo_id` of `SPEC`), a default"
    ]
