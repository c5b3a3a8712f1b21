"""Whether a JSON or YAML file is a data table (word list, vocabulary, label map, records) and not configuration.

Judged by what it holds: many entries of one plain shape. A file that is named in a function about configuration,
or in one that builds models, is configuration whatever it holds.
"""

import json
import re
from functools import lru_cache
from typing import TYPE_CHECKING

import yaml

from retrieval.facts import Call
from retrieval.snapshot import SourceFile

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

CONFIGURING = re.compile(r"(?i)(conf|cfg|setting|param|option|hparam|args|preset|experiment)")
_BUILDING = re.compile(r"(?i)(?:build|create|load|make|init|get)_\w*model|from_pretrained")
_DATA_WORDS = re.compile(
    r"(?i)(?:^|[\W_])(?:vocab\w*|labels?|label_map|classes|class_names|words?|word_?list|tokens?|merges|synsets?|categories|"
    r"annotations?|captions?|stop_?words|synonyms?|spellings?|answers?|questions?|records?|samples?)(?:$|[\W_])"
)
_LARGEST = 400_000  # bytes of YAML that are worth parsing
_LIST, _TABLE, _NUMBERED = 20, 50, 20


def is_data_table(codebase: "Codebase", file: SourceFile) -> bool:
    """Whether a configuration-like file is a data table that no configuring code names."""
    if file.language not in ("json", "yaml") or not _tabular(_content(file)):
        return False
    name = file.path.rpartition("/")[2]
    places = [fact for _path, fact in codebase.all_facts("string") if name in fact.name]
    return not any(CONFIGURING.search(fact.symbol) or _BUILDING.search(fact.symbol) for fact in places)


def reads_data(call: Call) -> bool:
    """Whether the words of a loading call are of data and none of configuration."""
    said = " ".join([*call.arguments, *call.assigned, call.symbol])
    return _DATA_WORDS.search(said) is not None and CONFIGURING.search(f"{said} {call.text}") is None


@lru_cache(maxsize=512)
def _content(file: SourceFile) -> object:
    try:
        if file.language == "json":
            return json.loads(file.data)
        return yaml.safe_load(file.data) if len(file.data) <= _LARGEST else None
    except (ValueError, RecursionError, yaml.YAMLError):
        return None


def _tabular(value: object, depth: int = 0) -> bool:
    """Many entries of one plain shape: scalars of one type, rows of scalars, or records with the same keys."""
    if isinstance(value, list):
        return len(value) >= _LIST and (_uniform(value) or _records(value))
    if not isinstance(value, dict) or not value:
        return False
    if len(value) <= 3:
        return depth == 0 and any(_tabular(inner, 1) for inner in value.values())
    numbered = all(str(key).lstrip("-").isdecimal() for key in value)
    return len(value) >= (_NUMBERED if numbered else _TABLE) and _uniform(list(value.values()))


def _uniform(values: list[object]) -> bool:
    kinds = {type(value) for value in values}
    if kinds <= {list}:
        return all(not isinstance(item, list | dict) for row in values if isinstance(row, list) for item in row)
    return len(kinds) == 1 and kinds <= {str, int, float}


def _records(values: list[object]) -> bool:
    keys = {tuple(sorted(map(str, value))) for value in values if isinstance(value, dict)}
    return len(keys) == 1 and all(isinstance(value, dict) for value in values)
