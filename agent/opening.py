"""Puts an audit's parts together: code facts, index, search phrases, model. The one place where they all meet.

Heavy libraries are imported by the functions that need them, so that a command's help and a census start at once.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, Any

from agent.assets import prompts_folder
from agent.context import Context, asked
from agent.events import Event, ModelLoaded, Note, Progress, Tokens, Written
from agent.findings import Findings
from agent.options import AuditOptions
from agent.prompts import Prompts
from agent.records import Records
from agent.runs import RunFolder
from agent.settings import repository_cache
from agent.stages import Stage, StagePack
from agent.steering import Steering, load_steering
from retrieval.codebase import read_codebase
from retrieval.snapshot import Snapshot

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from agent.catalogue import ModelSpec
    from agent.chat import GgufChat
    from agent.ladder import LoadPlan
    from retrieval.embed import Embedder
    from retrieval.index import Index

Listener = Callable[[Event], None]
Writer = Callable[["ModelSpec", StagePack, AuditOptions, Listener], AbstractContextManager["BaseChatModel"]]
SUFFIX_TOKENS = 250
SYSTEM_TOKENS = 600


def open_context(
    options: AuditOptions,
    pack: StagePack,
    snapshot: Snapshot,
    folder: RunFolder,
    listener: Listener,
    stack: ExitStack,
    *,
    spec: "ModelSpec | None",
    model: "BaseChatModel | None",
    embedder: "Embedder | None",
    writer: Writer,
) -> Context:
    """Everything the nodes touch: facts and census, and with a model also index and model. `stack` closes it.

    `model` and `embedder` stand in for the catalogue's when given.
    """
    cache = repository_cache(options.repo)
    codebase = read_codebase(snapshot, cache / "facts", phase("facts", listener))
    context = Context(
        pack=pack,
        codebase=codebase,
        findings=Findings(codebase, lambda text: listener(Note(text))),
        prompts=Prompts(prompts_folder()),
        records=Records(folder.stages),
        tell=listener,
        strict=options.strict,
        max_attempts=options.max_attempts,
        steering=load_steering(folder.steering),
    )
    if spec is None and model is None:
        return context
    index = stack.enter_context(open_search(options, snapshot, listener, embedder))
    embed_phrases(pack, index)
    if model is None:
        assert spec is not None
        model = stack.enter_context(writer(_current(spec, context.steering), pack, options, listener))
    return replace(context, index=index, model=model)


def _current(spec: "ModelSpec", steering: Steering) -> "ModelSpec":
    """The model that writes now: the one that a person switched to, else the audit's own."""
    from agent.catalogue import find_model

    return find_model(steering.model) if steering.model else spec


def open_search(options: AuditOptions, snapshot: Snapshot, listener: Listener, embedder: "Embedder | None") -> "Index":
    """The snapshot's index, built as far as it is missing; `embedder` stands in for the catalogue's when given."""
    from agent.catalogue import find_model
    from agent.embedding import SlotEmbedder
    from retrieval.index import open_index

    folder = repository_cache(options.repo) / "index"
    progress = phase("embed", listener)
    if embedder is not None:
        given = embedder
        return open_index(
            snapshot,
            folder=folder,
            embedder=lambda: given,
            embedder_name=given.name,
            on_progress=progress,
        )
    embedding = find_model(options.embedder, role="embedder")
    return open_index(
        snapshot,
        folder=folder,
        embedder=lambda: SlotEmbedder(embedding, options.memory_budget, lambda text: listener(Note(text))),
        embedder_name=embedding.alias,
        on_progress=progress,
    )


def phase(name: str, listener: Listener) -> Callable[[int, int], None]:
    """Progress of the phase `name` for a listener."""
    return lambda done, total: listener(Progress(name, done, total))


def embed_phrases(pack: StagePack, index: "Index") -> None:
    """Embed every search phrase now, so that the embedder is gone before the model loads."""
    questions = [question for stage in pack.stages for question in asked(stage)]
    index.prepare([phrase for question in questions for phrase in question.search])
    index.release()


