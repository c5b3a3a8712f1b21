"""Files that are fetched again when they fail a checksum."""

import ast
import re
from collections.abc import Iterator

from retrieval.census.failures.retry_loops import QUIET, Again
from retrieval.census.meaning.units import Unit, call_name, own_nodes, quoted

CHECKED = re.compile(r"(?i)sha\d|md5|checksum|digest|crc32|integrity|(?<![a-z])hash(?:es|lib)?(?![a-z])")
FETCH = re.compile(r"(?i)(?:^|[._])(?:urlopen|urlretrieve|wget|gdown)$|download[^.]*$|^requests\.get$")
PRESENT = re.compile(r"(?i)\b(?:isfile|exists|is_file|lexists)\(")
LOOPS = ast.For | ast.AsyncFor | ast.While


def fetched_again(unit: Unit) -> Iterator[Again]:
    """Where a file that fails a checksum is downloaded again: the check returns early when it passes."""
    for node in unit.nodes:
        if not isinstance(node, ast.If) or not _checks(node.test):
            continue
        bodies = ((node.body, node.orelse), (node.orelse, node.body))
        failing = next((other for passed, other in bodies if passed and isinstance(passed[-1], ast.Return)), None)
        if failing is None or (failing and isinstance(failing[-1], ast.Return | ast.Raise)):
            continue
        calls = [call for statement in [*failing, *_afterwards(unit, node)] for call in _fetches(statement)]
        if calls:
            names = list(dict.fromkeys(f"`{ast.unparse(call.func)}()`" for call in calls))[:3]
            check = quoted(node.test, 90)
            text = f"downloads with {' or '.join(names)} unless the check {check} passes for the file at hand"
            if _for_present(unit, node):
                text = f"downloads again with {' or '.join(names)} when the file at hand fails the check {check}"
            yield Again(node, calls[0], text, node.test)


def _checks(test: ast.expr) -> bool:
    """Whether a test compares a checksum or calls what does."""
    does = any(isinstance(item, ast.Call | ast.Compare) for item in ast.walk(test))
    return does and CHECKED.search(ast.unparse(test)) is not None


def _for_present(unit: Unit, node: ast.If) -> bool:
    """Whether a check runs only for a file that is there."""
    tests = [node.test]
    current: ast.AST = node
    while (parent := unit.parents.get(current)) is not None and not isinstance(parent, ast.FunctionDef):
        if isinstance(parent, ast.If) and current in parent.body:
            tests.append(parent.test)
        current = parent
    return any(PRESENT.search(ast.unparse(test)) for test in tests)


def _fetches(statement: ast.stmt) -> Iterator[ast.Call]:
    for node in own_nodes(ast.Module(body=[statement], type_ignores=[])):
        if isinstance(node, ast.Call) and call_name(node) not in QUIET:
            written = ast.unparse(node.func)
            if "(" not in written and FETCH.search(written):
                yield node


def _afterwards(unit: Unit, node: ast.stmt) -> Iterator[ast.stmt]:
    """The statements that run after one that ends normally, up to the next sure exit of its function."""
    current: ast.AST = node
    while (parent := unit.parents.get(current)) is not None:
        for block in ("body", "orelse", "finalbody"):
            listed = getattr(parent, block, None)
            if isinstance(listed, list) and current in listed:
                for statement in listed[listed.index(current) + 1 :]:
                    yield statement
                    if isinstance(statement, ast.Return | ast.Raise | ast.Continue | ast.Break):
                        return
        if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module | LOOPS):
            return
        current = parent
