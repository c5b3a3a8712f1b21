"""Kind `versions`: in sentences, which file pins what, how each major framework is declared, and what is left open.

One sentence for the pins, one for each of torch, torchvision, torchaudio and transformers whether declared, only
imported or absent, one for other model frameworks, one for what has no version, one for Python and CUDA.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.census.dependencies.dependencies import in_order
from retrieval.census.dependencies.imported import third_party
from retrieval.census.dependencies.locked import ASKED, PINNED, fixed, locks, sentence
from retrieval.census.language import Query, kind
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.models.model_entries import entries_of
from retrieval.facts import CensusHit
from retrieval.languages import words
from retrieval.manifests import Declaration, canonical, read_manifests
from retrieval.manifests.distributions import distribution_of, modules_of, usual_provider
from retrieval.manifests.wording import CI, condition, shown

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

FRAMEWORKS = words(
    """tensorflow tensorflow-gpu keras jax flax onnx onnxruntime onnxruntime-gpu onnxruntime-directml openvino
    tensorrt diffusers accelerate peft bitsandbytes timm open-clip-torch sentence-transformers xformers flash-attn
    vllm lmdeploy llama-cpp-python ctranslate2 triton deepspeed pytorch-lightning lightning insightface ultralytics
    mmcv mmengine paddlepaddle langchain langchain-core openai gradio streamlit numpy opencv-python safetensors
    tokenizers pydantic torchcodec librosa"""
)
_TOOLS = ("dev", "build")
_BASE = re.compile(r"\bpytorch/pytorch:\d|nvcr\.io/nvidia/pytorch:\d")
FILES, PLACES, OPEN, IMPORTED = 6, 5, 20, 10
_BASIC = frozenset(["pip", "setuptools", "wheel", "virtualenv", "pipx"])


@kind(
    "versions",
    summary="in sentences: which file pins what, how the major frameworks are declared or not, what is left open",
    example="versions",
    reads="text",
    ordered=True,
)
def versions(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """Sentences in the order above. Patterns keep those about a package."""
    if not codebase.snapshot.files:
        return
    manifests = read_manifests(codebase.snapshot)
    own = {canonical(item.value) for item in manifests.properties if item.name == "name"} | _BASIC
    items = [item for item in in_order(manifests.declarations) if _counts(item) and item.key not in own]
    made_by = _makers(codebase)
    chosen = (*made_by, *sorted((FRAMEWORKS | _most_imported(codebase)) - {*made_by, *ASKED}))
    by_hand = [item for item in items if item.scope != "lock"]
    sentences = [
        *locks(codebase, items, chosen),
        *_pins(
            codebase,
            by_hand,
            chosen,
            [d for d in manifests.declarations if d.scope == "dev" and d.exact],
            [d for d in in_order(manifests.declarations) if _counts(d) and d.exact and d.key in own - _BASIC],
        ),
        *(_asked(codebase, name, items) for name in ASKED),
        *_others(codebase, _program(codebase, items), chosen),
        *_open(codebase, _program(codebase, by_hand)),
        *_platform(codebase, by_hand),
        *_build(codebase, manifests.declarations),
    ]
    yield from (hit for hit in sentences if query.matches(hit.name))


def _counts(item: Declaration) -> bool:
    """Whether a declaration is about running the program, and no tool of its makers."""
    return item.scope not in _TOOLS and not CI.search(item.path) and item.ecosystem in ("python", "conda", "docker")


def _program(codebase: Codebase, items: list[Declaration]) -> list[Declaration]:
    """The declarations that stand in no document, example or test; all where there are no others."""
    return [item for item in items if not _is_document(codebase, item.path)] or items


def _makers(codebase: Codebase) -> list[str]:
    """The distributions that make the models of programs, by how many of these each makes."""
    made = [one for entry in entries_of(codebase) for one in entry.made if one.cls is None and "." in one.maker]
    made = [one for one in made if codebase.snapshot.by_path[one.frame.path].role == "source"]
    found = Counter(usual_provider(one.maker.partition(".")[0]) for one in made)
    return [name for name, _ in found.most_common() if name not in ASKED]


def _most_imported(codebase: Codebase) -> frozenset[str]:
    """The distributions whose modules most files of the program import."""
    files: dict[str, set[str]] = {}
    for module, places in third_party(codebase).items():
        paths = {path for path, _ in places if codebase.snapshot.by_path[path].role == "source"}
        files.setdefault(usual_provider(module), set()).update(paths)
    ranked = sorted(files, key=lambda name: (-len(files[name]), name))
    return frozenset(name for name in ranked[:IMPORTED] if len(files[name]) > 1) - set(ASKED)


def _pins(
    codebase: Codebase,
    items: list[Declaration],
    chosen: tuple[str, ...],
    tools: list[Declaration],
    parts: list[Declaration],
) -> Iterator[CensusHit]:
    pinned: dict[str, list[Declaration]] = {}
    for item in items:
        if item.exact and not item.is_interpreter and item.ecosystem != "docker":
            pinned.setdefault(item.path, []).append(item)
    if not pinned:
        ranges = sum(1 for item in items if item.specifier and not item.is_interpreter)
        some = f"{counted(ranges, 'declaration')} give{'s' if ranges == 1 else ''} a range"
        named = listed(list(dict.fromkeys(f"`{shown(item)}`" for item in tools)), PLACES)
        aside = f"; pinned are tools of development only: {named}" if tools else ""
        text = f"No dependency of the program is pinned to an exact version by hand; {some}{aside}"
        yield sentence(codebase, "pins", text, [*items[:1], *tools[:PLACES]])
        return
    ordered = sorted(
        pinned.items(), key=lambda entry: (_is_document(codebase, entry[0]), entry[0].count("/"), -len(entry[1]))
    )
    said: set[str] = set()
    told = {path: _pinned(path, found, chosen, said) for path, found in ordered}
    own = [text for path, text in told.items() if not _is_document(codebase, path)]
    aside = [text for path, text in told.items() if _is_document(codebase, path)]
    opening = (
        "Pinned exactly"
        if own
        else f"No manifest pins an outside package of the program exactly{_beside(parts, tools)}; documents do"
    )
    more = f"; {counted(len(ordered) - FILES, 'more file')} pin others" if len(ordered) > FILES else ""
    proof = [item for _, found in ordered[:FILES] for item in found[:PLACES]]
    yield sentence(codebase, "pins", f"{opening}: {'; '.join([*own, *aside][:FILES])}{more}", proof)


def _beside(parts: list[Declaration], tools: list[Declaration]) -> str:
    """What is pinned beside the program's own needs: packages of the repository itself, tools of development."""
    told = [(parts, "packages of this repository"), (tools, "tools of development")]
    said = [
        f"{what} ({listed(list(dict.fromkeys(f'`{shown(d)}`' for d in found)), 4)})" for found, what in told if found
    ]
    return f" (only {' and '.join(said)})" if said else ""


