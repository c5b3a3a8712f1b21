"""Census kinds `quality`, `configs` and `cache_dirs`: findings, settings and folders on small repositories."""

from retrieval.census import run_query
from retrieval.codebase import Codebase
from retrieval.facts import CensusHit
from tests.source_tree import codebase_of


def hits(codebase: Codebase, query: str) -> tuple[CensusHit, ...]:
    return run_query(codebase, query).hits


def texts(files: dict[str, str | bytes], query: str) -> list[str]:
    return [hit.text for hit in hits(codebase_of(files), query)]


def names(files: dict[str, str | bytes], query: str) -> list[str]:
    return [hit.name for hit in hits(codebase_of(files), query)]


def test_configs_name_files_and_loading_code():
    files: dict[str, str | bytes] = {
        "configs/a.yaml": "model: x\n",
        "data/words.json": "{}\n",
        "pyproject.toml": "[tool.x]\n",
        "run.py": """
            import json, yaml, hydra
            def load(path):
                config = yaml.safe_load(open(path))
                words = json.load(open("words.json"))
                settings = json.load(open(path))
            @hydra.main(config_path="configs")
            def main(cfg): pass
            """,
    }
    assert texts(files, "configs") == [
        "YAML is read: `config = yaml.safe_load(open(path))` in `load`",
        "JSON is read: `settings = json.load(open(path))` in `load`",
        '`main()` is given its configuration by `@hydra.main(config_path="configs")`',
        "`configs/a.yaml` (YAML): key model",
    ]
    assert names(files, "configs: tools") == ["tools"]


def test_many_config_files_are_joined():
    files: dict[str, str | bytes] = {f"conf/{d}/{n}.yaml": "a: 1\n" for d in "abcdefgh" for n in range(4)}
    assert texts(files, "configs") == ["32 YAML files in `conf/`: `a/`, `b/`, `c/`, `d/`, `e/`, `f/`, `g/`, `h/`"]


def test_cache_folders():
    files: dict[str, str | bytes] = {
        "a.py": """
            import os, tempfile
            def fetch(url, cache_dir=None, out="x"):
                '''Keeps files below ~/.cache/thing.'''
                root = cache_dir or os.path.expanduser("~/.cache/thing")
                os.makedirs(root)
                os.makedirs(out)
                home = os.environ.get("XDG_CACHE_HOME")
                with tempfile.TemporaryDirectory() as folder:
                    load(url, cache_dir=folder)
                    load(url, cache_dir=cache_dir)
            """,
        "conf.yaml": "cache_root: /tmp/x\ncached: true\n",
        "run.sh": "work=$(mktemp -d)\n",
    }
    assert [(h.name, h.path, h.start) for h in hits(codebase_of(files), "cache_dirs")] == [
        ("temporary file or folder", "a.py", 8),
        ("path", "a.py", 4),
        ("environment variable", "a.py", 7),
        ("script", "run.sh", 1),
        ("parameter", "a.py", 2),
        ("argument", "a.py", 9),
        ("setting", "conf.yaml", 1),
    ]


SMELLS = """
    import sys
    from os import *
    sys.path.append("..")
    ROOT = "/scratch/somebody/data"
    STATE = None
    def f(a, b=[], *, c=dict(), d=()):
        global STATE  # TODO: remove
        try:
            assert a
        except:
            pass
        try:
            STATE = eval(a)
        except Exception:
            pass
        except ValueError:
            raise
        text = "TODO not a note"
    """


def test_quality_finds_habits():
    found = [(h.name, h.start) for h in hits(codebase_of({"a.py": SMELLS, "b.py": "import a\na.f(1)\n"}), "quality")]
    assert found == [
        ("bare except", 10),
        ("swallowed exception", 14),
        ("wildcard import", 2),
        ("global statement", 7),
        ("mutable default", 6),
        ("mutable default", 6),
        ("eval or exec", 13),
        ("changed sys.path", 3),
        ("machine path", 4),
        ("assert", 9),
        ("notes", 7),
    ]