@contextmanager
def own_writer(
    spec: "ModelSpec", pack: StagePack, options: AuditOptions, listener: Listener
) -> Iterator["BaseChatModel"]:
    """A model for one audit alone, planned within the memory budget; its process ends with the block."""
    chat = planned_chat(spec, wanted_context(pack), options, listener, least=least_context(pack))
    chat.on_progress = partial(tell_progress, listener)
    try:
        yield chat
    finally:
        chat.close()


@contextmanager
def open_judge(spec: "ModelSpec", context: int, options: AuditOptions, listener: Listener) -> Iterator["GgufChat"]:
    """The second model, planned for prompts of `context` tokens; its process ends with the block."""
    chat = planned_chat(spec, context, options, listener, least=context)
    chat.on_progress = lambda report: listener(tokens_of(report))
    try:
        yield chat
    finally:
        chat.close()


def planned_chat(
    spec: "ModelSpec", context: int, options: AuditOptions, listener: Listener, *, least: int
) -> "GgufChat":
    """A model planned for batches of `context` tokens, for `least` where memory is short; loaded at its first use.

    Where a load runs out of memory in spite of the plan, the next smaller one is tried.
    """
    from agent.chat import GgufChat
    from agent.plan import next_plan, plan_model

    began, budget = monotonic(), options.memory_budget
    plan = plan_model(spec, budget, context, least_context=least)
    listener(ModelLoaded(spec.alias, str(plan), monotonic() - began))

    def retreat(failed: "LoadPlan") -> "LoadPlan | None":
        return next_plan(spec, failed, budget, context, least_context=least)

    return GgufChat(spec, plan, budget=budget, retreat=retreat)


def fitting_model(spec: "ModelSpec", pack: StagePack, options: AuditOptions, listener: Listener) -> "ModelSpec":
    """The model itself, or the next smaller one here that fits the memory. Raises MemoryRefused when none does."""
    from agent.catalogue import smaller_models
    from agent.plan import first_that_fits

    smaller = smaller_models(spec)
    if not smaller:
        return spec
    found, _ = first_that_fits(
        [spec, *smaller], options.memory_budget, wanted_context(pack), least_context=least_context(pack)
    )
    if found != spec:
        listener(Note(f"{spec.alias} does not fit the memory; {found.alias} answers instead"))
    return found


def tell_progress(listener: Listener, report: Mapping[str, Any]) -> None:
    """The chat model's progress as events: how far it is, and what it has just written."""
    listener(tokens_of(report))
    for question_id, text in report.get("texts", ()):
        listener(Written(question_id, text))


def tokens_of(report: Mapping[str, Any]) -> Event:
    """The chat model's progress as an event."""
    done, total = int(report.get("done", 0)), int(report.get("total", 0))
    phase = str(report["phase"])
    if phase == "note":
        return Note(str(report["text"]))
    if phase == "load":
        return Progress("load", done, max(total, 1))
    seconds = float(report.get("seconds", 0.0))
    return Tokens(phase, done, total, done / seconds if seconds > 0 else 0.0)


def wanted_context(pack: StagePack) -> int:
    """Tokens the fullest stage can need: the shared opening and, per question, its evidence and draft."""
    return SYSTEM_TOKENS + max(_resttokens_of(pack, stage) for stage in pack.stages)


def least_context(pack: StagePack) -> int:
    """Tokens that the longest single prompt can need with its answer."""
    each = (pack.settings(stage) for stage in pack.stages)
    return SYSTEM_TOKENS + max(s.evidence_tokens + SUFFIX_TOKENS + s.max_tokens for s in each)


def _resttokens_of(pack: StagePack, stage: Stage) -> int:
    settings = pack.settings(stage)
    return len(asked(stage)) * (settings.evidence_tokens + SUFFIX_TOKENS + settings.max_tokens)
