"""The main path: one audit of one repository, from a folder of code to a verified report.

    run_audit → open context → graph of stages → report

Prints nothing: a listener gets the events of agent/events.py. It is the Python interface too: `run_audit` gives
the result, `start_audit` the events while it works. The parts meet in agent/opening.py.
"""

import json
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from agent.assets import default_pack
from agent.closing import Run, close, model_loads, pack_hash, package_version
from agent.course import Walk, open_course, straight_on
from agent.events import AuditStarted, Event, Finished, Note
from agent.judge import Judgement, second_opinion
from agent.opening import Listener, Writer, fitting_model, open_context, own_writer
from agent.options import NO_MODEL, AuditOptions
from agent.progress import ProgressFile
from agent.report.coverage import Answers
from agent.report.document import Report, count
from agent.report.files import prepare_folder, write_report
from agent.runs import Fingerprint, RunFolder
from agent.settings import repository_cache
from agent.stages import StagePack, load_pack
from agent.stream import Running
from retrieval.snapshot import Snapshot
from retrieval.walk import take_snapshot

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from agent.catalogue import ModelSpec
    from retrieval.embed import Embedder

__all__ = ["AuditOptions", "AuditResult", "Running", "run_audit", "start_audit"]


@dataclass(frozen=True)
class AuditResult:
    """Where the report lies, the answers by stage, and 0 (all answered) or 1 (some unresolved)."""

    out: Path
    answers: Answers
    report: Report
    exit_code: int


def ignore(event: Event) -> None:
    """The listener of those who do not listen."""


def run_audit(
    options: AuditOptions,
    listener: Listener = ignore,
    *,
    model: "BaseChatModel | None" = None,
    embedder: "Embedder | None" = None,
    writer: Writer = own_writer,
    walk: Walk = straight_on,
) -> AuditResult:
    """Audit a repository and write ANSWERS.md, answers.json and report.html.

    Continues an interrupted run of the same repository, pack and model. Any LangChain chat model and any
    embedder can stand in for the catalogue's; `writer` lends the catalogue's model, by default one loaded for
    this audit alone; `walk` takes the audit through its stages, by default without a stop. Raises UserError (bad
    path, pack, model, output folder), MachineError (memory, missing model, crash) and RetrievalError; whatever was
    finished by then is kept, and the same call continues.
    """
    began = time.monotonic()
    pack = chosen_pack(options)
    spec = None if model is not None else writing_model(options, pack, listener)
    judge = chosen_judge(options)
    repo = options.repo.expanduser()
    out = (options.out or Path("audits") / _name(repo)).expanduser().absolute()
    snapshot = take_snapshot(repo, exclude=[out])
    prepare_folder(out)
    folder = RunFolder(repository_cache(repo), out)
    named = model._llm_type if model is not None else identity(spec)
    with folder.lock(), ProgressFile(out) as progress, ExitStack() as stack:
        listener = progress.tee(listener)
        listener(_started(snapshot, pack))
        fingerprint = fingerprint_of(snapshot.tree_hash, pack, named, options)
        _begin_or_continue(folder, fingerprint, options, listener)
        context = open_context(
            options, pack, snapshot, folder, listener, stack, spec=spec, model=model, embedder=embedder, writer=writer
        )
        loaded = model_loads(context.model)

        def report_of(answers: Answers, judgement: Judgement | None = None) -> Report:
            loads = model_loads(context.model) - loaded
            return close(options, context, answers, Run(spec, judge, judgement, loads, time.monotonic() - began))

        with open_course(context, folder.checkpoint, pauses=walk is not straight_on) as course:
            course.watch = lambda: progress.draw(lambda: report_of(course.answers()))
            walk(course)
            answers = course.answers()
        stack.close()
        judgement = None
        if judge is not None:
            answers, judgement = second_opinion(judge, options, context, answers, listener)
        report = report_of(answers, judgement)
        write_report(report, out)
        folder.finish(fingerprint)
    return _finish(report, out, listener)


def start_audit(
    options: AuditOptions, *, model: "BaseChatModel | None" = None, embedder: "Embedder | None" = None
) -> Running[AuditResult]:
    """`run_audit` in a thread: iterate over what is returned for its events, then ask it for the `result()`."""
    return Running(lambda listener: run_audit(options, listener, model=model, embedder=embedder))


def chosen_pack(options: AuditOptions) -> StagePack:
    """The stage pack that was asked for, cut down to `only`. Raises PackError and UserError."""
    pack = load_pack(options.stages or default_pack())
    return pack.only(list(options.only)) if options.only else pack


def chosen_model(options: AuditOptions) -> "ModelSpec | None":
    """The model that was asked for, None for the census alone. Raises ModelUnknown and ModelMissing."""
    from agent.catalogue import find_model

    if options.model == NO_MODEL:
        return None
    spec = find_model(options.model)
    spec.require()
    return spec


def writing_model(options: AuditOptions, pack: StagePack, listener: Listener) -> "ModelSpec | None":
    """The model that was asked for, or the next smaller one that fits the memory."""
    spec = chosen_model(options)
    return spec and fitting_model(spec, pack, options, listener)


def chosen_judge(options: AuditOptions) -> "ModelSpec | None":
    """The second model that was asked for, None for none. Raises ModelUnknown and ModelMissing."""
    return chosen_model(replace(options, model=options.judge)) if options.judge else None


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


def fingerprint_of(tree: str, pack: StagePack, model: str, options: AuditOptions) -> Fingerprint:
    """What shapes the answers: a snapshot's hash, the pack, the model's identity, the options."""
    shaping: dict[str, object] = {"max_attempts": options.max_attempts, "strict": options.strict}
    return Fingerprint(
        tree=tree,
        pack=pack_hash(pack),
        model=model,
        embedder=options.embedder,
        options=json.dumps(shaping, sort_keys=True),
        version=package_version("deposition"),
    )


def identity(spec: "ModelSpec | None") -> str:
    """The model's hash, or what tells a file without a known hash from its next version."""
    if spec is None:
        return NO_MODEL
    facts = spec.weights_path.stat()
    return spec.sha256 or f"{spec.weights_path.resolve()}:{facts.st_size}:{facts.st_mtime_ns}"


def _begin_or_continue(folder: RunFolder, fingerprint: Fingerprint, options: AuditOptions, listener: Listener) -> None:
    stored = folder.unfinished()
    changes = fingerprint.changes(stored) if stored is not None else []
    if stored is not None and not changes and not options.fresh:
        listener(Note("continuing the interrupted run; --fresh starts over"))
        return
    if changes:
        listener(Note(f"an unfinished run cannot be continued: {' and '.join(changes)}; starting over"))
    folder.begin(fingerprint)


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
