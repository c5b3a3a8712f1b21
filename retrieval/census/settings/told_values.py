"""What the settings in an expression are: numbers in configuration files by key, defaults of options and parameters."""

import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.flow.reach import reach_of, reached_from
from retrieval.census.language import run_query
from retrieval.census.meaning.body import one_line
from retrieval.census.meaning.class_fields import class_fields
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.spots import argument, default
from retrieval.census.meaning.tracing import tracer_of
from retrieval.census.meaning.values import ExternalObject, Instance
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame
    from retrieval.codebase import Codebase

_KEYED = re.compile(r"\b\w+(?:\[[\"']([\w.-]+)[\"']\])")
_DOTTED = re.compile(r"\b(?:self\.)?(?:cfg|config|conf|hparams|hps)(?:\.\w+)*\.(\w+)(?!\w*\()")
_OPTION = re.compile(r"(?<![\w.])((?:\w+\.)*(?:args|opts?|options|flags|parsed_args))\.(\w+)(?!\w*[.(])")
_NAME = re.compile(r"(?<![\w.\"'])([a-z_]\w*)(?![\w(\"'.=\[])")
_ENTRY = re.compile(
    r"""^[ \t]*["']?(?P<key>[\w.-]+)["']?[ \t]*:[ \t]*(?P<value>\[?[\d., ]*\d\]?)[ \t]*,?[ \t]*(?:#.*)?$""", re.M
)
SHOWN, FILES, PROGRAMS = 3, 400, 12


def told_value(codebase: "Codebase", frame: "Frame", written: str) -> Iterator[str]:
    """ "`config['image_size']` is 224 (configs/a.yaml)", "`args.batch_size` is 64 by default"."""
    for found in (*_KEYED.finditer(written), *_DOTTED.finditer(written)):
        values = _configured(codebase).get(found[1], {})
        if values:
            told = [f"{value} ({_paths(paths)})" for value, paths in values.items()]
            yield f"`{found[0]}` is {listed(told, SHOWN)}"
    for found in _OPTION.finditer(written):
        given = _preset(codebase, frame, found[1], found[2])
        if given:
            yield f"`{found[0]}` is {given} by default"
    for name in dict.fromkeys(_NAME.findall(written)):
        node = default(frame, name) if name in frame.parameters else None
        given = _given(frame, name) if name in frame.parameters else []
        if node is not None and node.type in ("integer", "float", "tuple", "list"):
            also = f", and given as {listed(given, SHOWN)}" if given else ""
            yield f"`{name}` is {frame.body.tree.text(node)} by default{also}"
        elif given and re.search(r"(?i)size|width|height|scale|batch|dim|resol|num|pix", name):
            yield f"`{name}` is given as {listed(given, SHOWN)}"


def _given(frame: "Frame", name: str, hops: int = 3) -> list[str]:
    """What the callers of a body give for a parameter, as written; what they only hand on is looked up further."""
    found: dict[str, None] = {}
    for around, step, target in tracer_of(frame.program).holders.callers(frame):
        node = argument((around, step, target), frame, name)
        if node is None or frame.program.snapshot.by_path[around.path].role != "source":
            continue
        written = around.body.tree.text(node)
        handed = written in around.parameters and hops > 0
        further = _given(around, written, hops - 1) if handed else []
        found |= dict.fromkeys(
            further or [f"`{one_line(written, 40)}` ({around.path})"] if not handed or further else []
        )
    return list(found)


def _paths(paths: list[str]) -> str:
    return paths[0] if len(paths) == 1 else f"{paths[0]} and {len(paths) - 1} more"


@once
def _configured(codebase: "Codebase") -> dict[str, dict[str, list[str]]]:
    """Key → number in a configuration file → the files that have it."""
    found: dict[str, dict[str, list[str]]] = {}
    listed_ = [f for f in codebase.snapshot.files if f.language in ("yaml", "json") and f.role in ("config", "source")]
    for file in listed_[:FILES]:
        for entry in _ENTRY.finditer(file.text) if len(file.data) < 100_000 else ():
            paths = found.setdefault(entry["key"], {}).setdefault(entry["value"].strip(), [])
            if file.path not in paths:
                paths.append(file.path)
    return found


@once
def _options(codebase: "Codebase") -> dict[str, dict[str, list[CensusHit]]]:
    """Name of a command-line option → its defaults, each with the options that have it."""
    found: dict[str, dict[str, list[CensusHit]]] = {}
    for hit in run_query(codebase, "cli_options").hits:
        value = hit.detail.get("default", "")
        if value and hit.role == "source":
            found.setdefault(hit.name.lstrip("-").replace("-", "_"), {}).setdefault(value, []).append(hit)
    return found


def _preset(codebase: "Codebase", frame: "Frame", holder: str, name: str) -> str:
    """The default of `holder.name`: of an object of a class of the repository that of its field, where all classes that
    it may be of agree; of anything else, as the result of a parser, that of the command-line option."""
    head, *rest = holder.split(".")
    value = frame.name(head, sys.maxsize, ())
    for part in rest:
        value = frame.program.attribute(value, part)
    if value is None or isinstance(value, ExternalObject):
        return _default_of(codebase, frame, name, near_only=bool(rest))
    return field_default(codebase, frame, value, name) if isinstance(value, Instance) else ""


def field_default(codebase: "Codebase", frame: "Frame", value: Instance, name: str) -> str:
    """The one default that a field has in every class that an object may be of; "" where they differ."""
    classes = value.classes or (value.cls, *frame.program.descendants(value.cls))
    found = {
        next((field.default for field in class_fields(codebase, cls.path, cls.definition) if field.name == name), "")
        for cls in classes
    }
    return next(iter(found)) if len(found) == 1 else ""


def _default_of(codebase: "Codebase", frame: "Frame", name: str, near_only: bool) -> str:
    """The default of an option as a body gets it: of several parsers that of its file, else of programs that run it;
    with `near_only` of no other parser."""
    values = _options(codebase).get(name, {})
    if len(values) > 1 or (values and near_only):
        unit = frame.path, frame.symbol
        units = [found for found in _reached(codebase) if unit in found]
        here = {v: own for v, hits in values.items() if (own := [hit for hit in hits if hit.path == frame.path])}
        near = {
            v: run
            for v, hits in values.items()
            if (run := [hit for hit in hits if any((hit.path, hit.symbol) in found for found in units)])
        }
        values = here or near or ({} if near_only else values)
    if len(values) == 1:
        return next(iter(values))
    return " or ".join(f"{value} ({hits[0].path})" for value, hits in values.items()) if len(values) <= SHOWN else ""


@once
def _reached(codebase: "Codebase") -> list[frozenset[tuple[str, str]]]:
    """What each main program may run."""
    return [reached_from(codebase, [start]) for start in reach_of(codebase).starts[:PROGRAMS]]
