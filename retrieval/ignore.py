"""Which files a repository says are not its own: .gitignore at every level, and known litter.

Knows git's rules (the deepest file that has a say decides; nothing below an ignored folder comes
back) and the names of caches, environments and version-control folders. It reads no files.
"""

from dataclasses import dataclass

from pathspec import GitIgnoreSpec

_FOLDERS = {
    "version control": ".git .hg .svn .bzr CVS _darcs .jj",
    "cache": """__pycache__ .mypy_cache .pytest_cache .ruff_cache .hypothesis .ipynb_checkpoints
        .cache .tox .nox .gradle .terraform .dvc .sass-cache .parcel-cache .next .turbo""",
    "installed packages": "node_modules bower_components .venv .eggs site-packages .yarn",
    "editor settings": ".idea .vs",
}
_LITTER = {name: reason for reason, names in _FOLDERS.items() for name in names.split()}
_LITTER_FILES = frozenset([".DS_Store", "Thumbs.db"])

_MAX_PATTERN = 300
_MAX_STARS = 3  # in one segment: each more multiplies the time of a match by the name's length


def litter(name: str) -> str:
    """Why a folder of this name is never part of a program; "" when it may be."""
    return _LITTER.get(name, "")


def is_litter_file(name: str) -> bool:
    """Whether a file of this name is left behind by a desktop."""
    return name in _LITTER_FILES


@dataclass(frozen=True, slots=True)
class _Rules:
    folder: str  # "" or "a/b/", the folder whose .gitignore this is
    spec: GitIgnoreSpec


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """The .gitignore files in force in one folder, outermost first."""

    rules: tuple[_Rules, ...] = ()

    def extended(self, folder: str, text: str) -> "IgnoreRules":
        """With the .gitignore `text` of `folder` ("" for the root, else "a/b/") added."""
        lines = [line for line in text.split("\n") if _is_cheap(line)]
        try:
            spec = GitIgnoreSpec.from_lines(lines)
        except ValueError:  # one impossible pattern: git would skip it, pathspec refuses the file
            return self
        return IgnoreRules((*self.rules, _Rules(folder, spec)))

    def below(self, folder: str) -> "IgnoreRules":
        """The rules inside a folder that is read in spite of them: each as if the folder were the root."""
        return IgnoreRules(tuple(_Rules(folder, rules.spec) for rules in self.rules))

    def ignores(self, path: str) -> bool:
        """Whether `path` ("a/b.py", or "a/b/" for a folder) is ignored."""
        for rules in reversed(self.rules):
            include = rules.spec.check_file(path.removeprefix(rules.folder)).include
            if include is not None:
                return include
        return False


def _is_cheap(line: str) -> bool:
    segments = line.replace("**", "\0").split("/")
    return len(line) <= _MAX_PATTERN and all(part.count("*") <= _MAX_STARS for part in segments)
