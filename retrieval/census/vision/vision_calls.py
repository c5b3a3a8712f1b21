"""The calls that run models on images or video: which model, with which input, made by which steps."""

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.handover.input_chain import FRESH, Formatting, input_chain
from retrieval.census.handover.model_inputs import session_runs
from retrieval.census.meaning.body import CallStep, one_line
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.values import External, FunctionRef
from retrieval.census.models.fillers import reads_name
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster, Use
from retrieval.census.vision.image_inputs import SEEN, image_input, spread

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

_INNER = re.compile(
    r"^self\.(?:\w+\.)*(?!init_|build_|load_|get_|create_|make_)(?:\w*(?:visual|vision|image|img|video)_?(?:encoder|tower|model|backbone|transformer|net|extractor|"
    r"trunk)\w*|visual|vit(?:_model|_encoder)?|adapter|controlnet|safety_checker)(?:\.(?:forward|encode|embed|(?:encode|embed)_images?|forward_features|get_intermediate_layers))?$"
)
_PARTS = {".adapter": "adapter", ".controlnet": "ControlNet", ".safety_checker": "safety checker"}
_TRIAL = re.compile(r"(?i)warm_?up|bench|(?:^|/)speed|measure_| (?:\w+\.)*_?(?:self_?)?test(?:_\w+)?$")
_FORMS = (
    (
        r"permute\(\(?2, ?0, ?1|transpose\(\(?2, ?0, ?1|permute\(0, ?3, ?1, ?2|ToTensor|to_tensor|img2tensor|"
        r"blobFromImage",
        "channels first",
    ),
    (r"unsqueeze\(0\)|expand_dims|\[None|newaxis|blobFromImage|\.repeat\(|torch\.stack|np\.stack", "in a batch"),
    (r"/ ?\(?127\.5.*- ?1|mean.*0?\.5.*std.*0?\.5", "values -1 to 1"),
    (r"/ ?255", "values 0 to 1"),
    (r"[Nn]ormali[sz]e\(", "normalised by mean and deviation"),
    (r"BGR2RGB|convert\([\"']RGB|img2tensor\([^)]*bgr2rgb=True", "RGB"),
    (r"RGB2BGR", "BGR"),
    (r"::-1\]", "channel order reversed"),
    (r"float32|\.float\(\)|FloatTensor", "float32"),
    (r"float16|\.half\(\)", "float16"),
)
_HELD = ("get", "detect", "forward", "predict", "infer", "get_feat")
_LOADER = re.compile(r"(?i)^(?:\w+\.)*\w*data_?loader\w*\b|^(?:\w+\.)*\w*_loader\b")
NEAR, LOADED = 30, 40
_RUNS: "Beside[Roster, list[Run]]" = Beside()


@dataclass(frozen=True)
class Run:
    """A call that runs a model on images; `name` is the model in words, `inner` says that it is a part of a model."""

    frame: "Frame"
    step: CallStep
    made: tuple[Made, ...]
    name: str
    spot: Spot
    chain: tuple[Formatting, ...]
    inner: bool = False

    @property
    def form(self) -> list[str]:
        """What the steps make of the input, in words: "channels first", "values 0 to 1"."""
        steps = " ".join(step.written for step in self.chain)
        told = [words for pattern, words in _FORMS if re.search(pattern, steps)]
        return told + [f"of shape ({', '.join(names)})" for names in [_unpacked(self.frame, self.spot)] if names]

    @property
    def kept(self) -> list[str]:
        """The names that the result is bound to, without parts of it that the body never reads."""
        bound = [b for b in self.frame.body.bindings if b.value is not None]
        node = self.step.node
        within = [b for b in bound if b.value.start_byte <= node.start_byte and node.end_byte <= b.value.end_byte]  # type: ignore[union-attr]
        return [b.name for b in within if b.index < 0 or reads_name(self.frame, b.name)]


def _unpacked(frame: "Frame", spot: Spot) -> list[str]:
    """The names that the body unpacks the shape of a value into: `b, n, c, h, w = video.shape`."""
    name = re.match(r"[\w.]*", spot.text())
    asked = re.compile(rf"{re.escape(name[0])}\.(?:shape|size\(\))$") if name and name[0] else None
    found = [b for b in frame.body.bindings if b.index >= 0 and b.value is not None and asked is not None]
    return [b.name for b in found if asked is not None and asked.match(frame.body.tree.text(b.value))]


def from_loader(roster: Roster, run: Run) -> bool:
    """Whether the input of a call comes out of a data loader."""
    for at in roster.tracer.walk(run.spot, computed=True, most=LOADED):
        if at.node.type in ("identifier", "attribute", "call") and _LOADER.search(at.text()[:60]):
            return True
    return False


