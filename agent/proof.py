"""Gates that hold a sentence against the lines it cites: does what it says stand there?

Lexical and structural, never semantic: names, figures, words of effect, who does what to whom, order,
quantities, negations. Each gate takes the sentence and an exhibit and yields faults. What passes is bound
to its lines; whether the whole is well put is for a judge model.
"""

import re
from collections.abc import Iterator

from agent.exhibits import Exhibit, definitions
from agent.lint import Lint
from agent.relations import order, relations
from agent.scope import scope_of
from agent.state import Fault
from agent.terms import has_number, proper_noun, proven, searchable
from agent.wording import content
from agent.words import Sentence, Term, alike, find_term, stands_in, stem, stems_of

_PAIRING = re.compile(r"\s*(?:\w+\s)?(?:(?:is|are|equals|=|of|defaults?|set|has|with|a|the|to|value|default|at)\s*)+")
# After a name, up to its figure: `: int = 5`, `"] = 5`, `", 5`, ` = (5`, `", default=5`; and words of comments.
_GIVEN = re.compile(
    r"[\"'\])\s]*(?::[^=,()]*)?(?:=(?!=)|:|\b(?:is|are|of|to|with)\b)[\s\"'(\[{]*\d"
    r"|[\"']\s*,\s*\d"
    r"|.*\bdefault\b\W*(?:\w+\W+)?\d"
)
_ANCHOR_WORD = r"\b(?:import|from|def|class)\b[^#\n]*(?<![\w]){0}(?!\w)|(?<![\w]){0}\s*[.(]"


def check_proof(
    sentence: Sentence, exhibit: Exhibit, question: str, vocabulary: frozenset[str], lint: Lint
) -> Exhibit | list[Fault]:
    """The part of the exhibit that proves the sentence, or all that is wrong with it.

    Names come first; the other gates need them right.
    """
    faults = [*names(sentence, exhibit, vocabulary, lint), *anchor(sentence, exhibit, vocabulary, lint)]
    if faults:
        return faults
    scope = scope_of(sentence, exhibit)
    if isinstance(scope, Term):
        return [lint.fault("attribution", f"`{scope.text}`")]
    gates = (negatives, universals, counts, figures, relations, order, effects, wording_grounded, vacuous)
    found = [fault for gate in gates for fault in gate(sentence, scope, lint)]
    return [*found, *presumed(sentence, scope, question, lint)] or scope


def names(sentence: Sentence, exhibit: Exhibit, vocabulary: frozenset[str], lint: Lint) -> Iterator[Fault]:
    """Every code-shaped term and every proper noun stands in the exhibit."""
    where = " and ".join(exhibit.ids)
    for term in sentence.terms:
        if not proven(term, exhibit, lint):
            invented = vocabulary and searchable(term) not in vocabulary
            yield lint.fault("invented" if invented else "term", f"`{term.text}`", where)
    for word in sentence.proper:
        if not proper_noun(word, exhibit, lint):
            yield lint.fault("term", word, where)


def anchor(sentence: Sentence, exhibit: Exhibit, vocabulary: frozenset[str], lint: Lint) -> Iterator[Fault]:
    """At least one name of the sentence stands in the lines or the statement themselves."""
    named = (t for t in sentence.terms if t.kind != "path" and _specific(searchable(t), lint))
    if any(find_term(searchable(t), exhibit.proof) for t in named):
        return
    if any(stands_in(word, exhibit.proof, any_case=True) for word in sentence.proper if _specific(word, lint)):
        return
    if any(_anchors(word, exhibit, vocabulary, lint) for word in sentence.words):
        return
    if exhibit.documentation and len(content(sentence, lint)) >= 3:
        return
    yield lint.fault("no_anchor", where=" and ".join(exhibit.ids))


def _specific(name: str, lint: Lint) -> bool:
    return len(name) > 1 and name not in lint.data.generic


def _anchors(word: str, exhibit: Exhibit, vocabulary: frozenset[str], lint: Lint) -> bool:
    if len(word) < 4 or word not in vocabulary or not _specific(word, lint):
        return False
    return stem(word) not in lint.neutral and bool(re.search(_ANCHOR_WORD.format(re.escape(word)), exhibit.code))


def figures(sentence: Sentence, scope: Exhibit, lint: Lint) -> Iterator[Fault]:
    """Every figure stands in a statement together with a name or a word of the sentence."""
    where = " and ".join(scope.ids)
    default = "default" in sentence.prose.lower()
    for number in sentence.numbers:
        holding = [text for text in scope.statements if has_number(number, text)]
        if not holding:
            yield lint.fault("number", number, where)
        elif not any(_shares(sentence, text, lint) for text in holding):
            yield lint.fault("misplaced_number", f"{number} and what it is said of", where)
        elif (term := _paired(sentence, number, scope)) and (
            _is_defined(term, scope) or not _together(term, number, scope, default=default)
        ):
            yield lint.fault("misplaced_number", f"`{term.text}` and {number}", where)


def _shares(sentence: Sentence, text: str, lint: Lint) -> bool:
    if any(find_term(searchable(term), text) for term in sentence.terms):
        return True
    there = stems_of(text)
    return any(alike(stem(word), other) for word in content(sentence, lint) for other in there)


def _paired(sentence: Sentence, number: str, scope: Exhibit) -> Term | None:
    """The name that the sentence gives this figure to, as in "`x` is 5" and "`x` in `f` is 5"."""
    at = sentence.prose.find(number)
    before = [term for term in sentence.terms if term.end <= at]
    if not before or not _PAIRING.fullmatch(sentence.prose[before[-1].end : at]):
        return None
    plain = [t for t in before if not any(True for _ in definitions(searchable(t), scope))]
    return (plain or before)[-1]


