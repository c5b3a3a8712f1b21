"""Stepping through an audit: a layer around the graph that stops before every stage and after it.

The person sees a `Desk`: what the next stage will be asked and shown, what the last one answered, and the means to
change either. Every change is on disk before it takes effect. How it looks on a screen is `dialogue.py`'s.
"""

import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from agent.context import Context, asked
from agent.course import Course
from agent.errors import UserError
from agent.events import Note
from agent.evidence import Packed, chunk_item, lines_item
from agent.runs import STEERING
from agent.stages import Question, Stage
from agent.state import Answer, Evidence, Verdict
from agent.steering import Change, Reopened, Steering, store_steering
from retrieval.chunk import Span
from retrieval.errors import QueryError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

MOST_LINES, AROUND, FOUND = 80, 4, 8
_PLACE = re.compile(r"(\S+?):(\d+)(?:-(\d+))?")
_STOPPED = Note("stopped; what was finished is kept, and this stage comes again")
Lend = Callable[[str, ExitStack], "BaseChatModel"]


class Person(Protocol):
    """Who steps. Both return when the audit is to go on, and raise `Paused` when it is not."""

    def before(self, desk: "Desk", stage: Stage) -> None:
        """The stage comes next; nothing of it has been asked, or the verifier refused some of it."""
        ...

    def after(self, desk: "Desk", stage: Stage) -> None:
        """The stage is finished."""
        ...


