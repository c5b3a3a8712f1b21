"""What a YAML file makes while it is read: `load_hyperpyyaml(file)` gives a table of the objects behind its tags,
`llm: !new:pkg.Net`, `open: !name:pkg.fn`, `net: !apply:pkg.make`.
"""

import re
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.meaning.config_rows import FILE, Row, mentioned, resolved
from retrieval.census.meaning.results import called
from retrieval.census.meaning.values import External, Instance, Table, Value
from retrieval.census.models.config_targets import named_by_config
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

LOADER = "load_hyperpyyaml"
_REMOVED = re.compile(r"""["'](\w+)["']\s*:\s*None\b""")
_TOP: "Beside[Program, list[Row]]" = Beside()


def reads_tagged(frame: "Frame", call: Node) -> bool:
    """Whether a call reads a YAML file whose tags make objects."""
    function = call.child_by_field_name("function")
    if frame.body.tree.text(function).rpartition(".")[2] != LOADER:
        return False
    value = frame.value(function)
    return isinstance(value, External) and value.name.rpartition(".")[2] == LOADER


def tagged_rows(frame: "Frame", call: Node) -> list[Row]:
    """The outermost entries with tags of the files that the function, else its file or one that imports it, names; of
    all files when none is named, of examples last. Entries that the call overrides with None are left out."""
    program, item = frame.program, frame.definition
    lines = program.snapshot.by_path[frame.path].lines
    text = "\n".join(lines[item.start - 1 : item.end] if item is not None else lines)
    names = {match[1] for match in FILE.finditer(text)}
    rows = _top(program)
    told = [row for row in rows if row[0].path.rpartition("/")[2] in names] or mentioned(frame, rows)
    own = [row for row in told if program.snapshot.by_path[row[0].path].role != "example"]
    removed = {match[1] for match in _REMOVED.finditer(frame.body.tree.text(call))}
    return [row for row in own or told if row[0].whole not in removed]


def tagged_objects(frame: "Frame", call: Node) -> Table | None:
    """The table that the call gives: what the tags of each key make."""
    held: dict[str, list[Value | None]] = {}
    for named, target in tagged_rows(frame, call):
        held.setdefault(named.whole, []).append(target if named.word == "!name" else called(frame.program, target))
    settled = [(key, frame.program.settle(values)) for key, values in held.items()]
    objects: list[Value | None] = [value for _, value in settled if isinstance(value, Instance)]
    element = frame.program.settle(objects)
    return Table(element, tuple(settled)) if element is not None else None


def _top(program: "Program") -> list[Row]:
    if program not in _TOP:
        entries = (item for items in named_by_config(program.codebase).values() for item in items)
        top = [item for item in entries if item.tagged and item.whole and "." not in item.whole]
        rows = [(item, resolved(program, item.name)) for item in top]
        _TOP[program] = [(item, target) for item, target in rows if target is not None]
    return _TOP[program]
