"""What memory holds and what keeps it small: parts and twins, a second model, checkpointing, pieces, switches."""

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

APP = """
    import argparse
    import torch
    import yaml
    from torch import nn
    from fairscale.nn import checkpoint_wrapper

    class Block(nn.Module):
        def __init__(self, ckpt=False):
            super().__init__()
            self.line = nn.Linear(8, 8)
            if ckpt:
                self.line = checkpoint_wrapper(self.line)

        def forward(self, x): return self.line(x)

    class Vision(nn.Module):
        def __init__(self, ckpt=False):
            super().__init__()
            self.old = False
            self.blocks = nn.ModuleList([Block(ckpt) for _ in range(3)])

        def forward(self, x):
            for block in self.blocks:
                if self.old and self.training:
                    x = torch.utils.checkpoint.checkpoint(block, x)
                else:
                    x = block(x)
            return x

    class Pair(nn.Module):
        def __init__(self, ckpt):
            super().__init__()
            self.visual = Vision(ckpt)
            self.visual_m = Vision(ckpt)

        def forward(self, x): return self.visual(x) + self.visual_m(x)

    def create(name, ckpt=False):
        return Pair(ckpt)

    class Decoder:
        def __init__(self, model):
            self.model = model
            self.kv_cache = {}
            self.hooks = []

        def run(self, x):
            self.kv_cache["x"] = x
            return self.model(x)

        def finish(self):
            for hook in self.hooks:
                hook.remove()
            self.kv_cache = {}

    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--teacher", default=None)
        parser.add_argument("--grad-checkpointing", action="store_true")
        args = parser.parse_args()
        config = yaml.safe_load(open("conf.yaml"))
        model = create("student", config["vit_grad_ckpt"])
        if args.teacher is not None:
            teacher = create(args.teacher)
        decoder = Decoder(model)
        kept = []
        for image in range(config["batch_size"]):
            image = torch.zeros(image).to("cuda")
            kept.append(decoder.run(image).cpu())
        decoder.finish()

    if __name__ == "__main__":
        main()
"""
CONFIG = "vit_grad_ckpt: False\nbatch_size: 8\nname: a\n"


def _sample() -> Codebase:
    return codebase_of({"app.py": APP, "conf.yaml": CONFIG})


def _texts(query: str) -> list[str]:
    return [hit.text for hit in run_query(_sample(), query).hits]


def test_twins_and_a_second_model_are_in_memory_together() -> None:
    story, inside = _texts("residency")
    assert "`Pair` (`teacher`) only if `args.teacher is not None`" in story
    assert inside == "Inside each `Pair`, in memory with it: `visual` (`Vision`), `visual_m` (`Vision`)"


def test_checkpointing_is_off_by_default_or_never_on() -> None:
    hits = {hit.name: hit.text for hit in run_query(_sample(), "recomputing").hits}
    assert "checkpoint_wrapper(self.line)" in hits["off"] and hits["off"].endswith("off by default")
    assert hits["never"].endswith("never on: every assignment of `old` here is False")
    asked = APP.replace("if ckpt:", "if cfg.vit_grad_ckpt:")
    told = run_query(codebase_of({"app.py": asked, "conf.yaml": CONFIG}), "recomputing").hits[0].detail["controlled"]
    assert told == "entry `vit_grad_ckpt` of the configuration (`False` in conf.yaml)"
    alive = codebase_of({"app.py": APP.replace("class Decoder", "OLD = Vision(old=True)\n\n    class Decoder")})
    assert "never" not in {hit.name for hit in run_query(alive, "recomputing").hits}


def test_pieces_and_what_is_dropped_after_use() -> None:
    hits = [(hit.name, hit.symbol) for hit in run_query(_sample(), "piecewise").hits]
    assert hits == [("inputs", "main"), ("results", "main"), ("dropped", "Decoder.finish")]


def test_entries_of_configuration_are_switches_only_when_code_reads_them() -> None:
    texts = _texts("memory_limits: switch")
    assert any(text.startswith("entry `vit_grad_ckpt` of the configuration (`False` in conf.yaml)") for text in texts)
    assert any(text.startswith("option `--grad-checkpointing`") for text in texts)
    assert not any("entry `name`" in text for text in texts)
    (measures,) = _texts("memory_measures")
    assert "`--grad-checkpointing` (off by default)" in measures and "half precision or autocast" in measures


CACHES = """
    import torch
    from torch import nn

    class Net(nn.Module):
        def forward(self, x): return x

        def encode_image(self, x): return x

    def load(path):
        net = Net()
        net.load_state_dict(torch.load(path, map_location="cpu"))
        return fill(net), path

    def fill(net):
        return net

    net = None

    def run(images):
        global net
        net = net or load("a.pt")[0]
        feats, losses = [], []
        for image in images:
            feat = net.encode_image(image.to("cuda"))
            feat = feat / feat.norm()
            feats.append(feat.cpu())
            losses.append(feat.sum().item())
        return torch.cat(feats)

    class Holder:
        def __init__(self):
            self.made = {}
            self.names = {}

        def get(self, key):
            if key not in self.made:
                self.made[key] = build(key)
            if key not in self.names:
                self.names[key] = []
            return self.made[key]

        def __del__(self):
            del self.net

    def build(key):
        return [key]

    if __name__ == "__main__":
        Holder().get("a")
        run([torch.zeros(3)])
"""


