"""What a line of the tree can say of code that says nothing of itself: what it works with, uses and serves."""

from retrieval.beside import once
from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.project.describe import describe_file, documented, main_definitions, main_names, own_sentence
from retrieval.census.project.duties import tested_names, told_by_readme, work_of, work_of_folder
from retrieval.census.project.kinships import kin_words
from retrieval.census.project.subjects import subject_words
from retrieval.codebase import Codebase
from retrieval.facts import FileFacts
from retrieval.snapshot import SourceFile

_USES = 3
_USERS = 2
_SPEAKS = 3  # a file speaks for its folder when it is at least this part of it


def file_words(codebase: Codebase, file: SourceFile, described: str) -> str:
    """What a line of the tree says of a file: the kind of work of a Python file without a docstring of its own, its
    description, what a README says of it, what it uses, and which files use it."""
    facts = codebase.facts.get(file.path)
    if facts is None or file.language != "python" or not file.lines:
        return described
    readme = told_by_readme(codebase, file.path)
    if file.role == "test":
        return "; ".join(filter(None, (described, tested_names(codebase, file))))
    program = "main program" if file.path in reach_of(codebase).programs else ""
    if own_sentence(facts.docstring) or not facts.definitions:
        return "; ".join(filter(None, (described, program, readme)))
    used, users = _graph(codebase)
    work = work_of(codebase, file.path) or _handled(codebase, facts)
    parts = [work, readme, described]
    parts += [f"uses {listed(used[file.path], _USES)}"] if used.get(file.path) and program else []
    parts += [f"used by {listed(users[file.path], _USERS)}"] if users.get(file.path) else []
    return "; ".join(filter(None, parts))


def _handled(codebase: Codebase, facts: FileFacts) -> str:
    told = subject_words(codebase, facts, most=2)
    return f"works with {told}" if told else ""


def held_words(codebase: Codebase, own: list[SourceFile], files: list[SourceFile]) -> str:
    """For a folder that says nothing of itself: the classes, or else the functions, that count most in its `own`
    files, or else in all `files` below it."""
    below = [file for file in files if file.language == "python" and file.role != "test"]
    if not below:
        return ""
    inside = [codebase.facts[file.path] for file in own if file.language == "python"]
    inside = inside or [codebase.facts[file.path] for file in below]
    work = work_of_folder(codebase, files)
    work = f"{work}; " if work else ""
    if told := spoken_for(codebase, own if inside else files):
        return f"{told}; {work}{counted(len(below), 'Python file')}"
    for position, noun in enumerate(("class", "function")):
        items = [item for facts in inside for item in main_definitions(facts)[position]]
        names = main_names(codebase, [item for item in items if not item.name.startswith("_")])
        if names:
            plural = counted(2, noun).removeprefix("2 ") if len(names) > 1 else noun
            return f"{work}{counted(len(below), 'Python file')} with the {plural} {listed(names)}"
    return work + counted(len(below), "Python file")


def package_words(codebase: Codebase, files: list[SourceFile], own: list[SourceFile], package: SourceFile) -> str:
    """For a package without a docstring: its kind of work, and what it exports or which classes count most in it."""
    modules = sum(file.language == "python" for file in files)
    work = work_of_folder(codebase, files)
    words = (f"{work}; " if work else "") + f"package of {counted(modules, 'Python file')}"
    described = describe_file(codebase, package)[0]
    told = kin_words(codebase, own) or spoken_for(codebase, own if len(own) > 1 else files)
    if told:
        return f"{told}; {words}"
    if described.startswith("exports "):
        return f"{words}; {described}"
    inside = [codebase.facts[file.path] for file in own if file.language == "python"]
    for position, plural in enumerate(("classes", "functions")):
        items = [item for facts in inside for item in main_definitions(facts)[position]]
        names = main_names(codebase, [item for item in items if not item.name.startswith("_")])
        if len(names) > 1:
            return f"{words} with the {plural} {listed(names)}"
    return words


def spoken_for(codebase: Codebase, files: list[SourceFile]) -> str:
    """ "Reader: “Reads pages.”": what the class or function that most of the repository uses says of itself."""
    _, users = _graph(codebase)
    own = [file for file in files if file.language == "python" and file.role != "test" and file.lines]
    total, found = sum(len(file.lines) for file in own), list[tuple[int, int, str]]()
    for file in (file for file in own if len(file.lines) * _SPEAKS >= total):
        facts = codebase.facts[file.path]
        weight = len(file.lines) * (1 + len(users.get(file.path, ())))
        told = documented(codebase, facts)
        if sentence := own_sentence(facts.docstring):
            found.append((weight, len(found), f"{file.path.rpartition('/')[2]}: “{sentence}”"))
        elif told and told[1].kind == "class" and (sentence := own_sentence(told[2].docstring, 90)):
            found.append((weight, len(found), f"{told[1].name}: “{sentence}”"))
    return max(found)[2] if found else ""


def folder_users(codebase: Codebase, files: list[SourceFile]) -> str:
    """ "; used by run.py, api.py": the files outside a folder that import from it; "" for none."""
    _, users = _graph(codebase)
    inside = {_label(file.path) for file in files}
    found = dict.fromkeys(user for file in files for user in users.get(file.path, ()) if user not in inside)
    return f"; used by {listed(list(found), _USERS)}" if found else ""


@once
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
            name = item.name if found else _label(where)
            _note(used.setdefault(path, []), name)
            if codebase.snapshot.by_path[path].role != "test":
                _note(users.setdefault(where, []), _label(path))
    return used, users


def _note(names: list[str], name: str) -> None:
    if name and name not in names and name != "*":
        names.append(name)


def _label(path: str) -> str:
    """The name of a file; an `__init__.py` with its folder, which tells it from others."""
    return "/".join(path.split("/")[-2:]) if path.endswith("__init__.py") else path.rpartition("/")[2]
