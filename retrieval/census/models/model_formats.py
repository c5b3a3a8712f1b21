"""In which formats the models of a program are loaded, in sentences, and which models count: those of main programs."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import listed
from retrieval.census.models.model_entries import Entry
from retrieval.census.models.model_sources import HOSTED, Source, absent, named_at, sources_of
from retrieval.census.models.roster import Roster
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST, MOST_CITED = 18, 12


def main_entries(entries: list[Entry]) -> list[Entry]:
    """The models that the main programs make and that are no parts of others; all whole models without such."""
    whole = [entry for entry in entries if not entry.part]
    run = [entry for entry in whole if entry.run]
    return [entry for entry in run if not entry.aside] or run or whole or entries


def formats(codebase: "Codebase", roster: Roster, entries: list[Entry]) -> Iterator[CensusHit]:
    """One sentence per format, with the models and their files, and what of the usual formats is not used."""
    main = main_entries(entries)
    counted_in = [*main, *(e for e in entries if e.part and e.run)]
    groups: dict[str, list[tuple[Entry, Source]]] = {}
    for entry in counted_in:
        for source in sources_of(codebase, roster, entry):
            groups.setdefault(source.format, []).append((entry, source))
    if HOSTED in groups and (len(groups) > 1 or any(not entry.hosted for entry in counted_in)):
        groups["Without files, hosted and called over the network"] = groups.pop(HOSTED)
    for form, found in groups.items():
        told: dict[str, list[str]] = {}
        for entry, source in found:
            told.setdefault(f"`{entry.name}`", []).extend([source.said] if source.said else [])
        models = [f"{name} from {listed(_once(said), 3)}" if said else name for name, said in told.items()]
        hit = sentence(codebase, f"{form}: {'; '.join(models[:MOST])}", [entry for entry, _ in found])
        places = [("read", s.path, s.start, s.end) for _, s in found][:MOST_CITED]
        _, path, start, end = places[0]
        yield replace(hit, path=path, start=start, end=end, related=tuple(dict.fromkeys(places[1:])))
    if groups:
        yield from _not_used(codebase, main, list(groups))


def _not_used(codebase: "Codebase", main: list[Entry], used: list[str]) -> Iterator[CensusHit]:
    """The usual formats that nothing here points to; of GGUF, which people ask for, always whether it is used."""
    missing = absent(codebase)
    missing = [name for name in missing if not any(form.startswith(name.partition("/")[0]) for form in used)]
    others = [name for name in missing if not name.startswith("GGUF")]
    if len(others) < len(missing):
        nor = f", nor to {listed(others, len(others))}" if others else ""
        text = f"GGUF is not used: nothing in the code points to it or to llama.cpp{nor}"
        yield sentence(codebase, text, main[:1])
        return
    if any(form.startswith("GGUF") for form in used):
        if others:
            yield sentence(codebase, f"Nothing points to {listed(others, len(others))}", main[:1])
        return
    at = named_at(codebase, "GGUF/llama.cpp")
    nor = f"; nothing points to {listed(others, len(others))}" if others else ""
    text = f"No model was traced that is filled from GGUF files, though the code names GGUF or llama.cpp{nor}"
    hit = sentence(codebase, text, main[:1])
    yield replace(hit, path=at[0], start=at[1], end=at[1], related=()) if at else hit


def _once(said: list[str]) -> list[str]:
    """Sources without those that name the same file by another expression."""
    return list({text.partition(" (")[0]: text for text in reversed(said)}.values())[::-1]


def sentence(codebase: "Codebase", text: str, entries: list[Entry]) -> CensusHit:
    """A sentence on models, with the places that make them."""
    places = []
    for entry in entries[:MOST_CITED]:
        first, own = entry.made[0], entry.only[0] if entry.only else None
        at = (own.frame, own.step) if own is not None else (first.frame, first.step)
        places.append(("made", at[0].path, at[1].start, at[1].end))
    return hit_at(
        codebase, places[0][1], places[0][2:], symbol="", name="summary", text=text,
        related=tuple(dict.fromkeys(places[1:])),
    )  # fmt: skip
