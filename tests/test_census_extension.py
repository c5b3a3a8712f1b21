"""Extension points of models: configuration folders, library names, prefixes, registries, tables, closed choices."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

NETS = """
    import timm
    from torch import nn

    class Small(nn.Module):
        def forward(self, x):
            return x

    class Large(nn.Module):
        def forward(self, x):
            return x

    class Tower(nn.Module):
        def __init__(self, name):
            super().__init__()
            self.trunk = timm.create_model(name)
        def forward(self, x):
            return self.trunk(x)
"""
FACTORY = """
    import json
    from dataclasses import dataclass
    from pathlib import Path
    from nets import Large, Small, Tower

    HUB = "hub:"
    FOLDERS = [Path(__file__).parent / "model_configs/"]
    CONFIGS = {}
    MAKERS = {"small": Small, "large": Large}

    @dataclass
    class Cfg:
        trunk_name: str = ""

    def _scan():
        for folder in FOLDERS:
            for file in folder.glob("*.json"):
                CONFIGS[file.stem] = json.load(open(file))

    def add_config(path):
        FOLDERS.append(path)
        _scan()

    def get_model_config(model_name):
        if model_name.startswith(HUB):
            return {}
        if model_name.startswith("https://"):
            return {}
        return CONFIGS[model_name]

    def create(cfg: Cfg, wide, kind):
        if cfg.trunk_name:
            model = Tower(cfg.trunk_name)
        elif kind == "large":
            model = Large()
        elif kind == "small":
            model = Small()
        else:
            raise ValueError(kind)
        return model

    def pick(wide):
        if wide:
            chosen = Large
        else:
            chosen = Small
        return chosen()

    def named(kind):
        return MAKERS[kind]()
"""
MAIN = """
    import sys
    from factory import Cfg, add_config, create, get_model_config, named, pick
    from registry import ZOO
    import large

    add_config(sys.argv[1])
    get_model_config(sys.argv[2])
    model = create(Cfg(), 1, sys.argv[3])
    model(1)
    pick(sys.argv)(2)
    named(sys.argv[4])(3)
    model = ZOO.get(sys.argv[5])
    print({"a": 1}.get(sys.argv[6]))
"""
REGISTRY = """
    class Registry:
        def __init__(self):
            self._items = {}
        def register(self, fn, name):
            self._items[name] = fn
        def named(self, name):
            return lambda fn: self.register(fn, name)
        def get(self, key):
            return self._items.get(key)

    class Settings:
        def __init__(self):
            self._values = {}
        def put(self, value, name):
            self._values[name] = value
        def get(self, key):
            return self._values[key]

    ZOO = Registry()
"""
TASKS = """
    from nets import Large
    from registry import ZOO

    @ZOO.named("large")
    def build_large():
        return Large()
"""


@pytest.fixture(scope="module")
def codebase() -> Codebase:
    return codebase_of(
        {"main.py": MAIN, "factory.py": FACTORY, "nets.py": NETS, "registry.py": REGISTRY, "large.py": TASKS}
    )


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_the_verdict_names_what_configuration_registering_and_names_can_do(codebase: Codebase) -> None:
    verdict = texts(codebase, "replaceable")[0]
    assert verdict.startswith(
        "Yes for some models, no for others. Without a change of code: by registering, what is given to "
        "`Registry.register()` is found by its key with `get()`; by configuration alone, a file of `model_configs/` is "
        "a new entry of `CONFIGS` (or one given to `add_config(path)`); `trunk_name` of `Cfg` can name any model that "
        "`timm.create_model` of `timm` gives; a name that begins with `hub:` takes a model from there. Among what "
        "the code lists, where another takes one more entry: by name, `kind` selects one of the 2 classes of `MAKERS` "
        "(`small`, `large`)."
    )


def test_points_say_where_they_are_defined_and_used(codebase: Codebase) -> None:
    told = "\n".join(texts(codebase, "replaceable: what=points"))
    assert not told.startswith("Partly")
    assert "`_scan()` (factory.py) reads the configuration files of `model_configs/` into `CONFIGS`" in told
    assert "`add_config(path)` enters files from elsewhere; the table is read by `get_model_config()`" in told
    assert "1 definition is entered: `build_large`; asked by a computed name in main.py" in told
    assert "`kind` selects one in `named()` (factory.py)" in told
    assert "https" not in told
    assert "Settings" not in told


def test_a_closed_choice_is_told_by_what_is_tested(codebase: Codebase) -> None:
    closed = [text for text in texts(codebase, "replaceable") if text.startswith("A closed choice")]
    assert (
        "A closed choice in the code: `create()` (factory.py) makes `Tower` if `cfg.trunk_name`; `Large` if "
        '`kind == "large"`; `Small` if `kind == "small"`; it raises an error for anything else' in closed
    )
    assert "A closed choice in the code: `pick()` (factory.py) makes `Large` if `wide`; `Small` otherwise" in closed


def test_factories_return_a_model_and_name_their_callers(codebase: Codebase) -> None:
    told = texts(codebase, "factories")
    assert "`create()` (factory.py) gives `Tower`, `Large`, `Small`; called in the script main.py (main.py)" in told
    assert not any("get_model_config" in text or "add_config" in text for text in told)


def test_entry_points_of_packages_come_with_their_switch() -> None:
    loader = """
        from pluggy import PluginManager

        class Factory:
            def load(self, name: str = "zoo", allow_external: bool = False):
                manager = PluginManager(name)
                manager.load_setuptools_entrypoints(name)
                return manager

        Factory().load()
    """
    project = '[project]\nname = "x"\n[project.entry-points.zoo]\nbuilt_in = "offered"\n'
    files = {"run.py": loader, "offered.py": "def engines():\n    return {}\n", "pyproject.toml": project}
    _verdict, told = texts(codebase_of(files), "replaceable")
    assert told == (
        "By registering: `Factory.load()` (run.py) loads what installed packages offer as entry points with "
        "`manager.load_setuptools_entrypoints()`; the repository itself declares the group `zoo` (pyproject.toml: "
        "`offered` with `engines()`); its parameter `allow_external` is False by default"
    )


def test_an_attribute_of_a_layer_is_no_registry() -> None:
    files = {
        "a.py": "import nets\n\ndef f(block, name):\n    getattr(block.mlp, name)\n    return getattr(nets, name)\n"
    }
    (hit,) = texts(codebase_of(files), "registries: models=yes")
    assert hit.startswith("getattr(nets, name)")


def test_a_class_that_an_import_path_names() -> None:
    source = """
        import importlib
        import sys

        def by_path(path):
            module, name = path.rsplit(".", 1)
            return getattr(importlib.import_module(module), name)

        def settings(path):
            module = importlib.import_module(path)
            return {key: value for key, value in module.__dict__.items()}

        def load_model(cfg, kind):
            return by_path(f"zoo.{cfg.model.backbone}")(kind)

        def main():
            settings(sys.argv[1])
            by_path(sys.argv[2])
            print(load_model(sys.argv[3], 1))

        main()
    """
    files = {"run.py": source, "configs/a.yaml": "model:\n  backbone: Small\n", "zoo.py": "class Small: pass\n"}
    told = texts(codebase_of(files), "replaceable: what=points")
    assert told == [
        "By configuration alone: `cfg.model.backbone` names the class of `zoo` that `by_path()` (run.py) imports, "
        "today `Small` (configs/a.yaml), used in `load_model()` (run.py); an own class is put into `zoo` and named "
        "there"
    ]


AGENTS = """
    import importlib
    from abc import ABC, abstractmethod
    from env import env_config

    ALLOWED = ("agents_one",)

    class OCRAgent(ABC):
        @classmethod
        def get_agent(cls):
            path = cls._chosen()
            return cls.get_instance(path)

        @staticmethod
        def _chosen():
            return env_config.OCR_AGENT

        @staticmethod
        def get_instance(path):
            module_name, class_name = path.rsplit(".", 1)
            if module_name not in ALLOWED:
                raise ValueError(module_name)
            return getattr(importlib.import_module(module_name), class_name)()

        @abstractmethod
        def read(self, image): ...

    if __name__ == "__main__":
        OCRAgent.get_agent().read(1)
