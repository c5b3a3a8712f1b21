"""Census kind `cache_dirs`: temporary files, cache folders, and where the code and its settings put them.

Found by what is called (`tempfile`, `platformdirs`, `torch.hub.get_dir`), by paths and variables that name a cache
or a temporary folder, and by keys of configuration files. One hit per line.
"""

import ast
import re
from collections.abc import Iterable, Iterator

from retrieval.census.language import Query, compile_pattern, hit_at, kind
from retrieval.codebase import Codebase
from retrieval.facts import Call, CensusHit, Definition
from retrieval.pyast import parse_file, scoped
from retrieval.snapshot import ROLES, SourceFile

_CALLS = {
    "temporary file or folder": "tempfile.* NamedTemporaryFile mkdtemp mkstemp",
    "cache folder of the platform": "platformdirs.* appdirs.*",
    "cache folder of torch.hub": "torch.hub.get_dir torch.hub.set_dir torch.hub._get_torch_home",
    "cache folder": "*.get_cache_dir *.get_cache_path diskcache.Cache joblib.Memory",
    "download into the cache of a library": "huggingface_hub.snapshot_download huggingface_hub.hf_hub_download "
    "huggingface_hub.cached_download torch.utils.model_zoo.load_url "
    "torch.hub.load_state_dict_from_url torch.hub.load keras.utils.get_file "
    "tensorflow.keras.utils.get_file nltk.download gdown.cached_download timm.*.download_cached_file "
    "*.download_cached_file whisper.load_model",
}
_HUB = re.compile(r"""^["'][\w.-]+(?:/[\w.-]+)?["']$""")
_HUB_CACHE = "download into the Hugging Face cache (`~/.cache/huggingface`, or what `HF_HOME` names)"
_KEYWORD = re.compile(r"^(cache_dir|cache_folder|cachedir|download_root|temp_dir|tmp_dir|cache_root|cache_path)$")
_PATH = re.compile(r"(^|[/\\])\.cache([/\\]|$)|^~[/\\]\.|^/(var/)?tmp([/\\]|$)|^/dev/shm")
CACHE_VARIABLE = re.compile(
    r"^(XDG_CACHE_HOME|TORCH_HOME|HF_HOME|HF_HUB_CACHE|HUGGINGFACE_HUB_CACHE|TRANSFORMERS_CACHE|HF_DATASETS_CACHE"
    r"|TMPDIR|TEMP|TMP|\w*CACHE_(DIR|HOME|PATH|ROOT)|\w*_CACHE|NUMBA_CACHE_DIR|TRITON_CACHE_DIR)$"
)
_FOLDER = compile_pattern("os.makedirs"), compile_pattern("os.mkdir"), compile_pattern("*.mkdir")
_ORDER = (
    *(name for name in _CALLS if not name.startswith("download")),
    "path",
    "environment variable",
    "folder created",
    "setting",
    "script",
    "download into the cache of a library",
    "parameter",
    "argument",
)
_NAMES = re.compile(r"(?i)cache|(^|[^a-z])te?mp([^a-z]|$)|download_root")
_SETTING = re.compile(
    r"""^\s*["']?([\w.-]*(?:cache|tmp|temp(?![a-z]))[\w.-]*(?:dir|root|path|folder|home)?)["']?\s*[:=]\s*(\S.*)"""
)
_SHELL = re.compile(r"\bmktemp\b|(?<![\w.])/tmp/|\$\{?TMPDIR|(?<![\w])~/\.cache|XDG_CACHE_HOME")

Place = tuple[int, int, str, str, str]  # first line, last line, symbol, name, text


