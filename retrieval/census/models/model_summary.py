"""Kind `model_summary`: which models a program uses, in which formats they are loaded, in a few sentences."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind, parse_query
from retrieval.census.meaning.prose import listed
from retrieval.census.models.chosen_loaders import chosen_apart
from retrieval.census.models.default_choices import default_choices
from retrieval.census.models.instances import variants
from retrieval.census.models.inventory import hosted_names, off_by_default, weights_named
from retrieval.census.models.made_models import is_served
from retrieval.census.models.model_entries import ASIDE, CLASSICAL, Entry, entries_of, plain
from retrieval.census.models.model_formats import formats, main_entries, sentence
from retrieval.census.models.model_kinds import kinds_of
from retrieval.census.models.model_settings import model_settings
from retrieval.census.models.model_sources import filled
from retrieval.census.models.models_by_program import by_program
from retrieval.census.models.models_elsewhere import elsewhere
from retrieval.census.models.roster import Roster, roster_of
from retrieval.census.models.stage_models import stage_models, staged_names
from retrieval.census.quality.import_cycles import never_imported
from retrieval.facts import CensusHit
from retrieval.parse import first_line, last_line

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST, MOST_CITED, MOST_PARTS, MOST_SETTINGS, MOST_OWNERS = 18, 12, 8, 12, 3
_BASE = re.compile(r"Mixin|PreTrainedModel$|PretrainedModel$")  # what no checkpoint names
_AUTO = re.compile(r"^(\w+)\.(?:\w+\.)*Auto\w*(?:Model|Pipeline)\w*\.")
WHAT = ("used", "formats")
_BESIDE = re.compile(rf"{ASIDE.pattern}|(?:^|/)metrics?(?:/|\.py$)")  # what only measures is no part of the pipeline
_APART = ("`", "models behind")  # a started program is told by its name


@kind(
    "model_summary",
    summary="which models programs use, of which kinds, and in which formats they are loaded, in sentences",
    example="model_summary: what=used",
    reads="python",
    options=("what",),
    ordered=True,
)
def model_summary(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per sentence; `what=used` names the models, `what=formats` what they are filled from.

    Raises QueryError for anything else.
    """
    what = query.choice("what", WHAT, "used")
    entries = [entry for entry in entries_of(codebase) if entry.does != CLASSICAL]
    if entries:
        yield from (_used if what == "used" else formats)(codebase, roster_of(codebase), entries)


def _used(codebase: "Codebase", roster: Roster, entries: list[Entry]) -> Iterator[CensusHit]:
    main = _by_stage(codebase, main_entries(entries))
    yield from default_choices(codebase)
    yield from stage_models(codebase)
    other = [entry for entry in entries if entry.hosted and entry not in main and not entry.part]
    main += other if any(entry.hosted for entry in main) else []  # which service answers, the user chooses
    hosted = [entry for entry in main if entry.hosted]
    local = [entry for entry in main if entry not in hosted and entry.used] or [e for e in main if e not in hosted]
    idle = [entry for entry in main if entry not in hosted and entry not in local and not _is_layer(roster, entry)]
    if hosted and not local:
        yield sentence(
            codebase,
            f"No model is loaded here: all are hosted and called over the network, with {_names(hosted)}",
            hosted,
        )
    else:
        yield from _local(codebase, roster, local)
        if hosted:
            yield sentence(
                codebase, f"Besides, hosted models are called over the network with {_names(hosted)}", hosted
            )
    parts = [entry for entry in entries if entry.part and (entry.run or not any(e.run for e in main))]
    if parts:
        told = [_filled(codebase, roster, entry) for entry in parts[:MOST_PARTS]]
        more = f"; and {len(parts) - MOST_PARTS} more" if len(parts) > MOST_PARTS else ""
        yield sentence(codebase, f"Inside them work, as parts: {'; '.join(told)}{more}", parts)
    yield sentence(codebase, *kinds_of(roster, [*hosted, *local, *parts]))
    if idle:
        yield sentence(
            codebase, f"Made as well, though no call that runs them was traced: {_names(idle, MOST_PARTS)}", idle
        )
    yield from _settings(codebase, roster, hosted, entries) if hosted else ()
    yield from _outside(codebase, hosted, main)
    yield from by_program(codebase, roster, main)
    others = [entry for entry in entries if entry not in main and entry not in parts and not entry.part]
    if others:
        yield sentence(
            codebase, f"Only code that the main programs are not seen to run makes {_names(others, MOST_PARTS)}", others
        )


def _is_layer(roster: Roster, entry: Entry) -> bool:
    cls = entry.made[0].cls
    return cls is not None and roster.makers.anatomy.tier(cls) == "layer"


