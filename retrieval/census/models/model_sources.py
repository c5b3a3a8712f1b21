"""What fills the models of a program, as format and source: checkpoints, names given to loaders, files of sessions."""

import re
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from retrieval.beside import Beside, once
from retrieval.census.code.statements import strings
from retrieval.census.flow.reach import reach_of
from retrieval.census.language import parse_query
from retrieval.census.meaning.spots import Spot, arguments
from retrieval.census.memory.kept_models import given_to
from retrieval.census.models.known_models import files_read
from retrieval.census.models.made_models import LOADING, Made
from retrieval.census.models.model_entries import Entry, plain
from retrieval.census.models.model_servers import engine_of
from retrieval.census.models.roster import Roster
from retrieval.census.models.weights import Weights, weights_of

if TYPE_CHECKING:
    from retrieval.codebase import Codebase

FILES = (
    r"(?i)(?:[\w}]\.(?:pt|pth|ckpt|safetensors|gguf|onnx|pkl|h5|tflite|engine|dfm|trt|plan|mlmodel|tar)"
    r"|(?:model|weights)\w*\.bin)$"
)
_FORMATS = {
    "safetensors": (".safetensors",),
    "PyTorch": (".pt", ".pth", ".ckpt", ".bin", ".tar", ".pkl"),
    "NumPy": (".npy", ".npz", ".mat"),
}
"""Words that readers begin with, and the files that only these read."""
HOSTED = "No file is loaded; the model is hosted and called over the network"
_RUNTIMES = {"onnxruntime": "ONNX", "tensorrt": "TensorRT", "openvino": "OpenVINO", "cv2": "OpenCV DNN"}
_RUNTIME_FILES = {"onnxruntime": (".onnx",), "tensorrt": (".trt", ".engine", ".plan"), "openvino": (".xml", ".onnx")}
_SIGNS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "GGUF/llama.cpp": (("llama_cpp", "ctransformers", "gguf"), (".gguf",)),
    "safetensors": (("safetensors", "transformers", "diffusers"), (".safetensors",)),
    "ONNX": (("onnx*", "rapidocr*", "insightface", "torch.onnx.*"), (".onnx",)),
    "TensorRT": (("tensorrt", "torch_tensorrt", "torch2trt", "onnxruntime"), (".engine", ".trt", ".plan")),
    "TorchScript": (("torch.jit.load",), ()),
    "TensorFlow/Keras": (
        ("tensorflow", "keras", "tf_keras", "opennsfw2", "deepface", "tflite_runtime"),
        (".h5", ".tflite"),
    ),
    "JAX/Flax": (("jax", "flax", "orbax"), ()),
}
# A format that code names in any way, a pattern of files or an option, is not told as used nowhere.
_WORDS = {
    "GGUF/llama.cpp": r"(?i)(?<![a-z\d])gguf|llama[._-]?cpp",
    "safetensors": r"(?i)safe_?tensors",
    "ONNX": r"(?i)onnx",
    "TensorRT": r"(?i)tensor_?rt|\btrt\b",
    "TorchScript": r"(?i)torch\.jit\.(?:load|save|script|trace)\(|torchscript",
    "TensorFlow/Keras": r"(?i)\btensorflow\b|\bkeras\b",
    "JAX/Flax": r"(?i)\bjax\b|\bflax\b",
}
_NAMED: "Beside[Codebase, dict[str, list[str]]]" = Beside()
_SAFE = re.compile(r"\buse_safetensors\s*=\s*True\b")
_CLASS = re.compile(r"\.[A-Z]\w*(?<!Pipeline)$")  # made of a configuration, without weights
_PORTING = re.compile(r"(?i)weights|checkpoint")  # arrays that are read into a model mostly come from JAX
_SERVED_FILES = {
    "llama.cpp": "GGUF files",
    "Ollama": "GGUF files of its own library",
    **dict.fromkeys(
        ("vLLM", "SGLang", "LMDeploy", "Text Generation Inference"),
        "Hugging Face folders (safetensors or PyTorch files), by hub name or folder",
    ),
}
_HUB = re.compile(r"^(?:transformers|diffusers|peft|sentence_transformers)\b")


@dataclass(frozen=True)
class Source:
    """Where one model's weights come from: the format in words, the source as written, and the place that reads it."""

    format: str
    said: str
    path: str
    start: int
    end: int


