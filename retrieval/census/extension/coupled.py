"""Kind `coupled_files`: files by how tightly they are tied to particular models, with what ties them.

Ties are what breaks when a model is replaced: models that are made, loaded and run, what requests to one fix,
tokenizers and processors that go with them, switches over the formats of what they give, special tokens, prompts,
labels, keys of checkpoints, decisions by the name of a model, reaches into the parts of one, and types of the
libraries that bring the models. A loader of whichever model is named ties to none.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.extension.tied_file import Ties
from retrieval.census.extension.ties import ties_of
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.models.roster import roster_of
from retrieval.census.project.duties import layered
from retrieval.facts import CensusHit
from retrieval.roles import is_left

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN, TIGHTEST, FEW, PARTS = 6, 5, 3, 5
ASIDE = re.compile(r"(?:^|/)(?:bench\w*|eval\w*|tests?|examples?|docs?)/|(?:^|/)(?:speed|benchmark)\w*\.py$")


@kind(
    "coupled_files",
    summary="files by how tightly they are tied to particular models, and what ties them (what=verdict)",
    example="coupled_files, or coupled_files: what=verdict",
    reads="python",
    options=("what",),
    ordered=True,
)
def coupled_files(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per tied file, tightest first; patterns match the path. `what=verdict` names the tightest files."""
    table = {path: ties for path, ties in ties_of(codebase).items() if ties.weight and query.matches(path)}
    role = {path: file.role for path, file in codebase.snapshot.by_path.items()}
    reached = {unit[0] for unit in reach_of(codebase).units}

    def importance(path: str) -> tuple[bool, bool, bool, int, str]:
        aside = bool(ASIDE.search(path)) or is_left(path)
        return role[path] != "source", aside, path not in reached, -table[path].weight, path

    ranked = sorted(table, key=importance)
    if query.options.get("what") == "verdict":
        main = [path for path in ranked if role[path] == "source"]
        yield from _verdict(codebase, table, main) if main else []
        return
    for path in ranked:
        yield _hit(codebase, path, table[path])


def _hit(codebase: "Codebase", path: str, ties: Ties) -> CensusHit:
    lines = [ties.first, *(line for line in ties.lines if line != ties.first)]
    return hit_at(
        codebase, path, (lines[0], lines[0]), symbol="", name=path, text=f"{path} {'; '.join(_words(ties))}",
        related=tuple(("tie", path, line, line) for line in lines[1:]), detail={"weight": str(ties.weight)},
    )  # fmt: skip


def _words(ties: Ties, shown: int = SHOWN) -> list[str]:
    """What ties a file, as predicates, that which breaks first before the rest."""

    def names(held: dict[str, int]) -> str:
        return listed(list(held), shown)

    return [
        words
        for held, words in (
            (ties.wired, f"runs the stages {names(ties.wired)} in fixed places"),
            (ties.slots, f"has one field for each kind of result, {names(ties.slots)}"),
            (ties.requests, f"has in its requests to a model {listed(list(ties.requests), PARTS + 1)}"),
            (ties.made, f"makes {names(ties.made)}"),
            (ties.hosted, f"makes clients of services, {names(ties.hosted)}"),
            (ties.run, f"calls {names(ties.run)}"),
            (ties.bound, f"binds labels, as {names(ties.bound)}"),
            (ties.asked, f"decides {_times(len(ties.asked))} by a label"),
            (ties.formats, f"switches over {names(ties.formats)}"),
            (ties.companions, f"uses {names(ties.companions)}"),
            (ties.named, f"decides {_times(len(ties.named))} by the name or type of a model"),
            (ties.tokens, f"writes the special tokens {names(ties.tokens)}"),
            (ties.prompts, f"writes the prompts {names(ties.prompts)}"),
            (ties.labels, f"holds the labels {names(ties.labels)}"),
            (ties.weights, f"names the weights {names(ties.weights)}"),
            (ties.sizes, f"fixes the input sizes and ids {names(ties.sizes)}"),
            (ties.widths, f"fixes the widths {names(ties.widths)}"),
            (ties.numbers, f"fixes the numbers {names(ties.numbers)}"),
            (ties.keys, f"reads the checkpoint keys {names(ties.keys)}"),
            (ties.types, f"takes {names(ties.types)} from the model's library"),
            (ties.reaches, f"reaches into parts of a model, as {names(ties.reaches)}"),
            (ties.behind and not ties.seen, f"stands behind the interface {names(ties.behind)}"),
            (ties.general, f"makes whichever model is named with {names(ties.general)}"),
        )
        if held
    ]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _verdict(codebase: "Codebase", table: dict[str, Ties], ranked: list[str]) -> Iterator[CensusHit]:
    shown = ranked[:TIGHTEST]
    told = [f"{path}, which {', '.join(_words(table[path], FEW)[:PARTS])}" for path in shown]
    more = (
        f". {counted(len(ranked) - len(shown), 'more source file')} are tied less tightly"
        if len(ranked) > TIGHTEST
        else ""
    )
    text = f"Most tightly tied to particular models is {told[0]}"
    if len(told) > 1:
        text = "Most tightly tied to particular models are, the tightest first: "
        text += "; ".join(f"({place}) {said}" for place, said in enumerate(told, 1)) + more
    places = [(path, table[path].first) for path in shown]
    yield hit_at(
        codebase, places[0][0], (places[0][1], places[0][1]), symbol="", name="verdict", text=text,
        related=tuple(("tie", path, line, line) for path, line in places[1:]),
    )  # fmt: skip
    classes = list({m.cls: m for m in roster_of(codebase).made if m.cls is not None}.values())
    classes = [m for m in classes if m.cls is not None and layered(codebase, m.cls.path, m.cls.definition)] or classes
    files = list(dict.fromkeys(m.cls.path for m in classes if m.cls is not None and m.cls.path not in shown))
    if files:
        first = next(m.cls for m in classes if m.cls is not None and m.cls.path == files[0])
        line = first.definition.head_start
        said = f"The model classes themselves, with their sizes and layers, are defined in {listed(files, 8)}"
        yield hit_at(codebase, files[0], (line, line), symbol="", name="verdict", text=said)
