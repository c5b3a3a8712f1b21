"""Which repository code each call in a body runs, and how to say so.

A call whose target is not certain is no edge. A call on an object of a repository class that another class
of the repository overrides is an edge with the overriding classes named.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.body import CallStep, Guard
from retrieval.census.results import call_target
from retrieval.census.values import ClassRef, ExternalObject, FunctionRef, Instance, Value
from retrieval.facts import Definition
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.frame import Frame
    from retrieval.census.program import Program

Target = FunctionRef | ClassRef
# Last names of what runs the functions it is given: threads, pools, loops, graphs, interfaces, command lines.
RUNNERS = words(
    """Thread Process Timer submit map starmap imap imap_unordered apply_async apply run_in_executor
    to_thread spawn start_processes create_task ensure_future run_sync start_soon add_task add_node
    add_conditional_edges RunnableLambda Interface ChatInterface click change Fire run main launch
    notebook_launcher add_job from_function partial register_forward_hook scan vmap pmap"""
)


@dataclass(frozen=True, slots=True)
class Site:
    """A call of repository code. `called` is the object when an object itself is called, as in `model(x)`.

    With `handed` the target is not called here but given to something that runs it, such as a thread.
    """

    step: CallStep
    target: Target
    called: Instance | None = None
    overridden: tuple[str, ...] = ()
    abstract: bool = False
    handed: bool = False


def sites(program: "Program", frame: "Frame") -> list[Site]:
    """The calls of repository code in a body, in the order in which they are evaluated."""
    found = []
    for step in frame.body.calls:
        site = _site(program, step, frame.callee(step))
        found.extend([site] if site is not None else _handed(frame, step))
    return found


def _handed(frame: "Frame", step: CallStep) -> list[Site]:
    """Functions given to a thread, a pool, an event or a command-line library that will call them."""
    given = step.node.child_by_field_name("arguments")
    if given is None or step.written.rpartition(".")[2] not in RUNNERS:
        return []
    nodes = [
        child.child_by_field_name("value") if child.type == "keyword_argument" else child
        for child in given.named_children
    ]
    values = [
        frame.value(node, step.order, step.guards)
        for node in nodes
        if node is not None and node.type in ("identifier", "attribute")
    ]
    return [Site(step, value, handed=True) for value in values if isinstance(value, FunctionRef)]


def _site(program: "Program", step: CallStep, value: Value | None) -> Site | None:
    called = value if isinstance(value, Instance) else None
    target = call_target(program, value)
    if isinstance(target, ClassRef):
        return Site(step, target)
    if not isinstance(target, FunctionRef):
        return None
    overriding = _overriding(program, target)
    return Site(step, target, called, overriding, bool(overriding) and _abstract(program, target))


def _abstract(program: "Program", target: FunctionRef) -> bool:
    """Whether the method only says that subclasses must define it."""
    if any(name.endswith("abstractmethod") for name in target.definition.decorators):
        return True
    body = program.body(target.path, target.definition)
    first = body.exits[0] if body and len(body.exits) == 1 else None
    return bool(
        body
        and first
        and first.kind == "raise"
        and not first.guards
        and first.value is not None
        and body.tree.text(first.value).startswith("NotImplementedError")
    )


def _overriding(program: "Program", target: FunctionRef) -> tuple[str, ...]:
    """Subclasses of the receiver that define the method anew, when the object may be one of them."""
    if target.exact or target.receiver is None:
        return ()
    name = target.definition.name
    return tuple(
        cls.definition.symbol
        for cls in program.descendants(target.receiver)
        if program.definition(cls.path, f"{cls.definition.symbol}.{name}")
    )


def entered(program: "Program", target: Target) -> "Frame | None":
    """The body that runs when `target` is called: a class runs its `__init__`."""
    if isinstance(target, FunctionRef):
        return program.frame(target.path, target.definition, _exact_receiver(target))
    found = program.method(target, "__init__") or program.method(target, "__post_init__")
    return program.frame(found[0].path, found[1], target) if found else None


def _exact_receiver(target: FunctionRef) -> ClassRef | None:
    return target.receiver if target.exact else None


def invoked(frame: "Frame", step: CallStep) -> Instance | ExternalObject | None:
    """The object a call is made on or the object called: `model` in `model(x)` and `model.encode(x)`."""
    node = step.node.child_by_field_name("function")
    if node is None:
        return None
    value = frame.value(node, step.order, step.guards)
    if not isinstance(value, Instance | ExternalObject) and node.type == "attribute":
        value = frame.value(node.child_by_field_name("object"), step.order, step.guards)
    return value if isinstance(value, Instance | ExternalObject) else None


def root_object(frame: "Frame", step: CallStep) -> ExternalObject | None:
    """The outside object at the root of a call: `client` in `client.chat.completions.create(…)`."""
    node = step.node.child_by_field_name("function")
    while node is not None and node.type == "attribute":
        node = node.child_by_field_name("object")
        value = frame.value(node, step.order, step.guards)
        if isinstance(value, ExternalObject):
            return value
    return None


# Words


def label(target: Target) -> str:
    """`load_model()`, `Whisper.decode()`, or a class name."""
    return target.definition.symbol if isinstance(target, ClassRef) else title(target.definition)


def spoken(site: Site) -> str:
    """The label of what a site calls, or the name as written when subclasses have their own version of it."""
    return f"{site.step.written}()" if site.overridden else label(site.target)


def title(definition: Definition) -> str:
    """How a function is written in a sentence: `cli()`, `Whisper.decode()`, and inner functions by their own name."""
    inner = definition.kind == "function"
    return f"{definition.name if inner else definition.symbol}()"


def caller(frame: "Frame") -> str:
    """The body as the subject of a sentence: "`cli()`", or "the script train.py" for a top level."""
    if frame.definition is None:
        return f"the script {frame.path}"
    if frame.definition.kind == "class":
        return f"the body of class `{frame.symbol}`"
    return f"`{title(frame.definition)}`"


def action(site: Site, caller_path: str) -> str:
    """What a site does, as the predicate of a sentence: "calls `load_model()`", "constructs `Whisper`"."""
    target = site.target
    place = f" ({target.path})" if target.path != caller_path else ""
    if site.handed:
        return f"passes `{label(target)}`{place} to `{site.step.written}()`"
    if isinstance(target, ClassRef):
        return f"constructs `{label(target)}`{place}"
    written = site.step.written
    if target.definition.kind == "function" and "." in target.definition.symbol:
        return f"calls the inner function `{label(target)}`{place}"
    if site.called is not None:
        said = (
            f"calls the `{site.called.cls.definition.symbol}` object `{written}`, which runs `{label(target)}`{place}"
        )
    elif written.startswith("super()"):
        said = f"calls `{written}()`, which runs `{label(target)}`{place}"
    elif written.rpartition(".")[2] == target.definition.name and _plain(written, target):
        said = f"calls `{label(target)}`{place}"
    else:
        said = f"calls `{written}()`, which runs `{label(target)}`{place}"
    return said + _overrides(site)


def _overrides(site: Site) -> str:
    if not site.overridden:
        return ""
    if site.abstract:
        return f", implemented by {_listed(site.overridden)}"
    return f", or its override in {_listed(site.overridden)}"


def _plain(written: str, target: FunctionRef) -> bool:
    """Whether the written name says no more than the label does."""
    head, _, rest = written.partition(".")
    return not rest or target.owner is None or (head in ("self", "cls") and "." not in rest)


def _listed(names: tuple[str, ...], most: int = 4) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more classes"


def circumstances(guards: tuple[Guard, ...]) -> str:
    """The guards in words, "" without any: " — for each `x in xs`; only if `a` and `b` is false"."""
    parts: list[str] = []
    conditions: list[str] = []
    for guard in guards:
        if guard.kind in ("for", "comprehension"):
            parts.append(f"for each `{guard.text}`")
        elif guard.kind == "while":
            parts.append(f"repeatedly while `{guard.text}`")
        elif guard.kind == "lambda":
            parts.append("inside a `lambda`")
        elif words := _condition(guard):
            conditions.append(words)
    if conditions:
        parts.append("only if " + " and ".join(dict.fromkeys(conditions)))
    for leaving, words in (
        ("return", "unless it returned before"),
        ("continue", "unless the round ended before"),
    ):
        lines = [str(g.line) for g in guards if g.kind == "past" and g.text == leaving]
        if lines:
            parts.append(f"{words}, on line{'s' if len(lines) > 1 else ''} {', '.join(lines)}")
    return " — " + "; ".join(parts) if parts else ""


def _condition(guard: Guard) -> str:
    match guard.kind:
        case "if":
            main = "__main__" in guard.text and "__name__" in guard.text
            return "" if main else f"`{guard.text}`"
        case "else":
            several = "` and `" in guard.text
            return f"`{guard.text}` {'are' if several else 'is'} false"
        case "case":
            return f"`{guard.text}`"
        case "except":
            return f"`{guard.text}` is caught" if guard.text else "an exception is caught"
        case "loop-else":
            return "the loop ends without `break`"
    return ""


def summary(definition: Definition) -> str:
    """The first sentence of a docstring on one line, "" without one or when it is too long to quote."""
    first = definition.docstring.strip().partition("\n\n")[0]
    flat = " ".join(first.replace("`", "'").split())
    sentence = flat.partition(". ")[0].rstrip(".")
    return sentence if 3 < len(sentence) <= 140 else ""


def reached(program: "Program", roots: "list[Frame]", depth: int = 40) -> "Iterator[tuple[Frame, int]]":
    """Every body that runs from `roots` with the calls in between, in order of execution, each once."""
    stack = [(frame, 0) for frame in reversed(roots)]
    seen: set[tuple[str, str]] = set()
    while stack:
        frame, level = stack.pop()
        if (frame.path, frame.symbol) in seen:
            continue
        seen.add((frame.path, frame.symbol))
        yield frame, level
        if level >= depth:
            continue
        inner = [entered(program, site.target) for site in program.sites(frame)]
        stack.extend((found, level + 1) for found in reversed(inner) if found is not None)