def filled(codebase: "Codebase", roster: Roster, entry: Entry) -> list[Weights]:
    """What fills the model in code that the main programs may run; anything else only when there is nothing."""
    every = [readable(weights) for made in entry.made for weights in weights_of(roster, made)]
    found = [weights for weights in every if weights is not None and weights.said]
    reach = reach_of(codebase)
    run = [weights for weights in found if reach.has(plain(codebase, weights.frame, weights.start))]
    same: dict[tuple[str, str], Weights] = {}
    for weights in run or found:
        known = same.get((weights.written, weights.reader), weights)
        values = tuple(dict.fromkeys((*known.values, *weights.values)))
        same[weights.written, weights.reader] = replace(known, values=values)
    return sorted(same.values(), key=lambda weights: weights.resumed)


def sources_of(codebase: "Codebase", roster: Roster, entry: Entry) -> list[Source]:
    """The sources of one model's weights, () for a class whose weights no traced call reads."""
    first = entry.made[0]
    library = first.maker.partition(".")[0]
    if entry.hosted:
        return [Source(HOSTED, "", *_place(entry))]
    if entry.only:
        form = f"{_RUNTIMES.get(library, library)} files, opened by `{first.step.written}`"
        suffixes = _RUNTIME_FILES.get(library, ())
        return [Source(form, listed_files(codebase, entry.only[0].frame.path, suffixes=suffixes), *_place(entry))]
    known = filled(codebase, roster, entry)
    fresh = [weights for weights in known if not weights.resumed]  # what a resumed training reads is told without such
    found = [
        Source(
            _format(weights, first),
            _said(weights),
            weights.frame.path,
            weights.start,
            weights.end,
        )
        for weights in fresh or known
    ]
    built = all(made.step.written.endswith("from_config") or made.untrained for made in entry.made)
    built = built or ".archs." in first.maker  # a library's architectures, which other code fills
    built = built or (first.maker.startswith("transformers.") and bool(_CLASS.search(first.maker)))  # no weights yet
    if not found and engine_of(first.known):
        return [Source(_served(first), "", *_place(entry))]
    if not found and first.cls is not None and (files := files_read(entry.base)):
        extended = f"{files}, which the library `{entry.base.partition('.')[0]}` reads, whose class this one extends"
        return [Source(extended, "", *_place(entry))]
    own = first.cls is not None or library == "self"  # what is made here has no library that reads it
    if not found and not own and not built and not _is_handed(roster, first) and not _is_around(roster, first):
        files = files_read(first.maker)
        form = f"{files}, which the library `{library}` finds and reads itself" if files else ""
        return [Source(form or f"The library `{library}` finds and reads the weights itself", "", *_place(entry))]
    return found


def _is_handed(roster: Roster, made: Made) -> bool:
    """Whether a library's class or function is given the model, which then has it filled."""
    return any(given.outside for given in given_to(roster, made))


def _served(made: Made) -> str:
    engine = engine_of(made.known)
    files = _SERVED_FILES.get(engine, "Weights")
    if made.cls is None:
        return f"{files}, read by the {engine} process that `{made.name}` starts"
    return f"{files}, read by the {engine} process that `{made.name}` starts as a server"


def _is_around(roster: Roster, made: Made) -> bool:
    """Whether what a library makes is given a model, which has the weights."""
    given = arguments(made.step.node, keywords=True)
    values = [n.child_by_field_name("value") if n.type == "keyword_argument" else n for n in given]
    spots = (Spot(made.frame, node, made.step.order, made.step.guards) for node in values if node is not None)
    return any(roster.of(spot) for spot in spots)


def _said(weights: Weights) -> str:
    """The names of the files that a source may be, with the expression; what else is known of it without such."""
    if weights.resumed:
        return f"`{weights.written}` only when training is resumed"
    files = list(dict.fromkeys(PurePosixPath(value).name for value in weights.values if re.search(FILES, value)))
    if not files:
        return weights.said.rstrip(",")
    shown = " or ".join(f"`{name}`" for name in files)
    return shown if weights.written[:1] in "\"'" else f"{shown} (`{weights.written}`)"


def readable(weights: Weights) -> Weights | None:
    """The source with the files that its reader can read: pickles, safetensors and arrays exclude each other; None
    when all that it may be is of another format."""
    fitting = tuple(value for value in weights.values if _fits(value, weights.reader))
    return None if weights.complete and weights.values and not fitting else replace(weights, values=fitting)


def _fits(value: str, reader: str) -> bool:
    suffix = PurePosixPath(value.partition("?")[0]).suffix.lower()
    known = next((form for form, suffixes in _FORMATS.items() if suffix in suffixes), "")
    told = next((form for form in _FORMATS if reader.startswith(form)), "")
    return not known or not told or known == told


