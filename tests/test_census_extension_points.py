"""Ways to put another model in: classes that configuration names, tables, callbacks, calls of what is held."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

NETS = """
    import torch

    class Small(torch.nn.Module):
        def __init__(self, path=None):
            super().__init__()
            self.body = torch.nn.Linear(2, 2)

        def forward(self, x):
            return self.body(x)

    class Large(torch.nn.Module):
        def __init__(self, path=None):
            super().__init__()
            self.body = torch.nn.Linear(4, 4)

        def forward(self, x):
            return self.body(x)
"""
CONFIGURED = """
    import importlib
    from omegaconf import OmegaConf

    def get_class(name):
        module, cls = name.rsplit(".", 1)
        return getattr(importlib.import_module(module), cls)

    def instantiate_from_config(config):
        return get_class(config["target"])(**config.get("params", dict()))

    def main():
        config = OmegaConf.load("configs/net.yaml")
        model = instantiate_from_config(config.model)
        return model(1)

    if __name__ == "__main__":
        main()
"""
SEAM = """
    from nets import Large, Small

    class Runner:
        def logits(self, x):
            raise NotImplementedError

    class TorchRunner(Runner):
        def __init__(self, net):
            self.net = net

        def logits(self, x):
            return self.net(x)

    class Task:
        def __init__(self, kind):
            self.runner = TorchRunner({"small": Small, "large": Large}[kind]())
            self.model = None

        def load(self, path):
            if self.model is None:
                self.model = Small(path)

        def run(self, x, on_step=None):
            out = self.runner.logits(x)
            if on_step:
                on_step(out)
            return out

    if __name__ == "__main__":
        task = Task(input())
        task.load("a.pt")
        task.run(1)
"""


def told(files: dict[str, str | bytes], query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of(files), query).hits]


def test_a_class_that_configuration_names_is_no_fixed_class() -> None:
    files: dict[str, str | bytes] = {
        "nets.py": NETS,
        "run.py": CONFIGURED,
        "configs/net.yaml": "model:\n  target: nets.Small\n  params:\n    path: a\n",
    }
    found = told(files, "replaceable")
    assert found[0].startswith(
        "Yes. Without a change of code: by configuration alone, the entry `target` names the class of `Small`"
    )
    assert any("`Small` (configs/net.yaml:2), in `main()` (run.py)" in text for text in found)
    assert not [text for text in found if "is fixed" in text]


def test_a_table_written_out_the_seam_nearest_to_the_model_and_what_is_loaded_once() -> None:
    found = told({"nets.py": NETS, "task.py": SEAM}, "replaceable")
    assert any("`kind` selects one" in text and "`Small`" in text and "`Large`" in text for text in found)
    assert any(
        text.startswith("By subclassing: `Runner` (to implement: `logits()`; task.py, 1 class)") for text in found
    )
    assert not [text for text in found if "in place of the one that is held" in text]


def test_calls_of_what_is_held_and_callbacks_are_found() -> None:
    files: dict[str, str | bytes] = {"nets.py": NETS, "task.py": SEAM}
    (call,) = told(files, "dispatch")
    assert call == "`Runner` (task.py): `self.runner.logits()` in `Task.run()` (task.py:24)"
    assert told(files, "callbacks") == ["`Task.run()` (task.py) takes `on_step` and calls it as `on_step(out)`"]


ZOO = """
    from . import nets

    ARCHS = ["small", "large"]

    def _predictor(arch, **kwargs):
        if isinstance(arch, str):
            if arch not in ARCHS:
                raise ValueError(arch)
            model = nets.__dict__[arch](**kwargs)
        else:
            allowed = [nets.Small, nets.Large]
            if not isinstance(arch, tuple(allowed)):
                raise ValueError(type(arch))
            model = arch
        return model
"""
HOOKED = """
    class Base:
        def __init__(self):
            self.hooks = []
            self.rows = []

        def add_hook(self, hook):
            self.hooks.append(hook)

        def add_row(self, row):
            self.rows.append(row)
"""
RUNNING = """
    from .base import Base

    class Runner(Base):
        def forward(self, x):
            for hook in self.hooks:
                x = hook(x)
            for row in self.rows:
                x = x + row
            return x
"""


def test_a_name_out_of_a_module_is_told_with_the_lists_that_it_is_tested_against() -> None:
    makers = "".join(
        f"\n    def {name.lower()}(path=None):\n        return {name}(path)\n" for name in ("Small", "Large")
    )
    files: dict[str, str | bytes] = {"zoo/__init__.py": "", "zoo/nets.py": NETS + makers, "zoo/pick.py": ZOO}
    (point,) = [text for text in told(files, "replaceable: what=points") if text.startswith("By name, out of a module")]
    assert (
        "`_predictor()` (zoo/pick.py) calls what `arch` names in `zoo.nets` (`ARCHS` allows `small`, `large`)" in point
    )
    assert "takes a finished object of `Small`, `Large` and refuses all others by `allowed`" in point
    assert "names and classes are tested against closed lists" in told(files, "swap_blockers")[0]


def test_a_list_of_functions_that_a_subclass_calls_is_a_hook() -> None:
    files: dict[str, str | bytes] = {"lib/__init__.py": "", "lib/base.py": HOOKED, "lib/run.py": RUNNING}
    assert told(files, "callbacks") == [
        "`Base.add_hook()` (lib/base.py) adds a function to `self.hooks`, which is called in a loop of "
        "`Runner.forward()` (lib/run.py)"
    ]


LISTED = """
    import torch
    from kit.archs import build_network
    from kit.registry import ARCH_REGISTRY

    @ARCH_REGISTRY.register()
    class Small(torch.nn.Module):
        def forward(self, x):
            return x

    class Trainer:
        def __init__(self, opt):
            self.net = build_network(opt["network_g"])

    def direct():
        return Small()(1)

    if __name__ == "__main__":
        direct()
        Trainer({})
