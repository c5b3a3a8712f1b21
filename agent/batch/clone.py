"""A bare clone as a folder of files, read without ever running git. The one import of dulwich.

git honours a clone's own configuration, which can name programs to run; here only the objects are read. Alternates
(objects of another repository) and anything in the object folder that is no plain file are refused. Knows the newest
commit and its tree; no history.
"""

import io
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from dulwich.errors import NotGitRepository, ObjectFormatException
from dulwich.index import IndexEntry, write_index_dict
from dulwich.object_store import DiskObjectStore
from dulwich.objects import Blob, Commit, ObjectID, Tree

from agent.batch.target import Member, Target, Unusable
from retrieval.gitdir import read_bare_commit
from retrieval.safefile import Refused, open_folder

_GITLINK = 0o160000
_DEPTH = 128


def export(clone: Path, target: Target) -> None:
    """Fill `target` with the files of the newest commit, and a `.git` that names it. Raises Unusable."""
    commit = bare_commit(clone)
    _require_plain(clone / "objects")
    try:
        store = DiskObjectStore(str(clone / "objects"))
        found = store[ObjectID(commit.encode())]
        if not isinstance(found, Commit):
            raise Unusable(f"{commit} is no commit")
        paths = list(_files(store, found.tree, target))
    except (KeyError, NotGitRepository, ObjectFormatException, ValueError, AssertionError, OSError) as error:
        raise Unusable(f"the clone is damaged: {type(error).__name__}: {error}") from None
    target.finish()
    _name_commit(target.root, commit, paths)


def bare_commit(clone: Path) -> str:
    """The commit that HEAD of a bare clone names. Raises Unusable."""
    try:
        root = open_folder(str(clone))
    except Refused as error:
        raise Unusable(f"the clone {error}") from None
    try:
        commit = read_bare_commit(root)
    finally:
        os.close(root)
    if len(commit) != 40:
        raise Unusable("the clone's newest commit cannot be told: is it empty?")
    return commit


def _require_plain(objects: Path) -> None:
    """Refuse links, pipes and borrowed objects before any of it is opened."""
    for folder, folders, files in os.walk(objects):
        for name in (*folders, *files):
            mode = Path(folder, name).lstat().st_mode
            if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
                raise Unusable(f"the clone's object folder holds {name}, which is no plain file")
    if (objects / "info" / "alternates").exists():
        raise Unusable("the clone borrows objects from another repository")


def _files(store: DiskObjectStore, tree: ObjectID, target: Target) -> Iterator[tuple[bytes, int, ObjectID]]:
    """Write every file of a tree; yields its path, mode and object."""
    waiting = [(b"", tree, 0)]
    while waiting:
        prefix, sha, depth = waiting.pop()
        found = store[sha]
        if not isinstance(found, Tree) or depth > _DEPTH:
            raise Unusable("the clone's tree is damaged")
        for name, mode, child in found.iteritems():
            path = prefix + name
            if b"/" in name or name.lower() in (b"", b".", b"..", b".git"):
                target.left_out["outside the clone"] += 1
            elif stat.S_ISDIR(mode):
                waiting.append((path + b"/", child, depth + 1))
            elif _write(store, os.fsdecode(path), mode, child, target):
                yield path, mode, child
            else:
                return


def _write(store: DiskObjectStore, path: str, mode: int, sha: ObjectID, target: Target) -> bool:
    if mode == _GITLINK:
        return target.add(Member(path, "folder", 0), None)
    if stat.S_ISLNK(mode):
        return target.add(Member(path, "link", 0), None)
    blob = store[sha]
    if not isinstance(blob, Blob):
        raise Unusable("the clone's tree is damaged")
    data = blob.as_raw_string()
    return target.add(Member(path, "file", len(data)), io.BytesIO(data))


def _name_commit(root: Path, commit: str, paths: list[tuple[bytes, int, ObjectID]]) -> None:
    """A `.git` with HEAD and index, as a checkout has: which commit it is, and which files are tracked."""
    folder = root / ".git"
    folder.mkdir()
    (folder / "HEAD").write_text(commit + "\n", encoding="ascii")
    entries = {path: IndexEntry(0, 0, 0, 0, mode, 0, 0, 0, sha) for path, mode, sha in paths if mode != _GITLINK}
    with (folder / "index").open("wb") as file:
        write_index_dict(file, dict(sorted(entries.items())))
