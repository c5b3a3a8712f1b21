"""Kind `swap_blockers`: in one sentence, what a model must meet to take the place of another, the hardest first.

Put together from closed choices, `assumptions`, `model_demands` and `attribute_chains`, which list the rest.
"""

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.extension.assumptions import assumptions
from retrieval.census.extension.bound_labels import ERROR
from retrieval.census.extension.coupled import ASIDE
from retrieval.census.extension.engine_types import said_of, typed_interfaces
from retrieval.census.extension.extension_points import extension_points
from retrieval.census.extension.module_dispatch import taken_from_modules, told_of
from retrieval.census.extension.replaceable import replaceable
from retrieval.census.extension.result_slots import result_slots
from retrieval.census.extension.ties import ties_of
from retrieval.census.flow.default_targets import is_unchosen
from retrieval.census.flow.reach import reach_of
from retrieval.census.handover.demands import model_demands
from retrieval.census.language import Query, hit_at, kind, parse_query
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.wording import caller
from retrieval.census.modalities.modality_ties import modality_ties
from retrieval.census.models.attribute_chains import attribute_chains
from retrieval.census.models.model_entries import entries_of
from retrieval.census.models.model_formats import main_entries
from retrieval.census.models.request_forms import request_forms
from retrieval.facts import CensusHit
from retrieval.roles import is_left

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

EACH, LONGEST, SHOWN, TIES, MOST, MANY = 1, 260, 3, 4, 10, 2
_CLASS = re.compile(r"`([A-Za-z_][\w.]*)")
_FILLING = re.compile(r"(?i)weights|convert|load|state_dict|interpolate")  # fills a model rather than runs it
_LAYER = re.compile(r"(?:Processor|Attention|Attn|Block|Layer)\w*\.")  # a part of the model itself
_TRIES = re.compile(r"test(?:_\w+)?$")  # a function beside the code that tries it out
_GIVES = re.compile(r"(?:Response|Output|Result)\w*\.")
_FEATURES = re.compile(
    r"(?i)^(?!.*\b(?:speaker|voice|face|identity|pitch|phon\w*|speech|token)\b).*(?:\bencoder|embedding|image and text"
    r"|features|backbone)"
)
NEAR = (
    "ImageBind gives one embedding for each input (1024 wide in `imagebind_huge`), so it could stand where features "
    "are made"
)
CLOSED = "A closed choice in the code: "
RANKS = (
    ("widths", "widths and numbers of tokens are written where parts meet"),
    ("tokens", "tokenizers and special tokens are fixed"),
    ("values", "only certain values are let through"),
    ("numbers", "sizes are compared with fixed numbers"),
    ("sizes", "input sizes and rates are fixed"),
    ("checkpoint", "checkpoints must have certain keys"),
    ("weights", "particular weights are named"),
    ("prompts", "prompts are written for one kind of model"),
    ("labels", "tables of labels are fixed"),
    ("devices", "devices are written into calls"),
)


