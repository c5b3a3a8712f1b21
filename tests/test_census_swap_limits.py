"""What blocks the swap of a model: allowed values, numbers, markers, rows per model, parts, uses after the call."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

FILES: dict[str, str | bytes] = {
    "run.py": """
        import sys
        import torch
        from nets import Net, Wide

        URLS = {
            "tiny": "https://x.org/tiny.pt", "base": "https://x.org/base.pt", "big": "https://x.org/big.pt",
            "huge": "https://x.org/huge.pt",
        }
        HEADS = {"tiny": b"1", "base": b"2", "big": b"3", "huge": b"4"}
        COLOURS = {"red": 1, "green": 2, "blue": 3, "grey": 4}

        def build(arch):
            assert arch in ["tiny", "base"], arch
            return Net(4)

        def mood(name):
            assert name in ["glad", "sad"]

        def main(x, loss):
            model = build(sys.argv[1])
            print(HEADS, COLOURS, URLS, mood(sys.argv[2]))
            y = x.mean()
            y = model(y)
            total = loss(**y)
            features = model.trunk(x)
            if isinstance(model, Wide):
                print(features.shape, total)
            if isinstance(x, torch.Tensor):
                print("<|end|>")
            y = str(total)
            print(y.upper())

        main(1, dict)
    """,
    "nets.py": """
        from torch import nn

        class Net(nn.Module):
            def __init__(self, vocab_size):
                super().__init__()
                self.trunk = nn.Linear(4, vocab_size)
                self.vocab_size = vocab_size
            def forward(self, x):
                return {"logits": self.trunk(x)}
            @property
            def languages(self):
                return self.vocab_size - 51765

        class Wide(Net):
            pass
    """,
}


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return codebase_of(FILES)


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_allowed_values_numbers_and_rows(codebase: Codebase) -> None:
    assert texts(codebase, "assumptions: values, numbers, rows") == [
        "`build()` fixes `arch` only as `'tiny'` or `'base'`",
        "`Net.languages()` fixes `self.vocab_size - 51765`",
        "run.py fixes `HEADS` (an entry for 4 of the 4 of `URLS`)",
    ]


def test_markers_of_tokenizers(codebase: Codebase) -> None:
    assert texts(codebase, "assumptions: tokens") == ["`main()` fixes `<|end|>`"]


def test_only_what_is_used_after_the_call_is_demanded(codebase: Codebase) -> None:
    told = texts(codebase, "model_demands")[0]
    assert told.startswith("`main()` calls `Net.forward()`")
    assert told.endswith("of its result it gives all its entries to `loss(**y)`")


def test_the_call_of_a_part_reaches_into_the_model(codebase: Codebase) -> None:
    assert texts(codebase, "attribute_chains") == ["`main()` reaches into the model: `model.trunk()` (run.py)"]


def test_checks_for_a_model_class_leave_tensors_out(codebase: Codebase) -> None:
    assert texts(codebase, "model_checks") == ["`main()` tests `isinstance(model, Wide)`"]


def test_blockers_lead_with_what_is_hardest_to_meet(codebase: Codebase) -> None:
    (told,) = texts(codebase, "swap_blockers")
    assert told.startswith(
        "Yes. A model that takes the place of another meets these limits, the hardest first: (1) callers rely on "
        "arguments and results, as `main()` calls `Net.forward()` as `model(y)`; of its result it gives all its entries"
    )
    assert (
        "(2) code outside the model reaches into its parts, as `main()` reaches into the model: `model.trunk()`" in told
    )
    assert "only certain values are let through, as `build()` fixes `arch` only as `'tiny'` or `'base'`" in told
    assert not texts(codebase_of({"a.py": "print(1)\n"}), "swap_blockers")


def test_names_kinds_and_shapes_that_are_let_through() -> None:
    nets = """
        from torch import nn

        class Net(nn.Module):
            def forward(self, x):
                return x.reshape(32, 32)
    """
    main = """
        import torch
        from nets import Net
        ARCHS = ["a", "b"]

        def model_to_class(name):
            if "Tower" in name:
                cls = Net
            elif "Head" in name:
                cls = Net
            else:
                raise ValueError(name)
            return cls

        def load(arch, model, image_tower, video_tower):
            if arch not in ARCHS:
                raise ValueError(arch)
            if not isinstance(model, Net):
                raise ValueError(model)
            assert image_tower.hidden_size == video_tower.hidden_size
            size = (width + 31) // 32
            latents = 1 / 0.18215 * latents
            return Net()(torch.zeros(1, 24, 768))

        if __name__ == "__main__":
            model_to_class("x")
            load("a", Net(), 1, 2)
    """
    codebase = codebase_of({"main.py": main, "nets.py": nets})
    told = [hit.text for hit in run_query(codebase, "assumptions: values, numbers, sizes").hits]
    assert told == [
        "`load()` fixes `model` only as an object of `Net`, `arch` only as an entry of `ARCHS`",
        "`model_to_class()` fixes `name` only as `'Tower'` or `'Head'`",
        "`load()` fixes `image_tower.hidden_size == video_tower.hidden_size`, or an error, `1 / 0.18215 * latents`",
        "`load()` fixes `torch.zeros(1, 24, 768)`",
    ]


def test_a_special_token_in_a_help_text_ties_nothing() -> None:
    main = """
        import argparse
        from transformers import AutoModelForCausalLM

        def main():
            parser = argparse.ArgumentParser()
            parser.add_argument("--threshold", help="if the probability of the <|nospeech|> token is higher, be silent")
            net = AutoModelForCausalLM.from_pretrained("a/b")
            print(net.generate("<|startoftext|>"))

        if __name__ == "__main__":
            main()
    """
    told = " ".join(hit.text for hit in run_query(codebase_of({"main.py": main}), "coupled_files").hits)
    assert "`<|startoftext|>`" in told and "nospeech" not in told


THREADED = """
    import torch

    class Talker(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = torch.nn.Linear(4, 4)
            self.languages = 3
        @property
        def device(self):
            return self.layer.weight.device
        def decode(self, x):
            return Outcome(self.layer(x))

    class Outcome:
        def __init__(self, tokens):
            self.tokens = tokens
            self.score = 1.0
            self.heat = 0.0
"""
TALK = """
    from talker import Talker

    def talk(model: Talker, sound):
        sound = sound.to(model.device)
        if model.languages > 1:
            print("many")

        def again(part):
            result = model.decode(part)
            if result.score > 0.5:
                return result
            result = model.decode(part + 1)
            return result

        found = again(sound)
        print(found.tokens, found.heat)
        return first(model, found), second(model, found), third(model, found)

    def first(model: Talker, found):
        return found

    def second(model: Talker, found):
        return found

    def third(model: Talker, found):
        return found

    if __name__ == "__main__":
        talk(Talker(), 1)
"""


def test_what_callers_of_a_wrapper_use_and_one_model_that_goes_through_everything() -> None:
    codebase = codebase_of({"talker.py": THREADED, "talk.py": TALK})
    demand = next(hit.text for hit in run_query(codebase, "model_demands").hits)
    assert "of its result it uses `.score` and returns it to `talk`, which uses `.tokens`, `.heat`" in demand
    (blockers,) = run_query(codebase, "swap_blockers").hits
    one = "(1) one object of `Talker` goes through everything as a parameter, and nothing chooses among several models"
    assert f"{one} for a call: `talk()` (talk.py), `first()` (talk.py)" in blockers.text
