"""Servers of models that code starts as processes of their own.

A class that starts one and asks it over HTTP stands for the model here, else the call that starts it does.
"""

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.files.command_texts import command_nodes, command_parts, command_texts
from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.values import ClassRef
from retrieval.census.models.known_models import Known
from retrieval.parse import Node

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
_BEGINS = r"(?:^|[\s/;&|])"
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
_COMMANDS = {
    "vLLM": re.compile(rf"{_BEGINS}vllm serve\b|\bvllm\.entrypoints\.\S*(?:api_server|serve)\b|\bvllm/vllm-openai\b"),
    "SGLang": re.compile(r"\bsglang[._]launch_server\b|\bsglang\.srt\.\S*server\b|\blmsysorg/sglang\b"),
    "llama.cpp": re.compile(rf"{_BEGINS}llama-server\b|\bllama_cpp\.server\b"),
    "Text Generation Inference": re.compile(rf"{_BEGINS}text-generation-launcher\b|/text-generation-inference\b"),
    "Text Embeddings Inference": re.compile(rf"{_BEGINS}text-embeddings-router\b|/text-embeddings-inference\b"),
    "Ollama": re.compile(rf"{_BEGINS}ollama (?:serve|run)\b|\bollama/ollama\b"),
    "LMDeploy": re.compile(rf"{_BEGINS}lmdeploy serve\b|\blmdeploy\.serve\b"),
    "TensorRT-LLM": re.compile(rf"{_BEGINS}trtllm-serve\b"),
    "Triton": re.compile(rf"{_BEGINS}tritonserver\b"),
    "MLX": re.compile(r"\bmlx_(?:lm|vlm)[. ]server\b"),
    "MLC": re.compile(rf"{_BEGINS}mlc_llm serve\b"),
    "Aphrodite": re.compile(rf"{_BEGINS}aphrodite run\b"),
    "KoboldCpp": re.compile(rf"{_BEGINS}koboldcpp\b"),
    "whisper.cpp": re.compile(rf"{_BEGINS}whisper-server\b"),
}
"""The commands that start such a server, as the documentation of each writes them."""
_NAMING = re.compile(r"^(?:-m|--(?:model(?:[-_](?:path|id|name|repo|dir|name[-_]or[-_]path))?|hf[-_]repo))$")
_PLACED = re.compile(r"(?:\bserve|--model(?:[-_](?:path|id))?)[= ]+[\"']?$")
_FIRST = frozenset({"serve", "run", "trtllm-serve", "api_server"})  # the words that the model follows without an option
_PYTHON = re.compile(r"python|executable")
_WORDLESS = ("comment", "line_continuation")


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


def started_server(frame: "Frame", step: CallStep) -> tuple[str, Known] | None:
    """The command's own words and the model behind the server that a call starts; None for any other call."""
    texts = [text.replace("\0", " ") for text in command_texts(frame, step)]
    texts += [" ".join(texts[:2])] if len(texts) > 1 else []
    found = ((engine, sign.search(text)) for engine, sign in _COMMANDS.items() for text in texts)
    return next(((match[0].strip(" /;&|"), served_by(engine, ("text",))) for engine, match in found if match), None)


def served_by(engine: str, takes: tuple[str, ...]) -> Known:
    """A model in the process of a server, which takes text or images too."""
    what = "speech recognition model" if engine == "whisper.cpp" else "language model"
    reads = " that reads images" if "image" in takes else ""
    return Known((), f"{what}{reads}, served by {engine}, a process of its own", takes, "text")


def served_name(frame: "Frame", step: CallStep) -> Node | None:
    """The part of the command that says which model the server loads; None where the body does not write it."""
    parts = [spot for node in command_nodes(frame, step) for spot in command_parts(frame, step, node)]
    own = [spot.node for spot in parts if spot.frame.path == frame.path and spot.frame.symbol == frame.symbol]
    own.append(step.node.child_by_field_name("arguments") or step.node)  # words given one by one
    return next((named for node in own if (named := _named_in(frame, node)) is not None), None)


def _named_in(frame: "Frame", node: Node) -> Node | None:
    if node.type == "string":
        return _placed_in(frame, node)
    words = [child for child in node.named_children if child.type not in _WORDLESS]
    bare = [frame.body.tree.text(child).strip("\"'") for child in words]
    for at, (word, following) in enumerate(pairwise(bare)):
        plain = word in _FIRST and not following.startswith("-") and following not in _FIRST
        if plain or (_NAMING.match(word) and (word != "-m" or not _PYTHON.search(bare[at - 1]))):
            return words[at + 1]
    return next((found for word in words if word.type == "string" if (found := _placed_in(frame, word))), None)


def _placed_in(frame: "Frame", node: Node) -> Node | None:
    """The expression that a command written as one text has after the option or word that a model follows."""
    for child in node.named_children:
        if child.type == "interpolation":
            before = (node.text or b"")[: child.start_byte - node.start_byte].decode("utf-8", "replace")
            if _PLACED.search(before) and child.named_children:
                return child.named_children[0]
    return None
