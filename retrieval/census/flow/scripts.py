"""Console scripts that manifests declare: pyproject.toml, setup.cfg and setup.py, read without executing."""

import re
import tomllib
from pathlib import PurePosixPath

from retrieval.snapshot import SourceFile

_REFERENCE = re.compile(r"([\w.-]+)\s*=\s*([\w.]+)\s*:\s*([\w.]+)")


def declared_scripts(file: SourceFile) -> list[tuple[str, str, str]]:
    """Command, module and function of each console script that a file declares."""
    name = PurePosixPath(file.path).name
    if name == "pyproject.toml":
        return _pyproject_scripts(file)
    if name in ("setup.cfg", "setup.py"):
        return [(m[1], m[2], m[3]) for m in _REFERENCE.finditer(_script_part(file))]
    return []


def _pyproject_scripts(file: SourceFile) -> list[tuple[str, str, str]]:
    try:
        data = tomllib.loads(file.text)
    except tomllib.TOMLDecodeError:
        return []
    project, poetry = data.get("project", {}), data.get("tool", {}).get("poetry", {})
    tables = (
        project.get("scripts"),
        project.get("gui-scripts"),
        poetry.get("scripts"),
    )
    found = []
    for table in tables:
        for command, value in table.items() if isinstance(table, dict) else ():
            target = value.get("callable", "") if isinstance(value, dict) else value
            module, _, function = str(target).partition(":")
            found.append((str(command), module.strip(), function.split("[")[0].strip()))
    return found


def _script_part(file: SourceFile) -> str:
    """The text from `console_scripts` on; other entry points that follow are plugins, cut off."""
    start = re.search(r"(console|gui)_scripts", file.text)
    if start is None:
        return ""
    rest = file.text[start.end() :]
    end = re.search(r"\]\s*[,}]|^\[", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest
