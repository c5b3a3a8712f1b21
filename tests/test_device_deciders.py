"""Devices that a function here chooses: what its caller leaves out, what stands in their place, which option asks."""

import pytest

from retrieval.census import run_query
from tests.source_tree import codebase_of

DECIDER = """
    from enum import Enum

    import torch


    class Device(str, Enum):
        AUTO = "auto"
        CPU = "cpu"
        CUDA = "cuda"
        MPS = "mps"


    def decide(wanted: str, supported=None) -> str:
        device = "cpu"
        has_cuda = torch.backends.cuda.is_built() and torch.cuda.is_available()
        has_mps = torch.backends.mps.is_available()
        if supported is not None:
            if has_cuda and Device.CUDA not in supported:
                has_cuda = False
            if has_mps and Device.MPS not in supported:
                has_mps = False
        if wanted == "auto":
            if has_cuda:
                device = "cuda:0"
            elif has_mps:
                device = "mps"
        elif wanted.startswith("cuda"):
            index = int(wanted.split(":")[1])
            if index < torch.cuda.device_count():
                device = f"cuda:{index}"
        return device
"""
OPTIONS = """
    from dataclasses import dataclass, field

    from decide import Device


    @dataclass
    class Accelerator:
        device: str = "auto"


    @dataclass
    class Options:
        supported_devices: list[Device] = field(default_factory=lambda: [Device.CPU, Device.CUDA, Device.MPS])


    @dataclass
    class SpeechOptions(Options):
        supported_devices: list[Device] = field(default_factory=lambda: [Device.CPU, Device.CUDA])
"""
APP = """
    import argparse

    from torch import nn

    from decide import Device, decide
    from options import Accelerator, SpeechOptions


    class Net(nn.Module):
        def forward(self, x): return x


    class Stage:
        def __init__(self, accelerator_options: Accelerator, options: SpeechOptions):
            {choice}
            self.net = Net().to(device)

        def run(self, x): return self.net(x)


    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--device", default="auto")
        args = parser.parse_args()
        Stage(Accelerator(device=args.device), SpeechOptions()).run(1)


    if __name__ == "__main__":
        main()
"""
OTHER = """
    import argparse

    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--device", default="none")
        print(parser.parse_args())

    if __name__ == "__main__":
        main()
"""
IN_PLACE = "device = decide(accelerator_options.device)\n            if device == Device.MPS.value:\n"
BY_FIELD = "device = decide(accelerator_options.device, supported=options.supported_devices)"


@pytest.mark.parametrize(
    ("choice", "devices"),
    [
        ("device = decide(accelerator_options.device)", "`cuda`, `mps` or `cpu`"),
        ("device = decide(accelerator_options.device, [Device.CPU, Device.MPS])", "`mps` or `cpu`"),
        (BY_FIELD, "`cuda` or `cpu`"),
        (IN_PLACE + "                device = Device.CPU.value", "`cuda` or `cpu`"),
    ],
)
def test_a_call_leaves_devices_out_and_the_function_and_the_option_are_named(choice: str, devices: str) -> None:
    app = APP.replace("{choice}", choice)
    files = {"app.py": app, "decide.py": DECIDER, "options.py": OPTIONS, "other.py": OTHER}
    [text] = [hit.text for hit in run_query(codebase_of(files), "placements").hits]
    assert f"the device is {devices}, chosen by" in text
    assert "in `decide()`" in text and "device_count" not in text
    assert 'option `--device`, default `"auto"`' in text.replace("`auto`", '`"auto"`')
