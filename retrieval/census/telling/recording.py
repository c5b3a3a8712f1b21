"""Kind `recording`: how the main programs log and how they tell progress, in sentences, by what they really use."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.concurrency.side_by_side import in_python, sentences
from retrieval.census.flow.reach import reach_of
from retrieval.census.flow.training_loops import loops
from retrieval.census.language import Query, hit_at, kind, run_query
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.telling.logged import every_message
from retrieval.census.telling.progress_calls import progress_calls
from retrieval.census.telling.record_files import course_messages, files_text, main_first, message_text
from retrieval.census.telling.trackers import CHOSEN, METRICS, NAMES, SENT, chosen, named_elsewhere, said_of_tracker
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

Hits = list[CensusHit]
Told = Iterator[tuple[str, Hits]]

SETUP = (
    "calls: logging.basicConfig, logging.config.dictConfig, logging.config.fileConfig, logging.StreamHandler, "
    "rich.logging.RichHandler, *.setLevel, *.addHandler, loguru.logger.add, loguru.logger.remove, "
    "loguru.logger.configure, *.logger.add, *.logger.remove, structlog.configure, logging.disable, *.set_verbosity*"
)
FILES = 'text: "(?<![A-Za-z])(?:Rotating|TimedRotating|Watched)?FileHandler\\b"'
BARS = (
    "calls: tqdm.*, tqdm, *.tqdm, *.trange, rich.progress.*, progressbar.*, alive_progress.*, "
    "fastprogress.*, click.progressbar, streamlit.progress, st.progress, self.log_progress, "
    "self.progress_bar"
)
STREAMS = "calls: logging.StreamHandler"
HELPERS = (
    "calls: *setup_logging, *setup_logger, *init_logging, *init_logger, *configure_logging, *create_logger, "
    "*get_logger, *config_logging, *setup_log"
)
_FILE_STREAM = re.compile(r"StreamHandler\((?!\s*(?:stream\s*=\s*)?(?:sys\.|None|\)|io\.StringIO|self\b|(?i:\w*buf)))")
_TO_FILE = re.compile(r"\b(?:log_?name|log_?file\w*|file_?name|log_?path|log_?dir|output_?dir|save_?dir|output)\s*=")
_MADE = re.compile(r"^(?!\s*#)(?=.*FileHandler(?:\(|[\"']|\)))(?!.*\bimport\b)")
_LOG_WORD = re.compile(r"(?i)(?:^|_|-)(?:log|logs|loglevel|logging|verbose|verbosity|quiet)(?:$|_|-)|log_?level")
_STATUS = re.compile(r"^_?(?:update|set|emit|report|show|send|push)_(?:\w+_)?(?:status|progress)(?:_\w+)?$")
SHOWN, MOSTLY = 5, 8


@kind(
    "recording",
    summary="in sentences: how the code logs (logging) and how it tells progress (progress)",
    example="recording: progress",
    reads="python",
    ordered=True,
)
def recording(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per sentence; patterns are `logging` and `progress`."""
    found = _Found(codebase)
    yield from sentences(codebase, query, {"logging": _logging(found), "progress": _progress(found)})


