"""Kind `image_transforms`: the transforms that are composed for images, in the order in which they are applied.

A list that is filled by `append`, `extend` and `+=` before it is composed counts step by step, each with its condition.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.flow.chain_branches import Step, in_order, step_of
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import CallStep, Guard
from retrieval.census.meaning.names import excludes
from retrieval.census.meaning.onward import inside
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import arguments
from retrieval.census.meaning.wording import title
from retrieval.census.models.roster import Roster, roster_of
from retrieval.census.settings.told_values import told_value
from retrieval.facts import CensusHit
from retrieval.parse import Node, descendants, first_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

_COMPOSE = re.compile(r"(?:^|\.)(?:Compose|Sequential)$")
_LIBRARY = re.compile(r"(?:^|\.)create_transform$")  # timm composes by itself
_IMAGES = re.compile(
    r"Resize|ToTensor|to_tensor|ToImage|Normali[sz]e(?!\(dim)|Crop|Flip|ToPIL|ColorJitter|LongestMaxSize|ToDtype"
)
_LAYERS = re.compile(r"(?i)\bnn\.(?!Module)|linear|conv\d|norm\d|relu|gelu|dropout|pool|attention|embedding")
_TENSOR = re.compile(r"ToTensor|to_tensor|ToImage|ToTensorV2")
_MEANS = re.compile(r"Normali[sz]e\( *(?:mean=)?[\[(] *[\d.e-]+ *, *[\d.e-]+ *, *[\d.e-]+ *,? *[\])]")
_TRAINING = re.compile(r"(?i)train|aug|random(?!resize\()")
_FEEDING = re.compile(r"(?:Loader|Dataset|DataModule)\w*$")
_INFERRING = re.compile(
    r"(?i)(?:^|[_.])(?:test|val|valid\w*|eval\w*|infer\w*|predict\w*|load_(?:image|demo)\w*)(?:$|[_.\s])"
)
_FOUND: "Beside[Roster, list[Composed]]" = Beside()


@dataclass(frozen=True)
class Composed:
    """Transforms put together in one body: each step as written, with the condition that it stands under."""

    frame: "Frame"
    step: CallStep
    steps: tuple[Step, ...]
    beside: bool = False  # whether the same body composes another chain for training

    @property
    def written(self) -> str:
        """ "`Resize(224)` → `ToTensor()` (if `train`)"; alternatives as such, that of the defaults first."""
        return in_order(self.steps, self.frame)

    @property
    def gives(self) -> str:
        """The form of the result, where the steps tell it."""
        joined = " ".join(step.text for step in self.steps)
        if not _TENSOR.search(joined):
            return ""
        channels = "3" if _MEANS.search(joined) else "C"
        return f"; the result is a float tensor ({channels}, H, W), channels first"

    @property
    def trains(self) -> bool:
        """Whether it augments images for training."""
        return _TRAINING.search(f"{self.written} {self.frame.symbol} {self.kept}") is not None

    @property
    def kept(self) -> str:
        """The name that the chain is bound to, "" for none."""
        node = self.step.node
        bound = [b for b in self.frame.body.bindings if b.value is not None and inside(node, b.value)]
        return bound[0].name if bound else ""

    @property
    def feeds(self) -> bool:
        """Whether it stands in a class of a data set or its loader, and not on the way of an input."""
        owner = self.frame.owner
        return owner is not None and _FEEDING.search(owner.definition.name) is not None

    @property
    def purpose(self) -> str:
        """ ", for training", ", for inference and evaluation", "" when neither name nor step tells."""
        if self.trains:
            return ", for training"
        if self.beside:
            return ", for inference and evaluation"
        return ", for inference and evaluation" if _INFERRING.search(f"{self.kept} {self.frame.symbol}") else ""


@kind(
    "image_transforms",
    summary="transforms composed for images, in the order in which they are applied, with conditions and sizes",
    example="image_transforms",
    reads="python",
    ordered=True,
)
def image_transforms(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per chain, equal ones together, those of main programs first; patterns match the function's name."""
    groups: dict[str, list[Composed]] = {}
    for composed in composed_of(codebase):
        if query.matches(composed.frame.symbol):
            groups.setdefault(composed.written, []).append(composed)
    ranked = sorted(groups.values(), key=lambda found: _rank(codebase, found))
    for first, *more in ranked:
        yield _hit(codebase, first, more)


def _rank(codebase: "Codebase", found: list[Composed]) -> tuple[bool, bool, bool, bool, int]:
    elsewhere, idle = placed(codebase, found[0])
    return elsewhere, all(one.feeds for one in found), idle, found[0].trains, -len(found)


def composed_of(codebase: "Codebase") -> list[Composed]:
    """Every chain: of main programs before others, what is run on each input before what only trains."""
    roster = roster_of(codebase)
    if roster not in _FOUND:
        found = [one for frame, _ in roster.frames for step in frame.body.calls if (one := _composed(frame, step))]
        trained = {id(one.frame) for one in found if one.trains}
        found = [replace(one, beside=id(one.frame) in trained) for one in found]
        _FOUND[roster] = sorted(found, key=lambda one: _rank(codebase, [one]))
    return _FOUND[roster]


