"""What a file or folder is for, in a few words that stand in the file itself.

From its docstring or heading, else from what it defines, else from its tables, keys or targets. A file that
says nothing gets its language and length, never a guess.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from retrieval.beside import once
from retrieval.census.flow.leading import leading, leads_most, used_inside
from retrieval.census.meaning.prose import counted, first_sentence, listed
from retrieval.census.project.describe_data import Described, describe_data, plain_words
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
    r"(?i)^@\w+\s*:|\b(?:adapted|modified|copied|borrowed|taken|ported|forked|derived|based) (?:heavily |mostly )?"
    r"(?:from|on) "
    r"|^(?:copyright|author|created|reference|credits?|source|code (?:is )?from|from)\b\W|copyright|all rights reserved"
)
_NO_WORDS = re.compile(
    r"(?i:\bnotations?\b\s*[:…]|^e\.?g\.?$|^(?:examples?\W+)?usage\b)|^\S{0,6}$|^[^a-z]+$|^\w+ [-=:] \S"
    r"|^(?:python3?|bash|sh|torchrun|accelerate) "
)
_NAMES = 4
_SHORT = 40
_SECTION = re.compile(
    r"(?i)(args?|arguments|parameters|params|returns?|inputs?|attributes|usage|example)\b\W|[:@>]"
    r"|\w+ *(?:\([\w, .|\[\]]*\) *)?:"
)
_DOCUMENTED = 3
_CALLS = 5
_ERRORS = ("Error", "Exception", "Warning")
_MADE = re.compile(r"(?:^|\.)([A-Z]\w*)(?:\.from_\w+|\.create)?$")
_ASIDE = re.compile(
    r"^(?:print|len|str|int|open|range|super|sorted|list|dict|enumerate|isinstance)$|(?:^|\.)(?:add_argument|append|join"
    r"|makedirs|exists|info|debug|warning|format|Path|ArgumentParser|parse_args|mkdir|is_available|get_device_name|manual_seed|\w*Error|\w*Exception)$"
    r"|^(?:os|sys|logging|warnings|time)\."
)


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
    """First docstring sentence of the leading definition, the definition, and where the docstring is.

    A class without a docstring is described by that of its `__init__`. The next ones in line speak for a file only
    when they run nearly as much of it.
    """
    classes, functions = main_definitions(facts)
    first, *rest = leading(codebase, facts.path, [*classes, *functions], _importers(codebase)) or [None]
    near = [item for item in rest[: _DOCUMENTED - 1] if item and first and _rivals(item, first)]
    for item in [first, *near] if first else []:
        starter = (d for d in facts.definitions if d.symbol == f"{item.symbol}.__init__")
        for source in (item, *starter):
            sentence = first_sentence(source.docstring, limit)
            if sentence and not _SECTION.match(sentence):
                return sentence, item, source
    return None


def _rivals(item: Definition, first: Definition) -> bool:
    """Whether a definition is about as long as the leading one."""
    return (item.end - item.start + 1) * 2 >= first.end - first.start + 1 and not item.name.startswith("_")


def led_by(codebase: Codebase, facts: FileFacts, quote: str = "`") -> str:
    """ "mainly `f()`, which uses `A`, `g()`": the definition that runs most of a file; "" when none does."""
    classes, functions = main_definitions(facts)
    first = next(iter(leading(codebase, facts.path, [*classes, *functions], _importers(codebase))), None)
    if first is None or not leads_most(codebase, facts.path, first):
        return ""
    used = [_spoken(item, quote) for item in used_inside(codebase, facts.path, first)[:_NAMES]]
    return f"mainly {_spoken(first, quote)}" + (f", which uses {listed(used)}" if used else "")


def _made_by(codebase: Codebase, facts: FileFacts, classes: list[Definition]) -> str:
    """ "Runner (a Base) makes `Net`, `Writer`": the first class with its base and the classes of other files that it
    makes; "" without these."""
    first = next(iter(leading(codebase, facts.path, classes, _importers(codebase))), None)
    if first is None:
        return ""
    bases = [found[1].name for base in first.bases if (found := codebase.resolve_local(facts.path, base))]
    made: dict[str, None] = {}
    for call in facts.calls:
        name = call.name.rpartition(".")[2]
        if call.symbol.startswith(f"{first.symbol}.") and name[:1].isupper() and not name.endswith(_ERRORS):
            found = codebase.resolve_local(facts.path, call.name)
            made |= {name: None} if found and found[1].kind == "class" and found[0] != facts.path else {}
    if not made:
        return f"{first.name} is a {bases[0]}" if bases else ""
    return f"{first.name}{f' (a {listed(bases, 2)})' if bases else ''} makes {listed(list(made), _NAMES)}"


def _spoken(item: Definition, quote: str) -> str:
    return f"{quote}{item.name}{'' if item.kind == 'class' else '()'}{quote}"


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
    """The first sentence of a docstring, "" when it only says where the code comes from, who wrote it, how its letters
    are to be read, or when it is no sentence: one word, or a heading in capitals."""
    sentence = first_sentence(docstring, limit)
    return "" if _PROVENANCE.search(sentence) or _NO_WORDS.search(sentence) else sentence


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
        if led := led_by(codebase, facts, "") or _made_by(codebase, facts, classes):
            text = f"{led}; {text}"
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
    bound = {line for name, line in found if name.isupper()}
    if script := _script(facts, len(found), bound):
        return script
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


def _script(facts: FileFacts, values: int, bound: set[int]) -> Described | None:
    """What a file without definitions makes and calls, when it calls more than it sets; what stands on the lines of
    constants gives these their values."""
    top = [call for call in facts.calls if not call.symbol and not _ASIDE.search(call.written)]
    top = [call for call in top if call.start not in bound]
    if len(top) < max(_CALLS, values // 2):
        return None
    made = dict.fromkeys(match[1] for call in top if (match := _MADE.search(call.written)))
    run = dict.fromkeys(call.written for call in top if not _MADE.search(call.written) and call.written.isprintable())
    plain = [name for name in run if "(" not in name and "[" not in name and len(name) < _SHORT]
    told = [f"makes {listed(list(made), _NAMES)}"] if made else []
    told += [f"calls {listed(plain, _NAMES)}"] if plain else []
    return (f"script that {' and '.join(told)}", top[0].start, top[0].end) if told else None


def _notebook(file: SourceFile) -> Described:
    for number, line in enumerate(file.lines, 1):
        if found := re.match(r'\s*"#{1,3}\s+(.+?)(?:\\n)?",?\s*$', line):
            return f"notebook “{found[1]}”", number, number
    return f"notebook with {counted(sum(1 for _ in cells(file.text)), 'cell')}", 1, 1
