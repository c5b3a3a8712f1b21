"""The work on one repository, as one process of a batch does it: prepare, then answer.

`prepare` is work for the processor: it brings the code here, reads it, and leaves facts, index and vectors in the
cache. `answer` is the audit itself, which finds all of that there. Both know nothing of other repositories, and what
one leaves for the next is only what is costly to load: embedder and model.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.audit import chosen_model, chosen_pack, fingerprint_of, identity, run_audit
from agent.batch.fetch import fetch, mark_of
from agent.batch.record import digest, done_record, read_answers
from agent.batch.reporter import Reporter
from agent.batch.resident import LentEmbedder, Resident
from agent.batch.task import Choices, Outcome, Prepared, Sign, Task
from agent.events import Event
from agent.opening import embed_phrases, open_search
from agent.options import NO_MODEL
from agent.runs import Fingerprint, RunFolder
from agent.settings import repository_cache
from retrieval.codebase import read_codebase
from retrieval.errors import RepositoryError
from retrieval.snapshot import Snapshot
from retrieval.walk import take_snapshot

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from retrieval.embed import Embedder

Tell = Callable[[Sign], None]


class Desk:
    """What one process keeps from repository to repository."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self._resident = Resident()
        self._embedder: Embedder | None = None
        self._double: BaseChatModel | None = None
        if choices.double:
            self._double, self._embedder = _double(choices.double)

    @property
    def asks_a_model(self) -> bool:
        """Whether repositories need an index besides their facts."""
        return self._double is not None or self._choices.model != NO_MODEL

    def prepare(self, task: Task, tell: Tell, *, index: bool = True) -> Prepared:
        """Bring the code here, and unless its last audit still holds, read and index it.

        Without `index` nothing is left in the cache. Raises AuditError and RetrievalError.
        """
        began = time.monotonic()
        reporter = Reporter(task.slug, "indexing", tell)
        tell(Sign(task.slug, "indexing", "reading files"))
        if self._is_that_version(task):
            return Prepared(task.slug, "", mark_of(task.source), (), True, time.monotonic() - began)
        fetched = fetch(task.source)
        root = fetched.root
        snapshot = take_snapshot(root, exclude=[Path(task.out)])
        if not snapshot.files:
            raise RepositoryError("it holds no file that can be read", "is it the right folder?")
        finished = not task.choices.fresh and self._holds(task, snapshot)
        if index and not finished:
            self._index(task, root, snapshot, reporter.listen)
        return Prepared(task.slug, str(root), fetched.mark, fetched.notes, finished, time.monotonic() - began)

    def answer(self, task: Task, prepared: Prepared | None, tell: Tell) -> Outcome:
        """Audit a repository, prepared here if it is not yet. Raises AuditError and RetrievalError."""
        prepared = prepared or self.prepare(task, tell, index=False)
        root, began = Path(prepared.root), time.monotonic()
        reporter = Reporter(task.slug, "answering", tell)
        if not prepared.finished:
            tell(Sign(task.slug, "answering"))
            run_audit(
                task.options(root),
                reporter.listen,
                model=self._double,
                embedder=self._embedder if self._double else None,
                writer=self._resident.lend,
            )
        if prepared.finished and task.known and (task.staged or task.known.get("answers") == digest(Path(task.out))):
            return Outcome(task.slug, "done", unchanged=True)
        answers = read_answers(Path(task.out))
        if answers is None:
            raise RepositoryError("its results could not be read back", "is something else writing there?")
        fingerprint = self._fingerprint(task, answers["repo"]["tree_hash"])
        record = done_record(task, prepared, answers, fingerprint.as_dict(), time.monotonic() - began)
        for stage in record["stages"]:
            if stage["id"] in reporter.seconds:
                stage["seconds"] = round(reporter.seconds[stage["id"]], 3)
        return Outcome(task.slug, "done", record=record, unchanged=prepared.finished)

    def close(self) -> None:
        """End the processes of embedder and model."""
        self._resident.close()
        if isinstance(self._embedder, LentEmbedder):
            self._embedder.end()

    def _index(self, task: Task, root: Path, snapshot: Snapshot, listen: Callable[[Event], None]) -> None:
        options, cache = task.options(root), repository_cache(root)
        read_codebase(snapshot, cache / "facts", lambda done, total: None)
        if self.asks_a_model:
            with open_search(options, snapshot, listen, self._held_embedder()) as index:
                embed_phrases(chosen_pack(options), index)

    def _held_embedder(self) -> "Embedder":
        if self._embedder is None:
            from agent.catalogue import find_model
            from retrieval.embed import SentenceEmbedder

            spec = find_model(self._choices.embedder, role="embedder")
            self._embedder = LentEmbedder(SentenceEmbedder(spec.require(), spec.alias, self._choices.memory_budget))
        return self._embedder

    def _fingerprint(self, task: Task, tree: str) -> Fingerprint:
        options = task.options(Path())
        model = self._double._llm_type if self._double else identity(chosen_model(options))
        return fingerprint_of(tree, chosen_pack(options), model, options)

    def _holds(self, task: Task, snapshot: Snapshot) -> bool:
        """Whether the results that lie there are those of these files, questions and model."""
        ended = None if task.staged else RunFolder(repository_cache(snapshot.root), Path(task.out)).finished()
        return self._answers_are_of(task, snapshot.tree_hash, _stored(task.known), ended)

    def _is_that_version(self, task: Task) -> bool:
        """The same, told by the mark of an archive or a clone, without unpacking it."""
        stored = _stored(task.known)
        if stored is None or not task.known or not task.known["mark"] or task.choices.fresh:
            return False
        same = mark_of(task.source) == task.known["mark"]
        return same and self._answers_are_of(task, stored["tree"], stored)

    def _answers_are_of(self, task: Task, tree: str, *stored: dict[str, str] | None) -> bool:
        now = self._fingerprint(task, tree)
        if not any(one and not now.changes(one) for one in stored):
            return False
        if task.staged:
            return True
        answers = read_answers(Path(task.out))
        return answers is not None and (answers["repo"]["tree_hash"], answers["run"]["pack_hash"]) == (
            now.tree,
            now.pack,
        )


def _stored(record: Mapping[str, Any] | None) -> dict[str, str] | None:
    return dict(record["fingerprint"]) if record and record.get("state") == "done" else None


def _double(name: str) -> "tuple[BaseChatModel, Embedder]":
    from importlib import import_module

    module, _, function = name.partition(":")
    made: tuple[BaseChatModel, Embedder] = getattr(import_module(module), function)()
    return made
