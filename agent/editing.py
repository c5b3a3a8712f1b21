"""A person's changes to an answer: statements taken out, statements put in through the same verifier as the model's.

What the verifier refuses is put in only when the person insists, with the faults beside it. An answer that a person
changed has the status "edited".
"""

from collections.abc import Mapping, Sequence

from agent.compose import cite
from agent.context import Context
from agent.state import Answer, Claim, DraftClaim, Evidence, Fault, Rejected, Verdict
from agent.verify import judge


def check(answer: Answer, text: str, items: Sequence[Evidence], context: Context, done: Mapping[str, str]) -> Verdict:
    """The verifier's word on a person's statement, held against the lines of `items` and what the finished stages
    `done` say."""
    shown = {f"E{number}": item.model_copy(update={"id": f"E{number}"}) for number, item in enumerate(items, 1)}
    return judge(
        DraftClaim(text=text, evidence=tuple(shown)),
        shown=shown,
        question=answer.question,
        snapshot=context.codebase.snapshot,
        accepted=[claim.text for claim in answer.claims],
        vocabulary=context.vocabulary,
        census=context.findings.result,
        known=context.told(done),
    )


def put_in(answer: Answer, verdict: Verdict, items: Sequence[Evidence], context: Context) -> Answer:
    """The answer with a person's statement at its end: as the verifier accepted it, else with the faults it found."""
    if verdict.claim is not None:
        claim = verdict.claim.model_copy(update={"origin": "person", "evidence": ()})
    else:
        spans = dict.fromkeys(span for item in items for span in item.span_list())
        places = tuple(cite(context.codebase.snapshot, span) for span in spans)
        claim = Claim(text=verdict.draft.text, citations=places, origin="person", faults=verdict.faults)
    return answer.model_copy(update={"claims": (*answer.claims, claim), "status": "edited"})


def take_out(answer: Answer, number: int) -> Answer:
    """The answer without its statement `number` (from 1) and the items under it; the record keeps what was removed.

    Raises IndexError when there is no such statement.
    """
    first = statements(answer)[number - 1]
    last = next((at for at in statements(answer) if at > first), len(answer.claims))
    removed = answer.claims[first:last]
    fault = Fault(kind="removed", message="taken out by a person")
    gone = tuple(Rejected(text=claim.text, faults=(fault,)) for claim in removed)
    claims = (*answer.claims[:first], *answer.claims[last:])
    changed = {"claims": claims, "rejected": (*answer.rejected, *gone), "status": "edited"}
    return answer.model_copy(update=changed)


def statements(answer: Answer) -> list[int]:
    """Where the statements of an answer begin among its claims; the items under them follow."""
    return [at for at, claim in enumerate(answer.claims) if not claim.level]
