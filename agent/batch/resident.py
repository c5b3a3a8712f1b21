"""What is costly to load and serves many repositories: one language model, and one embedding model.

The language model is planned and loaded at the first loan and stays. Between two loans it forgets the prompts it has
read, so that an answer cannot depend on which repository came before. Knows nothing of repositories.
"""

from array import array
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from agent.opening import Listener, least_context, planned_chat, tokens_of, wanted_context
from agent.options import AuditOptions
from agent.stages import StagePack

if TYPE_CHECKING:
    from agent.catalogue import ModelSpec
    from agent.chat import GgufChat
    from retrieval.embed import SentenceEmbedder


class Resident:
    """Holds at most one model; `lend` is the `writer` of an audit."""

    def __init__(self) -> None:
        self._chat: GgufChat | None = None
        self._context = 0

    @contextmanager
    def lend(
        self, spec: "ModelSpec", pack: StagePack, options: AuditOptions, listener: Listener
    ) -> "Iterator[GgufChat]":
        """The model for the length of one audit. A pack that needs another context loads it anew."""
        chat = self._planned(spec, wanted_context(pack), least_context(pack), options, listener)

        def tell(report: Mapping[str, Any]) -> None:
            listener(tokens_of(report))

        chat.on_progress = tell
        try:
            yield chat
        finally:
            chat.on_progress = None
            chat.forget()

    def close(self) -> None:
        """End the model's process; its memory is back when this returns."""
        if self._chat:
            self._chat.close()
            self._chat = None

    def _planned(
        self, spec: "ModelSpec", context: int, least: int, options: AuditOptions, listener: Listener
    ) -> "GgufChat":
        if self._chat and self._context == context:
            return self._chat
        self.close()  # its memory must be free before the next one is planned
        self._chat = planned_chat(spec, context, options, listener, least=least)
        self._context = context
        return self._chat


class LentEmbedder:
    """An embedder that outlives the index it is lent to, and embeds the questionnaire's phrases once for all.

    It has no `close`, which an index would call: `end` ends the process behind it.
    """

    def __init__(self, embedder: "SentenceEmbedder") -> None:
        self.name = embedder.name
        self._embedder = embedder
        self._phrases: dict[str, array[float]] = {}

    @property
    def dimensions(self) -> int:
        """Numbers of a vector."""
        return self._embedder.dimensions

    def embed(self, texts: list[str]) -> list[list[float]]:
        """One vector for each text. The text of a chunk has several lines, a phrase has one."""
        fresh = [text for text in texts if text not in self._phrases]
        found = dict(zip(fresh, self._embedder.embed(fresh), strict=True))
        self._phrases |= {text: array("f", vector) for text, vector in found.items() if "\n" not in text}
        return [found[text] if text in found else self._phrases[text].tolist() for text in texts]

    def end(self) -> None:
        """End the process; its memory is back when this returns."""
        self._embedder.close()
