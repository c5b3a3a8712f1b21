"""Unpacks a source archive that nobody has vouched for, in a process of its own with limits on everything.

Regular files and folders are made, each below the target and by their own bytes; a link becomes a link to nowhere, so
that the reader of the code meets and reports it; anything else is left out and counted. A file too large to be read
anyway becomes an empty file of its size. Run by `agent.batch.fetch` only, as `python -m agent.batch.unpack`.
"""

import contextlib
import json
import lzma
import os
import resource
import stat
import struct
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from agent.batch.target import Member, Target, Unusable
from retrieval.safefile import in_units

MEMORY, CPU_SECONDS = 4 << 30, 55
DAMAGE = (
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, KeyError, NotImplementedError, OSError, RuntimeError, ValueError),
)


def unpack(archive: Path, target: Target) -> None:
    """Fill `target` from a .tar (of any compression) or .zip. Raises Unusable."""
    fill = _from_zip if archive.name.lower().endswith(".zip") else _from_tar
    try:
        fill(archive, target)
    except DAMAGE as error:
        raise Unusable(f"the archive is damaged: {type(error).__name__}: {error}") from None
    target.finish()


def _from_tar(archive: Path, target: Target) -> None:
    with tarfile.open(archive, "r|*") as tar:
        for info in tar:
            member = Member(info.name, _tar_kind(info), info.size)
            data = tar.extractfile(info) if member.kind == "file" else None
            if not target.add(member, data):
                return


def _tar_kind(info: tarfile.TarInfo) -> str:
    if info.isdir():
        return "folder"
    if info.issym() or info.islnk():
        return "link"
    return "file" if info.isreg() else "other"


def _from_zip(archive: Path, target: Target) -> None:
    with zipfile.ZipFile(archive) as packed:
        for info in packed.infolist():
            member = Member(info.filename, _zip_kind(info), info.file_size)
            if info.flag_bits & 1:
                target.left_out["encrypted"] += 1
                continue
            with packed.open(info) if member.kind == "file" else contextlib.nullcontext() as data:
                if not target.add(member, data):
                    return


def _zip_kind(info: zipfile.ZipInfo) -> str:
    mode = info.external_attr >> 16
    if info.is_dir():
        return "folder"
    if stat.S_ISLNK(mode):
        return "link"
    return "file" if stat.S_IFMT(mode) in (0, stat.S_IFREG) else "other"


def only_folder(root: Path) -> Path:
    """The one folder that everything lies in, else `root` itself."""
    entries = list(root.iterdir())
    return entries[0] if len(entries) == 1 and entries[0].is_dir() and not entries[0].is_symlink() else root


@contextlib.contextmanager
def limited() -> Iterator[None]:
    """Limits of this process on memory, processor time and the size of a file; running out is Unusable."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        yield
    except MemoryError:
        raise Unusable(f"unpacking it takes more than {in_units(MEMORY)} of memory") from None


def main() -> None:
    """Entry point: kind, place and target folder are the arguments; the answer is one JSON object on stdout."""
    kind, place, folder = sys.argv[1:]
    target = Target(Path(folder))
    try:
        with limited():
            if kind == "bare":
                from agent.batch.clone import export

                export(Path(place), target)
            else:
                unpack(Path(place), target)
        answer: dict[str, object] = {"notes": target.notes()}
    except Unusable as error:
        answer = {"error": str(error)}
    sys.stdout.write(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
