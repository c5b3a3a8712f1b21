"""The grammar that the sampler obeys while it writes claims.

It knows the shape of a claim line, `E3,E5: Sentence.`, and which evidence ids exist. It does not know
what the evidence says: that a sentence is true is for `verify.py`. Written in GBNF as llama.cpp reads
it; an invalid grammar kills the process that samples with it, so ids are checked before they enter.
"""

import re
from collections.abc import Sequence

MAX_IDS_PER_CLAIM = 3
MIN_SENTENCE = 20
MAX_SENTENCE = 320

# A blank line between claims is allowed because models like to write one; forbidden, it drives them on in
# the same line. A full stop continues a sentence only inside a name or a figure ("torch.load", "0.5").
# Letters that only serve markup (< > | \\ # * ~ ^) cannot be written at all.
_SENTENCE = rf"""
sentence ::= first unit{{{MIN_SENTENCE - 2},{MAX_SENTENCE - 2}}} "."
first ::= [A-Z`]
unit ::= plain | "." [A-Za-z0-9] | "._" [a-z0-9_]
plain ::= [ "$%&'()+,/0-9:;=@A-Z_`a-z-] | "[" | "]" | "{{" | "}}"
""".strip()

_ID = re.compile(r"E[1-9][0-9]{0,5}")


def claims_grammar(ids: Sequence[str], max_claims: int) -> str:
    """Return GBNF for 1 to `max_claims` lines, each citing 1 to 3 of `ids` before its sentence.

    A sentence has 20 to about 320 printable ASCII characters and ends with its only full stop that is
    followed by nothing. Raises ValueError for no ids, an id that is not `E<number>`, or a count below 1.
    """
    if max_claims < 1:
        raise ValueError(f"a grammar for {max_claims} claims cannot be written")
    unique = list(dict.fromkeys(ids))
    wrong = [name for name in unique if not _ID.fullmatch(name)]
    if not unique or wrong:
        raise ValueError(f"not evidence ids: {wrong or 'none given'}")
    alternatives = " | ".join(f'"{name}"' for name in unique)
    return "\n".join(
        (
            f'root ::= claim{_more("next-claim", max_claims - 1)} "\\n"?',
            *(['next-claim ::= "\\n" "\\n"? claim'] if max_claims > 1 else []),
            'claim ::= cite ": " sentence',
            f'cite ::= id ("," id){{0,{MAX_IDS_PER_CLAIM - 1}}}',
            f"id ::= {alternatives}",
            _SENTENCE,
            "",
        )
    )


def _more(rule: str, at_most: int) -> str:
    return f" {rule}{{0,{at_most}}}" if at_most else ""
