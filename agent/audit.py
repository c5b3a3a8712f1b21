"""The main path: one audit of one repository, from a folder of code to a verified report.

    run_audit → open context → graph of stages → report

Prints nothing: a listener gets the events of agent/events.py. The only function that knows all the parts is
`_open_context`, where the heavy libraries are imported.
"""

import hashlib
import json
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.assets import default_pack, prompts_folder
from agent.context import Context, asked
from agent.errors import MachineError
from agent.events import AuditStarted, Event, Finished, ModelLoaded, Note, Progress, Tokens
from agent.findings import Findings
from agent.prompts import Prompts
from agent.records import Records
from agent.report.document import Answers, Report, RunFacts, count, cover
from agent.report.files import prepare_folder, write_report
from agent.runs import Fingerprint, RunFolder
from agent.settings import repository_cache
from agent.stages import Stage, StagePack, load_pack
from retrieval.codebase import read_codebase
from retrieval.snapshot import Snapshot
from retrieval.walk import take_snapshot

if TYPE_CHECKING:
    from agent.catalogue import ModelSpec
    from retrieval.index import Index

NO_MODEL = "none"
SUFFIX_TOKENS = 250
SYSTEM_TOKENS = 600
DEFAULT_MODEL = "qwen2.5-coder-1.5b"
DEFAULT_EMBEDDER = "all-MiniLM-L6-v2"
Listener = Callable[[Event], None]


@dataclass(frozen=True)
class AuditOptions:
    """One audit. `out` None means audits/<repository name> under the current folder; `stages` None the shipped
    pack; `only` stage numbers and question ids; `model` an alias, a .gguf file, or "none" for the census alone;
    `memory_budget` bytes, None for what is free; `max_attempts` None for the pack's."""

    repo: Path
    out: Path | None = None
    stages: Path | None = None
    only: tuple[str, ...] = ()
    model: str = DEFAULT_MODEL
    memory_budget: int | None = None
    max_attempts: int | None = None
    strict: bool = False
    fresh: bool = False
    embedder: str = DEFAULT_EMBEDDER


@dataclass(frozen=True)
class AuditResult:
    """Where the report lies, the answers by stage, and 0 (all answered) or 1 (some unresolved)."""

    out: Path
    answers: Answers
    report: Report
    exit_code: int


def ignore(event: Event) -> None:
    """The listener of those who do not listen."""


def run_audit(options: AuditOptions, listener: Listener = ignore) -> AuditResult:
    """Audit a repository and write ANSWERS.md, answers.json and report.html.

    Continues an interrupted run of the same repository, pack and model. Raises UserError (bad path, pack, model,
    output folder), MachineError (memory, missing model, crash) and RetrievalError; an interrupt leaves a
    run that the same call continues.
    """
    began = time.monotonic()
    pack = _chosen_pack(options)
    spec = _chosen_model(options)
    repo = options.repo.expanduser()
    out = (options.out or Path("audits") / _name(repo)).expanduser().absolute()
    snapshot = take_snapshot(repo, exclude=[out])
    prepare_folder(out)
    listener(_started(snapshot, pack))
    folder = RunFolder(repository_cache(repo), out)
    with folder.lock(), ExitStack() as stack:
        fingerprint = _fingerprint(snapshot, pack, spec, options)
        _begin_or_continue(folder, fingerprint, options, listener)
        context = _open_context(options, pack, snapshot, spec, folder, listener, stack)
        answers = _walk_stages(context, folder)
        stack.close()
        report = _report(options, context, answers, spec, time.monotonic() - began)
        write_report(report, out)
        folder.finish(fingerprint)
    return _finish(report, out, listener)


def _chosen_pack(options: AuditOptions) -> StagePack:
    pack = load_pack(options.stages or default_pack())
    return pack.only(list(options.only)) if options.only else pack


def _chosen_model(options: AuditOptions) -> "ModelSpec | None":
    from agent.catalogue import find_model

    if options.model == NO_MODEL:
        return None
    spec = find_model(options.model)
    spec.require()
    return spec


def _name(repo: Path) -> str:
    return repo.resolve().name or "root"


def _started(snapshot: Snapshot, pack: StagePack) -> AuditStarted:
    return AuditStarted(
        repository=snapshot.name,
        files=len(snapshot.files),
        skipped=len(snapshot.skipped),
        stages=len(pack.stages),
        questions=sum(len(stage.questions) for stage in pack.stages),
    )


