"""Kind `failing`: what the main programs do about errors in model runs, and what a failed step does, in sentences."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from retrieval.census.concurrency.side_by_side import groups_of, sentences
from retrieval.census.failures.failing_course import Found, Told, course, ends_said
from retrieval.census.failures.model_handlers import model_handlers
from retrieval.census.failures.returned_errors import returned_errors
from retrieval.census.language import Query, kind
from retrieval.census.meaning.callgraph import entered
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.prose import listed
from retrieval.census.models.touches import ways
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
    ending = [hit for hit in handled if hit.detail.get("action", "").startswith(("re-raises", "raises"))]
    real = [hit for hit in handled if hit not in ending]
    broad, elsewhere = found.parted(model_handlers(found.codebase))
    calls, _ = found.of("unhandled_model_calls")
    if real:
        yield f"GPU memory overflows are handled in {_where(real)}: {_first(real[0])}", real
    else:
        yield _unhandled(found, ending, aside, (broad, elsewhere, calls))
    if of_main := found.of("oom: memory")[0]:
        text = f"`MemoryError`, which running out of GPU memory does not raise, is caught in {_where(of_main)}"
        yield f"{text}: {_first(of_main[0])}", of_main
    yield from _wide(found, broad)
    yield from _loading(found)
    first = bool(calls and not broad)  # what the main programs do before what other code does
    if first:
        yield from _covered(found)
    every = list({hit.text: hit for hit in reversed(broad or elsewhere)}.values())[::-1]
    for hit in every[: SHOWN + 1]:
        place = "" if broad else f" ({hit.path}{', which the main programs do not run' if calls else ''})"
        yield _capital(f"{hit.text}{place}"), [hit]
    if rest := every[SHOWN + 1 :]:
        yield f"{len(rest)} more broad handlers stand around model runs: {_where(rest)}", rest
    if not first:
        yield from _covered(found)
    yield from (
        (f"{_capital(hit.text)}: the caller gets it as a result", [hit]) for hit in returned_errors(found.codebase)
    )
    yield from _noted(found)
    yield from _hosted(found)
    yield from _lost(found)
    if closing := found.of("cleanups")[0]:
        yield (
            f"Clean-up that an error does not skip (`finally`): {listed([hit.text for hit in closing], SHOWN)}",
            closing,
        )


def _wide(found: Found, broad: list[CensusHit]) -> Told:
    """Handlers of errors as wide as an overflow around other work on the GPU, which take one for something else."""
    known = {(hit.path, hit.start) for hit in broad}
    wide = [hit for hit in found.of("oom: wide")[0] if (hit.path, hit.start) not in known]
    if wide:
        told = "; ".join(hit.text.rpartition("; its `try`")[0] or hit.text for hit in wide[:SHOWN])
        yield f"Around other work on the GPU an overflow, which is a `RuntimeError`, is caught too: {told}", wide


def _loading(found: Found) -> Told:
    """What loads models outside the `try` that a program's own function has around other work."""
    program = program_of(found.codebase)
    for hit in found.ending:
        names = hit.detail["outside"].split(", ")
        definition = program.definition(hit.path, hit.symbol)
        frame = program.frame(hit.path, definition) if definition is not None and names[0] else None
        for site in program.sites(frame) if frame is not None else ():
            bodies = [body for target in site.targets if (body := entered(program, target)) is not None]
            done = {way.touch.does for way in ways(found.codebase, bodies)} if site.step.written in names else set()
            if "loads" in done and "runs" not in done:
                text = f"`{site.step.written}()`, which loads the model, stands outside the `try` of `{hit.symbol}()`: "
                yield f"{text}an error or an overflow while it loads {ends_said(found)}", [hit]
                break


def _unhandled(
    found: Found, ending: list[CensusHit], aside: list[CensusHit], around: tuple[list[CensusHit], ...]
) -> tuple[str, list[CensusHit]]:
    """What becomes of an overflow that no handler is written for."""
    broad, elsewhere, calls = around
    told = f"only {_files(aside)}, which the main programs do not run, tests for them" if aside else ""
    told = f"they are recognised and raised again in {_where(ending)}" if ending else told
    why = f": {told}" if told else f" of their own: no handler or check in {found.searched} files searched"
    text = f"GPU memory overflows have no handling{why}"
    if broad or (elsewhere and not calls):
        text += f". Like any error of a model run they come to the broad handlers in {_where(broad or elsewhere)}"
    elif calls:
        text += ". No handler that goes on stands around a model run in what the main programs run either: like any "
        text += f"error an overflow goes up through the callers and {ends_said(found)}"
    return text, [*ending, *aside, *broad, *calls[:3]]


def _covered(found: Found) -> Told:
    calls, elsewhere = found.of("unhandled_model_calls")
    calls = calls or elsewhere
    bare = [hit for hit in calls if hit.detail["covered"] == "no"]
    if bare:
        which = "The one place" if len(calls) == 1 else f"{len(bare)} of the {len(calls)} places"
        verb = "runs" if len(calls) == 1 else "run"
        yield (
            f"{which} that {verb} a model {'has' if len(bare) == 1 else 'have'} no `try` around that goes on after an "
            f"error, so that it goes through to the caller: {_where(bare)}",
            bare,
        )


def _noted(found: Found) -> Told:
    """What is done about an error beside a handler's own words: a switch that raises or records, marks on the item."""
    policy = found.of("error_policy: switch, mark")[0]
    told = (("switch", "An error is raised or recorded by a switch"), ("mark", "An item that fails is marked"))
    for name, words in told:
        hits = [hit for hit in policy if hit.name == name]
        if hits:
            more = f" and {len(hits) - 2} more" if len(hits) > 2 else ""
            yield f"{words}: {'; '.join(hit.text for hit in hits[:2])}{more}", hits


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
        runs = listed([_ran(hit) for hit in bare], SHOWN)
        yield (
            f"An error in the thread that runs {runs} does not reach the code that started it: no `try` stands in it",
            bare,
        )


def _ran(hit: CensusHit) -> str:
    return f"`{hit.detail['runs']}()`" if hit.detail["runs"] else hit.text.partition(" starts")[0]


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
