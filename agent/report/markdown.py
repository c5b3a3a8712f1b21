"""ANSWERS.md: the questionnaire's own format, one `# N - TITLE` per stage, `- question` and `-
answer` per question.

The text is a pure function of snapshot, pack and answers: no time, no date, no figure of the
machine.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from agent.report.document import Coverage, Report, count
from agent.report.markup import code_span, fence, inline, one_line
from agent.report.outline import own_places
from agent.state import Answer, Claim, Excerpt
from retrieval.chunk import Span

INLINE_PLACES = 6
_UNRESOLVED = "Unresolved: no statement about this question passed the verifier."


def render_markdown(report: Report) -> str:
    """The whole document, ending with a newline."""
    lines = [*_opening(report), ""]
    for stage, answers in report.answers:
        lines += [f"# {stage.number} - {inline(stage.title)}", ""]
        for answer in answers:
            lines += [f"- {inline(answer.question)}", *_answer_item(answer), ""]
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


def _answer_item(answer: Answer) -> list[str]:
    """The answer as one list item; everything after its first line is indented under it."""
    claims = [claim for claim in answer.claims if one_line(claim.text) or claim.block]
    if not claims:
        claims = [Claim(text=_UNRESOLVED, citations=(), origin="census")]
    lines: list[str] = []
    level = 0
    for at, claim in enumerate(claims):
        level = min(claim.level, level + 1)
        lines += _claim(claim, level, own_places(claims, at), paragraph=bool(lines) and not level)
    for excerpt in answer.excerpts:
        lines += _excerpt(excerpt)
    return [f"- {lines[0].lstrip()}", *lines[1:]]


def _claim(claim: Claim, level: int, places: Sequence[Span], *, paragraph: bool) -> list[str]:
    indent = "  " * (level + 1)
    bullet = "  " * level + "- " if level else indent
    text = inline(claim.text) or "As follows:"
    if not claim.block:
        return [""] * paragraph + [bullet + _sentence(text, place_list(places))]
    return [""] * paragraph + [bullet + text, "", *fence(claim.block, "text", indent)]


def _sentence(text: str, places: str) -> str:
    """`Text (places).`, or `Text: places` where the text announces them."""
    if not places:
        return text
    if text.endswith(":"):
        return f"{text} {places}"
    if text.endswith(".") and not text.endswith(".."):
        return f"{text[:-1]} ({places})."
    return f"{text} ({places})"


def place_list(spans: Sequence[Span]) -> str:
    """The first six places one by one, the others compactly, grouped by file, none left out."""
    first, others = spans[:INLINE_PLACES], spans[INLINE_PLACES:]
    if len(others) == 1:
        first, others = spans, []
    text = ", ".join(code_span(str(span)) for span in first)
    if others:
        text += f" and {len(others)} more places: " + "; ".join(grouped(others))
    return text


def grouped(spans: Iterable[Span]) -> Iterator[str]:
    """Places by file: "a.py:3,7-9" as code, one for each file."""
    by_path: dict[str, list[Span]] = defaultdict(list)
    for span in spans:
        by_path[span.path].append(span)
    for path, places in by_path.items():
        numbers = ", ".join(
            str(span.start) if span.start == span.end else f"{span.start}-{span.end}" for span in sorted(places)
        )
        yield code_span(f"{path}:{numbers}")


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
        *_skipped(coverage),
    ]
    unresolved = [a for a in report.every_answer() if a.status == "unresolved"]
    lines.append(f"- Questions unresolved: {len(unresolved) or 'none'}{'.' if not unresolved else ''}")
    lines += [f"  - {answer.question_id} {inline(answer.question)}" for answer in unresolved]
    return lines


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
