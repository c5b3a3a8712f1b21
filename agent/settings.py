"""What a person may set once for all runs: environment variables beginning with DEPOSITION_, below
every flag.

Knows the folders outside any repository in which state, indexes and caches live. Reads no file: a
`.env` in the current folder may belong to a hostile repository.
"""

import hashlib
import re
from pathlib import Path

from platformdirs import user_cache_path
from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from agent.errors import UserError

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?\s*", re.IGNORECASE | re.ASCII)


class Settings(BaseSettings):
    """Defaults of the flags of the same names; `cache` holds what can be computed again."""

    model_config = SettingsConfigDict(env_prefix="DEPOSITION_", env_file=None, frozen=True)

    model: str = "qwen2.5-coder-1.5b"
    embedder: str = "all-MiniLM-L6-v2"
    memory_budget: str = ""
    cache: Path = user_cache_path("deposition", appauthor=False)


def load_settings() -> Settings:
    """The settings of this process. Raises UserError for a value that does not validate."""
    try:
        return Settings()
    except ValidationError as error:
        fault = error.errors()[0]
        name = "DEPOSITION_" + "_".join(str(step) for step in fault["loc"]).upper()
        raise UserError(f"environment variable {name}: {fault['msg']}") from None


def parse_size(text: str) -> int:
    """Bytes of "6GiB", "512M", "1.5 GB" or "1000000"; units are powers of 1024. Raises UserError."""
    match = _SIZE.fullmatch(text)
    if match is None or float(match[1]) <= 0:
        raise UserError(f"{text!r} is no memory size", "write it like 6GiB, 512MiB or 1073741824")
    return int(float(match[1]) * _UNITS[match[2].lower()])


def repository_cache(root: Path, cache: Path | None = None) -> Path:
    """The folder that holds index, facts and checkpoints of the repository at `root`; it is not
    created here.
    """
    path = root.expanduser().resolve()
    name = re.sub(r"[^\w.-]", "_", path.name, flags=re.ASCII)[:40] or "root"
    digest = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return (cache or load_settings().cache).expanduser() / "repositories" / f"{name}-{digest}"
