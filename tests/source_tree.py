"""A codebase from a few lines of source, for the tests of facts and census kinds."""

from pathlib import Path
from textwrap import dedent

from retrieval.codebase import Codebase, read_codebase
from retrieval.languages import language_of
from retrieval.roles import role_of
from retrieval.snapshot import Snapshot, SourceFile

# A model and a function that runs it.
NET = """
import torch


class Net(torch.nn.Module):
    def forward(self, x):
        return x


def infer(x):
    return Net()(x)
"""


def source_file(path: str, text: str | bytes) -> SourceFile:
    """A file as the walk would hand it over; text is dedented and loses its first line break."""
    data = text if isinstance(text, bytes) else dedent(text).removeprefix("\n").encode()
    language = language_of(path, data[:80])
    return SourceFile(path, data, language, role_of(path, language))


def snapshot_of(files: dict[str, str | bytes]) -> Snapshot:
    """A snapshot of these files, path → text."""
    listed = tuple(source_file(path, files[path]) for path in sorted(files))
    return Snapshot(Path("/nowhere"), "sample", "", listed, ())


def codebase_of(files: dict[str, str | bytes]) -> Codebase:
    """The facts of these files."""
    return read_codebase(snapshot_of(files))
