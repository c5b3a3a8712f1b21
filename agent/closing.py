"""From answers to the report: what the run was, what it covered, what contradicts what, and what it took.

Reads the context of a finished audit and changes nothing in it. Rendering is `agent/report`'s.
"""

import hashlib
import resource
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from agent.assets import prompts_folder
from agent.context import Context
from agent.contradictions import contradictions, of_answer
from agent.judge import Judgement
from agent.options import NO_MODEL, AuditOptions
from agent.report.coverage import Answers, cover
from agent.report.document import Report, RunFacts
from agent.stages import StagePack
from agent.state import Contradiction
from agent.structure import read_structure
from retrieval.chunk import Span

if TYPE_CHECKING:
    from agent.catalogue import ModelSpec


@dataclass(frozen=True, slots=True)
class Run:
    """Who answered: the writer, the judge and its work, how often the writer's weights were loaded, wall seconds."""

    writer: "ModelSpec | None"
    judge: "ModelSpec | None"
    judgement: Judgement | None
    loads: int
    seconds: float


def close(options: AuditOptions, context: Context, answers: Answers, run: Run) -> Report:
    """The report of an audit."""
    snapshot = context.codebase.snapshot
    starts = [hit for hit in context.findings.result("entry_points").hits if hit.role == "source"]
    return Report(
        repository=snapshot.name,
        commit=snapshot.commit,
        tree_hash=snapshot.tree_hash,
        snapshot=snapshot,
        pack=context.pack,
        answers=answers,
        run=RunFacts(
            model=run.writer.alias if run.writer else NO_MODEL,
            model_sha256=run.writer.sha256 if run.writer else "",
            embedder=options.embedder,
            pack_hash=pack_hash(context.pack),
            options={
                "only": list(options.only),
                "max_attempts": options.max_attempts,
                **({"models": context.steering.models} if context.steering.models else {}),
            },
            llama_cpp=package_version("llama_cpp_python") if run.writer or run.judge else "",
            version=package_version("deposition"),
            judge=run.judge.alias if run.judge else "",
            judge_sha256=run.judge.sha256 if run.judge else "",
        ),
        coverage=cover(snapshot, answers, [Span(hit.path, hit.start, hit.end) for hit in starts]),
        contradictions=_contradictions(context, answers),
        usage=_usage(context, run),
        seconds=run.seconds,
        structure=read_structure(context.findings),
    )


def _contradictions(context: Context, answers: Answers) -> tuple[Contradiction, ...]:
    """What the answers of this run say differently of one thing."""
    counted = context.counted([question for stage, _ in answers for question in stage.questions])
    told = [a for _, stage_answers in answers for answer in stage_answers for a in of_answer(answer)]
    return contradictions([*counted, *told])


def model_loads(model: Any) -> int:
    """How often a chat model has loaded weights so far; 0 for one that does not count them, and for none."""
    return int(getattr(model, "loads", 0))


def _usage(context: Context, run: Run) -> dict[str, int | float]:
    usage, judged = context.usage, run.judgement or Judgement()
    opinions = {"supports": judged.supports, "contradicts": judged.contradicts, "unknown": judged.unknown}
    return {
        "prompt_tokens": usage.prompt_tokens,
        "prompt_reused": usage.prompt_reused,
        "generated": usage.generated,
        "model_loads": run.loads + judged.loads,
        "peak_memory_bytes": _peak_memory(),
        **({f"judge_{name}": count for name, count in opinions.items()} if run.judge else {}),
    }


def _peak_memory() -> int:
    """Largest resident size of this process or of one child so far, in bytes (getrusage counts KiB on Linux)."""
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return max(own, children) * 1024


def pack_hash(pack: StagePack) -> str:
    """Digest of the pack and of the prompts, which shape the answers as much."""
    digest = hashlib.sha256(pack.model_dump_json().encode())
    for template in sorted(prompts_folder().glob("*.j2")):
        digest.update(template.read_bytes())
    return digest.hexdigest()


def package_version(name: str) -> str:
    """The installed version of a distribution, "0" when it is not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return "0"
