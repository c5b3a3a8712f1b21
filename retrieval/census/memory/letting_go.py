"""What lets models go, told function by function: what goes, by which statements, on which condition, run by whom."""

import re
from collections.abc import Sequence

from retrieval.census.meaning.prose import listed
from retrieval.facts import CensusHit

MOST_NAMED, MOST_STATEMENTS, LONGEST = 4, 3, 150
_VERBS = {
    "go": ("lets {} go", "let {} go"),
    "cpu": ("moves {} back to the CPU", "move {} back to the CPU"),
    "offload": ("has weights offloaded by the library", "have weights offloaded by the library"),
}


def told(hits: Sequence[CensusHit], *, placed: bool = False) -> str:
    """ "`unload()` lets `Net` go (`del net`), run by `main()`", those that drop a model before those that move it.

    The hits are of kind `unloading`; `placed` names the file of each function too.
    """
    groups: dict[tuple[str, str], list[CensusHit]] = {}
    for hit in hits:
        groups.setdefault((hit.path, hit.symbol), []).append(hit)
    alike: dict[tuple[str, str], list[list[CensusHit]]] = {}
    for members in groups.values():
        alike.setdefault(_form(members), []).append(members)
    rows = [_functions(same, placed) for same in alike.values()]
    more = len(rows) - MOST_NAMED
    rest = f"; and {more} more function{'s' * (more > 1)}, listed below" if more > 0 else ""
    return "; ".join(rows[:MOST_NAMED]) + rest


def _form(hits: list[CensusHit]) -> tuple[str, str]:
    """What a function does but for the models, and in which file: functions of one form are told together."""
    said = " ".join(f"{hit.name} {hit.detail['statement']} {hit.detail.get('when', '')}" for hit in hits)
    return hits[0].path, said


def _functions(same: list[list[CensusHit]], placed: bool) -> str:
    """What one function, or several alike, does to models, in words."""
    first, hits = same[0][0], [hit for members in same for hit in members]
    names = [f"`{members[0].symbol}()`" if members[0].symbol else f"`{members[0].path}`" for members in same]
    where = f" in {first.path}" if placed and first.symbol else ""
    families: dict[str, list[CensusHit]] = {}
    for hit in hits:
        families.setdefault(hit.name if hit.name in _VERBS else "go", []).append(hit)
    several = len(same) > 1
    does = [_done(_VERBS[family][several], members) for family, members in families.items()]
    callers = {members[0].detail.get("by", "") for members in same}
    by = callers.pop().lstrip("; ").replace("; ", ", ") if len(callers) == 1 else ""
    by = by if len(by) <= LONGEST else by.partition(" only if ")[0]
    return f"{listed(names, MOST_NAMED)}{where} {' and '.join(does)}{f', {by}' if by else ''}"


def _done(verb: str, hits: list[CensusHit]) -> str:
    what = list(dict.fromkeys(hit.detail.get("what", "") for hit in hits if hit.detail.get("what", "")))
    names = [name for text in what for name in re.findall(r"`[^`]+`", text)] if len(what) > 1 else what
    does = verb.format(listed(list(dict.fromkeys(names)), MOST_NAMED) or "the model")
    statements = listed(list(dict.fromkeys(hit.detail["statement"] for hit in hits)), MOST_STATEMENTS)
    conditions = {hit.detail.get("when", "") for hit in hits}
    when = conditions.pop() if len(conditions) == 1 else ""
    root = re.split(r"[\[(=]", statements.strip("`").removeprefix("del "))[0].strip()
    when = "" if root and root in when else when  # whether there is something to let go
    when = when if len(when) <= LONGEST else re.sub(r" \((?:[^()`]|`[^`]*`)*\)", "", when)
    return f"{does} ({statements}{when})"
