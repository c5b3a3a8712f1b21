"""What a failed step does to a run, in sentences: whether it ends it, is recorded, retried, skipped or replaced."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from retrieval.census.failures.failure_marks import followed
from retrieval.census.failures.fates import led
from retrieval.census.failures.model_handlers import model_handlers
from retrieval.census.failures.raise_switches import by_default, flags_said, raising
from retrieval.census.failures.retried_models import of_models, of_requests, repeating_themselves
from retrieval.census.failures.unchecked import used_unchecked
from retrieval.census.flow.default_targets import chosen_by
from retrieval.census.flow.reach import MAIN_ROLES, reach_of
from retrieval.census.language import run_query
from retrieval.census.meaning.prose import counted, listed
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Hits = list[CensusHit]
Told = Iterator[tuple[str, Hits]]
HOSTS = {"gradio": "Gradio", "streamlit": "Streamlit", "fastapi": "FastAPI", "flask": "Flask"}
OPEN = ("exception", "request")  # an exception that goes on, to the end of the run or of one request
SHOWN = 3
LONGEST = 420
_FAILED = re.compile(r"(?i)fail|error|abort|cancel")
_RETRY = re.compile(r"^_?(?:retry|requeue)_\w+$|^(?:job|task)_retry$")
_NARROW = re.compile(r"except \(?(?:(?:Value|Type|Key|Index|Attribute|Import)Error|StopIteration)\b")
_POLLS = re.compile(
    r"except \(?[\w., ]*(?:TimeoutExpired|Empty|BlockingIOError|TimeoutError)\b.*next round of the loop"
)
_SAMPLES = re.compile(r"\b(?:wds|webdataset)\.|_to_samples|\bdecode\(")


class Found:
    """Queries told apart by what the main programs run."""

    def __init__(self, codebase: "Codebase") -> None:
        self.codebase = codebase
        self.reach = reach_of(codebase)

    def of(self, *queries: str) -> tuple[Hits, Hits]:
        """The hits of the main code that the main programs may run, and the others, those of demos among them."""
        return self.parted(hit for query in queries for hit in run_query(self.codebase, query).hits)

    def parted(self, hits: Iterable[CensusHit]) -> tuple[Hits, Hits]:
        """Hits of the main code that the main programs may run, and the others, those of demos among them."""
        return self.reach.parted(hits, aside=True)

    @property
    def ending(self) -> Hits:
        """The first functions of main programs that let an exception out; what a module's own check runs is none."""
        found = [hit for hit in self.of("aborts")[0] if hit.detail["how"] in OPEN]
        guarded = self.reach.guarded if self.reach.tells else frozenset(hit.detail["guard"] for hit in found)
        return [hit for hit in found if not hit.detail["guard"] or hit.detail["guard"] in guarded]

    @property
    def searched(self) -> int:
        """The Python files that were searched."""
        return sum(facts.language in ("python", "notebook") for facts in self.codebase.facts.values())

    @property
    def hosts(self) -> list[tuple[str, str]]:
        """The web frameworks that main programs are served by, each with the first file that imports it."""
        found: dict[str, str] = {}
        for path, facts in self.codebase.facts.items():
            if self.codebase.snapshot.by_path[path].role in MAIN_ROLES and self.reach.runs((path, "")):
                for item in facts.imports:
                    if item.module.split(".")[0] in HOSTS:
                        found.setdefault(HOSTS[item.module.split(".")[0]], path)
        return list(found.items())


def course(found: Found) -> Told:
    """The policy first: what ends the run by default and what decides it; then each way in which failures are met."""
    names = ("switch", "mark", "partial", "last", "ends")
    policy = {name: [hit for hit in found.of("error_policy")[0] if hit.name == name] for name in names}
    retried = [hit for hit in found.of("retries")[0] if hit.detail["how"] != "setting"]
    skipped = [*_broadest(found.of("catches: what=skip")[0]), *_given_up(found)]
    skipped = [hit for hit in skipped if not _POLLS.search(hit.text)]
    fallback, ending = _told_apart(found, _broadest(found.of("catches: what=fallback|return")[0]))
    quiet, ending_too = _told_apart(found, found.of("catches: what=log|swallow")[0])
    switches, marks = policy["switch"], _chosen_first(found, policy["mark"])
    groups = (
        (retried, "retried in"),
        (skipped, "skipped in"),
        (marks, "noted on the failed item or result in"),
        (fallback, "replaced by another way or value in"),
        (quiet, "only logged or swallowed in"),
    )
    runs = found.parted(model_handlers(found.codebase))[0]
    shown = [hits[0] for hits in (switches, *(hits for hits, _ in groups)) if hits]
    again = [*of_models(found.codebase, retried), *found.parted(repeating_themselves(found.codebase))[0]]
    asked_again = [hit for hit in of_requests(found.codebase, retried) if hit not in again]
    repeated = [*again, *asked_again]
    tried = f". Model runs are tried again in {_where(repeated)}" if repeated else _not_again(found, retried)
    yield f"{_headline(found, groups, raising(switches), runs, marks)}{tried}", shown
    yield from _around_runs(found, runs, again, asked_again)
    partial = _chosen_first(found, policy["partial"])
    yield from [(f"Partial success is a result of its own: {_some(partial)}", partial)] if runs and partial else []
    yield from ((hit.text, [hit]) for hit in _unlike(switches))
    if open_ := found.ending:
        longest = max(open_, key=lambda hit: len(hit.text))
        yield longest.text[:1].upper() + longest.text[1:], [longest]
    yield from ((hit.text, [hit]) for hit in policy["last"][:1])
    told = (
        (retried, "Retried"),
        (skipped, "Skipped"),
        (marks, "Failed items are marked"),
        ([] if runs else partial, "Partial success is a result of its own"),
        (fallback, "Fallbacks"),
        ([*ending, *ending_too], "Handlers that end the program"),
    )
    for hits, words in told:
        if hits:
            more = f" and {len(hits) - SHOWN} more" if len(hits) > SHOWN else ""
            yield f"{words}: {_some(hits)}{more}", hits
    if runs and (said := _counted(groups)):
        yield f"In all, failures in what the main programs run are {said}", shown
    yield from _dereferenced(found, fallback)
    yield from _passed_on(found)
    yield from _ended(found, policy["ends"])


