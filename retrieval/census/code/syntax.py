"""Census kinds over names in code: calls, keywords, imports, bases, decorators, defines.

Names are matched as resolved in the file, as followed through the repository's own re-exports, and through the
type of the receiver; languages other than Python are searched by text (`foreign.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from operator import itemgetter
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.code.foreign import foreign_hits
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.typed_only import typing_only
from retrieval.facts import Call, CensusHit, Definition, Import
from retrieval.snapshot import ROLES

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

WIDTH = 160
LITERAL_IMPORTS = frozenset(["importlib.import_module", "__import__", "pytest.importorskip"])


def call_text(call: Call) -> str:
    """A call on one line for people, cut at 160 characters."""
    arguments = [*call.arguments]
    arguments += [f"**{v}" if k == "**" else f"{k}={v}" for k, v in call.keywords]
    callee = call.written if len(call.written) <= WIDTH // 2 else f"….{call.name.rpartition('.')[2]}"
    text = f"{callee}({', '.join(arguments)})"
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


def call_hit(codebase: Codebase, path: str, call: Call, *, name: str = "", text: str = "") -> CensusHit:
    """A hit for one call; detail keeps statement, receiver, assigned names, arguments and keywords."""
    detail = {
        "statement": call.text,
        "receiver": call.receiver,
        "assigned": ", ".join(call.assigned),
        "arguments": ", ".join(call.arguments),
        "loop": "yes" if call.in_loop else "",
        "awaited": "yes" if call.awaited else "",
        **{f"{key}=": value for key, value in call.keywords if key != "**"},
    }
    shown = text or call_text(call)
    lines = (call.start, call.end)
    symbol = call.symbol
    return hit_at(codebase, path, lines, symbol=symbol, name=name or call.name, text=shown, detail=detail)


@kind(
    "calls",
    summary="calls of a function, class or method, by resolved name; target=library|own: whose they are",
    example="calls: torch.cuda.empty_cache, gc.collect, threading.Thread.start, *.backward",
    options=("target",),
)
def calls(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every call whose name fits; `Type.method` finds methods by their receiver.

    With `target=library` calls that reach a definition of the repository are left out: a repository that is itself
    the library `whisper` calls its own `whisper.load_model`. `target=own` keeps only these. Raises QueryError for
    another target.
    """
    target = query.choice("target", ("library", "own"))
    fitting = (calls for names, typed, calls in _spelled(codebase) if query.matches(*names, typed=typed))
    for _, path, call in sorted(chain.from_iterable(fitting), key=itemgetter(0)):
        if not target or (target == "own") == _own(codebase, path, call):
            yield call_hit(codebase, path, call)
    if target != "own":
        yield from foreign_hits(codebase, query, "calls")


_Numbered = tuple[int, str, Call]


@once
def _spelled(codebase: Codebase) -> list[tuple[tuple[str, ...], tuple[str, ...], list[_Numbered]]]:
    """The calls of a repository by their spellings, with their places in the order of all: a pattern is tried on
    each spelling once, not on each call."""
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[_Numbered]] = {}
    speller = codebase.speller
    for order, (path, call) in enumerate(codebase.all_calls()):
        key = speller.call_names(path, call), speller.typed_names(path, call)
        found.setdefault(key, []).append((order, path, call))
    return [(*key, calls) for key, calls in found.items()]


def _own(codebase: Codebase, path: str, call: Call) -> bool:
    """Whether a call reaches a definition of the repository, or a name in an imported module of it."""
    if codebase.resolve_call(path, call) is not None:
        return True
    root = call.written.partition(".")[0]
    imported = any(item.alias == root for item in codebase.facts[path].imports)
    return imported and codebase.locate(call.name.rpartition(".")[0], path) is not None