class _Found:
    """The messages of a codebase in its main code, and queries told apart by what the main programs run."""

    def __init__(self, codebase: "Codebase") -> None:
        self.codebase = codebase
        self.reach = reach_of(codebase)
        self.logged, self.idle = self.reach.parted(every_message(codebase))
        self.prints, self.idle_prints = self.of("prints: to=console")
        seen = {(hit.path, hit.start) for hit in self.logged}
        python = {path for path, facts in codebase.facts.items() if facts.language == "python"}
        self.prints = [hit for hit in self.prints if (hit.path, hit.start) not in seen and hit.path in python]

    @property
    def status(self) -> Hits:
        """Calls of the repository's own functions that tell a status."""
        calls = [
            hit_at(self.codebase, path, (call.start, call.end), symbol=call.symbol, name=call.written, text="")
            for path, call in self.codebase.all_calls()
            if _STATUS.match(call.written.rpartition(".")[2]) and self.codebase.resolve_call(path, call) is not None
        ]
        return self.reach.parted(calls)[0]

    def of(self, *queries: str) -> tuple[Hits, Hits]:
        """What runs and what does not of what queries find."""
        hits = [hit for query in queries for hit in run_query(self.codebase, query).hits]
        python = "".join(queries).startswith("calls:")  # names of Python libraries say nothing about other languages
        return self.reach.parted([hit for hit in hits if not python or in_python(hit)])

    def metrics(self) -> tuple[dict[str, Hits], dict[str, Hits]]:
        """Metric libraries and trackers, called or chosen by a keyword: in what runs, and only in other code."""
        told = {name: self.of(query) for name, query in METRICS.items()}
        for name, hits in chosen(self.codebase).items():
            pairs = zip(told.get(name, ([], [])), self.reach.parted(hits), strict=True)
            run, idle = ([*called, *named] for called, named in pairs)
            told[name] = (run, idle)
        run = {name: hits[0] for name, hits in told.items() if hits[0]}
        return run, {name: hits[1] for name, hits in told.items() if hits[1] and not hits[0]}


def _logging(found: _Found) -> Told:
    libraries = Counter(hit.detail["library"] for hit in found.logged)
    prints = found.prints
    if libraries and len(prints) > MOSTLY * len(found.logged):
        said = listed([_library(name, found.logged) for name in dict(libraries.most_common())], SHOWN)
        few = f"a logger is hardly used: {said}"
        yield (
            f"Mostly by printing: {_count(prints, 'call')} to `print` or the like; {few}",
            [*prints[:2], *found.logged[:1]],
        )
    elif libraries:
        said = listed([_library(name, found.logged) for name in dict(libraries.most_common())], SHOWN)
        also = f"; {_count(prints, 'print')} beside it" if prints else "; nothing is printed beside it"
        yield f"Yes, with {said}{also}", [*found.logged[:3], *prints[:1]]
    elif prints or found.idle:
        yield _without_logger(found), [*prints[:3], *found.idle[:3]]
    else:
        yield "No: the main programs neither log nor print", []
    yield from _configured(found)
    if warned := found.of("calls: warnings.warn")[0]:
        yield f"`warnings.warn()` is called at {counted(len(warned), 'place')}: {_where(warned)}", warned


def _without_logger(found: _Found) -> str:
    """What is said where no traced code logs: code to which no way was traced may be started by itself."""
    idle, prints = found.idle, found.prints
    names = listed(sorted({hit.detail["library"] for hit in idle}), 4, "`")
    beside = f"a logger ({names}) is used in {_files(idle)}, to which no way from the main programs was traced"
    if not prints:
        return f"In part: the main programs are not seen to log or print; {beside}"
    told = f"{_count(prints, 'call')} to `print` or the like"
    return f"Mostly by printing: {told}; {beside}" if idle else f"Only by printing: {told}, no logger is used"


def _library(name: str, hits: Hits) -> str:
    own = [hit for hit in hits if hit.detail["library"] == name]
    forms = Counter(hit.detail["written"] for hit in own)
    levels = Counter(hit.detail["level"] for hit in own)
    shown = listed([f"`{form}()`" for form, _count_ in forms.most_common(3)], 3)
    told = ", ".join(f"{count} {level}" for level, count in levels.most_common(4))
    what = "the standard module `logging`" if name == "logging" else f"`{name}`"
    return f"{what} ({_count(own, 'call')}: {told}; written {shown})"


def _count(hits: Hits, noun: str) -> str:
    return f"{counted(len(hits), noun)} in {counted(len({hit.path for hit in hits}), 'file')}"


