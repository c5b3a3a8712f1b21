"""What is known of class hierarchies outside the repository: `data/hierarchy.yaml`, nothing else."""

import re
from functools import cache
from pathlib import Path

import yaml

TABLE = Path(__file__).parent / "data" / "hierarchy.yaml"


@cache
def _table() -> tuple[tuple[re.Pattern[str], tuple[str, ...]], ...]:
    rows = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return tuple((re.compile(row["class"]), tuple(row["bases"])) for row in rows)


@cache
def outside_bases(name: str) -> tuple[str, ...]:
    """Bases that a class of another library is known to have, () when nothing is known."""
    return next((bases for pattern, bases in _table() if pattern.fullmatch(name)), ())
