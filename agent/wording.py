"""Gates on the wording of a sentence alone: what is refused whatever the evidence says.

Each gate takes the sentence and answers with a fault or None.
"""

import re
import unicodedata

from agent.lint import Lint
from agent.state import Fault
from agent.words import Sentence, stem, stems_of

_MARKUP = re.compile(
    r"<[A-Za-z/!?|]|```|\]\(|\|>|<\||^\s*[#>|]|^\s*[-*+]\s|\*\*|https?://|\bE\d+\b(?!`)|&[a-z]+;|\[\[|\{\{"
)
_UNFINISHED = re.compile(
    r"(?:\b(?:a|an|the|and|or|of|to|in|on|with|by|for|from|as|is|are|that|which|where|if|its|at|into)|[,;:(\[{-]|\.\.)\s*[.]$",
    re.IGNORECASE,
)
_PAIRS = (("(", ")"), ("[", "]"), ("{", "}"))


def markup(sentence: Sentence, lint: Lint) -> Fault | None:
    """Plain text only: no control or invisible characters, no Markdown or HTML structure, no evidence ids."""
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") for char in sentence.text):
        return lint.fault("markup", "control characters")
    ticked = re.sub(r"`[^`]*`", "x", sentence.text)
    if found := _MARKUP.search(ticked):
        return lint.fault("markup", found[0].strip())
    return None


def length(sentence: Sentence, lint: Lint) -> Fault | None:
    """Neither a fragment nor a paragraph."""
    limits = lint.data.limits
    if len(sentence.text) > limits.longest:
        return lint.fault("too_long")
    units = len(sentence.words) + len(sentence.terms)
    if len(sentence.text) < limits.shortest or units < limits.fewest_words:
        return lint.fault("too_short", sentence.text)
    return None


def sense(sentence: Sentence, lint: Lint) -> Fault | None:
    """A verb, and no stuttering: three words in a row that come again, two of which carry meaning."""
    units = re.findall(r"[\w.]+", sentence.text.lower())
    threes = [tuple(units[at : at + 3]) for at in range(len(units) - 2)]
    telling = [three for three in threes if sum(stem(unit) not in lint.neutral for unit in three) > 1]
    whole = lint.verbs.search(sentence.prose) and len(set(telling)) == len(telling)
    return None if whole else lint.fault("no_sentence")


def ending(sentence: Sentence, lint: Lint) -> Fault | None:
    """The sentence ends, and closes what it opens."""
    text = sentence.text
    whole = text.endswith(".") and not _UNFINISHED.search(text) and text.count("`") % 2 == 0
    bare = re.sub(r"`[^`]*`", "", text)
    closed = all(bare.count(left) == bare.count(right) for left, right in _PAIRS)
    return None if whole and closed and text.count('"') % 2 == 0 else lint.fault("cut_off")


def subject(sentence: Sentence, lint: Lint) -> Fault | None:
    """The sentence says itself whom it is about."""
    found = lint.dangling.match(sentence.prose)
    return lint.fault("dangling", found[0].strip()) if found else None


def manner(sentence: Sentence, lint: Lint) -> Fault | None:
    """No filler, speculation, hedging, judgement or vagueness."""
    for kind, pattern in lint.wording:
        if found := pattern.search(sentence.prose):
            return lint.fault(kind, found[0].strip())
    return None


def restating(sentence: Sentence, question: str, lint: Lint) -> Fault | None:
    """More than the words of the question."""
    asked = stems_of(question)
    new = [word for word in content(sentence, lint) if stem(word) not in asked]
    named = [term for term in sentence.terms if not stems_of(term.text) <= asked]
    return None if new or named or sentence.proper else lint.fault("restates")


def repetition(sentence: Sentence, accepted: list[Sentence], lint: Lint) -> Fault | None:
    """Something that no accepted sentence of the answer says already."""
    for other in accepted:
        if similarity(sentence, other, lint) >= lint.data.limits.similar:
            return lint.fault("repeats")
    return None


def similarity(one: Sentence, other: Sentence, lint: Lint) -> float:
    """Share of the shorter sentence's names and content words that stand in the longer; 0 to 1.

    A name or figure that only the first sentence has lowers it: another fact about the same function is
    no repetition.
    """
    mine, theirs = marks(one, lint), marks(other, lint)
    if not mine or not theirs:
        return 1.0 if one.text == other.text else 0.0
    shared = len(mine & theirs)
    new_names = {t.last for t in one.terms} - {t.last for t in other.terms}
    new_names |= set(one.numbers) - set(other.numbers)
    if new_names:
        return shared / len(mine | theirs)
    return shared / min(len(mine), len(theirs)) if shared else 0.0


def marks(sentence: Sentence, lint: Lint) -> set[str]:
    """Names (whole) and stems of content words."""
    names = {term.last.lower() for term in sentence.terms}
    return names | {stem(word) for word in content(sentence, lint)}


def content(sentence: Sentence, lint: Lint) -> list[str]:
    """The words that carry meaning: not neutral, at least three letters."""
    return [word for word in sentence.words if len(word) > 2 and stem(word) not in lint.neutral]


def check_wording(sentence: Sentence, question: str, accepted: list[Sentence], lint: Lint) -> list[Fault]:
    """All faults of the wording; broken text is not looked at further."""
    broken = [gate(sentence, lint) for gate in (markup, length, sense, ending)]
    if any(broken):
        return [fault for fault in broken if fault]
    faults = [
        subject(sentence, lint),
        manner(sentence, lint),
        restating(sentence, question, lint),
        repetition(sentence, accepted, lint),
    ]
    return [fault for fault in faults if fault]
