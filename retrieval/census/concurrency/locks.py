"""Kind `locks`: locks, semaphores and other waiting points, with where each is held, around which calls, and when.

A lock is followed by its name: inside its class for an attribute, on the object that holds it or that it is put on,
inside its file and the files that name its module or import it for a module's variable, through a function that hands
it out, and through a parameter one call deep.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.actions import LOG_METHODS, SILENT
from retrieval.beside import once
from retrieval.census.concurrency.lock_makers import GUARDING, Held, Lock, made_locks
from retrieval.census.concurrency.lock_owners import is_of_object, models_beside, nearest
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.meaning.callgraph import entered, possible, reached
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.meaning.units import Function, Unit, guarded, quoted, units, written
from retrieval.census.models.asking import asked, asking_units
from retrieval.census.models.touches import may_run_model, touches_of, ways
from retrieval.facts import CensusHit
from retrieval.retrying import CONTAINER_METHODS

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_NEEDS = r"(?i)lock|semaphore|condition|barrier|limiter"
_ENVIRONMENT = re.compile(r"environ|getenv|env_\w+\(")
_SWITCH = re.compile(r"\b[A-Z][A-Z0-9_]{3,}\b|environ|getenv|(?i:enable|disable)")
_ACQUIRING = frozenset(["acquire", "wait", "acquire_lock"])
_QUIET = CONTAINER_METHODS | LOG_METHODS | {"acquire", "release"}
SHOWN_USES, SHOWN_CALLS, LONGEST, DEEPEST = 4, 3, 140, 4


@kind(
    "locks",
    summary="locks and semaphores with where each is held, around which calls, under which condition (model=yes|no)",
    example="locks: model=yes",
    reads="python",
    options=("model",),
)
def locks(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per lock; patterns match its name. `detail["model"]`: whether a model runs while it is held."""
    wanted = query.options.get("model", "yes|no").split("|")
    for lock in locks_of(codebase):
        guards = any(use.model for use in lock.uses)
        if query.matches(lock.name, lock.last) and ("yes" if guards else "no") in wanted:
            yield hit_at(
                codebase,
                lock.path,
                lock.lines,
                symbol=lock.symbol,
                name=lock.name,
                text=_said(lock),
                related=tuple(("held", use.path, *use.lines) for use in _ordered(lock)[:SHOWN_USES]),
                detail={"model": "yes" if guards else "no", "uses": str(len(lock.uses))},
            )


def _ordered(lock: Lock) -> list[Held]:
    return sorted(lock.uses, key=lambda use: not use.model)


def _said(lock: Lock) -> str:
    text = f"`{lock.name}` (`{lock.made}`)"
    if not lock.uses:
        return f"{text}: no place that holds it was found"
    said = [_use(use) for use in _ordered(lock)[:SHOWN_USES]]
    more = f" and {len(lock.uses) - SHOWN_USES} more" if len(lock.uses) > SHOWN_USES else ""
    return f"{text} is held {'; '.join(said)}{more}"


def _use(use: Held) -> str:
    calls = [f"`{call}(…)`" for call in use.calls]
    around = f"around {'the model run ' if use.model else ''}{listed(calls, SHOWN_CALLS)} " if calls else ""
    where = f"in `{use.symbol}()`" if use.symbol else f"at the top level of {use.path}"
    return f"{around}{where}" + (f", only if {' and '.join(use.when)}" if use.when else "")


@once
def locks_of(codebase: "Codebase") -> tuple[Lock, ...]:
    """Every lock of the code that is no test, with its uses."""
    roles = codebase.snapshot.by_path
    parsed = [unit for unit in units(codebase, _NEEDS) if roles[unit.path].role not in ("test", "vendored")]
    found = [lock for unit in parsed for lock in made_locks(codebase, unit)]
    if found:
        holders = _Holders(codebase, parsed, found)
        names = "|".join(map(re.escape, sorted((*holders.by_name, *holders.receivers))))
        for unit in units(codebase, rf"\b(?:{names})\b"):
            if roles[unit.path].role not in ("test", "vendored"):
                holders.fill(unit)
        holders.fill_from_helpers()
    return tuple(found)


_WORDS = re.compile(r"[a-z0-9]{2,}")


