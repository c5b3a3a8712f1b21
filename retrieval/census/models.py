"""Kind `models`: the model classes of a repository, whole models before their parts."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.families import is_model_base
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.program import Program, program_of
from retrieval.census.values import ClassRef, Instance, Items, Table, Value, alternatives
from retrieval.census.wording import summary
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


def family_of(codebase: "Codebase", query: Query) -> Family:
    """Classes that derive from the patterns of the query, or from any known model base without patterns."""
    fits = query.matches if query.patterns else is_model_base
    found: dict[ClassRef, str] = {}
    for cls in program_of(codebase).classes:
        base = next((b for b in codebase.bases(cls.path, cls.definition) if fits(b)), "")
        if base:
            found[cls] = base
    return Family(found)


@kind(
    "models",
    summary="classes that derive from a model base class, whole models before parts",
    example="models: torch.nn.Module",
    reads="python",
    ordered=True,
)
def models(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Model classes. Those with most parts first; `detail["part"]` is "no" for parts of no other."""
    program = program_of(codebase)
    family = family_of(codebase, query)
    parts = {cls: _parts(program, family, cls) for cls in family.bases}
    holders: dict[ClassRef, list[ClassRef]] = {}
    for cls, built in parts.items():
        for part in built:
            if cls not in program.line(part):
                holders.setdefault(part, []).append(cls)

    def importance(cls: ClassRef) -> tuple[bool, int, bool, str, int]:
        role = program.snapshot.by_path[cls.path].role
        reach = len(_all_parts(parts, cls))
        own = cls.definition
        return (role != "source", -reach, cls in holders, cls.path, own.head_start)

    for cls in sorted(family.bases, key=importance):
        held = [holder.definition.symbol for holder in holders.get(cls, [])]
        names = [part.definition.symbol for part in parts[cls]]
        yield _class_hit(codebase, cls, family.bases[cls], names, held)


def _parts(program: Program, family: Family, cls: ClassRef) -> list[ClassRef]:
    """The model classes that `cls` constructs in its methods or holds in its attributes, each once."""
    found: dict[ClassRef, None] = {}
    for frame in program.methods(cls, cls):
        for site in program.sites(frame):
            found |= {target: None for target in site.targets if isinstance(target, ClassRef)}
        own = f"{next(iter(frame.parameters))}."
        for name in dict.fromkeys(b.name for b in frame.body.bindings if b.name.startswith(own)):
            held = program.attribute(Instance(cls), name.removeprefix(own))
            found |= {cls: None for cls in _held(held)}
    return [part for part in found if family.is_model(part) and part != cls]


def _held(value: Value | None) -> Iterator[ClassRef]:
    """The classes of the objects that a value is, or holds as its elements."""
    for member in alternatives(value):
        if isinstance(member, Instance):
            yield member.cls
        elif isinstance(member, Items | Table):
            yield from _held(member.element)


def _all_parts(parts: dict[ClassRef, list[ClassRef]], cls: ClassRef) -> set[ClassRef]:
    found: set[ClassRef] = set()
    waiting = [cls]
    while waiting:
        for part in parts.get(waiting.pop(), ()):
            if part not in found:
                found.add(part)
                waiting.append(part)
    return found


def _class_hit(codebase: "Codebase", cls: ClassRef, base: str, names: list[str], held: list[str]) -> CensusHit:
    definition = cls.definition
    text = f"`{definition.symbol}` ({cls.path}) derives from `{base}`"
    if names:
        text += f"; its parts are {_listed(names)}"
    if held:
        text += f"; it is a part of {_listed(held)}"
    about = summary(definition)
    return hit_at(
        codebase,
        cls.path,
        (definition.head_start, definition.head_end),
        symbol=definition.symbol,
        name=definition.symbol,
        text=text,
        related=(("definition", cls.path, definition.start, definition.end),),
        detail={"base": base, "part": "yes" if held else "no"} | ({"about": about} if about else {}),
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
