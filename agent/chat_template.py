"""Turns chat messages into prompt segments, so that no text of a message can become a control
token.

The model's own Jinja template is rendered with a placeholder in the place of every content; the
pieces between are the template's (tokenised with control tokens), the contents are plain text.
Loads no model.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_MARK = "\ue000{}\ue001"
_MARKS = re.compile("\ue000([0-9]+)\ue001")


class TemplateError(Exception):
    """The template cannot render these messages."""


def segments(template: str, messages: Sequence[Mapping[str, str]], tokens: Mapping[str, str]) -> list[tuple[str, bool]]:
    """(text, is_control) in order; `is_control` for what the template wrote itself.

    Without a template the contents are joined by blank lines. `tokens` holds `bos_token` and
    `eos_token`. A system message that the template refuses is put in front of the first user
    message.
    """
    contents = [str(message["content"]) for message in messages]
    if not template:
        return [("\n\n".join(contents), False)]
    marked = [{"role": message["role"], "content": _MARK.format(index)} for index, message in enumerate(messages)]
    try:
        text = _render(template, marked, tokens)
    except TemplateError:
        text = _render(template, _without_system(marked), tokens)
    return _split(text, contents)


def _split(text: str, contents: Sequence[str]) -> list[tuple[str, bool]]:
    parts: list[tuple[str, bool]] = []
    for index, part in enumerate(_MARKS.split(text)):
        piece, control = (contents[int(part)], False) if index % 2 else (part, True)
        if piece:
            parts.append((piece, control))
    missing = [c for i, c in enumerate(contents) if c and _MARK.format(i) not in text]
    if missing:
        raise TemplateError("the chat template left a message out")
    return parts


def _without_system(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    if len(messages) < 2 or messages[0]["role"] != "system":
        return messages
    joined = messages[0]["content"] + "\n\n" + messages[1]["content"]
    return [{"role": messages[1]["role"], "content": joined}, *messages[2:]]


def _render(template: str, messages: Sequence[Mapping[str, str]], tokens: Mapping[str, str]) -> str:
    from jinja2 import TemplateError as JinjaError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    def refuse(message: str) -> Any:
        raise TemplateError(message)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.globals["raise_exception"] = refuse
    try:
        made = environment.from_string(template)
        return made.render(
            messages=messages,
            add_generation_prompt=True,
            enable_thinking=False,
            **{name: tokens.get(name, "") for name in ("bos_token", "eos_token")},
        )
    except (JinjaError, TypeError, ValueError) as error:
        raise TemplateError(f"the chat template fails: {error}") from None
