"""Models inside packages, classes and files that one call or one arm of a decision chooses, models by stages."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

PAGES = """
    import os
    import argparse
    from PIL import Image
    import acme_pytesseract
    from scanlib.inference.layout import run_file_with_model
    from scanlib.models import tables
    from scanlib.models.base import get_model

    def read(path, dpi):
        def through(runner, source):
            return runner(source, page_dpi=dpi, model_name=os.environ.get("LAYOUT", "small"))
        return through(run_file_with_model, path)

    def page(path):
        image = Image.open(path)
        tables.load_agent()
        words = acme_pytesseract.image_to_string(image)
        return cells(image, tables.agent, words)

    def cells(image, agent, words):
        return agent.predict(image, tokens=words)

    if __name__ == "__main__":
        args = argparse.ArgumentParser().parse_args()
        get_model(model_name="small")
        read(args.path, 200)
        page(args.path)
"""


def test_models_that_packages_keep_to_themselves_are_run_where_code_asks_for_them() -> None:
    codebase = codebase_of({"pages.py": PAGES})
    told = {hit.detail["model"]: hit.text for hit in run_query(codebase, "model_objects").hits}
    assert "(layout detection)" in told["scanlib.run_file_with_model"]
    assert "run as `agent.predict(image, tokens=words)` in `cells()`" in told["scanlib.load_agent"]
    assert "(text recognition (OCR))" in told["acme_pytesseract.image_to_string"]
    assert "filled from `small`" in told["scanlib.get_model"]
    (calls,) = run_query(codebase, "vision_told: part=calls").hits
    assert "`agent.predict(image, tokens=words)` on `image`" in calls.text
    assert "`dpi`" not in calls.text


NO_MODELS = """
    import json
    from recordlib.models import records
    from django.apps import get_model

    def load(path, model_name="user"):
        records.load_all()
        kind = get_model(model_name)
        for row in records.rows:
            row.save(json.load(open(path)))
        return records.store.find(kind, model_name=model_name)

    load("a.json")
"""


def test_records_and_other_libraries_of_models_are_no_models() -> None:
    assert not run_query(codebase_of({"rows.py": NO_MODELS}), "model_objects").hits


RESTORER = """
    import torch
    from torch import nn

    class Plain(nn.Module):
        def forward(self, x, return_rgb=True): return x

    class Fancy(nn.Module):
        def forward(self, x, return_rgb=True): return x

    class Restorer:
        def __init__(self, path, arch="plain"):
            if arch == "plain":
                self.net = Plain()
            elif arch == "fancy":
                self.net = Fancy()
            self.net.load_state_dict(torch.load(path))
        def enhance(self, face):
            return self.net(face)
"""
RUNNER = """
    import argparse
    import os
    import cv2
    from restorer import Restorer

    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--version", default="1")
        args = parser.parse_args()
        if args.version == "1":
            arch = "plain"
            name = "plain-v1"
        elif args.version == "2":
            arch = "fancy"
            name = "fancy-v2"
        else:
            raise ValueError(args.version)
        path = os.path.join("weights", name + ".pth")
        Restorer(path, arch=arch).enhance(cv2.imread("face.png"))

    Restorer("weights/other.pth", arch="fancy")
    main()
"""


def test_a_class_is_filled_only_from_the_files_that_are_chosen_with_it() -> None:
    hits = run_query(codebase_of({"restorer.py": RESTORER, "run.py": RUNNER}), "model_weights").hits
    told = {(hit.detail["model"], hit.start): hit.text for hit in hits}
    plain = " ".join(text for (model, _), text in told.items() if model == "Plain")
    fancy = " ".join(text for (model, _), text in told.items() if model == "Fancy")
    assert "plain-v1.pth" in plain and "fancy" not in plain and "other" not in plain
    assert "fancy-v2.pth" in fancy and "weights/other.pth" in fancy and "plain-v1" not in fancy


FACES = """
    import cv2
    from basicsr.utils import img2tensor
    from facexlib.utils.face_restoration_helper import FaceRestoreHelper
    from torchvision.transforms.functional import normalize
    from restorer import Plain

    class App:
        def __init__(self):
            self.helper = FaceRestoreHelper(2)
            self.net = Plain()

        def run(self, path):
            img = cv2.imread(path)
            self.helper.read_image(img)
            self.helper.get_face_landmarks_5(only_center_face=True)
            for face in self.helper.cropped_faces:
                face_t = img2tensor(face / 255.0, bgr2rgb=True)
                normalize(face_t, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), inplace=True)
                face_t = face_t.unsqueeze(0)
                self.net(face_t, return_rgb=False)

    App().run("a.png")
