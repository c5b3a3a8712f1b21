"""Whether code may have to do with pictures at all, by the libraries that it imports, or with nothing else."""

import re

from retrieval.beside import once
from retrieval.census.language import run_query
from retrieval.census.meaning.values import ClassRef
from retrieval.census.modalities.worked_with import reads_text, works_with_audio
from retrieval.census.models.roster import Roster
from retrieval.census.models.tiers import anatomy_of, snake
from retrieval.languages import words

_PICTURING = words(
    """PIL cv2 torchvision skimage imageio decord kornia albumentations webdataset diffusers timm clip open_clip av
    moviepy tensorflow keras pdf2image fitz pypdfium2 insightface mediapipe detectron2 mmcv mmdet datasets lavis
    torchmetrics lpips turbojpeg pycocotools segment_anything sam2 ultralytics"""
)
NO_PICTURES = re.compile(
    r"(?i)loss|config|text|dataset|processor|tokenizer|output|mixin|discriminator|metric|embeddings?$|layer|attention|block"
)
_SOUNDING = words("librosa torchaudio soundfile pydub pyaudio sounddevice audioread pyworld torchcrepe julius encodec")


@once
def has_pictures(roster: Roster) -> bool:
    """Whether code may have to do with pictures: where it imports libraries of sound and none of pictures, a name like
    `img` says nothing."""
    roles = roster.program.snapshot.by_path
    facts = (item for path, item in roster.program.facts.items() if roles[path].role in ("source", "example"))
    modules = {item.module.partition(".")[0] for found in facts for item in found.imports}
    return bool(modules & _PICTURING) or not modules & _SOUNDING


def of_pictures(roster: Roster, cls: ClassRef) -> bool:
    """Whether a whole model of the repository is of images because code deals with nothing else: no sound, no text."""
    whole = not NO_PICTURES.search(snake(cls.definition.name))
    return whole and pictures_only(roster) and anatomy_of(roster.program, roster.family.bases).tier(cls) == "model"


@once
def pictures_only(roster: Roster) -> bool:
    """Whether code works on images, and with no library of sound or text."""
    works = any(hit.role == "source" for hit in run_query(roster.codebase, "image_work").hits)
    return works and not reads_text(roster.program) and not works_with_audio(roster.program)
