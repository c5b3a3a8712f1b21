"""Census kinds `pipeline` and `outline`: main programs, steps down to the models, loops and exits."""

from retrieval.census import run_query
from retrieval.codebase import Codebase
from retrieval.roles import role_of
from tests.source_tree import codebase_of

FILES: dict[str, str | bytes] = {
    "README.md": """
        # Tool

        ```
        python serve/talk.py --fast
        ```
    """,
    "convert_weights.py": """
        from nets import Net
        if __name__ == "__main__":
            Net()(1)
    """,
    "eval/score.py": """
        from nets import Net
        if __name__ == "__main__":
            net = Net()
            print(net(1))
    """,
    "serve/talk.py": """
        import sys
        sys.path.append(".")
        from nets import load, respond

        def main(args):
            net = load(args.name)
            if net is None:
                return
            for line in sys.stdin:
                if not line:
                    continue
                print(respond(net, line))

        if __name__ == "__main__":
            main(sys.argv)
    """,
    "nets.py": """
        import torch
        from torch import nn
        from transformers import Pipeline

        class Block(nn.Module):
            def forward(self, x):
                return x

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(3, 3)
                self.block = Block()

            def forward(self, x):
                return self.block(self.layer(x))

        class Talker(Pipeline):
            def preprocess(self, text):
                return text

            def _forward(self, x):
                return self.model(x)

            def speak(self, text):
                return self.__call__(text)

        def load(name):
            if name == "net":
                net = Net()
                net.load_state_dict(torch.load(name))
                return net.to("cpu")
            return None

        def respond(network, text):
            x = encode(text)
            while x.any():
                x = network(x)
            return x

        def encode(text):
            values = [ord(letter) for letter in text]
            values = values[:10]
            values.reverse()
            total = sum(values)
            return torch.tensor(values) / total
    """,
}


def texts(codebase: Codebase, query: str) -> list[str]:
    return [hit.text for hit in run_query(codebase, query).hits]


def test_the_program_that_the_readme_names_comes_first_and_converters_last() -> None:
    starts = [h.path for h in run_query(codebase_of(FILES), "entry_points: script").hits]
    assert starts == ["serve/talk.py", "eval/score.py", "convert_weights.py"]


def test_steps_are_numbered_with_loops_and_exits_in_their_place() -> None:
    assert texts(codebase_of(FILES), "pipeline: roots=1") == [
        "`main()` (serve/talk.py), run by the script serve/talk.py:",
        "Step 1: Calls `load()` (nets.py): `net = load(args.name)`",
        'Step 1.1: If `name == "net"`:',
        "Step 1.1.1: Makes the model `Net`: `net = Net()`",
        "Step 1.1.2: Calls `torch.load(name)`",
        "Step 1.1.3: Calls `net.load_state_dict(torch.load(name))` on the `Net` object",
        'Step 1.1.4: Early exit: returns `net.to("cpu")`',
        "Step 2: Early exit: returns — only if `net is None`",
        "Step 3: For each `line in sys.stdin`:",
        "Step 3.1: Early exit: goes on with the next round — only if `not line`",
        "Step 3.2: Calls `respond()` (nets.py): `respond(net, line)`",
        "Step 3.2.1: Calls `encode()`",
        "Step 3.2.2: Repeated while `x.any()` (`x` goes from round to round (`x = network(x)`)):",
        "Step 3.2.2.1: Runs the model: `Net.forward()` (nets.py): `x = network(x)`",
    ]


def test_the_models_alone_are_told_with_who_makes_and_runs_them() -> None:
    assert texts(codebase_of(FILES), "pipeline: roots=1, what=models")[1:] == [
        "In `load`: Makes the model `Net`: `net = Net()`",
        "In `load`: Calls `torch.load(name)`",
        "In `load`: Calls `net.load_state_dict(torch.load(name))` on the `Net` object",
        "In `respond`: Runs the model: `Net.forward()` (nets.py): `x = network(x)`",
    ]


def test_the_outline_names_steps_models_and_other_programs() -> None:
    steps, inside, loop, made, run, others = texts(codebase_of(FILES), "outline")
    assert loop == "`respond()` repeats its steps while `x.any()`: `x` goes from round to round (`x = network(x)`)"
    assert steps == (
        "The main program is `main()` in serve/talk.py, started by the script serve/talk.py. It runs 2 steps in this "
        "order: `load()` → `respond()` (for each `line`)"
    )
    assert inside == "`respond()` runs `encode()` → `Net.forward()` (while `x.any()`)"
    assert made == 'Made or loaded, in this order: `Net` in `load()` (only if `name == "net"`)'
    assert run == "Run, in this order: `Net` by `network()` in `respond()`"
    assert others == "Execution can also start in eval/score.py"


def test_deeper_steps_are_left_out_before_the_lines_run_over() -> None:
    codebase = codebase_of(FILES)
    short = texts(codebase, "pipeline: roots=1, lines=6")
    assert len(short) <= 7
    assert short[-1] == "Step 3.2: Calls `respond()` (nets.py): `respond(net, line)`"


