"""Kinds `model_objects`, `model_weights` and `model_runs`: the models of a program, what fills them, where they run."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind, parse_query
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import ClassRef
from retrieval.census.meaning.wording import caller, circumstances, summary
from retrieval.census.memory.kept_models import given_to
from retrieval.census.models.made_models import Made, is_served
from retrieval.census.models.model_entries import Entry, entries_of, never_made, parts_run, plain
from retrieval.census.models.model_sources import filled, listed_files
from retrieval.census.models.models import models
from retrieval.census.models.roster import Roster, Use, roster_of
from retrieval.census.models.weights import Weights
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

CALL, MOST_MADE, MOST_RUN, MOST_WEIGHTS = 70, 3, 3, 6
Related = tuple[str, str, int, int]


@kind(
    "model_objects",
    summary="every model that programs make: class or library model, where made, from which weights, where run",
    example="model_objects",
    reads="python",
    options=("part",),
    ordered=True,
)
def model_objects(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per model, in the order in which programs make them. Patterns match the model's name or purpose.

    With `part=yes` only models that other models hold, with `part=no` only the others.
    """
    roster, wanted = roster_of(codebase), query.options.get("part", "")
    for entry in entries_of(codebase):
        if query.matches(entry.name, entry.does) and wanted in ("", "yes" if entry.part else "no"):
            yield _object(codebase, roster, entry)


def _object(codebase: "Codebase", roster: Roster, entry: Entry) -> CensusHit:
    first = entry.made[0]
    uses, weights = _run_first(codebase, entry.uses(roster)), filled(codebase, roster, entry)
    given = [given for made in entry.made for given in given_to(roster, made)]
    made = "started" if is_served(first) else "made"
    text = f"{entry.title}{_origin(first)}: {made} by {_places(m.frame for m in entry.made)}"
    files = listed_files(codebase, entry.only[0].frame.path) if entry.only else ""
    text += f"; filled from {files or _said(weights)}" if files or weights else ""
    if uses:
        text += f"; run as {', '.join(dict.fromkeys(_call(use) for use in uses[:MOST_RUN]))}"
    elif given:
        text += f"; given to {_quoted(g.receiver for g in given)}, which runs it"
    else:
        text += "; no call was traced that runs it as a whole"
        parts = parts_run(roster, entry)
        text += (
            f", but its parts {listed([f'`{name}`' for name in parts], MOST_RUN)} are run by themselves"
            if parts
            else ""
        )
    related = [_span(m.frame, m.step.start, m.step.end) for m in entry.made[1:MOST_MADE]]
    related += [_span(w.frame, w.start, w.end) for w in weights[:MOST_WEIGHTS]]
    related += [_span(use.frame, use.step.start, use.step.end) for use in uses[:MOST_RUN]]
    related += [_span(g.frame, g.line, g.line) for g in given[:1] if not uses]
    related += [("definition", first.cls.path, d.start, d.end)] if first.cls and (d := first.cls.definition) else []
    return hit_at(
        codebase, first.frame.path, (first.step.start, first.step.end), symbol=first.frame.symbol,
        name=entry.title, text=text, related=tuple(dict.fromkeys(related)), detail={"model": entry.name},
    )  # fmt: skip


