"""Where the weights of models come from: names and files given to loaders, and checkpoints read into models."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.conditions import UNKNOWN, fails
from retrieval.census.meaning.keyed_texts import keyed_texts
from retrieval.census.meaning.spelled import is_settled, spelled
from retrieval.census.meaning.spots import Spot, argument, arguments, default
from retrieval.census.meaning.values import External
from retrieval.census.memory.devices import choice_of
from retrieval.census.models.instances import deciding
from retrieval.census.models.made_models import LOADING, Made, is_served
from retrieval.census.models.roster import Roster
from retrieval.census.models.weight_contexts import contexts, excluded
from retrieval.census.models.weight_names import naming
from retrieval.parse import Node, first_line, last_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

READERS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"safetensors\.|(?:^|\.)load_safetensors$"), "safetensors"),
    (re.compile(r"torch\.hub\.load_state_dict_from_url$|load_url$"), "PyTorch checkpoint from an address"),
    (re.compile(r"^torch\.(?:serialization\.)?load$|^paddle\.load$"), "PyTorch checkpoint"),
    (re.compile(r"^timm\.\w*\.?\w*load_state_dict"), "timm checkpoint"),
    (re.compile(r"^(?:numpy\.load|scipy\.io\.loadmat)$"), "NumPy arrays"),
    (re.compile(r"^(?:pickle|joblib|dill)\.load$"), "pickle"),
)
"""Outside functions that read weights, with the format in words."""

_TAKING = re.compile(r"(?:^|\.)(?:load_state_dict|load_param_into_net|set_state_dict|load_pretrained|load_ema)$")
_RESUMING = re.compile(r"(?i)(?:optim\w*|scaler|scheduler)\.load_state_dict$")
_KEPT_THERE = re.compile(r"lambda (\w+)(?:, ?\*?\w+)?: ?\1$")  # `lambda storage, loc: storage`
_NOTHING = re.compile(r"(?:^|/)(?:[Nn]one)?$")  # what menus call no model
SHOWN, MOST_CALLS, MOST_SPOTS = 60, 24, 400


@dataclass(frozen=True)
class Weights:
    """What fills a model: the reader in words, the expression that says from where, and what that may be."""

    frame: "Frame"
    start: int
    end: int
    reader: str
    written: str
    values: tuple[str, ...]
    resumed: bool = False  # a checkpoint of training, which fills the optimizer too
    device: str = ""  # where the file is read to, as `map_location` says; "saved" without any
    complete: bool = False  # whether `values` are all that it may be

    @property
    def said(self) -> str:
        """ "`model_path`, which may be `'a.pth'` or `'b.pth'`"; a literal stands by itself."""
        literal = self.written[:1] in "\"'" or self.written[:2] in ("f'", 'f"', "r'", 'r"')
        told = " or ".join(f"`{value}`" for value in dict.fromkeys(self.values))
        if not literal:
            told = f"`{self.written}`, which may be {told}," if told else f"`{self.written}`" if self.written else ""
        return told + (" when training is resumed" if self.resumed and told else "")


Key = tuple[tuple[str, int], str]  # the key of what makes a model, and the name of that model
_KNOWN: "Beside[Roster, dict[Key, list[Weights]]]" = Beside()


def weights_of(roster: Roster, made: Made) -> list[Weights]:
    """What fills a model, the name or file that its maker is given first."""
    if roster not in _KNOWN:
        table: dict[Key, list[Weights]] = {}
        for key, found in _read(roster):
            if found not in table.setdefault(key, []):
                table[key].append(found)
        _KNOWN[roster] = table
    read = _KNOWN[roster].get((made.key, made.name), [])
    kinds = (
        deciding(made.frame, compared=True) if read else []
    )  # what a parameter that decides on the class is given names no file
    return [*_named(roster, made), *([weights for weights in read if weights.written not in kinds] or read)]


def _named(roster: Roster, made: Made) -> Iterator[Weights]:
    """The name or file that a loader of a library is given."""
    loads = made.known is not None or made.step.written.rpartition(".")[2] in LOADING
    sent = made.known is not None and (made.known.immediate or made.known.hosted)
    node = naming(made) if loads and not sent and not made.untrained else None
    if node is None or roster.of(Spot(made.frame, node, made.step.order, made.step.guards)):
        return  # a model that is given is no source of weights
    frame, step = made.frame, made.step
    spot = Spot(frame, node, step.order, step.guards)
    called = made.name if is_served(made) else _called(made)
    if called.endswith("from_config"):
        read = _configuration(roster, spot)
        if read is None:
            return  # a model that is built from its configuration alone has no weights yet
        spot, node = read, read.node
    values = keyed_texts(frame, node, step.guards) or [v for v in spelled(roster.codebase, roster.tracer, spot) if v]
    written = one_line(_unpacked(roster, spot) if called != step.written else frame.body.tree.text(node), SHOWN)
    ways = _ways(roster, frame, written)
    values = [v for v in values if not _NOTHING.search(v) and not _excluded(step, written, v)]
    values = [v for v in values if not ways or not all(_excluded(way, name, v) for way, name in ways)]
    reader = f"`{called}`"
    yield Weights(frame, step.start, step.end, reader, written, tuple(values))


def _called(made: Made) -> str:
    """The call as written; the loader that a variable stands for: `make, name = (Net.from_pretrained, path)`."""
    maker = made.maker.split(".")
    alias = "." not in made.step.written and made.step.written != maker[-1] and maker[-1] in LOADING
    return ".".join(maker[-2:]) if alias else made.step.written


def _unpacked(roster: Roster, spot: Spot) -> str:
    """What a variable is that is unpacked from a pair, as written."""
    walk = roster.tracer.walk(spot, computed=False, most=12)
    plain = (at.text() for at in walk if at.node.type in ("identifier", "attribute", "string") and not at.take)
    return next((text for text in plain if text != spot.text()), spot.text())


def _ways(roster: Roster, frame: "Frame", name: str) -> list[tuple[CallStep, str]]:
    """The calls that enter a body, each with what it gives a parameter, as written."""
    callers = roster.tracer.holders.callers(frame)[:MOST_CALLS] if name in frame.parameters else []
    given = [(around, step, argument((around, step, target), frame, name)) for around, step, target in callers]
    return [(step, around.body.tree.text(node)) for around, step, node in given if node is not None]


def _configuration(roster: Roster, spot: Spot) -> Spot | None:
    """What the configuration that a model is built from is read from; None when it is written in code."""
    for source, computed in roster.tracer.sources(spot):
        given = arguments(source.node) if source.node.type == "call" and not computed else []
        if given and re.search(
            r"\.(?:from_|load|read)\w*$", source.frame.body.tree.text(source.node.child_by_field_name("function"))
        ):
            return source.inner(given[0], take=())[0]
    return None


def refused(roster: Roster, made: Made) -> bool:
    """Whether the conditions around a loader rule out every name that it may be given here."""
    node = naming(made) if made.known is not None else None
    if node is None:
        return False
    step, name = made.step, made.frame.body.tree.text(node)
    values = spelled(roster.codebase, roster.tracer, Spot(made.frame, node, step.order, step.guards))
    return bool(values) and all(_excluded(step, name, value) for value in values)


def _excluded(step: CallStep, name: str, value: str) -> bool:
    """Whether the conditions around a call say that a name is something else: `if kind == "other":`."""

    def given(asked: str) -> object:
        return value if asked == name else UNKNOWN

    return any(guard.kind in ("if", "else") and fails(guard, given) for guard in step.guards)


def _read(roster: Roster) -> Iterator[tuple[Key, Weights]]:
    """Every checkpoint that a model takes: (the model, what it takes)."""
    for frame, _depth in roster.frames:
        for step in frame.body.calls:
            function = step.node.child_by_field_name("function")
            given = arguments(step.node)
            if function is None or function.type != "attribute" or not given or not _TAKING.search(step.written):
                continue
            owner = function.child_by_field_name("object")
            for stack, arm, known in contexts(roster, frame) if owner is not None else ():
                at = Spot(frame, owner, step.order, step.guards, (), stack, arm)  # type: ignore[arg-type]
                taking = [made for made in roster.of(at) if not excluded(frame, made, stack, known)]
                for made in taking[:4] or _itself(roster, at):
                    found = _reading(roster, Spot(frame, given[0], step.order, step.guards, (), stack, arm), step)
                    yield from (((made.key, made.name), weights) for weights in found)


def _itself(roster: Roster, at: Spot) -> list[Made]:
    """The models of the class whose method fills its own object, `self` or what `cls.from_config(…)` gave it, or has
    a function that it gives `self` fill it."""
    if at.stack and at.text() in at.frame.parameters and at.text() not in ("self", "cls"):
        called = at.stack[-1]
        node = argument(called, at.frame, at.text())
        given = Spot(called[0], node, called[1].order, called[1].guards) if node is not None else None
        return _itself(roster, given) if given is not None and given.text() == "self" else []
    own = next(iter(at.frame.parameters), "")
    made = (b.value for b in at.frame.body.bindings if b.name == at.text() and b.value is not None and own == "cls")
    fresh = any(re.match(r"cls[.(]", at.frame.body.tree.text(value)) for value in made)
    owner = at.frame.owner if at.text() == "self" or fresh else None
    return [m for m in roster.made if owner is not None and m.cls is not None and owner in roster.program.line(m.cls)]


def _reading(roster: Roster, spot: Spot, step: CallStep) -> list[Weights]:
    found: list[Weights] = []

    def ends(at: Spot) -> bool:
        return bool(reader(at)) or bool(roster.at((at.frame.path, at.node.id)))  # a model is no source of weights

    for at in roster.tracer.walk(spot, computed=True, stop=ends, most=MOST_SPOTS):
        told = reader(at)
        if told:
            found.append(_from(roster, at, told, (spot.frame, step)))
    return list(dict.fromkeys(weights for weights in found if weights.written != "None"))


def reader(spot: Spot) -> tuple[str, str] | None:
    """The outside function that reads weights at a spot, and the format; None for everything else."""
    if spot.node.type != "call":
        return None
    value = spot.frame.value(spot.node.child_by_field_name("function"), spot.order, spot.guards)
    name = value.name if isinstance(value, External) else ""
    told = next((words for pattern, words in READERS if name and pattern.search(name)), "")
    return (name, told) if told else None


def _from(roster: Roster, at: Spot, told: tuple[str, str], taken: tuple["Frame", CallStep]) -> Weights:
    given = arguments(at.node) or _addresses(at)
    spot = at.inner(given[0], take=())[0] if given else at
    values = [v for v in spelled(roster.codebase, roster.tracer, spot) if _is_told(v)] if given else []
    (frame, start, end), written = _written(roster, at, spot) if given else (_at(at), "")
    resumed = any(_RESUMING.search(step.written) and _is_given(taken[0], step) for step in taken[0].body.calls)
    name, words = told
    device = _device(roster, at) or ("saved" if name == "torch.load" and len(arguments(at.node)) == 1 else "")
    every = bool(given) and is_settled(roster.codebase, roster.tracer, spot)
    return Weights(frame, start, end, f"{words} (`{name}`)", written, tuple(values), resumed, device, every)


def _is_given(frame: "Frame", step: CallStep) -> bool:
    """Whether what a call is made on is there for certain: no parameter that may be left out."""
    return default(frame, step.written.partition(".")[0]) is None


def _addresses(at: Spot) -> list[Node]:
    """The file or address that a reader is given by keyword."""
    text = at.frame.body.tree.text
    keys = [child for child in arguments(at.node, keywords=True) if child.type == "keyword_argument"]
    named = [key for key in keys if text(key.child_by_field_name("name")) in ("url", "f", "path", "filename", "file")]
    return [value for key in named if (value := key.child_by_field_name("value")) is not None]


def _at(spot: Spot) -> tuple["Frame", int, int]:
    return spot.frame, first_line(spot.node), last_line(spot.node)


def _written(roster: Roster, at: Spot, spot: Spot) -> tuple[tuple["Frame", int, int], str]:
    """Where the source of a checkpoint is first written out, and how: a helper's parameter is what its caller gives."""
    place, stack = _at(at), list(at.stack)
    while spot.node.type == "identifier":
        inner = _opened(roster, spot)
        if inner is not None:
            spot = inner
        elif spot.text() in spot.frame.parameters and stack:
            called = stack.pop()
            node = argument(called, spot.frame, spot.text())
            if node is None:
                break
            place = (called[0], called[1].start, called[1].end)
            spot = Spot(called[0], node, called[1].order, called[1].guards, (), tuple(stack))
        else:
            break
    return place, one_line(spot.text(), SHOWN)


