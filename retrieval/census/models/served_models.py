"""Model servers that code starts as programs (`vllm serve NAME`), and the functions through which it asks them."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import Beside, once
from retrieval.census.files.commands import STARTING
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.tracing import tracer_of
from retrieval.census.meaning.values import FunctionRef, Value
from retrieval.census.models.known_models import Known

if TYPE_CHECKING:
    from retrieval.census.meaning.body import CallStep
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

SERVICES = re.compile(
    r"/(?:v\d/)?(?:chat/)?completions\b|/api/(?:generate|chat|embed(?:dings)?)\b|/v\d/(?:messages|embeddings|responses)\b"
    r"|:(?:stream)?[gG]enerateContent\b"
)
"""Addresses of the usual services of language models: OpenAI-type, Ollama, Anthropic, Google."""
_PROGRAMS = {
    "vllm": "vLLM", "sglang": "SGLang", "lmdeploy": "LMDeploy", "ollama": "Ollama", "llama-server": "llama.cpp",
    "text-generation-launcher": "Text Generation Inference", "llama_cpp": "llama.cpp",
    "mlx_vlm": "MLX", "mlx_lm": "MLX",
}  # fmt: skip
"""Servers of models by the program or package that a command starts."""
_WORD = re.compile(rf"(?<![\w.-])(?:{'|'.join(_PROGRAMS)})\b")
_SUBCOMMANDS = frozenset({"serve", "run"})
_GIVEN = frozenset({"--model", "-m", "--model-path", "--model_path", "--model-id", "--model-name-or-path"})
_SENDING = re.compile(r"\.(?:post|request|urlopen|stream)\(|\burlopen\(|[\"']POST\b|open_connection\(")
_IMAGES = re.compile(r"image_url|image_data|multi_?modal_?data|[\"']images?[\"']\s*:")
MOST_TRACED = 40
_SENT: "Beside[Program, dict[tuple[str, int], bool]]" = Beside()


@dataclass(frozen=True, slots=True)
class Served:
    """A server of a model that code starts: its engine, the command's first words, and the model that it is given."""

    engine: str
    command: str
    model: Spot
    frame: "Frame"
    step: "CallStep"


@once
def served_models(program: "Program") -> tuple[Served, ...]:
    """The starts of model servers in the source code, each with the argument that names its model."""
    found: list[Served] = []
    for path, facts in program.facts.items():
        file = program.snapshot.by_path[path]
        if file.role != "source" or not _WORD.search(file.text) or not any(STARTING.match(c.name) for c in facts.calls):
            continue
        for symbol in dict.fromkeys(call.symbol for call in facts.calls if STARTING.match(call.name)):
            frame = program.frame(path, program.definition(path, symbol) if symbol else None)
            for step in frame.body.calls if frame is not None else ():
                served = _started(program, frame, step) if frame is not None else None
                found += [served] if served is not None else []
    return tuple(found)


def _started(program: "Program", frame: "Frame", step: "CallStep") -> Served | None:
    """What a call starts, when its command is a list that begins with the program of a model server."""
    given = arguments(step.node)
    if not given or not re.search(r"(?:Popen|create_subprocess_\w+|(?:^|\.)run|call)$", step.written):
        return None
    first = given[0].named_children[0] if given[0].type == "list_splat" else given[0]
    walk = tracer_of(program).walk(Spot(frame, first, step.order, step.guards), computed=True, most=MOST_TRACED)
    bound = [b.value for b in frame.body.bindings if b.name == frame.body.tree.text(first) and b.value is not None]
    lists = [at for at in walk if at.node.type == "list"]
    lists += [Spot(frame, value, step.order, step.guards) for value in bound if value.type == "list"]
    for at in lists:
        items = [child for child in at.node.named_children if child.type != "comment"]
        words = [at.frame.body.tree.text(item).strip("\"'") if item.type == "string" else "" for item in items]
        begun = re.split(r"[./ ]", words[1 + words.index("-m")])[0] if "-m" in words[:-1] else "".join(words[:1])
        engine = _PROGRAMS.get(begun.rpartition("/")[2], "")
        asked = next((n for n, word in enumerate(words[:-1]) if _names_next(n, word, words[n + 1])), None)
        if engine and asked is not None:
            command = f"{begun} serve" if "serve" in words[:3] else begun
            return Served(engine, command, Spot(at.frame, items[asked + 1], at.order, at.guards), frame, step)
    return None


def _names_next(at: int, word: str, following: str) -> bool:
    """Whether a word of a command says that the next one is the model; `-m` at the start names a module."""
    return (word in _SUBCOMMANDS or (word in _GIVEN and at != 1)) and not following.startswith("-")


def asked_model(frame: "Frame", step: "CallStep", value: Value | None) -> Known | None:
    """The model that a function of the repository is given the address of, with a request to send; None for other
    calls. A model that reads images when the body, or a function that it calls, builds a request with images."""
    if not isinstance(value, FunctionRef) or not _addressed(frame, step) or not _sends(frame.program, value):
        return None
    bodies = [_text(frame), *(_text(inner) for inner in _called(frame))]
    pictured = any(_IMAGES.search(text) for text in bodies)
    kind = "language model that reads images" if pictured else "language model"
    takes = ("text", "image") if pictured else ("text",)
    own = server_of(frame)
    if own is not None:
        return Known((), f"{kind}, served by {own.engine}, a process of its own", takes, "text", immediate=True)
    return Known((), f"hosted {kind}, called over HTTP", takes, "text", hosted=True, immediate=True)


def server_of(frame: "Frame") -> Served | None:
    """The server that code here starts and may ask in this body: one of the same file or folder first."""
    every = served_models(frame.program)
    near = sorted(every, key=lambda served: (served.frame.path != frame.path, _apart(served.frame.path, frame.path)))
    return near[0] if near and not re.search(r"[\"']https://(?!\{)", _text(frame)) else None


def _apart(one: str, other: str) -> bool:
    return one.rpartition("/")[0] != other.rpartition("/")[0]


def _addressed(frame: "Frame", step: "CallStep") -> bool:
    """Whether a call is given an address of a model service, as written or by the name of a variable of the body."""
    text = frame.body.tree.text
    if not SERVICES.search(_text(frame)):
        return False
    for child in arguments(step.node, keywords=True)[:3]:
        node = child.child_by_field_name("value") if child.type == "keyword_argument" else child
        name = text(node) if node is not None else ""
        bound = [text(b.value) for b in frame.body.bindings if b.name == name and b.value is not None]
        if any(SERVICES.search(told) for told in (name if node is not None and "string" in node.type else "", *bound)):
            return True
    return False


def _sends(program: "Program", target: FunctionRef) -> bool:
    known = _SENT.setdefault(program, {})
    key = (target.path, target.definition.head_start)
    if key not in known:
        inner = program.frame(target.path, target.definition)
        known[key] = inner is not None and bool(_SENDING.search(_text(inner)))
    return known[key]


def _called(frame: "Frame") -> "list[Frame]":
    targets = [t for site in frame.program.sites(frame) for t in site.targets if isinstance(t, FunctionRef)]
    return [inner for t in targets if (inner := frame.program.frame(t.path, t.definition)) is not None]


def _text(frame: "Frame") -> str:
    node = frame.program.node(frame.path, frame.definition) if frame.definition is not None else None
    return frame.body.tree.text(node) if node is not None else ""
