"""Which kinds of data a repository works with at all, by the libraries that its files import."""

from typing import TYPE_CHECKING

from retrieval.beside import Beside
from retrieval.facts import FileFacts
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.census.meaning.program import Program

_AUDIO_LIBRARIES = words("librosa torchaudio soundfile encodec pyaudio sounddevice pydub whisper faster_whisper")
_TEXT_LIBRARIES = words(
    """transformers tokenizers sentencepiece tiktoken nltk spacy ftfy diffusers clip open_clip openai anthropic ollama
    vllm"""
)
_TEXT: "Beside[Program, frozenset[str]]" = Beside()
_AUDIO: "Beside[Program, bool]" = Beside()
_HEARS: "Beside[Program, bool]" = Beside()
_IMAGE_LIBRARIES = words(
    "PIL cv2 torchvision timm skimage imageio kornia mmcv decord clip open_clip diffusers insightface moviepy"
)


def works_with_audio(program: "Program") -> bool:
    """Whether any file of the repository imports a library of audio."""
    if program not in _AUDIO:
        modules = {item.module.partition(".")[0] for facts in program.facts.values() for item in facts.imports}
        _AUDIO[program] = bool(modules & _AUDIO_LIBRARIES)
    return _AUDIO[program]


def hears_only(program: "Program") -> bool:
    """Whether code works with audio and imports no library of images: then names of pictures are of spectrograms."""
    if program not in _HEARS:
        modules = {item.module.partition(".")[0] for facts in program.facts.values() for item in facts.imports}
        _HEARS[program] = works_with_audio(program) and not modules & _IMAGE_LIBRARIES
    return _HEARS[program]


def sees(program: "Program") -> bool:
    """Whether any file of the repository imports a library of images."""
    return any(
        item.module.partition(".")[0] in _IMAGE_LIBRARIES for facts in program.facts.values() for item in facts.imports
    )


def reads_text(program: "Program", path: str = "") -> bool:
    """Whether a file beside `path` takes text apart, below the same first folder: then tokens and prompts are of text.

    Without a path, whether any file of the repository does.
    """
    if program not in _TEXT:
        _TEXT[program] = frozenset(
            path.rpartition("/")[0] for path, facts in program.facts.items() if _is_of_text(facts)
        )
    head, below, _ = path.partition("/")
    return any(not below or folder == head or folder.startswith(f"{head}/") for folder in _TEXT[program])


def _is_of_text(facts: FileFacts) -> bool:
    modules = {item.module.partition(".")[0] for item in facts.imports}
    return bool(modules & _TEXT_LIBRARIES) or any("tokeniz" in item.name.lower() for item in facts.definitions)
