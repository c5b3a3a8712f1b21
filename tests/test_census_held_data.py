"""Objects that hold data between the calls of one body, and bodies that are the top level of a script."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

FILES: dict[str, str | bytes] = {
    "restore.py": """
        import argparse
        import torch
        from facelib import FaceHelper

        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.body = torch.nn.Linear(3, 3)

            def forward(self, face):
                return self.body(face)

        class Painter:
            def colours(self, image):
                return image

        def to_tensor(face):
            scaled = face / 255.0
            return torch.from_numpy(scaled)

        class Restorer:
            def __init__(self):
                self.net = Net()
                self.helper = FaceHelper(512)
                self.painter = Painter()

            def enhance(self, image, upscale=2):
                self.helper.read_image(image)
                self.helper.align()
                for face in self.helper.faces:
                    restored = self.net(to_tensor(face))
                    self.helper.add_face(restored)
                tinted = self.painter.colours(image)
                return self.helper.paste(tinted)

        if __name__ == "__main__":
            Restorer().enhance(None)
    """,
    "script.py": """
        import sys
        import torch
        from restore import Net

        net = Net()
        picture = torch.load(sys.argv[1])

        def save(value):
            torch.save(value, "out.pt")

        if __name__ == "__main__":
            output = net(picture)
            save(output)
    """,
}


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return codebase_of(FILES)


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_an_object_that_takes_data_and_gives_it_out_carries_it(codebase: Codebase) -> None:
    [told] = texts(codebase, "carriers: what=held")
    assert "`self.helper` (`FaceHelper`) is given `image` by `read_image()`, `restored` by `add_face()`" in told
    assert "what it holds is taken by the attribute `faces`, `paste()`" in told
    assert "painter" not in told, "what only gives back what it is given holds nothing"


def test_the_top_level_of_a_script_is_a_body(codebase: Codebase) -> None:
    told = [text for text in texts(codebase, "model_flow") if "script.py" in text]
    assert told == ["In the script script.py `net()` (the model `Net`) gives `output`; `save()` takes `output`"]
