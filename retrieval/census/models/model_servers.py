"""Classes that start a server of a model as a process of their own and ask it over HTTP: the model's stand-in here."""

import re
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.values import ClassRef
from retrieval.census.models.known_models import Known

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

_STARTS = re.compile(r"(?:^|\.)(?:Popen|create_subprocess_exec|create_subprocess_shell)$")
_ASKS = re.compile(r"\.(?:post|request|urlopen|stream|apost)\(")
_OWN = re.compile(r"127\.0\.0\.1|localhost|\bself\.(?:\w*port|\w*url|\w*address|\w*host|\w*endpoint)\b")
_ADDRESS = re.compile(
    r"/(?:v\d+/)?(?:(?:chat/)?completions?|generate(?:_stream)?|infer|predict|embed(?:ding)?s?|transcribe|inference)\b"
)
_WORDS = re.compile(r"/(?:de)?tokeni[sz]e\b")
_IMAGES = re.compile(r"multimodal_data|image_url|image_data|[\"']images?[\"']")
_ENGINES = {
    "llama.cpp": re.compile(r"(?i)llama[-_. ]?(?:cpp|server)"),
    "vLLM": re.compile(r"(?i)\bvllm\b"),
    "SGLang": re.compile(r"(?i)\bsglang\b"),
    "Text Generation Inference": re.compile(r"text-generation-launcher"),
    "Ollama": re.compile(r"(?i)\bollama\b"),
    "LMDeploy": re.compile(r"(?i)\blmdeploy\b"),
    "Triton": re.compile(r"\btritonserver\b"),
}
"""Servers of models by what code that starts them writes."""


@once
def model_servers(codebase: "Codebase") -> dict[ClassRef, Known]:
    """The classes that start the process of a model's server and ask it, each as a model with the methods that do."""
    found: dict[ClassRef, Known] = {}
    for cls in program_of(codebase).classes:
        file = codebase.snapshot.by_path[cls.path]
        if file.role == "source" and ("Popen" in file.text or "create_subprocess" in file.text):
            known = _server(codebase, cls)
            if known is not None:
                found[cls] = known
    return found


def engine_of(known: Known | None) -> str:
    """The engine that a server of `model_servers` runs: "llama.cpp", or "model's"; "" for anything else."""
    return (
        known.does.partition(" served by ")[2].partition(",")[0].replace("its own server", "model's") if known else ""
    )


def _server(codebase: "Codebase", cls: ClassRef) -> Known | None:
    """What a class that starts a process and posts to it stands for; None for other classes."""
    program = program_of(codebase)
    methods = {f.definition.name: f for f in program.methods(cls, cls) if f.definition is not None}
    starting = [frame for frame in methods.values() if any(_STARTS.search(s.written) for s in frame.body.calls)]
    texts = {name: _text(frame) for name, frame in methods.items()}
    asking = {name for name, text in texts.items() if _asks(text)}
    answering = {name for name in asking if not _WORDS.search(texts[name]) or _ADDRESS.search(texts[name])}
    if not starting or not answering or not any(_ADDRESS.search(texts[name]) for name in answering):
        return None
    whole = "\n".join(texts.values())
    engine = next((name for name, sign in _ENGINES.items() if sign.search(whole)), "")
    takes = ("text", "image") if _IMAGES.search(whole) else ("text",)
    does = f"language model served by {engine or 'its own server'}, a process of its own"
    return Known((), does, takes, "text", frozenset(_leading(methods, answering)))


def _asks(text: str) -> bool:
    return bool(_ASKS.search(text) and _OWN.search(text))


def _leading(methods: "dict[str, Frame]", answering: set[str]) -> set[str]:
    """The methods that ask the server, and those that call one of these on the same object."""
    calls = {name: {step.written for step in frame.body.calls} for name, frame in methods.items()}
    more = {name for name, written in calls.items() if any(f"self.{asked}" in written for asked in answering)}
    return {name for name in answering | more if not name.startswith("_")}


def _text(frame: "Frame") -> str:
    node = frame.program.node(frame.path, frame.definition) if frame.definition is not None else None
    return frame.body.tree.text(node) if node is not None else ""
