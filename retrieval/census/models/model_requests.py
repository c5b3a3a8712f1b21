"""Requests that ask a model over HTTP, by the address or by the body that they send.

The address is that of a usual service of language models; the body has messages with a model. What posts is a library,
or a function of the repository that posts with a library or writes the request to a socket itself.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.meaning.body import CallStep
from retrieval.census.meaning.callgraph import entered
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.tracing import tracer_of
from retrieval.census.meaning.values import External, ExternalObject, FunctionRef, Value, alternatives
from retrieval.census.models.known_models import Known
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

_POSTING = re.compile(
    r"^(?:requests|httpx|aiohttp|urllib\.request|urllib3)\.(?:\w+\.)?(?:post|request|urlopen|stream)$"
)
_SESSION = re.compile(r"^(?:requests|httpx|aiohttp|urllib3|http\.client)\.")
_METHODS = words("post request stream")
SERVICES = re.compile(
    r"/(?:v\d/)?(?:chat/)?completions\b|/api/(?:generate|chat|embed(?:dings)?)\b|/v\d/(?:messages|embeddings|responses)\b"
    r"|:(?:stream)?[gG]enerateContent\b"
)
"""Addresses of the usual services of language models: OpenAI-type, Ollama, Anthropic, Google."""
_MESSAGES = re.compile(r"[\"']messages[\"']\s*:")
_ROLE = re.compile(r"[\"'](?:role|model)[\"']\s*:")
_BY_HAND = re.compile(r"open_connection\(|\bsocket\.|http\.client\b|HTTPS?Connection\(")
_POST = re.compile(r"\bPOST\b|\.(?:post|request|stream)\(")
_IMAGES = re.compile(r"multimodal_data|image_url|image_data|input_image|inline_data|[\"']images?[\"']")
_HOST = re.compile(r"https?://(?!localhost\b|127\.|0\.0\.0\.0)[\w.-]+\.[a-z]{2,}")
MOST_TRACED, MOST_GIVEN = 25, 4


def asked_model(frame: "Frame", step: CallStep, values: tuple[Value | None, ...]) -> Known | None:
    """The model that a call asks over HTTP, `values` being what it may call; None for any other call."""
    if not _may_ask(frame.program, frame.path):
        return None
    if any(isinstance(value, External) and _POSTING.match(value.name) for value in values):
        asks = bool(SERVICES.search(text_of(frame)) or _has_body(frame))
    elif _is_posting(step, values) or any(isinstance(v, FunctionRef) and _posts(frame.program, v) for v in values):
        asks = bool(SERVICES.search(address(frame, step)) or (_is_posting(step, values) and _has_body(frame)))
    else:
        return None
    return _hosted(frame) if asks else None


def is_elsewhere(frame: "Frame", step: CallStep) -> bool:
    """Whether a request goes to a host that is written out, and not to this machine."""
    return bool(_HOST.search(address(frame, step)))


def takes_images(frame: "Frame") -> bool:
    """Whether a body, or a function that it calls, writes an image into what is sent."""
    called = [v for step in frame.body.calls for v in alternatives(frame.callee(step)) if isinstance(v, FunctionRef)]
    inner = (entered(frame.program, value) for value in dict.fromkeys(called))
    return any(_IMAGES.search(text_of(at)) for at in (frame, *filter(None, inner)))


def text_of(frame: "Frame") -> str:
    """The text of a function; "" for the top level of a file."""
    node = frame.program.node(frame.path, frame.definition) if frame.definition is not None else None
    return frame.body.tree.text(node) if node is not None else ""


def address(frame: "Frame", step: CallStep) -> str:
    """The texts that the first arguments of a call may be made of, one a line."""
    texts = (spot for spot in address_parts(frame, step) if spot.node.type in ("string", "concatenated_string"))
    return "\n".join(spot.text() for spot in texts)


def address_parts(frame: "Frame", step: CallStep) -> Iterator[Spot]:
    """The expressions that the first arguments of a call may come from."""
    for child in arguments(step.node, keywords=True)[:MOST_GIVEN]:
        node = child.child_by_field_name("value") if child.type == "keyword_argument" else child
        if node is not None and node.type in ("identifier", "attribute", "string", "binary_operator", "call"):
            start = Spot(frame, node, step.order, step.guards)
            yield from tracer_of(frame.program).walk(start, computed=True, most=MOST_TRACED)


def service_of(frame: "Frame", step: CallStep) -> str:
    """The path of a usual service in the address of a request: "/chat/completions"; "" for none."""
    found = SERVICES.search(address(frame, step))
    return found[0] if found is not None else ""


def builders(frame: "Frame") -> "list[Frame]":
    """The bodies that write the messages which a body sends: itself, and functions that it calls."""
    called = [v for step in frame.body.calls for v in alternatives(frame.callee(step)) if isinstance(v, FunctionRef)]
    inner = (entered(frame.program, value) for value in dict.fromkeys(called))
    return [at for at in (frame, *filter(None, inner)) if _MESSAGES.search(text_of(at))]


def _hosted(frame: "Frame") -> Known:
    images = takes_images(frame)
    does = f"hosted language model{' that reads images' if images else ''}, called over HTTP"
    return Known((), does, ("text", "image") if images else ("text",), "text", hosted=True, immediate=True)


def _has_body(frame: "Frame") -> bool:
    """Whether a function writes messages with their roles or their model, as such services are sent them."""
    text = text_of(frame)
    return bool(_MESSAGES.search(text) and _ROLE.search(text))


def _is_posting(step: CallStep, values: tuple[Value | None, ...]) -> bool:
    """Whether a call is that of a method which posts, of a library's session or of an object that is not known."""
    if "." not in step.written or step.written.rpartition(".")[2] not in _METHODS:
        return False
    return all(v is None or (isinstance(v, ExternalObject | External) and _is_session(v)) for v in values)


def _is_session(value: ExternalObject | External) -> bool:
    return bool(_SESSION.match(value.maker if isinstance(value, ExternalObject) else value.name))


@once
def _may_ask(program: "Program", path: str) -> bool:
    """Whether a file writes an address or a body of such a service."""
    text = program.snapshot.by_path[path].text
    return bool(SERVICES.search(text) or _MESSAGES.search(text))


@once
def _posts(program: "Program", function: FunctionRef) -> bool:
    """Whether a function of the repository posts what it is given."""
    frame = entered(program, function)
    if frame is None or not frame.parameters:
        return False
    text = text_of(frame)
    by_hand = _BY_HAND.search(text) and _POST.search(text)
    return bool(by_hand) or any(
        isinstance(value, External) and _POSTING.match(value.name)
        for step in frame.body.calls if step.written.rpartition(".")[2] in ("post", "request", "urlopen", "stream")
        for value in alternatives(frame.callee(step))
    )  # fmt: skip
