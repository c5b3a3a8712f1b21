"""Options that typer makes of a function's parameters: the real flags, the default, the help text.

`from_formats: list[str] = typer.Option(None, "--from", help="…")` is `--from`; without a flag of its own a parameter
`ocr: bool` is `--ocr/--no-ocr`, and one without a default is an argument.
"""

import ast
import re
from dataclasses import dataclass
from typing import TypeGuard

from retrieval.census.meaning.units import written

_CALL = re.compile(r"(?:^|\.)(Option|Argument)$")


@dataclass(frozen=True, slots=True)
class Declared:
    """What a parameter declares: its flags (none for an argument), type, default ("" when required) and help."""

    name: str
    flags: tuple[str, ...]
    type: str
    default: str
    help: str
    argument: bool

    @property
    def said(self) -> str:
        """`--from` (type list[str]; default None): the help text."""
        told = [f"type {self.type}"] if self.type else []
        told += [f"default {self.default}"] if self.default else ["required"]
        name = f"{self.name.upper()}`, an argument," if self.argument else f"{', '.join(self.flags)}`"
        return f"`{name} ({'; '.join(told)})" + (f": {self.help}" if self.help else "")


def declared(parameter: str, *, dashed: bool = True) -> Declared | None:
    """What typer makes of a parameter as written, without `dashed` fire; None where Python cannot read it (cut off)."""
    try:
        body = ast.parse(f"def f({parameter}): pass").body[0]
    except (SyntaxError, ValueError, RecursionError):
        return None
    if not isinstance(body, ast.FunctionDef) or not body.args.args:
        return None
    argument, given = body.args.args[0], body.args.defaults
    kind, call = _annotated(argument.annotation)
    value = given[0] if given else None
    inside = call is None
    if inside and _is_declaration(value):
        call = value
    default = _default(call, inside) if value is call else value
    name = argument.arg
    is_argument = (call is None and default is None) or (call is not None and written(call.func).endswith("Argument"))
    is_argument = is_argument and dashed
    flags = () if is_argument else _flags(call, name, kind) if dashed else (f"--{name}",)
    shown = "" if default is None or written(default) in ("...", "Ellipsis") else written(default)
    return Declared(name, flags, kind, shown, _help(call), is_argument)


def _is_declaration(node: ast.expr | None) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and bool(_CALL.search(written(node.func)))


def _annotated(node: ast.expr | None) -> tuple[str, ast.Call | None]:
    """The type, and the declaration in `Annotated[type, typer.Option(…)]`."""
    if isinstance(node, ast.Subscript) and written(node.value).endswith("Annotated"):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        calls = [part for part in parts[1:] if _is_declaration(part)]
        return written(parts[0]), calls[0] if calls else None
    return (written(node) if node is not None else ""), None


def _default(call: ast.expr | None, inside: bool) -> ast.expr | None:
    """The first argument of a declaration that stands as the default itself."""
    if not isinstance(call, ast.Call) or not inside:
        return None
    named = next((k.value for k in call.keywords if k.arg in ("default", "default_factory")), None)
    return named or (call.args[0] if call.args else None)


def _flags(call: ast.expr | None, name: str, kind: str) -> tuple[str, ...]:
    given = call.args if isinstance(call, ast.Call) else []
    texts = [arg.value for arg in given if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
    own = tuple(text for text in texts if text.startswith("-"))
    flag = f"--{name.strip('_').replace('_', '-')}"
    return own or ((f"{flag}/--no-{flag[2:]}",) if kind == "bool" else (flag,))


def _help(call: ast.expr | None) -> str:
    """The help text as far as it is written; what is put in is shown as `{…}`."""
    found = next((k.value for k in call.keywords if k.arg == "help"), None) if isinstance(call, ast.Call) else None
    if found is None:
        return ""
    if isinstance(found, ast.Constant):
        return " ".join(str(found.value).split())
    if isinstance(found, ast.JoinedStr):
        return " ".join("".join(str(p.value) if isinstance(p, ast.Constant) else "{…}" for p in found.values).split())
    return ""
