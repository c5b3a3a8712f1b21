"""Versions in sentences, install commands wherever they stand, and what breaks beside a given version."""

from retrieval.census import run_query
from tests.source_tree import codebase_of


def texts(files: dict[str, str | bytes], query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of(files), query).hits]


def test_each_major_framework_is_declared_only_imported_or_absent() -> None:
    files: dict[str, str | bytes] = {
        "requirements.txt": "torch==2.0.0\nnumpy\n",
        "use.py": "import torch\nimport torchaudio\n",
    }
    found = texts(files, "versions")
    assert "Pinned exactly: `requirements.txt` pins 1: `torch==2.0.0`." in found
    assert "`torch` is declared as `torch==2.0.0` (requirements.txt:1); imported by 1 file." in found
    assert any(t.startswith("`torchaudio` is declared and pinned nowhere, though imported by 1 file") for t in found)
    assert "`transformers` is neither declared nor imported: the code does not use it." in found
    assert "Left without any version (1): `numpy`." in found


def test_a_folder_deep_inside_does_not_hide_a_declared_distribution() -> None:
    files: dict[str, str | bytes] = {
        "requirements.txt": "torch\n",
        "lib/kernels/torch/act/__init__.py": "X = 1\n",
        "use.py": "import torch\n",
    }
    assert any("imported by 1 file" in text for text in texts(files, "versions: torch"))


def test_a_lock_file_is_told_with_the_versions_of_the_frameworks() -> None:
    lock = '[[package]]\nname = "torch"\nversion = "2.7.0"\n'
    files: dict[str, str | bytes] = {"poetry.lock": lock, "requirements.txt": "torch>=2\n", "use.py": "import torch\n"}
    found = texts(files, "versions")
    assert "`poetry.lock` fixes exact versions of 1 package: `torch` 2.7.0." in found
    assert any("locked to 2.7.0 by `poetry.lock`" in text for text in found)


def test_install_commands_of_documents_helpers_and_code_are_declarations() -> None:
    url = "https://download.pytorch.org/whl/cu128"
    files: dict[str, str | bytes] = {
        "README.md": f"Do not `pip install other`.\n\n```\npip install torch==2.3.0 --index-url {url}\n```\n",
        "INSTALL.md": "```\nmim install mmcv==2.0.1\n```\n",
        "install.sh": 'quiet() {\n  out=$(pip install "$@" 2>&1)\n}\nquiet torchaudio --index-url ' + url + "\n",
        "setup_env.py": 'import os\nrun("pip install timm==0.9.2")\nprint("pip install never")\n',
        "installer.py": 'CALL = ["pip", "install"]\nSET = {"cuda": ("onnxruntime-gpu", "1.24.4")}\n',
    }
    found = texts(files, "dependencies")
    assert any(text.startswith("`mmcv==2.0.1` is installed by a command") for text in found)
    assert "`torch==2.3.0` is installed by a command from the index `cu128`, pinned to exactly this version" in found
    assert "`torchaudio` is installed by a command from the index `cu128` without a version constraint" in found
    assert any(text.startswith("`timm==0.9.2` is installed by a command") for text in found)
    assert any(text.startswith("`onnxruntime-gpu==1.24.4` is installed by a command") for text in found)
    assert not any("other" in text or "never" in text or "2>&1" in text for text in found)


def test_what_breaks_beside_a_version_is_a_conflict_told_once() -> None:
    files: dict[str, str | bytes] = {
        "requirements.txt": "basicsr==1.4.2\n",
        "requirements-2.txt": "basicsr==1.4.2\n",
        "README.md": "```\npip install torch --index-url https://download.pytorch.org/whl/cu126\n```\n",
    }
    found = texts(files, "conflicts: torch==2.3.0")
    assert len([text for text in found if text.startswith("`basicsr==1.4.2` fails beside PyTorch 2.3.0")]) == 1
    assert any("index `cu126`, which has no build of it" in text for text in found)


def test_an_alternative_that_fits_is_told_with_the_conflict() -> None:
    files: dict[str, str | bytes] = {"requirements.txt": "torch==1.10.1\n", "requirements_mac.txt": "torch==2.3.0\n"}
    found = texts(files, "conflicts: torch==2.3.0")
    assert len(found) == 1 and "of which `torch==2.3.0` (requirements_mac.txt:1) fit" in found[0]