def absent(codebase: "Codebase") -> list[str]:
    """The usual formats of which neither a library is imported nor a file named anywhere in the code."""
    modules = {item.module.partition(".")[0] for facts in codebase.facts.values() for item in facts.imports}
    calls = {call.name for _, call in codebase.all_calls()}
    files = {PurePosixPath(name).suffix.lower() for names in _files(codebase).values() for name in names}
    ported = any(call.name == "numpy.load" and _PORTING.search(call.symbol) for _, call in codebase.all_calls())
    return [
        name
        for name, (libraries, suffixes) in _SIGNS.items()
        if not (name == "JAX/Flax" and ported)
        and named_at(codebase, name) is None
        and not any(fnmatchcase(module, sign) for module in modules for sign in libraries)
        and not any(fnmatchcase(call, sign) for call in calls for sign in libraries if "." in sign)
        and not files & {*suffixes}
    ]


@once
def named_at(codebase: "Codebase", name: str) -> tuple[str, int] | None:
    """The first line of code or configuration that names a format, None when none does.

    What only tests or documents say of it counts for nothing, nor do notebooks, which carry their pictures as text.
    """
    word = re.compile(_WORDS[name])
    for file in codebase.snapshot.files:
        counted = file.role in ("source", "config") and file.language != "notebook"
        match = word.search(file.text) if counted else None
        if match:
            return file.path, file.text.count("\n", 0, match.start()) + 1
    return None


def _place(entry: Entry) -> tuple[str, int, int]:
    first = entry.made[0]
    return first.frame.path, first.step.start, first.step.end


def _format(weights: Weights, made: Made) -> str:
    maker = made.maker
    if engine_of(made.known):
        return _served(made)
    if " (" in weights.reader:
        words, _, call = weights.reader.partition(" (")
        plural = words.replace("checkpoint", "checkpoints", 1)
        return f"{plural}, read by {call.rstrip(')')}"
    if files := files_read(maker):
        return files if "read by" in files else f"{files}, read by the library `{maker.partition('.')[0]}`"
    last = weights.reader.strip("`").rpartition(".")[2]
    if last == "load_from_checkpoint":
        return "PyTorch Lightning checkpoints, read by `load_from_checkpoint`"
    if last in LOADING:
        if made.cls is not None and weights.frame.program.method(made.cls, made.step.written.rpartition(".")[2]):
            return f"By {weights.reader}, which this repository defines{_around(weights, made, last)}"
        if "." in maker and not _HUB.match(maker):
            return f"Checkpoints in the own format of the library `{maker.partition('.')[0]}`, by its `{last}`"
        library = maker.partition(".")[0] if _HUB.match(maker) else "Hugging Face"
        files = "safetensors files" if _SAFE.search(_text(weights)) else "safetensors or PyTorch files"
        return f"`from_pretrained` and the like of {library} ({files}, by hub name or folder)"
    return f"By the name or file that {'its maker' if maker.startswith('self.') else 'the maker of a library'} is given"


def _around(weights: Weights, made: Made, last: str) -> str:
    """That an own loader hands on to the one of the library that its class derives from; "" where it does not."""
    program = weights.frame.program
    found = program.method(made.cls, last) if made.cls is not None else None
    frame = program.frame(found[0].path, found[1]) if found is not None else None
    line = program.line(made.cls) if made.cls is not None else ()
    bases = [base for cls in line for base in program.codebase.bases(cls.path, cls.definition)]
    library = next((match[0] for base in bases if (match := _HUB.match(base))), "")
    calls = frame.body.calls if frame is not None else []
    inner = any(step.written.startswith("super(") and step.written.endswith(f".{last}") for step in calls)
    return f" around the one of `{library}` (safetensors or PyTorch files in a folder)" if inner and library else ""


def _text(weights: Weights) -> str:
    lines = weights.frame.program.snapshot.by_path[weights.frame.path].lines
    return "\n".join(lines[weights.start - 1 : weights.end])


def listed_files(codebase: "Codebase", path: str, most: int = 6, suffixes: tuple[str, ...] = ()) -> str:
    """The model files that a source file names, as "`a.onnx`, `b.onnx` and 3 more"; "" for none."""
    names = [name for name in _files(codebase).get(path, []) if not suffixes or name.lower().endswith(suffixes)]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(f"`{name}`" for name in names[:most]) + more


def _files(codebase: "Codebase") -> dict[str, list[str]]:
    if codebase not in _NAMED:
        _NAMED[codebase] = _named_files(codebase)
    return _NAMED[codebase]


def _named_files(codebase: "Codebase") -> dict[str, list[str]]:
    table: dict[str, list[str]] = {}
    for hit in strings(codebase, parse_query(f"strings: re:{FILES}")):
        name = PurePosixPath(hit.name.strip("\"'`")).name
        if name not in table.setdefault(hit.path, []):
            table[hit.path].append(name)
    return table
