"""How images come to models: transforms in order, batches, frames of video, and the form of the inputs."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

PIPELINE = """import argparse
import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from decord import VideoReader
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms


def make_transform(size, train, jitter):
    normalize = transforms.Normalize((0.5, 0.5, 0.5), (0.2, 0.2, 0.2))
    steps = [transforms.Resize(size)]
    if jitter:
        steps.append(transforms.ColorJitter(0.4))
    steps += [transforms.CenterCrop(size)]
    steps.extend([transforms.ToTensor(), normalize])
    return transforms.Compose(steps)


class Pictures(Dataset):
    def __init__(self, paths, transform):
        self.paths, self.transform = paths, transform

    def __getitem__(self, index):
        return self.transform(Image.open(self.paths[index]).convert("RGB"))


def collate(images):
    return torch.stack(images)


def read_frames(video_path, count=8):
    reader = VideoReader(video_path)
    return reader.get_batch(np.linspace(0, len(reader) - 1, count))


class Encoder(nn.Module):
    def __init__(self, width=64, embed_dim=256):
        super().__init__()
        self.visual = nn.Conv2d(3, width, 16)
        self.proj = nn.Linear(width, embed_dim)

    def forward(self, image):
        b, c, h, w = image.shape
        image_embeds = self.visual(image)
        image_feat = F.normalize(self.proj(image_embeds[:, 0, :]), dim=-1)
        return image_feat


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch-size", type=int, default=16)
    args = parser.parse_args()
    data = Pictures(["a.png"], make_transform(224, True, False))
    image_loader = DataLoader(data, batch_size=args.batch_size, collate_fn=collate)
    model = Encoder()
    for images in image_loader:
        feats = model(images)
        loss = F.cross_entropy(feats, torch.cat([feats, feats]))
    frames = read_frames("a.mp4")


if __name__ == "__main__":
    main()
"""


def _texts(query: str, source: str = PIPELINE) -> list[str]:
    return [hit.text for hit in run_query(codebase_of({"app.py": source}), query).hits]


def test_transforms_are_told_in_order_with_conditions_and_what_they_give() -> None:
    [told] = _texts("image_transforms")
    assert told == (
        "`make_transform()` (app.py): `Resize(size)` → `ColorJitter(0.4)` (if `jitter`) → "
        "`CenterCrop(size)` → `ToTensor()` → "
        "`Normalize((0.5, 0.5, 0.5), (0.2, 0.2, 0.2))`, where `size` is given as `224` (app.py); "
        "the result is a float tensor (3, H, W), channels first"
    )


def test_batches_are_loaders_and_collate_functions_with_the_size_and_no_joined_features() -> None:
    loader, collate = _texts("image_batches")
    assert "(`batch_size=args.batch_size`, `collate_fn=collate`), where `args.batch_size` is 16 by default" in loader
    assert collate == "`collate()` (app.py) puts a batch together by `torch.stack(images)`"


def test_loaders_of_what_is_no_image_are_no_batches_of_images() -> None:
    source = "from torch.utils.data import DataLoader\nloader = DataLoader(open('a.txt').readlines(), batch_size=4)\n"
    assert not _texts("image_batches", source)


def test_frames_of_video_are_told_with_how_they_are_chosen() -> None:
    [told] = _texts("video_frames")
    assert "reads video by `VideoReader(video_path)` and takes frames by" in told
    assert "`np.linspace(0, len(reader) - 1, count)`" in told


def test_losses_and_normalised_features_are_no_work_on_images() -> None:
    told = " ".join(_texts("image_work"))
    assert "Image.open" in told and "cross_entropy" not in told and "F.normalize" not in told


def test_the_form_of_inputs_from_a_loader_and_what_becomes_of_an_embedding() -> None:
    calls = " ".join(_texts("vision_told: part=calls"))
    assert "batches of shape (B, 3, H, W) from a data loader" in calls
    assert "of shape (b, c, h, w)" in calls
    embedded = " ".join(_texts("vision_told: part=embeddings"))
    assert "`self.proj` is `nn.Linear(width, embed_dim)`" in embedded and "`embed_dim` is 256 by default" in embedded
    assert "normalised with" not in embedded


def test_frames_that_ffmpeg_takes_count_and_sound_that_it_takes_does_not() -> None:
    frames = "import subprocess\n\ndef video_frames(path):\n"
    frames += '    out = subprocess.run(["ffmpeg", "-i", path, "-f", "rawvideo"])\n'
    frames += '    return out.stdout.decode("utf-8")\n\nvideo_frames("a.mp4")\n'
    [told] = _texts("video_frames", frames)
    assert told.startswith("`video_frames()` (app.py) reads video by `subprocess.run(") and "takes frames" not in told
    assert not _texts("video_frames", frames.replace("rawvideo", "s16le").replace("video_frames", "load_audio"))


def test_a_container_that_is_opened_for_its_sound_is_no_video() -> None:
    source = "import av\n\ndef load(path):\n    container = av.open(path)\n    return list(container.decode({0}=0))\n"
    main = "\nif __name__ == '__main__':\n    load('x')\n"
    for stream, kinds in (("audio", []), ("video", ["image_work", "video_frames"])):
        codebase = codebase_of({"app.py": source.replace("{0}", stream) + main})
        assert [kind for kind in ("image_work", "video_frames") if run_query(codebase, kind).hits] == kinds, stream


BRANCHES = """
    import torch
    from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
    from insightface.app import FaceAnalysis
    from PIL import Image
    from torch import nn
    from torchvision.transforms import CenterCrop, Compose, RandomResizedCrop, Resize, ToTensor
    from transformers import CLIPImageProcessor

    def image_transform(image_size, is_train, mode=None):
        mode = mode or "shortest"
        if is_train:
            return Compose([RandomResizedCrop(image_size), ToTensor()])
        if mode == "squash":
            steps = [Resize((image_size, image_size))]
        else:
            steps = [Resize(image_size)]
            steps += [CenterCrop(image_size)]
        steps.extend([ToTensor()])
        return Compose(steps)

    class ImageMixin(nn.Module):
        def __init__(self):
            super().__init__()
            self.vit, self.proj = build_vit(), nn.Linear(8, 8)
        def forward(self, **vision_inputs):
            image_emb = self.vit(**vision_inputs)[0]
            return self.proj(image_emb)

    def main(path):
        analysis, checker = FaceAnalysis(), StableDiffusionSafetyChecker.from_pretrained("x/y")
        image = image_transform(224, False)(Image.open(path))
        faces = analysis.get(image)
        pixels = CLIPImageProcessor()(image)
        checker(images=image, clip_input=pixels)
        return torch.from_numpy(faces[0]["embedding"]), ImageMixin()(images=image)

    if __name__ == "__main__":
        main("a.png")
