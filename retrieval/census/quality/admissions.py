"""Comments and docstrings that admit debt, and code that was commented out.

A comment counts by its words: marks of unfinished work, apologies, and notes of a pitfall. What it says is quoted,
not judged. Notes of the program's own log messages are not comments.
"""

import ast
import re
from collections.abc import Iterator

from retrieval.census.code.comments import comments, quote
from retrieval.pyast import parse_file, scoped
from retrieval.snapshot import SourceFile

Found = tuple[str, int, int, str, str]  # name, first line, last line, symbol, text

LEAST_CODE = 4
LONGEST_CODE = 300
MOST_QUOTED = 240
_MARK = re.compile(r"\b(TODO|FIXME|HACK|XXX|BUG|KLUDGE|OPTIMIZE)\b")
_NOTE = re.compile(r"\b(NOTE|WARNING|CAUTION|IMPORTANT|BEWARE)\b\s*:?|^(?:Note|Warning|Caution|Important)\s*:")
_ADMITS = re.compile(
    r"\bhack(?:s|y|ish|ed)?\b|\bwork[- ]?arounds?\b|\b(?:to|we|this) works? around\b|\bobscure(?:ly)?\b"
    r"|\bugl(?:y|iness)\b|\btemporar(?:y|ily) (?:fix|hack|solution|until|for)\b"
    r"|\btemp(?:\.| fix| hack)|\b(?:not|isn'?t) (?:an )?ideal\b|\bsub-?optimal|\bfor some reason\b"
    r"|\bjank(?:y)?\b|\bkludg|\bfragile\b|\bbrittle\b|\bquick fix\b|\bdirty\b"
    r"|\bwork in progress\b|\bnot sure\b|\bno idea\b|\bunclear\b|\bnot clear\b|\bweird(?:ly)?\b|\bstrange(?:ly)?\b"
    r"|\bsomehow\b|\bawkward\b|\bbad practice\b|\bspaghetti\b|\bmonkey[- ]?patch|\binefficient|\bwasteful|\bgotcha\b"
    r"|\bshould be (?:removed|refactored|moved|cleaned|fixed|replaced|improved|rewritten|(?:configured|done) better)"
    r"|\b(?:needs?|to be|could be) (?:refactor\w*|clean\w* up|rework\w*|improved)|\bcop(?:ied|y) (?:and )?past"
    r"|\bthis is (?:a )?(?:slow|bad|wrong|incorrect|risky|unsafe)\b|\bremove (?:this|me|once|when|after)\b",
    re.IGNORECASE,
)
_LIMITS = re.compile(
    r"\bfor now\b|\btemporarily\b|\bhard-?coded?\b|\bkeep (?:it |this |them )?in sync\b|\bdo not use\b|\bunsafe\b"
    r"|\b(?:doesn'?t|does not|don'?t|do not) (?:yet )?(?:work|support|scale|handle)\b|\bpitfall\b|\bbe careful\b"
    r"|\bnot (?:yet )?(?:supported|implemented)\b|\b(?:backwards?|bwd)[- ]compat|\bdeprecated\b|\blegacy\b",
    re.IGNORECASE,
)
_CODE = re.compile(
    r"\s*(?:(?:return|yield|raise|assert|del|import|await|print)\b.*|from [\w.]+ import .*"
    r"|(?:if|elif|for|while|with|def|class|try|except|else|finally)\b.*:(?:\s*#.*)?"
    r"|@[\w.]+.*|[\w.\[\]'\", ()*:-]+\s*(?:[-+*/|&@]|//|\*\*)?=(?!=)\s*\S.*|[\w.]+\(.*\)?,?|[\w.'\"]+[=:].*,"
    r"|[)\]}]+[,:]?|[\"'\[{(].*[,\])}])\s*"
)


