"""The verdict on replacing models: what goes without an edit, what by an entry in a list, what only by an edit.

The first word follows the models: yes where none needs an edit, yes and no where some do, partly where
another takes an entry in a list.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import Point
from retrieval.census.meaning.prose import listed

if TYPE_CHECKING:
    from retrieval.census.models.model_entries import Entry

SHOWN, STAGES, EACH = 8, 8, 3
OPEN = (
    ("registering", "by registering"), ("plug-in", "by plug-in modules"), ("configuration", "by configuration alone"),
    ("argument", "by argument"),
)  # fmt: skip
KNOWN = (("table", "by name"), ("selecting", "by settings"))
HANDED = (("handed", "as an argument"),)
FREE = ("named", "entered", "given", "within", "registered", "hosted", "injected", "plugged")
"""How models are chosen that no edit is needed for."""


@dataclass(frozen=True)
class Replacing:
    """What the verdict is made of: models by how they are chosen, points, clauses on modules that are loaded by name,
    closed choices in words, points outside of what main programs run, and the classes around models that can be
    replaced whole."""

    groups: "dict[str, list[Entry]]"
    points: list[Point]
    loaded: list[str]
    branches: str
    aside: list[Point]
    around: list[str] = field(default_factory=list)

    @property
    def closed(self) -> "list[Entry]":
        """The models for which code must be edited where they are made."""
        return [entry for how in ("chosen", "pooled", "fixed") for entry in self.groups.get(how, ())]


def verdict(told: Replacing) -> str:
    """The whole verdict in words."""
    free, known, handed = _free(told), _known(told), _sorted(told.points, HANDED)
    bases = [point.short for point in told.points if point.sort == "subclassing"]
    rest = _rest(told)
    if free or known or handed:
        parts = [f"Without a change of code: {'; '.join(free)}"] if free else []
        parts += [f"Among what the code lists, where another takes one more entry: {'; '.join(known)}"] if known else []
        parts += [f"With a change only where the model is made: {'; '.join(handed)}"] if handed else []
        return f"{_word(told, bool(free))} {'. '.join([*parts, *map(_capital, bases)])}{rest}"
    if bases:
        return f"Partly. {_capital(bases[0])}, but where a class is constructed the code must name the new one{rest}"
    where = "In what the main programs run, no" if told.aside else "No"
    text = f"{where} interface, registry or plug-in lets one put another class of model in without a change of code; "
    text += f"elsewhere {told.aside[0].short}; " if told.aside else ""
    return text + (
        f"the dispatch there is takes {told.branches}"
        if told.branches
        else "the next sentences say what can be exchanged"
    )


def _word(told: Replacing, free: bool) -> str:
    if not told.closed:
        return "Yes."
    reached = any(told.groups.get(how) for how in FREE) or bool(_sorted(told.points, OPEN))
    return "Yes for some models, no for others." if free and reached else "Partly."


def _free(told: Replacing) -> list[str]:
    """The ways that need no edit, each with what it takes."""
    parts = _sorted(told.points, OPEN) + told.loaded
    if told.around:
        parts.append(f"so another class can stand in the place of {listed(told.around, STAGES)}")
    if "registered" in told.groups:
        parts.append(f"a class registered under a name can be named instead of {names(told.groups['registered'])}")
    if "hosted" in told.groups:
        parts.append(f"the settings say which hosted model stands behind {names(told.groups['hosted'])}")
    if "injected" in told.groups:
        parts.append(f"{names(told.groups['injected'])} come in as parameters, so that what makes them can give others")
    return parts


def _known(told: Replacing) -> list[str]:
    parts = _sorted(told.points, KNOWN)
    if "listed" in told.groups:
        parts.append(f"a name selects the module that {names(told.groups['listed'])} comes from")
    return parts


def _sorted(points: list[Point], sorts: tuple[tuple[str, str], ...]) -> list[str]:
    parts = []
    for sort, words in sorts:
        told = list(dict.fromkeys(point.short for point in points if point.sort == sort))
        more = f"; {len(told) - EACH} more ways of the kind" if len(told) > EACH + 1 else ""
        parts += [f"{words}, {'; '.join(told[:EACH] if more else told)}{more}"] if told else []
    return parts


def _rest(told: Replacing) -> str:
    if not told.closed:
        return ""
    branch = f", as {told.branches}" if told.branches else ""
    return f". Only by a change of code: {names(told.closed)}{branch}"


def names(entries: "list[Entry]") -> str:
    """The names of models, the first ones."""
    return listed([f"`{entry.name}`" for entry in entries], SHOWN)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