def _around_runs(found: Found, runs: Hits, again: Hits, asked_again: Hits) -> Told:
    """What repeats model runs and requests to models, and what the handlers around them do."""
    if asked_again:
        more = f" and {len(asked_again) - SHOWN} more" if len(asked_again) > SHOWN else ""
        yield f"Requests to models behind a service are tried again: {_some(asked_again)}{more}", asked_again
    yield from [(f"Model runs are tried again: {_some(again)}", again)] if again else []
    if runs:
        others = len({_brief(hit) for hit in runs}) - SHOWN
        more = f"; and {others} more handler{'s' * (others > 1)} around model runs" if others > 0 else ""
        told = "; ".join(list(dict.fromkeys(_brief(hit) for hit in runs))[:SHOWN])
        yield f"An error in a model run: {told}{more}{followed(found.codebase, runs[:SHOWN])}", runs


def _chosen_first(found: Found, hits: Hits) -> Hits:
    """Hits in classes that defaults choose before those in classes that only some setting makes."""
    owners = {hit.symbol.rpartition(".")[0] for hit in hits}
    chosen = {owner for owner in owners if owner and chosen_by(found.codebase, owner.rpartition(".")[2]).said}
    return sorted(hits, key=lambda hit: hit.symbol.rpartition(".")[0] not in chosen)


_ADAPTERS = "calls: *.Retry, Retry"  # of urllib3: sessions that send a failed request again by themselves


def _not_again(found: Found, retried: Hits) -> str:
    """That no run of a model is tried again, where the main programs run any, and what is tried again then."""
    if not found.of("unhandled_model_calls")[0]:
        return ""
    others = f"; what is retried is other work, in {_where(retried)}" if retried else ""
    again = [hit for hit in found.of(_ADAPTERS)[0] if hit.role in MAIN_ROLES]
    makers = dict.fromkeys(hit.symbol.rpartition(".")[2] for hit in again if hit.symbol)
    senders = [hit for name in makers for hit in found.of(f"calls: {name}, *.{name}")[0] if hit.role in MAIN_ROLES]
    by = f", with whose session {_where(senders)} send" if senders else ""
    asked = f", requests over HTTP are, by {_where(again)}{by}" if again else ""
    return f"; no model run in the program itself is seen to be tried again{asked}{others}"


def _dereferenced(found: Found, fallback: Hits) -> Told:
    """Fallbacks to `None` that a caller uses untested: the failure is no fallback, it ends the run a little later."""
    for hit in {hit.symbol: hit for hit in reversed(fallback)}.values():
        if re.search(r"returns `None`$", hit.text) and (use := used_unchecked(found.codebase, hit.symbol)):
            words, place = use
            text = f"The `None` that `{hit.symbol}()` gives after an error is used without a test by {words}"
            yield f"{text}, so that the failure comes out there", [hit, place]


def _headline(found: Found, groups: Sequence[tuple[Hits, str]], switches: Hits, runs: Hits, marks: Hits) -> str:
    if runs:
        calls = found.of("unhandled_model_calls")[0]
        policy = by_default(found.codebase, switches)
        lead = led(runs, marks, calls, f"goes up through the callers and {ends_said(found)}", policy)
        return f"{lead}. {_decided(switches)}" if switches else lead
    ends = f"an error that no handler catches goes up through the callers and {ends_said(found)}"
    lead = f"By default a failed step aborts: {ends}"
    if switches:
        lead = f"{_decided(switches)}; elsewhere {ends}"
    if said := _counted(groups):
        return f"{lead}; exceptions: failures are {said}"
    return lead if not groups else f"{lead}; nothing is retried, skipped or replaced in what the main programs run"


def _decided(switches: Hits) -> str:
    return f"Whether a failure ends the work is decided by {flags_said(switches)} in {_where(switches)}"


def _counted(groups: Sequence[tuple[Hits, str]]) -> str:
    return "; ".join(f"{words} {_where(hits)}" for hits, words in groups if hits)


