"""The verdict on one citation: the cited lines exist, are no absurd stretch, and hold the sentence.

Asymmetric on purpose: `wrong_lines` is said only when a distinctive name of the sentence stands elsewhere in that file
and nowhere near the cited lines; what merely cannot be tied to its lines is `weak`, which is no fault.
"""

import re
from collections.abc import Iterable, Sequence

from agent.documents.atoms import Atom, read_atoms
from agent.documents.case import lines_of, names_file
from agent.documents.figures import misgiven
from agent.documents.gate import Tie, tie
from agent.documents.lexicon import Lexicon
from agent.documents.page import Page, stands
from agent.documents.verdicts import Place, Ruling

WIDEST = 120  # lines of a citation that is not exactly one definition
NEARBY = 5  # lines beside a citation at which a name is just missed, not misplaced
FEW = 6  # places at which a name can stand in a file and still say where
SHOWN = 3
MANY = 3  # names in a sentence that names the file too: it may list what the file holds
_CODE = re.compile(r"`[^`]*`|\"[^\"]*\"")
_ABSENCE = re.compile(
    r"\b(?:no|not|none|never|neither|nor|nowhere|without|absent|missing|lacks?|isn't|aren't|doesn't|don't)\b",
    re.IGNORECASE,
)


def rule(sentence: str, place: Place, cited: Sequence[Place], lexicon: Lexicon) -> Ruling:
    """Judge the citation of `place`, a file of the lexicon, under a sentence that cites the places `cited`."""
    page = lexicon.page(place.path)
    if place.start < 1 or place.end > page.length:
        return Ruling("out_of_range", f"the file has {_lines(page.length)}")
    if _too_wide(place, page):
        return Ruling("too_wide", f"{place.end - place.start + 1} lines prove nothing in particular")
    taken = [(other.start, other.end) for other in cited if other.path == place.path and other != place]
    bond = tie(sentence, lexicon, place.path, (place.start, place.end), taken)
    if unknown := strangers(sentence, lexicon):
        return Ruling("wrong_lines" if not bond.found else "weak", f"`{unknown[0]}` stands nowhere in the repository")
    if wrong := misgiven(sentence, page.lines[place.start - 1 : place.end]):
        return Ruling("wrong_lines", wrong)
    if bond.holds:
        absent = outsiders(sentence, cited, lexicon)
        return Ruling("weak", absent) if absent else Ruling("ok", bond.outright or _stand(bond))
    return _unproven(sentence, bond, place, page, [other for other in cited if other != place], lexicon)


def strangers(sentence: str, lexicon: Lexicon) -> list[str]:
    """Names of the sentence that are written like code and stand nowhere, unless it speaks of an absence."""
    if says_absence(sentence):
        return []
    read = [atom for atom in read_atoms(sentence) if atom.kind == "name" and atom.code]
    return [atom.text for atom in read if not lexicon.occurrences[atom.text] and _identifier(atom.text)]


def says_absence(sentence: str) -> bool:
    """Whether a sentence says that something is not there, so that its names need not stand anywhere."""
    return bool(_ABSENCE.search(_CODE.sub("", sentence)))


def outsiders(sentence: str, cited: Iterable[Place], lexicon: Lexicon) -> str:
    """What the sentence names that stands in none of the files it cites, "" when there is no such thing."""
    pages = [lexicon.page(path) for path in dict.fromkeys(place.path for place in cited)]
    for atom in read_atoms(sentence):
        if atom.kind != "name" or not atom.code or not _identifier(atom.text) or any(_in_file(atom, p) for p in pages):
            continue
        if atom.text in lexicon.defined:
            continue  # code reaches what other files define under other names: through objects, bases, factories
        return f"`{atom.text}` does not stand in {'that file' if len(pages) == 1 else 'the cited files'}"
    return ""


def _in_file(atom: Atom, page: Page) -> bool:
    parts = page.file.path.replace(".", "/").split("/")
    return atom.text in page.places or atom.text in parts


def _identifier(text: str) -> bool:
    """Whether a name can only be code: `snake_case`, `CamelCase`, or a word with a figure in it."""
    return "_" in text.strip("_") or (not text.islower() and not text.istitle() and not text.isupper())


def _too_wide(place: Place, page: Page) -> bool:
    if place.end - place.start < WIDEST:
        return False
    blocks = [block for named in page.blocks.values() for block in named]
    whole = any(b.start <= place.start <= b.head and abs(b.end - place.end) <= 3 for b in blocks)
    return not whole and not page.is_whole(place.start, place.end)


def _stand(bond: Tie) -> str:
    here = [atom for atom in bond.found if atom.text not in bond.around]
    shown = [f"`{atom.shown}`" for atom in here if atom.kind != "word"] or [atom.shown for atom in here]
    if not shown:
        return f"inside `{next(atom.shown for atom in bond.found)}`"
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return f"{', '.join(shown[:SHOWN])}{more} {'stands' if len(shown) == 1 else 'stand'} there"


def _unproven(sentence: str, bond: Tie, place: Place, page: Page, siblings: list[Place], lexicon: Lexicon) -> Ruling:
    """Why the lines do not hold the sentence: something stands elsewhere, or too little can be told."""
    if bond.ragged and bond.found:
        return Ruling("weak", f"the lines begin or end inside a statement; {_stand(bond)}")
    named = [
        atom for atom in (*bond.found, *bond.absent) if atom.kind == "expression" or (atom.kind == "name" and atom.code)
    ]
    if not named:
        return Ruling("weak", "the sentence names nothing that could be looked for")
    absent = [atom for atom in bond.absent if atom in named]
    if not any(atom in named for atom in bond.found):
        for atom in absent if _asserts(sentence, place, named) else ():
            elsewhere = lines_of(atom, page)
            if not elsewhere or len(elsewhere) > FEW or _held(atom, siblings, lexicon):
                continue
            if stands(elsewhere, place.start - NEARBY, place.end + NEARBY):
                return Ruling("weak", f"`{atom.shown}` stands just outside, at {_at(elsewhere)}")
            return Ruling("wrong_lines", f"`{atom.shown}` stands at {_at(elsewhere)}")
        return Ruling("weak", f"{', '.join(f'`{atom.shown}`' for atom in absent[:SHOWN])} not found in these lines")
    if bond.beside > bond.score:
        return Ruling("weak", f"lines {bond.best[0]}-{bond.best[1]} fit better; here only {_stand(bond)}")
    return Ruling("weak", f"only {_stand(bond)}, as in many other lines")


def _held(atom: Atom, places: Iterable[Place], lexicon: Lexicon) -> bool:
    """Whether another citation of the sentence accounts for the atom."""
    pages = ((place, lexicon.page(place.path)) for place in places)
    return any(stands(lines_of(atom, page), place.start, place.end) for place, page in pages)


def _at(lines: Sequence[int]) -> str:
    shown = ", ".join(str(line) for line in lines[:SHOWN])
    return f"line{'s' if len(lines) > 1 else ''} {shown}{' …' if len(lines) > SHOWN else ''}"


def _lines(count: int) -> str:
    return f"{count} line{'s' if count != 1 else ''}"


def _asserts(sentence: str, place: Place, named: Sequence[Atom]) -> bool:
    """Whether the sentence says that its names stand in these lines: not in the file as a whole, nor nowhere."""
    of_file = any(atom.kind == "path" and names_file(atom.text, place.path) for atom in read_atoms(sentence))
    return not (of_file and len(named) >= MANY) and not says_absence(sentence)