def _outside(codebase: "Codebase", hosted: list[Entry], main: list[Entry]) -> Iterator[CensusHit]:
    """What runs models outside the process: started programs, and services, unless they or their clients are told
    already."""
    served = {(made.frame.path, made.step.start) for entry in main for made in entry.made if is_served(made)}
    found = [
        (told, hits)
        for told, hits in elsewhere(codebase)
        if told.startswith(_APART[: 1 if hosted or served else 2])
        and not all(_BESIDE.search(hit.path) for hit in hits)
        and not any((hit.path, hit.start) in served for hit in hits)
    ]
    if found:
        places = [(hit.path, hit.start, hit.end) for _, hits in found for hit in hits][:MOST_CITED]
        text = f"Outside the process run {'; '.join(told for told, _ in found[:MOST_PARTS])}"
        related = tuple(dict.fromkeys(("asked", *place) for place in places[1:]))
        yield hit_at(codebase, places[0][0], places[0][1:], symbol="", name="summary", text=text, related=related)


def _by_stage(codebase: "Codebase", entries: list[Entry]) -> list[Entry]:
    """The models of the stages of pipelines first, in their order, then those of classes here, then of libraries."""
    order = {name: at for at, name in enumerate(staged_names(codebase))}

    def first(entry: Entry) -> tuple[int, bool, bool]:
        return (order.get(entry.name, len(order)), entry.made[0].cls is None, not _is_asked(entry))

    return sorted(entries, key=first)


def _is_asked(entry: Entry) -> bool:
    """Whether a library's model is known as a language model or as one that sees, which the question is about."""
    known = entry.made[0].known
    return known is None or "language model" in known.does or bool({"image", "video"} & {*known.takes, known.gives})


def _local(codebase: "Codebase", roster: Roster, local: list[Entry]) -> Iterator[CensusHit]:
    """The models that are there by default, then those that only an option or a variable brings."""
    off = [entry for entry in local if off_by_default(codebase, roster, entry)]
    preset = [entry for entry in local if entry not in off] or off
    run = "" if any(entry.run for entry in local) else ", none of them in what the main programs are seen to run"
    subject = "One model is used" if len(preset) == 1 and not preset[0].labels else "These models are used"
    yield sentence(codebase, f"{subject}{run}: {_grouped(codebase, roster, preset)}", preset)
    yield from _by_checkpoint(codebase, roster, preset)
    if off and preset is not off:
        yield sentence(codebase, f"Off by default: {_grouped(codebase, roster, off)}", off)


def _by_checkpoint(codebase: "Codebase", roster: Roster, entries: list[Entry]) -> Iterator[CensusHit]:
    """Classes here that a loader of a library, which makes what a checkpoint names, can make: of the library's models
    those that nothing here makes itself."""
    made = {made.cls for made in roster.made}
    for entry in entries:
        match = _AUTO.match(entry.made[0].maker) if entry.made[0].cls is None else None
        found = [
            f"`{cls.definition.name}` ({cls.path})"
            for cls, base in roster.family.bases.items()
            if match and base.startswith(f"{match[1]}.") and cls not in made
            and roster.makers.anatomy.tier(cls) == "model" and not _BASE.search(cls.definition.name)
        ]  # fmt: skip
        if found:
            text = f"`{entry.name}` makes the class that its checkpoint names; of `{match and match[1]}`'s models this "
            yield sentence(codebase, f"{text}repository defines {listed(found, MOST_PARTS)}", [entry])


def _settings(codebase: "Codebase", roster: Roster, hosted: list[Entry], every: list[Entry]) -> Iterator[CensusHit]:
    """Which hosted models are asked: as calls name them, and as settings say that name no local model."""
    asked = hosted_names(roster, hosted)
    if asked:
        spots = list(asked.values())
        places = [(s.frame.path, first_line(s.node), last_line(s.node)) for s in spots]
        text = f"The calls ask for {listed([f'`{name}`' for name in asked], MOST_SETTINGS)}"
        related = tuple(("asked", *place) for place in places[1:MOST_SETTINGS])
        yield hit_at(codebase, places[0][0], places[0][1:], symbol="", name="summary", text=text, related=related)
    local = [entry for entry in every if not entry.hosted]
    own = {_bare(entry.name) for entry in local}
    own |= {_bare(value) for entry in local for weights in filled(codebase, roster, entry) for value in weights.values}
    found = [hit for hit in model_settings(codebase, parse_query("model_settings")) if _bare(_value(hit)) not in own]
    said = "; ".join(hit.text for hit in found[:MOST_SETTINGS])
    more = f"; and {len(found) - MOST_SETTINGS} more" if len(found) > MOST_SETTINGS else ""
    related = tuple(("setting", hit.path, hit.start, hit.end) for hit in found[1:MOST_SETTINGS])
    for first in found[:1]:
        yield replace(first, text=f"Settings that name models beside these: {said}{more}", related=related)