def test_removed_keywords_and_moved_names_bound_the_version() -> None:
    files: dict[str, str | bytes] = {
        "app.py": "import gradio as gr\ndemo = gr.Blocks()\ndemo.launch(enable_queue=True)\n",
        "q.py": "from transformers.modeling_utils import apply_chunking_to_forward\n",
    }
    found = texts(files, "removed_apis")
    assert any("enable_queue=` does not exist in gradio 4.0" in text for text in found)
    assert any("apply_chunking_to_forward` does not exist in transformers 4.56" in text for text in found)


REQUIREMENTS = "torch>=2.0\nnumpy<2  # numba does not support numpy 2\ntransformers==4.30.0\n"


def test_a_framework_is_critical_for_reasons_and_unexplained_without_one() -> None:
    source = """
    import torch, numpy as np
    from packaging import version
    if version.parse(torch.__version__) >= version.parse("2.6"):
        options = {"weights_only": True}
    else:
        options = {}
    def run(model):
        return torch.compile(model)
    def old():
        return np.int if "int" in np.__dict__ else int
    """
    files: dict[str, str | bytes] = {"requirements.txt": REQUIREMENTS, "run.py": source}
    found = texts(files, "critical")
    told = next(text for text in found if text.startswith("`torch`"))
    assert "tests `version.parse(torch.__version__) >= version.parse('2.6')`" in told
    assert "if so `options = {'weights_only': True}`; if not `options = {}`" in told
    assert any(t.startswith("`numpy`") and "“numba does not support numpy 2”" in t for t in found)
    assert not any("gone since 1.24" in text for text in found)
    assert found[-1] == "No reason is stated beside the bounds of `transformers==4.30.0`."


def test_a_feature_that_is_tested_for_is_guarded_and_not_critical() -> None:
    source = """
    import torch
    class Attention:
        def __init__(self):
            self.fast = hasattr(torch.nn.functional, "scaled_dot_product_attention")
        def forward(self, q):
            if self.fast:
                return torch.nn.functional.scaled_dot_product_attention(q, q, q)
            else:
                return q @ q
    """
    files: dict[str, str | bytes] = {"requirements.txt": "torch\n", "run.py": source}
    guards = texts(files, "version_guards")
    assert len(guards) == 1 and "if not returns `q @ q`" in guards[0]
    assert not any("at least 2.0" in text for text in texts(files, "critical"))


def test_what_an_except_does_without_is_not_critical() -> None:
    source = """
    import torch
    try:
        scaler = torch.amp.GradScaler("cuda")
    except AttributeError:
        scaler = torch.cuda.amp.GradScaler()
    """
    bare = "import torch\nscaler = torch.amp.GradScaler('cuda')\n"
    for code, critical in ((source, False), (bare, True)):
        files: dict[str, str | bytes] = {"requirements.txt": "torch\n", "run.py": code}
        assert any("at least 2.3" in text for text in texts(files, "critical")) is critical


def test_without_pytorch_no_version_of_it_matters() -> None:
    found = texts({"run.py": "import json\n"}, "critical")
    assert found == ["PyTorch is neither declared nor imported, so no version of it matters to this code."]


LOCK = """requires-python = ">=3.10"

[[package]]
name = "torch"
version = "2.11.0"
resolution-markers = [
    "python_full_version == '3.12.*' and sys_platform == 'linux'",
]

[[package]]
name = "torch"
version = "2.13.0"
resolution-markers = [
    "python_full_version >= '3.14' and sys_platform == 'linux'",
    "sys_platform == 'darwin'",
]

[[package]]
name = "transformers"
version = "5.8.1"
"""


PROJECT = """[project]
name = "x"
dependencies = ["torch>=2.2"]
[build-system]
requires = ["setuptools>=61"]
"""


