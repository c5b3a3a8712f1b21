"""What produced the answers and what it cost, as rows of words for the page."""

from dataclasses import dataclass

from agent.report.document import Report, repair_yields


@dataclass(frozen=True, slots=True)
class Bar:
    """The time of one stage; `share` is its part of the longest one, 0 to 100."""

    number: int
    title: str
    seconds: str
    share: float


def run_facts(report: Report) -> list[tuple[str, str]]:
    """(label, value) rows; what is unknown or was not used is left out."""
    run, usage = report.run, report.usage
    made = f"deposition {run.version}" + (f", llama.cpp bindings {run.llama_cpp}" if run.llama_cpp else "")
    rows = [
        ("model", run.model if run.model != "none" else "none: answered from the census alone"),
        ("sha256 of the model", run.model_sha256),
        ("embedder", run.embedder if run.model != "none" else ""),
        ("questionnaire", f"{report.pack.title} ({run.pack_hash[:16]})"),
        ("options", ", ".join(f"{key} {value}" for key, value in run.options.items() if value not in (None, [], ()))),
        ("repository", f"{report.repository}{' at ' + report.commit if report.commit else ''}"),
        ("hash of the tree", report.tree_hash),
        ("time", clock(report.seconds)),
        ("prompt tokens", _tokens(usage.get("prompt_tokens", 0), usage.get("prompt_reused", 0))),
        ("tokens written", f"{usage['generated']:,.0f}" if usage.get("generated") else ""),
        ("peak memory", f"{usage['peak_memory_bytes'] / 2**20:,.0f} MiB" if usage.get("peak_memory_bytes") else ""),
        ("repairs of drafts", _repairs(report)),
        ("made by", made),
    ]
    return [(label, value) for label, value in rows if value]


def _repairs(report: Report) -> str:
    """Each kind of repair with how often it was tried and how often the draft then passed."""
    yields = repair_yields(report.every_answer())
    return ", ".join(f"{kind} {made.accepted} of {made.tried}" for kind, made in yields.items())


def _tokens(evaluated: float, reused: float) -> str:
    return f"{evaluated:,.0f} evaluated, {reused:,.0f} reused from a shared prefix" if evaluated else ""


def stage_seconds(report: Report) -> list[Bar]:
    """A bar per stage; none when no stage took a second."""
    spent = [(stage, sum(answer.seconds for answer in answers)) for stage, answers in report.answers]
    longest = max((seconds for _, seconds in spent), default=0.0)
    if longest < 1:
        return []
    return [
        Bar(stage.number, stage.title, clock(seconds), round(100 * seconds / longest, 1)) for stage, seconds in spent
    ]


def clock(seconds: float) -> str:
    """Seconds below a minute with one decimal, above as minutes and seconds."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
