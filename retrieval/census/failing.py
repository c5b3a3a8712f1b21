"""Kind `failing`: what the main programs do about errors in model runs, and what a failed step does, in sentences."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, kind, run_query
from retrieval.census.prose import counted, listed
from retrieval.census.reach import MAIN_ROLES, reach_of
from retrieval.census.side_by_side import groups_of, sentences
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Hits = list[CensusHit]
Told = Iterator[tuple[str, Hits]]
HOSTS = {"gradio": "Gradio", "streamlit": "Streamlit", "fastapi": "FastAPI", "flask": "Flask"}
SHOWN = 3
_FAILED = re.compile(r"(?i)fail|error|abort|cancel")
_RETRY = re.compile(r"^_?(?:retry|requeue)_\w+$|^(?:job|task)_retry$")
_NARROW = re.compile(r"except \(?(?:(?:Value|Type|Key|Index|Attribute|Import)Error|StopIteration)\b")
LONGEST = 220


@kind(
    "failing",
    summary="in sentences: handling of errors in model runs and of memory (errors), what a failed step does (course)",
    example="failing: course",
    reads="python",
    ordered=True,
)
def failing(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per sentence; patterns are `errors` and `course`."""
    found = _Found(codebase)
    yield from sentences(codebase, query, {"errors": _errors(found), "course": _course(found)})


class _Found:
    """Queries told apart by what the main programs run."""

    def __init__(self, codebase: "Codebase") -> None:
        self.codebase = codebase
        self.reach = reach_of(codebase)

    def of(self, *queries: str) -> tuple[Hits, Hits]:
        """The hits of the main code that the main programs may run, and its other hits."""
        return self.reach.parted(hit for query in queries for hit in run_query(self.codebase, query).hits)

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


# Errors of model runs, and memory


def _errors(found: _Found) -> Told:
    handled, aside = found.of("oom: type, message, compare, comment")
    if handled:
        yield f"GPU memory overflows are handled in {_where(handled)}: {_first(handled[0])}", handled
    else:
        plus = f"; only code that the main programs do not run handles them: {_files(aside)}" if aside else ""
        yield (
            f"GPU memory overflows are not handled: no handler or check in {found.searched} files searched{plus}",
            aside,
        )
    yield from _covered(found)
    yield from _broad(found)
    yield from _hosted(found)
    yield from _lost(found)
    if closing := found.of("cleanups")[0]:
        yield (
            f"Clean-up that an error does not skip (`finally`): {listed([hit.text for hit in closing], SHOWN)}",
            closing,
        )


def _covered(found: _Found) -> Told:
    calls = found.of("unhandled_model_calls")[0]
    if not calls:
        yield "No call that runs a model was found in what the main programs run, so its handlers could not be told", []
        return
    kinds = Counter(hit.detail["covered"] for hit in calls)
    words = {
        "yes": "{n} in a `try` of their own",
        "callers": "{n} only in a `try` of a caller",
        "no": "{n} in none that goes on, so that an error goes through to the caller",
    }
    said = ", ".join(text.format(n=kinds[name]) for name, text in words.items() if kinds[name])
    yield f"The {counted(len(calls), 'place')} that run a model stand: {said}", calls
    for hit in [h for h in calls if h.detail["covered"] == "yes"][:SHOWN] + [
        h for h in calls if h.detail["covered"] == "callers"
    ][:2]:
        yield _capital(hit.text), [hit]


def _broad(found: _Found) -> Told:
    wide = found.of("oom: wide")[0]
    if wide:
        yield f"`RuntimeError`, which an overflow raises too, is caught around GPU code in {_where(wide)}", wide


def _hosted(found: _Found) -> Told:
    hosts = found.hosts
    if hosts:
        names = listed([name for name, _path in hosts], 4)
        path = hosts[0][1]
        yield (
            f"An error in a function that the web interface or server calls ({names}, {path}) ends that request only",
            [],
        )


def _lost(found: _Found) -> Told:
    threads = [hit for hit in groups_of(found.codebase)["threads"].run if hit.name.endswith("threading.Thread")]
    bare = [hit for hit in threads if hit.detail["model"] == "yes" and not _handles(found, hit)]
    if bare:
        runs = listed([f"`{hit.detail['runs']}()`" for hit in bare], SHOWN)
        yield (
            f"An error in the thread that runs {runs} does not reach the code that started it: no `try` stands in it",
            bare,
        )


