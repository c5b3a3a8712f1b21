"""Kind `model_flow`: what flows into the models, from model to model, and on to losses, decoders and writers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.handover.model_bodies import LOGS, ModelBody, data_of, is_data, leading_bodies, made_by
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body_flow import Step, Taken
from retrieval.census.meaning.callgraph import Site, entered
from retrieval.census.meaning.keys import built_keys
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import FunctionRef
from retrieval.census.meaning.wording import either
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

STEPS, MOST, BODIES, KEYS, NAMED, ARGUMENTS = 8, 14, 8, 10, 3, 4


@kind(
    "model_flow",
    summary="what flows into the models and from there on, body by body: batch, model, result with its keys, loss",
    example="model_flow: train*",
    reads="python",
    ordered=True,
)
def model_flow(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per body, those of the first program first, what models do inside last. Patterns match the function."""
    for body in leading_bodies(codebase, BODIES):
        named = query.matches(body.frame.symbol, body.frame.symbol.rpartition(".")[2])
        if named and _chain(body):
            yield _hit(codebase, body)


def _chain(body: ModelBody) -> list[Step]:
    """The steps to tell: models with what they take and give, what takes theirs, what prepares it; each call once."""
    level: dict[Step, int] = {}
    seen: set[tuple[str, str]] = set()
    for step in body.steps:
        role = body.roles[step]
        key = (step.callee, " ".join(taken.text for taken in data_of(body, step)) if role.leading else "")
        if key in seen or (LOGS.search(step.callee) and not role.leading):
            continue
        seen.add(key)
        makers = made_by(body, step)
        if role.leading:
            level[step] = 0
        elif any(body.roles[maker].leading for maker in makers):
            level[step] = 1 if role.does != "ends" else 2
        elif any(level.get(maker, 9) == 1 for maker in makers):
            level[step] = 3
    for step in list(level):
        if level[step] == 0:
            for maker in made_by(body, step):
                level.setdefault(maker, 1)
    taken_from = {maker for step in level for maker in made_by(body, step)}
    level = {s: n for s, n in level.items() if n or s in taken_from or data_of(body, s)}
    links = {step: _links(body, step, level) for step in level}
    joins = _joining(body)
    level |= dict.fromkeys((step for step in level if step in joins), 0)
    most = max(STEPS, min(MOST, sum(not number for number in level.values()) + 2))
    kept = sorted(level, key=lambda step: (level[step], -links[step]))[:most]
    told = [step for step in body.steps if step in kept]
    return [step for step in told if body.roles[step].does != "ends" or step is told[-1]]


def _joining(body: ModelBody) -> set[Step]:
    """The steps of its own code by which what a model gives comes to another one."""
    after: set[Step] = set()
    for step in body.steps:
        if any(maker in after or body.roles[maker].leading for maker in made_by(body, step)):
            after.add(step)
    before: set[Step] = set()
    for step in reversed(body.steps):
        if body.roles[step].leading or step in before:
            before.update(made_by(body, step))
    return {step for step in after & before if body.roles[step].does == "own"}


def _links(body: ModelBody, step: Step, among: dict[Step, int]) -> int:
    """With how many other models a step exchanges data."""
    takers = [other for other in among if step in made_by(body, other)]
    return sum(body.roles[other].leading for other in dict.fromkeys([*takers, *made_by(body, step)]))


def said_of(body: ModelBody) -> tuple[str, list[tuple[str, int, int]]]:
    """A body in a sentence: its steps with what each takes and gives; and the places of the steps."""
    chain = _chain(body)
    said = "; ".join(_told(body, step) for step in chain)
    places = [(body.frame.path, *body.unit.lines(step.node)) for step in chain]
    return f"In {body.where} {said}", list(dict.fromkeys(places))