def _pinned(path: str, found: list[Declaration], chosen: tuple[str, ...], said: set[str]) -> str:
    """ "`requirements.txt` pins 3: …", the asked frameworks first, then others; what is `said` is only counted."""
    names = [*ASKED, *chosen]
    rank = {name: at for at, name in enumerate(names)}
    major = sorted(found, key=lambda item: rank.get(distribution_of(item), len(rank)))
    told = list(dict.fromkeys(f"`{shown(item)}`" for item in major))
    new = [text for text in told if text not in said]
    said.update(new)
    again = len(told) - len(new)
    if not new:
        return f"`{path}` pins {len(told)}, all as above"
    same = f"{again} as above and " if again else ""
    return f"`{path}` pins {len(told)}: {same}{listed(new, PINNED)}"


def _is_document(codebase: Codebase, path: str) -> bool:
    role = codebase.snapshot.by_path[path].role
    return role in ("example", "test") or (role != "source" and path.endswith((".md", ".ipynb", ".rst")))


def _asked(codebase: Codebase, name: str, items: list[Declaration]) -> CensusHit:
    own = [item for item in items if distribution_of(item) == name]
    files = [item for item in own if item.scope not in ("lock", "command", "image")]
    commands = sorted((i for i in own if i.scope == "command"), key=lambda item: _is_document(codebase, item.path))
    locked = [item for item in own if item.scope == "lock"]
    images = [item for item in items if item.scope == "image" and name == "torch" and _BASE.search(item.written)]
    imported = _imports(codebase, name)
    used = f"imported by {counted(len(imported), 'file')}" if imported else "not imported by the code"
    parts = []
    if files:
        parts.append(f"declared as {_places(files)}")
    if commands:
        how = "installed by commands" if files else "in no requirements file, but installed by commands"
        parts.append(f"{how}: {_places(commands)}")
    if locked:
        parts.append(f"locked to {_locked(locked)}")
    if images:
        parts.append(f"brought along by the Docker base image {_places(images)}")
    if not own and not images and not imported:
        text = f"`{name}` is neither declared nor imported: the code does not use it"
    elif not own and not images:
        text = f"`{name}` is declared and pinned nowhere, though {used}; it comes with another package or by hand"
    else:
        text = f"`{name}` is {'; '.join(parts)}; {used}"
    proof = [*files[:PLACES], *commands[:PLACES], *locked[:1], *images[:1]]
    return sentence(codebase, name, text, proof, imported[:2])


