"""The census query language: `kind` or `kind: pattern, pattern, option=value`.

A pattern is a case-sensitive fnmatch glob over a resolved dotted name; a leading `*.` also matches the bare
name. `re:` makes a pattern a regular expression (searched, not anchored), `!` excludes what it matches. Quotes
(single or double) around a pattern make commas, spaces, `!` and `=` in it literal. Options are those the kind
declares, and for every kind `in=GLOB` (paths), `role=ROLE` and `within=PATTERN` (enclosing functions or classes).

It knows how to parse, match, dispatch and order. What each kind finds stands in the modules beside it.
"""

import difflib
import fnmatch
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from retrieval.errors import QueryError
from retrieval.facts import CensusHit, CensusResult
from retrieval.snapshot import ROLES, SourceFile

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Reads = Literal["python", "code", "text"]
Search = Callable[["Codebase", "Query"], Iterable[CensusHit]]

_EVERYWHERE = frozenset({"in", "role", "within"})
_ITEM = re.compile(r"""\s*(!?)(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^,]*?))\s*(?:,|$)""")
_OPTION = re.compile(r"([a-z_]+)=(?!=)(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern: its text as written (without `!`), the expression it compiles to, and its sense."""

    text: str
    expression: re.Pattern[str]
    excluding: bool

    def matches(self, name: str) -> bool:
        """Whether `name` fits, regardless of `excluding`."""
        return self.expression.search(name) is not None

    @property
    def explicit(self) -> bool:
        """Whether the last part of the name is spelled out, so that `Type.method` may be meant."""
        if self.text.startswith("re:"):
            return True
        return not set("*?[") & set(self.text.rpartition(".")[2])


@dataclass(frozen=True)
class Query:
    """A parsed query. Without including patterns every name matches that is not excluded."""

    text: str
    kind: str
    patterns: tuple[Pattern, ...]
    options: dict[str, str]
    memo: dict[object, bool] = field(default_factory=dict, compare=False, repr=False)

    def matches(self, *names: str, typed: tuple[str, ...] = ()) -> bool:
        """Whether any of `names` (spellings of one thing) fits a pattern and none is excluded.

        `typed` are spellings through the type of a receiver (`threading.Thread.start` for `t.start`): only
        a pattern whose last part is spelled out can mean them.
        """
        key = (names, typed)
        if key not in self.memo:
            self.memo[key] = self._matches(names, typed)
        return self.memo[key]

    def _matches(self, names: tuple[str, ...], typed: tuple[str, ...]) -> bool:
        wanted = not any(not pattern.excluding for pattern in self.patterns)
        for pattern in self.patterns:
            candidates = (*names, *typed) if pattern.explicit else names
            if any(map(pattern.matches, candidates)):
                if pattern.excluding:
                    return False
                wanted = True
        return wanted

    def number(self, option: str, default: int) -> int:
        """The option as a whole number. Raises QueryError when it is not one."""
        value = self.options.get(option)
        if value is None:
            return default
        if not value.isdecimal():
            raise QueryError(f"{self.text!r}: {option} must be a whole number, not {value!r}")
        return int(value)

    def choice(self, option: str, known: Iterable[str], default: str = "") -> str:
        """The option as one of the `known` words, `default` without it. Raises QueryError for another word."""
        value = self.options.get(option, default)
        words = sorted(known)
        if value not in words and value != default:
            raise QueryError(f"{self.text!r}: unknown {option}={value}", hint=f"known: {', '.join(words)}")
        return value

    def names(self) -> tuple[str, ...]:
        """The including patterns as written, for kinds that take words instead of patterns."""
        return tuple(pattern.text for pattern in self.patterns if not pattern.excluding)


@dataclass(frozen=True, slots=True)
class Kind:
    """A registered kind. `reads` says which files count as searched; `ordered` keeps the kind's own order."""

    name: str
    summary: str
    example: str
    reads: Reads
    options: frozenset[str]
    regex: bool
    ordered: bool
    search: Search


KINDS: dict[str, Kind] = {}


def kind(
    name: str,
    *,
    summary: str,
    example: str,
    reads: Reads = "code",
    options: Iterable[str] = (),
    regex: bool = False,
    ordered: bool = False,
) -> Callable[[Search], Search]:
    """Register the decorated `search(codebase, query) -> hits` as census kind `name`.

    `reads`: "python" (Python and notebooks), "code" (every programming language and
    shell scripts), "text" (every file). `regex`: patterns are regular expressions
    without `re:`. Raises ValueError for a name taken twice.
    """

    def register(search: Search) -> Search:
        if name in KINDS:
            raise ValueError(f"census kind {name!r} is registered twice")
        KINDS[name] = Kind(name, summary, example, reads, frozenset(options), regex, ordered, search)
        return search

    return register


@lru_cache(maxsize=512)
def compile_pattern(text: str, *, regex: bool = False, excluding: bool = False) -> Pattern:
    """A pattern from its text. Raises QueryError for a bad regular expression."""
    if text.startswith("re:") or regex:
        source = text.removeprefix("re:")
        try:
            return Pattern(text, re.compile(source), excluding)
        except re.error as error:
            raise QueryError(
                f"{source!r} is not a regular expression: {error}",
                hint="quote a pattern that contains a comma, and escape ( [ { with a backslash",
            ) from error
    glob = r"\A" + fnmatch.translate(text)
    if text.startswith("*."):
        glob = rf"{glob}|\A{fnmatch.translate(text[2:])}"
    return Pattern(text, re.compile(glob), excluding)


def parse_query(text: str) -> Query:
    """Parse one query. Raises QueryError for an unknown kind or option and for a broken pattern."""
    name, _, rest = text.strip().partition(":")
    known = KINDS.get(name.strip())
    if known is None:
        near = difflib.get_close_matches(name.strip(), KINDS, n=3)
        hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(sorted(KINDS))}"
        raise QueryError(f"unknown census kind {name.strip()!r}", hint=hint)
    allowed = known.options | _EVERYWHERE
    patterns: list[Pattern] = []
    options: dict[str, str] = {}
    for item in _ITEM.finditer(rest):
        sign, double, single, bare = item.groups()
        quoted = double if double is not None else single
        word = re.sub(r"\\([\"'\\])", r"\1", quoted) if quoted is not None else bare
        if not word:
            continue
        option = _OPTION.fullmatch(word) if quoted is None and not sign else None
        if option and option[1] in allowed:
            options[option[1]] = option[2].strip("\"'")
        else:
            patterns.append(compile_pattern(word, regex=known.regex, excluding=bool(sign)))
    if "role" in options and options["role"] not in ROLES:
        raise QueryError(f"unknown role {options['role']!r}", hint=f"known: {', '.join(ROLES)}")
    return Query(text.strip(), known.name, tuple(patterns), options)