def test_a_lock_file_of_any_size_tells_which_version_is_for_which_system() -> None:
    lock = LOCK + "".join(f'[[package]]\nname = "p{n}"\nversion = "1.{n}"\n' for n in range(30_000))
    files: dict[str, str | bytes] = {
        "uv.lock": lock,
        "pyproject.toml": PROJECT,
        "README.md": "```\npip install numpy==1.26.4\n```\n",
    }
    assert len(lock) > 1_000_000
    found = texts(files, "versions")
    assert found[0].startswith("`uv.lock` fixes exact versions of 30002 packages: `torch` 2.11.0 (only on Linux for")
    assert "2.13.0 (elsewhere), `transformers` 5.8.1" in found[0]
    assert found[1].startswith(
        "No manifest pins an outside package of the program exactly; documents do: `README.md` pins 1"
    )
    assert "Needed to build the package: `setuptools>=61`." in found
    admitted = texts(files, "admitted: torch==2.3.0")
    assert "excluded by any declared range, but the lock file does not have it: `uv.lock` fixes `torch`" in admitted[0]


def test_conda_and_pixi_locks_are_read() -> None:
    conda = "package:\n- name: pytorch\n  version: 2.3.0\n  manager: conda\n- name: timm\n  version: 0.9.2\n"
    pixi = "packages:\n- conda: https://conda.anaconda.org/conda-forge/linux-64/pytorch-2.4.1-cpu_py312.conda\n"
    pixi += "- pypi: https://files.example.org/timm.whl\n  name: timm\n  version: 1.0.3\n"
    files: dict[str, str | bytes] = {"conda-lock.yml": conda, "pixi.lock": pixi, "use.py": "import torch\n"}
    found = texts(files, "versions")
    assert "`conda-lock.yml` fixes exact versions of 2 packages: `torch` 2.3.0; also `timm` 0.9.2." in found
    assert "`pixi.lock` fixes exact versions of 2 packages: `torch` 2.4.1; also `timm` 1.0.3." in found


def test_every_need_is_told_as_excluded_declared_or_new() -> None:
    found = texts({"requirements.txt": "timm>=1.0.17\ntorch>=2.0\n", "use.py": "import timm\n"}, "admitted: imagebind")
    assert found[0].startswith(
        "ImageBind conflicts with what is declared: `timm>=1.0.17` (requirements.txt:1) excludes `timm==0.6.7`"
    )
    assert "declared and fit: `torch>=1.13.0` by `torch>=2.0`" in found[0]
    assert "Not declared here" in found[0] and "`eva-decord==0.6.1`" in found[0]


OPTIONAL = """import subprocess
import warnings
import triton
import undeclared_helper

try:
    from torch.nn.functional import scaled_dot_product_attention
    FAST = True
except ImportError:
    FAST = False


def attend(q, k, v):
    if FAST:
        return scaled_dot_product_attention(q, k, v)
    else:
        return slow(q, k, v)


def build(source):
    kernel = triton.JITFunction(source)
    kernel._unsafe_update_src(source)
    return kernel


def load(path):
    try:
        from .gpu import median
    except RuntimeError:
        warnings.warn("CUDA toolkit is missing; falling back to a slower median")
    return subprocess.run(["ffmpeg", "-i", path], check=True)


build("x")
load("a.wav")
attend(1, 2, 3)
"""


def test_why_a_version_matters_and_what_is_lost_without_an_optional_part() -> None:
    files: dict[str, str | bytes] = {
        "pkg/app.py": OPTIONAL,
        "pkg/__init__.py": "",
        "pkg/gpu.py": "import cupy\nmedian = cupy.median\n",
        "requirements.txt": "torch==1.10.0\ntorchvision==0.11.1\ntriton>=2\n",
    }
    told = texts(files, "critical")
    assert any("private parts of it" in t and "`kernel._unsafe_update_src` (pkg/app.py:22)" in t for t in told)
    assert "Programs that must be installed beside the packages: `ffmpeg` (run by `load()`, pkg/app.py:31)." in told
    assert any("no manifest declares it" in t and "`undeclared_helper`" in t for t in told)
    assert any("changes only together with `torch==1.10.0` (requirements.txt:1)" in t for t in told)
    assert any("does without `scaled_dot_product_attention`" in t and "at least 2.0" not in t for t in told)
    lost = texts(files, "optional_features")
    assert any("which came with torch 2.0" in t and "tests `FAST`, returns `slow(q, k, v)`" in t for t in lost)
    assert any("which needs `cupy`" in t and "“CUDA toolkit is missing; falling back" in t for t in lost)


