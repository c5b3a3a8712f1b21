"""Uses of the code that documents show: what is read of them, and that they are programs of their own."""

from pathlib import Path

from retrieval.census import run_query
from retrieval.census.code.examples import example_frames
from retrieval.census.flow.reach import reach_of
from retrieval.census.meaning.program import program_of
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


def test_what_the_readme_shows_goes_before_scripts_that_it_does_not_run(tmp_path: Path) -> None:
    net = "import torch\n\nclass Net(torch.nn.Module):\n    def __init__(self):\n        super().__init__()\n"
    net += "        self.line = torch.nn.Linear(2, 2)\n\n    def forward(self, x):\n        return self.line(x)\n\n"
    net += "def infer(x):\n    return Net()(x)\n"
    train = "from net import infer\n\ndef main():\n    infer(1)\n\nif __name__ == '__main__':\n    main()\n"
    files = {"net.py": net, "training/train.py": train, "training/README.md": "```\npython training/train.py\n```\n"}
    readme = "# Net\n\n```python\nfrom net import infer\n\ninfer(1)\n```\n"
    codebase = repository(tmp_path / "a", files | {"README.md": readme})
    texts = [hit.text for hit in run_query(codebase, "outline").hits]
    assert "as the example in README.md shows (lines 4-6). It runs `infer()`" in texts[0]
    assert texts[-1].startswith("Execution can also start in `main()` (training/train.py)")
    codebase = repository(tmp_path / "b", files | {"README.md": f"{readme}\n```\npython training/train.py\n```\n"})
    texts = [hit.text for hit in run_query(codebase, "outline").hits]
    assert texts[0].startswith("The main program is `main()` in training/train.py")
    assert "As a library it is used as the example in README.md (lines 4-6) shows: `infer()`" in texts


def test_an_override_in_the_code_names_the_class_that_configuration_makes(tmp_path: Path) -> None:
    build = "from hydra import compose\nfrom hydra.utils import instantiate\n\ndef build(name):\n"
    build += (
        "    cfg = compose(name, overrides=['++model._target_=net.video.Video'])\n    return instantiate(cfg.model)\n"
    )
    use = "from net.build import build\n\ndef run():\n    return build('base').propagate()\n"
    config = "model:\n  _target_: net.image.Predictor\n"
    files = CODE | {"net/build.py": build, "net/use.py": use, "configs/base.yaml": config}
    program = program_of(repository(tmp_path, files))
    frame = program.frame("net/use.py", program.definition("net/use.py", "run"))
    assert frame is not None
    assert [site.target.definition.symbol for site in program.sites(frame)] == ["build", "Video.propagate"]
