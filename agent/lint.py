"""The verifier's word lists, read from lint.yaml and compiled once.

Knows the shape of the data file and nothing of claims. A malformed file is a fault of the installation
and raises pydantic's ValidationError.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict

from agent.state import Fault
from agent.words import stem


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Limits(_Entry):
    """Lengths in characters, spans in lines, shares between 0 and 1."""

    shortest: int
    longest: int
    fewest_words: int
    ungrounded: float
    similar: float
    widest: int
    margin: int
    citations: int


class BackedEntry(_Entry):
    """Words of effect and the expression that their lines must match."""

    words: list[str]
    lines: str


class RelationEntry(_Entry):
    """A phrase about {A} and {B}, the statement that proves it, and the one that refutes it."""

    says: str
    lines: str
    unless: str = ""
    home: bool = False


class CensusEntry(_Entry):
    """A whole sentence about {A}, {B} and a count {N}, the census query that proves it, and what must hold:
    `hits` or `files` are {N}, `none` are found, or `only` {A} holds them.
    """

    says: str
    query: str
    proves: Literal["hits", "files", "none", "only"]


class AssertionEntry(_Entry):
    """A phrase that says `what` of {A}: the `value` given here, the group (?P<value>…), or the name {B}."""

    what: str
    says: str
    value: str = ""


class OrderWords(_Entry):
    """Phrases between two names that say which comes first."""

    before: list[str]
    after: list[str]
    soft: list[str]


class LintFile(_Entry):
    """lint.yaml as it is written; see the comments there."""

    limits: Limits
    faults: dict[str, str]
    hedges: list[str]
    speculation: list[str]
    evaluation: list[str]
    filler: list[str]
    vague: list[str]
    verbs: str
    dangling: str
    tails: list[str]
    references: list[str]
    leads: str
    droppable: list[str]
    universal: list[str]
    looping: list[str]
    loop_lines: str
    negative: list[str]
    condition: str
    negative_lines: str
    census_zero: str
    count_words: dict[str, int]
    countable: str
    neutral: list[str]
    generic: list[str]
    aliases: dict[str, list[str]]
    backed: list[BackedEntry]
    relations: list[RelationEntry]
    census_forms: list[CensusEntry]
    assertions: list[AssertionEntry]
    order: OrderWords


@dataclass(frozen=True)
class Backed:
    """A word of effect: `says` is searched in the prose, `lines` in the cited lines."""

    says: re.Pattern[str]
    lines: re.Pattern[str]


@dataclass(frozen=True)
class Relation:
    """`says` finds the phrase in a sentence whose terms are written `~number~`, as groups A and B.

    `lines` and `unless` still hold {A} and {B}, to be filled with the names found.
    """

    says: re.Pattern[str]
    lines: str
    unless: str
    home: bool


@dataclass(frozen=True)
class CensusForm:
    """`says` must match a whole sentence whose terms are marked; `query` holds {A} and {B}."""

    says: re.Pattern[str]
    query: str
    proves: str


@dataclass(frozen=True)
class AssertionForm:
    """`says` is searched in a sentence whose terms are marked."""

    what: str
    says: re.Pattern[str]
    value: str


@dataclass(frozen=True)
class Lint:
    """The data, compiled."""

    data: LintFile
    wording: tuple[tuple[str, re.Pattern[str]], ...]  # fault kind → what is not to be written
    verbs: re.Pattern[str]
    dangling: re.Pattern[str]
    tails: tuple[re.Pattern[str], ...]
    references: tuple[re.Pattern[str], ...]
    leads: re.Pattern[str]
    droppable: re.Pattern[str]
    universal: re.Pattern[str]
    loop_lines: re.Pattern[str]
    negative: re.Pattern[str]
    condition: re.Pattern[str]
    negative_lines: re.Pattern[str]
    census_zero: re.Pattern[str]
    counts: re.Pattern[str]
    backed: tuple[Backed, ...]
    relations: tuple[Relation, ...]
    census_forms: tuple[CensusForm, ...]
    assertions: tuple[AssertionForm, ...]
    neutral: frozenset[str]  # stems
    generic: frozenset[str]
    order: re.Pattern[str]

    def fault(self, kind: str, what: object = "", where: str = "the cited lines") -> Fault:
        """The fault of this kind, worded for the model. `what` is cut at 80 characters."""
        shown = what[:80] if isinstance(what, str) else what
        return Fault(kind=kind, message=self.data.faults[kind].format(what=shown, where=where))


@cache
def load_lint() -> Lint:
    """Read and compile lint.yaml, which lies beside this module."""
    text = (Path(__file__).parent / "lint.yaml").read_text(encoding="utf-8")
    return _compile(LintFile.model_validate(yaml.safe_load(text)))


def _compile(data: LintFile) -> Lint:
    kinds = ("filler", "speculation", "hedge", "evaluation", "vague")
    lists = (data.filler, data.speculation, data.hedges, data.evaluation, data.vague)
    numbers = "|".join(data.count_words)
    return Lint(
        data=data,
        wording=tuple((kind, words(entries)) for kind, entries in zip(kinds, lists, strict=True)),
        verbs=re.compile(rf"\b{data.verbs}\b"),
        dangling=_search(rf"^\s*{data.dangling}\b"),
        tails=tuple(_search(tail) for tail in data.tails),
        references=tuple(_search(entry) for entry in data.references),
        leads=_search(rf"^{data.leads}"),
        droppable=_search(rf"(?<!not )(?<!the )\b(?:{'|'.join(data.droppable)})\b\s+"),
        universal=words(data.universal),
        loop_lines=_search(data.loop_lines),
        negative=words(data.negative),
        condition=_search(data.condition),
        negative_lines=re.compile(data.negative_lines),
        census_zero=_search(data.census_zero),
        counts=_search(rf"\b(?:({numbers})\b|(\d+)\s+(?:[a-z]+\s+)?(?:{data.countable})\b)"),
        backed=tuple(Backed(words(b.words), _search(b.lines)) for b in data.backed),
        relations=tuple(_relation(entry) for entry in data.relations),
        census_forms=tuple(_census_form(entry, numbers) for entry in data.census_forms),
        assertions=tuple(AssertionForm(e.what, _search(_marks(e.says)), e.value) for e in data.assertions),
        neutral=frozenset(stem(word) for word in data.neutral),
        generic=frozenset(data.generic),
        order=_order(data.order),
    )


def words(entries: list[str]) -> re.Pattern[str]:
    """Match any of `entries` as whole words, case-insensitively."""
    return _search(rf"(?<![\w-])(?:{'|'.join(entries)})(?![\w-])")


def _relation(entry: RelationEntry) -> Relation:
    return Relation(_search(_marks(entry.says)), entry.lines, entry.unless, entry.home)


def _census_form(entry: CensusEntry, numbers: str) -> CensusForm:
    says = _marks(entry.says).replace("{N}", rf"(?P<N>\d+|one|{numbers})")
    return CensusForm(_search(says), entry.query, entry.proves)


def _marks(says: str) -> str:
    """The expression for a phrase about {A} and {B} in a sentence whose terms are written `~number~`."""
    return says.replace("{A}", r"~(?P<A>\d+)~").replace("{B}", r"~(?P<B>\d+)~")


def _order(order: OrderWords) -> re.Pattern[str]:
    before, after, soft = ("|".join(part) for part in (order.before, order.after, order.soft))
    return _search(rf"\b(?:(?P<before>{before})|(?P<after>{after})|(?P<soft>{soft}))\b")


def _search(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
