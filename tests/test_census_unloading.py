"""What lets models go, on which switch, and how that is said: `unloading`, `memory_answers`, `device_moves`."""

import pytest

from retrieval.census import run_query
from retrieval.codebase import Codebase
from tests.source_tree import codebase_of

POOL: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "app.py": """
        import argparse
        import os
        import pool
        from torch import nn

        OFFLOAD = os.environ.get("APP_OFFLOAD", "0") == "1"

        class Net(nn.Module):
            def forward(self, x): return x

        class Service:
            def __init__(self):
                self.net = Net()
                self.table = {}
            def vit_to_cpu(self):
                self.net.to("cpu")
            def run(self, x, args):
                self.net.to("cuda")
                y = self.net(x)
                if OFFLOAD:
                    self.net.to("cpu")
                if args.memory_mode == "strict":
                    pool.clear("a")
                del self.table["x"]
                return y

        def main():
            parser = argparse.ArgumentParser()
            parser.add_argument("--memory-mode", default="strict")
            args = parser.parse_args()
            pool.get("a").run(None, {})
            Service().run(1, args)

        if __name__ == "__main__":
            main()
    """,
    "pool.py": """
        import atexit
        from onnxruntime import InferenceSession

        POOL = {"cli": {}}
        SIZES = {}

        def create():
            sessions = {}
            sessions["m"] = InferenceSession("m.onnx")
            return sessions

        def get(name):
            if not POOL["cli"].get(name):
                POOL["cli"][name] = create()
            SIZES[name] = 1
            return POOL["cli"].get(name)

        def clear(name):
            if POOL["cli"].get(name):
                del POOL["cli"][name]
            del SIZES[name]

        def close():
            POOL.clear()

        atexit.register(close)
    """,
}


@pytest.fixture(scope="module")
def app() -> Codebase:
    return codebase_of(POOL)


def _texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_models_leave_the_container_that_keeps_them(app: Codebase) -> None:
    cleared, closed = _texts(app, "unloading: container")
    assert cleared.startswith(
        '`clear()` takes `InferenceSession` out of `POOL`, which keeps them: `del POOL["cli"][name]`'
    )
    assert 'run by `Service.run()` only if `args.memory_mode == "strict"`' in cleared
    assert '(option `--memory-mode`, default `"strict"`)' in cleared
    assert closed.endswith("; `atexit.register(close)` runs it when the process ends")


def test_what_holds_no_model_is_not_told(app: Codebase) -> None:
    assert not [text for text in _texts(app, "unloading") if "SIZES" in text or "table" in text]


def test_a_move_is_told_with_the_switch_behind_its_condition(app: Codebase) -> None:
    moved = [hit.text for hit in run_query(app, "device_moves: model, to=cpu").hits if hit.symbol == "Service.run"]
    assert moved == [
        '`self.net.to("cpu")` moves the model to the CPU only if `OFFLOAD` (environment variable `APP_OFFLOAD`, '
        'default `"0"`)'
    ]


def test_the_direct_answer_separates_what_runs_from_what_nothing_calls(app: Codebase) -> None:
    [text] = _texts(app, "memory_answers: unloading")
    assert text.startswith(
        'Yes: `clear()` lets `InferenceSession` go (`del POOL["cli"][name]`), run by `Service.run()` only if '
        '`args.memory_mode == "strict"`'
    )
    assert '`Service.run()` moves `Net` back to the CPU (`self.net.to("cpu")` only if `OFFLOAD` (environment' in text
    assert text.endswith(" Code for it exists that nothing is seen to call: `Service.vit_to_cpu()`.")


def test_a_plain_no_is_measured_on_the_whole_repository() -> None:
    code = codebase_of({"app.py": "import torch\n\ndef f(x):\n    del x\n    return {}\n"})
    [hit] = run_query(code, "memory_answers: unloading").hits
    assert hit.text.startswith("No. ")
    assert hit.detail == {"scope": "repository"}
    assert _texts(code, "tensor_moves") == []


MEASURED = """
    import time
    import torch

    def stamp():
        return {"created": int(time.time())}

    def late(start):
        while time.time() - start > 5:
            pass

    def serve(x):
        start = time.perf_counter()
        y = x
        cost = time.perf_counter() - start
        print(f"took {cost}")
        print(f"{len(y) / cost} pages/s")
        return y

    def memory():
        used = torch.cuda.max_memory_allocated()
        print(used)
"""


def test_a_clock_counts_only_when_a_difference_is_told() -> None:
    found = {(hit.name, hit.symbol) for hit in run_query(codebase_of({"app.py": MEASURED}), "usage_metrics").hits}
    assert found == {("time", "serve"), ("throughput", "serve"), ("gpu", "memory")}