def _places(items: list[Declaration]) -> str:
    """ "`torch>=2.0` (pyproject.toml:12)", equal ones together."""
    found: dict[str, list[str]] = {}
    for item in items:
        note = condition(item.marker)
        index = f" from the index `{item.group}`" if item.scope == "command" and item.group else ""
        extra = f" in the extra `{item.group}`" if item.scope == "extra" and item.group else ""
        free = "" if item.specifier or item.url or item.variable else " without a version"
        words_ = f"`{shown(item)}`{free}{index}{extra}{f' ({note})' if note else ''}"
        found.setdefault(words_, []).append(f"{item.path}:{item.start}")
    told = [f"{text} ({listed(places, 3)})" for text, places in found.items()]
    return listed(told, PLACES)


def _locked(items: list[Declaration]) -> str:
    """ "2.7.0 by `poetry.lock`"."""
    by: dict[str, list[Declaration]] = {}
    for item in items:
        by.setdefault(item.path, []).append(item)
    return listed([f"{fixed(found)} by `{path}`" for path, found in by.items()], 3)


def _imports(codebase: Codebase, name: str) -> list[tuple[str, int]]:
    """The files that import a distribution, with the line."""
    found: dict[str, int] = {}
    for module in modules_of(name):
        for path, item in third_party(codebase).get(module.split(".")[0], ()):
            if codebase.snapshot.by_path[path].role in ("source", "config"):
                found.setdefault(path, item.start)
    return list(found.items())


def _others(codebase: Codebase, items: list[Declaration], chosen: tuple[str, ...]) -> Iterator[CensusHit]:
    by_name: dict[str, list[Declaration]] = {}
    for item in items:
        name = distribution_of(item)
        if name in chosen and name not in ASKED:
            by_name.setdefault(name, []).append(item)
    told = []
    for found in sorted(by_name.values(), key=lambda items_: chosen.index(distribution_of(items_[0]))):
        hand = [item for item in found if item.scope != "lock"]
        locked = _locked([item for item in found if item.scope == "lock"])
        ways = list(dict.fromkeys(f"`{shown(item)}`" for item in hand))
        if ways:
            told.append(listed(ways, 4) + (f" (locked to {locked})" if locked else ""))
    if told:
        proof = [found[0] for found in by_name.values()]
        yield sentence(
            codebase,
            "frameworks",
            f"Packages that make models, other frameworks and what much of the code imports: {'; '.join(told)}",
            proof,
        )


def _open(codebase: Codebase, items: list[Declaration]) -> Iterator[CensusHit]:
    free = [
        item
        for item in items
        if not item.specifier and not item.url and not item.is_interpreter and item.ecosystem != "docker"
    ]
    bound = {distribution_of(item) for item in items if item.specifier or item.url}
    names = list(dict.fromkeys(f"`{item.name}`" for item in free if distribution_of(item) not in bound))
    if names:
        text = f"Left without any version ({len(names)}): {listed(names, OPEN)}"
        yield sentence(codebase, "open", text, free[:PLACES])


def _platform(codebase: Codebase, items: list[Declaration]) -> Iterator[CensusHit]:
    found = [item for item in items if item.is_interpreter or item.ecosystem == "docker" or item.key == "cuda"]
    indexes = list(dict.fromkeys(item.group for item in items if item.scope == "command" and item.group))
    told = list(dict.fromkeys(f"`{shown(item)}` ({item.path}:{item.start})" for item in found))
    text = f"Python and platform: {listed(told, 6)}" if told else "No Python version is declared"
    if indexes:
        text += f"; wheel indexes of PyTorch in install commands: {listed([f'`{i}`' for i in indexes], 8)}"
    proof = [*found[:PLACES], *(item for item in items if item.group in indexes and item.scope == "command")]
    if proof:
        yield sentence(codebase, "python", text, proof[: 2 * PLACES])


def _build(codebase: Codebase, items: Iterable[Declaration]) -> Iterator[CensusHit]:
    found = [item for item in items if item.scope == "build" and not CI.search(item.path)]
    names = list(dict.fromkeys(f"`{shown(item)}`" for item in found))
    if names:
        yield sentence(codebase, "build", f"Needed to build the package: {listed(names, 8)}", found[:PLACES])
