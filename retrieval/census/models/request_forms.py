"""What the requests to a model behind a server fix: the form of the messages, prompt, limits, and how replies are read.

Told of requests that code of the main programs writes itself, from the body that sends one and those that write it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.spots import arguments
from retrieval.census.meaning.values import FunctionRef, alternatives
from retrieval.census.models.made_models import is_served
from retrieval.census.models.model_requests import builders, text_of
from retrieval.census.models.roster import Roster, roster_of
from retrieval.census.models.served_models import is_request
from retrieval.parse import first_line
from retrieval.roles import is_left

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.models.sightings import Use
    from retrieval.codebase import Codebase

SHOWN = 80
_IMAGE = re.compile(r"[\"'](image_url|input_image|image_data|inline_data)[\"']\s*:\s*[\[{f\"']")
_MESSAGES = re.compile(r"[\"']messages[\"']\s*:")
_LIMIT = re.compile(r"[\"'](max_(?:new_|completion_|output_)?tokens|num_ctx|num_predict)[\"']\s*:\s*(\w+)")
_PROMPT = re.compile(r"[\"'](?:text|content)[\"']\s*:\s*([A-Za-z_][\w.]*)\(")
_GUIDED = re.compile(r"[\"'](guided_\w+|response_format)[\"']\]?\s*[:=](?!=)")
_NAME = re.compile(r"--served-model-name(?:[\"']\s*,\s*[\"']|[= ])([\w./-]+)")
_TOKENS = re.compile(r"(?i)token|usage")
_REPLY = re.compile(r"\[[\"'](?:message|delta)[\"']\]\[[\"']content[\"']\]|\.message\.content\b|\.delta\.content\b")
_LOGS = re.compile(r"(?i)^(?:print|len|str)$|(?:^|\.)(?:log\w*|debug|info|warn\w*|error|exception)(?:\.|$)")


@dataclass(frozen=True, slots=True)
class Fixed:
    """One thing that is fixed, as a noun phrase, and its place."""

    said: str
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class RequestForm:
    """The requests of one body to a model, and what they fix."""

    use: "Use"
    fixed: tuple[Fixed, ...]

    @property
    def frame(self) -> "Frame":
        """The body that sends the requests."""
        return self.use.frame

    @property
    def served(self) -> bool:
        """Whether the program starts the server that is asked."""
        return is_served(self.use.made[0])

    @property
    def asks(self) -> str:
        """ "the model behind `vllm serve`", "a model over HTTP"."""
        return f"the model behind `{self.use.made[0].name}`" if self.served else "a model over HTTP"


@once
def request_forms(codebase: "Codebase") -> tuple[RequestForm, ...]:
    """One for each body of the main programs that sends requests to a model and has its messages written."""
    roster, reach = roster_of(codebase), reach_of(codebase)
    found: dict[tuple[str, str], RequestForm] = {}
    for use in roster.uses:
        frame = use.frame
        own = codebase.snapshot.by_path[frame.path].role == "source" and not is_left(frame.path)
        if own and is_request(use.made[0]) and reach.runs((frame.path, frame.symbol)):
            fixed = tuple(_fixed(roster, use))
            if fixed:
                found.setdefault((frame.path, frame.symbol), RequestForm(use, fixed))
    return tuple(found.values())


def _fixed(roster: Roster, use: "Use") -> Iterator[Fixed]:
    written = builders(use.frame)
    for frame in written:
        yield from _sent(frame)
    if written:
        yield from _answered(use.frame)
        for made in filter(is_served, use.made):
            yield from _matched(made.frame, _NAME, "the name `{}` that the server is started with")


def _sent(frame: "Frame") -> Iterator[Fixed]:
    """What a body that writes the messages puts into them."""
    text, functions = text_of(frame), {step.written for step in frame.body.calls if _is_own(frame, step)}
    image = _IMAGE.search(text)
    kind = f"`messages` of a chat with text{f' and `{image[1]}`' if image is not None else ''}"
    yield from _matched(frame, _MESSAGES, kind)
    for match in _PROMPT.finditer(text):
        if match[1] in functions:
            yield _at(frame, match, f"the prompt that `{match[1]}()` gives")
    for match in _LIMIT.finditer(text):
        number = match[2] if match[2].isdigit() else _numbers(frame).get(match[2], "")
        if number:
            yield _at(frame, match, f"`{match[1]}` = {number}")


def _answered(frame: "Frame") -> Iterator[Fixed]:
    """What the body that sends a request demands of the reply, and what it makes of its text."""
    for guided in _matched(frame, _GUIDED, "`{}` as the form of the reply"):
        yield replace(guided, said=guided.said + _condition(frame, guided.line))
    for name, number in _numbers(frame).items():
        for match in re.finditer(rf"^.*(?:[<>]=?\s*{name}\b|\b{name}\s*[<>]).*$", text_of(frame), re.M):
            if _TOKENS.search(match[0].replace(name, "")):
                yield _at(frame, match, f"`{name} = {number}` with which a number of tokens is compared")
    for binding in frame.body.bindings:
        value = frame.body.tree.text(binding.value) if binding.value is not None else ""
        if _REPLY.search(value):
            for step in frame.body.calls:
                if not _LOGS.search(step.written) and binding.name in _given(frame, step) and _is_own(frame, step):
                    yield Fixed(f"`{_parser(frame, step)}` for the text of the reply", frame.path, step.start)


def _matched(frame: "Frame", sign: re.Pattern[str], said: str) -> Iterator[Fixed]:
    match = sign.search(text_of(frame))
    if match is not None:
        yield _at(frame, match, said.format(match[1]) if sign.groups else said)


def _at(frame: "Frame", match: re.Match[str], said: str) -> Fixed:
    node = frame.program.node(frame.path, frame.definition) if frame.definition is not None else None
    first = first_line(node) if node is not None else 1
    return Fixed(said, frame.path, first + match.string.count("\n", 0, match.start()))


def _condition(frame: "Frame", line: int) -> str:
    """ " (where `args.guided`)" for a line below an `if`; "" for any other."""
    tests = [
        d.node.child_by_field_name("condition") for d in frame.body.decisions
        if d.node.type == "if_statement" and d.node.start_point[0] < line - 1 <= d.node.end_point[0]
    ]  # fmt: skip
    test = tests[-1] if tests else None
    return f" (where `{one_line(frame.body.tree.text(test), SHOWN)}`)" if test is not None else ""


def _numbers(frame: "Frame") -> dict[str, str]:
    """The names that a body binds to whole numbers."""
    bound = (b for b in frame.body.bindings if b.value is not None and b.value.type == "integer")
    return {binding.name: frame.body.tree.text(binding.value) for binding in bound if binding.name.isidentifier()}


def _given(frame: "Frame", step: CallStep) -> list[str]:
    return [frame.body.tree.text(node) for node in arguments(step.node)]


def _is_own(frame: "Frame", step: CallStep) -> bool:
    """Whether a call runs a function of the repository."""
    return any(isinstance(value, FunctionRef) for value in alternatives(frame.callee(step)))


def _parser(frame: "Frame", step: CallStep) -> str:
    """How the text is read: the object's construction where the body has it, else the function."""
    owner = step.written.rpartition(".")[0]
    made = [b.value for b in frame.body.bindings if owner and b.name == owner and b.value is not None]
    if made and made[-1].type == "call":
        return one_line(frame.body.tree.text(made[-1]), SHOWN)
    return f"{step.written}()"
