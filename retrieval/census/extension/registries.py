"""Census kind `registries`: where code chooses by name what to run.

Tables (a dictionary of functions, classes or addresses), registration decorators and calls, dispatch through a
table, `getattr` or `importlib` with a computed name, entry points, single dispatch.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.code.statements import fact_hit
from retrieval.census.code.syntax import call_hit, call_text
from retrieval.census.extension.swap_points import MODEL_WORD
from retrieval.census.language import Query, hit_at, kind
from retrieval.census.models.families import is_model_base
from retrieval.facts import Call, CensusHit, Fact

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

DISPATCHING = frozenset(["name", "function", "call", "url"])
_REGISTER = re.compile(r"(?:^|\.)(?:register\w*|\w+_register|add_to_registry)$")
NOT_REGISTRIES = frozenset(
    [
        "register_buffer",
        "register_parameter",
        "register_module",
        "register_forward_hook",
        "register_forward_pre_hook",
        "register_full_backward_hook",
        "register_backward_hook",
        "register_hook",
        "register_state_dict_hook",
        "register_load_state_dict_pre_hook",
    ]
)
_NAMED = re.compile(r"[A-Za-z_][\w.]*")
_LITERAL = re.compile(r"""[rRuU]?(["'])[^"']*\1""")
_LOOKUP = re.compile(
    r"(?i)(?:regist|factor|_zoo|catalog)\w*\.(?:get|build|create|resolve|lookup)"
    r"(?:_(?:\w+_)?(?:class|cls|model|module|backbone|network|processor|tokenizer|encoder|builder|task|agent))?$"
)
TELLING = re.compile(r"(?i)regist|factor|_zoo|builders?$|_map(ping)?s?$|handlers?$")
LOADERS = {
    "importlib.import_module": "imports a module by a computed name",
    "__import__": "imports a module by a computed name",
    "importlib.metadata.entry_points": "reads entry points of installed packages",
    "pkg_resources.iter_entry_points": "reads entry points of installed packages",
    "stevedore.ExtensionManager": "loads plugins",
    "pluggy.PluginManager": "loads plugins",
    "hydra.utils.instantiate": "builds the class that the config names",
    "functools.singledispatch": "dispatches on the type of the first argument",
}


@kind(
    "registries",
    summary="tables of functions, classes or URLs, registrations, and dispatch by name (getattr, importlib …)",
    example="registries, or registries: *MODEL*, getattr",
    reads="python",
    options=("models",),
)
def registries(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    """Every place that chooses by name, whose table or function fits; `models=yes` keeps what is about models."""
    for hit in _all(codebase, query):
        if query.options.get("models") != "yes" or _about_models(codebase, hit):
            yield hit


def _about_models(codebase: Codebase, hit: CensusHit) -> bool:
    """Whether names say that a model is chosen; `getattr` counts on modules, an import when the module is not only
    read as a table of values."""
    subject, _, told = hit.text.partition(": ")
    if "takes the attribute that" in told:
        owner = subject.removeprefix("getattr(").partition(",")[0].strip()
        return any(item.alias == owner and not item.name for item in codebase.facts[hit.path].imports)
    if "imports a module" in told:
        item = next((d for d in codebase.facts[hit.path].definitions if d.symbol == hit.symbol), None)
        lines = codebase.snapshot.by_path[hit.path].text.split("\n")
        return item is None or not any(".__dict__" in line for line in lines[item.start - 1 : item.end])
    return bool(MODEL_WORD.search(hit.text))


def _all(codebase: Codebase, query: Query) -> Iterator[CensusHit]:
    for path, fact in codebase.all_facts("table", "decorator", "subscript_call"):
        told = _told(codebase, path, fact)
        if told and query.matches(*codebase.speller.names(path, fact.name)):
            yield fact_hit(codebase, path, fact, text=told)
    for path, call in codebase.all_calls():
        told = _loaded(codebase, path, call) or _registered(codebase, path, call)
        if told and query.matches(*codebase.speller.call_names(path, call)):
            yield call_hit(codebase, path, call, text=f"{call_text(call)}: {told}")
    for path, item in codebase.all_definitions():
        if item.name == "__getattr__" and item.kind == "function":
            lines = (item.start, item.end)
            text = "module-level `__getattr__`: attributes of the module are made on demand"
            if query.matches(item.name):
                yield hit_at(codebase, path, lines, symbol=item.symbol, name=item.name, text=text)


def _told(codebase: Codebase, path: str, fact: Fact) -> str:
    if fact.kind == "table":
        return _table(codebase, path, fact)
    if fact.kind == "subscript_call":
        return _dispatch(codebase, path, fact)
    method = fact.name.rpartition(".")[2]
    if method == "register_to_config":
        return ""  # keeps the arguments of a constructor
    if method in ("singledispatch", "singledispatchmethod") or _REGISTER.search(fact.name):
        target = codebase.speller.decorated(path, fact)
        return f"{fact.text} registers {target.kind} `{target.symbol}`" if target else fact.text
    return ""


def _dispatch(codebase: Codebase, path: str, fact: Fact) -> str:
    key = fact.detail["key"]
    found = codebase.resolve_local(path, fact.name)
    launched = key == "grid" or key.startswith(("(", "lambda"))  # a Triton kernel and its grid
    inside = fact.name.startswith("self.") and _is_module(codebase, path, fact.symbol)  # layers by index
    if (
        launched
        or inside
        or key[:1] in ('"', "'")
        or _LITERAL.fullmatch(key)
        or fact.name == "getattr"
        or (found is not None and found[1].kind != "class")
    ):
        return ""
    return f"{fact.text}: calls what `{key}` selects in `{fact.name}`"


def _is_module(codebase: Codebase, path: str, symbol: str) -> bool:
    """Whether a method belongs to a neural-network module."""
    owner = symbol.rpartition(".")[0]
    own = [item for item in codebase.facts[path].definitions if item.symbol == owner and item.kind == "class"]
    return any(is_model_base(base) for item in own for base in codebase.bases(path, item))


def _is_registration(name: str) -> bool:
    return bool(_REGISTER.search(name)) and name.rpartition(".")[2] not in NOT_REGISTRIES


def _table(codebase: Codebase, path: str, fact: Fact) -> str:
    """A table of things to run or fetch, or one with a telling name outside of functions."""
    forms = set(fact.detail["forms"].split(", "))
    outside = fact.detail["scope"] in ("module", "class")
    forms -= {"call"} if not outside else set()
    outside = outside or fact.name.startswith("self.")
    named = fact.detail["names"].split(", ") if fact.detail["names"] else []
    known = [codebase.resolve_local(path, name) is not None for name in named]
    runs = any(known) if outside else bool(known) and all(known)
    if not (runs or (outside and (forms & DISPATCHING or TELLING.search(fact.name)))):
        return ""
    if fact.detail["size"] == "0":
        return f"`{fact.name}`: an empty table, filled elsewhere"
    keys = fact.detail["keys"]
    shown = keys if len(keys) <= 160 else f"{keys[:160]}…"
    holds = fact.detail["names"] or fact.detail["forms"]
    shown_holds = holds if len(holds) <= 120 else f"{holds[:120]}…"
    return f"`{fact.name}`: a table of {fact.detail['size']} ({shown_holds}) by {shown}"


def imports_by_name(call: Call) -> bool:
    """Whether a call imports a module whose name is computed."""
    importing = call.name in ("importlib.import_module", "__import__")
    return importing and bool(call.arguments) and not _LITERAL.fullmatch(call.arguments[0])


def _loaded(codebase: Codebase, path: str, call: Call) -> str:
    if call.name in LOADERS:
        fixed = call.name in ("importlib.import_module", "__import__") and not imports_by_name(call)
        return "" if fixed else LOADERS[call.name]
    if call.name == "getattr" and len(call.arguments) > 1:
        name = call.arguments[1]
        return "" if _LITERAL.fullmatch(name) else f"takes the attribute that `{name}` names"
    if call.name.endswith(".__subclasses__"):
        return "lists the subclasses known at run time"
    found = codebase.resolve_call(path, call)
    return "" if found is not None and found[1].kind == "function" else looked_up(call)


def registry_lookups(codebase: Codebase) -> list[tuple[str, int]]:
    """The methods by which source code asks registries from elsewhere for a class of a computed name, with counts."""
    counts = Counter(
        ".".join(call.name.split(".")[-2:])
        for path, call in codebase.all_calls()
        if codebase.snapshot.by_path[path].role == "source"
        and looked_up(call)
        and not _is_own(codebase, path, call)
        and not call.name.endswith(".get")  # any table is asked so
    )
    return sorted(counts.items(), key=lambda item: ("model" not in item[0], -item[1]))


def _is_own(codebase: Codebase, path: str, call: Call) -> bool:
    """Whether a call reaches a definition of the repository, which says itself what it does."""
    return codebase.resolve_call(path, call) is not None


def looked_up(call: Call) -> str:
    """What a call gets by a computed name from a registry that has a method for it, such as `get_model_class`."""
    if _LOOKUP.search(call.name) and call.arguments and not _LITERAL.fullmatch(call.arguments[0]):
        return f"looks up by the name in `{call.arguments[0]}`"
    return ""


def _registered(codebase: Codebase, path: str, call: Call) -> str:
    if not _is_registration(call.name) or call.text.startswith("@") or not (call.arguments or call.keywords):
        return ""
    given = [*call.arguments, *(value for _, value in call.keywords)]
    told = any(_NAMED.fullmatch(text) and text.rpartition(".")[2][:1].isupper() for text in given)
    known = any(_NAMED.fullmatch(text) and codebase.resolve_local(path, text) is not None for text in given)
    if not (told or known) or call.name.partition(".")[0] in ("atexit", "signal", "codecs"):
        return ""
    return "registers" + (f" {call.arguments[0]}" if call.arguments else "")
