"""Census kind `configs`: configuration files, and the code that loads or declares configuration.

A file counts as configuration by its format, or by its name or folder for JSON. Files that only steer tools
(build, lint, CI) are left out unless `configs: tools` asks. Many files of one folder and format are one hit.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from retrieval.census.language import Pattern, Query, compile_pattern, hit_at, kind
from retrieval.census.meaning.prose import counted, listed
from retrieval.census.project.data_tables import CONFIGURING, is_data_table, reads_data
from retrieval.census.project.describe import describe_file
from retrieval.census.settings.config_paths import opened_by, paths_given
from retrieval.codebase import Codebase
from retrieval.facts import Call, CensusHit
from retrieval.manifests import read_manifests
from retrieval.snapshot import ROLES, SourceFile

_FORMATS = {
    "yaml": "YAML",
    "toml": "TOML",
    "ini": "INI",
    "json": "JSON",
    "properties": "environment file",
    "gin": "gin",
    "xml": "XML",
    "hcl": "HCL",
}
_TOOLS = re.compile(
    r"(?i)(^|/)(\.github|\.circleci|\.gitlab|\.devcontainer|\.vscode|\.idea)/"
    r"|(^|/)(pyproject\.toml|setup\.cfg|tox\.ini|pytest\.ini|mypy\.ini|\.?pre-commit-config\.ya?ml|\.flake8|\.pylintrc"
    r"|\.coveragerc|\.editorconfig|\.clang-format|\.?ruff\.toml|\.?codecov\.ya?ml|\.?readthedocs\.ya?ml|mkdocs\.ya?ml"
    r"|\.travis\.yml|\.gitlab-ci\.yml|\.prettierrc[^/]*|\.isort\.cfg|tsconfig[^/]*\.json|package\.json|pyrightconfig\.json"
    r"|\.gitmodules|citation\.cff|dependabot\.yml|cog\.yaml|netlify\.toml|\.deepsource\.toml|uv\.toml|poetry\.toml"
    r"|mypi\.ini|\.?pylint\.toml|\.?bandit[^/]*|\.?yapf[^/]*|\.style\.yapf|\.?bumpversion\.(cfg|toml)|lychee\.toml|typos\.toml"
    r"|_typos\.toml|renovate\.json|\.?markdownlint[^/]*|\.?yamllint[^/]*|(docker-)?compose[^/]*\.ya?ml|[^/]*\.mypy\.ini"
    r"|[^/]*lint[^/]*\.(?:ya?ml|toml|json|cfg|ini)|tach\.toml|\.?importlinter|\.?deptry\.toml|\.?taplo\.toml|cspell[^/]*\.(json|ya?ml)|pixi\.toml|mise\.toml|cliff\.toml"
    r"|\.?hadolint\.ya?ml|\.releaserc[^/]*|\.cz\.toml|vulture\.ini|noxfile\.toml|\.?gitleaks\.toml|zensical\.toml"
    r"|\.?eslint[^/]*|jest\.config[^/]*|\.babelrc|\.?stylelint[^/]*|components\.json|package-lock\.json)$"
)
_MANY = 6
_MOST_LINES = 20
_MOST_PATHS = 6

Groups = dict[tuple[str, str], list[SourceFile]]  # (folder, language) → files

_LOADERS = {
    "YAML": "yaml.load yaml.safe_load yaml.full_load yaml.unsafe_load yaml.load_all yaml.safe_load_all "
    "ruamel.yaml.* ruamel_yaml.load ruamel_yaml.safe_load oyaml.load hyperpyyaml.load_hyperpyyaml",
    "TOML": "tomllib.load tomllib.loads toml.load toml.loads tomli.load tomli.loads tomlkit.parse tomlkit.load",
    "INI": "configparser.ConfigParser configparser.RawConfigParser configparser.SafeConfigParser",
    "OmegaConf": "omegaconf.OmegaConf.load omegaconf.OmegaConf.merge omegaconf.OmegaConf.from_cli "
    "omegaconf.OmegaConf.from_dotlist",
    "Hydra": "hydra.initialize hydra.initialize_config_dir hydra.initialize_config_module hydra.compose "
    "hydra.utils.instantiate",
    "environment file": "dotenv.load_dotenv dotenv.dotenv_values environ.Env.read_env decouple.config",
    "gin": "gin.parse_config gin.parse_config_file gin.parse_config_files_and_bindings",
    "ml_collections": "ml_collections.ConfigDict ml_collections.config_flags.* ml_collections.config_dict.*",
    "config class": "mmcv.Config.fromfile mmengine.Config.fromfile mmengine.config.Config.fromfile *Config.fromfile "
    "*.merge_from_file *.merge_from_list yacs.config.CfgNode fvcore.common.config.CfgNode "
    "detectron2.config.get_cfg dynaconf.Dynaconf confuse.Configuration configargparse.* jsonargparse.* "
    "sacred.Experiment addict.Dict simple_parsing.ArgumentParser tyro.cli dacite.from_dict "
    "transformers.HfArgumentParser *.parse_yaml_file *.parse_json_file",
    "model configuration": "transformers.*Config transformers.*Config.from_pretrained "
    "transformers.*Config.from_json_file transformers.*Config.from_dict *Config.from_json_file",
}
_GIVES = re.compile(r"(?:^|\.)hydra_main$|hydra\.main$|(?:draccus|pyrallis)\.wrap$")
_JSON = "json.load json.loads commentjson.load json5.load"
_SETTINGS_BASES = ("pydantic.BaseSettings", "pydantic_settings.BaseSettings", "traitlets.config.Configurable")


def _patterns(words: str) -> tuple[Pattern, ...]:
    return tuple(compile_pattern(word) for word in words.split())


@kind(
    "configs",
    summary="configuration files and the code that loads them; option what=config leaves data tables out",
    example="configs: yaml, what=config",
    reads="text",
    options=("what",),
    ordered=True,
)
def configs(codebase: Codebase, query: Query) -> Iterable[CensusHit]:
    """The main code that loads, then files, then tests; patterns match formats and paths.

    `detail["what"]` is "config", or "data" for what is a table of data by its content or its reader's words.
    Raises QueryError for another `what`.
    """
    what = query.choice("what", ("config", "data"))
    files = _files(codebase, asked="tools" in query.names())
    found = [*_loading(codebase), *_settings_classes(codebase), *files]
    found.sort(key=lambda hit: ROLES.index(hit.role))  # type: ignore[arg-type]
    for hit in found:
        hit.detail.setdefault("what", "config")
        if what in ("", hit.detail["what"]) and query.matches(hit.name, hit.name.lower(), hit.path):
            yield hit


def _loading(codebase: Codebase) -> Iterator[CensusHit]:
    loaders = {name: _patterns(words) for name, words in _LOADERS.items()}
    json_patterns = _patterns(_JSON)
    for path, call in codebase.all_calls():
        name = next((n for n, found in loaders.items() if any(p.matches(call.name) for p in found)), "")
        if not name and any(p.matches(call.name) for p in json_patterns) and _about_config(codebase, path, call):
            name = "JSON"
        if name and name in _FORMATS.values() and reads_data(call):
            hit = _code_hit(codebase, path, call, name, f"{name} data table is read: `{call.text[:160]}`")
            yield replace(hit, detail={"what": "data"})
        elif name:
            yield _code_hit(codebase, path, call, name, f"{_verb(name, call)}: `{call.text[:160]}`")
    for path, definition in codebase.all_definitions():
        if any(_GIVES.search(name) for name in definition.decorators):
            lines_ = codebase.snapshot.by_path[path].lines[definition.start - 1 : definition.head_start - 1]
            written = " ".join(line.strip() for line in lines_ if line.strip()).replace("`", "'")[:160]
            text = f"`{definition.symbol}()` is given its configuration by `{written}`"
            lines = (definition.start, definition.head_end)
            yield hit_at(codebase, path, lines, symbol=definition.symbol, name="Hydra", text=text)


def _verb(name: str, call: Call) -> str:
    last = call.name.rpartition(".")[2]
    if last == "instantiate":
        return "an object is made of what configuration names"
    if name == "config class":
        return "configuration object"
    if name == "model configuration" and not last.startswith("from_"):
        return "model configuration is built"
    if last == "merge":
        return f"{name} configurations are merged"
    return f"{name} is read" if not name[0].isupper() or name in ("YAML", "TOML", "INI", "JSON") else f"{name} reads"


def _about_config(codebase: Codebase, path: str, call: Call) -> bool:
    """Whether a JSON load says itself that it is of configuration."""
    texts = call.name.rpartition(".")[2] == "loads" and "read" not in call.text
    if texts and opened_by(codebase, path, call) is None:
        return False
    said = " ".join([*call.arguments, *call.assigned, call.symbol, call.text])
    return CONFIGURING.search(said) is not None


def _code_hit(codebase: Codebase, path: str, call: Call, name: str, text: str) -> CensusHit:
    where = f" in `{call.symbol}`" if call.symbol else ""
    given = list(dict.fromkeys(paths_given(codebase, path, call))) if name in _FORMATS.values() else []
    names = [f"`{written}` ({file}:{line})" for written, file, line in given]
    where += f", of {listed(names, _MOST_PATHS)}" if names else ""
    related = tuple(("path", file, line, line) for _, file, line in given[:_MOST_PATHS])
    lines = (call.start, call.end)
    return hit_at(codebase, path, lines, symbol=call.symbol, name=name, text=text + where, related=related)


def _settings_classes(codebase: Codebase) -> Iterator[CensusHit]:
    for path, item in codebase.subclasses(lambda base: base in _SETTINGS_BASES):
        text = f"`{item.symbol}` is a settings class, filled from the environment"
        lines = (item.start, item.head_end)
        yield hit_at(codebase, path, lines, symbol=item.symbol, name="settings class", text=text)


def _files(codebase: Codebase, *, asked: bool) -> Iterator[CensusHit]:
    """`asked`: whether files that only steer tools are wanted too."""
    groups: Groups = {}
    tables: list[SourceFile] = []
    tools: list[SourceFile] = []
    manifests = frozenset(read_manifests(codebase.snapshot).paths)
    for file in codebase.snapshot.files:
        if _is_of_tools(codebase, file):
            tools.append(file)
        elif _is_config(file) and file.path not in manifests and is_data_table(codebase, file):
            tables.append(file)
        elif _is_config(file) and file.path not in manifests:
            folder = file.path.rpartition("/")[0]
            groups.setdefault((folder, file.language), []).append(file)
    for (folder, language), files in sorted(_merged(groups).items()):
        yield from _group(codebase, folder, _FORMATS[language], files)
    for file in tables:
        words, start, end = describe_file(codebase, file)
        text = f"`{file.path}` ({_FORMATS[file.language]}) is a data table: {words}"
        name = _FORMATS[file.language]
        yield hit_at(codebase, file.path, (start, end), symbol="", name=name, text=text, detail={"what": "data"})
    if tools and asked:
        names = listed([file.path for file in tools], 8, "`")
        text = f"settings of build, lint and CI tools, not of the program: {names}"
        yield hit_at(codebase, tools[0].path, (1, 1), symbol="", name="tools", text=text)


def _merged(groups: Groups) -> Groups:
    """The groups, the deepest folders joined to their parents until there are at most 20 lines to print."""
    while sum(1 if len(files) > _MANY else len(files) for files in groups.values()) > _MOST_LINES:
        depth = max(folder.count("/") for folder, _language in groups)
        if depth == 0:
            break
        merged: Groups = {}
        for (folder, language), files in groups.items():
            kept = folder.rpartition("/")[0] if folder.count("/") == depth else folder
            merged.setdefault((kept, language), []).extend(files)
        groups = merged
    return groups


def is_config_file(codebase: Codebase, file: SourceFile) -> bool:
    """Whether a file configures the program: no tool's settings, no manifest, no table of data."""
    manifests = read_manifests(codebase.snapshot).paths
    steers = _is_config(file) and file.path not in manifests and not _is_of_tools(codebase, file)
    return steers and not is_data_table(codebase, file)


