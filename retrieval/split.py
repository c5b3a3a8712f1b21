"""Cuts a file into chunks: the pieces that search returns.

Code falls into functions, methods, class heads and module-level runs where its language is parsed
(see `parse.py`); Markdown and reStructuredText into sections; a notebook into cells; any other text into
windows. Except in a minified notebook, the chunks of a file never overlap; together they hold every line
that is not blank, but for a notebook's outputs and what lies beyond `MAX_WINDOWS` in data files.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import takewhile

from retrieval.chunk import Chunk, ChunkKind, Span
from retrieval.headings import Heading, markdown_headings, rst_headings
from retrieval.languages import SOURCE_LANGUAGES
from retrieval.notebook import Cell, cells
from retrieval.outline import Outlined, outline
from retrieval.parse import Tree, first_line, parse, run_query
from retrieval.roles import LOCK_NAME
from retrieval.snapshot import SourceFile

LARGEST_LOCK = 1_000_000  # bytes; beyond it a lock file is read for its versions only
VERSION = 3  # raise it whenever the same bytes fall into other chunks
MAX_LINES = 60
WINDOW_LINES = 40
WHOLE_CLASS_LINES = 30
SMALL_LINES = 8  # what is this short goes together with its neighbours, up to GATHERED_LINES
GATHERED_LINES = 40
MAX_WINDOWS = 12
MINIFIED_LINE = 2_000  # average bytes per line beyond which lines tell nothing
_DOCUMENTS = frozenset(["markdown", "rst", "html", "tex"])

_COMMENTS = {"python": ("#",)}
_OTHER_COMMENTS = ("//", "/*", "*", "#[")


@dataclass(frozen=True, slots=True)
class Piece:
    """Lines `start` to `end` of a file before they are cut to size."""

    start: int
    end: int
    kind: ChunkKind
    symbol: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Cut:
    """A line before which a long piece may be cut; the smaller `depth`, the better."""

    line: int
    depth: int


def split(file: SourceFile) -> list[Chunk]:
    """The chunks of `file` in line order; [] for a file of blank lines, and for a large list of hashes."""
    if not file.lines or (len(file.data) > LARGEST_LOCK and LOCK_NAME.fullmatch(file.path.rpartition("/")[2])):
        return []
    if file.language == "notebook":
        return _notebook_chunks(file)
    if file.language in ("markdown", "rst"):
        return _section_chunks(file)
    return _code_chunks(file) if file.language in SOURCE_LANGUAGES else _window_chunks(file)


def _chunks(file: SourceFile, pieces: Iterable[Piece], cuts: list[_Cut], limit: int) -> list[Chunk]:
    found: list[Chunk] = []
    for piece in pieces:
        for start, end in _cut(piece, cuts, limit):
            if span := _without_blank_ends(file, start, end):
                found.append(chunk_of(file, span, piece.kind, piece.symbol, piece.names))
    return found


def chunk_of(file: SourceFile, span: Span, kind: ChunkKind, symbol: str, names: tuple[str, ...]) -> Chunk:
    """The chunk of these lines of `file`."""
    text = "\n".join(file.lines[span.start - 1 : span.end])
    return Chunk(_id(span, text), span, kind, symbol, file.language, file.role, text, names)


def _id(span: Span, text: str) -> str:
    return hashlib.sha256(f"{span}\0{text}".encode()).hexdigest()[:24]


def _without_blank_ends(file: SourceFile, start: int, end: int) -> Span | None:
    lines = file.lines
    end = min(end, len(lines))
    while start <= end and not lines[start - 1].strip():
        start += 1
    while end >= start and not lines[end - 1].strip():
        end -= 1
    return Span(file.path, start, end) if start <= end else None


def _cut(piece: Piece, cuts: list[_Cut], limit: int) -> Iterator[tuple[int, int]]:
    """Parts of at most `limit` lines, cut where the nesting is least deep, then late."""
    start = piece.start
    while piece.end - start + 1 > limit:
        # Not too early, lest a long body end in crumbs.
        first = bisect_right(cuts, start + limit // 3, key=lambda cut: cut.line)
        near = cuts[first : bisect_right(cuts, start + limit, key=lambda cut: cut.line)]
        best = min(near, key=lambda cut: (cut.depth, -cut.line), default=None)
        following = best.line if best and best.line <= piece.end else start + limit
        yield start, following - 1
        start = following
    yield start, piece.end


# --- code --------------------------------------------------------------------------------------


def _code_chunks(file: SourceFile) -> list[Chunk]:
    data = file.data if file.encoding == "utf-8" else file.text.encode()
    tree = parse(data, file.language)
    found = outline(tree) if tree else []
    if tree is None or not (found or file.language == "python"):
        return _window_chunks(file)
    pieces = [piece for piece in _pieces(found, file) if _without_blank_ends(file, piece.start, piece.end)]
    pieces = list(_with_constructors(sorted(pieces, key=lambda piece: piece.start)))
    if all(piece.kind == "module" for piece in pieces):
        pieces = [replace(one, kind="script") for one in pieces]
    pieces = list(_gathered(pieces))
    is_long = any(piece.end - piece.start >= MAX_LINES for piece in pieces)
    return _chunks(file, pieces, _statement_cuts(tree, file.lines) if is_long else [], MAX_LINES)


def _pieces(found: list[Outlined], file: SourceFile) -> Iterator[Piece]:
    """Definitions and what lies between them, for the module and, inside it, for each long class."""
    marks = _COMMENTS.get(file.language, _OTHER_COMMENTS)
    open_ranges = [(found, Piece(1, len(file.lines), "module", ""))]
    while open_ranges:
        inside, outer = open_ranges.pop()
        at = outer.start
        for item in inside:
            start = _with_comments(item.start, at, file.lines, marks)
            end = min(item.end, outer.end)
            if start < at or end < start:  # two on one line, or inside a syntax error
                continue
            if at < start:
                yield replace(outer, start=at, end=start - 1)
            at = end + 1
            symbol = f"{outer.symbol}.{item.name}".lstrip(".")
            inner = Piece(start, end, _kind(item, outer), symbol, tuple(_names(item, symbol)))
            if item.kind == "module" or (item.kind == "class" and end - start >= WHOLE_CLASS_LINES):
                open_ranges.append((item.inside, replace(inner, names=(symbol,))))
            else:
                yield inner
        if at <= outer.end:
            yield replace(outer, start=at)


def _names(item: Outlined, symbol: str) -> Iterator[str]:
    """The item's name and, inside a class, those of its members."""
    yield symbol
    if item.kind in ("class", "module"):
        for inner in item.inside:
            yield from _names(inner, f"{symbol}.{inner.name}")