def test_quality_of_tests_is_not_judged():
    assert not texts({"tests/test_a.py": SMELLS}, "quality")


def test_large_functions_duplicates_cycles_and_dead_modules():
    body = "\n".join(f"    value = compute(value, {n}, other={n})" for n in range(12))
    long = "def long(value):\n" + "\n".join(f"    print({n})" for n in range(100)) + "\n"
    files: dict[str, str | bytes] = {
        "pkg/__init__.py": "",
        "pkg/a.py": f"from pkg import b\ndef one(value):\n{body}\n    return value\n{long}",
        "pkg/b.py": f"import pkg.c\ndef two(value):\n{body}\n    return value\n",
        "pkg/c.py": "from pkg.a import one\nclass C: pass\n",
        "pkg/lazy.py": "def f():\n    from pkg import a\n    return a\n",
    }
    found = {hit.name: hit for hit in hits(codebase_of(files), "quality")}
    assert found["import cycle"].text == "import cycle: `pkg.a` → `pkg.b` → `pkg.c` → `pkg.a`"
    assert [(p, a) for _l, p, a, _b in found["import cycle"].related] == [("pkg/b.py", 1), ("pkg/c.py", 1)]
    assert "are the same in" not in found["duplicated code"].text
    assert "1 function (14 lines) is the same in `pkg/a.py`, `pkg/b.py`" in found["duplicated code"].text
    assert found["long function"].text == "`long` is 101 lines long"
    assert found["unimported module"].path == "pkg/lazy.py"


def test_a_module_that_is_imported_by_a_computed_name_is_not_dead() -> None:
    ways = ('f"pkg.models.{name}"', '"pkg.models." + name', '"pkg.models.%s" % name', '"pkg.models.{}".format(name)')
    for way in ways:
        files: dict[str, str | bytes] = {
            "pkg/__init__.py": "",
            "pkg/models/blip.py": "class Net:\n    pass\n",
            "pkg/other/rest.py": "class Rest:\n    pass\n",
            "run.py": f"import importlib\n\nname = input()\nimportlib.import_module({way})\n",
        }
        assert [h.path for h in hits(codebase_of(files), "quality") if h.name == "unimported module"] == [
            "pkg/other/rest.py"
        ]


def test_a_library_s_own_loader_is_no_download_into_the_cache_of_a_library() -> None:
    call = "import whisper\n\nmodel = whisper.load_model('base')\n"
    own = {"whisper/__init__.py": "def load_model(name):\n    return name\n", "tool.py": call}
    [hit] = hits(codebase_of({"tool.py": call}), "cache_dirs")
    assert hit.name == "download into the cache of a library"
    assert not hits(codebase_of(own), "cache_dirs")


OLD = """
    import warnings

    class Engine:
        def run(self):
            return 1

    class LegacyEngine:
        def run(self):
            return 0

    class OlderThanThat:
        pass

    def start(kind):
        warnings.warn("start() is deprecated", DeprecationWarning)
        return Engine()

    def choose(kind):
        if kind == "old":
            warnings.warn("old kinds are deprecated", DeprecationWarning, stacklevel=2)
        return start(kind)

    if __name__ == "__main__":
        print(choose("new"))
"""


def test_what_is_kept_beside_its_successor_is_debt() -> None:
    codebase = codebase_of({"run.py": OLD, "legacy_tools.py": "A = 1\n", "tools.py": "A = 2\n"})
    (old,) = [hit.text for hit in run_query(codebase, "debts: kinds").hits if hit.text.startswith("Old ways")]
    assert old.startswith("Old ways kept beside new ones (4 places in 2 files): `LegacyEngine` (run.py) is kept beside")
    assert "; no other source file names it" in old and "legacy_tools.py is kept beside tools.py" in old
    assert "`start()` (run.py) warns that it is deprecated (“start() is deprecated”) and still makes `Engine`" in old
    assert "OlderThanThat" not in old
