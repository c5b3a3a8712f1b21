"""Kind `input_contracts`: what code fixes about the inputs of models, in `detail["what"]`.

channels, size, shape, normalisation, dtype (and device), tokens, rate. Values count when they are written as
literals; a shape when a comment, an assert or a check that raises tells it.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.code.comments import SHAPE, comments, quote
from retrieval.census.code.syntax import call_text
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted
from retrieval.census.meaning.units import subject_of
from retrieval.facts import Call, CensusHit, Fact

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Found = tuple[str, str, tuple[int, int], str, str]  # what, name, lines, symbol, text
WHAT = {
    "channels": re.compile(
        r"(?:in_|input_|image_|num_|n_)?(?:channels|chans)\Z|(?:in_chans|n_mels|num_mel_bins|num_mels)\Z"
    ),
    "rate": re.compile(r"(?:\w+_)?(?:sample|sampling)_?rate\Z|sr\Z|fps\Z|frame_rate\Z"),
    "normalisation": re.compile(r"(?:\w+_)?(?:mean|std)\Z"),
    "tokens": re.compile(
        r"(?:context|max_seq|max_sequence|max_text|max_txt|max_token|max_prompt|max)_?(?:length|len)\Z|max_tokens\Z"
        r"|(?:n_)?vocab(?:ulary)?_size\Z|n_vocab\Z|n_ctx\Z|n_(?:text|audio)_ctx\Z|max_position_embeddings\Z"
        r"|(?:\w+_)?(?:bos|eos|sot|eot|pad|sep|cls|mask|unk|start|end)_(?:token_?id|id|token)\Z"
    ),
    "size": re.compile(
        r"(?:\w+_)?(?:image|img|input|crop|frame|target|patch)_?(?:size|resolution|height|width|length)\Z"
        r"|resolution\Z|crop_size\Z|n_fft\Z|hop_length\Z|win_length\Z|chunk_length\w*\Z|n_samples\Z|n_frames\Z|n_frms\Z"
        r"|num_frames\Z|max_frames\Z"
    ),
}
_NUMBERS = re.compile(r"[(\[]?\s*-?[\d.][\d._e-]*(?:\s*[,*/+x-]\s*-?[\d.][\d._e-]*)*\s*,?\s*[)\]]?(?:\s*\*\s*\d+)?\Z")
_STRING = re.compile(r"[\"'][^\"']{1,40}[\"']\Z")
_CONVOLUTION = re.compile(r"(?:^|\.)(?:Conv[123]d|LazyConv[123]d|PatchEmbed\w*)\Z")
_MODELS = frozenset(
    ["torch", "torchvision", "onnxruntime", "tensorflow", "keras", "transformers", "timm", "jax", "mlx"]
)
_SETTINGS = re.compile(r"(?i)(?:^|[/_])(?:config\w*|constants?|settings|params|hparams|options?|defaults?)\w*\.py$")
_SHAPED = re.compile(r"\.(?:shape|ndim|size\(|dim\(\))|\blen\(\w+\.shape\)")
_SPECIAL = re.compile(
    r"<\|[\w ./-]{1,30}\|>\Z|</?s>\Z"
    r"|<(?:pad|unk|mask|eos|bos|sep|cls|image|video|audio|img|speaker\d|[a-z]+_[a-z_\d]+)>\Z"
    r"|\[(?:CLS|SEP|MASK|PAD|UNK|BOS|EOS|DEC|ENC|INST)\]\Z"
)
_INPUT = re.compile(
    r"(?:\w+_)?(?:images?|imgs?|pixel_values|pixels|texts?|tokens?|input_ids|audios?|mels?|videos?|frames?|samples?|batch"
    r"|inputs?|x|waveform|wav|prompts?|caption|captions|segment|features)(?:_\w+)?\Z"
)
_CASTS = {
    "half": "torch.float16",
    "bfloat16": "torch.bfloat16",
    "float": "torch.float32",
    "double": "torch.float64",
    "long": "torch.int64",
    "int": "torch.int32",
    "cuda": "the GPU",
}
_SIZES = (
    ("patch", "size of a patch"),
    ("crop", "size of a crop"),
    ("fps", "frames per second"),
    ("frame_rate", "frames per second"),
    ("frm", "number of frames"),
    ("frames", "number of frames"),
    ("mel", "mel bands"),
    ("fft", "length of the Fourier transform"),
    ("hop", "hop of the Fourier transform"),
    ("win_", "window of the Fourier transform"),
    ("samples", "number of samples"),
    ("chunk", "length of a chunk"),
)
_OTHERS = {"channels": "input channels", "rate": "sampling rate", "size": "size of the input"}
_PLACES = {"self", "cls", "model", "torch", "nn"}


@kind(
    "input_contracts",
    summary="what code fixes about model inputs: channels, sizes, shapes, normalisation, dtype, tokens, sampling rate",
    example="input_contracts, or input_contracts: shape, channels",
    reads="python",
    ordered=True,
)
def input_contracts(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Hits by sort (`detail["what"]`), source files first. Patterns match the sort, the name or the function."""
    found = [
        _hit(codebase, path, told)
        for path in sorted(codebase.facts)
        for told in dict.fromkeys(_found(codebase, path))
        if query.matches(told[0], told[1], told[3])
    ]
    order = ("shape", "channels", "size", "normalisation", "rate", "tokens", "dtype")
    yield from sorted(found, key=lambda hit: (_place(hit, order), hit.path, hit.start))


