"""In what classes that stand in for each other differ, and the classes that one table of loaders picks from."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

NETS = """
    import sys
    import torch
    from torch import nn

    class Clip(nn.Module):
        def forward(self, image, whole=False):
            if whole:
                return {"image": image}
            return image, image

        def encode(self, image, normalize=False):
            return self.forward(image)

        def lock(self):
            return None

    class Custom(nn.Module):
        def forward(self, image):
            return image, image

        def encode(self, image, normalize=False):
            return self.forward(image)

        def lock(self):
            return None

    class Coca(nn.Module):
        def forward(self, image):
            out = {"image": image}
            return out

        def encode(self, image, normalize=True):
            return self.forward(image)

    def create(name):
        if name == "coca":
            return Coca()
        if name == "custom":
            return Custom()
        return Clip()

    def main(name, image):
        net = create(name)
        net.lock()
        net.encode(image)
        return net(image)

    if __name__ == "__main__":
        main(sys.argv[1], torch.zeros(1))
"""
BACKENDS = """
    import sys

    class Server:
        def generate(self, text):
            return text

        def encode(self, text):
            return text

    class Local:
        @classmethod
        def load(cls, path):
            return cls(), path

        def generate(self, text):
            return text

        def encode(self, text):
            return text

        def only_here(self):
            return 1

    def server_loader(path):
        return Server()

    def local_loader(path):
        model, tokenizer = Local.load(path)
        return model, tokenizer

    def run(name):
        loaders = {"server": server_loader, "local": local_loader}
        model = loaders[name](name)
        model.only_here()
        return model.generate(model.encode("a"))

    if __name__ == "__main__":
        run(sys.argv[1])
"""


def texts(code: str, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of({"run.py": code}), query).hits]


def test_methods_are_credited_to_the_classes_that_have_them_and_differences_are_told() -> None:
    assert texts(NETS, "agreements: sort=callers") == [
        "`encode()`, `forward()`, called on an object that is `Coca`, `Custom` or `Clip`, by `main()` (run.py); they "
        "differ: `normalize` of `encode()` is by default `True` in `Coca`, `False` in `Custom`, `Clip`; `forward()` "
        "gives a dictionary in `Coca`, a tuple in `Custom`, a dictionary or a tuple in `Clip`; only `Custom`, `Clip` "
        "have `lock()`"
    ]


def test_the_classes_of_a_table_of_loaders_are_an_interface() -> None:
    assert texts(BACKENDS, "agreements: sort=tables") == [
        "`encode()`, `generate()`, which `Server`, `Local` all have without a common base class; the table `loaders` "
        "of `run()` (run.py) picks one of them"
    ]
