"""Contradictions: the same thing asserted differently in two answers of one run.

Compared are what the census counts and misses under one name, how a dependency is pinned, and what sentences say of a
symbol (its kind, value, default, home). Deterministic and lexical: two names for one thing are not seen as one.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from agent.findings import Finding
from agent.lint import Lint, load_lint
from agent.relations import marked
from agent.stages import Question
from agent.state import Answer, Claim, Contradiction, Fault, Origin, Stated
from agent.terms import searchable
from agent.words import read_sentence, stems_of
from retrieval.census import parse_query

_PINNED = re.compile(r"`([A-Za-z][\w.-]*)(?:\[[\w,]+\])?==(\d[\w.+!*-]*)`(?P<declared> is (?:required|installed))?")
_CLAUSE = re.compile(r"\s*[,(].*| - .*", re.DOTALL)
_CALL, _CALLS = "call", "calls"


@dataclass(frozen=True, slots=True)
class Assertion:
    """`value` is said of `what` of `subject` in an answer; `where` are the files that the statement cites."""

    what: str  # "count", "absence", "version", or a kind of lint.yaml's `assertions`
    subject: str
    value: str
    question_id: str
    said: str
    origin: Origin
    where: frozenset[str] = frozenset()


def of_findings(question: Question, findings: Iterable[Finding]) -> Iterator[Assertion]:
    """What the census says for a question: how often each thing occurs, where that is printed, and what never does."""
    question_id = question.id
    for finding in findings:
        if "{count}" not in finding.fact.found:
            continue
        label = _CLAUSE.sub("", finding.fact.label)
        subject = " ".join(sorted(stems_of(label))) or label
        if finding.hits:
            count = len(finding.hits)
            said = f"{finding.fact.label}: {count} place{'s' if count > 1 else ''}"
            yield Assertion("count", subject, str(count), question_id, said, "census")
        elif not finding.elsewhere and not finding.unread:
            said = f"{finding.fact.label}: not found in {finding.searched} files"
            yield Assertion("count", subject, "0", question_id, said, "census")
            yield from _absences(finding, question_id, said)


def _absences(finding: Finding, question_id: str, said: str) -> Iterator[Assertion]:
    """The names that are called nowhere, of those that the fact's queries spell out."""
    for text in finding.fact.census:
        query = parse_query(text)
        if query.kind != _CALLS or query.options or finding.fact.filter:
            continue
        for pattern in query.patterns:
            name = pattern.text.removeprefix("*.")
            if not pattern.excluding and re.fullmatch(r"[\w.]+", name):
                yield Assertion(_CALL, name, "no", question_id, said, "census")


def of_claim(question_id: str, claim: Claim, lint: Lint) -> Iterator[Assertion]:
    """What a statement says of versions and symbols."""
    where = frozenset(citation.path for citation in claim.citations)
    for found in _PINNED.finditer(claim.text):
        if claim.origin == "census" and not found["declared"]:
            continue
        name = re.sub(r"[-_.]+", "-", found[1]).lower()
        yield Assertion("version", name, found[2], question_id, claim.text, claim.origin, where)
    if claim.origin == "census":
        return
    sentence = read_sentence(claim.text)
    text, terms = marked(sentence)
    for form in lint.assertions:
        for found in form.says.finditer(text):
            named = found.groupdict()
            subject = searchable(terms[named["A"]])
            value = form.value or named.get("value") or (searchable(terms[named["B"]]) if named.get("B") else "")
            if form.what == _CALL:
                subject = terms[named["A"]].text
            yield Assertion(form.what, subject, value.lower(), question_id, claim.text, claim.origin, where)


def of_answer(answer: Answer) -> Iterator[Assertion]:
    """What the sentences of an answer say that the census has not said for it."""
    lint = load_lint()
    for claim in answer.claims:
        yield from of_claim(answer.question_id, claim, lint)


def refuted(claim: Claim, known: Sequence[Assertion], lint: Lint) -> Fault | None:
    """The first earlier or stronger assertion that the claim contradicts, as a fault."""
    for assertion in of_claim("", claim, lint):
        against = [other for other in known if _same_thing(assertion, other)]
        agreed = any(other.value == assertion.value for other in against)
        if against and not agreed:
            return lint.fault("contradicts", against[0].said, against[0].question_id)
    return None


def _same_thing(one: Assertion, other: Assertion) -> bool:
    if one.what != other.what:
        return False
    if one.what == _CALL:
        return one.subject == other.subject or one.subject.endswith(f".{other.subject}")
    local = one.what != "version"
    return one.subject == other.subject and (not local or not one.where or bool(one.where & other.where))


def contradictions(assertions: Iterable[Assertion]) -> tuple[Contradiction, ...]:
    """Every thing of which the answers say different things, each value with one answer that says it.

    What a dependency is pinned to may differ from file to file: then the repository contradicts itself, which is
    worth knowing too.
    """
    listed = sorted(assertions, key=lambda a: (a.what, a.subject))
    found = []
    for (what, subject), group in groupby(listed, key=lambda a: (a.what, a.subject)):
        by_value: dict[str, list[Assertion]] = {}
        for assertion in group:
            by_value.setdefault(assertion.value, []).append(assertion)
        if len(by_value) > 1 and (what in ("count", "version") or _overlap(by_value)):
            stated = tuple(_stated(value) for value in by_value.values())
            found.append(Contradiction(what=what, subject=subject, statements=stated))
    return tuple(found)


def _overlap(by_value: dict[str, list[Assertion]]) -> bool:
    """Whether two of the different values are said of one file."""
    files = [frozenset().union(*(a.where for a in group)) for group in by_value.values()]
    return len(frozenset().union(*files)) < sum(len(paths) for paths in files)


def _stated(group: Sequence[Assertion]) -> Stated:
    questions = tuple(dict.fromkeys(assertion.question_id for assertion in group))
    return Stated(value=group[0].value, said=group[0].said, questions=questions)
