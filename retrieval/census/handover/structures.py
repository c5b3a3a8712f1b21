"""Kinds `structures` and `interfaces`: the record types that carry data, and what packages offer."""

import ast
import textwrap
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.class_fields import Field, class_fields
from retrieval.census.meaning.program import Program, program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.values import ClassRef
from retrieval.census.meaning.wording import summary
from retrieval.census.project.exports import Export, exports, packages, top_packages
from retrieval.facts import Call, CensusHit, Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

FIELDS = 14
_DECORATED = {
    "dataclass": "dataclass",
    "attrs": "attrs class",
    "define": "attrs class",
    "frozen": "attrs class",
    "attr.s": "attrs class",
}
_BASES = {
    "NamedTuple": "NamedTuple",
    "TypedDict": "TypedDict",
    "BaseModel": "pydantic model",
    "BaseSettings": "pydantic settings",
    "SQLModel": "SQLModel",
    "Struct": "msgspec struct",
    "ModelOutput": "transformers ModelOutput",
    "BaseOutput": "diffusers output",
}
_HOMES = {
    "NamedTuple": "typing",
    "TypedDict": "typing",
    "BaseModel": "pydantic",
    "BaseSettings": "pydantic",
    "SQLModel": "sqlmodel",
    "Struct": "msgspec",
    "ModelOutput": "transformers",
    "BaseOutput": "diffusers",
}
_CALLED = frozenset({"namedtuple", "make_dataclass", "TypedDict", "NamedTuple"})
_ENUMS = frozenset({"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"})


