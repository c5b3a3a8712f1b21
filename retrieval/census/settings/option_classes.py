"""Command-line options that libraries make of the fields of a class: tyro, simple-parsing, HfArgumentParser,
jsonargparse, draccus, pyrallis, Tap and pydantic's CliApp.
"""

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.class_fields import Field, class_fields
from retrieval.facts import Call, CensusHit, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_MAKERS = {
    "tyro": re.compile(r"tyro\.(?:cli|extras\.\w+_cli)$"),
    "simple-parsing": re.compile(r"simple_parsing\.(?:parse|parse_known_args)$|\.add_arguments$"),
    "HfArgumentParser": re.compile(r"(?:^|\.)HfArgumentParser$"),
    "jsonargparse": re.compile(
        r"jsonargparse\.(?:CLI|auto_cli|ArgumentParser)$|\.add_(?:class|dataclass|subclass)_arguments$"
    ),
    "pyrallis": re.compile(r"(?:pyrallis|draccus)\.parse$"),
    "pydantic-settings": re.compile(r"pydantic_settings\.CliApp\.run$|(?:^|\.)CliApp\.run$"),
    "datargs": re.compile(r"(?:datargs|argparse_dataclass)\.\w*parse\w*$"),
}
_DASHED = frozenset(["tyro"])
_WRAPPED = re.compile(r"(?:pyrallis|draccus)\.wrap$")
_NAME = re.compile(r"[A-Za-z_][\w.]*")


def options_of_classes(codebase: "Codebase") -> Iterator[CensusHit]:
    """One hit per field of a class whose fields a library turns into options, with where they are parsed."""
    seen: set[tuple[str, str]] = set()
    for library, path, lines, found in _classes(codebase):
        if (found[0], found[1].symbol) in seen:
            continue
        seen.add((found[0], found[1].symbol))
        for field in class_fields(codebase, *found):
            yield _option(codebase, field, library, (path, lines))


def _classes(codebase: "Codebase") -> Iterator[tuple[str, str, tuple[int, int], tuple[str, Definition]]]:
    """Library, path and lines of the place that parses, and the class."""
    for path, call in codebase.all_calls():
        library = next((name for name, rule in _MAKERS.items() if rule.search(call.name)), "")
        for name in _given(call) if library else ():
            found = codebase.resolve_local(path, name) or codebase.class_of(path, name)
            if found is not None and found[1].kind == "class":
                yield library, path, (call.start, call.end), found
    for path, item in codebase.subclasses(lambda base: base in ("tap.Tap", "tap.tap.Tap", "tap.TypedArgs")):
        yield "tap", path, (item.head_start, item.head_end), (path, item)
    for path, item in codebase.all_definitions():
        if any(map(_WRAPPED.search, item.decorators)):
            for parameter in item.parameters[:1]:
                found = codebase.class_of(path, parameter.partition(":")[2].partition("=")[0].strip())
                if found is not None:
                    yield "pyrallis", path, (item.start, item.head_end), found


def _given(call: Call) -> Iterator[str]:
    """The names of classes among the arguments of a call, also in a tuple or a list."""
    wanted = {"config_class", "dataclass_types", "dataclass", "cls"}
    for argument in (*call.arguments, *(value for key, value in call.keywords if key in wanted)):
        try:
            tree = ast.parse(argument, mode="eval").body
        except (SyntaxError, ValueError):
            continue
        parts = tree.elts if isinstance(tree, ast.Tuple | ast.List) else [tree]
        yield from (ast.unparse(part) for part in parts if _NAME.fullmatch(ast.unparse(part)))


def _option(codebase: "Codebase", field: Field, library: str, parsed: tuple[str, tuple[int, int]]) -> CensusHit:
    name = field.name.replace("_", "-") if library in _DASHED else field.name
    flags = [f"--{name}", *(alias if alias.startswith("-") else f"--{alias}" for alias in field.aliases)]
    told = [f"type {field.type}", f"default {field.default}" if field.default else "required"]
    help_ = f": {field.help}" if field.help else ""
    text = f"`{', '.join(flags)}` ({'; '.join(told)}){help_}"
    return hit_at(
        codebase,
        field.path,
        (field.line, field.end),
        symbol=field.owner,
        name=flags[0],
        text=text,
        related=(("parsed", parsed[0], *parsed[1]),),
        detail={
            "flags": ", ".join(flags),
            "library": library,
            "default": field.default,
            "help": field.help,
            "about": "repository",
        },
    )
