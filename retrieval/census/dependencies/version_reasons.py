"""Why the version of a library matters to a repository: the single reasons, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from packaging.specifiers import SpecifierSet

from retrieval.census.code.python_syntax import newest_grammar
from retrieval.census.dependencies.code_needs import runs
from retrieval.census.dependencies.dependencies import in_order
from retrieval.census.dependencies.imported import third_party
from retrieval.census.dependencies.introduced import condition, is_guarded, uses
from retrieval.census.dependencies.paired import pairing
from retrieval.census.dependencies.removed import removed_apis
from retrieval.census.dependencies.requirement_checks import requirement_checks
from retrieval.census.dependencies.requirement_comments import comment_reasons
from retrieval.census.dependencies.stated_versions import builds, documents, wheels
from retrieval.census.dependencies.version_switches import switches
from retrieval.census.language import parse_query
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import subject_of
from retrieval.census.quality.private_parts import Private, private_parts
from retrieval.facts import CensusHit
from retrieval.manifests import Declaration, read_manifests
from retrieval.manifests.distributions import distribution_of, usual_provider

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_INSIDE = re.compile(
    r"^(?:transformers\.(?:models\.|modeling_utils|\w+_utils\b)|torch\._|diffusers\.models\.|timm\.models\.\w)|\._(?!_)\w"
)
_BUILDS = re.compile(r"(?:CUDAExtension|CppExtension|cpp_extension\.load\w*)$")
_PAIRED = (
    "torchvision",
    "torchaudio",
    "torchtext",
    "xformers",
    "mmcv",
    "mmcv-full",
    "flash-attn",
    "torch-scatter",
    "vllm",
)
_COMPILED = {"mmcv": "mmcv.ops", "xformers": "xformers", "flash-attn": "flash_attn", "torch-scatter": "torch_scatter"}
LONGEST, SHOWN = 300, 4


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason in words, for the version of `distribution`; the lower the rank, the more it says."""

    distribution: str
    text: str
    path: str
    lines: tuple[int, int]
    rank: int


def reasons(codebase: Codebase) -> Iterator[Reason]:
    """Every reason in code that main programs run, in compiled parts, and beside declarations."""
    yield from _comments(codebase)
    yield from _removed(codebase)
    yield from _switched(codebase)
    yield from _compiled(codebase)
    yield from _introduced(codebase)
    yield from _inside(codebase)
    yield from _private(codebase)
    yield from _companions(codebase)
    yield from _syntax(codebase)
    yield from _stated(codebase)


def _comments(codebase: Codebase) -> Iterator[Reason]:
    """What comments in requirement files say, whole."""
    for said in comment_reasons(codebase):
        text = f"a comment in {said.path} says “{_cut(said.words)}”"
        yield Reason(said.distribution, text, said.path, said.lines, 0)


def _removed(codebase: Codebase) -> Iterator[Reason]:
    """Names that are gone since a release, those of one release together."""
    groups: dict[tuple[str, str], list[CensusHit]] = {}
    for hit in removed_apis(codebase, parse_query("removed_apis")):
        if runs(codebase, hit.path, hit.start, hit.symbol):
            groups.setdefault((hit.detail["distribution"], hit.detail["since"]), []).append(hit)
    for (name, since), hits in groups.items():
        told = list(dict.fromkeys(f"`{hit.name}` ({hit.path}:{hit.start})" for hit in hits))
        used = f"{listed(told, SHOWN)} {'is' if len(told) == 1 else 'are'} gone since {since}"
        if _stands(codebase, name, since) == "above":
            text = f"the declared version is too new for what the code uses: {used}, so these lines fail when they run"
        else:
            text = f"must stay below {since}, because {used}"
        yield Reason(name, text, hits[0].path, (hits[0].start, hits[0].end), 1)


def _stands(codebase: Codebase, name: str, since: str) -> str:
    """Where every declared range lies: "above" a release (or at it), "below" it, "" for anything else."""
    ranges = [SpecifierSet(d.specifier) for d in _declared(codebase, name) if d.specifier]
    if not ranges:
        return ""
    if all((one & SpecifierSet(f"<{since}")).is_unsatisfiable() for one in ranges):
        return "above"
    return "below" if all((one & SpecifierSet(f">={since}")).is_unsatisfiable() for one in ranges) else ""


def _explains(codebase: Codebase, name: str, since: str) -> bool:
    """Whether a release is of the same major version as a declared lower bound, which it then accounts for in part."""
    bounds = [one for d in _declared(codebase, name) if d.specifier for one in SpecifierSet(d.specifier)]
    return any(one.operator in (">=", "~=") and one.version.split(".")[0] == since.split(".")[0] for one in bounds)


def _declared(codebase: Codebase, name: str) -> list[Declaration]:
    items = read_manifests(codebase.snapshot).declarations
    return [item for item in items if distribution_of(item) == name and item.scope not in ("lock", "image")]


def _switched(codebase: Codebase) -> Iterator[Reason]:
    for check in requirement_checks(codebase):
        if runs(codebase, check.path, check.lines[0], check.symbol):
            yield Reason(check.distribution, check.text, check.path, check.lines, -1)
    for item in switches(codebase):
        if not item.guard and runs(codebase, item.path, item.lines[0], ""):
            yield Reason(usual_provider(item.name), item.text, item.path, item.lines, 2)


def _compiled(codebase: Codebase) -> Iterator[Reason]:
    """Extensions that are compiled against the installed PyTorch, all in one reason."""
    calls = [
        (path, call)
        for path, call in codebase.all_calls()
        if _BUILDS.search(call.name) and codebase.snapshot.by_path[path].role != "test"
    ]
    if calls:
        told = list(dict.fromkeys(f"`{call.name.rpartition('.')[2]}` ({path}:{call.start})" for path, call in calls))
        text = (
            f"extensions are compiled against the installed PyTorch by {listed(told, SHOWN)}, "
            "whose version and CUDA must match the compiler's and the toolkit's"
        )
        yield Reason("torch", text, calls[0][0], (calls[0][1].start, calls[0][1].start), 2)


