"""Functions that return one of several classes with a common base: which class stands for which test.

`create_engine(options)` with a `return` in each arm of its conditions. Classes of models themselves are the business
of `closed_choices`; these are the parts around models, engines and backends, that settings choose.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.extension.swap_points import ENGINE_WORD, Point
from retrieval.census.meaning.meant import meant
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, guarded, units, written
from retrieval.census.meaning.values import ClassRef
from retrieval.census.settings.option_effects import acting_in

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

LEAST, SHOWN, LONGEST = 2, 8, 60
_WHOLE = re.compile(r"(?:Error|Exception|Warning|Options?|Config|Args|Response|Request|Dataset|Loader|Result)$")


@dataclass(frozen=True, slots=True)
class Selector:
    """A function with the classes that it returns, in order, each with the condition that leads to it."""

    unit: Unit
    body: Function
    symbol: str
    arms: tuple[tuple[ClassRef, str], ...]
    base: ClassRef
    raises: bool


def selectors(codebase: "Codebase") -> Iterator[Point]:
    """One point per function whose name, base or classes are about models, those that others call most first."""
    found = [item for item in _selectors(codebase) if _is_about_models(item)]
    asked = _asked(codebase, found)
    pairs = sorted(zip(found, asked, strict=True), key=lambda pair: -len(pair[1]))
    yield from (_point(codebase, item, places) for item, places in pairs if places)


def _selectors(codebase: "Codebase") -> Iterator[Selector]:
    for path, wanted in _promising(codebase).items():
        for unit in units(codebase, path=path):
            for body, symbol in unit.functions():
                found = _selector(codebase, unit, body, symbol) if symbol in wanted else None
                if found is not None:
                    yield found


def _promising(codebase: "Codebase") -> dict[str, set[str]]:
    """File → the functions, no inner ones, in which two or more classes of the repository are called."""
    classes = {item.name for _, item in codebase.all_definitions() if item.kind == "class"}
    called: dict[tuple[str, str], set[str]] = {}
    for path, call in codebase.all_calls():
        name = call.name.rpartition(".")[2]
        if name in classes and not _WHOLE.search(name) and codebase.snapshot.by_path[path].role == "source":
            called.setdefault((path, call.symbol), set()).add(name)
    found: dict[str, set[str]] = {}
    for (path, symbol), names in called.items():
        if len(names) >= LEAST and any(map(ENGINE_WORD.search, (symbol, *names))):
            found.setdefault(path, set()).add(symbol)
    return found


def _selector(codebase: "Codebase", unit: Unit, body: Function, symbol: str) -> Selector | None:
    if any(isinstance(around, Function) for around in unit.enclosing(body)):
        return None
    returns = [(node, when) for node, when in guarded(body.body) if isinstance(node, ast.Return)]
    if len(returns) < LEAST:
        return None
    arms: dict[ClassRef, str] = {}
    for node, when in returns:
        cls = _class_of(codebase, unit, (body, symbol), node.value)
        if cls is not None and (told := _test(when)) and ("==" not in arms.get(cls, "")):
            arms[cls] = told if "==" in told else arms.get(cls, told)
    base = _base(codebase, unit.path, body, tuple(arms)) if len(arms) >= LEAST else None
    if base is None or not any(arms.values()):
        return None
    raises = any(isinstance(node, ast.Raise) for node, _ in guarded(body.body))
    return Selector(unit, body, symbol, tuple(arms.items()), base, raises)


def _class_of(
    codebase: "Codebase", unit: Unit, around: tuple[Function, str], value: ast.expr | None
) -> ClassRef | None:
    """The class of the repository that `return C(…)` makes, or `made = C(…)` before `return made`."""
    body, symbol = around
    if isinstance(value, ast.Name):
        stores = [n for n, _ in guarded(body.body) if isinstance(n, ast.Assign)]
        bound = [n.value for n in stores if written(n.targets[0]) == value.id]
        value = bound[0] if len(bound) == 1 else None
    if not isinstance(value, ast.Call) or not isinstance(value.func, ast.Name | ast.Attribute):
        return None
    found = meant(codebase, unit.path, symbol, written(value.func))
    return found if isinstance(found, ClassRef) and not _WHOLE.search(found.definition.name) else None


def _test(when: tuple[str, ...]) -> str:
    """The test that leads to an arm: the last one that is no negation, "otherwise" when all are."""
    held = [text for text in when if not text.endswith(" is false")]
    return held[-1] if held else "otherwise" if when else ""


def _base(codebase: "Codebase", path: str, body: Function, classes: tuple[ClassRef, ...]) -> ClassRef | None:
    """The class that the function says it returns, else the nearest one from which all the classes derive."""
    program = program_of(codebase)
    lines = [program.line(cls) for cls in classes]
    promised = codebase.resolve_local(path, written(body.returns).strip("'\"")) if body.returns is not None else None
    shared = [cls for cls in lines[0] if all(cls in line for line in lines[1:])]
    return next((cls for cls in shared if promised == (cls.path, cls.definition)), next(iter(shared), None))


def _is_about_models(item: Selector) -> bool:
    """Whether the name of the function or of the base says so, or those of most classes."""
    arms = [bool(ENGINE_WORD.search(cls.definition.name)) for cls, _ in item.arms]
    return any(map(ENGINE_WORD.search, (item.symbol, item.base.definition.name))) or sum(arms) * 2 > len(arms)


def _asked(codebase: "Codebase", found: list[Selector]) -> list[list[tuple[str, str, int]]]:
    """For each function where source code outside it calls it."""
    places: dict[tuple[str, str], list[tuple[str, str, int]]] = {(s.unit.path, s.symbol): [] for s in found}
    names = {symbol.rpartition(".")[2] for _, symbol in places}
    for path, call in codebase.all_calls():
        if call.name.rpartition(".")[2] in names and codebase.snapshot.by_path[path].role == "source":
            target = codebase.resolve_call(path, call)
            if target is not None and (target[0], target[1].symbol) in places and call.symbol != target[1].symbol:
                places[target[0], target[1].symbol].append((path, call.symbol, call.start))
    return [places[s.unit.path, s.symbol] for s in found]


def _point(codebase: "Codebase", item: Selector, asked: list[tuple[str, str, int]]) -> Point:
    told = [f"`{cls.definition.name}` {_when(test)}" for cls, test in item.arms]
    name = item.symbol.rpartition(".")[2]
    path, base = item.unit.path, item.base.definition.name
    where = list(dict.fromkeys(f"`{symbol}()` ({p})" if symbol else p for p, symbol, _ in asked))
    given = ", ".join(arg.arg for arg in (*item.body.args.args, *item.body.args.kwonlyargs)[:3] if arg.arg != "self")
    said = (
        f"By settings: `{name}({given})` ({path}) gives one of the classes below `{base}`: {listed(told, SHOWN)}"
        f"{'; it raises an error for anything else' if item.raises else ''}; called in {listed(where, 4)}; an own "
        f"class derives from `{base}` and gets an arm there"
    )
    classes = [f"`{cls.definition.name}`" for cls, _ in item.arms]
    by = listed([f"`{flag}`" for flag in acting_in(codebase, path, item.symbol)], 2) or "what it is given"
    short = f"`{name}()` gives {listed(classes, 4)} (`{base}`) by {by}"
    related = tuple(("called", p, line, line) for p, _, line in asked[:6])
    first = item.unit.lines(item.body)[0]
    holds = tuple((cls.path, cls.definition.symbol) for cls in (item.base, *(cls for cls, _ in item.arms)))
    return Point("selecting", short, said, path, (first, first), item.symbol, related, holds=holds)


def _when(test: str) -> str:
    if test == "otherwise":
        return test
    plain = test.strip("`")
    return f"if `{plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + '…'}`"
