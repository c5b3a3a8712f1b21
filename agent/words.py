"""What a sentence says in code terms: its identifiers, figures and plain words, and where they stand in text.

Purely lexical, for sentences of any model and lines of any language. It does not know what is true.
"""

import re
from dataclasses import dataclass

_TERMS = re.compile(
    r"`(?P<tick>[^`]+)`"
    r"|\"(?P<quote>[^\"]{1,120})\""
    r"|(?P<path>(?:[\w.-]+/)+[\w.-]*\w|\b[\w-]+\.(?:py|pyi|ipynb|md|txt|toml|cfg|ini|ya?ml|json|sh|c|cc|cpp|cu|h|js|ts|rs|go)\b)"
    r"|(?P<flag>(?<![\w-])--?[A-Za-z][\w-]+)"
    r"|(?P<dotted>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?:\(\))?)"
    r"|(?P<call>\b[A-Za-z_]\w*\(\))"
    r"|(?P<snake>\b(?:[A-Za-z]\w*_\w*|_+[A-Za-z]\w*))"
    r"|(?P<camel>\b(?:[A-Z][a-z0-9]+[A-Z]\w*|[a-z]+[A-Z]\w*|[A-Z]{2,}[a-z]\w*)\b)"
    r"|(?P<caps>\b[A-Z][A-Z0-9]+s?\b)"
)
_ABBREVIATIONS = frozenset({"e.g", "i.e"})
_NUMBER = re.compile(r"(?<![\w.])\d(?:[\d_]|,(?=\d{3}))*(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORD = re.compile(r"[A-Za-z][A-Za-z']*[A-Za-z]|[A-Za-z]")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SUFFIX = re.compile(
    r"(?:i[sz]ations?|i[sz]ing|i[sz]e[drs]?|ations?|itions?|ingly|ings?|ies|ied|ions?|ers?|ors?|ed|es|ly|s|e|y)$"
)
BLANK = "~"


@dataclass(frozen=True, slots=True)
class Term:
    """A code-shaped part of a sentence. `text` is without quotes and `()`; `at` its offset in the sentence."""

    text: str
    at: int
    end: int
    kind: str

    @property
    def last(self) -> str:
        """The last identifier of a dotted name, else the whole."""
        return self.text.rpartition(".")[2] if self.kind in ("dotted", "tick", "call") else self.text


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence taken apart. `prose` has the length of `text`, with every term blanked by `~`."""

    text: str
    prose: str
    terms: tuple[Term, ...]
    numbers: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def proper(self) -> tuple[str, ...]:
        """Capitalised words that do not begin the sentence."""
        return tuple(m[0] for m in re.finditer(r"(?<=[\w,~;:(] )[A-Z][a-z]\w+", self.prose))


def read_sentence(text: str) -> Sentence:
    """Take `text` apart; never raises."""
    found = [m for m in _TERMS.finditer(text) if m[0] not in _ABBREVIATIONS]
    prose = text
    for match in found:
        start, end = match.span()
        prose = prose[:start] + BLANK * (end - start) + prose[end:]
    terms = [_term(match) for match in found]
    return Sentence(
        text=text,
        prose=prose,
        terms=tuple(term for term in terms if term.text and not is_number(term.text)),
        numbers=tuple(numbers_of(prose)) + tuple(t.text for t in terms if is_number(t.text)),
        words=tuple(_WORD.findall(prose)),
    )


def _term(match: re.Match[str]) -> Term:
    kind = match.lastgroup or "tick"
    text = match[kind].strip().removesuffix("()")
    return Term(text, match.start(), match.end(), kind)


def is_number(text: str) -> bool:
    """Whether the whole of `text` is one figure."""
    return bool(_NUMBER.fullmatch(text))


def numbers_of(text: str) -> list[str]:
    """The figures in `text` as written, not those inside identifiers."""
    return _NUMBER.findall(text)


def figure(text: str) -> float:
    """The value of a figure as `numbers_of` gives it: 16_000, 16,000 and 16000 are equal."""
    return float(text.replace("_", "").replace(",", ""))


def stem(word: str) -> str:
    """A crude stem: lower case, without common endings. Only for comparing words with words."""
    word = word.lower()
    cut = _SUFFIX.sub("", word)
    if len(cut) < 3:
        return word.rstrip("sd") if len(word) > 3 else word
    return cut[:-1] if len(cut) > 3 and cut[-1] == cut[-2] else cut


def alike(one: str, other: str) -> bool:
    """Whether two stems are of one word: equal, or sharing a long beginning."""
    if one == other:
        return True
    short, long = sorted((one, other), key=len)
    if len(short) >= 4 and long.startswith(short):
        return True
    return len(short) >= 6 and short[:6] == long[:6]


def stems_of(text: str) -> frozenset[str]:
    """Stems of every word in `text`, identifiers split at `_` and inner capitals and kept whole too."""
    parts = {stem(part) for part in _PART.findall(text)}
    return frozenset(parts | {stem(word) for word in re.findall(r"[A-Za-z]{2,}", text)})


def stands_in(term: str, text: str, *, any_case: bool = False) -> bool:
    """Whether `term` stands in `text` as a whole, not as a part of a longer name."""
    return find_term(term, text, any_case=any_case) is not None


def find_term(term: str, text: str, *, any_case: bool = False) -> re.Match[str] | None:
    """The first place where `term` stands in `text`; runs of blanks in it match any run of blanks."""
    pattern = r"\s+".join(re.escape(part) for part in term.split())
    before = r"(?<![A-Za-z0-9_])" if re.match(r"\w", term) else ""
    after = r"(?![A-Za-z0-9_])" if re.search(r"\w$", term) else ""
    return re.search(before + pattern + after, text, re.IGNORECASE if any_case else 0)
