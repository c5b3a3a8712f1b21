"""What a place is that lets a model be replaced: in one clause, in one sentence, with where it is defined and used."""

import re
from dataclasses import dataclass
from typing import Literal

Sort = Literal["configuration", "registering", "plug-in", "argument", "handed", "table", "selecting", "subclassing"]
MODEL_WORD = re.compile(
    r"(?i)model|(?:^|_)nets?(?:$|_)|network|arch(?:$|_|itect)|backbone|encoder|decoder|tower|detector|recogni[sz]er"
    r"|predictor|engine|pipeline|checkpoint|pretrained|llm|vlm|unet|vae|(?<!re)sampler|pooler"
)
"""Words of names that are about models or their parts."""

ENGINE_WORD = re.compile(
    rf"{MODEL_WORD.pattern}|inference|logit|embedd|agent|ocr|tts|vocod|transformer|classif|service"
)
"""Words of names that are about what runs a model, too."""


@dataclass(frozen=True, slots=True)
class Point:
    """One extension point: `short` ends "by configuration alone, …", `said` is the whole sentence."""

    sort: Sort
    short: str
    said: str
    path: str
    lines: tuple[int, int]
    symbol: str = ""
    related: tuple[tuple[str, str, int, int], ...] = ()
    models: tuple[str, ...] = ()  # names of entries that it makes replaceable
    holds: tuple[tuple[str, str], ...] = ()  # path and symbol of the classes in whose place, or below which, one comes
