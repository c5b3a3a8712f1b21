"""Kinds of work that modules of a repository do: define, load or run models, options, interfaces, files, training."""

import re
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.models.families import is_model_base
from retrieval.census.models.touches import touches_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_CALLS = {
    "loads weights": r"(?:^|\.)(?:torch\.load|from_pretrained|load_state_dict|load_checkpoint)$",
    "parses options": r"^(?:argparse|click|typer|fire|absl|hydra|simple_parsing|tyro)\b",
    "builds an interface or serves": r"^(?:gradio(?!\.(?:Progress|update|skip|Error|Warning|Info|Request)\b)|streamlit"
    r"|flask|fastapi(?!\.(?:HTTPException|Depends|Query|Body|File|Form|Header)\b)|(?:custom)?tkinter|PyQt\d|PySide\d)\b",
    "reads or writes files": r"^(?:open|json\.dump|json\.load|yaml\.\w*(?:load|dump)|pickle\.\w+|torch\.save"
    r"|numpy\.(?:save|load)|cv2\.im(?:read|write)|shutil\.\w+|os\.(?:makedirs|remove)|soundfile\.\w+)$",
    "downloads": r"(?:^|[._])(?:download\w*|urlretrieve|urlopen|snapshot_download|gdown)$|^requests\.(?:get|post)$",
    "trains": r"\.(?:backward|zero_grad)$|^torch\.optim\.",
    "starts programs": r"^(?:subprocess\.|os\.(?:system|popen))",
}
_PATTERNS = {name: re.compile(pattern) for name, pattern in _CALLS.items()}


@once
def concerns_of(codebase: "Codebase") -> dict[str, tuple[str, ...]]:
    """Path → the kinds of work that the calls and classes of a module do."""
    models = {path for path, _item, bases in codebase.classes() if any(map(is_model_base, bases))}
    running = {touch.path for found in touches_of(codebase).values() for touch in found if touch.does != "loads"}
    table: dict[str, tuple[str, ...]] = {}
    for path, facts in codebase.facts.items():
        if facts.language != "python":
            continue
        names = {call.name for call in facts.calls}
        found = ["defines models"] if path in models else []
        found += ["runs models"] if path in running else []
        found += [name for name, pattern in _PATTERNS.items() if any(map(pattern.search, names))]
        table[path] = tuple(found)
    return table
