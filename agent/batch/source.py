"""Which repositories a batch is about: what each SOURCE of the command line stands for.

Looks at names and at what lies directly in a folder; opens nothing but list files and reads no code.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from agent.errors import UserError

Kind = Literal["folder", "archive", "bare", "url"]

ARCHIVES = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar", ".zip")
_URL = re.compile(r"(?:https?|ssh|git)://\S+|[\w.-]+@[\w.-]+:[\w./~-]+")
_MARKS = re.compile(
    r"(?:readme|license|licence|copying|changelog|contributing|requirements|makefile|dockerfile|setup\.(?:py|cfg)"
    r"|pyproject\.toml|package\.json|cargo\.toml|go\.mod|pom\.xml|build\.gradle|cmakelists\.txt)",
    re.IGNORECASE,
)
_CODE = (".py", ".ipynb", ".js", ".ts", ".c", ".cc", ".cpp", ".go", ".rs", ".java", ".jl", ".sh")
_NAME_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Source:
    """One repository: `place` is an absolute path or a git URL, `name` what its folder of results is called.

    `only`, `stages` and `max_attempts` are choices of this repository alone; empty and 0 leave it to the batch.
    """

    name: str
    kind: Kind
    place: str
    only: tuple[str, ...] = ()
    stages: str = ""
    max_attempts: int = 0


def find_sources(arguments: Sequence[str]) -> list[Source]:
    """Every repository that the SOURCEs stand for, each once, in their order. Raises UserError for one that is none."""
    found: dict[tuple[Kind, str], Source] = {}
    for argument in arguments:
        for source in _sources(argument):
            found.setdefault((source.kind, source.place), source)
    if not found:
        raise UserError("no repository was found in the sources", "see deposition batch --help")
    return list(found.values())


def _sources(argument: str) -> Iterator[Source]:
    if _URL.fullmatch(argument):
        yield named(argument, Path())
        return
    path = Path(argument).expanduser().absolute()
    if path.is_dir():
        yield from _below(path) if is_collection(path) else [named(argument, Path())]
    elif path.is_file() and not _is_archive(path):
        from agent.batch.listing import read_list

        yield from read_list(path)
    elif path.exists():
        yield named(argument, Path())
    else:
        raise UserError(f"no such source: {argument}", "name a repository, a folder of them, an archive or a list file")


def is_collection(path: Path) -> bool:
    """Whether a folder is a folder of repositories, rather than one.

    A repository has a `.git`, is a bare clone, or holds a README, a licence, a build file or source code directly.
    A folder with none of these that holds folders or archives is a collection of them.
    """
    if (path / ".git").exists() or is_bare(path):
        return False
    entries = [entry for entry in path.iterdir() if not entry.name.startswith(".")]
    files = [entry for entry in entries if not entry.is_dir() and not _is_archive(entry)]
    if any(_MARKS.match(file.name) or file.name.endswith(_CODE) for file in files):
        return False
    return any(entry.is_dir() or _is_archive(entry) for entry in entries)


def is_bare(path: Path) -> bool:
    """Whether a folder is a clone without a working tree."""
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()


def _below(folder: Path) -> Iterator[Source]:
    for entry in sorted(folder.iterdir()):
        if not entry.name.startswith(".") and (entry.is_dir() or _is_archive(entry)):
            yield named(str(entry), Path())


def named(place: str, base: Path, name: str = "") -> Source:
    """The one repository at `place`, a path relative to `base` or a git URL, whether it exists or not."""
    if _URL.fullmatch(place):
        return Source(safe_name(name or re.split(r"[/:]", place.rstrip("/"))[-1].removesuffix(".git")), "url", place)
    path = base / Path(place).expanduser()
    path = path.absolute()
    if _is_archive(path):
        return Source(safe_name(name or _stem(path.name)), "archive", str(path))
    kind: Kind = "bare" if path.is_dir() and is_bare(path) else "folder"
    return Source(safe_name(name or path.resolve().name.removesuffix(".git")), kind, str(path))


def _is_archive(path: Path) -> bool:
    return path.name.lower().endswith(ARCHIVES) and not path.is_dir()


def _stem(name: str) -> str:
    ending = next(ending for ending in ARCHIVES if name.lower().endswith(ending))
    return name[: -len(ending)]


def safe_name(name: str) -> str:
    """`name` as a folder name that needs no quoting anywhere."""
    return re.sub(r"[^\w.-]", "_", name, flags=re.ASCII).lstrip(".-")[:_NAME_LENGTH] or "repository"


def with_choices(source: Source, **choices: object) -> Source:
    """The source with choices of its own."""
    return replace(source, **choices)  # type: ignore[arg-type]
