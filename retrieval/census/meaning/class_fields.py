"""The fields that a class body declares with types and defaults, of its bases in the repository too.

Dataclasses, pydantic models, named argument classes. What a field is for is told by `help=`, `description=`, an
annotation's text, the comment behind it, the comment above it, or the string below it.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.meaning.units import units, written
from retrieval.facts import Definition

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_FIELD = frozenset(["field", "Field", "arg", "ArgSpec", "Argument", "Option", "ib", "attrib"])
_TELLING = ("help", "description", "doc")
_BEHIND = re.compile(r"\s#+\s*(\S.*)$")
_RULER = re.compile(r"[#=\-*\s]+")
DEEPEST, LONGEST = 4, 160


@dataclass(frozen=True, slots=True)
class Field:
    """One declared field: its line in `path`, its type and default as written ("" without), what is told of it."""

    name: str
    path: str
    line: int
    end: int
    owner: str
    type: str
    default: str
    help: str
    aliases: tuple[str, ...] = ()


def class_node(codebase: "Codebase", path: str, item: Definition) -> ast.ClassDef | None:
    """The syntax tree of a class of the repository."""
    for unit in units(codebase, rf"\bclass\s+{re.escape(item.name)}\b", path=path):
        for node in unit.nodes:
            if isinstance(node, ast.ClassDef) and node.name == item.name and unit.row(node.lineno) == item.head_start:
                return node
    return None


def class_fields(codebase: "Codebase", path: str, item: Definition, depth: int = DEEPEST) -> list[Field]:
    """Every field of a class, those of its bases first; a field declared again counts once, as the last says."""
    found: dict[str, Field] = {}
    for base in item.bases if depth else ():
        owner = codebase.class_of(path, base)
        if owner is not None and owner[1] is not item:
            found |= {field.name: field for field in class_fields(codebase, *owner, depth - 1)}
    node = class_node(codebase, path, item)
    if node is not None:
        lines = codebase.snapshot.by_path[path].lines
        found |= {field.name: field for field in _declared(path, item.name, node, lines)}
    return list(found.values())


def _declared(path: str, owner: str, node: ast.ClassDef, lines: tuple[str, ...]) -> Iterator[Field]:
    for position, part in enumerate(node.body):
        if not isinstance(part, ast.AnnAssign) or not isinstance(part.target, ast.Name):
            continue
        if part.target.id.startswith("_") or "ClassVar" in written(part.annotation):
            continue
        below = node.body[position + 1] if position + 1 < len(node.body) else None
        told = _told(part) or _commented(lines, part) or _below(below)
        yield Field(
            part.target.id,
            path,
            part.lineno,
            part.end_lineno or part.lineno,
            owner,
            _type(part.annotation),
            _default(part.value),
            _cut(told),
            tuple(_aliases(part)),
        )


def _type(node: ast.expr) -> str:
    """The annotation without what `Annotated` adds."""
    if isinstance(node, ast.Subscript) and written(node.value).endswith("Annotated"):
        first = node.slice.elts[0] if isinstance(node.slice, ast.Tuple) and node.slice.elts else node.slice
        return written(first)
    return written(node)


def _calls(part: ast.AnnAssign) -> Iterator[ast.Call]:
    """The calls in annotation and value that describe the field."""
    for node in (*ast.walk(part.annotation), *(ast.walk(part.value) if part.value else ())):
        if isinstance(node, ast.Call) and written(node.func).rpartition(".")[2] in _FIELD:
            yield node


def _default(value: ast.expr | None) -> str:
    if value is None:
        return ""
    if isinstance(value, ast.Call) and written(value.func).rpartition(".")[2] in _FIELD:
        given = {keyword.arg: keyword.value for keyword in value.keywords}
        chosen = given.get("default") or given.get("default_factory") or (value.args[0] if value.args else None)
        return "" if chosen is None or written(chosen) == "..." else _cut(written(chosen), 80)
    return _cut(written(value), 80)


def _told(part: ast.AnnAssign) -> str:
    """The text of `help=` or `description=`, also in `metadata`, or a plain text in the annotation."""
    for node in _calls(part):
        for keyword in node.keywords:
            if keyword.arg in _TELLING and (text := _text(keyword.value)):
                return text
            if keyword.arg == "metadata" and isinstance(keyword.value, ast.Dict):
                for key, value in zip(keyword.value.keys, keyword.value.values, strict=True):
                    if key is not None and _text(key) in _TELLING and (text := _text(value)):
                        return text
    annotation = part.annotation
    if isinstance(annotation, ast.Subscript) and written(annotation.value).endswith("Annotated"):
        given = annotation.slice.elts[1:] if isinstance(annotation.slice, ast.Tuple) else []
        return " ".join(filter(None, map(_text, given)))
    return ""


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _commented(lines: tuple[str, ...], part: ast.AnnAssign) -> str:
    """The comment behind the field, else the one directly above it."""
    last = lines[(part.end_lineno or part.lineno) - 1]
    if found := _BEHIND.search(last):
        return found[1]
    above = lines[part.lineno - 2].strip() if part.lineno > 1 else ""
    bare = above.lstrip("# ")
    return bare if above.startswith("#") and not _RULER.fullmatch(above) and not above.endswith("##") else ""


def _below(node: ast.stmt | None) -> str:
    return _text(node.value).strip() if isinstance(node, ast.Expr) else ""


def _aliases(part: ast.AnnAssign) -> Iterator[str]:
    for node in _calls(part):
        for keyword in node.keywords:
            if keyword.arg in ("aliases", "alias"):
                yield from (_text(n) for n in ast.walk(keyword.value) if isinstance(n, ast.Constant) and _text(n))


def _cut(text: str, limit: int = LONGEST) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else flat[:limit].rsplit(" ", 1)[0] + " …"