@kind(
    "structures",
    summary="dataclasses, named tuples, typed dicts, pydantic models and enums with their fields",
    example="structures",
    reads="python",
    ordered=True,
)
def structures(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Record types, those constructed and annotated most first. Patterns match their names."""
    program = program_of(codebase)
    uses = _uses(codebase)
    found: list[tuple[int, CensusHit]] = []
    records = [
        (path, item, what)
        for path, item in codebase.all_definitions()
        if item.kind == "class" and (what := record_of(codebase, path, item))
    ]
    named = Counter(item.name for _, item, _ in records)
    for path, definition, what in records:
        hit = _record(codebase, program, (path, definition), what)
        inner = "." in definition.symbol or named[definition.name] > 1  # its bare name may mean another
        found.append((uses[definition.name] // (named[definition.name] + 9 * inner), hit))
    for path, call in codebase.all_calls():
        if call.assigned and call.name.rpartition(".")[2] in _CALLED:
            found.append((uses[call.assigned[0]], _tuple(codebase, path, call)))

    def importance(item: tuple[int, CensusHit]) -> tuple[bool, bool, int, str, int]:
        count, hit = item
        return hit.role != "source", hit.detail["type"] in _ENUMS, -count, hit.path, hit.start

    for _, hit in sorted(found, key=importance):
        if query.matches(hit.name, hit.symbol):
            yield hit


def _uses(codebase: "Codebase") -> Counter[str]:
    """How often each bare name is called, imported, or written in a signature."""
    counts: Counter[str] = Counter()
    for facts in codebase.facts.values():
        counts.update(call.name.rpartition(".")[2] for call in facts.calls)
        counts.update(item.name for item in facts.imports if item.name)
        for definition in facts.definitions:
            for written in (*definition.parameters, definition.returns):
                counts.update(set(_identifiers(written)))
    return counts


def _identifiers(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c == "_" else " " for c in text).split()


@once
def record_of(codebase: "Codebase", path: str, definition: Definition) -> str:
    """Which kind of record a class is, "" for an ordinary class."""
    for decorator in definition.decorators:
        last = decorator.rpartition(".")[2]
        if last == "dataclass" or decorator.startswith(("attr.", "attrs.")):
            return _DECORATED.get(decorator) or _DECORATED.get(last, "")
    for base in codebase.bases(path, definition):
        first, last = base.partition(".")[0], base.rpartition(".")[2]
        if first == "enum" and last in _ENUMS:
            return last
        home = _HOMES.get(last)
        if home and (first.startswith(home) or first == "typing_extensions"):
            return _BASES[last]
    return ""


def fields_told(fields: list[Field], name: str, most: int = FIELDS) -> str:
    """Names of fields, those that class `name` declares first, then "from `Base` also `a`, `b`" for each base."""
    owners = dict.fromkeys([name, *reversed([field.owner for field in fields])])
    told = {owner: [f"`{field.name}`" for field in fields if field.owner == owner] for owner in owners}
    parts, left = [], most
    for owner, names in told.items():
        lead = f"from `{owner}` also " if owner != name and parts else f"from `{owner}` " if owner != name else ""
        parts += [f"{lead}{listed(names, max(left, 1))}"] if names else []
        left -= len(names)
    return "; ".join(parts)


def _fields(program: Program, path: str, definition: Definition) -> list[str]:
    """The fields as written, without their default values; members of an enum with theirs."""
    body = program.body(path, definition)
    found = []
    for binding in body.bindings if body else ():
        if binding.annotation:
            found.append(one_line(f"{binding.name}: {binding.annotation}", 60))
        elif binding.value is not None and body and "." not in binding.name:
            found.append(one_line(f"{binding.name} = {body.tree.text(binding.value)}", 40))
    return found


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:FIELDS])
    return shown if len(names) <= FIELDS else f"{shown} and {len(names) - FIELDS} more"


def _record(codebase: "Codebase", program: Program, place: tuple[str, Definition], what: str) -> CensusHit:
    path, definition = place
    fields = _fields(program, path, definition)
    word = "members" if what in _ENUMS else "fields"
    text = f"{what} `{definition.symbol}`"
    text += f" with {word} {_listed(fields)}" if fields else " without fields of its own"
    above = [field for field in class_fields(codebase, path, definition) if field.owner != definition.name]
    text += f", {fields_told(above, definition.name)}" if above and what not in _ENUMS else ""
    about = summary(definition)
    return hit_at(
        codebase,
        path,
        (definition.start, definition.end),
        symbol=definition.symbol,
        name=definition.name,
        text=text[0].upper() + text[1:],
        detail={"type": what, "fields": str(len(fields))} | ({"about": about} if about else {}),
    )


def _tuple(codebase: "Codebase", path: str, call: Call) -> CensusHit:
    what = call.name.rpartition(".")[2]
    fields = _given_fields(codebase, path, call)
    given = one_line(", ".join(call.arguments), 160)
    text = f"`{call.assigned[0]}` is made by `{what}({given})`"
    if fields:
        text = f"{what} `{call.assigned[0]}` with {'keys' if what == 'TypedDict' else 'fields'} {_listed(fields)}"
    return hit_at(
        codebase,
        path,
        (call.start, call.end),
        symbol=call.symbol,
        name=call.assigned[0],
        text=text[0].upper() + text[1:],
        detail={"type": what},
    )


def _given_fields(codebase: "Codebase", path: str, call: Call) -> list[str]:
    """The fields that a call of `namedtuple` or `TypedDict` lists, as written."""
    lines = codebase.snapshot.by_path[path].lines[call.start - 1 : call.end]
    try:
        tree = ast.parse(textwrap.dedent("\n".join(lines)))
    except (SyntaxError, ValueError):
        return []
    made = next((node for node in ast.walk(tree) if isinstance(node, ast.Call) and len(node.args) > 1), None)
    listed = made.args[1] if made is not None else None
    if isinstance(listed, ast.Dict):
        pairs = zip(listed.keys, listed.values, strict=True)
        return [f"{key.value}: {ast.unparse(value)}"[:60] for key, value in pairs if isinstance(key, ast.Constant)]
    if isinstance(listed, ast.List | ast.Tuple):
        return [ast.unparse(item).strip("'\"()").replace("', ", ": ")[:60] for item in listed.elts]
    text = listed.value if isinstance(listed, ast.Constant) else None
    return text.replace(",", " ").split() if isinstance(text, str) else []


@kind(
    "interfaces",
    summary="functions and classes that packages export, with their signatures",
    example="interfaces",
    reads="python",
    ordered=True,
)
def interfaces(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """What packages offer, outermost packages first. Patterns match the exported names."""
    program = program_of(codebase)
    top = top_packages(program)
    rest = [path for path in packages(program) if path not in top]
    seen: set[tuple[str, str]] = set()
    for path in [*top, *rest]:
        for export in exports(program, path):
            key = (export.value.path, export.value.definition.symbol)
            if key not in seen and query.matches(export.name):
                seen.add(key)
                yield _offer(codebase, program, export)


def _offer(codebase: "Codebase", program: Program, export: Export) -> CensusHit:
    value, definition = export.value, export.value.definition
    package = program.facts[export.path].module or export.path
    if isinstance(value, ClassRef):
        init = program.method(value, "__init__")
        parameters = init[1].parameters[1:] if init else ()
        signature = f"{export.name}({', '.join(parameters)})" if init else export.name
        what = "class"
    else:
        returns = f" -> {definition.returns}" if definition.returns else ""
        signature = f"{export.name}({', '.join(definition.parameters)}){returns}"
        what = "function"
    text = f"`{package}` offers the {what} `{one_line(signature, 240)}`"
    about = summary(definition)
    return hit_at(
        codebase,
        value.path,
        (definition.head_start, definition.head_end),
        symbol=definition.symbol,
        name=export.name,
        text=text,
        related=(("export", export.path, export.line, export.line),),
        detail={"type": what} | ({"about": about} if about else {}),
    )