def _opened(roster: Roster, spot: Spot) -> Spot | None:
    """What a local variable is opened or fetched from: `path` of `f = open(path)` and of `file = download(path)`."""
    sources = [source for source, _ in roster.tracer.sources(spot)]
    if len(sources) == 1 and sources[0].node.type == "parenthesized_expression":
        sources = [source for source, _ in roster.tracer.sources(sources[0])]
    if len(sources) == 1 and sources[0].node.type == "conditional_expression":
        sources = [source for source, _ in roster.tracer.sources(sources[0])][-1:]
    if spot.text() in spot.frame.parameters or len(sources) != 1 or sources[0].node.type != "call":
        return None
    source, given = sources[0], arguments(sources[0].node)
    if source.frame is not spot.frame or not given:
        return None
    function = source.frame.body.tree.text(source.node.child_by_field_name("function"))
    inner = source.inner(given[0], take=())[0]
    known = given[0].type == "identifier" and inner.text() in inner.frame.parameters
    return inner if known or function.endswith("open") else None


def _device(roster: Roster, at: Spot) -> str:
    """Where a checkpoint is read to: "cpu", "device", or "" when nothing says so, which is where it was saved."""
    text = at.frame.body.tree.text
    for child in arguments(at.node, keywords=True):
        if child.type == "keyword_argument" and text(child.child_by_field_name("name")) in ("map_location", "device"):
            node = child.child_by_field_name("value")
            if node is not None and _KEPT_THERE.match(text(node)):
                return "cpu"  # what a function gives back unchanged stays where it was read, in main memory
            devices = choice_of(roster.codebase, at.inner(node, take=())[0]).devices if node is not None else ()
            return "cpu" if devices == ("cpu",) or "cpu" in text(node) else "device"
    return ""


def _is_told(value: str) -> bool:
    """Whether a text says anything beside expressions that are not known."""
    return "(" not in value and re.search(r"\w", re.sub(r"\{[^{}]*\}", "", value)) is not None