class _Holders:
    """Finds the places that hold the locks of a codebase."""

    def __init__(self, codebase: "Codebase", parsed: list[Unit], found: list[Lock]) -> None:
        self.codebase = codebase
        self.runs = {(t.path, t.line) for ts in touches_of(codebase).values() for t in ts if t.does == "runs"}
        self.runs |= {(hit.path, hit.start) for hit in asked(codebase)}
        self.by_name: dict[str, list[tuple[Lock, tuple[str, ...]]]] = {}
        for lock in found:
            self.by_name.setdefault(_key(lock.last), []).append((lock, ()))
        for unit in parsed:
            self._providers(unit)
        self.by_parameter: dict[str, list[tuple[Lock, str]]] = {}
        self.helpers: dict[tuple[str, str], Lock] = {}  # functions that acquire a lock and leave it held
        for unit in parsed:
            self._given(unit)

    @property
    def receivers(self) -> set[str]:
        """The functions that are given a lock."""
        return {key.partition("/")[0] for key in self.by_parameter if key[0] != "/"}

    def _providers(self, unit: Unit) -> None:
        """Functions that return a lock stand for it, under the condition of that `return`."""
        for function, _symbol in unit.functions():
            for statement, around in guarded(function.body):
                value = statement.value if isinstance(statement, ast.Return) else None
                if isinstance(value, ast.Name | ast.Attribute | ast.Subscript):
                    for lock, when in self._named(unit, value):
                        self.by_name.setdefault(_key(function.name), []).append((lock, (*when, *around)))

    def _given(self, unit: Unit) -> None:
        """Locks that a call passes on: held under the name of the parameter in the function that is called."""
        for node in (n for n in unit.nodes if isinstance(n, ast.Call)):
            callee = written(node.func).rpartition(".")[2]
            for position, value in enumerate(node.args):
                for lock, _ in self._named(unit, value) if isinstance(value, ast.Name | ast.Attribute) else ():
                    self.by_parameter.setdefault(f"{callee}/{position}", []).append((lock, unit.symbols.get(node, "")))

    def _named(self, unit: Unit, node: ast.expr) -> list[tuple[Lock, tuple[str, ...]]]:
        """The locks that an expression names as seen from a file."""
        call = node.func if isinstance(node, ast.Call) else node
        text = written(call)
        place = unit.path, unit.symbols.get(node, "")
        known = self.by_name.get(_key(text), ())
        found = [(lock, when) for lock, when in known if self._visible(unit, text, lock)]
        others = [lock for lock, _when in known]
        held = [item for item in known if "." in text and is_of_object(self.codebase, place, text, item[0], others)]
        return held or nearest(self.codebase, place, text, found)

    def _visible(self, unit: Unit, text: str, lock: Lock) -> bool:
        if unit.path == lock.path:
            return True
        own = text.startswith(("self.", "cls."))
        stem = PurePosixPath(lock.path).stem
        imported = any(item.alias == text.split(".")[0] for item in self.codebase.facts[unit.path].imports)
        from_it = any(stem == item.module.rpartition(".")[2] for item in self.codebase.facts[unit.path].imports)
        if not own and imported and (stem in text.split(".") or from_it):
            return True
        # A field of an object that is handed about: no other lock has the name, and the name says more than "lock".
        return not own and "." in text and len(self.by_name[_key(text)]) == 1 and len(_WORDS.findall(_key(text))) > 1

    def fill(self, unit: Unit) -> None:
        """Note every place of a file that holds a lock."""
        for body, symbol, function in _bodies(unit):
            early: list[str] = []
            for statement, around in guarded(body):
                if (
                    isinstance(statement, ast.If)
                    and not around
                    and isinstance(statement.body[-1], ast.Return | ast.Raise)
                ):
                    early += [_negated(statement.test)] if _SWITCH.search(written(statement.test)) else []
                for value, held in _holding(statement):
                    inside = held or _until_release(body, statement, value)
                    found = [(lock, when, "") for lock, when in self._named(unit, value)]
                    found = found or [(lock, (), by) for lock, by in self._through(function, value)]
                    for lock, when, by in found:
                        if not inside and function is not None:
                            self.helpers[unit.path, function.name] = lock
                        self._note(unit, lock, (statement, inside), (symbol, by, (*when, *around, *early)))

    def fill_from_helpers(self) -> None:
        """Note what runs after a call of a function of the same file that acquires a lock and leaves it held."""
        for path in {path for path, _ in self.helpers}:
            for unit in units(self.codebase, path=path):
                for function, symbol in unit.functions():
                    for statement, around in guarded(function.body):
                        value = getattr(statement, "value", None)
                        value = value.value if isinstance(value, ast.Await) else value
                        called = written(value.func).rpartition(".")[2] if isinstance(value, ast.Call) else ""
                        lock = self.helpers.get((path, called)) if called != function.name else None
                        if lock is not None:
                            after = [part for part in function.body if part.lineno > statement.lineno]
                            self._note(unit, lock, (statement, after), (symbol, called, around))

    def _through(self, function: Function | None, value: ast.expr) -> list[tuple[Lock, str]]:
        if function is None or not isinstance(value, ast.Name):
            return []
        names = [item.arg for item in (*function.args.posonlyargs, *function.args.args)]
        return self.by_parameter.get(f"{function.name}/{names.index(value.id)}", []) if value.id in names else []

    def _note(
        self, unit: Unit, lock: Lock, node: tuple[ast.stmt, list[ast.stmt]], told: tuple[str, str, tuple[str, ...]]
    ) -> None:
        statement, inside = node
        symbol, by, around = told
        calls = [n for part in inside for n in ast.walk(part) if isinstance(n, ast.Call)]
        first, last = unit.lines(statement)
        last = max((last, *(unit.lines(part)[1] for part in inside)))
        runs = {written(call.func): (unit.path, unit.row(call.lineno)) in self.runs for call in calls}
        beside = models_beside(self.codebase, lock)
        runs |= {name: True for name in runs if beside & set(name.split(".")[-2:-1]) and _telling(name)}
        named = GUARDING.search(lock.name) is not None
        runs |= {name: True for name in self._reaching(unit.path, symbol, (first, last), named) if name in runs}
        model = any(runs.values())
        names = [name for name in runs if (runs[name] if model else _telling(name))]
        when = tuple(dict.fromkeys(self._explained(unit, condition) for condition in around))
        lines = (first, last if inside else first)
        place = f"{symbol}` for `{by}" if by else symbol
        lock.uses.append(Held(unit.path, place, lines, tuple(names[:SHOWN_CALLS]), when, model))

    def _reaching(self, path: str, symbol: str, lines: tuple[int, int], named: bool) -> Iterator[str]:
        """The calls on these lines that reach a model for certain; under a lock that is `named` for one, may reach."""
        program, asking = program_of(self.codebase), asking_units(self.codebase)
        definition = program.definition(path, symbol) if symbol else None
        frame = program.frame(path, definition)
        for site in program.sites(frame) if frame is not None and definition is not None else ():
            if lines[0] <= site.step.start <= lines[1]:
                inner = [body for body in (entered(program, t) for t in possible(program, site)) if body is not None]
                found = ways(self.codebase, inner)
                asks = asking and any((f.path, f.symbol) in asking for f, _ in reached(program, inner, depth=DEEPEST))
                runs = asks or any(way.touch.does == "runs" for way in found)
                if runs or (named and may_run_model(self.codebase, inner)):
                    yield site.step.written

    def _explained(self, unit: Unit, condition: str) -> str:
        """A condition, with the environment variable behind a variable of its file."""
        for fact in self.codebase.facts[unit.path].facts:
            if fact.kind == "assign" and not fact.symbol and fact.name in condition and _ENVIRONMENT.search(fact.text):
                said = " ".join(fact.text.replace("`", "'").split())
                return f"{condition} (`{said if len(said) <= LONGEST else said[:LONGEST] + '…'}`)"
        return condition


