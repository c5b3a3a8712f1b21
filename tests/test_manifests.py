"""Manifest readers: what is declared, on exactly which line, for every format."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.manifests import Declaration, read_manifests
from retrieval.manifests.declaration import from_conda, from_poetry, from_requirement
from retrieval.manifests.toml_lines import toml_lines
from retrieval.manifests.wording import condition, sentence
from tests.source_tree import snapshot_of

REQUIREMENTS = """
    # comment
    torch==2.1.0  # pinned
    numpy>=1.20,<2 ; python_version < "3.12"
    -r extra/more.txt
    -c constraints.txt
    git+https://github.com/openai/CLIP.git@a9b1bf5920416aaeaec965c25dd9e8f98c864f16
    pkg \\
        ==1.0 \\
        --hash=sha256:abc
    -e .
    ./local/thing
    pytorchvideo @ git+https://github.com/f/pytorchvideo.git@28fe037d212663c6a24f373b94cc5d478c8c1a1d
    """
PYPROJECT = """
    [build-system]
    requires = ["setuptools>=61",
                "wheel"]
    [project]
    name = "sample"
    requires-python = ">=3.9"
    dependencies = [
      "torch>=2.0",  # a comment with ] and "quotes"
      'numpy',
    ]
    optional-dependencies.dev = ["pytest"]
    [project.optional-dependencies]
    """.replace("    [project.optional-dependencies]\n", "")
POETRY = """
    [tool.poetry.dependencies]
    python = "^3.8"
    torch = "^2.1"
    numpy = {version = "~1.21", optional = true, markers = "sys_platform == 'linux'"}
    private = {git = "https://x.org/p.git", rev = "abcdef1"}
    exact = "1.2.3"
    [tool.poetry.extras]
    fast = ["numpy"]
    [tool.poetry.group.test.dependencies]
    pytest = "*"
    """
SETUP = """
    from setuptools import setup
    base = ["numpy>=1.17", "torch"]
    extras = {}
    extras["docs"] = ["sphinx"]
    extras["fast"] = base + ["xformers==0.0.20"]
    base.append("pyyaml")

    def read(name):
        return open(name).read().splitlines()

    setup(
        name="sample",
        description="A sample",
        python_requires=">=3.8",
        install_requires=base,
        extras_require=extras,
        setup_requires=["cython"],
    )
    """


def declared(files: dict[str, str | bytes]) -> dict[str, Declaration]:
    items = read_manifests(snapshot_of(files)).declarations
    return {f"{item.name}@{item.group}" if item.group else item.name: item for item in items}


def places(files: dict[str, str | bytes]) -> dict[str, tuple[int, int, str]]:
    return {name: (item.start, item.end, item.specifier) for name, item in declared(files).items()}


def test_requirements_file():
    files: dict[str, str | bytes] = {"requirements.txt": REQUIREMENTS, "extra/more.txt": "einops\n"}
    found = declared(files)
    assert found["torch"].start == 2 and found["torch"].exact == "2.1.0"
    assert found["numpy"].specifier == "<2,>=1.20" and found["numpy"].marker
    assert (found["pkg"].start, found["pkg"].end, found["pkg"].exact) == (7, 9, "1.0")
    assert found["CLIP"].exact.startswith("a9b1bf5")
    assert found["pytorchvideo"].exact.startswith("28fe037")
    assert found["einops"].path == "extra/more.txt"
    includes = read_manifests(snapshot_of(files)).includes
    assert [(i.target, i.constraint, i.start) for i in includes] == [
        ("extra/more.txt", False, 4),
        ("constraints.txt", True, 5),
    ]


@pytest.mark.parametrize(
    ("path", "scope"),
    [
        ("requirements.txt", "runtime"),
        ("requirements-dev.txt", "dev"),
        ("requirements/test.txt", "dev"),
        ("docs/requirements.txt", "dev"),
        ("requirements/constraints.txt", "constraint"),
        ("requirements_gpu.txt", "runtime"),
    ],
)
def test_scope_of_requirements_files(path: str, scope: str):
    (item,) = declared({path: "numpy\n"}).values()
    assert item.scope == scope


def test_pyproject_lines():
    assert places({"pyproject.toml": PYPROJECT}) == {
        "python": (6, 6, ">=3.9"),
        "torch": (8, 8, ">=2.0"),
        "numpy": (9, 9, ""),
        "setuptools@build-system": (2, 2, ">=61"),
        "wheel@build-system": (3, 3, ""),
        "pytest@dev": (11, 11, ""),
    }


def test_poetry():
    found = declared({"pyproject.toml": POETRY})
    assert found["torch"].specifier == ">=2.1,<3" and found["torch"].start == 3
    assert found["python"].specifier == ">=3.8,<4"
    assert found["numpy@fast"].scope == "extra" and found["numpy@fast"].specifier == ">=1.21,<1.22"
    assert found["private"].exact == "abcdef1"
    assert found["exact"].exact == "1.2.3"
    assert found["pytest@test"].scope == "dev" and found["pytest@test"].start == 10


@pytest.mark.parametrize(
    ("range_", "specifier"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        (">=1,<2", ">=1,<2"),
        ("*", ""),
        ("1.2.*", "==1.2.*"),
        ("=4.30.0", "==4.30.0"),
        ("= 4.30.0", "==4.30.0"),
        ("^2 || ^3", ""),
    ],
)
def test_poetry_ranges(range_: str, specifier: str):
    assert from_poetry("x", range_, "p", 1, 1).specifier == specifier


@pytest.mark.parametrize(
    ("text", "specifier", "exact"),
    [
        ("pytorch=1.10", "==1.10.*", "1.10"),
        ("conda-forge::numpy==1.21.2", "==1.21.2", "1.21.2"),
        ("numpy=1.21.2=py38_0", "==1.21.2", "1.21.2"),
        ("scipy >=1.5,<2", ">=1.5,<2", ""),
        ("ffmpeg", "", ""),
    ],
)
def test_conda_specs(text: str, specifier: str, exact: str):
    item = from_conda(text, "environment.yml", 1, 1)
    assert item is not None and (item.specifier, item.exact) == (specifier, exact)


def test_conda_environment():
    text = """
    name: x
    channels: [pytorch]
    dependencies:
      - python=3.8
      - pytorch==1.7.1
      - pip:
        - kornia>=0.6
        - -e .
    """
    found = places({"environment.yml": text})
    assert found == {"python": (4, 4, "==3.8.*"), "pytorch": (5, 5, "==1.7.1"), "kornia": (7, 7, ">=0.6")}


def test_setup_py_is_followed_through_names():
    found = places({"setup.py": SETUP})
    assert found == {
        "numpy": (2, 2, ">=1.17"),
        "torch": (2, 2, ""),
        "pyyaml": (6, 6, ""),
        "sphinx@docs": (4, 4, ""),
        "numpy@fast": (2, 2, ">=1.17"),
        "torch@fast": (2, 2, ""),
        "xformers@fast": (5, 5, "==0.0.20"),
        "pyyaml@fast": (6, 6, ""),
        "cython@setup_requires": (17, 17, ""),
        "python": (14, 14, ">=3.8"),
    }


def test_setup_py_reading_a_file_and_never_run():
    setup = """
    raise SystemExit("must not run")
    from setuptools import setup
    def wanted(path): return open(path).read().split("\\n")
    setup(install_requires=wanted("requirements.txt"))
    """
    manifests = read_manifests(snapshot_of({"setup.py": setup, "requirements.txt": "numpy\n"}))
    assert [(i.path, i.start, i.target) for i in manifests.includes] == [("setup.py", 4, "requirements.txt")]


def test_setup_cfg():
    text = """
    [metadata]
    name = sample
    [options]
    python_requires = >=3.7
    install_requires =
        numpy>=1.20
        # a comment
        torch; sys_platform == "linux"
    [options.extras_require]
    fast = xformers
    [flake8]
    requires = nothing
    """
    assert places({"setup.cfg": text}) == {
        "python": (4, 4, ">=3.7"),
        "numpy": (6, 6, ">=1.20"),
        "torch": (8, 8, ""),
        "xformers@fast": (10, 10, ""),
    }


def test_install_commands():
    docker = """
    FROM nvidia/cuda:12.1.0-base AS build
    FROM build
    RUN apt-get install -y git && \\
        pip install --no-cache-dir torch==2.1.0 "numpy<2" -r reqs.txt --index-url https://x && echo pip install no
    RUN echo "pip install nothing"
    """
    workflow = """
    steps:
      - run: pip install torch==${{ matrix.torch }} black
      - run: conda install -c pytorch pytorch=2.0 -y
    """
    found = declared({"Dockerfile": docker, ".github/workflows/ci.yml": workflow, "reqs.txt": "x\n"})
    assert found["nvidia/cuda"].exact == "12.1.0-base"
    assert "build" not in found
    assert found["numpy"].specifier == "<2" and (found["numpy"].start, found["numpy"].end) == (3, 4)
    assert found["black"].start == 2
    assert found["pytorch"].specifier == "==2.0.*"
    assert not {"git", "nothing", "no", "https"} & found.keys()
    assert "x" in found


def test_commands_are_put_together_from_constants_and_wheels_tell_their_version():
    installer = """
    TORCH = "2.9.0"

    def command(gpu):
        base = f"python -m pip install torch=={TORCH} "
        if gpu:
            return base + "--index-url https://download.pytorch.org/whl/cu128"
        return f"python -m pip install https://x.org/rocm/torch-{TORCH}%2Brocm7.2-cp312-cp312-linux_x86_64.whl"
    """
    found = read_manifests(snapshot_of({"installer.py": installer})).declarations
    assert all(isinstance(item, Declaration) and item.name == "torch" for item in found)
    assert {(item.exact, item.group) for item in found} == {("2.9.0", ""), ("2.9.0", "cu128"), ("2.9.0+rocm7.2", "")}
    assert next(item.wheel for item in found if item.wheel) == "torch-2.9.0+rocm7.2-cp312-cp312-linux_x86_64.whl"


def test_lock_files_and_other_ecosystems():
    files: dict[str, str | bytes] = {
        "uv.lock": '[[package]]\nname = "torch"\nversion = "2.3.0"\n',
        "package.json": '{"name": "web",\n "dependencies": {\n  "react": "18.2.0"}}\n',
        "go.mod": "module x\nrequire github.com/a/b v1.2.3\nrequire github.com/c/d v1.0.0 // indirect\n",
        "Cargo.toml": '[dependencies]\nserde = "1"\n',
    }
    found = declared(files)
    assert (found["torch"].scope, found["torch"].exact, found["torch"].start) == ("lock", "2.3.0", 3)
    assert found["react"].start == 3 and found["react"].exact == "18.2.0"
    assert found["github.com/a/b"].start == 2 and "github.com/c/d" not in found
    assert found["serde"].ecosystem == "cargo"


def test_inline_script_hubconf_cog_and_pipfile():
    files: dict[str, str | bytes] = {
        "tool.py": '# /// script\n# requires-python = ">=3.11"\n# dependencies = [\n#   "rich",\n# ]\n# ///\n',
        "hubconf.py": 'dependencies = ["torch"]\n',
        "cog.yaml": 'build:\n  python_version: "3.10"\n  python_packages:\n    - "torch==2.0.1"\n',
        "Pipfile": '[packages]\nflask = "==2.0"\n[requires]\npython_version = "3.9"\n',
    }
    items = read_manifests(snapshot_of(files)).declarations
    assert [(i.path, i.name, i.start, i.specifier) for i in items] == [
        ("Pipfile", "flask", 2, "==2.0"),
        ("Pipfile", "python", 4, "==3.9.*"),
        ("cog.yaml", "python", 2, "==3.10.*"),
        ("cog.yaml", "torch", 4, "==2.0.1"),
        ("hubconf.py", "torch", 1, ""),
        ("tool.py", "python", 2, ">=3.11"),
        ("tool.py", "rich", 4, ""),
    ]


def test_broken_manifests_are_reported_and_generated_ones_ignored():
    files: dict[str, str | bytes] = {
        "pyproject.toml": "[project\n",
        "setup.py": "def (:\n",
        "x.egg-info/requires.txt": "numpy\n",
        "environment.yml": "dependencies:\nchannels: [a\n",
    }
    manifests = read_manifests(snapshot_of(files))
    assert [item.path for item in manifests.broken] == ["environment.yml", "pyproject.toml", "setup.py"]
    assert manifests.declarations == ()


@pytest.mark.parametrize(
    ("marker", "words"),
    [
        ('sys_platform == "linux"', "only on Linux"),
        ("platform_machine=='x86_64' and sys_platform=='linux' or sys_platform=='linux2'", "only on Linux x86_64"),
        ('python_version < "3.11"', "only for Python < 3.11"),
        ('os_name == "nt" or python_version < "3"', 'only where `os_name == "nt" or python_version < "3"`'),
        ("", ""),
    ],
)
def test_markers_in_words(marker: str, words: str):
    assert condition(marker) == words


@pytest.mark.parametrize(
    ("requirement", "words"),
    [
        ("torch", "`torch` is required without a version constraint"),
        ("torch>=2.0", "`torch>=2.0` is required"),
        ("timm==0.4.12", "`timm==0.4.12` is required, pinned to exactly this version"),
        ("timm>=1.2,<=1.2", "`timm>=1.2,<=1.2` is required, pinned to exactly this version"),
        ("timm>=1.1,<=1.2", "`timm>=1.1,<=1.2` is required"),
        ('a>1; sys_platform == "win32"', "`a>1` is required (only on Windows)"),
        ("torch==${V}", "`torch==${V}` is required, its version set by a variable"),
    ],
)
def test_sentences(requirement: str, words: str):
    item = from_requirement(requirement, "requirements.txt", 1, 1)
    assert item is not None and sentence(item) == words


def test_toml_lines_of_nested_values():
    text = 'a.b = [\n 1, # ]\n "x",\n]\n[[t]]\nk = {u = "v", w = [\n2]}\n[[t]]\n[t.sub]\nz = """\nline\n"""\n'
    lines = toml_lines(text)
    assert lines[("a", "b")] == (1, 4) and lines[("a", "b", 1)] == (3, 3)
    assert lines[("t", 0, "k", "u")] == (6, 6) and lines[("t", 0, "k", "w", 0)] == (7, 7)
    assert lines[("t", 1, "sub", "z")] == (10, 12)


@given(st.text(max_size=200))
def test_readers_survive_anything(text: str):
    names = ["requirements.txt", "pyproject.toml", "setup.py", "setup.cfg", "environment.yml", "Dockerfile", "run.sh"]
    for item in read_manifests(snapshot_of({name: text.encode() for name in names})).declarations:
        assert 1 <= item.start <= item.end <= text.count("\n") + 1


@given(st.lists(st.sampled_from(["torch>=2", "numpy", "timm==0.6.7", "x[y]>1"]), min_size=1, max_size=6), st.data())
def test_lines_are_those_of_the_text(requirements: list[str], data: st.DataObject):
    blank = data.draw(st.integers(min_value=0, max_value=3))
    text = "[project]\ndependencies = [" + "\n" * blank + ",\n".join(f'"{r}"' for r in requirements) + "]\n"
    file = {"pyproject.toml": text.encode()}
    lines = text.split("\n")
    for item in read_manifests(snapshot_of(file)).declarations:
        assert f'"{item.written}"' in lines[item.start - 1]
