"""Coverage: what an audit did with every file, over the whole run and stage by stage.

A file is looked at by a stage when one of its answers cites it or one of its prompts showed it. The census
reads every file; that alone is no look. Neither is a line of the directory tree.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from agent.stages import Stage
from agent.state import Answer, Citation
from retrieval.chunk import Span
from retrieval.snapshot import Skipped, Snapshot

Answers = tuple[tuple[Stage, tuple[Answer, ...]], ...]


@dataclass(frozen=True, slots=True)
class StageCoverage:
    """How many source files and entry points one stage's answers cite or its prompts showed."""

    number: int
    title: str
    files: int
    entry_points: int


@dataclass(frozen=True)
class Coverage:
    """Paths by what the audit did with them, each sorted.

    `read`: searched by the census; `cited`: named by a citation or an excerpt; `untouched`: read, but neither
    cited nor shown to the model; `skipped`: never read. `source` are the source files that hold a line, `unseen`
    those of them that no stage looked at; `stages` is the ledger, out of `source` and `entry_points`.
    """

    read: tuple[str, ...]
    cited: tuple[str, ...]
    untouched: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    source: tuple[str, ...] = ()
    unseen: tuple[str, ...] = ()
    entry_points: tuple[Span, ...] = ()
    stages: tuple[StageCoverage, ...] = ()


def citations_of(answer: Answer) -> list[Citation]:
    """Every citation of an answer's claims and excerpts, in printing order."""
    cited = [citation for claim in answer.claims for citation in claim.citations]
    return cited + [excerpt.citation for excerpt in answer.excerpts]


def cover(snapshot: Snapshot, answers: Answers, entry_points: Iterable[Span] = ()) -> Coverage:
    """What became of every file; `entry_points` are the places where programs start."""
    every = [answer for _, stage_answers in answers for answer in stage_answers]
    read = tuple(file.path for file in snapshot.files)
    cited = {citation.path for answer in every for citation in citations_of(answer)}
    touched = cited.union(path for answer in every for item in answer.shown for path, _, _ in item.spans)
    source = tuple(file.path for file in snapshot.files if file.role == "source" and file.lines)
    starts = tuple(dict.fromkeys(entry_points))
    looks = [_looks(stage_answers) for _, stage_answers in answers]
    seen = {span.path for spans in looks for span in spans}
    return Coverage(
        read=read,
        cited=tuple(sorted(cited)),
        untouched=tuple(path for path in read if path not in touched),
        skipped=tuple(sorted(snapshot.skipped, key=lambda skipped: skipped.path)),
        source=source,
        unseen=tuple(path for path in source if path not in seen),
        entry_points=starts,
        stages=tuple(_ledger(stage, spans, source, starts) for (stage, _), spans in zip(answers, looks, strict=True)),
    )


def _looks(answers: Iterable[Answer]) -> set[Span]:
    """The places that the answers of a stage cite or were shown, those of directory trees apart."""
    looked: set[Span] = set()
    for answer in answers:
        looked |= {citation.span for claim in answer.claims if not claim.block for citation in claim.citations}
        looked |= {excerpt.citation.span for excerpt in answer.excerpts}
        looked |= {Span(*span) for item in answer.shown for span in item.spans}
    return looked


def _ledger(stage: Stage, looked: set[Span], source: Sequence[str], starts: Sequence[Span]) -> StageCoverage:
    paths = {span.path for span in looked}
    return StageCoverage(
        number=stage.number,
        title=stage.title,
        files=sum(path in paths for path in source),
        entry_points=sum(any(start.overlaps(span) for span in looked) for start in starts),
    )