def _handles(found: _Found, hit: CensusHit) -> bool:
    places = {(path, start) for label, path, start, _end in hit.related if label == "definition"}
    symbols = set(hit.detail["runs"].split(", "))
    paths = {path for path, _start in places}
    return any(
        fact.symbol in symbols for path in paths for fact in found.codebase.facts[path].facts if fact.kind == "catch"
    )


# What a failed step does


def _course(found: _Found) -> Told:
    retried = [hit for hit in found.of("retries")[0] if hit.detail["how"] != "setting"]
    skipped = _broadest(found.of("catches: what=skip")[0])
    passed = found.of("failure_checks: continue")[0]
    fallback = _broadest(found.of("catches: what=fallback|return")[0])
    quiet = found.of("catches: what=log|swallow")[0]
    checked = found.of("failure_checks: return, break")[0]
    ends = [hit for hit in found.of("aborts")[0] if hit.detail["how"] != "exception"]
    open_ = [hit for hit in found.of("aborts")[0] if hit.detail["how"] == "exception"]
    groups = (
        (retried, "retried"),
        ([*skipped, *passed], "skipped"),
        (fallback, "replaced by another way or value"),
        (quiet, "only logged or swallowed"),
    )
    said = [f"{words} at {counted(len(hits), 'place')}" for hits, words in groups if hits]
    first = (
        f"Failures are {', '.join(said)} in what the main programs run"
        if said
        else "No failure is retried, skipped or replaced in what the main programs run"
    )
    yield (
        f"{first}; every error that none of these handlers catches goes up through the callers and {_end(found)}",
        [hits[0] for hits, _words in groups if hits],
    )
    if open_:
        longest = max(open_, key=lambda hit: len(hit.text))
        yield _capital(longest.text), [longest]
    for hits, words in (
        (retried, "Retried"),
        (skipped, "Skipped"),
        (passed, "Skipped after a failed check"),
        (fallback, "Fallbacks"),
    ):
        if hits:
            more = f" and {len(hits) - SHOWN} more" if len(hits) > SHOWN else ""
            yield f"{words}: {_some(hits)}{more}", hits
    yield from _passed_on(found, checked)
    if ends := [*ends, *_quits(found, ends)]:
        yield (
            f"The code itself ends the program at {counted(len(ends), 'place')}: {_two(ends)}",
            ends,
        )


def _quits(found: _Found, ends: Hits) -> Hits:
    """Checks of a failure that end the program, of which no end is told yet."""
    told = {(hit.path, line) for hit in ends for line in range(hit.start, hit.end + 1)}
    quits = found.of("failure_checks: exit")[0]
    return [hit for hit in quits if not any((hit.path, line) in told for line in range(hit.start, hit.end + 1))]


def _end(found: _Found) -> str:
    hosts = found.hosts
    if hosts:
        return f"ends the request under {hosts[0][0]}, or the run of a script"
    return "ends the run"


def _passed_on(found: _Found, checked: Hits) -> Told:
    """Failures that travel as values: results and codes that are tested, states of jobs, functions that try again."""
    if checked:
        yield (
            f"Failures that come as a result are tested at {counted(len(checked), 'place')}: {_two(checked)}",
            checked,
        )
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
        hits = [CensusHit(path, item.head_start, item.head_end, item.symbol, item.name, "") for path, item in again]
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
    return f"{whole.rstrip(' (,')} …"


def _broadest(hits: Hits) -> Hits:
    """Handlers of wide errors first: those of conversions and look-ups tell less."""
    return sorted(hits, key=lambda hit: _NARROW.search(hit.text) is not None)


def _first(hit: CensusHit) -> str:
    return hit.text[:1].lower() + hit.text[1:]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _where(hits: Iterable[CensusHit]) -> str:
    return listed(list(dict.fromkeys(f"`{hit.symbol}()`" if hit.symbol else hit.path for hit in hits)), 4)


def _files(hits: Iterable[CensusHit]) -> str:
    return listed(list(dict.fromkeys(f"`{hit.path}`" for hit in hits)), 3)
