"""What names say an object is, a model or a tensor: of outside functions and classes, annotations, variables.

The lists name public libraries and usual words; nothing here is about any one repository.
"""

import re
from typing import Literal

from retrieval.census.models.families import COMPANIONS, MODELISH, is_library_model, is_model_base

What = Literal["model", "tensor", "unknown"]
By = Literal["type", "use", "name", ""]
Judged = tuple[What, By]  # what it is, and what tells that
UNKNOWN: Judged = ("unknown", "")

TENSOR_MAKER = re.compile(
    r"torch\.(?:\w*Tensor|nn\.(?:parameter\.)?Parameter|(?:nn\.functional|linalg|fft|special|random)\.\w+|"
    r"(?!load|save|device|compile|manual_seed|is_|set_|get_|no_grad|inference_mode|autocast|dtype|finfo|iinfo)[a-z]\w*)$"
    r"|torchvision\.transforms\.(?:v2\.)?functional\.\w+$|torchaudio\.functional\.\w+$|einops\.(?:rearrange|repeat|reduce)$"
    r"|torch\.utils\.data\.DataLoader$|jaxtyping\.\w+$"
)
_MODEL_MAKER = re.compile(
    r"torch\.nn\.(?:modules\.\w+\.|parallel\.)?(?!Parameter)[A-Z]\w*$|torch\.(?:compile|hub\.load|jit\.(?:load|script|trace))$"
    r"|torchvision\.models\.(?:\w+\.)?\w+$|timm\.create_model$|(?:\w+\.)*(?:create_model|load_model)(?:_and_\w+)?$"
)
FACTORY = re.compile(
    r"(?:load|create|build|get|make|init|setup|instantiate)_(?:\w+_)?(?:model|net|network|encoder|decoder|backbone)"
    r"(?:_(?:and|from|with|for)_\w+)?$"
)
_TENSOR_TYPE, _MODEL_TYPE = re.compile(r"\b\w*Tensor\b"), re.compile(r"\b(?:nn\.Module|Module|PreTrainedModel)\b")
_TENSOR_NAME = re.compile(
    r"(?:^|_)(?:images?|imgs?|pixel_values|input_ids|tokens?|token_ids|texts?_tokens|tokenized_texts?|features?|masks?|"
    r"hidden_states?|embeddings?|embeds?|logits|labels?|targets?|mel|mels|waveforms?|audio_features|points?|boxes|tensors?)$"
)


def made_by(maker: str) -> Judged:
    """What calling an outside function or class gives."""
    last = maker.rpartition(".")[2]
    if TENSOR_MAKER.match(maker):
        return "tensor", "type"
    if COMPANIONS.search(maker):
        return UNKNOWN
    loaded = last == "from_pretrained" or FACTORY.match(last) or _MODEL_MAKER.match(maker)
    if loaded or is_model_base(maker) or (is_library_model(maker) and last[:1].isupper()):
        return "model", "type"
    return UNKNOWN


def annotated(written: str) -> Judged:
    """What an annotation as written promises, where it names the type at all."""
    if _MODEL_TYPE.search(written):
        return "model", "type"
    return ("tensor", "type") if _TENSOR_TYPE.search(written) else UNKNOWN


def by_name(name: str) -> Judged:
    """What the name of a variable or key suggests."""
    if MODELISH.search(name):
        return "model", "name"
    return ("tensor", "name") if _TENSOR_NAME.search(name.lower()) else UNKNOWN