CRITICAL: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "MacEnv.md": "Install:\n\n```\npip install torch==2.1.2\n```\n",
    "requirements.txt": """
        # Torch must stay below 2.8 for the CUDA 11.8 build:
        #   pip install torch==2.7.1

        webdataset>=0.2.5,<=0.2.86
        diffusers==0.25.0
        timm>=1.0.17
        # hyper-connections 0.4.3+ requires Torch 2.5+, while DirectML
        # currently pins Torch 2.4.1.
        hyper-connections>=0.1.8,<0.4.3
        einops
    """,
    "app.py": """
        import timm
        import torch
        from diffusers.callbacks import PipelineCallback
        from webdataset.filters import _shuffle

        def main(kind):
            trunk = timm.create_model("x")
            trunk.set_input_size(img_size=2)
            match kind:
                case "a":
                    return _shuffle, PipelineCallback, torch.nn

        if __name__ == "__main__":
            main("a")
    """,
}


def test_reasons_of_bounds_come_from_whole_comments_methods_private_imports_and_grammar() -> None:
    codebase = codebase_of(CRITICAL)
    told = {hit.name: hit.text for hit in run_query(codebase, "critical").hits}
    assert "a comment in requirements.txt says “Torch must stay below 2.8 for the CUDA 11.8 build.”" in told["torch"]
    whole = "“hyper-connections 0.4.3+ requires Torch 2.5+, while DirectML currently pins Torch 2.4.1.”"
    assert whole in told["hyper-connections"]
    assert (
        "`webdataset.filters._shuffle` (app.py:4); its upper bound `<=0.2.86` guards against that" in told["webdataset"]
    )
    assert "too old for what the code uses: it needs at least 0.28, because" in told["diffusers"]
    assert "at least 1.0.8, because `main()` uses `trunk.set_input_size()`" in told["timm"]
    assert "at least 3.10, because `main()` uses the statement `match`" in told["python"]
    pins = [hit.text for hit in run_query(codebase, "pins").hits]
    assert any("torch==2.1.2" in pin for pin in pins)


def test_a_locked_package_is_held_against_what_it_asks_of_torch() -> None:
    lock = '[[package]]\nname = "transformers"\nversion = "5.8.1"\n'
    files: dict[str, str | bytes] = {"requirements.txt": "transformers>=4.42,<6\n", "uv.lock": lock, "a.py": "x = 1\n"}
    [hit] = run_query(codebase_of(files), "conflicts: torch==2.3.0").hits
    assert hit.text.startswith("`uv.lock` fixes `transformers` 5.8.1") and "asks for torch>=2.4 from 5.2 on" in hit.text


def test_documents_and_wheels_of_pins_give_reasons() -> None:
    guide = "# Install\n\nWe need PyTorch >= 2.5.1 because of `torch.compile`.\n"
    files: dict[str, str | bytes] = {
        "INSTALL.md": guide,
        "requirements.txt": "numpy==1.22.0\ntorch\n",
        "a.py": "import torch\n",
    }
    told = {hit.name: hit.text for hit in run_query(codebase_of(files), "critical").hits}
    assert "INSTALL.md says “We need PyTorch >= 2.5.1 because of `torch.compile`.”" in told["torch"]
    assert "`numpy==1.22.0` has wheels for Python 3.8 to 3.10 only" in told["python"]


def test_wheels_by_address_tell_what_they_are_built_for_and_are_a_declared_version() -> None:
    wheel = "https://x.org/flash_attn-2.8.3+cu128torch2.9.0cxx11abiFALSE-cp313-cp313-linux_x86_64.whl"
    files: dict[str, str | bytes] = {"requirements.txt": f"{wheel}\ntorch==2.9.0\n", "run.py": "import flash_attn\n"}
    told = next(text for text in texts(files, "critical") if "flash-attn" in text)
    assert "no version declared" not in told and "built for CUDA 12.8, PyTorch 2.9.0, Python 3.13" in told
    assert "https://" not in " ".join(texts(files, "versions"))


