"""What a sentence says that lines of code can be searched for: names, expressions, quotations, figures, plain words.

Purely lexical. Which of them matter is decided by their rarity, in `gate.py`.
"""

import keyword
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from agent.documents.page import WORD, condense
from agent.words import Sentence, Term, read_sentence
from retrieval.languages import words

Kind = Literal["name", "expression", "number", "word", "path"]

_QUOTES = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'"})
_ELISION = re.compile(r"\.{3}|\u2026")
_PATH = re.compile(r"(?:[\w.@+%-]+/)*[\w@+%-][\w.@+%-]*\.([A-Za-z]\w{0,7})|(?:[\w.@+-]+/)+")
_EXTENSIONS = words(
    "py pyi ipynb md rst txt toml cfg ini yaml yml json sh c cc cpp cu h hpp js jsx ts tsx rs go java rb in lock"
)
_MARKED = frozenset({"tick", "flag", "dotted", "call", "snake"})  # forms of code that prose does not have
_SHORTEST_EXPRESSION, _SHORTEST_WORD = 6, 4
_LONGEST = 4000  # characters of a sentence that are read
_EMPTY = frozenset(keyword.kwlist) | words(
    """self cls args kwargs int str float bool list dict tuple set len print object type value name data this that with
    from which what when where into each only also then than both more most used uses using function method class
    module file files line lines code called calls default have has does will been they them their there here such
    some other same very"""
)
_KEYWORDS = {  # how prose speaks of statements
    "return": "returns returned returning", "raise": "raises raised raising", "import": "imports imported importing",
    "yield": "yields yielded streamed generator", "assert": "asserts assertion", "except": "catches caught handles",
    "await": "awaits awaited", "del": "deletes deleted", "lambda": "lambdas",
    "global": "globals", "async": "asynchronous", "class": "subclass subclasses derives inherits",
}  # fmt: skip
KEYWORDS = frozenset(_KEYWORDS)
_SPOKEN = {said: word for word, forms in _KEYWORDS.items() for said in forms.split()}


@dataclass(frozen=True, slots=True)
class Atom:
    """One thing to look for. `text` of an expression is condensed; `shown` is how the sentence writes it.

    `code`: the sentence marks it as code, so that it must exist if the sentence is right.
    """

    text: str
    kind: Kind
    shown: str
    code: bool


@lru_cache(maxsize=16384)
def read_atoms(text: str) -> tuple[Atom, ...]:
    """The atoms of a sentence, each once, in order; of a very long one, those of its beginning."""
    sentence = read_sentence(text[:_LONGEST].translate(_QUOTES))
    found: dict[str, Atom] = {}
    for atom in (*_of_terms(sentence), *_of_prose(sentence)):
        found.setdefault(atom.text, atom)
    return tuple(found.values())


def _of_terms(sentence: Sentence) -> Iterator[Atom]:
    for term in sentence.terms:
        if is_path(term.text):
            yield Atom(term.text, "path", term.text, True)
            continue
        yield from _expressions(term)
        if term.kind != "quote":
            yield from _names(term)


def is_path(text: str) -> bool:
    """Whether a code term is written like the path of a file or folder."""
    found = _PATH.fullmatch(text)
    return bool(found) and (found[1] is None or "/" in text or found[1] in _EXTENSIONS)


def _expressions(term: Term) -> Iterator[Atom]:
    if term.kind not in ("tick", "quote") or (term.kind == "tick" and WORD.fullmatch(term.text)):
        return
    for piece in _ELISION.split(term.text):
        condensed = condense(piece)
        if len(condensed) >= _SHORTEST_EXPRESSION and re.search(r"\w", condensed):
            yield Atom(condensed, "expression", piece.strip(), False)


def _names(term: Term) -> Iterator[Atom]:
    for found in WORD.finditer(term.text):
        word, follows = found[0], term.text[found.end() : found.end() + 3]
        if follows[:1] == "\u2026" or follows == "...":
            continue  # cut in the middle
        if word[0].isdigit():
            yield Atom(word, "number", word, False)
        elif word == term.text or (len(word) > 1 and word not in _EMPTY):
            yield Atom(word, "name", word, term.kind in _MARKED and len(word) > 1 and word not in _EMPTY)


def _of_prose(sentence: Sentence) -> Iterator[Atom]:
    for number in sentence.numbers:
        yield Atom(number.replace(",", ""), "number", number, False)
    for word in sentence.words:
        if spoken := _SPOKEN.get(word.lower()):
            yield Atom(spoken, "word", word, False)
        elif len(word) >= _SHORTEST_WORD and word.lower() not in _EMPTY:
            yield Atom(word, "word", word, False)
