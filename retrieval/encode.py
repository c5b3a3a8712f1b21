"""The process that embeds: frames of JSON texts on stdin, frames of float32 vectors on stdout.

The only door to torch and sentence-transformers. A BERT with mean pooling, which MiniLM is, is computed here
with torch alone: importing sentence-transformers takes longer (4 s of processor time) than embedding a few
texts. Every other architecture is left to sentence-transformers.

The vector of a text does not depend on the texts embedded with it: each forward pass has one of a
few fixed shapes, because matrix kernels round differently for different shapes.
"""

import io
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from retrieval.embed import read_frame, write_frame

MAX_TOKENS = 128  # the first lines of a chunk tell what it is; twice as many cost twice the time and found no more
MAX_CHARACTERS = 2_000
BATCH = 16
LENGTH_STEP = 32


class _Network(Protocol):
    """A model behind its tokenizer."""

    limit: int
    padding: int

    def tokens(self, texts: list[str]) -> list[list[int]]:
        """Token ids, with the special ones, cut at `limit`."""
        ...

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """One vector per row."""
        ...


class _Bert:
    """BERT after Devlin and others, 2018, with mean pooling; weights as in the folder."""

    def __init__(self, folder: Path, config: dict[str, Any], dtype: torch.dtype) -> None:
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        weights = load_file(folder / "model.safetensors")
        self._weights = {name.removeprefix("bert."): one.to(dtype) for name, one in weights.items()}
        self._heads = int(config["num_attention_heads"])
        self._layers = int(config["num_hidden_layers"])
        self._epsilon = float(config["layer_norm_eps"])
        self.padding = int(config.get("pad_token_id") or 0)
        self.limit = min(MAX_TOKENS, int(config["max_position_embeddings"]))
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(self.limit)

    def tokens(self, texts: list[str]) -> list[list[int]]:
        return [found.ids for found in self._tokenizer.encode_batch(texts)]

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        states = functional.embedding(ids, self._weights["embeddings.word_embeddings.weight"])
        states = states + self._weights["embeddings.position_embeddings.weight"][: ids.shape[1]]
        states = states + self._weights["embeddings.token_type_embeddings.weight"][0]
        states = self._normed(states, "embeddings.LayerNorm")
        for number in range(self._layers):
            states = self._layer(states, mask[:, None, None, :].bool(), f"encoder.layer.{number}.")
        counted = mask[:, :, None].float()
        return (states.float() * counted).sum(1) / counted.sum(1)

    def _layer(self, states: Tensor, mask: Tensor, name: str) -> Tensor:
        shape = (*states.shape[:2], self._heads, states.shape[2] // self._heads)
        query, key, value = (
            self._linear(states, f"{name}attention.self.{part}").view(shape).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        attended = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        attended = attended.transpose(1, 2).reshape(states.shape)
        attended = self._linear(attended, f"{name}attention.output.dense")
        states = self._normed(states + attended, f"{name}attention.output.LayerNorm")
        wide = functional.gelu(self._linear(states, f"{name}intermediate.dense"))
        return self._normed(states + self._linear(wide, f"{name}output.dense"), f"{name}output.LayerNorm")

    def _linear(self, states: Tensor, name: str) -> Tensor:
        return functional.linear(states, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _normed(self, states: Tensor, name: str) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.layer_norm(states, states.shape[-1:], weight, bias, self._epsilon)


class _Other:
    """Any model that sentence-transformers can load."""

    def __init__(self, folder: Path, dtype: torch.dtype) -> None:
        from sentence_transformers import SentenceTransformer
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bar()
        self._model = SentenceTransformer(
            str(folder),
            device="cpu",
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        ).eval()
        self._model.to(dtype)
        self.limit = min(MAX_TOKENS, int(self._model.max_seq_length or MAX_TOKENS))
        self.padding = int(self._model.tokenizer.pad_token_id or 0)

    def tokens(self, texts: list[str]) -> list[list[int]]:
        return [self._model.tokenizer(text, truncation=True, max_length=self.limit)["input_ids"] for text in texts]

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        return self._model({"input_ids": ids, "attention_mask": mask})["sentence_embedding"].float()


def load(folder: Path) -> _Network:
    """The model of a sentence-transformers folder, in bfloat16 on CPUs that gain by it."""
    dtype = torch.bfloat16 if _has_bf16() else torch.float32
    config = _plain_bert(folder)
    return _Bert(folder, config, dtype) if config else _Other(folder, dtype)


def _plain_bert(folder: Path) -> dict[str, Any]:
    """The configuration of a BERT that `_Bert` computes exactly, {} for any other model."""
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        modules = [module["type"].rpartition(".")[2] for module in json.loads((folder / "modules.json").read_text())]
        pooling = json.loads((folder / "1_Pooling" / "config.json").read_text("utf-8"))
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    modes = [name for name, chosen in pooling.items() if name.startswith("pooling_mode") and chosen is True]
    plain = (
        config.get("model_type") == "bert"
        and config.get("hidden_act") == "gelu"
        and config.get("position_embedding_type", "absolute") == "absolute"
        and modules in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
        and (modes == ["pooling_mode_mean_tokens"] or pooling.get("pooling_mode") == "mean")
        and all((folder / name).is_file() for name in ("model.safetensors", "tokenizer.json"))
    )
    return config if plain else {}


def _has_bf16() -> bool:
    """Whether the CPU multiplies bfloat16 itself; without that it is slower than float32."""
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)


def embed(network: _Network, texts: list[str]) -> bytes:
    """The vectors of all texts, each of length 1, as float32, one after another."""
    found = [b""] * len(texts)
    tokens = network.tokens([text[:MAX_CHARACTERS] for text in texts])
    for batch, length in _batches([len(one) for one in tokens]):
        for place, vector in zip(batch, _forward(network, [tokens[place] for place in batch], length), strict=True):
            found[place] = vector
    return b"".join(found)


def _forward(network: _Network, tokens: list[list[int]], length: int) -> Iterator[bytes]:
    """The vectors of one batch, whose last rows are empty when it is not full."""
    length = min(length, network.limit)
    ids = torch.full((BATCH, length), network.padding)
    mask = torch.zeros((BATCH, length), dtype=torch.long)
    mask[:, 0] = 1  # a row that attends to nothing would be NaN
    for row, one in enumerate(tokens):
        ids[row, : len(one)] = torch.tensor(one)
        mask[row, : len(one)] = 1
    with torch.inference_mode():
        vectors = functional.normalize(network.forward(ids, mask), dim=1)
    for row in range(len(tokens)):
        yield vectors[row].numpy().tobytes()


def _batches(lengths: Sequence[int]) -> Iterator[tuple[list[int], int]]:
    """Places of at most `BATCH` texts that are padded to the same length, and that length."""
    by_length: dict[int, list[int]] = {}
    for place, length in enumerate(lengths):
        by_length.setdefault(-(-max(length, 1) // LENGTH_STEP) * LENGTH_STEP, []).append(place)
    for length, places in sorted(by_length.items()):
        for at in range(0, len(places), BATCH):
            yield places[at : at + BATCH], length


def serve(folder: Path) -> None:
    """Answers frames on stdin until it closes, which it also does when the parent dies."""
    answers = _claim_stdout()
    network = load(folder)
    write_frame(answers, json.dumps({"dimensions": len(embed(network, ["a"])) // 4}).encode())
    while (frame := read_frame(sys.stdin.buffer)) is not None:
        write_frame(answers, embed(network, json.loads(frame)))


def _claim_stdout() -> BinaryIO:
    """The real stdout for frames only; whatever a library prints goes to stderr."""
    answers = io.FileIO(os.dup(1), "wb")
    os.dup2(2, 1)
    return io.BufferedWriter(answers)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
