"""Which language a file is in, by its name or its first line.

Knows file names, extensions and interpreters; it never looks further into a file than the first
line, and does not know what the languages look like.
"""

import re
from pathlib import PurePosixPath


def words(text: str) -> frozenset[str]:
    """The set of blank-separated words, to write long lists of names down in few lines."""
    return frozenset(text.split())


SOURCE_LANGUAGES = words(
    """python notebook cython javascript typescript go rust java kotlin scala c cpp cuda objective-c
    csharp swift ruby php perl lua r julia dart haskell shell powershell batch fortran matlab zig
    elixir erlang clojure ocaml metal opencl glsl assembly vue svelte proto"""
)
"""Languages that programs are written in; everything else is configuration, data or prose."""

CONFIG_LANGUAGES = words(
    """yaml toml json ini dockerfile make cmake requirements pipfile environment xml hcl
    properties gin"""
)
"""Languages of build, dependency and settings files."""

PROSE_LANGUAGES = frozenset(["markdown", "rst", "tex", "html"])

_EXTENSIONS = {
    "python": "py pyi pyw",
    "cython": "pyx pxd pxi",
    "notebook": "ipynb",
    "javascript": "js jsx mjs cjs",
    "typescript": "ts tsx mts cts",
    "go": "go",
    "rust": "rs",
    "java": "java",
    "kotlin": "kt kts",
    "scala": "scala",
    "c": "c h",
    "cpp": "cc cpp cxx hpp hh hxx inl ipp tpp",
    "cuda": "cu cuh",
    "objective-c": "m mm",
    "csharp": "cs",
    "swift": "swift",
    "ruby": "rb rake gemspec",
    "php": "php",
    "perl": "pl pm",
    "lua": "lua",
    "r": "r rmd",
    "julia": "jl",
    "dart": "dart",
    "haskell": "hs",
    "shell": "sh bash zsh fish ksh slurm sbatch",
    "powershell": "ps1 psm1",
    "batch": "bat cmd",
    "fortran": "f f90 f95",
    "zig": "zig",
    "elixir": "ex exs",
    "erlang": "erl",
    "clojure": "clj cljs",
    "ocaml": "ml mli",
    "metal": "metal",
    "opencl": "cl",
    "glsl": "glsl vert frag comp",
    "assembly": "s asm",
    "vue": "vue",
    "svelte": "svelte",
    "proto": "proto",
    "sql": "sql",
    "graphql": "graphql gql",
    "css": "css scss sass less",
    "html": "html htm",
    "xml": "xml xsd plist",
    "yaml": "yaml yml",
    "toml": "toml",
    "json": "json jsonc json5 webmanifest",
    "jsonl": "jsonl ndjson",
    "ini": "ini cfg conf config editorconfig",
    "properties": "properties env",
    "hcl": "tf hcl",
    "gin": "gin",
    "cmake": "cmake",
    "make": "mk mak",
    "dockerfile": "dockerfile containerfile",
    "jinja": "j2 jinja jinja2 tmpl",
    "markdown": "md markdown mdx mdown",
    "rst": "rst",
    "tex": "tex bib sty",
    "csv": "csv tsv",
    "diff": "diff patch",
    "svg": "svg",
}
_BY_EXTENSION = {ext: name for name, line in _EXTENSIONS.items() for ext in line.split()}

_BY_NAME = {
    "makefile": "make",
    "gnumakefile": "make",
    "justfile": "make",
    "dockerfile": "dockerfile",
    "containerfile": "dockerfile",
    "cmakelists.txt": "cmake",
    "pipfile": "toml",
    "pipfile.lock": "json",
    "poetry.lock": "toml",
    "uv.lock": "toml",
    "pdm.lock": "toml",
    "cargo.lock": "toml",
    "conda-lock.yml": "yaml",
    "go.mod": "gomod",
    "gemfile": "ruby",
    "rakefile": "ruby",
    "vagrantfile": "ruby",
    "jenkinsfile": "groovy",
    ".env": "properties",
    ".flake8": "ini",
    ".pylintrc": "ini",
    ".coveragerc": "ini",
    ".gitconfig": "ini",
    ".gitmodules": "ini",
    ".bashrc": "shell",
    ".envrc": "shell",
    ".clang-format": "yaml",
    "setup.cfg": "ini",
    "pkg-info": "text",
}

_REQUIREMENTS = re.compile(r"(^requirements?/|/(.*[-_.])?(requirements?|constraints)).*\.(txt|in)$")
_IMAGE = re.compile(r"^(?:docker|container)file\.|^[^.]*(?:docker|container)file[^.]*$")

_INTERPRETERS = {
    "python": "python",
    "pypy": "python",
    "bash": "shell",
    "sh": "shell",
    "zsh": "shell",
    "dash": "shell",
    "ksh": "shell",
    "fish": "shell",
    "node": "javascript",
    "deno": "typescript",
    "ruby": "ruby",
    "perl": "perl",
    "php": "php",
    "rscript": "r",
    "julia": "julia",
    "lua": "lua",
    "make": "make",
}


def language_of(path: str, head: bytes = b"") -> str:
    """The language of the file at the POSIX `path`, "text" when neither name nor first line tells.

    `head` are its first bytes; only a `#!` line in them is read.
    """
    folder, name = PurePosixPath(path.lower()).parent.name, PurePosixPath(path).name.lower()
    if name in _BY_NAME:
        return _BY_NAME[name]
    if _IMAGE.search(name):
        return "dockerfile"
    if _REQUIREMENTS.search(f"{folder}/{name}"):
        return "requirements"
    if name.startswith(".env."):
        return "properties"
    extension = name.rpartition(".")[2] if "." in name.lstrip(".") else ""
    if extension in _BY_EXTENSION:
        return _BY_EXTENSION[extension]
    return _from_shebang(head) or "text"


def _from_shebang(head: bytes) -> str:
    if not head.startswith(b"#!"):
        return ""
    words = head[2:200].split(b"\n", 1)[0].decode("latin-1").split()
    programs = [PurePosixPath(word).name for word in words if not word.startswith("-")]
    if programs and programs[0] == "env":
        programs = [word for word in programs[1:] if "=" not in word]
    if not programs:
        return ""
    return _INTERPRETERS.get(programs[0].rstrip("0123456789.").lower(), "")
