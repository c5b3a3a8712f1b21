"""Gates on what a sentence says between two names: who calls, inherits from, returns what, and in which order.

The phrases and the statements that prove them are data, in lint.yaml.
"""

import re
from collections.abc import Iterator

from agent.exhibits import Exhibit, Line, defines
from agent.lint import Lint, Relation
from agent.state import Fault
from agent.terms import lines_of_term, searchable
from agent.words import Sentence, Term, find_term


def relations(sentence: Sentence, scope: Exhibit, lint: Lint) -> Iterator[Fault]:
    """Inheritance, calls, returns, defaults and the like stand in one statement, not merely both names."""
    text, by_mark = marked(sentence)
    for relation in lint.relations:
        for found in relation.says.finditer(text):
            pair = {key: by_mark[value] for key, value in found.groupdict().items() if value}
            if not _holds(relation, pair, scope):
                said = re.sub(r"~(\d+)~", lambda m: f"`{by_mark[m[1]].text}`", found[0])
                yield lint.fault("relation", said, " and ".join(scope.ids))


def marked(sentence: Sentence) -> tuple[str, dict[str, Term]]:
    """The sentence with every term written `~number~`, as the patterns of lint.yaml expect it, and the terms."""
    text, by_mark = sentence.text, {}
    for index, term in reversed(list(enumerate(sentence.terms))):
        by_mark[str(index)] = term
        text = f"{text[: term.at]}~{index}~{text[term.end :]}"
    return text, by_mark


def _holds(relation: Relation, pair: dict[str, Term], scope: Exhibit) -> bool:
    if relation.home and not scope.said and not defines(searchable(pair["A"]), scope):
        return False
    if relation.unless and any(_fill(relation.unless, pair).search(text) for text in scope.statements):
        return False
    if any(term.kind == "path" for term in pair.values()):
        return True
    lines = _fill(relation.lines, pair)
    known = (*scope.statements, *scope.caption.split("\n"), scope.code if "class" in relation.lines else "")
    return any(lines.search(text) for text in known)


def _fill(pattern: str, pair: dict[str, Term]) -> re.Pattern[str]:
    for key, term in pair.items():
        pattern = pattern.replace(f"{{{key}}}", re.escape(searchable(term)))
    return re.compile(pattern)


def order(sentence: Sentence, scope: Exhibit, lint: Lint) -> Iterator[Fault]:
    """ "`a` before `b`" needs `a` above `b` in one file, or earlier in the statement."""
    for found in lint.order.finditer(sentence.prose):
        pair = _ordered_pair(sentence, found)
        if pair is None:
            if not found["soft"]:
                yield lint.fault("order", found[0], " and ".join(scope.ids))
            continue
        early, late = pair if not found["after"] else (pair[1], pair[0])
        if not _above(early, late, scope):
            listed = f"`{early.text}` and `{late.text}`"
            yield lint.fault("order", listed, " and ".join(scope.ids))


def _ordered_pair(sentence: Sentence, found: re.Match[str]) -> tuple[Term, Term] | None:
    left = [term for term in sentence.terms if term.end <= found.start()]
    right = [term for term in sentence.terms if term.at >= found.end()]
    if left and right:
        return left[-1], right[0]
    if found.start() == 0 and len(right) > 1:  # "Before `b`, `a` …"
        return right[1], right[0]
    return None


def _above(early: Term, late: Term, scope: Exhibit) -> bool:
    first, second = _happens(early, scope), _happens(late, scope)
    if first and second and first[0].path == second[0].path:
        return first[0].number < second[0].number
    places = [find_term(searchable(term), scope.said) for term in (early, late)]
    return bool(places[0] and places[1] and places[0].start() < places[1].start())


def _happens(term: Term, scope: Exhibit) -> list[Line]:
    """The lines where `term` is called, or, when it is not called, where it stands; its definition apart."""
    lines = list(lines_of_term(term, scope))
    name = re.escape(searchable(term))
    called = [line for line in lines if re.search(rf"(?<!def )(?<!class )\b{name}\s*\(", line.text)]
    return called or [line for line in lines if not re.search(rf"\b(?:def|class) {name}\b", line.text)]
