"""Several prompts read once where they are alike, and their answers written side by side, a token
of each per step.

Choices are greedy. The same set of requests gives the same answers whatever their order and
whatever came before. Knows tokens only; text and templates are the worker's, the cache
`agent.prefill`'s, llama.cpp the engine's.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from agent.pace import Listener, Pace
from agent.prefill import Prefill, Row, Tail

if TYPE_CHECKING:
    from agent.llama import Engine, Grammar

Finish = Literal["stop", "length", "loop"]
# A greedy model that repeats this many tokens word for word does not find its way out again.
_LOOP_TOKENS = 28


class TooLong(Exception):
    """A prompt with its answer does not fit the context."""


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt of at least one token; at most `max_tokens` are written, under `grammar` if given."""

    tokens: Sequence[int]
    max_tokens: int
    grammar: str = ""


@dataclass(slots=True)
class Completion:
    """What came of one request. `reused` counts prompt tokens that were not evaluated for it."""

    tokens: list[int] = field(default_factory=list)
    finish: Finish = "stop"
    prompt_tokens: int = 0
    reused: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Branch:
    request: Request
    completion: Completion
    place: int = 0
    grammar: "Grammar | None" = None
    tail: Tail | None = None
    sequence: int = 0
    pending: int = -1
    grams: set[tuple[int, ...]] = field(default_factory=set)

    @property
    def position(self) -> int:
        """Where the pending token stands."""
        return len(self.request.tokens) + len(self.completion.tokens) - 1

    @property
    def cells(self) -> int:
        """Cells that the answer needs besides the trunk."""
        start = self.tail.start if self.tail else 0
        return len(self.request.tokens) - start + self.request.max_tokens


