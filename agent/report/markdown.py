"""ANSWERS.md: the questionnaire's own format, one `# N - TITLE` per stage, `- question` and `-
answer` per question.

The text is a pure function of snapshot, pack and answers: no time, no date, no figure of the
machine.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from agent.report.coverage import Coverage
from agent.report.document import Report, attribution, count, repair_yields
from agent.report.markup import code_span, fence, inline, one_line
from agent.report.outline import is_rest, own_places
from agent.state import Answer, Claim, Contradiction, Excerpt
from retrieval.chunk import Span

INLINE_PLACES = 6
NAMED_PLACES = 150
_UNRESOLVED = "Unresolved: no statement about this question passed the verifier."


def render_markdown(report: Report) -> str:
    """The whole document, ending with a newline."""
    lines = [*_opening(report), ""]
    for stage, answers in report.answers:
        lines += [f"# {stage.number} - {inline(stage.title)}", ""]
        places = {question.id for question in stage.questions if question.asks_where}
        for answer in answers:
            where = answer.question_id in places
            lines += [f"- {inline(answer.question)}", *_answer_item(answer, where=where), ""]
    lines += _coverage(report)
    return "\n".join(lines) + "\n"


def _opening(report: Report) -> Iterator[str]:
    commit = f" at commit {code_span(report.commit)}" if report.commit else ""
    totals = count(report.every_answer())
    yield (
        f"Answers about {code_span(report.repository)}{commit}, from "
        f"{_n(report.coverage.read, 'file')} read. "
        "Every statement is followed by the place that proves it, as `path:first line-last line`."
    )
    yield (
        f"{totals.answered} of {totals.questions} questions answered "
        f"({totals.verified} verified, {totals.extractive} extractive"
        + (f", {totals.edited} edited" if totals.edited else "")
        + f"), {totals.unresolved} unresolved."
    )


def _answer_item(answer: Answer, *, where: bool = False) -> list[str]:
    """The answer as one list item; everything after its first line is indented under it.

    With `where` each place is given with the definition around it, unless the statement names that itself; so are
    the places of what has no statement of its own.
    """
    claims = [claim for claim in answer.claims if one_line(claim.text) or claim.block]
    if not claims:
        claims = [Claim(text=_UNRESOLVED, citations=(), origin="census")]
    lines: list[str] = []
    level = 0
    for at, claim in enumerate(claims):
        level = min(claim.level, level + 1)
        named = _unnamed(claim) if where or (is_rest(claim) and len(claim.citations) <= NAMED_PLACES) else {}
        lines += _claim(claim, level, own_places(claims, at), named, paragraph=bool(lines) and not level)
    for excerpt in answer.excerpts:
        lines += _excerpt(excerpt)
    return [f"- {lines[0].lstrip()}", *lines[1:]]


def _unnamed(claim: Claim) -> dict[Span, str]:
    """The definitions around the claim's places that its text does not name."""
    return {c.span: c.symbol for c in claim.citations if c.symbol and c.symbol.split(".")[-1] not in claim.text}


def _claim(
    claim: Claim, level: int, places: Sequence[Span], names: Mapping[Span, str], *, paragraph: bool
) -> list[str]:
    indent = "  " * (level + 1)
    bullet = "  " * level + "- " if level else indent
    text = inline(claim.text) or "As follows:"
    if not claim.block:
        return [""] * paragraph + [bullet + _sentence(text, place_list(places, names)) + _stated(claim)]
    return [""] * paragraph + [bullet + text, "", *fence(claim.block, "text", indent)]


def _stated(claim: Claim) -> str:
    said = attribution(claim)
    return f" {inline(said)}" if said else ""


def _sentence(text: str, places: str) -> str:
    """`Text (places).`, or `Text: places` where the text announces them."""
    if not places:
        return text
    if text.endswith(":"):
        return f"{text} {places}"
    if text.endswith(".") and not text.endswith(".."):
        return f"{text[:-1]} ({places})."
    return f"{text} ({places})"


def place_list(spans: Sequence[Span], names: Mapping[Span, str] | None = None) -> str:
    """The first six places one by one, the others compactly, grouped by file, none left out.

    With `names`, the definitions to give with their places, all are grouped by definition.
    """
    if names:
        return "; ".join(grouped(spans, names))
    first, others = spans[:INLINE_PLACES], spans[INLINE_PLACES:]
    if len(others) == 1:
        first, others = spans, []
    text = ", ".join(code_span(str(span)) for span in first)
    if others:
        text += f" and {len(others)} more places: " + "; ".join(grouped(others))
    return text


def _inside(symbol: str) -> str:
    return f" in {code_span(symbol)}" if symbol else ""


