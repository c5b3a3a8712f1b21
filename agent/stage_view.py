"""What a person stepping through an audit is shown, as lines: a stage, its evidence, verdicts, answers, what is left.

Every text of a repository or a model is inert here. Asks nothing and changes nothing.
"""

from collections.abc import Iterator, Sequence

from agent.context import asked
from agent.editing import statements
from agent.report.markup import one_line, visible
from agent.report.reply import Line, claim_lines
from agent.stages import Stage
from agent.state import Answer, Evidence
from agent.step import Desk

BRIEF = 8


def announcement(desk: Desk, stage: Stage) -> Iterator[Line]:
    """What the stage will ask, and what each question shows the model."""
    stages = desk.context.pack.stages
    attempt = desk.attempt(stage)
    again = f", attempt {attempt + 1}: what the verifier refused is asked again" if attempt else ""
    yield "head", f"stage {stages.index(stage) + 1} of {len(stages)}  {stage.number} - {one_line(stage.title)}{again}"
    packed = desk.evidence(stage)
    for question in stage.questions:
        shown = [item.id for item in packed.of(question.id)]
        note = f"shown {', '.join(shown)}" if shown else "facts alone"
        yield "fact", f"  {question.id:<5} {one_line(question.text)}"
        yield "note", f"        {note}"
    if attempt:
        yield from verdict_lines(desk, stage)


def evidence_lines(desk: Desk, stage: Stage) -> Iterator[Line]:
    """Every piece of the stage's evidence: its questions, its lines, why it was chosen."""
    packed = desk.evidence(stage)
    if not packed.items:
        yield "note", "no evidence is shown to a model in this stage: facts alone"
    for item in packed.items:
        yield "place", f"  {item.id:<4} {', '.join(item.questions):<10} {title(item)}"
    for question in asked(stage):
        if left := packed.left_out.get(question.id):
            yield "note", f"  did not fit for {question.id}: {one_line(', '.join(left))}"


def title(item: Evidence) -> str:
    """Where a piece of evidence stands and why it was chosen, on one line."""
    where = ", ".join(visible(str(span)) for span in item.span_list())
    name = f" `{item.names[0]}`" if item.names else ""
    return f"{where}{visible(name)} - {one_line(item.why)}"


def in_full(item: Evidence) -> Iterator[Line]:
    """A piece of evidence with all its lines."""
    yield "head", f"{item.id}  {title(item)}"
    yield from (("place", f"  {visible(line)}") for line in item.text.split("\n"))


def verdict_lines(desk: Desk, stage: Stage) -> Iterator[Line]:
    """The verifier's word on every draft of a stage that is asked again."""
    told = desk.verdicts(stage)
    if not told:
        yield "note", "nothing was drafted yet"
    for name, verdicts in told.items():
        for verdict in verdicts:
            sign = "accepted" if verdict.accepted else "refused"
            yield ("model" if verdict.accepted else "fault"), f"  {name} {sign}: {one_line(verdict.draft.text)}"
            yield from (("note", f"        {one_line(fault.message)}") for fault in verdict.faults)


def rejection_lines(answers: Sequence[Answer]) -> Iterator[Line]:
    """What was refused in finished answers, and why."""
    refused = [(answer, one) for answer in answers for one in answer.rejected]
    if not refused:
        yield "note", "nothing was refused in this stage"
    for answer, one in refused:
        yield "fault", f"  {answer.question_id} refused: {one_line(one.text) or '(nothing was written)'}"
        yield from (("note", f"        {one_line(fault.message)}") for fault in one.faults)


def results(answers: Sequence[Answer]) -> Iterator[Line]:
    """The answers of a stage, each cut to a few lines."""
    for answer in answers:
        yield from answer_lines(answer, most=BRIEF)


def answer_lines(answer: Answer, most: int | None) -> Iterator[Line]:
    """One answer, its first `most` lines, and how it stands."""
    yield "head", f"{answer.question_id} {one_line(answer.question)}"
    lines = list(claim_lines(answer.claims))
    yield from lines[:most]
    rest = len(lines) - len(lines[:most])
    more = f" · {rest} more lines: {answer.question_id} shows all" if rest else ""
    refused = f" · {len(answer.rejected)} refused" if answer.rejected else ""
    yield "note", f"  {answer.status}{refused}{more}"


def numbered(answer: Answer) -> Iterator[Line]:
    """The statements of an answer with their numbers."""
    for number, at in enumerate(statements(answer), 1):
        claim = answer.claims[at]
        places = ", ".join(visible(str(citation.span)) for citation in claim.citations[:2])
        yield "fact", f"  {number:>2}  {one_line(claim.text)}" + (f" ({places})" if places else "")


def left_lines(desk: Desk) -> Iterator[Line]:
    """The stages that have no answers yet."""
    left = desk.left()
    total = len(desk.context.pack.stages)
    questions = sum(len(stage.questions) for stage in left)
    yield "note", f"{total - len(left)} of {total} stages answered; {len(left)} stages with {questions} questions left"
    yield from (("place", f"  {stage.number:>2}  {one_line(stage.title)}") for stage in left)
