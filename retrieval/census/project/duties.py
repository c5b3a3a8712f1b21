"""What a module or folder does, in words: its kind of work, what its definitions say of themselves, the README.

Nothing is told from a name alone: kinds of work come from calls and base classes, the rest is quoted.
"""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from retrieval.beside import once
from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.prose import listed
from retrieval.census.models.families import is_model_base
from retrieval.census.project.concerns import concerns_of
from retrieval.census.project.kinships import data_words
from retrieval.codebase import Codebase
from retrieval.facts import Definition, FileFacts
from retrieval.markup import headings
from retrieval.snapshot import SourceFile

_FAMILIES = (
    (re.compile(r"(?:^|\.)(?:Iterable|Map)?Dataset$|(?:^|\.)LightningDataModule$"), "defines data sets"),
    (re.compile(r"(?:^|\.)(?:Exception|\w+Error|Warning)$"), "defines exceptions"),
    (re.compile(r"(?:^|\.)(?:Optimizer|_?LRScheduler)$"), "defines optimisers or schedules"),
    (re.compile(r"(?:^|\.)PreTrainedTokenizer(?:Fast)?$"), "defines tokenizers"),
    (re.compile(r"^torch\.autograd\.(?:function\.)?Function$"), "defines differentiable functions"),
)
_LOSS = re.compile(r"(?:Loss|Criterion)$")
_PLAIN = frozenset({"reads or writes files", "parses options", "starts programs"})
_LAYER = re.compile(r"^torch\.nn\.(?!functional|init|utils)|Parameter$|from_pretrained$|from_config$|create_model$")
_LOGS = re.compile(
    r"^logging\.(?:basicConfig|config\.\w+)$|\.addHandler$|^loguru\.logger\.(?:add|configure)$|\.set_verbosity(?:_\w+)?$"
)
_TOLD = 3
_README = re.compile(r"(?i)^readme(?:\.\w+)?$")
_LONGEST = 110
_LISTED = r"(?:[-*+|\s│├└─`#\[]|\d+\.)*"
_SEPARATED = r"[`\])*/]*(?:\([^)]*\))?[`*]*\s*(?:[:|\u2013\u2014#]|--?(?=\s))\s*"


def work_of(codebase: Codebase, path: str) -> str:
    """ "training program: runs models": what the calls and classes of a Python file do; "" when nothing tells it."""
    found = _does(codebase, path)
    if data := data_words(codebase, path):
        return data
    if path in reach_of(codebase).programs:
        head = "training program" if "trains" in found else "main program"
        rest = [name for name in found if name not in ("trains", "parses options")]
        return f"{head}: {_and(rest[:_TOLD])}" if rest else head
    telling = [name for name in found if name not in (*_PLAIN, "trains")]
    said = _and(telling[:_TOLD] or ([] if "trains" in found else found[:2]))
    return ", ".join(filter(None, ("training loop" if "trains" in found else "", said)))


def work_of_folder(codebase: Codebase, files: Iterable[SourceFile]) -> str:
    """The kinds of work that much of a folder's code does, those of most lines first; "" when none stands out."""
    weights: dict[str, int] = {}
    total = 0
    for file in files:
        if file.language == "python" and file.lines and file.role != "test":
            total += len(file.lines)
            for name in set(_does(codebase, file.path)) - _PLAIN:
                weights[name] = weights.get(name, 0) + len(file.lines)
    ranked = sorted(weights, key=lambda name: (-weights[name], name))
    great = [name for name in ranked if weights[name] * 3 >= total]
    said = _and([name for name in great if name != "trains"][:2])
    return ", ".join(filter(None, ("training code" if "trains" in great else "", said)))


def _does(codebase: Codebase, path: str) -> list[str]:
    """The kinds of work of a file: what its classes are first, then what its calls do."""
    families = _families(codebase).get(path, ())
    concerns = [name for name in concerns_of(codebase).get(path, ()) if name != "defines models"]
    called = {call.name for call in codebase.facts[path].calls}
    found = [*families, *concerns]
    return found or (["sets up logging"] if any(map(_LOGS.search, called)) else [])


@once
def _families(codebase: Codebase) -> dict[str, tuple[str, ...]]:
    """Path → what its classes are by their bases."""
    found: dict[str, list[str]] = {}
    models = _model_names(codebase)
    for path, item, bases in codebase.classes():
        told = [words for pattern, words in _FAMILIES if any(map(pattern.search, bases))]
        if any(map(is_model_base, bases)):
            if _LOSS.search(item.name):
                told.append("defines losses")
            elif _has_weights(codebase.facts[path], item, models):
                told.append("defines models")
        found.setdefault(path, []).extend(told)
    return {path: tuple(dict.fromkeys(told)) for path, told in found.items()}


def layered(codebase: Codebase, path: str, item: Definition) -> bool:
    """Whether a class of a file makes layers or parameters itself, or other model classes of the repository."""
    return _has_weights(codebase.facts[path], item, _model_names(codebase))


