"""Which example code is a program: scripts that the README tells people to run, with what they import beside them.

Where examples are all the code there is, they are the program as well.
"""

import re
from collections.abc import Iterable
from dataclasses import replace

from retrieval.languages import SOURCE_LANGUAGES
from retrieval.snapshot import SourceFile

_COMMAND = re.compile(
    r"(?:^|[\s`$>;&(])(?:python[\d.]*|torchrun|accelerate\s+launch|(?:streamlit|chainlit|fastapi)\s+(?:run|dev))\s"
    r"[^\n`]{0,200}?(?<![\w./-])(?:\./)?((?:[\w.-]+/)+[\w-]+\.py)\b"
)
_ENDS = (".py", "/__init__.py")
_IMPORT = re.compile(r"(?m)^[ \t]*(?:from|import)[ \t]+([\w.]+)")


def with_programs(files: list[SourceFile]) -> list[SourceFile]:
    """The files, those of an example that is a program with the role "source"."""
    code = [file for file in files if file.language in SOURCE_LANGUAGES]
    examples = {file.path: file for file in code if file.role == "example"}
    if not examples:
        return files
    told = set(examples) if not any(file.role == "source" for file in code) else _told(files, examples)
    return [replace(file, role="source") if file.path in told else file for file in files]


def _told(files: list[SourceFile], examples: dict[str, SourceFile]) -> set[str]:
    """The examples that a README at the root gives a command for, and those that they import."""
    readmes = (file for file in files if "/" not in file.path and file.path.lower().startswith("readme"))
    waiting = [path for file in readmes for path in _COMMAND.findall(file.text) if path in examples]
    found: set[str] = set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(_imported(path, examples[path].text, examples))
    return found


def _imported(path: str, text: str, examples: Iterable[str]) -> list[str]:
    """The examples that a file imports, from its own folder or from the root."""
    folder = path.rpartition("/")[0]
    tails = [name.strip(".").replace(".", "/") for name in _IMPORT.findall(text)]
    wanted = {f"{root}{tail}{end}" for tail in tails if tail for root in (f"{folder}/", "") for end in _ENDS}
    return [other for other in examples if other in wanted]