"""


def test_steps_in_place_and_images_put_into_an_object_format_the_input() -> None:
    codebase = codebase_of({"restorer.py": RESTORER, "faces.py": FACES})
    told = {hit.start: hit.text for hit in run_query(codebase, "vision_runs").hits}
    landmarks = next(text for text in told.values() if "get_face_landmarks_5" in text)
    assert "only_center_face`" not in landmarks.partition("its input")[2] and "`img`" in landmarks
    net = next(text for text in told.values() if "`self.net(" in text)
    steps = ("/ 255.0", "img2tensor(", "normalize(", ".unsqueeze(0)")
    places = [net.index(step) for step in steps]
    assert places == sorted(places)


PIPELINE = """
    import argparse
    from abc import ABC, abstractmethod
    from dataclasses import dataclass, field
    from transformers import AutoModelForObjectDetection, AutoModelForCausalLM, AutoModelForVision2Seq
    from PIL import Image

    @dataclass
    class Spec:
        repo_id: str

    HERON = Spec(repo_id="acme/layout-heron")
    OTHER = Spec(repo_id="acme/layout-other")

    @dataclass
    class LayoutOptions:
        spec: Spec = field(default_factory=lambda: HERON)

    class Layout:
        def __init__(self, options: LayoutOptions):
            self.net = AutoModelForObjectDetection.from_pretrained(options.spec.repo_id)
        def __call__(self, page): return self.net(page)

    class Captions:
        def __init__(self):
            self.net = AutoModelForVision2Seq.from_pretrained("acme/captions")
        def __call__(self, page): return self.net.generate(page)

    class Pipeline:
        def __init__(self, options: LayoutOptions):
            self.layout = Layout(options)
            self.captions = Captions()
        def run(self, path):
            page = Image.open(path)
            return self.captions(self.layout(page))

    class Converter:
        pipeline_cls: type = Pipeline
        def convert(self, path):
            return self.pipeline_cls(LayoutOptions()).run(path)

    def main():
        args = argparse.ArgumentParser().parse_args()
        Pipeline(LayoutOptions()).run(args.path)
        Converter().convert(args.path)

    main()
"""


def test_models_are_told_by_the_stages_of_a_pipeline_with_default_weights() -> None:
    first = run_query(codebase_of({"app.py": PIPELINE}), "model_summary: what=used").hits[0]
    assert first.text.startswith("Models by stage of a `Pipeline`")
    assert "`layout`: `Layout` with `AutoModelForObjectDetection` from `acme/layout-heron`" in first.text
    assert "`captions`: `Captions` with `AutoModelForVision2Seq` from `acme/captions`" in first.text
    assert first.text.index("`layout`:") < first.text.index("`captions`:") and "other" not in first.text


def test_other_names_of_models_are_told_by_file() -> None:
    codebase = codebase_of({"app.py": PIPELINE})
    (others,) = run_query(codebase, "hub_models: default=no").hits
    assert others.text == "app.py names `acme/layout-other`, `acme/captions`"
    assert [hit.name for hit in run_query(codebase, "hub_models: default=yes").hits] == ["acme/layout-heron"]


LIBRARIES = """
    import faster_whisper
    from openai import OpenAI
    from surya.layout import LayoutPredictor

    class Listener(faster_whisper.WhisperModel):
        pass

    class Detector:
        def __init__(self, net):
            self.net = net
        def find(self, image):
            return self.net([image])

    def models():
        return {"layout": LayoutPredictor(device="cpu")}

    def run(kind, image, sound):
        found = kind(models()["layout"]).find(image)
        words = Listener("small").transcribe(sound)
        OpenAI().chat.completions.create(model="gpt-4o", messages=[])
        return found, words

    run(Detector, None, None)