def test_a_base_class_from_outside_runs_what_the_class_overrides() -> None:
    calls = texts(codebase_of(FILES), "flow: Talker.*, *speak*")
    assert not calls  # nothing starts there; the call is still known:
    sites = texts(codebase_of(FILES | {"go.py": "from nets import Talker\nTalker().speak('a')\n"}), "flow: all=yes")
    told = [text for text in sites if "base class" in text]
    assert told == [
        "`Talker.speak()` calls `self.__call__()` of the base class `transformers.Pipeline`, which runs what the class "
        "overrides: `Talker.preprocess()` and `Talker._forward()`"
    ]


def test_http_handlers_and_predictors_are_starts() -> None:
    codebase = codebase_of(
        {
            "app.py": """
                from flask import Flask
                from cog import BasePredictor
                app = Flask(__name__)

                def work(x):
                    for y in x:
                        print(y)
                    return helper(x) + helper(x) + helper(x)

                def helper(x):
                    total = 0
                    for y in x:
                        total += len(y)
                        print(total)
                    return total

                @app.route("/work")
                def handle():
                    return work([])

                class Predictor(BasePredictor):
                    def predict(self, x):
                        return work(x)
            """
        }
    )
    starts = [hit.text for hit in run_query(codebase, "pipeline").hits if hit.detail["does"] == "start"]
    assert starts == [
        "`handle()` (app.py), run by requests to the server:",
        "`Predictor.predict()` (app.py), run by Cog:",
    ]


def test_a_file_that_only_is_named_like_a_test_is_source() -> None:
    assert role_of("src/test_audio.py", "python", b"def run(x):\n    return x\n") == "source"
    assert role_of("src/test_audio.py", "python", b"def test_run():\n    assert True\n") == "test"
    assert role_of("tests/audio.py", "python", b"x = 1\n") == "test"


def test_what_a_registry_gives_is_what_its_decorators_register() -> None:
    codebase = codebase_of(
        {
            "registry.py": """
                class Registry:
                    def __init__(self):
                        self.held = {}
                    def register_model(self, name):
                        return lambda thing: self.held.setdefault(name, thing)
                    def register_task(self, name):
                        return lambda thing: self.held.setdefault(name, thing)
                    def get_model_class(self, name):
                        return self.held[name]

                REG = Registry()
            """,
            "parts.py": """
                from registry import REG

                @REG.register_model("big")
                class Big:
                    def __init__(self, size):
                        self.size = size
                        print(size)
                    @classmethod
                    def from_config(cls, size):
                        print(size)
                        print(size)
                        print(size)
                        print(size)
                        return cls(size)

                @REG.register_task("talk")
                class Talk:
                    pass
            """,
            "run.py": """
                from registry import REG
                import parts

                def main():
                    build = REG.get_model_class("big")
                    build(3)
                    REG.get_model_class("big").from_config(4)

                main()
            """,
        }
    )
    told = [text for text in texts(codebase, "pipeline: roots=1") if "as registered" in text]
    assert told == [
        "Step 1: Calls `build(…)`, which is `Big` as registered: `build(3)`",
        'Step 2: Calls `REG.get_model_class("big").from_config(…)`, which is `Big.from_config()` as registered: '
        '`REG.get_model_class("big").from_config(4)`',
    ], "a task is no model"


def test_without_exports_what_nothing_calls_is_where_people_start() -> None:
    codebase = codebase_of(
        {
            "README.md": "Use `pkg.make.whole()`.",
            "pkg/__init__.py": "",
            "pkg/make.py": """
                def whole(size):
                    for item in range(size):
                        print(part(item))
                    return part(size)

                def other(size):
                    print(size)
                    print(size)
                    return part(size) + part(size + 1)

                def part(size):
                    print(size)
                    print(size)
                    print(size)
                    print(size)
                    print(size)
                    return size
            """,
        }
    )
    starts = [hit.text for hit in run_query(codebase, "pipeline").hits if hit.detail["does"] == "start"]
    assert starts[0] == "`whole()` (pkg/make.py), a public function:"
    assert not any("`part()`" in text for text in starts)


def test_a_loop_below_the_first_levels_says_where_it_ends_early() -> None:
    main = """
        from torch import nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(2, 2)
            def forward(self, x): return self.layer(x)

        def attempts(net, x):
            for heat in (0.0, 0.5):
                found = net(x * heat)
                if found.sum() > 1:
                    break
            return found

        def part(net, x):
            return attempts(net, x)

        def whole(net, x):
            return part(net, x)

        def main():
            net = Net()
            print(whole(net, 1))

        if __name__ == "__main__":
            main()
    """
    told = [hit.text for hit in run_query(codebase_of({"main.py": main}), "pipeline").hits]
    assert [text for text in told if text.endswith("; ends early on line 13 if `found.sum() > 1`:")], told