def run_query(codebase: "Codebase", text: str) -> CensusResult:
    """Run one query over a codebase: every hit, how many files were searched, and which could not be read.

    Raises QueryError when the query cannot be understood.
    """
    query = parse_query(text)
    known = KINDS[query.kind]
    searched = [file for file in codebase.snapshot.files if _reads(known.reads, file)]
    wanted = {file.path for file in codebase.snapshot.files if _selected(query, file)}
    narrowed = bool(_EVERYWHERE & query.options.keys())
    hits = [
        hit for hit in known.search(codebase, query) if not narrowed or (hit.path in wanted and _inside(query, hit))
    ]
    if not known.ordered:
        hits.sort(key=lambda hit: (_rank(hit), hit.path, hit.start, hit.end, hit.name))
    return CensusResult(
        query=query.text,
        files_searched=sum(file.path in wanted for file in searched),
        hits=_distinct(hits),
        unread=tuple(codebase.unread),
    )


def hit_at(
    codebase: "Codebase",
    path: str,
    lines: tuple[int, int],
    *,
    symbol: str,
    name: str,
    text: str,
    related: tuple[tuple[str, str, int, int], ...] = (),
    detail: dict[str, str] | None = None,
) -> CensusHit:
    """A hit on `lines` (first, last) of `path`, with the file's role filled in from the snapshot."""
    file = codebase.snapshot.by_path.get(path)
    role = file.role if file else "source"
    return CensusHit(path, *lines, symbol, name, text, role, related, detail or {})


def is_code(file: SourceFile) -> bool:
    """Whether the file holds a programming language (notebooks and shell scripts included)."""
    from retrieval.languages import SOURCE_LANGUAGES

    return file.language in SOURCE_LANGUAGES or file.language in ("notebook", "shell")


def _reads(reads: Reads, file: SourceFile) -> bool:
    if reads == "text":
        return True
    return file.language in ("python", "notebook") if reads == "python" else is_code(file)


def _selected(query: Query, file: SourceFile) -> bool:
    role, where = query.options.get("role"), query.options.get("in")
    return (role is None or file.role == role) and (where is None or fnmatch.fnmatchcase(file.path, where))


def _inside(query: Query, hit: CensusHit) -> bool:
    """Whether the hit stands in, or in something nested in, the function or class that `within` names."""
    where = query.options.get("within")
    parts = hit.symbol.split(".")
    outer = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
    return where is None or any(map(compile_pattern(where).matches, outer))


def _rank(hit: CensusHit) -> int:
    return ROLES.index(hit.role) if hit.role in ROLES else len(ROLES)


def _distinct(hits: list[CensusHit]) -> tuple[CensusHit, ...]:
    seen: dict[tuple[str, int, int, str, str], CensusHit] = {}
    for hit in hits:
        seen.setdefault((hit.path, hit.start, hit.end, hit.name, hit.text), hit)
    return tuple(seen.values())