def _introduced(codebase: Codebase) -> Iterator[Reason]:
    """Names and arguments that came with a release, unless the same file tests for them or imports them in a `try`."""
    guarded = {(item.path, item.feature) for item in switches(codebase) if item.guard}
    guarded |= {(p, i.name) for p, facts in codebase.facts.items() for i in facts.imports if i.guarded}
    tested = {(item.path, usual_provider(item.name)) for item in switches(codebase) if not item.guard}
    best: dict[str, tuple[tuple[int, ...], Reason]] = {}
    for use in sorted(uses(codebase), key=lambda use: bool(use.symbol)):  # imports first
        if (use.path, use.name.rpartition(".")[2]) in guarded or (use.path, use.distribution) in tested:
            continue
        if not runs(codebase, use.path, use.line, use.symbol) or is_guarded(codebase, use):
            continue
        where = subject_of(codebase, use.path, use.symbol)
        bound = _stands(codebase, use.distribution, use.since)
        if bound == "above" and not _explains(codebase, use.distribution, use.since):
            continue  # what is declared says more
        name = f"`{use.name}`{condition(codebase, use)}"
        text = f"at least {use.since}, because {where} uses {name}, which came with it ({use.source})"
        if bound == "below":
            text = f"the declared version is too old for what the code uses: it needs {text}, so this line fails"
        version = tuple(int(part) for part in use.since.split("."))
        if use.distribution not in best or best[use.distribution][0] < version:
            best[use.distribution] = version, Reason(use.distribution, text, use.path, (use.line, use.line), 3)
    yield from (reason for _, reason in best.values())


def _inside(codebase: Codebase) -> Iterator[Reason]:
    """Imports of modules that are no public interface of their library."""
    for module, places in third_party(codebase).items():
        found: dict[str, tuple[str, int]] = {}
        for path, item in places:
            name = f"{item.module}.{item.name}" if (item.name or "").startswith("_") else item.module
            if _INSIDE.search(name) and runs(codebase, path, item.start, item.symbol):
                found.setdefault(name, (path, item.start))
        if found:
            told = [f"`{name}` ({path}:{line})" for name, (path, line) in found.items()]
            text = f"the code imports from inside it, which other releases may have moved: {listed(told, SHOWN)}"
            path, line = next(iter(found.values()))
            yield Reason(usual_provider(module), text, path, (line, line), 5)


def _private(codebase: Codebase) -> Iterator[Reason]:
    """Private parts of a library that code which main programs run uses, those of one library together; what is
    guarded apart, with what is done without it."""
    found: dict[tuple[str, bool], list[Private]] = {}
    for use in private_parts(codebase):
        if runs(codebase, use.path, use.line, use.symbol):
            found.setdefault((use.module, bool(use.guard)), []).append(use)
    for (module, tested), parts in found.items():
        told = list(dict.fromkeys(_private_use(codebase, use) for use in parts))
        text = f"the code uses private parts of it, which any release may change: {listed(told, SHOWN)}"
        if tested:
            text = f"private parts of it are used only where they exist: {listed(told, SHOWN)}"
        line = parts[0].line
        yield Reason(usual_provider(module), text, parts[0].path, (line, line), 6 if tested else 4)


def _private_use(codebase: Codebase, use: Private) -> str:
    guard = f", for {subject_of(codebase, use.path, use.symbol)} {use.guard}" if use.guard else ""
    return f"`{use.written[:60]}` ({use.path}:{use.line}{guard})"


def _syntax(codebase: Codebase) -> Iterator[Reason]:
    found = newest_grammar(codebase, lambda path, line, symbol: runs(codebase, path, line, symbol))
    if found is not None:
        text = f"at least {found.since}, because {subject_of(codebase, found.path, found.symbol)} uses {found.how}"
        yield Reason("python", text, found.path, (found.line, found.line), 1)


def _stated(codebase: Codebase) -> Iterator[Reason]:
    """What documents claim, and the Python of the wheels of what is pinned."""
    for said in (*documents(codebase), *wheels(codebase), *builds(codebase)):
        yield Reason(said.distribution, _cut(said.words), said.path, said.lines, 2)


def _companions(codebase: Codebase) -> Iterator[Reason]:
    """Packages of PyTorch that are each built for one release of it."""
    torch = in_order([item for item in _declared(codebase, "torch") if item.exact])
    for name in _PAIRED:
        own = in_order([item for item in _declared(codebase, name) if item.exact or item.specifier])
        for rank, text, item in pairing(name, own, torch):
            yield Reason(name, text, item.path, (item.start, item.end), rank)
        if not own and name in _COMPILED:
            yield from _built(codebase, name)


def _built(codebase: Codebase, name: str) -> Iterator[Reason]:
    """That code imports the compiled parts of a package of which no version is declared."""
    for path, item in third_party(codebase).get(name.replace("-", "_"), ()):
        wanted = f"{item.module}.{item.name}" if item.name else item.module
        if wanted.startswith(_COMPILED[name]) and not item.guarded and runs(codebase, path, item.start, item.symbol):
            text = f"{subject_of(codebase, path, item.symbol)} imports `{wanted}`, whose wheels are compiled for one "
            text += "pair of PyTorch and CUDA, so what is installed of it must be built for the installed ones"
            yield Reason(name, text, path, (item.start, item.end), 2)
            return


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= LONGEST else flat[: LONGEST - 1] + "…"