def admissions(file: SourceFile) -> Iterator[Found]:
    """Comments of a file that are marked or that admit something, then its commented-out code."""
    for comment in comments(file):
        if not _is_code(comment.text) and (name := _admission(comment.text)):
            yield name, comment.start, comment.end, "", f"{_WORDS[name]}: {quote(_around(comment.text), MOST_QUOTED)}"
    yield from _docstrings(file)
    yield from _disabled(file)


_WORDS = {
    "todo": "a comment marks unfinished work",
    "admission": "a comment admits debt",
    "limitation": "a comment notes a limitation or something kept from before",
    "note": "a comment warns",
}


def _admission(text: str) -> str:
    if _MARK.search(text):
        return "todo"
    if _ADMITS.search(text):
        return "admission"
    if _LIMITS.search(text):
        return "limitation"
    return "note" if _NOTE.search(text) else ""


def _around(text: str) -> str:
    """A comment from the sentence with the telling words on, so that long comments are cut elsewhere."""
    flat = " ".join(text.split())
    match = _MARK.search(flat) or _ADMITS.search(flat) or _LIMITS.search(flat) or _NOTE.search(flat)
    if match is None or len(flat) <= MOST_QUOTED:
        return flat
    starts = [found.end() for found in re.finditer(r"[.!?]\s+", flat[: match.start()])]
    return flat[starts[-1] if starts else 0 :]


def _is_code(text: str) -> bool:
    return bool(re.match(r"(?:type|noqa|pylint|pragma|fmt|isort|flake8|mypy|pyright|ruff)\s*:", text))


def _docstrings(file: SourceFile) -> Iterator[Found]:
    tree = parse_file(file)
    for node, inside in scoped(tree) if tree is not None else ():
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        name = getattr(node, "name", "")
        told = ast.get_docstring(node)
        for sentence in re.split(r"(?<=[.!?])\s+|\n\s*\n", told or ""):
            if _MARK.search(sentence):  # other words of a docstring tell what the code does
                where = f"{inside}.{name}".strip(".")
                first, last = _sentence_lines(file, node, sentence)
                text = f"the docstring of `{where or file.path}` admits debt: {quote(sentence, MOST_QUOTED)}"
                yield "admission", first, last, where, text


def _sentence_lines(
    file: SourceFile, node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, sentence: str
) -> tuple[int, int]:
    first, last = node.body[0].lineno, node.body[0].end_lineno or node.body[0].lineno
    start = sentence.strip().split("\n")[0].strip()
    for line in range(first, last + 1):
        if start and start in file.lines[line - 1]:
            return line, min(last, line + sentence.strip().count("\n"))
    return first, last


def _disabled(file: SourceFile) -> Iterator[Found]:
    """Runs of full-line comments that hold at least four lines of code and little else."""
    for comment in comments(file):
        if comment.code or comment.end - comment.start + 1 < LEAST_CODE:
            continue
        lines = [line.strip().removeprefix("#") for line in file.lines[comment.start - 1 : comment.end]]
        places = [number for number, line in enumerate(lines) if line.strip() and _CODE.fullmatch(line[:LONGEST_CODE])]
        if len(places) < LEAST_CODE:
            continue
        first, last = places[0], places[-1]
        inside = [line for line in lines[first : last + 1] if line.strip()]
        if len(places) * 4 >= len(inside) * 3 and _parses(lines[first : last + 1]):
            begins = lines[first].strip().replace("`", "'")[:80]
            text = f"{last - first + 1} lines of commented-out code, beginning `{begins}`"
            yield "commented-out code", comment.start + first, comment.start + last, "", text


def _parses(lines: list[str]) -> bool:
    """Whether the lines, less their common indentation, are Python with something done in it, at most cut short."""
    indent = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    plain = [line[indent:] for line in lines]
    for dropped in range(min(3, len(plain) - LEAST_CODE + 1)):
        for text in ("\n".join(plain[dropped:]), "\n".join([*plain[dropped:], "    pass"])):
            try:
                body = ast.parse(text).body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            return any(not isinstance(item, ast.Expr) or isinstance(item.value, ast.Call) for item in body)
    return False