"""


def test_the_registry_of_a_library_is_told_where_it_is_asked_and_not_where_a_class_is_named() -> None:
    files: dict[str, str | bytes] = {"run.py": LISTED, "options/train.yml": "network_g:\n  type: Small\n"}
    found = told(files, "replaceable")
    (point,) = [text for text in found if text.startswith("By registering")]
    assert "`@ARCH_REGISTRY.register()` of the library `kit` stands on 1 class here, `Small`" in point
    assert "as `network_g.type: Small` (options/train.yml)" in point
    assert not [text for text in found if "looked up by that name" in text]


PROJECTOR = """
    import torch
    from torch import nn
    from nets import Small

    def build(kind):
        if kind == "linear":
            return nn.Linear(2, 2)
        elif kind == "small":
            return Small()
        if kind == "identity":
            return nn.Identity()
        raise ValueError(kind)

    if __name__ == "__main__":
        build("small")(1)
"""


def test_a_closed_choice_names_what_its_other_arms_make() -> None:
    found = told({"nets.py": NETS, "run.py": PROJECTOR}, "replaceable")
    (closed,) = [text for text in found if text.startswith("A closed choice")]
    assert "other arms make `nn.Linear`, `nn.Identity`; it raises an error for anything else" in closed


GIVEN = """
    import nets
    import tables
    from holder import Holder, load

    if __name__ == "__main__":
        Holder(big=nets.Small()).run(1)
        load()(1)
        tables.TABLE[input()]().forward(1)
"""
HOLDER = """
    from nets import Large

    class Holder:
        def __init__(self, big=None):
            self.big = big
        def run(self, x):
            return self.big.forward(x)

    def load(model=None):
        model = model or Large()
        return model
"""
TABLES = "from nets import Large, Small\n\nTABLE = {'small': Small, 'large': Large}\n"


def test_a_parameter_that_takes_the_model_itself_is_a_way_to_give_another() -> None:
    verdict, *found = told({"nets.py": NETS, "holder.py": HOLDER, "tables.py": TABLES, "run.py": GIVEN}, "replaceable")
    assert verdict.startswith("Yes. Without a change of code: by argument, `model` of `load()` takes the model itself")
    given = [text for text in found if text.startswith(("By argument", "Handed in"))]
    assert given[0].startswith("By argument: `model` of `load()` (holder.py) takes the model itself; only where none")
    assert given[1].endswith("`Holder` uses its `forward()`, so that any object with this can be made there instead")


STAR = """
    from tables import *
    from nets import Small

    def build(kind, size):
        if size == "any":
            return TABLE[kind](1)
        elif size == "small":
            return Small()
        raise ValueError(size)

    if __name__ == "__main__":
        build(input(), "any")(1)
