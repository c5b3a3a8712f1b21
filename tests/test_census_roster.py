"""The models of programs: made, filled and run through attributes, parameters, containers and factories."""

import pytest

from retrieval.census import run_query
from retrieval.census.models.known_models import known_model
from retrieval.census.models.roster import roster_of
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

APP: dict[str, str | bytes] = {
    "README.md": "Run `python main.py --weights w.pth`.\n",
    "nets/__init__.py": "",
    "nets/parts.py": """
        from torch import nn

        class Renderer(nn.Module):
            def __init__(self, size):
                super().__init__()
                self.conv = nn.Conv2d(3, size, 3)
            def forward(self, image, motion): return self.conv(image) + motion
            def get_landmarks(self, image): return self(image, 0)
            def get_name(self): return "renderer"

        class Motion(nn.Module):
            def __init__(self, inner):
                super().__init__()
                self.inner = inner
                self.linear = nn.Linear(3, 3)
            def forward(self, x): return self.inner(self.linear(x))

        class Inner(nn.Module):
            def __init__(self):
                super().__init__()
                self.linear = nn.Linear(3, 3)
            def forward(self, x): return self.linear(x)

        def define(size):
            return Renderer(size)
    """,
    "main.py": """
        import argparse, os
        import torch
        from gfpgan import GFPGANer
        from insightface.data import get_image
        from transformers import AutoTokenizer, pipeline
        from nets import parts

        def paths(folder, size):
            found = {}
            found["renderer"] = os.path.join(folder, "renderer_" + str(size) + ".pth")
            return found

        def fill(path, model=None):
            state = torch.load(path, map_location="cpu")
            if model is not None:
                model.load_state_dict(state["model"])

        class Animator:
            def __init__(self, files, device):
                self.net = parts.define(64).to(device)
                fill(files["renderer"], model=self.net)
                self.motion = parts.Motion(parts.Inner())
                self.tokens = AutoTokenizer.from_pretrained("bert")
            def run(self, image):
                return animate(image, self.net, self.motion)

        def animate(image, generator, motion):
            picture = get_image("Tom")
            motion.eval()
            generator.get_name()
            marks = generator.get_landmarks(image)
            return generator(image, motion(marks))

        class Pipes:
            def __init__(self):
                self.pipes = {"ocr": pipeline("image-to-text", model="big/ocr"), "asr": pipeline("asr")}
            def ask(self, key, image):
                return self.pipes[key](image)

        def restore(images, method="gfpgan"):
            name = "GFPGANv1.4" if method == "gfpgan" else "Other"
            restorer = GFPGANer(model_path=os.path.join("weights", name + ".pth"), upscale=2)
            return [restorer.enhance(image) for image in images]

        def main(args):
            animator = Animator(paths(args.folder, 256), "cuda")
            frames = animator.run(args.image)
            Pipes().ask("ocr", frames)
            return restore(frames)

        if __name__ == "__main__":
            parser = argparse.ArgumentParser()
            parser.add_argument("--folder", default="./checkpoints")
            parser.add_argument("--image")
            main(parser.parse_args())
    """,
}


@pytest.fixture(scope="module")
def app() -> Codebase:
    return codebase_of(APP)


def _texts(codebase: Codebase, query: str) -> dict[str, str]:
    return {hit.detail.get("model", hit.name): hit.text for hit in run_query(codebase, query).hits}


def test_every_model_that_is_made_and_nothing_else(app: Codebase) -> None:
    names = {made.name for made in roster_of(app).made}
    assert names == {"Renderer", "Motion", "Inner", "GFPGANer", "transformers.pipeline"}


def test_runs_are_traced_through_attributes_parameters_and_dictionaries(app: Codebase) -> None:
    runs = {(use.step.written, use.made[0].name) for use in roster_of(app).uses if use.frame.path == "main.py"}
    assert runs == {
        ("generator.get_landmarks", "Renderer"),
        ("generator", "Renderer"),
        ("motion", "Motion"),
        ("self.pipes[key]", "transformers.pipeline"),
        ("restorer.enhance", "GFPGANer"),
    }


