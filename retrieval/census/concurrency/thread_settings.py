"""Kind `thread_settings`: how many threads and worker processes the code uses, and where that is set.

Calls of libraries, environment variables, keyword arguments, parameters and options with their defaults, decorators
that make loops parallel, and lines of configuration files and scripts. Starting threads is not told here.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted
from retrieval.census.meaning.units import Function, Unit, only_if, quoted, units
from retrieval.facts import CensusHit
from retrieval.languages import CONFIG_LANGUAGES
from retrieval.pyast import dotted, source_of
from retrieval.snapshot import SourceFile

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Setting = tuple[str, ast.AST, str]  # name, node, text without the place

LONGEST_LINE = 1_000
RELATED = 12
_VARIABLE = re.compile(
    r"\b(?:[A-Z][A-Z0-9_]*_NUM_(?:INTEROP_)?THREADS|[A-Z]+_THREAD(?:S|_LIMIT|ING_LAYER)|TOKENIZERS_PARALLELISM|KMP_\w+"
    r"|OMP_\w+|MKL_(?:DYNAMIC|SERVICE\w*)|RAYON_NUM_THREADS|XLA_CPU_MULTI_THREAD\w*)\b"
)
_CALL = re.compile(
    r"(?:^|\.)(?:set_num_threads|set_num_interop_threads|get_num_threads|get_num_interop_threads|setNumThreads|threadpool_limits"
    r"|set_intra_op_parallelism_threads|set_inter_op_parallelism_threads|set_num_workers|ThreadPoolExecutor"
    r"|ProcessPoolExecutor|ThreadPool|cpu_count)$"
)
_NAME = re.compile(
    r"^-{0,2}(?:num|n|max|nb|intra[-_]op|inter[-_]op)?[-_]?(?:op[-_]?)?(?:num[-_])?(?:threads?|workers?|jobs|procs|processes)"
    r"(?:[-_](?:batch|num|count))?$|^(?:intra|inter)_op_\w*threads$|^cpu_threads$|^prefetch_factor$|^persistent_workers$"
)
_PARALLEL = re.compile(r"(?:^|\.)(?:jit|njit|guvectorize|vectorize)$")
_LINE = re.compile(
    r"^\s*(?:export\s+|ENV\s+|-\s*)?[\"']?(?:--)?(?P<name>[\w-]+)[\"']?\s*(?:[:=]|\s)\s*[\"']?(?P<value>\d+|true|false)\b",
    re.IGNORECASE,
)
_NEEDS = r"(?i)thread|worker|prange|n_jobs|njit|\bjit\b|num_proc|cpu_count|OMP_|KMP_|PARALLELISM|prefetch_factor"


@kind(
    "thread_settings",
    summary="numbers of threads and workers: set_num_threads, *_NUM_THREADS, num_workers, numba; with defaults",
    example="thread_settings, or thread_settings: *num_workers*",
    reads="text",
)
def thread_settings(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per place; patterns match the name of the call, variable, parameter or option."""
    for unit in units(codebase, _NEEDS):
        for name, node, text in _settings(unit):
            if not query.matches(name, name.lstrip("-").replace("-", "_")):
                continue
            symbol = unit.symbol_of(node) if isinstance(node, Function) else unit.symbols.get(node, "")
            lines = unit.lines(node)
            if isinstance(node, Function):
                lines = (min([lines[0], *(unit.row(d.lineno) for d in node.decorator_list)]), lines[0])
            place = f" (in `{symbol}`)" if symbol and not isinstance(node, Function | ast.arg) else ""
            yield hit_at(
                codebase, unit.path, lines, symbol=symbol, name=name, text=text + place + _condition(unit, node)
            )
    yield from _files(codebase, query)


def _condition(unit: Unit, node: ast.AST) -> str:
    """ " — only if `threads > 0`", "" for what stands under no condition of its function."""
    found: list[str] = []
    around = unit.parents.get(node)
    while around is not None and not isinstance(around, Function | ast.ClassDef):
        if isinstance(around, ast.If) and node in around.body:
            found.append(quoted(around.test, 80))
        node, around = around, unit.parents.get(around)
    return f" —{only_if(found[::-1])}" if found else ""


