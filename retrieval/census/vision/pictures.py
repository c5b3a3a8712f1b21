"""Whether code may have to do with pictures at all, by the libraries that it imports."""

from retrieval.beside import once
from retrieval.census.models.roster import Roster
from retrieval.languages import words

_PICTURING = words(
    """PIL cv2 torchvision skimage imageio decord kornia albumentations webdataset diffusers timm clip open_clip av
    moviepy tensorflow keras pdf2image fitz pypdfium2 insightface mediapipe detectron2 mmcv mmdet datasets lavis
    torchmetrics lpips turbojpeg pycocotools segment_anything sam2 ultralytics"""
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
