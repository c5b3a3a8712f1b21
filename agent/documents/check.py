"""Checks every citation of a document against a repository: one verdict and one reason each, none left out.

The order of the questions: can it be read, is there such a file, has it such lines, were they recorded and do they
still hold the same bytes, and do they hold what the sentence says.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from agent.documents.forms import Mention, find_mentions
from agent.documents.lexicon import Lexicon
from agent.documents.passages import Document, Passage
from agent.documents.reading import Reading
from agent.documents.recorded import Recorded
from agent.documents.ruling import rule
from agent.documents.tree import Tree, named_like_file
from agent.documents.verdicts import FALSE, Place, Ruling, Verdict
from retrieval.languages import SOURCE_LANGUAGES, language_of
from retrieval.snapshot import Snapshot

_MADE_UP = ("your", "my_", "my-", "path/to", "foo", "bar.", "example", "xxx", "some_", "placeholder", "test.py")


@dataclass(frozen=True)
class Checked:
    """A citation with its verdict. `text` as written; `path` of the repository where it is known, else as written;
    `start` and `end` None for a file alone; `sentence` is the sentence it stands in.
    """

    text: str
    document_line: int
    path: str
    start: int | None
    end: int | None
    verdict: Verdict
    reason: str
    sentence: str
    now: Place | None = None
    written: str = ""  # `text` as it stands in the source, with its backticks

    @property
    def is_false(self) -> bool:
        """Whether the document says something untrue here."""
        return self.verdict in FALSE or (self.verdict == "ambiguous" and self.start is not None)


class Checker:
    """Holds citations against one snapshot. `recorded` are those of a finished audit, whose bytes are known."""

    def __init__(self, snapshot: Snapshot, tree: Tree, lexicon: Lexicon, recorded: Recorded | None = None) -> None:
        self._snapshot = snapshot
        self._tree = tree
        self._lexicon = lexicon
        self._recorded = recorded

    def check(self, document: Document) -> Iterator[Checked]:
        """Every citation of the document in order."""
        for passage in document.passages:
            yield from self.check_passage(passage)

    def check_passage(self, passage: Passage) -> Iterator[Checked]:
        """Every citation of a passage in order."""
        yield from self.check_reading(self.read(passage))

    def read(self, passage: Passage) -> Reading:
        """A passage taken apart."""
        return Reading(passage, self._find, self._tree.files)

    def check_reading(self, read: Reading) -> Iterator[Checked]:
        """Every citation of a passage that was taken apart."""
        for mention in read.mentions:
            yield from self._judge(read, mention)

    def _find(self, passage: Passage) -> list[Mention]:
        return find_mentions(passage, lambda path: bool(self._tree.files(path)))

    def _judge(self, read: Reading, mention: Mention) -> Iterator[Checked]:
        passage, files, said = read.passage, read.files(mention), read.path(mention)
        base = (_plain(mention.text), passage.line_at(mention.at), files[0] if len(files) == 1 else said)

        def told(
            verdict: Verdict, reason: str, start: int | None = None, end: int | None = None, now: Place | None = None
        ) -> Checked:
            return Checked(*base, start, end, verdict, reason, read.sentence(mention), now, mention.text)

        first = mention.ranges[0] if mention.ranges else (None, None)
        if mention.fault:
            yield told("unparsable", mention.fault, *first)
        elif not said:
            yield told("unparsable", "it names lines and no file", *first)
        elif not files:
            yield from self._missing(passage, mention, said, told)
        elif len(files) > 1:
            shown = ", ".join(files[:3]) + (" …" if len(files) > 3 else "")
            yield told("ambiguous", f"{len(files)} files have this name: {shown}", *first)
        elif (path := "".join(files)) not in self._snapshot.by_path:
            yield told("ok" if not mention.ranges else "weak", f"not read: {self._tree.unread(path)}", *first)
        elif not mention.ranges:
            yield told("ok", "the file is there")
        else:
            for start, end in mention.ranges:
                ruling = self._rule(read, mention, Place(path, start, end))
                yield told(ruling.verdict, ruling.reason, start, end, ruling.now)

    def _missing(
        self, passage: Passage, mention: Mention, said: str, told: Callable[..., Checked]
    ) -> Iterator[Checked]:
        """What is to be said of a file that is not there: false when the document must mean the repository's."""
        places = [Place(said, *lines) for lines in mention.ranges]
        rulings = [ruling for place in places if (ruling := self._of_record(place))]
        if places and len(rulings) == len(places):
            for place, ruling in zip(places, rulings, strict=True):
                yield told(ruling.verdict, ruling.reason, place.start, place.end, ruling.now)
            return
        if reason := self._tree.unread(said):
            yield told("weak", f"not read: {reason}")
        elif not mention.ranges and self._tree.is_folder(said):
            yield told("ok", "the folder is there")
        elif mention.ranges or self._must_exist(passage, mention, said):
            near = self._tree.near(said)
            for start, end in mention.ranges or ((None, None),):
                yield told("missing", f"no such file{f'; there is {near}' if near else ''}", start, end)
        else:
            yield told("weak", "no such file; it may be one that users have or make")

    def _of_record(self, place: Place) -> Ruling | None:
        """What became of a recorded place, None when it was not recorded."""
        return self._recorded.rule(place, self._lexicon) if self._recorded else None

    def _must_exist(self, passage: Passage, mention: Mention, said: str) -> bool:
        low = said.lower()
        if any(mark in low for mark in _MADE_UP) or low.startswith("~"):
            return False
        if mention.form == "link":
            return self._tree.is_inside
        if low.startswith("/"):
            return False
        folder = said.removeprefix("./").rpartition("/")[0]
        if folder:
            return self._tree.is_folder(folder)
        elsewhere = any(link.target.startswith("http") for link in passage.links)
        return not elsewhere and language_of(low) in SOURCE_LANGUAGES and named_like_file(said)

    def _rule(self, read: Reading, mention: Mention, place: Place) -> Ruling:
        """Recorded bytes decide where they are known; else what the nearest text with names says, the best of them."""
        if ruling := self._of_record(place):
            return ruling
        cited = [place for place in read.cited(mention) if self._inside(place)]
        best: Ruling | None = None
        for text in read.statements(mention):
            ruling = rule(text, place, cited, self._lexicon)
            if best is None or _better(ruling, best):
                best = ruling
            if best.verdict not in ("weak",):
                break
        assert best is not None
        return best

    def _inside(self, place: Place) -> bool:
        file = self._snapshot.by_path.get(place.path)
        return file is not None and 1 <= place.start <= place.end <= len(file.lines)


def _plain(text: str) -> str:
    """A mention as people read it: without backticks and half brackets."""
    plain = text.replace("`", "").replace("*", "")
    return plain if plain.count("(") == plain.count(")") else plain.strip("()[]").replace(" (", ", ")


def _better(one: Ruling, other: Ruling) -> bool:
    return one.verdict == "ok" and other.verdict != "ok"
