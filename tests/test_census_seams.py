"""Seams for other implementations: plug-in hooks, tables of functions, class-valued options, functions that choose."""

import pytest

from retrieval.census import run_query
from retrieval.census.settings.typer_options import declared
from tests.source_tree import NET, codebase_of

HOOKS = """
    import importlib
    from functools import partial

    loaded = []

    def load_extensions(names):
        for name in names:
            extension = importlib.import_module(f"extensions.{name}.script")
            if hasattr(extension, "setup"):
                extension.setup()
            loaded.append(extension)

    def _apply_string(function_name, text):
        for extension in loaded:
            if hasattr(extension, function_name):
                text = getattr(extension, function_name)(text)
        return text

    def _apply_generate():
        for extension in loaded:
            if hasattr(extension, "custom_generate"):
                return extension.custom_generate
        return None

    EXTENSION_MAP = {"input": partial(_apply_string, "input_modifier"), "generate": _apply_generate}

    def apply_extensions(kind, *args):
        return EXTENSION_MAP[kind](*args)
"""
LOADERS = """
    from hooks import apply_extensions, load_extensions
    from net import Net

    def fast_loader(path):
        return Net()

    def slow_loader(path):
        return open(path).read()

    def load_model(name, loader):
        load_func_map = {"fast": fast_loader, "slow": slow_loader}
        return load_func_map[loader](name)

    def answer(text, loader):
        load_extensions(["a"])
        model = load_model("x", loader)
        generate = apply_extensions("generate")
        return generate(text) if generate else model(apply_extensions("input", text))

    if __name__ == "__main__":
        answer(input(), input())
"""
ENGINES = """
    from dataclasses import dataclass
    from typing import Type

    from net import Net

    class BaseEngine:
        def run(self, x):
            raise NotImplementedError

    class LocalEngine(BaseEngine):
        def __init__(self):
            self.net = None

        def initialize(self, path):
            if self.net is not None:
                return
            self._load(path)

        def _load(self, path):
            self.net = Net(path)

        def run(self, x):
            return self.net(x)

    class RemoteEngine(BaseEngine):
        def run(self, x):
            return x

    def create_engine(options):
        if options.kind == "local":
            return LocalEngine()
        elif options.kind == "remote":
            return RemoteEngine()
        raise ValueError(options.kind)

    class BasePipeline:
        def __init__(self, options):
            self.engine = create_engine(options)

    class FastPipeline(BasePipeline):
        pass

    @dataclass
    class EngineOptions:
        pipeline_cls: Type[BasePipeline]
        kind: str = "local"
        batch_size: int = 4
        device: str = "cpu"

    @dataclass
    class FastOptions(EngineOptions):
        pipeline_cls: Type = FastPipeline

    def convert(options: EngineOptions):
        pipeline_class = options.pipeline_cls
        pipeline = pipeline_class(options)
        pipeline.engine.initialize("a.pt")
        return pipeline.engine.run(options.batch_size)

    if __name__ == "__main__":
        convert(FastOptions())
"""
TYPES = """
    from torch import nn
    from transformers import AutoModel

    from tables import ARCHS

    class Encoder(nn.Module):
        def __init__(self, model_name: str):
            super().__init__()
            self.body = AutoModel.from_pretrained(model_name)
            self.width = getattr(self.body.config, ARCHS[self.body.config.model_type]["width"])

        def forward(self, x):
            return self.body(x)

    def main(model_name):
        return Encoder(model_name)(1)

    if __name__ == "__main__":
        main(input())
"""


def ways(files: dict[str, str | bytes]) -> list[str]:
    return [hit.text for hit in run_query(codebase_of({"net.py": NET, **files}), "replaceable").hits]


def test_modules_loaded_by_name_are_told_with_the_hooks_that_are_looked_up_in_them() -> None:
    told = ways({"hooks.py": HOOKS, "run.py": LOADERS})
    hooks = next(text for text in told if text.startswith("By plug-in modules"))
    assert "`load_extensions()` (hooks.py)" in hooks
    assert "`custom_generate`, `setup`, `input_modifier`" in hooks
    assert "By plug-in modules, `load_extensions()` loads modules by name" in told[0].replace("by plug", "By plug")


def test_a_table_of_loaders_is_told_with_the_key_that_selects() -> None:
    told = ways({"hooks.py": HOOKS, "run.py": LOADERS})
    table = next(text for text in told if "`load_func_map`" in text and text.startswith("By name"))
    assert "`fast`, `slow`" in table and "`load_model()` calls the one that `loader` names" in table
    hooks = next(text for text in told if "`EXTENSION_MAP`" in text and text.startswith("By name"))
    assert "`apply_extensions()` calls the one that `kind` names, asked from `answer()` (run.py)" in hooks


def test_a_function_that_returns_one_of_several_implementations_is_told_with_its_tests() -> None:
    told = ways({"engines.py": ENGINES})
    engine = next(text for text in told if text.startswith("By settings"))
    assert "`LocalEngine` if `options.kind == 'local'`, `RemoteEngine` if `options.kind == 'remote'`" in engine
    assert "below `BaseEngine`" in engine and "`BasePipeline.__init__()` (engines.py)" in engine


