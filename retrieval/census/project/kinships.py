"""What the classes and functions of a folder have in common: a base that most derive from, commands, plain data.

Told of folders that say nothing of themselves. A base counts when a good part of the public classes derives from it.
"""

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from retrieval.census.meaning.prose import listed
from retrieval.census.project.describe import main_definitions, own_sentence
from retrieval.snapshot import SourceFile

if TYPE_CHECKING:
    from retrieval.codebase import Codebase
    from retrieval.facts import Definition

LEAST, SHARE, DATA, COMMANDS = 3, 0.4, 0.6, 5
_DATA = re.compile(r"(?:^|\.)(?:BaseModel|NamedTuple|TypedDict|Enum|StrEnum|IntEnum|Struct|Coqpit)$")
_RECORD = re.compile(r"(?:^|\.)(?:dataclass|define|frozen|attrs)$")
_OPTIONS = re.compile(r"(?:Options?|Config|Settings|Args|Params)$")
_COMMAND = re.compile(r"(?:^|\.)command$")
_PLAIN = frozenset({"object", "Generic", "Protocol", "ABC"})


def kin_words(codebase: "Codebase", files: Iterable[SourceFile]) -> str:
    """ "implementations of `Backend` (“…”)", "options and data classes", "the commands `convert`"; "" for nothing."""
    own = [file for file in files if file.language == "python" and file.lines and file.role != "test"]
    classes: list[tuple[str, Definition]] = []
    commands: list[str] = []
    for file in own:
        found, functions = main_definitions(codebase.facts[file.path])
        classes += [(file.path, item) for item in found if not item.name.startswith("_")]
        named = [item.name for item in functions if any(map(_COMMAND.search, item.decorators))]
        commands += [name for name in named if name != "main"]
    records = sum(len(file.lines) for file in own if data_words(codebase, file.path))
    most = records * 2 >= sum(len(file.lines) for file in own)
    told = [_base(codebase, classes) or (_data(codebase, classes) if most else "")]
    if commands:
        told.append(f"the commands {listed([f'`{name}`' for name in commands], COMMANDS)} of the command line")
    return "; ".join(filter(None, told))


def data_words(codebase: "Codebase", path: str) -> str:
    """ "data classes" of a file with little else, "" for another."""
    classes, functions = main_definitions(codebase.facts[path])
    public = [(path, item) for item in classes if not item.name.startswith("_")]
    return _data(codebase, public) if len(functions) < len(public) else ""


def _base(codebase: "Codebase", classes: "list[tuple[str, Definition]]") -> str:
    """The base of the repository from which most classes derive; of several alike the nearest to them."""
    counts: Counter[str] = Counter()
    for path, item in classes:
        counts.update({name for name in codebase.bases(path, item) if name.rpartition(".")[2] not in _PLAIN})
    ranked = [(count, name) for name, count in counts.items() if count >= max(LEAST, SHARE * len(classes))]
    best: tuple[int, int, str, str] | None = None
    for count, name in ranked:
        found = codebase.find(name)
        if found is None or found[1].kind != "class" or _DATA.search(name) or name.endswith(("Error", "Exception")):
            continue
        depth = len(codebase.bases(*found))
        candidate = (count, depth, found[1].name, own_sentence(found[1].docstring, 140))
        best = candidate if best is None or candidate[:2] > best[:2] else best
    if best is None:
        return ""
    said = f" (“{best[3]}”)" if best[3] else ""
    return f"implementations of `{best[2]}`{said}"


def _data(codebase: "Codebase", classes: "list[tuple[str, Definition]]") -> str:
    plain = [
        item for path, item in classes
        if any(map(_RECORD.search, item.decorators)) or any(map(_DATA.search, codebase.bases(path, item)))
    ]  # fmt: skip
    if len(plain) < max(LEAST, DATA * len(classes)):
        return ""
    options = sum(bool(_OPTIONS.search(item.name)) for item in plain)
    return "options and data classes" if options * 4 >= len(plain) else "data classes"
