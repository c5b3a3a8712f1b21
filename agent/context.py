"""What the graph's nodes may touch. Handed to them as LangGraph's runtime context, never checkpointed."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from langchain_core.language_models import BaseChatModel

from agent.contradictions import Assertion, of_answer, of_findings
from agent.events import Event
from agent.evidence import Packed, gather
from agent.findings import Findings
from agent.prompts import Prompts
from agent.records import Records
from agent.stages import Question, Stage, StagePack
from agent.steering import Steering
from retrieval.chunk import Chunk
from retrieval.codebase import Codebase
from retrieval.index import Index

ABOUT_LINES = 3


@dataclass
class Usage:
    """Model work of one process: tokens evaluated, reused from a shared prefix, and generated."""

    prompt_tokens: int = 0
    prompt_reused: int = 0
    generated: int = 0
    seconds: float = 0.0

    def add(self, metadata: dict[str, object]) -> None:
        """Add one response's figures (`GgufChat` response_metadata; absent ones count as 0)."""
        self.prompt_tokens += int(str(metadata.get("prompt_tokens", 0)))
        self.prompt_reused += int(str(metadata.get("prompt_reused", 0)))
        self.generated += int(str(metadata.get("generated", 0)))


@dataclass
class Context:
    """One audit's pack, repository, search, model, records and listener. Without a model, the census answers alone."""

    pack: StagePack
    codebase: Codebase
    findings: Findings
    prompts: Prompts
    records: Records
    tell: Callable[[Event], None]
    index: Index | None = None
    model: BaseChatModel | None = None
    strict: bool = False
    max_attempts: int | None = None
    steering: Steering = field(default_factory=Steering)
    usage: Usage = field(default_factory=Usage)
    _packed: dict[str, Packed] = field(default_factory=dict)
    _counted: dict[str, list[Assertion]] = field(default_factory=dict)
    _told: dict[str, list[Assertion]] = field(default_factory=dict)

    @cached_property
    def opening(self) -> str:
        """The system prompt: the same for all questions, so that its tokens are evaluated once."""
        about = [hit.text for hit in self.findings.result("about").hits[:ABOUT_LINES]]
        return self.prompts.system(self.codebase.snapshot.name, about)

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """The names that are defined or imported anywhere in the repository."""
        facts = self.codebase.facts.values()
        defined = {d.name for file in facts for d in file.definitions}
        return frozenset(defined | {i.alias for file in facts for i in file.imports if i.alias})

    def counted(self, questions: Collection[Question]) -> list[Assertion]:
        """What the census says for these questions; worked out once for each."""
        for question in questions:
            if question.id not in self._counted:
                self._counted[question.id] = list(of_findings(question, self.findings.of(question)))
        return [assertion for question in questions for assertion in self._counted[question.id]]

    def told(self, done: Mapping[str, str]) -> list[Assertion]:
        """What the census says for the whole run and the accepted sentences of the finished stages `done` say."""
        for stage_id in done:
            if done[stage_id] not in self._told:
                answers = self.records.read(stage_id, done[stage_id]) or []
                self._told[done[stage_id]] = [a for answer in answers for a in of_answer(answer)]
        questions = [question for stage in self.pack.stages for question in stage.questions]
        return [*self.counted(questions), *(a for digest in done.values() for a in self._told[digest])]

    def attempts(self, stage: Stage) -> int:
        """Drafts allowed per question of `stage`; 0 without a model."""
        if self.model is None:
            return 0
        return self.max_attempts or self.pack.settings(stage).max_attempts

    def evidence(self, stage: Stage) -> Packed:
        """The stage's evidence as a person left it; gathered once, and the same again after a resume."""
        if self.model is None:
            return Packed((), {}, 0)
        if stage.id not in self._packed:
            self._packed[stage.id] = gather(
                stage,
                self.pack.settings(stage),
                self.findings,
                self.codebase,
                self.search,
                self.count_tokens,
            )
        return self.steering.evidence(self._packed[stage.id])

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` for the model in use; four characters a token without one."""
        return self.model.get_num_tokens(text) if self.model else len(text) // 4 + 1

    def search(self, queries: Sequence[str], k: int) -> list[Chunk]:
        """The `k` best pieces of code for several phrasings of one question."""
        return [hit.chunk for hit in self.index.search(queries, k=k)] if self.index else []


def asked(stage: Stage) -> list[Question]:
    """The questions of `stage` that the model may be asked about."""
    return [question for question in stage.questions if question.claims]
