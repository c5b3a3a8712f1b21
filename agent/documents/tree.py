"""Which file of a repository a document means by a path: exactly, below its own folder, or by its last parts.

Knows files, folders and what the walk left out. It guesses nothing: of two files that fit, neither is chosen.
"""

import difflib
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import PurePosixPath

from retrieval.languages import language_of, words
from retrieval.snapshot import Snapshot

_MORE = words("txt rtf log bib in lock png jpg jpeg gif svg pdf csv tsv npy pt pth ckpt onnx wav mp3 mp4")
_DOMAINS = words("rs sh io ai pl md cc ml in so py")
_NEAR = 0.75  # how alike a name must be to be offered in place of a missing one
_FEW_NAMES = 20_000


class Tree:
    """The paths of a snapshot. `document` is the path of the document inside the repository, "" outside."""

    def __init__(self, snapshot: Snapshot, document: str = "") -> None:
        self._snapshot = snapshot
        self._folder = document.rpartition("/")[0]
        self.is_inside = bool(document)
        self._skipped = {skipped.path: skipped.reason for skipped in snapshot.skipped}
        self._found: dict[str, tuple[str, ...]] = {}

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for path in (*self._snapshot.by_path, *self._skipped):
            found.setdefault(path.rpartition("/")[2], []).append(path)
        return found

    @cached_property
    def folders(self) -> frozenset[str]:
        """Every folder that holds something that was met."""
        paths = (PurePosixPath(path) for path in (*self._snapshot.by_path, *self._skipped))
        return frozenset(str(parent) for path in paths for parent in path.parents if str(parent) != ".")

    def files(self, said: str) -> tuple[str, ...]:
        """Paths of the files that `said` may mean; one if it is clear, none if there is no such file."""
        if said not in self._found:
            self._found[said] = tuple(self._look(said))
        return self._found[said]

    def _look(self, said: str) -> Iterable[str]:
        for path in dict.fromkeys(self._readings(said)):
            if path in self._snapshot.by_path or path in self._skipped:
                return [path]
        for path in dict.fromkeys(self._readings(said)):
            if found := [
                one for one in self._by_name.get(path.rpartition("/")[2], ()) if f"/{one}".endswith(f"/{path}")
            ]:
                return sorted(found)
        return ()

    def _readings(self, said: str) -> Iterator[str]:
        plain = said.replace("\\", "/").strip()
        yield plain.lstrip("/")
        if self._folder:
            yield _normal(f"{self._folder}/{plain}")
        plain = _normal(plain)
        yield plain
        if plain.startswith(f"{self._snapshot.name}/"):
            yield plain.removeprefix(f"{self._snapshot.name}/")

    def is_folder(self, said: str) -> bool:
        """Whether `said` names a folder, whole or by its last parts."""
        plain = _normal(said.rstrip("/"))
        return any(folder == plain or folder.endswith(f"/{plain}") for folder in self.folders) if plain else False

    def unread(self, path: str) -> str:
        """Why the file at `path` was not read, "" when it was, or when nothing is known of it."""
        parts = PurePosixPath(path.lstrip("/"))
        return next((self._skipped[str(p)] for p in (parts, *parts.parents) if str(p) in self._skipped), "")

    def near(self, said: str) -> str:
        """A path much like a missing one, "" when there is none."""
        name = said.rpartition("/")[2]
        if len(self._by_name) > _FEW_NAMES:
            return ""
        close = difflib.get_close_matches(name, self._by_name, n=1, cutoff=_NEAR)
        return self._by_name[close[0]][0] if close else ""


def _normal(path: str) -> str:
    """The path without `.` and `..`, never above the root."""
    parts: list[str] = []
    for part in path.replace("\\", "/").split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part not in ("", ".", ".."):
            parts.append(part)
    return "/".join(parts)


def named_like_file(said: str) -> bool:
    """Whether a word is written like the name of a file of a kind that repositories hold."""
    name = said.rpartition("/")[2]
    stem, dot, extension = name.rpartition(".")
    if not dot or not stem or not extension[:1].isalpha():
        return False
    return language_of(name.lower()) != "text" or extension.lower() in _MORE


def like_host(said: str) -> bool:
    """Whether a word before `:80` is rather the name of a host, as `docs.rs`."""
    stem, _, extension = said.rpartition(".")
    return "/" not in said and extension in _DOMAINS and "_" not in stem
