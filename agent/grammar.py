"""The grammar that the sampler obeys while it writes claims.

It knows the shape of a claim line, "E3: `load_model` …", which evidence ids exist and which definitions each of them
shows: a sentence begins with the name of one of these, so that it is about the code it cites. It does not know
whether the sentence is true; that is for `verify.py`. Written in GBNF as llama.cpp reads it; an invalid
grammar kills the process that samples with it, so ids and names are checked before they enter.
"""

import re
from collections.abc import Mapping, Sequence

MIN_UNITS = 18
MAX_UNITS = 240
MOST_SUBJECTS = 6

# A blank line between claims is allowed because models like to write one; forbidden, it drives them on in the
# same line. Outside of code a full stop stands only between digits ("0.5"), so
# that it cannot glue a second sentence on. Letters that only serve markup (< > | \\ # * ~ ^) cannot be written.
_SENTENCE = rf"""
free ::= [A-Z] unit{{{MIN_UNITS},{MAX_UNITS}}} "."
rest ::= " " [a-z] unit{{{MIN_UNITS},{MAX_UNITS}}} "."
unit ::= plain | code | [0-9] "." [0-9]
code ::= "`" [A-Za-z_] letter{{0,70}} "`"
letter ::= [ "'()+,./0-9:=@A-Z_a-z-] | "[" | "]"
plain ::= [ "$%&'()+,/0-9:;=@A-Z_a-z-] | "[" | "]"
""".strip()

_ID = re.compile(r"E[1-9][0-9]{0,5}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]{0,80}")


def claims_grammar(subjects: Mapping[str, Sequence[str]], max_claims: int) -> str:
    """GBNF for 1 to `max_claims` lines, each citing one id of `subjects` and beginning with one of its names.

    An id without names begins its sentence freely. A sentence has at least MIN_UNITS printable ASCII
    characters and one full stop at its end. Raises ValueError for no ids, an id that is not `E<number>`,
    or a count below 1; names that are no identifiers are passed over.
    """
    if max_claims < 1:
        raise ValueError(f"a grammar for {max_claims} claims cannot be written")
    wrong = [name for name in subjects if not _ID.fullmatch(name)]
    if not subjects or wrong:
        raise ValueError(f"not evidence ids: {wrong or 'none given'}")
    claims = " | ".join(_claim(name, names) for name, names in subjects.items())
    return "\n".join(
        (
            f'root ::= claim{_more("next-claim", max_claims - 1)} "\\n"?',
            *(['next-claim ::= "\\n" "\\n"? claim'] if max_claims > 1 else []),
            f"claim ::= {claims}",
            _SENTENCE,
            "",
        )
    )


def _claim(name: str, names: Sequence[str]) -> str:
    sound = [subject for subject in dict.fromkeys(names) if _NAME.fullmatch(subject)]
    if not sound:
        return f'"{name}: " free'
    subjects = " | ".join(f'"`{subject}`"' for subject in sound[:MOST_SUBJECTS])
    return f'"{name}: " ({subjects}) rest'


def _more(rule: str, at_most: int) -> str:
    return f" {rule}{{0,{at_most}}}" if at_most else ""