@dataclass
class Desk:
    """One audit at a pause. `lend` loads another model by its alias."""

    course: Course
    lend: Lend
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def context(self) -> Context:
        """What the nodes will see."""
        return self.course.context

    def attempt(self, stage: Stage) -> int:
        """How often the stage's open questions were asked already."""
        values = self.course.values
        return (
            int(values.get("attempt", 0)) if values.get("stage") == stage.id and stage.id not in self.course.done else 0
        )

    def verdicts(self, stage: Stage) -> dict[str, list[Verdict]]:
        """The verifier's word on the drafts of a stage that is asked again."""
        told = self.course.values.get("verdicts", {}) if self.attempt(stage) else {}
        return {name: [Verdict.model_validate(one) for one in verdicts] for name, verdicts in told.items()}

    def evidence(self, stage: Stage) -> Packed:
        """What the stage's questions show the model; empty without one."""
        return self.context.evidence(stage)

    def answers(self, stage: Stage) -> tuple[Answer, ...]:
        """The answers of a finished stage."""
        return self.course.answers_of(stage)

    def left(self) -> list[Stage]:
        """The stages without answers."""
        return [stage for stage in self.context.pack.stages if stage.id not in self.course.done]

    def stage_of(self, text: str) -> Stage:
        """The finished stage that "3" or "3.1" names. Raises UserError."""
        number = text.partition(".")[0].strip()
        for stage in self.context.pack.stages:
            if str(stage.number) == number and stage.id in self.course.done:
                return stage
        done = ", ".join(str(s.number) for s in self.context.pack.stages if s.id in self.course.done)
        raise UserError(f"{text!r} is no finished stage", f"finished: {done or 'none yet'}")

    def question_of(self, stage: Stage, text: str, *, model: bool = True) -> Question:
        """The question `text` of the stage; without text its only one. With `model` it must be one that a model is
        asked. Raises UserError."""
        choice = asked(stage) if model else list(stage.questions)
        fitting = [question for question in choice if text in ("", question.id)]
        if len(fitting) == 1:
            return fitting[0]
        if model and any(question.id == text for question in stage.questions):
            raise UserError(f"{text} is answered by facts alone; the model is not asked", "w edits its answer")
        names = ", ".join(question.id for question in choice)
        raise UserError(f"which question: {text or 'none'}", f"name one of {names}" if names else "the stage has none")

    # --- changes

    def steer(self, steering: Steering) -> None:
        """Store the person's changes and let them take effect."""
        store_steering(steering, self.course.folder / STEERING)
        self.context.steering = steering

    def drop(self, stage: Stage, name: str, question: str = "") -> None:
        """Take a piece of evidence away from the question, or from all that were to see it. Raises UserError."""
        item = self.find(stage, name)
        steering = self.context.steering
        for owner in item.questions:
            if question in ("", owner):
                change = steering.changes.get(owner, Change())
                kept = tuple(one for one in change.added if one.spans != item.spans)
                steering = steering.change(owner, dropped=(*change.dropped, item.spans), added=kept)
        self.steer(steering)

    def find(self, stage: Stage, name: str) -> Evidence:
        """The stage's piece of evidence called `name`. Raises UserError."""
        items = self.evidence(stage).items
        for item in items:
            if item.id == name.upper():
                return item
        raise UserError(
            f"{name!r} is no evidence of this stage", f"there are {', '.join(i.id for i in items) or 'none'}"
        )

    def add(self, stage: Stage, question: Question, item: Evidence) -> None:
        """Show the model another piece. Raises UserError when it does not fit beside the others."""
        if self.context.model is None:
            raise UserError("this audit has no model to show evidence to", "start it without --model none")
        cost = self.context.count_tokens(f"[E99] {item.title}\n{item.text}\n\n")
        used = sum(
            self.context.count_tokens(f"[E99] {i.title}\n{i.text}\n\n") for i in self.evidence(stage).of(question.id)
        )
        most = self.context.pack.settings(stage).evidence_tokens
        if used + cost > most:
            hint = "drop a piece first, or name fewer lines"
            raise UserError(f"{cost} tokens do not fit beside the {used} of at most {most}", hint)
        change = self.context.steering.changes.get(question.id, Change())
        dropped = tuple(spans for spans in change.dropped if spans != item.spans)
        self.steer(self.context.steering.change(question.id, added=(*change.added, item), dropped=dropped))

    def look(self, text: str) -> list[Evidence]:
        """What `text` finds: a place, the hits of a census query, or of the search. Raises UserError."""
        if place := _PLACE.fullmatch(text):
            return [self.place(text)] if "/" in text or "." in place[1] else self._hits(text)
        if re.match(r"[a-z_]+(?::|$)", text) and " " not in text.partition(":")[0]:
            return self._hits(text)
        chunks = self.context.search([text], FOUND)
        return [chunk_item(chunk, self.context.codebase) for chunk in chunks]

    def place(self, text: str) -> Evidence:
        """The lines of `path:10-20`, the path's end being enough. Raises UserError."""
        match = _PLACE.fullmatch(text.strip())
        if match is None:
            raise UserError(f"{text!r} is no place", "write it as path:10-20")
        files = [f for f in self.context.codebase.snapshot.files if f"/{f.path}".endswith(f"/{match[1]}")]
        if len(files) != 1:
            named = ", ".join(file.path for file in files[:4])
            raise UserError(
                f"{match[1]!r} names {len(files)} files", f"they are {named}" if files else "no file ends so"
            )
        start, end = int(match[2]), int(match[3] or match[2])
        if not 1 <= start <= end <= len(files[0].lines) or end - start >= MOST_LINES:
            raise UserError(f"{text} is no range of lines", f"1 to {len(files[0].lines)}, at most {MOST_LINES} of them")
        return lines_item(Span(files[0].path, start, end), self.context.codebase, "chosen by a person")

    def _hits(self, query: str) -> list[Evidence]:
        try:
            hits = self.context.findings.result(query).hits
        except QueryError as error:
            raise UserError(str(error), error.hint) from None
        return [self._around(Span(hit.path, hit.start, hit.end), query) for hit in hits[:FOUND]]

    def _around(self, span: Span, why: str) -> Evidence:
        last = len(self.context.codebase.snapshot.by_path[span.path].lines)
        end = min(last, span.end + AROUND, span.start + MOST_LINES - 1)
        return lines_item(
            Span(span.path, max(1, span.start - AROUND), max(end, span.start)), self.context.codebase, why
        )

    def skip(self, stage: Stage) -> None:
        """Leave a stage to the facts."""
        steering = self.context.steering
        self.steer(steering.model_copy(update={"skipped": tuple({*steering.skipped, stage.id})}))

    def again(self, stage: Stage, question: Question, hint: str) -> None:
        """Ask a question of a finished stage again; the stage's other answers stay. Interrupted, it stays open."""
        digest = self.course.done[stage.id]
        steering = self.context.steering.change(question.id, hint=hint)
        skipped = tuple(other for other in steering.skipped if other != stage.id)
        reopened = {**steering.reopened, stage.id: Reopened(questions=(question.id,), digest=digest)}
        self.steer(steering.model_copy(update={"reopened": reopened, "skipped": skipped}))
        done = {name: record for name, record in self.course.done.items() if name != stage.id}
        fresh = {"stage": stage.id, "attempt": 0, "seconds": 0.0, "drafts": {}, "verdicts": {}, "stopped": ""}
        self.course.change(done=done, **fresh)
        while stage.id not in self.course.done:
            self.course.go()

    def rewrite(self, stage: Stage, answer: Answer) -> None:
        """Put an edited answer in the place of the one there was."""
        answers = [answer if one.question_id == answer.question_id else one for one in self.answers(stage)]
        digest = self.context.records.write(stage.id, answers)
        self.course.change(done={**self.course.done, stage.id: digest})

    def switch(self, alias: str) -> None:
        """Let another model write from the next stage on. Raises UserError and MachineError."""
        if self.context.model is None:
            raise UserError("this audit has no model", "start it without --model none")
        model = self.lend(alias, self.stack)
        if close := getattr(self.context.model, "close", None):
            close()
        steering = self.context.steering
        models = {**steering.models, **({self.left()[0].id: alias} if self.left() else {})}
        self.steer(steering.model_copy(update={"model": alias, "models": models}))
        self.context.model = model


def step_through(course: Course, person: Person, lend: Lend) -> None:
    """Take an audit through its stages, as far as the person goes. Raises `Paused` where they stop."""
    with ExitStack() as stack:
        desk = Desk(course, lend, stack)
        if not course.waiting and not course.finished:
            course.go()
        while not course.finished:
            stage = course.stage
            person.before(desk, stage)
            if stage.id not in course.done:
                _ask(course, stage)
            if stage.id in course.done:
                person.after(desk, stage)


def _ask(course: Course, stage: Stage) -> None:
    """One round of a stage. An interrupt ends the round, not the audit: the pause before it comes again."""
    try:
        course.go()
    except KeyboardInterrupt:
        course.context.tell(_STOPPED)
