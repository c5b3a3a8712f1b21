"""What documents say of versions, and which Python the wheels of a pinned package are for."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from packaging.specifiers import SpecifierSet

from retrieval.census.dependencies.requirement_comments import Said
from retrieval.census.dependencies.version_notes import named
from retrieval.census.meaning.prose import listed
from retrieval.manifests import Declaration, read_manifests
from retrieval.manifests.distributions import distribution_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

TABLE = Path(__file__).parents[2] / "data" / "pythons.yaml"
_GUIDE = re.compile(r"(?i)^(?:docs?/)?(?:readme|install\w*|setup|requirements|getting[_-]?started)\.(?:md|rst)$")
_CLAIM = re.compile(
    r"(?i)\b(?:requires?|required|needs?|must|only|support\w*|recommend\w*|at least|tested|compatible|works?|should|"
    r"due|because|minimum|newer|older|higher|later|above|below)\b|[≥≤]|[<>]="
)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|https?://\S+|[*_`]{2,}")
_COMMAND = re.compile(r"\bpip[\d.]*\s+install\b|\s\|\s")  # a command, and a row of a table, are no sentence
_NAMES = {"pytorch": "torch", "cuda": "cuda", "python": "python"}
_TAGS = (
    ("CUDA {}", re.compile(r"\bcu(\d{2})(\d)")),
    ("ROCm {}", re.compile(r"\brocm(\d+\.\d+)")),
    ("PyTorch {}", re.compile(r"torch(\d+\.\d+(?:\.\d+)?)")),
    ("Python {}", re.compile(r"-cp(3)(\d+)-cp")),
)
WORDS, EACH, MOST = 60, 2, 6


def documents(codebase: "Codebase") -> Iterator[Said]:
    """Sentences of the guides that name a version of a framework and claim something of it, two a framework."""
    count: dict[str, int] = {}
    for file in codebase.snapshot.files:
        if not _GUIDE.match(file.path):
            continue
        fenced = False
        for number, line in enumerate(file.lines, start=1):
            fenced ^= line.lstrip().startswith(("```", "~~~"))
            plain = _LINK.sub(lambda found: found[1] or "", line).strip(" #*->|")
            for sentence in () if fenced else re.split(r"(?<=[.!?])\s+(?=[A-Z(`])", plain):
                claims = _CLAIM.search(sentence) and not _COMMAND.search(sentence)
                name = _about(sentence) if claims and len(sentence.split()) <= WORDS else ""
                if name and count.get(name, 0) < EACH:
                    count[name] = count.get(name, 0) + 1
                    yield Said(name, f"{file.path} says “{sentence.strip(' :')}”", file.path, (number, number))


def _about(sentence: str) -> str:
    """The framework whose version a sentence names, PyTorch before others; "" for none."""
    found = named(sentence)
    if found is None:
        return ""
    name = _NAMES.get(found[0], found[0])
    return "torch" if re.search(r"(?i)\b(?:py)?torch`?\s*(?:[≥>=]+\s*)?\d", sentence) else name


@cache
def _wheels() -> tuple[tuple[str, SpecifierSet, SpecifierSet], ...]:
    table = yaml.safe_load(TABLE.read_text(encoding="utf-8"))["wheels"]
    return tuple((row["distribution"], SpecifierSet(row["versions"]), SpecifierSet(row["python"])) for row in table)


def builds(codebase: "Codebase") -> Iterator[Said]:
    """What the wheels that requirements name by their address are built for, by the tags in their names."""
    found: dict[str, dict[str, None]] = {}
    first: dict[str, Declaration] = {}
    for item in read_manifests(codebase.snapshot).declarations:
        if item.wheel and item.scope in ("runtime", "extra", "constraint"):
            told = [word.format(".".join(match.groups())) for word, tag in _TAGS if (match := tag.search(item.wheel))]
            found.setdefault(distribution_of(item), {}).update(dict.fromkeys(told))
            first.setdefault(distribution_of(item), item)
    for name, tags in found.items():
        if tags:
            item = first[name]
            text = f"its wheels, which {item.path} names by address, are built for {listed(list(tags), MOST)}"
            yield Said(name, text, item.path, (item.start, item.end))


def wheels(codebase: "Codebase") -> Iterator[Said]:
    """Exact pins of the program with the Python versions that their wheels are for, each pin once."""
    told: set[tuple[str, str]] = set()
    for item in read_manifests(codebase.snapshot).declarations:
        if not item.exact or item.scope not in ("runtime", "extra", "constraint"):
            continue
        for distribution, versions, python in _wheels():
            pin = (distribution_of(item), item.exact)
            if distribution == pin[0] and versions.contains(item.exact) and pin not in told:
                told.add(pin)
                served = [f"3.{minor}" for minor in range(6, 20) if python.contains(f"3.{minor}.9")]
                where = f" ({item.path}:{item.start})" if "/" in item.path else ""
                text = f"`{item.name}=={item.exact}`{where} has wheels for Python {served[0]} to {served[-1]} only"
                yield Said("python", text, item.path, (item.start, item.end))
