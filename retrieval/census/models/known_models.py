"""Which outside classes and functions give models, and what each is for: `data/models.yaml`."""

import re
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

import yaml

from retrieval.census.models.families import COMPANIONS
from retrieval.languages import words

TABLE = Path(__file__).parents[2] / "data" / "models.yaml"


@dataclass(frozen=True, slots=True)
class Known:
    """A kind of library model: its purpose, modalities, and the methods that make it compute.

    `hosted`: it runs elsewhere. `immediate`: the call itself runs the model. `wraps`: it wraps the model it is given.
    `side`: it only guards or marks what other models make.
    """

    patterns: tuple[str, ...]
    does: str = ""
    takes: tuple[str, ...] = ()
    gives: str = ""
    runs: frozenset[str] = frozenset()
    hosted: bool = False
    immediate: bool = False
    wraps: bool = False
    companion: bool = False
    side: bool = False


@cache
def _rows() -> tuple[Known, ...]:
    table = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    return tuple(
        Known(
            tuple(row["name"].split("|")),
            row.get("does", ""),
            tuple(filter(None, (word.strip() for word in row.get("takes", "").split(",")))),
            row.get("gives", ""),
            frozenset(row.get("runs", ())),
            row.get("hosted", False),
            row.get("immediate", False),
            row.get("wraps", False),
            row.get("companion", False),
            row.get("side", False),
        )
        for row in table["models"]
    )


@cache
def wrappers() -> frozenset[str]:
    """Outside functions and classes whose result is the model they were given."""
    return frozenset(yaml.safe_load(TABLE.read_text(encoding="utf-8"))["wrappers"])


_GIVING = words("from_pretrained from_single_file load_from_checkpoint from_hparams restore_from")


@cache
def library_parts(maker: str) -> str:
    """The models that a pipeline of a library has in memory together, in words; "" when that is not known."""
    rows = yaml.safe_load(TABLE.read_text(encoding="utf-8"))["holds"]
    return next((row["parts"] for row in rows if any(fnmatchcase(maker, name) for name in row["name"].split("|"))), "")


@cache
def files_read(maker: str) -> str:
    """What files a library reads the weights of its models from, in words; "" when that is not known."""
    rows = yaml.safe_load(TABLE.read_text(encoding="utf-8"))["reads"]
    return next((row["files"] for row in rows if any(fnmatchcase(maker, name) for name in row["name"].split("|"))), "")


_LAYER = re.compile(
    r"(?:Projection|Embeddings?|Timesteps|Norm\d*d?|Attention|AttnProcessor\w*|Block\w*|Layer|Activation|Dropout)$"
)
_MODEL_CLASS = re.compile(r"(?:Model|LM|LLM|Network|Net)$")
_BUILDING = re.compile(r"(?:Block|Bottleneck|Residual|Activation|Layer|Conv|Predictor|Head)$")  # building blocks
_RESULT = re.compile(r"[a-z]Output(?:s|With\w*)?$")  # records of what a model gives
_OTHER = frozenset(
    words(
        """torch tensorflow keras numpy pandas polars sklearn scipy accelerate deepspeed apex copy pydantic django
        fastapi flask sqlalchemy gradio streamlit wandb requests httpx datasets matplotlib omegaconf hydra sounddevice
        pyaudio pysbd nltk jieba sacremoses langdetect phonemizer gruut unidecode num2words inflect pypinyin
        webrtcvad cv2 skimage imutils"""
    )
    | sys.stdlib_module_names
)
"""Packages whose objects are tensors, tables, layers or wrappers when `known_model` does not know them."""


def may_make(maker: str) -> bool:
    """Whether an outside name may give a model, if what it gives is used as one."""
    named_so = COMPANIONS.search(maker) or _LAYER.search(maker)
    return maker.partition(".")[0] not in _OTHER and not named_so and maker not in wrappers()


def _forked(maker: str) -> Known | None:
    """What a copy of a library under the name of its publisher gives: `acme_paddleocr.PaddleOCR`."""
    head, _, rest = maker.partition(".")
    original = head.partition("_")[2]
    return known_model(f"{original}.{rest}") if len(original) > 3 and rest else None


@cache
def known_model(maker: str) -> Known | None:
    """What calling the outside name `maker` gives, when that is a model; None for everything else."""
    last = maker.rpartition(".")[2]
    if _RESULT.search(last) or (maker.startswith("torchvision.models.") and _BUILDING.search(last)):
        return None
    if COMPANIONS.search(maker) and not maker.startswith(("sentence_transformers.", "TTS.", "pyannote.")):
        return None
    if maker.startswith("transformers.") and not maker.startswith("transformers.pipeline"):
        made = ("from_pretrained", "from_config", "_from_config")
        if last not in made and not last.endswith(
            ("Model", "LM", "Generation", "Classification", "Detection", "Pipeline", "Projection")
        ):
            return None
    if maker.startswith("langchain") and last[:1].islower() and last != "init_chat_model":
        return None
    if maker.startswith("diffusers.") and last[:1].islower() and not last.startswith(("from_", "load_")):
        return None
    found = next((row for row in _rows() if any(fnmatchcase(maker, pattern) for pattern in row.patterns)), None)
    owner = maker.rpartition(".")[0].rpartition(".")[2]
    if found is None and (fork := _forked(maker)) is not None:
        return fork
    if found is None and last == "from_config" and _MODEL_CLASS.search(owner) and may_make(maker):
        return Known((maker,))  # built from its configuration, the weights come after
    if found is None and last in _GIVING and owner[:1].isupper():
        return Known((maker,))  # a class of any library that loads its weights by name
    return found if found and not found.companion else None
