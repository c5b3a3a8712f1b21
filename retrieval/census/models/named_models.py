"""Loaders of libraries that make any model of theirs by name, where the name is not fixed in the code.

`timm.create_model(cfg.timm_model_name)` lets every backbone of timm take part without a change of code. The name is
followed back to the field, option or parameter that holds it.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import Point, Sort
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import parse_query
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.meaning.wording import caller
from retrieval.census.models.closed_choices import choices
from retrieval.census.models.made_models import SERVED, Made, is_served
from retrieval.census.models.model_entries import CLASSICAL, plain
from retrieval.census.models.model_servers import engine_of, served_name
from retrieval.census.models.roster import Roster
from retrieval.census.models.type_keys import admitted
from retrieval.census.settings.options import cli_options
from retrieval.facts import CensusHit
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

MOST, KEYS = 30, 12
_ANY = re.compile(
    r"^(?:timm\.(?:\w+\.)*create_model|(?:\w+\.)*Auto(?:Model\w*|Pipeline\w*)\.from_(?:pretrained|config)"
    r"|diffusers\.DiffusionPipeline\.from_pretrained|transformers\.pipeline|torch\.hub\.load"
    r"|torchvision\.models\.get_model|sentence_transformers\.(?:\w+\.)*SentenceTransformer"
    r"|segmentation_models_pytorch\.create_model|langchain\.chat_models\.init_chat_model|open_clip\.create_model\w*)$"
)
_ENGINE = re.compile(
    r"^(?:vllm\.(?:\w+\.)*(?:LLM|AsyncLLMEngine)\b|mlx_vlm\.(?:\w+\.)*load|mlx_lm\.load|llama_cpp\.Llama|ctransformers\."
    r"|onnxruntime\.InferenceSession|ollama\.|optimum\.)"
)
"""Engines that run whichever model they are given."""
_REGISTRY = re.compile(r"\.build_(?:network|model|backbone|detector|arch)$")
"""Functions of libraries that make what a registry of theirs holds under the name in options."""
_NAME = re.compile(
    r"(?i)^(?:model(?:_name(?:_or_path)?|_id)?|pretrained_model_name_or_path|repo_id|encoder_name|name)$"
)
_PLACE = re.compile(r"(?i)^the parameter `(?!\w*model)\w*(?:path|dir|folder|cache|file)")
_TELLS = re.compile(
    r"(?i)model|name|arch|variant|backbone|repo|checkpoint|pretrained|path|encoder|llm|_id\b|url|version"
)
_COMMON = re.compile(
    r"^(?:forward\w*|__call__|generate|encode|predict|to|eval|train|half|float|cuda|cpu|transcribe|(?:get|set|load|save|en|dis)_?\w*"
    r"|parameters|state_dict|named_\w+|modules|children)$"
)
_PLAIN = re.compile(r"^[A-Za-z_]\w*$")


def named_models(roster: Roster) -> Iterator[Point]:
    """One point per field, option or parameter that names a model of a library."""
    found: dict[tuple[str, str], tuple[Made, str, list[str]]] = {}
    arms = _arms(roster)
    roles = roster.program.snapshot.by_path
    reach = reach_of(roster.codebase)
    for made in roster.made:
        any_of = _ANY.match(made.maker) or is_served(made)
        if made.cls is not None or not any_of or roles[made.frame.path].role != "source":
            continue
        run = reach.has(plain(roster.codebase, made.frame, made.step.start))
        if not run or (made.frame.path, made.frame.symbol, made.name) in arms:
            continue
        node = _name_of(made)
        holder = _holder(roster, made, node) if node is not None else ""
        if holder and not _PLACE.match(holder) and _TELLS.search(holder.partition("` of")[0]):
            _, _, makers = found.setdefault((made.maker.partition(".")[0], holder), (made, holder, []))
            makers.append(_spoken(made.maker))
    fields = {(made.frame.path, made.frame.symbol) for made, holder, _ in found.values() if holder[:1] == "`"}
    alike: dict[tuple[str, ...], list[tuple[Made, str, list[str]]]] = {}
    for made, holder, makers in found.values():
        if holder[:1] != "`" and (made.frame.path, made.frame.symbol) in fields:
            continue  # the object that the field is read from
        name = holder.partition("` of")[0]
        alike.setdefault((name, makers[0], *_needs(roster, made)), []).append((made, holder, makers))
    for (made, holder, makers), *others in alike.values():
        point = _point(roster, made, holder, list(dict.fromkeys(makers)))
        places = [f"{caller(other.frame)} ({other.frame.path})" for other, _, _ in others]
        yield replace(point, said=f"{point.said}; so in {listed(places, 4)}") if places else point


def takes_any(made: Made) -> bool:
    """Whether a loader of a library makes whichever model it is told the name of, and no name is written there."""
    known = is_served(made) or _ANY.match(made.maker) or _ENGINE.match(made.maker) or _REGISTRY.search(made.maker)
    if made.cls is not None or not known:
        return False
    name = _name_of(made)
    if name is None or name.type in ("string", "concatenated_string"):
        return False
    written = made.frame.body.tree.text(name)
    given = [b.value for b in made.frame.body.bindings if b.name == written and b.value is not None]
    fixed = bool(given) and all(value.type == "string" for value in given)
    return not fixed and not written.rpartition(".")[2].isupper()


def fixed_makers(roster: Roster) -> list[Made]:
    """The places in source code that make one particular model of a library, whatever its weights."""
    roles = roster.program.snapshot.by_path
    return [
        made for made in roster.made
        if made.cls is None and made.known is not None and roles[made.frame.path].role == "source"
        and not (made.known.hosted or made.known.wraps or made.known.does == CLASSICAL or takes_any(made))
    ]  # fmt: skip


def _arms(roster: Roster) -> set[tuple[str, str, str]]:
    """Path, symbol and model of the arms of choices in which classes of the repository are the others: a name that
    leads to such an arm is no free one."""
    return {
        (choice.frame.path, choice.frame.symbol, name)
        for choice in choices(roster) if any(arm.made.cls is not None for arm in choice.arms) for name in choice.names
    }  # fmt: skip


def _spoken(maker: str) -> str:
    if maker.startswith(SERVED):
        return maker.removeprefix(SERVED)
    parts = maker.split(".")
    return ".".join(parts[-2:])


def _name_of(made: Made) -> Node | None:
    """The argument of a call that names the model."""
    if is_served(made):
        return served_name(made.frame, made.step)
    text = made.frame.body.tree.text
    given = arguments(made.step.node, keywords=True)
    for child in given:
        if child.type == "keyword_argument" and _NAME.match(text(child.child_by_field_name("name"))):
            return child.child_by_field_name("value")
    plain = [child for child in given if child.type not in ("keyword_argument", "dictionary_splat")]
    position = 1 if made.maker in ("torch.hub.load", "transformers.pipeline") else 0
    return plain[position] if position < len(plain) else None


def _holder(roster: Roster, made: Made, node: Node) -> str:
    """Where the name comes from: "`timm_model_name` of `VisionCfg`", "the parameter `name` of `load()`"."""
    start = Spot(made.frame, node, made.step.order, made.step.guards)
    field = owner = parameter = ""
    for at in roster.tracer.walk(start, computed=False, most=MOST):
        text = at.text()
        if at.node.type == "attribute" and not text.startswith(("self.", "cls.")):
            field = field or text.rpartition(".")[2]
        elif at.node.type == "attribute" and not field and text.count(".") > 1:
            field = text.rpartition(".")[2]
        elif at.node.type == "identifier" and text in at.frame.parameters and _PLAIN.match(text):
            parameter = f"the parameter `{text}` of {caller(at.frame)}"
        if field and not owner:
            owner = _class_with(roster, at.frame, field)
    if field:
        return f"`{field}` of `{owner}`" if owner else f"`{field}`"
    return parameter


def option_of(roster: Roster, holder: str) -> str:
    """The option of the command line that sets a field, with its default: "the option `--model`"; "" for no option."""
    field = holder.partition("` of")[0].strip("`")
    hits = [hit for hit in cli_options(roster.codebase, parse_query("cli_options")) if _is_main(roster, hit)]
    found = next((hit for hit in hits if hit.name.lstrip("-").replace("-", "_") == field), None)
    if found is None or holder[:1] != "`":
        return ""
    preset = found.detail.get("default", "").strip("\"'")
    return f"the option `{found.name}`" + (f" (default `{preset}`)" if preset else "")


def _is_main(roster: Roster, hit: CensusHit) -> bool:
    return hit.role == "source" and reach_of(roster.codebase).has(hit)


def _class_with(roster: Roster, frame: "Frame", field: str) -> str:
    """The class whose body a frame is, when it has the field."""
    if frame.definition is not None and frame.definition.kind == "class" and frame.bound(field):
        return frame.definition.name
    return ""


def _needs(roster: Roster, made: Made) -> list[str]:
    """The methods that callers use of the model and that not every model of the library has."""
    methods = dict.fromkeys(use.method for use in roster.uses_of(made))
    return [name for name in methods if name and not _COMMON.match(name)]


def _point(roster: Roster, made: Made, holder: str, makers: list[str]) -> Point:
    library = engine_of(made.known) if is_served(made) else made.maker.partition(".")[0]
    calls = listed([f"`{name}`" for name in makers], 3)
    table = admitted(roster.codebase, made.frame.path, made.frame.symbol)
    short = f"{holder} can name any model that `{makers[0]}` of `{library}` gives"
    needs = _needs(roster, made)
    having = f" and that has {listed([f'`{name}()`' for name in needs], 4)}" if needs else ""
    short += having
    which = f"any model that `{library}` gives there{having} can be named"
    if is_served(made):
        holder = option_of(roster, holder) or holder
        short, which = f"{holder} can name any model that {library} serves", "whatever the server can load"
    related: tuple[tuple[str, str, int, int], ...] = ()
    if table is not None:
        keys = listed([f"`{key}`" for key in table.keys], KEYS)
        short = f"{holder} can name a model of `{library}` of the types {keys}, the keys of `{table.name}`"
        which = (
            f"of the models of `{library}` only those of the types {keys} work, since the code takes "
            f"`{table.name}[{table.by}]` ({table.path}); another type needs an entry there"
        )
        related = (("key", *table.at, table.at[1]), ("table", table.path, table.line, table.line))
    sort: Sort = "configuration" if holder.startswith(("`", "the option ")) else "argument"
    how = "By configuration alone" if sort == "configuration" else "By argument"
    said = f"{how}: {caller(made.frame)} ({made.frame.path}) makes what {holder} names with {calls}: {which}"
    lines = (made.step.start, made.step.end)
    return Point(sort, short, said, made.frame.path, lines, made.frame.symbol, related, (made.name,))
