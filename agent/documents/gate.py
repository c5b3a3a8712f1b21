"""The gate on content: do the cited lines show what the sentence names, and would other lines do as well?

A citation is tied to its sentence when few other stretches of the same length fit the sentence as well: at most
one in twelve of the same file and, by the rarity of the names found, at most one in twenty at random places of the
repository; and when no stretch beside it holds the same and much more. So the share of misplaced citations that
pass is bounded by construction, for any sentence and language. It does not understand the sentence.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agent.documents.atoms import Atom
from agent.documents.case import Case, Range, aligned, lines_of, ragged
from agent.documents.lexicon import Lexicon
from agent.documents.outright import outright
from agent.documents.page import stands

IN_FILE, BY_CHANCE, BESIDE = 0.08, 0.05, 1.6
NEAR = 45  # lines on either side in which a better stretch speaks against the cited one
INSIDE = 0.5  # what the name of the enclosing definition counts, of what it counts on the lines themselves


@dataclass(frozen=True)
class Tie:
    """How lines of a file hold a sentence.

    `score` sums the rarities of what stands there; `rivals` other stretches of the file score as much, of `others`;
    `beside` is the best score nearby of a stretch that holds the same; `best` and `best_score` are the file's best.
    `aligned` lines are exactly one statement, `ragged` ones begin or end inside one. `outright` says why the lines
    hold the sentence whatever stands elsewhere, "" when nothing says so; then nothing else is worked out.
    """

    aligned: bool
    ragged: bool
    outright: str
    found: tuple[Atom, ...] = ()
    absent: tuple[Atom, ...] = ()
    around: frozenset[str] = frozenset()  # those of `found` that only name the definition around the lines
    score: float = 0.0
    rivals: int = 0
    others: int = 0
    by_chance: float = 1.0
    beside: float = 0.0
    best: Range = (0, 0)
    best_score: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the lines are tied to the sentence."""
        if self.ragged:
            return False
        if self.outright:
            return True
        if not self.found or self.score <= 0 or self.by_chance > BY_CHANCE:
            return False
        return self.aligned or (self.rivals <= max(1, IN_FILE * self.others) and self.beside <= BESIDE * self.score)


def tie(text: str, lexicon: Lexicon, path: str, lines: Range, taken: Sequence[Range] = ()) -> Tie:
    """Hold `text` against `lines` of the file at `path`, which must lie in it.

    `taken` are other lines of the file that the same sentence cites: they are no rivals.
    """
    case = Case(text, lexicon, lexicon.page(path), *lines, taken)
    cut = ragged(case)
    reason = outright(case)
    if reason and not cut:
        return Tie(aligned=aligned(case), ragged=False, outright=reason)
    return _compare(case, cut=cut, reason=reason)


def _compare(case: Case, *, cut: bool, reason: str) -> Tie:
    """Hold the lines against all other stretches of their length in the file."""
    fit, same, found, absent = _fit(case)
    own = float(fit[min(case.start, case.windows) - 1])
    free = _free(case)
    apart = free.copy()
    apart[max(0, case.start - case.width) : case.start + case.width - 1] = False
    near = slice(max(0, case.start - NEAR), case.start + NEAR)
    best = int(np.argmax(fit))
    whole = aligned(case)
    width = min(case.width, 3) if whole else case.width  # there are few statements of just this extent
    around = (atom.text for atom, _ in found if not stands(lines_of(atom, case.page), case.start, case.end))
    return Tie(
        found=tuple(atom for atom, _ in found),
        absent=tuple(absent),
        around=frozenset(around),
        score=own,
        rivals=int(np.count_nonzero(fit[apart] >= own - 1e-6)),
        others=int(np.count_nonzero(apart)),
        by_chance=_chance([value for _, value in found], len(case.sought), width),
        beside=float(np.max(fit[near], initial=0.0, where=(same & free)[near])),
        best=(best + 1, best + case.width),
        best_score=float(fit[best]),
        aligned=whole,
        ragged=cut,
        outright=reason,
    )


def _fit(case: Case) -> tuple[np.ndarray, np.ndarray, list[tuple[Atom, float]], list[Atom]]:
    """The score of each stretch by its first line; which hold what the cited one holds; what is found, what absent."""
    scores, same = np.zeros(case.windows + 1), np.zeros(case.windows + 1)
    found: list[tuple[Atom, float]] = []
    absent: list[Atom] = []
    held = 0
    for atom, value in case.atoms:
        lines = lines_of(atom, case.page)
        blocks = case.page.blocks.get(atom.text, ()) if atom.kind in ("name", "word") else ()
        inside = [(block.start, block.end) for block in blocks]
        _add(scores, case, lines, (1 - INSIDE) * value if inside else value)
        if inside:
            _add_ranges(scores, case, lines, inside, INSIDE * value)
        if stands(lines, case.start, case.end):
            held += 1
            _add(same, case, lines, 1.0)
            found.append((atom, value))
        elif any(first <= case.start <= last for first, last in inside):
            found.append((atom, INSIDE * value))
        else:
            absent.append(atom)
    return np.cumsum(scores)[:-1], np.cumsum(same)[:-1] > held - 0.5, found, absent


def _add(steps: np.ndarray, case: Case, lines: Sequence[int], value: float) -> None:
    """Add `value` to every stretch that holds one of `lines`, as steps up and down."""
    if not lines:
        return
    stops = np.minimum(np.asarray(lines), case.windows)
    starts = np.maximum(np.asarray(lines) - case.width, np.concatenate(([0], stops[:-1])))
    held = starts < stops
    steps[starts[held]] += value
    steps[stops[held]] -= value


def _add_ranges(steps: np.ndarray, case: Case, lines: Sequence[int], inside: Sequence[Range], value: float) -> None:
    """Add `value` to every stretch that holds one of `lines` or begins `inside`."""
    reach = 0
    for first, stop in sorted([*((line - case.width + 1, line) for line in lines), *inside]):
        first, stop = max(first, reach + 1), min(stop, case.windows)
        if first <= stop:
            steps[first - 1] += value
            steps[stop] -= value
            reach = stop


def _free(case: Case) -> np.ndarray:
    """Which stretches overlap no other citation of the sentence."""
    free = np.ones(case.windows, dtype=bool)
    for first, last in case.taken:
        free[max(0, first - case.width) : last] = False
    return free


def _chance(values: list[float], asked: int, width: int) -> float:
    """The likelihood that `width` random lines hold as many of the `asked` atoms, as if words fell independently."""
    if not values:
        return 1.0
    bits = sum(max(0.0, value - math.log(width)) for value in values)
    return min(1.0, math.comb(max(asked, len(values)), len(values)) * math.exp(-bits))
