"""The value of an entry that code takes out of a configuration file of the repository: `config["pretrained"]`.

Only a file whose path is written out counts, such as the default of the option that names it.
"""

import re
from typing import TYPE_CHECKING

from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.settings.config_files import config_entries
from retrieval.parse import Node

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_READING = re.compile(
    r"(?:^|\.)(?:yaml\.(?:\w+_)?load|json\.loads?|tomllib\.load|toml\.load|OmegaConf\.load|load_hyperpyyaml|load_yaml\w*|\w*load_config\w*)$"
)


def reads_config(spot: Spot) -> Node | None:
    """The argument that names the file, when a spot reads a configuration of which an entry is wanted."""
    given = arguments(spot.node) if spot.node.type == "call" and spot.take else []
    written = spot.frame.body.tree.text(spot.node.child_by_field_name("function")) if given else ""
    return given[0] if given and _READING.search(written) else None


def entry(codebase: "Codebase", path: str, take: tuple[str, ...]) -> str:
    """What stands in a configuration file under the keys of `take`, the outermost last; "" for nothing."""
    keys = [part.lstrip(".").strip("'\"") for part in reversed(take)]
    if not all(re.fullmatch(r"[\w-]+", key) for key in keys):
        return ""
    table = config_entries(codebase).get(path.removeprefix("./"), [])
    return next((item.value.strip("'\"") for item in table if item.key == ".".join(keys)), "")
