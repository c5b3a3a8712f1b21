"""What a person changed about the course of an audit: hints, evidence, stages left to the facts, another model.

One JSON file in the run folder, written whole before anything that depends on it, so that an audit stepped through
by hand is continued by `run` as it was meant. Without a person it is empty and changes nothing.
"""

import json
from pathlib import Path

from pydantic import Field, ValidationError

from agent.errors import MachineError
from agent.evidence import Packed
from agent.report.files import write_whole
from agent.state import Evidence, Frozen

Places = tuple[tuple[str, int, int], ...]


class Change(Frozen):
    """About one question: a `hint` for the model, the places of `dropped` evidence, `added` evidence."""

    hint: str = ""
    dropped: tuple[Places, ...] = ()
    added: tuple[Evidence, ...] = ()


class Reopened(Frozen):
    """A finished stage that is asked again: only these questions; the others keep their answers in record `digest`."""

    questions: tuple[str, ...]
    digest: str


class Steering(Frozen):
    """All changes of one audit. `changes` by question id, `skipped` and `reopened` by stage id; `model` is the alias
    that writes from now on ("" for the audit's own), `models` names the ones switched to by the stage before which it
    was done."""

    changes: dict[str, Change] = Field(default_factory=dict)
    skipped: tuple[str, ...] = ()
    reopened: dict[str, Reopened] = Field(default_factory=dict)
    model: str = ""
    models: dict[str, str] = Field(default_factory=dict)

    def hint(self, question_id: str) -> str:
        """What the person tells the model about a question, "" for nothing."""
        return self.changes.get(question_id, Change()).hint

    def asks(self, stage_id: str, question_id: str) -> bool:
        """Whether the model may be asked: not in a skipped stage, and of a reopened one only what was reopened."""
        again = self.reopened.get(stage_id)
        return stage_id not in self.skipped and (again is None or question_id in again.questions)

    def kept(self, stage_id: str, question_id: str) -> str:
        """The digest of the record that holds the question's answer already, "" when it is to be answered."""
        again = self.reopened.get(stage_id)
        return again.digest if again is not None and question_id not in again.questions else ""

    def change(self, question_id: str, **values: object) -> "Steering":
        """The same with other values for one question."""
        changed = self.changes.get(question_id, Change()).model_copy(update=values)
        return self.model_copy(update={"changes": {**self.changes, question_id: changed}})

    def evidence(self, packed: Packed) -> Packed:
        """The evidence as the person wants it: without what was dropped, and what was added numbered behind it."""
        items = [self._without(item) for item in packed.items]
        for question_id, change in self.changes.items():
            for item in change.added:
                number = len(items) + 1
                items.append(item.model_copy(update={"id": f"E{number}", "questions": (question_id,)}))
        return Packed(tuple(item for item in items if item.questions), packed.left_out, packed.tokens)

    def _without(self, item: Evidence) -> Evidence:
        kept = [name for name in item.questions if item.spans not in self.changes.get(name, Change()).dropped]
        return item.model_copy(update={"questions": tuple(kept)})


def load_steering(path: Path) -> Steering:
    """What was stored at `path`; nothing when there is no file. Raises MachineError when it is damaged."""
    try:
        return Steering.model_validate(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return Steering()
    except (OSError, ValueError, ValidationError):
        raise MachineError(f"the saved changes in {path} are damaged", "start over with --fresh") from None


def store_steering(steering: Steering, path: Path) -> None:
    """Replace the file at `path`."""
    write_whole(path, steering.model_dump_json())
