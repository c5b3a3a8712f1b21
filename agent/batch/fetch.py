"""Brings a source into a folder of this machine, where an audit can read it.

A folder is read where it is. Knows where the unpacked code of the other kinds lies in the cache, and when it may go.
"""

from dataclasses import dataclass
from pathlib import Path

from agent.batch.source import Source


@dataclass(frozen=True, slots=True)
class Fetched:
    """The folder `root` with the code; `mark` and `notes` as in `Prepared`."""

    root: Path
    mark: str = ""
    notes: tuple[str, ...] = ()


def fetch(source: Source) -> Fetched:
    """Where the code of `source` lies now. Raises RepositoryError."""
    return Fetched(Path(source.place))


def forget(source: Source) -> None:
    """Delete what `fetch` made for a source whose audit is finished."""
    del source
