"""What a batch keeps in its output folder: which repositories there are, where each stands, who works on it.

    DIR/<slug>/                 the results of one repository, as `run` writes them
    DIR/.batch/batch.json       the repositories of every batch that wrote here
    DIR/.batch/records/<slug>   what came of a repository, for the summary
    DIR/.batch/live/<slug>      where a repository stands that is being worked on
    DIR/.batch/locks/<slug>     held by whoever works on it: a kernel lock, so that no death leaves it behind

Every file is replaced whole. Several batches may use one folder at the same time.
"""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.batch.record import OUTPUTS, outline
from agent.batch.source import Source
from agent.batch.task import Choices, Sign, Task
from agent.errors import UserError
from agent.report.files import prepare_folder, write_whole

STATE, SCHEMA = ".batch", "batch/1"
_RESERVED = frozenset(["summary.md", "summary.json", "summary.html", "summary.csv"])


class Board:
    """The state of the batches of one output folder. Raises UserError when it cannot be used."""

    results_are_here = True

    def __init__(self, out: Path) -> None:
        self.out = out
        self.state = out / STATE

    def open(self) -> None:
        """Create the folders; they must be writable."""
        prepare_folder(self.out)
        for name in ("records", "live", "locks"):
            (self.state / name).mkdir(parents=True, exist_ok=True)

    def enrol(self, sources: Sequence[Source], choices: Choices) -> list[Task]:
        """A task for each source, under the name it had before or a free one."""
        with self._registry() as known:
            slugs = {(entry["kind"], entry["place"]): entry["slug"] for entry in known}
            taken = {slug.lower() for slug in slugs.values()} | _RESERVED
            for source in sources:
                place = (source.kind, source.place)
                if place not in slugs:
                    slugs[place] = _free(source.name, taken)
                    known.append({"slug": slugs[place], "kind": source.kind, "place": source.place})
        named = [(slugs[source.kind, source.place], source) for source in sources]
        return [
            Task(slug, source, str(self.out / slug), choices, self._known(slug), not self.results_are_here)
            for slug, source in named
        ]

    def _known(self, slug: str) -> dict[str, Any] | None:
        """The outline of a record, unless results that it speaks of are missing."""
        record = self.record(slug)
        if not self.results_are_here:
            return outline(record) if record else None
        if record and record["state"] == "done" and not all((self.out / slug / name).is_file() for name in OUTPUTS):
            return None
        return outline(record) if record else None

    def slugs(self) -> list[str]:
        """Every repository of the folder, in the order in which they came."""
        return [entry["slug"] for entry in self._read_registry()]

    def record(self, slug: str) -> dict[str, Any] | None:
        """What came of a repository, None when nothing did yet."""
        return _read(self.state / "records" / f"{slug}.json")

    def version(self, slug: str) -> tuple[int, int]:
        """What tells a record from the next one, without reading it; (0, 0) while there is none."""
        try:
            facts = (self.state / "records" / f"{slug}.json").stat()
        except OSError:
            return 0, 0
        return facts.st_mtime_ns, facts.st_ino

    def records(self) -> list[dict[str, Any]]:
        """The records of all repositories that have one, in the order of `slugs`."""
        return [record for slug in self.slugs() if (record := self.record(slug))]

    def store(self, record: Mapping[str, Any]) -> None:
        """Keep what came of a repository."""
        text = json.dumps(record, ensure_ascii=True, separators=(",", ":"))
        write_whole(self.state / "records" / f"{record['slug']}.json", text)
        (self.state / "live" / f"{record['slug']}.json").unlink(missing_ok=True)

    def deliver(self, slug: str, files: Mapping[str, bytes]) -> None:
        """Keep results that were made on another machine."""
        if files:
            (self.out / slug).mkdir(exist_ok=True)
        for name, data in files.items():
            write_whole(self.out / slug / name, data.decode("utf-8"))

    def publish(self, names: Sequence[str]) -> None:
        """Documents of the summary have been written; here they are in their place already."""

    def show(self, sign: Sign) -> None:
        """Tell other processes where a repository stands; losing this costs nothing."""
        path = self.state / "live" / f"{sign.slug}.json"
        temporary = path.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            temporary.write_text(json.dumps(asdict(sign)), encoding="utf-8")
            temporary.replace(path)

    def live(self, slug: str) -> dict[str, Any] | None:
        """Where a repository stands, if somebody works on it now."""
        if not self.is_locked(slug):
            return None
        return _read(self.state / "live" / f"{slug}.json") or asdict(Sign(slug, "queued"))

    def lock(self, slug: str) -> int | None:
        """A descriptor that holds the repository until it is closed, or None when somebody else works on it."""
        descriptor = os.open(self.state / "locks" / slug, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        return descriptor

    def is_locked(self, slug: str) -> bool:
        """Whether somebody works on the repository now."""
        try:
            descriptor = os.open(self.state / "locks" / slug, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(descriptor)
        return False

    @contextmanager
    def _registry(self) -> Iterator[list[dict[str, str]]]:
        """The list of repositories, to be changed by one process at a time."""
        with (self.state / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            known = self._read_registry()
            before = len(known)
            yield known
            if len(known) != before or not known:
                text = json.dumps({"schema": SCHEMA, "repositories": known}, indent=1)
                write_whole(self.state / "batch.json", text + "\n")

    def _read_registry(self) -> list[dict[str, str]]:
        stored = _read(self.state / "batch.json")
        return list(stored["repositories"]) if stored else []


def find_board(out: Path) -> Board:
    """The board of a folder that a batch has written to. Raises UserError for any other."""
    if not (out / STATE / "batch.json").is_file():
        raise UserError(f"no batch has written to {out}", "name the folder that was given to batch as --out")
    return Board(out)


def _free(name: str, taken: set[str]) -> str:
    """`name`, with a number behind it when it is taken; it is taken then."""
    found, number = name, 1
    while found.lower() in taken:
        number += 1
        found = f"{name}-{number}"
    taken.add(found.lower())
    return found


def _read(path: Path) -> dict[str, Any] | None:
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None
