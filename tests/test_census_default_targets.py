"""Several implementations of one method: what defaults choose comes first, what nothing chooses is no alternative."""

from retrieval.census import run_query
from tests.source_tree import codebase_of

FILES = {
    "README.md": "```\npython run.py\n```\n",
    "net.py": """
        import torch

        class Net(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.line = torch.nn.Linear(2, 2)

            def forward(self, x):
                return self.line(x)
    """,
    "base.py": """
        class Pipeline:
            def execute(self, x):
                x = self.build(x)
                x = self.assemble(x)
                return x

            def build(self, x):
                raise NotImplementedError

            def assemble(self, x):
                return x
    """,
    "kinds.py": """
        from base import Pipeline
        from net import Net

        class Legacy(Pipeline):
            def build(self, x):
                return Net()(x)

        class Sound(Pipeline):
            def build(self, x):
                print("sound")
                return Net()(x)

        class Standard(Pipeline):
            def build(self, x):
                print("standard")
                print("standard")
                print("standard")
                return Net()(x)

            def assemble(self, x):
                return sorted(x)
    """,
    "run.py": """
        import sys
        from base import Pipeline
        from kinds import Sound, Standard

        class Option:
            pipeline: type[Pipeline] = Standard

        def make(option) -> Pipeline:
            cls = option.pipeline
            if sys.argv[1] == "sound":
                cls = Sound
            return cls()

        def main():
            pipeline = make(Option())
            print(pipeline.execute([1]))

        if __name__ == "__main__":
            main()
    """,
}


def test_the_default_comes_first_and_a_class_that_nothing_chooses_is_left_out() -> None:
    lines = [hit.text for hit in run_query(codebase_of(FILES), "pipeline: roots=1").hits]
    ways = [line.partition(": ")[2] for line in lines if ": By `" in line]
    assert ways == [
        "By `Standard.build()` (kinds.py) - the default of `Option.pipeline`:",
        "By `Sound.build()` (kinds.py) - chosen by `cls` in `make` if `sys.argv[1] == 'sound'`:",
    ]


def test_what_gives_the_object_and_the_other_steps_of_a_template_are_steps() -> None:
    lines = [hit.text for hit in run_query(codebase_of(FILES), "pipeline: roots=1").hits]
    assert any("Calls `make()`" in line for line in lines)
    assert any("Calls `self.assemble()`, which is `Standard.assemble()`" in line for line in lines)
    course = [hit.text for hit in run_query(codebase_of(FILES), "course: roots=1").hits]
    (build,) = [line for line in course if "`self.build()`" in line]
    assert "which is `Standard.build()`, `Sound.build()` (first: the default of `Option.pipeline`)" in build
