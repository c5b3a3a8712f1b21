"""Census kind `assumptions`: what code fixes about its models, in ranks, and what is no assumption."""

import pytest

from retrieval.census import run_query
from retrieval.errors import QueryError
from tests.source_tree import codebase_of

SOURCE = """
import torch
from transformers import AutoTokenizer, Qwen2VLForConditionalGeneration
SAMPLE_RATE = 16_000
PAD_TOKEN_ID = 129_595
RETRIES = 5
LABELS = {0: "text", 1: "title", 2: "table", 3: "figure"}
PROMPT_TEMPLATE = "###Human: {} ###Assistant:"
def load(path):
    model = Qwen2VLForConditionalGeneration.from_pretrained(path)
    tokenizer = AutoTokenizer.from_pretrained("bert-base-uncased")
    checkpoint = torch.load("weights/net.pth")
    model.load_state_dict(checkpoint["model_state_dict"])
    return model.to("cuda"), tokenizer
"""


def ranks() -> dict[str, str]:
    hits = run_query(codebase_of({"load.py": SOURCE}), "assumptions").hits
    found: dict[str, str] = {}
    for hit in hits:
        found[hit.name] = f"{found.get(hit.name, '')} {hit.text}"
    return found


def test_each_rank_is_found_in_the_order_of_what_a_swap_breaks() -> None:
    found = ranks()
    assert list(found) == ["classes", "weights", "tokens", "checkpoint", "labels", "sizes", "prompts", "devices"]
    assert "Qwen2VLForConditionalGeneration.from_pretrained(path)" in found["classes"]
    assert "`weights/net.pth`" in found["weights"] and "`bert-base-uncased`" in found["weights"]
    assert "`PAD_TOKEN_ID = 129595`" in found["tokens"] and "AutoTokenizer" in found["tokens"]
    assert "`checkpoint['model_state_dict']`" in found["checkpoint"]
    assert "`LABELS` (4 entries)" in found["labels"]
    assert "`SAMPLE_RATE = 16000`" in found["sizes"]


def test_plain_numbers_are_no_assumption() -> None:
    assert "RETRIES" not in " ".join(ranks().values())


def test_a_word_that_is_no_rank_is_refused() -> None:
    with pytest.raises(QueryError, match="is none of classes"):
        run_query(codebase_of({"load.py": SOURCE}), "assumptions: colours")


LOADING = """
import sys
import cv2
import torch
from nets import Net, Encoding

def renamed(state_dict):
    return {key.replace("module.", ""): value for key, value in state_dict.items()}

def load(path):
    net = Net()
    weights = torch.load(path)
    kept = {}
    for key, value in weights.items():
        kept[key[7:]] = value
    net.load_state_dict(renamed(kept))
    optimizer = torch.optim.Adam(net.parameters())
    optimizer.load_state_dict(torch.load(path))
    net = torch.nn.DataParallel(net)
    max_len_ratio = 0.7
    options = {"input_channel": 1, "retries": 3}
    encoding = Encoding(d_model=384, retries=3)
    for name, word in options.items():
        print(name[2:])
    return net, cv2.resize(path, (256, 256)), cv2.resize(path, (3, 3)), encoding

def idle():
    return Encoding(d_model=999)

load(sys.argv[1])
"""


def test_what_loading_code_fixes_is_found_and_what_no_program_runs_is_left_out() -> None:
    nets = """
        from torch import nn
        class Net(nn.Module):
            def __init__(self):
                self.layer = Part(in_channels=77)
            def forward(self, x):
                return x
        class Encoding(Net):
            pass
    """
    codebase = codebase_of({"load.py": LOADING, "nets.py": nets})
    found = {rank: " ".join(h.text for h in run_query(codebase, f"assumptions: {rank}").hits) for rank in
             ("classes", "checkpoint", "sizes", "widths")}  # fmt: skip
    assert found["classes"] == "`load()` fixes `Net()`"
    assert "`key[7:]` (cuts 7 characters off every key)" in found["checkpoint"]
    assert "`key.replace('module.', '')` (on every key)" in found["checkpoint"]
    assert "name[2:]" not in found["checkpoint"]
    assert found["sizes"] == "`load()` fixes `input_channel=1`, `cv2.resize(path, (256, 256))`"


NET = """
import torch
from torch import nn

class Fuse(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.project = nn.Linear(width, 1280)

    def forward(self, x):
        return self.project(x)

class Encoder(nn.Module):
    def __init__(self, width=512):
        super().__init__()
        self.fuse = Fuse(2048)
        self.num_tokens = 2
        self.table = nn.Parameter(torch.zeros(1, 1024))
        self.back = nn.Linear(768 if width else 256, 3)
        self.plain = nn.Linear(width, width)

    def forward(self, x):
        return self.fuse(x)

class Settings:
    hidden_size = 1024

base_model = "someone/some-net"
net = Encoder().to("cuda")
other = Encoder(device="cuda", compute_type="float16")
"""


def test_widths_count_where_they_are_numbers_and_defaults_do_not() -> None:
    hits = run_query(codebase_of({"net.py": NET}), "assumptions").hits
    told = {name: " ".join(hit.text for hit in hits if hit.name == name) for name in ("widths", "weights", "devices")}
    for text in ("`nn.Linear(width, 1280)`", "`Fuse(2048)`", "`self.num_tokens = 2`", "torch.zeros(1, 1024)"):
        assert text in told["widths"]
    assert "768 if width else 256" in told["widths"]
    assert "width, width" not in told["widths"] and "512" not in told["widths"] and "hidden" not in told["widths"]
    assert "`someone/some-net`" in told["weights"]
    assert "compute_type='float16'" in told["devices"]
