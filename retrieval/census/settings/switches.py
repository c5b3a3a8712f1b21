"""What decides whether a statement runs: its conditions traced to environment variables, options and constants.

For "only if `OFFLOAD`" it finds that `OFFLOAD` is what the environment variable `APP_OFFLOAD` says, with its default.
A condition that depends on none of these is told as it is written.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.body import Guard, one_line
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.spots import Spot
from retrieval.census.meaning.tracing import tracer_of
from retrieval.census.meaning.values import Instance, ModuleRef, alternatives
from retrieval.census.settings.read_variables import read_variable
from retrieval.census.settings.switch import Switch, options_by_name
from retrieval.languages import words
from retrieval.parse import Node, first_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

MOST_STEPS, MOST_NAMED, MOST_CONTROLS, SHOWN = 60, 3, 2, 70
_TELLING = re.compile(r"(?i)offload|memory|vram|low[-_]?|cpu|device|gpu|half|unload|keep|cache|tile")
_PARSED = re.compile(
    r"(?:^|[._])(?:args?|opts?|options?|flags?|cfg|conf|config|hparams?|params?|parsed|settings?)$", re.I
)
_ARGUMENTS = re.compile(r"(?:^|[._])(?:args?|opts?|options?|flags?|parsed)$", re.I)
_PARSING = re.compile(r"(?:^|\.)(?:parse_args|parse_known_args|vars)$")
_LITERALS = words("true false integer float string")
_QUIET = re.compile(r"__name__|is not None$|^not None$|isinstance\(|hasattr\(|len\(")


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition around a statement: as written, whether it must be false, and the switches behind it."""

    text: str
    negated: bool
    switches: tuple[Switch, ...]
    line: int

    @property
    def is_set(self) -> bool:
        """Whether people set it from outside: by the environment or an option."""
        return any(switch.kind in ("environment", "option") for switch in self.switches)

    @property
    def said(self) -> str:
        """ "`OFFLOAD` (environment variable `APP_OFFLOAD`, default False)"."""
        behind = "; ".join(dict.fromkeys(switch.said for switch in self.switches))
        ending = " is false" if self.negated else ""
        return f"`{self.text}`" + ending + (f" ({behind})" if behind else "")


