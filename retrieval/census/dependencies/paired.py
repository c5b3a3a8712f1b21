"""Packages that are each built for one release of PyTorch: for which one, and which pins stand beside one another."""

import re
from collections.abc import Iterator, Sequence

from retrieval.manifests import Declaration

_RELEASE = re.compile(r"(\d+)\.(\d+)")


def pairing(name: str, own: list[Declaration], torch: list[Declaration]) -> Iterator[tuple[int, str, Declaration]]:
    """Rank, words and declaration: the pin of torch that decides a version, and pins of one file that do not fit."""
    for item, pin in beside(own, torch)[:1]:
        text = "every release of it is built for one release of `torch`, so it changes only together with "
        yield 2, f"{text}`{pin.name}=={pin.exact}` ({pin.path}:{pin.start})", item
    alone = [item for item in own if item.exact and item.scope in ("runtime", "extra", "constraint")]
    for item in alone[:1] if not beside(own, torch) else ():
        built = built_for(name, item.exact)
        release = f"torch {built}" if built else "one release of `torch`"
        yield 2, f"`{item.name}=={item.exact}` is built for {release}, so this pin decides the version of `torch`", item
    for item, pin in beside(own, torch):
        together = item.path == pin.path and (item.start == pin.start or item.scope != "command")
        if together and (other := mispaired(name, item.exact, pin.exact)):
            text = f"`{item.name}=={item.exact}` ({item.path}:{item.start}) is built for torch {other}, not for the "
            text += f"`{pin.name}=={pin.exact}` beside it, so both cannot be installed together"
            yield 1, text, item


def beside(own: Sequence[Declaration], torch: Sequence[Declaration]) -> list[tuple[Declaration, Declaration]]:
    """Every declaration with the pin of torch that stands in its file, for a command on its line, as a document lists
    several ways to install; without one, with the first of its project."""
    found = []
    for item in own:
        near = [pin for pin in torch if pin.path == item.path and (pin.start == item.start or item.scope != "command")]
        found += [(item, pin) for pin in (near or [pin for pin in torch if _is_around(pin, item)])[:1]]
    return sorted(found, key=lambda pair: pair[0].path != pair[1].path)


def _is_around(pin: Declaration, item: Declaration) -> bool:
    """Whether a pin is of the project of a declaration: of its folder or one above, or of a command or an image."""
    folder = pin.path.rpartition("/")[0]
    return pin.scope in ("command", "image") or not folder or item.path.startswith(f"{folder}/")


def mispaired(name: str, version: str, torch: str) -> str:
    """The release of torch that a version of its companion is built for, "" where it is the one that is pinned."""
    wanted, built = _RELEASE.match(torch), built_for(name, version)
    return "" if wanted is None or built == f"{wanted[1]}.{wanted[2]}" else built


def built_for(name: str, version: str) -> str:
    """The release of torch that a version of torchvision or torchaudio is built for, "" for others.

    torchvision counts 0.15 and more for torch 2.0 and more, and one more than the minor number of torch 1; torchaudio
    has the number of torch since 2.0, before 2.0 its minor number. Source: the wiki page of PyTorch's versions.
    """
    found = _RELEASE.match(version)
    if found is None or name not in ("torchvision", "torchaudio"):
        return ""
    major, minor = int(found[1]), int(found[2])
    if name == "torchvision":
        return f"2.{minor - 15}" if minor >= 15 else f"1.{minor - 1}"
    return f"2.{minor}" if major == 2 else f"1.{minor}"
