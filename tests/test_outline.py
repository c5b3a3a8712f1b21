"""outline.py: symbols of other languages, with exact lines; without their grammars, windows as for any text."""

import sys

import pytest

from retrieval import parse
from retrieval.snapshot import SourceFile
from retrieval.split import split

JAVASCRIPT = """\
import x from "x";

/** Says hello. */
export default class Greeter extends Base {
  constructor(name) {
    this.name = name;
  }
  static make = () => new Greeter("a");
  async hello() { return 1; }
}

export const add = (a, b) => {
  return a + b;
};
function* count() { yield 1; }
module.exports.sub = function (a) { return a; };
"""

TYPESCRIPT = """\
interface Shape { area(): number; }
type Name = string;

namespace Geo {
  export function far(a: Shape): number { return a.area(); }
}

abstract class Round implements Shape {
  abstract area(): number;
}
export const View = (props: { a: Name }) => <div>{props.a}</div>;
enum Colour { Red }
"""

GO = """\
package a

// Stack holds values.
type Stack[T any] struct {
	items []T
}

// Push adds one.
func (s *Stack[T]) Push(x T) {
	s.items = append(s.items, x)
}

func New() *Stack[int] { return nil }
"""

RUST = """\
use std::fmt;

/// A point.
#[derive(Debug)]
pub struct Point { x: i32 }

impl fmt::Display for Point {
    fn fmt(&self) -> i32 {
        self.x
    }
}

mod inner {
    pub fn go() {}
}

macro_rules! twice { ($x:expr) => { $x * 2 }; }
"""

JAVA = """\
package a;

/** Counts. */
@Deprecated
public class Counter<T> {
    private int n;

    public Counter(int n) {
        this.n = n;
    }

    int next() { return ++n; }

    record Pair(int a, int b) {}
}

interface Runs { void run(); }
"""

C = """\
#include <stdio.h>
#define MAX 3

/* A pair. */
typedef struct { int a; } pair;
struct node { struct node *next; };

static char **names(int n)
{
    return 0;
}

int main(void) { return 0; }
"""

CPP = """\
#include "a.h"

namespace geo {

template <typename T>
class Box {
 public:
  explicit Box(T x) : x_(x) {}
  T get() const { return x_; }
};

int free_one(int a) {
  return a;
}

}  // namespace geo

void geo::Other::run() {
  go();
}
"""

EXPECTED = {
    "javascript": (
        JAVASCRIPT,
        [
            (1, 1, "module", ""),
            (3, 10, "class", "Greeter"),
            (12, 14, "function", "add"),
            (15, 15, "function", "count"),
            (16, 16, "function", "sub"),
        ],
    ),
    "typescript": (
        TYPESCRIPT,
        [
            (1, 1, "class", "Shape"),
            (2, 2, "class", "Name"),
            (4, 4, "module", "Geo"),
            (5, 5, "function", "Geo.far"),
            (6, 6, "module", "Geo"),
            (8, 10, "class", "Round"),
            (11, 11, "function", "View"),
            (12, 12, "class", "Colour"),
        ],
    ),
    "go": (
        GO,
        [
            (1, 1, "module", ""),
            (3, 6, "class", "Stack"),
            (8, 11, "method", "Stack.Push"),
            (13, 13, "function", "New"),
        ],
    ),
    "rust": (
        RUST,
        [
            (1, 1, "module", ""),
            (3, 5, "class", "Point"),
            (7, 11, "class", "Point"),
            (13, 13, "module", "inner"),
            (14, 14, "function", "inner.go"),
            (15, 15, "module", "inner"),
            (17, 17, "function", "twice"),
        ],
    ),
    "java": (
        JAVA,
        [(1, 1, "module", ""), (3, 15, "class", "Counter"), (17, 17, "class", "Runs")],
    ),
    "c": (
        C,
        [
            (1, 2, "module", ""),
            (4, 5, "class", "pair"),
            (6, 6, "class", "node"),
            (8, 11, "function", "names"),
            (13, 13, "function", "main"),
        ],
    ),
    "cpp": (
        CPP,
        [
            (1, 1, "module", ""),
            (3, 3, "module", "geo"),
            (5, 10, "class", "geo.Box"),
            (12, 14, "function", "geo.free_one"),
            (16, 16, "module", "geo"),
            (18, 20, "method", "geo.Other.run"),
        ],
    ),
}


@pytest.fixture(autouse=True)
def _apart(monkeypatch: pytest.MonkeyPatch):
    """Short definitions stay apart here; `test_split.py` tests how they are put together."""
    monkeypatch.setattr("retrieval.split.SMALL_LINES", 0)


def _chunks(text: str, language: str):
    return split(SourceFile(f"a.{language}", text.encode(), language, "source"))


@pytest.mark.parametrize("language", EXPECTED)
def test_definitions_become_chunks_with_names_and_exact_lines(language: str):
    text, expected = EXPECTED[language]
    chunks = _chunks(text, language)
    assert [(one.span.start, one.span.end, one.kind, one.symbol) for one in chunks] == expected


@pytest.mark.parametrize(
    ("language", "head", "method", "tail", "name"),
    [
        ("javascript", "class Long {", "  m{n}() {{\n    a;\n    b;\n  }}", "}", "Long.m1"),
        ("java", "class Long {", "  int m{n}() {{\n    a();\n    b();\n  }}", "}", "Long.m1"),
        ("cpp", "class Long {", "  int m{n}() {{\n    a();\n    b();\n  }}", "};", "Long.m1"),
        ("rust", "impl Long {", "  fn m{n}() {{\n    a();\n    b();\n  }}", "}", "Long.m1"),
    ],
)
def test_a_long_class_falls_into_its_methods(language: str, head: str, method: str, tail: str, name: str):
    text = "\n".join([head, *[method.format(n=n) for n in range(12)], tail, ""])
    chunks = {one.symbol: one for one in _chunks(text, language)}
    assert (chunks[name].span.start, chunks[name].span.end, chunks[name].kind) == (6, 9, "method")


@pytest.mark.parametrize("language", EXPECTED)
@pytest.mark.parametrize("damage", ["\0", "{{{{", "}}}}", ")(", "\udcff", "/*", '"', "#if 1\n"])
def test_broken_source_still_has_every_line_once(language: str, damage: str):
    text = EXPECTED[language][0]
    for at in range(0, len(text), 37):
        data = (text[:at] + damage + text[at:]).encode("utf-8", "surrogateescape")
        file = SourceFile("a", data, language, "source")
        lines = [n for one in split(file) for n in range(one.span.start, one.span.end + 1)]
        assert len(lines) == len(set(lines))
        assert {n for n, line in enumerate(file.lines, 1) if line.strip()} <= set(lines)


def test_without_its_grammar_a_language_falls_into_windows(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "tree_sitter_go", None)
    parse._grammar.cache_clear()
    try:
        assert {one.kind for one in _chunks(GO, "go")} == {"window"}
    finally:
        parse._grammar.cache_clear()
    assert {one.kind for one in _chunks("some kotlin\n", "kotlin")} == {"window"}
