"""Calls in words: how functions, callers, call sites and the circumstances of a call are written in a sentence."""

from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Guard
from retrieval.census.meaning.hooks import GIVING
from retrieval.census.meaning.values import ClassRef, FunctionRef
from retrieval.census.models.families import CONSTRUCTING
from retrieval.facts import Definition

if TYPE_CHECKING:
    from retrieval.census.meaning.callgraph import Site, Target
    from retrieval.census.meaning.frame import Frame

MOST_NAMED = 4  # alternatives beyond which a sentence names the variable instead


def label(target: "Target") -> str:
    """`load_model()`, `Whisper.decode()`, or a class name."""
    return target.definition.symbol if isinstance(target, ClassRef) else title(target.definition)


def spoken(site: "Site") -> str:
    """The label of what a site calls, to stand between backticks; alternatives as "A`, `B` or `C".

    The name as written when subclasses have their own version of it, when there are many alternatives, and of
    a library's method that runs what it is given.
    """
    if site.overridden or site.how == GIVING or len(site.others) >= MOST_NAMED:
        return f"{site.step.written}()"
    return either([label(target) for target in site.targets])[1:-1]


def either(names: list[str]) -> str:
    """ "`A`, `B` or `C`", each name once."""
    quoted = [f"`{name}`" for name in dict.fromkeys(names)]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)


def title(definition: Definition) -> str:
    """How a function is written in a sentence: `cli()`, `Whisper.decode()`, and inner functions by their own name."""
    if definition.kind in ("module", "script", "example"):
        return definition.name
    inner = definition.kind == "function"
    return f"{definition.name if inner else definition.symbol}()"


def caller(frame: "Frame") -> str:
    """The body as the subject of a sentence: "`cli()`", or "the script train.py" for a top level."""
    if frame.definition is None:
        return f"the script {frame.path}"
    if frame.definition.kind == "example":
        return f"the example in {frame.path}"
    if frame.definition.kind == "class":
        return f"the body of class `{frame.symbol}`"
    return f"`{title(frame.definition)}`"


def action(site: "Site", caller_path: str) -> str:
    """What a site does, as the predicate of a sentence: "calls `load_model()`", "constructs `Whisper`"."""
    target, written = site.target, site.step.written
    place = f" ({target.path})" if target.path != caller_path else ""
    if site.how == GIVING:
        named = _listed(tuple(label(member) for member in site.targets))
        return f"calls `{written}()`, whose library runs what it is given by its {named}"
    if site.base:
        named = either([label(member) for member in site.targets]).replace(" or ", " and ")
        return f"calls `{written}()` of the base class `{site.base}`, which runs what the class overrides: {named}"
    if site.handed:
        return _handed(site, place)
    if site.registry:
        told = _listed(tuple(map(label, site.targets)))
        if site.how == "configured":
            return f"makes what configuration names with `{written}(…)`: {told}"
        return f"calls `{written}(…)`, which is {told} as registered"
    if site.others or not site.sure:
        return _alternatives(site) if site.sure else _possible(site)
    if isinstance(target, ClassRef):
        how = f" with `{written}()`" if written.rpartition(".")[2] in CONSTRUCTING else ""
        return f"constructs `{label(target)}`{place}{how}"
    return _calls(site, target, place)


def _handed(site: "Site", place: str) -> str:
    target, written = site.target, site.step.written
    if target.definition.kind == "module":
        return f"imports `{target.path}`, whose top level runs"
    if site.how == "starts":
        return f"starts {either([label(member) for member in site.targets])} in another process, with `{written}()`"
    if any(guard.kind == "event" for guard in site.step.guards):
        return f"runs {_listed(tuple(label(member) for member in site.targets))}{place}"
    if site.how == "serves":
        return f"serves {_listed(tuple(label(member) for member in site.targets))} with `{written}()`"
    if site.how == "asks":
        return f"sends a request with `{written}()` that `{label(target)}`{place} handles"
    if last := site.step.chained:
        first = written.partition("(")[0]
        return f"passes `{label(target)}`{place} to `{first}(…).{last}()`, to run after what was given before it"
    return f"passes `{label(target)}`{place} to `{written}()`"


def _calls(site: "Site", target: FunctionRef, place: str) -> str:
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


def _possible(site: "Site") -> str:
    named = either([label(target) for target in site.targets])
    return f"calls `{site.step.written}(…)`, which runs {named} on the objects whose class is known"


def _alternatives(site: "Site") -> str:
    built = all(isinstance(target, ClassRef) for target in site.targets)
    runs = site.called is not None or any(isinstance(t, FunctionRef) and t.receiver for t in site.targets)
    call = f"{'constructs' if built else 'calls'} `{site.step.written}(…)`"
    return f"{call}, which {'runs' if runs else 'is'} {either([label(target) for target in site.targets])}"


def _overrides(site: "Site") -> str:
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