def test_private_parts_of_folders_without_init_are_of_no_library() -> None:
    files: dict[str, str | bytes] = {
        "requirements.txt": "torch==2.9.0\n",
        "modules/api/script.py": "import modules.api.models as M\n\nprint(M._load())\n",
        "modules/api/models.py": "def _load():\n    return 1\n",
        "run.py": "import modules.api.script\n",
    }
    assert not any("modules" in text for text in texts(files, "critical"))


def test_pins_of_one_file_that_cannot_stand_together_are_told_and_the_root_comes_first() -> None:
    files: dict[str, str | bytes] = {
        "requirements.txt": "torch==2.1.2\ntorchvision==0.17.1\n",
        "Legacy/requirements.txt": "torch==1.13.1\ntorchvision==0.14.1\n",
        "run.py": "import torch\nimport torchvision\n",
    }
    told = next(text for text in texts(files, "critical") if text.startswith("`torchvision`"))
    assert (
        "`torchvision==0.17.1` (requirements.txt:2) is built for torch 2.2, not for the `torch==2.1.2` beside it"
        in told
    )
    assert "changes only together with `torch==2.1.2` (requirements.txt:1)" in told and "0.14.1` (Legacy" not in told
    assert texts(files, "versions: pins")[0].startswith("Pinned exactly: `requirements.txt` pins 2")


def test_a_feature_test_that_raises_is_a_requirement_and_no_guard() -> None:
    source = """
    import torch.nn.functional as F

    def attend(x):
        if not hasattr(F, "scaled_dot_product_attention"):
            raise ImportError("needs PyTorch 2.0")
        return F.scaled_dot_product_attention(x, x, x)
    """
    files: dict[str, str | bytes] = {"requirements.txt": "torch>=2.0\n", "run.py": source}
    assert not texts(files, "version_guards")
    assert "raises `ImportError('needs PyTorch 2.0')`" in next(t for t in texts(files, "critical") if "`torch`" in t)


def test_a_torch_for_which_no_torchvision_of_imagebind_is_built_excludes_imagebind() -> None:
    [conflict] = texts({"requirements.txt": "torch>=2.7\n"}, "conflicts: imagebind")
    assert "excludes `torch<2.2`" in conflict and "torchvision 0.16" in conflict
    [told] = texts({"requirements.txt": "torch>=2.7\n"}, "admitted: imagebind")
    assert "nothing that is declared" not in told and "nothing excludes them" not in told
    assert not texts({"requirements.txt": "torch>=2.0\n"}, "conflicts: imagebind")


def test_imagebind_as_published_does_not_go_with_the_torchvision_of_pytorch_2_3() -> None:
    newer: dict[str, str | bytes] = {"requirements.txt": "torchvision==0.18.0\n"}
    [conflict] = texts(newer, "conflicts: imagebind")
    assert conflict.startswith("`torchvision==0.18.0` conflicts with ImageBind: it excludes `torchvision<0.17`")
    assert not texts({"requirements.txt": "torchvision==0.16.2\n"}, "conflicts: imagebind")
    alone, both = (texts(newer, f"admitted: {sets}")[-1] for sets in ("imagebind", "torch==2.3.0, imagebind"))
    told = "ImageBind as it is published does not go with PyTorch 2.3.0"
    assert told in both and "eb04d1b" in both and told not in alone


def test_what_makes_models_is_told_first_and_what_only_continuous_integration_installs_is_said_to_be() -> None:
    codebase = codebase_of(
        {
            "requirements.txt": "easyocr==1.7.2\npydantic==2.5.0\n",
            ".github/workflows/test.yml": "jobs:\n  t:\n    steps:\n      - run: pip install numpy==1.26.4\n",
            "main.py": "import easyocr\n\nprint(easyocr.Reader(['en']).readtext('a.png'))\n",
        }
    )
    told = [hit.text for hit in run_query(codebase, "versions").hits]
    pins = next(text for text in told if text.startswith("Pinned exactly"))
    assert pins.index("easyocr==1.7.2") < pins.index("pydantic==2.5.0") and "numpy" not in pins
    pinned = [hit.text for hit in run_query(codebase, "pins: numpy").hits]
    assert pinned and "by a command of continuous integration" in pinned[0]


