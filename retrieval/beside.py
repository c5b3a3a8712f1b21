"""What is worked out of an object, kept on the object itself, so that it goes when the object goes.

A WeakKeyDictionary does not do that here: a program knows its codebase, and a value that refers back to its key
keeps both for ever. A process that reads repository after repository would keep them all.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Generic, TypeVar, cast

Key = TypeVar("Key")
Value = TypeVar("Value")
Function = TypeVar("Function", bound=Callable[..., Any])


class Beside(Generic[Key, Value]):
    """A table whose entries lie on their keys: objects of classes without `__slots__`. Raises KeyError like a dict."""

    def __contains__(self, key: Key) -> bool:
        return self in _kept(key)

    def __getitem__(self, key: Key) -> Value:
        return cast(Value, _kept(key)[self])

    def __setitem__(self, key: Key, value: Value) -> None:
        _kept(key)[self] = value

    def get(self, key: Key) -> Value | None:
        """The entry of a key, None without one."""
        return cast("Value | None", _kept(key).get(self))

    def setdefault(self, key: Key, value: Value) -> Value:
        """The entry of a key, which is `value` when there was none."""
        return cast(Value, _kept(key).setdefault(self, value))


def _kept(key: object) -> dict[object, object]:
    return cast("dict[object, object]", vars(key).setdefault("kept_beside", {}))


def once(function: Function) -> Function:
    """The function, its results kept on its first argument by the other ones, which are hashable and positional."""
    table: Beside[object, dict[tuple[object, ...], object]] = Beside()

    @wraps(function)
    def asked(subject: object, *rest: object) -> object:
        known = table.setdefault(subject, {})
        if rest not in known:
            known[rest] = function(subject, *rest)
        return known[rest]

    return cast(Function, asked)
