"""Kind `memory_bounds`: what keeps the memory of model runs small: chunks, batches, tiles, streams, settings."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind, parse_query
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.spots import arguments
from retrieval.census.meaning.wording import caller
from retrieval.census.models.roster import Roster, roster_of
from retrieval.census.settings.options import cli_options
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

_SETTING = re.compile(
    r"^(?:(?:use|is|in|to)_)?half$|(?:^|_)(?:tile\w*|fp16|bf16|precision|torch_dtype|dtype|compute_type|"
    r"batch_size|chunk_size|max_batch\w*|"
    r"load_in_\dbit|quantization\w*|device_map|low_cpu_mem_usage|gpu_memory_utilization|max_model_len|num_workers|"
    r"n_gpu_layers|n_ctx|offload\w*|attn_implementation|use_flash_attention\w*|cpu_threads|swap_space|max_num_\w+)$"
)
_OPTION = re.compile(
    r"^-{0,2}(?:\w+[-_])*(?:batch[-_]?size|bs|chunk\w*|tile\w*|max[-_]frames?|stride|points[-_]per[-_]batch|"
    r"num[-_]chunks|window\w*|gpu[-_]memory\w*|max[-_]batch\w*|vram\w*|low[-_]?vram|memory\w*)$"
)
_STEPPED = re.compile(r"range\(\s*[^,()]+(?:\([^()]*\))?[^,()]*,\s*[^,]+,\s*[^,()]+\)")
Found = tuple[str, tuple[int, int], str]  # name, lines, text


@kind(
    "memory_bounds",
    summary="what bounds the memory of model runs: chunked loops, results given one by one, tile and batch settings",
    example="memory_bounds: chunks",
    reads="python",
    ordered=True,
)
def memory_bounds(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """Patterns are of settings, chunks, stream and option."""
    roster = roster_of(codebase)
    for frame, name, lines, text in (*_settings(roster), *_loops(roster), *_streams(roster)):
        if query.matches(name):
            yield hit_at(codebase, frame.path, lines, symbol=frame.symbol, name=name, text=text)
    if query.matches("option"):
        for hit in cli_options(codebase, parse_query("cli_options")):
            if _OPTION.match(hit.name):
                text = f"option {hit.text}" if hit.text.startswith("`") else hit.text
                yield hit_at(
                    codebase, hit.path, (hit.start, hit.end), symbol=hit.symbol, name="option", text=text,
                    related=hit.related,
                )  # fmt: skip


def _settings(roster: Roster) -> "Iterator[tuple[Frame, str, tuple[int, int], str]]":
    """Arguments of the calls that make or run models."""
    seen: set[tuple[str, int]] = set()
    steps = [(made.frame, made.step, made.name) for made in roster.made]
    steps += [(use.frame, use.step, use.made[0].name) for use in roster.uses]
    for frame, step, name in steps:
        if (frame.path, step.node.id) in seen:
            continue
        seen.add((frame.path, step.node.id))
        text = frame.body.tree.text
        told = [
            one_line(text(child), 60)
            for child in arguments(step.node, keywords=True)
            if child.type == "keyword_argument" and _SETTING.search(text(child.child_by_field_name("name")))
        ]
        if told:
            said = f"{_subject(frame)} gives `{name}` the settings {', '.join(f'`{item}`' for item in told)}"
            yield frame, "settings", (step.start, step.end), said


def _loops(roster: Roster) -> "Iterator[tuple[Frame, str, tuple[int, int], str]]":
    """Models that run over pieces of their input, in a loop with a step."""
    seen: set[tuple[str, int]] = set()
    for use in roster.uses:
        for guard in use.step.guards:
            if guard.kind != "for" or (use.frame.path, guard.line) in seen or not _STEPPED.search(guard.text):
                continue
            seen.add((use.frame.path, guard.line))
            said = f"{_subject(use.frame)} runs `{use.made[0].name}` on pieces of its input: `for {guard.text}`"
            yield use.frame, "chunks", (guard.line, guard.line), said


def _streams(roster: Roster) -> "Iterator[tuple[Frame, str, tuple[int, int], str]]":
    """Generators that give the results of a model one by one."""
    seen: set[tuple[str, str]] = set()
    for use in roster.uses:
        given = [item for item in use.frame.body.exits if item.kind == "yield"]
        if not given or (use.frame.path, use.frame.symbol) in seen or use.frame.definition is None:
            continue
        seen.add((use.frame.path, use.frame.symbol))
        said = f"{_subject(use.frame)} gives the results of `{use.made[0].name}` one by one and keeps none of them"
        yield use.frame, "stream", (given[0].line, given[0].line), said


def _subject(frame: "Frame") -> str:
    words = caller(frame)
    return words[0].upper() + words[1:]
