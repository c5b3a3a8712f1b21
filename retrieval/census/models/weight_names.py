"""The argument by which a loader of a library is told what to load: by keyword, first in line, or in its settings."""

import re

from retrieval.census.meaning.body import Binding
from retrieval.census.meaning.spots import arguments, key_of
from retrieval.census.models.made_models import Made, is_served
from retrieval.census.models.model_servers import served_name
from retrieval.parse import Node, descendants

_NAMING = re.compile(
    r"(?:^|_)(?:model|path|ckpt|checkpoint|weights?|name|repo|pretrained|arch|url|file|id|size\w*)(?:_|$)"
)
_NOT_NAMING = re.compile(
    r"device|dtype|type$|tokenizer|kwargs|config$|args$|class|token|(?<!model_)(?<!weights_)(?<!checkpoint_)dir$|root"
)
_FILE = re.compile(r"(?:^|_)(?:resume|checkpoint|ckpt|weights|pretrained|path|file)\w*$")
_PLACED = re.compile(r"(?:^|_)(?:device|dtype|torch_dtype)$|^(?:cpu|cuda(?::\d+)?|mps|auto)$")  # where, not what
_SETTING = re.compile(r"(?:^|[._])(?:model|weights?|checkpoint|ckpt|save|artifacts)_?(?:path|dir|file|name)$")


def naming(made: Made) -> Node | None:
    """The argument that names what a loader loads: a name, a file or a folder; None when none does."""
    if is_served(made):
        return served_name(made.frame, made.step)
    return _argument(made) or _in_settings(made)


def _argument(made: Made) -> Node | None:
    text = made.frame.body.tree.text
    given = arguments(made.step.node, keywords=True)
    for child in given:
        if child.type == "keyword_argument":
            name, value = text(child.child_by_field_name("name")), child.child_by_field_name("value")
            if value is not None and value.type in ("true", "false", "integer", "float", "none"):
                continue
            called = text(value.child_by_field_name("function")) if value is not None and value.type == "call" else ""
            built = called.rpartition(".")[2][:1].isupper() and not called.endswith("Path")
            if _NAMING.search(name) and not _NOT_NAMING.search(name) and not built:
                return value
    plain = [c for c in given if c.type not in ("keyword_argument", "list_splat", "dictionary_splat")]
    if not plain or plain[0].type in ("integer", "float", "list", "true", "false", "none"):
        return None
    last = made.step.written.rpartition(".")[2]
    files = [c for c in plain[1:3] if _FILE.search(text(c).rpartition(".")[2])]
    if files and not _NAMING.search(text(plain[0]).rpartition(".")[2].lower()) and plain[0].type == "identifier":
        return files[0]  # `load_model(net, args.resume)`
    written = text(plain[0]).rpartition(".")[2].strip("\"'])")
    if _PLACED.search(written):
        return None
    loads = (last[:1].islower() and not last.startswith("build")) or plain[0].type in ("string", "concatenated_string")
    return plain[0] if loads or _NAMING.search(written.lower()) else None


def _in_settings(made: Made) -> Node | None:
    """The value under a key that names a model, in a dictionary that a loader is given and the body writes."""
    text = made.frame.body.tree.text
    given = arguments(made.step.node, keywords=True)
    values = [node.child_by_field_name("value") if node.type == "keyword_argument" else node for node in given]
    names = {text(node) for node in values if node is not None and node.type in ("identifier", "attribute")}
    written = [node for node in values if node is not None and node.type == "dictionary"]
    written += [b.value for b in made.frame.body.bindings if b.name in names and b.value is not None]
    pairs = [pair for node in written for pair in descendants(node) if pair.type == "pair"]
    keyed = ((key_of(text(pair.child_by_field_name("key"))), pair.child_by_field_name("value")) for pair in pairs)
    found = [
        value for key, value in keyed if value is not None and value.type != "none" and _SETTING.search(key.strip("'"))
    ]
    stored = (store for store in made.frame.body.stores if store.name in names)
    found += [store.value for store in stored if store.value is not None and _SETTING.search(_key(store, made))]
    return found[0] if found else None


def _key(store: Binding, made: Made) -> str:
    """The last key under which a container is given something: `save_dir` of `config["model"]["save_dir"] = path`."""
    outer = store.value.parent if store.value is not None else None
    left = outer.child_by_field_name("left") if outer is not None else None
    return re.sub(r".*\[[\"']|[\"']\]$", "", made.frame.body.tree.text(left)) if left is not None else ""
