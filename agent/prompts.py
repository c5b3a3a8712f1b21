"""The prompts: jinja2 templates of the prompts folder, rendered with strictly the variables they declare."""

from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from agent.stages import Question
from agent.state import Evidence


class Prompts:
    """Renders the templates of `folder`."""

    def __init__(self, folder: Path) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,  # the text goes to a model, not to a browser
        )

    def system(self, repository: str, about: Sequence[str]) -> str:
        """The role, the contract of citation and what the repository says of itself: the beginning that all
        questions of an audit share."""
        return self._render("system.md.j2", repository=repository, about=about)

    def question(self, question: Question, items: Sequence[Evidence], advice: str = "", hint: str = "") -> str:
        """One question with its evidence and, on a retry, what was wrong before; `hint` is a person's."""
        return self._render("question.md.j2", question=question, items=items, advice=advice, hint=hint)

    def assistant(self, repository: str, kinds: Sequence[str]) -> str:
        """What an assistant is told of the tools over a repository; `kinds` are the kinds of census query."""
        return self._render("assistant.md.j2", repository=repository, kinds=kinds)

    def judge(self, sentence: str, lines: str, words: Sequence[str]) -> str:
        """A sentence and the lines that it cites, to be answered with one of `words`."""
        return self._render("judge.md.j2", sentence=sentence, lines=lines, words=words)

    def _render(self, template: str, **values: object) -> str:
        return self._environment.get_template(template).render(**values).strip() + "\n"
