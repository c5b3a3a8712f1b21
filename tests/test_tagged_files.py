"""Objects that a YAML file makes while it is read: `load_hyperpyyaml(file)["llm"]` is the class of its tag."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

SMALL = """
    rate: 16000
    llm: !new:net.parts.Speaker
        width: !ref <rate>
        inner: !new:net.parts.Trunk
            dim: 8
    vocoder: !new:net.parts.Vocoder
    opener: !name:net.parts.opener
"""
NETS = """
    from torch import nn

    def opener(path): return open(path)

    class Trunk(nn.Module):
        def __init__(self, dim):
            super().__init__()
            self.conv = nn.Conv2d(3, dim, 3)
        def forward(self, x): return self.conv(x)

    class Speaker(nn.Module):
        def __init__(self, width, inner):
            super().__init__()
            self.inner = inner
            self.head = nn.Linear(8, 8)
        def infer(self, x): return self.head(self.inner(x))

    class Talker(Speaker):
        def infer(self, x): return self.inner(self.head(x))

    class Vocoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(8, 8)
        def infer(self, x): return self.head(x)
"""
SPEAK = """
    import sys, torch
    from hyperpyyaml import load_hyperpyyaml

    class Pair:
        def __init__(self, llm, vocoder):
            self.llm = llm
            self.vocoder = vocoder
            self.llm.load_state_dict(torch.load("llm.pt"))
        def say(self, text):
            return self.vocoder.infer(self.llm.infer(text))

    def build(folder):
        with open(f"{folder}/small.yaml") as file:
            configs = load_hyperpyyaml(file)
        print(configs["rate"].real(1))
        return Pair(configs["llm"], configs["vocoder"])

    def only(folder):
        with open(f"{folder}/large.yaml") as file:
            configs = load_hyperpyyaml(file, overrides={"vocoder": None})
        talker = configs["llm"]
        return talker.infer(folder)

    if __name__ == "__main__":
        print(build("conf").say(sys.argv[1]), only("conf"))
"""


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    large = SMALL.replace("parts.Speaker", "parts.Talker")
    return codebase_of(
        {
            "README.md": "Run `python speak.py text`.\n",
            "examples/a/conf/small.yaml": SMALL,
            "examples/a/conf/large.yaml": large,
            "net/__init__.py": "",
            "net/parts.py": NETS,
            "speak.py": SPEAK,
        }
    )


def test_each_key_of_a_tagged_file_is_an_object_of_its_class(codebase: Codebase) -> None:
    runs = {
        hit.text.partition("calls `")[2].partition("`")[0]: hit.text for hit in run_query(codebase, "model_runs").hits
    }
    assert runs["self.vocoder.infer(self.llm.infer(text))"].endswith("which runs `Vocoder`")
    assert runs["self.llm.infer(text)"].endswith("which runs `Speaker`")
    assert runs["talker.infer(folder)"].endswith("which runs `Talker`")
    assert not any("configs" in call for call in runs)


def test_objects_of_one_file_stand_side_by_side_with_their_own_weights(codebase: Codebase) -> None:
    told = [hit.text for hit in run_query(codebase, "model_summary: what=used").hits]
    assert "`Speaker` (net/parts.py) from `llm.pt`" in told[0] and "`Vocoder`" in told[0]
    assert "one of" not in told[0].partition("`Vocoder`")[0]


def test_reading_such_a_file_counts_as_reading_configuration(codebase: Codebase) -> None:
    assert any(hit.path == "speak.py" for hit in run_query(codebase, "configs").hits)
