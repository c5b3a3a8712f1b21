"""Kind `placements`: for every model where its weights go and in which type: device, precision, providers, settings.

One line per model, drawn from the call that makes it and the calls that move or cast it. Hosted models have no weights here.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.body import one_line
from retrieval.census.devices import Choice, choice_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.made_models import Made
from retrieval.census.model_objects import Entry, entries_of
from retrieval.census.moves import Moved, moved_models
from retrieval.census.roster import Roster, roster_of
from retrieval.census.spots import Spot, arguments
from retrieval.census.switches import circumstances_of
from retrieval.census.wording import caller
from retrieval.facts import CensusHit
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

MOST_MOVES = 3
_SETTING = re.compile(
    r"^(?:device|device_map|device_id|torch_dtype|dtype|load_in_\dbit|quantization_config|providers|provider_options|"
    r"compute_type|half|fp16|bf16|use_half|use_gpu|use_cuda|gpu|gpu_id|ctx_id|n_gpu_layers|gpu_memory_utilization|"
    r"precision|low_cpu_mem_usage|attn_implementation|tensor_parallel_size|map_location|variant|max_model_len|tile)$"
)
_DEVICES = re.compile(r"^(?:device|device_map|providers|map_location)$")


@kind(
    "placements",
    summary="per model on which device and in which type its weights are: settings when made, moves, casts, choice",
    example="placements",
    reads="python",
    ordered=True,
)
def placements(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per model, those that the main programs make first; patterns match the model's name."""
    roster = roster_of(codebase)
    moves: dict[str, list[Moved]] = {}
    for move in moved_models(codebase):
        for made in roster.of(Spot(move.frame, move.owner, move.step.order, move.step.guards)):
            moves.setdefault(made.name, []).append(move)
    for entry in entries_of(codebase):
        if query.matches(entry.name) and not entry.part:
            yield _hit(codebase, roster, entry, moves.get(entry.name, []))


def _hit(codebase: "Codebase", roster: Roster, entry: Entry, moves: list[Moved]) -> CensusHit:
    first = entry.made[0]
    told, choice = [], None
    for made in entry.made[:2]:
        written, device = _settings(made)
        told += [f"made with {', '.join(f'`{item}`' for item in written)} in {caller(made.frame)}"] if written else []
        choice = choice or (choice_of(codebase, Spot(made.frame, device, made.step.order)) if device is not None else None)
    for move in moves[:MOST_MOVES]:
        condition, _ = circumstances_of(codebase, move.frame, move.step.guards)
        told.append(f"{move.said} in {caller(move.frame)}{condition}")
        given = arguments(move.step.node)
        if given and (choice is None or not choice.devices):
            choice = choice_of(codebase, Spot(move.frame, given[0], move.step.order, move.step.guards))
    more = f"; {len(moves) - MOST_MOVES} more moves or casts" if len(moves) > MOST_MOVES else ""
    text = f"{entry.title}: {_said(first, told)}{more}{_chosen(choice)}"
    spans = [("move", move.frame.path, move.step.start, move.step.end) for move in moves[:MOST_MOVES]]
    spans += [("choice", path, line, line) for path, line in (choice.places[:3] if choice else ())]
    spans += [("made", made.frame.path, made.step.start, made.step.end) for made in entry.made[1:2]]
    return hit_at(
        codebase, first.frame.path, (first.step.start, first.step.end), symbol=first.frame.symbol, name=entry.name,
        text=text, related=tuple(dict.fromkeys(spans)),
        detail={"devices": ",".join(choice.devices) if choice else "", "hosted": "yes" if _hosted(first) else "no",
                "chosen": choice.said if choice else "", "moved": "yes" if moves else "no"},
    )  # fmt: skip


def _hosted(made: Made) -> bool:
    return made.known is not None and made.known.hosted


def _said(made: Made, told: list[str]) -> str:
    if _hosted(made):
        return "runs on a server, so this process holds no weights of it and no VRAM for it"
    if not told:
        return "no device and no type is given: it stays where the library or PyTorch puts it, by default the CPU in float32"
    return "; ".join(dict.fromkeys(told))


def _chosen(choice: Choice | None) -> str:
    return f"; the device is {choice.said}" if choice is not None and choice.devices else ""


def _settings(made: Made) -> tuple[list[str], Node | None]:
    """The arguments that place or type a model, and the one that names its device."""
    text, written, device = made.frame.body.tree.text, [], None
    for child in arguments(made.step.node, keywords=True):
        if child.type != "keyword_argument":
            continue
        name = text(child.child_by_field_name("name"))
        if _SETTING.match(name):
            written.append(one_line(text(child), 70))
            device = child.child_by_field_name("value") if _DEVICES.match(name) else device
    return written, device
