"""The prompts: jinja2 templates of the prompts folder, rendered with strictly the variables they declare."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from agent.stages import Question
from agent.state import Evidence, Fault


class Prompts:
    """Renders system.md.j2, evidence.md.j2 and question.md.j2 of `folder`."""

    def __init__(self, folder: Path) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,  # the text goes to a model, not to a browser
        )

    def system(self) -> str:
        """The role and the contract of citation; the same for every question of every stage."""
        return self._render("system.md.j2")

    def evidence(self, items: Sequence[Evidence]) -> str:
        """A stage's numbered evidence; the same for every question of the stage."""
        return self._render("evidence.md.j2", items=items)

    def question(
        self, question: Question, ids: Sequence[str], faults: Sequence[Fault] = ()
    ) -> str:
        """One question with the evidence it may cite and, on a retry, what was wrong before."""
        return self._render("question.md.j2", question=question, ids=ids, faults=faults)

    def _render(self, template: str, **values: object) -> str:
        return self._environment.get_template(template).render(**values).strip() + "\n"
