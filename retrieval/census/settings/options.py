"""Census kind `cli_options`: every command-line option, with default and help, and where it is parsed.

Knows argparse and optparse, click, typer, fire, absl flags and hydra here; options made of classes and words that
are no declared options stand in modules of their own. A typer or fire command's options are the parameters of its
function.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, hit_at, kind
from retrieval.census.settings.dispatchers import Dispatched, dispatched
from retrieval.census.settings.option_classes import options_of_classes
from retrieval.census.settings.option_ranks import OTHER, PARSERS, ordered, rank
from retrieval.census.settings.option_words import command_words
from retrieval.census.settings.typer_options import declared
from retrieval.census.telling.messages import message
from retrieval.facts import Call, CensusHit, Definition, Fact

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

ADDERS = frozenset(["add_argument", "add_option"])
CLICK = re.compile(r"(?:rich_)?click\.(?:\w+\.)*(option|argument)")
TYPER = re.compile(r"\b(?:typer\.)?(Option|Argument)\(")
ABSL = re.compile(r"absl\.flags\.(?:DEFINE|define)_\w+|\bflags\.(?:DEFINE)_\w+")
PASSED = frozenset(["self", "cls"])
_PIECE = re.compile(r"""(["'])((?:(?!\1)[^\\]|\\.)*)(?:\1|$)""", re.DOTALL)
_WORD = re.compile(r"""[rRuU]?(["'])(.*)\1""", re.DOTALL)
TOLD = ("type", "default", "choices", "action", "nargs", "required", "help")


@kind(
    "cli_options",
    summary="command-line options (argparse, click, typer, fire, absl, hydra): flags, default, help, where parsed",
    example="cli_options: --model*, *device*",
    reads="python",
    options=("of",),
    ordered=True,
)
def cli_options(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every option one of whose spellings fits, sub-commands and positions of `sys.argv` with them.

    Those of the main programs come first; `of=programs` gives no others, `of=others` none of them. Raises QueryError
    for another word.
    """
    of = query.choice("of", ("programs", "others"))
    for hit in ordered(codebase, [hit for hit in all_options(codebase) if query.matches(*_spelled(hit))]):
        if not of or (rank(codebase, hit) == OTHER) == (of == "others"):
            yield hit


def all_options(codebase: Codebase) -> Iterator[CensusHit]:
    """Every option, sub-command and position of `sys.argv`, in the order of the code."""
    yield from options_of_classes(codebase)
    yield from command_words(codebase)
    for path in sorted(codebase.facts):
        for call in codebase.facts[path].calls:
            hit = _from_call(codebase, path, call)
            yield from () if hit is None else (hit,)
        for item in codebase.facts[path].definitions:
            yield from _typer(codebase, path, item)
    for given in {item.found or item.call: item for item in dispatched(codebase)}.values():
        yield from _dispatched(codebase, given)


def _spelled(hit: CensusHit) -> tuple[str, ...]:
    flags = hit.detail.get("flags", hit.name).split(", ")
    return (*flags, *(flag.lstrip("-") for flag in flags), *([name] if (name := hit.detail.get("parameter")) else []))


def _from_call(codebase: Codebase, path: str, call: Call) -> CensusHit | None:
    method = call.name.rpartition(".")[2]
    if method in ADDERS and "." in call.written:
        words = [_WORD.fullmatch(argument) for argument in call.arguments]
        flags = [word[2] for word in words if word]
        known = flags and not _is_own(codebase, path, call)
        return _option(codebase, path, call, flags, "argparse") if known else None
    if CLICK.fullmatch(call.name):
        flags = [word[2] for word in map(_WORD.fullmatch, call.arguments) if word]
        return _option(codebase, path, call, flags, "click") if flags else None
    if ABSL.fullmatch(call.name) and call.arguments:
        word = _WORD.fullmatch(call.arguments[0])
        return _option(codebase, path, call, [f"--{word[2]}"], "absl") if word else None
    if call.name == "hydra.main":
        shown = ", ".join(f"{key}={value}" for key, value in call.keywords)
        return _said(codebase, path, call, "hydra.main", f"hydra.main({shown}): every config key")
    return None


def _is_own(codebase: Codebase, path: str, call: Call) -> bool:
    """Whether the parser is a class of this repository that only looks like argparse."""
    owner = codebase.class_of(path, call.receiver) if call.receiver else None
    if owner is None or owner[1].kind != "class":
        return False
    return not any("pars" in base.lower() or "tap" in base.lower() for base in codebase.bases(*owner))


def _option(codebase: Codebase, path: str, call: Call, flags: list[str], library: str) -> CensusHit:
    keywords = dict(call.keywords)
    if library == "absl":
        for key, value in zip(("default", "help"), call.arguments[1:], strict=False):
            keywords.setdefault(key, value)
    told = {key: keywords[key] for key in TOLD if key in keywords}
    if "help" in told:
        told["help"] = message(codebase, path, told["help"]) or _joined(told["help"])
    parsed = _parsed(codebase, path, call)
    return hit_at(
        codebase,
        path,
        (call.start, call.end),
        symbol=call.symbol,
        name=next((flag for flag in flags if flag.startswith("--")), flags[0]),
        text=_sentence(flags, told),
        related=parsed,
        detail={"flags": ", ".join(flags), "library": library, **told},
    )


def _joined(source: str) -> str:
    """The text of a string constant, also of one written in pieces or cut off; else the source."""
    try:
        value = ast.literal_eval(source)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = "".join(piece[2] for piece in _PIECE.finditer(source))
    return value if isinstance(value, str) and value else source


def _sentence(flags: list[str], told: dict[str, str]) -> str:
    """`--model, -m` (default "small", choices A): the help text."""
    facts = [f"{key} {told[key]}" for key in TOLD if key in told and key != "help"]
    text = f"`{', '.join(flags)}`" + (f" ({'; '.join(facts)})" if facts else "")
    return f"{text}: {told['help']}" if "help" in told else text


def _parsed(codebase: Codebase, path: str, call: Call) -> tuple[tuple[str, str, int, int], ...]:
    """Where the parser that the option was added to is asked: in the same function, else the same file."""
    asked = [other for other in codebase.facts[path].calls if other.name.rpartition(".")[2] in PARSERS]
    near = [other for other in asked if other.symbol == call.symbol]
    return tuple(("parsed", path, other.start, other.end) for other in (near or asked)[:1])


def _said(codebase: Codebase, path: str, call: Call, name: str, text: str) -> CensusHit:
    lines = (call.start, call.end)
    detail = {"library": name.partition(".")[0], "flags": name}
    return hit_at(codebase, path, lines, symbol=call.symbol, name=name, text=text, detail=detail)


def _dispatched(codebase: Codebase, item: Dispatched) -> Iterator[CensusHit]:
    """The parameters of what `fire.Fire(f)` or `typer.run(f)` calls."""
    if item.found is None:
        yield _said(codebase, item.path, item.call, item.call.name, item.call.text)
        return
    found = item.found
    if found[1].kind == "class":
        found = codebase.member(found, "__init__") or found
    yield from _parameters(codebase, *found, item.library)


def _typer(codebase: Codebase, path: str, item: Definition) -> Iterator[CensusHit]:
    commands = [name for name in item.decorators if name.rpartition(".")[2] in ("command", "callback")]
    if commands and not any("click" in name for name in commands):
        if any(i.module.split(".")[0] == "typer" for i in codebase.facts[path].imports):
            yield from _parameters(codebase, path, item, "typer")
    elif any(TYPER.search(parameter) for parameter in item.parameters):
        yield from _parameters(codebase, path, item, "typer")


def _parameters(codebase: Codebase, path: str, item: Definition, library: str) -> Iterator[CensusHit]:
    names = _named(codebase, path, item)
    for parameter in item.parameters:
        name = re.split(r"[:=]", parameter, maxsplit=1)[0].strip().lstrip("*")
        fact = names.get(name)
        if not name or name in PASSED or fact is None:
            continue
        found = declared(parameter, dashed=library == "typer")
        flag = f"--{name.replace('_', '-')}" if library == "typer" else f"--{name}"
        text = f"`{flag}`: parameter `{parameter}` of `{item.symbol}`, read by {library}"
        detail = {"flags": flag, "library": library, "default": fact.detail.get("default", ""), "parameter": name}
        if found is not None:
            flags = [part for text in found.flags for part in text.split("/")] or [flag]
            flag, text = (
                name.upper() if found.argument else flags[0],
                f"{found.said} - of `{item.symbol}()`, by {library}",
            )
            detail |= {"flags": ", ".join(flags), "default": found.default, "help": found.help}
        lines = (fact.start, fact.end)
        yield hit_at(codebase, path, lines, symbol=item.symbol, name=flag, text=text, detail=detail)


def variables(hit: CensusHit) -> Iterator[tuple[str, str]]:
    """The names under which Python code may hold the value of an option, each with the flag to tell."""
    flags = hit.detail.get("flags", hit.name).split(", ")
    if "parameter" in hit.detail:
        yield hit.detail["parameter"], hit.name
    yield from ((flag.lstrip("-").replace("-", "_"), flag) for flag in flags)


def _named(codebase: Codebase, path: str, item: Definition) -> dict[str, Fact]:
    """The `name` facts of the parameters of a definition."""
    return {
        fact.name: fact
        for fact in codebase.facts[path].facts
        if fact.kind == "name"
        and fact.symbol == item.symbol
        and fact.detail["form"] == "parameter"
        and item.start <= fact.start <= item.end
    }