def grouped(spans: Iterable[Span], names: Mapping[Span, str] | None = None) -> Iterator[str]:
    """Places by file: "a.py:3,7-9" as code, one for each file, or for each definition that `names` gives."""
    names = names or {}
    groups: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in spans:
        groups[span.path, names.get(span, "")].append(span)
    for (path, symbol), places in groups.items():
        numbers = ", ".join(
            str(span.start) if span.start == span.end else f"{span.start}-{span.end}" for span in sorted(places)
        )
        yield code_span(f"{path}:{numbers}") + _inside(symbol)


def _excerpt(excerpt: Excerpt) -> list[str]:
    place = code_span(str(excerpt.citation.span))
    return ["", f"  {place}:", "", *fence(excerpt.text, excerpt.language, "  ")]


def _coverage(report: Report) -> list[str]:
    coverage = report.coverage
    lines = [
        "## Coverage",
        "",
        f"- Files read: {len(coverage.read)}, of which {len(coverage.cited)} are cited above.",
        *_paths("Files that no answer cites and no prompt showed", coverage.untouched),
        *_ledger(coverage),
        *_skipped(coverage),
        *_incomplete(report.every_answer()),
        *_contradictions(report.contradictions),
        *_repairs(report.every_answer()),
    ]
    unresolved = [a for a in report.every_answer() if a.status == "unresolved"]
    lines.append(f"- Questions unresolved: {len(unresolved) or 'none'}{'.' if not unresolved else ''}")
    lines += [f"  - {answer.question_id} {inline(answer.question)}" for answer in unresolved]
    return lines


def _ledger(coverage: Coverage) -> Iterator[str]:
    """The share of source files and of entry points that each stage looked at."""
    if not coverage.source:
        return
    entries = len(coverage.entry_points)
    yield "- Looked at, stage by stage (cited by a statement other than the directory tree, or shown to the model):"
    for stage in coverage.stages:
        share = round(100 * stage.files / len(coverage.source))
        files = f"{stage.files} of {len(coverage.source)} source files ({share} %)"
        starts = f", {stage.entry_points} of {entries} entry points" if entries else ""
        yield f"  - {stage.number} {inline(stage.title)}: {files}{starts}"
    yield from _paths("Source files never looked at", coverage.unseen)


def _incomplete(answers: Sequence[Answer]) -> list[str]:
    faults = [(answer, fault) for answer in answers for fault in answer.missing]
    if not faults:
        return ["- Parts of questions left unanswered: none."]
    listed = [f"  - {answer.question_id} {inline(fault.message)}" for answer, fault in faults]
    return [f"- Parts of questions left unanswered: {len(faults)}", *listed]


def _contradictions(found: Sequence[Contradiction]) -> list[str]:
    """Answers at odds with one another; dependencies that different files pin differently are the repository's own."""
    pins = [one for one in found if one.what == "version"]
    ours = [one for one in found if one.what != "version"]
    lines = [f"- Statements that contradict one another: {len(ours) or 'none.'}"]
    lines += [f"  - {_sides(one)}" for one in ours]
    if pins:
        lines.append(f"- Dependencies that the repository itself pins to different versions: {len(pins)}")
        lines += [f"  - {_sides(one)}" for one in pins]
    return lines


def _sides(found: Contradiction) -> str:
    """Both sides of a contradiction with the questions that say them."""
    sides = [f"{inline(side.said)} ({', '.join(side.questions)})" for side in found.statements]
    return "; ".join(sides)


def _repairs(answers: Sequence[Answer]) -> list[str]:
    yields = repair_yields(answers)
    if not yields:
        return []
    head = "- Repairs of the model's drafts, before any retry (tried, of these followed by acceptance):"
    return [head, *(f"  - {inline(kind)}: {made.tried}, {made.accepted}" for kind, made in yields.items())]


def _paths(label: str, paths: Sequence[str]) -> list[str]:
    if not paths:
        return [f"- {label}: none."]
    folders: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        folder, slash, name = path.rpartition("/")
        folders[folder + slash or "./"].append(code_span(name))
    listed = [f"  - {code_span(folder)}: {', '.join(names)}" for folder, names in folders.items()]
    return [f"- {label}: {len(paths)}", *listed]


def _skipped(coverage: Coverage) -> list[str]:
    if not coverage.skipped:
        return ["- Files and folders not read: none."]
    return [
        f"- Files and folders not read: {len(coverage.skipped)}",
        *(f"  - {code_span(skip.path)}: {inline(skip.reason)}" for skip in coverage.skipped),
    ]


def _n(things: Sequence[object], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"