def runs_of(roster: Roster) -> "list[Run]":
    """Every call that runs a model on images, those that programs reach first; worked out once."""
    if roster not in _RUNS:
        found: dict[tuple[str, int], Run] = {}
        for use in [*roster.uses, *_others(roster)]:
            spot = image_input(roster, use)
            if spot is not None:
                steps = [*input_chain(roster.tracer, spot), *_joint(roster, use, spot)]
                chain = tuple(step for step in dict.fromkeys(steps) if _belongs(roster, use, step))
                run = Run(use.frame, use.step, use.made, _name(use), spot, chain, not use.made)
                if not _is_probe(run):
                    found.setdefault((use.frame.path, use.step.node.id), run)
        order = {id(frame): at for at, (frame, _) in enumerate(roster.frames)}
        _RUNS[roster] = sorted(found.values(), key=lambda run: (is_trial(run), order[id(run.frame)], run.step.order))
    return _RUNS[roster]


def _joint(roster: Roster, use: Use, spot: Spot) -> list[Formatting]:
    """The steps that put an image together with other inputs: the processor that makes `**inputs` of both."""
    whole = spread(use)
    return input_chain(roster.tracer, whole) if whole is not None and whole.key != spot.key else []


def _belongs(roster: Roster, use: Use, step: Formatting) -> bool:
    """Whether a step formats the input of this call: a model's own method does not know which caller it has."""
    inner = use.frame.owner is not None and roster.family.is_model(use.frame.owner)
    return not inner or step.frame.path == use.frame.path


def _is_probe(run: Run) -> bool:
    """Whether a call only asks for the shape of the result: `self.encoder(torch.zeros(1, 3, 32, 32))`."""
    made = run.chain[0].written if run.chain and run.frame.symbol.endswith("__init__") else run.spot.text()
    return FRESH.match(made) is not None


def is_trial(run: Run) -> bool:
    """Whether a call only warms up, measures or tries a model out."""
    return _TRIAL.search(f"{run.frame.path} {run.frame.symbol}") is not None


def _others(roster: Roster) -> list[Use]:
    """Calls of sessions whatever holds them, and of the image encoders inside models."""
    found = []
    for frame, depth in roster.frames:
        found += [Use(frame, step, (), "run", depth) for step in session_runs(frame)]
        found += [use for step in frame.body.calls if (use := _held(roster, frame, step, depth)) is not None]
        if frame.owner is not None and roster.family.is_model(frame.owner):
            inner = [step for step in frame.body.calls if _INNER.match(step.written) and arguments(step.node)]
            found += [Use(frame, step, (), "", depth) for step in inner]
    return found


def _held(roster: Roster, frame: "Frame", step: CallStep, depth: int) -> Use | None:
    """A call on a model that a library's model holds: `analyser.det_model.detect(image)`."""
    function = step.node.child_by_field_name("function")
    part = function.child_by_field_name("object") if function is not None and function.type == "attribute" else None
    method = step.written.rpartition(".")[2]
    if part is None or method not in _HELD or isinstance(frame.callee(step), External | FunctionRef):
        return None
    for start in Spot(frame, step.node, step.order, step.guards).inner(part, take=()):
        for at in roster.tracer.walk(start, computed=False, most=NEAR):
            found = roster.of(replace(at, take=())) if at.take and at.node.type == "call" else ()
            made = tuple(m for m in found if m.known is not None and set(m.known.takes) & set(SEEN))
            if made:
                return Use(frame, step, made, method, depth)
    return None


def _name(use: Use) -> str:
    """The model that is run; the expression that holds it where several models may be meant."""
    names = list(dict.fromkeys(made.name for made in use.made))
    known = use.made[0].known if use.made else None
    holder = use.step.written.rpartition(".")[0] if use.method else use.step.written
    if len(names) > 2:
        more = f" or {len(names) - 3} more" if len(names) > 3 else ""
        return " or ".join(f"`{name}`" for name in names[:3]) + more
    if not names:
        inner = next((f"the {said}" for part, said in _PARTS.items() if holder.endswith(part)), "the image encoder")
        return f"the model `{holder}`" if use.method else f"{inner} `{holder}`"
    if known is not None and known.patterns and not known.takes:
        return f"the {known.does or 'model'} `{holder}`"
    if known is not None and set(known.takes) & set(SEEN) and _is_part(use):
        return f"`{holder.rpartition('.')[2]}` of `{names[0]}`"
    does = f" ({known.does})" if known is not None and known.does and set(known.takes) & set(SEEN) else ""
    return " or ".join(f"`{name}`" for name in names) + does


def _is_part(use: Use) -> bool:
    """Whether the call is made on something that a library's model holds, and not on the model."""
    telling = re.search(r"(?i)(?:det|rec|lmk|landmark|detect\w*|recogn\w*)_model\.\w+$|\.models\b", use.step.written)
    return use.method in _HELD and telling is not None


def written(run: Run, most: int = 60) -> str:
    """The call as written."""
    return one_line(run.frame.body.tree.text(run.step.node), most)