def test_caches_are_models_made_once_collected_features_and_objects_by_key() -> None:
    hits = {hit.name: hit.text for hit in run_query(codebase_of({"app.py": CACHES}), "caching").hits}
    assert hits["models"] == "`net` keeps `Net` from the first use on, made by `run()`"
    assert "collected" not in hits  # joined and given back, never read again
    assert hits["built"] == (
        "`self.made` keeps what is built, by `key`, so that it is built once: `build(key)` in `Holder.get()`"
    )
    answer = run_query(codebase_of({"app.py": CACHES}), "caching_answer: caching").hits[0].text
    assert answer.endswith("outputs, features or embeddings of models; keys and values of attention.")


def test_the_account_says_where_checkpoints_are_read_to() -> None:
    placed = CACHES.replace("net = Net()", 'net = Net().to("cuda")')
    (text,) = [hit.text for hit in run_query(codebase_of({"app.py": placed}), "memory_answers: memory").hits]
    assert "Checkpoints are read into CPU memory first and copied into the model from there (`Net`)." in text
    assert "Inputs go to the device piece by piece, inside loops of `run()`." in text
    with_autocast = placed.replace("net = net or", "with torch.autocast('cuda'): net = net or")
    (text,) = [hit.text for hit in run_query(codebase_of({"app.py": with_autocast}), "memory_answers: memory").hits]
    assert text.endswith("they stay float32, as the classes are constructed, whatever the file holds.")
    (other,) = _texts("memory_answers: unloading")
    assert other.startswith("No. What the main programs load is never offloaded") and "searched" not in other


def test_what_an_object_keeps_is_cached_and_a_file_of_weights_is_not() -> None:
    source = """
        import os
        import torch
        from safetensors.torch import load_file, save_file

        class Encoder(torch.nn.Module):
            def __init__(self): self.block = torch.nn.TransformerEncoder(None, 1)
            def encode_text(self, x): return self.block(x)

        class Table:
            def __init__(self, labels):
                net, self.embeds = Encoder(), []
                {test}
                for label in labels:
                    self.embeds.append(net.encode_text(label))
                save_file(dict(e=self.embeds), "table.safetensors")

            def take(self):
                self.embeds = load_file("table.safetensors")

        if __name__ == "__main__":
            Table([1]).take()
    """
    cached = {
        test: {
            hit.name: hit.text for hit in run_query(codebase_of({"app.py": source.format(test=test)}), "caching").hits
        }
        for test in ("os.path.exists('table.safetensors') and self.take()", "pass")
    }
    kept = "`Table.__init__()` collects outputs of models over a loop and keeps them: `self.embeds`"
    files = "Files `.safetensors` written by `Table.__init__()` can be taken up by `Table.take()`"
    assert list(cached.values()) == [{"collected": kept, "files": files}, {"collected": kept}]


def test_a_method_that_nothing_calls_unloads_nothing() -> None:
    source = CACHES.replace("class Net(nn.Module):", "class Net(nn.Module):\n        def aside(self): self.to('cpu')\n")
    source = source.replace("return torch.cat(feats)", "HERE\n        return torch.cat(feats)")
    texts = [
        run_query(codebase_of({"app.py": source.replace("HERE", line)}), "memory_answers: unloading").hits[0].text
        for line in ("pass", "net.aside()")
    ]
    assert texts[0].startswith("No.") and "nothing is seen to call: `Net.aside()`" in texts[0]
    assert texts[1].startswith("Yes: `Net.aside()` moves the model back to the CPU (`self.to('cpu')`), run by ")


def test_parameters_that_offload_data_are_told_first() -> None:
    source = CACHES.replace("return torch.cat(feats)", "open_state(3)\n        return torch.cat(feats)")
    source += "\n    def open_state(size, offload_state_to_cpu=False): return torch.zeros(size)\n"
    [hit] = run_query(codebase_of({"app.py": source}), "memory_answers: unloading").hits
    assert "by parameters: `offload_state_to_cpu` of `open_state()`, off by default (`False`)" in hit.text


NAMED: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "conf.yaml": "strategy: ddp\n",
    "app.py": """
        import torch
        from torch import nn

        LOW = False

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.first = nn.Linear(2, 2)
            def forward(self, x): return self.first(x)

        def set_low(mode):
            global LOW
            LOW = mode

        def put_away(net):
            if LOW:
                net.cpu()

        def run(x):
            net = Net().to("cuda")
            found = net(x)
            torch.save(found.cpu(), "found.pt")
            put_away(net)
            return found

        if __name__ == "__main__":
            set_low(input() == "low")
            run(torch.zeros(2))
    """,
}


def test_what_a_function_sets_anew_is_no_constant_and_a_saved_result_no_checkpoint() -> None:
    codebase = codebase_of(NAMED)
    [text] = [hit.text for hit in run_query(codebase, "unloading: cpu").hits]
    assert "only if `LOW`" in text and "constant" not in text
    [text] = [hit.text for hit in run_query(codebase, "caching_answer: checkpointing").hits]
    assert text.startswith("Checkpointing: none")
    denied = [hit.text for hit in run_query(codebase, "concurrency: async").hits if hit.text.startswith("Not found")]
    assert denied and "distributed running" not in denied[0]
