"""Census kind `tree`: the hierarchy of folders and files as lines of a drawn tree, each with a few words.

Every line stands for something that exists. Nothing is left out silently: what does not fit is folded into its
folder's line with a count and names. Files that were met and not read are shown with the reason.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from retrieval.census.flow.reach import reach_of
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.prose import first_sentence, languages_text, listed
from retrieval.census.project.describe import describe_file
from retrieval.census.project.describe_data import shared_keys
from retrieval.census.project.duties import told_by_readme
from retrieval.census.project.kinships import kin_words
from retrieval.census.project.mentions import named_in
from retrieval.census.project.tree_words import file_words, folder_users, held_words, package_words
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit
from retrieval.languages import SOURCE_LANGUAGES, words
from retrieval.markup import headings
from retrieval.snapshot import Skipped, SourceFile

_MOST_LINES = 340
_MANY_TESTS = 6
_MANY_DATA = 6
_FOLDED_NAMES = 4
_DATA = words("""json yaml toml csv jsonl text xml svg properties ini html css markdown""")


@dataclass
class _Folder:
    """A folder of the tree; `path` is "" for the root, else "a/b"."""

    path: str
    folders: dict[str, "_Folder"] = field(default_factory=dict)
    files: list[SourceFile] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    folded: bool = False

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def every_file(self) -> list[SourceFile]:
        found = list(self.files)
        for folder in self.folders.values():
            found += folder.every_file()
        return found

    def every_skipped(self) -> list[Skipped]:
        found = list(self.skipped)
        for folder in self.folders.values():
            found += folder.every_skipped()
        return found

    def every_folder(self) -> Iterator["_Folder"]:
        yield self
        for folder in self.folders.values():
            yield from folder.every_folder()

    def groups(self) -> tuple[list[SourceFile], list[list[SourceFile]]]:
        """Files shown one by one, and runs of like files (many tests, many data files) shown as one."""
        alike: dict[tuple[str, str], list[SourceFile]] = {}
        for file in self.files:
            if file.role == "test" or file.language in _DATA:
                alike.setdefault((file.role, file.language), []).append(file)
        runs = [
            files
            for (role, _language), files in alike.items()
            if len(files) > (_MANY_TESTS if role == "test" else _MANY_DATA)
        ]
        hidden = {file.path for files in runs for file in files}
        return [file for file in self.files if file.path not in hidden], runs

    def lines(self) -> int:
        """How many lines the folder takes, itself included."""
        if self.folded:
            return 1
        singles, runs = self.groups()
        inner = sum(folder.lines() for folder in self.folders.values())
        return 1 + len(singles) + len(runs) + bool(self.skipped) + inner


@kind(
    "tree",
    summary="the folder and file hierarchy, one drawn line each, with a description",
    example="tree: lines=80",
    reads="text",
    options=["lines"],
    ordered=True,
)
def tree(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """Lines of a drawn tree in order; `lines` is the most of them (340), deeper folders are folded first."""
    root = _grown(codebase)
    for folder in root.every_folder():
        folder.folded = bool(folder.path) and _is_alike(folder)
    _fold(root, query.number("lines", _MOST_LINES), reach_of(codebase).paths)
    files = root.every_file()
    if not files:
        return
    yield _hit(codebase, _told(files).path, (1, 1), "", f"{codebase.snapshot.name}/", depth=0)
    yield from _drawn(codebase, root, "", 1)


def _grown(codebase: Codebase) -> _Folder:
    root = _Folder("")
    for file in codebase.snapshot.files:
        _place(root, file.path.rpartition("/")[0]).files.append(file)
    for skipped in codebase.snapshot.skipped:
        parent = skipped.path.rstrip("/").rpartition("/")[0]
        _place(root, parent).skipped.append(skipped)
    return root


def _place(root: _Folder, path: str) -> _Folder:
    here = root
    for part in path.split("/") if path else []:
        inside = f"{here.path}/{part}" if here.path else part
        here = here.folders.setdefault(part, _Folder(inside))
    return here


def _fold(root: _Folder, most: int, run: frozenset[str]) -> None:
    """Fold folders until the tree fits: hidden ones at once, tests and examples before code, code that the main
    programs do not `run` before what they do, deep before shallow."""
    candidates = [folder for folder in root.every_folder() if folder.path]
    for folder in candidates:
        folder.folded = folder.folded or folder.name.startswith(".")
    reached = {folder.path for folder in candidates if any(file.path in run for file in folder.every_file())}
    candidates.sort(key=lambda f: (_is_source(f), f.path in reached, -f.path.count("/"), -f.lines(), f.path))
    total = root.lines()
    for folder in candidates:
        if total <= most:
            return
        if not folder.folded and folder.lines() > 2:
            folder.folded = True
            total = root.lines()


def _is_alike(folder: _Folder) -> bool:
    """Whether the folder holds nothing but one run of like files, or only generated ones."""
    singles, runs = folder.groups()
    generated = all(file.role == "generated" for file in folder.every_file())
    if not folder.every_file():
        return True
    one_run = len(runs) == 1 and not singles and not folder.folders
    return (one_run or generated) and bool(folder.files) and not folder.skipped


def _is_source(folder: _Folder) -> bool:
    return any(file.role == "source" and file.language not in _DATA for file in folder.every_file())


def _drawn(codebase: Codebase, folder: _Folder, indent: str, depth: int) -> Iterator[CensusHit]:
    singles, runs = folder.groups()
    rows: list[_Folder | SourceFile | list[SourceFile] | list[Skipped]] = [
        *(folder.folders[name] for name in sorted(folder.folders)),
        *sorted(singles, key=_path_of),
        *runs,
    ]
    if folder.skipped:
        rows.append(folder.skipped)
    for place, row in enumerate(rows):
        last = place == len(rows) - 1
        branch, below = ("└── ", "    ") if last else ("├── ", "│   ")
        yield _row(codebase, folder, row, indent + branch, depth)
        if isinstance(row, _Folder) and not row.folded:
            yield from _drawn(codebase, row, indent + below, depth + 1)


def _name(file: SourceFile) -> str:
    return file.path.rpartition("/")[2]


def _path_of(file: SourceFile) -> str:
    return file.path


def _row(
    codebase: Codebase,
    folder: _Folder,
    row: "_Folder | SourceFile | list[SourceFile] | list[Skipped]",
    branch: str,
    depth: int,
) -> CensusHit:
    if isinstance(row, _Folder):
        words, path, lines = _folder_words(codebase, row)
        return _hit(codebase, path, lines, row.path, f"{branch}{row.name}/", words, depth)
    if isinstance(row, SourceFile):
        words, start, end = describe_file(codebase, row)
        words = file_words(codebase, row, words)
        if row.role in ("source", "config") and "/" in row.path and row.language not in SOURCE_LANGUAGES:
            words += named_in(codebase, _name(row), row.path)
        if not row.lines:  # nothing to cite in it
            path = _told([*folder.files, *codebase.snapshot.files]).path
            return _hit(codebase, path, (1, 1), row.path, f"{branch}{_name(row)}", words, depth)
        return _hit(codebase, row.path, (start, end), row.path, f"{branch}{_name(row)}", words, depth)
    unread = [item for item in row if isinstance(item, Skipped)]
    if unread:
        return _skipped_row(codebase, folder, unread, branch, depth)
    files = [file for file in row if isinstance(file, SourceFile)]
    words = listed([file.path.rpartition("/")[2] for file in files], _FOLDED_NAMES)
    words = f"tests: {words}" if files[0].role == "test" else words + shared_keys(files)
    title = f"{branch}({languages_text(files)})"
    return _hit(codebase, _told(files).path, (1, 1), folder.path, title, words, depth)


def _skipped_row(codebase: Codebase, folder: _Folder, row: list[Skipped], branch: str, depth: int) -> CensusHit:
    near = _told([*folder.every_file(), *codebase.snapshot.files])
    names = [item.path.rstrip("/").rpartition("/")[2] for item in row]
    if len(row) == 1:
        title, words = names[0], f"not read: {row[0].reason}{named_in(codebase, names[0])}"
    else:
        title, words = f"({len(row)} not read)", listed(names, 6)
    return _hit(codebase, near.path, (1, 1), folder.path, branch + title, words, depth)


def _folder_words(codebase: Codebase, folder: _Folder) -> tuple[str, str, tuple[int, int]]:
    """What a folder is for: its package docstring, its README's heading, its exports, else what it holds."""
    files = folder.every_file()
    if not files:
        words = _unread_words(folder.every_skipped()) + named_in(codebase, folder.name)
        return words, _any_path(codebase), (1, 1)
    words, path, lines = _own_words(codebase, folder) or ("", _told(files).path, (1, 1))
    if not words:
        words = _role_words(files) or kin_words(codebase, folder.files) or held_words(codebase, folder.files, files)
    if folder.folded:
        names = [file.path.rpartition("/")[2] for file in files if file.lines]
        held = f"{languages_text(files)}: {listed(names, 6)}"
        words = f"{words}; {held}" if words else held
    if not any(file.language == "python" for file in files):
        words = (words or languages_text(files)) + shared_keys(files) + named_in(codebase, folder.name)
    else:
        words = (words or languages_text(files)) + folder_users(codebase, files)
    if readme := told_by_readme(codebase, folder.path):
        words = f"{readme}; {words}" if words else readme
    return words or languages_text(files), path, lines


