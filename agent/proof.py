"""Gates that hold a sentence against the lines it cites: does what it says stand there?

Lexical and structural, never semantic: names, figures, words of effect, who does what to whom, order,
quantities, negations. Each gate takes the sentence and an exhibit and yields faults. What passes is bound
to its lines; whether the whole is well put is for a judge model.
"""

import re
from collections.abc import Iterator

from agent.exhibits import Exhibit, Line, definitions, near
from agent.lint import Lint
from agent.state import Fault
from agent.terms import has_number, lines_of_term, proper_noun, proven, searchable
from agent.wording import content
from agent.words import Sentence, Term, alike, find_term, stands_in, stem, stems_of

_ANCHOR_WORD = r"\b(?:import|from|def|class)\b[^#\n]*(?<![\w]){0}(?!\w)|(?<![\w]){0}\s*[.(]"
_ALL_LINES = 25  # an exhibit without a definition is searched for effects this far around its names


def check_proof(sentence: Sentence, exhibit: Exhibit, vocabulary: frozenset[str], lint: Lint) -> list[Fault]:
    """All faults of the sentence against one exhibit; names come first, the rest needs them right."""
    faults = [*names(sentence, exhibit, vocabulary, lint), *anchor(sentence, exhibit, vocabulary, lint)]
    if faults:
        return faults
    scope = scope_of(sentence, exhibit)
    if isinstance(scope, Term):
        return [lint.fault("attribution", f"`{scope.text}`")]
    gates = (figures, effects, wording_grounded, relations, order, counts, universals, negatives, vacuous)
    return [fault for gate in gates for fault in gate(sentence, scope, lint)]


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


def scope_of(sentence: Sentence, exhibit: Exhibit) -> Exhibit | Term:
    """The part of the exhibit that can prove the sentence, or the first term that lies outside it.

    When the sentence names something that the lines define, only its definition counts, and the
    definitions and lines that this one is tied to by the sentence's other names.
    """
    defined = _first_defined(sentence, exhibit)
    if defined is None:
        return _around_names(sentence, exhibit)
    main, block = defined
    lines = list(block)
    for term in sentence.terms:
        if term is main or _in_lines(term, lines) or not _in_lines(term, list(exhibit.lines)):
            continue
        linked = _linked(term, main, exhibit)
        if not linked:
            return term
        lines.extend(linked)
    return exhibit.within(sorted(set(lines)))


def _first_defined(sentence: Sentence, exhibit: Exhibit) -> tuple[Term, tuple[Line, ...]] | None:
    """The first defined name and, of its definitions, the one that holds most of the other names."""
    for term in sentence.terms:
        blocks = list(definitions(searchable(term), exhibit))
        if blocks:
            others = [other for other in sentence.terms if other is not term]
            return term, max(blocks, key=lambda block: sum(_in_lines(other, list(block)) for other in others))
    return None


def _in_lines(term: Term, lines: list[Line]) -> bool:
    name = searchable(term)
    return any(find_term(name, line.text) for line in lines)


def _linked(term: Term, main: Term, exhibit: Exhibit) -> list[Line]:
    for block in definitions(searchable(term), exhibit):
        if _in_lines(main, list(block)):
            return list(block)
    name = searchable(term)
    return [line for line in exhibit.lines if find_term(name, line.text) and _in_lines(main, [line])]


