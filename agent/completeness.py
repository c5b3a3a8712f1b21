"""Completeness: does an answer say everything that its question asks for? What is missing is a fault by name.

Three demands: every part of a question of several parts has a statement; every hit of the census is listed;
an answer about places gives each with the definition around it. Judges no statement; see `verify.py`.
"""

from collections.abc import Iterator, Sequence

from agent.findings import Finding
from agent.lint import load_lint
from agent.stages import Question
from agent.state import Citation, Claim, Fault
from retrieval.codebase import Codebase


def absent_parts(question: Question, findings: Sequence[Finding]) -> Iterator[tuple[str, list[Finding]]]:
    """The parts of a question of which nothing was found anywhere, and that no other statement says so of.

    A fact with a `none` sentence and a deciding fact of a question with a verdict speak for themselves.
    """
    for part, labels in question.parts.items():
        facts = [finding for finding in findings if finding.fact.label in labels]
        found = any(finding.hits or finding.elsewhere for finding in facts)
        said = any(f.fact.none or _is_denied(question, f, findings) for f in facts)
        if facts and not found and not said and not any(finding.unread for finding in facts):
            yield part, facts


def _is_denied(question: Question, finding: Finding, findings: Sequence[Finding]) -> bool:
    """Whether the direct answer says of a deciding fact that nothing was found: a no does, a yes with its list does."""
    if question.verdict is None or not finding.fact.decides:
        return False
    found = any(other.hits for other in findings if other.fact.decides)
    return not found or "{absent}" in question.verdict.positive


def missing(
    question: Question, findings: Sequence[Finding], claims: Sequence[Claim], codebase: Codebase
) -> tuple[Fault, ...]:
    """Everything that the answer `claims` leaves out."""
    cited = [citation for claim in claims for citation in claim.citations]
    unplaced = _unplaced(cited, codebase) if question.asks_where else ()
    return (*_unanswered(question, findings, claims), *_unlisted(findings, cited, codebase), *unplaced)


def _unanswered(question: Question, findings: Sequence[Finding], claims: Sequence[Claim]) -> Iterator[Fault]:
    """A part whose facts could not be determined, or of which no statement speaks."""
    cited = {(c.path, c.start) for claim in claims for c in claim.citations}
    texts = {claim.text.lower() for claim in claims}
    for part, labels in question.parts.items():
        facts = [finding for finding in findings if finding.fact.label in labels]
        hits = [hit for finding in facts for hit in (*finding.hits, *finding.elsewhere)]
        if any((hit.path, hit.start) in cited or hit.text.lower() in texts for hit in hits):  # an absence cites nothing
            continue
        blind = next((finding.unread for finding in facts if finding.unread), "")
        if not hits and not blind and any(_is_denied(question, finding, findings) for finding in facts):
            continue
        if blind:
            yield load_lint().fault("part_unread", part, blind)
        elif hits or not any(_denies(claim, part, facts) for claim in claims):
            yield load_lint().fault("part", part)


def _denies(claim: Claim, part: str, facts: Sequence[Finding]) -> bool:
    """Whether a statement of absence speaks of the part: by its name, a fact's name, or a fact's own sentence."""
    names = [part, *(f.fact.label for f in facts), *(f.fact.none.partition("{")[0] for f in facts if f.fact.none)]
    text = claim.text.lower()
    return claim.searched > 0 and any(name.lower() in text for name in names if name)


def _unlisted(findings: Sequence[Finding], cited: Sequence[Citation], codebase: Codebase) -> Iterator[Fault]:
    """A fact that lists some of its hits and not the others."""
    places = {(citation.path, citation.start) for citation in cited}
    files = codebase.snapshot.by_path
    for finding in findings:
        hits = [hit for hit in (*finding.hits, *finding.elsewhere) if hit.path in files and files[hit.path].lines]
        lost = [hit for hit in hits if (hit.path, max(1, hit.start)) not in places]
        measured = all(hit.detail.get("scope") == "repository" for hit in lost)
        if lost and not measured:
            yield load_lint().fault("unlisted", f"{len(lost)} of {len(hits)}", finding.fact.label)


def _unplaced(cited: Sequence[Citation], codebase: Codebase) -> Iterator[Fault]:
    """A place inside a definition that is given without its name."""
    bare = dict.fromkeys(c for c in cited if not c.symbol and c.path in codebase.facts)
    for citation in bare:
        if codebase.symbol_at(citation.path, citation.start):
            yield load_lint().fault("unplaced", str(citation.span))


def placed(claims: Sequence[Claim], codebase: Codebase) -> tuple[Claim, ...]:
    """The claims with the definition around each of their places."""
    known: dict[tuple[str, int], str] = {}

    def name(citation: Citation) -> Citation:
        at = (citation.path, citation.start)
        if at not in known:
            known[at] = codebase.symbol_at(*at) if citation.path in codebase.facts else ""
        return citation.model_copy(update={"symbol": known[at]}) if known[at] else citation

    return tuple(c.model_copy(update={"citations": tuple(name(x) for x in c.citations)}) for c in claims)
