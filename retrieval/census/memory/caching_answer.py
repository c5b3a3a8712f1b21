"""Kind `caching_answer`: whether there is caching and checkpointing, in words, from kind `caching` and from calls."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.flow.scope import ASIDE, functions, parted, places, said_of
from retrieval.census.language import Query, kind, parse_query, run_query
from retrieval.census.meaning.prose import listed
from retrieval.census.memory.attention_caches import never_kept
from retrieval.census.memory.caching import caching
from retrieval.census.memory.taken_up import left_out, saved_state
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_NAMED, MOST_CITED = 3, 8
_SORTS = {
    "results": "outputs of models",
    "kv": "key/value cache of attention",
    "models": "loaded models",
    "built": "objects built once and kept by key",
    "collected": "features collected over a run",
    "files": "files taken up again",
    "tables": "other results by key",
    "memo": "memoised functions",
    "skip": "work skipped where results exist",
    "download": "downloads kept on disk",
}
_ASIDE = ("memo", "download")  # sorts that keep nothing of what inference gives
_ONLY = "nothing that inference gives is kept, as far as was traced, only "
_GENERATOR = re.compile(r"transformers\b|peft\b")
_ASKED = (  # what is denied where nothing is found, the sorts that are it, and the names that forbid to deny it
    ("outputs, features or embeddings of models", ("results", "collected", "files"), re.compile(r"(?i)cache|memo")),
    (
        "keys and values of attention",
        ("kv",),
        re.compile(r"(?i)past_?k|kv_?cache|use_cache|key_cache|cached|mems\b|\.generate\("),
    ),
    ("loaded models", ("models", "built"), re.compile(r"(?i)cache|^\s+global ", re.M)),
)
_CHECKPOINTS = {
    "written by": "calls: torch.save, *.save_pretrained, safetensors.torch.save*, *.save_checkpoint, *.save_weights, "
    "*.ModelCheckpoint, *.save_state",
    "resumed by": "calls: *optimizer*.load_state_dict, *scaler*.load_state_dict, *scheduler*.load_state_dict, "
    "*latest_checkpoint*, *resume_from*, *.load_state",
}
_KEYWORDS = {"resumed by": ("keywords: resume_from_checkpoint, resume_ckpt*, ckpt_path",)}
# What is saved is a tensor, not weights: `torch.save(embedding.cpu(), path)`.
_DATA = re.compile(r"torch\.save\((?!.*(?:state|model|net|ckpt|checkpoint|weights|optim|params|dict|\{|self\b))")
# Also what a file of tensors holds: `save_file({"embedding": embedding}, path)`.
_TENSORS = re.compile(
    r"save_file\((?!.*(?:state|model|net|ckpt|checkpoint|weight|optim|param|lora|adapter|self\b))", re.I
)
_NO_WEIGHTS = re.compile(r"(?i)(?:tokenizer|processor|config|cfg|extractor|scheduler)\w*\.save_pretrained\(")
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
        yield _caching(codebase)
    if query.matches("checkpointing"):
        yield _checkpointing(codebase)


def _caching(codebase: "Codebase") -> CensusHit:
    run, idle = parted(codebase, list(caching(codebase, parse_query("caching"))))
    lead = "yes - " if any(_of(run, sort) for sort in _SORTS if sort not in _ASIDE) else _ONLY
    text = f"Caching: {lead}{'; '.join(_rows(run))}." if run else ""
    if not run and idle:
        text = f"Caching: yes, in code that the main programs are not seen to run - {'; '.join(_rows(idle))}."
    absent = [
        words
        for words, sorts, names in _ASKED
        if not any(_of([*run, *idle], s) for s in sorts) and not named(codebase, names)
    ]
    text = text or (
        f"Caching: none was found; {', '.join(absent)} are not kept." if absent else "Caching: none was traced."
    )
    text += f" Not cached, as far as was traced: {'; '.join(absent)}." if (run or idle) and absent else ""
    never = never_kept(codebase) if not _of([*run, *idle], "kv") else ""
    text += f" Keys and values of attention are not kept between steps: {never}." if never else ""
    text += _generates(codebase) if not _of([*run, *idle], "kv") and not never else ""
    text += f" {ASIDE} caches too: {places(idle)}." if run and idle else ""
    first = [found[0] for sort in _SORTS if (found := _of(run or idle, sort))]
    return said_of(codebase, "caching", text, (first or idle)[:MOST_CITED])


def _generates(codebase: "Codebase") -> str:
    """That the text generation of a library keeps keys and values by itself, where code runs it."""
    calls, _ = parted(codebase, list(run_query(codebase, "calls: *.generate").hits))
    uses = {path for path, facts in codebase.facts.items() for i in facts.imports if _GENERATOR.match(i.module)}
    found = [hit for hit in calls if hit.path in uses]
    if not found or run_query(codebase, "keywords: use_cache").hits:
        return ""
    told = f" {functions(found)} {'runs' if len(found) == 1 else 'run'} `generate()` of Transformers"
    return f"{told}, which by default keeps keys and values while it writes one answer."


def _rows(hits: Sequence[CensusHit]) -> list[str]:
    return [f"{words}: {_told(found)}" for sort, words in _SORTS.items() if (found := _of(hits, sort))]


def named(codebase: "Codebase", names: re.Pattern[str]) -> bool:
    """Whether code that is no test has names that speak of such a cache: then its absence is not certain."""
    files = (file for file in codebase.snapshot.files if file.language in ("python", "notebook"))
    return any(file.role in ("source", "example") and names.search(file.text) for file in files)


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
    return listed(list(dict.fromkeys(words)), MOST_NAMED)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _few(hits: Sequence[CensusHit]) -> str:
    return listed(list(dict.fromkeys(hit.text for hit in hits)), MOST_NAMED)


def _is_state(hit: CensusHit) -> bool:
    """Whether what is saved may be weights or the state of a training: no data, no settings, no vocabulary."""
    return not any(pattern.search(hit.text) for pattern in (_DATA, _TENSORS, _NO_WEIGHTS))


def _checkpointing(codebase: "Codebase") -> CensusHit:
    told, proving, unused = list[str](), list[CensusHit](), dict[str, list[CensusHit]]()
    for words, text in _CHECKPOINTS.items():
        queries = (text, *_KEYWORDS.get(words, ()))
        hits = [hit for query in queries for hit in run_query(codebase, query).hits if _is_state(hit)]
        run, idle = parted(codebase, hits)
        told += [f"{words} {functions(run)}"] if run else []
        proving += run[:2]
        unused |= {words: idle} if idle else {}
    if told:
        text = f"Checkpointing: checkpoints are {' and '.join(told)}."
    elif unused:
        rows = [f"{words} {places(hits)}" for words, hits in unused.items()]
        text = f"Checkpointing: yes, in code that the main programs are not seen to run: {' and '.join(rows)}."
    else:
        text = "Checkpointing: none; no checkpoint of weights is written and none is resumed."
    done, _ = parted(codebase, list(left_out(codebase)))
    state, aside = parted(codebase, list(saved_state(codebase)))
    proving += [*done[:2], *(state or aside)[:1]]
    if done:
        said = f"a run that is started again leaves out what is done already, in {_few(done)}"
        text = f"Checkpointing: {said}. {_sentence(text.removeprefix('Checkpointing: '))}"
    if state or (aside and not told):
        text += f" Saved and restored by hand is state of a run: {_few(state or aside)}."
    named, _ = parted(codebase, list(run_query(codebase, "strings: *.callbacks.ModelCheckpoint").hits))
    text += (
        f" `ModelCheckpoint` of the training framework writes checkpoints, set up in {functions(named)}."
        if named
        else ""
    )
    run, _ = parted(codebase, list(run_query(codebase, _ACTIVATIONS).hits))
    text += (
        f" Activations can be checkpointed in training (worked out again in the backward pass) in {functions(run)}"
        f"{_switched(run)}."
        if run
        else ""
    )
    return said_of(codebase, "checkpointing", text, [*proving, *run[:2], *(hits[0] for hits in unused.values())])