def test_without_any_figure_the_answer_is_no() -> None:
    [text] = _texts(
        codebase_of({"app.py": "import time\n\ndef stamp():\n    return time.time()\n"}), "memory_answers: usage"
    )
    assert text == "No. GPU and CPU use is not tracked. No performance figure is measured and told."


def test_the_device_is_traced_to_its_choice_and_hosted_models_need_none() -> None:
    source = """
        import argparse
        import torch
        from openai import OpenAI
        from torch import nn

        class Net(nn.Module):
            def forward(self, x): return x

        def best(asked):
            return asked or ("cuda" if torch.cuda.is_available() else "cpu")

        def main():
            parser = argparse.ArgumentParser()
            parser.add_argument("--device", default=None)
            args = parser.parse_args()
            net = Net().to(best(args.device))
            client = OpenAI()
            net(client.chat.completions.create(model="m", messages=[]))

        if __name__ == "__main__":
            main()
    """
    [text] = _texts(codebase_of({"app.py": source}), "memory_answers: memory")
    assert "`Net` on `cuda` or `cpu`, chosen by `torch.cuda.is_available()` in `best()`, option `--device`, " in text
    assert "`--device`, default `None`" in text
    assert "Hosted, without weights or VRAM here: `OpenAI`" in text


LIMITED = """
    import argparse
    import gc
    import torch
    from torch import nn

    class Net(nn.Module):
        def forward(self, x): return x

    def free():
        return torch.cuda.get_device_properties(0).total_memory

    def batches():
        memory = free()
        if memory >= 16:
            batch_ratio = 8
        else:
            batch_ratio = 1
        return batch_ratio

    class Pool:
        def __init__(self):
            self.entries = {}
        def trim(self):
            while len(self.entries) > 3:
                self.entries.popitem()

    def clean():
        gc.collect()

    def main():
        parser = argparse.ArgumentParser()
        parser.add_argument("--tile", default=0, help="tile size")
        net = Net()
        with torch.no_grad():
            net(batches())
        clean()

    if __name__ == "__main__":
        main()
"""


def test_what_fits_the_work_to_memory() -> None:
    code = codebase_of({"app.py": LIMITED})
    found = {(hit.name, hit.symbol) for hit in run_query(code, "memory_limits").hits}
    assert {("switch", "main"), ("available", "free"), ("ladder", "batches"), ("evicting", "Pool.trim")} == found
    [ladder] = _texts(code, "memory_limits: ladder")
    assert ladder == (
        "`batches()` decides by the memory there is: `memory >= 16`: `batch_ratio = 8`; else `batch_ratio = 1`"
    )
    assert _texts(code, "clearing") == ["`clean()` calls `gc.collect()`; run by `main()`"]


def test_measures_are_told_in_one_sentence() -> None:
    [text] = _texts(codebase_of({"app.py": LIMITED}), "memory_measures")
    assert text.startswith("Measures in what the main programs run: switches that people set: `--tile` (default 0);")
    assert "batch sizes chosen by the memory there is in `batches()`" in text
    assert "inference without gradients in `main()`" in text
    assert text.endswith("half precision or autocast.")


SLOTS: dict[str, str | bytes] = {
    "README.md": "Run `python app.py`.\n",
    "run.sh": "deepspeed app.py --deepspeed conf/zero3.json --gradient_checkpointing True\n",
    "conf/zero3.json": '{"zero_optimization": {"stage": 3, "offload_param": {"device": "cpu"}}}',
    "app.py": """
        import gc
        from collections import deque
        import torch
        from transformers import AutoModelForCausalLM

        talker = None
        words = None

        def load(name):
            global talker
            talker = None
            gc.collect()
            talker = AutoModelForCausalLM.from_pretrained(name)

        def unload():
            global talker, words
            talker.stop()
            talker = words = None

        def size():
            free, total = torch.cuda.mem_get_info()
            gigabytes = free / 1024**3
            if gigabytes > 14:
                return 16
            return 1

        def drain(items, memory_rnn_dim=3):
            while len(items) > 0:
                items.pop(0)

        def narrow(x):
            with torch.autocast("cuda", enabled=False):
                return x

        if __name__ == "__main__":
            load("a")
            load("b")
            unload()
            drain(deque(), size())
            narrow(1)
    """,
}