def _is_of_tools(codebase: Codebase, file: SourceFile) -> bool:
    """Whether a file steers build, lint or CI: by its name, or hidden and named by no text of the code."""
    name = file.path.rpartition("/")[2]
    if _TOOLS.search(file.path) or not name.startswith(".") or file.language not in _FORMATS:
        return _TOOLS.search(file.path) is not None
    return not any(fact.name.endswith(name) for _, fact in codebase.all_facts("string"))


def _is_config(file: SourceFile) -> bool:
    if not file.lines or file.language not in _FORMATS or file.role in ("generated", "vendored", "test"):
        return False
    if file.language in ("json", "xml"):
        return CONFIGURING.search(file.path) is not None
    return True


def _group(codebase: Codebase, folder: str, format_: str, files: list[SourceFile]) -> Iterator[CensusHit]:
    if len(files) > _MANY:
        inside = sorted(file.path.removeprefix(f"{folder}/") for file in files)
        names = listed(list(dict.fromkeys(_branch(path) for path in inside)), 8, "`")
        where = f"`{folder}/`" if folder else "the root folder"
        text = f"{counted(len(files), f'{format_} file')} in {where}: {names}"
        told = next((file for file in files if file.lines), files[0])
        yield hit_at(codebase, told.path, (1, 1), symbol="", name=format_, text=text)
        return
    for file in files:
        words, start, end = describe_file(codebase, file)
        text = f"`{file.path}` ({format_}): {words}"
        yield hit_at(codebase, file.path, (start, end), symbol="", name=format_, text=text)


def _branch(path: str) -> str:
    """The first folder of a path below the group's folder, else the file name."""
    first, slash, _rest = path.partition("/")
    return first + slash
