"""What a line of the tree can say of code that says nothing of itself: what it works with, uses and serves."""

from functools import lru_cache

from retrieval.census.describe import main_definitions, main_names, own_sentence
from retrieval.census.prose import counted, listed
from retrieval.census.reach import reach_of
from retrieval.census.subjects import subject_words
from retrieval.codebase import Codebase
from retrieval.snapshot import SourceFile

_USES = 3
_USERS = 2


def file_context(codebase: Codebase, file: SourceFile) -> str:
    """For a Python file: that it is a main program and, when it has no docstring, what it works with, what it uses
    of the repository and which files use it. Begins with ";" unless empty."""
    facts = codebase.facts.get(file.path)
    if facts is None or file.language != "python":
        return ""
    parts = ["a main program"] if file.path in reach_of(codebase).programs else []
    if not own_sentence(facts.docstring) and file.role != "test" and facts.definitions:
        used, users = _graph(codebase)
        told = subject_words(codebase, facts)
        parts += [f"works with {told}"] if told else []
        parts += [f"uses {listed(used[file.path], _USES)}"] if file.path in used else []
        parts += [f"used by {listed(users[file.path], _USERS)}"] if file.path in users else []
    return "".join(f"; {part}" for part in parts)


def held_words(codebase: Codebase, own: list[SourceFile], files: list[SourceFile]) -> str:
    """For a folder that says nothing of itself: the classes, or else the functions, that count most in its `own`
    files, or else in all `files` below it."""
    below = [file for file in files if file.language == "python" and file.role != "test"]
    if not below:
        return ""
    inside = [codebase.facts[file.path] for file in own if file.language == "python"]
    inside = inside or [codebase.facts[file.path] for file in below]
    for position, noun in enumerate(("class", "function")):
        items = [item for facts in inside for item in main_definitions(facts)[position]]
        names = main_names(codebase, [item for item in items if not item.name.startswith("_")])
        if names:
            plural = counted(2, noun).removeprefix("2 ") if len(names) > 1 else noun
            return f"{counted(len(below), 'Python file')} with the {plural} {listed(names)}"
    return counted(len(below), "Python file")


def folder_users(codebase: Codebase, files: list[SourceFile]) -> str:
    """ "; used by run.py, api.py": the files outside a folder that import from it; "" for none."""
    _, users = _graph(codebase)
    inside = {file.path.rpartition("/")[2] for file in files}
    found = dict.fromkeys(user for file in files for user in users.get(file.path, ()) if user not in inside)
    return f"; used by {listed(list(found), _USERS)}" if found else ""


@lru_cache(maxsize=2)
def _graph(codebase: Codebase) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """path → names of the repository that the file imports, and path → names of the files that import from it."""
    used: dict[str, list[str]] = {}
    users: dict[str, list[str]] = {}
    for path in sorted(codebase.facts):
        for item in codebase.facts[path].imports:
            found = codebase.resolve_local(path, f"{item.module}.{item.name}") if item.name else None
            where = found[0] if found else codebase.locate(f"{item.module}.{item.name}", path)
            where = where or codebase.locate(item.module, path)
            if where is None or where == path:
                continue
            name = item.name if found else where.rpartition("/")[2]
            _note(used.setdefault(path, []), name)
            if codebase.snapshot.by_path[path].role != "test":
                _note(users.setdefault(where, []), path.rpartition("/")[2])
    return used, users


def _note(names: list[str], name: str) -> None:
    if name not in names and name not in ("*", "__init__.py"):
        names.append(name)
