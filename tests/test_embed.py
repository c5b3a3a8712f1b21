"""embed.py: a real (tiny, random) sentence-transformers model in its own process."""

import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.embed import Embedder, HashEmbedder, SentenceEmbedder, needed_bytes
from retrieval.errors import EmbedderError

_MAKE_MODEL = """
import sys
from pathlib import Path
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Pooling, Transformer
from transformers import BertConfig, BertModel, BertTokenizer
folder = Path(sys.argv[1])
words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz"]
words += ["##" + letter for letter in "abcdefghijklmnopqrstuvwxyz"]
(folder / "vocab.txt").write_text("\\n".join(words))
shape = dict(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64)
config = BertConfig(vocab_size=len(words), max_position_embeddings=128, **shape)
BertModel(config).save_pretrained(folder)
BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
transformer = Transformer(str(folder), max_seq_length=128)
pooling = Pooling(transformer.get_word_embedding_dimension())
SentenceTransformer(modules=[transformer, pooling], device="cpu").save(str(folder / "model"))
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embedder")
    command = [sys.executable, "-c", _MAKE_MODEL, str(folder)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return folder / "model"


@pytest.fixture(scope="module")
def embedder(model: Path) -> Iterator[SentenceEmbedder]:
    with SentenceEmbedder(model, name="tiny") as embedder:
        yield embedder


def test_vectors_have_length_one_and_the_order_of_the_texts(embedder: SentenceEmbedder):
    texts = [f"{'abc ' * n}x" for n in (40, 1, 90, 0, 3)] + ["", "日本"]
    vectors = embedder.embed(texts)
    assert len(vectors) == len(texts)
    for vector in vectors:
        assert len(vector) == embedder.dimensions == 32
        assert math.isclose(sum(value * value for value in vector), 1.0, rel_tol=1e-3)
    assert vectors[1] == embedder.embed([texts[1]])[0]


def test_a_vector_does_not_depend_on_its_neighbours(embedder: SentenceEmbedder):
    texts = [f"{chr(97 + n % 26)} " * (n + 1) for n in range(40)]
    together = embedder.embed(texts)
    assert [embedder.embed([text])[0] for text in texts[::7]] == together[::7]


def test_the_parent_never_imports_torch_and_gets_equal_vectors_from_each_process(model: Path):
    code = (
        "import sys\nfrom pathlib import Path\nfrom retrieval.embed import SentenceEmbedder\n"
        "embedder = SentenceEmbedder(Path(sys.argv[1]))\n"
        "first = embedder.embed(['a b'])\n"
        "embedder.close(); embedder.close()\n"
        "assert embedder.embed(['a b']) == first\n"
        "embedder.close()\n"
        "assert not {'torch', 'sentence_transformers', 'transformers'} & set(sys.modules)\n"
    )
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-c", code, str(model)]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_a_folder_that_is_no_model_is_one_clear_error(tmp_path: Path):
    with pytest.raises(EmbedderError) as caught:
        SentenceEmbedder(tmp_path)
    assert caught.value.hint
    (tmp_path / "modules.json").write_text("[]")
    with SentenceEmbedder(tmp_path) as broken, pytest.raises(EmbedderError) as caught:
        broken.embed(["a"])
    assert "\n" not in str(caught.value)


def test_the_double_is_near_for_shared_words():
    double = HashEmbedder(256)
    assert isinstance(double, Embedder)
    same, near, far = double.embed(["load the model", "model", "zebra"])
    assert double.embed(["load the model"]) == [same]
    dot = [sum(a * b for a, b in zip(same, other, strict=True)) for other in (near, far)]
    assert dot[0] > dot[1]


def test_bert_is_computed_as_sentence_transformers_does(model: Path):
    code = (
        "import sys, torch\nfrom pathlib import Path\nfrom retrieval import encode\n"
        "folder = Path(sys.argv[1])\n"
        "fast, slow = encode.load(folder), encode._Other(folder, torch.float32)\n"
        "assert type(fast) is encode._Bert\n"
        "texts = ['a', 'b c d ' * 9, 'e ' * 200]\n"
        "fast = encode._Bert(folder, encode._plain_bert(folder), torch.float32)\n"
        "one, two = (torch.frombuffer(bytearray(encode.embed(m, texts)), dtype=torch.float32) for m in (fast, slow))\n"
        "assert torch.allclose(one, two, atol=1e-5), (one - two).abs().max()\n"
    )
    root = Path(__file__).resolve().parent.parent
    command = [sys.executable, "-c", code, str(model)]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_a_model_beyond_the_memory_budget_is_not_started(model: Path):
    with pytest.raises(EmbedderError, match="MiB are allowed") as caught:
        SentenceEmbedder(model, budget=100 << 20)
    assert "--memory-budget" in caught.value.hint
    SentenceEmbedder(model, budget=needed_bytes(model)).close()
