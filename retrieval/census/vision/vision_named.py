"""Kinds `vision_classes` and `named_embeddings`: what only names say of vision, in code that deals with pictures."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from retrieval.census.language import Query, kind, run_query
from retrieval.census.vision.pictured import only_sound
from retrieval.facts import CensusHit

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

CLASSES = (
    "defines: class *Vision*, class *Visual*, class *Image*, class *Video*, class *ViT*, class *ResNet*, "
    "class *Resnet*, class *PatchEmbed*, class *Swin*, class *CLIP*, class *Detector, class *Segmentor, "
    "class *EVA*, class *CoCa*, class *Blip*, class *Sam, class Sam[A-Z]*, class *Timm*, class *Renderer*, "
    "class *FaceNet*, !class *Loss*, !class *Cfg, !class *Config, !class *Dataset*, !class *TextTransformer*, "
    "!class *TextEncoder*"
)
EMBEDDINGS = (
    "assigns: *image_embeds, *image_embedding, *image_embeddings, *image_features, *image_feats, *img_embeds, "
    "*img_embedding, *img_features, *visual_features, *vision_embeds, *visual_embeds, *image_latents, *video_embeds, "
    "*video_features"
)


@kind(
    "vision_classes",
    summary="classes with a name of vision, in code that deals with pictures at all",
    example="vision_classes",
    reads="python",
    ordered=True,
)
def vision_classes(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per class; patterns match its name."""
    yield from _named(codebase, query, CLASSES)


@kind(
    "named_embeddings",
    summary="variables that are named as embeddings of images, in code that deals with pictures at all",
    example="named_embeddings",
    reads="python",
    ordered=True,
)
def named_embeddings(codebase: "Codebase", query: Query) -> Iterator[CensusHit]:
    """One hit per assignment; patterns match the name."""
    yield from _named(codebase, query, EMBEDDINGS)


def _named(codebase: "Codebase", query: Query, asked: str) -> Iterator[CensusHit]:
    if not only_sound(codebase):
        yield from (hit for hit in run_query(codebase, asked).hits if query.matches(hit.name))
