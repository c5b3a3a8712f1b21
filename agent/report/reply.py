"""The reply to a free question, as lines for a terminal and as JSON (schema "ask/1").

In a list the place comes first, as editors and terminals open it; a sentence has its places behind it.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import TYPE_CHECKING

from agent.report.answers import as_claim
from agent.report.document import attribution
from agent.report.markdown import grouped
from agent.report.markup import one_line, visible
from agent.report.outline import is_rest
from agent.state import Citation, Claim

if TYPE_CHECKING:
    from agent.ask import Reply
    from agent.intents import Intents

SCHEMA = "ask/1"
PLACES, WIDEST, SHARED = 3, 44, 3
LONGEST, LONGEST_ITEM = 240, 200
Line = tuple[str, str]


def reply_lines(reply: "Reply", intents: "Intents") -> Iterator[Line]:
    """(role, text) of each line: "fact", "place" (under a fact), "model", "person", "note". Inert in a terminal."""
    yield from claim_lines(reply.answer.claims)
    if reply.nearest:
        if not reply.found:
            yield "fact", intents.unsure
        yield "note", intents.nearest
        yield from (("place", f"  {visible(str(c.span))}  {one_line(c.symbol)}".rstrip()) for c in reply.nearest)


def claim_lines(claims: Sequence[Claim]) -> Iterator[Line]:
    """The claims of an answer as such lines."""
    for at, claim in enumerate(claims):
        if claim.level:
            continue
        items = list(takewhile(lambda one: one.level, claims[at + 1 :]))
        role = {"model": "model", "person": "person"}.get(claim.origin, "fact")
        later = [c for other in claims[at + 1 :] for c in other.citations]
        cited = [] if items or all(c in later for c in claim.citations) else claim.citations
        yield role, _sentence(claim, cited) + visible(attribution(claim))
        yield from (("place", line) for line in map(visible, claim.block.split("\n") if claim.block else ()))
        yield from (("place", line) for line in _items(items))


def searched_line(reply: "Reply") -> str:
    """What was asked of the census and in how many files, on one line; "" when nothing was."""
    records = reply.answer.census
    if not records:
        return f"read: {reply.files} files"
    queries = "; ".join(one_line(record.query) for record in records)
    if len(queries) > LONGEST:
        queries = f"{queries[:LONGEST].rpartition(', ')[0]} … ({len(records)} queries; --json has them all)"
    return f"searched {max(record.files_searched for record in records)} of {reply.files} files for: {queries}"


def _sentence(claim: Claim, citations: Sequence[Citation]) -> str:
    text = one_line(claim.text)
    if is_rest(claim):
        return f"{text} {_listed(claim)}"
    places = [visible(place) for place in dict.fromkeys(str(citation.span) for citation in citations)]
    if not places:
        return text
    more = f" and {len(places) - PLACES} more" if len(places) > PLACES else ""
    return f"{text.removesuffix('.')} ({', '.join(places[:PLACES])}{more})."


def _listed(claim: Claim) -> str:
    return ", ".join(place.strip("`") for place in grouped(citation.span for citation in claim.citations))


def _items(items: Sequence[Claim]) -> Iterator[str]:
    """Places in a column of their own, then what stands there; a place that many items share is left out of theirs."""
    first = [visible(str(item.citations[0].span)) if item.citations else "" for item in items]
    width = min(WIDEST, max((len(place) for place in first), default=0))
    shared = Counter(str(citation.span) for item in items for citation in item.citations[1:])
    inside = _common_end([item.text for item in items if not is_rest(item)])
    for item, place in zip(items, first, strict=True):
        indent = "  " * max(1, item.level)
        if is_rest(item):
            yield f"{indent}{one_line(item.text)} {_listed(item)}"
            continue
        others = [visible(str(c.span)) for c in item.citations[1:] if shared[str(c.span)] < SHARED]
        tail = f"  ({', '.join(others[:PLACES])})" if others else ""
        yield f"{indent}{place.ljust(width)}  {_cut(one_line(item.text.removesuffix(inside)))}{tail}".rstrip()


def _common_end(texts: Sequence[str]) -> str:
    """The " - in `function`" that all items end with, so that it need not be said of each."""
    ends = {text[text.rfind(" - in `") :] if " - in `" in text else "" for text in texts}
    return ends.pop() if len(texts) > 1 and len(ends) == 1 else ""


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_ITEM else f"{text[:LONGEST_ITEM].rstrip()} …" + "`" * (text[0] == "`")


def reply_json(reply: "Reply") -> dict[str, object]:
    """The reply as plain values."""
    answer = reply.answer
    return {
        "schema": SCHEMA,
        "question": reply.inquiry.text,
        "read_as": reply.inquiry.reading,
        "status": answer.status,
        "found": reply.found,
        "claims": [as_claim(claim) for claim in answer.claims],
        "census": [record.model_dump(mode="json") for record in answer.census],
        "rejected": [rejected.model_dump(mode="json") for rejected in answer.rejected],
        "nearest": [
            {"path": c.span.path, "start": c.span.start, "end": c.span.end, "symbol": c.symbol} for c in reply.nearest
        ],
        "files": reply.files,
        "seconds": round(answer.seconds, 3),
    }
