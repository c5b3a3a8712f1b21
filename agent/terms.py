"""Does a name or a figure of a sentence stand in an exhibit, and on which lines?

Knows how code spells what prose names: import paths, calls without their arguments, acronyms, plurals.
"""

import re
from collections.abc import Iterator

from agent.exhibits import Exhibit, Line, definitions
from agent.lint import Lint
from agent.words import Term, figure, find_term, is_number, numbers_of, stands_in

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_CALL = re.compile(r"([A-Za-z_][\w.]*)\((.*)\)", re.DOTALL)


def proven(term: Term, exhibit: Exhibit, lint: Lint) -> bool:
    """Whether `term` stands in the exhibit's lines, statement, caption or path."""
    text = term.text
    if find_term(text, exhibit.everything):
        return True
    if term.kind == "path" or "/" in text:
        return any(path == text or path.endswith(f"/{text}") for path in exhibit.paths)
    if term.kind in ("caps", "camel"):
        return _spelled_otherwise(text, exhibit, lint, any_case=term.kind == "caps")
    if _DOTTED.fullmatch(text):
        return _dotted(text, exhibit) if "." in text else False
    return term.kind in ("tick", "quote") and _expression(text, exhibit)


def proper_noun(word: str, exhibit: Exhibit, lint: Lint) -> bool:
    """Whether a capitalised word of the prose stands in the exhibit, in any case or spelling."""
    return _as_part(word, exhibit.everything) or _spelled_otherwise(word, exhibit, lint, any_case=True)


def _spelled_otherwise(text: str, exhibit: Exhibit, lint: Lint, *, any_case: bool) -> bool:
    spellings = lint.data.aliases.get(text.lower(), [])
    plural = [text[:-1]] if text.endswith("s") and len(text) > 3 else []
    return any(_as_part(spelling, exhibit.everything) for spelling in spellings) or any(
        stands_in(name, exhibit.everything, any_case=any_case) for name in (*plural, *([text] if any_case else []))
    )


def _as_part(spelling: str, text: str) -> bool:
    return bool(re.search(rf"(?<![A-Za-z]){re.escape(spelling)}(?![A-Za-z])", text, re.IGNORECASE))


def _dotted(text: str, exhibit: Exhibit) -> bool:
    module = "/".join(text.split("."))
    if any(f"/{path}".rpartition(".")[0].endswith(f"/{module}") for path in exhibit.paths):
        return True
    *parents, last = text.split(".")
    if not any(True for _ in definitions(last, exhibit)):
        return False
    known = exhibit.everything
    return all(stands_in(parent, known) or _as_part(parent, "\n".join(exhibit.paths)) for parent in parents)


def _expression(text: str, exhibit: Exhibit) -> bool:
    """Code with operators must stand as it is, blanks aside; a call may leave out annotations."""
    condensed = _condense(text)
    if len(condensed) >= 3 and condensed in _condense(exhibit.proof):
        return True
    call = _CALL.fullmatch(text)
    if not call or not stands_in(call[1], exhibit.proof):
        return False
    names = _IDENTIFIER.findall(call[2])
    return any(
        stands_in(call[1], statement) and all(stands_in(name, statement) for name in names)
        for statement in exhibit.statements
    )


def _condense(text: str) -> str:
    return re.sub(r"\s+", "", text).replace("'", '"')


def searchable(term: Term) -> str:
    """What to look for in lines when the term itself is an expression or a dotted name."""
    if term.kind in ("path", "flag", "quote"):
        return term.text
    found = _DOTTED.match(term.text)
    return found[0].rpartition(".")[2] if found else term.text


def lines_of_term(term: Term, exhibit: Exhibit) -> Iterator[Line]:
    """Lines where the term stands, whole if it does anywhere, else its last identifier."""
    whole = [line for line in exhibit.lines if find_term(term.text, line.text)]
    yield from whole or (line for line in exhibit.lines if find_term(searchable(term), line.text))


def has_number(number: str, text: str) -> bool:
    """Whether a figure of the same value stands in `text`."""
    value = figure(number)
    return any(is_number(found) and figure(found) == value for found in numbers_of(text))
