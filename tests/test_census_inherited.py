"""Models of predictors that inherit their constructor, and models taken out of a module by a computed name."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

PREDICTORS: dict[str, str | bytes] = {
    "app/__init__.py": "",
    "app/nets.py": """
        from torch import nn
        class Lines(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(3, 3, 3)
            def forward(self, x): return self.conv(x)
        class Words(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(3, 3, 3)
            def forward(self, x): return self.conv(x)
    """,
    "app/predict.py": """
        from app.nets import Lines, Words
        class Loader:
            def model(self): raise NotImplementedError()
        class LinesLoader(Loader):
            def model(self): return Lines()
        class WordsLoader(Loader):
            def model(self): return Words()
        class Predictor:
            loader_class = Loader
            def __init__(self):
                self.model = self.loader_class().model()
        class LinePredictor(Predictor):
            loader_class = LinesLoader
            def __call__(self, image): return self.model(image)
        class WordPredictor(Predictor):
            loader_class = WordsLoader
            def __call__(self, image): return self.model(image)
    """,
    "lines.py": """
        from app.predict import LinePredictor
        if __name__ == "__main__":
            print(LinePredictor()("x"))
    """,
    "both.py": """
        from app.predict import LinePredictor, WordPredictor
        if __name__ == "__main__":
            for box in LinePredictor()("x"):
                print(WordPredictor()(box))
    """,
}
ZOO: dict[str, str | bytes] = {
    "zoo/__init__.py": "from .nets import *\nfrom .build import *\n",
    "zoo/nets.py": """
        from torch import nn
        class Fast(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(3, 3, 3)
            def forward(self, x): return self.conv(x)
        class Slow(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(3, 3, 3)
            def forward(self, x): return self.conv(x)
        class Never(nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = nn.Conv2d(3, 3, 3)
            def forward(self, x): return self.conv(x)
        def fast_small(): return Fast()
        def slow_large(): return Slow()
        def never_used(): return Never()
    """,
    "zoo/build.py": """
        import zoo
        ARCHS: list[str]
        ARCHS = ["fast_small", "slow_large"]
        def build(arch="fast_small"):
            if arch not in ARCHS:
                raise ValueError(arch)
            return zoo.__dict__[arch]()
    """,
    "main.py": """
        from zoo import build
        if __name__ == "__main__":
            net = build("fast_small")
            print(net("image"))
    """,
}


def runs(files: dict[str, str | bytes]) -> dict[str, str]:
    """Name of each model → what is told of its runs."""
    hits = run_query(codebase_of(files), "model_objects").hits
    return {hit.text.split("`")[1]: hit.text for hit in hits}


def test_each_predictor_runs_the_model_of_its_own_loader() -> None:
    told = runs(PREDICTORS)
    assert "LinePredictor.__call__()" in told["Lines"] and "WordPredictor.__call__()" not in told["Lines"]
    assert "WordPredictor.__call__()" in told["Words"] and "LinePredictor.__call__()" not in told["Words"]


def test_a_program_makes_the_models_of_the_predictors_that_it_makes() -> None:
    told = " ".join(hit.text for hit in run_query(codebase_of(PREDICTORS), "model_summary").hits)
    assert "`lines.py`: `Lines`" in told and "`both.py`: `Lines`, `Words`" in told


def test_a_name_looked_up_in_a_module_is_one_of_those_that_are_allowed() -> None:
    told = runs(ZOO)
    assert "run as `net(" in told["Fast"]
    assert "run as `net(" not in told.get("Never", "")


def test_names_looked_up_in_other_ways() -> None:
    for way in ("vars(zoo)[arch]()", "getattr(zoo, arch)()"):
        files = ZOO | {"zoo/build.py": str(ZOO["zoo/build.py"]).replace("zoo.__dict__[arch]()", way)}
        assert "run as `net(" in runs(files)["Fast"], way
    own = "def local_net():\n    from zoo import fast_small\n    return fast_small()\n"
    main = own + 'if __name__ == "__main__":\n    net = globals()["local_net"]()\n    print(net("image"))\n'
    assert "run as `net(" in runs(ZOO | {"main.py": main})["Fast"]


def test_an_image_model_of_a_library_that_feeds_another_model_is_a_part_of_it() -> None:
    nets = """
        from torch import nn
        from torchvision.models import resnet18
        from torchvision.models._utils import IntermediateLayerGetter
        from torchvision.models.resnet import BasicBlock
        class Detector(nn.Module):
            def __init__(self, features):
                super().__init__()
                self.features = features
                self.block = BasicBlock(3, 3)
            def forward(self, x): return self.block(self.features(x)["1"])
        def detector():
            return Detector(IntermediateLayerGetter(resnet18(), {"layer4": "1"}))
    """
    main = "from nets import detector\nif __name__ == '__main__':\n    net = detector()\n    print(net('image'))\n"
    told = runs({"nets.py": nets, "main.py": main})
    assert "`self.features(x)`" in told["models.resnet18"]
    assert not [name for name in told if "Block" in name or "Getter" in name]
    summary = [hit.text for hit in run_query(codebase_of({"nets.py": nets, "main.py": main}), "model_summary").hits]
    assert any(text.startswith("Inside them work, as parts: `models.resnet18`") for text in summary)