@once
def _model_names(codebase: Codebase) -> set[str]:
    return {item.name for _path, item, bases in codebase.classes() if any(map(is_model_base, bases))}


def _has_weights(facts: FileFacts, item: Definition, models: set[str]) -> bool:
    """Whether a model class makes layers or parameters: one that does not, such as a transform, is no model."""
    made = (call for call in facts.calls if call.symbol.startswith(f"{item.symbol}."))
    return any(_LAYER.search(call.name) or call.name.rpartition(".")[2] in models for call in made)


def told_by_readme(codebase: Codebase, path: str) -> str:
    """ "README: “…”" when a README describes a file or folder beside its path, else "README section “…”" when one
    names it under a heading of its own; "" else."""
    described, named = "", ""
    for readme in _readmes(codebase, path):
        inside = path.removeprefix(f"{PurePosixPath(readme.path).parent}/")
        names = {inside, *([PurePosixPath(path).name] if _is_unique(codebase, path) else [])}
        ways = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        beside = re.compile(rf"{_LISTED}(?:\./)?(?:{ways}){_SEPARATED}(\S.{{8,}})$")
        mention = _mention(codebase, path, inside)
        for number, line in enumerate(readme.lines, 1):
            if not described and (match := beside.match(line.rstrip(" |"))):
                described = _plain(match[1])
            if not named and mention and mention.search(line):
                named = _section(readme, number)
    return f"README: “{described}”" if described else f"README section “{named}”" if named else ""


def _mention(codebase: Codebase, path: str, inside: str) -> re.Pattern[str] | None:
    """How a README names a main program, by path or as a module; a section that names other code tells little."""
    facts = codebase.facts.get(path)
    if facts is None or path not in reach_of(codebase).programs:
        return None
    module = re.escape(facts.module or inside)
    return re.compile(rf"(?<![\w/.-])(?:\./)?{re.escape(inside)}(?![\w-])|-m\s+(?:torch\S+\s.*)?{module}\b")


def _plain(text: str) -> str:
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text.split("|")[0])
    text = re.sub(r"[`*]|<[^>]+>", "", text).strip()
    return text if len(text) <= _LONGEST else text[:_LONGEST].rsplit(" ", 1)[0] + " …"


def _section(readme: SourceFile, number: int) -> str:
    """The heading over a line, unless that is the title of the document."""
    above = [title for title, start, _end in headings(readme)[1:] if start <= number]
    return above[-1].rstrip(":") if above and len(above[-1]) <= _LONGEST else ""


@once
def _is_unique(codebase: Codebase, path: str) -> bool:
    """Whether no other file or folder has this name."""
    return _names(codebase).get(PurePosixPath(path).name, 0) == 1


@once
def _names(codebase: Codebase) -> dict[str, int]:
    """How many files and folders have a name."""
    paths = {
        str(part) for f in codebase.snapshot.files for part in (PurePosixPath(f.path), *PurePosixPath(f.path).parents)
    }
    count: dict[str, int] = {}
    for path in paths - {"."}:
        name = PurePosixPath(path).name
        count[name] = count.get(name, 0) + 1
    return count


def _readmes(codebase: Codebase, path: str) -> list[SourceFile]:
    """The READMEs of the folders above a path, the nearest first."""
    by_folder: dict[str, list[SourceFile]] = _readme_files(codebase)
    return [file for parent in PurePosixPath(path).parents for file in by_folder.get(str(parent), ())]


@once
def _readme_files(codebase: Codebase) -> dict[str, list[SourceFile]]:
    found: dict[str, list[SourceFile]] = {}
    for file in codebase.snapshot.files:
        if _README.match(PurePosixPath(file.path).name) and file.language in ("markdown", "rst", "text"):
            found.setdefault(str(PurePosixPath(file.path).parent), []).append(file)
    return found


def _and(names: list[str]) -> str:
    """ "defines losses and models": a verb is said once for what follows it."""
    if names[:2] in (["defines models", "runs models"], ["runs models", "defines models"]):
        names = ["defines and runs models", *names[2:]]
    verbs = [name.partition(" ")[0] for name in names]
    said = [
        name.partition(" ")[2] if place and verbs[place] == verbs[place - 1] and " " in name else name
        for place, name in enumerate(names)
    ]
    return " and ".join(filter(None, (", ".join(said[:-1]), said[-1]))) if said else ""


def tested_names(codebase: Codebase, file: SourceFile) -> str:
    """ "tests `a`, `b`": what a test file imports of the repository's own code; "" for nothing."""
    names = [
        item.name
        for item in codebase.facts[file.path].imports
        if item.name and not item.name.startswith("_") and codebase.locate(item.module, file.path)
    ]
    return f"tests of {listed(list(dict.fromkeys(names)), 3)}" if names else ""
