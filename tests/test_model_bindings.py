"""What is bound to a model along the calls: its weights, the move that is the default, parts that follow the whole."""

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

CLIP = """
    import argparse
    import torch
    import yaml
    from torch import nn

    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(8, 8)

        def forward(self, x): return self.line(x)

    class Tower(nn.Module):
        def __init__(self):
            super().__init__()
            self.blocks = nn.ModuleList([Block() for _ in range(3)])

        def forward(self, x):
            for block in self.blocks:
                x = block(x)
            return x

    class Clip(nn.Module):
        def __init__(self):
            super().__init__()
            self.visual = Tower()

        def forward(self, x): return self.visual(x)

    def read(path, device="cpu"):
        state = torch.load(path, map_location=device)
        return {key: value for key, value in state.items()}

    def fill(model, path):
        model.load_state_dict(read(path))

    def place(model, device, precision):
        if precision in ("fp16", "bf16"):
            model.half().to(device)
        else:
            model.to(device=device)

    def create(path, device="cpu", precision="fp32"):
        model = Clip()
        place(model, device, precision)
        if path:
            fill(model, path)
        return model

    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--precision", default="amp")
        parser.add_argument("--device", default="cuda")
        parser.add_argument("--config", default="./configs/base.yaml")
        parser.add_argument("--int8", default=None)
        parser.add_argument("--resume")
        args = parser.parse_args()
        config = yaml.safe_load(open(args.config))
        model = create(config["pretrained"], args.device, args.precision)
        if args.int8 is not None:
            model = model.to("cuda:1")
        optimizer = torch.optim.AdamW(model.parameters())
        if args.resume:
            saved = torch.load(args.resume)
            model.load_state_dict(saved["model"])
            optimizer.load_state_dict(saved["optimizer"])
        model("x")

    if __name__ == "__main__":
        main()
"""
CONFIG = """
    pretrained: 'https://example.org/files/clip_base.pth'
    batch_size: 32
"""


def _sample() -> Codebase:
    return codebase_of({"app.py": CLIP, "configs/base.yaml": CONFIG})


def _texts(query: str) -> list[str]:
    return [hit.text for hit in run_query(_sample(), query).hits]


def test_a_model_is_moved_by_the_branch_that_the_defaults_take() -> None:
    (text,) = _texts("placements")
    assert text.startswith("`Clip`: `model.to(device=device)` in `place()` by default (option `--precision`")
    assert text.endswith('the device is `cuda` or `cpu`, chosen by option `--device`, default `"cuda"`')


def test_parts_go_where_the_whole_goes() -> None:
    assert not [text for text in _texts("placements") if "Tower" in text]
    source = CLIP.replace("fill(model, path)\n        return", "model.visual.to('cuda:1')\n        return")
    hits = run_query(codebase_of({"app.py": source}), "placements").hits
    assert [hit.text.split(":")[0] for hit in hits if "Tower" in hit.text] == ["`Tower`"]  # moved by itself


def test_the_file_of_a_configuration_is_named_and_a_resumed_training_is_called_so() -> None:
    first, second = _texts("model_weights")
    assert "`Clip` is filled from `path`, which may be `https://example.org/files/clip_base.pth`" in first
    assert "`args.resume` when training is resumed" in second
    (summary, _) = _texts("model_summary: what=formats")
    assert "`Clip` from `clip_base.pth` (`path`)" in summary and "resume" not in summary


def test_an_optimizer_that_may_be_left_out_makes_no_resumed_training() -> None:
    source = """
        import torch
        from torch import nn

        class Net(nn.Module):
            def forward(self, x): return x

        def restore(net, path, optimizer=None):
            saved = torch.load(path)
            net.load_state_dict(saved["net"])
            if optimizer is not None:
                optimizer.load_state_dict(saved["optimizer"])

        if __name__ == "__main__":
            net = Net()
            restore(net, "a.pth")
            net(1)
    """
    (hit,) = run_query(codebase_of({"app.py": source}), "model_weights").hits
    assert "resumed" not in hit.text and "`a.pth`" in hit.text


