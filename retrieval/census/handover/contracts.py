"""Kind `contracts`: what each step of the main programs takes, from which step, and what it gives to which."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.focus import Focus, focus_of
from retrieval.census.flow.spine import spine_of
from retrieval.census.flow.steps import TEXT, Step, steps_of
from retrieval.census.handover.handoffs import OPTIONS
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.callgraph import Site, entered
from retrieval.census.meaning.keys import built_keys
from retrieval.census.meaning.origins import Origin
from retrieval.census.meaning.values import ClassRef, FunctionRef
from retrieval.census.meaning.wording import caller, label, spoken
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

BODIES, KEYS, OTHERS = 3, 16, 8


@kind(
    "contracts",
    summary="what each step of the main programs takes from earlier steps and gives to later ones (bodies=N)",
    example="contracts: bodies=1",
    reads="python",
    options=("bodies",),
    ordered=True,
)
def contracts(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per step that takes a value of an earlier step or gives one to a later step, in order of execution.

    The bodies are those of `spine.py`, those in which most passes on first.

    Patterns match the body and the step. `detail`: `takes` and `gives`, how many values from and to other steps.
    """
    focus = focus_of(codebase)
    for frame in spine_of(focus)[: query.number("bodies", BODIES)]:
        found = [
            _hit(codebase, focus, frame, step)
            for step in map(_without_options, steps_of(focus, frame))
            if (step.taken or step.takers) and query.matches(frame.symbol, label(step.site.target).removesuffix("()"))
        ]
        if found:
            yield body_hit(codebase, frame)
            yield from found


def _without_options(step: Step) -> Step:
    """A step without what it takes of an options object, and without takers where it gives such an object."""
    taken = [item for item in step.taken if not any(map(OPTIONS.search, item[0].split(".")))]
    gives = not OPTIONS.search(label(step.site.target).removesuffix("()"))
    return Step(step.site, taken, step.other, step.takers if gives else {}, step.fills)


def body_hit(codebase: "Codebase", frame: "Frame") -> CensusHit:
    """The line above the steps of one body."""
    definition = frame.definition
    lines = (definition.head_start, definition.head_end) if definition else (1, 1)
    where = f" ({frame.path})" if definition else ""
    return hit_at(
        codebase,
        frame.path,
        lines,
        symbol=frame.symbol,
        name=frame.symbol or frame.path,
        text=f"In {caller(frame)}{where}:",
        detail={"depth": "0", "takes": "0", "gives": "0"},
    )


def _hit(codebase: "Codebase", focus: Focus, frame: "Frame", step: Step) -> CensusHit:
    site = step.site
    parts = [f"takes {_listed([_taken(item) for item in step.taken])}"] if step.taken else []
    if step.other and step.taken:
        others = [f"`{text}`" if text == name else f"`{name}={text}`" for text, name in step.other]
        more = [f"{len(others) - OTHERS} more"] if len(others) > OTHERS else []
        parts.append(f"from elsewhere {_listed([*others[:OTHERS], *more])}")
    for name, entries in step.fills.items():
        parts.append(f"sets {_listed([f'`{entry}`' for entry in entries])} in `{name}`")
    given = "its object" if isinstance(site.target, ClassRef) else returned_shape(focus, site)
    if given and (step.takers or not isinstance(site.target, ClassRef)):
        parts.append(f"gives {given}" + (f", taken by {_listed(list(step.takers))}" if step.takers else ""))
    elif step.takers:
        parts.append(f"hands on to {_listed(list(step.takers))}")
    origins = [origin for _, _, found in step.taken for origin in found]
    return hit_at(
        codebase,
        frame.path,
        (site.step.start, site.step.end),
        symbol=frame.symbol,
        name=label(site.target),
        text=f"`{spoken(site)}` {'; '.join(parts)}",
        related=(
            *(("made", o.frame.path, o.site.step.start, o.site.step.end) for o in origins),
            ("definition", site.target.path, site.target.definition.head_start, site.target.definition.head_end),
        ),
        detail={"depth": "1", "takes": str(len(step.taken)), "gives": str(len(step.takers))},
    )


def _taken(item: tuple[str, str, list[Origin]]) -> str:
    """ "`batch` (from `get_data()`)"; the parameter is named when it has another name."""
    text, parameter, origins = item
    role = "" if text == parameter else f" as `{parameter}`"
    makers = dict.fromkeys(_how(origin) for origin in origins)
    return f"`{text}`{role} ({' or '.join(makers)})"


def _how(origin: Origin) -> str:
    stored = f"kept in `{origin.stored}` by {caller(origin.frame)}, " if origin.stored else ""
    made = f"`{spoken(origin.site)}`"
    words = {
        "itself": f"from {made}",
        "part": f"part of the result of {made}",
        "computed": f"computed from the result of {made}",
        "collected": f"holding what {made} gave",
        "filled": f"in which {made} set entries or attributes",
    }
    return stored + words[origin.how]


def _listed(items: list[str]) -> str:
    return ", ".join(items[:-1]) + f" and {items[-1]}" if len(items) > 1 else items[0]


def returned_shape(focus: Focus, site: Site) -> str:
    """What the called function returns, as its code writes it; "" for constructors and when nothing is returned."""
    if not isinstance(site.target, FunctionRef) or site.others:
        return ""
    frame = entered(focus.program, site.target)
    exits = [e for e in frame.body.exits if e.value is not None and e.kind in ("return", "yield")] if frame else []
    told: dict[str, None] = {}
    for item in exits:
        assert frame is not None and item.value is not None
        if item.value.type == "none":
            continue
        keys = built_keys(frame, item.value)
        text = one_line(frame.body.tree.text(item.value), TEXT)
        shape = f"a dictionary with the keys {_keys(keys)}" if keys else f"`{text}`"
        told[f"{'one by one ' if item.kind == 'yield' else ''}{shape}"] = None
    return " or ".join(list(told)[:3])


def _keys(keys: list[str]) -> str:
    shown = ", ".join(f"`{key}`" for key in keys[:KEYS])
    return shown if len(keys) <= KEYS else f"{shown} and {len(keys) - KEYS} more"
