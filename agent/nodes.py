"""The two kinds of node: `answer_stage` drafts, `verify` judges. State in, partial state out.

A stage's drafts go to the verifier before the next stage is entered; only refused questions are asked again.
"""

import time
from collections.abc import Sequence
from typing import Any, Required, TypedDict

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langgraph.runtime import Runtime

from agent.claims import parse_claims
from agent.completeness import missing, placed
from agent.compose import compose, decided_no
from agent.context import Context, asked
from agent.contradictions import Assertion, of_claim
from agent.events import Drafted, Judged, StageFinished, StageStarted
from agent.excerpts import excerpts
from agent.findings import Finding
from agent.grammar import claims_grammar
from agent.lint import load_lint
from agent.stages import Question, Stage
from agent.state import Answer, Claim, DraftClaim, Evidence, Rejected, Shown, Status, Verdict
from agent.verify import advice, judge


class AuditState(TypedDict, total=False):
    """The checkpointed state: plain JSON, ids and the open stage's drafts; file contents never.

    A run starts from BEGINNING; what a node returns updates it.
    """

    stage: Required[str]
    attempt: Required[int]
    seconds: Required[float]
    drafts: dict[str, str]
    verdicts: dict[str, list[dict[str, Any]]]
    done: dict[str, str]
    stopped: str


BEGINNING = AuditState(stage="", attempt=0, seconds=0.0)
# What a node returns: the keys of AuditState that it sets anew.
Change = dict[str, Any]


def answer_stage(state: AuditState, runtime: Runtime[Context], *, stage: Stage) -> Change:
    """Draft answers to the stage's open questions, all of them side by side."""
    context = runtime.context
    again = state.get("stage") == stage.id
    attempt = state.get("attempt", 0) + 1 if again else 1
    verdicts = state.get("verdicts", {}) if again else {}
    began = time.monotonic()
    open_questions = _open(stage, verdicts, context)
    packed = context.evidence(stage)
    context.tell(
        StageStarted(
            stage_id=stage.id,
            title=stage.title,
            number=context.pack.stages.index(stage) + 1,
            of=len(context.pack.stages),
            attempt=attempt,
            questions=tuple(question.id for question in open_questions),
            evidence=len(packed.items),
            evidence_tokens=packed.tokens,
        )
    )
    drafts = _draft(open_questions, stage, verdicts, context)
    spent = time.monotonic() - began + (state.get("seconds", 0.0) if again else 0.0)
    return {
        "stage": stage.id,
        "attempt": attempt,
        "seconds": spent,
        "drafts": drafts,
        "verdicts": verdicts,
    }


def _open(stage: Stage, verdicts: dict[str, list[dict[str, Any]]], context: Context) -> list[Question]:
    if context.model is None:
        return []
    packed = context.evidence(stage)
    return [
        question
        for question in asked(stage)
        if packed.of(question.id)
        and context.steering.asks(stage.id, question.id)
        and not _settled(verdicts.get(question.id, []))
        and not decided_no(question, context.findings.of(question))
    ]


def _settled(verdicts: Sequence[dict[str, Any]]) -> bool:
    """Whether nothing is left to ask: something was accepted, or the model only said what the facts say."""
    told = [Verdict.model_validate(verdict) for verdict in verdicts]
    return any(v.accepted or {fault.kind for fault in v.faults} == {"repeats"} for v in told)


def _accepted(verdicts: Sequence[dict[str, Any]]) -> list[Claim]:
    return [v.claim for v in map(Verdict.model_validate, verdicts) if v.claim is not None]


def _draft(
    questions: Sequence[Question],
    stage: Stage,
    verdicts: dict[str, list[dict[str, Any]]],
    context: Context,
) -> dict[str, str]:
    if not questions or context.model is None:
        return {}
    packed = context.evidence(stage)
    settings = context.pack.settings(stage)
    inputs: list[list[BaseMessage]] = []
    configs: list[dict[str, Any]] = []
    for question in questions:
        items = packed.of(question.id)
        refused = [Verdict.model_validate(verdict) for verdict in verdicts.get(question.id, [])]
        hint = context.steering.hint(question.id)
        body = context.prompts.question(question, items, advice(refused) if refused else "", hint)
        inputs.append([SystemMessage(context.opening), HumanMessage(body)])
        grammar = claims_grammar({item.id: item.names for item in items}, question.claims)
        limits = {"grammar": grammar, "max_tokens": settings.max_tokens}
        configs.append({"metadata": {**limits, "question": question.id}})
    replies = context.model.batch(inputs, config=configs)  # type: ignore[arg-type]
    for question, reply in zip(questions, replies, strict=True):
        context.usage.add(reply.response_metadata)
        context.tell(Drafted(question.id, str(reply.content)))
    return {q.id: str(reply.content) for q, reply in zip(questions, replies, strict=True)}


