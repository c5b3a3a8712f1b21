"""One thing that people set from outside, or a constant, on which a value depends, in words; every option as such."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.language import parse_query
from retrieval.census.meaning.body import one_line
from retrieval.census.settings.options import cli_options, variables

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Place = tuple[str, int]
_ANEW = re.compile(r"(?:args|opts?|options|flags|FLAGS)\.(\w+)")
_CONSTANT = re.compile(r"""^(?:["'\d-]|True$|False$)""")


@dataclass(frozen=True, slots=True)
class Switch:
    """What a value comes from, and where that is read: "the option `--half` (default False)"."""

    kind: str  # "environment", "option", "constant" or "parameter"
    name: str
    default: str
    place: Place
    asked: bool = False  # an option that must be given, or of a parser whose silence says nothing
    replaced: tuple[tuple[str, str], ...] = ()  # programs that set it anew whatever is given, and the value there

    @property
    def said(self) -> str:
        """In words, without the place."""
        preset = f", default {_plain(self.default)}" if self.default else ""
        if self.kind == "constant":
            return f"constant, {_plain(self.default)}"
        if self.kind == "environment":
            return f"environment variable `{self.name}`{preset or ', unset by default'}"
        anew = ", ".join(f"{path} sets it to {_plain(value)} whatever is given" for path, value in self.replaced[:2])
        return f"{self.kind} `{self.name}`{preset}{f' ({anew})' if anew else ''}"


def _plain(value: str) -> str:
    return f"`{one_line(value, 90)}`"


def options_by_name(codebase: "Codebase") -> Iterator[tuple[str, Switch]]:
    """The options of the command line by the name of their value."""
    anew = dict[str, dict[tuple[str, str], None]]()
    for path, fact in codebase.all_facts("assign"):
        found = _ANEW.fullmatch(fact.name) if not fact.symbol and _CONSTANT.match(fact.detail["value"]) else None
        file = codebase.snapshot.by_path[path]
        if found is not None and file.role == "source" and not file.lines[fact.start - 1][:1].isspace():
            anew.setdefault(found[1], {})[path, fact.detail["value"]] = None
    for hit in cli_options(codebase, parse_query("cli_options")):
        flags = hit.detail.get("flags", hit.name).split(", ")
        long = next((flag for flag in flags if flag.startswith("--")), flags[0])
        default = hit.detail.get("default", "")
        if not default and "store_true" in hit.detail.get("action", ""):
            default = "False"
        told = hit.detail.get("library") in ("argparse", "click") and long.startswith("-")
        asked = not told or hit.detail.get("required") == "True"
        for name in dict(variables(hit)):
            yield name, Switch("option", long, default, (hit.path, hit.start), asked, tuple(anew.get(name, ())))
