"""Evaluates prompts so that nothing is evaluated twice and the same prompt always leaves the same
cache.

Sequence 0 holds the trunk, the beginning that all prompts of a batch share. Each prompt's rest (its
tail) is evaluated right behind the trunk and put away in host memory, so that it neither slows the
next one down nor depends on it; a later batch takes back as much of trunk and tails as it begins
with. Knows tokens and cache cells only.

Why the same bits come out, cold or warm: llama.cpp's CPU kernels treat a row alike in any call of
64 rows or more, if its place modulo 4 is the same (measured for calls of 64 to 512 rows; other
sizes differ by up to 0.8 in a logit). So every call has at least `_LEAST` rows and starts at a
multiple of `_STEP`; a shorter prompt is one call of its own, and nothing of it is taken over. A GPU's kernels
keep no such rule: `agent.lockstep` forgets everything before each batch there.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.llama import Engine

_STEP = 16
_LEAST = 64
_SPARE = 1  # the sequence used for moving cells; writing starts only after reading


@dataclass(frozen=True, slots=True)
class Row:
    """One token to evaluate: at `position` of `sequence`; `wanted` asks for the logits after it."""

    token: int
    position: int
    sequence: int
    wanted: bool = False


@dataclass(frozen=True, slots=True)
class Tail:
    """A prompt whose cells from position `start` on are put away in `cells`."""

    prompt: Sequence[int]
    start: int
    cells: Any


class Prefill:
    """Trunk and tails of one engine. `block` tokens are evaluated at a time, up to half as many
    more.
    """

    def __init__(self, engine: "Engine", block: int, decode: Callable[[Sequence[Row]], None]) -> None:
        self.engine = engine
        self.block = block
        self.trunk: list[int] = []
        self.tails: list[Tail] = []
        self._decode = decode

    def forget(self) -> None:
        """Start from nothing."""
        self.trunk, self.tails = [], []

    def settle(self, prompts: Sequence[Sequence[int]], tell: Callable[[int], None]) -> int:
        """Bring sequence 0 to the trunk of these prompts; how many tokens were evaluated for it."""
        if self._better_as_it_is(prompts):
            return 0
        length = self._trunk_length(prompts)
        wanted = list(prompts[0][:length])
        kept = shared_length(self.trunk, wanted)
        if kept < length:
            kept = max(0, min(_round(kept), length - _LEAST))
        self._cut(kept)
        self.trunk, self.tails = wanted, []
        self._evaluate(wanted, kept, tell, wanted_last=False)
        return length - kept

    def read(self, prompt: Sequence[int], tell: Callable[[int], None]) -> tuple[Tail, int, int]:
        """Evaluate one prompt behind the trunk.

        Gives its tail, how many tokens were evaluated for it, and the row of the last call that has
        its logits; they are valid until the next call.
        """
        start = self._lay(prompt)
        row = self._evaluate(prompt, start, tell, wanted_last=True)
        trunk = len(self.trunk)
        self.engine.copy(0, _SPARE, trunk)
        tail = Tail(prompt, trunk, self.engine.save(_SPARE))
        self.engine.drop(_SPARE)
        self.engine.drop(0, trunk) if trunk else self.engine.drop(0)
        return tail, len(prompt) - start, row

    def level(self, tails: Sequence[Tail]) -> list[Tail]:
        """Trunk and tails of one batch, divided where a cold start would divide them.

        How cells lie in the cache decides the order in which llama.cpp adds up what a row attends to, and so the last
        bits of what is written.
        """
        start, length = len(self.trunk), self._trunk_length([tail.prompt for tail in tails])
        if length <= start:
            return list(tails)
        joint = self._part(tails[0], length, -1)
        found = [Tail(tail.prompt, length, self._part(tail, start, length)) for tail in tails]
        self.engine.restore(_SPARE, joint)
        self.engine.copy(_SPARE, 0, start)
        self.engine.drop(_SPARE)
        self.trunk = list(tails[0].prompt[:length])
        return found

    def _part(self, tail: Tail, start: int, end: int) -> Any:
        """The cells of a tail without those from position `start` up to `end`."""
        self.engine.restore(_SPARE, tail.cells)
        self.engine.drop(_SPARE, start, end)
        cells = self.engine.save(_SPARE)
        self.engine.drop(_SPARE)
        return cells

    def branch(self, tail: Tail, sequence: int) -> None:
        """Give `sequence` the cells of a prompt: the trunk's shared, the tail's its own."""
        self.engine.restore(sequence, tail.cells)
        if self.trunk:
            self.engine.copy(0, sequence, 0, len(self.trunk))

    def _trunk_length(self, prompts: Sequence[Sequence[int]]) -> int:
        if not self.engine.trimmable:
            return 0
        shortest = min(len(prompt) for prompt in prompts)
        length = _round(min(common_length(prompts), shortest - _LEAST))
        return length if length >= _LEAST else 0

    def _better_as_it_is(self, prompts: Sequence[Sequence[int]]) -> bool:
        """Whether the present trunk with its tails saves more than a longer common trunk would."""
        trunk = len(self.trunk)
        if any(list(prompt[:trunk]) != self.trunk for prompt in prompts):
            return False
        new = self._trunk_length(prompts)
        kept = sum(self._kept(prompt)[0] for prompt in prompts)
        return new >= trunk and kept >= trunk + (len(prompts) - 1) * new

    def _kept(self, prompt: Sequence[int]) -> tuple[int, Tail | None]:
        """How many tokens of the prompt trunk and tails hold already, and which tail."""
        most, best = len(self.trunk), None
        limit = _round(len(prompt) - _LEAST)
        usable = [tail for tail in self.tails if len(tail.prompt) >= _LEAST]
        for tail in usable if self.engine.trimmable else ():
            kept = min(_round(shared_length(tail.prompt, prompt)), limit)
            if kept > most:
                most, best = kept, tail
        return most, best

    def _lay(self, prompt: Sequence[int]) -> int:
        """Put what is there already of a prompt into sequence 0; its length."""
        kept, tail = self._kept(prompt)
        if tail:
            self.engine.restore(_SPARE, tail.cells)
            self.engine.copy(_SPARE, 0, tail.start)
            self.engine.drop(_SPARE)
            self.engine.drop(0, kept)
        return kept

    def _cut(self, length: int) -> None:
        if length == 0:
            self.engine.drop(0)
        elif length < len(self.trunk):
            self.engine.drop(0, length)

    def _evaluate(self, prompt: Sequence[int], start: int, tell: Callable[[int], None], *, wanted_last: bool) -> int:
        last = len(prompt) - 1
        size = 0
        while start < len(prompt):
            rest = len(prompt) - start
            size = rest if rest < self.block + _LEAST else self.block
            places = range(start, start + size)
            self._decode([Row(prompt[at], at, 0, wanted_last and at == last) for at in places])
            tell(size)
            start += size
        return size - 1


def common_length(sequences: Sequence[Sequence[int]]) -> int:
    """How many tokens all sequences begin with in common."""
    return shared_length(min(sequences, key=list), max(sequences, key=list))


def shared_length(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens two sequences begin with in common."""
    for index, (left, right) in enumerate(zip(one, other, strict=False)):
        if left != right:
            return index
    return min(len(one), len(other))


def _round(length: int) -> int:
    return max(0, length - length % _STEP)
