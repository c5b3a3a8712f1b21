"""Census kind `removed_apis`: names that later releases no longer have, and what is declared of the library."""

import pytest

from retrieval.census import run_query
from tests.source_tree import codebase_of


def hits(source: str, manifest: str = "numpy==1.23.4\n") -> list[tuple[str, int]]:
    found = run_query(codebase_of({"a.py": source, "requirements.txt": manifest}), "removed_apis").hits
    return [(hit.name, hit.start) for hit in found]


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import numpy as np\nx = np.float(1)\n", "numpy.float"),
        ("import numpy\nx = numpy.int\n", "numpy.int"),
        ("from PIL import Image\nx = y.resize(s, Image.ANTIALIAS)\n", "PIL.Image.ANTIALIAS"),
        ("from torch._six import inf\n", "torch._six.inf"),
        ("from collections import Mapping\n", "collections.Mapping"),
        ("import gradio as gr\nx = gr.Row().style(equal_height=True)\n", "gradio: .style()"),
    ],
)
def test_a_removed_name_is_found_however_it_is_imported(source: str, name: str) -> None:
    assert [found for found, _ in hits(source)] == [name]


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np\nx = np.float32(1)\n",
        "x = numpy.float(1)\n",
        "try:\n    from collections.abc import Mapping\nexcept ImportError:\n    from collections import Mapping\n",
        "try:\n    from torch._six import inf\nexcept ImportError:\n    from math import inf\n",
        "import numpy as np\nif np.__version__ < '1.24':\n    x = np.float\n",
        "x = y.style()\n",
    ],
)
def test_names_that_exist_are_tolerated_or_belong_to_others_are_not(source: str) -> None:
    assert hits(source) == []


def test_uses_in_one_file_are_one_hit() -> None:
    codebase = codebase_of({"a.py": "import numpy as np\na = np.int(1)\nb = 2\nc = np.int(3)\n"})
    (hit,) = run_query(codebase, "removed_apis").hits
    assert (hit.start, hit.related) == (2, (("again", "a.py", 4, 4),))


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ("numpy==1.23.4\n", "declared: `numpy==1.23.4` (requirements.txt:1), which fits"),
        ("numpy==1.26.0\n", "declared: `numpy==1.26.0` (requirements.txt:1), which does not have it"),
        ("numpy>=1.20\n", "declared: `numpy>=1.20` (requirements.txt:1), which does not keep later releases out"),
        ("numpy<1.24\n", "declared: `numpy<1.24` (requirements.txt:1), which keeps later releases out"),
        ("torch\n", "declared: no version, which does not keep later releases out"),
    ],
)
def test_the_declared_version_is_held_against_the_release(manifest: str, said: str) -> None:
    codebase = codebase_of({"a.py": "import numpy as np\na = np.int(1)\n", "requirements.txt": manifest})
    (hit,) = run_query(codebase, "removed_apis").hits
    assert hit.text.endswith(said)
