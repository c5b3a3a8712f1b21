"""Which models a walk makes and runs, in the order in which that happens first; alternatives as alternatives."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from retrieval.census.flow.alternatives import NEAR, Choice, Choices, Named, in_order
from retrieval.census.flow.arms_merged import merged
from retrieval.census.flow.focus import Focus
from retrieval.census.flow.trainer_calls import trained_by
from retrieval.census.flow.walk import Mark
from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.callgraph import Site, entered
from retrieval.census.meaning.values import ClassRef
from retrieval.census.meaning.wording import caller, either, label
from retrieval.census.models.computing import computes
from retrieval.census.models.made_parts import parts_made
from retrieval.census.models.model_entries import holder, is_session
from retrieval.census.models.outside import TRACED, Outside, does
from retrieval.census.models.roster import Use
from retrieval.languages import words

_READING = words(
    "load safe_open load_state_dict hf_hub_download snapshot_download load_file load_state_dict_from_url cached_path"
)
DEEPEST, MOST = 3, 3


@dataclass(slots=True)
class Order:
    """What is made or loaded, what code outside of models runs, the parts that each model class makes, and what each
    method of a model runs inside, in words."""

    made: list[str] = field(default_factory=list)
    run: list[str] = field(default_factory=list)
    parts: dict[str, list[str]] = field(default_factory=dict)
    inside: dict[str, list[str]] = field(default_factory=dict)
    marks: dict[str, list[Mark]] = field(default_factory=dict)


def ordered(focus: Focus, walks: Sequence[Sequence[Mark]]) -> Order:
    """The order of models in the walks, each once; layers inside models and bare readers of files are left out."""
    found: dict[str, dict[str, Named]] = {"makes": {}, "runs": {}}
    part: dict[int, bool] = {}  # by the mark
    for marks in walks:
        choices = Choices(marks)
        known_marks = {mark.number: mark for mark in marks}
        for mark in marks:
            told = _told(focus, mark)
            if told is not None:
                part[id(mark)] = _is_part(focus, known_marks, mark)
                item, known = _named(focus, choices, mark, told), found[told[0]].get(told[1])
                found[told[0]][told[1]] = _both(known, item, told[1]) if known is not None else item
    ran, outside, inside = _by_body(focus, merged(found["runs"].values(), walks))
    made = merged(found["makes"].values(), walks)
    whole = [item for item in made if not part[id(item.mark)]] or made
    order = Order(in_order(whole), in_order(_nested(outside or ran)))
    order.marks = {"made": [i.mark for i in whole], "run": [i.mark for i in outside or ran]}
    order.inside = {name: in_order(items) for name, items in inside.items()} if outside else {}
    order.marks["inside"] = [item.mark for items in inside.values() for item in items]
    sites = [item.mark.event for item in whole if isinstance(item.mark.event, Site)]
    classes = dict.fromkeys(t for site in sites for t in site.targets if isinstance(t, ClassRef))
    order.parts = {cls.definition.symbol: parts for cls in classes if (parts := parts_made(focus, cls))}
    order.marks["parts"] = order.marks["made"]
    return order


def _nested(items: list[Named]) -> list[Named]:
    """The items; what runs inside an earlier one says so: the earlier one has not ended when it begins."""
    found: list[Named] = []
    for item in items:
        outer = next((o for o in reversed(items[: items.index(item)]) if _holds(o.mark, item.mark)), None)
        event = outer.mark.event if outer is not None else None
        within = f"within `{event.step.written}()`: " if isinstance(event, Site | Outside) else ""
        found.append(replace(item, said=f"{within}{item.said}"))
    return found


def _holds(outer: Mark, mark: Mark) -> bool:
    return re.match(rf"{re.escape(outer.number)}[a-h]?\.", mark.number) is not None


def _is_part(focus: Focus, known: dict[str, Mark], mark: Mark) -> bool:
    """Whether something is made in the constructor of a model, or in what that calls."""
    number: str | None = mark.number
    while number:
        at = known.get(number)
        if at is not None and focus.in_model(at.frame):
            return True
        number = number[:-1] if number[-1].isalpha() else number.rpartition(".")[0]
    return False


def _by_body(focus: Focus, items: Iterable[Named]) -> tuple[list[Named], list[Named], dict[str, list[Named]]]:
    """All items, those outside of models, and the others by the method of a model that they stand in."""
    every = list(items)
    outside = [item for item in every if not focus.in_model(item.mark.frame)]
    inside: dict[str, list[Named]] = {}
    for item in every:
        if focus.in_model(item.mark.frame):
            bare = replace(item, said=item.said.replace(f" in {caller(item.mark.frame)}", ""))
            inside.setdefault(_method_of(item.mark), []).append(bare)
    return every, outside, inside


def _both(first: Named, again: Named, name: str) -> Named:
    """What happens at several places, with what holds at all of them."""
    shared = tuple(choice for choice in first.choices if choice in again.choices)
    return Named(first.said if first.said == again.said else name, first.mark, shared, (*first.also, again.mark))


def _named(focus: Focus, choices: Choices, mark: Mark, told: tuple[str, str, bool]) -> Named:
    """One thing with the decisions above it; hosted models that stand next to each other are one of several."""
    verb, name, hosted = told
    inside = focus.in_model(mark.frame)
    above = choices.own(mark) if inside else choices.of(mark)
    condition = choices.condition(mark, NEAR if verb == "runs" and not inside else 0)
    item = Named(f"{name} (only if {condition})" if condition else name, mark, above)
    return replace(item, said=name, choices=(Choice(("hosted",), name), *above)) if hosted else item


def _method_of(mark: Mark) -> str:
    """The method that a mark stands in, by the class of its object: `Net.encode()`."""
    cls = mark.frame.receiver or mark.frame.owner
    name = mark.frame.definition.name if mark.frame.definition is not None else ""
    return f"{cls.definition.symbol}.{name}()" if cls is not None else caller(mark.frame)


def _told(focus: Focus, mark: Mark) -> tuple[str, str, bool] | None:
    """What one step does: ("makes" or "runs", the model with the body, whether the model is a hosted one)."""
    event, inside = mark.event, focus.in_model(mark.frame)
    if isinstance(event, Guard) or not isinstance(event, Site | Outside):
        return None
    if trainer := trained_by(mark.frame, event):
        return (
            "runs",
            f"the model in training by `{event.step.written}()` of `{trainer}` in {caller(mark.frame)}",
            False,
        )
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
    made = focus.makes(site)
    inner = None if isinstance(target, ClassRef) or made else entered(focus.program, target)
    if inner is not None and not computes(focus.program, inner, DEEPEST):
        return None
    names = [cls.definition.symbol for cls in focus.models(site)] if made else [label(each) for each in site.targets]
    return "makes" if made else "runs", f"{either(names)} in {caller(mark.frame)}", False


def used_name(use: Use) -> str:
    """The model that a call runs: by the key it is got by, else by its class, with what it is for."""
    if use.key:
        return f"`{use.key}`"
    if is_session(use.made[0]):
        return f"`{holder(use)}` ({use.made[0].known.does})" if use.made[0].known else f"`{holder(use)}`"
    told = list(dict.fromkeys((made.name, made.known.does if made.known else "") for made in use.made))
    shown = [f"`{name}`" + (f" ({does})" if does else "") for name, does in told[:MOST]]
    return " or ".join(shown) + (" and others" if len(told) > MOST else "")
