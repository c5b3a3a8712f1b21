"""From evidence to citation: the few lines of an exhibit that prove a sentence, hashed.

Called for sentences that passed every gate. Picks, for each name, figure, word of effect and content word,
the line nearest to what the sentence is about; keeps a small margin; never leaves the exhibit.
"""

from collections.abc import Callable, Iterator

from agent.exhibits import Exhibit, Line, definitions
from agent.lint import Lint
from agent.state import Citation
from agent.terms import has_number, lines_of_term, searchable
from agent.wording import content
from agent.words import Sentence, alike, stem, stems_of
from retrieval.snapshot import Snapshot

Test = Callable[[str], object]


def narrow(sentence: Sentence, scope: Exhibit, snapshot: Snapshot, lint: Lint) -> list[Citation] | None:
    """Citations of the proving lines of `scope` in file order; None when they are spread too widely."""
    limits = lint.data.limits
    proving = _proving(sentence, scope, lint)
    spans = [_span(run, proving, limits.margin) for run in _runs(scope) if proving & set(run)]
    if any(end - start >= limits.widest for _, start, end in spans):
        return None
    return [_citation(snapshot, *span) for span in spans[: limits.citations]]


def _proving(sentence: Sentence, scope: Exhibit, lint: Lint) -> set[Line]:
    kept: list[Line] = []
    for term in sentence.terms:
        block = next(definitions(searchable(term), scope), ())
        head = [line for line in block if searchable(term) in line.text][:1]
        _keep_nearest(kept, head or list(lines_of_term(term, scope)))
    for test in _tests(sentence, lint):
        if not any(test(line.text) for line in kept):
            _keep_nearest(kept, [line for line in scope.lines if test(line.text)])
    return set(kept or scope.lines)


def _tests(sentence: Sentence, lint: Lint) -> Iterator[Test]:
    for number in sentence.numbers:
        yield lambda text, number=number: has_number(number, text)
    for backed in lint.backed:
        if backed.says.search(sentence.prose):
            yield backed.lines.search
    for word in content(sentence, lint):
        yield lambda text, word=word: any(alike(stem(word), part) for part in stems_of(text))


def _keep_nearest(kept: list[Line], found: list[Line]) -> None:
    if not found:
        return
    if not kept:
        kept.append(found[0])
        return
    kept.append(min(found, key=lambda line: min(_distance(line, other) for other in kept)))


def _distance(one: Line, other: Line) -> int:
    return abs(one.number - other.number) if one.path == other.path else 1_000_000


def _runs(scope: Exhibit) -> Iterator[list[Line]]:
    """The lines of `scope` in unbroken stretches of one file."""
    run: list[Line] = []
    for line in sorted(set(scope.lines)):
        if run and (run[-1].path, run[-1].number + 1) != (line.path, line.number):
            yield run
            run = []
        run.append(line)
    if run:
        yield run


def _span(run: list[Line], proving: set[Line], margin: int) -> tuple[str, int, int]:
    held = [line.number for line in run if line in proving]
    start = max(run[0].number, min(held) - margin)
    end = min(run[-1].number, max(held) + margin)
    return run[0].path, start, end


def _citation(snapshot: Snapshot, path: str, start: int, end: int) -> Citation:
    digest = snapshot.by_path[path].lines_sha256(start, end)
    return Citation(path=path, start=start, end=end, sha256=digest)
