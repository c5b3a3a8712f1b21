"""Where programs meet their models, libraries that start programs, and handlers that stand in for each other."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

FILES: dict[str, str | bytes] = {
    "restore.py": """
        import torch

        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.body = torch.nn.Linear(3, 3)

            def forward(self, face):
                return self.body(face)

        def to_tensor(face):
            scaled = face / 255.0
            return torch.from_numpy(scaled)

        class Restorer:
            def __init__(self, size, upsampler=None):
                self.net = Net()
                self.size = size
                self.upsampler = upsampler

            def enhance(self, image, weight=0.5):
                background = self.upsampler.enlarge(image, 2)
                return self.net(to_tensor(image)), background
    """,
    "main.py": """
        import sys
        import pypandoc
        import pytesseract
        from restore import Restorer

        def load(path):
            text = pypandoc.convert_file(path, "html")
            return pytesseract.image_to_string(path), text

        def main():
            restorer = Restorer(512)
            image = load(sys.argv[1])
            restored, background = restorer.enhance(image)
            print(restored)

        if __name__ == "__main__":
            main()
    """,
    "ask.py": """
        import requests

        def generate(address, prompt):
            return requests.post(address + "/worker_generate", json=prompt)

        if __name__ == "__main__":
            generate("http://localhost", {})
    """,
    "worker.py": """
        from fastapi import FastAPI
        import uvicorn
        from restore import Net

        app = FastAPI()
        net = Net()

        @app.post("/worker_generate")
        def answer(request):
            return net(request)

        if __name__ == "__main__":
            uvicorn.run(app)
    """,
    "plain_worker.py": """
        from fastapi import FastAPI
        import uvicorn

        app = FastAPI()

        @app.post("/worker_generate")
        def answer(request):
            return "nothing"

        if __name__ == "__main__":
            uvicorn.run(app)
    """,
}


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return codebase_of(FILES)


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_the_interface_that_a_program_uses_is_told_with_what_it_is_given(codebase: Codebase) -> None:
    told = next(text for text in texts(codebase, "modularity") if text.startswith("The programs run their models"))
    assert "`Restorer(size, upsampler)` with `enhance(image, weight)`, called by `main()` (main.py)" in told
    assert "it is given `upsampler` ready-made, of which it calls `enlarge()`" in told


def test_a_library_that_starts_a_program_is_told_with_it(codebase: Codebase) -> None:
    assert texts(codebase, "started: own=no") == [
        '`pypandoc.convert_file(path, "html")` has `pypandoc` start the outside program `pandoc` as a process',
        "`pytesseract.image_to_string(path)` has `pytesseract` start the outside program `tesseract` as a process",
    ]


def test_handlers_under_one_address_are_asked_together(codebase: Codebase) -> None:
    told = next(text for text in texts(codebase, "concurrency: memory") if "over HTTP" in text)
    assert "`generate()` (ask.py) asks `answer()` (worker.py), `answer()` (plain_worker.py)" in told
    assert told.endswith("those that run models first")
