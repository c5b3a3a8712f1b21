"""The embedder's place in the slot: its process holds a claim as long as it lives, and leaves when a model enters.

Where embedder and writer fit together, the writer stays; a question asked freely is embedded beside it. What embeds is
`retrieval.embed`'s.
"""

import threading
from typing import TYPE_CHECKING

from agent.slot import Claim, Load, Tell, enter
from retrieval.embed import SentenceEmbedder, needed_bytes

if TYPE_CHECKING:
    from agent.catalogue import ModelSpec


class SlotEmbedder:
    """An embedder of the catalogue that keeps to the slot within `budget` bytes (None: what is free).

    Raises ModelMissing, and EmbedderError when it would take more than the budget, or fails.
    """

    def __init__(self, spec: "ModelSpec", budget: int | None, tell: Tell) -> None:
        self.name = spec.alias
        self._embedder = SentenceEmbedder(spec.require(), spec.alias, budget)
        self._load = Load(spec.alias, needed_bytes(spec.path))
        self._budget = budget
        self._tell = tell
        self._claim: Claim | None = None
        self._lock = threading.RLock()

    @property
    def dimensions(self) -> int:
        """Numbers of a vector; starts the process."""
        with self._lock:
            self._enter()
            return self._embedder.dimensions

    def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector of length 1 for each text, in the same order."""
        with self._lock:
            self._enter()
            return self._embedder.embed(texts)

    def close(self) -> None:
        """End the process and leave the slot; safe to call twice."""
        with self._lock:
            self._embedder.close()
            if self._claim:
                self._claim.release()

    def _enter(self) -> None:
        if not (self._claim and self._claim.held):
            self._claim = enter(self._load, self._budget, self.close, self._tell, beside=True)
