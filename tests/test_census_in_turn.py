"""Models of which one run has one or the other, models deleted before the next is made, models made by imports."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

APP: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`, or `python turns.py`.\n",
    "shared.py": """
        import easyocr
        from ultralytics import YOLO
        from transformers import AutoModelForCausalLM, Blip2ForConditionalGeneration
        import torch

        reader = easyocr.Reader(["en"])

        class Compiled:
            def __init__(self, path=None):
                if path is None:
                    path = "net.pt"
                self.model = torch.jit.load(path)
            def predict(self, x): return self.model(x)

        def detector(path=None):
            if path is None or "v3" in path.split("/"):
                return Compiled(path)
            return YOLO(path)

        def first(kind):
            if kind == "a":
                net = AutoModelForCausalLM.from_pretrained("a")
                return net
            other = Blip2ForConditionalGeneration.from_pretrained("b")
            return other

        if __name__ == "__main__":
            unused = YOLO("test.pt")
    """,
    "app.py": """
        import argparse
        from shared import detector, first

        if __name__ == "__main__":
            parser = argparse.ArgumentParser()
            parser.add_argument("--kind", default="a")
            parser.add_argument("--path", default="v2/net.pt")
            args = parser.parse_args()
            found = detector(args.path)
            words = first(args.kind)
            words.generate(found.predict(1))
    """,
    "turns.py": """
        import torch
        from diffusers import DiffusionPipeline
        from transformers import pipeline

        def main():
            writer = pipeline("text-generation", model="w")
            text = writer("x")
            del writer
            torch.cuda.empty_cache()
            painter = DiffusionPipeline.from_pretrained("p").to("cuda")
            second = DiffusionPipeline.from_pretrained("q", vae=painter.vae, unet=painter.unet)
            image = painter(text)

        if __name__ == "__main__":
            main()
    """,
}


def test_either_or_in_turn_and_by_import() -> None:
    told = {hit.name: hit.text for hit in run_query(codebase_of(APP), "residency").hits}
    app, turns = told["app.py"], told["turns.py"]
    assert app.startswith("`app.py`: 3 models in memory together: ")
    assert "one of `YOLO`, `jit.load` (`found`)" in app, "behind an early return, and what no name of the body holds"
    assert "`AutoModelForCausalLM` by default, else `Blip2ForConditionalGeneration` (`words`)" in app
    assert "`Reader` (`reader`)" in app, "made when the module is imported"
    assert "unused" not in app and "first use" not in app
    assert turns.startswith(
        "`turns.py`: at most 2 of 3 models in memory together, as models are deleted before others are made: first "
        "`transformers.pipeline` (`writer`) until `del writer` (turns.py:8), then 2 `DiffusionPipeline` "
        "(`painter`, `second`), `second` shares `vae`, `unet` with `painter`"
    )


SERVED: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        import uvicorn
        from fastapi import FastAPI
        from diffusers import DiffusionPipeline
        from paddleocr import PaddleOCR

        app = FastAPI()
        reader = PaddleOCR(use_gpu=False)
        painter = DiffusionPipeline.from_pretrained("p")
        painter.enable_model_cpu_offload()

        @app.post("/paint")
        def paint(text: str):
            return painter(text)

        if __name__ == "__main__":
            uvicorn.run("app:app", reload=True)
    """,
}


def test_offloading_and_truth_values_say_where_models_are() -> None:
    codebase = codebase_of(SERVED)
    [text, *_] = [hit.text for hit in run_query(codebase, "residency").hits]
    assert "`PaddleOCR` on `cpu`" in text
    assert "its parts on the GPU only while they run (`enable_model_cpu_offload()`)" in text
    assert any("With `reload=True`" in hit.text for hit in run_query(codebase, "concurrency: models").hits)
