"""Objects given to a library's trainer: which of their methods it runs."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

TRAINING = {
    "train.py": """
        import signal
        import pytorch_lightning as pl
        from net import Net

        def stop(number, frame):
            print(number)

        def main():
            model = Net()
            signal.signal(signal.SIGUSR1, stop)
            trainer = pl.Trainer(devices=1)
            trainer.fit(model)
            trainer.test(model)

        if __name__ == "__main__":
            main()
    """,
    "net.py": """
        import pytorch_lightning as pl
        from torch import nn

        class Net(pl.LightningModule):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(3, 3)

            def forward(self, x):
                return self.layer(x)

            def training_step(self, batch, number):
                return self(batch).sum()

            def test_step(self, batch, number):
                return self(batch).mean()

            def configure_optimizers(self):
                return None
    """,
}


def test_a_trainer_runs_the_hooks_of_its_phase() -> None:
    steps = [
        hit.text
        for hit in run_query(codebase_of(TRAINING), "course: main").hits
        if "trainer." in hit.text or "stop" in hit.text
    ]
    assert steps[0].startswith(
        "Step 3: `trainer.fit()`, which runs `Net.training_step()`, `Net.configure_optimizers()`"
    )
    assert steps[1].startswith("Step 4: `trainer.test()`, which runs `Net.test_step()`")
    assert len(steps) == 2


def test_the_outline_names_the_calls_that_run_the_model() -> None:
    told = run_query(codebase_of(TRAINING), "outline: what=steps").hits[0].text
    assert "`Net` → `pl.Trainer()` → `trainer.fit()` → `trainer.test()`" in told