def _place(hit: CensusHit, order: tuple[str, ...]) -> tuple[bool, int]:
    return hit.role != "source", order.index(hit.detail["what"])


def _hit(codebase: Codebase, path: str, told: Found) -> CensusHit:
    what, name, lines, symbol, text = told
    return hit_at(codebase, path, lines, symbol=symbol, name=name, text=text, detail={"what": what})


def _found(codebase: Codebase, path: str) -> Iterator[Found]:
    facts = codebase.facts[path]
    for fact in facts.facts:
        if fact.kind == "name" and fact.detail["form"] == "parameter":
            yield from _default(fact)
        elif fact.kind == "assign" and not _is_layout(codebase, path, fact):
            yield from _assigned(path, fact)
        elif fact.kind == "assert" and _SHAPED.search(fact.name):
            text = f"{subject_of(codebase, path, fact.symbol)} asserts {_code(fact.name)}"
            yield "shape", fact.name, (fact.start, fact.end), fact.symbol, text
        elif fact.kind == "string" and _SPECIAL.match(fact.name):
            text = f"{subject_of(codebase, path, fact.symbol)} names the special token `{fact.name}`"
            yield "tokens", fact.name, (fact.start, fact.start), fact.symbol, text
    for call in facts.calls:
        yield from _passed(codebase, path, call)
    yield from _checked(codebase, path)
    yield from _noted(codebase, path)


def _is_layout(codebase: Codebase, path: str, fact: Fact) -> bool:
    """Whether a constant is a size in a module without models: that of a page or a window, not of an input."""
    if fact.detail["scope"] != "module" or _sort(fact.name) not in ("size", ""):
        return False
    modules = {item.module.partition(".")[0] for item in codebase.facts[path].imports}
    return not modules & _MODELS and _SETTINGS.search(path) is None


def _sort(name: str) -> str:
    bare = name.rpartition(".")[2].lower()
    return next((what for what, fits in WHAT.items() if fits.match(bare)), "")


def _literal(what: str, name: str, value: str) -> bool:
    """Whether a value fixes the sort: numbers, for normalisation at least two or one of a pixel constant."""
    if what == "tokens" and _STRING.match(value):
        return name.lower().endswith("token")
    if not _NUMBERS.match(value):
        return False
    return what != "normalisation" or "," in value or "[" in value


def _default(fact: Fact) -> Iterator[Found]:
    value = fact.detail.get("default", "")
    what = _sort(fact.name)
    if what and value and _literal(what, fact.name, value):
        text = f"`{fact.symbol}()` takes {_code(fact.text)} by default ({_words(what, fact.name)})"
        yield what, fact.name, (fact.start, fact.end), fact.symbol, text


def _assigned(path: str, fact: Fact) -> Iterator[Found]:
    value, what = fact.detail["value"], _sort(fact.name)
    fixed = bool(what) and _literal(what, fact.name, value) and fact.detail["operator"] == "="
    if not fixed or (what != "tokens" and value in ("0", "1", "-1", "0.0", "1.0")):
        return
    annotation = f": {fact.detail['annotation']}" if fact.detail.get("annotation") else ""
    where = {"module": f"{path} sets", "class": f"class `{fact.symbol}` has"}.get(fact.detail["scope"])
    said = _code(f"{fact.name}{annotation} = {value}")
    text = f"{where or f'`{fact.symbol}()` sets'} {said} ({_words(what, fact.name)})"
    yield what, fact.name, (fact.start, fact.end), fact.symbol, text


