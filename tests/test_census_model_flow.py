"""Kind `model_flow`: what flows into models, from model to model, and on to losses and writers."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

NETS = """
import torch


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))
        self.body = torch.nn.Linear(4, 4)

    def forward(self, images, texts):
        out = {"image": self.body(images), "text": self.body(texts)}
        if self.scale is not None:
            out["scale"] = self.scale
        return out


class PairLoss(torch.nn.Module):
    def forward(self, image, text, scale):
        logits = scale * image @ text.T
        labels = torch.arange(len(logits))
        one = torch.nn.functional.cross_entropy(logits, labels)
        two = torch.nn.functional.cross_entropy(logits.T, labels)
        return {"pair": (one + two) / 2}
"""
TRAIN = """
import argparse
from nets import Net, PairLoss


def train_one(model, loader, args):
    loss = PairLoss()
    device = pick(args)
    for i, batch in enumerate(loader):
        images, texts = batch
        images = images.to(device=device)
        out = model(images, texts)
        losses = loss(**out)
        total = sum(losses.values())
        total.backward()


def pick(args):
    name = args.device
    if name is None:
        name = "cpu"
    if name == "gpu":
        name = "cuda"
    return name


def main():
    args = argparse.ArgumentParser().parse_args()
    model = Net()
    train_one(model, [], args)


if __name__ == "__main__":
    main()
"""


def told(files: dict[str, str | bytes], query: str = "model_flow") -> list[str]:
    return [hit.text for hit in run_query(codebase_of(files), query).hits]


def test_a_batch_is_followed_through_the_model_and_its_result_into_the_loss() -> None:
    (text,) = told({"nets.py": NETS, "train.py": TRAIN}, "model_flow: train_one")
    assert text == (
        "In `train_one()` (train.py) `model()` (the model `Net`) takes `images`, `texts` (from `batch`, each of "
        "`loader`) and gives `out`, a dictionary with the keys `image`, `text`, `scale`; `loss()` takes `**out` entry "
        "by entry and gives `losses`, a dictionary with the keys `pair`; `total.backward()` takes `total` (from "
        "`loss()`)"
    )


def test_the_hand_over_between_models_leads_the_sentences_on_context() -> None:
    first = told({"nets.py": NETS, "train.py": TRAIN}, "carriers: what=arguments")[0]
    assert first.startswith("Steps pass results on as return values and arguments. In `train_one()` (train.py)")


def test_what_goes_from_model_to_model_is_told_in_the_order_of_the_calls() -> None:
    source = (
        "from nets import Net\n\n\ndef stage(x):\n    return Net()(x, x)\n\n\ndef second(x, n):\n    return Net()(x, n)"
        "\n\n\ndef go(x):\n    first = stage(x)\n    parts = []\n    for part in first:\n        parts.append(part)\n"
        "    other = second(parts, 3)\n    return other\n\n\nif __name__ == '__main__':\n    go(1)\n"
    )
    (text,) = told({"nets.py": NETS, "app.py": source}, "model_flow: go")
    assert text == (
        "In `go()` (app.py) `stage()` takes `x` and gives `first`; `second()` takes `parts` (from `stage()`) and "
        "gives `other`; it returns `other`"
    )


def test_options_and_devices_are_no_data() -> None:
    text = " ".join(told({"nets.py": NETS, "train.py": TRAIN}))
    assert "pick" not in text and "args" not in text


def test_code_without_a_model_has_no_such_flow() -> None:
    assert told({"app.py": "def f(x):\n    return g(x)\n\n\ndef g(x):\n    return x\n\n\nf(1)\n"}) == []


def test_own_steps_that_bring_a_result_from_one_model_to_the_next_are_told_before_other_models() -> None:
    steps = "".join(f"        extra{n} = self.side{n}(pages)\n        keep(extra{n})\n" for n in range(8))
    made = "".join(f"        self.side{n} = Net()\n" for n in range(8))
    files: dict[str, str | bytes] = {
        "nets.py": "import torch\n\n\nclass Net(torch.nn.Module):\n    def __init__(self):\n"
        "        super().__init__()\n        self.layer = torch.nn.Linear(1, 2)\n\n"
        "    def forward(self, x):\n        return self.layer(x)\n",
        "app.py": "from nets import Net\n\n\ndef keep(x):\n    print(x)\n    return x\n\n\n"
        "def cut(pages, boxes):\n    print(pages)\n    return [pages, boxes]\n\n\n"
        "class Reader:\n    def __init__(self):\n        self.finder = Net()\n        self.namer = Net()\n"
        f"{made}\n    def read(self, pages):\n        boxes = self.finder(pages)\n{steps}"
        "        crops = cut(pages, boxes)\n        return self.namer(crops)\n\n\n"
        "if __name__ == '__main__':\n    Reader().read([1])\n",
    }
    hits = run_query(codebase_of(files), "model_flow").hits
    told = next(hit.text for hit in hits if "Reader.read()" in hit.text)
    assert "`cut()` takes `pages`, `boxes` and gives `crops`" in told
