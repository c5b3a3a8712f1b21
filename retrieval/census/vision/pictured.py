"""Whether code deals with images and with video at all: by what it imports, does with pictures, and what it names.

A kind is denied only where not a word of the code names it.
"""

import re
from typing import TYPE_CHECKING

from retrieval.beside import once
from retrieval.census.language import run_query
from retrieval.census.meaning.program import program_of
from retrieval.census.modalities.worked_with import hears_only

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

_CODE = ("python", "notebook")
_WORD = re.compile(rb"(?i)video(?! game)")
_FILMS = (
    "imports: decord, moviepy, pytorchvideo, torchvision.io.read_video, torchcodec, eva_decord, target=library",
    "calls: cv2.VideoCapture, cv2.VideoWriter, imageio.mimsave, imageio.get_writer, torchvision.io.*video*, "
    "diffusers.utils.export_to_video",
)


@once
def films(codebase: "Codebase") -> bool:
    """Whether the code itself reads, samples or writes video."""
    queries = ("video_frames", *_FILMS)
    if any(hit.role == "source" for query in queries for hit in run_query(codebase, query).hits):
        return True
    return any("ideo" in hit.symbol for hit in run_query(codebase, "image_work").hits if hit.role == "source")


@once
def names_video(codebase: "Codebase") -> bool:
    """Whether any line of code names video."""
    files = codebase.snapshot.files
    return films(codebase) or any(
        file.language in _CODE and file.role == "source" and _WORD.search(file.data) for file in files
    )


@once
def leaves_video(codebase: "Codebase") -> bool:
    """Whether code does nothing with video: no call reads, samples or writes it, and ffmpeg is not named."""
    files = [file for file in codebase.snapshot.files if file.language in _CODE and file.role == "source"]
    return not films(codebase) and not any(b"ffmpeg" in file.data for file in files)


def only_sound(codebase: "Codebase") -> bool:
    """Whether code works with audio and no library of images, so that latents and networks are of sound."""
    return hears_only(program_of(codebase))


def kinds_of_pictures(codebase: "Codebase") -> str:
    """ "images and video", or "images" where the code itself does nothing with video."""
    return "images and video" if films(codebase) else "images"