def _fingerprint(
    snapshot: Snapshot, pack: StagePack, spec: "ModelSpec | None", options: AuditOptions
) -> Fingerprint:
    shaping = {"max_attempts": options.max_attempts, "strict": options.strict}
    return Fingerprint(
        tree=snapshot.tree_hash,
        pack=_pack_hash(pack),
        model=(spec.sha256 or _stat(spec.weights_path)) if spec else NO_MODEL,
        embedder=options.embedder,
        options=json.dumps(shaping, sort_keys=True),
        version=_package_version("deposition"),
    )


def _stat(path: Path) -> str:
    facts = path.stat()
    return f"{path.resolve()}:{facts.st_size}:{facts.st_mtime_ns}"


def _pack_hash(pack: StagePack) -> str:
    """Digest of the pack and of the prompts, which shape the answers as much."""
    digest = hashlib.sha256(pack.model_dump_json().encode())
    for template in sorted(prompts_folder().glob("*.j2")):
        digest.update(template.read_bytes())
    return digest.hexdigest()


def _package_version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "0"


def _begin_or_continue(
    folder: RunFolder, fingerprint: Fingerprint, options: AuditOptions, listener: Listener
) -> None:
    stored = folder.unfinished()
    changes = fingerprint.changes(stored) if stored is not None else []
    if stored is not None and not changes and not options.fresh:
        listener(Note("continuing the interrupted run; --fresh starts over"))
        return
    if changes:
        listener(Note(f"an unfinished run cannot be continued: {' and '.join(changes)}; starting over"))
    folder.begin(fingerprint)


def _open_context(
    options: AuditOptions,
    pack: StagePack,
    snapshot: Snapshot,
    spec: "ModelSpec | None",
    folder: RunFolder,
    listener: Listener,
    stack: ExitStack,
) -> Context:
    """Everything the nodes touch: facts, census and, with a model, index and model. Closed by `stack`."""
    cache = repository_cache(options.repo)
    codebase = read_codebase(snapshot, cache / "facts", _phase("facts", listener))
    context = Context(
        pack=pack,
        codebase=codebase,
        findings=Findings(codebase),
        prompts=Prompts(prompts_folder()),
        records=Records(folder.stages),
        tell=listener,
        strict=options.strict,
        max_attempts=options.max_attempts,
    )
    if spec is None:
        return context
    index = stack.enter_context(_index(options, snapshot, listener))
    _embed_phrases(pack, index)
    return replace(
        context, index=index, model=stack.enter_context(_model(spec, pack, options, listener))
    )


def _index(options: AuditOptions, snapshot: Snapshot, listener: Listener) -> "Index":
    from agent.catalogue import find_model
    from retrieval.embed import SentenceEmbedder
    from retrieval.index import open_index

    embedding = find_model(options.embedder, role="embedder")
    return open_index(
        snapshot,
        folder=repository_cache(options.repo) / "index",
        embedder=lambda: SentenceEmbedder(embedding.require()),
        embedder_name=embedding.alias,
        on_progress=_phase("embed", listener),
    )


def _phase(name: str, listener: Listener) -> Callable[[int, int], None]:
    return lambda done, total: listener(Progress(name, done, total))


def _embed_phrases(pack: StagePack, index: "Index") -> None:
    """Embed every search phrase now, so that the embedder is gone before the model loads."""
    questions = [q for stage in pack.stages for q in asked(stage)]
    index.prepare([phrase for question in questions for phrase in question.search])
    index.release()


@contextmanager
def _model(
    spec: "ModelSpec", pack: StagePack, options: AuditOptions, listener: Listener
) -> Iterator[Any]:
    """The writer, loaded within the memory budget."""
    from agent.chat import GgufChat
    from agent.plan import plan_model

    began = time.monotonic()
    plan = plan_model(spec, options.memory_budget, _wanted_context(pack))
    chat = GgufChat(spec, plan, on_progress=lambda report: listener(_tokens(report)))
    try:
        listener(ModelLoaded(spec.alias, str(plan), time.monotonic() - began))
        yield chat
    finally:
        chat.close()


def _tokens(report: Mapping[str, Any]) -> Event:
    """The chat model's progress as an event."""
    done, total = int(report.get("done", 0)), int(report.get("total", 0))
    phase = str(report["phase"])
    if phase == "load":
        return Progress("load", done, max(total, 1))
    seconds = float(report.get("seconds", 0.0))
    return Tokens(phase, done, total, done / seconds if seconds > 0 else 0.0)


