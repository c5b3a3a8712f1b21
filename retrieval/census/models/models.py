"""Kind `models`: the model classes of a repository, whole models before their parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.values import ClassRef
from retrieval.census.meaning.wording import summary
from retrieval.census.models.families import is_model_base
from retrieval.census.models.known_models import known_model
from retrieval.census.models.tiers import TIERS, Anatomy, anatomy_of
from retrieval.errors import QueryError
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN = 10


@dataclass(frozen=True, slots=True)
class Family:
    """The model classes of a repository with the outside base that makes each one a model."""

    bases: dict[ClassRef, str]

    def is_model(self, cls: ClassRef) -> bool:
        """Whether a repository class derives from one of the bases asked for."""
        return cls in self.bases


_TENSORS = frozenset({"torch", "tensorflow", "jax", "paddle", "mindspore", "mlx"})
_PLAIN = frozenset({"abc", "typing", "typing_extensions", "enum", "collections", "pydantic", "dataclasses"})


def family_of(codebase: "Codebase", query: Query) -> Family:
    """Classes that derive from the patterns of the query, or from any known model base without patterns."""
    fits = query.matches if query.patterns else _is_base
    found: dict[ClassRef, str] = {}
    for cls in program_of(codebase).classes:
        bases = list(codebase.bases(cls.path, cls.definition))
        base = next((b for b in bases if fits(b) and not _is_here(codebase, b, cls)), "")
        if base or (not query.patterns and (base := _computing(codebase, cls, bases))):
            found[cls] = base
    return Family(found)


def _is_here(codebase: "Codebase", base: str, cls: ClassRef) -> bool:
    """Whether a base is a class of this repository, whose package may have the name of a library's."""
    return known_model(base) is not None and codebase.find(base, cls.path) is not None


def _computing(codebase: "Codebase", cls: ClassRef, bases: Sequence[str]) -> str:
    """The outside base of a class that has a `forward` of its own in a file that works with tensors, "" for none.

    A framework's own base of models is told by that, whatever the framework is.
    """
    facts = codebase.facts[cls.path]
    tensors = any(item.module.partition(".")[0] in _TENSORS for item in facts.imports)
    forward = f"{cls.definition.symbol}.forward"
    if not tensors or all(item.symbol != forward for item in facts.definitions):
        return ""
    outside = (base for base in bases if "." in base and base.partition(".")[0] not in _TENSORS | _PLAIN)
    return next((base for base in outside if codebase.locate(base.rpartition(".")[0], cls.path) is None), "")


def _is_base(name: str) -> bool:
    return is_model_base(name) or known_model(name) is not None


@kind(
    "models",
    summary="classes that derive from a model base class, complete models before parts (tier=model|part|...)",
    example="models: tier=model",
    reads="python",
    options=("tier",),
    ordered=True,
)
def models(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Model classes: complete models, then parts, layers, losses and transforms; those with most parts first.

    `detail["tier"]` is one of `tiers.TIERS` (see `Anatomy.tier` for the rule), and `tier=part|layer` keeps those
    tiers; `detail["part"]` is "no" for parts of no other class. Raises QueryError for an unknown tier.
    """
    program = program_of(codebase)
    family = family_of(codebase, query)
    wanted = _wanted(query)
    anatomy = Anatomy(program, family.bases) if query.patterns else anatomy_of(program, family.bases)

    def importance(cls: ClassRef) -> tuple[bool, int, bool, int, str, int]:
        role = program.snapshot.by_path[cls.path].role
        tier = TIERS.index(anatomy.tier(cls))
        reach = len(anatomy.reach(cls))
        wraps = any(anatomy.tier(part) == "model" for part in anatomy.parts[cls])
        return (role != "source", tier, wraps or anatomy.is_base(cls), -reach, cls.path, cls.definition.head_start)

    for cls in sorted(family.bases, key=importance):
        if anatomy.tier(cls) in wanted:
            yield _class_hit(codebase, anatomy, cls)


def _wanted(query: Query) -> list[str]:
    asked = [tier.strip() for tier in query.options.get("tier", "|".join(TIERS)).split("|")]
    unknown = [tier for tier in asked if tier not in TIERS]
    if unknown:
        raise QueryError(f"{query.text!r}: unknown tier {unknown[0]!r}", hint=f"known: {', '.join(TIERS)}")
    return asked


def _class_hit(codebase: "Codebase", anatomy: Anatomy, cls: ClassRef) -> CensusHit:
    definition, tier, base = cls.definition, anatomy.tier(cls), anatomy.models[cls]
    held = [holder.definition.symbol for holder in anatomy.holders.get(cls, [])]
    derived = [d.definition.symbol for d in anatomy.program.descendants(cls) if d in anatomy.models]
    what = f", a {tier}," if tier in ("layer", "loss", "transform") else ""
    text = f"`{definition.symbol}` ({cls.path}){what} derives from `{base}`"
    if anatomy.parts[cls]:
        text += f"; its parts are {_listed([part.definition.symbol for part in anatomy.parts[cls]])}"
    if held:
        text += f"; it is a part of {_listed(held)}"
    elif anatomy.is_base(cls):
        text += f"; it is the base class of {_listed(derived)}"
    about = summary(definition)
    return hit_at(
        codebase,
        cls.path,
        (definition.head_start, definition.head_end),
        symbol=definition.symbol,
        name=definition.symbol,
        text=text,
        related=(("definition", cls.path, definition.start, definition.end),),
        detail={"base": base, "tier": tier, "part": "yes" if held else "no"} | ({"about": about} if about else {}),
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
