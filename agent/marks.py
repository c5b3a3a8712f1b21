"""Finds the names of code in a person's question: identifiers, options, paths, and plain words that are names.

The question comes back in lower case with a place holder for every name ("where is @1 called"), which is what the
patterns of intents.yaml are written for. Decides nothing about what is asked.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

from agent.vocabulary import Vocabulary
from retrieval.lexical import tokens

_EXTENSIONS = "py|pyi|ipynb|ya?ml|json|toml|md|rst|txt|sh|cfg|ini|js|ts|c|cpp|cu|h|go|rs|java"
_PATH = re.compile(rf"(?<![\w/.-])(?:[\w.-]+/)+[\w.*-]*|(?<![\w/.-])[\w-]+(?:\.[\w-]+)*\.(?:{_EXTENSIONS})\b(?!\()")
_CODE = re.compile(
    r"`([^`]{1,120})`|(?<![\w-])(--[a-zA-Z][\w-]*)|\b((?=[\w.-]*[0-9A-Z])[A-Za-z][\w.]*(?:-[\w.]*\w)+)|([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?:\(\))?|([A-Za-z_]\w*)\(\)"
    r"|\b(_*[A-Za-z]\w*_\w*|[A-Za-z]+[a-z0-9][A-Z]\w*|[A-Z][a-z0-9]+[A-Z]\w*|[A-Z]{2,}(?!s\b)[a-z]\w*)"
)
_NAME = re.compile(r"-{0,2}[A-Za-z_][\w.-]*")
_WORD = re.compile(r"[A-Za-z_][\w'-]*")
_FILLER = (
    r"(?:the|an?|this|that|its?|function|method|class|module|variable|parameter|argument|option|flag|constant|"
    r"library|package|attribute|field|object|exception|decorator|keyword|file|folder|directory)"
)
_AROUND = re.compile(rf"\b(?:{_FILLER} )+(?=@\d)|(?<=@\d) (?:function|method|class|module|library|package|option)s?\b")
_LISTED = re.compile(r"@(\d+)(?:\s*(?:,|and|or|/|&)\s*)+@(\d+)")
_PRONOUN = re.compile(r"\b(?:it|they|them)\b")
_IN = re.compile(r"(?:\b(?:in|inside|of|from|within|under|for)\s+)?(?:\b(?:the|file|folder|module|directory)\s+)*$")


@dataclass(frozen=True)
class Marked:
    """A question with its names marked. `text` has `@1`, `@2` … for `names`; names that are listed side by side
    share the place holder of the first (`together`). `paths` were taken out of the text with the word before them."""

    text: str
    names: tuple[str, ...]
    together: dict[int, tuple[int, ...]]
    paths: tuple[str, ...] = ()

    def group(self, number: int) -> list[str]:
        """The names that a place holder stands for."""
        return [self.names[other - 1] for other in self.together.get(number, (number,))]


def mark(question: str, vocabulary: Vocabulary) -> Marked:
    """Mark what looks like code; a word that does so by its capitals alone ("LoRA") only where it is a name here."""
    text, paths = _take_paths(" ".join(question.split()))
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        name = next(part for part in match.groups() if part)
        name = name.strip().removesuffix("()")
        by_capitals = match.lastindex == match.re.groups and "_" not in name
        if not _NAME.fullmatch(name) or (by_capitals and not _is_name(name, vocabulary)):
            return match[0]
        if name not in names:
            names.append(name)
        return f" @{names.index(name) + 1} "

    text = _CODE.sub(number, text)
    return _finish(text, names, paths)


def mark_pronoun(marked: Marked, name: str) -> Marked | None:
    """The question with its first pronoun read as `name`; None where it has none, or names of its own."""
    if marked.names or marked.paths or not _PRONOUN.search(marked.text):
        return None
    return _finish(_PRONOUN.sub(" @1 ", marked.text, count=1), [name], [])


def mark_words(marked: Marked, vocabulary: Vocabulary, silent: Collection[str]) -> Marked:
    """Mark plain words that are names of the code too, pairs and triples of words first ("beam size": `beam_size`)."""
    words = [match[0] for match in _WORD.finditer(marked.text)]
    names = list(marked.names)
    text = marked.text
    for length in (3, 2, 1):
        for group in zip(*(words[start:] for start in range(length)), strict=False):
            if not content_words(" ".join(group), silent) or not re.search(rf"(?<![@\w]){' '.join(group)}(?!\w)", text):
                continue
            if found := _known("_".join(group), vocabulary, single=length == 1):
                names.append(found)
                text = re.sub(rf"(?<![@\w]){' '.join(group)}(?!\w)", f"@{len(names)}", text)
    return _finish(text, names, list(marked.paths))


def _is_name(word: str, vocabulary: Vocabulary) -> bool:
    spelled = vocabulary.spelling(word)
    return not spelled or spelled in vocabulary.names


def _known(word: str, vocabulary: Vocabulary, *, single: bool) -> str:
    found = vocabulary.spelling(word, plain=True)
    if single and not found and word.endswith("s"):
        found = vocabulary.spelling(word.removesuffix("s"), plain=True)
    if single:
        return found if found in vocabulary.names or found in vocabulary.options else ""
    return found if "_" in found or not found.islower() else ""


def _take_paths(text: str) -> tuple[str, list[str]]:
    paths: list[str] = []
    kept, position = "", 0
    for match in _PATH.finditer(text):
        paths.append(match[0].strip("`"))
        kept += _IN.sub("", text[position : match.start()].rstrip("` "))
        position = match.end()
    return kept + text[position:], paths


def _finish(text: str, names: list[str], paths: list[str]) -> Marked:
    text = " ".join(re.sub(r"[`\"“”?!]|\(\)", " ", text).lower().split()).strip(" .")
    text = _AROUND.sub("", " ".join(text.split()))
    together: dict[int, tuple[int, ...]] = {}
    while found := _LISTED.search(text):
        one, other = int(found[1]), int(found[2])
        together[one] = (*together.get(one, (one,)), *together.get(other, (other,)))
        text = f"{text[: found.start()]}@{one}{text[found.end() :]}"
    return Marked(text, tuple(names), together, tuple(paths))


def content_words(text: str, silent: Collection[str]) -> list[str]:
    """The words of a marked question that say what it is about, each once, in order."""
    plain = re.sub(r"@\d+", " ", text.lower())
    return [word for word in dict.fromkeys(_WORD.findall(plain)) if word not in silent and tokens(word)]
