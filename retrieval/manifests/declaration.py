"""The values that manifest readers yield, and how foreign version syntaxes become PEP 440.

It knows requirement strings (PEP 508), Poetry's `^` and `~`, and conda's match specs; it opens no file.
"""

import re
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import unquote

from packaging.markers import InvalidMarker, Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

Scope = Literal["runtime", "extra", "dev", "build", "constraint", "command", "lock", "image"]
Ecosystem = Literal["python", "conda", "npm", "go", "cargo", "docker"]

_URL_NAME = re.compile(r"[#&]egg=([A-Za-z0-9._-]+)")
_WHEEL_NAME = re.compile(r"(?:^|/)([A-Za-z0-9_.]+)-(\d[\w.!+]*)-[^/]*\.whl")
_REPOSITORY = re.compile(r"/([A-Za-z0-9._-]+?)(?:\.git)?(?:@[^/#]*)?(?:[#?].*)?$")
_COMMIT = re.compile(r"@([0-9a-f]{7,40}|v?\d+(?:\.\d+)+[\w.]*)(?:$|[#?])")
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_DEVELOPMENT = re.compile(r"(dev|develop|development|tests?|testing|docs?|lint|typing|style|quality|ci)($|[_-])")
_CONDA = re.compile(r"(?:[\w./-]+::)?([\w.-]+)\s*(.*)")


@dataclass(frozen=True, slots=True)
class Declaration:
    """One declared dependency on lines `start` to `end` of `path`.

    `written` is the declaration as it stands there; `specifier` its version range as PEP 440, "" when any
    version is allowed or the range cannot be expressed; `group` the extra, dependency group or build table it
    belongs to, "" for what every installation needs. The name "python" stands for the interpreter.
    """

    name: str
    specifier: str
    written: str
    path: str
    start: int
    end: int
    scope: Scope = "runtime"
    group: str = ""
    ecosystem: Ecosystem = "python"
    marker: str = ""
    url: str = ""
    extras: tuple[str, ...] = ()
    variable: bool = False  # the version stands in a variable that is not resolved

    @property
    def key(self) -> str:
        """The name in the form in which two spellings of one distribution are equal."""
        return canonical(self.name)

    @property
    def wheel(self) -> str:
        """The name of the wheel that a URL fetches, which tells its version and what it is built for, else ""."""
        found = _WHEEL_NAME.search(unquote(self.url))
        return found[0].lstrip("/") if found else ""

    @property
    def is_interpreter(self) -> bool:
        """Whether it is about Python itself; a Docker image named `python` is not."""
        return self.key == "python" and self.ecosystem in ("python", "conda")

    @property
    def exact(self) -> str:
        """The single version that satisfies the declaration (a commit for a git URL), else ""."""
        if self.url:
            commit = _COMMIT.search(self.url)
            wheel = _WHEEL_NAME.search(unquote(self.url))
            return commit[1] if commit else wheel[2] if wheel else ""
        if self.ecosystem == "docker":
            return "" if self.specifier == "latest" else self.specifier
        if self.ecosystem == "conda":  # `numpy=1.21.2` fixes the release, whatever its build
            return exact_version(self.specifier.removesuffix(".*"))
        return exact_version(self.specifier)


@dataclass(frozen=True, slots=True)
class Include:
    """A manifest that takes requirements from another file: `-r base.txt`, `file = "requirements.txt"`."""

    path: str
    start: int
    end: int
    target: str  # repository-relative
    written: str
    constraint: bool = False


@dataclass(frozen=True, slots=True)
class Property:
    """What a manifest says about the project itself: name, version, description, url, license, author …"""

    name: str
    value: str
    path: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Broken:
    """A manifest that could not be parsed."""

    path: str
    reason: str


Item = Declaration | Include | Property | Broken


def canonical(name: str) -> str:
    """The distribution name as PEP 503 normalises it: `Open_CLIP.torch` → `open-clip-torch`."""
    return str(canonicalize_name(name))


def is_development(group: str) -> bool:
    """Whether an extra or group serves those who work on the project: `dev`, `test_prod`, `docs-build` …"""
    return _DEVELOPMENT.match(group.lower()) is not None


def exact_version(specifier: str) -> str:
    """The version of a `==` or `===` specifier without wildcard, or of `>=` and `<=` the same, else ""."""
    parts = [part.strip() for part in specifier.split(",")]
    for part in parts:
        if part.startswith("==") and not part.endswith("*"):
            return part.lstrip("=").strip()
    least, most = ({p[2:].strip() for p in parts if p.startswith(sign)} for sign in (">=", "<="))
    return next(iter(least & most), "")


def valid_range(specifier: str) -> str:
    """`specifier` when packaging can read it as PEP 440, else ""."""
    try:
        SpecifierSet(specifier)
    except InvalidSpecifier:
        return ""
    return specifier


