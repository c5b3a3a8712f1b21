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
