"""Foreign text made inert: what a repository or a model wrote can never become markup or a terminal
command.

Knows CommonMark and the GitHub extensions as far as they can be abused. Nothing is dropped: a
control character becomes a visible escape such as `\\x1b`, punctuation gets a backslash, code keeps
every other character.
"""

import re
import unicodedata
from collections.abc import Iterator

_HIDDEN = frozenset(("Cc", "Cf", "Co", "Cs", "Zl", "Zp"))
_MAYBE_HIDDEN = re.compile(r"[^\x20-\x7e]")
_TICKS = re.compile(r"`+")
_ACTIVE = re.compile(r"[\\`*\[\]<>~$]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)|^(?:[#+=-]|\d+(?=[.)](?:\s|$)))", re.ASCII)
_QUOTED = re.compile(
    r"(?:(?:https?|ftp)://|www\.|mailto:|xmpp:)[^\s`]*[^\s`.,;:!?)'\"]"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?:\w{1,60}\([^()\s]{0,60}\))?[\w./-]*__\w+__(?:[\w./-]*\w)?",
    re.IGNORECASE,
)
_LANGUAGES = {"notebook": "json", "shell": "bash", "text": "text"}


def visible(text: str, keep: str = "") -> str:
    """`text` with every control, format, private or surrogate character but those in `keep` shown
    as an escape.
    """

    def shown(match: re.Match[str]) -> str:
        char = match[0]
        if char in keep or unicodedata.category(char) not in _HIDDEN:
            return char
        code = ord(char)
        if code < 0x100:
            return f"\\x{code:02x}"
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"

    return _MAYBE_HIDDEN.sub(shown, text)


def visible_block(text: str) -> str:
    """Several lines made visible; tabs stay, and so do line ends, as `\\n`."""
    return "\n".join(visible(line.removesuffix("\r"), keep="\t") for line in text.split("\n"))


def one_line(text: str) -> str:
    """`text` on one line, inert in a terminal or a log."""
    return visible(" ".join(text.split()))


def shortened(text: str, longest: int) -> str:
    """`text` on one line of at most `longest` characters."""
    text = one_line(text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def code_span(text: str) -> str:
    """`text` as an inline code span, whatever backticks it holds."""
    text = visible(text) or " "
    longest = max((len(run) for run in _TICKS.findall(text)), default=0)
    ticks = "`" * (longest + 1)
    pad = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{ticks}{pad}{text}{pad}{ticks}"


def inline(text: str) -> str:
    """One line of prose: code spans stay code, addresses and __names__ become code, the rest is plain text."""
    parts: list[str] = []
    for is_code, piece in split_code(one_line(text)):
        parts.append(code_span(piece) if is_code else _prose(piece, not parts))
    return "".join(parts)


def split_code(text: str) -> Iterator[tuple[bool, str]]:
    """The pieces of `text` as (is code, piece); a backtick run that is never closed is plain text."""
    start = position = 0
    while opening := _TICKS.search(text, position):
        runs = _TICKS.finditer(text, opening.end())
        closing = next((run for run in runs if run[0] == opening[0]), None)
        position = opening.end()
        if closing:
            if start < opening.start():
                yield False, text[start : opening.start()]
            yield True, text[opening.end() : closing.start()]
            start = position = closing.end()
    if start < len(text):
        yield False, text[start:]


def _prose(text: str, first: bool) -> str:
    """Plain text escaped; `first` when it opens a block, where `#` or `1.` would mean something."""
    parts: list[str] = []
    position = 0
    for link in _QUOTED.finditer(text):
        parts += [_escape(text[position : link.start()], first and not parts), code_span(link[0])]
        position = link.end()
    return "".join([*parts, _escape(text[position:], first and not parts)])


def _escape(text: str, first: bool) -> str:
    def escaped(match: re.Match[str]) -> str:
        found = match[0]
        if match.start() == 0 and not first and found[0] in "#+=-0123456789":
            return found
        return found + "\\" if found[0].isdigit() else "\\" + found

    return _ACTIVE.sub(escaped, text)


def fence(text: str, language: str = "", indent: str = "") -> list[str]:
    """`text` as the lines of a fenced block that nothing inside can close, each indented by
    `indent`.
    """
    lines = visible_block(text).split("\n")
    longest = max((len(run) for line in lines for run in _TICKS.findall(line)), default=0)
    ticks = "`" * max(3, longest + 1)
    tag = re.sub(r"[^a-z0-9+-]", "", _LANGUAGES.get(language, language).lower())
    return [(indent + line).rstrip(" ") for line in (ticks + tag, *lines, ticks)]
