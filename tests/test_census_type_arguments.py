"""What a factory of a type variable gives: the class that the bases of the factory name, and what is run through it."""

from retrieval.census import run_query
from tests.source_tree import codebase_of
from tests.test_census_order import NETS

FACTORY = """
    from typing import Any, Generic, TypeVar

    from nets import big, small

    T = TypeVar("T")


    class Step:
        def __call__(self, page):
            raise NotImplementedError


    class Layout(Step):
        def __call__(self, page):
            return self.predict(page)

        def predict(self, page):
            raise NotImplementedError


    class PlainLayout(Layout):
        def __init__(self):
            self.net = big("a")

        def predict(self, page):
            return self.net(page)


    class Words(Step):
        def __init__(self):
            self.net = small("b")

        def __call__(self, page):
            return self.net(page)


    class Factory(Generic[T]):
        def create(self, kind) -> T:
            return self.classes[kind]()


    class LayoutFactory(Factory[Layout]):
        pass


    class WordFactory(Factory[Words]):
        pass


    class Worker:
        def __init__(self, model: Any):
            self.model = model

        def work(self, page):
            return self.model(page)


    def main():
        layout = Worker(model=LayoutFactory().create("plain"))
        words = Worker(model=WordFactory().create("words"))
        return words.work(layout.work([1]))


    if __name__ == "__main__":
        main()
"""


def test_a_worker_that_is_made_with_what_a_generic_factory_gives_runs_the_models_of_its_class() -> None:
    codebase = codebase_of({"nets.py": NETS, "run.py": FACTORY})
    runs = {hit.name: hit.detail["depth"] for hit in run_query(codebase, "model_runs").hits}
    assert set(runs) == {"Big", "Small"} and "-1" not in runs.values()
