"""Kind `model_settings`: settings and constants that name models, as in `DEFAULT_LLM_MODEL = "glm4-chat"`."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import listed
from retrieval.census.models.roster import roster_of
from retrieval.facts import CensusHit
from retrieval.parse import Node, descendants, first_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

MOST_NAMES = 8
_SETTING = re.compile(
    r"(?i)(?:^|_)(?:llm|chat|embedd?(?:ing)?|rerank(?:er)?|language|vision|asr|tts|ocr|default|\w*gpt|\w*claude|gemini|"
    r"openai|ollama)_?\w*models?(?:_?(?:name|id)s?)?$|^models?(?:_?(?:name|id)s?)$|_model_?(?:name|id)s?$|^llms?$"
)
_KEY = re.compile(r"(?i)(?:^|_)models?(?:_?(?:name|id)s?)?$")
_NAME = re.compile(r"^(?!.*\s)(?!(?:True|False|None|auto|default|string|str|model|llm|cpu|cuda)$)[\w][\w./:@+-]{2,80}$")
_NO_MODEL = re.compile(r"\.(?:py|json|ya?ml|txt|md|toml|html?|log|png|jpg)$|^https?:|^[a-z_]+_model$")


@kind(
    "model_settings",
    summary="settings and constants that name models, and model names given to calls of hosted models",
    example="model_settings",
    reads="python",
    ordered=True,
)
def model_settings(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per setting, those of what the main programs run first; patterns match the setting or a model's name."""
    roster, found = roster_of(codebase), []
    for frame, _depth in roster.frames:
        top = frame.definition is None or frame.definition.kind == "class"
        for name, node in _settings(frame) if top else ():
            models = [text for text in _texts(frame, node) if _NAME.match(text) and not _NO_MODEL.search(text)]
            if models and query.matches(name, *models):
                found.append(_hit(codebase, frame, name, (node, list(dict.fromkeys(models)))))
    reach = reach_of(codebase)
    yield from sorted(found, key=lambda hit: not reach.has(hit))


def _settings(frame: "Frame") -> Iterator[tuple[str, Node]]:
    """What constants and fields named for a model are set to, and the entries of tables under such keys."""
    for binding in frame.body.bindings:
        node = binding.value
        if node is None or binding.taken != "whole" or "." in binding.name:
            continue
        if _SETTING.search(binding.name):
            yield binding.name, node
            continue
        for inner in descendants(node):
            key = inner.child_by_field_name("key") if inner.type == "pair" else None
            text = frame.body.tree.text(key).strip("\"'") if key is not None else ""
            value = inner.child_by_field_name("value")
            if value is not None and _KEY.search(text):
                yield f"{binding.name}[…].{text}", value


def _texts(frame: "Frame", node: Node) -> Iterator[str]:
    """The texts of a literal, of a list of them, or the first one that a field's constructor is given."""
    if node.type == "string":
        yield frame.body.tree.text(node).lstrip("rRbBuU").strip("\"'")
    elif node.type in ("list", "tuple", "set", "parenthesized_expression"):
        for child in node.named_children:
            if child.type == "string":
                yield from _texts(frame, child)
    elif node.type == "call":
        listed_ = node.child_by_field_name("arguments")
        given = [
            child
            for child in (listed_.named_children if listed_ else ())
            if child.type not in ("comment", "line_continuation")
        ]
        first = [c for c in given if c.type != "keyword_argument"][:1]
        named = [c for c in given if c.type == "keyword_argument"]
        named = [c for c in named if frame.body.tree.text(c.child_by_field_name("name")) == "default"]
        for child in first or [value for c in named if (value := c.child_by_field_name("value"))]:
            yield from _texts(frame, child) if child.type != "call" else ()


def _hit(codebase: "Codebase", frame: "Frame", name: str, told: tuple[Node, list[str]]) -> CensusHit:
    node, models = told
    where = f"`{frame.symbol}.{name}`" if frame.symbol else f"`{name}`"
    said = f"{where} ({frame.path}) is {listed([f'`{model}`' for model in models], MOST_NAMES)}"
    line = first_line(node)
    return hit_at(codebase, frame.path, (line, line), symbol=frame.symbol, name=name, text=said)
