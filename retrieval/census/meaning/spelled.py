"""Which texts an expression may be: literals, joined paths, defaults of options and parameters, traced backwards."""

import ast
import re
from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.census.language import parse_query
from retrieval.census.meaning.class_fields import class_node
from retrieval.census.meaning.config_rows import values_by_config
from retrieval.census.meaning.spots import Spot, argument, arguments, default
from retrieval.census.meaning.tracing import Tracer
from retrieval.census.settings.config_lookup import entry, reads_config
from retrieval.census.settings.options import cli_options
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_FETCHING = re.compile(
    r"(?:^|\.|_)(?:load_file_from_url|hf_hub_download|snapshot_download|cached_path|cached_download|gdown\.download"
    r"|download_cached_file|_get_model_file|cached_file)$"
)
_FILE_OF_TWO = re.compile(r"(?:hub_download|_get_model_file|cached_file)$")  # a repository or folder and a file of it
_FILE_KEYS = ("filename", "weights_name")
_ENDS = ("dirname", "basename")
MOST, DEEPEST, LONGEST = 5, 12, 110
_OPTIONS: "Beside[Codebase, dict[str, dict[str, str]]]" = Beside()
_SHOWING = frozenset({"example", "test"})


def spelled(codebase: "Codebase", tracer: Tracer, spot: Spot, depth: int = DEEPEST) -> list[str]:
    """At most five texts that the expression may be; `{x}` stands for what is not known. Empty when nothing is."""
    node, text = spot.node, spot.text()
    part = bool(spot.take) and spot.take[-1].startswith(".")  # an attribute of it is wanted, which no text has
    if node.type in ("string", "concatenated_string"):
        return [] if part else [_literal(text)]
    if depth <= 0:
        return []
    if (file := reads_config(spot)) is not None:
        paths = spelled(codebase, tracer, spot.inner(file, take=())[0], depth - 1)
        return [value[:LONGEST] for path in paths if (value := entry(codebase, path, spot.take))]
    function = spot.frame.body.tree.text(node.child_by_field_name("function")) if node.type == "call" else ""
    if function.rpartition(".")[2] in _ENDS and (given := arguments(node)):
        paths = spelled(codebase, tracer, spot.inner(given[0], take=())[0], depth - 1)
        return [end for path in paths if (end := _end(path, function))]
    parts = _joined(spot, node)
    if parts is not None:
        return [] if part else [_glue(codebase, tracer, spot, parts, depth)]
    if node.type == "attribute" and not part and (default := _default(codebase, spot)):
        return [default]
    found: list[str] = []
    if node.type == "identifier" and spot.frame.symbol.endswith(".__init__") and spot.frame.owner is not None:
        found += values_by_config(tracer.program, spot.frame.owner, text)[:MOST]
    roles = codebase.snapshot.by_path
    for source, computed in _given(tracer, spot):
        shown = roles[source.frame.path].role in _SHOWING and roles[spot.frame.path].role not in _SHOWING
        if not computed and not shown and len(found) < MOST:  # what an example or a test gives is no default
            found += [t for t in spelled(codebase, tracer, source, depth - 1) if t not in found]
    return found[:MOST]


def _given(tracer: Tracer, spot: Spot) -> list[tuple[Spot, bool]]:
    """What an expression comes from; the default of a method's parameter that every call of the source code gives is
    never taken."""
    frame, name, found = spot.frame, spot.text(), tracer.sources(spot)
    if spot.node.type != "identifier" or frame.owner is None or name not in frame.parameters:
        return found
    preset, roles = default(frame, name), tracer.program.snapshot.by_path
    calls = tracer.holders.callers(frame) if preset is not None else []
    calls = [call for call in calls if roles[call[0].path].role not in _SHOWING]
    unused = bool(calls) and all(argument(call, frame, name) is not None for call in calls)
    return [step for step in found if not unused or preset is None or step[0].node.id != preset.id]


def is_settled(codebase: "Codebase", tracer: Tracer, spot: Spot, depth: int = DEEPEST) -> bool:
    """Whether everything that an expression may be is a text that `spelled` knows."""
    if depth <= 0:
        return False
    if spot.node.type == "attribute" and not spot.take and _default(codebase, spot):
        return True
    if spot.node.type in ("identifier", "attribute"):
        sources = [source for source, computed in tracer.sources(spot) if not computed and source.node.type != "none"]
        return bool(sources) and all(is_settled(codebase, tracer, source, depth - 1) for source in sources)
    return bool(spelled(codebase, tracer, spot))


