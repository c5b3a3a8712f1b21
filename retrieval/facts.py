"""The values that reading a source file yields: definitions, imports, calls and other facts.

A fact has a `name` that census queries match on, the lines that prove it, the `symbol` (dotted name inside
the file, "" at module level) that encloses it, and a one-line `text` for people. Names are resolved
through the file's imports: after `from torch import cuda as c`, `c.empty_cache()` is a call named
`torch.cuda.empty_cache`. A name bound to a known constructor is resolved through it:
after `model = AutoModel.from_pretrained(x)`, `model.to("cuda")` is named `model.to` with
`receiver="transformers.AutoModel.from_pretrained"`.
"""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name; `module` is absolute (relative imports resolved against the file's own module)."""

    module: str
    name: str  # "" for `import module`, "*" for a wildcard
    alias: str  # the name bound in this file
    start: int
    end: int
    symbol: str
    guarded: bool  # inside try/except or `if TYPE_CHECKING`


@dataclass(frozen=True, slots=True)
class Definition:
    """A class, function or method. `start` includes decorators; `head_end` is the last line of the header.

    The top level of a file that runs is a "script", of one that is imported a "module", a block of Python in a
    document an "example"; files list none of these.
    """

    kind: Literal["class", "function", "method", "module", "script", "example"]
    name: str
    symbol: str  # its own dotted name inside the file, "Whisper.decode"
    start: int
    end: int
    head_start: int  # the line of `def` or `class`
    head_end: int
    parameters: tuple[str, ...]  # as written, "name: type = default"
    returns: str  # the annotation as written, ""
    bases: tuple[str, ...]  # resolved names, for classes
    decorators: tuple[str, ...]  # resolved names without arguments
    docstring: str  # cleaned whole text, ""
    doc_start: int  # 0 without a docstring
    doc_end: int
    is_async: bool


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `name` is the resolved dotted name, `written` the callee as it stands in the source."""

    name: str
    written: str
    receiver: str  # resolved constructor or annotation of the object it is called on, ""
    start: int
    end: int
    symbol: str
    arguments: tuple[str, ...]  # positional arguments as written, each cut at 200 characters
    keywords: tuple[tuple[str, str], ...]
    assigned: tuple[str, ...]  # names the result is bound to: `a, b = f()` gives ("a", "b")
    awaited: bool
    in_with: bool
    in_loop: bool
    text: str  # the first line of the call's statement, stripped
    instance: str = ""  # type of the called object itself: `net(x)` after `net = Net()`


@dataclass(frozen=True, slots=True)
class Fact:
    """Anything else that stands in a file: see `census.py` for the kinds and what each `detail` holds."""

    kind: str
    name: str
    start: int
    end: int
    symbol: str
    text: str
    detail: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """Everything read from one file. `module` is its dotted import name, "" when it is not importable."""

    path: str
    language: str
    module: str
    lines: int
    docstring: str
    doc_start: int
    doc_end: int
    imports: tuple[Import, ...] = ()
    definitions: tuple[Definition, ...] = ()
    calls: tuple[Call, ...] = ()
    facts: tuple[Fact, ...] = ()
    errors: int = 0  # syntax error nodes met


@dataclass(frozen=True, slots=True)
class CensusHit:
    """One place a census query found.

    `text` is a short statement for people ("`except RuntimeError` in `load`: logs and re-raises"); for plain
    queries it is the source line. `role` is the file's role; `related` are further spans that belong to the
    hit as (label, path, start, end), such as the definition that a call in the flow reaches.
    """

    path: str
    start: int
    end: int
    symbol: str
    name: str
    text: str
    role: str = "source"
    related: tuple[tuple[str, str, int, int], ...] = ()
    detail: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that the query should have read and could not."""

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class CensusResult:
    """Every hit of one query. Hits come source files first, then by path and line; never truncated."""

    query: str
    files_searched: int
    hits: tuple[CensusHit, ...]
    unread: tuple[Unread, ...] = ()
