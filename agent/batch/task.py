"""What goes between the batch and the processes that work for it: plain frozen values, so that they cross any pipe."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from agent.batch.source import Source
from agent.options import DEFAULT_EMBEDDER, DEFAULT_MODEL, AuditOptions

State = Literal["queued", "indexing", "indexed", "answering", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person chose for all repositories; as in `AuditOptions`.

    `memory_budget` is for one model, in bytes. `double` names a function "module:name" that gives a chat model and an
    embedder in place of the catalogue's, for tests and benchmarks.
    """

    stages: str = ""
    only: tuple[str, ...] = ()
    model: str = DEFAULT_MODEL
    embedder: str = DEFAULT_EMBEDDER
    memory_budget: int | None = None
    max_attempts: int | None = None
    fresh: bool = False
    double: str = ""


@dataclass(frozen=True, slots=True)
class Task:
    """One repository to audit. `slug` names it in the batch, `out` is the folder of its results, `known` the
    outline of its last audit's record; `staged` when whole results go elsewhere, as those of the last audit did."""

    slug: str
    source: Source
    out: str
    choices: Choices
    known: Mapping[str, Any] | None = None
    staged: bool = False

    def options(self, root: Path) -> AuditOptions:
        """The audit of the code at `root`."""
        source, chosen = self.source, self.choices
        stages = source.stages or chosen.stages
        return AuditOptions(
            repo=root,
            out=Path(self.out),
            stages=Path(stages) if stages else None,
            only=source.only or chosen.only,
            model=chosen.model,
            memory_budget=chosen.memory_budget,
            max_attempts=source.max_attempts or chosen.max_attempts,
            fresh=chosen.fresh,
            embedder=chosen.embedder,
        )


@dataclass(frozen=True, slots=True)
class Sign:
    """A sign of life of one task: what is going on, at which stage of how many, at how many tokens per second."""

    slug: str
    state: State
    detail: str = ""
    stage: int = 0
    of: int = 0
    per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class Prepared:
    """A repository whose code lies at `root`, with facts and index on disk; `finished` when its last audit still holds.

    `mark` tells one version of an archive or a clone from the next without unpacking it.
    """

    slug: str
    root: str
    mark: str
    notes: tuple[str, ...]
    finished: bool
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one task: "done" or "failed" with the reason. `record` is what the summary needs; `fatal` faults are
    the machine's and would meet every other repository too; `files` are results that still are to be stored; `seconds`
    is the time of work on what failed, without that in which it waited for others."""

    slug: str
    state: State
    reason: str = ""
    hint: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)
    unchanged: bool = False
    fatal: bool = False
    files: Mapping[str, bytes] = field(default_factory=dict)
    seconds: float = 0.0
