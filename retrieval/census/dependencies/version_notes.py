"""Kind `version_notes`: comments, help texts, messages and docstrings that name a version of a framework.

The words are quoted as they stand; what they claim is not checked. Declared versions are for `constraints`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.code.comments import comments, quote
from retrieval.census.language import Query, hit_at, is_code, kind
from retrieval.census.meaning.units import subject_of
from retrieval.facts import CensusHit
from retrieval.languages import CONFIG_LANGUAGES

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_NAMES = (
    r"py ?torch|sentence[- _]transformers|torch(?:vision|audio|text|script)?|transformers|timm|tensorflow"
    r"|tf|keras|jax|flax|numpy|scipy|pandas|cuda|cudnn|nccl|rocm|python|triton|hugging ?face[_-]hub"
    r"|tokenizers|accelerate|peft|diffusers|opencv(?:-python)?|pillow|onnx(?:runtime)?|opset|scikit-learn"
    r"|sklearn|gradio|streamlit|openai|pydantic|lightning|deepspeed|xformers|flash[- ]?att(?:n|ention)|apex"
    r"|bitsandbytes|webdataset|ffmpeg|nvcc|gcc|numba|tensorrt|horovod|setuptools|pip|langchain|chromadb"
    r"|vllm|fairseq|spacy|librosa|ubuntu|macos|windows|docker|node(?:\.?js)?|java"
)
_NUMBER = r"v?\d+(?:\.\d+)+(?:\.x|\w*)\+?|v?\d+\.x\b|\d+\+(?!\w)"
_RELATION = r"[<>=!~]=?|\u2265|\u2264|is|at least|before|after|since|until|prior to|from|up to"
_NAMED = re.compile(
    rf"\b(?P<name>{_NAMES})\b[`'\")]*(?:\s*\(?(?:version|versions|release|opset)?\s*(?:{_RELATION})?\s*|-)\(?[`'\"]?"
    rf"(?P<number>{_NUMBER}|(?:(?<=[<>=])|(?<=[<>=] ))\d+)",
    re.IGNORECASE,
)
_TURNED = re.compile(
    rf"\b(?:version|versions|release)\s*(?:[<>=!~]=?)?\s*(?P<number>{_NUMBER})\s+(?:of|in|for)\s+(?P<name>{_NAMES})\b",
    re.IGNORECASE,
)
_NIGHTLY = re.compile(
    rf"\b(?P<name>{_NAMES})\s+(?P<number>nightly|nightlies)\b|\bnightly\s+(?P<other>{_NAMES})", re.IGNORECASE
)
_URL = re.compile(r"\w+://\S+")
_SENTENCE = re.compile(r"(?<=[.!?;])\s+(?=[A-Z(`])")
LEAST_WORDS = 4
Note = tuple[int, int, str, str, str]  # first line, last line, symbol, where, text


@kind(
    "version_notes",
    summary="comments, help texts, messages and docstrings that name a version of a framework, quoted",
    example="version_notes, or version_notes: torch, transformers",
)
def version_notes(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per note. Patterns match the framework's name in lower case or the words."""
    for file in codebase.snapshot.files:
        notes = list(_comments(codebase, file.path)) if is_code(file) or file.language in CONFIG_LANGUAGES else []
        notes += [*_strings(codebase, file.path), *_docstrings(codebase, file.path)]
        for start, end, symbol, where, text in notes:
            found = named(text)
            if found and query.matches(found[0], found[2]):
                yield hit_at(
                    codebase,
                    file.path,
                    (start, end),
                    symbol=symbol,
                    name=found[0],
                    text=f"{where}: {quote(found[2], 240)}",
                    detail={"framework": found[0], "version": found[1], "what": where.partition(" ")[0]},
                )


def named(text: str) -> tuple[str, str, str] | None:
    """Framework (lower case), version and the sentences around it, None when no version is named."""
    bare = _URL.sub("", text)
    match = _NAMED.search(bare) or _TURNED.search(bare) or _NIGHTLY.search(bare)
    if match is None:
        return None
    given = match.groupdict()
    name = (given.get("name") or given.get("other") or "").lower().replace(" ", "")
    sentences = _SENTENCE.split(" ".join(text.split()))
    telling = [s for s in sentences if _NAMED.search(s) or _TURNED.search(s) or _NIGHTLY.search(s)]
    return name, given.get("number") or "nightly", " ".join(telling) or " ".join(text.split())


def _comments(codebase: Codebase, path: str) -> Iterator[Note]:
    for comment in comments(codebase.snapshot.by_path[path]):
        symbol = codebase.symbol_at(path, comment.start)
        beside = f" beside `{comment.code[:80].replace('`', chr(39))}`" if comment.code else ""
        where = subject_of(codebase, path, symbol) if symbol else path
        yield comment.start, comment.end, symbol, f"comment in {where}{beside}", comment.text


def _strings(codebase: Codebase, path: str) -> Iterator[Note]:
    """Messages and help texts: strings that are prose."""
    for fact in codebase.facts[path].facts:
        if fact.kind == "string" and len(fact.name.split()) >= LEAST_WORDS:
            place = f"in {subject_of(codebase, path, fact.symbol)}" if fact.symbol else f"at the top level of {path}"
            where = f"message or help text {place}"
            yield fact.start, fact.end, fact.symbol, where, fact.name


def _docstrings(codebase: Codebase, path: str) -> Iterator[Note]:
    facts = codebase.facts[path]
    told = [(d.doc_start, d.doc_end, d.symbol, d.docstring) for d in facts.definitions if d.docstring]
    if facts.docstring:
        told.append((facts.doc_start, facts.doc_end, "", facts.docstring))
    for start, end, symbol, text in told:
        where = f"docstring of `{symbol}`" if symbol else f"docstring of {path}"
        yield start, end, symbol, where, text