"""


def test_models_of_libraries_beside_hosted_ones_are_loaded_from_files() -> None:
    told = [hit.text for hit in run_query(codebase_of({"app.py": LIBRARIES}), "model_summary: what=formats").hits]
    assert not any(text.startswith("No file is loaded") for text in told)
    assert any("which the library `surya` finds and reads itself: `LayoutPredictor`" in text for text in told)
    assert any(text.startswith("CTranslate2 folders") and "`Listener`" in text for text in told)
    assert any(text.startswith("Without files, hosted") for text in told)


NESTED = """
    import torch
    from torch import nn
    from transformers import BertModel

    class Detector(nn.Module):
        def __init__(self, kind):
            super().__init__()
            self.words = language(kind)
        def forward(self, image, text):
            return self.words(text)

    def language(kind):
        if kind == "bert-base-uncased":
            return BertModel.from_pretrained(kind)
        raise ValueError(kind)

    def build(path):
        net = Detector("bert-base-uncased")
        net.load_state_dict(torch.load(path))
        return net

    build("detector.pth")(1, "a cat")
"""


def test_a_model_and_what_its_constructor_makes_are_no_alternatives() -> None:
    first = run_query(codebase_of({"net.py": NESTED}), "model_summary: what=used").hits[0].text
    assert "`Detector`" in first and "`BertModel`" in first and "one of" not in first


def test_names_of_local_models_are_no_hosted_ones_and_limits_are_no_input() -> None:
    app = """
        import spacy
        from openai import OpenAI
        from scanlib.inference.layout import run_file_with_model

        model_name = "en_core_web_sm"

        def main(path, limits):
            nlp = spacy.load(model_name)
            page = run_file_with_model(path, page_max_pixels=limits.pixels, model_name="small")
            OpenAI().chat.completions.create(model="gpt-4o", messages=[nlp(page)])

        main("a.pdf", None)
    """
    codebase = codebase_of({"app.py": app})
    told = [hit.text for hit in run_query(codebase, "model_summary: what=used").hits]
    assert not any(text.startswith("Settings that name") for text in told)
    assert told[0].index("run_file_with_model") < told[0].index("spacy.load")
    (run,) = run_query(codebase, "vision_told: part=calls").hits
    assert "on `path`" in run.text


READER = """
    from transformers import AutoModelForVision2Seq

    class {name}:
        def __init__(self):
            self.net = AutoModelForVision2Seq.from_pretrained("acme/captions")
        def read(self, image):
            return self.net.generate(image)
"""


def test_a_class_in_a_module_that_nothing_imports_uses_no_model() -> None:
    files: dict[str, str | bytes] = {
        "reader.py": READER.format(name="Reader"),
        "old/legacy.py": READER.format(name="OldReader"),
        "app.py": "import sys\nfrom reader import Reader\n\nReader().read(sys.argv[1])\n",
    }
    first = run_query(codebase_of(files), "model_summary: what=used").hits[0].text
    assert "in `Reader`" in first and "OldReader" not in first


def test_what_an_example_gives_is_no_weight_of_the_program() -> None:
    app = """
        from rapidocr import RapidOCR

        class Reader:
            def __init__(self, path=None):
                self.reader = RapidOCR(det_model_path=path)

            def read(self, image):
                return self.reader(image)

        def main(image):
            return Reader("own.onnx").read(image)

        if __name__ == "__main__":
            main("a.png")
    """
    shown = "from app import Reader\n\nReader('custom.onnx').read('b.png')\n"
    files = {"app.py": app, "docs/examples/custom.py": shown}
    told = " ".join(hit.text for hit in run_query(codebase_of(files), "model_objects: RapidOCR").hits)
    assert "own.onnx" in told and "custom.onnx" not in told, told