class Switches:
    """Traces the conditions of one codebase; answers are kept."""

    def __init__(self, codebase: "Codebase") -> None:
        self.codebase = codebase
        self.program = program_of(codebase)
        self.tracer = tracer_of(self.program)
        self.options: dict[str, list[Switch]] = {}
        for name, switch in options_by_name(codebase):
            self.options.setdefault(name, []).append(switch)
        facts = codebase.all_facts("env_var")
        self.variables = {(path, fact.start): fact for path, fact in facts if fact.detail.get("mode") == "read"}
        self._known: dict[tuple[object, ...], tuple[Switch, ...]] = {}

    def conditions(self, frame: "Frame", guards: Iterable[Guard]) -> list[Condition]:
        """The conditions of the `if`s around a place, outermost first; tests of `__name__` and the like left out."""
        found = []
        for guard in guards:
            node = condition_of(frame, guard)
            if node is None or _QUIET.search(guard.text):
                continue
            switches = self.behind(Spot(frame, node, guards=()))
            found.append(Condition(one_line(guard.text, SHOWN), guard.kind == "else", switches, guard.line))
        return found

    def behind(self, spot: Spot, stop: Callable[[Spot], bool] | None = None) -> tuple[Switch, ...]:
        """The switches that an expression depends on, nearest first; those that people set before constants.

        The sources of a spot for which `stop` holds are not followed.
        """
        key = (*spot.key, stop)
        if key not in self._known:
            self._known[key] = ()
            self._known[key] = tuple(self._behind(spot, stop))
        return self._known[key]

    def _behind(self, spot: Spot, stop: Callable[[Spot], bool] | None) -> Iterator[Switch]:
        found: dict[tuple[str, str], Switch] = {}
        for node in names_of(spot.node) if stop is None or spot.node.type == "string" else [spot.node]:
            at = Spot(spot.frame, node, spot.order, spot.guards)
            told = [
                switch
                for near in self.tracer.walk(at, computed=True, stop=stop, most=MOST_STEPS)
                for switch in self._told(near)
            ]
            best = [s for s in told if s.kind in ("environment", "option")]
            best = best or [s for s in told if s.name == at.text().rpartition(".")[2]][:1]
            for switch in best[:MOST_NAMED]:
                found.setdefault((switch.kind, switch.name), switch)
        chosen = [s for s in found.values() if s.kind in ("environment", "option")] or list(found.values())
        yield from chosen[:MOST_NAMED]

    def _told(self, spot: Spot) -> Iterator[Switch]:
        frame, node, text = spot.frame, spot.node, spot.text()
        line = first_line(node)
        if node.type in ("call", "subscript"):
            fact = self.variables.get((frame.path, line))
            if fact is not None and ("environ" in text or "getenv" in text) and fact.name in text:
                yield from read_variable(spot, fact)
                return
            key = _literal_key(frame, node)
            if key in self.options and not spot.take:
                yield from self._option(spot, key)
        elif node.type == "attribute":
            owner, _, name = text.rpartition(".")
            if name in self.options and (_PARSED.search(owner) or _is_module(spot, node.child_by_field_name("object"))):
                yield from self._option(spot, name)
        elif node.type in _LITERALS and len(text) <= 40:
            yield from self._constant(frame, node)

    def _option(self, spot: Spot, name: str) -> list[Switch]:
        """The option of that name by the parser that the value comes from.

        That is the parser of a file that the settings object is traced through. What cannot be traced is the only
        option of that name, if it is called as parsed arguments are or asked of a module.
        """
        owner = _owner(spot.node)
        start = Spot(spot.frame, owner or spot.node, spot.order, spot.guards, (), spot.stack)
        way = list(self.tracer.walk(start, computed=False, most=MOST_STEPS))
        asked = owner is None or bool(_ARGUMENTS.search(start.text())) or _is_module(spot, owner)
        if not asked and not any(_is_parsing(at) for at in way):
            return []
        files = {spot.frame.path, *(at.frame.path for at in way)}
        near = [switch for switch in self.options[name] if switch.place[0] in files]
        own = [switch for switch in near if switch.place[0] == spot.frame.path]
        found = own or near or (self.options[name] if asked else [])
        if owner is not None and len({switch.place[0] for switch in found}) > 1:
            found = self._filling(spot, owner, name, found)
        return found[-1:] if len({switch.place[0] for switch in found}) == 1 else []

    def _filling(self, spot: Spot, owner: Node, name: str, found: list[Switch]) -> list[Switch]:
        """The options of those files that make an object of the owner's class with a value of that name."""
        held = alternatives(spot.frame.value(owner, spot.order, spot.guards))
        classes = {value.cls.definition.name for value in held if isinstance(value, Instance)}
        makers = {
            path
            for path, call in (self.codebase.all_calls() if classes else ())
            if call.name.rpartition(".")[2] in classes and name in dict(call.keywords)
        }
        return [switch for switch in found if switch.place[0] in makers]

    def _constant(self, frame: "Frame", node: Node) -> Iterator[Switch]:
        """A literal that a name of a module is bound to, or that a parameter has as its default."""
        above, text = node.parent, frame.body.tree.text
        if above is None:
            return
        if above.type in ("default_parameter", "typed_default_parameter"):
            name = text(above.child_by_field_name("name"))
            yield Switch("parameter", name, text(node), (frame.path, first_line(node)))
        elif above.type == "assignment" and frame.definition is None:
            name = text(above.child_by_field_name("left"))
            if len(self.tracer.holders.globals(frame.path, name)) > 1:
                return  # a function sets it anew
            yield Switch("constant", name, f"{name} = {text(node)}", (frame.path, first_line(node)))


def condition_of(frame: "Frame", guard: Guard) -> Node | None:
    """The expression that a guard tests; None for what is no `if`."""
    if guard.kind not in ("if", "else"):
        return None
    decision = next((d.node for d in frame.body.decisions if d.node.id == guard.key), None)
    if decision is not None and decision.type != "if_statement":
        return decision.named_children[1] if len(decision.named_children) == 3 else None
    arms = [decision, *decision.children_by_field_name("alternative")] if decision is not None else []
    arm = arms[guard.arm] if guard.arm < len(arms) else decision
    if arm is None or decision is None:
        return None
    return arm.child_by_field_name("condition") or decision.child_by_field_name("condition")


