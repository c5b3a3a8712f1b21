"""The judge: a second model that holds the writer's accepted sentences against the lines they cite.

It is loaded after the writer has gone, gives each sentence one of three opinions by comparing the logits of three
words, and may lower a verdict, never raise one. It writes nothing; what it says of a sentence is no proof.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from langchain_core.messages import BaseMessage, HumanMessage

from agent.context import Context
from agent.errors import MachineError
from agent.events import Note
from agent.lint import load_lint
from agent.opening import Listener, open_judge
from agent.options import AuditOptions
from agent.prompts import Prompts
from agent.report.coverage import Answers
from agent.state import Answer, Claim, Rejected, Status
from retrieval.snapshot import Snapshot

if TYPE_CHECKING:
    from agent.catalogue import ModelSpec

Opinion = Literal["supports", "contradicts", "unknown"]
OPINIONS: tuple[Opinion, ...] = ("supports", "contradicts", "unknown")
CONTEXT_TOKENS = 4096
MOST_LINES, LONGEST_LINE = 60, 160
_BLANK = "N/A"


class Scorer(Protocol):
    """A model that says how likely each of some words is to come next."""

    def score(self, prompts: Sequence[Sequence[BaseMessage]], words: Sequence[str]) -> list[list[float]]:
        """Logits, (prompts, words)."""
        ...


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge did in one run: sentences by opinion, and how often its weights were loaded.

    The sentences that it contradicts were lowered.
    """

    supports: int = 0
    contradicts: int = 0
    unknown: int = 0
    loads: int = 0


def second_opinion(
    spec: "ModelSpec", options: AuditOptions, context: Context, answers: Answers, listener: Listener
) -> tuple[Answers, Judgement]:
    """Let the writer go, load the judge, and lower what it contradicts. Raises MachineError and WorkerFailed."""
    let_go(context.model)
    if not any(True for _ in _told(answers)):
        return answers, Judgement()
    with open_judge(spec, CONTEXT_TOKENS, options, listener) as judge:
        answers, judgement = review(answers, judge, context.codebase.snapshot, context.prompts)
        judgement = replace(judgement, loads=judge.loads)
    count = judgement.supports + judgement.contradicts + judgement.unknown
    listener(Note(f"{spec.alias} judged {count} sentences and refused {judgement.contradicts}"))
    return answers, judgement


def opinions(judge: Scorer, pairs: Sequence[tuple[str, str]], prompts: Prompts) -> list[Opinion]:
    """The opinion on each (sentence, lines), all in one batch.

    Each word's logit is taken less its logit for a sentence and lines that say nothing, so that a model's liking for
    a word does not decide (contextual calibration, Zhao et al. 2021).
    """
    if not pairs:
        return []
    every = [(_BLANK, _BLANK), *pairs]
    asked = [[HumanMessage(prompts.judge(sentence, lines, OPINIONS))] for sentence, lines in every]
    blank, *rows = judge.score(asked, OPINIONS)
    return [_likeliest([logit - prior for logit, prior in zip(row, blank, strict=True)]) for row in rows]


def _likeliest(logits: Sequence[float]) -> Opinion:
    return OPINIONS[max(range(len(OPINIONS)), key=lambda index: logits[index])]


def review(answers: Answers, judge: Scorer, snapshot: Snapshot, prompts: Prompts) -> tuple[Answers, Judgement]:
    """The answers without the sentences that the judge contradicts, and how it judged."""
    told = list(_told(answers))
    given = opinions(judge, [(claim.text, cited_lines(claim, snapshot)) for _, claim in told], prompts)
    refused = {key for key, opinion in zip(told, given, strict=True) if opinion == "contradicts"}
    lowered = tuple(
        (stage, tuple(_lowered(answer, refused) for answer in stage_answers)) for stage, stage_answers in answers
    )
    return lowered, Judgement(**{opinion: given.count(opinion) for opinion in OPINIONS})


def _told(answers: Answers) -> Iterator[tuple[str, Claim]]:
    """The model's sentences that rest on lines, with their question."""
    for _, stage_answers in answers:
        for answer in stage_answers:
            yield from ((answer.question_id, c) for c in answer.claims if c.origin == "model" and c.citations)


def cited_lines(claim: Claim, snapshot: Snapshot) -> str:
    """The lines that a claim cites, numbered, file by file, cut at MOST_LINES."""
    shown: list[str] = []
    for citation in claim.citations:
        lines = snapshot.by_path[citation.path].lines[citation.start - 1 : citation.end]
        shown.append(citation.path)
        shown += [f"{citation.start + at} {line[:LONGEST_LINE]}" for at, line in enumerate(lines)]
    return "\n".join(shown[:MOST_LINES])


def _lowered(answer: Answer, refused: set[tuple[str, Claim]]) -> Answer:
    out = [claim for claim in answer.claims if (answer.question_id, claim) in refused]
    if not out:
        return answer
    kept = tuple(claim for claim in answer.claims if claim not in out)
    fault = load_lint().fault("judge")
    rejected = (*answer.rejected, *(Rejected(text=claim.text, faults=(fault,)) for claim in out))
    return answer.model_copy(update={"claims": kept, "rejected": rejected, "status": _status(answer, kept)})


def _status(answer: Answer, kept: Sequence[Claim]) -> Status:
    if not any(claim.citations or claim.searched for claim in kept):
        return "unresolved"
    alone = answer.status == "verified" and not any(claim.origin == "model" for claim in kept)
    return "extractive" if alone else answer.status


def let_go(model: object) -> None:
    """End the writer's process, so that the judge finds its memory free. Raises MachineError if it is still there."""
    close = getattr(model, "close", None)
    if close is not None:
        close()
    if pid := getattr(model, "pid", None):
        raise MachineError(f"the writer's process {pid} did not end", "end it, then run the same command again")
