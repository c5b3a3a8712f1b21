"""Reads one free question: which names, relations and subjects it speaks of, and which facts could answer it.

Deterministic. What it makes is a question like those of a stage pack; who answers it does not see the difference.
What is asked of the census stands in intents.yaml and topics.yaml.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from agent.intents import Intents, Relation, Topic
from agent.marks import Marked, content_words, mark, mark_pronoun, mark_words
from agent.stages import FactSpec, Question
from agent.vocabulary import Vocabulary
from retrieval.snapshot import Snapshot

_LITERAL = re.compile(r"[A-Za-z][\w.]*(?:-[\w.]*)+")
_OPEN = re.compile(r"^(?:how|why|explain|describe|what happens)\b")
QUESTION_ID, CLAIMS, PLACES = "1.1", 2, 3


@dataclass(frozen=True)
class Inquiry:
    """A question as it was understood.

    `facts` are asked of the census, `instead` when none of them has a hit. `names` are names of the code that it
    speaks of, `missing` those (and `lost` the files) that do not exist, `words` what else it is about. `reading` says
    in a word or two how it was read.
    """

    text: str
    facts: tuple[FactSpec, ...] = ()
    instead: tuple[FactSpec, ...] = ()
    claims: int = CLAIMS
    names: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    reading: str = "open"
    yes_no: bool = False

    def question(self, facts: Sequence[FactSpec], **wishes: object) -> Question:
        """The question with these facts, as a stage pack would have it."""
        search = (self.text, " ".join(self.words)) if self.words else (self.text,)
        values = {"id": QUESTION_ID, "text": self.text, "search": search, "facts": tuple(facts), "excerpts": 0}
        return Question.model_validate({**values, "claims": self.claims, **wishes})


def read_question(
    text: str, vocabulary: Vocabulary, snapshot: Snapshot, intents: Intents, before: "Inquiry | None" = None
) -> Inquiry:
    """How `text` is understood; a pronoun without a name means the first name of the question `before`."""
    return _Reader(text, vocabulary, snapshot, intents).read(before.names if before else ())


@dataclass
class _Reader:
    text: str
    vocabulary: Vocabulary
    snapshot: Snapshot
    intents: Intents

    def read(self, before: Sequence[str]) -> Inquiry:
        marked = mark(self.text, self.vocabulary)
        yes_no = re.match(self.intents.yes_no, marked.text) is not None
        spelled = {name: self._spelling(name) for name in marked.names}
        missing = tuple(name for name, found in spelled.items() if not found)
        places = [place for path in marked.paths if (place := self._place(path))]
        lost = tuple(path for path in marked.paths if not self._place(path))
        fixed = {"missing": missing, "lost": lost, "yes_no": yes_no}
        if marked.names and len(missing) == len(marked.names):
            return Inquiry(self.text, claims=0, reading="missing name", **fixed)  # type: ignore[arg-type]
        found = self._explicit(marked, spelled, yes_no) or self._pronoun(marked, before) or self._plain(marked, yes_no)
        found = found or self._placed(places)
        facts, instead, claims, names, reading = found or ((), (), CLAIMS, (), "open")
        if reading != "place":
            facts, instead = _within(facts, places), _within(instead, places)
        words = (
            ()
            if instead or (names and not reading.startswith("named"))
            else self._words(marked, self._topics(marked) if reading.startswith("topic") else ())
        )
        return Inquiry(self.text, facts, instead, claims, names=names, words=words, reading=reading, **fixed)  # type: ignore[arg-type]

    def _words(self, marked: Marked, topics: Sequence[Topic]) -> tuple[str, ...]:
        """What the question is about beside these subjects."""
        text = marked.text
        spoken = [part for topic in topics for part in topic.spoken(text)]
        for part in sorted(spoken, key=len, reverse=True):
            text = text.replace(part, " ")
        return tuple(content_words(text, self.intents.silent_words))

    def _spelling(self, name: str) -> str:
        if _LITERAL.fullmatch(name):
            wanted = re.escape(name)
            return name if any(re.search(wanted, file.text) for file in self.snapshot.files) else ""
        if name.startswith("-"):
            return self.vocabulary.spelling(name.lstrip("-").replace("-", "_"))
        return self.vocabulary.spelling(name)

    def _explicit(self, marked: Marked, spelled: dict[str, str], yes_no: bool) -> "_Found | None":
        """What is asked about the names that are written as code."""
        if not marked.names:
            return None
        literals = [name for name, found in spelled.items() if found and _LITERAL.fullmatch(name)]
        if literals:
            facts = tuple(self._filled(fact, name, "") for name in literals for fact in self.intents.literal)
            return facts, (), 0, tuple(literals), f"literal: {', '.join(literals)}"
        named = mark_words(marked, self.vocabulary, self.intents.silent_words)
        plain = {name: name for name in named.names if name in self.vocabulary.defined}
        found = self._related(named, {**dict.fromkeys(named.names, ""), **plain, **spelled}, binary=True)
        found = found or self._related(marked, spelled, speaking=yes_no)
        return found or self._about(self.intents.relation(self.intents.named), [n for n in spelled.values() if n])

    def _pronoun(self, marked: Marked, before: Sequence[str]) -> "_Found | None":
        """What is asked about "it", the name of the question before."""
        read = mark_pronoun(marked, before[0]) if before else None
        return self._related(read, {before[0]: before[0]}) if read else None

    def _plain(self, marked: Marked, yes_no: bool) -> "_Found | None":
        """What is asked in plain words: of names among them, of a subject, or of definitions named like them."""
        named = mark_words(marked, self.vocabulary, self.intents.silent_words)
        spelled = {name: name for name in named.names}
        defined = [name for name in named.names if name in self.vocabulary.defined]
        topics = self._topics(marked)
        rest = self._words(marked, topics)
        if topics and yes_no and len(rest) == 1 and rest[0] in self.vocabulary.imported:
            return self._about(self.intents.relation("used"), rest)
        worded = self.vocabulary.worded(content_words(marked.text, self.intents.silent_words))
        related = self._related(named, spelled, whole=bool(topics), speaking=yes_no)
        if related and (defined or not (topics or worded.sure)):
            return related
        if topics and len(rest) > 1 and _OPEN.match(marked.text):
            topics = []
        if worded.symbols and (not topics or worded.sure):
            return self._worded(worded.symbols)
        if topics:
            claims = max(topic.claims for topic in topics)
            facts = tuple(fact for topic in topics for fact in topic.facts)
            return facts, (), claims, (), f"topic {' and '.join(topic.id for topic in topics)}"
        if yes_no and len(rest) == 1 and (found := self.vocabulary.spelling(rest[0])):
            return self._about(self.intents.relation("used"), [found])
        return self._about(self.intents.relation(self.intents.named), defined) if defined else None

    def _related(
        self,
        marked: Marked,
        spelled: dict[str, str],
        *,
        whole: bool = False,
        speaking: bool = False,
        binary: bool = False,
    ) -> "_Found | None":
        """The first relation that fits, only those between two names if `binary`. With `whole` its pattern must
        account for all of the question, with `speaking` only places count that speak of what it leaves."""
        for relation in self.intents.relations:
            if binary and not relation.binary:
                continue
            for pattern in relation.patterns:
                match = pattern.search(marked.text)
                if match is None or (whole and match[0].strip() != marked.text):
                    continue
                subjects = [spelled[name] for name in marked.group(int(match["a"])) if spelled[name]]
                others = [spelled[name] or name for name in marked.group(int(match["b"]))] if relation.binary else [""]
                if subjects:
                    rest = content_words(marked.text.replace(match[0], " "), self.intents.silent_words)
                    return self._about(relation, subjects, others[0], rest if speaking else ())
        return None

    def _about(
        self, relation: Relation, subjects: Sequence[str], other: str = "", rest: Sequence[str] = ()
    ) -> "_Found":
        facts = tuple(self._filled(fact, name, other) for name in subjects for fact in relation.facts)
        instead = tuple(self._filled(fact, name, other) for name in subjects for fact in relation.instead)
        names = (*subjects, other) if other else tuple(subjects)
        if rest:
            facts, instead = tuple(self._speaking(fact, rest) for fact in facts), ()
        return facts, instead, relation.claims, names, f"{relation.id}: {', '.join(names)}"

    def _speaking(self, fact: FactSpec, words: Sequence[str]) -> FactSpec:
        listed = ", ".join(f"`{word}`" for word in words)
        told = {"label": fact.label + self.intents.speaking.format(words=listed)}
        return fact.model_copy(
            update={**told, "filter": "(?i)" + "".join(f"(?=.*{re.escape(word)})" for word in words)}
        )

    def _topics(self, marked: Marked) -> list[Topic]:
        """The subject that most of the question's letters speak of; two when they are even."""
        scores = {}
        for topic in self.intents.topics:
            scores[topic.id] = max((len(span) for span in topic.spoken(marked.text)), default=0)
        best = max(scores.values())
        return [topic for topic in self.intents.topics if best and scores[topic.id] == best][:2]

    def _worded(self, symbols: Sequence[str]) -> "_Found":
        facts = tuple(self._filled(fact, symbol, "") for symbol in symbols for fact in self.intents.worded)
        return facts, (), CLAIMS, tuple(symbols), f"named like it: {', '.join(symbols)}"

    def _placed(self, places: Sequence[str]) -> "_Found | None":
        if not places:
            return None
        facts = tuple(self._filled(fact, place, "") for place in places[:PLACES] for fact in self.intents.places)
        return facts, (), CLAIMS, (), "place"

    def _place(self, path: str) -> str:
        """The glob of a file or folder of the repository that `path` ends like, "" when there is none."""
        wanted = path.strip("/").removeprefix("./")
        for file in self.snapshot.files:
            if file.path == wanted or file.path.endswith(f"/{wanted}"):
                return file.path
        for file in self.snapshot.files:
            at = f"/{file.path}".find(f"/{wanted}/")
            if at >= 0:
                return f"{file.path[: at + len(wanted)]}/*"
        return ""

    def _filled(self, fact: FactSpec, name: str, other: str) -> FactSpec:
        """`fact` with the names in place of `<a>`, `<b>` and `<s>`."""
        known = {"<a>": name, "<b>": other, "<s>": self.vocabulary.symbol(name)}
        values = {key: _fill(value, known) for key, value in fact.model_dump().items()}
        return FactSpec.model_validate(values)


_Found = tuple[tuple[FactSpec, ...], tuple[FactSpec, ...], int, tuple[str, ...], str]


def _fill(value: object, known: Mapping[str, str]) -> object:
    if isinstance(value, tuple | list):
        return tuple(_fill(item, known) for item in value)
    if isinstance(value, str):
        for holder, name in known.items():
            value = value.replace(holder, name)
    return value


def _within(facts: Sequence[FactSpec], places: Sequence[str]) -> tuple[FactSpec, ...]:
    """The same facts, asked of these files and folders only."""
    if not places:
        return tuple(facts)
    return tuple(fact.model_copy(update={"census": tuple(_narrowed(fact, places))}) for fact in facts)


def _narrowed(fact: FactSpec, places: Sequence[str]) -> Iterator[str]:
    for query in fact.census:
        for place in places:
            yield f"{query}{',' if ':' in query else ':'} in={place}"
