"""Classes that code gets by a computed name: which ones a configuration leaves."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

NETS = """
    from torch import nn

    class Small(nn.Module):
        def forward(self, x):
            return x

    class Large(nn.Module):
        def forward(self, x):
            return x

    class Unused(nn.Module):
        def forward(self, x):
            return x
"""
RUN = """
    import sys
    from hydra.utils import get_class
    from omegaconf import OmegaConf
    import nets

    def work(cfg, x):
        net = {got}
        model = net()
        return model(x)

    if __name__ == "__main__":
        work(OmegaConf.load(sys.argv[1]), "x")
"""


def run(expression: str, **configs: str) -> str:
    files = {f"conf/{name}.yaml": text for name, text in configs.items()}
    codebase = codebase_of({"nets.py": NETS, "run.py": RUN.replace("{got}", expression), **files})
    return next(
        (h.text for h in run_query(codebase, "outline: what=models").hits if h.text.startswith("Run")), "nothing"
    )


def test_the_entry_of_the_configuration_chooses() -> None:
    configs = {"a": "model:\n  net: Small\n", "b": "model:\n  net: Large\n"}
    for way in ('get_class(f"nets.{cfg.model.net}")', 'getattr(nets, cfg["model"]["net"])'):
        assert run(way, **configs) == "Run, in this order: `Small` or `Large` by `model()` in `work()`"


def test_a_whole_name_is_one_class() -> None:
    assert run('get_class("nets.Large")') == "Run, in this order: `Large` by `model()` in `work()`"


def test_without_a_configuration_nothing_is_said() -> None:
    for way in ('get_class(f"nets.{sys.argv[2]}")', "getattr(nets, sys.argv[2])"):
        assert run(way) == "nothing"


FIND = """
    import importlib

    def find(package, name):
        module = importlib.import_module(package + "." + name)
        return getattr(module, "".join(part.title() for part in name.split("_")))
"""
NET = """
    from torch import nn

    class {name}(nn.Module):
        def forward(self, x):
            return x

    class Part(nn.Module):
        def forward(self, x):
            return x
"""


def test_a_function_that_is_given_a_package_finds_the_classes_that_bear_the_names_of_its_files() -> None:
    work = "import sys\nfrom find import find\n\ndef work(x):\n    net = find('pkg.nets', sys.argv[1])\n"
    files = {
        "find.py": FIND,
        "pkg/__init__.py": "",
        "pkg/nets/__init__.py": "",
        "pkg/nets/small_net.py": NET.replace("{name}", "SmallNet"),
        "pkg/nets/big.py": NET.replace("{name}", "Big"),
        "run.py": work + "    model = net()\n    return model(x)\n\nif __name__ == '__main__':\n    work('x')\n",
    }
    found = [h.text for h in run_query(codebase_of(files), "flow").hits]
    assert any("`Big.forward()`" in text and "`SmallNet.forward()`" in text for text in found), found
    assert not any("Part" in text for text in found)


REGISTRY = """
    class Registry:
        def __init__(self):
            self.held = {}
        def register(self, name=""):
            def deco(cls):
                self.held[name or cls.__name__] = cls
                return cls
            return deco
        def get(self, name):
            return self.held[name]

    NETS = Registry()
"""


def test_a_registry_that_is_asked_for_a_written_name_gives_what_bears_it() -> None:
    nets = NET.replace("from torch", "from registry import NETS\n    from torch")
    nets = nets.replace("class {name}", "@NETS.register()\n    class Small").replace(
        "class Part", '@NETS.register("large")\n    class Big'
    )
    run_it = "from registry import NETS\n\ndef work(x):\n    net = NETS.get({name})\n    model = net()\n"
    run_it += "    return model(x)\n"
    for asked, wanted in (('"Small"', ["Small"]), ('"large"', ["Big"]), ("x", ["Big", "Small"])):
        files = {"registry.py": REGISTRY, "nets.py": nets, "run.py": run_it.replace("{name}", asked)}
        files["run.py"] += "\nif __name__ == '__main__':\n    work('x')\n"
        found = " ".join(h.text for h in run_query(codebase_of(files), "flow").hits)
        assert [name for name in ("Big", "Small") if f"`{name}.forward()`" in found] == wanted, (asked, found)
