"""One free question after another about one repository: facts first, then what the model adds, through the same gates.

A question becomes a stage pack of one question and walks the same graph as an audit. Index and model are opened
when a question needs them and stay open; questions that the census answers need neither. Prints nothing.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from agent.assets import prompts_folder
from agent.compose import compose
from agent.context import Context
from agent.errors import MachineError
from agent.findings import Findings
from agent.inquiry import Inquiry, read_question
from agent.intents import Intents, load_intents
from agent.opening import Listener, open_search, own_writer, phase
from agent.options import NO_MODEL, AuditOptions
from agent.prompts import Prompts
from agent.records import Records
from agent.settings import repository_cache
from agent.stages import FactSpec, Question, Stage, StagePack
from agent.state import Answer, Claim
from agent.vocabulary import Vocabulary
from retrieval.chunk import Chunk
from retrieval.codebase import Codebase, read_codebase
from retrieval.walk import take_snapshot

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from retrieval.embed import Embedder
    from retrieval.index import Index
    from retrieval.lexical import LexicalIndex

NEAREST = 5


@dataclass(frozen=True)
class Reply:
    """The answer to one free question.

    `found` is false when the answer is that nothing was found. `nearest` is what the search offers instead when no
    fact and no sentence answers: places, best first, that nobody checked. `files` is the number of files read.
    """

    inquiry: Inquiry
    answer: Answer
    found: bool
    nearest: tuple[Chunk, ...]
    files: int


class Inquirer:
    """Answers free questions about the repository of `options`; use it in a `with`, which ends the model's process.

    `model` and `embedder` stand in for the catalogue's when given. Raises UserError for a bad path or model.
    """

    def __init__(
        self,
        options: AuditOptions,
        listener: Listener,
        *,
        model: "BaseChatModel | None" = None,
        embedder: "Embedder | None" = None,
    ) -> None:
        self._options, self._listener = options, listener
        self._given, self._embedder = model, embedder
        self._stack = ExitStack()
        self._before: Inquiry | None = None
        self.intents: Intents = load_intents()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @cached_property
    def codebase(self) -> Codebase:
        """The repository's parsed code as it was when the first question came."""
        snapshot = take_snapshot(self._options.repo.expanduser())
        folder = repository_cache(self._options.repo) / "facts"
        return read_codebase(snapshot, folder, phase("facts", self._listener))

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The names of the repository."""
        return Vocabulary(self.codebase)

    def ask(self, text: str, on_facts: Callable[[Reply], None] | None = None) -> Reply:
        """The reply to one question. `on_facts` gets the facts alone, before a model is asked to add to them.

        Raises MachineError when the model fails, RetrievalError when the search does.
        """
        inquiry = read_question(text, self.vocabulary, self.codebase.snapshot, self.intents, self._before)
        if inquiry.names:
            self._before = inquiry
        question, extra = self._question(inquiry)
        lead = self._lead(inquiry)
        first = self._reply(inquiry, self._walk(question, None), lead, extra)
        wanted = (
            question.claims
            and not self._unknown(inquiry)
            and not (self._options.model == NO_MODEL and self._given is None)
        )
        if not wanted:
            return self._with_nearest(first)
        if on_facts:
            on_facts(first)
        return self._with_nearest(self._reply(inquiry, self._walk(question, self._model), lead, extra))

    # --- facts

    def _question(self, inquiry: Inquiry) -> tuple[Question, list[Claim]]:
        """The question with the facts that have hits, and statements from those asked `instead`."""
        verdicts = self.intents.verdicts
        if not inquiry.facts or self._unknown(inquiry):
            return inquiry.question(()), []
        told = self._with_hits(inquiry.facts)
        if told:
            if inquiry.yes_no:
                return inquiry.question(inquiry.facts, verdict=verdicts.yes_no), []
            return inquiry.question(told), []
        verdict = verdicts.yes_no if inquiry.yes_no else verdicts.absent
        instead = self._with_hits(inquiry.instead)
        if instead and not inquiry.yes_no:
            return inquiry.question(instead), []
        extra = self._compose(inquiry.question(instead)) if instead else []
        return inquiry.question(inquiry.facts, verdict=verdict, claims=0), extra

    def _with_hits(self, facts: Sequence[FactSpec]) -> tuple[FactSpec, ...]:
        return tuple(f for f in self._findings.of_facts(facts) if f)

    @cached_property
    def _findings(self) -> "_Facts":
        return _Facts(Findings(self.codebase))

    def _compose(self, question: Question) -> list[Claim]:
        return compose(question, self._findings.findings.of(question), self.codebase.snapshot)

    def _lead(self, inquiry: Inquiry) -> list[Claim]:
        """What is said of names, files and words of the question that do not exist."""
        claims: list[Claim] = []
        for name in inquiry.missing:
            claims.append(self._absence(self.intents.missing.replace("<a>", name)))
            if near := self.vocabulary.near(name.rpartition(".")[2].lstrip("-").replace("-", "_")):
                claims.append(self._like(near))
        claims += [self._absence(self.intents.missing_place.replace("<a>", path)) for path in inquiry.lost]
        return claims or self._absent_words(inquiry)

    def _absent_words(self, inquiry: Inquiry) -> list[Claim]:
        """That words of the question stand nowhere."""
        absent = self.vocabulary.absent(inquiry.words)
        if not absent:
            return []
        listed = ", ".join(f"`{word}`" for word in absent)
        values = {"words": listed, "stand": "stands" if len(absent) == 1 else "stand", "searched": "{searched}"}
        text = self.intents.absent_words if self._unknown(inquiry) else self.intents.absent_aside
        return [self._absence(text.format(**values))]

    def _unknown(self, inquiry: Inquiry) -> bool:
        """Whether half or more of what the question is about stands nowhere in the repository."""
        return 0 < len(inquiry.words) <= 2 * len(self.vocabulary.absent(inquiry.words))

    def _absence(self, text: str) -> Claim:
        files = len(self.codebase.snapshot.files)
        return Claim(text=text.format(searched=files), citations=(), origin="census", searched=files)

    def _like(self, names: Sequence[str]) -> Claim:
        text = self.intents.like.format(names=", ".join(f"`{name}`" for name in names))
        return Claim(text=text, citations=(), origin="census", searched=len(self.codebase.snapshot.files))

    # --- the graph

    def _walk(self, question: Question, model: "BaseChatModel | None") -> Answer:
        """The answer of an audit of one question."""
        from agent.graph import build_graph
        from agent.nodes import BEGINNING

        pack = _pack(question)
        with tempfile.TemporaryDirectory(prefix="deposition-") as folder:
            context = Context(
                pack=pack,
                codebase=self.codebase,
                findings=self._findings.findings,
                prompts=Prompts(prompts_folder()),
                records=Records(Path(folder)),
                tell=self._listener,
                index=self._index if model is not None else None,
                model=model,
                max_attempts=self._options.max_attempts,
            )
            state = build_graph(pack).invoke(BEGINNING, context=context)
            answers = context.records.read(pack.stages[0].id, state["done"][pack.stages[0].id])
        if not answers:
            raise MachineError("the answer could not be kept", "check the free space of the temporary folder")
        return answers[0]

    @cached_property
    def _index(self) -> "Index":
        return self._stack.enter_context(
            open_search(self._options, self.codebase.snapshot, self._listener, self._embedder)
        )

    @cached_property
    def _model(self) -> "BaseChatModel":
        from agent.catalogue import find_model

        if self._given is not None:
            return self._given
        spec = find_model(self._options.model)
        spec.require()
        pack = _pack(Inquiry("?").question(()))
        return self._stack.enter_context(own_writer(spec, pack, self._options, self._listener))

    # --- the reply

    def _reply(self, inquiry: Inquiry, answer: Answer, lead: Sequence[Claim], extra: Sequence[Claim]) -> Reply:
        claims = (*lead, *_lifted(answer.claims), *extra)
        found = any(claim.citations for claim in claims)
        status = answer.status
        if status == "unresolved" and (inquiry.missing or inquiry.lost or self._unknown(inquiry)):
            status = "verified"  # that nothing is there is the answer, and it is proven
        answer = answer.model_copy(update={"claims": claims, "status": status})
        return Reply(inquiry, answer, found, (), len(self.codebase.snapshot.files))

    def _with_nearest(self, reply: Reply) -> Reply:
        """What the search finds nearest, where nothing else answers the question."""
        if reply.found or reply.answer.status != "unresolved":
            return reply
        return replace(reply, nearest=tuple(self._search([reply.inquiry.text], NEAREST)))

    def _search(self, queries: Sequence[str], k: int) -> list[Chunk]:
        """By meaning and words where there is a model; by words alone without, so that nothing has to be embedded."""
        if self._options.model != NO_MODEL or self._given is not None:
            return [hit.chunk for hit in self._index.search(queries, k=k)]
        chunks, lexical = self._words
        return [chunks[place] for place in lexical.rank(" ".join(queries), k)]

    @cached_property
    def _words(self) -> "tuple[list[Chunk], LexicalIndex]":
        from retrieval.lexical import LexicalIndex
        from retrieval.split import split

        chunks = [chunk for file in self.codebase.snapshot.files if file.role == "source" for chunk in split(file)]
        return chunks, LexicalIndex(chunks)


@dataclass(frozen=True)
class _Facts:
    """Facts with their findings."""

    findings: Findings

    def of_facts(self, facts: Sequence[FactSpec]) -> Iterator[FactSpec | None]:
        """Each fact that has a hit anywhere, None for the others."""
        probe = Inquiry("?").question(facts)
        for finding in self.findings.of(probe):
            yield finding.fact if finding.hits or finding.elsewhere else None


def _pack(question: Question) -> StagePack:
    return StagePack(
        version=1, title="One question", stages=(Stage(number=1, title="QUESTION", questions=(question,)),)
    )


def _lifted(claims: Sequence[Claim]) -> list[Claim]:
    """The claims without headings that say nothing; what stood under these moves up."""
    kept: list[Claim] = []
    lift = 0
    for claim in claims:
        if not claim.level:
            lift = 0 if claim.text.strip() or claim.block else 1
        if claim.level or claim.text.strip() or claim.block:
            kept.append(claim.model_copy(update={"level": max(0, claim.level - lift)}))
    return kept
