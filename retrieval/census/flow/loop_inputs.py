"""What a model gave once before a loop and another run takes in each round: an encoding that many steps decode from.

`image = self.encode_image(x)`, then `while True: self(tokens, image_latent=image)`: the encoder is not run again.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import hit_at
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, own_nodes, units
from retrieval.census.models.families import MODELISH, RUNNING
from retrieval.facts import CensusHit
from retrieval.pyast import dotted, source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_NAMED = 3
_ENCODING = re.compile(
    r"^_?(?:(?:encode|embed)(?:_\w+)?|_?get_(?:\w+_)?(?:features|embeds|embeddings)|forward_(?:image|text|audio|features)"
    r"|extract_\w*(?:feature|embedding|latent)\w*|\w*encoder|\w*embedder)$"
)
_NO_MODEL = re.compile(r"(?i)token|json|base64|b64|url|utf|string|label|codec|msgpack")
_STEPS = RUNNING | {"decode", "logits", "step", "denoise", "inference"}
Loop = ast.For | ast.While | ast.AsyncFor


def loop_inputs(codebase: Codebase) -> Iterator[CensusHit]:
    """One hit per function and encoding, with the call of the loop that takes it."""
    for unit in units(codebase, r"encode|embed|_features|forward_"):
        if codebase.snapshot.by_path[unit.path].role in ("test", "vendored"):
            continue
        handed = dict[str, tuple[Loop, ast.Call]]()
        for node, symbol in unit.functions():
            for name, (loop, call) in _handed(node, [a.arg for a in node.args.args]).items():
                handed[f"{symbol.rpartition('.')[2]}({name})"] = (loop, call)
        for node, symbol in unit.functions():
            yield from _of_function(codebase, unit, (node, symbol), handed)


def _of_function(
    codebase: Codebase, unit: Unit, function: tuple[Function, str], handed: dict[str, tuple[Loop, ast.Call]]
) -> Iterator[CensusHit]:
    node, symbol = function
    made = _encodings(node)
    loops = _handed(node, list(made))
    groups: dict[ast.Call, list[str]] = {}
    for name, (statement, _) in made.items():
        if name in loops and loops[name][0].lineno > statement.lineno and not _inside(loops[name][0], statement):
            groups.setdefault(loops[name][1], []).append(name)
    for call, names in groups.items():
        _, encoding = made[names[0]]
        taken = f"hands {'it' if len(names) == 1 else 'them'} to each round of the loop: `{source_of(call, 80)}`"
        yield _hit(codebase, unit, symbol, (names, encoding, taken))
    for name, (_, encoding) in made.items() if not groups else ():
        for outer in (n for n in own_nodes(node) if isinstance(n, ast.Call)):
            for key in _parameters(outer, name, unit):
                if key in handed:
                    where = f"hands it to `{dotted(outer.func)}()`, where each round of the loop takes it: "
                    yield _hit(codebase, unit, symbol, ([name], encoding, f"{where}`{source_of(handed[key][1], 80)}`"))
                    return


def _hit(codebase: Codebase, unit: Unit, symbol: str, told: tuple[list[str], ast.Call, str]) -> CensusHit:
    names, encoding, taken = told
    what = listed([f"`{name}`" for name in names], MOST_NAMED)
    text = f"`{symbol}()` works {what} out once (`{source_of(encoding, 60)}`) and {taken}"
    return hit_at(codebase, unit.path, unit.lines(encoding), symbol=symbol, name="results", text=text)


def _encodings(node: Function) -> dict[str, tuple[ast.stmt, ast.Call]]:
    """The variables of a function that hold what an encoder gave, or what is made of it, each with its statement."""
    found: dict[str, tuple[ast.stmt, ast.Call]] = {}
    statements = [item for item in own_nodes(node) if isinstance(item, ast.Assign | ast.AnnAssign)]
    for statement in sorted(statements, key=lambda item: item.lineno):
        value = statement.value.value if isinstance(statement.value, ast.Await) else statement.value
        call = value if isinstance(value, ast.Call) and _is_encoding(value) else None
        call = call or (_taken(value, found) if isinstance(value, ast.Call | ast.Subscript | ast.Attribute) else None)
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        for target in targets if call is not None else ():
            for item in target.elts if isinstance(target, ast.Tuple) else [target]:
                if isinstance(item, ast.Name) and item.id != "_" and call is not None:
                    found.setdefault(item.id, (statement, call))
    return found


def _taken(value: ast.expr, known: dict[str, tuple[ast.stmt, ast.Call]]) -> ast.Call | None:
    """The encoding that an expression is made of: `self.project(image)`, `image.last_hidden_state`, `image[:2]`."""
    parts = [*value.args, value.func] if isinstance(value, ast.Call) else [value]
    names = [node.id for part in parts for node in _chain(part)]
    return next((known[name][1] for name in names if name in known), None)


def _chain(node: ast.expr) -> Iterator[ast.Name]:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if isinstance(node, ast.Name):
        yield node


def _is_encoding(call: ast.Call) -> bool:
    parts = dotted(call.func).split(".")
    if len(parts) < 2 or not _ENCODING.search(parts[-1]) or any(map(_NO_MODEL.search, parts)):
        return False
    return parts[0] == "self" or any(MODELISH.search(part.lower()) for part in parts[:-1])


def _handed(node: Function, names: list[str]) -> dict[str, tuple[Loop, ast.Call]]:
    """The names that a run of a model inside a loop of the function takes and that the loop does not set anew."""
    found: dict[str, tuple[Loop, ast.Call]] = {}
    owners = {dotted(call.func).rpartition(".")[0] for _, call in _encodings(node).values()} - {"self", ""}
    for loop in (item for item in own_nodes(node) if isinstance(item, Loop)) if names else ():
        inner = [n for statement in loop.body for n in ast.walk(statement)]
        set_anew = {n.id for n in inner if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        for call in (n for n in inner if isinstance(n, ast.Call) and (_is_run(n) or _owner(n) in owners)):
            given = [*call.args, *(key.value for key in call.keywords)]
            for name in (value.id for value in given if isinstance(value, ast.Name)):
                if name in names and name not in set_anew:
                    found.setdefault(name, (loop, call))
    return found


def _owner(call: ast.Call) -> str:
    return dotted(call.func).rpartition(".")[0] or "-"


def _is_run(call: ast.Call) -> bool:
    """`self(…)`, `self.unet(…)`, `model.decode(…)`: a run of a model by what it is called."""
    parts = dotted(call.func).split(".")
    if parts == ["self"]:
        return True
    if any(map(_NO_MODEL.search, parts)) or _ENCODING.search(parts[-1]):
        return False
    named = any(MODELISH.search(part.lower()) for part in parts) or parts[-1] == "logits"
    return MODELISH.search(parts[-1].lower()) is not None or (len(parts) > 1 and named and parts[-1] in _STEPS)


def _parameters(call: ast.Call, name: str, unit: Unit) -> Iterator[str]:
    """ "method(parameter)" for each function of the file that the call may be and the parameter that gets the name."""
    last = dotted(call.func).rpartition(".")[2]
    for node, symbol in unit.functions():
        if symbol.rpartition(".")[2] != last:
            continue
        plain = [item.arg for item in node.args.args]
        plain = plain[1:] if plain[:1] == ["self"] else plain
        for index, value in enumerate(call.args):
            if isinstance(value, ast.Name) and value.id == name and index < len(plain):
                yield f"{last}({plain[index]})"
        for key in call.keywords:
            if isinstance(key.value, ast.Name) and key.value.id == name and key.arg:
                yield f"{last}({key.arg})"


def _inside(loop: Loop, statement: ast.stmt) -> bool:
    return loop.lineno <= statement.lineno <= (loop.end_lineno or loop.lineno)
