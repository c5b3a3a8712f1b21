"""Switches of functions and settings that keep data or weights off the GPU: `offload_state_to_cpu=False`."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.language import hit_at
from retrieval.census.meaning.units import units
from retrieval.facts import CensusHit
from retrieval.pyast import source_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_NAMED = re.compile(r"(?:^|_)offload(?:_|$)")


@once
def offloading_options(codebase: Codebase) -> tuple[CensusHit, ...]:
    """One hit per parameter or field that is on or off, with its default, the first place of each name."""
    found: dict[str, CensusHit] = {}
    for unit in units(codebase, r"offload"):
        if codebase.snapshot.by_path[unit.path].role in ("test", "vendored"):
            continue
        for node, symbol in unit.functions():
            given = node.args
            plain = [*given.posonlyargs, *given.args]
            pairs = list(zip(plain[len(plain) - len(given.defaults) :], given.defaults, strict=True))
            pairs += [(a, d) for a, d in zip(given.kwonlyargs, given.kw_defaults, strict=True) if d is not None]
            for item, preset in pairs:
                switch = isinstance(preset, ast.Constant) and (isinstance(preset.value, bool) or preset.value is None)
                if _NAMED.search(item.arg) and switch:
                    words = "on" if preset.value is True else "off"  # type: ignore[attr-defined]
                    text = f"`{item.arg}` of `{symbol}()`, {words} by default (`{source_of(preset, 20)}`)"
                    line = unit.row(item.lineno)
                    hit = hit_at(codebase, unit.path, (line, line), symbol=symbol, name=item.arg, text=text)
                    found.setdefault(item.arg, hit)
    return tuple(found.values())
