"""A passage taken apart: its citations, the files they may mean, and the sentence of each without them.

Linear in the length of the passage, whatever stands in it. It judges nothing.
"""

import bisect
from collections.abc import Callable, Iterator
from functools import cached_property

from agent.documents.atoms import read_atoms
from agent.documents.forms import Mention
from agent.documents.passages import Passage
from agent.documents.sentences import Sentence, sentences
from agent.documents.verdicts import Place

Finder = Callable[[Passage], list[Mention]]
_MOST_TEXT = 1200  # characters of a passage that may speak as a whole for a citation in it
_MOST_SHOWN = 600
_MOST_PLACES = 60  # places of one sentence that are considered together


class Reading:
    """`passage` with its mentions; `find` finds those of other passages, for the lines that it stands under."""

    def __init__(self, passage: Passage, find: Finder, files: Callable[[str], tuple[str, ...]]) -> None:
        self.passage = passage
        self.mentions = find(passage)
        self._find = find
        self._files = files

    @cached_property
    def sentences(self) -> list[Sentence]:
        """The sentences of the passage in order; at least one."""
        return sentences(self.passage.text) or [Sentence(0, 0, "")]

    @cached_property
    def _starts(self) -> list[int]:
        return [sentence.at for sentence in self.sentences]

    def index(self, mention: Mention) -> int:
        """Which sentence a mention stands in."""
        return max(0, bisect.bisect_right(self._starts, mention.at) - 1)

    def sentence(self, mention: Mention) -> str:
        """The sentence a mention stands in, on one line; of a very long one the beginning."""
        return self._shown[self.index(mention)]

    @cached_property
    def _shown(self) -> list[str]:
        return [" ".join(sentence.text[:_MOST_SHOWN].split()) for sentence in self.sentences]

    def path(self, mention: Mention) -> str:
        """The path of a mention; for bare lines that of the file whose lines are cited nearest, else named nearest."""
        if mention.path:
            return mention.path
        for named in self._named:
            at = bisect.bisect_left(named, (mention.at, ""))
            if named:
                return named[at - 1][1] if at else named[0][1]
        return self._above

    @cached_property
    def _named(self) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
        """Where paths stand: those with lines, then all."""
        every = [mention for mention in self.mentions if mention.path]
        return [(m.at, m.path) for m in every if m.ranges], [(m.at, m.path) for m in every]

    @cached_property
    def _above(self) -> str:
        """The file that the nearest text above names, "" when none does."""
        for lead in self.passage.under:
            if named := [mention.path for mention in self._find(Passage(1, lead)) if mention.path]:
                return named[-1]
        return ""

    def files(self, mention: Mention) -> tuple[str, ...]:
        """The files that a mention may mean."""
        path = self.path(mention)
        return self._files(path) if path else ()

    @cached_property
    def _places(self) -> dict[int, list[Place]]:
        found: dict[int, list[Place]] = {}
        for mention in self.mentions:
            files = self.files(mention) if mention.ranges and not mention.fault else ()
            places = found.setdefault(self.index(mention), [])
            if len(files) == 1 and len(places) < _MOST_PLACES:
                places += [Place(files[0], *lines) for lines in mention.ranges]
        return found

    def cited(self, mention: Mention) -> list[Place]:
        """The places that the sentence of a mention cites, as far as their files are clear."""
        return self._places.get(self.index(mention), [])

    @cached_property
    def _bare(self) -> list[str]:
        """Each sentence without its citations of lines."""
        parts: list[list[str]] = [[] for _ in self.sentences]
        reached = [sentence.at for sentence in self.sentences]
        for mention in self.mentions:
            if (mention.ranges or mention.fault) and mention.form != "link":
                index = self.index(mention)
                parts[index].append(self.passage.text[reached[index] : max(reached[index], mention.at)])
                reached[index] = max(reached[index], mention.end)
        rest = [self.passage.text[at : s.end] for at, s in zip(reached, self.sentences, strict=True)]
        return [
            " ".join("".join([*some, last]).replace("``", "").split()) for some, last in zip(parts, rest, strict=True)
        ]

    def statements(self, mention: Mention) -> Iterator[str]:
        """What a citation may stand for, the nearest first: its sentence, the one before, the passage, what is above.

        Only texts that name something; the sentence itself when none does.
        """
        index = self.index(mention)
        own = self._bare[index]
        before = f"{self._bare[index - 1]} {own}" if index else own
        whole = " ".join(self._bare) if len(self.passage.text) <= _MOST_TEXT else own
        above = [f"{lead} {own}" for lead in self.passage.under[:2]]
        given = False
        for text in dict.fromkeys((own, before, whole, *above)):
            if _names_something(text):
                given = True
                yield text
        if not given:
            yield own


def _names_something(text: str) -> bool:
    return any(atom.kind in ("name", "expression") for atom in read_atoms(text))
