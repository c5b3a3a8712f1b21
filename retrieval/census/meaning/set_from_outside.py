"""Names of a module that other files set: `shared.model = load()` behind `from modules import shared`."""

import re
from typing import TYPE_CHECKING

from retrieval.beside import once

if TYPE_CHECKING:
    from retrieval.census.meaning.body import Binding
    from retrieval.census.meaning.frame import Frame
    from retrieval.census.meaning.program import Program

_ATTRIBUTE = re.compile(r"\b([A-Za-z_]\w*)\.([A-Za-z_]\w*)\b(?=[^=\n()#]{0,200}=(?!=))")


@once
def _places(program: "Program") -> dict[tuple[str, str], list[tuple[str, str]]]:
    """Module and name → the files that set it, with the name that each has for the module."""
    found: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for path, facts in program.facts.items():
        file = program.snapshot.by_path[path]
        if facts.language != "python" or file.role not in ("source", "config"):
            continue
        known: dict[str, str] = {}
        for item in facts.imports:
            dotted = f"{item.module}.{item.name}" if item.name else item.module
            whole = item.name or "." not in dotted or item.alias != dotted.partition(".")[0]
            located = program.codebase.locate(dotted, path) if whole else None
            if located is not None and located != path:
                known[item.alias] = located
        for alias, name in dict.fromkeys(_ATTRIBUTE.findall(file.text)) if known else ():
            if alias in known:
                found.setdefault((known[alias], name), []).append((path, alias))
    return found


@once
def set_from_outside(program: "Program", module: str, name: str) -> "tuple[tuple[Frame, Binding], ...]":
    """The bodies of other files that set `name` of the module file `module`, each with the binding that does; what is
    made of the name itself is none."""
    found: list[tuple[Frame, Binding]] = []
    for path, alias in _places(program).get((module, name), ()):
        written = f"{alias}.{name}"
        lines = program.snapshot.by_path[path].lines
        for item in (None, *program.facts[path].definitions):
            own = lines[item.start - 1 : item.end] if item is not None else lines
            if (item is not None and item.kind == "class") or not any(written in line for line in own):
                continue
            frame = program.frame(path, item)
            for binding in frame.bound(written) if frame is not None else ():
                text = frame.body.tree.text(binding.value) if frame is not None else ""
                if not re.search(rf"\b{re.escape(written)}\b", text):
                    found.append((frame, binding))  # type: ignore[arg-type]
    return tuple(found)
