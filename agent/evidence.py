"""Evidence: what each question's prompt shows the model, numbered E1..En over a stage, within a token budget.

A question offers its candidates in order of rank. What does not fit is left out whole and recorded by name, never
cut. Evidence stands behind the shared beginning of the prompts, next to its question: a small model cites
what it has just read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from agent.findings import Finding, Findings
from agent.stages import Question, Settings, Stage
from agent.state import Evidence
from retrieval.chunk import Chunk, Span
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit, Definition

CODE_LINES = 24
FOCUS_LINES = 9
DOCSTRING_LINES = 4

Search = Callable[[Sequence[str], int], Sequence[Chunk]]
CountTokens = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Packed:
    """A stage's evidence; `left_out` names, per question id, what did not fit; `tokens` is its size."""

    items: tuple[Evidence, ...]
    left_out: dict[str, tuple[str, ...]]
    tokens: int

    def of(self, question_id: str) -> tuple[Evidence, ...]:
        """The evidence gathered for one question."""
        return tuple(item for item in self.items if question_id in item.questions)


def gather(
    stage: Stage,
    settings: Settings,
    findings: Findings,
    codebase: Codebase,
    search: Search,
    count_tokens: CountTokens,
) -> Packed:
    """The evidence of every question of `stage` that the model is asked about: code and prose, for it to describe.

    The census is not shown: its statements are printed as they stand, and a model only copies them.
    """
    asked = [question for question in stage.questions if question.claims]
    offers = [_candidates(q, findings.of(q), codebase, search, settings.hits) for q in asked]
    return _pack(asked, offers, settings.evidence_tokens, count_tokens)


def _pack(
    asked: Sequence[Question],
    offers: Sequence[Iterator[Evidence]],
    budget: int,
    count_tokens: CountTokens,
) -> Packed:
    taken: dict[tuple[object, ...], Evidence] = {}
    left_out: dict[str, tuple[str, ...]] = {}
    total = 0
    for question, offered in zip(asked, offers, strict=True):
        used, refused = 0, []
        for item in offered:
            cost = count_tokens(f"[E99] {item.title}\n{item.text}\n\n")
            if used + cost > budget:
                refused.append(item.title)
                continue
            used += cost
            key = (item.kind, item.spans, item.text)
            known = taken.get(key) or item.model_copy(update={"id": f"E{len(taken) + 1}"})
            taken[key] = _shared(known, question.id)
        total += used
        left_out[question.id] = tuple(refused)
    return Packed(tuple(taken.values()), left_out, total)


def _shared(item: Evidence, question_id: str) -> Evidence:
    questions = tuple(dict.fromkeys([*item.questions, question_id]))
    return item.model_copy(update={"questions": questions})


def _candidates(
    question: Question,
    findings: Sequence[Finding],
    codebase: Codebase,
    search: Search,
    hits: int,
) -> Iterator[Evidence]:
    """Code around the first hits of the facts that ask for it (`brief`); without any, what the search found."""
    told = [finding for finding in findings if finding.hits and finding.fact.brief]
    focus = [item for finding in told if (item := _focus(finding, codebase))]
    chunks = search(question.search, hits) if question.search and not focus else []
    found = [chunk_item(chunk, codebase) for chunk in chunks]
    yield from (item for item in focus or found if _tellable(item, codebase))


def _tellable(item: Evidence, codebase: Codebase) -> bool:
    """Whether a sentence can be about a definition of the item, or the item is prose."""
    return bool(item.names) or codebase.snapshot.by_path[item.spans[0][0]].language != "python"


def _focus(finding: Finding, codebase: Codebase) -> Evidence | None:
    """The lines around the fact's first hit that stands in a function."""
    hit = next((hit for hit in finding.hits if hit.symbol and _home(hit, codebase)), None)
    home = _home(hit, codebase) if hit else None
    if hit is None or home is None:
        return None
    start = max(home.start, hit.start - FOCUS_LINES)
    if start - home.start < FOCUS_LINES:
        start = home.start
    end = min(home.end, start + CODE_LINES - 1)
    return _code_item(Span(hit.path, start, max(start, end)), home.symbol, codebase, finding.fact.label)


def _home(hit: CensusHit, codebase: Codebase) -> Definition | None:
    """The innermost function, else class, around the hit."""
    inside = [d for d in _definitions(hit.path, codebase) if d.start <= hit.start <= d.end]
    functions = [d for d in inside if d.kind != "class"] or inside
    return min(functions, key=lambda d: d.end - d.start, default=None)


def _definitions(path: str, codebase: Codebase) -> tuple[Definition, ...]:
    facts = codebase.facts.get(path)
    return facts.definitions if facts else ()


def lines_item(span: Span, codebase: Codebase, why: str) -> Evidence:
    """Exactly these lines as evidence, numbered later; `span` must lie inside a file of the snapshot."""
    inside = [d for d in _definitions(span.path, codebase) if d.start <= span.start <= d.end]
    symbol = min(inside, key=lambda d: d.end - d.start).symbol if inside else ""
    return _item([span], span, symbol, codebase, why)


def chunk_item(chunk: Chunk, codebase: Codebase) -> Evidence:
    """What the search found, as evidence."""
    return _code_item(chunk.span, chunk.symbol, codebase, "search")


def _code_item(span: Span, symbol: str, codebase: Codebase, why: str) -> Evidence:
    return _item(list(_without_docstring(span, codebase)), span, symbol, codebase, why)


def _item(spans: Sequence[Span], span: Span, symbol: str, codebase: Codebase, why: str) -> Evidence:
    title = f"{span.path}" + (f" `{symbol}`" if symbol else "")
    lines = codebase.snapshot.by_path[span.path].lines
    shown = [f"{number} {lines[number - 1][:160]}" for part in spans for number in range(part.start, part.end + 1)]
    return Evidence(
        id="E0",
        kind="code",
        title=title,
        spans=tuple((part.path, part.start, part.end) for part in spans),
        text="\n".join(shown),
        why=why,
        names=_subjects(span, symbol, codebase),
    )


def _subjects(span: Span, symbol: str, codebase: Codebase) -> tuple[str, ...]:
    """What a sentence about these lines may be about: the definitions that begin in them, and the one around."""
    if codebase.snapshot.by_path[span.path].language != "python":
        return ()
    inside = [d for d in _definitions(span.path, codebase) if span.start <= d.start <= span.end]
    named = [symbol] if symbol else []
    return tuple(dict.fromkeys([*named, *(d.symbol for d in inside)]))


def _without_docstring(span: Span, codebase: Codebase) -> Iterator[Span]:
    """At most CODE_LINES of `span`, stepping over the inside of a long docstring."""
    doc = next((d for d in _definitions(span.path, codebase) if span.start <= d.doc_start <= span.end), None)
    if doc is None or doc.doc_end - doc.doc_start < DOCSTRING_LINES or doc.doc_end >= span.end:
        yield Span(span.path, span.start, min(span.end, span.start + CODE_LINES - 1))
        return
    head = Span(span.path, span.start, doc.doc_start + DOCSTRING_LINES - 1)
    yield head
    rest = CODE_LINES - (head.end - head.start + 1)
    if rest > 0:
        start = doc.doc_end + 1
        yield Span(span.path, start, min(span.end, start + rest - 1))
