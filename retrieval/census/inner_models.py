"""What is in memory with a model: the parts that it keeps, twins among them, and others that the same function made."""

from collections.abc import Iterable
from itertools import combinations
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.kept_models import kept
from retrieval.census.made_models import Made
from retrieval.census.names import excludes
from retrieval.census.prose import listed
from retrieval.census.roster import Roster
from retrieval.census.shelves import shelves_of
from retrieval.census.spots import arguments
from retrieval.census.switches import circumstances_of
from retrieval.census.values import ClassRef, FunctionRef, alternatives
from retrieval.census.wording import caller

if TYPE_CHECKING:
    from retrieval.census.body import Binding
    from retrieval.census.frame import Frame

LEAST, MOST_PARTS, MOST_KINDS = 2, 8, 3
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
    if len(parts) < LEAST:
        return ""
    shown = [f"`{name}` ({_either(roster, kinds)})" for name, kinds in parts.items()]
    return f"Inside each `{made.name}`, in memory with it: {listed(shown, MOST_PARTS)}"


def _either(roster: Roster, kinds: list[Made]) -> str:
    more = f" or {len(kinds) - MOST_KINDS} more" if len(kinds) > MOST_KINDS else ""
    return " or ".join(_with_inner(roster, made) for made in kinds[:MOST_KINDS]) + more


def _with_inner(roster: Roster, made: Made) -> str:
    """ "`HFTextEncoder` around `AutoModel`": a part that is only there for a model of a library."""
    inner = [item.name for models in parts_of(roster, made).values() for item in models if item.cls is None]
    return f"`{made.name}`" + (f" around `{inner[0]}`" if inner else "")


def beside_said(roster: Roster, frames: "Iterable[Frame]", models: Iterable[Made]) -> str:
    """A second model that a body gets from the same function beside a first one: a teacher beside a student."""
    wanted = set(models)
    for frame in frames:
        bound = [item for item in frame.body.bindings if _makes(roster, frame, item, wanted)]
        for first, other in combinations(bound, 2):
            same = _callee(frame, first) == _callee(frame, other)
            asked = [_texts(frame, item) for item in (first, other)]
            if all(asked) and asked[0] != asked[1]:
                continue  # something else is asked for
            if same and first.name != other.name and not excludes(first.guards, other.guards):
                condition, _ = circumstances_of(roster.codebase, frame, other.guards)
                asked = [guard.text for guard in other.guards if guard.kind == "if"]
                condition = condition or (f" only if `{asked[-1]}`" if asked else "")
                return (
                    f"; {caller(frame)} makes another one by the same `{_callee(frame, first)}()`, "
                    f"`{other.name}` beside `{first.name}`{condition}"
                )
    return ""


def _callee(frame: "Frame", binding: "Binding") -> str:
    return frame.body.tree.text(binding.value.child_by_field_name("function")) if binding.value is not None else ""


def _texts(frame: "Frame", binding: "Binding") -> set[str]:
    """The texts that a call is given, which may say what to make."""
    given = arguments(binding.value) if binding.value is not None else []
    return {frame.body.tree.text(item) for item in given if item.type == "string"}


def _makes(roster: Roster, frame: "Frame", binding: "Binding", wanted: set[Made]) -> bool:
    """Whether a local name gets one of the models from a call here that is given no model."""
    value, shelves = binding.value, shelves_of(roster)
    function = value.child_by_field_name("function") if value is not None and value.type == "call" else None
    if value is None or function is None or "." in binding.name or binding.index > 0:
        return False
    called = alternatives(frame.value(function, binding.order, binding.guards))
    if not any(isinstance(target, FunctionRef | ClassRef) for target in called):
        return False
    given = [item for item in arguments(value) if item.type in ("identifier", "attribute")]
    if any(shelves.carried(frame, item) for item in given):
        return False
    return any(made in wanted for made in shelves.carried(frame, value))
