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
