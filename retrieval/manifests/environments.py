"""Conda environment files, Replicate's cog.yaml, Docker base images, hubconf.py and inline script metadata.

YAML is composed into nodes with their positions and never constructed into objects.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace

import yaml

from retrieval.manifests.declaration import (
    Broken,
    Declaration,
    Item,
    from_conda,
    from_requirement,
    interpreter,
)
from retrieval.snapshot import SourceFile

_FROM = re.compile(r"\s*FROM\s+(?:--platform=\S+\s+)?(\S+)(?:\s+AS\s+(\S+))?\s*$", re.I)
_SCRIPT = re.compile(r"# /// script[ \t]*\n((?:#[^\n]*\n)*?)# ///[ \t]*(?:\n|$)")
_ARG = re.compile(r"\s*ARG\s+(\w+)=(\S+)\s*$", re.I)
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_LARGE = 200_000

Pairs = dict[str, tuple[yaml.Node, yaml.Node]]


class YamlFile:
    """The node tree of a YAML file and the lines of its nodes. Raises yaml.YAMLError or RecursionError."""

    def __init__(self, file: SourceFile) -> None:
        self.text = file.text
        self.root = yaml.compose(self.text, Loader=yaml.SafeLoader)

    def line(self, node: yaml.Node) -> int:
        # A mark's own line counts more than `\n` as line breaks.
        return self.text.count("\n", 0, node.start_mark.index) + 1


def pairs(node: yaml.Node | None) -> Pairs:
    """Key text → (key node, value node) of a mapping; {} for anything else."""
    if not isinstance(node, yaml.MappingNode):
        return {}
    return {key.value: (key, value) for key, value in node.value if isinstance(key.value, str)}


def read_yaml_environment(file: SourceFile) -> Iterator[Item]:
    """A conda environment or a cog.yaml, when the YAML file is one; nothing for other YAML files."""
    name = file.path.rpartition("/")[2]
    if len(file.data) > _LARGE or not _may_be_environment(file, name):
        return
    try:
        document = YamlFile(file)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        if name.startswith(("environment", "cog.")):
            yield Broken(file.path, f"not valid YAML: {' '.join(str(error).split())[:120]}")
        return
    top = pairs(document.root)
    if name.startswith("cog."):
        yield from _cog(file, document, top)
    elif isinstance(top.get("dependencies", (None, None))[1], yaml.SequenceNode):
        yield from _conda(file, document, top["dependencies"][1])


def _may_be_environment(file: SourceFile, name: str) -> bool:
    if name in ("cog.yaml", "cog.yml"):
        return True
    return re.search(r"(?m)^dependencies:", file.text) is not None and (
        re.search(r"(?m)^(channels|prefix):", file.text) is not None or "env" in name
    )


def _conda(file: SourceFile, document: YamlFile, node: yaml.Node) -> Iterator[Item]:
    for child in node.value if isinstance(node, yaml.SequenceNode) else []:
        line = document.line(child)
        if isinstance(child, yaml.ScalarNode):
            item = from_conda(str(child.value), file.path, line, line)
            if item is not None:
                yield item
        for _key, value in pairs(child).values():
            yield from _requirements(file, document, value)


def _requirements(file: SourceFile, document: YamlFile, node: yaml.Node) -> Iterator[Item]:
    for child in node.value if isinstance(node, yaml.SequenceNode) else []:
        line = document.line(child)
        item = from_requirement(str(child.value), file.path, line, line)
        if item is not None and not str(child.value).startswith("-"):
            yield item


def _cog(file: SourceFile, document: YamlFile, top: Pairs) -> Iterator[Item]:
    build = pairs(top["build"][1]) if "build" in top else {}
    for key, (mark, value) in build.items():
        line = document.line(mark)
        if key == "python_packages":
            yield from _requirements(file, document, value)
        elif key in ("python_version", "cuda") and isinstance(value, yaml.ScalarNode):
            written, specifier = f"{key}: {value.value}", f"=={value.value}.*"
            if key == "python_version":
                yield interpreter(specifier, written, file.path, line, line)
            else:
                yield Declaration("cuda", specifier, written, file.path, line, line)


def read_dockerfile(file: SourceFile) -> Iterator[Item]:
    """The base images of a Dockerfile; stages that build on an earlier stage are not images."""
    stages: set[str] = set()
    given: dict[str, str] = {}  # the defaults of build arguments, which images may be named by
    for number, line in enumerate(file.lines, 1):
        if argument := _ARG.match(line):
            given[argument[1]] = argument[2].strip("\"'")
        found = _FROM.match(line.rstrip("\r"))
        if found is None:
            continue
        written, stage = found.groups()
        image = _VARIABLE.sub(lambda name: given.get(name[1], name[0]), written)
        if image not in stages and image != "scratch":
            name, tag = _image(image)
            yield Declaration(
                name,
                tag,
                line.strip().replace(written, image, 1),
                file.path,
                number,
                number,
                scope="image",
                ecosystem="docker",
                variable="$" in image,
            )
        if stage:
            stages.add(stage)


def _image(image: str) -> tuple[str, str]:
    """Name and tag of an image reference; a colon before the last slash belongs to the registry's port."""
    head, slash, last = image.partition("@")[0].rpartition("/")
    name, _, tag = last.partition(":")
    return f"{head}{slash}{name}", "" if "$" in tag else tag


def read_python(file: SourceFile) -> Iterator[Item]:
    """torch.hub's `dependencies` list in hubconf.py, and PEP 723 metadata in any script."""
    if file.path.rpartition("/")[2] == "hubconf.py":
        yield from _hubconf(file)
    if "# /// script" in file.text:
        yield from _inline(file)


def _hubconf(file: SourceFile) -> Iterator[Item]:
    try:
        body = ast.parse(file.data).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in body:
        names = [getattr(t, "id", "") for t in node.targets] if isinstance(node, ast.Assign) else []
        if "dependencies" not in names or not isinstance(getattr(node, "value", None), ast.List):
            continue
        for item in node.value.elts:  # type: ignore[attr-defined]
            if isinstance(item, ast.Constant) and isinstance(item.value, str):
                need = from_requirement(item.value, file.path, item.lineno, item.lineno)
                if need is not None:
                    yield replace(need, group="torch.hub")


def _inline(file: SourceFile) -> Iterator[Item]:
    found = _SCRIPT.search(file.text)
    if found is None:
        return
    first = file.text.count("\n", 0, found.start(1)) + 1
    for number, line in enumerate(found[1].split("\n"), first):
        for text in re.findall(r'"([^"]+)"', line.partition("=")[2] if "=[" in line else line):
            if "requires-python" in line:
                yield interpreter(text, line.strip("# "), file.path, number, number)
            elif need := from_requirement(text, file.path, number, number):
                yield replace(need, group=f"script {file.path}")