REFUSING: dict[str, str | bytes] = {
    "requirements.txt": "torch>=2.0\ntimm\nreader.audio==3.3\ndriver-py\ngit+https://x.org/a/my-parser.git\n",
    "release.sh": "read -p 'Please run pip install -e . to synchronize versions. Go on?' answer\n",
    ".github/workflows/checks.yml": "jobs:\n  a:\n    steps:\n      - run: pip install torch==1.9.0 numpy==1.26.4\n",
    "speed.py": """
        import torch

        def speed(kind, trunk):
            if kind.fast:
                torch.compile(trunk)
    """,
    "app.py": """
        import sys
        import timm
        import torch
        import speed
        import driver
        import reader.audio
        from parser import read
        from timm.layers import DropPath
        from kernels import cached

        def check():
            cuda = torch.version.cuda
            if cuda is None or not cuda.startswith("13."):
                raise RuntimeError("The reader needs CUDA 13.x.")
            if sys.version_info[:2] != (3, 12):
                raise RuntimeError("Python 3.12 is needed.")

        def imported():
            try:
                import vllm
            except ImportError:
                if sys.version_info < (3, 14):
                    raise ImportError("vllm is not installed") from None

        def main(kind):
            trunk = timm.create_model("x")
            if hasattr(trunk, "set_input_size"):
                trunk.set_input_size(img_size=2)
            if torch.__version__ >= "1.13":
                print("new")
            kernel = cached.kernel()
            if hasattr(kernel, "_update"):
                kernel._update(1)
            else:
                kernel.source = 1
            speed.speed(kind, trunk)
            check()
            imported()

        if __name__ == "__main__":
            main(sys.argv)
    """,
}


def test_what_code_refuses_to_run_with_is_a_conflict_and_what_tests_install_is_none() -> None:
    found = texts(REFUSING, "conflicts: torch==2.3.0")
    assert len(found) == 1 and "`check()` conflicts with PyTorch 2.3.0: it ends in an error unless CUDA is" in found[0]
    assert "“The reader needs CUDA 13.x.”" in found[0]
    [plain] = texts(REFUSING, "conflicts: imagebind")
    assert "uses `timm.layers`, which came with timm 0.9, which excludes `timm==0.6.7`" in plain
    admitted = texts(REFUSING, "admitted: torch==2.3.0, imagebind")
    assert not any("numpy==1.26.4" in text or "`timm==0.6.7` by" in text for text in admitted)
    lock = '[[package]]\nname = "torch"\nversion = "2.7.0"\n'
    both = texts({**REFUSING, "uv.lock": lock}, "admitted: torch==2.3.0")[0]
    assert both.startswith(
        "PyTorch 2.3.0 is not excluded by any declared range, but some code does not go with it: `check"
    )
    assert "and the lock file does not have it: `uv.lock` fixes `torch` 2.7.0" in both


def test_other_names_of_what_is_declared_are_declared_and_questions_of_scripts_declare_nothing() -> None:
    assert [hit.name for hit in run_query(codebase_of(REFUSING), "undeclared").hits] == ["kernels", "vllm"]
    assert not any("synchronize" in text for text in texts(REFUSING, "dependencies"))


def test_what_guards_a_private_part_and_under_which_condition_a_version_matters_is_told() -> None:
    told = texts(REFUSING, "critical")
    assert any(
        "used only where they exist: `kernel._update`" in t and "without it `kernel.source = 1`" in t for t in told
    )
    assert any("`torch.compile` only where `kind.fast`" in t and "`1.9` is newer than `1.13`" in t for t in told)
    assert not any("set_input_size" in t for t in told)


def test_ways_to_install_that_a_document_lists_do_not_stand_together() -> None:
    guide = "```\npip install torch==1.10.1 torchvision==0.11.2\npip install torch==2.3.0 torchvision==0.18.0\n```\n"
    told = texts({"README.md": guide, "app.py": "import torch, torchvision\n"}, "critical")
    assert not any("cannot be installed together" in text for text in told)