def _settings(unit: Unit) -> Iterator[Setting]:
    for node in unit.nodes:
        if isinstance(node, ast.Call):
            yield from _call(node)
        elif isinstance(node, Function):
            yield from _parameters(unit, node)
            yield from _decorators(unit, node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            yield from _assignment(node)
        elif (
            isinstance(node, ast.For) and isinstance(node.iter, ast.Call) and dotted(node.iter.func).endswith("prange")
        ):
            yield (
                "prange",
                node.iter,
                f"the loop `for {source_of(node.target)} in {source_of(node.iter)}` runs in parallel",
            )


def _call(node: ast.Call) -> Iterator[Setting]:
    name = dotted(node.func)
    told = [k for k in node.keywords if k.arg and _NAME.match(k.arg)]
    if _CALL.search(name):
        yield name, node, f"`{source_of(node, 100)}` is called"
    elif name.endswith("add_argument") or name in ("click.option", "typer.Option"):
        yield from _option(node)
    else:
        for keyword in told:
            yield (
                str(keyword.arg),
                keyword.value,
                f"`{name or 'a call'}()` is given `{keyword.arg}={source_of(keyword.value, 60)}`",
            )
    first = node.args[0] if node.args else None
    if isinstance(first, ast.Constant) and isinstance(first.value, str) and _VARIABLE.fullmatch(first.value):
        yield first.value, node, f"the environment variable `{first.value}` is used: `{source_of(node, 100)}`"


def _option(node: ast.Call) -> Iterator[Setting]:
    flags = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    flag = next((flag for flag in flags if _NAME.match(flag)), "")
    if not flag:
        return
    given = {k.arg: k.value for k in node.keywords if k.arg}
    default = f"default `{source_of(given['default'], 60)}`" if "default" in given else "no default"
    told = given.get("help")
    words = f", help “{told.value}”" if isinstance(told, ast.Constant) else ""
    yield flag, node, f"the option `{flag}` has {default}{words}"


def _parameters(unit: Unit, node: Function) -> Iterator[Setting]:
    listed = [*node.args.posonlyargs, *node.args.args]
    pairs = list(zip(listed[len(listed) - len(node.args.defaults) :], node.args.defaults, strict=True))
    pairs += [(a, d) for a, d in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True) if d is not None]
    for parameter, default in pairs:
        if _NAME.match(parameter.arg):
            text = f"the parameter `{parameter.arg}` of `{unit.symbol_of(node)}` defaults to `{source_of(default, 60)}`"
            yield parameter.arg, parameter, text


def _decorators(unit: Unit, node: Function) -> Iterator[Setting]:
    for mark in node.decorator_list:
        name = dotted(mark.func if isinstance(mark, ast.Call) else mark)
        if not _PARALLEL.search(name) or name.split(".")[0] in ("torch", "jax", "triton", "tf"):
            continue
        options = {k.arg: source_of(k.value) for k in mark.keywords} if isinstance(mark, ast.Call) else {}
        parallel = options.get("parallel") == "True"
        how = ", which may run on several threads" if parallel else ", without `parallel=True`"
        yield name, node, f"`{unit.symbol_of(node)}` is compiled with `@{source_of(mark, 80)}`{how}"


def _assignment(node: ast.Assign | ast.AnnAssign) -> Iterator[Setting]:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        key = target.slice if isinstance(target, ast.Subscript) else None
        if isinstance(key, ast.Constant) and isinstance(key.value, str) and _VARIABLE.fullmatch(key.value):
            yield key.value, node, f"the environment variable `{key.value}` is set: `{source_of(node, 100)}`"
        elif isinstance(target, ast.Attribute | ast.Name) and node.value is not None:
            name = target.attr if isinstance(target, ast.Attribute) else target.id
            if _NAME.match(name) and not (isinstance(node.value, ast.Name) and node.value.id == name):
                yield name, node, f"`{source_of(node, 100)}` is set"


def _files(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Lines of files that are not Python, one hit for each name and value."""
    found: dict[tuple[str, str, str], list[tuple[str, int, str]]] = {}
    for file in codebase.snapshot.files:
        if file.language in CONFIG_LANGUAGES or file.language in ("shell", "dockerfile", "makefile", "markdown"):
            for name, number, value in _lines(file):
                if query.matches(name, name.lstrip("-").replace("-", "_")):
                    said = " ".join(file.lines[number - 1].rstrip("\\ ").split())[:120].replace("`", "'")
                    found.setdefault((file.role, name, value), []).append((file.path, number, said))
    for (_role, name, _value), places in found.items():
        path, number, said = places[0]
        files = len({place[0] for place in places})
        more = f" and {counted(files - 1, 'more file')}" if files > 1 else ""
        text = f"`{said}` is set in {path}{more}"
        related = tuple(("setting", where, line, line) for where, line, _said in places[1:RELATED])
        yield hit_at(codebase, path, (number, number), symbol="", name=name, text=text, related=related)


def _lines(file: SourceFile) -> Iterator[tuple[str, int, str]]:
    for number, line in enumerate(file.lines, 1):
        match = _LINE.match(line[:LONGEST_LINE])
        found = _VARIABLE.search(line[:LONGEST_LINE]) if file.language != "markdown" else None
        if match and (_NAME.match(match["name"].lstrip("-")) or _VARIABLE.fullmatch(match["name"])):
            yield match["name"].lstrip("-"), number, match["value"]
        elif found:
            yield found[0], number, line