"""


def test_alternatives_are_told_as_such_and_results_of_libraries_are_embeddings() -> None:
    codebase = codebase_of({"README.md": "Run `python app.py`.\n", "app.py": BRANCHES})
    chains = [hit.text for hit in run_query(codebase, "image_transforms").hits]
    assert chains[0].startswith(
        "`image_transform()` (app.py), for inference and evaluation: one of [`Resize(image_size)` → "
        '`CenterCrop(image_size)`] (by default) or [`Resize((image_size, image_size))`] (if `mode == "squash"`) → '
        "`ToTensor()`, where `image_size` is given as `224` (app.py)"
    )
    assert chains[1].startswith("`image_transform()` (app.py), for training: `RandomResizedCrop(image_size)`")
    prepared = [hit.text for hit in run_query(codebase, "vision_told: part=preprocessing").hits]
    assert prepared[0].startswith("Yes: transforms are composed")
    assert any(
        "`CLIPImageProcessor()` in `main()` (app.py), which by its defaults resizes" in text for text in prepared
    )
    read, kept = [hit.text for hit in run_query(codebase, "vision_told: part=embeddings").hits][-2:]
    assert 'embeddings are read from what a model gives: `faces[0]["embedding"]` in `main()`' in read.lower()
    assert (
        "`ImageMixin.forward()` (app.py) keeps what `self.vit(**vision_inputs)` gives as `image_emb`, which goes"
        in kept
    )
    functions = run_query(codebase, "vision_functions").hits[0].text
    assert "safety checks: `StableDiffusionSafetyChecker" in functions and "faces: `FaceAnalysis`" in functions


def test_a_step_under_a_condition_is_told_with_it_and_writes_lead_the_sizes_of_batches() -> None:
    codebase = codebase_of(
        {
            "README.md": "Run `python app.py`.\n",
            "app.py": """
                import cv2
                import torch
                from dataclasses import dataclass
                from torchvision.models import resnet18

                @dataclass
                class PipelineOptions:
                    page_batch_size: int = 4

                def read(path, size):
                    image = cv2.imread(path)
                    if size > 1:
                        image = cv2.resize(image, (size, size))
                    return image

                class Engine:
                    def __init__(self):
                        self.model = resnet18(weights="DEFAULT")
                    def predict(self, image):
                        return self.model(torch.from_numpy(image))

                class Stage:
                    def __init__(self):
                        self.engine, self.options = Engine(), PipelineOptions()
                    def __call__(self, path, size):
                        return self.engine.predict(read(path, size))

                if __name__ == "__main__":
                    print(Stage()("a.png", 3))
            """,
        }
    )
    said = [hit.text for hit in run_query(codebase, "vision_told: part=preprocessing").hits]
    assert any("`cv2.resize(image, (size, size))` (if `size > 1`)" in text for text in said), said
    assert any("set by `page_batch_size` (default 4)" in text for text in said), said
    told = [hit.text for hit in run_query(codebase, "vision_functions").hits]
    assert "Classes that have them run: `Stage` (by `Engine`)" in told, told


def test_slices_that_a_class_around_images_stacks_are_batches() -> None:
    source = """
        import cv2
        import torch

        class Prepare:
            def __init__(self, batch_size):
                self.batch_size = batch_size
            def sizes(self, image):
                return torch.from_numpy(cv2.resize(image, (8, 8)))
            def batches(self, samples):
                return [torch.stack(samples[i * self.batch_size : (i + 1) * self.batch_size]) for i in range(3)]

        if __name__ == "__main__":
            Prepare(4).batches([Prepare(4).sizes(cv2.imread("a.png"))])
    """
    [hit] = run_query(codebase_of({"app.py": source}), "image_batches").hits
    assert (
        "stacks slices into batches: `torch.stack(samples[i * self.batch_size : (i + 1) * self.batch_size])`"
        in hit.text
    )


PROBED = {
    "reading.py": (
        "import cv2\n\n\n"
        "def read(path, size=None):\n"
        "    image = cv2.imread(path)\n"
        "    if isinstance(size, tuple):\n"
        "        image = cv2.resize(image, size)\n"
        "    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)\n\n\n"
        "def read_all(paths, **options):\n"
        "    return [read(path, **options) for path in paths]\n"
    ),
    "network.py": (
        "import torch\nfrom torch import nn\n\n\n"
        "class Backbone(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.conv = nn.Conv2d(3, 8, 3)\n\n"
        "    def forward(self, image):\n"
        "        return self.conv(image)\n\n\n"
        "class Detector(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.backbone = Backbone()\n"
        "        self.width = self.backbone(torch.zeros(1, 3, 32, 32)).shape[1]\n\n"
        "    def forward(self, image):\n"
        "        return self.backbone(image)\n"
    ),
    "main.py": (
        "import sys\nfrom network import Detector\nfrom reading import read_all\n\n\n"
        "def main():\n"
        "    detector = Detector()\n"
        "    images = read_all(sys.argv[1:])\n"
        "    print(detector(images))\n\n\n"
        'if __name__ == "__main__":\n    main()\n'
    ),
    "train.py": (
        "from torchvision import transforms\n\n\n"
        "def augment():\n"
        "    return transforms.Compose([transforms.Resize(224), transforms.ToTensor()])\n"
    ),
}


def test_a_step_that_no_default_runs_and_a_probe_for_a_shape_are_no_way_of_an_image() -> None:
    codebase = codebase_of(PROBED)
    runs = [hit.text for hit in run_query(codebase, "vision_runs").hits]
    way = next(text for text in runs if "main()" in text)
    assert "cvtColor" in way and "cv2.resize" not in way and "`[1:]`" not in way
    assert any("self.backbone(image)" in text for text in runs) and not any("zeros" in text for text in runs)
    resized = {**PROBED, "main.py": PROBED["main.py"].replace("[1:])", "[1:], size=(64, 64))")}
    assert any("cv2.resize" in hit.text for hit in run_query(codebase_of(resized), "vision_runs").hits)


def test_transforms_that_no_main_program_runs_come_last_and_are_said_to() -> None:
    told = [hit.text for hit in run_query(codebase_of(PROBED), "vision_told: part=preprocessing").hits]
    assert told[0].startswith("Yes") and "Compose" not in told[0]
    assert "outside what the main programs are seen to run, in `augment()`" in told[-1]


ALIGNED = {
    "restore.py": """import cv2