def test_weights_are_told_with_the_file_that_they_may_be(app: Codebase) -> None:
    told = _texts(app, "model_weights")
    assert '`files["renderer"]`, which may be `./checkpoints/renderer_{size}.pth`' in told["Renderer"]
    assert "PyTorch checkpoint (`torch.load`)" in told["Renderer"]
    assert "`weights/GFPGANv1.4.pth`" in told["GFPGANer"]


def test_parts_of_models_are_told_apart(app: Codebase) -> None:
    assert set(_texts(app, "model_objects: part=yes")) == {"Inner"}
    whole = _texts(app, "model_objects: part=no")
    assert set(whole) == {"Renderer", "Motion", "GFPGANer", "transformers.pipeline"}
    assert "of the library `gfpgan`: made by `restore()`" in whole["GFPGANer"]
    assert "run as `generator.get_landmarks(image)` in `animate()`" in whole["Renderer"]


def test_classes_that_nobody_makes_are_listed_by_themselves() -> None:
    source = "from torch import nn\nclass Net(nn.Module):\n    def __init__(self):\n        self.a = nn.Linear(1, 1)\n"
    codebase = codebase_of({"pkg/__init__.py": "from .net import Net\n", "pkg/net.py": source})
    assert [hit.name for hit in run_query(codebase, "unmade_models").hits] == ["Net"]
    assert not run_query(codebase, "model_objects").hits


@pytest.mark.parametrize(
    ("maker", "does"),
    [
        ("transformers.AutoModelForCausalLM.from_pretrained", "language model"),
        ("faster_whisper.WhisperModel", "speech recognition"),
        ("gfpgan.utils.GFPGANer", "face restoration"),
        ("ultralytics.YOLO", "object detection"),
        ("open_clip.create_model_and_transforms", "image-text encoder"),
        ("torchvision.transforms.Compose", None),
        ("transformers.AutoTokenizer.from_pretrained", None),
        ("insightface.data.get_image", None),
        ("torchvision.models.ResNet50_Weights", None),
        ("torch.load", None),
    ],
)
def test_what_libraries_give(maker: str, does: str | None) -> None:
    known = known_model(maker)
    assert (known.does if known else None) == does


def test_models_are_traced_through_registries_and_deletions_end_their_stay() -> None:
    codebase = codebase_of(
        {
            "README.md": "Run `python run.py`.\n",
            "registry.py": """
                class Registry(dict):
                    def register(self, name): return lambda f: f
                MODELS = Registry()
            """,
            "net.py": """
                from torch import nn
                from registry import MODELS
                class Net(nn.Module):
                    def __init__(self):
                        super().__init__()
                        self.a = nn.Linear(1, 1)
                    def forward(self, x): return self.a(x)
                @MODELS.register("net")
                def build_net(args):
                    return Net()
            """,
            "run.py": """
                import net
                from registry import MODELS
                class App:
                    def __init__(self, name):
                        build = MODELS.get(name)
                        self.net = build(None)
                    def go(self, x):
                        y = self.net(x)
                        del self.net
                        return y
                if __name__ == "__main__":
                    App("net").go(1)
            """,
        }
    )
    assert [(use.step.written, use.made[0].name) for use in roster_of(codebase).uses] == [("self.net", "Net")]
    [deleted] = run_query(codebase, "unloading: delete").hits
    assert deleted.text.startswith("`App.go()` deletes the model `Net`: `del self.net`")


def test_a_class_method_makes_an_object_of_the_class_that_it_is_called_on() -> None:
    codebase = codebase_of(
        {
            "README.md": "Run `python app.py`.\n",
            "nets.py": """
                from torch import nn

                class Base(nn.Module):
                    @classmethod
                    def from_pretrained(cls, name):
                        return cls.from_config({"name": name})

                class Net(Base):
                    def __init__(self, name):
                        super().__init__()
                        self.linear = nn.Linear(2, 2)
                    def forward(self, x):
                        return self.linear(x)
                    @classmethod
                    def from_config(cls, config):
                        return cls(name=config["name"])
            """,
            "app.py": """
                import nets

                if __name__ == "__main__":
                    getattr(nets, input()).from_config({"name": "a"})(1)
            """,
        }
    )
    assert [hit.name for hit in run_query(codebase, "model_objects").hits] == ["`Net`"]
    assert run_query(codebase, "unmade_models").hits == ()  # `Base` is only derived from
