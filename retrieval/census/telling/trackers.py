"""Experiment trackers that code chooses by a keyword or an option: `log_with=`, `report_to=`, `init_trackers()`.

A tracker counts as used where it is called, named to a trainer, or the default of the option that is given to one.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at, run_query
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

NAMES = {
    "Weights & Biases": re.compile(r"(?i)\bwandb\b|weights[ _&]+biases"),
    "TensorBoard": re.compile(r"(?i)tensorboardX?\b"),
    "MLflow": re.compile(r"(?i)\bmlflow\b"),
    "Neptune": re.compile(r"(?i)\bneptune\b"),
    "Comet": re.compile(r"(?i)\bcomet_?ml\b"),
    "ClearML": re.compile(r"(?i)\bclearml\b"),
    "Langfuse": re.compile(r"(?i)\blangfuse\b"),
    "LangSmith": re.compile(r"(?i)\blangsmith\b"),
    "OpenTelemetry": re.compile(r"(?i)\bopentelemetry\b"),
}
_BY = r"(?i)(?:^|\.)_?(?:init|setup|set_up|log|start|create|make|build|enable|write)_(?:to_)?"  # a wrapper around one
METRICS = {
    "Weights & Biases": rf"calls: wandb.*, *.WandbLogger, re:{_BY}(?:wandb|weights_and_biases)\w*$",
    "TensorBoard": (
        "calls: torch.utils.tensorboard.*, tensorboardX.*, *.SummaryWriter, *.add_scalar, *.add_histogram, "
        "*.TensorBoardLogger, "
        rf"re:{_BY}(?:tensorboard|tb_(?:logger|writer))\w*$"
    ),
    **{name: f"calls: {name.lower() if name != 'Comet' else 'comet_ml'}.*" for name in list(NAMES)[2:]},
    "ClearML": "calls: clearml.Task.*, clearml.Logger.*, clearml.TaskLogger.*, *.report_scalar",  # no hook of it
    "meters of the repository (`log_every`)": "calls: *.log_every",
}
CHOSEN = "trackers chosen at run time"
SENT = "calls: *.init_trackers, accelerate.Accelerator.log, accelerator.log, *.accelerator.log"
_CHOICE = ("log_with", "report_to")
_NONE = re.compile(r"""^(?:None|none|\[\]|\(\)|\[?["']none["']\]?|False)$""")
_GIVEN = re.compile(r"""--(?:report_to|log_with)[ =]+[\"']?([\w.-]+)[\"']?""")
_MAY = re.compile(rb"[\"'](?:wandb|tensorboard|mlflow|clearml|comet_ml|neptune)[\"']")
_VALUE = re.compile(
    r"""\b(\w*(?i:logger|dashboard|tracker|report)\w*)\s*(?::\s*[\w\[\], |.]+)?=\s*"""
    r"""["'](wandb|tensorboard|mlflow|clearml|comet_ml|neptune)["']"""
)
_SETTING = re.compile(r"^\s*[\"']?(?:log_with|report_to)[\"']?\s*:(.*)")


def chosen(codebase: "Codebase") -> dict[str, list[CensusHit]]:
    """The places that name a tracker to a trainer or an accelerator, by tracker; `CHOSEN` where none is named."""
    found: dict[str, list[CensusHit]] = {}
    for value, hit in (*_choices(codebase), *_scripted(codebase), *_named(codebase)):
        if _NONE.match(value):
            continue
        names = [name for name, pattern in NAMES.items() if pattern.search(value)]
        for name in names or [CHOSEN]:
            found.setdefault(name, []).append(hit)
    return found


def _choices(codebase: "Codebase") -> Iterator[tuple[str, CensusHit]]:
    """What a keyword of choice is given, with the default of the option that it reads."""
    for path, call in codebase.all_calls():
        for key, value in call.keywords:
            if key in _CHOICE:
                text = f"{key}={value}"
                lines = (call.start, call.end)
                read = f"{value} {_default(codebase)}" if value.rpartition(".")[2] in _CHOICE else value
                yield read, hit_at(codebase, path, lines, symbol=call.symbol, name=call.name, text=text)


def _named(codebase: "Codebase") -> Iterator[tuple[str, CensusHit]]:
    """`dashboard_logger="tensorboard"`: a keyword or a field of settings that names a tracker as its value."""
    for path, facts in codebase.facts.items():
        file = codebase.snapshot.by_path[path]
        may = facts.language == "python" and file.role == "source" and _MAY.search(file.data)
        for number, line in enumerate(file.lines, 1) if may else ():
            if found := _VALUE.search(line):
                symbol = codebase.symbol_at(path, number)
                yield found[2], hit_at(codebase, path, (number, number), symbol=symbol, name=found[1], text=found[0])


def _scripted(codebase: "Codebase") -> Iterator[tuple[str, CensusHit]]:
    """`--report_to wandb` in scripts that launch programs."""
    for file in codebase.snapshot.files:
        for number, line in enumerate(file.lines, 1) if file.language == "shell" and file.role != "test" else ():
            if found := _GIVEN.search(line):
                yield (
                    found[1],
                    hit_at(
                        codebase, file.path, (number, number), symbol="", name=file.path, text=found[0].replace('"', "")
                    ),
                )


def _default(codebase: "Codebase") -> str:
    """What options that choose a tracker have as default, and settings in files give."""
    hits = run_query(codebase, "cli_options: --report_to, --log_with, --report-to, --log-with").hits
    files = [file for file in codebase.snapshot.files if file.language in ("yaml", "json") and file.role != "test"]
    set_ = [found[1] for file in files for line in file.lines if (found := _SETTING.match(line)) is not None]
    return " ".join([*(hit.detail.get("default", "") for hit in hits), *set_])


def named_elsewhere(codebase: "Codebase", name: str) -> list[str]:
    """The manifests and Python files that name a tracker at all, which forbids saying that it is not used."""
    pattern = NAMES[name]
    return [
        file.path
        for file in codebase.snapshot.files
        if file.role in ("source", "config", "docs")
        and (
            file.language in ("python", "notebook")
            or "requirements" in file.path
            or file.path.endswith((".toml", ".cfg"))
        )
        and any(pattern.search(line) for line in file.lines)
    ]


def said_of_tracker(hit: CensusHit) -> str:
    """A call of a tracker, or the keyword by which one is chosen."""
    if hit.text.startswith("--"):
        return f"`{hit.text}`"
    if _VALUE.search(hit.text):
        return f"`{hit.text}`"
    by = f" with `{hit.text}`" if hit.text.startswith(("log_with=", "report_to=")) else ""
    return f"`{hit.name}()`{by}"
