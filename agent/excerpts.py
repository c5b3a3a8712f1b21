"""The code that an answer quotes: what the model's accepted claims cite, else lines around the first census hits."""

from collections.abc import Sequence

from agent.compose import cite
from agent.findings import Finding
from agent.stages import Question
from agent.state import Claim, Excerpt
from retrieval.chunk import Span
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit
from retrieval.snapshot import Snapshot

EXCERPT_LINES, EXCERPT_BEFORE, EXCERPT_AFTER, EXCERPT_CHOICE = 14, 3, 5, 5


def excerpts(
    question: Question, findings: Sequence[Finding], accepted: Sequence[Claim], codebase: Codebase
) -> tuple[Excerpt, ...]:
    """Code that the answer quotes: what the model's accepted claims cite, else around the first code hits."""
    snapshot = codebase.snapshot
    cited = [c.span for claim in accepted if claim.origin == "model" for c in claim.citations]
    told = [f for f in findings if f.fact.decides]
    told = [f for f in told if f.run] or told
    deciding = [hit for f in told for hit in f.hits[:EXCERPT_CHOICE]]
    hits = [_around(hit, codebase) for hit in deciding if hit.symbol]
    chosen: list[Span] = []
    for span in [*cited, *hits]:
        file = snapshot.by_path.get(span.path)
        if file is None or file.language != "python" or any(span.overlaps(c) for c in chosen):
            continue
        chosen.append(Span(span.path, span.start, min(span.end, span.start + EXCERPT_LINES - 1)))
    return tuple(_excerpt(span, snapshot) for span in chosen[: question.excerpts])


def _around(hit: CensusHit, codebase: Codebase) -> Span:
    """The hit's lines with a few more on either side, inside the function that holds them."""
    facts = codebase.facts.get(hit.path)
    inside = [d for d in facts.definitions if d.start <= hit.start <= d.end] if facts else []
    if not inside:
        return Span(hit.path, hit.start, hit.end)
    home = min(inside, key=lambda d: d.end - d.start)
    return Span(hit.path, max(home.start, hit.start - EXCERPT_BEFORE), min(home.end, hit.end + EXCERPT_AFTER))


def _excerpt(span: Span, snapshot: Snapshot) -> Excerpt:
    citation = cite(snapshot, span)
    return Excerpt(
        citation=citation,
        language=snapshot.by_path[span.path].language,
        text=snapshot.excerpt(citation.span),
    )