def _gathered(pieces: list[Piece]) -> Iterator[Piece]:
    """A few lines alone tell little and would fill results: they go together with what stands beside them."""
    held: Piece | None = None
    for piece in pieces:
        if held and min(_length(held), _length(piece)) <= SMALL_LINES and piece.end - held.start < GATHERED_LINES:
            held = _together(held, piece)
            continue
        if held:
            yield held
        held = piece
    if held:
        yield held


def _length(piece: Piece) -> int:
    return piece.end - piece.start + 1


def _together(one: Piece, two: Piece) -> Piece:
    """Both as one piece, which belongs to what both stand in."""
    names = tuple(dict.fromkeys((*one.names, *two.names)))
    if one.symbol == two.symbol:
        return Piece(one.start, two.end, one.kind, one.symbol, names)
    pairs = zip(one.symbol.split("."), two.symbol.split("."), strict=False)
    symbol = ".".join(part for part, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    return Piece(one.start, two.end, "class" if symbol else "module", symbol, names)


def _kind(item: Outlined, outer: Piece) -> ChunkKind:
    owned = outer.kind == "class" or "." in item.name
    return "method" if item.kind == "function" and owned else item.kind


def _with_constructors(pieces: list[Piece]) -> Iterator[Piece]:
    """A class head alone says little: it takes the constructor that follows it along."""
    held: Piece | None = None
    for piece in pieces:
        if held and _is_constructor_of(held, piece) and piece.end - held.start < MAX_LINES:
            yield Piece(held.start, piece.end, "class", held.symbol, (*held.names, *piece.names))
            held = None
            continue
        if held:
            yield held
        held = piece
    if held:
        yield held


def _is_constructor_of(head: Piece, piece: Piece) -> bool:
    owner, _, name = piece.symbol.rpartition(".")
    named = name in ("__init__", "constructor", head.symbol.rpartition(".")[2])
    return head.kind == "class" and owner == head.symbol and named


def _with_comments(start: int, floor: int, lines: tuple[str, ...], marks: tuple[str, ...]) -> int:
    """The first of the comment lines that stand directly above line `start`, not above `floor`."""
    while start > floor and lines[start - 2].lstrip().startswith(marks):
        start -= 1
    return start


def _statement_cuts(tree: Tree, lines: tuple[str, ...]) -> list[_Cut]:
    """The first line of every statement; its column stands for the depth of its block."""
    if tree.language != "python":
        return _blank_cuts(lines)
    depths: dict[int, int] = {}
    for captures in run_query("statements", tree):
        for node in captures["statement"]:
            line, column = first_line(node), node.start_point[1]
            depths[line] = min(column, depths.get(line, column))
    return [_Cut(line, depth) for line, depth in sorted(depths.items())]


# --- notebooks, Markdown and other text --------------------------------------------------------


def _notebook_chunks(file: SourceFile) -> list[Chunk]:
    """Cells, cut to size; the span and the text are those of the raw file."""
    if len(file.data) > MINIFIED_LINE * len(file.lines):
        return _minified_notebook_chunks(file)
    pieces = [Piece(cell.start, cell.end, "cell", _cell_name(cell)) for cell in cells(file.text)]
    return _chunks(file, pieces, [], MAX_LINES)


def _minified_notebook_chunks(file: SourceFile) -> list[Chunk]:
    """Where lines are no unit of meaning, the text of a chunk is the cell's own source."""
    found: list[Chunk] = []
    for cell in cells(file.text):
        span = Span(file.path, cell.start, cell.end)
        key = _id(span, f"{cell.index}\0{cell.text}")
        found.append(Chunk(key, span, "cell", _cell_name(cell), file.language, file.role, cell.text))
    return found


def _cell_name(cell: Cell) -> str:
    return f"cell {cell.index + 1}"


def _section_chunks(file: SourceFile) -> list[Chunk]:
    headings = rst_headings(file.lines) if file.language == "rst" else markdown_headings(file.lines)
    return _chunks(file, _sections(headings, len(file.lines)), _blank_cuts(file.lines), MAX_LINES)


def _sections(headings: Iterable[Heading], end: int) -> Iterator[Piece]:
    start, trail = 1, [""]
    for heading in headings:
        yield Piece(start, heading.line - 1, "section", " > ".join(filter(None, trail)))
        trail = [*(trail + [""] * heading.level)[: heading.level - 1], heading.title]
        start = heading.line
    yield Piece(start, end, "section", " > ".join(filter(None, trail)))


def _window_chunks(file: SourceFile) -> list[Chunk]:
    whole = Piece(1, len(file.lines), "window", "")
    found = _chunks(file, [whole], _blank_cuts(file.lines), WINDOW_LINES)
    if file.language in SOURCE_LANGUAGES or file.language in _DOCUMENTS:
        return found
    return found[:MAX_WINDOWS]


def _blank_cuts(lines: tuple[str, ...]) -> list[_Cut]:
    """Lines after a blank one, the less indented the better."""
    return [
        _Cut(number + 1, len(lines[number]) - len(lines[number].lstrip()))
        for number in range(1, len(lines))
        if not lines[number - 1].strip() and lines[number].strip()
    ]
