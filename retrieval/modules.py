"""Which file of a repository a dotted import name means, as seen from another file.

Knows package roots, `src`, folders beside a script, and folders that only share their name with a library.
"""

import re
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import PurePosixPath

from retrieval.extract import ROOTS
from retrieval.facts import FileFacts
from retrieval.snapshot import ROLES, Snapshot

_REQUIRED = re.compile(r"(?m)^[ \t]*([A-Za-z][\w-]*)")
_QUOTED = re.compile(r"""["']([A-Za-z][\w-]*)(?=["'\[<>=!~;, ])""")
_RELATIVE = re.compile(r"\s*from\s+\.")
_MANIFESTS = ("/setup.py", "/setup.cfg", "/pyproject.toml")
_PATH_ENTRY = re.compile(r"""sys\.path\.(?:append|insert)\([^\n]*?["'/]([\w./-]*\w)["']""")


class Modules:
    """The modules of one repository by name."""

    def __init__(self, snapshot: Snapshot, facts: dict[str, FileFacts]) -> None:
        self.snapshot = snapshot
        self.facts = facts
        self._located: dict[tuple[str, str | None], str | None] = {}

    @cached_property
    def table(self) -> dict[str, str]:
        """Dotted module name → path. Of two files with one name the more important role wins; a module of a package
        in a folder that is no regular package also has the name it has when that folder is on the import path."""
        listed = sorted(self.snapshot.files, key=lambda f: (ROLES.index(f.role), f.path))
        paths = [file.path for file in listed if file.path in self.facts and self.facts[file.path].module]
        found: dict[str, str] = {}
        for path in paths:
            found.setdefault(self.facts[path].module, path)
        for path in paths:
            head, _, rest = self.facts[path].module.partition(".")
            packaged = str(PurePosixPath(path).parent) in self._packages
            if packaged and rest and path.startswith(f"{head}/") and head not in self._packages:
                found.setdefault(rest, path)
        return {name: path for name, path in found.items() if name not in self.foreign}

    @cached_property
    def _packages(self) -> frozenset[str]:
        return frozenset(
            str(PurePosixPath(path).parent) for path in self.facts if PurePosixPath(path).name == "__init__.py"
        )

    def locate(self, module: str, near: str = "") -> str | None:
        """The path of module `module` as imported from file `near`, None when it is not of this repository."""
        if not module or module.startswith("."):
            return None
        key = (module, near.rpartition("/")[0] if near else None)
        if key not in self._located:
            self._located[key] = None if module in self.foreign else self._locate(module, near)
        return self._located[key]

    def _locate(self, module: str, near: str) -> str | None:
        for candidate in self._beside(module, near) if near else ():
            if candidate in self.facts and not self._imports_name(candidate, module):
                return candidate
        found = self.table.get(module)
        return found if found is not None or not near else self._on_path(module, near)

    def _imports_name(self, path: str, module: str) -> bool:
        """Whether a file imports the module that it would be itself: then that name is a library's."""
        listed = self.facts[path].imports if path.endswith(f"{module.rpartition('.')[2]}.py") else ()
        return any(item.module == module or item.module.startswith(f"{module}.") for item in listed)

    def _on_path(self, module: str, near: str) -> str | None:
        """A module in a folder that code puts on `sys.path`, or beside a file that runs as a script."""
        around = (str(parent) for parent in PurePosixPath(near).parents)
        scripted = [folder for folder in around if folder in self._script_folders]
        tail, head = module.replace(".", "/"), module.split(".")[0]
        if head in sys.stdlib_module_names:
            return None
        for root in (*self._path_folders, *(scripted if head.lower() not in self._declared else ())):
            for candidate in (f"{root}/{tail}.py", f"{root}/{tail}/__init__.py"):
                if candidate in self.facts and candidate != near:
                    return candidate
        return None

    @cached_property
    def _script_folders(self) -> frozenset[str]:
        """The folders, the root apart, with a file that runs as a script: what it imports finds them on its path."""
        texts = ((path, self.snapshot.by_path[path].text) for path in self.facts)
        return frozenset(path.rpartition("/")[0] for path, text in texts if "/" in path and "__main__" in text)

    @cached_property
    def _declared(self) -> frozenset[str]:
        """The distributions that manifests name, in small letters."""
        found: set[str] = set()
        for file in self.snapshot.files:
            name = PurePosixPath(file.path).name
            if file.language == "requirements":
                found |= {word.lower() for word in _REQUIRED.findall(file.text)}
            elif name in ("setup.py", "setup.cfg", "pyproject.toml"):
                found |= {word.lower() for word in _QUOTED.findall(file.text)}
        return frozenset(found)

    @cached_property
    def _path_folders(self) -> tuple[str, ...]:
        """The folders of the repository that constants beside `sys.path` name."""
        folders = {str(parent) for path in self.facts for parent in PurePosixPath(path).parents}
        texts = (self.snapshot.by_path[path].text for path in self.facts)
        named = dict.fromkeys(name.strip("./") for text in texts for name in _PATH_ENTRY.findall(text))
        ending = [[f for f in folders if f == name or f.endswith(f"/{name}")] for name in named if name]
        return tuple(found[0] for found in ending if len(found) == 1)

    def _beside(self, module: str, near: str) -> Iterator[str]:
        """Where the module would lie below the import root of `near`, or below a folder around a script."""
        tail = module.replace(".", "/")
        folder = PurePosixPath(near).parent
        standard = module.split(".")[0] in sys.stdlib_module_names
        for parent in (folder, *folder.parents):
            inside_package = str(parent) in self._packages
            if inside_package or standard:
                continue
            prefix = "" if str(parent) == "." else f"{parent}/"
            yield f"{prefix}{tail}.py"
            yield f"{prefix}{tail}/__init__.py"

    @cached_property
    def foreign(self) -> frozenset[str]:
        """Names of folders deep in the repository that are libraries where code imports them: most of the modules
        that are imported from a package of that name are not in the folder (`kernels/torch/` is not `torch`)."""
        held = self._below_deep_folders()
        wanted: dict[str, set[str]] = {}
        for facts in self.facts.values():
            for item in facts.imports:
                head, _, rest = item.module.partition(".")
                if rest and head in held:
                    wanted.setdefault(head, set()).add(rest.partition(".")[0])
        outside = {head for head, names in wanted.items() if len(names - held[head]) > len(names & held[head])}
        return frozenset(outside | {name for name in held if name.lower() in self._declared and self._names_own(name)})

    def _names_own(self, folder: str) -> bool:
        """Whether a file inside a folder imports the name of the folder: where that is declared, it is the library."""
        inside = [path for path in self.facts if f"/{folder}/" in path]
        lines = self.snapshot.by_path
        return any(
            item.module == folder and not _RELATIVE.match(lines[path].lines[item.start - 1])
            for path in inside
            for item in self.facts[path].imports
        )

    def _below_deep_folders(self) -> dict[str, set[str]]:
        """Name of a folder that lies in another one, `src` aside → the names of what it holds."""
        found: dict[str, set[str]] = {}
        for path in self.facts:
            parts = PurePosixPath(path).parts
            for position in range(2 if parts[0] in ROOTS else 1, len(parts) - 1):
                if parts[position] != parts[position - 1]:
                    found.setdefault(parts[position], set()).add(parts[position + 1].removesuffix(".py"))
        return {name: names for name, names in found.items() if not self._at_root(name) and not self._installed(name)}

    def _installed(self, name: str) -> bool:
        """Whether a folder of the name lies beside a manifest that installs what is there: a project in a folder."""
        above = (path.rpartition("/")[0] for path in self.snapshot.by_path if path.endswith(_MANIFESTS))
        return any(f"{folder}/{name}" in self._packages or f"{folder}/src/{name}" in self._packages for folder in above)

    def _at_root(self, name: str) -> bool:
        roots = (name, *(f"{root}/{name}" for root in ROOTS))
        return any(path.startswith(tuple(f"{root}/" for root in roots)) for path in self.facts)