def verify(state: AuditState, runtime: Runtime[Context]) -> Change:
    """Judge every draft claim of the open stage; close the stage when nothing is left to ask."""
    context = runtime.context
    stage = next(s for s in context.pack.stages if s.id == state["stage"])
    verdicts = dict(state.get("verdicts", {}))
    drafts = state.get("drafts", {})
    known = context.told(state.get("done", {})) if drafts else []
    for question in asked(stage):
        if question.id in drafts:
            judged = _judge(question, drafts[question.id], stage, context, known)
            known += [a for v in judged if v.claim for a in of_claim(question.id, v.claim, load_lint())]
            refused = [v for v in verdicts.get(question.id, []) if v["claim"] is None]
            verdicts[question.id] = refused + [v.model_dump(mode="json") for v in judged]
    if state["attempt"] < context.attempts(stage) and _open(stage, verdicts, context):
        return {"verdicts": verdicts, "drafts": {}}
    return _close(stage, verdicts, state, context)


def _judge(question: Question, draft: str, stage: Stage, context: Context, known: Sequence[Assertion]) -> list[Verdict]:
    packed = context.evidence(stage)
    shown = {item.id: item for item in packed.items}
    facts = compose(question, context.findings.of(question), context.codebase.snapshot)
    said = [claim.text for claim in facts]
    drafts = parse_claims(draft) or [DraftClaim(text="", evidence=())]
    verdicts: list[Verdict] = []
    for claim in drafts:
        verdicts.append(
            judge(
                claim,
                shown=shown,
                question=question.text,
                snapshot=context.codebase.snapshot,
                accepted=[*said, *(v.claim.text for v in verdicts if v.claim)],
                vocabulary=context.vocabulary,
                census=context.findings.result,
                known=known,
            )
        )
    faults = tuple(fault.kind for verdict in verdicts for fault in verdict.faults)
    good = sum(verdict.accepted for verdict in verdicts)
    context.tell(Judged(question.id, good, len(verdicts) - good, faults))
    return verdicts


def _close(
    stage: Stage,
    verdicts: dict[str, list[dict[str, Any]]],
    state: AuditState,
    context: Context,
) -> Change:
    kept = {q.id: _kept(q, stage, context) for q in stage.questions}
    answers = [kept[q.id] or _answer(q, verdicts.get(q.id, []), state, stage, context) for q in stage.questions]
    digest = context.records.write(stage.id, answers)
    context.tell(StageFinished(stage.id, tuple(answers), state["seconds"]))
    failed = [a.question_id for a in answers if a.status == "unresolved"]
    stopped = failed[0] if context.strict and failed else ""
    done = {**state.get("done", {}), stage.id: digest}
    return {"done": done, "drafts": {}, "verdicts": {}, "attempt": 0, "stopped": stopped}


def _kept(question: Question, stage: Stage, context: Context) -> Answer | None:
    """The answer that a question of a reopened stage has already, None when it was asked again."""
    digest = context.steering.kept(stage.id, question.id)
    kept = context.records.read(stage.id, digest) if digest else None
    return next((answer for answer in kept or () if answer.question_id == question.id), None)


def _answer(
    question: Question,
    verdicts: Sequence[dict[str, Any]],
    state: AuditState,
    stage: Stage,
    context: Context,
) -> Answer:
    findings = context.findings.of(question)
    facts = compose(question, findings, context.codebase.snapshot)
    told = _accepted(verdicts)
    claims = placed([*facts, *told], context.codebase)
    refused = [v for v in map(Verdict.model_validate, verdicts) if v.claim is None]
    return Answer(
        question_id=question.id,
        question=question.text,
        status=_status(question, facts, verdicts, findings),
        claims=claims,
        census=context.findings.records(question),
        excerpts=excerpts(question, findings, told, context.codebase),
        rejected=tuple(Rejected(text=v.draft.text, faults=v.faults) for v in refused),
        repairs=tuple(r for v in map(Verdict.model_validate, verdicts) for r in v.repairs),
        shown=tuple(_shown(item) for item in context.evidence(stage).of(question.id)) if verdicts else (),
        left_out=context.evidence(stage).left_out.get(question.id, ()) if context.model else (),
        missing=missing(question, findings, claims, context.codebase),
        attempts=state["attempt"] if verdicts else 0,
        seconds=round(state["seconds"] / len(stage.questions), 3),
    )


def _shown(item: Evidence) -> Shown:
    return Shown(id=item.id, kind=item.kind, title=item.title, spans=item.spans, why=item.why)


def _status(
    question: Question,
    facts: Sequence[Claim],
    verdicts: Sequence[dict[str, Any]],
    findings: Sequence[Finding],
) -> Status:
    proven = any(claim.citations or claim.searched for claim in facts)
    if not proven and not _accepted(verdicts):
        return "unresolved"
    if not question.claims or decided_no(question, findings):
        return "verified"
    return "verified" if _settled(verdicts) else "extractive"
