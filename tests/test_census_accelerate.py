"""What Accelerate does with models: their device, letting go, mixed precision, worker processes of data sets."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

SOURCE = """
    import datasets
    from accelerate import Accelerator
    from accelerate.utils.memory import release_memory
    from torch import nn


    class Net(nn.Module):
        def forward(self, x): return x


    class Judge(nn.Module):
        def forward(self, x): return x


    def judged(x, device):
        judge = Judge().to(device)
        mark = judge(x)
        judge = release_memory(judge)
        return mark


    def measured(x, device="cpu"):
        return judged(x, device)


    def main():
        accelerator = Accelerator(mixed_precision="fp16", kwargs_handlers=settings)
        rows = datasets.load_dataset("a").map(str, num_proc=4)
        model = Net()
        model = accelerator.prepare(model)
        for row in rows:
            measured(model(row), accelerator.device)
        accelerator.free_memory()


    if __name__ == "__main__":
        main()
"""


def _texts(query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of({"train.py": SOURCE}), query).hits]


def test_models_are_let_go_by_release_memory() -> None:
    [answer] = _texts("memory_answers: unloading")
    assert answer.startswith("Yes: ") and "`judged()` lets `Judge` go (`release_memory(judge)`)" in answer
    assert any("`accelerator.free_memory()`" in text for text in _texts("unloading: release"))
    assert any("`judged()` calls `release_memory()`" in text for text in _texts("clearing"))


def test_devices_precision_and_workers() -> None:
    [answer] = _texts("memory_answers: memory")
    assert "`Judge` on `accelerator.device` or `cpu`" in answer
    assert "What is trained is put on the device of its process by `prepare()` of Accelerate in `main()`" in answer
    assert "mixed precision of Accelerate (`mixed_precision=`) in `main()`" in answer
    first, *_, last = _texts("concurrency: async")
    assert "worker processes of `map()` and `filter()` over data sets (`num_proc`)" in first
    assert "worker processes" not in last
    assert not _texts("handlers_passed")
