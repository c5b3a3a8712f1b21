"""On which lines each value of a TOML document stands; the standard library's parser does not say.

It walks text that `tomllib` has already accepted, so it checks nothing. Keys are paths as one would index the
parsed document: ("project", "dependencies", 3). Lines are 1-based and split at `\\n`.
"""

import re
from bisect import bisect_right

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_KEY = re.compile(r"""[ \t]*(?:"((?:[^"\\\n]|\\.)*)"|'([^'\n]*)'|([\w-]+))[ \t]*""")
_STRING = re.compile(r'"""(?:[^\\]|\\.)*?"""+|\'\'\'.*?\'\'\'+|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL)
_BARE = re.compile(r"[^,\]}\n#]*")


def toml_lines(text: str) -> dict[Path, tuple[int, int]]:
    """Path of each table, key, array item and value → its first and last line.

    Raises RecursionError for absurdly nested arrays, as `tomllib` does.
    """
    scanner = _Scanner(text)
    scanner.document()
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[Path, tuple[int, int]] = {}
        self.counts: dict[Path, int] = {}
        self.breaks = [match.start() for match in re.finditer("\n", text)]

    def document(self) -> None:
        table: Path = ()
        while self._skip():
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _skip(self) -> bool:
        blank = _BLANK.match(self.text, self.at)
        self.at = blank.end() if blank else self.at
        return self.at < len(self.text)

    def _line(self, offset: int) -> int:
        return bisect_right(self.breaks, offset - 1) + 1

    def _mark(self, path: Path, start: int) -> None:
        last = max(start, self.at - 1)
        self.lines[path] = (self._line(start), self._line(last))

    def _keys(self) -> list[str]:
        keys = []
        while match := _KEY.match(self.text, self.at):
            keys.append(next(group for group in match.groups() if group is not None))
            self.at = match.end()
            if self.text[self.at : self.at + 1] != ".":
                break
            self.at += 1
        return keys

    def _header(self) -> Path:
        start = self.at
        double = self.text.startswith("[[", self.at)
        self.at += 2 if double else 1
        path: Path = ()
        keys = self._keys()
        for place, key in enumerate(keys):
            path += (key,)
            if double and place == len(keys) - 1:
                self.counts[path] = self.counts.get(path, -1) + 1
            if path in self.counts:
                path += (self.counts[path],)
        self.at += 2 if double else 1
        self._mark(path, start)
        return path

    def _pair(self, table: Path) -> None:
        start = self.at
        keys = self._keys()
        if not keys:  # not TOML after all: go on with the next line
            end = self.text.find("\n", self.at)
            self.at = len(self.text) if end < 0 else end
            return
        path = (*table, *keys)
        self.at += 1  # the `=`
        self._skip()
        self._value(path)
        self._mark(path, start)

    def _value(self, path: Path) -> None:
        start = self.at
        opening = self.text[self.at : self.at + 1]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline(path)
        else:
            match = _STRING.match(self.text, self.at) or _BARE.match(self.text, self.at)
            self.at = match.end() if match else self.at + 1
        self._mark(path, start)

    def _array(self, path: Path) -> None:
        self.at += 1
        index = 0
        while self._skip() and self.text[self.at] != "]":
            before = self.at
            self._value((*path, index))
            index += 1
            self._skip()
            self.at += self.text.startswith(",", self.at) or self.at == before
        self.at += 1

    def _inline(self, path: Path) -> None:
        self.at += 1
        while self._skip() and self.text[self.at] != "}":
            before = self.at
            self._pair(path)
            self._skip()
            self.at += self.text.startswith(",", self.at) or self.at == before
        self.at += 1
