"""What a file or folder is for, in a few words that stand in the file itself.

From its docstring or heading, else from what it defines, else from its tables, keys or targets. A file that
says nothing gets its language and length, never a guess.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from retrieval.beside import once
from retrieval.census.describe_data import Described, describe_data, plain_words
from retrieval.census.prose import counted, first_sentence, listed
from retrieval.codebase import Codebase
from retrieval.facts import Definition, FileFacts
from retrieval.markup import headings
from retrieval.notebook import cells
from retrieval.pyast import constants
from retrieval.snapshot import SourceFile

_KNOWN = {
    ".gitignore": "paths that git ignores",
    ".gitattributes": "attributes of paths for git",
    ".gitmodules": "git submodules",
    ".dockerignore": "paths left out of Docker builds",
    ".pre-commit-config.yaml": "pre-commit hooks",
    ".flake8": "flake8 settings",
    ".editorconfig": "editor settings",
    "manifest.in": "rules for files of the source distribution",
    "codeowners": "owners of paths",
    "citation.cff": "how to cite the project",
    "py.typed": "marks the package as typed",
    "pkg-info": "generated package metadata",
    "setup.py": "build script for setuptools",
}
_PROVENANCE = re.compile(
    r"(?i)\b(?:adapted|modified|copied|borrowed|taken|ported|forked|derived|based) (?:heavily |mostly )?(?:from|on) "
    r"|^(?:copyright|author|created|reference|credits?|source|code (?:is )?from|from)\b\W|copyright|all rights reserved"
)
_NAMES = 4
_SHORT = 40
_SECTION = re.compile(
    r"(?i)(args?|arguments|parameters|params|returns?|inputs?|attributes|usage|example)\b\W|[:@>]"
    r"|\w+ *(?:\([\w, .|\[\]]*\) *)?:"
)
_DOCUMENTED = 3


def describe_file(codebase: Codebase, file: SourceFile) -> Described:
    """A description of one file and the lines that prove it."""
    facts = codebase.facts.get(file.path)
    whole = (1, 1)
    if not file.lines:
        return "empty", *whole
    known = _KNOWN.get(file.path.rpartition("/")[2].lower())
    if known:
        return known, *whole
    if file.language == "python" and facts is not None:
        return _python(codebase, file, facts)
    if file.language in ("markdown", "rst"):
        found = headings(file)
        return (f"“{found[0][0]}”", found[0][1], found[0][1]) if found else plain_words(file)
    if file.language == "notebook":
        return _notebook(file)
    return describe_data(file)


def main_definitions(facts: FileFacts) -> tuple[list[Definition], list[Definition]]:
    """The top-level classes and functions of a file, public ones first, each in source order."""
    top = [item for item in facts.definitions if "." not in item.symbol]
    top.sort(key=lambda item: item.name.startswith("_"))
    classes = {item.name: item for item in top if item.kind == "class"}
    functions = {item.name: item for item in top if item.kind == "function"}
    return list(classes.values()), list(functions.values())


@once
def _importers(codebase: Codebase) -> Counter[str]:
    """How many files import a name from a module of the repository."""
    return Counter(
        name
        for path, facts in codebase.facts.items()
        for name in {item.name for item in facts.imports if item.name}
        if any(item.name == name and codebase.locate(item.module, path) for item in facts.imports)
    )


def by_weight(codebase: Codebase, items: Iterable[Definition]) -> list[Definition]:
    """Public before private, then by length times the number of files that import the name."""
    count = _importers(codebase)

    def weight(item: Definition) -> tuple[bool, int, int]:
        lines = item.end - item.start + 1
        return item.name.startswith("_"), -lines * (1 + count[item.name]), item.start

    return sorted(items, key=weight)


def main_names(codebase: Codebase, items: Sequence[Definition], limit: int = _NAMES) -> list[str]:
    """The names of `items`: the `limit` weightiest first, those in source order."""
    chosen = {item.name for item in by_weight(codebase, items)[:limit]}
    ordered = sorted(items, key=lambda item: (item.name not in chosen, item.name.startswith("_"), item.start))
    return list(dict.fromkeys(item.name for item in ordered))


def documented(codebase: Codebase, facts: FileFacts, limit: int = 90) -> tuple[str, Definition, Definition] | None:
    """First docstring sentence of the weightiest documented definition among the three weightiest, the definition, and
    where the docstring is.

    A class without a docstring is described by that of its `__init__`.
    """
    classes, functions = main_definitions(facts)
    for item in by_weight(codebase, [*classes, *functions])[:_DOCUMENTED]:
        starter = (d for d in facts.definitions if d.symbol == f"{item.symbol}.__init__")
        for source in (item, *starter):
            sentence = first_sentence(source.docstring, limit)
            if sentence and not _SECTION.match(sentence):
                return sentence, item, source
    return None


def definitions_text(codebase: Codebase, facts: FileFacts, limit: int = _NAMES, quote: str = "") -> str:
    """ "class A; functions b, c", "" when the file defines neither."""
    classes, functions = main_definitions(facts)
    parts = []
    for noun, plural, items in (("class", "classes", classes), ("function", "functions", functions)):
        if items:
            names = listed(main_names(codebase, items, limit), limit, quote)
            parts.append(f"{noun if len(items) == 1 else plural} {names}")
    return "; ".join(parts)


def own_sentence(docstring: str, limit: int = 110) -> str:
    """The first sentence of a docstring, "" when it only says where the code comes from or who wrote it."""
    sentence = first_sentence(docstring, limit)
    return "" if _PROVENANCE.search(sentence) else sentence


def _python(codebase: Codebase, file: SourceFile, facts: FileFacts) -> Described:
    sentence = own_sentence(facts.docstring)
    if sentence:
        defined = definitions_text(codebase, facts) if len(sentence) < _SHORT else ""
        words = f"{sentence}; {defined}" if defined else sentence
        return words, facts.doc_start, facts.doc_end
    classes, functions = main_definitions(facts)
    text = definitions_text(codebase, facts)
    if text:
        if told := documented(codebase, facts):
            sentence, item, source = told
            if len(classes) + len(functions) == 1:
                return f"{sentence} ({text})", source.doc_start, source.doc_end
            call = "" if item.kind == "class" else "()"
            return f"{item.name}{call}: “{sentence}”; {text}", source.doc_start, source.doc_end
        first = min([*classes, *functions], key=lambda item: item.start)
        return text, first.head_start, first.head_start
    return _without_definitions(codebase, file, facts)


def _without_definitions(codebase: Codebase, file: SourceFile, facts: FileFacts) -> Described:
    named = [item for item in facts.imports if item.name and item.module != "__future__"]
    local = [item for item in named if codebase.locate(item.module, file.path)]
    if file.path.endswith("__init__.py") and local:
        aliases = (item.alias for item in local if not item.alias.startswith(("_", "*")))
        names = list(dict.fromkeys(aliases))
        text = f"exports {listed(names)}" if names else f"exports all of {local[0].module}"
        return text, local[0].start, local[-1].end
    found = constants(file)
    if found:
        first = found[0]
        names = listed([name for name, _line in found])
        return f"constant{'s' if len(found) > 1 else ''} {names}", first[1], first[1]
    if facts.calls:
        called = list(dict.fromkeys(call.written.split("(")[0] for call in facts.calls))
        text = f"script that calls {listed(called)}"
        return text, facts.calls[0].start, facts.calls[0].end
    if facts.imports:
        modules = list(dict.fromkeys(item.module for item in facts.imports))
        return f"imports {listed(modules)}", facts.imports[0].start, facts.imports[-1].end
    for number, line in enumerate(file.lines, 1):
        if found := re.match(r"(__\w+__)\s*=", line):
            return f"sets {found[1]}", number, number
    return "only comments" if any(map(str.strip, file.lines)) else "blank", 1, 1


def _notebook(file: SourceFile) -> Described:
    for number, line in enumerate(file.lines, 1):
        if found := re.match(r'\s*"#{1,3}\s+(.+?)(?:\\n)?",?\s*$', line):
            return f"notebook “{found[1]}”", number, number
    return f"notebook with {counted(sum(1 for _ in cells(file.text)), 'cell')}", 1, 1