def test_a_model_that_is_dropped_before_another_is_loaded_is_let_go() -> None:
    code = codebase_of(SLOTS)
    [text] = _texts(code, "memory_answers: unloading")
    assert text.startswith("Yes: `load()` lets `AutoModelForCausalLM` go (`talker = None`), run by ")
    assert "`unload()` lets `AutoModelForCausalLM` go (`talker = None`, `talker.stop()`)" in text
    assert "DeepSpeed settings conf/zero3.json (ZeRO stage 3, `offload_param` on `cpu`, named by run.sh)" in text


def test_sizes_by_memory_and_settings_of_launches_are_measures_and_what_is_none_is_left_out() -> None:
    code = codebase_of(SLOTS)
    assert _texts(code, "memory_limits: ladder") == [
        "`size()` decides by the memory there is: `gigabytes > 14`: `return 16`"
    ]
    assert not run_query(code, "memory_limits: evicting").hits and not run_query(code, "weight_types: autocast").hits
    switches = " ".join(_texts(code, "memory_limits: switch"))
    assert "launch scripts set `--gradient_checkpointing` to `True` in run.sh" in switches
    assert "memory_rnn_dim" not in switches


def test_models_that_are_deleted_by_name_in_a_loop() -> None:
    source = """
        from transformers import AutoModel

        class Chat:
            def load(self):
                self.net = AutoModel.from_pretrained("a")
                self.size = 3

            def run(self, x):
                return self.net(x)

            def unload(self):
                names = ["net", "size"]
                for name in names:
                    if hasattr(self, name):
                        delattr(self, name)
    """
    found = [hit.text for hit in run_query(codebase_of({"run.py": source}), "unloading: delete").hits]
    assert len(found) == 1 and "deletes the model `AutoModel`: `delattr(self, name)`" in found[0], found


def test_settings_that_keep_no_weights_off_the_gpu_let_no_model_go() -> None:
    source = """
        import functools
        from torch.distributed.fsdp import CPUOffload, FullStateDictConfig, FullyShardedDataParallel as FSDP
        from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
        from transformers import AutoModel

        OFF = dict(cpu_offload=CPUOffload(offload_params=False))

        def main(aside=None):
            never = CPUOffload()
            model = FSDP(AutoModel.from_pretrained("a"), cpu_offload=never)
            wrap = functools.partial(checkpoint_wrapper, offload_to_cpu=True)
            config = FullStateDictConfig(offload_to_cpu=True)
            return wrap(model), config, FSDP(model, cpu_offload=None), FSDP(model, cpu_offload=CPUOffload(False))

        if __name__ == "__main__":
            main()
    """
    code = codebase_of({"run.py": source})
    assert not _texts(code, "unloading: offload")
    assert _texts(code, "memory_answers: unloading")[0].startswith("No. ")
    [measures] = _texts(code, "memory_measures")
    assert "activations kept on the CPU until the backward pass in `main()`" in measures, measures
    assert "Not found: " in measures and "offloading by a library" in measures.partition("Not found: ")[2]
    for written in ("CPUOffload(offload_params=True)", "CPUOffload(True)", "True"):
        more = codebase_of({"run.py": source.replace("cpu_offload=None", f"cpu_offload={written}")})
        assert _texts(more, "unloading: offload"), written


def test_a_part_of_a_model_that_is_deleted_is_unloaded_and_a_part_of_anything_else_is_not() -> None:
    source = """
        import torch

        class Engine:
            def __init__(self, path): self.path = path

        class Speech:
            def __init__(self, flow: torch.nn.Module, settings):
                self.flow = flow
                self.settings = settings

            def load(self, path):
                self.flow.load_state_dict(torch.load(path))

            def run(self, x):
                return self.flow(x)

        class Faster(Speech):
            def quicken(self, path):
                del self.flow.decoder.estimator
                del self.settings.old.name
                self.flow.decoder.estimator = Engine(path)

        def main(flow, settings):
            speech = Faster(flow, settings)
            speech.load("a")
            speech.quicken("b")
            return speech.run(1)

        def build():
            net = torch.nn.Linear(3, 3)
            net.eval()
            del net.bias
            return net

        if __name__ == "__main__":
            main(build(), None)
    """
    code = codebase_of({"run.py": source})
    [text] = _texts(code, "unloading: delete")
    assert "deletes the part `decoder.estimator` of the model `self.flow` and puts what `Engine(…)` gives" in text
    assert [hit.symbol for hit in run_query(code, "unloading: discard").hits] == ["build"]
    [told] = _texts(code, "memory_answers: unloading")
    assert told.startswith("Yes: `Faster.quicken()` lets the part `self.flow.decoder.estimator` of a model go"), told
    [moving] = _texts(code, "memory_answers: moving")
    assert "Deleted: yes" in moving
