"""Which lines of an exhibit can prove a sentence: those of the definition that it is about.

By names and indentation alone. It keeps a sentence on one function from being proven by the next one.
"""

from agent.exhibits import Exhibit, Line, definitions, near
from agent.terms import searchable
from agent.words import Sentence, Term, find_term

_ALL_LINES = 25  # an exhibit without a definition is searched for effects this far around its names


def scope_of(sentence: Sentence, exhibit: Exhibit) -> Exhibit | Term:
    """The part of the exhibit that can prove the sentence, or the first term that lies outside it.

    When the sentence names something that the lines define, only its definition counts, and the
    definitions and lines that this one is tied to by the sentence's other names.
    """
    defined = _first_defined(sentence, exhibit)
    if defined is None:
        return _around_names(sentence, exhibit)
    main, block = defined
    lines = list(block)
    for term in sentence.terms:
        if term is main or _in_lines(term, lines) or not _in_lines(term, list(exhibit.lines)):
            continue
        linked = _linked(term, main, exhibit)
        if not linked:
            return term
        lines.extend(linked)
    return exhibit.within(sorted(set(lines)))


def _first_defined(sentence: Sentence, exhibit: Exhibit) -> tuple[Term, tuple[Line, ...]] | None:
    """The first defined name and, of its definitions, the one that holds most of the other names."""
    for term in sentence.terms:
        blocks = list(definitions(searchable(term), exhibit))
        if blocks:
            others = [other for other in sentence.terms if other is not term]
            return term, max(blocks, key=lambda block: sum(_in_lines(other, list(block)) for other in others))
    return None


def _in_lines(term: Term, lines: list[Line]) -> bool:
    name = searchable(term)
    return any(find_term(name, line.text) for line in lines)


def _linked(term: Term, main: Term, exhibit: Exhibit) -> list[Line]:
    for block in definitions(searchable(term), exhibit):
        if _in_lines(main, list(block)):
            return list(block)
    name = searchable(term)
    return [line for line in exhibit.lines if find_term(name, line.text) and _in_lines(main, [line])]


def _around_names(sentence: Sentence, exhibit: Exhibit) -> Exhibit:
    if len(exhibit.lines) <= _ALL_LINES or not sentence.terms:
        return exhibit
    found = {line for term in sentence.terms for line in near(searchable(term), exhibit, _ALL_LINES // 2)}
    return exhibit.within(sorted(found)) if found else exhibit