def _run_first(codebase: "Codebase", uses: list[Use]) -> list[Use]:
    """The calls that the main programs may make; all of them when there are none."""
    return [use for use in uses if reach_of(codebase).has(plain(codebase, use.frame, use.step.start))] or uses


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}(…)`" for name in list(dict.fromkeys(names))[:MOST_MADE])


def _origin(made: Made) -> str:
    if made.cls is not None:
        about = summary(made.cls.definition)
        return f" ({made.cls.path})" + (f", “{about}”" if about else "")
    return f" of the library `{made.maker.partition('.')[0]}`" if made.known and made.known.patterns else ""


def _said(weights: list[Weights]) -> str:
    told = [f"{w.said} ({w.reader})" if " " in w.reader else w.said for w in weights]
    more = f" and {len(told) - MOST_WEIGHTS} more" if len(told) > MOST_WEIGHTS else ""
    return "; or ".join(told[:MOST_WEIGHTS]).replace(",;", ";").replace(", (", " (").rstrip(",") + more


def _places(frames: "Iterable[Frame]") -> str:
    names = list(dict.fromkeys(caller(frame) for frame in frames))
    more = f" and {len(names) - MOST_MADE} more" if len(names) > MOST_MADE else ""
    return ", ".join(names[:MOST_MADE]) + more


def _call(use: Use) -> str:
    written = one_line(use.frame.body.tree.text(use.step.node), CALL)
    several = len({made.name for made in use.made})
    among = f" (one of {several} models)" if several > 3 else ""
    return f"`{written}`{among} in {caller(use.frame)}"


def _span(frame: "Frame", start: int, end: int) -> Related:
    return "use", frame.path, start, end


@kind(
    "model_weights",
    summary="which model is filled from which file or name, by which reader, in which format",
    example="model_weights",
    reads="python",
    ordered=True,
)
def model_weights(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per model and source of its weights. Patterns match the model's name or the reader."""
    roster = roster_of(codebase)
    for entry in entries_of(codebase):
        for weights in filled(codebase, roster, entry):
            if query.matches(entry.name, weights.reader):
                source = weights.said.rstrip(",")
                text = f"{entry.title} is filled from {source}, by {weights.reader}, in {caller(weights.frame)}"
                yield hit_at(
                    codebase, weights.frame.path, (weights.start, weights.end), symbol=weights.frame.symbol,
                    name=entry.title, text=text, detail={"model": entry.name, "reader": weights.reader},
                )  # fmt: skip


@kind(
    "model_runs",
    summary="calls that run a model, traced to the object that is called, through attributes and parameters",
    example="model_runs",
    reads="python",
    ordered=True,
)
def model_runs(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per call, in order of execution. Patterns match the model's name or purpose."""
    roster = roster_of(codebase)
    for use in roster.uses:
        names = list(dict.fromkeys(made.name for made in use.made))
        if never_made(codebase, roster, use.made) or not query.matches(
            *names, *(made.known.does for made in use.made if made.known)
        ):
            continue
        subject = caller(use.frame)
        written = one_line(use.frame.body.tree.text(use.step.node), CALL + 20)
        text = f"{subject[0].upper()}{subject[1:]} calls `{written}`, which runs {_listed(use)}"
        made = [_span(m.frame, m.step.start, m.step.end) for m in use.made[:2]]
        yield hit_at(
            codebase, use.frame.path, (use.step.start, use.step.end), symbol=use.frame.symbol, name=names[0],
            text=text + circumstances(use.step.guards), related=tuple(made), detail={"depth": str(use.depth)},
        )  # fmt: skip


def _listed(use: Use) -> str:
    own = [m for m in use.made if m.known is None or not m.known.wraps] or use.made
    titles = list(
        dict.fromkeys(f"`{m.name}`" + (f" ({m.known.does})" if m.known and m.known.does else "") for m in own)
    )
    more = f" and {len(titles) - 4} more" if len(titles) > 4 else ""
    return " or ".join(titles[:4]) + more


@kind(
    "unmade_models",
    summary="model classes of the repository that no code here makes an object of: offered to users, or unused",
    example="unmade_models",
    reads="python",
    ordered=True,
)
def unmade_models(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Complete models (see kind `models`) without a place that makes them."""
    roster = roster_of(codebase)
    classes = [m.cls for m in roster.made if m.cls is not None]
    lines = [cls for made in classes for cls in (made, *roster.program.line(made))]  # a base of what is made counts
    made = {(cls.path, cls.definition.head_start) for cls in lines}
    called = {name for _, call in codebase.all_calls() for name in call.name.split(".")[-2:]}
    for hit in models(codebase, parse_query("models: tier=model")):
        if (
            hit.symbol.rpartition(".")[2] not in called
            and (hit.path, hit.start) not in made
            and not _is_only_base(roster, hit)
            and query.matches(hit.name)
        ):
            yield hit


def _is_only_base(roster: Roster, hit: CensusHit) -> bool:
    """Whether a class has subclasses here and no `forward` of its own: it is there to be derived from."""
    definition = roster.program.definition(hit.path, hit.symbol)
    cls = ClassRef(hit.path, definition) if definition is not None else None
    own = roster.program.definition(hit.path, f"{hit.symbol}.forward")
    return cls is not None and own is None and bool(roster.program.descendants(cls))
