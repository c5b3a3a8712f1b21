"""Which conditions say that something is there at all: those that only make it at its first use are none."""

import re

from retrieval.census.meaning.body import Guard

_FIRST_USE = re.compile(
    r"\bis None\b|\bnot in\b|^not [\w.\[\]\"']+$|\bnot hasattr\(|\bhasattr\([^()]*\) (?:==|is) False"
    r"|^not \w[\w.]*\.get\(|is_?file\(|\bexists\("
)


def is_first_use(guard: Guard) -> bool:
    """Whether a condition asks whether something is not there yet."""
    if guard.kind == "else":
        # Of an `or` only: `model = model or load()`; the `else` of an `if` is a later arm.
        return guard.arm == 0 and re.fullmatch(r"[A-Za-z_]\w*", guard.text) is not None
    return guard.kind == "if" and _FIRST_USE.search(guard.text) is not None


def conditions(guards: tuple[Guard, ...]) -> list[Guard]:
    """The guards that make something depend on a choice."""
    return [
        guard
        for guard in guards
        if guard.kind in ("if", "else", "case") and "__name__" not in guard.text and not is_first_use(guard)
    ]
