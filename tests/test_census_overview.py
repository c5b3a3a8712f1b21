"""Census kinds over manifests, the overview, configuration and code quality, on small repositories."""

import pytest

from retrieval.census import run_query
from retrieval.census.meaning.prose import first_sentence, listed
from retrieval.codebase import Codebase
from retrieval.errors import QueryError
from retrieval.facts import CensusHit
from retrieval.manifests.distributions import modules_of, providers
from tests.source_tree import codebase_of


def hits(codebase: Codebase, query: str) -> tuple[CensusHit, ...]:
    return run_query(codebase, query).hits


def texts(files: dict[str, str | bytes], query: str) -> list[str]:
    return [hit.text for hit in hits(codebase_of(files), query)]


def names(files: dict[str, str | bytes], query: str) -> list[str]:
    return [hit.name for hit in hits(codebase_of(files), query)]


MANIFESTS: dict[str, str | bytes] = {
    "requirements.txt": "torch==2.1.0\nnumpy\ntransformers>=4.25,<4.27\nopencv-python\nunused-thing\n",
    "setup.py": 'from setuptools import setup\nsetup(name="own", install_requires=[], python_requires=">=3.7")\n',
    "uv.lock": '[[package]]\nname = "torch"\nversion = "2.1.0"\n[[package]]\nname = "deep"\nversion = "1"\n',
    "own/__init__.py": "",
    "own/a.py": "import os, cv2, torch\nimport own.b\nfrom numpy import array\nimport requests\n",
    "own/b.py": "try:\n    import wandb\nexcept ImportError:\n    wandb = None\nimport yaml\n",
    "tests/test_a.py": "import pytest, transformers\nfrom own import a\n",
}


def test_dependencies_summarise_locks_unless_asked():
    found = texts(MANIFESTS, "dependencies")
    assert "`torch==2.1.0` is required, pinned to exactly this version" in found
    assert "`uv.lock` locks 2 packages to exact versions" in found
    assert "`setup.py` declares no run-time dependency: `install_requires` is empty" in found
    assert [h.path for h in hits(codebase_of(MANIFESTS), "dependencies: torch")] == ["requirements.txt", "uv.lock"]


def test_pins_take_locked_versions_of_declared_packages_only():
    assert [(h.name, h.path) for h in hits(codebase_of(MANIFESTS), "pins")] == [
        ("torch", "requirements.txt"),
        ("torch", "uv.lock"),
    ]


def test_undeclared_and_unused():
    assert texts(MANIFESTS, "undeclared") == [
        "`requests` is imported in 1 file and declared in no manifest",
        "`wandb` is imported in 1 file and declared in no manifest (only inside `try` or `if TYPE_CHECKING`)",
        "`yaml` (distribution `pyyaml`) is imported in 1 file and declared in no manifest",
        "`pytest` is imported in 1 file and declared in no manifest",
    ]
    assert texts(MANIFESTS, "unused") == [
        "`unused-thing` is declared, but no Python file imports `unused_thing`",
    ]


def test_conflicts_and_compatibility():
    found = texts(MANIFESTS, "conflicts: torch==2.3.0")
    assert found == [
        "`torch==2.1.0` conflicts with PyTorch 2.3.0: it excludes `torch==2.3.0` (the version asked about)",
    ]
    assert not texts(MANIFESTS, "conflicts: imagebind")
    assert texts(MANIFESTS, "conflicts: transformers>=5") == [
        "`transformers>=4.25,<4.27` conflicts with `transformers>=5`: it excludes `transformers>=5` "
        "(the requirement asked about)"
    ]
    fits = texts(MANIFESTS, "compatibility: torch==2.3.0, imagebind")
    assert any("though not for Python 3.7" in text for text in fits)
    assert "`numpy` has no version constraint and admits `numpy>=1.19` (ImageBind requires it)" in fits


def test_conflicts_see_clashing_packages_and_vanished_modules():
    files: dict[str, str | bytes] = {
        "requirements.txt": "decord\n",
        "a.py": "from torchvision.transforms.functional_tensor import rgb_to_grayscale\n",
        "b.py": "try:\n    import torch._six\nexcept ImportError:\n    pass\n",
    }
    assert names(files, "conflicts: imagebind") == ["decord"]
    assert names(files, "conflicts: torch==2.3.0") == ["torchvision.transforms.functional_tensor"]


