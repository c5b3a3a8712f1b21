"""The rest of the account of memory, in sentences: parts, how checkpoints come in, and what goes to the device when."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.scope import functions, parted
from retrieval.census.language import run_query
from retrieval.census.meaning.prose import listed
from retrieval.census.memory.placements import follows
from retrieval.census.models.made_models import LOADING
from retrieval.census.models.model_entries import entries_of
from retrieval.census.models.model_sources import filled
from retrieval.census.models.roster import roster_of
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST = 4
_MODELS = re.compile(r"(?i)prepare\(.*(?:model|net|transformer|encoder|vae|generator|discriminator)")
_PIECES = {
    "inputs": "Inputs go to the device piece by piece, inside loops of {}",
    "results": "Results are taken back to the CPU inside loops of {}",
    "dropped": "What is kept between steps (caches, hooks) is dropped by {}",
}


def account(codebase: "Codebase") -> str:
    """Sentences, each with a space before it, on what the main programs do; "" when nothing is known."""
    return "".join(
        f" {text}." for text in (*_prepared(codebase), *_parts(codebase), *_checkpoints(codebase), *_pieces(codebase))
    )


def stays(codebase: "Codebase") -> str:
    """In which type weights are that nothing casts: a class that is constructed here has float32 whatever it is filled
    from, a loader of a library decides by itself."""
    entries = [entry for entry in entries_of(codebase) if entry.run and not entry.part and not entry.hosted]
    first = [entry.made[0] for entry in entries]
    if first and all(made.cls is not None and made.step.written.rpartition(".")[2] not in LOADING for made in first):
        return "float32, as the classes are constructed, whatever the file holds"
    return "in the type they are made or saved in"


def _prepared(codebase: "Codebase") -> list[str]:
    """That Accelerate puts models on the device of their process: `model = accelerator.prepare(model)`."""
    hits, _ = parted(
        codebase, list(run_query(codebase, "calls: accelerate.*.prepare, accelerate.Accelerator.prepare").hits)
    )
    found = [hit for hit in hits if _MODELS.search(hit.text)]
    words = "what is trained is put on the device of its process by `prepare()` of Accelerate in {}"
    return [words.format(functions(found))[0].upper() + words.format(functions(found))[1:]] if found else []


def _parts(codebase: "Codebase") -> list[str]:
    entries = [entry for entry in entries_of(codebase) if entry.run and not entry.hosted]
    parts = [f"`{entry.name}`" for entry in entries if follows(codebase, entry)]
    return [f"Parts go where their whole goes: {listed(parts, MOST)}"] if parts and len(parts) < len(entries) else []


def _checkpoints(codebase: "Codebase") -> list[str]:
    """Where checkpoint files are read to before they are copied into the models."""
    roster = roster_of(codebase)
    found: dict[str, dict[str, None]] = {}
    for entry in entries_of(codebase):
        for weights in filled(codebase, roster, entry) if entry.run and not entry.hosted else ():
            if weights.device and (weights.values or not follows(codebase, entry)):  # a part may be given no file
                found.setdefault(weights.device, {})[f"`{entry.name}`"] = None
    told = []
    if "cpu" in found:
        names = listed(list(found["cpu"]), MOST)
        told.append(f"Checkpoints are read into CPU memory first and copied into the model from there ({names})")
    if "device" in found:
        names = listed(list(found["device"]), MOST)
        told.append(
            f"Checkpoints are read straight to the device ({names}), where they are a second copy of the weights "
            "beside the model until they are let go"
        )
    if "saved" in found:
        names = listed(list(found["saved"]), MOST)
        told.append(
            f"Checkpoints are read without `map_location` ({names}): tensors that were saved from a GPU go to that GPU "
            "first, and cannot be read where there is none"
        )
    return told


def _pieces(codebase: "Codebase") -> list[str]:
    reach = reach_of(codebase)
    told = []
    for sort, words in _PIECES.items():
        run, _ = reach.parted(run_query(codebase, f"piecewise: {sort}").hits)
        told += [words.format(_functions(run))] if run else []
    return told


def _functions(hits: Sequence[CensusHit]) -> str:
    names = list(dict.fromkeys(f"`{hit.symbol}()`" if hit.symbol else f"`{hit.path}`" for hit in hits))
    return listed(names, MOST)
