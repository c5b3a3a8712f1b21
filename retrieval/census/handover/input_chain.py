"""How an input was formatted before it reaches a model: the steps of one value, from its source to the call."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.names import excludes
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.tracing import Tracer
from retrieval.census.meaning.values import External, ExternalObject
from retrieval.languages import words
from retrieval.parse import Node, first_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_METHODS = words(
    """to cuda cpu half float type astype permute transpose unsqueeze unsqueeze_ squeeze reshape view repeat expand
    contiguous div div_ sub sub_ mul clamp flip resize crop convert thumbnail copy numpy unfold flatten swapaxes double
    bfloat16 long int byte stack clip rotate"""
)
_LIBRARIES = words(
    """torch numpy cv2 PIL torchvision skimage kornia albumentations imageio einops librosa torchaudio scipy decord av
    tensorflow"""
)
_READING = re.compile(r"(?:^|\.)(?:imread|open|imdecode|read|load|load_audio|VideoCapture|VideoReader|read_image)$")
_FORMATTING = re.compile(
    r"(?i)(?:^|[._])(?:transform\w*|preprocess\w*|process|\w*processor|to_tensor|normali[sz]e\w*|resize\w*|crop\w*|apply_chat_template|"
    r"pad\w*|align\w*|totensor|\w+2tensor|encode_images?|expand2square|load_image\w*)$"
)
_PREPARING = re.compile(r"(?i)process|transform|resize|imread|open\(|normali[sz]e")
_TRIAL = re.compile(r"(?i)warm|dummy|debug|(?:^|_)(?:test|demo|bench\w*|example)(?:_|$)")
FRESH = re.compile(r"^(?:\w+\.)*(?:zeros|ones|rand|randn|randint|empty|full)\(")
_JOINT = re.compile(r"[\"'](?:multi_modal_data|pixel_values|images?|multimodal_data)[\"']\s*:")
_PATH = re.compile(r"(?i)(?:^|[_.])(?:\w*(?:path|file\w*|dir|folder|stem|suffix)|name)$")
_COUNT = re.compile(
    r"(?i)^(?:\w+\.)*(?:(?:num|n)_\w+|(?:\w+_)?(?:workers?|batches|epochs?|steps|world_size|batch_size\w*|count))$"
)
_LITERALS = words("none integer float string true false")
STEPS, DEEPEST, SHOWN, WHEN = 10, 40, 64, 50


@dataclass(frozen=True)
class Formatting:
    """One step: the code as written, where it stands, and the condition without which the value stays as it was."""

    written: str
    frame: "Frame"
    line: int
    when: str = ""

    def said(self, most: int) -> str:
        """The step in backticks, with its condition."""
        return f"`{one_line(self.written, most)}`" + (f" (if `{self.when}`)" if self.when else "")


def input_chain(tracer: Tracer, spot: Spot) -> list[Formatting]:
    """The steps that made a value, in the order in which they are applied; at most `STEPS`, the last ones.

    Where several ways lead to a value the nearest one is followed.
    """
    found: list[Formatting] = []
    seen: set[object] = set()
    around: dict[int, set[tuple[object, object]]] = {}  # what holds at the first place of each body
    at: Spot | None = spot
    while at is not None and len(seen) < DEEPEST and len(found) < STEPS:
        if at.key in seen:
            break
        seen.add(at.key)
        worked, given = _inside(at)
        step, following = ("", given) if given is not None else _step(tracer, at)
        found += worked or _in_place(at, following)
        known = around.setdefault(id(at.frame), {(guard.key, guard.arm) for guard in at.guards})
        if step:
            own = [g for g in at.guards if g.kind == "if" and (g.key, g.arm) not in known]
            when = one_line(own[-1].text, WHEN) if own else ""
            found.append(Formatting(one_line(step, SHOWN), at.frame, first_line(at.node), when))
        at = following
    return found[::-1]


def _in_place(spot: Spot, source: Spot | None) -> list[Formatting]:
    """Calls that change a named value where it lies, the last one first: `normalize(face, mean, std, inplace=True)`."""
    frame, name = spot.frame, spot.text()
    if spot.node.type != "identifier" or source is None or source.frame is not frame:
        return []
    between = [step for step in frame.body.calls if source.order < step.order < spot.order]
    changing = [step for step in between if re.search(r"\binplace=True", frame.body.tree.text(step.node))]
    texts = [(step, [frame.body.tree.text(one) for one in arguments(step.node)[:1]]) for step in reversed(changing)]
    return [
        Formatting(one_line(frame.body.tree.text(step.node), SHOWN), frame, step.start)
        for step, given in texts
        if given == [name]
    ]


def _inside(spot: Spot) -> tuple[list[Formatting], Spot | None]:
    """What methods of a library's object do before one of its attributes is read, the last one first, and what they
    are given: `helper.read_image(img)`, `helper.align()`, then `helper.faces`, which only another arm sets itself."""
    frame, owner = spot.frame, spot.node.child_by_field_name("object")
    if spot.node.type != "attribute" or owner is None:
        return [], None
    if not isinstance(frame.value(owner, spot.order, spot.guards), ExternalObject):
        return [], None
    text, holder = frame.body.tree.text, frame.body.tree.text(owner)
    called = [step for step in frame.body.calls if step.written.rpartition(".")[0] == holder]
    set_here = [b for b in frame.bound(spot.text()) if b.order < spot.order]
    called = [s for s in called if s.order < spot.order and all(excludes(s.guards, b.guards) for b in set_here)]
    fed = next(((s, given[0]) for s in called if (given := arguments(s.node)) and given[0].type not in _LITERALS), None)
    if fed is None:
        return [], None
    whens = [[g for g in step.guards if g.kind in ("if", "else")] for step in called]
    said = [f"{'not ' if own and own[-1].kind == 'else' else ''}{own[-1].text if own else ''}" for own in whens]
    steps = [
        Formatting(one_line(text(s.node), SHOWN), frame, s.start, one_line(when, WHEN))
        for s, when in zip(called, said, strict=True)
    ]
    return steps[::-1], Spot(frame, fed[1], fed[0].order, fed[0].guards)


def _step(tracer: Tracer, spot: Spot) -> tuple[str, Spot | None]:
    """What the expression does to the value inside it, "" for nothing, and that value."""
    node, text = spot.node, spot.frame.body.tree.text
    match node.type:
        case "call":
            return _call(tracer, spot)
        case "binary_operator":
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            sign = text(node.child_by_field_name("operator"))
            if _COUNT.search(text(left)) or _COUNT.search(text(right)):
                return "", None  # numbers are worked out here
            path = sign == "/" and right is not None and (right.type == "string" or _PATH.search(text(right)))
            return f"{sign} {text(right)}" if sign in "*/-" and not path else "", _inner(spot, left)
        case "subscript":
            key = node.child_by_field_name("subscript")
            if text(node.child_by_field_name("value")) in ("sys.argv", "argv"):
                return "", None  # words of the command line name files; nothing is made of them here
            sliced = ":" in text(node).partition("[")[2] and key is not None
            where = _next(tracer, spot) if not sliced else _inner(spot, node.child_by_field_name("value"))
            return text(node)[len(text(node.child_by_field_name("value"))) :] if sliced else "", where
        case "list" | "tuple":
            inner = [child for child in node.named_children if child.type not in ("comment", "line_continuation")]
            return "", _inner(spot, inner[0]) if inner else None
        case "list_comprehension":
            return "", _inner(spot, node.child_by_field_name("body"))
        case "dictionary":
            spread = [child for child in node.named_children if child.type == "dictionary_splat"]
            told = text(node) if not spread and _JOINT.search(text(node)) else ""
            return told, _inner(spot, spread[0].named_children[0]) if spread else None
        case "dictionary_comprehension":
            walked = [child for child in node.named_children if child.type == "for_in_clause"]
            return "", _inner(spot, walked[0].child_by_field_name("right")) if walked else None
    return "", _next(tracer, spot)


def _call(tracer: Tracer, spot: Spot) -> tuple[str, Spot | None]:
    node, text = spot.node, spot.frame.body.tree.text
    function = node.child_by_field_name("function")
    written, given = text(function), arguments(node)
    owner = function.child_by_field_name("object") if function is not None and function.type == "attribute" else None
    value = spot.frame.value(function, spot.order, spot.guards)
    method = written.rpartition(".")[2]
    if isinstance(value, External):
        known = value.name.partition(".")[0] in _LIBRARIES or _FORMATTING.search(value.name) is not None
        reads = _READING.search(value.name) is not None
        return (text(node) if known else ""), (_inner(spot, given[0]) if given and not reads else None)
    if owner is not None and method in _METHODS and value is None:
        return f".{method}{text(node.child_by_field_name('arguments'))}", _inner(spot, owner)
    if _FORMATTING.search(written):
        return text(node), (_inner(spot, given[0]) if given else _inner(spot, owner))
    counts = bool(given) and owner is not None and _COUNT.search(text(given[0])) is not None
    first = owner if counts else given[0] if given else None  # `loader.with_epoch(num_batches)`
    return "", (None if counts else _next(tracer, spot)) or _inner(spot, first)


def _inner(spot: Spot, node: Node | None) -> Spot | None:
    return spot.inner(node, take=())[0] if node is not None else None


def _next(tracer: Tracer, spot: Spot) -> Spot | None:
    """The nearest place that the value comes from: in the same body, else where the main programs come from.

    What only warms a model up is no source.
    """
    found = [source for source, _ in tracer.sources(spot) if source.node.type not in _LITERALS]
    here = [source for source in found if source.frame is spot.frame]
    here = [source for source in here if _spreads(source)] or here
    here = [source for source in here if _PREPARING.search(source.text()[:120])] or here
    found = [source for source in found if _is_run(tracer, source) or not _is_run(tracer, spot)]
    return (here[-1:] or sorted(found, key=_is_trial)[:1] or [None])[0]


def _spreads(source: Spot) -> bool:
    """Whether a dictionary takes over another one: `{**inputs, "do_sample": True}`."""
    return source.node.type == "dictionary" and any(c.type == "dictionary_splat" for c in source.node.named_children)


def _is_run(tracer: Tracer, spot: Spot) -> bool:
    """Whether the main programs may run the body; the `main` of a file is a start of its own, if it is one."""
    reach, frame = reach_of(tracer.program.codebase), spot.frame
    started = frame.symbol not in ("main", "") or any(frame.path == path for s in reach.starts for path, _ in s.units)
    return started and (frame.path, frame.symbol) in reach.units


def _is_trial(source: Spot) -> bool:
    named_so = _TRIAL.search(source.frame.symbol.rpartition(".")[2])
    return named_so is not None or FRESH.search(source.text()[:60]) is not None