def _unread_words(skipped: list[Skipped]) -> str:
    reasons = listed(list(dict.fromkeys(item.reason for item in skipped)), 2)
    names = [item.path.rstrip("/").rpartition("/")[2] for item in skipped]
    return f"{len(skipped)} not read ({reasons}): {listed(names, 6)}"


def _own_words(codebase: Codebase, folder: _Folder) -> tuple[str, str, tuple[int, int]] | None:
    by_name = {file.path.rpartition("/")[2].lower(): file for file in folder.files}
    package = by_name.get("__init__.py")
    if package is not None:
        facts = codebase.facts[package.path]
        if sentence := first_sentence(facts.docstring):
            return sentence, package.path, (facts.doc_start, facts.doc_end)
    for name in ("readme.md", "readme.rst"):
        if name in by_name and (found := headings(by_name[name])):
            return f"“{found[0][0]}”", by_name[name].path, (found[0][1], found[0][1])
    if package is not None:
        path = package.path if package.lines else _told(folder.every_file()).path
        return package_words(codebase, folder.every_file(), folder.files, package), path, (1, 1)
    return None


def _role_words(files: list[SourceFile]) -> str:
    roles = {file.role for file in files}
    if roles == {"test"}:
        return "tests"
    if roles == {"generated"}:
        return "generated files"
    return ""


def _told(files: list[SourceFile]) -> SourceFile:
    """A file with lines to cite, when there is one."""
    return next((file for file in files if file.lines), files[0])


def _any_path(codebase: Codebase) -> str:
    return _told(list(codebase.snapshot.files)).path


def _hit(
    codebase: Codebase,
    path: str,
    lines: tuple[int, int],
    name: str,
    title: str,
    words: str = "",
    depth: int = 0,
) -> CensusHit:
    text = f"{title} - {words}" if words else title
    detail = {"depth": str(depth)}
    return hit_at(codebase, path, lines, symbol="", name=name, text=text, detail=detail)