import torch
from basicsr.utils import img2tensor
from facexlib.utils.face_restoration_helper import FaceRestoreHelper
from realesrgan import RealESRGANer
from torch import nn
from torchvision.transforms.functional import normalize


class Restorer(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 3, 1)

    def forward(self, x, return_latents=False):
        return self.body(x)


class Faces:
    def __init__(self):
        self.net = Restorer()
        self.helper = FaceRestoreHelper(2, face_size=512)
        self.upsampler = RealESRGANer(scale=2)

    def enhance(self, img, has_aligned=False, only_center=False, paste=True):
        if has_aligned:
            img = cv2.resize(img, (512, 512))
            self.helper.cropped_faces = [img]
        else:
            self.helper.read_image(img)
            self.helper.get_face_landmarks_5(only_center_face=only_center)
            self.helper.align_warp_face()
        for face in self.helper.cropped_faces:
            face_t = img2tensor(face / 255.0, bgr2rgb=True)
            normalize(face_t, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), inplace=True)
            face_t = face_t.unsqueeze(0)
            self.helper.add_restored_face(self.net(face_t))
        if not has_aligned and paste:
            return self.upsampler.enhance(img, outscale=2)[0]


def main():
    print(Faces().enhance(cv2.imread("face.png")))


if __name__ == "__main__":
    main()