def _configured(found: _Found) -> Told:
    run, idle = found.of(SETUP)
    setup = run or (idle if found.logged else [])
    handlers = [hit for hit in found.of(FILES)[0] if _MADE.search(hit.text)] + _file_sinks(setup)
    handlers += [hit for hit in found.of(STREAMS)[0] if _FILE_STREAM.search(hit.text)]
    handlers += [hit for hit in found.of(HELPERS)[0] if _TO_FILE.search(hit.text) and _is_outside(found, hit)]
    options = [hit for hit in found.of("cli_options")[0] if _LOG_WORD.search(hit.name)]
    variables = [hit for hit in found.of("env_vars")[0] if _LOG_WORD.search(hit.name)]
    if setup:
        calls = listed(list(dict.fromkeys(f"`{_short(hit)}` in {_place(hit)}" for hit in setup)), SHOWN)
        where = "It is set up" if run else "It is set up only in code that the main programs are not seen to run,"
        yield f"{where} with {calls}", setup
    if options or variables:
        names = listed(list(dict.fromkeys(f"`{hit.name}`" for hit in (*options, *variables))), SHOWN)
        yield f"What is told can be set by {names}", [*options[:3], *variables[:3]]
    if handlers:
        said = listed(list(dict.fromkeys(f"`{_short(hit)}` in {_place(hit)}" for hit in handlers)), SHOWN)
        yield f"Log files are written by {said}", handlers
    elif found.logged:
        kept, places = files_text(found.codebase)
        if kept:
            yield f"What is kept of the course is written to {kept}", places
        elif not setup and not all(" (of " in hit.detail["library"] for hit in found.logged):
            yield "Nothing sets a handler, so messages go to the console by the defaults of the library", []
    if (metrics := found.metrics()[0]) and (told := [name for name in metrics if name in NAMES]):
        yield f"Figures go to {listed(told, SHOWN)} besides", [hits[0] for hits in metrics.values()]
    if replaced := found.of("assigns: *.print")[0]:
        said = listed(list(dict.fromkeys(f"`{_short(hit)}` in {_place(hit)}" for hit in replaced)), 2)
        yield f"`print` itself is replaced by {said}", replaced


def _is_outside(found: _Found, hit: CensusHit) -> bool:
    """Whether a call that sets logging up is of a library: a function of the repository shows its own handlers."""
    calls = [call for call in found.codebase.facts[hit.path].calls if call.start == hit.start]
    return not any(found.codebase.resolve_call(hit.path, call) for call in calls)


def _file_sinks(setup: Hits) -> Hits:
    """Sinks of loguru that are files: `logger.add(path)`."""
    added = [hit for hit in setup if hit.name.endswith("logger.add")]
    return [hit for hit in added if re.search(r"(?i)add\(\s*(?:f?[\"']|\w*(?:file|path|dir)|os\.path)", hit.text)]


def _short(hit: CensusHit) -> str:
    text = " ".join(hit.text.replace("`", "'").split())
    return text if len(text) <= 90 else f"{text[:90]}…"


def _place(hit: CensusHit) -> str:
    return f"`{hit.symbol}()`" if hit.symbol else hit.path


def _where(hits: Hits) -> str:
    return listed(list(dict.fromkeys(map(_place, hits))), SHOWN)


def _files(hits: Hits) -> str:
    return listed(list(dict.fromkeys(hit.path for hit in hits)), SHOWN, "`")


