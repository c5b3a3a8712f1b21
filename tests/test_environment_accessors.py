"""Environment variables behind accessors: their names and defaults as the call of the accessor tells them."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

CONFIG = """
    import os


    class Config:
        def _get_string(self, var: str, default_value: str = "") -> str:
            return os.environ.get(var, default_value)

        def _get_int(self, var: str, default_value: int) -> int:
            if value := self._get_string(var):
                return int(value)
            return default_value

        @property
        def NET_DEVICE(self) -> str:
            return self._get_string("NET_DEVICE", "cpu")

        @property
        def NET_FP16(self) -> str:
            return self._get_string("NET_FP16", "")

        @property
        def AGENT_CACHE_SIZE(self) -> int:
            return self._get_int("AGENT_CACHE_SIZE", 1)


    config = Config()
"""
APP = """
    import whisper

    from config import config


    class Agent:
        def __init__(self):
            self.net = whisper.load_model("base", device=config.NET_DEVICE)
            self.half = config.NET_FP16
            self.most = config.AGENT_CACHE_SIZE

        def run(self, x):
            options: dict = {"fp16": self.half}
            return self.net.transcribe(x, **options)


    if __name__ == "__main__":
        Agent().run("a.wav")
"""


def _texts(query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of({"app.py": APP, "config.py": CONFIG}), query).hits]


def test_the_device_is_what_the_variable_says() -> None:
    [text, *_] = _texts("memory_answers: memory")
    assert "environment variable `NET_DEVICE`" in text and "`default_value`" not in text
    assert "Half precision is a setting of calls: `fp16` (environment variable `NET_FP16`" in text


def test_sizes_that_accessors_read_are_measures() -> None:
    [text, *_] = [text for text in _texts("memory_limits: switch") if "CACHE" in text]
    assert text == "environment variable `AGENT_CACHE_SIZE` (default `1`) is read for `Agent.__init__()`"
    [measures] = _texts("memory_measures")
    assert "`AGENT_CACHE_SIZE` (default `1`)" in measures and "half precision or autocast" not in measures


SETTINGS = """
    from typing import Optional

    import torch
    from pydantic import computed_field
    from pydantic_settings import BaseSettings


    class Settings(BaseSettings):
        TORCH_DEVICE: Optional[str] = None

        @computed_field
        @property
        def DEVICE(self) -> str:
            if self.TORCH_DEVICE is not None:
                return self.TORCH_DEVICE
            if torch.cuda.is_available():
                return "cuda"
            return "cpu"


    settings = Settings()
"""
USER = """
    from torch import nn

    from settings import settings


    class Net(nn.Module):
        def forward(self, x): return x


    def main():
        net = Net().to(settings.DEVICE)
        net(1)


    if __name__ == "__main__":
        main()
"""


def test_a_field_of_pydantic_settings_is_an_environment_variable() -> None:
    [hit] = run_query(codebase_of({"app.py": USER, "settings.py": SETTINGS}), "placements").hits
    assert hit.text.endswith(
        "the device is `cuda` or `cpu`, chosen by `torch.cuda.is_available()`, "
        "environment variable `TORCH_DEVICE`, unset by default"
    )


def test_a_variable_whose_name_comes_out_of_a_loop_is_told_by_its_written_names_or_not_at_all() -> None:
    source = """
        import os
        import torch


        def rank():
            found = 0
            for v in ("LOCAL_RANK", "SLURM_LOCALID"):
                if v in os.environ:
                    found = int(os.environ[v])
                    break
            return found


        def main(net: torch.nn.Module):
            if rank() == 0:
                net.to("cpu")


        if __name__ == "__main__":
            main(torch.nn.Linear(3, 3))
    """
    [written] = run_query(codebase_of({"run.py": source}), "unloading: cpu").hits
    assert "environment variable `LOCAL_RANK`, unset by default" in written.text, written.text
    assert "`v`" not in written.text
    computed = source.replace('("LOCAL_RANK", "SLURM_LOCALID")', "open('names').read().split()")
    [unknown] = run_query(codebase_of({"run.py": computed}), "unloading: cpu").hits
    assert "environment variable" not in unknown.text, unknown.text
