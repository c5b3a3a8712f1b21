"""Which models a walk makes and runs, in the order in which that happens first; alternatives as alternatives."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from retrieval.census.alternatives import NEAR, Choice, Choices, Named, in_order
from retrieval.census.body import Guard
from retrieval.census.callgraph import Site, entered
from retrieval.census.computing import computes
from retrieval.census.focus import Focus
from retrieval.census.model_entries import holder, is_session
from retrieval.census.outside import TRACED, Outside, does
from retrieval.census.roster import Use
from retrieval.census.values import ClassRef
from retrieval.census.walk import Mark
from retrieval.census.wording import caller, either, label
from retrieval.languages import words

_READING = words(
    "load load_state_dict hf_hub_download snapshot_download load_file load_state_dict_from_url cached_path"
)
DEEPEST, MOST = 3, 3


@dataclass(slots=True)
class Order:
    """What is made or loaded, what code outside of models runs, and what each model class runs inside, in words."""

    made: list[str] = field(default_factory=list)
    run: list[str] = field(default_factory=list)
    inside: dict[str, list[str]] = field(default_factory=dict)
    marks: dict[str, list[Mark]] = field(default_factory=dict)


def ordered(focus: Focus, walks: Sequence[Sequence[Mark]]) -> Order:
    """The order of models in the walks, each once; layers inside models and bare readers of files are left out."""
    found: dict[str, dict[str, Named]] = {"makes": {}, "runs": {}}
    for marks in walks:
        choices = Choices(marks)
        for mark in marks:
            told = _told(focus, mark)
            if told is not None:
                item, known = _named(focus, choices, mark, told), found[told[0]].get(told[1])
                found[told[0]][told[1]] = _both(known, item, told[1]) if known is not None else item
    ran = list(found["runs"].values())
    outside = [item for item in ran if not focus.in_model(item.mark.frame)]
    inside: dict[str, list[Named]] = {}
    for item in ran if outside else ():
        if focus.in_model(item.mark.frame):
            inside.setdefault(_model_of(item.mark), []).append(item)
    made = list(found["makes"].values())
    marks = {"made": [i.mark for i in made], "run": [i.mark for i in outside or ran]}
    marks["inside"] = [item.mark for items in inside.values() for item in items]
    return Order(in_order(made), in_order(outside or ran), {n: in_order(i) for n, i in inside.items()}, marks)


def _both(first: Named, again: Named, name: str) -> Named:
    """What happens at several places, with what holds at all of them."""
    shared = tuple(choice for choice in first.choices if choice in again.choices)
    return Named(first.said if first.said == again.said else name, first.mark, shared)


def _named(focus: Focus, choices: Choices, mark: Mark, told: tuple[str, str, bool]) -> Named:
    """One thing with the decisions above it; hosted models that stand next to each other are one of several."""
    verb, name, hosted = told
    inside = focus.in_model(mark.frame)
    above = choices.own(mark) if inside else choices.of(mark)
    condition = choices.condition(mark, NEAR if verb == "runs" and not inside else 0)
    item = Named(f"{name} (only if {condition})" if condition else name, mark, above)
    return replace(item, said=name, choices=(Choice(("hosted",), name), *above)) if hosted else item


def _model_of(mark: Mark) -> str:
    cls = mark.frame.receiver or mark.frame.owner
    return cls.definition.symbol if cls is not None else ""


def _told(focus: Focus, mark: Mark) -> tuple[str, str, bool] | None:
    """What one step does: ("makes" or "runs", the model with the body, whether the model is a hosted one)."""
    event, inside = mark.event, focus.in_model(mark.frame)
    if isinstance(event, Guard) or not isinstance(event, Site | Outside):
        return None
    use = focus.roster.used(mark.frame, event.step)
    if use is not None:
        also = "".join(f" or `{name}`" for name in focus.besides(use))
        name = f"{used_name(use)}{also} by `{event.step.written}()` in {caller(mark.frame)}"
        return "runs", name, all(made.known is not None and made.known.hosted for made in use.made)
    if isinstance(event, Site):
        part = isinstance(event.target, ClassRef) and focus.roster.at((mark.frame.path, event.step.node.id))
        return _called(focus, mark, event) if part or not inside else None
    verb = does(event)
    if not verb or event.step.written.rpartition(".")[2] in _READING or (inside and event.does not in TRACED):
        return None
    traced = f"{either(event.name.split(' | '))} by " if event.does in TRACED else ""
    return verb, f"{traced}`{event.step.written}()` in {caller(mark.frame)}", False


def _called(focus: Focus, mark: Mark, site: Site) -> tuple[str, str, bool] | None:
    if not focus.models(site) or not site.targets:
        return None
    if site.base:
        return "runs", f"`{site.step.written}()` in {caller(mark.frame)}", False
    target = site.target
    inner = None if isinstance(target, ClassRef) else entered(focus.program, target)
    if inner is not None and not computes(focus.program, inner, DEEPEST):
        return None
    verb = "makes" if isinstance(target, ClassRef) else "runs"
    return verb, f"{either([label(target) for target in site.targets])} in {caller(mark.frame)}", False


def used_name(use: Use) -> str:
    """The model that a call runs: by the key it is got by, else by its class, with what it is for."""
    if use.key:
        return f"`{use.key}`"
    if is_session(use.made[0]):
        return f"`{holder(use)}` ({use.made[0].known.does})" if use.made[0].known else f"`{holder(use)}`"
    told = list(dict.fromkeys((made.name, made.known.does if made.known else "") for made in use.made))
    shown = [f"`{name}`" + (f" ({does})" if does else "") for name, does in told[:MOST]]
    return " or ".join(shown) + (" and others" if len(told) > MOST else "")
