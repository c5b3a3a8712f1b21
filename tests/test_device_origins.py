"""Where the device of a model comes from: bound arguments, the parser of the same program, elements of a tuple."""

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

NET = """
    from torch import nn

    class Net(nn.Module):
        def forward(self, x): return x

    class Other(nn.Module):
        def forward(self, x): return x
"""


def _lines(codebase: Codebase, query: str = "placements") -> dict[str, str]:
    return {hit.name: hit.text for hit in run_query(codebase, query).hits}


def test_arguments_are_bound_over_continued_lines() -> None:
    source = """
        import argparse
        from net import Net

        def load(words, path, device="cpu"):
            net = Net()
            net.to(device)
            return net

        def main():
            parser = argparse.ArgumentParser()
            parser.add_argument("--lang", default="en")
            parser.add_argument("--where", default="cuda")
            args = parser.parse_args()
            load(args.lang,\\
                 "a.pt", args.where)("x")

        if __name__ == "__main__":
            main()
    """
    text = _lines(codebase_of({"app.py": source, "net.py": NET}))["Net"]
    assert "option `--where`, default `" in text and "--lang" not in text


TRAIN = """
    import argparse
    from accelerate import Accelerator
    from net import Net

    def main(config):
        accelerator = Accelerator(mixed=config.mixed)
        Net().to(accelerator.device)("x")

    if __name__ == "__main__":
        parser = argparse.ArgumentParser()
        parser.add_argument("--mixed", default="fp16")
        main(parser.parse_args())
"""


def test_what_a_library_decides_is_told_as_written_without_an_option() -> None:
    codebase = codebase_of({"train.py": TRAIN, "net.py": NET})
    assert _lines(codebase)["Net"].endswith("the device is `accelerator.device`, which `Accelerator()` decides")
    text = _lines(codebase, "memory_answers: memory")["memory"]
    assert "`Net` on `accelerator.device`, which `Accelerator()` decides" in text and "--mixed" not in text


def test_an_option_is_of_the_parser_of_its_own_program() -> None:
    program = """
        import argparse
        from net import {cls}

        if __name__ == "__main__":
            parser = argparse.ArgumentParser()
            parser.add_argument("--device", default="{device}:0")
            args = parser.parse_args()
            {cls}().to(args.device)("x")
    """
    files: dict[str, str | bytes] = {"net.py": NET}
    files["a.py"] = program.format(cls="Net", device="cuda")
    files["b.py"] = program.format(cls="Other", device="mps")
    lines = _lines(codebase_of(files))
    assert "cuda:0" in lines["Net"] and "mps" not in lines["Net"]
    assert "mps:0" in lines["Other"] and "cuda" not in lines["Other"]


def test_a_table_that_no_parser_made_holds_no_option() -> None:
    source = """
        import argparse
        import json
        from net import Net

        if __name__ == "__main__":
            parser = argparse.ArgumentParser()
            parser.add_argument("--device", default="cuda")
            args = parser.parse_args()
            table = json.loads("{}")
            Net().to(device=table["device"])("x")
    """
    assert "--device" not in _lines(codebase_of({"app.py": source, "net.py": NET}))["Net"]


def test_elements_of_a_returned_tuple_are_kept_apart() -> None:
    source = """
        import torch
        from net import Net, Other

        def load():
            first, second = Net(), Other()
            return first, second

        if __name__ == "__main__":
            device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
            one, two = load()
            one = one.half()
            one = one.to(device)
            two = two.to(device=device)
            two(one("x"))
    """
    lines = _lines(codebase_of({"app.py": source, "net.py": NET}))
    assert "`one.half()`" in lines["Net"] and "two" not in lines["Net"]
    assert "`two.to(device=device)`" in lines["Other"] and "one" not in lines["Other"]
    assert all("`cuda` or `cpu`, chosen by `torch.cuda.is_available()`" in text for text in lines.values())
