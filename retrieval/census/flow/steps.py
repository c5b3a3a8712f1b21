"""The steps of one body: what each call takes from earlier calls, what from elsewhere, and who takes its result.

Values are followed inside the body that calls the steps; what tiny functions give, among them those that give out the
state of a module, counts as from elsewhere.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.flow.focus import Focus
from retrieval.census.handover.filled import filled_of
from retrieval.census.handover.stores import stores_of
from retrieval.census.meaning.arguments import bound_arguments
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.callgraph import Site
from retrieval.census.meaning.origins import Origin, Origins
from retrieval.census.meaning.trivial import is_trivial
from retrieval.census.meaning.wording import spoken

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

TEXT, SHORT = 60, 6


@dataclass(slots=True)
class Step:
    """A call in a body: what it takes from earlier steps, what from elsewhere, what it sets in them, and who
    takes its result."""

    site: Site
    taken: list[tuple[str, str, list[Origin]]] = field(default_factory=list)  # argument, parameter, origins
    other: list[tuple[str, str]] = field(default_factory=list)  # argument, parameter
    takers: dict[str, None] = field(default_factory=dict)
    fills: dict[str, list[str]] = field(default_factory=dict)  # argument → entries and attributes


def steps_of(focus: Focus, frame: "Frame") -> list[Step]:
    """The calls of a body with what flows between them."""
    program = focus.program
    finder = Origins(program, frame)
    stored = {(store.path, symbol) for store in stores_of(program.codebase) for symbol in store.accessors}
    steps = [Step(site) for site in program.sites(frame) if not site.handed]
    by_node = {step.site.step.node.id: step for step in steps}
    filling: dict[str, list[Step]] = {}
    for step in steps:
        target = step.site.target
        sets = filled_of(program.codebase).get((target.path, target.definition.symbol), {})
        for (_, _, parameter), node in bound_arguments(program, frame, step.site, step.site.target):
            text = one_line(frame.body.tree.text(node), TEXT)
            made = [o for o in finder.of(node, step.site.step) if o.site.step.node.id != step.site.step.node.id]
            made = [
                o for o in made if not is_trivial(program, o.site) and not (_short(o.site) and _place(o.site) in stored)
            ]
            made += [
                Origin(other.site, frame, "filled")
                for other in filling.get(text, [])
                if all(o.site.step.node.id != other.site.step.node.id for o in made) and other is not step
            ]
            if parameter in sets and text.isidentifier():
                step.fills[text] = list(sets[parameter])[:SHORT]
                filling.setdefault(text, []).append(step)
            if made:
                step.taken.append((text, parameter, made))
            else:
                step.other.append((text, parameter))
        for _, _, origins in step.taken:
            for origin in origins:
                if (maker := by_node.get(origin.site.step.node.id)) is not None:
                    maker.takers[f"`{spoken(step.site)}`"] = None
    return steps


def _short(site: Site) -> bool:
    return site.target.definition.end - site.target.definition.head_end < SHORT


def _place(site: Site) -> tuple[str, str]:
    return site.target.path, site.target.definition.symbol
