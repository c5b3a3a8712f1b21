"""Which bindings of a name may have given it the value it has at one point of a body."""

from collections.abc import Iterable
from dataclasses import dataclass

from retrieval.census.meaning.body import Binding, Guard

_OWN_SCOPE = frozenset({"comprehension", "lambda"})
_LOOPS = frozenset({"for", "while"})


@dataclass(frozen=True, slots=True)
class Reaching:
    """Bindings that may reach a use; `complete` when nothing before them (a parameter, a global) can."""

    bindings: tuple[Binding, ...]
    complete: bool


def reaching(bindings: Iterable[Binding], order: int, guards: tuple[Guard, ...], *, looped: bool) -> Reaching:
    """Which of one name's `bindings` may reach a use at `order` under `guards`.

    With `looped`, later bindings in a loop around the use count as well: they reach it in
    the next round.
    """
    found: list[Binding] = []
    later: list[Binding] = []
    complete = False
    fresh = set[int]()  # the loops that give the name a new value in each round, before the use
    for binding in sorted(bindings, key=lambda item: -item.order):
        again = looped and _share_loop(binding.guards, guards)
        if not _visible(binding, guards) or (excludes(binding.guards, guards) and not again):
            continue
        if binding.order >= order:
            if again:
                later.append(binding)
            continue
        found.append(binding)
        if _under(binding.guards, guards):
            complete, fresh = True, _loops(binding.guards)
            break
    around = _loops(guards)
    later = [binding for binding in later if not _loops(binding.guards) & around <= fresh]
    return Reaching((*reversed(found), *later), complete)


def excludes(one: tuple[Guard, ...], other: tuple[Guard, ...]) -> bool:
    """Whether two events stand in different arms of one decision, so that only one of them happens."""
    arms = {guard.key: guard.arm for guard in one if guard.kind in ("if", "else", "case")}
    return any(arms.get(guard.key, guard.arm) != guard.arm for guard in other if guard.kind in ("if", "else", "case"))


def _under(outer: tuple[Guard, ...], inner: tuple[Guard, ...]) -> bool:
    around = {(guard.key, guard.arm) for guard in inner}
    return all((guard.key, guard.arm) in around for guard in outer)


def _visible(binding: Binding, guards: tuple[Guard, ...]) -> bool:
    around = {guard.key for guard in guards}
    return all(guard.key in around for guard in binding.guards if guard.kind in _OWN_SCOPE)


def _share_loop(one: tuple[Guard, ...], other: tuple[Guard, ...]) -> bool:
    return bool(_loops(one) & _loops(other))


def _loops(guards: tuple[Guard, ...]) -> set[int]:
    return {guard.key for guard in guards if guard.kind in _LOOPS}