def test_settings_that_are_spread_over_a_call_count_when_the_defaults_put_them_in() -> None:
    source = """
        import argparse
        from transformers import AutoModelForCausalLM

        def load(path, small=False, where="auto"):
            kwargs = {"device_map": where}
            if small:
                kwargs["load_in_8bit"] = True
            else:
                kwargs["torch_dtype"] = "float16"
            return AutoModelForCausalLM.from_pretrained(path, **kwargs)

        if __name__ == "__main__":
            parser = argparse.ArgumentParser()
            parser.add_argument("--small", action="store_true")
            args = parser.parse_args()
            load("acme/model", args.small).generate(1)
    """
    (hit,) = run_query(codebase_of({"app.py": source}), "placements").hits
    assert 'made with `device_map=where`, `torch_dtype="float16"` in `load()`; the device is `auto`' in hit.text


def test_a_model_that_has_a_function_fill_itself_is_filled_from_what_that_reads() -> None:
    source = """
        import torch
        from torch import nn

        def fill(model, path):
            model.load_state_dict(torch.load(path, map_location=lambda storage, loc: storage))

        class Net(nn.Module):
            def from_pretrained(self, path):
                fill(self, path)

            def forward(self, x): return x

        if __name__ == "__main__":
            net = Net()
            net.from_pretrained("https://example.org/net.pth")
            net(1)
    """
    codebase = codebase_of({"app.py": source})
    (hit,) = run_query(codebase, "model_weights").hits
    assert "`Net` is filled from" in hit.text and "net.pth" in hit.text and "`torch.load`" in hit.text
    told = [hit.text for hit in run_query(codebase, "memory_answers: memory").hits]
    assert not any("straight to the device" in text for text in told)


def test_a_method_that_moves_a_model_where_its_caller_says_is_told_where_nothing_else_moves_it_back() -> None:
    source = """
        import torch
        from torch import nn

        class Net(nn.Module):
            def forward(self, x): return x

        class Reader:
            def __init__(self):
                self.model = Net()

            def to(self, device):
                self.model.to(device)

            def read(self, x): return self.model(x)

        if __name__ == "__main__":
            Reader().read(1)
    """
    codebase = codebase_of({"app.py": source})
    for what in ("unloading", "moving"):
        (hit,) = run_query(codebase, f"memory_answers: {what}").hits
        assert "By `Reader.to()` a caller may move it to any device, the CPU too." in hit.text


def test_an_own_loader_that_hands_on_to_the_library_s_is_told_with_the_library() -> None:
    source = """
        from transformers import PreTrainedModel

        class Fetched:
            @classmethod
            def from_pretrained(cls, name, **given):
                return super().from_pretrained(fetch(name), **given)

        class Net(Fetched, PreTrainedModel):
            def forward(self, x): return x

        if __name__ == "__main__":
            Net.from_pretrained("s3://net")(1)
    """
    (first, *_) = run_query(codebase_of({"app.py": source}), "model_summary: what=formats").hits
    assert "which this repository defines around the one of `transformers`" in first.text


def test_a_session_that_is_handed_to_its_object_is_a_model_of_that_class() -> None:
    source = """
        from dataclasses import dataclass

        import onnxruntime

        @dataclass
        class Voice:
            session: onnxruntime.InferenceSession

            @staticmethod
            def load(path, use_cuda=False):
                providers = [("CUDAExecutionProvider", {})] if use_cuda else ["CPUExecutionProvider"]
                return Voice(session=onnxruntime.InferenceSession(path, providers=providers))

            def speak(self, text): return self.session.run(None, {"text": text})

        class Detector:
            def __init__(self):
                self.net = onnxruntime.InferenceSession("vad.onnx")
            def __call__(self, x): return self.net.run(None, {"x": x})

        if __name__ == "__main__":
            Detector()(Voice.load("a.onnx").speak("hello"))
    """
    codebase = codebase_of({"app.py": source})
    texts = [hit.text for hit in run_query(codebase, "model_objects").hits]
    assert any(text.startswith("`Voice` (ONNX model)") and "made by `Voice.load()`" in text for text in texts)
    [placed] = [hit.text for hit in run_query(codebase, "memory_answers: memory").hits]
    assert "`Voice` on `CPUExecutionProvider` or `CUDAExecutionProvider`" in placed