def _told_apart(found: Found, hits: Hits) -> tuple[Hits, Hits]:
    """Handlers that go on, and those that call a function of the repository that ends the program."""
    ends = {hit.symbol.rpartition(".")[2] for hit in found.of("aborts: exit")[0] if hit.symbol}
    calls = re.compile("|".join(rf"calls `{re.escape(name)}\(\)`" for name in sorted(ends)) or r"(?!)")
    ending = [hit for hit in hits if calls.search(hit.text)]
    return [hit for hit in hits if hit not in ending], ending


def _where(hits: Hits) -> str:
    names = list(dict.fromkeys(f"`{hit.symbol}()`" if hit.symbol else f"`{hit.path}`" for hit in hits))
    return f"{listed(names, SHOWN)} ({counted(len(hits), 'place')})" if len(hits) > 1 else names[0]


def _unlike(hits: Hits) -> Hits:
    """Hits that say different things: one for each text after its subject."""
    found: dict[str, CensusHit] = {}
    for hit in hits:
        found.setdefault(hit.text.partition("` ")[2], hit)
    return list(found.values())[:SHOWN]


def _given_up(found: Found) -> Hits:
    """Handlers that libraries of sample streams are given and that return `True`: the sample is left out."""
    given = found.of("handlers_passed")[0]
    return [hit for hit in given if "returns `True`" in hit.text and _SAMPLES.search(hit.text)]


def _ended(found: Found, early: Hits) -> Told:
    ends = [hit for hit in found.of("aborts")[0] if hit.detail["how"] not in OPEN]
    ends = [*ends, *_quits(found, ends)]
    if ends:
        yield f"The code itself ends the program at {counted(len(ends), 'place')}: {_two(ends)}", ends
    if early:
        texts = "; ".join(hit.text for hit in early[:SHOWN])
        more = f" and {len(early) - SHOWN} more" if len(early) > SHOWN else ""
        yield f"A main function aborts by an early return at {counted(len(early), 'place')}: {texts}{more}", early


def _quits(found: Found, ends: Hits) -> Hits:
    """Checks of a failure that end the program, of which no end is told yet."""
    told = {(hit.path, line) for hit in ends for line in range(hit.start, hit.end + 1)}
    quits = found.of("failure_checks: exit")[0]
    return [hit for hit in quits if not any((hit.path, line) in told for line in range(hit.start, hit.end + 1))]


def ends_said(found: Found) -> str:
    """What an error that nothing catches ends."""
    hosts = found.hosts
    if hosts:
        return f"ends the request under {hosts[0][0]}, or the run of a script"
    return "ends the run"


def _passed_on(found: Found) -> Told:
    """Failures that travel as values: results and codes that are tested, states of jobs, functions that try again."""
    checked = found.of("failure_checks: return, break")[0]
    if checked:
        yield (
            f"Failures that come as a result are tested at {counted(len(checked), 'place')}: {_two(checked)}",
            checked,
        )
    passed = found.of("failure_checks: continue")[0]
    if passed:
        yield f"Items that fail a check are left out: {_some(passed)}", passed
    states = [hit for hit in found.of("task_states")[0] if _FAILED.search(hit.name)]
    if states:
        yield (
            f"A failed job or task is marked so: {listed([f'{h.text} in `{h.symbol}()`' for h in states], SHOWN)}",
            states,
        )
    again = [
        (path, item)
        for path, facts in found.codebase.facts.items()
        for item in facts.definitions
        if item.kind != "class" and _RETRY.match(item.name) and (path, item.symbol) in found.reach.units
    ]
    if again:
        names = listed([f"`{item.symbol}()`" for _path, item in again], 4)
        hits = [CensusHit(path, d.head_start, d.head_end, d.symbol, d.name, "") for path, d in again]
        yield f"Work can be taken up again with {names}", hits


def _two(hits: Hits) -> str:
    told = sorted(hits, key=lambda hit: not re.search(r"prints|logs|calls `|raises", hit.text))
    return "; ".join(map(_brief, told[:2]))


def _some(hits: Hits) -> str:
    return "; ".join(list(dict.fromkeys(map(_brief, hits)))[:SHOWN])


def _brief(hit: CensusHit) -> str:
    """A hit's text without the calls that a handler covers, cut at a word."""
    text = re.sub(r" \(covers .*?\)(?=: )", "", hit.text)
    if len(text) <= LONGEST:
        return text
    cut = text[:LONGEST].rsplit(" ", 1)[0]
    whole = cut if cut.count("`") % 2 == 0 else cut[: cut.rindex("`")]
    part = whole.rpartition("; ")[0]
    whole = part if len(part) > LONGEST // 2 and part.count("`") % 2 == 0 else whole
    return f"{whole.rstrip(' (,')} …{')' * (whole.count('(') > whole.count(')'))}"


def _broadest(hits: Hits) -> Hits:
    """Handlers of wide errors first: those of conversions and look-ups tell less."""
    return sorted(hits, key=lambda hit: _NARROW.search(hit.text) is not None)