"""
ENVIRONMENT = """
    import os

    class Env:
        def _text(self, var: str, default: str = "") -> str:
            return os.environ.get(var, default)

        def _number(self, var: str, default: int) -> int:
            if value := self._text(var):
                return int(value)
            return default

        @property
        def OCR_AGENT(self):
            return self._text("OCR_AGENT", "agents_one.One")

        @property
        def CROP_PAD(self):
            return self._number("CROP_PAD", 3)

    env_config = Env()
"""


def test_a_class_that_a_setting_names_and_the_variables_that_accessors_read() -> None:
    one = "from agents import OCRAgent\nimport easyocr\n\nclass One(OCRAgent):\n    def read(self, image):\n"
    one += "        return easyocr.Reader(['en']).readtext(image)\n"
    files = {
        "agents.py": AGENTS,
        "agents_one.py": one,
        "env.py": ENVIRONMENT,
        "setup.py": "import os\nos.getenv('A')\n",
    }
    codebase = codebase_of(files)
    found = texts(codebase, "replaceable: what=points")
    assert found[0].startswith("By configuration alone: `env_config.OCR_AGENT` names the class that `OCRAgent.get_")
    assert found[0].endswith("; only what `ALLOWED` lists is let through")
    assert texts(codebase, "environment") == [
        "`OCR_AGENT` (default `'agents_one.One'`): kept as `Env.OCR_AGENT`, which `OCRAgent._chosen()` reads",
        "`CROP_PAD` (default `3`): `Env.CROP_PAD()` gives back `self._number('CROP_PAD', 3)`",
    ]


ARCHS = """
    from nets import Large, Small

    class Registry:
        def __init__(self):
            self._obj_map = {}
        def _do_register(self, name, obj):
            self._obj_map[name] = obj
        def register(self, obj=None):
            def deco(cls):
                self._do_register(cls.__name__, cls)
                return cls
            return deco
        def get(self, name):
            ret = self._obj_map.get(name)
            return ret

    ARCH_REGISTRY = Registry()
"""
TOWERS = """
    from torch import nn
    from archs import ARCH_REGISTRY

    @ARCH_REGISTRY.register()
    class Face(nn.Module):
        def forward(self, x):
            return x

    @ARCH_REGISTRY.register()
    class Voice(nn.Module):
        def forward(self, x):
            return x
"""
ASKING = """
    import sys
    import towers
    from archs import ARCH_REGISTRY

    def build_network(opt):
        return ARCH_REGISTRY.get(opt.pop("type"))(**opt)

    if __name__ == "__main__":
        build_network({"type": sys.argv[1]})(1)
        ARCH_REGISTRY.get("Face")()(1)
"""


def test_a_registry_that_is_asked_by_a_name_written_there_needs_a_change_of_code() -> None:
    codebase = codebase_of({"nets.py": NETS, "archs.py": ARCHS, "towers.py": TOWERS, "run.py": ASKING})
    verdict, registry, *_ = texts(codebase, "replaceable")
    assert (
        "2 definitions are entered: `Face`, `Voice`; asked by a computed name in `build_network()` (run.py)" in registry
    )
    assert registry.endswith("asked by a name that is written there in run.py")
    assert verdict.endswith("Only by a change of code: `Face`")
