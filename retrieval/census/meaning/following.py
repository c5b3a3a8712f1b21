"""What a unit runs that it does not name: targets of its calls, modules and scripts that it loads or starts."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.flow.launches import named_files
from retrieval.census.flow.starts import Unit
from retrieval.census.meaning.callgraph import possible
from retrieval.census.meaning.values import Loaded, ModuleRef, alternatives

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program
    from retrieval.facts import Definition

# Bounded, since a line of a megabyte would be searched from every place of it.
_FILE = re.compile(r"""["'][^"'\n]{0,120}?((?:[\w.-]{1,80}/){1,20}[\w-]{1,80}\.py)\b""")
_LOADING = re.compile(r"\bimport_module\(|\b__import__\(|\bspec_from_file_location\(")


def runs(program: "Program", path: str, definition: "Definition | None", *, guarded: bool = True) -> Iterator[Unit]:
    """The units that the calls of a body run, those of scripts and imported modules with the symbol "".

    Without `guarded` a top level is that of an imported module, whose `__main__` block does not run.
    """
    frame = program.frame(path, definition)
    if frame is None or (definition is not None and definition.kind == "class"):
        return
    block = program.main_guard(path) if definition is None and not guarded else None
    for site in program.sites(frame):
        if block is not None and block[0] <= site.step.start <= block[1]:
            continue
        for target in possible(program, site):
            yield target.path, target.definition.symbol


def scripts(program: "Program", path: str, definition: "Definition | None", text: str) -> Iterator[str]:
    """The files that run as scripts: started in another process, or named as files by a constant."""
    frame = program.frame(path, definition)
    for site in program.sites(frame) if frame is not None else ():
        yield from (target.path for target in site.targets if target.definition.kind == "script")
    for name in dict.fromkeys(_FILE.findall(text)) if ".py" in text else ():
        yield from named_files(program, path, name.lstrip("./"))


def loads(program: "Program", path: str, definition: "Definition | None", text: str) -> tuple[list[str], bool]:
    """The modules that a body loads by a name that is partly computed, and whether it may load any by any name."""
    frame = program.frame(path, definition) if _LOADING.search(text) else None
    if frame is None:
        return [], False
    found = dict.fromkeys(where for value in _loaded(frame) for where in value)
    return list(found), not found


def _loaded(frame: "Frame") -> Iterator[list[str]]:
    for step in frame.body.calls:
        if step.written.rpartition(".")[2] in ("import_module", "__import__"):
            for value in alternatives(frame.value(step.node, step.order, step.guards)):
                if isinstance(value, Loaded):
                    yield [module.path for module in value.modules]
                elif isinstance(value, ModuleRef):
                    yield [value.path]
