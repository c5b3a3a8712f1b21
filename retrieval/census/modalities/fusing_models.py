"""Which models of the repository that are given two modalities fuse them, and which embed each by itself."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.meaning.callgraph import entered
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import ClassRef, FunctionRef
from retrieval.census.modalities.fusion_ways import Place, sorts
from retrieval.census.modalities.mixed import Mixed
from retrieval.census.modalities.mixing import mixed_by, returned_by
from retrieval.census.modalities.modality_names import GROUPS, named
from retrieval.census.models.fillers import reads
from retrieval.census.models.model_entries import entries_of
from retrieval.census.models.roster import Roster, roster_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST = 5


def apart_or_not(codebase: "Codebase") -> Iterator[tuple[str, list[Place]]]:
    """One sentence where some models of the repository return two modalities apart."""
    roster = roster_of(codebase)
    fusing: dict[str, Place] = {}
    apart: dict[str, Place] = {}
    for entry in entries_of(codebase):
        cls = entry.made[0].cls
        given = taken(roster, cls) if cls is not None and not entry.part else {}
        if cls is None or len(set(given.values())) < 2:
            continue
        place = ("model", cls.path, cls.definition.head_start, cls.definition.head_end)
        mixed = mixed_by(roster.program, cls, given)
        how = sorts(tuple(one for one in mixed if one.sort not in ("multiplied", "compared")))
        if how:
            fusing[f"`{cls.definition.name}` (by {how})"] = place
        elif len(returned_by(roster.program, cls, given)) > 1:
            apart[f"`{cls.definition.name}`{_compares(mixed)}"] = place
    if apart:
        one = len(apart) == 1
        text = f"{listed(list(apart), MOST)} {'embeds' if one else 'embed'} each modality by itself and "
        text += f"{'returns' if one else 'return'} both, without fusion"
        text += f"; {listed(list(fusing), MOST)} {'fuses' if len(fusing) == 1 else 'fuse'} them" if fusing else ""
        yield text, [*apart.values(), *fusing.values()][: 2 * MOST]


def _compares(mixed: list[Mixed]) -> str:
    return " (their product is computed)" if mixed else ""


def taken(roster: Roster, cls: ClassRef) -> dict[str, str]:
    """Parameter of `forward` → the kind of modality that its name says, of those that the body reads."""
    method = roster.program.method(cls, "forward")
    frame = entered(roster.program, FunctionRef(method[0].path, method[1], method[0], cls)) if method else None
    if frame is None:
        return {}
    told = {name: named(name) for name in list(frame.parameters)[1:] if reads(frame, name)}
    return {name: GROUPS.get(kind, kind) for name, kind in told.items() if kind}
