"""How free questions are read, as data: intents.yaml (relations between names, verdicts) and topics.yaml (subjects).

Both are validated here, field by field. Which of them fits a question is decided in `inquiry.py`.
"""

import re
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field

from agent.stages import FactSpec, VerdictSpec

FILES = ("intents.yaml", "topics.yaml")


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Topic(_Entry):
    """A subject of questions: any of `when` found in the question in lower case makes it a candidate. `facts` are
    asked of the census; `claims` is the most sentences that the model may add."""

    id: str
    when: tuple[str, ...] = Field(min_length=1)
    claims: int = Field(default=0, ge=0, le=8)
    facts: tuple[FactSpec, ...] = Field(min_length=1)

    @cached_property
    def patterns(self) -> tuple[re.Pattern[str], ...]:
        """`when`, compiled; `@a` and `@b` of relations become groups of that name."""
        return tuple(re.compile(re.sub(r"@([ab])", r"@(?P<\1>\\d+)(?!\\d)", text)) for text in self.when)

    def spoken(self, text: str) -> list[str]:
        """The parts of a question that speak of it."""
        return [match[0] for pattern in self.patterns for match in pattern.finditer(text)]


class Relation(Topic):
    """What is asked about one name, or between two: `@a` and `@b` in `when` are names of code, `<a>` and `<b>` in
    `facts` their spellings. `instead` is asked when none of the facts has a hit."""

    instead: tuple[FactSpec, ...] = ()

    @property
    def binary(self) -> bool:
        """Whether it needs two names."""
        return any("@b" in text for text in self.when)


class Verdicts(_Entry):
    """The direct answers to questions that can be answered with yes or no, and to others that find nothing."""

    yes_no: VerdictSpec
    absent: VerdictSpec


class Intents(_Entry):
    """Both files as one value; the fields are explained where they stand in intents.yaml."""

    version: int = Field(ge=1, le=1)
    silent: str
    yes_no: str
    verdicts: Verdicts
    missing: str
    relations: tuple[Relation, ...]
    speaking: str
    named: str
    literal: tuple[FactSpec, ...]
    places: tuple[FactSpec, ...]
    missing_place: str
    worded: tuple[FactSpec, ...]
    nearest: str
    unsure: str
    absent_words: str
    absent_aside: str
    like: str
    topics: tuple[Topic, ...]

    @cached_property
    def silent_words(self) -> frozenset[str]:
        """Words that name nothing in the code."""
        return frozenset(self.silent.split())

    def relation(self, name: str) -> Relation:
        """The first relation of this id."""
        return next(relation for relation in self.relations if relation.id == name)


@cache
def load_intents() -> Intents:
    """The shipped intents and topics. Raises ValidationError when they are broken."""
    merged: dict[str, Any] = {}
    for name in FILES:
        merged |= yaml.safe_load(Path(__file__).with_name(name).read_text("utf-8"))
    return Intents.model_validate(merged)