"""
}


def test_the_way_of_an_image_keeps_to_one_arm_of_a_decision() -> None:
    codebase = codebase_of(ALIGNED)
    runs = {hit.text.partition(" by ")[0]: hit.text for hit in run_query(codebase, "vision_runs").hits}
    upscaled = next(text for name, text in runs.items() if "RealESRGANer" in name)
    assert "imread" in upscaled and "cv2.resize" not in upscaled  # the resize stands under the opposite condition
    restored = next(text for name, text in runs.items() if "`Restorer`" in name)
    steps = [
        "imread",
        "read_image(img)` (if `not has_aligned`",
        "align_warp_face()",
        "/ 255.0",
        "img2tensor",
        "normalize(",
    ]
    places = [restored.index(step) for step in steps]
    assert places == sorted(places) and "cv2.resize" not in restored and "unsqueeze(0)" in restored
    assert not any("get_face_landmarks_5" in text.partition("is made")[0] for text in runs.values())


STAGED = {
    "pages.py": """
        class Page:
            def get_image(self, scale=1.0):
                return self.backend.render(scale)
    """,
    "stages.py": """
        import torch
        from torchvision.models import resnet50, resnet18

        class Prepare:
            def __call__(self, page):
                page.get_image(scale=1.0)
                return page

        class Layout:
            def __init__(self):
                self.net = resnet50(pretrained=True)

            def __call__(self, page):
                return self.net(page.get_image(scale=1.0))

        class Tables:
            def __init__(self):
                self.scale = 2.0
                self.net = resnet18(pretrained=True)

            def __call__(self, page):
                return self.net(page.get_image(scale=self.scale))
    """,
    "pipeline.py": """
        from pages import Page
        from stages import Layout, Prepare, Tables

        class Pipeline:
            def __init__(self):
                self.prepare = Prepare()
                self.layout = Layout()
                self.tables = Tables()

            def run(self, page):
                page = self.prepare(page)
                page.layout = self.layout(page)
                page.tables = self.tables(page)
                return page

        def main():
            print(Pipeline().run(Page()))

        if __name__ == "__main__":
            main()
    """,
}


def test_stages_that_ask_for_pictures_are_told_with_the_scale() -> None:
    told = [hit.text for hit in run_query(codebase_of(STAGED), "vision_told: part=preprocessing").hits]
    asked = next(text for text in told if "get_image(scale=" in text)
    assert asked.index("get_image(scale=1.0)") < asked.index("get_image(scale=self.scale)")
    assert "`self.scale` is 2.0" in asked


FILM: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "sampling.py": '''
        import subprocess

        class FixedFrameSampler:
            """Take one frame every `seconds` of the video. More follows."""

            def __init__(self, seconds=1.0):
                self.seconds = seconds

            def sample(self, video_path):
                return grid(video_path, 1 / self.seconds)

        class SceneFrameSampler(FixedFrameSampler):
            """Find scenes by how much frames differ."""

        def grid(video_path, fps):
            words = ["ffmpeg", "-i", str(video_path), "-vf", f"fps={fps},scale=64:64", "-f", "rawvideo", "-"]
            return subprocess.run(words, capture_output=True).stdout
    ''',
    "app.py": """
        import open_clip
        from dataclasses import dataclass
        from torch.utils.data import DataLoader
        from sampling import FixedFrameSampler, SceneFrameSampler

        @dataclass
        class Options:
            mode: str = "fixed"
            every_seconds: float = 10.0

        def frames(options: Options, path):
            if options.mode == "scene":
                sampler = SceneFrameSampler()
            else:
                sampler = FixedFrameSampler(seconds=options.every_seconds)
            return sampler.sample(path)

        def main(path, num_samples, num_workers):
            model, _, prepare = open_clip.create_model_and_transforms("ViT-B-32")
            state = {"images": frames(Options(), path), "drawn": []}
            state["drawn"][0:] = paint(state["images"])
            loader = DataLoader(state["images"], batch_size=4).with_epoch(num_samples / num_workers)
            for images in loader:
                model.encode_image(prepare(images).to("cuda"))

        def paint(images):
            return [image * 0.5 for image in images]

        def test_infer():
            model, _, prepare = open_clip.create_model_and_transforms("ViT-B-32")
            model.encode_image(prepare(open("a.png")))

        if __name__ == "__main__":
            main("a.mp4", 8, 2)
            test_infer()
    """,
}


def test_how_frames_are_chosen_and_what_a_library_prepares_is_told_and_numbers_are_no_steps() -> None:
    codebase = codebase_of(FILM)
    told = [hit.text for hit in run_query(codebase, "vision_told: part=preprocessing").hits]
    [chosen] = [text for text in told if "rames of video are chosen" in text]
    assert '`SceneFrameSampler` if `options.mode == "scene"` (“Find scenes by how much frames differ' in chosen
    assert "`FixedFrameSampler` otherwise (“Take one frame every 'seconds' of the video”; `seconds` 10.0 by d" in chosen
    assert any("ffmpeg: `grid()` (sampling.py) with `-vf fps={fps},scale=64:64`" in text for text in told)
    assert any("`open_clip.create_model_and_transforms()` gives beside the model in `main()`" in text for text in told)
    runs = [hit.text for hit in run_query(codebase, "vision_runs").hits]
    assert not any("num_workers" in text or "0.5" in text for text in runs)
    assert runs[0].startswith("`main()` runs") and "`test_infer()` runs" in runs[1]


def test_where_no_code_has_to_do_with_video_that_is_said() -> None:
    files: dict[str, str | bytes] = {
        "app.py": """
            from PIL import Image
            from torchvision import transforms

            def main(path):
                flip = transforms.RandomHorizontalFlip()(Image.open(path))
                return flip.resize((8, 8))

            if __name__ == "__main__":
                main("a.png")
        """
    }
    told = [hit.text for hit in run_query(codebase_of(files), "vision_told: part=preprocessing").hits]
    assert any(text.startswith("Video takes no part") for text in told)
    assert any("are augmented by `main()` (app.py) with `transforms.RandomHorizontalFlip" in text for text in told)
    assert not any("warped" in text and "Flip" in text for text in told)


def test_programs_that_render_pages_are_told_and_batches_of_other_scripts_are_not() -> None:
    files: dict[str, str | bytes] = {
        "README.md": "Run `python app.py`.\n",
        "app.py": """
            import argparse
            import subprocess
            from PIL import Image

            def render(path, longest_side=2048):
                words = ["pdftoppm", "-png", "-r", str(longest_side * 72 / 800), path]
                return Image.open(subprocess.run(words, capture_output=True).stdout)

            def main():
                parser = argparse.ArgumentParser()
                parser.add_argument("--longest_side", type=int, default=1288)
                args = parser.parse_args()
                return render("a.pdf", args.longest_side)

            if __name__ == "__main__":
                main()
        """,
        "unused/resizing.py": """
            import cv2

            def shrink(image, batch_size=8):
                return cv2.resize(image, (8, 8))
        """,
    }
    told = [hit.text for hit in run_query(codebase_of(files), "vision_told: part=preprocessing").hits]
    assert "programs: `render()` (app.py) with `pdftoppm -png -r str(longest_side * 72 / 800) path`" in told[0]
    assert "`longest_side` is 1288 by default" in told[0] and told[1].startswith("Video takes no part")
    assert any(
        text.startswith("In code that the main programs are not seen to run, images are resized") for text in told
    )


OPTIONED = {
    **STAGED,
    "options.py": """
        from pydantic import BaseModel, Field

        class TableOptions(BaseModel):
            scale: float = Field(default=2.5, description="How large.")

        class PipelineOptions(BaseModel):
            table_batch_size: int = 4
            doc_batch_size: int = 1
    """,
    "stages.py": STAGED["stages.py"]
    .replace("import torch", "import torch\n        from options import TableOptions")
    .replace(
        "def __init__(self):\n                self.scale = 2.0",
        "def __init__(self, options: TableOptions):\n                self.options = options",
    )
    .replace("scale=self.scale", "scale=self.options.scale"),
    "pipeline.py": STAGED["pipeline.py"]
    .replace("from pages", "from options import PipelineOptions, TableOptions\n        from pages")
    .replace("Tables()", "Tables(TableOptions())\n                self.size = PipelineOptions().table_batch_size"),
    "render.py": """
        import argparse

        def main():
            parser = argparse.ArgumentParser()
            parser.add_argument("--scale", type=float, default=1)
            print(parser.parse_args().scale)

        if __name__ == "__main__":
            main()
    """,
}
HEIR = """

        class WideOptions(TableOptions):
            scale: float = 9.0
    """


def test_options_objects_have_the_defaults_of_their_fields_and_none_of_other_programs() -> None:
    told = [hit.text for hit in run_query(codebase_of(OPTIONED), "vision_told: part=preprocessing").hits]
    asked = next(text for text in told if "get_image(scale=" in text)
    assert "`self.options.scale` is 2.5 by default" in asked
    assert "a batch is set by `table_batch_size` (default 4)" in told[2]
    files = OPTIONED | {
        "options.py": OPTIONED["options.py"].rstrip() + HEIR,
        "pipeline.py": OPTIONED["pipeline.py"].replace("Tables(TableOptions())", "Tables(load())"),
    }
    told = [hit.text for hit in run_query(codebase_of(files), "vision_told: part=preprocessing").hits]
    asked = next(text for text in told if "get_image(scale=" in text)
    assert "scale=self.options.scale" in asked and "by default" not in asked  # of which class it is, is not known
