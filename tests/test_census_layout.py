"""Census kinds `numerals` and `attribute_chains`: what ties code to one model's numbers and layout."""

from tests.test_census_values import texts

NUMBERS = """
    from .m import exact_div

    SAMPLES = 30 * 16000
    HOP = 160
    FRAMES = exact_div(SAMPLES, HOP)
    NAME = "x"

    class Tokenizer:
        @property
        def multilingual(self):
            return self.n_vocab >= 51865

        def times(self, width=512):
            line = "=" * 50
            return [f"{i * 0.02:.2f}" for i in range(1501)], self.items[1234], line

        def plain(self, x):
            return x == 1 or x * 2 > 0
    """


def test_numbers_that_are_compared_or_calculated_with_are_told_and_indices_are_not() -> None:
    assert texts("numerals", tokenizer=NUMBERS) == [
        "`Tokenizer.multilingual` compares with 51865: `self.n_vocab >= 51865`",
        "`SAMPLES` is calculated: `SAMPLES = 30 * 16000`",
        "`HOP` is a number: `HOP = 160`",
        "`FRAMES` is calculated from other constants: `FRAMES = exact_div(SAMPLES, HOP)`",
        "`Tokenizer.times` uses 1501: `range(1501)`",
        "`Tokenizer.times` multiplies by 0.02: `i * 0.02`",
    ]


def test_numbers_of_models_come_before_units_and_numbers_of_programs() -> None:
    text = """
        def download(n):
            return n > 77777

        def encode_image(x):
            return x * 1000 + x.dim() - 224
        """
    assert [text.partition(":")[0] for text in texts("numerals: !x", m=text)] == [
        "`encode_image` calculates with 1000, 224",
        "`download` compares with 77777",
    ]


CHAINS = """
    import model as models
    from torch import nn

    class Net(nn.Module):
        def forward(self, x):
            return self.encoder.blocks.first(x)

    class Runner:
        def __init__(self, model):
            self.model = model
            self.keys = [block.attn.key for block in self.model.decoder.blocks]
            for i, layer in enumerate(self.model.decoder.layers):
                layer.attn.register_forward_hook(save)

        def run(self, x):
            device = self.model.module.visual.device
            return self.model(x), self.model.module.state_dict(), models.a.b

    def typed(thing: Net):
        return thing.encoder.blocks[0].norm.weight.shape

    def shallow(model):
        return model.visual, model.forward(1)
    """


def test_chains_into_a_model_are_told_by_function_with_names_of_parts_resolved() -> None:
    assert texts("attribute_chains", m=CHAINS) == [
        "`Runner.__init__()` reaches into the model: `self.model.decoder.blocks[].attn.key`, "
        "`self.model.decoder.blocks`, `self.model.decoder.layers` and hooks parts of it: "
        "`self.model.decoder.layers[].attn.register_forward_hook()` (m.py)",
        "`typed()` reaches into the model: `thing.encoder.blocks[].norm.weight` (m.py)",
    ]
