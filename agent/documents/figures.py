"""Figures that a sentence gives to a name, held against the lines: "`beams` is 5" where the line says 6.

Only figures said directly of a name; it does not check counts of things, see `counts.py`.
"""

import re
from collections.abc import Sequence

from agent.terms import has_number
from agent.words import find_term, numbers_of

_GIVEN = re.compile(
    r"`(?P<name>[^\W\d][\w.]*)`(?:\s(?:parameter|argument|option|constant|variable|value))?\s?"
    r"(?:(?:is|are|equals|=|of|has|with|defaults?|set|fixed|a|the|to|at|value|default)\s?)+(?P<figure>-?\d[\d_,]*(?:\.\d+)?)(?![\w%-])"
)


def misgiven(sentence: str, lines: Sequence[str]) -> str:
    """What is wrong with a figure that the sentence gives to a name standing in `lines`, "" when nothing is."""
    for found in _GIVEN.finditer(sentence):
        name, figure = found["name"].rpartition(".")[2], found["figure"].rstrip(",").lstrip("-")
        rest = [line[place.end() :] for line in lines if (place := find_term(name, line))]
        given = [numbers_of(text)[0] for text in rest if re.match(r"[^\d]{0,40}?[=:]", text) and numbers_of(text)]
        if given and not any(has_number(figure, line) for line in lines):
            return f"`{name}` is {given[0]} there, not {figure}"
    return ""
