"""A small repository and its evidence, for the tests of the verifier."""

from collections.abc import Sequence
from pathlib import Path

from agent.backing import Census
from agent.contradictions import Assertion
from agent.state import DraftClaim, Evidence, Verdict
from agent.verify import judge
from retrieval.snapshot import Snapshot, SourceFile

ENGINE = '''\
"""Loading and running captioners."""
import os
import torch
from typing import Optional

BEAM_WIDTH = 5
SAMPLE_RATE = 22_050


class Captioner(torch.nn.Module):
    """Writes a caption for one picture."""

    def __init__(self, width: int = 512, depth: int = 6):
        super().__init__()
        self.width = width
        self.layers = torch.nn.ModuleList([Block(width) for _ in range(depth)])

    def forward(self, pixels):
        for layer in self.layers:
            pixels = layer(pixels)
        return pixels


def load_captioner(name: str, device: Optional[str] = None, root: str = "~/.cache/captioner"):
    """Load weights by name or by path."""
    if device is None:
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if not os.path.isfile(name):
        raise FileNotFoundError(f"model {name} not found")
    weights = torch.load(name, map_location=device)
    model = Captioner(weights["width"])
    model.load_state_dict(weights["state"])
    return model.to(device)


def resize_picture(picture, side=224):
    picture = picture.resize((side, side))
    return picture


def caption(model, picture, beams=BEAM_WIDTH):
    pixels = resize_picture(picture)
    try:
        return model(pixels)
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
        return None
'''
README = "# Captioner\n\nWrites captions for pictures with a convolutional network trained on COCO.\n"

SNAPSHOT = Snapshot(
    root=Path("/nowhere"),
    name="captioner",
    commit="",
    files=(
        SourceFile("README.md", README.encode(), "markdown", "docs"),
        SourceFile("captioner/engine.py", ENGINE.encode(), "python", "source"),
    ),
    skipped=(),
)
PATH = "captioner/engine.py"
NUMBERED = {text: number for number, text in enumerate(ENGINE.split("\n"), 1)}


def line(start: str) -> int:
    """The number of the first line of the module that begins with `start` (blanks aside)."""
    return next(number for text, number in NUMBERED.items() if text.strip().startswith(start))


def code(name: str, first: str, last: str) -> Evidence:
    """A code item from the line beginning with `first` to the one beginning with `last`."""
    span = (PATH, line(first), line(last))
    return Evidence(id=name, kind="code", title=PATH, spans=(span,), text="")


SHOWN = {
    item.id: item
    for item in (
        code("E1", "class Captioner", "return pixels"),
        code("E2", "def load_captioner", "return model.to"),
        code("E3", "def resize_picture", "return None"),
        Evidence(
            id="E4",
            kind="census",
            title="calls that free GPU memory",
            spans=((PATH, line("torch.cuda.empty_cache"), line("torch.cuda.empty_cache")),),
            text=f"{PATH}:{line('torch.cuda.empty_cache')} in caption: torch.cuda.empty_cache()",
        ),
        Evidence(id="E5", kind="code", title="README.md", spans=(("README.md", 1, 3),), text=""),
        code("E6", '"""Loading', "SAMPLE_RATE"),
        Evidence(
            id="E7",
            kind="census",
            title="background threads",
            spans=((PATH, 1, 2),),
            text="No background threads: 0 calls of `threading.Thread` in 2 files.",
        ),
    )
}
NAMES = """
os torch empty_cache OutOfMemoryError Captioner load_captioner resize_picture caption BEAM_WIDTH SAMPLE_RATE Block
layers
"""
VOCABULARY = frozenset(NAMES.split())


def hear(
    text: str,
    *ids: str,
    accepted: tuple[str, ...] = (),
    question: str = "How does it work?",
    census: Census | None = None,
    known: Sequence[Assertion] = (),
) -> Verdict:
    """Judge `text`, written under `ids`, against the whole of the evidence."""
    return judge(
        DraftClaim(text=text, evidence=ids),
        shown=SHOWN,
        question=question,
        snapshot=SNAPSHOT,
        accepted=accepted,
        vocabulary=VOCABULARY,
        census=census,
        known=known,
    )
