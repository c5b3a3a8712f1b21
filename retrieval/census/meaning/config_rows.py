"""What the entries of configuration that name a class stand for, and which of them code that reads files means."""

import re
from typing import TYPE_CHECKING

from retrieval.beside import Beside, once
from retrieval.census.meaning.values import ClassRef, External, FunctionRef
from retrieval.census.models.config_targets import Named, named_by_config

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program
    from retrieval.codebase import Codebase

FILE = re.compile(r"""["'](?:[^"'\n]*/)?([\w.+-]+\.(?:ya?ml|json))["']""")
Target = ClassRef | FunctionRef | External
Row = tuple[Named, Target]
_KNOWN: "Beside[Program, dict[str, list[Row]]]" = Beside()
_VALUES: "Beside[Program, dict[tuple[ClassRef, str], list[str]]]" = Beside()


def mentioned(frame: "Frame", rows: list[Row]) -> list[Row]:
    """Of entries those of files that the caller's file, or one that imports it, names; all where none is named."""
    names = _files_named(frame.program.codebase, frame.path)
    told = [row for row in rows if row[0].path.rpartition("/")[2] in names]
    return told or rows


@once
def _files_named(codebase: "Codebase", path: str) -> frozenset[str]:
    """The names of configuration files in the texts of a file and of those that import it."""
    found: set[str] = set()
    for other, facts in codebase.facts.items():
        if other == path or any(codebase.locate(item.module, other) == path for item in facts.imports):
            found |= {match[1] for match in FILE.finditer(codebase.snapshot.by_path[other].text)}
    return frozenset(found)


def values_by_config(program: "Program", cls: ClassRef, parameter: str) -> list[str]:
    """The texts that configuration gives to a parameter of a class."""
    if program not in _VALUES:
        table: dict[tuple[ClassRef, str], dict[str, None]] = {}
        for entries in named_by_config(program.codebase).values():
            for named in entries:
                target = resolved(program, named.name) if named.given else None
                for name, text in named.given if isinstance(target, ClassRef) else ():
                    table.setdefault((target, name), {})[text] = None  # type: ignore[index]
        _VALUES[program] = {key: list(texts) for key, texts in table.items()}
    return _VALUES[program].get((cls, parameter), [])


def held_by_config(program: "Program") -> dict[tuple[ClassRef, str], list[tuple[Named, ClassRef]]]:
    """Class and parameter → the objects that Hydra makes for it, from the entries inside the entry of the class."""
    found: dict[tuple[ClassRef, str], list[tuple[Named, ClassRef]]] = {}
    for rows in rows_of(program).values():
        for named, target in rows:
            outer = resolved(program, named.within) if named.made and named.within else None
            if isinstance(target, ClassRef) and isinstance(outer, ClassRef):
                listed = found.setdefault((outer, named.key), [])
                listed += [] if target in [other for _, other in listed] else [(named, target)]
    return found


def rows_of(program: "Program") -> dict[str, list[Row]]:
    """Key → the entries under it whose class is of the repository or of a library, worked out once."""
    if program not in _KNOWN:
        table: dict[str, list[Row]] = {}
        for key, entries in named_by_config(program.codebase).items():
            for named in entries:
                target = resolved(program, named.name)
                known = table.setdefault(key, [])
                if target is not None and all((target, named.within) != (t, n.within) for n, t in known):
                    known.append((named, target))
        _KNOWN[program] = table
    return _KNOWN[program]


def resolved(program: "Program", name: str) -> Target | None:
    """What a dotted name in a configuration stands for; None for a module and what is not found."""
    found = program.lookup(name)
    return found if isinstance(found, ClassRef | FunctionRef | External) else None