def _wanted_context(pack: StagePack) -> int:
    """Tokens that the fullest stage can need: the shared opening and, per question, its evidence and draft."""
    return SYSTEM_TOKENS + max(_rest_tokens(pack, stage) for stage in pack.stages)


def _rest_tokens(pack: StagePack, stage: Stage) -> int:
    settings = pack.settings(stage)
    return len(asked(stage)) * (settings.evidence_tokens + SUFFIX_TOKENS + settings.max_tokens)


def _walk_stages(context: Context, folder: RunFolder) -> Answers:
    """Run the graph from wherever its checkpoint stands to the end."""
    from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
    from langgraph.checkpoint.sqlite import SqliteSaver

    from agent.graph import build_graph

    config: Any = {"configurable": {"thread_id": "audit"}, "recursion_limit": 10_000}
    with closing(sqlite3.connect(folder.checkpoint, check_same_thread=False)) as connection:
        saver = SqliteSaver(connection, serde=JsonPlusSerializer(allowed_msgpack_modules=None))
        graph = build_graph(context.pack, saver)
        state = graph.get_state(config)
        start = None if state.values else {}
        if state.values and not state.next and not _complete(state.values, context):
            # A kill between a node's writes and their checkpoint leaves no next task: route again.
            graph.update_state(config, {}, as_node="verify")
        if not _complete(state.values, context):
            graph.invoke(start, config, context=context, durability="sync")
        return _answers(graph.get_state(config).values, context)


def _complete(values: dict[str, Any], context: Context) -> bool:
    """Whether every stage has its record: our own mark, since LangGraph's `next` can be empty too early."""
    return bool(values.get("stopped")) or len(values.get("done", {})) == len(context.pack.stages)


def _answers(values: dict[str, Any], context: Context) -> Answers:
    answers = []
    for stage in context.pack.stages:
        if stage.id not in values.get("done", {}):
            break
        record = context.records.read(stage.id, values["done"][stage.id])
        if record is None:
            raise MachineError(
                f"the saved answers of stage {stage.number} are damaged", "start over with --fresh"
            )
        answers.append((stage, tuple(record)))
    return tuple(answers)


def _report(
    options: AuditOptions,
    context: Context,
    answers: Answers,
    spec: "ModelSpec | None",
    seconds: float,
) -> Report:
    snapshot = context.codebase.snapshot
    every = [answer for _, stage_answers in answers for answer in stage_answers]
    return Report(
        repository=snapshot.name,
        commit=snapshot.commit,
        tree_hash=snapshot.tree_hash,
        snapshot=snapshot,
        pack=context.pack,
        answers=answers,
        run=RunFacts(
            model=spec.alias if spec else NO_MODEL,
            model_sha256=spec.sha256 if spec else "",
            embedder=options.embedder,
            pack_hash=_pack_hash(context.pack),
            options={"only": list(options.only), "max_attempts": options.max_attempts},
            llama_cpp=_package_version("llama_cpp_python") if spec else "",
            version=_package_version("deposition"),
        ),
        coverage=cover(snapshot, every, context.shown()),
        usage=_usage(context),
        seconds=seconds,
    )


def _usage(context: Context) -> dict[str, int | float]:
    usage = context.usage
    return {
        "prompt_tokens": usage.prompt_tokens,
        "prompt_reused": usage.prompt_reused,
        "generated": usage.generated,
        "model_loads": 0 if context.model is None else 1,
        "peak_memory_bytes": _peak_memory(),
    }


def _peak_memory() -> int:
    """Largest resident size of this process or of one child so far, in bytes (getrusage counts KiB on Linux)."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(own, children) * 1024


def _finish(report: Report, out: Path, listener: Listener) -> AuditResult:
    totals = count(report.every_answer())
    listener(
        Finished(
            out=str(out),
            answered=totals.answered,
            verified=totals.verified,
            extractive=totals.extractive,
            unresolved=totals.unresolved,
            citations=totals.citations,
            seconds=report.seconds,
            peak_memory_bytes=int(report.usage["peak_memory_bytes"]),
        )
    )
    asked_for = sum(len(stage.questions) for stage in report.pack.stages)
    whole = totals.unresolved == 0 and totals.questions == asked_for
    return AuditResult(out, report.answers, report, 0 if whole else 1)
