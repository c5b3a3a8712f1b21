"""Which distribution provides a module, and which modules a distribution provides.

Knows the exceptions listed in `data/distributions.yaml`; everything else is imported by its own name with `_` for `-`.
"""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from retrieval.manifests.declaration import Declaration, canonical

_DATA = Path(__file__).parents[1] / "data" / "distributions.yaml"


@cache
def _tables() -> dict[str, Any]:
    return yaml.safe_load(_DATA.read_text(encoding="utf-8"))


def distribution_of(item: Declaration) -> str:
    """The distribution's name as pip knows it: conda's `pytorch` is `torch`."""
    if item.ecosystem == "conda":
        return str(_tables()["conda"].get(item.key, item.key))
    return item.key if item.ecosystem == "python" else item.name


@cache
def providers(module: str) -> frozenset[str]:
    """Canonical names of the distributions that provide the dotted `module`, the longest known prefix deciding."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        known = _tables()["imports"].get(".".join(parts[:length]))
        if known:
            return frozenset(map(canonical, known)) | {canonical(parts[0])}
    if parts[0] in ("google", "azure", "nvidia", "mpi4py") and len(parts) > 1:
        return frozenset(canonical("-".join(parts[:length])) for length in range(1, len(parts) + 1))
    return frozenset([canonical(parts[0])])


def usual_provider(module: str) -> str:
    """The distribution that most people install to import the top-level `module`."""
    known = _tables()["imports"].get(module)
    return canonical(known[0] if known else module)


@cache
def modules_of(distribution: str) -> tuple[str, ...]:
    """Names under which the distribution may be imported; the first one is the likeliest."""
    key = canonical(distribution)
    known = [module for module, names in _tables()["imports"].items() if key in map(canonical, names)]
    plain = key.replace("-", "_")
    guesses = [plain, key.split("-")[-1] if key.startswith("python-") else "", plain.removeprefix("py")]
    if key.endswith(("-python", "-py")):
        guesses.append(key.rpartition("-")[0].replace("-", "_"))
    return tuple(dict.fromkeys(known or [guess for guess in guesses if guess]))


@cache
def unimported() -> frozenset[str]:
    """Distributions that are tools or plugins: nobody imports them."""
    return frozenset(map(canonical, _tables()["unimported"]))
