"""Models that configuration files name: found, run and filled like those that a call constructs."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

HYDRA = """
    model:
      _target_: net.parts.Segmenter
      encoder:
        _target_: net.parts.ImageEncoder
        trunk:
          _target_: net.parts.Trunk
          dim: 8
"""
LATENT = """
    model:
      target: net.latent.Diffusion
      params:
        ckpt_path: weights/extra.safetensors
        unet_config:
          target: net.latent.UNet
        first_stage_config:
          target: net.latent.Decoder
"""
PARTS = """
    from torch import nn

    class Trunk(nn.Module):
        def __init__(self, dim):
            super().__init__()
            self.conv = nn.Conv2d(3, dim, 3)
        def forward(self, x): return self.conv(x)

    class ImageEncoder(nn.Module):
        def __init__(self, trunk):
            super().__init__()
            self.trunk = trunk
            self.neck = nn.Conv2d(8, 8, 1)
        def forward(self, image): return self.neck(self.trunk(image))

    class Segmenter(nn.Module):
        def __init__(self, encoder):
            super().__init__()
            self.encoder = encoder
            self.head = nn.Conv2d(8, 1, 1)
        def forward(self, image): return self.head(self.encoder(image))

    class Unused(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Conv2d(8, 1, 1)
        def forward(self, image): return self.head(image)
"""
LATENTS = """
    from net.base import *
    from net.util import class_named, make_from_config
    from safetensors.torch import load_file

    WRAPPER = "net.latent.Wrapper"

    class Wrapper(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner
            self.scale = nn.Linear(1, 1)
        def forward(self, x): return self.inner(x)

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3)
        def forward(self, x): return self.conv(x)

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(4, 3, 3)
        def decode(self, z): return self.conv(z)

    class Diffusion(nn.Module):
        def __init__(self, unet_config, first_stage_config, ckpt_path=None):
            super().__init__()
            self.model = class_named(WRAPPER)(make_from_config(unet_config))
            self._first(first_stage_config)
            if ckpt_path is not None:
                self.fill(ckpt_path)
        def fill(self, path):
            self.load_state_dict(load_file(path))
        def _first(self, config):
            self.first = make_from_config(config).eval()
        def forward(self, x):
            return self.first.decode(self.model(x))
"""
UTIL = """
    import importlib

    def class_named(text):
        module, name = text.rsplit(".", 1)
        return getattr(importlib.import_module(module), name)

    def make_from_config(config):
        return class_named(config["target"])(**config.get("params", {}))
"""
SEGMENT = """
    import sys, torch
    from PIL import Image
    from hydra import compose
    from hydra.utils import instantiate

    def build(path):
        cfg = compose(config_name="seg")
        model = instantiate(cfg.model, _recursive_=True)
        model.load_state_dict(torch.load(path)["model"])
        return model.eval()

    if __name__ == "__main__":
        print(build("seg.pt")(Image.open(sys.argv[1])))
"""
SAMPLE = """
    import torch
    from omegaconf import OmegaConf
    from net.util import make_from_config

    if __name__ == "__main__":
        config = OmegaConf.load("conf/latent.yaml")
        model = make_from_config(config.model)
        model.load_state_dict(torch.load("latent.ckpt")["state_dict"])
        print(model(torch.randn(1, 4, 8, 8)))
"""


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    files: dict[str, str | bytes] = {
        "README.md": "Run `python segment.py image.png` or `python sample.py`.\n",
        "conf/seg.yaml": HYDRA, "conf/latent.yaml": LATENT, "net/__init__.py": "",
        "net/base.py": "from torch import nn\n",
        "net/parts.py": PARTS,
        "net/latent.py": LATENTS, "net/util.py": UTIL, "segment.py": SEGMENT, "sample.py": SAMPLE,
    }  # fmt: skip
    return codebase_of(files)


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_models_named_by_configuration_are_used_with_their_own_weights(codebase: Codebase) -> None:
    told = texts(codebase, "model_summary: what=used")
    assert "`Segmenter` (net/parts.py) from `seg.pt`" in told[0]
    assert "`Diffusion` (net/latent.py) from `extra.safetensors`, `latent.ckpt`" in told[0]
    assert all(f"`{part}`" in told[1] for part in ("ImageEncoder", "UNet", "Decoder"))
    assert "Unused" not in " ".join(told)


def test_calls_run_the_classes_that_the_key_of_the_configuration_names(codebase: Codebase) -> None:
    runs = {
        hit.text.partition("calls `")[2].partition("`")[0]: hit.text for hit in run_query(codebase, "model_runs").hits
    }
    assert runs["model(torch.randn(1, 4, 8, 8))"].endswith("which runs `Diffusion`")
    assert runs["self.encoder(image)"].endswith("which runs `ImageEncoder`")
    assert runs["self.model(x)"].endswith("which runs `Wrapper`")
    assert runs["self.inner(x)"].endswith("which runs `UNet`")
    assert runs["self.first.decode(self.model(x))"].endswith("which runs `Decoder`")


def test_the_course_goes_through_what_configuration_names(codebase: Codebase) -> None:
    course = " ".join(texts(codebase, "course: roots=2"))
    assert "`Segmenter`" in course and "`ImageEncoder.forward()`" in course and "`Decoder.decode()`" in course