def placed(codebase: "Codebase", one: Composed) -> tuple[bool, bool]:
    """Whether a chain stands in no main code, and whether the main programs are not seen to run it."""
    lines = (one.step.start, one.step.end)
    place = hit_at(codebase, one.frame.path, lines, symbol=one.frame.symbol, name="", text="")
    return place.role != "source", not reach_of(codebase).has(place)


def _composed(frame: "Frame", step: CallStep) -> Composed | None:
    if _LIBRARY.search(step.written):
        return Composed(frame, step, (step_of(frame.body.tree.text(step.node), step.guards[-1:], (), step.start),))
    if not _COMPOSE.search(step.written):
        return None
    given = arguments(step.node)
    listing = given[0] if len(given) == 1 and given[0].type in ("list", "tuple", "identifier", "attribute") else None
    text = frame.body.tree.text
    if listing is None and step.written.endswith("Sequential"):
        steps = [_one(frame, node, step.guards, step) for node in given]
    elif listing is None:
        return None
    elif listing.type in ("identifier", "attribute"):
        steps = list(_filled(frame, text(listing), step))
    else:
        steps = _items(frame, listing, step.guards, step)
    joined = " ".join(item.text for item in steps)
    if not _IMAGES.search(joined) or (step.written.endswith("Sequential") and _LAYERS.search(joined)):
        return None
    return Composed(frame, step, tuple(steps))


def _items(frame: "Frame", listing: Node, guards: tuple[Guard, ...], step: CallStep) -> list[Step]:
    inner = [child for child in listing.named_children if child.type not in ("comment", "line_continuation")]
    return [_one(frame, child, guards, step) for child in inner]


def _one(frame: "Frame", node: Node, guards: tuple[Guard, ...], step: CallStep) -> Step:
    """A step as written; a name that was bound to a call once is that call."""
    text = frame.body.tree.text
    written = text(node)
    bound = [b for b in frame.bound(written) if b.order < step.order and b.value is not None]
    if node.type == "identifier" and len(bound) == 1 and bound[0].value is not None and bound[0].value.type == "call":
        written = text(bound[0].value)
    return step_of(written, guards, step.guards, first_line(node))


def _filled(frame: "Frame", name: str, step: CallStep) -> Iterator[Step]:
    """The steps of a list that is bound, appended to and extended before it is composed."""
    text = frame.body.tree.text
    events: list[tuple[Node, tuple[Guard, ...]]] = []
    for binding in frame.bound(name):
        value = binding.value or _added(frame, name, binding.line)
        if value is not None and value.type == "list" and binding.order < step.order:
            events.append((value, binding.guards))
    for call in frame.body.calls:
        given = arguments(call.node)
        if call.order < step.order and given and call.written in (f"{name}.append", f"{name}.extend"):
            events.append((given[0], call.guards))
    for node, guards in sorted(events, key=lambda event: event[0].start_byte):
        if excludes(guards, step.guards):
            continue
        if node.type in ("list", "tuple"):
            yield from _items(frame, node, guards, step)
        else:
            yield step_of(text(node), guards, step.guards, first_line(node))


def _added(frame: "Frame", name: str, line: int) -> Node | None:
    """What `name += …` adds on a line."""
    tree, program = frame.body.tree, frame.program
    whole = program.node(frame.path, frame.definition) if frame.definition is not None else tree.root
    for node in descendants(whole) if whole is not None else ():
        if node.type == "augmented_assignment" and first_line(node) == line:
            left = node.child_by_field_name("left")
            return node.child_by_field_name("right") if left is not None and tree.text(left) == name else None
    return None


def said(codebase: "Codebase", composed: Composed, more: int = 0) -> str:
    """A chain in words: where it is composed, its steps, the values of its settings, and what it gives."""
    again = f" and {more} more place{'s' if more > 1 else ''}" if more else ""
    told = [value for step in composed.steps for value in told_value(codebase, composed.frame, step.text)]
    values = f", where {listed(list(dict.fromkeys(told)), 4)}" if told else ""
    return f"{name_of(composed.frame)}{composed.purpose}{again}: {composed.written}{values}{composed.gives}"


def name_of(frame: "Frame") -> str:
    """ "`load_image()` (app.py)"."""
    where = f" ({frame.path})"
    return f"`{title(frame.definition)}`{where}" if frame.definition is not None else f"the script {frame.path}"


def _hit(codebase: "Codebase", first: Composed, more: list[Composed]) -> CensusHit:
    related = [("step", first.frame.path, step.line, step.line) for step in first.steps]
    related += [("again", other.frame.path, other.step.start, other.step.end) for other in more]
    text = said(codebase, first, len(more))
    return hit_at(
        codebase, first.frame.path, (first.step.start, first.step.end), symbol="", name=first.frame.symbol,
        text=text[0].upper() + text[1:], related=tuple(dict.fromkeys(related)), detail={"alike": str(len(more) + 1)},
    )  # fmt: skip