@kind(
    "swap_blockers",
    summary="what a model must meet to take the place of another, in one sentence, the hardest first",
    example="swap_blockers",
    reads="python",
    ordered=True,
)
def swap_blockers(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit for everything, and one on where ImageBind could stand; none where nothing was found."""
    parts = list(_parts(codebase))[:MOST]
    if not parts:
        return
    told = "; ".join(f"({number}) {text}" for number, (text, _) in enumerate(parts, start=1))
    first, *rest = [hit for _, hit in parts]
    related = tuple((hit.name, hit.path, hit.start, hit.end) for hit in rest)
    text = f"Yes. A model that takes the place of another meets these limits, the hardest first: {told}"
    yield hit_at(codebase, first.path, (first.start, first.end), symbol=first.symbol, name="blockers", text=text,
                 related=related)  # fmt: skip
    near, places = _near(codebase)
    if near:
        at, *others = places
        yield hit_at(codebase, at.path, (at.start, at.end), symbol="", name="near", text=near,
                     related=tuple(("made", hit.path, hit.start, hit.end) for hit in others))  # fmt: skip


def _parts(codebase: "Codebase") -> Iterator[tuple[str, CensusHit]]:
    """A clause and its hit for each sort of limit that the main programs have."""
    yield from _requested(codebase, served=True)
    yield from _modalities(codebase)
    yield from _slotted(codebase)
    yield from _threaded(codebase)
    yield from _bound(codebase)
    for taken in taken_from_modules(codebase)[:EACH]:
        if taken.names is not None or taken.objects is not None:
            hit = hit_at(codebase, taken.path, taken.lines, symbol=taken.symbol, name="names", text="")
            yield f"names and classes are tested against closed lists, as {_cut(told_of(taken))}", hit
    yield from _closed(codebase)
    yield from _makers(codebase)
    asked = [hit for hit in model_demands(codebase, parse_query("model_demands")) if hit.detail["used"]]
    asked.sort(key=lambda hit: -hit.detail["used"].count("`."))
    for hit in _first(codebase, asked):
        yield f"callers rely on arguments and results, as {_cut(hit.text)}", hit
    yield from _formats(codebase)
    chains = list(attribute_chains(codebase, parse_query("attribute_chains")))
    chains.sort(key=lambda hit: bool(_FILLING.search(hit.symbol) or _LAYER.search(hit.symbol)))
    for hit in _first(codebase, chains):
        yield f"code outside the model reaches into its parts, as {_cut(hit.text)}", hit
    yield from _built(codebase)
    yield from _requested(codebase, served=False)
    yield from _ranked(codebase, RANKS)


def _requested(codebase: "Codebase", served: bool) -> Iterator[tuple[str, CensusHit]]:
    """What the requests to a model behind a server fix; `served` ones ask a server that the program starts itself."""
    for form in [form for form in request_forms(codebase) if form.served == served][:EACH]:
        at = form.fixed[0]
        hit = hit_at(codebase, at.path, (at.line, at.line), symbol="", name="request", text="")
        told = f"requests to {form.asks} have one form, sent by {caller(form.frame)} ({form.frame.path}), with "
        text = "so that it must take such requests and answer with text; one that gives embeddings, as ImageBind, "
        yield f"{told}{listed([fixed.said for fixed in form.fixed], MOST)}, {text}does not fit there", hit


def _ranked(codebase: "Codebase", ranks: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, CensusHit]]:
    for rank, words in ranks:
        for hit in _first(codebase, list(assumptions(codebase, parse_query(f"assumptions: {rank}")))):
            yield f"{words}, as {_cut(hit.text)}", hit


def _threaded(codebase: "Codebase") -> Iterator[tuple[str, CensusHit]]:
    """One class of model of which an object is a parameter of many functions: no place asks which model is meant."""
    entries = [entry for entry in main_entries(entries_of(codebase)) if not (entry.part or entry.hosted)]
    names = dict.fromkeys(entry.name for entry in entries)
    if len(names) != 1:
        return
    name = next(iter(names))
    typed = re.compile(rf":\s*[\"']?(?:\w+\.)*{re.escape(name)}[\"']?\s*(?:=.*)?$")
    reach = reach_of(codebase)
    taking = [
        (path, item)
        for path, item in codebase.all_definitions()
        if any(map(typed.search, item.parameters)) and reach.runs((path, item.symbol))
    ]
    if len(taking) > SHOWN:
        told = listed([f"`{item.symbol}()` ({path})" for path, item in taking], TIES)
        path, item = taking[0]
        hit = hit_at(codebase, path, (item.head_start, item.head_start), symbol=item.symbol, name="one", text="")
        yield (
            f"one object of `{name}` goes through everything as a parameter, and nothing chooses among several models "
            f"for a call: {told}",
            hit,
        )


def _slotted(codebase: "Codebase") -> Iterator[tuple[str, CensusHit]]:
    """Records with a field for each kind of model, and what interfaces of engines take and give."""
    for slots in result_slots(codebase)[:EACH]:
        hit = hit_at(codebase, slots.path, slots.lines, symbol=slots.symbol, name="slots", text="")
        yield (
            f"results have fixed places: {slots.said}; another kind needs a new field and code for it",
            hit,
        )
    typed = typed_interfaces(codebase)
    if typed:
        yield f"interfaces fix what engines take and give: {said_of(codebase, typed)}", typed[0].hit


def _bound(codebase: "Codebase") -> Iterator[tuple[str, CensusHit]]:
    """The labels that a model must give, those that end in an error first."""
    hits = _run(codebase, list(assumptions(codebase, parse_query("assumptions: bound"))))
    hits.sort(key=lambda hit: ERROR not in hit.text)
    if hits:
        told = "; ".join(_cut(hit.text) for hit in hits[:MANY])
        yield f"labels of models are bound to a fixed list, as {told}", hits[0]


def _closed(codebase: "Codebase") -> Iterator[tuple[str, CensusHit]]:
    """The first closed choice of a model class, and the factories that raise an error for a class they do not list."""
    hits = [hit for hit in replaceable(codebase, parse_query("replaceable")) if hit.text.startswith(CLOSED)]
    for hit in _first(codebase, hits):
        yield f"a closed choice of the class, as {_cut(hit.text.removeprefix(CLOSED))}", hit
    points = [p for p in extension_points(codebase) if p.sort == "selecting" and "raises an error" in p.said]
    found = _run(
        codebase, [hit_at(codebase, p.path, p.lines, symbol=p.symbol, name=p.symbol, text=p.short) for p in points]
    )
    if found:
        told = listed([f"`{hit.symbol}()` ({hit.path})" for hit in found], TIES)
        yield f"factories give only the classes that they list and raise an error for others: {told}", found[0]


def _makers(codebase: "Codebase") -> Iterator[tuple[str, CensusHit]]:
    """The functions that name the classes of the models they make, the first ones of several files."""
    hits = _run(codebase, list(assumptions(codebase, parse_query("assumptions: classes"))))
    if hits:
        told = listed([_named(hit) for hit in hits], TIES)
        yield f"code names the classes of its models, so that another kind needs other code there: {told}", hits[0]


def _named(hit: CensusHit) -> str:
    """ "`load()` (`Net`, `Tiny`)": the function and the classes, without what they are given."""
    subject, _, fixed = hit.text.partition(" fixes ")
    classes = dict.fromkeys(name for name in _CLASS.findall(fixed) if name[0].isupper() or "." in name)
    names = [f"`{name.removesuffix('.from_pretrained')}`" for name in classes]
    return f"{subject} ({listed(names, SHOWN)})" if names else subject


def _built(codebase: "Codebase") -> Iterator[tuple[str, CensusHit]]:
    """Constructors that make models: each is in memory as soon as the object around it is made."""
    entries = [entry for entry in main_entries(entries_of(codebase)) if not (entry.part or entry.hosted)]
    made = [entry.made[0] for entry in entries if all(m.frame.symbol.endswith(".__init__") for m in entry.made)]
    made = [item for item in made if not is_left(item.frame.path)]
    if len(made) >= MANY:
        first = made[0]
        hit = hit_at(codebase, first.frame.path, (first.step.start, first.step.end), symbol=first.frame.symbol,
                     name="built", text="")  # fmt: skip
        around: dict[str, list[str]] = {}
        for item in made:
            around.setdefault(caller(item.frame), []).append(f"`{item.name}`")
        told = listed([f"{name} ({listed(names, SHOWN)})" for name, names in around.items()], TIES)
        said = (
            "models are made in constructors, so that each is in memory as soon as the object around it is made, and "
        )
        said += f"one at a time needs loading at the call: {told}"
        yield said, hit


def _modalities(codebase: "Codebase") -> Iterator[tuple[str, CensusHit]]:
    """Which modalities the signatures of models, batches and losses fix, with the first places of each file."""
    hits = list(modality_ties(codebase, parse_query("modality_ties")))
    counts = Counter(name for hit in hits for name in hit.detail["modalities"].split(", "))
    told = [hit for hit in hits if not hit.text.startswith("`") or " takes `" in hit.text]
    if not told or (len(told) < MANY and len(counts) < MANY):
        return  # one body that reads one entry fixes little
    shown = list({(hit.path, hit.text.partition("()")[2]): hit for hit in reversed(hits)}.values())[::-1]
    told = "; ".join(hit.text for hit in shown[:TIES])
    names = listed([name for name, _ in counts.most_common()], TIES)
    yield (
        f"the modalities are fixed by names and places ({names}), so that another one needs new parameters: {told}",
        hits[0],
    )


def _formats(codebase: "Codebase") -> Iterator[tuple[str, CensusHit]]:
    """Which formats of results code switches over: what a model gives must be one of them."""
    switches = [
        (path, {name: line for name, line in ties.formats.items() if _GIVES.search(name)})
        for path, ties in ties_of(codebase).items()
    ]
    path, found = max(switches, key=lambda item: len(item[1]), default=("", {}))
    if len(found) >= MANY:
        line = min(found.values())
        hit = hit_at(codebase, path, (line, line), symbol="", name="formats", text="")
        yield (
            f"in {path} what a model gives must be in one of the formats {listed(list(found), MOST)}",
            hit,
        )


def _near(codebase: "Codebase") -> tuple[str, list[CensusHit]]:
    """Where models that turn an input into features are made: the places that ImageBind could take."""
    entries = [entry for entry in main_entries(entries_of(codebase)) if _FEATURES.search(entry.does)]
    places = [(entry, entry.made[0].frame, entry.made[0].step) for entry in entries]
    places = [place for place in places if not is_left(place[1].path)][:TIES]
    told = listed([f"{entry.title}, made in {caller(frame)} ({frame.path})" for entry, frame, _ in places], TIES)
    text = f"{NEAR}: {told}; what follows there must take its width and number of tokens" if places else ""
    return text, [
        hit_at(codebase, frame.path, (step.start, step.end), symbol="", name="near", text="")
        for _, frame, step in places
    ]


def _first(codebase: "Codebase", hits: list[CensusHit]) -> list[CensusHit]:
    return _run(codebase, hits)[:EACH]


def _run(codebase: "Codebase", hits: list[CensusHit]) -> list[CensusHit]:
    """The hits in source code that main programs may run, those aside last."""
    own = [hit for hit in hits if hit.role == "source" and not (is_left(hit.path) or _TRIES.match(hit.symbol))]
    own.sort(key=lambda hit: (is_unchosen(codebase, hit.path, hit.symbol), bool(ASIDE.search(hit.path))))
    return [hit for hit in own if reach_of(codebase).has(hit)]


def _cut(text: str) -> str:
    """The beginning of a text, cut where no backtick is left open."""
    text = text.replace("; it raises an error for anything else", "")
    if len(text) <= LONGEST:
        return text
    cut = text[:LONGEST]
    if cut.count("`") % 2:
        cut = cut[: cut.rindex("`")]
    return cut.rsplit(" ", 1)[0].rstrip(" ,;:(") + " …"