def _passed(codebase: Codebase, path: str, call: Call) -> Iterator[Found]:
    lines, subject = (call.start, call.end), subject_of(codebase, path, call.symbol)
    last = call.name.rpartition(".")[2]
    if _CONVOLUTION.search(call.name) and call.arguments[:1] and call.arguments[0].isdecimal():
        channels = counted(int(call.arguments[0]), "input channel")
        text = f"{subject} builds {_code(call_text(call))}, which takes {channels}"
        yield "channels", last, lines, call.symbol, text
    if last == "Normalize" and len(call.arguments) > 1 and all(_NUMBERS.match(a) for a in call.arguments[:2]):
        yield "normalisation", last, lines, call.symbol, f"{subject} normalises with {_code(call_text(call))}"
    for key, value in call.keywords:
        what = _sort(key)
        if what and value and _literal(what, key, value):
            callee = call.written if len(call.written) < 80 else call.name
            text = f"{subject} passes {_code(f'{key}={value}')} to `{callee}()` ({_words(what, key)})"
            yield what, key, lines, call.symbol, text
    yield from _cast(subject, call)


def _cast(subject: str, call: Call) -> Iterator[Found]:
    receiver, _, method = call.written.rpartition(".")
    root = re.split(r"[.\[(]", receiver, maxsplit=1)[0]
    if (
        not receiver
        or root in _PLACES
        or not _INPUT.match(receiver.rpartition(".")[2] if "(" not in receiver else root)
    ):
        return
    lines = (call.start, call.end)
    if method == "to" and (call.arguments or call.keywords):
        yield (
            "dtype",
            receiver,
            lines,
            call.symbol,
            f"{subject} moves or casts {_code(receiver)}: {_code(call_text(call))}",
        )
    elif method in _CASTS and not call.keywords and (method == "cuda" or not call.arguments):
        verb = "moves" if method == "cuda" else "casts"
        text = f"{subject} {verb} {_code(receiver)} to {_CASTS[method]}: {_code(call_text(call))}"
        yield "dtype", receiver, lines, call.symbol, text


def _checked(codebase: Codebase, path: str) -> Iterator[Found]:
    """`if x.ndim != 3: raise …`: a check of a shape whose body starts with the raise."""
    facts = codebase.facts[path].facts
    raised = {fact.start: fact for fact in facts if fact.kind == "raise"}
    for fact in facts:
        if fact.kind == "if" and fact.detail["form"] in ("if", "elif") and _SHAPED.search(fact.name):
            first = next((raised[n] for n in range(fact.start, fact.start + 3) if n in raised), None)
            if first is not None and first.end <= fact.end:
                error = f"`{first.name}`" if first.name else "an exception"
                text = f"{subject_of(codebase, path, fact.symbol)} raises {error} if {_code(fact.name)}"
                yield "shape", fact.name, (fact.start, fact.end), fact.symbol, text


def _noted(codebase: Codebase, path: str) -> Iterator[Found]:
    for comment in comments(codebase.snapshot.by_path[path]):
        if SHAPE.search(comment.text) and not _is_code(comment.text):
            symbol = codebase.symbol_at(path, comment.start)
            on = f" on {_code(comment.code)}" if comment.code else ""
            text = f"{subject_of(codebase, path, symbol)} has the comment {quote(comment.text)}{on}"
            yield "shape", comment.text, (comment.start, comment.end), symbol, text


def _is_code(text: str) -> bool:
    """Whether a comment is code that was taken out of use."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return any(isinstance(node, ast.Call | ast.Attribute) for node in ast.walk(tree))


def _words(what: str, name: str) -> str:
    bare = name.rpartition(".")[2].lower()
    if what == "normalisation":
        return "mean of the normalisation" if bare.endswith("mean") else "standard deviation of the normalisation"
    if what == "tokens":
        vocabulary = "size of the vocabulary" if "vocab" in bare else "special token"
        return "limit on tokens" if re.search(r"len|ctx|max|position", bare) else vocabulary
    return next((words for part, words in _SIZES if part in bare), _OTHERS[what])


def _code(text: str) -> str:
    return f"`{' '.join(text.replace('`', chr(39)).split())}`"
