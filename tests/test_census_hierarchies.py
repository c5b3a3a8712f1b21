"""Census kind `hierarchies`: which bases count, what they leave open, and where their subclasses are taken."""

from tests.test_census_values import hits, texts

SOURCE = """
    from abc import ABC, abstractmethod
    from torch import nn

    class Decoder:
        def update(self, tokens):
            '''Take one step.'''
            raise NotImplementedError

        def reset(self):
            '''Nothing to do by default.'''

    class Greedy(Decoder):
        def update(self, tokens):
            return tokens

    class Beam(Decoder):
        def update(self, tokens):
            if not tokens:
                raise NotImplementedError("empty")
            return tokens

    class Layer(nn.Module): ...
    class Norm(Layer): ...

    class Loss(nn.Module): ...
    class Soft(Loss): ...
    class Hard(Loss): ...

    class Writer(ABC):
        @abstractmethod
        def write(self, x): ...

    class Text(Writer):
        @classmethod
        def default(cls):
            return Text()

    def task(beam, x: Decoder):
        assert isinstance(x, Greedy)
        return Beam() if beam else Greedy()

    def loss(hard):
        return Hard() if hard else Soft()

    WRITERS = {"txt": Text}
    """


def test_bases_are_told_with_subclasses_open_methods_and_constructions() -> None:
    assert texts("hierarchies", m=SOURCE) == [
        "`Decoder` (m.py) is the base of `Greedy`, `Beam`; method left to subclasses: `update`; "
        "constructed: `Beam`, `Greedy` in `task` (m.py:40)",
        "`Writer` (m.py) is the base of `Text`; method left to subclasses: `write`; "
        "named as a value: `Text` at module level (m.py:45)",
        "`Loss` (m.py) is the base of `Soft`, `Hard`; constructed: `Hard`, `Soft` in `loss` (m.py:43)",
    ]


def test_subclasses_and_constructions_are_related_spans() -> None:
    (found,) = hits("hierarchies: Greedy", m=SOURCE)
    assert found.related[:2] == (("subclass", "m.py", 12, 12), ("subclass", "m.py", 16, 16))
    assert [label for label, *_rest in found.related[2:]] == ["construction", "construction"]


def test_a_base_that_is_named_through_the_class_itself_ends() -> None:
    source = """
        class tool(tool.base):
            def run(self):
                return self.go()

        tool().run()
    """
    assert hits("memory_bounds", tool=source) == []