def handed_names(body: ModelBody) -> list[str]:
    """What goes from step to step in a body, by its names, in order."""
    taken = {maker for step in _chain(body) for maker in made_by(body, step)}
    names = dict.fromkeys(name for step in body.steps if step in taken for name in step.gives if name != "_")
    return [name for name in names if is_data(Taken(name, False, {}))]


def _hit(codebase: Codebase, body: ModelBody) -> CensusHit:
    text, places = said_of(body)
    return hit_at(
        codebase,
        body.frame.path,
        places[0][1:],
        symbol=body.frame.symbol,
        name=body.frame.symbol,
        text=text,
        related=tuple(("step", *place) for place in places[1:]),
        detail={"steps": str(len(places))},
    )


def _told(body: ModelBody, step: Step) -> str:
    role = body.roles[step]
    if role.does == "ends":
        what = listed([f"`{taken.text}`" for taken in step.takes], NAMED)
        return f"it {step.callee}s {what}"
    which = f" (the model {either(list(role.models[:NAMED]))})" if role.models else ""
    parts = [_takes(body, step)] if data_of(body, step) else []
    if role.does != "writes" and (given := _gives(body, step)):
        parts.append(f"gives {given}")
    for name, set_in in step.fills.items():
        parts.append(f"sets {listed([f'`{item}`' for item in set_in], ARGUMENTS)} in `{name}`")
    said = f"{', '.join(parts[:-1])} and {parts[-1]}" if len(parts) > 1 else "".join(parts)
    return f"`{step.callee}()`{which} {said}" if parts else f"`{step.callee}()`{which} runs"


def _takes(body: ModelBody, step: Step) -> str:
    """ "takes `images` and `texts` (from `batch`, each of `loader`)"; what is neither made nor looped over is left."""
    groups: dict[str, list[str]] = {}
    for taken in data_of(body, step):
        groups.setdefault(_from(taken), []).append(f"{'**' if taken.splat else ''}{taken.text}")
    told = []
    for origin, names in groups.items():
        quoted_names = listed([f"`{name}`" for name in dict.fromkeys(names)], ARGUMENTS)
        told.append(f"{quoted_names}{origin}")
    return f"takes {', '.join(told)}"


def _from(taken: Taken) -> str:
    if taken.makers:
        filling = [maker for maker in taken.makers if taken.text in maker.fills]
        if filling:
            entries = listed([f"`{name}`" for name in filling[-1].fills[taken.text]], ARGUMENTS)
            return f" (with {entries} that `{filling[-1].callee}()` set)"
        named = (maker.callee for maker in taken.makers if maker.callee not in ("return", "yield"))
        makers = [f"`{name}()`" for name in dict.fromkeys(named)]
        bound = any(name in taken.text for maker in taken.makers for name in maker.gives)
        entries = " entry by entry" if taken.splat else ""
        several = len(makers) > 1  # what only helped to make a value is not told apart from what gave it
        return entries if bound or several else f"{entries} (from {listed(makers, 2)})"
    return "" if taken.source == "parameter" else f" ({taken.source})"


def _gives(body: ModelBody, step: Step) -> str:
    given = [name for name in step.gives if name != "_"]
    names = listed([f"`{name}`" for name in given[:ARGUMENTS]], ARGUMENTS)
    keys = result_keys(body.frame, body.roles[step].site)
    if keys:
        more = f" and {len(keys) - KEYS} more" if len(keys) > KEYS else ""
        shape = f"a dictionary with the keys {', '.join(f'`{key}`' for key in keys[:KEYS])}{more}"
        return f"{names}, {shape}" if names else shape
    return names


def result_keys(frame: Frame, site: Site | None) -> list[str]:
    """The string keys of the dictionaries that the functions a call may run build and return."""
    found: dict[str, None] = {}
    for target in site.targets if site is not None else ():
        inner = entered(frame.program, target) if isinstance(target, FunctionRef) else None
        if inner is None:
            continue
        for item in inner.body.exits:
            if item.kind == "return":
                found.update(dict.fromkeys(built_keys(inner, item.value)))
    return list(found)
