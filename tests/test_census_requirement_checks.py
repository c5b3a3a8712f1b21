"""Checks of versions that refuse to go on are told as critical, with their messages."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

OCR = """
    import platform
    import sys
    import torch

    class Ocr:
        def __init__(self, device):
            self.check()
            if device == "cuda" and not torch.cuda.is_available():
                raise RuntimeError("no device")

        @staticmethod
        def fail(message):
            print(message)
            raise RuntimeError(message)

        def check(self):
            if platform.machine() != "x86_64":
                self.fail("Only for x86_64.")
            if sys.version_info[:2] != (3, 12):
                self.fail("Ocr requires Python 3.12.")
            cuda = torch.version.cuda
            if cuda is None or not cuda.startswith("13."):
                self.fail(f"Ocr requires CUDA 13.x, not {cuda}.")

    if __name__ == "__main__":
        Ocr("cpu")
"""


def test_a_check_that_refuses_other_versions_is_critical_and_one_that_an_option_guards_is_not() -> None:
    files: dict[str, str | bytes] = {"requirements.txt": "torch>=2.2\n", "run.py": OCR}
    told = [hit.text for hit in run_query(codebase_of(files), "critical").hits]
    torch = next(text for text in told if text.startswith("`torch`"))
    assert "`Ocr.check()` refuses to run without what it needs: “Only for x86_64.”" in torch
    assert "“Ocr requires Python 3.12.”" in torch
    assert "“Ocr requires CUDA 13.x, not ….”" in torch and "no device" not in torch
