"""parse.py: lines, budget, deep trees and queries."""

from retrieval.parse import (
    descendants,
    enclosing,
    first_line,
    last_line,
    parse_python,
    run_query,
)


def _nodes(source: bytes, kind: str):
    tree = parse_python(source)
    assert tree is not None
    return tree, [node for node in descendants(tree.root) if node.type == kind]


def test_lines_are_counted_at_newlines_only():
    source = "x = '\u2028\x0c'\r\ny = 1\r\n\r\ndef f():\r\n    return 2\r\n".encode()
    tree, (function,) = _nodes(source, "function_definition")
    assert (first_line(function), last_line(function)) == (4, 5)
    assert last_line(tree.root) == 5


def test_text_is_that_of_the_node_beyond_ascii():
    tree, (call,) = _nodes("é = 'ß'\nf('ü')\n".encode(), "call")
    assert tree.text(call) == "f('ü')"
    assert tree.text(None) == ""


def test_a_parse_beyond_its_budget_is_given_up():
    assert parse_python(b"\\\n" * 40_000, budget_seconds=0.2) is None


def test_deep_trees_are_walked_without_recursion():
    tree = parse_python(b"(" * 50_000 + b"1" + b")" * 50_000, budget_seconds=20)
    assert tree is not None
    assert sum(1 for _ in descendants(tree.root)) > 50_000


def test_walking_below_a_node_stays_below_it():
    _tree, functions = _nodes(b"def f():\n    a\ndef g():\n    b\n", "function_definition")
    assert {last_line(node) for node in descendants(functions[0])} == {1, 2}


def test_errors_count_what_does_not_parse():
    good, broken = parse_python(b"x = 1\n"), parse_python(b"def f(:\n  x = = 1\n")
    assert good is not None and good.errors() == 0
    assert broken is not None and broken.errors() > 0


def test_enclosing_finds_the_nearest_ancestor():
    tree, (number,) = _nodes(b"class A:\n    def f(self):\n        return 1\n", "integer")
    function = enclosing(number, frozenset(["function_definition", "class_definition"]))
    assert function is not None
    assert tree.text(function.child_by_field_name("name")) == "f"
    assert enclosing(number, frozenset(["for_statement"])) is None


def test_queries_match_inside_the_given_node():
    tree, functions = _nodes(b"a\ndef f():\n    b\n    c\n", "function_definition")
    found = [
        tree.text(node) for captures in run_query("statements", tree, functions[0]) for node in captures["statement"]
    ]
    assert found == ["b", "c"]