def test_an_option_that_holds_a_class_is_told_with_what_makes_it() -> None:
    told = ways({"engines.py": ENGINES})
    field = next(text for text in told if text.startswith("By argument"))
    assert "the field `pipeline_cls` of `EngineOptions` (engines.py) holds a class below `BasePipeline`" in field
    assert "by itself `FastPipeline`; `convert()` (engines.py) makes what it holds" in field


def test_a_loader_behind_a_test_for_the_first_time_replaces_nothing() -> None:
    assert not any("in place of the one that is held" in text for text in ways({"engines.py": ENGINES}))
    replaced = ENGINES.replace("            if self.net is not None:\n                return\n", "")
    assert any("in place of the one that is held" in text for text in ways({"engines.py": replaced}))


def test_a_table_indexed_by_the_type_of_a_model_bounds_what_can_be_named() -> None:
    tables = 'ARCHS = {"bert": {"width": "hidden_size"}, "t5": {"width": "d_model"}}\n'
    told = ways({"encoder.py": TYPES, "tables.py": tables})
    named = next(text for text in told if "`AutoModel.from_pretrained`" in text and "makes what" in text)
    assert "only those of the types `bert`, `t5` work" in named and "(tables.py)" in named
    free = TYPES.replace('ARCHS[self.body.config.model_type]["width"]', '"width"')
    assert any("any model that `transformers` gives there" in text for text in ways({"encoder.py": free}))


def test_classes_that_hold_options_are_told_with_fields_and_readers() -> None:
    found = run_query(codebase_of({"net.py": NET, "engines.py": ENGINES}), "option_objects").hits
    assert [hit.name for hit in found] == ["FastOptions", "EngineOptions"]  # what the program makes itself first
    assert "`kind = 'local'`, `batch_size = 4`, `device = 'cpu'`" in found[1].text
    assert "read in `convert()`" in found[1].text


@pytest.mark.parametrize(
    ("parameter", "said"),
    [
        ('n: list[str] = typer.Option(None, "--from", help="In")', "`--from` (type list[str]; default None): In"),
        ("ocr: Annotated[bool, typer.Option(..., help='x')] = True", "`--ocr/--no-ocr` (type bool; default True): x"),
        ("in_dir: str", "`IN_DIR`, an argument, (type str; required)"),
        ("n=3", "`--n` (default 3)"),
    ],
)
def test_typer_parameters_have_their_real_flags(parameter: str, said: str) -> None:
    found = declared(parameter)
    assert found is not None and found.said == said


def test_a_parameter_that_is_cut_off_declares_nothing() -> None:
    assert declared("n: list[str] = typer.Option(None, '--fr") is None


TWO = """
    import torch
    from torch import nn

    class Both(nn.Module):
        def forward(self, image, text=None, scale=1.0):
            return image @ text

    class PairLoss(nn.Module):
        def forward(self, image_features, text_features):
            return image_features @ text_features

    def train(loader):
        model = Both()
        loss = PairLoss()
        for batch in loader:
            images, texts = batch
            loss(model(images, texts), texts)

    if __name__ == "__main__":
        train([])
"""


def test_modalities_are_fixed_by_signatures_batches_and_losses() -> None:
    codebase = codebase_of({"run.py": TWO})
    told = [hit.text for hit in run_query(codebase, "modality_ties").hits]
    assert told == [
        "`Both.forward()` (run.py) takes `image`, `text`",
        "`train()` (run.py) takes `batch` apart as `images, texts`",
        "the loss `PairLoss` (run.py) takes `image_features`, `text_features`",
    ]
    blockers = run_query(codebase, "swap_blockers").hits[0].text
    assert "(1) the modalities are fixed by names and places (image, text)" in blockers


def test_names_that_say_no_modality_tie_nothing() -> None:
    plain = TWO.replace("images, texts", "xs, ys").replace("image_features", "a").replace("text_features", "b")
    plain = plain.replace("image", "x").replace("text", "y")
    assert not run_query(codebase_of({"run.py": plain}), "modality_ties").hits


ADAPTERS = """
    from net import Net

    class BaseAdapter:
        def load_model(self, path):
            return Net()

    class SmallAdapter(BaseAdapter):
        pass

    model_adapters = []

    def register_adapter(cls):
        model_adapters.append(cls())

    def get_adapter(path):
        for adapter in model_adapters:
            if path:
                return adapter
        raise ValueError(path)

    register_adapter(SmallAdapter)
    register_adapter(BaseAdapter)

    if __name__ == "__main__":
        get_adapter(input()).load_model("a.pt")(1)
"""


def test_a_list_that_a_function_fills_with_classes_is_a_registry() -> None:
    told = ways({"adapters.py": ADAPTERS})
    assert (
        "By registering: `register_adapter()` (adapters.py) enters a class in `model_adapters`, today 2 classes: "
        "`SmallAdapter`, `BaseAdapter`; `get_adapter()` goes through them and takes the one that fits; an own class is "
        "given to `register_adapter()`"
    ) in told
    once = ADAPTERS.replace("    register_adapter(BaseAdapter)\n", "")
    assert not any("`register_adapter()`" in text for text in ways({"adapters.py": once}))