def _is_defined(term: Term, scope: Exhibit) -> bool:
    """Whether the name is of a function or class, which no figure can be the value of."""
    return any(True for _ in definitions(searchable(term), scope))


def _together(term: Term, number: str, scope: Exhibit, *, default: bool) -> bool:
    """In some line the figure is the value given to the name, or in some prose no other figure stands between them."""
    name = searchable(term)
    rows = [*(line.text for line in scope.lines), *scope.statements]
    if default:
        given = re.compile(rf"(?<!\w){re.escape(name)}\s*(?::[^=,]*)?=(?!=)|default")
        rows = [row for row in rows if given.search(row)] or rows
    for row in rows:
        prose = scope.documentation or row == scope.said
        for found in _places(name, row):
            told = _up_to_first_figure(row[found.end() :])
            if has_number(number, told) and (prose or _GIVEN.match(told)):
                return True
    return False


def _places(name: str, row: str) -> Iterator[re.Match[str]]:
    at = 0
    while found := find_term(name, row[at:]):
        yield re.compile(re.escape(row[at:][found.start() : found.end()])).search(row, at)  # type: ignore[misc]
        at += found.end()


def _up_to_first_figure(text: str) -> str:
    found = re.search(r"(?<![\w.])\d[\d_,.eE+-]*", text)
    return text[: found.end()].rstrip(",.") if found else text


def effects(sentence: Sentence, scope: Exhibit, lint: Lint) -> Iterator[Fault]:
    """Every word of effect is shown by the lines."""
    for backed in lint.backed:
        found = backed.says.search(sentence.prose)
        if found and not backed.lines.search(scope.proof):
            yield lint.fault("effect", found[0], " and ".join(scope.ids))


def wording_grounded(sentence: Sentence, scope: Exhibit, lint: Lint) -> Iterator[Fault]:
    """Of the remaining content words, at most a third stands nowhere in the lines or captions."""
    rest = sentence.prose
    for backed in lint.backed:
        rest = backed.says.sub(" ", rest)
    remaining = [w for w in content(sentence, lint) if w in rest and w not in sentence.proper]
    missing = [word for word in remaining if not _grounded(word, scope, lint)]
    if len(missing) > int(lint.data.limits.ungrounded * len(remaining)):
        listed = ", ".join(repr(word) for word in missing[:4])
        yield lint.fault("ungrounded", listed, " and ".join(scope.ids))


def presumed(sentence: Sentence, scope: Exhibit, question: str, lint: Lint) -> Iterator[Fault]:
    """Not one content word may come from the question alone: "Progress is recorded in `f`, which …"."""
    asked = stems_of(question)
    for word in content(sentence, lint):
        if stem(word) in asked and not _grounded(word, scope, lint) and not _backed(word, scope, lint):
            yield lint.fault("presumed", word, " and ".join(scope.ids))
            return


def _backed(word: str, scope: Exhibit, lint: Lint) -> bool:
    return any(backed.says.search(word) and backed.lines.search(scope.proof) for backed in lint.backed)


def _grounded(word: str, scope: Exhibit, lint: Lint) -> bool:
    spellings = [word, *lint.data.aliases.get(word.lower(), [])]
    return any(alike(stem(spelling), there) for spelling in spellings for there in scope.stems)


def vacuous(sentence: Sentence, scope: Exhibit, lint: Lint) -> Iterator[Fault]:
    """The sentence says more than what the name of its only subject says already."""
    if scope.said or len({searchable(term) for term in sentence.terms}) != 1 or sentence.numbers or sentence.proper:
        return
    name = stems_of(sentence.terms[0].text)
    own = [w for w in content(sentence, lint) if not any(alike(stem(w), part) for part in name)]
    if not own:
        yield lint.fault("vacuous", f"`{sentence.terms[0].text}`")


def counts(sentence: Sentence, scope: Exhibit, lint: Lint) -> Iterator[Fault]:
    """A count of things is believed only from a census statement that gives the same number."""
    for found in lint.counts.finditer(sentence.prose):
        number = str(lint.data.count_words.get((found[1] or "").lower(), found[2]))
        if not has_number(number, scope.said) and not (found[1] and stands_in(found[1], scope.said)):
            yield lint.fault("count", found[0])


def universals(sentence: Sentence, scope: Exhibit, lint: Lint) -> Iterator[Fault]:
    """ "All", "only" and the like are proven by a loop (some of them) or by a census that says so."""
    loops = bool(lint.loop_lines.search(scope.code))
    for found in lint.universal.finditer(sentence.prose):
        word = found[0].lower()
        if (word in lint.data.looping and loops) or stands_in(word, scope.said, any_case=True):
            continue
        if word == "both" and len(sentence.terms) >= 2:
            continue
        yield lint.fault("quantifier", found[0], " and ".join(scope.ids))


def negatives(sentence: Sentence, scope: Exhibit, lint: Lint) -> Iterator[Fault]:
    """A negation is proven by a branch that it is the condition of, or by a census that found nothing."""
    conditions = [found.span() for found in lint.condition.finditer(sentence.prose)]
    branch = bool(lint.negative_lines.search(scope.code))
    searched = scope.census and bool(lint.census_zero.search(scope.said))
    for found in lint.negative.finditer(sentence.prose):
        conditional = any(start <= found.start() < end for start, end in conditions)
        if not (searched or (conditional and branch)):
            yield lint.fault("negative", found[0])
