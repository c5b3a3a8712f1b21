"""Models whose class is named by an entry of configuration, `_target_: pkg.Net`: the calls that make what it names."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import Point
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.wording import caller
from retrieval.census.models.made_models import Made
from retrieval.census.models.roster import Roster

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_WORD = re.compile(r"(_target_|target|class_path)[\"']?\s*[:=]|(!(?:new|apply):)")
MODELS, PLACES, FILES = 10, 6, 4


def config_classes(roster: Roster) -> Iterator[Point]:
    """One point per function that makes what configuration names, with the classes that it names today."""
    found: dict[str, list[Made]] = {}
    for made in roster.made:
        if made.config[0] and roster.program.snapshot.by_path[made.frame.path].role == "source":
            found.setdefault(made.step.written.rpartition(".")[2], []).append(made)
    for maker, group in sorted(found.items(), key=lambda item: -len(item[1])):
        yield _point(roster.codebase, maker, group)


def _point(codebase: "Codebase", maker: str, group: list[Made]) -> Point:
    names = list(dict.fromkeys(made.name for made in group))
    told = [f"`{name}`" for name in names]
    word = next((found for made in group if (found := _word(codebase, made))), "entry `target`")
    places = dict.fromkeys(f"{caller(made.frame)} ({made.frame.path})" for made in group)
    files = dict.fromkeys(f"{made.config[0]}:{made.config[1]}" for made in group)
    said = (
        f"By configuration alone: `{maker}()` makes the class that the {word} names, today "
        f"{listed(told, MODELS)} ({listed(list(files), FILES)}), in {listed(list(places), PLACES)}; another class that "
        "takes the same arguments, of the repository or of a package, is named there without a change of code"
    )
    short = f"the {word} names the class of {listed(told, MODELS)}, which `{maker}()` makes"
    first = group[0]
    related = [("made", made.frame.path, made.step.start, made.step.end) for made in group[1:]]
    related += [("named", *made.config, made.config[1]) for made in group]
    unique = tuple(dict.fromkeys(related))
    lines = (first.step.start, first.step.end)
    return Point("configuration", short, said, first.frame.path, lines, first.frame.symbol, unique[:12], tuple(names))


def _word(codebase: "Codebase", made: Made) -> str:
    """The entry or the tag that names the class, as its line spells it."""
    path, line = made.config
    file = codebase.snapshot.by_path.get(path)
    match = _WORD.search(file.lines[line - 1]) if file is not None and 0 < line <= len(file.lines) else None
    return (f"entry `{match[1]}`" if match[1] else f"tag `{match[2]}`") if match else ""
