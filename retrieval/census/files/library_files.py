"""Files that methods of libraries write and read without standing in the table: `segment.export(path)`, `tts(…, path)`.

A call of an outside method writes where its name or the keyword says so and the path that it is given ends like a file
of data. Any other outside call that is given such a path is a possible reader: whether it is one is known only where
the code writes the same file. What works on the path itself (`join`, `exists`) touches nothing.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.census.files.path_patterns import paths_of
from retrieval.languages import words

if TYPE_CHECKING:
    from retrieval.codebase import Codebase
    from retrieval.facts import Call

WRITING = re.compile(
    r"^(?:(?:im|mim|vid)?(?:save|write)|export|dump|store|record|render)(?:$|_|[A-Z])|(?:^|_)to_?(?:file|disk|wav|path)$"
)
_TARGET = re.compile(r"^(?:out|output|save|dest|dst|target|export)(?:_?(?:path|file|file_?name|fp|wav|dir|folder))?$")
_NAMING = re.compile(r"^(?:f|fp|fname|file|path|file_?name|file_?path)$")
_PATHS = re.compile(r"(?i)path|file|name|dir|folder|wav|img|image|video|audio|\.\w{2,5}[\"']")
SORTS = {
    "audio": words("wav mp3 flac ogg m4a"),
    "image": words("png jpg jpeg webp bmp gif tiff tif"),
    "video": words("mp4 avi mov mkv webm"),
    "table": words("csv tsv parquet xlsx"),
    "JSON": words("json jsonl"),
    "text": words("txt md srt vtt html xml"),
    "npy": words("npy npz"),
    "pickle": words("pkl pickle"),
    "mesh": words("obj ply glb stl"),
    "document": words("pdf docx"),
}
_ENDING = re.compile(r"\.([A-Za-z]\w{1,4})$")
NO_TOUCH = words(
    "join exists isfile isdir is_file is_dir basename dirname splitext split rsplit normpath abspath realpath "
    "relpath expanduser Path PurePath str repr len print format append extend insert add index count sorted list "
    "tuple set dict enumerate zip tqdm isinstance replace startswith endswith strip rstrip lstrip lower upper "
    "match search fullmatch sub findall compile info debug warning warn error exception critical log write "
    "writelines add_argument get pop update makedirs mkdir remove unlink rmtree rename move copy copy2 copyfile "
    "getsize stat with_suffix with_name joinpath run call check_call check_output Popen system urlretrieve "
    "download hf_hub_download field Field getenv setdefault ValueError FileNotFoundError RuntimeError Exception "
    "OSError IOError render_template TemplateResponse partition rpartition commonprefix fspath quote"
)


@dataclass(frozen=True, slots=True)
class Given:
    """A path that an outside call is given: effect "writes" or "reads", what the file is, its pattern, as written."""

    effect: str
    what: str
    pattern: str
    where: str


def is_writing(call: Call) -> bool:
    """Whether the name of a call, or of one of its keywords, says that it writes a file."""
    named = WRITING.search(call.name.rpartition(".")[2]) is not None
    return named or any(_TARGET.match(keyword) for keyword, _ in call.keywords)


def given_paths(codebase: Codebase, path: str, call: Call) -> Iterator[Given]:
    """The files of data that an outside call is given by path."""
    name = call.name.rpartition(".")[2]
    if name in NO_TOUCH or not call.written or (call.name.startswith(("os.", "pathlib.", "logging.", "re."))):
        return
    given = [("", value) for value in call.arguments] + list(call.keywords)
    shown = [(keyword, value) for keyword, value in given if _PATHS.search(value) or _PATHS.search(keyword)]
    if not shown or codebase.resolve_call(path, call) is not None:
        return
    for keyword, value in shown:
        pattern = _pattern(codebase, path, call, value)
        sort = sort_of(pattern)
        if sort:
            named = not keyword or _NAMING.match(keyword) is not None
            writes = bool(_TARGET.match(keyword)) or (named and WRITING.search(name) is not None)
            yield Given("writes" if writes else "reads", sort, pattern, value)


def sort_of(pattern: str) -> str:
    """What a file is by the ending of its path, "" where it has none of data."""
    found = _ENDING.search(pattern)
    ending = found[1].lower() if found else ""
    return next((sort for sort, endings in SORTS.items() if ending in endings), "")


def _pattern(codebase: Codebase, path: str, call: Call, value: str) -> str:
    """The pattern of a name, a text, a sum or a call that makes paths; "" for anything else, which costs most."""
    try:
        node = ast.parse(value.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    if not isinstance(node, ast.Name | ast.Attribute | ast.Constant | ast.JoinedStr | ast.BinOp | ast.Call):
        return ""
    if isinstance(node, ast.Constant) and not isinstance(node.value, str):
        return ""
    return paths_of(codebase).pattern((path, call.symbol, call.start), node, {}, 8)[:160]
