"""Uses of the code that documents show: what is read of them, and that they are programs of their own."""

from pathlib import Path

from retrieval.census import run_query
from retrieval.census.examples import example_frames
from retrieval.census.program import program_of
from retrieval.census.reach import reach_of
from retrieval.codebase import Codebase, read_codebase
from retrieval.walk import take_snapshot

README = """# Net

```bash
pip install net
```

```python
import torch
from net.build import build_net

predictor = build_net("cpu")
predictor.set_image(<your image>)
```

Then, whatever you like:

```python
masks = predictor.predict([1, 2])
```

- and in a list:

  ```py
  >>> from net.video import Video
  >>> Video().propagate()
  'done'
  ```

```python
print("nothing of ours")
```
"""
CODE = {
    "net/__init__.py": "",
    "net/build.py": "from net.image import Predictor\n\ndef build_net(device):\n    return Predictor(device)\n",
    "net/image.py": (
        "class Predictor:\n    def __init__(self, device):\n        self.device = device\n\n"
        "    def set_image(self, image):\n        self.image = clean(image)\n\n"
        "    def predict(self, points):\n        return points\n\n\ndef clean(image):\n    return image\n"
    ),
    "net/video.py": "class Video:\n    def propagate(self):\n        return 'done'\n",
    "net/unused.py": "def never():\n    return 1\n",
    "README.md": README,
}


def repository(folder: Path, files: dict[str, str]) -> Codebase:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, "utf-8")
    return read_codebase(take_snapshot(folder))


def test_blocks_are_programs_with_the_lines_of_the_document(tmp_path: Path) -> None:
    program = program_of(repository(tmp_path, CODE))
    first, second = [
        (frame.symbol, [(site.target.definition.symbol, site.step.start) for site in program.sites(frame)])
        for frame in example_frames(program)
    ]
    assert first == (
        "lines 8-18",
        [("build_net", 11), ("Predictor.set_image", 12), ("Predictor.predict", 18)],
    )
    assert second == ("lines 24-26", [("Video", 25), ("Video.propagate", 25)])


def test_a_library_without_exports_is_told_by_its_documented_use(tmp_path: Path) -> None:
    codebase = repository(tmp_path, CODE)
    reach = reach_of(codebase)
    assert reach.programs == ("the public API of `net`",)
    assert ("net/image.py", "clean") in reach.units
    assert ("net/unused.py", "never") not in reach.units
    told = run_query(codebase, "outline: what=steps").hits[0]
    assert told.text.startswith(
        "The code is used as a library, as the example in README.md shows (lines 8-18). It runs"
    )
    assert "`build_net()` → " in told.text
    assert (told.path, told.start) == ("README.md", 8)
    start = run_query(codebase, "course").hits[0]
    assert start.text == "The example in README.md (lines 8-18):"


def test_what_configurations_name_is_reached_where_something_instantiates_it(tmp_path: Path) -> None:
    files = {
        "run.py": "from hydra.utils import instantiate\n\nif __name__ == '__main__':\n    instantiate({}).fit()\n",
        "parts/__init__.py": "",
        "parts/trainer.py": "class Trainer:\n    def fit(self):\n        pass\n\nclass Other:\n    pass\n",
        "conf/a.yaml": "trainer:\n  _target_: parts.trainer.Trainer  # the loop\n  steps: 1.5\n",
        "README.md": "```\npython run.py\n```\n",
    }
    units = reach_of(repository(tmp_path, files)).units
    assert ("parts/trainer.py", "Trainer.fit") in units
    assert ("parts/trainer.py", "Other") not in units