def test_conflicts_refuse_nonsense():
    with pytest.raises(QueryError) as error:
        hits(codebase_of({}), "conflicts: what is this")
    assert "torch==2.3.0" in error.value.hint


def test_constraints_in_code():
    files: dict[str, str | bytes] = {
        "a.py": """
            import sys
            import torch
            import torch.nn.functional as F
            from packaging import version
            NEW = version.parse(torch.__version__) >= version.parse("2.0")
            KNOWN = tuple(map(int, torch.__version__.split(".")[:2]))
            def f(model):
                if KNOWN < (1, 13) or sys.version_info < (3, 9):
                    hasattr(model, "x")
                return hasattr(F, "scaled_dot_product_attention")
            try:
                import os
                from flash_attn import flash_attn_func
            except (ImportError, RuntimeError):
                flash_attn_func = None
            try:
                import os
            except ImportError:
                pass
            """,
        "README.md": "# x\nIt needs Python 3.9 and [PyTorch](https://p.org) 1.10 or newer. Nothing else.\n",
    }
    found = texts(files, "constraints")
    assert found == [
        "the README states: “It needs Python 3.9 and PyTorch 1.10 or newer.”",
        "the code checks a version: `version.parse(torch.__version__) >= version.parse('2.0')`",
        "the code checks a version: `KNOWN < (1, 13)` in `f`",
        "the code checks a version: `sys.version_info < (3, 9)` in `f`",
        "the code checks whether the library has a feature: `hasattr(F, 'scaled_dot_product_attention')` in `f`",
        "optional import, guarded by `except (ImportError, RuntimeError)`: `import os`; "
        "`from flash_attn import flash_attn_func`",
    ]
    assert names(files, "constraints: flash_attn") == ["flash_attn"]


@pytest.mark.parametrize(
    ("module", "distribution"),
    [("cv2", "opencv-python"), ("PIL.Image", "pillow"), ("google.protobuf", "protobuf"), ("foo_bar", "foo-bar")],
)
def test_providers(module: str, distribution: str):
    assert distribution in providers(module)


def test_modules_of_distributions():
    assert modules_of("scikit-learn") == ("sklearn",)
    assert "magic" in modules_of("python-magic")
    assert modules_of("some-thing")[0] == "some_thing"


PACKAGE: dict[str, str | bytes] = {
    "README.md": "![badge](x)\n\n# Sample\n\nA sample that does one thing well, and says so in prose.\n",
    "pyproject.toml": '[project]\nname = "sample"\nversion = "1"\ndescription = "Does a thing"\n',
    "thing/__init__.py": '"""The thing package. More."""\nfrom thing.net import Net\n',
    "thing/net.py": """
        class _Part: pass
        class Net:
            def __init__(self, size):
                '''A network of `size` parts.

                Args:
                    size: how many
                '''
        def build(): return Net(1)
        """,
    "thing/empty.py": "",
    "thing/cli.py": '#!/usr/bin/env python\nfrom thing import net\nnet.build()\nprint("done")\n',
    "thing/version.py": '__version__ = "1"\n',
    "configs/a.yaml": "model: x\ndata: y\n",
    "tests/test_net.py": "from thing.net import build\n\ndef test_build():\n    assert build()\n",
    "Makefile": "test:\n\tpytest\n",
}


def test_about_quotes_readme_manifest_and_docstring():
    found = hits(codebase_of(PACKAGE), "about")
    assert [(h.path, h.start, h.text) for h in found] == [
        ("README.md", 3, "the README is titled “Sample”"),
        ("README.md", 5, "the README says: “A sample that does one thing well, and says so in prose.”"),
        ("pyproject.toml", 4, "its manifest describes it as “Does a thing”"),
        ("pyproject.toml", 2, "the package is named `sample`"),
        ("pyproject.toml", 3, "its version is 1"),
        ("thing/__init__.py", 1, "`thing/__init__.py` says: “The thing package”"),
    ]


