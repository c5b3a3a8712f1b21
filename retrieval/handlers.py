"""What an exception handler does and what happens next, judged from the statements themselves.

Knows the actions of a handler, how it ends, where control goes when it falls off its end (the next round of a
loop, the code after the `try`, the end of the function), and which calls the `try` covers. It follows no call.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from retrieval.actions import Action, actions_of, called_name, own_nodes
from retrieval.languages import words
from retrieval.parse import Node
from retrieval.reader import Context, Reader, parts
from retrieval.resume import Place, enclosing_function, enclosing_loop, ending, place_after
from retrieval.retrying import TIMEOUT, Repeated, alternatives, made_up_for, repeats, retried

IMPORT_ERRORS = frozenset(["ImportError", "ModuleNotFoundError"])
HANDLED = words("import_guard retry skip fallback reraise return abort log cleanup swallow")
IMPORTERS = frozenset(["importlib.import_module", "__import__", "importlib.util.find_spec"])
IMPORTS = frozenset(["import_statement", "import_from_statement"])
SUBSTITUTES = ("set", "call", "import", "yield")
SHOWN_CALLS = 4
SHOWN_IMPORTS = 3
MOST_EFFECTS = 4


@dataclass(slots=True)
class Handler:
    """One `except` clause: the clause, its block and the whole `try`."""

    statement: Node
    block: Node | None
    alias: str
    types: list[str]
    actions: list[Action] = field(default_factory=list)

    @property
    def body(self) -> Node | None:
        """The block that the `try` covers."""
        return self.statement.child_by_field_name("body")

    def has(self, *kinds: str) -> bool:
        """Whether the handler does any of these things."""
        return any(action.kind in kinds for action in self.actions)


@dataclass(frozen=True, slots=True)
class Told:
    """What is said of a handler. `what` is one of import_guard, retry, skip, fallback, reraise, return, abort,
    log, cleanup, swallow; `covers` the calls in the `try`, as written; `again` a call that is repeated.
    """

    says: str
    what: str
    covers: tuple[str, ...]
    again: str = ""
    loop: Node | None = None


def told(reader: Reader, handler: Handler, context: Context) -> Told:
    """What a handler does, in words and by kind."""
    block = handler.block
    if block is None:
        return Told("handles it", "swallow", ())
    handler.actions = actions_of(reader, block, context, handler.alias)
    covers = _covered(reader, handler, context)
    if imported := _guarded_imports(reader, handler, context):
        names = ", ".join(f"`{name}`" for name in imported[:SHOWN_IMPORTS])
        return Told(f"only guards the import of {names}: {_listed(handler)}", "import_guard", ())
    end = ending(block, lambda node: called_name(reader, node, context))
    place = place_after(handler.statement) if end == "falls" else Place("round", enclosing_loop(handler.statement))
    waits = bool(handler.types) and all(TIMEOUT.search(name) for name in handler.types)
    again = None if waits else repeats(reader, handler.body, block, context)
    kind = _what(reader, handler, end, place, again, context)
    if end == "continue":
        handler.actions = [action for action in handler.actions if action.kind != "continue" or action.branch]
    said = _listed(handler)
    if again and again.same_call:
        said = f"{said}, so `{again.written}()` is called again"
    if end in ("falls", "continue"):
        said = f"{said}, {_next(reader, handler, place, kind, context)}"
        if said.startswith("goes on, "):
            said = said.removeprefix("goes on, then ")
    loop = place.node if kind == "retry" and place.kind == "round" else None
    return Told(said, kind, covers, again.written if again else "", loop)


def _listed(handler: Handler) -> str:
    """The actions in source order and without repetition."""
    said: dict[str, None] = {}
    verbs: set[tuple[str, bool]] = set()
    effects = 0
    for action in handler.actions:
        if action.kind in ("log", "print") and (action.kind, action.branch) in verbs:
            continue
        verbs.add((action.kind, action.branch))
        effects += action.text.startswith(("sets ", "calls "))
        if effects <= MOST_EFFECTS or not action.text.startswith(("sets ", "calls ")):
            said[f"{action.text} in one branch" if action.branch else action.text] = None
    listed = list(said)
    if not listed:
        return "swallows it" if _is_empty(handler.block) else "goes on"
    return " and ".join(filter(None, (", ".join(listed[:-1]), listed[-1])))


def _is_empty(block: Node | None) -> bool:
    """Whether a handler does nothing at all: `pass`, `...`, `continue` or a bare string."""
    nothing = ("pass_statement", "ellipsis", "string", "continue_statement")
    inside = parts(block) if block is not None else []
    return all(item.type in nothing or all(part.type in nothing for part in parts(item) or [item]) for item in inside)


def _covered(reader: Reader, handler: Handler, context: Context) -> tuple[str, ...]:
    """The calls in the `try` as written; builtins and messages only when there is nothing else."""
    found: dict[str, bool] = {}
    for node in own_nodes(handler.body):
        callee = node.child_by_field_name("function") if node.type == "call" else None
        written = reader.text(callee) if callee is not None else ""
        if written and "(" not in written and "[" not in written:
            found.setdefault(written, bool(called_name(reader, node, context, quiet=True)))
    own = [name for name, matters in found.items() if matters]
    return tuple(own or found)


def shown_calls(covers: tuple[str, ...]) -> str:
    """`a()`, `b()` and 3 more"""
    shown = ", ".join(f"`{name}()`" for name in covers[:SHOWN_CALLS])
    return f"{shown} and {len(covers) - SHOWN_CALLS} more" if len(covers) > SHOWN_CALLS else shown


def _guarded_imports(reader: Reader, handler: Handler, context: Context) -> list[str]:
    """What is imported, when the handler can only concern that: import errors, or a `try` without any call."""
    if handler.body is None:
        return []
    only_imports = bool(handler.types) and all(name in IMPORT_ERRORS for name in handler.types)
    nodes = list(own_nodes(handler.body))
    if not only_imports and any(node.type == "call" for node in nodes):
        return []
    found = [name for node in nodes if node.type in IMPORTS for name in _imported(reader, node)]
    for node in nodes:
        if node.type == "call" and called_name(reader, node, context) in IMPORTERS:
            given = node.child_by_field_name("arguments")
            first = next(iter(parts(given)), None) if given is not None else None
            found.append(reader.text(first).strip("\"'") or "a module")
    return list(dict.fromkeys(found))


def _imported(reader: Reader, node: Node) -> Iterator[str]:
    module = reader.text(node.child_by_field_name("module_name"))
    names = [n for n in node.children_by_field_name("name")]
    plain = [reader.text(n.child_by_field_name("name") if n.type == "aliased_import" else n) for n in names]
    if not module:
        yield from plain
    elif len(plain) == 1 and not module.endswith("."):
        yield f"{module}.{plain[0]}"
    else:
        yield from [module] if module.strip(".") else [module + name for name in plain]


def _what(
    reader: Reader,
    handler: Handler,
    end: str,
    place: Place,
    again: Repeated | None,
    context: Context,
) -> str:
    if end == "raise":
        return "reraise"
    loop = place.node if place.kind == "round" else None
    goes_round = end == "continue" or (end == "falls" and loop is not None)
    if goes_round and loop is not None and retried(reader, handler, loop, context):
        return "retry"
    if again:
        return "retry" if again.same else "fallback"
    if end == "exit":
        return "abort"
    if end == "return":
        return "fallback" if handler.has("returns call") else "return"
    if end == "continue" or (goes_round and not handler.has(*SUBSTITUTES)):
        other = loop is not None and alternatives(reader, handler, loop)
        return "fallback" if other else "skip"
    if handler.has(*SUBSTITUTES):
        return "fallback"
    return _by_what_follows(reader, handler, place) if end == "falls" else _quiet(handler)


def _by_what_follows(reader: Reader, handler: Handler, place: Place) -> str:
    """The kind of a handler that lets control fall through to the code after the `try`."""
    if place.kind == "after" and place.node is not None:
        if place.node.type == "raise_statement":
            return "reraise"
        returned = handler.body is not None and ending(handler.body, lambda _: "") == "return"
        if returned or made_up_for(reader, handler, place.node):
            return "fallback"
    return _quiet(handler)


def _quiet(handler: Handler) -> str:
    """The kind of a handler that neither leaves nor replaces anything."""
    for kind, name in (("log", "log"), ("print", "log"), ("cleanup", "cleanup"), ("report", "log"), ("flag", "log")):
        if handler.has(kind):
            return name
    return "swallow"


def _next(reader: Reader, handler: Handler, place: Place, kind: str, context: Context) -> str:
    """Where control goes after a handler that does not leave: "then …"."""
    if place.kind == "round" and place.node is not None:
        return _round(reader, handler, place.node, kind)
    if place.kind == "after" and place.node is not None:
        return _after(reader, place.node, context)
    function = enclosing_function(handler.statement)
    if function is None:
        return "then goes on"
    return f"then `{reader.text(function.child_by_field_name('name'))}()` ends"


def _round(reader: Reader, handler: Handler, loop: Node, kind: str) -> str:
    if kind == "retry":
        head = reader.line_text(loop).rstrip(":").replace("`", "'")
        return f"then tries again (`{head}`)"
    if loop.type != "for_statement":
        return "then goes on with the next round of the loop"
    target = reader.short(loop.child_by_field_name("left"))
    if alternatives(reader, handler, loop):
        return f"then tries the next `{target}`"
    skips = kind == "skip" and _whole_round(reader, handler, loop)
    return f"then goes on with the next `{target}`" + (" (skips this one)" if skips else "")


def _whole_round(reader: Reader, handler: Handler, loop: Node) -> bool:
    """Whether nothing was done for this item before the `try`: only assignments and messages stand before it."""
    body = loop.child_by_field_name("body")
    before = [item for item in parts(body) if item.end_byte <= handler.statement.start_byte] if body else []
    return handler.statement.parent == body and all(_harmless(reader, item) for item in before)


def _harmless(reader: Reader, item: Node) -> bool:
    if item.type != "expression_statement":
        return item.type in ("pass_statement", *IMPORTS)
    inner = next(iter(parts(item)), None)
    if inner is None or inner.type in ("assignment", "string"):
        return True
    return inner.type == "call" and reader.text(inner).split("(")[0].rpartition(".")[2] in ("print", "info", "debug")


def _after(reader: Reader, node: Node, context: Context) -> str:
    if node.type == "return_statement":
        value = next(iter(parts(node)), None)
        if value is not None and value.type == "call":
            callee = reader.text(value.child_by_field_name("function"))
            return f"then returns `{callee}(…)`" if "(" not in callee else "then returns what follows"
        return f"then returns `{reader.short(value)[:60]}`" if value is not None else "then returns"
    if node.type == "raise_statement":
        value = next(iter(parts(node)), None)
        callee = value.child_by_field_name("function") if value is not None and value.type == "call" else value
        return f"then raises `{reader.name(callee, context)}`" if callee is not None else "then raises"
    if node.type == "if_statement":
        return f"then goes on with `if {reader.short(node.child_by_field_name('condition'))[:60]}`"
    return "then goes on after the `try`"
