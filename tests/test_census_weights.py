"""Census kind `weight_types`: casts of weights, precision options, autocast, and checkpoints beside their models."""

import pytest

from tests.test_census_values import hits

MODEL = """
    import torch
    from torch import nn
    import torch.nn.functional as F

    class Linear(nn.Linear):
        def forward(self, x):
            return F.linear(x, self.weight.to(x.dtype), None)

    class Norm(nn.LayerNorm):
        def forward(self, x):
            return super().forward(x.float()).type(x.dtype)

    class Options:
        fp16: bool = True

    def run(model, batch, half):
        if half:
            model.half()
        batch = batch.float()
        with torch.autocast("cuda"):
            return model(batch)

    def options(parser):
        parser.add_argument("--precision", choices=["fp16", "fp32"], default="fp16")
    """
LOADING = """
    import torch

    def read(path):
        checkpoint = torch.load(path, map_location="cpu")
        return checkpoint["model"]

    def load(path, device):
        checkpoint = torch.load(path, map_location=device)
        model = Net()
        model.load_state_dict(checkpoint["model"])
        del checkpoint
        return model

    def resume(model, optimizer, path):
        weights = read(path)
        model.load_state_dict(weights)
        optimizer.load_state_dict(torch.load("o.pt"))

    def build(path):
        return Net(torch.load(path))

    def elsewhere(model, path):
        other = build(path)
        model.load_state_dict(other.state())
    """


def told(**files: str) -> list[tuple[str, int, str]]:
    return [(hit.name, hit.start, hit.text) for hit in hits("weight_types", **files)]


def test_casts_of_weights_and_the_types_of_computing_are_told() -> None:
    assert told(m=MODEL) == [
        (
            "weight cast in forward",
            7,
            "`Linear.forward()` casts its own `self.weight` when it runs: `self.weight.to(x.dtype)`",
        ),
        ("model cast", 18, "`run()` casts the model: `model.half()` — only if `half`"),
        ("compute type", 11, "`Norm.forward()` computes in float32: `super().forward(x.float())`"),
        ("autocast", 20, "`run()` computes under `with torch.autocast('cuda')`"),
        ("precision option", 14, "the field `fp16` of `Options` defaults to `True`"),
        (
            "precision option",
            24,
            "the option `--precision` (`options()`) has default `'fp16'`, choices `['fp16', 'fp32']`",
        ),
    ]


def test_a_checkpoint_beside_its_model_is_told_with_its_device_and_whether_it_is_deleted() -> None:
    found = told(m=LOADING)
    assert [(name, line) for name, line, _text in found] == [
        ("checkpoint beside model", 8),
        ("checkpoint beside model", 15),
        ("checkpoint deleted", 11),
    ]
    assert found[0][2] == (
        "`load()` reads the checkpoint to `device` with `torch.load(path, map_location=device)` and copies it into the "
        "model with `model.load_state_dict(checkpoint['model'])`, so that both are in memory at that moment; it is "
        "deleted afterwards with `del checkpoint`"
    )
    assert "`read(path)`, a local function that returns the weights it reads, and copies" in found[1][2]


@pytest.mark.parametrize("text", ["def f(clip):\n    return clip.float()", "def pos(dtype=torch.float32): ..."])
def test_casts_of_data_are_not_casts_of_models(text: str) -> None:
    assert told(m=text) == []
