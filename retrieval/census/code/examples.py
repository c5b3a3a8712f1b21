"""What documents show of how the code is used: each block of Python in a README that calls code of the repository."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.meaning.body import Body
from retrieval.census.meaning.walker import read_body
from retrieval.extract import extract
from retrieval.facts import Definition, FileFacts, Import
from retrieval.markup import python_blocks
from retrieval.parse import parse_python
from retrieval.snapshot import SourceFile

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program
    from retrieval.codebase import Codebase

EXAMPLE = "example"
DOCUMENTS, BLOCKS = 30, 40
_NAME = re.compile(r"\b[A-Za-z_]\w*")
_BOUND = re.compile(r"(?m)^(?:with [^\n]* as )?([A-Za-z_]\w*)(?:\s*:[^\n=]*)?\s*(?:=(?!=)|:$)")
_PLACEHOLDER = re.compile(r"<[A-Za-z_][\w ./-]{0,60}>")
_PROMPTS = (">>> ", "... ")


@dataclass(frozen=True, slots=True)
class Example:
    """One use: where it stands, what it imports, and what it does."""

    path: str
    definition: Definition
    imports: tuple[Import, ...]
    body: Body


@dataclass(frozen=True, slots=True)
class _Block:
    """Source whose line numbers are those of the document."""

    source: str
    start: int
    end: int

    def joined(self, other: "_Block") -> "_Block":
        return _Block(self.source + other.source.removeprefix("\n" * self.source.count("\n")), self.start, other.end)


@once
def read_examples(codebase: "Codebase") -> list[Example]:
    """The uses that begin with an import of code of the repository, those of the README first, then those of documents
    nearest to the top. A block that goes on with what the one before it made belongs to it."""
    listed = [f for f in codebase.snapshot.files if f.language == "markdown" and f.role in ("docs", "source", "config")]
    listed = [f for f in listed if "import " in f.text]
    listed.sort(key=lambda file: (len(PurePosixPath(file.path).parts), not _is_readme(file), file.path))
    found = [_example(file, block) for file in listed[:DOCUMENTS] for block in _blocks(codebase, file)]
    return [example for example in found if example is not None][:BLOCKS]


@once
def example_frames(program: "Program") -> "list[Frame]":
    """The uses as bodies, in the same order."""
    from retrieval.census.meaning.frame import Frame

    shown = read_examples(program.codebase)
    return [Frame(program, one.path, one.definition, one.body, None) for one in shown]


def _is_readme(file: SourceFile) -> bool:
    return PurePosixPath(file.path).name.lower().startswith("readme")


def _blocks(codebase: "Codebase", file: SourceFile) -> Iterator[_Block]:
    current: _Block | None = None
    for text, start, end in python_blocks(file):
        block = _Block("\n" * (start - 1) + _as_code(text), start, end)
        if any(codebase.locate(item.module, file.path) for item in _facts(file, block).imports):
            yield from [current] if current else []
            current = block
        elif current is not None and set(_NAME.findall(text)) & set(_BOUND.findall(current.source)):
            current = current.joined(block)
    yield from [current] if current else []


def _example(file: SourceFile, block: _Block) -> Example | None:
    tree = parse_python(block.source.encode())
    if tree is None:
        return None
    symbol = f"lines {block.start}-{block.end}"
    imports = tuple(replace(item, symbol=symbol) for item in _facts(file, block).imports)
    return Example(file.path, _definition(symbol, block.start, block.end), imports, read_body(tree, tree.root))


def _facts(file: SourceFile, block: _Block) -> FileFacts:
    return extract(SourceFile(file.path, block.source.encode(), "python", file.role), "")


def _definition(symbol: str, start: int, end: int) -> Definition:
    return Definition(EXAMPLE, symbol, symbol, start, end, start, start, (), "", (), (), "", 0, 0, False)


def _as_code(text: str) -> str:
    """The block without the prompts of a session and what it printed, `...` in place of `<your image>`."""
    text = _PLACEHOLDER.sub("...", text)
    lines = text.split("\n")
    if not any(line.startswith(_PROMPTS[0]) for line in lines):
        return text
    return "\n".join(line[4:] if line.startswith(_PROMPTS) else "" for line in lines)