def _bare(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


def _value(hit: CensusHit) -> str:
    return hit.text.rpartition(" is ")[2].strip("`")


def _names(entries: list[Entry], most: int = MOST) -> str:
    shown = "; ".join(_named(entry) for entry in entries[:most])
    return f"{shown}; and {len(entries) - most} more" if len(entries) > most else shown


def alternatives(roster: Roster, entries: list[Entry]) -> list[list[Entry]]:
    """The models in order, those of which one run makes only one together: they stand in arms of one condition."""
    groups: list[list[Entry]] = []
    for entry in entries:
        first = entry.made[0]
        last = groups[-1][0].made[0] if groups else None
        apart = last is not None and chosen_apart(roster, last, first)
        looped = any(guard.kind in ("for", "while", "comprehension") for guard in first.step.guards)
        same = last is not None and last.key == first.key and None not in (last.cls, first.cls)
        apart = apart or (same and not looped)  # one call makes one of several classes
        if apart and last is not None and not variants(roster, first) and not variants(roster, last):
            groups[-1].append(entry)
        else:
            groups.append([entry])
    return groups


def _grouped(codebase: "Codebase", roster: Roster, entries: list[Entry]) -> str:
    ranked = [sorted(group, key=lambda entry: -len(entry.uses(roster))) for group in alternatives(roster, entries)]
    families: dict[object, list[list[Entry]]] = {}
    for group in ranked:
        bases = {_base_of(roster, entry) for entry in group}
        families.setdefault(bases.pop() or id(group) if len(bases) == 1 else id(group), []).append(group)
    told = [_family(codebase, roster, groups) for groups in families.values()]
    more = f"; and {len(told) - MOST} more" if len(told) > MOST else ""
    return "; ".join(told[:MOST]) + more


def _base_of(roster: Roster, entry: Entry) -> str:
    """The class here whose subclass makes a model for itself: "BaseReader"; "" for none."""
    owners = [item.frame.owner for item in entry.only[:1] or entry.made]
    lines = [roster.program.line(owner) if owner and not roster.family.is_model(owner) else () for owner in owners]
    bases = {line[1].definition.symbol if len(line) > 1 else "" for line in lines}
    return bases.pop() if len(bases) == 1 else ""


def _family(codebase: "Codebase", roster: Roster, groups: list[list[Entry]]) -> str:
    """Models that stand alone or exclude each other; with what their classes implement when several do."""
    each = [[_filled(codebase, roster, entry) for entry in group] for group in groups]
    told = [f"one of {' or '.join(group)}" if len(group) > 1 else group[0] for group in each]
    base = _base_of(roster, groups[0][0])
    if not base or len(told) < 2:
        return "; ".join(told)
    return f"implementations of `{base}`: {', '.join(f'({at}) {text}' for at, text in enumerate(told, 1))}"


def _filled(codebase: "Codebase", roster: Roster, entry: Entry) -> str:
    """The model with what fills it."""
    weights = weights_named(codebase, roster, entry)
    return _named(entry) + (f" from {weights}" if weights else "")


@once
def _unused(codebase: "Codebase") -> frozenset[str]:
    """The modules that nothing imports: a class in one uses no model."""
    return frozenset(never_imported(codebase))


def _named(entry: Entry) -> str:
    """The model with what it is for and where its class or library is."""
    first = entry.made[0]
    if entry.only:
        return f"{entry.title} of {entry.only[0].frame.path}"
    if first.cls is not None:
        about = "" if entry.kind or not entry.does else f", “{entry.does}”"
        return f"{entry.title} ({first.cls.path}{about})"
    codebase = first.frame.program.codebase
    ran = [made for made in entry.made if reach_of(codebase).has(plain(codebase, made.frame, made.step.start))]
    ran = [made for made in ran if made.frame.path not in _unused(codebase)] or ran
    owners = [made.frame.owner.definition.symbol for made in ran or entry.made if made.frame.owner is not None]
    told = [f"`{owner}`" for owner in dict.fromkeys(owners) if owner != entry.name]
    where = f" in {listed(told, MOST_OWNERS)}" if told else ""
    library = first.maker.partition(".")[0]
    return (
        f"{entry.title} ({first.frame.path})"
        if library in ("http", "self") or is_served(first)
        else f"{entry.title} of the library `{library}`{where}"
    )