class Lockstep:
    """Runs batches on one engine, at most `sequences` answers at a time."""

    def __init__(self, engine: "Engine", sequences: int, block: int) -> None:
        self.engine = engine
        self.sequences = sequences
        self.prefill = Prefill(engine, block, self._decode)
        self.native_seconds = 0.0
        self._fresh: dict[int, list[int]] = {}

    def run(self, requests: Sequence[Request], listener: Listener | None = None) -> list[Completion]:
        """Completions in the order of the requests. Raises `TooLong` and `EngineError`."""
        for request in requests:
            self._check(request)
        self._open()
        order = sorted(range(len(requests)), key=lambda index: list(requests[index].tokens))
        branches = [_branch(requests[index], index) for index in order]
        self._fresh = {}
        try:
            self._run(branches, listener or (lambda step: None))
        except BaseException:
            self.forget()
            raise
        finally:
            for branch in branches:
                if branch.grammar:
                    branch.grammar.close()
        placed = {index: branch.completion for index, branch in zip(order, branches, strict=True)}
        return [placed[index] for index in range(len(requests))]

    def score(
        self, prompts: Sequence[Sequence[int]], wanted: Sequence[int], listener: Listener | None = None
    ) -> list[list[float]]:
        """Logits of the `wanted` tokens after each prompt, (prompts, wanted); nothing is written.

        Prompts have at least two tokens. All but the last are read prompt by prompt; the last tokens of as many prompts
        as fit are then evaluated in one call, so that their logits stand side by side. Raises `TooLong` and
        `EngineError`.
        """
        for prompt in prompts:
            self._check(Request(prompt, 0))
        self._open()
        order = sorted(range(len(prompts)), key=lambda index: list(prompts[index]))
        branches = [_branch(Request(prompts[index], 0), index) for index in order]
        heads = [branch.request.tokens[:-1] for branch in branches]
        progress = Pace(listener or (lambda step: None), "prompt", sum(len(prompt) for prompt in prompts))
        scores: dict[int, list[float]] = {}
        try:
            self.prefill.settle(heads, progress.add)
            self._keep(branches, [self.prefill.read(head, progress.add)[0] for head in heads])
            for group in self._groups(branches):
                scores |= self._compared(group, wanted)
                progress.add(len(group))
        except BaseException:
            self.forget()
            raise
        return [scores[index] for index in range(len(prompts))]

    def _compared(self, group: Sequence[_Branch], wanted: Sequence[int]) -> dict[int, list[float]]:
        """The wanted logits after each prompt of a group, by its place, from one call."""
        self._seat(group)
        self._decode([Row(b.request.tokens[-1], b.position, b.sequence, wanted=True) for b in group])
        found = {}
        for row, branch in enumerate(group):
            logits = self.engine.logits(row)
            found[branch.place] = [float(logits[token]) for token in wanted]
        for branch in group:
            self.engine.drop(branch.sequence)
        return found

    def forget(self) -> None:
        """Start from nothing: after an error, which leaves the cache in no known state, or for other work."""
        self.prefill.forget()
        for sequence in range(self.sequences + 1):
            self.engine.drop(sequence)

    def _open(self) -> None:
        """Take nothing over from the batch before where that could change an answer."""
        if not self.engine.repeatable:
            self.forget()

    def _check(self, request: Request) -> None:
        need = len(request.tokens) + request.max_tokens
        if need > self.engine.context_size:
            raise TooLong(f"{need} tokens are needed, the context has {self.engine.context_size}")

    def _run(self, branches: Sequence[_Branch], listener: Listener) -> None:
        for branch in branches:
            if branch.request.grammar:
                branch.grammar = self.engine.grammar(branch.request.grammar)
        self._read(branches, listener)
        allowed = sum(branch.request.max_tokens for branch in branches)
        progress = Pace(listener, "write", allowed, self._fresh)
        for group in self._groups([branch for branch in branches if branch.pending >= 0]):
            self._write(group, progress)
        progress.close()

    # --- reading

    def _read(self, branches: Sequence[_Branch], listener: Listener) -> None:
        """Evaluate all prompts and choose each answer's first token."""
        progress = Pace(listener, "prompt", sum(len(b.request.tokens) for b in branches))
        began = time.perf_counter()
        first = self.prefill.settle([branch.request.tokens for branch in branches], progress.add)
        tails = []
        for branch in branches:
            tail, evaluated, row = self.prefill.read(branch.request.tokens, progress.add)
            branch.completion.reused = len(branch.request.tokens) - evaluated - first
            progress.add(branch.completion.reused)
            first = 0
            tails.append(tail)
            self._choose(branch, row, began)
        self._keep(branches, tails)

    def _keep(self, branches: Sequence[_Branch], tails: Sequence[Tail]) -> None:
        """Give each branch its tail, divided as a cold start would divide them."""
        self.prefill.tails = self.prefill.level(tails)
        for branch, tail in zip(branches, self.prefill.tails, strict=True):
            branch.tail = tail

    def _seat(self, group: Sequence[_Branch]) -> None:
        """A sequence for each branch of a group, with the cells of its prompt."""
        for sequence, branch in enumerate(group, start=1):
            assert branch.tail
            branch.sequence = sequence
            self.prefill.branch(branch.tail, sequence)

    def _groups(self, branches: Sequence[_Branch]) -> Iterator[list[_Branch]]:
        """Branches whose answers fit sequences and context together, in order."""
        room = self.engine.context_size - len(self.prefill.trunk)
        group: list[_Branch] = []
        for branch in branches:
            full = len(group) == self.sequences
            if group and (full or sum(other.cells for other in group) + branch.cells > room):
                yield group
                group = []
            group.append(branch)
        if group:
            yield group

    # --- writing

    def _write(self, group: Sequence[_Branch], progress: "Pace") -> None:
        began = time.perf_counter()
        self._seat(group)
        live = list(group)
        while live:
            self._decode([Row(b.pending, b.position, b.sequence, wanted=True) for b in live])
            progress.add(len(live))
            for row, branch in enumerate(live):
                self._choose(branch, row, began)
            live = [branch for branch in live if branch.pending >= 0]

    def _choose(self, branch: _Branch, row: int, began: float) -> None:
        """Take the next token of an answer from the logits of `row`, or finish it."""
        logits = self.engine.logits(row)
        token = branch.grammar.choose(logits) if branch.grammar else int(logits.argmax())
        completion = branch.completion
        if token is None or self.engine.ends(token):
            return self._finish(branch, "stop", began)
        if branch.grammar:
            branch.grammar.accept(token)
        completion.tokens.append(token)
        self._fresh.setdefault(branch.place, []).append(token)
        branch.pending = token
        if _loops(branch):
            return self._finish(branch, "loop", began)
        if len(completion.tokens) >= branch.request.max_tokens:
            return self._finish(branch, "length", began)
        return None

    def _finish(self, branch: _Branch, finish: Finish, began: float) -> None:
        branch.pending = -1
        branch.completion.finish = finish
        branch.completion.seconds += time.perf_counter() - began
        if branch.sequence:
            self.engine.drop(branch.sequence)

    def _decode(self, rows: Sequence[Row]) -> None:
        began = time.perf_counter()
        self.engine.decode(rows)
        self.native_seconds += time.perf_counter() - began


def _branch(request: Request, place: int) -> _Branch:
    return _Branch(request, Completion(prompt_tokens=len(request.tokens)), place)


def _loops(branch: _Branch) -> bool:
    tail = tuple(branch.completion.tokens[-_LOOP_TOKENS:])
    if len(tail) < _LOOP_TOKENS:
        return False
    if tail in branch.grams:
        return True
    branch.grams.add(tail)
    return False
