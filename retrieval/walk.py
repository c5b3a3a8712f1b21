"""Takes a snapshot of a repository that nobody has vouched for.

Knows which files are text worth reading, how to get at them safely, and why each other one was left
out. Everything met is either in `Snapshot.files` or, with a reason, in `Snapshot.skipped`; a folder
left out is listed once. It never follows a link, never runs git, and reads only below the root.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from retrieval.errors import RepositoryError
from retrieval.gitdir import read_commit, read_tracked
from retrieval.ignore import IgnoreRules, is_litter_file, litter
from retrieval.languages import language_of, words
from retrieval.mentions import is_linked, is_mentioned, mentions
from retrieval.roles import LOCK_NAME, role_of
from retrieval.safefile import Refused, in_units, look, open_folder, read_file
from retrieval.snapshot import Skipped, Snapshot, SourceFile
from retrieval.told_examples import with_programs

MAX_DEPTH = 64
MAX_FILES = 30_000
MAX_TOTAL_BYTES = 400_000_000
NOTEBOOK_FACTOR = 20  # a notebook carries its pictures along; only its cells are read from it
LOCK_FACTOR = 20  # a lock file lists every artefact with its hash; the versions that it fixes are worth reading
_IGNORE_BYTES = 1_000_000
_IGNORED = "ignored by .gitignore"

_BINARY = words(
    """png jpg jpeg gif bmp tif tiff webp ico icns psd pdf eps ai mp3 wav flac ogg opus m4a aac mp4
    mkv mov avi webm zip gz tgz bz2 xz zst 7z rar tar whl egg jar war class o a so dylib dll exe lib
    pyc pyo pyd pt pth ckpt bin safetensors onnx pb tflite h5 hdf5 npy npz pkl pickle joblib parquet
    arrow feather gguf ggml mlmodel engine trt msgpack db sqlite sqlite3 woff woff2 ttf otf eot doc
    docx xls xlsx ppt pptx odt swf wasm mat tfrecord lmdb mdb pack idx dat model"""
)
_MAYBE_TEXT = frozenset(["dat", "model", "pb", "bin", "a", "o", "lib", "mat", "idx", "ai"])
_LFS = b"version https://git-lfs.github.com/spec/"
_WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff")
_UTF8_BOM = b"\xef\xbb\xbf"
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.MULTILINE)
# Controls, the Unicode line separators and the marks that reverse or hide text.
_HIDDEN = re.compile(
    "%(?=[0-9A-Fa-f]{2})|[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
    "|[\ud800-\udfff\U000e0000-\U000e007f]"
)


@dataclass(slots=True)
class _Folder:
    """An open folder on the way down; `path` is "" for the root, else "a/b/"."""

    descriptor: int
    path: str
    rules: IgnoreRules
    names: Iterator[str]
    depth: int


@dataclass(slots=True)
class _Walk:
    max_file_bytes: int
    excluded: frozenset[str]
    tracked: frozenset[bytes]
    tracked_folders: frozenset[bytes]
    mentioned: frozenset[str] = frozenset()
    files: list[SourceFile] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    total: int = 0

    def skip(self, path: str, reason: str) -> None:
        self.skipped.append(Skipped(escaped(path), reason))

    @property
    def is_full(self) -> bool:
        return len(self.files) >= MAX_FILES or self.total >= MAX_TOTAL_BYTES


def take_snapshot(root: Path, *, exclude: Sequence[Path] = (), max_file_bytes: int = 1_000_000) -> Snapshot:
    """The text files below `root` as they are now.

    `exclude` are files or folders left out, such as the audit's own output. A file larger than
    `max_file_bytes` is skipped (a notebook or a lock file only beyond 20 times that). Raises RepositoryError when
    `root` is not a folder that can be read.
    """
    resolved, descriptor = _open_root(root)
    try:
        tracked = read_tracked(descriptor)
        walk = _Walk(max_file_bytes, _below(resolved, exclude), tracked, frozenset(_parents(tracked)))
        _descend(walk, os.dup(descriptor))
        if not tracked:
            walk = _with_mentioned(walk, descriptor)
        commit = read_commit(descriptor)
    finally:
        os.close(descriptor)
    files = sorted(with_programs(walk.files), key=lambda file: file.path)
    skipped = sorted(walk.skipped, key=lambda one: one.path)
    name = escaped(resolved.name) or "root"
    return Snapshot(resolved, name, commit, tuple(files), tuple(skipped))


def _with_mentioned(walk: _Walk, root: int) -> _Walk:
    """The walk again with the ignored files that read code names, those that these name, and what documents link to.

    Without git's index nothing else tells a file that was shipped in spite of a pattern from one that was left there.
    """
    while any(one.reason == _IGNORED for one in walk.skipped):
        mentioned = mentions(walk.files)
        if mentioned == walk.mentioned:
            break
        walk = replace(walk, mentioned=mentioned, files=[], skipped=[], total=0)
        _descend(walk, os.dup(root))
    return walk


def escaped(path: str) -> str:
    """`path` without bytes that are not UTF-8, controls or reordering marks: these become %XX.

    Lossless: `%` itself is escaped where two hex digits follow, so decoding gives the name back.
    """
    return _HIDDEN.sub(lambda m: "".join(f"%{byte:02X}" for byte in os.fsencode(m[0])), path)


def _open_root(root: Path) -> tuple[Path, int]:
    hint = "give the folder that holds the code"
    try:
        resolved = root.expanduser().resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise RepositoryError(f"no such repository: {escaped(str(root))}", hint) from error
    if not resolved.is_dir():
        raise RepositoryError(f"not a folder: {escaped(str(root))}", hint)
    try:
        return resolved, open_folder(str(resolved))
    except Refused as error:
        raise RepositoryError(f"{escaped(str(root))} {error}", "check its permissions") from error


def _below(root: Path, exclude: Sequence[Path]) -> frozenset[str]:
    places = [path.expanduser().resolve() for path in exclude]
    return frozenset(
        place.relative_to(root).as_posix() for place in places if place != root and place.is_relative_to(root)
    )


def _parents(tracked: frozenset[bytes]) -> Iterator[bytes]:
    for path in tracked:
        parts = path.split(b"/")[:-1]
        for count in range(1, len(parts) + 1):
            yield b"/".join(parts[:count])


def _descend(walk: _Walk, root: int) -> None:
    """Visits every folder with an explicit stack, so that depth costs no recursion."""
    stack: list[_Folder] = []
    try:
        _enter(walk, stack, root, "", IgnoreRules())
        while stack and not walk.is_full:
            folder = stack[-1]
            name = next(folder.names, None)
            if name is None:
                os.close(stack.pop().descriptor)
            else:
                _visit(walk, stack, folder, name)
        if stack:
            walk.skip(".", f"more than {MAX_FILES} files or {in_units(MAX_TOTAL_BYTES)}: rest left")
    finally:
        for folder in stack:
            os.close(folder.descriptor)


def _enter(walk: _Walk, stack: list[_Folder], descriptor: int, path: str, rules: IgnoreRules) -> None:
    try:
        names = sorted(os.listdir(descriptor), key=os.fsencode)
    except OSError as error:
        os.close(descriptor)
        walk.skip(path.rstrip("/") or ".", f"cannot be read ({(error.strerror or 'error').lower()})")
        return
    if ".gitignore" in names:
        try:
            text = read_file(".gitignore", descriptor, _IGNORE_BYTES)
            rules = rules.extended(path, text.decode("utf-8", "surrogateescape"))
        except Refused as refusal:
            walk.skip(f"{path}.gitignore", f"{refusal}; its patterns are not applied")
    stack.append(_Folder(descriptor, path, rules, iter(names), len(stack) + 1))


def _visit(walk: _Walk, stack: list[_Folder], folder: _Folder, name: str) -> None:
    path = folder.path + name
    try:
        entry = look(name, folder.descriptor)
        if entry.is_folder:
            _require_wanted_folder(walk, folder, name)
            inner = open_folder(name, folder.descriptor)
            rules = folder.rules.below(f"{path}/") if is_linked(path, walk.mentioned) else folder.rules
            _enter_unless_environment(walk, stack, inner, f"{path}/", rules)
        else:
            _require_wanted(walk, folder, path, is_folder=False)
            walk.files.append(_read(walk, folder, name, entry.size))
            walk.total += len(walk.files[-1].data)
    except Refused as refusal:
        walk.skip(path, str(refusal))


def _require_wanted_folder(walk: _Walk, folder: _Folder, name: str) -> None:
    if reason := litter(name):
        raise Refused(reason)
    if folder.depth >= MAX_DEPTH:
        raise Refused(f"deeper than {MAX_DEPTH} folders")
    _require_wanted(walk, folder, folder.path + name, is_folder=True)


def _require_wanted(walk: _Walk, folder: _Folder, path: str, *, is_folder: bool) -> None:
    if path in walk.excluded:
        raise Refused("excluded")
    tracked = walk.tracked_folders if is_folder else walk.tracked
    if os.fsencode(path) in tracked or is_mentioned(path, walk.mentioned):
        return
    if folder.rules.ignores(path + "/" * is_folder):
        raise Refused(_IGNORED)


def _enter_unless_environment(walk: _Walk, stack: list[_Folder], inner: int, path: str, rules: IgnoreRules) -> None:
    try:
        look("pyvenv.cfg", inner)
    except Refused:
        _enter(walk, stack, inner, path, rules)
    else:
        os.close(inner)
        raise Refused("virtual environment")


def _read(walk: _Walk, folder: _Folder, name: str, size: int) -> SourceFile:
    extension = PurePosixPath(name).suffix[1:].lower()
    if is_litter_file(name):
        raise Refused("desktop file")
    if extension in _BINARY and extension not in _MAYBE_TEXT:
        raise Refused(f"binary (.{extension})")
    factor = NOTEBOOK_FACTOR if extension == "ipynb" else LOCK_FACTOR if LOCK_NAME.fullmatch(name) else 1
    limit = walk.max_file_bytes * factor
    if size > limit:
        raise Refused(f"larger than {in_units(limit)}")
    data = read_file(name, folder.descriptor, limit)
    _require_text(data)
    path = escaped(folder.path + name)
    language = language_of(path, data[:200])
    return SourceFile(path, data, language, role_of(path, language, data), _encoding(data))


def _require_text(data: bytes) -> None:
    if data.startswith(_LFS):
        raise Refused("Git LFS pointer")
    if data.startswith(_WIDE_BOMS):
        raise Refused("UTF-16 text")
    if b"\0" in data:
        raise Refused("binary")


def _encoding(data: bytes) -> str:
    """UTF-8 where the bytes are that; otherwise what a PEP 263 comment declares, if it fits."""
    if data.startswith(_UTF8_BOM):
        return "utf-8-sig"
    try:
        data.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError:
        pass
    declared = _CODING.search(b"\n".join(data.split(b"\n", 2)[:2]))
    if declared is None:
        return "utf-8"
    name = declared[1].decode("ascii", "replace")
    try:
        same_lines = data.decode(name).count("\n") == data.count(b"\n")
    except (LookupError, UnicodeError):
        return "utf-8"
    return name if same_lines else "utf-8"