def _around_names(sentence: Sentence, exhibit: Exhibit) -> Exhibit:
    if len(exhibit.lines) <= _ALL_LINES or not sentence.terms:
        return exhibit
    found = {line for term in sentence.terms for line in near(searchable(term), exhibit, _ALL_LINES // 2)}
    return exhibit.within(sorted(found)) if found else exhibit


def figures(sentence: Sentence, scope: Exhibit, lint: Lint) -> Iterator[Fault]:
    """Every figure stands in a statement together with a name or a word of the sentence."""
    where = " and ".join(scope.ids)
    for number in sentence.numbers:
        holding = [text for text in scope.statements if has_number(number, text)]
        if not holding:
            yield lint.fault("number", number, where)
        elif not any(_shares(sentence, text, lint) for text in holding):
            yield lint.fault("misplaced_number", f"{number} and what it is said of", where)
        elif (term := _paired(sentence, number)) and not _together(term, number, scope):
            yield lint.fault("misplaced_number", f"`{term.text}` and {number}", where)


def _shares(sentence: Sentence, text: str, lint: Lint) -> bool:
    if any(find_term(searchable(term), text) for term in sentence.terms):
        return True
    there = stems_of(text)
    return any(alike(stem(word), other) for word in content(sentence, lint) for other in there)


def _paired(sentence: Sentence, number: str) -> Term | None:
    """The name that the sentence gives this figure to, as in "`x` is 5"."""
    at = sentence.prose.find(number)
    for term in sentence.terms:
        between = sentence.prose[term.end : at]
        if 0 < at - term.end < 40 and re.fullmatch(
            r"\s*(?:\w+\s)?(?:(?:is|are|equals|=|of|defaults?|set|has|with|a|the|to|value|default|at)\s*)+", between
        ):
            return term
    return None


def _together(term: Term, number: str, scope: Exhibit) -> bool:
    name = searchable(term)
    rows = [line.text for line in scope.lines if find_term(name, line.text)] + [scope.said]
    if any(has_number(number, row) and _nearest(name, number, row) for row in rows):
        return True
    lone = [row for row in rows if row and not re.search(r"\d", row)]
    return bool(lone) and any(find_term(name, text) and has_number(number, text) for text in scope.statements)


def _nearest(name: str, number: str, row: str) -> bool:
    """Between the name and the figure no other figure stands."""
    found = find_term(name, row)
    return bool(found) and has_number(number, _up_to_first_figure(row[found.end() :]))


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


def _grounded(word: str, scope: Exhibit, lint: Lint) -> bool:
    spellings = [word, *lint.data.aliases.get(word.lower(), [])]
    return any(alike(stem(spelling), there) for spelling in spellings for there in scope.stems)


def vacuous(sentence: Sentence, scope: Exhibit, lint: Lint) -> Iterator[Fault]:
    """The sentence says more than what the name of its only subject says already."""
    if len({searchable(term) for term in sentence.terms}) != 1 or sentence.numbers or sentence.proper:
        return
    name = stems_of(sentence.terms[0].text)
    own = [w for w in content(sentence, lint) if not any(alike(stem(w), part) for part in name)]
    if not own:
        yield lint.fault("vacuous", f"`{sentence.terms[0].text}`")


def relations(sentence: Sentence, scope: Exhibit, lint: Lint) -> Iterator[Fault]:
    """Inheritance, calls, returns, defaults and the like stand in one statement, not merely both names."""
    marked, by_mark = _marked(sentence)
    for relation in lint.relations:
        for found in relation.says.finditer(marked):
            pair = {key: by_mark[value] for key, value in found.groupdict().items() if value}
            if not _holds(relation.lines, relation.unless, pair, scope):
                said = re.sub(r"~(\d+)~", lambda m: f"`{by_mark[m[1]].text}`", found[0])
                yield lint.fault("relation", said, " and ".join(scope.ids))


def _marked(sentence: Sentence) -> tuple[str, dict[str, Term]]:
    text, by_mark = sentence.text, {}
    for index, term in reversed(list(enumerate(sentence.terms))):
        by_mark[str(index)] = term
        text = f"{text[: term.at]}~{index}~{text[term.end :]}"
    return text, by_mark


def _holds(lines: str, unless: str, pair: dict[str, Term], scope: Exhibit) -> bool:
    def fill(pattern: str) -> re.Pattern[str]:
        for key, term in pair.items():
            pattern = pattern.replace(f"{{{key}}}", re.escape(searchable(term)))
        return re.compile(pattern)

    if unless and any(fill(unless).search(text) for text in scope.statements):
        return False
    if any(term.kind == "path" for term in pair.values()):
        return True
    known = (*scope.statements, *scope.caption.split("\n"), scope.code if "class" in lines else "")
    return any(fill(lines).search(text) for text in known)


def order(sentence: Sentence, scope: Exhibit, lint: Lint) -> Iterator[Fault]:
    """ "`a` before `b`" needs `a` above `b` in one file, or earlier in the statement."""
    for found in lint.order.finditer(sentence.prose):
        pair = _ordered_pair(sentence, found)
        if pair is None:
            if not found["soft"]:
                yield lint.fault("order", found[0], " and ".join(scope.ids))
            continue
        early, late = pair if not found["after"] else (pair[1], pair[0])
        if not _above(early, late, scope):
            listed = f"`{early.text}` and `{late.text}`"
            yield lint.fault("order", listed, " and ".join(scope.ids))


def _ordered_pair(sentence: Sentence, found: re.Match[str]) -> tuple[Term, Term] | None:
    left = [term for term in sentence.terms if term.end <= found.start()]
    right = [term for term in sentence.terms if term.at >= found.end()]
    if left and right:
        return left[-1], right[0]
    if found.start() == 0 and len(right) > 1:  # "Before `b`, `a` …"
        return right[1], right[0]
    return None


def _above(early: Term, late: Term, scope: Exhibit) -> bool:
    first, second = (list(lines_of_term(term, scope)) for term in (early, late))
    if any(a.path == b.path and a.number < b.number for a in first for b in second):
        return all(a.number < b.number for a in first[:1] for b in second[-1:] if a.path == b.path)
    places = [find_term(searchable(term), scope.said) for term in (early, late)]
    return bool(places[0] and places[1] and places[0].start() < places[1].start())


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