def _key(text: str) -> str:
    """The part of an expression that names a lock: the last attribute, or the key of an entry."""
    entry = re.search(r"\[['\"](\w+)['\"]\]$", text)
    return entry[1] if entry else re.sub(r"\[.*\]$", "", text).rpartition(".")[2]


def _telling(name: str) -> bool:
    """Whether a call says what a lock is held for: no builtin, no exception, no method of a container."""
    last = name.rpartition(".")[2]
    return (
        "(" not in name
        and last not in _QUIET | {"acquire", "release"}
        and name not in SILENT
        and not name.startswith(("os.", "time.", "re."))
    )


def _negated(test: ast.expr) -> str:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return quoted(test.operand, 80)
    return f"{quoted(test, 80)} is false"


def _bodies(unit: Unit) -> Iterator[tuple[list[ast.stmt], str, Function | None]]:
    yield unit.tree.body, "", None
    for function, symbol in unit.functions():
        yield function.body, symbol, function


def _holding(statement: ast.stmt) -> Iterable[tuple[ast.expr, list[ast.stmt]]]:
    """What a statement may hold: the items of a `with`, or what `acquire` or `wait` is called on."""
    if isinstance(statement, ast.With | ast.AsyncWith):
        return [(item.context_expr, statement.body) for item in statement.items]
    if isinstance(statement, ast.If):  # `if not lock.acquire(blocking=False): raise Busy()`
        tested = (n.func for n in ast.walk(statement.test) if isinstance(n, ast.Call))
        return [(func.value, []) for func in tested if isinstance(func, ast.Attribute) and func.attr == "acquire"]
    value = getattr(statement, "value", None)
    value = value.value if isinstance(value, ast.Await) else value
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr in _ACQUIRING:
        return [(value.func.value, [])]
    return []


def _until_release(body: list[ast.stmt], start: ast.stmt, value: ast.expr) -> list[ast.stmt]:
    """The statements of a body between `lock.acquire()` and the last `lock.release()` behind it."""
    text = f"{written(value)}.release"
    nodes = [node for statement in body for node in ast.walk(statement)]
    ends = [n.lineno for n in nodes if isinstance(n, ast.Call) and written(n.func) == text and n.lineno > start.lineno]
    if not ends:
        return []
    every = (node for node in nodes if isinstance(node, ast.stmt) and node is not start)
    return [node for node in every if start.lineno < node.lineno and (node.end_lineno or 0) <= max(ends)]
