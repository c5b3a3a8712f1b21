"""What one round of a loop does: what it takes, which name carries the position, what it hands on, what it fills."""

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from retrieval.census.meaning.body import Binding, Guard, one_line

if TYPE_CHECKING:
    from retrieval.census.meaning.frame import Frame

SHOWN, WAYS, STATEMENT = 3, 3, 90
_QUOTED = re.compile(r"""(["']).*?\1""")
_AUGMENTED = re.compile(r"^[\w.]+\s*(?:\+|-|\*)=")


@dataclass(slots=True)
class Round:
    """One round of a loop: statements that take the round's part, the names that carry the position with the
    statements that move them, the names that go from round to round, and the containers that are filled."""

    takes: list[str] = field(default_factory=list)
    moves: dict[str, list[str]] = field(default_factory=dict)
    carries: dict[str, str] = field(default_factory=dict)
    fills: list[str] = field(default_factory=list)

    @property
    def tells(self) -> bool:
        """Whether there is more to say than that results are collected."""
        return bool(self.moves or self.carries)


def round_of(frame: "Frame", loop: Guard) -> Round:
    """What a round of a loop of this body does."""
    found = Round()
    inside = [b for b in frame.body.bindings if _is_in(b, loop) and "." not in b.name]
    before = {b.name for b in frame.body.bindings if b.order < _first(inside) and not _is_in(b, loop)}
    before |= set(frame.parameters)
    text = {b.order: _statement(frame, b) for b in inside}
    for binding in inside:
        said = text[binding.order]
        if binding.name not in before or binding.taken == "element" or not said:
            continue
        if _AUGMENTED.match(said) or _is_sum(binding.name, said, inside, text):
            found.moves.setdefault(binding.name, []).append(said)
        elif _is_given_itself(binding, said) and not _is_fresh(binding, inside, text):
            found.carries.setdefault(binding.name, said)
    used = {name: [s for s in text.values() if _slices(name, s)] for name in found.moves}
    condition = set(re.findall(r"\w+", loop.text))
    found.moves = {n: _ways(w) for n, w in found.moves.items() if used[n] or n in condition}
    found.takes = list(dict.fromkeys(s for name in found.moves for s in used[name] if s not in found.moves[name]))[:1]
    stores = [s.name for s in frame.body.stores if _is_in(s, loop) and s.name in before and _is_added(s)]
    found.fills = list(dict.fromkeys(stores))[:SHOWN]
    return found


def _ways(statements: list[str]) -> list[str]:
    """The statements that move a position, those that add to it first."""
    plain = [statement.partition(" #")[0] for statement in statements]
    return sorted(dict.fromkeys(plain), key=lambda said: "+" not in said)[:WAYS]


def told(found: Round) -> str:
    """ "each round takes …; `i` moves on by …; `x` goes from round to round (…); results are added to …"."""
    parts = [f"each round takes `{statement}`" for statement in found.takes]
    for name, ways in list(found.moves.items())[:SHOWN]:
        parts.append(f"`{name}` moves on by {', '.join(f'`{way}`' for way in ways)}")
    for name, said in list(found.carries.items())[:SHOWN]:
        parts.append(f"`{name}` goes from round to round (`{said}`)")
    parts += [f"results are added to {', '.join(f'`{name}`' for name in found.fills)}"] if found.fills else []
    return "; ".join(parts)


def _is_added(store: Binding) -> bool:
    """Whether something is added to a container, not put under a key."""
    holder = store.value.parent if store.value is not None else None
    callee = holder.parent.child_by_field_name("function") if holder is not None and holder.parent is not None else None
    added = holder is not None and holder.type == "argument_list" and callee is not None
    return added and callee is not None and not (callee.text or b"").endswith(b".update")


def _is_in(item: Binding, loop: Guard) -> bool:
    return any(guard.key == loop.key and guard.arm == loop.arm for guard in item.guards)


def _first(inside: list[Binding]) -> int:
    return min((binding.order for binding in inside), default=0)


def _statement(frame: "Frame", binding: Binding) -> str:
    """The statement that binds a name, on one line."""
    node = binding.value
    while node is not None and node.type not in ("assignment", "augmented_assignment", "for_statement", "block"):
        node = node.parent
    if node is not None:
        return one_line(frame.body.tree.text(node), STATEMENT) if node.type == "assignment" else ""
    lines = frame.program.snapshot.by_path[frame.path].lines
    line = lines[binding.line - 1].strip() if binding.line <= len(lines) else ""
    return one_line(line, STATEMENT) if _AUGMENTED.match(line) else ""


def _is_sum(name: str, said: str, inside: list[Binding], text: dict[int, str]) -> bool:
    """Whether a position is set to another one: `seek = previous + step` of a name that is moved elsewhere too."""
    moved = any(b.name == name and _AUGMENTED.match(text[b.order]) for b in inside)
    return moved and "(" not in said.partition("=")[2].partition("+")[0]


def _is_given_itself(binding: Binding, said: str) -> bool:
    """Whether a name is set to what a call gives that takes its last value."""
    value = _QUOTED.sub("", said.partition("=")[2])
    call = value.partition("(")[2]
    return bool(call) and re.search(rf"(?<![\w.]){re.escape(binding.name)}(?![\w(])", call) is not None


def _is_fresh(binding: Binding, inside: list[Binding], text: dict[int, str]) -> bool:
    """Whether the round has given the name a value of its own before, that does not come from its last one."""
    own = [b for b in inside if b.name == binding.name and b.order < binding.order]
    return any(b.taken == "element" or not _is_given_itself(b, text[b.order]) for b in own)


def _slices(name: str, said: str) -> bool:
    """Whether a statement cuts a part out of something by a name: `part = audio[at : at + size]`."""
    cut = re.search(rf"\[[^\[\]]*(?<!\w){re.escape(name)}\b[^\[\]]*\]", said.partition("=")[2])
    return cut is not None and ":" in cut[0]
