"""Functions that keep what they download: the file that they test for is the very one that the download fills."""

import ast
import re
from collections.abc import Iterator

from retrieval.census.meaning.units import Function, call_name, own_nodes
from retrieval.pyast import dotted, source_of

_NETWORK = re.compile(
    r"(?:urlopen|urlretrieve|hf_hub_download|snapshot_download|load_file_from_url|download_url_to_file|cached_download"
    r"|load_state_dict_from_url|gdown\.(?:cached_)?download|wget\.download|requests\.get|load_url|_download_url)$"
)
_FETCHES = re.compile(rf"(?:{_NETWORK.pattern})|(?:^|[._])download(?:_\w+)?$")
_KEPT = re.compile(
    r"(?:hf_hub_download|snapshot_download|load_file_from_url|load_state_dict_from_url|cached_download|load_url"
    r"|get_file|download_cached_file|cached_path)$"
)
_THERE = re.compile(r"(?:^|\.)(?:exists|isfile|is_file|lexists|\w*exists?\w*|is_download_done)$")
_WRITES = re.compile(
    r"(?:^|[._])(?:open|urlretrieve|move|replace|rename|copy\w*|save\w*|write\w*|fetch\w*|download\w*)$"
)


def kept_download(node: Function) -> str:
    """What a function says of a download that it keeps; "" when it keeps none."""
    calls = [inner for inner in own_nodes(node) if isinstance(inner, ast.Call)]
    fetching = [call for call in calls if _FETCHES.search(dotted(call.func) or call_name(call))]
    if kept := [call for call in fetching if _KEPT.search(dotted(call.func) or call_name(call))]:
        return f"takes the file from the library's cache when it is there: `{source_of(kept[0], 90)}`"
    named = re.search(r"download|fetch", node.name) is not None
    for test, branch in _tests(node) if fetching or named else ():
        path = _path(test)
        fills = [call for call in branch if path and path in _given(call)]
        if any(call in fetching or _WRITES.search(dotted(call.func) or call_name(call)) for call in fills):
            shown = f", else `{source_of(fetching[0], 60)}`" if fetching else ""
            return f"keeps what it has downloaded and tests for it first: `{source_of(test, 60)}`{shown}"
    return ""


def _tests(node: Function) -> Iterator[tuple[ast.Call, list[ast.Call]]]:
    """The tests whether a file is there, each with the calls that run when it is not."""
    for item in own_nodes(node):
        if not isinstance(item, ast.If):
            continue
        for test in (inner for inner in ast.walk(item.test) if isinstance(inner, ast.Call)):
            if _THERE.search(dotted(test.func) or call_name(test)):
                yield test, _missing(node, item, test)


def _missing(node: Function, item: ast.If, test: ast.Call) -> list[ast.Call]:
    """The calls that run when the file is not there: under `not`, in the `else`, or after an arm that leaves."""
    negated = any(isinstance(n, ast.UnaryOp) and test in ast.walk(n) for n in ast.walk(item.test))
    arm = item.body if negated else item.orelse
    found = [call for statement in arm for call in ast.walk(statement) if isinstance(call, ast.Call)]
    leaves = any(isinstance(inner, ast.Return) for statement in item.body for inner in ast.walk(statement))
    if not negated and leaves:
        last = item.end_lineno or item.lineno
        found += [call for call in own_nodes(node) if isinstance(call, ast.Call) and call.lineno > last]
    return found


def _path(test: ast.Call) -> str:
    """What is tested: `p` of `os.path.exists(p)` and of `p.exists()`."""
    if test.args:
        return source_of(test.args[0], 80)
    return source_of(test.func.value, 80) if isinstance(test.func, ast.Attribute) else ""


def _given(call: ast.Call) -> list[str]:
    """The arguments of a call as written, and what a method is called on."""
    found = [source_of(item, 80) for item in (*call.args, *(key.value for key in call.keywords))]
    return [*found, source_of(call.func.value, 80)] if isinstance(call.func, ast.Attribute) else found
