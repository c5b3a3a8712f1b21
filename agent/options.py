"""What a person can choose about one audit."""

from dataclasses import dataclass
from pathlib import Path

NO_MODEL = "none"
DEFAULT_MODEL = "qwen2.5-coder-1.5b"
DEFAULT_EMBEDDER = "all-MiniLM-L6-v2"


@dataclass(frozen=True)
class AuditOptions:
    """One audit. `out` None means audits/<repository name> under the current folder; `stages` None the shipped pack;
    `only` stage numbers and question ids; `model` an alias, a .gguf file, or "none" for the census alone;
    `memory_budget` bytes, None for what is free; `max_attempts` None for the pack's; `strict` stops at the first
    question that stays unresolved; `fresh` forgets an interrupted run;
    `judge` is the alias or .gguf file of a second model that may lower verdicts, "" for none."""

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
    judge: str = ""
