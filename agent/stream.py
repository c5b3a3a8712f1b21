"""Work that tells events, run in a thread of its own, so that its caller can iterate over them as they come.

Knows threads and nothing of audits. Leaving the iteration, or the `with` block, ends the work at its next event.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Generic, Self, TypeVar

from agent.events import Event

T = TypeVar("T")
_END = object()


class Cancelled(Exception):
    """The caller no longer listens; raised inside the work, which closes what it holds."""


class Running(Generic[T]):
    """Work under way. Iterating yields its events until it has ended; `result` waits and gives what came of it.

    Use it in a `with` block to be sure that nothing goes on after it.
    """

    def __init__(self, work: Callable[[Callable[[Event], None]], T]) -> None:
        self._work = work
        self._events: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self._value: list[T] = []
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[Event]:
        while (event := self._events.get()) is not _END:
            assert isinstance(event, Event)
            yield event
        self._events.put(_END)

    def result(self) -> T:
        """What the work returned, once it has ended. Raises what the work raised, `Cancelled` after `cancel`."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._value[0]

    def cancel(self) -> None:
        """End the work at its next event and wait for it; what it had finished by then stays on disk."""
        self._cancelled.set()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cancel()

    def _run(self) -> None:
        try:
            self._value.append(self._work(self._tell))
        except BaseException as error:  # noqa: BLE001 - raised again in the caller's thread by `result`
            self._error = error
        finally:
            self._events.put(_END)

    def _tell(self, event: Event) -> None:
        if self._cancelled.is_set():
            raise Cancelled("the caller no longer listens")
        self._events.put(event)
