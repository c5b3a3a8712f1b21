"""How much of a main program a script is, by what its name says, what documents launch and where it lies.

Only names and documents are read; what the script reaches is for `entries.py` to say.
"""

import re
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from retrieval.snapshot import Snapshot

_SIDE = re.compile(
    r"(?:^|_)(?:profil\w*|bench\w*|upload\w*|push|publish|convert\w*|conversion|export\w*|download\w*|migrate\w*|"
    r"lint|release|plot\w*|visuali[sz]e\w*|check|debug|average|merge|strip|prepare\w*|preproc\w*|stats|"
    r"extract\w*|consolidate|apply_delta|make_delta|summari[sz]e|onnx|\w+2onnx|\w+2safetensors?)(?:_|$)"
)
_SIDE_FOLDERS = frozenset({"bench", "benchmark", "benchmarks", "perf", "perfs", "profiling"})
_RUNS = re.compile(
    r"(?:^|_)(?:inference|infer|predict\w*|demo|app|webui|web|gradio|streamlit|cli|main|run|generate|transcribe|"
    r"serve|server|worker|pipeline|chat\w*|sample|txt2img|img2img)(?:_|$)"
)
_TRAINS = re.compile(r"(?:^|_)(?:train\w*|finetune\w*|pretrain\w*)(?:_|$)")
_MEASURES = re.compile(r"(?:^|_)(?:eval\w*|tests?|metrics?|scor\w+|verification|benchmarks?|tools|third_?party)(?:_|$)")
_LAUNCHING = frozenset({"markdown", "rst", "shell", "batch", "dockerfile", "make"})
README, DOCUMENT, RUNS, TRAINS, MEASURES, MOST_FOLDERS = 4, 2, 3, 1, 2, 3
MANY, MANY_TIMES = 2, 12  # what so many lines of documents and launching files run is no side program


def is_side_name(path: str) -> bool:
    """Whether a file is named as a tool beside the program: it profiles, converts, uploads or the like, or lies in a
    folder of measurements."""
    place = PurePosixPath(path)
    return _SIDE.search(place.stem) is not None or not _SIDE_FOLDERS.isdisjoint(place.parts[:-1])


def is_training(path: str) -> bool:
    """Whether a file is named for training."""
    return _TRAINS.search(PurePosixPath(path).stem) is not None


class Standing:
    """Scores the scripts of one snapshot."""

    def __init__(self, snapshot: "Snapshot") -> None:
        self.snapshot = snapshot

    def of(self, path: str, module: str) -> int:
        """Higher for main programs: named in the README or another document, named for running, near the root."""
        place = PurePosixPath(path)
        folders = [part.lower() for part in place.parts[:-1]]
        stem = place.stem.lower()
        measuring = bool(_MEASURES.search(stem)) or any(map(_MEASURES.search, folders))
        score = RUNS * bool(_RUNS.search(stem)) + TRAINS * bool(_TRAINS.search(stem)) - MEASURES * measuring
        return score - min(len(folders), MOST_FOLDERS) + self._named(path, module)

    def _named(self, path: str, module: str) -> int:
        readme, documents = self._documents
        name = PurePosixPath(path).name
        if name not in readme and name not in documents and (module not in readme and module not in documents):
            return 0
        names = [re.escape(path)] + ([re.escape(module)] if "." in module else [])
        written = re.compile(rf"(?<![\w./-])(?:\./)?(?:{'|'.join(names)})(?![\w/-])")
        if written.search(readme):
            return README
        launched = re.compile(rf"\b(?:python[\d.]*|torchrun|run)\s[^\n]*?(?<![\w-]){re.escape(name)}\b")
        if not written.search(documents) and not launched.search(f"{readme}\n{documents}"):
            return 0
        return DOCUMENT + MANY * (
            documents.count(name) >= MANY_TIMES and sum(1 for _ in launched.finditer(documents)) >= MANY_TIMES
        )

    def is_launched(self, path: str) -> bool:
        """Whether a document or a launching file runs the file by its path."""
        told = "\n".join(self._documents)
        if PurePosixPath(path).name not in told:
            return False
        command = rf"\b(?:python[\d.]*|torchrun|run|launch)\s[^\n]*?(?<![\w./-])(?:\./)?{re.escape(path)}(?![\w/-])"
        return re.search(command, told) is not None

    def is_run_by_readme(self, path: str, module: str) -> bool:
        """Whether the README at the root gives a command that runs the file, by its path or as a module."""
        names = [re.escape(path)] + ([rf"-m\s+{re.escape(module)}"] if module else [])
        written = rf"\b(?:python[\d.]*|torchrun|run|launch)\s[^\n]*?(?<![\w./-])(?:\./)?(?:{'|'.join(names)})(?![\w/-])"
        return re.search(written, self._documents[0]) is not None

    def is_in_readme(self, path: str) -> bool:
        """Whether the README at the root names the file by its path."""
        readme = self._documents[0]
        return path in readme and re.search(rf"(?<![\w./-])(?:\./)?{re.escape(path)}(?![\w/-])", readme) is not None

    def says(self, command: str) -> bool:
        """Whether the README gives a command to run: at the beginning of a line or of words in code, not in a link."""
        begun = rf"(?m)(?:^\s*(?:[$>!]\s*)?|`)(?:\w+=\S+\s+)*{re.escape(command)}(?=[\s`]|$)"
        return re.search(begun, self._documents[0]) is not None

    def place(self, command: str) -> tuple[int, bool]:
        """Where the README first names a command, in characters from its beginning, after its end where it does not;
        and whether its name is one of a training."""
        found = re.search(rf"(?<![\w/.-])(?:\./)?{re.escape(command)}(?![\w-])", self._documents[0])
        return found.start() if found else len(self._documents[0]), is_training(command.replace("-", "_"))

    def order(self, path: str, module: str) -> int:
        """Where the README first runs the file, by its path or as a module, in characters from its beginning; after its
        end, in the same way, where it only names the file, and after that where it does not."""
        readme = self._documents[0]
        if path not in readme and module not in readme:
            return 2 * len(readme)
        name = rf"(?<![\w./-])(?:\./)?{re.escape(path)}(?![\w/-])"
        as_module = rf"|-m\s+{re.escape(module)}(?![\w.-])" if module else ""
        launched = re.search(rf"\bpython[\d.]*\s[^\n]*?(?:{name}{as_module})", readme)
        named = re.search(name, readme)
        return launched.start() if launched else len(readme) + (named.start() if named else len(readme))

    @cached_property
    def _documents(self) -> tuple[str, str]:
        """The text of the README at the root, and of all other documents and launching files."""
        readme, others = [], []
        for file in self.snapshot.files:
            if file.language in _LAUNCHING and file.role not in ("generated", "vendored", "test"):
                at_root = "/" not in file.path and file.path.lower().startswith("readme")
                (readme if at_root else others).append(file.text)
        return "\n".join(readme), "\n".join(others)