def names_of(node: Node) -> list[Node]:
    """The outermost names, attributes, calls and subscripts of a condition."""
    if node.type in ("identifier", "attribute", "subscript"):
        return [node]
    if node.type == "call":
        written = (node.child_by_field_name("function") or node).text or b""
        if written.endswith((b".get", b".pop")) and not _has_literal(node):
            return []  # what a table holds, not a setting
        given = node.child_by_field_name("arguments")
        inner = [found for child in (given.named_children if given else ()) for found in names_of(child)]
        return [node, *inner]
    listed = list(node.named_children)
    if node.type == "comparison_operator" and not any(_is_literal(child) for child in listed):
        return []  # two values compared are no setting that is on or off
    return [found for child in listed for found in names_of(child)]


def _owner(node: Node) -> Node | None:
    """`x` of `x.name`, `x["name"]` and `x.get("name")`; None for a function that is asked by name."""
    node = node.child_by_field_name("function") or node
    return node.child_by_field_name("object") or node.child_by_field_name("value")


def _is_module(spot: Spot, owner: Node | None) -> bool:
    return isinstance(spot.frame.value(owner, spot.order, spot.guards), ModuleRef)


def _is_parsing(spot: Spot) -> bool:
    function = spot.node.child_by_field_name("function") if spot.node.type == "call" else None
    return function is not None and bool(_PARSING.search(spot.frame.body.tree.text(function)))


def _is_literal(node: Node) -> bool:
    """Whether a side of a comparison is written out: a value, or a collection of values."""
    if node.type in ("list", "tuple", "set"):
        return all(map(_is_literal, node.named_children))
    return node.type in (*_LITERALS, "none")


def _has_literal(call: Node) -> bool:
    given = call.child_by_field_name("arguments")
    return given is not None and bool(given.named_children) and given.named_children[0].type == "string"


def _literal_key(frame: "Frame", node: Node) -> str:
    """ "x" of `settings.get("x")`, `get_item("x")` or `settings["x"]`."""
    if node.type == "subscript":
        key = node.child_by_field_name("subscript")
    else:
        given = node.child_by_field_name("arguments")
        listed = given.named_children if given else []
        method = frame.body.tree.text(node.child_by_field_name("function")).rpartition(".")[2]
        key = listed[0] if listed and method.startswith(("get", "pop")) else None
    text = frame.body.tree.text(key)
    return text[1:-1] if key is not None and key.type == "string" and text[:1] in "\"'" else ""


_KNOWN: "Beside[Codebase, Switches]" = Beside()


def switches_of(codebase: "Codebase") -> Switches:
    """The switches of a codebase, worked out once."""
    if codebase not in _KNOWN:
        _KNOWN[codebase] = Switches(codebase)
    return _KNOWN[codebase]


def circumstances_of(codebase: "Codebase", frame: "Frame", guards: Iterable[Guard]) -> tuple[str, tuple[Switch, ...]]:
    """The conditions of a place as the end of a sentence, and the switches behind them."""
    told = switches_of(codebase).conditions(frame, guards)
    behind = tuple(dict.fromkeys(switch for condition in told for switch in condition.switches))
    return bool(told) * " only if " + " and ".join(dict.fromkeys(condition.said for condition in told)), behind


def proof(switches: Iterable[Switch]) -> tuple[tuple[str, str, int, int], ...]:
    """Where switches are read, as places beside a hit."""
    return tuple(dict.fromkeys(("switch", switch.place[0], switch.place[1], switch.place[1]) for switch in switches))


def controlled(switches: Iterable[Switch]) -> str:
    """The switches that people set, in words, those named for memory before others; "" without any."""
    listed = list(dict.fromkeys(s for s in switches if s.kind in ("environment", "option")))
    telling = [switch for switch in listed if _TELLING.search(switch.name)]
    return " and ".join(dict.fromkeys(switch.said for switch in (telling or listed)[:MOST_CONTROLS]))