def _progress(found: _Found) -> Told:
    bars, idle = found.of(BARS)
    bars = main_first(found.codebase, bars)
    handed = main_first(found.codebase, found.reach.parted(list(progress_calls(found.codebase)))[0])
    told = [hit for hit in found.logged if hit.detail["level"] in ("info", "debug", "success", "log", "print", "rlog")]
    states, routes = _states(found)
    metrics, aside = found.metrics()
    fetched = all("download" in hit.symbol.lower() for hit in bars)
    ways = [] if fetched else [f"progress bars ({_where(bars)})"]
    ways += [f"a progress object or callback ({_called(handed)}, as {handed[0].text})"] if handed else []
    ways += [f"states of jobs or tasks ({counted(len(states), 'place')})"] if states else []
    ways += [f"status messages ({_called(status)})"] if (status := found.status) else []
    ways += [f"metrics with {listed(list(metrics), 4)}"] if metrics else []
    ways += [f"log messages ({_count(told, 'message')})"] if told else []
    ways += [f"prints ({_count(found.prints, 'print')})"] if found.prints else []
    ways += [f"progress bars of downloads ({_where(bars)})"] if bars and fetched else []
    kept, places = files_text(found.codebase)
    ways += [f"files ({kept})"] if kept else []
    shown = [
        *bars[:3],
        *handed[:2],
        *states[:2],
        *found.status[:1],
        *(hits[0] for hits in metrics.values()),
        *told[:1],
        *found.prints[:1],
        *places,
    ]
    none = "Progress is not recorded by what the main programs run"
    yield f"Progress is told by {'; '.join(ways)}" if ways else none, shown
    if messages := course_messages(found.codebase, main_first(found.codebase, [*told, *found.prints])):
        said = "; ".join(f"`{message_text(hit)}` in {_place(hit)}" for hit in messages)
        yield f"The course is told by messages such as {said}", messages
    yield from loops(found.codebase, found.reach)
    if keys := found.of("told_figures: key")[0]:
        yield f"Figures that are told: {'; '.join(hit.text for hit in keys[:3])}", keys
    if states or routes:
        yield _said_states(states, routes), [*states, *routes]
    for name, hits in metrics.items():
        yield f"{name}: {listed(list(dict.fromkeys(map(said_of_tracker, hits))), 4)} in {_where(hits)}", hits
    if metrics and (sent := found.of(SENT)[0]):
        calls = Counter(f"`{hit.name.rpartition('.')[2]}()`" for hit in sent)
        said = listed([f"{name} ({counted(count, 'call')})" for name, count in calls.items()], 3)
        yield f"The trackers are set up and given values by the accelerator's {said} in {_where(sent)}", sent
    if told:
        yield f"Most log messages about the course stand in {_most(told)}", told[:SHOWN]
    if found.prints:
        yield f"Most prints stand in {_most(found.prints)}", found.prints[:SHOWN]
    if idle and not bars:
        yield f"Progress bars stand only in code that the main programs do not run: {_files(idle)}", idle
    yield from _unrecorded(found, metrics, aside)


def _unrecorded(found: _Found, metrics: dict[str, Hits], aside: dict[str, Hits]) -> Told:
    for name, hits in aside.items():
        yield f"{name} only in code that the main programs do not run: {_files(hits)}", hits
    if CHOSEN in metrics or CHOSEN in aside:
        return  # any of them may be the one
    absent = [name for name in NAMES if name not in metrics and name not in aside]
    named = {name: files for name in absent if (files := named_elsewhere(found.codebase, name))}
    if named:
        said = [f"{name} in {listed(files, 3, '`')}" for name, files in named.items()]
        yield f"Named, but no call of it was found: {'; '.join(said)}", []
    if unused := [name for name in absent if name not in named]:
        yield f"Not used: {', '.join(unused)}", []


def _states(found: _Found) -> tuple[Hits, Hits]:
    run, idle = found.of("task_states")
    told = run or idle
    return [hit for hit in told if hit.detail["what"] == "state"], [h for h in told if h.detail["what"] == "route"]


def _said_states(states: Hits, routes: Hits) -> str:
    names = listed(list(dict.fromkeys(f"`{hit.name}`" for hit in states)), 8)
    said = f"Jobs or tasks get the states {names}, set in {_where(states)}" if states else ""
    told = (
        f"{'; they are told' if said else 'States are told'} by {listed([hit.text for hit in routes], 4)}"
        if routes
        else ""
    )
    return said + told


def _called(hits: Hits) -> str:
    counts = Counter(hit.name.rpartition(".")[2] for hit in hits)
    return listed([f"`{name}()`, {counted(count, 'call')}" for name, count in counts.most_common(3)], 3)


def _most(hits: Hits) -> str:
    counts = Counter(_place(hit) for hit in hits)
    return listed([f"{place} ({count})" for place, count in counts.most_common(SHOWN)], SHOWN)
