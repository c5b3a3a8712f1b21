"""The conversation of `step`: what a person is shown at each pause, and what their typed lines do.

Line by line, so that it works in any terminal, at 80 columns, by keyboard alone, and from a pipe. Shows and asks;
what an action means for the audit is `step.py`'s.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from agent.actions import VERBS, Action, keys_line, parse_action
from agent.editing import check, put_in, take_out
from agent.errors import AuditError, Paused, UserError
from agent.report.markup import one_line
from agent.report.reply import Line
from agent.stage_view import (
    BRIEF,
    announcement,
    answer_lines,
    evidence_lines,
    in_full,
    left_lines,
    numbered,
    rejection_lines,
    results,
    title,
    verdict_lines,
)
from agent.stages import Stage
from agent.state import Answer
from agent.step import Desk
from retrieval.errors import RetrievalError

BEFORE = ("go", "show", "evidence", "verdicts", "add", "drop", "skip", "back", "model", "left", "help", "quit")
AFTER = ("go", "show", "again", "write", "verdicts", "evidence", "back", "model", "left", "help", "quit")
EDIT = "- 2 takes statement 2 out, + puts one in, Enter ends"


@dataclass
class Screen:
    """Where the conversation takes place. `say` shows lines; `ask` reads one, with a prompt and a text to edit, and
    gives None at the end of the input."""

    say: Callable[[Iterable[Line]], None]
    ask: Callable[[str, str], str | None]


class Dialogue:
    """A person at a screen."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._warned = False

    def before(self, desk: Desk, stage: Stage) -> None:
        """Show what comes next until the person goes on."""
        self._screen.say(announcement(desk, stage))
        while True:
            action = self._read(f"stage {stage.number}", BEFORE)
            match action.verb:
                case "go":
                    return
                case "skip":
                    desk.skip(stage)
                    return
                case _:
                    self._try(desk, stage, action)
                    if desk.course.stage.id != stage.id:
                        return

    def after(self, desk: Desk, stage: Stage) -> None:
        """Show what was answered until the person accepts it."""
        self._screen.say(results(desk.answers(stage)))
        while stage.id in desk.course.done:
            action = self._read(f"stage {stage.number} answered", AFTER)
            if action.verb == "go":
                return
            self._try(desk, stage, action)

    # --- reading

    def _read(self, prompt: str, verbs: Sequence[str]) -> Action:
        self._screen.say([("note", keys_line(tuple(verbs)))])
        try:
            line = self._screen.ask(f"{prompt}> ", "")
        except KeyboardInterrupt:
            if self._warned:
                raise Paused from None
            self._warned = True
            self._screen.say([("note", "Ctrl-C again, or q, stops here; nothing is lost")])
            return self._read(prompt, verbs)
        if line is None:
            raise Paused
        self._warned = False
        action = parse_action(line)
        if action.verb == "quit":
            raise Paused
        return action

    def _try(self, desk: Desk, stage: Stage, action: Action) -> None:
        """Do one action; a mistake is a line, and an interrupt ends the action alone."""
        try:
            self._screen.say(self._do(desk, stage, action))
        except (AuditError, RetrievalError) as error:
            if isinstance(error, AuditError) and not isinstance(error, UserError):
                raise
            self._screen.say([("fault", f"error: {one_line(str(error))}"), ("note", f"hint: {one_line(error.hint)}")])
        except KeyboardInterrupt:
            self._screen.say([("note", "interrupted; nothing that was finished is lost")])

    def _do(self, desk: Desk, stage: Stage, action: Action) -> Iterable[Line]:
        done = stage.id in desk.course.done
        verbs: dict[str, Callable[[], Iterable[Line]]] = {
            "help": lambda: [("place", f"  {keys:<12} {text}") for keys, text in VERBS.values()],
            "left": lambda: left_lines(desk),
            "evidence": lambda: evidence_lines(desk, stage),
            "verdicts": lambda: rejection_lines(desk.answers(stage)) if done else verdict_lines(desk, stage),
            "show": lambda: self._show(desk, stage, action),
            "add": lambda: self._add(desk, stage, action),
            "drop": lambda: self._drop(desk, stage, action),
            "model": lambda: self._model(desk, action),
            "back": lambda: self._back(desk, stage, action),
        }
        if done:
            verbs["again"] = lambda: self._again(desk, stage, action)
            verbs["write"] = lambda: self._write(desk, stage, action)
        if action.verb not in verbs:
            said = action.text if action.verb == "unknown" else action.verb
            raise UserError(f"{said!r} is not possible here", "h lists the keys")
        return verbs[action.verb]()

    def _drop(self, desk: Desk, stage: Stage, action: Action) -> Iterable[Line]:
        desk.drop(stage, action.text, action.question)
        return evidence_lines(desk, stage)

    def _model(self, desk: Desk, action: Action) -> Iterable[Line]:
        desk.switch(action.text)
        return [("note", f"{one_line(action.text)} writes from the next stage on")]

    def _back(self, desk: Desk, stage: Stage, action: Action) -> Iterable[Line]:
        self.after(desk, desk.stage_of(action.question or action.text))
        return [] if stage.id in desk.course.done else announcement(desk, stage)

    def _again(self, desk: Desk, stage: Stage, action: Action) -> Iterable[Line]:
        question = desk.question_of(stage, action.question)
        desk.again(stage, question, action.text)
        return results([a for a in desk.answers(stage) if a.question_id == question.id])

    # --- actions with more than one line

    def _show(self, desk: Desk, stage: Stage, action: Action) -> Iterable[Line]:
        if not action.question:
            return in_full(desk.find(stage, action.text))
        where = desk.stage_of(action.question)
        answer = next((a for a in desk.answers(where) if a.question_id == action.question), None)
        if answer is None:
            raise UserError(f"{action.question} is no question of stage {where.number}", "l lists what is left")
        return answer_lines(answer, most=None)

    def _add(self, desk: Desk, stage: Stage, action: Action) -> Iterable[Line]:
        question = desk.question_of(stage, action.question)
        if not action.text:
            raise UserError("add what?", f"+ {question.id} and words, a place or a census query")
        found = desk.look(action.text)
        if not found:
            return [("note", "nothing was found")]
        if len(found) > 1:
            self._screen.say(("place", f"  {number:>2}  {title(item)}") for number, item in enumerate(found, 1))
            chosen = self._screen.ask("which, as 1 3> ", "") or ""
            found = [found[int(n) - 1] for n in chosen.split() if n.isdecimal() and 1 <= int(n) <= len(found)]
        for item in found:
            desk.add(stage, question, item)
        return evidence_lines(desk, stage)

    def _write(self, desk: Desk, stage: Stage, action: Action) -> Iterable[Line]:
        question = desk.question_of(stage, action.question or action.text, model=False)
        answer = next(a for a in desk.answers(stage) if a.question_id == question.id)
        first = answer
        while True:
            self._screen.say([*numbered(answer), ("note", EDIT)])
            line = (self._screen.ask(f"edit {question.id}> ", "") or "").strip()
            if not line:
                break
            answer = self._edited(desk, answer, line)
        if answer is not first:
            desk.rewrite(stage, answer)
        return answer_lines(answer, most=BRIEF)

    def _edited(self, desk: Desk, answer: Answer, line: str) -> Answer:
        sign, rest = line[0], line[1:].strip()
        try:
            if sign == "-" and rest.isdecimal():
                return take_out(answer, int(rest))
            if sign == "+":
                return self._stated(desk, answer, rest)
            raise UserError(f"{line!r} is no edit", EDIT)
        except IndexError:
            self._screen.say([("fault", f"there is no statement {rest}")])
        except UserError as error:
            self._screen.say([("fault", f"error: {one_line(str(error))}"), ("note", f"hint: {one_line(error.hint)}")])
        return answer

    def _stated(self, desk: Desk, answer: Answer, text: str) -> Answer:
        """The answer with a statement of the person, or as it was when they take it back."""
        text = text or self._screen.ask("statement> ", "") or ""
        found = desk.look((self._screen.ask("proof, as path:10-20 or words> ", "") or "").strip())
        if not text.strip() or not found:
            raise UserError("a statement needs words and a place", EDIT)
        items = found[:1]
        while True:
            verdict = check(answer, text, items, desk.context, desk.course.done)
            if verdict.accepted:
                self._screen.say([("note", "the verifier accepts it")])
                return put_in(answer, verdict, items, desk.context)
            self._screen.say(("fault", f"refused: {one_line(fault.message)}") for fault in verdict.faults)
            reply = self._screen.ask("edit it, type keep to keep it all the same, or nothing to drop it> ", text)
            if reply is None or not reply.strip():
                return answer
            if reply.strip() == "keep":
                return put_in(answer, verdict, items, desk.context)
            text = reply