def test_tree_draws_every_file():
    found = hits(codebase_of(PACKAGE), "tree")
    assert "\n".join(hit.text for hit in found) == "\n".join(
        [
            "sample/",
            "├── configs/ - 1 YAML file",
            "│   └── a.yaml - keys model, data",
            "├── tests/ - tests",
            "│   └── test_net.py - function test_build; tests of build",
            "├── thing/ - The thing package",
            "│   ├── __init__.py - The thing package",
            "│   ├── cli.py - script that calls net.build, print; main program",
            "│   ├── empty.py - empty",
            "│   ├── net.py - Net: “A network of `size` parts”; classes Net, _Part; function build; "
            "used by thing/__init__.py, cli.py",
            "│   └── version.py - sets __version__",
            "├── Makefile - target test",
            "├── README.md - “Sample”",
            "└── pyproject.toml - package metadata and settings; section project",
        ]
    )
    snapshot = codebase_of(PACKAGE).snapshot
    assert all(snapshot.by_path[hit.path].lines[hit.start - 1] is not None for hit in found)


def test_tree_folds_what_does_not_fit():
    files: dict[str, str | bytes] = {f"pkg/part{p}/m{n}.py": "x = 1\n" for p in range(5) for n in range(30)}
    files |= {f"tests/test_{n}.py": "def test(): pass\n" for n in range(9)}
    found = texts(files, "tree: lines=50")
    assert len(found) <= 50
    assert any("30 Python files: m0.py, m1.py" in text and "and 24 more" in text for text in found)
    assert any("tests/ - tests; 9 Python files" in text for text in found)


def test_modules_list_packages_then_modules():
    found = texts(PACKAGE, "modules: role=source")
    assert found[0] == "folder `thing/` holds 5 modules (16 lines): “The thing package”; main classes: `Net`, `_Part`"
    assert found[1:] == [
        "`thing/__init__.py` (2 lines): “The thing package”",
        "`thing/cli.py` (4 lines): main program; script that calls net.build, print",
        "`thing/net.py` (9 lines): `Net`: “A network of `size` parts”; "
        "defines classes `Net`, `_Part`; function `build`",
        "`thing/version.py` (1 line): sets __version__",
    ]


def test_metrics_and_tests():
    found = texts(PACKAGE, "metrics")
    assert found[0].startswith("5 Python source files with 16 lines define 2 classes and 2 functions and methods")
    assert "tests: 1 Python file with 4 lines" in found
    assert texts(PACKAGE, "tests") == ["`tests/test_net.py` defines 1 test function: `test_build`; imports `thing.net`"]


@pytest.mark.parametrize(
    ("docstring", "sentence"),
    [
        ("One. Two.", "One"),
        ("Compute the\nspectrogram of\n\nParameters\n", "Compute the spectrogram of …"),
        ("Convert, handling:\n- a\n", "Convert, handling …"),
        ("Build weights\nArgs:\n  a: b", "Build weights"),
        ("Copyright (c) 2022, someone. Does things.", ""),
        ("# ------\n# Title\n# ------", "Title"),
    ],
)
def test_first_sentence(docstring: str, sentence: str):
    assert first_sentence(docstring) == sentence


def test_listed_counts_the_rest():
    assert listed(["a", "b", "c"], 2, "`") == "`a`, `b` and 1 more"


def test_about_leaves_news_and_notices_out():
    readme = (
        "# Net\n\n[2024/05/01] We release the weights of the large model today.\n\n"
        "Join our Discord server to talk about this model.\n\n"
        "Net turns one photograph and a voice into a talking face.\n"
    )
    found = texts({"README.md": readme}, "about")
    assert found[1:] == ["the README says: “Net turns one photograph and a voice into a talking face.”"]


def test_about_reads_the_centred_line_under_a_title():
    readme = (
        '<h1 align="center">Net</h1>\n\n'
        '<p align="center">\n  Real-time face swap with a single click and one image.\n</p>\n\n'
        '<p align="center"><a href="x"><img src="badge.svg"/></a></p>\n\n## Disclaimer\n\n'
        "We are aware of the potential for misuse of this model and of its output.\n"
    )
    found = run_query(codebase_of({"README.md": readme}), "about").hits
    assert [(hit.start, hit.end, hit.text) for hit in found] == [
        (1, 1, "the README is titled “Net”"),
        (3, 5, "the README says: “Real-time face swap with a single click and one image.”"),
    ]
