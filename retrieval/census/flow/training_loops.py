"""Training loops of libraries that code runs, and what these tell of their course by themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at, run_query
from retrieval.census.meaning.prose import listed
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.flow.reach import Reach
    from retrieval.codebase import Codebase

LOOPS = {
    "transformers.*Trainer, trl.*Trainer": (
        "shows a progress bar and logs loss, learning rate and epoch every `logging_steps` steps to the trackers that "
        "`report_to` names"
    ),
    "lightning.*Trainer, pytorch_lightning.*Trainer": (
        "shows a progress bar and hands what `self.log()` is given to its loggers"
    ),
    "trainer.*Trainer": (
        "prints losses every `print_step` steps, writes trainer_0_log.txt and hands figures to the dashboard that "
        "`dashboard_logger` names"
    ),
}
_LOGGER = re.compile(r"""["'](?:pytorch_)?lightning(?:\.pytorch)?\.loggers?\.(?:\w+\.)?(\w+Logger)["']""")
_OPTION = re.compile(r"--(report_to|logging_steps|log_with)[ =]+[\"']?([\w.-]+)")


def loops(codebase: Codebase, reach: Reach) -> Iterator[tuple[str, list[CensusHit]]]:
    """One sentence for each library whose loop the main programs run, with the settings that scripts give it."""
    for classes, does in LOOPS.items():
        made = [hit for hit in run_query(codebase, f"instantiates: {classes}").hits if hit.role == "source"]
        made += run_query(codebase, f"calls: {classes.replace('Trainer', 'Trainer.from_argparse_args')}").hits
        made = [hit for hit in made if reach.has(hit)]
        if not made:
            continue
        names = listed(list(dict.fromkeys(f"`{_class(hit)}`" for hit in made)), 3)
        where = listed(list(dict.fromkeys(f"`{hit.symbol}()`" if hit.symbol else hit.path for hit in made)), 3)
        settings = _settings(codebase) if "transformers" in classes else _loggers(codebase)
        told = listed(list(dict.fromkeys(hit.text for hit in settings)), 4)
        yield (
            f"Training runs in the loop of {names} (made in {where}), which {does}{f'; {told}' if told else ''}",
            [*made[:3], *settings[:4]],
        )


def _class(hit: CensusHit) -> str:
    found = re.search(r"constructs `([\w.]+)", hit.text)
    return found[1].rpartition(".")[2] if found else hit.name.removesuffix(".from_argparse_args")


def _settings(codebase: Codebase) -> list[CensusHit]:
    """What shell scripts set of the loop's logging: "`--report_to wandb` (finetune.sh)"."""
    found = []
    for file in codebase.snapshot.files:
        for number, line in enumerate(file.lines, 1) if file.language == "shell" and file.role != "test" else ():
            for option in _OPTION.finditer(line):
                text = f"`--{option[1]} {option[2]}` ({file.path})"
                found.append(hit_at(codebase, file.path, (number, number), symbol="", name=option[1], text=text))
    return found


def _loggers(codebase: Codebase) -> list[CensusHit]:
    """Loggers of Lightning that code names as text, as targets to be made from settings."""
    found = []
    for path, facts in codebase.facts.items():
        file = codebase.snapshot.by_path[path]
        if facts.language == "python" and b"Logger" in file.data and file.role == "source":
            for number, line in enumerate(file.lines, 1):
                if logger := _LOGGER.search(line):
                    text = f"`{logger[1]}` can be chosen as its logger"
                    found.append(hit_at(codebase, path, (number, number), symbol="", name=logger[1], text=text))
    return found
