"""Kind `vision_told`: in sentences, how images come to vision models, where these are called, what embeds images."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.modalities.multimodal_messages import Message, messages, sender
from retrieval.census.models.roster import Roster, roster_of
from retrieval.census.vision.embedding_answer import embedding
from retrieval.census.vision.image_transforms import Composed, composed_of, name_of, said
from retrieval.census.vision.vision import working
from retrieval.census.vision.vision_calls import Run, from_loader, runs_of, written
from retrieval.census.vision.vision_preparing import preparing
from retrieval.census.vision.vision_words import at, first, is_run, place, several
from retrieval.facts import CensusHit
from retrieval.parse import first_line, last_line

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

PARTS = ("preprocessing", "calls", "embeddings")
SHOWN = 4
_MOVES = re.compile(r"\.(?:to|cuda|cpu)\((?:[^)]*device|[\"']cuda|\))")  # where a tensor is is no format of it
_UNTRACED = " (no way from the main programs to this code was traced)"


@kind(
    "vision_told",
    summary="in sentences: the way of images to vision models (part=preprocessing), their calls, embeddings of images",
    example="vision_told: part=calls",
    reads="python",
    options=("part",),
    ordered=True,
)
def vision_told(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """A few sentences; none where nothing of the kind is found. Raises QueryError for an unknown part."""
    part = query.choice("part", PARTS, "calls")
    runs = first(codebase, runs_of(roster_of(codebase)))
    told = {"preprocessing": preparing, "calls": _calls, "embeddings": embedding}[part]
    yield from told(codebase, runs)


def _calls(codebase: "Codebase", runs: list[Run]) -> Iterator[CensusHit]:
    """Which function runs which model on what, and requests that carry images."""
    if runs:
        shown = several(runs, SHOWN)
        models = listed([run.name for run in several(runs, len(runs))], 8)
        untraced = "" if is_run(codebase, runs[0]) else _UNTRACED
        text = f"Vision models are called at {counted(len(runs), 'place')}{untraced}: {models}. "
        text += "; ".join(_call(run) for run in shown)
        yield at(codebase, text, [place(run) for run in shown])
        yield from _forms(codebase, runs)
    asked = [message for message in messages(roster_of(codebase)) if message.modality in ("image", "video")]
    asked = [message for message in asked if _is_run(codebase, message)] or asked
    if asked:
        text = f"Requests to models that read images: {'; '.join(_request(message) for message in asked[:SHOWN])}"
        nodes = [(m.frame, m.node) for m in asked[:SHOWN]]
        yield at(codebase, text, [("request", f.path, first_line(n), last_line(n)) for f, n in nodes])


def _call(run: Run) -> str:
    given = one_line(run.spot.text(), 40)
    form = f" - {', '.join(run.form)}" if run.form else ""
    steps = [step for step in run.chain if not _MOVES.match(step.written)][-4:]
    made = f", made by {' → '.join(f'`{one_line(s.written, 44)}`' for s in steps)}" if steps else ""
    return f"{name_of(run.frame)} runs {run.name} with `{written(run)}` on `{given}`{made}{form}"


def _forms(codebase: "Codebase", runs: list[Run]) -> Iterator[CensusHit]:
    """Which transform makes the tensors of those calls that say nothing of the form of their input themselves."""
    chains = [one for one in composed_of(codebase) if _role(codebase, one) == "source"]
    used = {re.match(r"[\w.]*", s.written)[0].rpartition(".")[2] for run in runs for s in run.chain}  # type: ignore[index]
    named = {one.frame.symbol.rpartition(".")[2]: one for one in reversed(chains)}
    applied = [named[name] for name in sorted(used & named.keys() - {""})]
    fed = [run for run in runs if from_loader(roster_of(codebase), run)]
    if applied:
        text = f"What formats the inputs: {'; '.join(said(codebase, one) for one in applied[:2])}"
        yield at(codebase, text, [("composed", one.frame.path, one.step.start, one.step.end) for one in applied[:2]])
    chains = _of_data(roster_of(codebase), chains)
    if fed and chains:
        names = listed(list(dict.fromkeys(run.name for run in fed)), 6)
        channels = "3" if all("(3, H, W)" in one.gives for one in chains if one.gives) else "C"
        shape = f" of shape (B, {channels}, H, W)" if any(one.gives for one in chains) else ""
        text = f"{names} {'get' if len(fed) > 1 else 'gets'} batches{shape} from a data loader, whose images the "
        text += f"transforms made: {'; '.join(said(codebase, one) for one in chains[:2])}"
        places = [("composed", one.frame.path, one.step.start, one.step.end) for one in chains[:2]]
        yield at(codebase, text, [*places, *(place(run) for run in fed[:SHOWN])])


def _of_data(roster: Roster, chains: list[Composed]) -> list[Composed]:
    """The chains that stand beside data sets which read images; else those that no class keeps for itself."""
    folders = {frame.path.rpartition("/")[0] for frame, _ in working(roster) if frame.symbol.endswith(".__getitem__")}
    beside = [one for one in chains if one.frame.path.rpartition("/")[0] in folders]
    return beside or [one for one in chains if one.frame.owner is None]


def _role(codebase: "Codebase", one: Composed) -> str:
    return codebase.snapshot.by_path[one.frame.path].role


def _is_run(codebase: "Codebase", message: Message) -> bool:
    lines = (first_line(message.node), last_line(message.node))
    hit = hit_at(codebase, message.frame.path, lines, symbol=message.frame.symbol, name="", text="")
    return reach_of(codebase).has(hit) and hit.role == "source"


def _request(message: Message) -> str:
    by = f", sent by `{sender(message)}`" if message.sent is not None else ""
    return f"{name_of(message.frame)} builds the {message.modality} part `{message.written}`{by}"
