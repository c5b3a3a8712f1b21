"""Kind `assumptions`: what the code fixes about its models, ranked by how much of a swap it would break.

First model classes and weights that are named in the code, then tokenizers and special tokens, keys of checkpoints,
label tables, widths that parts share, sizes and rates of inputs, prompt templates, literal devices. Only code that main
programs run, numbers only where a name says what they fix, nothing of document layout, augmentation or plots.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.extension.about_models import about_models, beside_models
from retrieval.census.extension.bound_labels import ERROR, Labels, bound_labels
from retrieval.census.extension.fixed_parts import fixed_parts, is_number, is_prompt, is_table
from retrieval.census.extension.fixed_widths import widths
from retrieval.census.extension.swap_limits import limits, model_rows
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.meaning.units import Unit, call_name, subject_of, units, written
from retrieval.census.meaning.unread import is_unread
from retrieval.census.models.model_tables import gives_model
from retrieval.census.models.named_models import fixed_makers
from retrieval.census.models.roster import roster_of
from retrieval.errors import QueryError
from retrieval.facts import CensusHit
from retrieval.roles import is_left

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

RANKS = {
    "classes": "model classes named where models are loaded",
    "weights": "names, addresses and paths of particular weights",
    "tokens": "tokenizers and special tokens",
    "values": "allowed values of sizes, kinds and modes",
    "numbers": "numbers that sizes of the model are compared with",
    "rows": "tables with an entry for each model",
    "checkpoint": "keys that a checkpoint must have",
    "bound": "labels that are bound to an enumeration",
    "labels": "tables of labels",
    "widths": "widths and numbers of tokens and layers that parts of models share",
    "sizes": "sizes, rates and lengths of inputs",
    "prompts": "prompt templates",
    "devices": "literal devices",
}
_WEIGHTS = re.compile(
    r"(?i)^(?!.*(?:\s|%))(?:https?://\S+\.(?:pth?|ckpt|safetensors|bin|gguf|onnx|engine|tar|zip)(?:\?\S*)?|[\w./@{}-]+"
    r"\.(?:pth?|ckpt|safetensors|gguf|onnx|pkl|engine|tflite)|(?:openai|facebook|google|laion|timm|microsoft|Salesforce"
    r"|stabilityai|meta-llama|Qwen|bigscience|THUDM|lmsys|mistralai|deepseek-ai|BAAI|sentence-transformers|suno|intfloat"
    r"|runwayml|CompVis|lllyasviel|opendatalab|nvidia|apple|liuhaotian|lj1995|vikp|datalab-to)/[\w.-]+"
    r"|(?:bert|roberta|gpt2|xlm|t5|clip|vit|resnet|whisper|hubert)-[\w.-]+|(?:buffalo|antelope|encodec|glint)_\w+)$"
)
_LOADS = re.compile(r"\.from_(?:pretrained|single_file|config)$|(?:^|\.)(?:create_model|load_model|LLM|build_model)$")
_TOKENS = re.compile(
    r"(?i)(?:^|_)(?:pad|bos|eos|sep|cls|mask|unk|infer|image|audio|special|start|end|stop|offset)\w*_?"
    r"(?:token|tokens|ids?)(?:$|_)|(?:^|_)(?:vocab|codebook)_?(?:size|offset)$|(?:^|_)token(?:izer)?_?(?:id|ids|index)$|encoding_offset"
)
_SIZES = re.compile(
    r"(?i)(?:^|_)(?:sample_?rate|sampling_?rate|sr|hop_?(?:length|size)|n_?fft|n_?mels?|image_?size|img_?size|input_?(?:size"
    r"|shape)|det_?size|crop_?size|dsize|patch_?size|n_?frms|num_?frames|num_?kp|max_?(?:len|length|txt_?len|frame_pos)"
    r"|context_?(?:window|length|size)|window_?size|n_?(?:fine|coarse)_codebooks|chunk_?length|rate_hz"
    r"|n_?ctx|im(?:g|age)_?(?:[hw]|height|width)|(?:in|input|latent)_?channels?)(?:$|_)(?!ratio|thr)"
)
_HUB = re.compile(r"[\w.-]+/[\w.-]+$|(?:s3|gs|hf|az|azure|oss)://\S+$")
_PACKED = re.compile(r"(?i)\.(?:pkl|zip|tar)$")
_DATA = re.compile(r"(?i)data_?(?:set|_name|_path)|bench|corpus")
_NAMES_MODEL = re.compile(r"(?i)model|ckpt|checkpoint|weights|repo|pretrained|vae|unet|encoder")
_HOLDS_MODEL = re.compile(r"^[A-Z](?!amespace)|load|create|pipeline|build|make|init")
_FETCHES = re.compile(
    r"(?:from_pretrained|from_single_file|hf_hub_download|snapshot_download|load_model|create_model)$"
)
_LABELS = re.compile(
    r"(?i)(?:^|_)(?:labels?|classes|categor(?:ies|y\w*)|id2label|label2id|class_?names|label_?map)(?:$|_)"
)
_CHECKPOINT = re.compile(
    r"(?i)(?:^|\.|_)(?:ckpt|checkpoint|state_?dict|weights?|sd|dict_s\d|loaded|cpt)\w*$|(?:^|\.)params$"
)
_KEYS = re.compile(
    r"(?i)state_?dict|model|weight|config|dims|epoch|optimizer|params_ema|params|net|generator|hparams|args"
)
_ASIDE = re.compile(r"(?i)augment|docx|xlsx|pptx|plot|font|draw|visual|figure|benchmark|logg|test|setup")
_NEAR = ("labels", "bound", "sizes", "tokens", "values", "numbers", "widths")  # told only of files about models
SHOWN, LONGEST, MANY = 8, 100, 10
Found = tuple[str, str, ast.AST]


@dataclass(frozen=True, slots=True)
class Place:
    """One assumption: what it is in words, and where."""

    text: str
    path: str
    lines: tuple[int, int]
    symbol: str


_KNOWN: Beside[Codebase, list[tuple[str, Place]]] = Beside()


@kind(
    "assumptions",
    summary="what code fixes about its models: classes, weights, tokens, checkpoint keys, labels, sizes, prompts",
    example="assumptions, or assumptions: sizes",
    reads="python",
    ordered=True,
)
def assumptions(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """One hit per function or file and rank, the ranks in their order. Patterns name ranks.

    Raises QueryError for a word that is no rank.
    """
    if wrong := [name for name in query.names() if name not in RANKS]:
        raise QueryError(f"{query.text!r}: {wrong[0]!r} is none of {', '.join(RANKS)}")
    found: dict[tuple[str, str, str], list[Place]] = {}
    for rank, place in places_of(codebase):
        if query.matches(rank):
            found.setdefault((rank, place.path, place.symbol), []).append(place)
    reach = reach_of(codebase)
    order = list(RANKS)

    def run(path: str, symbol: str, places: list[Place]) -> bool:
        return not is_left(path) and reach.has(CensusHit(path, *places[0].lines, symbol, "", ""))

    def weight(item: tuple[tuple[str, str, str], list[Place]]) -> tuple[int, bool, bool, int]:
        (rank, path, symbol), places = item
        count = len({place.text for place in places})
        inner = rank == "widths" and count > MANY  # the inside of a net, not where it meets others
        return order.index(rank), not run(path, symbol, places), inner, -count

    for (rank, path, symbol), places in sorted(found.items(), key=weight):
        if rank != "sizes" or run(path, symbol, places):
            yield _hit(codebase, rank, path, symbol, places)


def _hit(codebase: Codebase, rank: str, path: str, symbol: str, places: list[Place]) -> CensusHit:
    told = list(dict.fromkeys(place.text for place in places))
    subject = subject_of(codebase, path, symbol) if symbol else path
    text = f"{subject} fixes {listed(told, SHOWN)}"
    spots = list(dict.fromkeys(place.lines for place in places))
    related = tuple(("also", path, *lines) for lines in spots[1:8])
    detail = {"rank": rank, "what": RANKS[rank]}
    return hit_at(codebase, path, spots[0], symbol=symbol, name=rank, text=text, related=related, detail=detail)


def places_of(codebase: Codebase) -> list[tuple[str, Place]]:
    """Everything found, in the order of the files; looked for once."""
    if codebase not in _KNOWN:
        found = list(_found(codebase))
        named = {(place.path, place.lines[0]) for rank, place in found if rank == "classes"}
        for made in fixed_makers(roster_of(codebase)):
            if (made.frame.path, made.step.start) not in named:
                place = Place(f"`{made.name}`", made.frame.path, (made.step.start, made.step.start), made.frame.symbol)
                found.append(("classes", place))
        _KNOWN[codebase] = found
    return _KNOWN[codebase]


def _found(codebase: Codebase) -> Iterator[tuple[str, Place]]:
    about = about_models(codebase)
    beside = beside_models(codebase)
    labels = Labels()

    def is_model(path: str, name: str) -> bool:
        found = codebase.resolve_local(path, name)
        return found is not None and found[1].kind == "class" and gives_model(codebase, found)

    for unit in units(codebase):
        file = codebase.snapshot.by_path[unit.path]
        if file.role != "source" or _ASIDE.search(unit.path) or file.language == "notebook":
            continue
        near = unit.path in about
        own = (widths(unit, node, is_model) for node in unit.nodes) if unit.path in about else ()
        for rank, text, at in chain(
            fixed_parts(unit), bound_labels(unit), *(_of(unit, node) for node in unit.nodes), *own
        ):
            told = near or rank not in _NEAR or (unit.path in beside and rank == "bound" and ERROR in text)
            if rank == "bound":
                told = not is_unread(codebase, unit, at) and labels.note(unit, text, at, told)
            if told:
                yield rank, _place(unit, text, at)
    for unit, text, at in labels.behind(codebase):
        yield "bound", _place(unit, text, at)
    for unit, (rank, text, at) in model_rows(codebase):
        yield rank, _place(unit, text, at)


def _place(unit: Unit, text: str, at: ast.AST) -> Place:
    first, last = unit.lines(at)
    return Place(text, unit.path, (first, min(last, first + 4)), unit.symbols.get(at, ""))


def _of(unit: Unit, node: ast.AST) -> Iterator[Found]:
    yield from limits(unit, node)
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _text(unit, node)
    elif isinstance(node, ast.Call):
        yield from _call(unit, node)
    elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        yield from _assigned(unit, node, node.value)
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        yield from _entry(node)


def _text(unit: Unit, node: ast.Constant) -> Iterator[Found]:
    value = str(node.value)
    parent = unit.parents.get(node)
    if isinstance(parent, ast.Expr) or (isinstance(parent, ast.Compare) and value.startswith(".")):
        return
    named = (_HUB.match(value) and _is_named(parent)) or _WEIGHTS.match(value)
    titled = isinstance(parent, ast.keyword) and parent.arg in ("title", "description", "prog", "summary")
    named = named and not (_DATA.search(_target(parent)) or _PACKED.search(value) or titled)
    if named and len(value) > len(".onnx"):
        shown = written(parent).removeprefix("f").strip("'\"") if isinstance(parent, ast.JoinedStr) else value
        yield "weights", f"`{_short(shown)}`", node
    if re.fullmatch(r"cuda(?::\d+)?", value) and isinstance(parent, ast.Call) and _moves(unit, parent):
        yield "devices", f"`{_short(written(parent))}`", node


def _is_named(parent: ast.AST | None) -> bool:
    """Whether what stands around a text says that it names a model: a call that fetches it, the name it is bound to."""
    if isinstance(parent, ast.Call):
        return bool(_FETCHES.search(written(parent.func)))
    if isinstance(parent, ast.keyword):
        return bool(_NAMES_MODEL.search(parent.arg or ""))
    return bool(_NAMES_MODEL.search(_target(parent)))


def _target(parent: ast.AST | None) -> str:
    """The name that a value is bound to, "" for none."""
    if isinstance(parent, ast.Assign):
        return written(parent.targets[0])
    return written(parent.target) if isinstance(parent, ast.AnnAssign) else ""


def _moves(unit: Unit, call: ast.Call) -> bool:
    moving = call_name(call) in ("to", "device", "set_device", "load")
    tested = isinstance(unit.parents.get(call), ast.Compare)
    return moving and not tested and not any(isinstance(argument, ast.IfExp) for argument in call.args)


def _call(unit: Unit, node: ast.Call) -> Iterator[Found]:
    name = written(node.func)
    last = name.rpartition(".")[2]
    if last == "cuda" and not node.args and "torch" not in name:
        yield "devices", f"`{_short(written(node))}`", node
    told = {k.arg: k.value.value for k in node.keywords if k.arg and isinstance(k.value, ast.Constant)}
    fixed = str(told.get("device", "")).startswith("cuda") or str(told.get("compute_type", "")).endswith("16")
    if fixed and _HOLDS_MODEL.search(last):
        yield "devices", f"`{_short(written(node))}`", node
    owner = name.rpartition(".")[0].rpartition(".")[2]
    any_model = owner.startswith("Auto") and bool(node.args) and not isinstance(node.args[0], ast.Constant)
    if _LOADS.search(name) and owner[:1].isupper() and not any_model and not owner.endswith(("Config", "Scheduler")):
        rank = "tokens" if "Tokenizer" in owner or "Processor" in owner else "classes"
        yield rank, f"`{_short(written(node))}`", node
    if last in ("load_state_dict",) and node.args:
        yield from _entry(node.args[0]) if isinstance(node.args[0], ast.Subscript) else ()


def _assigned(unit: Unit, node: ast.Assign | ast.AnnAssign, value: ast.expr) -> Iterator[Found]:
    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
    name = written(target).rpartition(".")[2]
    shown = f"`{_short(written(target))} = {_short(written(value))}`"
    if is_number(value) and not isinstance(unit.parents.get(node), ast.ClassDef):
        if _TOKENS.search(name) and written(value) not in ("0", "1", "-1"):
            yield "tokens", shown, node
        elif _SIZES.search(name):
            yield "sizes", shown, node
    elif isinstance(value, ast.Dict | ast.List | ast.Tuple) and _LABELS.search(name) and is_table(value):
        size = len(value.keys) if isinstance(value, ast.Dict) else len(value.elts)
        yield "labels", f"`{name}` ({counted(size, 'entry').replace('entrys', 'entries')})", node
    elif is_prompt(name, value):
        yield "prompts", f"`{name}` = “{_short(str(getattr(value, 'value', '')))}”", node


def _entry(node: ast.Subscript) -> Iterator[Found]:
    key = node.slice
    if isinstance(key, ast.Constant) and isinstance(key.value, str) and _KEYS.search(key.value):
        owner = written(node.value)
        if _CHECKPOINT.search(owner):
            yield "checkpoint", f"`{_short(owner)}[{key.value!r}]`", node


def _short(text: str) -> str:
    flat = " ".join(text.split()).replace("`", "'")
    return flat if len(flat) <= LONGEST else flat[: LONGEST - 1] + "…"