@kind(
    "cache_dirs",
    summary="temporary files and cache folders: tempfile, ~/.cache, XDG and HF variables, cache_dir arguments",
    example="cache_dirs",
    reads="text",
    ordered=True,
)
def cache_dirs(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """Main code before tests; folders and temporary files first, arguments that only pass a folder on last."""
    found = [hit for hit in _every_place(codebase) if query.matches(hit.name)]
    found.sort(key=lambda hit: (ROLES.index(hit.role), _ORDER.index(hit.name)))  # type: ignore[arg-type]
    return found


def _every_place(codebase: Codebase) -> Iterator[CensusHit]:
    for file in codebase.snapshot.files:
        if file.role in ("generated", "vendored"):
            continue
        seen: set[int] = set()
        for start, end, symbol, name, text in _places(codebase, file):
            if start not in seen:
                seen.add(start)
                yield hit_at(codebase, file.path, (start, end), symbol=symbol, name=name, text=text)


def _places(codebase: Codebase, file: SourceFile) -> Iterator[Place]:
    if file.language in ("python", "notebook"):
        facts = codebase.facts[file.path]
        for call in facts.calls:
            own = codebase.locate(call.name.rpartition(".")[0], file.path) is not None  # a library that audits itself
            yield from _call(call, own=own)
        yield from _strings(file)
        for item in facts.definitions:
            yield from _parameters(item)
    elif file.language in ("yaml", "toml", "ini", "gin", "properties") or (
        file.language == "json" and "conf" in file.path.lower()
    ):
        yield from _settings(file)
    elif file.language in ("shell", "dockerfile", "make"):
        yield from _lines(file)


def _call(call: Call, *, own: bool) -> Iterator[Place]:
    shown = f"`{call.text[:160]}`"
    lines = (call.start, call.end)
    for name, words in _CALLS.items() if not own else ():
        if any(compile_pattern(word).matches(call.name) for word in words.split()):
            yield *lines, call.symbol, name, f"{name}: {shown}"
    given = [*call.arguments, *(v for k, v in call.keywords if k == "pretrained_model_name_or_path")]
    if call.name.endswith(".from_pretrained") and given and _HUB.match(given[0]):
        yield *lines, call.symbol, "download into the cache of a library", f"{_HUB_CACHE}: {shown}"
    arguments = " ".join([*call.arguments, *(f"{key} {value}" for key, value in call.keywords)])
    if any(pattern.matches(call.name) for pattern in _FOLDER) and _NAMES.search(f"{call.written} {arguments}"):
        yield *lines, call.symbol, "folder created", f"cache or temporary folder created: {shown}"
    for key, value in call.keywords:
        if _KEYWORD.match(key) and value not in ("None", key, f"self.{key}"):
            yield *lines, call.symbol, "argument", f"`{key}={value[:80]}` passed to `{call.written[:60]}()`"


def _strings(file: SourceFile) -> Iterator[Place]:
    """Paths and environment variables that stand as strings in code, docstrings apart."""
    if "cache" not in file.text.lower() and "tmp" not in file.text.lower() and "~/" not in file.text:
        return
    tree = parse_file(file)
    inner: set[int] = set()  # ends of paths that begin otherwise
    for node, symbol in scoped(tree) if tree is not None else ():
        if isinstance(node, ast.JoinedStr):
            inner.update(map(id, node.values[1:]))
        elif isinstance(node, ast.BinOp):
            inner.add(id(node.right))
        value = getattr(node, "value", None)
        plain = isinstance(node, ast.Constant) and isinstance(value, str) and id(node) not in inner
        if not plain or not isinstance(value, str) or re.search(r"\s", value):
            continue
        line = getattr(node, "lineno", 1)
        shown = f"`{file.lines[line - 1].strip()[:160]}`" if line <= len(file.lines) else ""
        if _PATH.search(value):
            yield line, line, symbol, "path", f"path `{value[:80]}`: {shown}"
        elif CACHE_VARIABLE.match(value):
            yield line, line, symbol, "environment variable", f"environment variable `{value}`: {shown}"


def _parameters(item: Definition) -> Iterator[Place]:
    for parameter in item.parameters:
        name = re.match(r"\w+", parameter)
        if name and _KEYWORD.match(name[0]):
            lines = (item.head_start, item.head_end)
            yield *lines, item.symbol, "parameter", f"`{item.symbol}` takes the parameter `{parameter[:80]}`"


def _settings(file: SourceFile) -> Iterator[Place]:
    for number, line in enumerate(file.lines, 1):
        found = _SETTING.match(line)
        if found and not line.lstrip().startswith("#") and re.search(r"[/~$]", found[2]):
            yield number, number, "", "setting", f"setting `{' '.join(line.split())[:160]}`"


def _lines(file: SourceFile) -> Iterator[Place]:
    for number, line in enumerate(file.lines, 1):
        if _SHELL.search(line) and not line.lstrip().startswith("#"):
            yield number, number, "", "script", f"`{' '.join(line.split())[:160]}`"
