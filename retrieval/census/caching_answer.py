"""Kind `caching_answer`: whether there is caching and checkpointing, in words, from kind `caching` and from calls."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.caching import caching
from retrieval.census.language import Query, kind, parse_query, run_query
from retrieval.census.memory_answers import functions, parted, said_of
from retrieval.census.prose import listed
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_NAMED, MOST_CITED = 3, 8
_SORTS = {
    "models": "loaded models",
    "built": "objects built once and kept by key",
    "results": "outputs of models",
    "collected": "features collected over a run",
    "kv": "key/value cache of attention",
    "files": "files taken up again",
    "tables": "other results by key",
    "memo": "memoised functions",
    "skip": "work skipped where results exist",
    "download": "downloads kept on disk",
}
_ASKED = {
    "outputs, features or embeddings of models": ("results", "collected", "files"),
    "keys and values of attention": ("kv",),
    "loaded models": ("models", "built"),
}
_NONE = (
    "Caching: none was found; outputs of models, keys and values of attention and loaded models are not kept by "
    "anything that was traced."
)
_CHECKPOINTS = {
    "written by": "calls: torch.save, *.save_pretrained, safetensors.torch.save*, *.save_checkpoint, *.save_weights",
    "resumed by": "calls: *optimizer*.load_state_dict, *scaler*.load_state_dict, *scheduler*.load_state_dict, "
    "*latest_checkpoint*, *resume_from*",
}
_ACTIVATIONS = "recomputing: on, off"


@kind(
    "caching_answer",
    summary="direct answer: what is cached and what is checkpointed in what the main programs run",
    example="caching_answer",
    reads="python",
    ordered=True,
)
def caching_answer(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Two hits, named caching and checkpointing."""
    if query.matches("caching"):
        run, idle = parted(codebase, list(caching(codebase, parse_query("caching"))))
        rows = [f"{words}: {_told(found)}" for sort, words in _SORTS.items() if (found := _of(run, sort))]
        text = f"Caching: yes - {'; '.join(rows)}." if rows else _NONE
        absent = [words for words, sorts in _ASKED.items() if not any(_of(run, sort) for sort in sorts)]
        text += f" Not cached, as far as was traced: {'; '.join(absent)}." if rows and absent else ""
        if idle:
            text += f" Only in code that no main program is seen to call: {functions(idle)}."
        first = [found[0] for sort in _SORTS if (found := _of(run, sort))]
        yield said_of(codebase, "caching", text, (first or idle)[:MOST_CITED])
    if query.matches("checkpointing"):
        yield _checkpointing(codebase)


def _switched(hits: Sequence[CensusHit]) -> str:
    """What turns it on: ", on by option `--grad-checkpointing`, default `False`"."""
    told = list(dict.fromkeys(words for hit in hits if (words := hit.detail.get("controlled", ""))))
    return f", turned on by {'; '.join(told[:2])}" if told else ""


def _of(hits: Sequence[CensusHit], sort: str) -> list[CensusHit]:
    return [hit for hit in hits if hit.name == sort]


def _told(hits: Sequence[CensusHit]) -> str:
    """The first hits of a sort, as parts of a sentence."""
    if hits[0].name in ("download", "skip"):
        return functions(hits)
    words = [hit.text[0].lower() + hit.text[1:] if hit.text[:1].isalpha() else hit.text for hit in hits]
    return listed(words, MOST_NAMED)


def _checkpointing(codebase: "Codebase") -> CensusHit:
    told, proving, unused = list[str](), list[CensusHit](), list[CensusHit]()
    for words, text in _CHECKPOINTS.items():
        run, idle = parted(codebase, list(run_query(codebase, text).hits))
        told += [f"{words} {functions(run)}"] if run else []
        proving += run[:2]
        unused += idle[:1]
    text = (
        f"Checkpointing: checkpoints are {' and '.join(told)}."
        if told
        else ("Checkpointing: none; what the main programs run writes no checkpoint and resumes none.")
    )
    run, _ = parted(codebase, list(run_query(codebase, _ACTIVATIONS).hits))
    text += (
        f" Activations can be checkpointed in training (worked out again in the backward pass) in {functions(run)}"
        f"{_switched(run)}."
        if run
        else ""
    )
    text += f" Other code of the repository does: {functions(unused)}." if unused and not told else ""
    return said_of(codebase, "checkpointing", text, [*proving, *run[:2], *unused])