def _joined(spot: Spot, node: Node) -> tuple[str, list[Node]] | None:
    """The pieces of a path or of a sum of texts, with what stands between them."""
    text = spot.frame.body.tree.text
    if node.type == "binary_operator":
        sign = text(node.child_by_field_name("operator"))
        sides = [node.child_by_field_name("left"), node.child_by_field_name("right")]
        pieces = [side for side in sides if side is not None]
        return ("" if sign == "+" else "/", pieces) if sign in ("+", "/") else None
    function = text(node.child_by_field_name("function")) if node.type == "call" else ""
    if (
        function.rpartition(".")[2] in ("join", "joinpath")
        and re.search(r"path|osp\b", function.lower())
        and arguments(node)
    ):
        return "/", arguments(node)
    if _FETCHING.search(function):
        return "/", _fetched(spot, node, _FILE_OF_TWO.search(function) is not None)
    if function.rpartition(".")[2] in ("open", "BytesIO"):
        return "", arguments(node)[:1]
    if function.rpartition(".")[2] in ("Path", "str", "abspath", "expanduser", "realpath", "as_posix", "format"):
        return ("", arguments(node)) if arguments(node) and not function.endswith("format") else None
    return None


def _fetched(spot: Spot, node: Node, two: bool) -> list[Node]:
    """What a call that fetches is given: an address, or a repository or folder and a file of it."""
    text = spot.frame.body.tree.text
    given = arguments(node, keywords=True)
    named = [c for c in given if c.type == "keyword_argument" and text(c.child_by_field_name("name")) in _FILE_KEYS]
    chosen = [*[child for child in given if child not in named][:1], *named] if two and named else given[: 1 + two]
    return [child.child_by_field_name("value") or child for child in chosen]


def _end(path: str, function: str) -> str:
    """The folder of a path, or its last part; "" for a path of which that is not known."""
    folder, _, name = path.rpartition("/")
    return folder if function.endswith("dirname") else name


def _glue(codebase: "Codebase", tracer: Tracer, spot: Spot, parts: tuple[str, list[Node]], depth: int) -> str:
    between, nodes = parts
    pieces = []
    for node in nodes:
        known = spelled(codebase, tracer, spot.inner(node, take=())[0], depth - 1)
        written = spot.frame.body.tree.text(node)
        folder, own = spot.inner(node, take=())[0], written.startswith("self.")
        unsure = len(known) > 1 or (own and not is_settled(codebase, tracer, folder, depth - 1))
        if between and node is not nodes[-1] and unsure:
            known = []  # which folder goes with which file is not known
        pieces.append(known[0] if known else f"{{{written}}}" if len(written) < 30 else "{…}")
    return between.join(pieces)[:LONGEST]


def _literal(text: str) -> str:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = text.lstrip("rRbBfFuU").strip("\"'")
    return str(value)[:LONGEST] if isinstance(value, str) else text[:LONGEST]


def _default(codebase: "Codebase", spot: Spot) -> str:
    """The default of the command-line option that `args.name` reads: of the parser in the same file, else of the only
    one that has such an option."""
    owner, _, name = spot.text().rpartition(".")
    if not any(word in owner.lower() for word in ("arg", "opt", "cfg", "conf", "flag", "param")):
        return ""
    if field := _field(spot, owner, name):
        return field
    known = _options(codebase).get(name, {})
    only = next(iter(known.values())) if len(set(known.values())) == 1 else ""
    return known.get(spot.frame.path, only)


def _field(spot: Spot, owner: str, name: str) -> str:
    """The text that the field of a class is by default, when a call on that class gives the object: `P.of(x).name`."""
    made = [b.value for b in spot.frame.bound(owner) if b.value is not None and b.value.type == "call"]
    for value in made:
        head = re.match(r"[A-Z]\w*", spot.frame.body.tree.text(value))
        cls = spot.frame.program.named_class(spot.frame.path, head[0]) if head else None
        node = class_node(spot.frame.program.codebase, cls.path, cls.definition) if cls is not None else None
        for field in node.body if node is not None else ():
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and field.target.id == name:
                given = (
                    [key.value for key in field.value.keywords if key.arg == "default"]
                    if isinstance(field.value, ast.Call)
                    else [field.value]
                )
                return next((n.value for n in given if isinstance(n, ast.Constant) and isinstance(n.value, str)), "")
    return ""


def _options(codebase: "Codebase") -> dict[str, dict[str, str]]:
    """The defaults that are texts, "" for others, by the option's name and the file of its parser."""
    if codebase not in _OPTIONS:
        table: dict[str, dict[str, str]] = {}
        for hit in cli_options(codebase, parse_query("cli_options")):
            default = hit.detail.get("default", "")
            told = _literal(default) if default[:1] in "\"'" and default else ""
            table.setdefault(hit.name.lstrip("-").replace("-", "_"), {}).setdefault(hit.path, told)
        _OPTIONS[codebase] = table
    return _OPTIONS[codebase]
