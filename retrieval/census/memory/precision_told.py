"""In which type weights are and computing is done, in a sentence."""

import re
from typing import TYPE_CHECKING

from retrieval.census.flow.scope import functions, parted, places
from retrieval.census.language import parse_query, run_query
from retrieval.census.meaning.prose import listed
from retrieval.census.memory.account import stays
from retrieval.census.memory.asked_for import asked_for
from retrieval.census.memory.half_given import half_given
from retrieval.census.models.roster import roster_of
from retrieval.census.models.weight_types import weight_types
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_NAMED = 3
_HALF = re.compile(r"(?i)half|float16|bfloat16|fp16|bf16|autocast|\b[48]bit|int8|quantiz|dtype")
_TYPES = {
    "quantization": "quantised weights",
    "model made in type": "models made in a given type",
    "model cast": "models cast",
    "autocast": "autocast",
    "default type": "the default type set",
    "weight cast in forward": "weights cast at each call",
    "precision option": "options for it",
}


def precision(codebase: "Codebase") -> str:
    """In which type weights are and computing is done, in a sentence."""
    found, elsewhere = parted(codebase, list(weight_types(codebase, parse_query("weight_types"))))
    half, aside = ([hit for hit in hits if _HALF.search(hit.text)] for hits in (found, elsewhere))
    rows = [
        f"{words} in {functions(hits)}{asked_for(codebase, hits) if sort == 'quantization' else ''}"
        for sort, words in _TYPES.items()
        if (hits := _of(half, sort))
    ]
    mixed, _ = parted(
        codebase, list(run_query(codebase, "calls: accelerate.Accelerator, accelerate.*.Accelerator").hits)
    )
    mixed = [hit for hit in mixed if "mixed_precision" in hit.text]
    rows += [f"mixed precision of Accelerate (`mixed_precision=`) in {functions(mixed)}"] if mixed else []
    if not rows and aside:
        rows = [f"{words} in {places(hits)}" for sort, words in _TYPES.items() if (hits := _of(aside, sort))]
        return f" Less than float32 only in code that the main programs are not seen to run: {'; '.join(rows)}."
    given = _given_types(codebase)
    if not rows and not given and (asked := _asked_types(codebase)):
        return f" The type of weights or of computing is a setting: {asked}."
    asked, _ = parted(codebase, half_given(codebase))
    if not rows and not given and asked:
        told = [f"{hit.text} in `{hit.symbol}()`" if hit.symbol else hit.text for hit in asked]
        return f" Half precision is a setting of calls: {listed(told, MOST_NAMED)}."
    if not rows and not given:
        return " No call casts weights or computes in less than float32."
    kept = {hit.name for hit in half} & {"quantization", "model made in type", "model cast", "default type"}
    stay = "" if kept or given else f" The weights that are kept are not cast: they stay {stays(codebase)}."
    return f" Less than float32: {'; '.join([*rows, *given])}.{stay}"


def _given_types(codebase: "Codebase") -> list[str]:
    """Types and switches for half precision that libraries' models are made with."""
    hits, _ = parted(codebase, list(run_query(codebase, "memory_bounds: settings").hits))
    told = [hit for hit in hits if _HALF.search(hit.text)]
    return [f"settings given to models in {functions(told)}"] if told else []


def _asked_types(codebase: "Codebase") -> str:
    """The arguments by which a model is given the type that its caller asks for: `compute_type=compute_type`."""
    made = {(made.frame.path, made.step.start) for made in roster_of(codebase).made}
    hits, _ = parted(codebase, list(run_query(codebase, "keywords: compute_type, dtype, *_dtype, precision").hits))
    told = [hit for hit in hits if (hit.path, hit.start) in made]
    return f"{listed([f'`{hit.name}`' for hit in told])} in {functions(told)}" if told else ""


def _of(hits: list[CensusHit], sort: str) -> list[CensusHit]:
    return [hit for hit in hits if hit.name == sort]
