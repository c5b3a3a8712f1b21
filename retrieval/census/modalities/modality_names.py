"""What a name says of the modality of a value: image, video, audio, text, prompt, motion …

A name is the weakest evidence there is; where data comes from is `modalities.py`'s.
"""

import re
from functools import cache

from retrieval.languages import words

_WORDS: dict[str, frozenset[str]] = {
    "image": words(
        """image images img imgs pixel pixels visual visuals vision picture pictures photo photos rgb vit clipvision
        imread face faces pil"""
    ),
    "video": words("video videos frame frames decord"),
    "audio": words(
        """audio audios audiox mel mels wav wavs waveform waveforms speech sound spectrogram spectrograms mfcc fbank
        librosa torchaudio soundfile wav2vec hubert cnhubert ssl voice"""
    ),
    "text": words(
        """text texts txt caption captions question questions sentence sentences instruction instructions bert
        language llm word words tokenizer transcript sentence_embeddings phoneme phonemes phones"""
    ),
    "prompt": words("prompt prompts"),
    "motion": words("coeff coeffs pose poses 3dmm motion smpl flame gaze blink"),
    "landmarks": words("landmark landmarks keypoint keypoints"),
    "boxes": words("bbox bboxes box boxes"),
    "depth": words("depthmap depths"),
    "point cloud": words("lidar pointcloud pointclouds pcd"),
    "sensor": words("imu thermal accelerometer eeg ecg tabular"),
}
GROUPS = {
    "video": "image",
    "landmarks": "image",
    "boxes": "image",
    "motion": "image",
    "latents": "image",
    "prompt": "text",
    "voice": "audio",
}
"""Modalities that are of the same kind when it is asked whether two differ: what is measured on a face is image."""
GEOMETRY = ("landmarks", "boxes")  # of an image; a modality of their own only beside sound
CONTEXT = words("encoder_hidden_states context xa key_value_states cross_attention_states vision_hidden_states")
"""Keywords by which a block is given the states of another encoder, to which it attends."""
_PHRASES = (
    ("input_ids", "text"),
    ("embed_tokens", "text"),
    ("tok_embeddings", "text"),
    ("lang_x", "text"),
    ("lang_feat", "text"),
    ("vis_x", "image"),
    ("vis_feat", "image"),
    ("vis_emb", "image"),
    ("vis_token", "image"),
    ("spk_emb", "voice"),
    ("speaker_emb", "voice"),
    ("voice_emb", "voice"),
    ("depth_map", "depth"),
    ("depth_image", "depth"),
    ("depth_token", "depth"),
    ("depth_stem", "depth"),
    ("depth_embed", "depth"),
    ("depth_feat", "depth"),
)
_SUBJECTS = (
    "image|img|text|txt|audio|video|mel|frame|word|pixel|prompt|waveform|wav|speech|sound|voice|caption|visual|vision|"
    "face|crop|question|sentence|photo|picture"
)
_ASPECTS = (
    "size|len\\w*|width|height|mask|dir|path|file|name|num|count|id|idx|index|indices|inds|rate|dim\\w*|start|end|shape|std|mean|"
    "res\\w*|token_(?:id|index|indices|inds)|pos\\w*|temp|temperature|prob|threshold|loss|weight|scale|flag|type|format|version|"
    "timestamp|lr|url|color|colour|font|style|button|label|column|key|config|cfg|processor|folder|root|ext|extension|suffix|"
    "prefix|dpi|quality|ratio|channel|padding|offset|stride|grid\\w*|lang|language|sr|duration|step|seed|time|stream"
)
_NOT = re.compile(
    rf"(?i)(?:^|_)(?:indices|idxs)$|^(?:{_SUBJECTS})s?(?:_\w+)?_(?:ids?|token|cls)$|guidance|(?:{_SUBJECTS})s?_?(?:{_ASPECTS})s?$|^(?:num|n|max|min|len|use|is|has|no|with|drop|return|only)_|^language$|face_?recon|interface|"
    r"surface|config$|bitmap|base64|b64"
)
_IDS = re.compile(r"(?:^|_)(?:text|phone|phoneme)_(?:token_)?ids")
_HUB = re.compile(r"(?i)hugging[ _-]?face")  # a place for models, and no face
_LATENTS = re.compile(r"(?i)^(?:\w+_)?latents?$")
_DOCUMENTED = r"^\s*[-*]?\s*(?:\S+\.)?{name}\b[^:\n]{{0,60}}:\s*(.+(?:\n(?!\s*[-*]?\s*\w+[^:\n]{{0,60}}:).+)?)$"


@cache
def named(name: str) -> str:
    """The one modality that a name says, "" for none and for several kinds."""
    name = _HUB.sub("", name)
    lowered = name.lower()
    if _IDS.search(lowered):
        return "text"
    if _NOT.search(name):
        return ""
    found = {modality for phrase, modality in _PHRASES if phrase in lowered}
    parts = re.findall(r"3dmm|wav2vec|[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+", name)
    pieces = {part.lower() for part in parts}
    found |= {modality for modality, known in _WORDS.items() if pieces & known}
    if "video" in found and not pieces & {"video", "videos"}:
        found = found - {"video"} or {"image"}  # a frame of audio is audio
    if not found and _LATENTS.match(name):
        return "latents"
    kinds = {GROUPS.get(modality, modality) for modality in found}
    return sorted(found)[-1] if len(kinds) == 1 else ""


@cache
def documented(docstring: str, parameter: str) -> str:
    """The modality that a docstring says of a parameter, "" for none and for several kinds."""
    for found in re.finditer(_DOCUMENTED.format(name=re.escape(parameter)), docstring, re.MULTILINE):
        told = {named(word) for word in re.findall(r"[A-Za-z]\w+", _HUB.sub("", found[1]))} - {"", "latents"}
        if len({GROUPS.get(modality, modality) for modality in told}) == 1:
            return min(told)
    return ""