def from_requirement(text: str, path: str, start: int, end: int) -> Declaration | None:
    """The declaration of one PEP 508 string or pip URL line; None for a local path or an unreadable line."""
    text = text.strip()
    try:
        need = Requirement(text)
    except InvalidRequirement:
        return _from_url(text, path, start, end) or _lenient(text, path, start, end)
    return Declaration(
        name=need.name,
        specifier=str(need.specifier),
        written=text,
        path=path,
        start=start,
        end=end,
        marker=str(need.marker) if need.marker else "",
        url=need.url or "",
        extras=tuple(sorted(need.extras)),
    )


def _from_url(text: str, path: str, start: int, end: int) -> Declaration | None:
    address, _, condition = (part.strip() for part in text.partition(";"))
    if not re.match(r"(?:git|hg|svn|bzr)\+|https?://|git@", address):
        return None
    found = _URL_NAME.search(address) or _WHEEL_NAME.search(unquote(address)) or _REPOSITORY.search(address)
    if found is None:
        return None
    return Declaration(found[1], "", text, path, start, end, url=address, marker=_valid_marker(condition))


def _valid_marker(text: str) -> str:
    try:
        return str(Marker(text)) if text else ""
    except InvalidMarker:
        return ""


def _lenient(text: str, path: str, start: int, end: int) -> Declaration | None:
    # A version in a variable (`torch==${TORCH}`) is still a declaration of torch.
    name = _NAME.match(text)
    if name is None or ("$" not in text and "{" not in text):
        return None
    rest = text[name.end() :]
    if not re.match(r"\s*(?:\[[^\]]*\])?\s*[=<>~!]=?", rest):
        return None
    return Declaration(name[0], "", text, path, start, end, variable=True)


def interpreter(specifier: str, written: str, path: str, start: int, end: int) -> Declaration:
    """A declaration of the Python version; a range that is not PEP 440 is kept as written only."""
    compact = specifier.replace(" ", "")
    bare = compact[:1].isdigit()
    return Declaration("python", valid_range(f"=={compact}" if bare else compact), written, path, start, end)


def from_poetry(name: str, range_: str, path: str, start: int, end: int) -> Declaration:
    """A dependency in Poetry's syntax: `^1.2`, `~1.2`, `1.2.*`, `*`, `>=1,<2`, `=1.2` or a bare version (exact)."""
    parts = [_poetry_part(part.strip()) for part in range_.split(",") if part.strip()]
    specifier = valid_range(",".join(part for part in parts if part))
    written = f'{name} = "{range_}"'
    return Declaration(name, specifier, written, path, start, end)


def _poetry_part(part: str) -> str:
    if part in ("*", "") or "||" in part:
        return ""
    if part[0] in "^~" and not part.startswith("~="):
        return _raised(part[1:].strip(), caret=part[0] == "^")
    if part[0] == "=" and not part.startswith("=="):
        return f"=={part[1:].strip()}"
    return part if part[0] in "<>=!~" else f"=={part}"


def _raised(version: str, *, caret: bool) -> str:
    try:
        release = list(Version(version).release)
    except InvalidVersion:
        return ""
    position = 0 if len(release) == 1 else 1
    if caret:
        position = next((i for i, part in enumerate(release) if part), len(release) - 1)
    upper = [*release[:position], release[position] + 1]
    return f">={version},<{'.'.join(map(str, upper))}"


def from_conda(text: str, path: str, start: int, end: int) -> Declaration | None:
    """A conda match spec: `numpy=1.21` (that series), `numpy==1.21.2`, `numpy=1.21.2=build`, `numpy>=1.20`."""
    found = _CONDA.fullmatch(text.strip())
    if found is None:
        return None
    name, rest = found.groups()
    return Declaration(name, _conda_range(rest.strip()), text.strip(), path, start, end, ecosystem="conda")


def _conda_range(rest: str) -> str:
    if rest.startswith("==") or rest[:1] in "<>!~":
        return valid_range(rest.split("=py")[0].replace(" ", "") if "|" not in rest else "")
    parts = [part for part in rest.replace(" ", "=").split("=") if part]
    if not parts:
        return ""
    if len(parts) > 1:
        return valid_range(f"=={parts[0]}")
    if "|" in parts[0] or "," in parts[0]:
        return valid_range(parts[0]) if "|" not in parts[0] else ""
    return valid_range(f"=={parts[0]}" if parts[0].endswith("*") else f"=={parts[0]}.*")


def scoped(item: Declaration | None, scope: Scope, group: str = "") -> Declaration | None:
    """`item` moved into `scope` and `group`."""
    return None if item is None else replace(item, scope=scope, group=group)
