"""Census kinds about what models take in: signatures with shapes, fixed sizes, casts, tokens."""

import pytest

from retrieval.census import run_query
from retrieval.facts import CensusHit
from tests.source_tree import codebase_of


def hits(query: str, text: str) -> list[CensusHit]:
    return list(run_query(codebase_of({"m.py": text}), query).hits)


MODEL = '''
    import torch
    from torch import nn

    class Block(nn.Module):
        def forward(self, x):
            b, c, h, w = x.shape
            return x

    class Whole(nn.Module):
        def __init__(self, image_size=224):
            self.block = Block()

        def forward(
            self,
            image: torch.Tensor,  # (B, 3, H, W)
            samples=None,
        ):
            """Run it.

            image : torch.Tensor, shape = (batch_size, 3, height, width)
                the picture

            Returns: nothing
            """
            return self.block(image), samples["text"], samples.get("ids")

        def generate(self, *, steps: int = 2) -> list:
            return []

        def freeze(self):
            pass
'''


def test_forward_inputs_tell_signatures_with_shapes_whole_models_first() -> None:
    assert [hit.text for hit in hits("forward_inputs", MODEL)] == [
        "`Whole.forward(self, image: torch.Tensor, samples=None)`; it reads the keys `text`, `ids` of `samples`; "
        "of `image` the docstring says “image : torch.Tensor, shape = (batch_size, 3, height, width) the picture”; "
        "`image: torch.Tensor,` has the comment “(B, 3, H, W)”",
        "`Whole.generate(self, *, steps: int = 2) -> list`",
        "`Block.forward(self, x)`; `b, c, h, w = x.shape` takes 4 dimensions",
    ]


CONTRACTS = """
    import torch.nn as nn
    SAMPLE_RATE = 16_000
    MEAN = (0.48, 0.45, 0.40)
    EOT = "<|endoftext|>"

    class Config:
        image_size: int = 224
        pad_id: int = 0

    def build(in_chans=3, context_length: int = 77, std=0.02, image_std=[0.2, 0.2, 0.2]):
        conv = nn.Conv2d(3, 64, kernel_size=16)
        conv2 = nn.Conv2d(64, 64, kernel_size=1)
        page("<div>", n_mels=80)
        x = conv(x)  # shape = [*, width, grid, grid]
        # x = conv(x).shape = [B, N]

    def run(images, model):
        assert images.shape[1] == 3, "three channels"
        if images.ndim != 4:
            raise ValueError("batched")
        images = images.to(device="cpu", dtype=None)
        images.half()
        model.to("cuda")
        words = "# (B, N, C) in a string"
    """


@pytest.mark.parametrize(
    ("what", "texts"),
    [
        (
            "shape",
            [
                "`build()` has the comment “shape = [*, width, grid, grid]” on `x = conv(x)`",
                "`run()` asserts `images.shape[1] == 3`",
                "`run()` raises `ValueError` if `images.ndim != 4`",
            ],
        ),
        (
            "channels",
            [
                "`build()` takes `in_chans=3` by default (input channels)",
                "`build()` builds `nn.Conv2d(3, 64, kernel_size=16)`, which takes 3 input channels",
                "`build()` builds `nn.Conv2d(64, 64, kernel_size=1)`, which takes 64 input channels",
                "`build()` passes `n_mels=80` to `page()` (mel bands)",
            ],
        ),
        ("size", ["class `Config` has `image_size: int = 224` (size of the input)"]),
        (
            "normalisation",
            [
                "m.py sets `MEAN = (0.48, 0.45, 0.40)` (mean of the normalisation)",
                "`build()` takes `image_std=[0.2, 0.2, 0.2]` by default (standard deviation of the normalisation)",
            ],
        ),
        ("rate", ["m.py sets `SAMPLE_RATE = 16_000` (sampling rate)"]),
        (
            "tokens",
            [
                "the top level of m.py names the special token `<|endoftext|>`",
                "class `Config` has `pad_id: int = 0` (special token)",
                "`build()` takes `context_length: int = 77` by default (limit on tokens)",
            ],
        ),
        (
            "dtype",
            [
                '`run()` moves or casts `images`: `images.to(device="cpu", dtype=None)`',
                "`run()` casts `images` to torch.float16: `images.half()`",
            ],
        ),
    ],
)
def test_what_code_fixes_about_inputs_is_told_by_sort(what: str, texts: list[str]) -> None:
    assert [hit.text for hit in hits(f"input_contracts: {what}", CONTRACTS)] == texts
