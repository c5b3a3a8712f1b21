"""What is in memory inside a model: the parts that it keeps, twins among them, those of exclusive arms apart."""

from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.presence import conditions
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import ClassRef
from retrieval.census.memory.kept_models import Kept, kept
from retrieval.census.models.known_models import library_parts
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster

if TYPE_CHECKING:
    pass

LEAST, MOST_PARTS, MOST_KINDS, MOST_ARMS = 2, 8, 3, 3
Arm = tuple[int, int, str]  # a decision, the arm of it, and its condition in words
Parts = dict[str, list[Made]]
_PARTS: "Beside[Roster, dict[ClassRef, Parts]]" = Beside()


def parts_of(roster: Roster, made: Made) -> Parts:
    """The attributes of a model's class that hold models, with these models, each name once."""
    if roster not in _PARTS:
        table: dict[ClassRef, Parts] = {}
        for item in roster.made:
            for at in kept(roster, item):
                models = table.setdefault(at.owner, {}).setdefault(at.name, []) if not at.alias else [item]
                models += [item] if item.name not in {other.name for other in models} else []
        _PARTS[roster] = table
    found: Parts = {}
    for cls in roster.program.line(made.cls) if made.cls is not None else ():
        for name, models in _PARTS[roster].get(cls, {}).items():
            found.setdefault(name, models)
    return found


def parts_said(roster: Roster, made: Made) -> str:
    """ "Inside each `Clip`, in memory with it: `visual` (`ViT`), `text` (`Bert`)"; "" for fewer than two parts."""
    parts = parts_of(roster, made)
    held = library_parts(roster.family.bases.get(made.cls, "") if made.cls is not None else made.maker)
    if len(parts) < LEAST and not held:
        return ""
    arms: dict[Arm | None, list[str]] = {}
    for name, kinds in parts.items():
        arms.setdefault(_arm(roster, kinds), []).append(f"`{name}` ({_either(roster, kinds)})")
    always = [*([held] if held else []), *arms.pop(None, [])]
    said = f"Inside each `{made.name}`, in memory with it: {listed(always, MOST_PARTS)}" if always else ""
    said = said or f"Inside each `{made.name}`"
    told = [f"{listed(names, MOST_PARTS)} only if {arm[2]}" for arm, names in arms.items() if arm is not None]
    return "; ".join([said, *told[:MOST_ARMS]])


def _arm(roster: Roster, kinds: list[Made]) -> Arm | None:
    """The arm of a decision in which alone a part is made; None for parts that are always there."""
    told = [
        (guard.key, guard.arm, f"`{guard.text}`{' is false' if guard.kind == 'else' else ''}")
        for made in kinds
        for at in kept(roster, made)
        for guard in conditions(_guards(at))[:1]
    ]
    bare = any(not conditions(_guards(at)) for made in kinds for at in kept(roster, made))
    return told[0] if len(set(told)) == 1 and not bare else None


def _guards(at: Kept) -> tuple[Guard, ...]:
    bound = (item for item in at.frame.body.bindings if item.line == at.line and item.name.endswith(f".{at.name}"))
    return next((item.guards for item in bound), ())


def _either(roster: Roster, kinds: list[Made]) -> str:
    more = f" or {len(kinds) - MOST_KINDS} more" if len(kinds) > MOST_KINDS else ""
    return " or ".join(_with_inner(roster, made) for made in kinds[:MOST_KINDS]) + more


def _with_inner(roster: Roster, made: Made) -> str:
    """ "`HFTextEncoder` around `AutoModel`": a part that is only there for a model of a library."""
    inner = [item.name for models in parts_of(roster, made).values() for item in models if item.cls is None]
    return f"`{made.name}`" + (f" around `{inner[0]}`" if inner else "")
