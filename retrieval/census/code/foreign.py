"""Searches source files of other languages by text, so that "not found" is honest for them too.

Nothing is parsed: a line is cut into candidates (called names, imported modules, defined names …) and a pattern
fits a candidate when their last parts fit. Comment lines are left out. Every hit carries detail {"by": "text"}.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.language import Pattern, Query, compile_pattern, hit_at, is_code
from retrieval.facts import CensusHit
from retrieval.snapshot import SourceFile

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

PARSED = frozenset(["python", "notebook"])
LONGEST_LINE = 2000
DISTINCTIVE = 8  # letters from which on a bare name is unlikely to mean something else
_NAME = r"[A-Za-z_$][\w$]*(?:(?:\.|::|->)[A-Za-z_$][\w$]*)*"
_COMMENT = re.compile(r"\s*(?:/[/*]|\*|#(?!\s*include)|--|;|%|<!--)")
_DECLARED = r"(?:function|func|fn|def|class|struct|interface|trait|enum|type|sub)"
SHAPES: dict[str, re.Pattern[str]] = {
    "calls": re.compile(rf"({_NAME})\s*(?:<[\w, ]+>)?\("),
    "keywords": re.compile(r"\b([A-Za-z_]\w*)\s*[:=](?![=:])"),
    "imports": re.compile(
        r"""(?:^\s*(?:c?import|from|use|using|include|require|library|source|extern crate)\b
        [^"'<\n]*?["'<]?([\w@][\w./:@-]*)|\brequire\(\s*["']([^"']+)|\bfrom\s+["']([^"']+))""",
        re.VERBOSE,
    ),
    "defines": re.compile(rf"\b{_DECLARED}\s+(?:\([^)]*\)\s*)?([A-Za-z_]\w*)"),
    "bases": re.compile(r"\b(?:extends|implements|public|class\s+\w+\()\s*([A-Za-z_][\w.:]*)"),
    "decorators": re.compile(rf"^\s*@({_NAME})"),
    "awaits": re.compile(rf"\bawait\s+({_NAME})"),
    "raises": re.compile(rf"\b(?:throw|raise)\s+(?:new\s+)?({_NAME})|\b(panic)!?\("),
    "catches": re.compile(rf"\b(?:catch|except|rescue)\s*\(?\s*(?:const\s+)?({_NAME})?"),
    "names": re.compile(r"\b([A-Za-z_]\w*)\b"),
    "strings": re.compile(r""""((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|`([^`]*)`"""),
    "env_vars": re.compile(
        r"""process\.env\.(\w+)|process\.env\[["'](\w+)|[Gg]et[Ee]nv\(\s*["'](\w+)|env::var\(\s*"(\w+)
        |^\s*(?:export|ENV|ARG|setenv)\s+(\w+)|\$\{(\w+)[:}?-]""",
        re.VERBOSE,
    ),
}
WHOLE = frozenset(["strings", "env_vars", "names", "keywords"])


def foreign_hits(codebase: Codebase, query: Query, shape: str) -> Iterator[CensusHit]:
    """Hits of `query` in code that is not Python, by the candidates of `SHAPES[shape]`."""
    files = _files(codebase)
    if not files:
        return
    whole = shape in WHOLE
    named = _candidates(codebase, shape)
    places = (
        (at, line, name) for name, spots in named.items() if _fits(query, name, whole=whole) for at, line in spots
    )
    for at, number, name in sorted(places):
        detail = {"by": "text", "language": files[at].language}
        shown = files[at].lines[number - 1].strip()[:200]
        yield hit_at(codebase, files[at].path, (number, number), symbol="", name=name, text=shown, detail=detail)


@once
def _files(codebase: Codebase) -> list[SourceFile]:
    return [file for file in codebase.snapshot.files if file.language not in PARSED and is_code(file)]


@once
def _candidates(codebase: Codebase, shape: str) -> dict[str, list[tuple[int, int]]]:
    """Name → where it is a candidate: the number of its file and its line. Worked out once for all queries."""
    found: dict[str, list[tuple[int, int]]] = {}
    for at, file in enumerate(_files(codebase)):
        for number, line in enumerate(file.lines, start=1):
            if _COMMENT.match(line):
                continue
            names = {
                name.replace("::", ".").replace("->", ".")
                for groups in SHAPES[shape].finditer(line[:LONGEST_LINE])
                for name in groups.groups()
                if name
            }
            for name in names:
                found.setdefault(name, []).append((at, number))
    return found


def _fits(query: Query, name: str, *, whole: bool) -> bool:
    if whole or not query.patterns:
        return query.matches(name)
    if any(pattern.excluding and _last_fits(pattern, name) for pattern in query.patterns):
        return False
    wanted = [pattern for pattern in query.patterns if not pattern.excluding]
    return not wanted or any(_last_fits(pattern, name) for pattern in wanted)


def _last_fits(pattern: Pattern, name: str) -> bool:
    """Whether a pattern fits a name, or its last two parts fit the name's.

    Of a name without an owner (`emptyCache()`) the last part alone decides, if it is long enough to say something.
    """
    if pattern.matches(name):
        return True
    if pattern.text.startswith("re:") or "." not in pattern.text:
        return False
    *owners, last = pattern.text.split(".")
    if not last.strip("*?"):
        return False
    said = re.split(r"[./]", name)
    if len(said) > 1:
        return compile_pattern(".".join([*owners[-1:], last])).matches(".".join(said[-2:]))
    return len(last) >= DISTINCTIVE and compile_pattern(last).matches(said[-1])