@kind(
    "keywords",
    summary="calls that pass a keyword argument of that name, or `name=value` as written",
    example="keywords: device_map, num_workers, 'torch_dtype=torch.float16'",
)
def keywords(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every call with a keyword argument whose name, or name=value, fits."""
    for path, call in codebase.all_calls():
        for name, value in call.keywords:
            if name != "**" and query.matches(name, f"{name}={value}"):
                text = f"{name}={value} in {call_text(call)}"[: WIDTH + 80]
                yield call_hit(codebase, path, call, name=name, text=text)
    yield from foreign_hits(codebase, query, "keywords")


@kind(
    "imports",
    summary="imports of a module, of anything in it, or of a name from it, dynamic ones too; target=library|own",
    example="imports: torch, transformers.AutoModel, PIL.*",
    options=("target",),
    ordered=True,
)
def imports(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every import of what fits; those for type checking only come last of each role.

    With `target=library` imports of modules of the repository are left out, with `target=own` all others. Raises
    QueryError for another target.
    """
    target = query.choice("target", ("library", "own"))
    found = [*_written_imports(codebase, query), *foreign_hits(codebase, query, "imports")]
    found = [hit for hit in found if not target or (target == "own") == bool(hit.detail.get("local"))]
    yield from sorted(
        found, key=lambda h: (ROLES.index(h.role), h.detail.get("typing", ""), h.path, h.start, h.end, h.name)
    )


def _written_imports(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    for path in sorted(codebase.facts):
        for item in codebase.facts[path].imports:
            if query.matches(*_import_names(item)):
                yield _import_hit(codebase, path, item)
    for path, call in codebase.all_calls():
        if call.name in LITERAL_IMPORTS and call.arguments:
            module = call.arguments[0].strip("\"'")
            if module != call.arguments[0] and query.matches(*_prefixes(module)):
                yield call_hit(codebase, path, call, name=module)


def _import_names(item: Import) -> tuple[str, ...]:
    full = f"{item.module}.{item.name}" if item.name and item.name != "*" else item.module
    return _prefixes(full)


def _prefixes(dotted: str) -> tuple[str, ...]:
    """ "a.b.c" is an import of a.b.c, a.b and a; leading dots of an import from outside stay."""
    parts = dotted.split(".")
    return tuple(".".join(parts[:count]) for count in range(len(parts), 0, -1) if parts[count - 1])


def _import_hit(codebase: Codebase, path: str, item: Import) -> CensusHit:
    if not item.name:
        plain = item.alias == item.module.split(".")[0]
        text = f"import {item.module}" + ("" if plain else f" as {item.alias}")
    else:
        renamed = item.alias not in (item.name, "*")
        text = f"from {item.module} import {item.name}" + (f" as {item.alias}" if renamed else "")
    name = ".".join(part for part in (item.module, item.name) if part and part != "*")
    detail = {"module": item.module, "alias": item.alias, "guarded": "yes" if item.guarded else ""}
    detail["typing"] = "yes" if typing_only(codebase, path, item) else ""
    text += " (for type checking only)" if detail["typing"] else ""
    detail["local"] = codebase.locate(item.module, path) or ""
    lines = (item.start, item.end)
    return hit_at(codebase, path, lines, symbol=item.symbol, name=name, text=text, detail=detail)


@kind(
    "bases",
    summary="classes that derive from a class, directly or through classes of this repository; metaclasses",
    example="bases: torch.nn.Module, abc.ABC, *.PreTrainedModel",
)
def bases(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every class one of whose bases fits."""
    for path, item, found in codebase.classes():
        fitting = [base for base in found if query.matches(*codebase.speller.spellings(base))]
        if fitting or (not query.patterns and found):
            yield _class_hit(codebase, path, item, fitting or found)
    for path, fact in codebase.all_facts("metaclass"):
        if query.matches(fact.name):
            lines = (fact.start, fact.end)
            yield hit_at(codebase, path, lines, symbol=fact.symbol, name=fact.name, text=fact.text)
    yield from foreign_hits(codebase, query, "bases")


def _class_hit(codebase: Codebase, path: str, item: Definition, fitting: list[str]) -> CensusHit:
    direct = {codebase.canonical(base, path) for base in item.bases}
    text = header(codebase, path, item)
    indirect = [base for base in fitting if base not in direct]
    if len(indirect) == len(fitting):
        text += f", which derives from {indirect[0]}"
    detail = {"bases": ", ".join(item.bases), "direct": "" if indirect == fitting else "yes"}
    lines = (item.head_start, item.head_end)
    return hit_at(codebase, path, lines, symbol=item.symbol, name=fitting[0], text=text, detail=detail)


@kind(
    "decorators",
    summary="decorated functions and classes, by the decorator's resolved name",
    example="decorators: torch.no_grad, functools.lru_cache, *.command",
)
def decorators(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every decorator that fits, with the definition below it as a related span."""
    for path, fact in codebase.all_facts("decorator"):
        if not query.matches(*codebase.speller.names(path, fact.name)):
            continue
        target = codebase.speller.decorated(path, fact)
        related = ((target.symbol, path, target.start, target.end),) if target else ()
        text = f"{fact.text} on {target.symbol}" if target else fact.text
        detail = {**fact.detail, "of": target.symbol if target else ""}
        yield hit_at(
            codebase,
            path,
            (fact.start, fact.end),
            symbol=target.symbol if target else fact.symbol,
            name=fact.name,
            text=text,
            related=related,
            detail=detail,
        )
    yield from foreign_hits(codebase, query, "decorators")


@kind(
    "defines",
    summary="definitions by name, symbol or dotted name; `class X`, `def x`, `async x` narrow it",
    example="defines: class *Error, def preprocess*, async *, Whisper.decode",
)
def defines(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every definition whose name fits; its whole lines, text is the header."""
    for path, item in codebase.all_definitions():
        if query.matches(*definition_names(codebase, path, item)):
            detail = {"kind": item.kind, "docstring": item.docstring.split("\n\n")[0]}
            yield hit_at(
                codebase,
                path,
                (item.start, item.end),
                symbol=item.symbol,
                name=item.symbol,
                text=header(codebase, path, item),
                detail={**detail, "head": f"{item.head_start}-{item.head_end}"},
            )
    yield from foreign_hits(codebase, query, "defines")


def header(codebase: Codebase, path: str, item: Definition) -> str:
    """The `def` or `class` header as it stands in the source, on one line, cut at 240 characters."""
    lines = codebase.snapshot.by_path[path].lines[item.head_start - 1 : item.head_end]
    if codebase.facts[path].language == "notebook" or not lines:
        return f"{item.kind} {item.symbol}({', '.join(item.parameters or item.bases)})"
    text = " ".join(line.strip() for line in lines)
    return _before_colon(text.replace("( ", "(").replace(", )", ")").replace(" )", ")"))


def _before_colon(text: str) -> str:
    """A header without its colon and what stands behind it."""
    depth = 0
    for position, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if letter == ":" and depth == 0:
            return text[:position][:240]
    return text[:240]


def definition_names(codebase: Codebase, path: str, item: Definition) -> tuple[str, ...]:
    """Every spelling by which a query can mean a definition: name, symbol, dotted name, each also after its keyword."""
    module = codebase.facts[path].module
    plain = dict.fromkeys((item.name, item.symbol, f"{module}.{item.symbol}"))
    words = ["class"] if item.kind == "class" else ["def"]
    words += ["async", "async def"] if item.is_async else []
    return (*plain, *(f"{word} {name}" for word in words for name in plain))