"""


def test_a_table_that_gives_the_class_of_an_arm_is_no_class_that_is_named_there() -> None:
    found = told({"nets.py": NETS, "tables.py": TABLES, "run.py": STAR}, "replaceable")
    (closed,) = [text for text in found if text.startswith("A closed choice")]
    assert "makes one of `TABLE[kind]` if" in closed
    assert any(text.startswith("By name: `TABLE` (tables.py)") and "`kind` selects one" in text for text in found)


def test_a_class_that_an_entry_point_offers_can_be_replaced_with_the_model_inside() -> None:
    loader = """
        import engines
        from pluggy import PluginManager

        def load(name="zoo", allow_external=False):
            manager = PluginManager(name)
            manager.load_setuptools_entrypoints(name)
            return manager

        if __name__ == "__main__":
            load()
            engines.Quick().run(1)
    """
    engine = """
        from nets import Small

        class Quick:
            def __init__(self):
                self.net = Small()
            def run(self, x):
                return self.net(x)
    """
    offered = "def offers():\n    from engines import Quick\n    return {'engines': [Quick]}\n"
    project = '[project]\nname = "x"\n[project.entry-points.zoo]\nbuilt_in = "offered"\n'
    files: dict[str, str | bytes] = {
        "nets.py": NETS, "engines.py": engine, "offered.py": offered, "run.py": loader, "pyproject.toml": project,
    }  # fmt: skip
    verdict = told(files, "replaceable")[0]
    assert verdict.startswith("Yes. Without a change of code: by registering, an installed package can add classes")
    assert verdict.endswith("so another class can stand in the place of `Quick` (which makes `Small`)")


def test_a_page_is_no_prompt_and_a_flag_no_modality() -> None:
    files: dict[str, str | bytes] = {
        "nets.py": "from torch import nn\n\nclass Net(nn.Module):\n"
        "    def forward(self, x, return_image=False, return_text: bool = True):\n        return x\n",
        "run.py": "from nets import Net\n\nPROMPT_TEMPLATE = '<s>[INST] {question}'\n"
        "HTML_TEMPLATE = '<!DOCTYPE html><body>{text}</body>'\nnet = Net()\nprint(net(1))\n",
    }
    (prompt,) = told(files, "assumptions: prompts")
    assert "`PROMPT_TEMPLATE`" in prompt and "HTML" not in prompt
    assert not told(files, "modality_ties")


BOUND = """
    from enum import Enum
    from nets import Small

    class DocLabel(Enum):
        TEXT = "text"
        TABLE = "table"
        TITLE = "title"
        CODE = "code"

    THRESHOLDS = {DocLabel.TEXT: 0.5, DocLabel.TABLE: 0.4, DocLabel.TITLE: 0.3, DocLabel.CODE: 0.2}

    class Layout:
        def __init__(self):
            self.net = Small()
        def labels(self, names):
            found = {}
            for number, label_name in names.items():
                try:
                    found[number] = DocLabel[label_name.upper()]
                except KeyError:
                    raise RuntimeError(label_name)
            return found
        def options(self, names):
            try:
                return Settings[names]
            except KeyError:
                raise RuntimeError(names)

    if __name__ == "__main__":
        layout = Layout()
        layout.labels(THRESHOLDS)
        layout.net(1)
"""


def test_labels_that_are_bound_to_an_enumeration_block_another_model_first() -> None:
    files: dict[str, str | bytes] = {"nets.py": NETS, "run.py": BOUND}
    found = told(files, "assumptions: bound")
    assert found == [
        "run.py fixes `THRESHOLDS` (an entry for 4 members of `DocLabel`)",
        "`Layout.labels()` fixes a label of the model only as a member of `DocLabel`, or an error (`RuntimeError`)",
    ]
    (blockers,) = told(files, "swap_blockers")
    assert "hardest first: (1) labels of models are bound to a fixed list" in blockers
    assert "binds labels, as `THRESHOLDS`" in told(files, "coupled_files")[0]


MAKERS = """
    import easyocr
    from paddleocr import PaddleOCR

    class Easy:
        def __init__(self):
            self.reader = easyocr.Reader(["en"])
        def run(self, image):
            return self.reader.readtext(image)

    class Paddle:
        def __init__(self):
            self.reader = PaddleOCR()
        def run(self, image):
            return self.reader.ocr(image)

    if __name__ == "__main__":
        print(Easy().run("a.png"), Paddle().run("a.png"))
"""


def test_classes_of_libraries_that_constructors_name_are_told_as_fixed() -> None:
    (blockers,) = told({"run.py": MAKERS}, "swap_blockers")
    assert "`Easy.__init__()` (`Reader`), `Paddle.__init__()` (`PaddleOCR`)" in blockers
    assert "models are made in constructors, so that each is in memory as soon as" in blockers


KINDS_ENUM = """
    from enum import Enum

    class Kind(Enum):
        small = "small"
        large = "large"
"""
ENGINES = """
    from kinds import Kind
    from nets import Large, Small
    from zoo import model_registry

    class SmallReader:
        def __init__(self):
            self.net = Small()
        def read(self, x):
            return self.net.forward(x)

    class LargeReader:
        def __init__(self):
            self.net = Large()
        def read(self, x):
            return self.net.forward(x)

    READERS = {Kind.small: SmallReader, Kind.large: LargeReader}

    def get_reader(kind: Kind):
        return READERS[kind]()

    class App:
        def __init__(self, args):
            self.args = args
            self.backbone = model_registry[self.args.backbone](weights="w.pt")
        def run(self):
            return get_reader(Kind(self.args.kind)).read(1)
"""
PROGRAM = """
    import argparse
    from engines import App

    if __name__ == "__main__":
        parser = argparse.ArgumentParser()
        parser.add_argument("--backbone", default="base")
        parser.add_argument("--kind", default="small")
        App(parser.parse_args()).run()
"""


def test_members_of_an_enumeration_and_entries_of_a_library_s_table_select_models() -> None:
    files = {"nets.py": NETS, "kinds.py": KINDS_ENUM, "engines.py": ENGINES, "run.py": PROGRAM}
    verdict, *found = told(files, "replaceable")
    assert "`kind` selects one of the 2 classes of `READERS` (`small`, `large`)" in verdict
    assert "selects an entry of `model_registry`, a table of the library `zoo`" in verdict
    (table,) = [text for text in found if "model_registry" in text]
    assert table.startswith(
        "By name: `App.__init__()` (engines.py) makes the model with `model_registry[self.args.back"
    )
