"""The stage pack: stages.yaml read and validated. The format is documented field by field here.

Knows nothing about how a question is answered. Every error names the file, the stage and the field.
"""

import re
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from agent.errors import PackError
from retrieval.census import KINDS, parse_query
from retrieval.errors import QueryError


def _one_or_many(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Strings = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FactSpec(_Entry):
    """One group of census queries behind a question, and how what it finds is said.

    `label` is a noun phrase for what is searched ("background threads"). `found` and `none` are the sentences
    printed with and without hits; they may use {count}, {files}, {searched}, {names} and {label}. Without
    `none` an empty group is only named in the question's verdict. `show` hits are printed as lines of their
    own, the rest as a list of places. `layout`: "lines", "places" (no text, only places), "tree" (one fenced
    block), "steps" (numbered lines in the census's order), "sentences" (paragraphs without a heading).
    `decides` says whether hits make the verdict "yes"; `roles` which files count ("source" unless said
    otherwise; hits elsewhere are reported as such).
    `filter` keeps hits whose text or name matches this regular expression. `named` names the hits in the verdict
    instead of counting them; with `brief` above 0 the code around the first hit is shown to the model.
    """

    label: str = Field(min_length=1)
    census: Strings = Field(min_length=1)
    found: str = "{label} ({count}):"
    none: str = ""
    show: int = Field(default=10, ge=0, le=500)
    layout: str = Field(default="lines", pattern="^(lines|places|tree|steps|sentences)$")
    decides: bool = True
    roles: Strings = ("source", "config", "docs")
    filter: str = ""
    brief: int = Field(default=6, ge=0, le=60)
    named: bool = False

    @field_validator("filter")
    @classmethod
    def _pattern_compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"{value!r} is no regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _queries_parse(self) -> "FactSpec":
        for text in self.census:
            try:
                query = parse_query(text)
            except QueryError as error:
                raise ValueError(f"census query {text!r}: {error}") from None
            if query.kind not in KINDS:
                raise ValueError(f"census query {text!r}: unknown kind {query.kind!r}")
        return self


class VerdictSpec(_Entry):
    """The direct answer drawn from the facts: `positive` when a deciding fact has hits in the
    main code, else `negative`.

    Both may use {found} and {absent} (labels of the deciding facts with and without hits) and {searched}. An empty
    `positive` leaves the answer to the facts, which then begin with it.
    """

    positive: str = "Yes. Found: {found}. Not found in {searched} files searched: {absent}."
    negative: str = "No. Searched for and not found in {searched} files: {absent}."


class Question(_Entry):
    """One question. `search` are phrasings for the code search, `guide` one line that tells the model what the
    answer must state, `claims` the most sentences the model may add (0: the facts answer alone). `parts` are what a
    question of several parts asks for: part → labels of the facts that answer it. A part without hits is answered
    with the number of files searched, a part without any statement is reported as missing."""

    id: str = Field(pattern=r"^\d+\.\d+$")
    text: str = Field(min_length=1)
    search: Strings = ()
    facts: tuple[FactSpec, ...] = ()
    verdict: VerdictSpec | None = None
    parts: dict[str, Strings] = Field(default_factory=dict)
    guide: str = ""
    claims: int = Field(default=2, ge=0, le=8)
    excerpts: int = Field(default=1, ge=0, le=5)

    @property
    def asks_where(self) -> bool:
        """Whether it asks for places, so that each place is given with the definition around it."""
        return re.search(r"\bwhere\b", self.text, re.IGNORECASE) is not None

    @model_validator(mode="after")
    def _parts_name_facts(self) -> "Question":
        labels = {fact.label for fact in self.facts}
        for part, named in self.parts.items():
            if unknown := [label for label in named if label not in labels]:
                raise ValueError(f"part {part!r} names the fact {unknown[0]!r}, which this question does not have")
        return self


class Settings(_Entry):
    """How a stage is asked: `evidence_tokens` the most that a question's evidence may take, `hits` code
    search results kept per question, `max_tokens` the longest draft, `max_attempts` drafts per question."""

    evidence_tokens: int = Field(default=1800, ge=200, le=100_000)
    hits: int = Field(default=3, ge=0, le=40)
    max_tokens: int = Field(default=160, ge=32, le=4000)
    max_attempts: int = Field(default=2, ge=1, le=9)


class Stage(_Entry):
    """One stage. `number` orders the stages and heads the report; `settings` replace the pack's defaults."""

    number: int = Field(ge=1)
    title: str = Field(min_length=1)
    questions: tuple[Question, ...] = Field(min_length=1)
    settings: Settings | None = None

    @property
    def id(self) -> str:
        """Node name, file name and report anchor: "s01" … ."""
        return f"s{self.number:02d}"


class StagePack(_Entry):
    """A whole questionnaire."""

    version: int = Field(ge=1, le=1)
    title: str = Field(min_length=1)
    defaults: Settings = Settings()
    stages: tuple[Stage, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _ids_agree(self) -> "StagePack":
        numbers = [stage.number for stage in self.stages]
        if numbers != sorted(set(numbers)):
            raise ValueError("stage numbers must be unique and ascending")
        for stage in self.stages:
            seen: set[str] = set()
            for question in stage.questions:
                if question.id.split(".")[0] != str(stage.number) or question.id in seen:
                    raise ValueError(
                        f"stage {stage.number}: question id {question.id!r} must be unique and start "
                        f"with {stage.number}."
                    )
                seen.add(question.id)
        return self

    def settings(self, stage: Stage) -> Settings:
        """The stage's own settings, else the pack's defaults."""
        return stage.settings or self.defaults

    def only(self, ids: list[str]) -> "StagePack":
        """The pack cut to these stage numbers and question ids. Raises PackError for an unknown id."""
        known = {str(s.number) for s in self.stages} | {q.id for s in self.stages for q in s.questions}
        if unknown := [i for i in ids if i not in known]:
            raise PackError(
                f"--only names {unknown[0]!r}, which is no stage or question of this pack",
                f"stages are 1 to {self.stages[-1].number}, questions are written like 2.3",
            )
        stages = [_cut(stage, set(ids)) for stage in self.stages]
        return self.model_copy(update={"stages": tuple(s for s in stages if s.questions)})


def _cut(stage: Stage, ids: set[str]) -> Stage:
    if str(stage.number) in ids:
        return stage
    kept = tuple(question for question in stage.questions if question.id in ids)
    return stage.model_copy(update={"questions": kept})


def load_pack(path: Path) -> StagePack:
    """Read and validate a stage pack. Raises PackError naming file, stage and field."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PackError(f"cannot read the stage pack {path}: {error.strerror}", "name a YAML file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise PackError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise PackError(f"{path} holds no stage pack", "it must be a mapping with `version` and `stages`")
    try:
        return StagePack.model_validate(raw)
    except ValidationError as error:
        raise PackError(f"{path}: {_where(raw, error)}", _how_many(error)) from None


def _where(raw: dict[str, Any], error: ValidationError) -> str:
    """The first fault as "stage 2 (TITLE), question 2.3, field facts.0.label: message"."""
    fault = error.errors()[0]
    node: Any = raw
    words: list[str] = []
    field: list[str] = []
    for step in fault["loc"]:
        node = _part(node, step)
        if isinstance(step, int) and isinstance(node, dict) and ("number" in node or "title" in node):
            words.append(f"stage {node.get('number', step + 1)} ({node.get('title', 'no title')})")
            field = []
        elif isinstance(step, int) and isinstance(node, dict) and ("id" in node or "text" in node):
            words.append(f"question {node.get('id', step + 1)}")
            field = []
        else:
            field.append(str(step))
    field = [step for step in field if step not in ("stages", "questions")]
    words.append("field " + (".".join(field) or "stages"))
    return f"{', '.join(words)}: {fault['msg'].removeprefix('Value error, ')}"


def _part(node: Any, step: int | str) -> Any:
    if isinstance(node, dict):
        return node.get(step)
    return node[step] if isinstance(node, list) and isinstance(step, int) and 0 <= step < len(node) else None


def _how_many(error: ValidationError) -> str:
    more = error.error_count() - 1
    return f"{more} more fault(s) in this file" if more else ""
