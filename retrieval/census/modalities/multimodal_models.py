"""Kind `multimodal_models`: models that take one modality with another, or give another than they take.

Known are the models of libraries and the classes of the repository that derive from them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.values import ClassRef
from retrieval.census.modalities.modalities import modalities
from retrieval.census.modalities.modality_names import GROUPS, named
from retrieval.census.models.known_models import Known, known_model
from retrieval.census.models.model_entries import Entry, entries_of
from retrieval.census.models.roster import Roster, Use, roster_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

PLAIN = ("integer", "float", "true", "false", "none", "string")
_MODALITIES = ("image", "video", "audio", "text", "depth")


@dataclass(frozen=True)
class Multimodal:
    """A model with what it takes and gives; `does` is said of the library class that it is or derives from."""

    entry: Entry
    known: Known
    base: str  # the library class that a class of the repository derives from, ""
    uses: tuple[Use, ...]

    @property
    def together(self) -> bool:
        """Whether it takes two modalities at once."""
        return len({GROUPS.get(m, m) for m in self.known.takes}) > 1

    @property
    def apart(self) -> bool:
        """Whether it embeds each modality by itself, into one space."""
        return self.together and self.known.gives == "embedding"

    @property
    def conditions(self) -> bool:
        """Whether text decides which image, video or depth it makes, inside the library."""
        return self.known.takes == ("text",) and self.known.gives in ("image", "video", "depth")

    @property
    def said(self) -> str:
        """ "`CLIPModel` (image-text encoder; takes image and text, gives embedding)"."""
        derived = f", derived from `{self.base}`" if self.base else ""
        gives = f", gives {self.known.gives}" if self.known.gives else ""
        return f"`{self.entry.name}` ({self.known.does}{derived}; takes {' and '.join(self.known.takes)}{gives})"


@kind(
    "multimodal_models",
    summary="models that take two modalities together (how=together), or turn one into another (how=turned)",
    example="multimodal_models: how=together",
    reads="python",
    options=("how",),
    ordered=True,
)
def multimodal_models(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per model, in the order in which programs make them; patterns match its name or purpose."""
    wanted = query.options.get("how", "together|turned").split("|")
    roster = roster_of(codebase)
    for model in models_of_two(roster):
        how = "together" if gives_two(roster, model) else "turned"
        if how in wanted and query.matches(model.entry.name, model.known.does):
            yield _hit(codebase, model)


def models_of_two(roster: Roster) -> list[Multimodal]:
    """The models of a codebase that have to do with two modalities."""
    found = []
    for entry in entries_of(roster.codebase):
        known, base = _known(roster, entry)
        if known is not None and _crosses(known) and not entry.name.endswith("Output"):
            uses = [use for made in entry.made for use in roster.uses_of(made)]
            found.append(Multimodal(entry, known, base, tuple({id(use.step): use for use in uses}.values())))
    return found


def gives_two(roster: Roster, model: Multimodal) -> bool:
    """Whether a model that takes two modalities is given two, as far as its calls tell what they give."""
    told = [groups for use in model.uses if (groups := _given(roster, use))]
    return model.together and (not told or any(len(groups) > 1 for groups in told))


def _given(roster: Roster, use: Use) -> set[str]:
    """The kinds of modality that the arguments of a call are made of; none when one of them tells nothing."""
    found: set[str] = set()
    place = Spot(use.frame, use.step.node, use.step.order, use.step.guards)
    for child in arguments(use.step.node, keywords=True):
        if child.type == "keyword_argument" and child.child_by_field_name("value").type in PLAIN:  # type: ignore[union-attr]
            continue
        node = (
            child.named_children[0] if child.type == "dictionary_splat" else child.child_by_field_name("value") or child
        )
        told = {item.group for spot in place.inner(node, take=()) for item in modalities(roster.tracer, spot)}
        if not told:
            return set()
        found |= told
    return found


def _known(roster: Roster, entry: Entry) -> tuple[Known | None, str]:
    first = entry.made[0]
    if first.cls is None:
        return first.known, ""
    for base in _outside(roster, first.cls):
        known = known_model(base)
        if known is not None and known.takes:
            if known.takes == ("text",) and not _reads_text(roster, first.cls):
                return None, ""
            return known, base.rpartition(".")[2]
    return None, ""


def _reads_text(roster: Roster, cls: ClassRef) -> bool:
    """Whether a class of the repository that derives from a library's is given text where it says what it is given."""
    methods = [m for name in ("forward", "__call__") if (m := roster.program.method(cls, name)) is not None]
    told = [parameter for _owner, definition in methods for parameter in definition.parameters]
    return not told or any(named(re.match(r"\**\w*", one.strip())[0]) in ("text", "prompt") for one in told)  # type: ignore[index]


def _outside(roster: Roster, cls: ClassRef) -> list[str]:
    """The library classes that a class of the repository derives from, nearest first."""
    return [base for owner in (cls, *roster.program.line(cls)) for base in owner.definition.bases]


def _crosses(known: Known) -> bool:
    groups = {GROUPS.get(m, m) for m in known.takes if m in _MODALITIES}
    turned = known.gives in _MODALITIES and bool(groups) and GROUPS.get(known.gives, known.gives) not in groups
    return len(groups) > 1 or turned


def _hit(codebase: "Codebase", model: Multimodal) -> CensusHit:
    first = model.entry.made[0]
    text = f"{model.said}: made by {_where(model)}"
    if model.uses:
        use = model.uses[0]
        text += f"; run by `{use.step.written}(…)`" + (f" in `{use.frame.symbol}`" if use.frame.symbol else "")
    related = tuple(("use", u.frame.path, u.step.start, u.step.end) for u in model.uses[:3])
    return hit_at(
        codebase, first.frame.path, (first.step.start, first.step.end), symbol=first.frame.symbol,
        name=model.entry.name, text=text, related=related,
    )  # fmt: skip


def _where(model: Multimodal) -> str:
    names = list(dict.fromkeys(m.frame.symbol or m.frame.path for m in model.entry.made))
    return ", ".join(f"`{name}`" for name in names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
