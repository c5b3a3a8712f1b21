"""Kind `failing`: what the main programs do about errors in model runs, and what a failed step does, in sentences."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.census.failing_course import Found, Told, course
from retrieval.census.language import Query, kind
from retrieval.census.prose import counted, listed
from retrieval.census.side_by_side import groups_of, sentences
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

SHOWN = 3


@kind(
    "failing",
    summary="in sentences: handling of errors in model runs and of memory (errors), what a failed step does (course)",
    example="failing: course",
    reads="python",
    ordered=True,
)
def failing(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per sentence; patterns are `errors` and `course`."""
    found = Found(codebase)
    yield from sentences(codebase, query, {"errors": _errors(found), "course": course(found)})


# Errors of model runs, and memory


def _errors(found: Found) -> Told:
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
    yield from _noted(found)
    yield from _broad(found)
    yield from _hosted(found)
    yield from _lost(found)
    if closing := found.of("cleanups")[0]:
        yield (
            f"Clean-up that an error does not skip (`finally`): {listed([hit.text for hit in closing], SHOWN)}",
            closing,
        )


def _covered(found: Found) -> Told:
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


def _noted(found: Found) -> Told:
    """What is done about an error beside a handler's own words: a switch that raises or records, marks on the item."""
    policy = found.of("error_policy: switch, mark")[0]
    told = (("switch", "An error is raised or recorded by a switch"), ("mark", "An item that fails is marked"))
    for name, words in told:
        hits = [hit for hit in policy if hit.name == name]
        if hits:
            more = f" and {len(hits) - 2} more" if len(hits) > 2 else ""
            yield f"{words}: {'; '.join(hit.text for hit in hits[:2])}{more}", hits


def _broad(found: Found) -> Told:
    wide = found.of("oom: wide")[0]
    if wide:
        yield f"`RuntimeError`, which an overflow raises too, is caught around GPU code in {_where(wide)}", wide


def _hosted(found: Found) -> Told:
    hosts = found.hosts
    if hosts:
        names = listed([name for name, _path in hosts], 4)
        path = hosts[0][1]
        yield (
            f"An error in a function that the web interface or server calls ({names}, {path}) ends that request only",
            [],
        )


def _lost(found: Found) -> Told:
    threads = [hit for hit in groups_of(found.codebase)["threads"].run if hit.name.endswith("threading.Thread")]
    bare = [hit for hit in threads if hit.detail["model"] == "yes" and not _handles(found, hit)]
    if bare:
        runs = listed([f"`{hit.detail['runs']}()`" for hit in bare], SHOWN)
        yield (
            f"An error in the thread that runs {runs} does not reach the code that started it: no `try` stands in it",
            bare,
        )


def _handles(found: Found, hit: CensusHit) -> bool:
    places = {(path, start) for label, path, start, _end in hit.related if label == "definition"}
    symbols = set(hit.detail["runs"].split(", "))
    paths = {path for path, _start in places}
    return any(
        fact.symbol in symbols for path in paths for fact in found.codebase.facts[path].facts if fact.kind == "catch"
    )


def _first(hit: CensusHit) -> str:
    return hit.text[:1].lower() + hit.text[1:]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _where(hits: Iterable[CensusHit]) -> str:
    return listed(list(dict.fromkeys(f"`{hit.symbol}()`" if hit.symbol else hit.path for hit in hits)), 4)


def _files(hits: Iterable[CensusHit]) -> str:
    return listed(list(dict.fromkeys(f"`{hit.path}`" for hit in hits)), 3)
