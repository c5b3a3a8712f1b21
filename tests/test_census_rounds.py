"""What a round of a loop does, what conditions on the round decide, and what a library's pipeline runs."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

NET = """
    import torch

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.line = torch.nn.Linear(2, 2)

        def forward(self, x):
            return self.line(x)
"""


def texts(files: dict[str, str], query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase_of({"net.py": NET, **files}), query).hits]


def test_the_position_of_a_loop_what_it_takes_and_what_it_fills_are_told() -> None:
    run = """
        from net import Net

        def transcribe(audio, size):
            net, seek, found, bar = Net(), 0, [], {}
            while seek < len(audio):
                part = audio[seek : seek + size]
                part = part.float()
                result = net(part)
                bar.update(result)
                found.append(result)
                if result.empty:
                    seek += size  # nothing here
                else:
                    seek += result.end
            return found

        if __name__ == "__main__":
            print(transcribe([1], 1))
    """
    told = texts({"run.py": run}, "outline: what=loops")
    assert told == [
        "`transcribe()` repeats its steps while `seek < len(audio)`: each round takes "
        "`part = audio[seek : seek + size]`; `seek` moves on by `seek += size`, `seek += result.end`; "
        "results are added to `found`"
    ]


def test_thresholds_on_the_round_and_returns_on_every_nth_epoch_are_gates() -> None:
    run = """
        from net import Net

        def sample(steps, merge_step, xs):
            net, x = Net(), 0
            for i, t in enumerate(steps):
                if i <= merge_step:
                    cond = xs[0]
                else:
                    cond = xs[1]
                if i < 3:
                    print(i)
                if i < len(steps) - 1:
                    print(i)
                x = net(x, cond)
            return x

        def evaluate(epoch, args):
            if epoch % args.every != 0:
                return {}
            print(epoch)
            return sample([1], 0, [1, 2])

        if __name__ == "__main__":
            evaluate(1, None)
    """
    assert sorted(texts({"run.py": run}, "gates")) == [
        "`evaluate()` returns early if `epoch % args.every != 0`; only otherwise it calls `sample()`",
        "`sample()` sets `cond` in one way if `i <= merge_step`, otherwise in another, for each `(i, t)`",
    ]


def test_a_loop_that_keeps_the_least_loaded_is_a_selection() -> None:
    run = """
        import torch

        def best_gpu(models):
            least, chosen = None, None
            for model in models:
                used = torch.cuda.memory_allocated(device=model.device)
                if least is None or used < least:
                    least = used
                    chosen = model
            return chosen

        def longest(words):
            best = ""
            for word in words:
                if len(word) > len(best):
                    best = word
            return best
    """
    assert texts({"run.py": run}, "scheduling: selection") == [
        "`best_gpu()` takes of `models` the one with the least `used`"
    ]


def test_a_pipeline_of_a_library_is_told_with_what_it_inherits_and_what_is_put_into_it() -> None:
    pipe = """
        from diffusers import StableDiffusionXLPipeline

        class OwnPipeline(StableDiffusionXLPipeline):
            def __call__(self, prompt, steps):
                embeds = self.encode_prompt(prompt)
                self.check_inputs(prompt)
                latents = self.prepare_latents(1)
                state = self.adapter(prompt)
                for t in steps:
                    noise = self.unet(latents, t, embeds)
                    latents = self.scheduler.step(noise, t, latents)
                return self.vae.decode(latents)
    """
    run = """
        from pipe import OwnPipeline

        def main():
            pipe = OwnPipeline.from_pretrained("base")
            pipe.load_lora_weights("lora")
            pipe.fuse_lora()
            return pipe("a cat", [1, 2])

        if __name__ == "__main__":
            main()
    """
    told, *_ = texts({"pipe.py": pipe, "run.py": run}, "outline: what=steps")
    assert "`OwnPipeline` → `pipe.load_lora_weights()` → `pipe.fuse_lora()` → `OwnPipeline.__call__()`" in told
    lines = texts({"pipe.py": pipe, "run.py": run}, "pipeline: roots=1")
    inner = [line.partition(": ")[2].split("(")[0] for line in lines if line.startswith("Step 4.")]
    assert inner == [
        "Calls `self.encode_prompt",
        "Calls `self.prepare_latents",
        "Calls `self.adapter",
        "For each `t in steps` ",
        "Calls `self.unet",
        "Calls `self.scheduler.step",
        "Calls `self.vae.decode",
    ]


def test_choices_that_lead_to_model_runs_come_before_modes_and_layers() -> None:
    run = """
        import torch
        from net import Net

        class Block(torch.nn.Module):
            def forward(self, x):
                return x

        class Other(torch.nn.Module):
            def forward(self, x):
                return x

        def block(kind):
            if kind == "a":
                return Block()
            return Other()

        def read(path):
            if path.endswith(".gif"):
                return read_gif(path)
            return read_all(path)

        def read_gif(path):
            print(path)
            return open(path, "rb").read()

        def read_all(path):
            print(path)
            return open(path).read()

        def swap(x):
            return Net()(x)

        def enhance(x):
            return Net()(x)

        def work(args):
            layer = block(args.kind)
            x = read(args.path)
            if args.mode == "swap":
                x = swap(x)
            else:
                x = enhance(x)
            return layer(x)

        if __name__ == "__main__":
            work(None)
    """
    told = texts({"run.py": run}, "branches: chooses=calls")
    assert told[0].startswith('In `work()`, if `args.mode == "swap"`')
    assert told[-1].startswith("In `block()`")
