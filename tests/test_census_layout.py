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
