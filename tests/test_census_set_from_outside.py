"""Names of a module that other files set: what they hold, and that they are let go."""

from retrieval.census import run_query
from retrieval.census.meaning.program import program_of
from retrieval.census.meaning.values import Instance, alternatives
from tests.source_tree import codebase_of

APP = {
    "shared.py": "model = None\nlimit = 3\n",
    "net.py": """
        from torch import nn

        class Net(nn.Module):
            def __init__(self):
                super().__init__()
                self.layer = nn.Linear(2, 2)

            def forward(self, x):
                return self.layer(x)
    """,
    "load.py": """
        import shared
        from net import Net

        def load():
            shared.model = Net()

        def initialize():
            shared.model = None

        def moved():
            shared.model = shared.model.half()

        def unload():
            shared.model = None
    """,
    "serve.py": """
        import shared
        from load import initialize, load, unload

        def answer(x):
            return shared.model(x)

        if __name__ == "__main__":
            initialize()
            load()
            print(answer(1))
            unload()
    """,
}


def test_a_name_holds_what_other_files_set_it_to() -> None:
    program = program_of(codebase_of(APP))
    held = [value for value in alternatives(program.member("shared.py", "model")) if isinstance(value, Instance)]
    assert [value.cls.definition.name for value in held] == ["Net"]
    frame = program.frame("serve.py", program.definition("serve.py", "answer"))
    assert frame is not None
    assert [site.target.definition.symbol for site in program.sites(frame)] == ["Net.forward"]


def test_setting_it_to_none_elsewhere_lets_the_model_go_unless_it_begins_there() -> None:
    found = [hit.text for hit in run_query(codebase_of(APP), "unloading: none").hits]
    assert len(found) == 1
    assert found[0].startswith("`unload()` lets `Net` go: `shared.model = None`")
