"""Models that run outside the process of the main programs: in started programs, behind services, behind own routes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.concurrency.side_by_side import groups_of
from retrieval.census.concurrency.workers import step_of
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.routes import requested, routes
from retrieval.census.language import hit_at
from retrieval.census.meaning.callgraph import entered
from retrieval.census.meaning.people import people
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.models.asking import ASKING, asked
from retrieval.census.models.model_entries import entries_of
from retrieval.census.models.touches import ways
from retrieval.facts import CensusHit
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

SHOWN, NAMED = 6, 2
# Commands of programs that run a model: recognition of text and speech, servers of language models, enhancement.
_PROGRAMS = words(
    "tesseract llama-server llama-cli llama-mtmd-cli ollama vllm tritonserver text-generation-launcher lmdeploy sglang "
    "koboldcpp whisper whisper-cli whisper-server whisperx piper demucs spleeter realesrgan-ncnn-vulkan yolo "
    "rife-ncnn-vulkan waifu2x-ncnn-vulkan easyocr paddleocr rapidocr rembg mineru marker_single tts tts-server"
)
_MODULES = re.compile(r"^python -m (?:vllm|sglang|lmdeploy|llama_cpp|mlx_lm|mlx_vlm|fastchat|whisper|TTS|demucs)\b")
OWN = "programs of the repository that ask each other over HTTP"
Told = tuple[str, list[CensusHit]]


@once
def elsewhere(codebase: Codebase) -> tuple[Told, ...]:
    """What runs a model outside the process, in words with the places: programs, services, routes of the repository."""
    return tuple([*_started(codebase), *_hosted(codebase), *_own_services(codebase)])


def runs_model(hit: CensusHit) -> bool:
    """Whether a started outside program runs a model: by its name, or because it is given a model."""
    program = hit.detail["program"]
    return program.removesuffix(".exe") in _PROGRAMS or bool(_MODULES.match(program)) or bool(hit.detail["flag"])


def _started(codebase: Codebase) -> Iterator[Told]:
    found: dict[tuple[str, str], list[CensusHit]] = {}
    for hit in groups_of(codebase)["outside"].run:
        if runs_model(hit):
            name = hit.detail["program"] or hit.detail.get("head", "") or "a command made up at run time"
            found.setdefault((name, hit.detail["flag"]), []).append(hit)
    named = {name for name, flag in found if not flag}
    for (name, flag), hits in found.items():
        if flag and name in named:
            continue
        given = f" that is given a model with `{flag}`" if flag else ""
        who = people(codebase, [(hit.path, hit.symbol) for hit in hits], NAMED)
        yield f"`{name}`, an outside program{given}, started as a process by {who}", hits


def _hosted(codebase: Codebase) -> Iterator[Told]:
    """Models that are asked over the network: clients of services, and requests in the form that model servers take."""
    entries = [entry for entry in entries_of(codebase) if entry.hosted and entry.run]
    hits = [
        hit_at(codebase, m.frame.path, (m.step.start, m.step.end), symbol=m.frame.symbol, name=name, text=name)
        for e in entries
        for m in e.made[:1]
        for name in ["http" if m.maker.startswith("http.") else e.name]
    ]
    known = {(made.frame.path, made.frame.symbol) for entry in entries for made in entry.made}
    every = [hit for hit in asked(codebase) if (hit.path, hit.symbol) not in known]
    served = _set_up(codebase)
    own = [hit for hit in every if served and hit.name.startswith("tritonclient.")]
    others = [hit for hit in every if hit not in own]
    if own:
        who = people(codebase, [(hit.path, hit.symbol) for hit in own], NAMED)
        told = f"a Triton model server that the repository sets up itself (`{served}`)"
        yield f"{told}, asked over the network by {who}", own
    if hits or others:
        names = list(dict.fromkeys(f"`{hit.name}`" for hit in (*hits, *others) if hit.name != "http"))
        who = people(codebase, [*known, *((hit.path, hit.symbol) for hit in others)], NAMED)
        told = f" ({listed(names, SHOWN)})" if names else ""
        yield f"models behind a service, asked over the network by {who}{told}", [*hits, *others]


def _set_up(codebase: Codebase) -> str:
    """The first description of a model for Triton in the repository; "" without one."""
    return min((path for path in codebase.snapshot.by_path if path.endswith("/config.pbtxt")), default="")


def _own_services(codebase: Codebase) -> Iterator[Told]:
    """Handlers of other programs of the repository that the code asks over HTTP."""
    program, reach = program_of(codebase), reach_of(codebase)
    if not routes(program):
        return
    asking: dict[tuple[str, str], list[CensusHit]] = {}
    handlers: dict[tuple[str, str], Frame | None] = {}
    targets: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for path, call in codebase.all_calls():
        source = codebase.snapshot.by_path[path].role == "source" and reach.runs((path, call.symbol))
        at = step_of(codebase, path, call) if source and call.name.rpartition(".")[2] in (*ASKING, "get") else None
        for target in requested(program, *at, several=True) if at is not None else ():
            hit = hit_at(codebase, path, (call.start, call.end), symbol=call.symbol, name=call.name, text=call.written)
            asking.setdefault((path, call.symbol), []).append(hit)
            targets.setdefault((path, call.symbol), set()).add((target.path, target.definition.symbol))
            handlers.setdefault((target.path, target.definition.symbol), entered(program, target))
    if asking:
        reached = [place for place, frame in handlers.items() if frame is not None and ways(codebase, [frame])]
        handlers = dict.fromkeys([*reached, *handlers])
        first = sorted(asking, key=lambda place: not targets[place].intersection(reached))
        told = f"{OWN}: {people(codebase, first, 3)} "
        told += f"{'asks' if len(asking) == 1 else 'ask'} {people(codebase, list(handlers), 3)}"
        told += ", those that run models first" if reached and len(reached) < len(handlers) else ""
        yield told, [hit for place in first for hit in asking[place][:1]]
