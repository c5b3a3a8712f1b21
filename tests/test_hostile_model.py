"""A model that only lies gets nothing false accepted, and the report keeps its shape."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.test_audit import LOADER, MAIN

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    repo = tmp_path / "shop-repo"
    (repo / "shop").mkdir(parents=True)
    (repo / "README.md").write_text("# Shop\n\nShop scores product images on the command line.\n")
    (repo / "shop" / "loader.py").write_text(LOADER)
    (repo / "shop" / "main.py").write_text(MAIN)
    return repo


def test_of_a_thousand_lying_answers_nothing_false_is_printed(shop: Path) -> None:
    command = [sys.executable, str(ROOT / "bench" / "hostile.py"), str(shop), "--answers", "1000", "--seed", "100"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ.copy())
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(done.stdout.rstrip().rsplit("\n", 1)[-1])
    assert figures["answers"] >= 1000
    assert figures["sentences_refused"] > 1000
    assert figures["false_accepted"] == figures["faults"] == 0


def test_the_oracle_knows_a_lie(shop: Path) -> None:
    sys.path[:0] = [str(ROOT / "bench")]
    from hostile import Oracle

    oracle = Oracle(shop)
    cited = {"path": "shop/loader.py", "start": 12, "end": 16}

    def why(text: str, **changes: object) -> str:
        return oracle.why_false({"text": text, "citations": [cited], "searched": 0, **changes})

    for text in (
        "`load_model` calls `Classifier`.",
        "`load_model` returns `model`.",
        "`load_model` is called in 1 place.",
    ):
        assert why(text) == ""
    for text in (
        "`load_model` calls `device`.",
        "`load_model` returns `path`.",
        "`load_model` is called in 2 places.",
        "`load_model` raises `Classifier`.",
        "`load_model` calls `argparse`.",
        "`load_model` launches everything.",
    ):
        assert why(text)
    assert why("`load_model` is never called (2 files searched).", citations=[], searched=2)
