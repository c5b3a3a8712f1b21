"""The README tells the truth: its commands and options are the program's, its examples work, its files exist."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from agent.cli import app, main
from agent.stages import StagePack

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def section(title: str) -> str:
    return README.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def documented() -> dict[str, set[str]]:
    """Command → the words of its lines in the README's list: options and upper-case arguments."""
    block = section("Commands").split("```")[1].replace("\n   ", " ")
    commands: dict[str, set[str]] = {}
    for line in block.strip().split("\n"):
        words = re.match(r"deposition ((?:[a-z]+ )*[a-z]+)(?= [\[A-Z-]|$)", line.strip())
        assert words, line
        found = re.findall(r"--?[a-z][a-z-]*|\b[A-Z]{3,}\b", line[words.end() :])
        commands.setdefault(words[1], set()).update(found)
    return commands


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main([*command.split(), "--help"]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", sorted(documented()))
def test_options_are_those_of_the_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(command, capsys)
    flags = {flag for flag in documented()[command] if flag.startswith("-")}
    offered = set(re.findall(r"^  (--?[a-z][a-z-]*)", text, re.MULTILINE)) - {"-h", "--help"}
    assert flags == offered
    for argument in documented()[command] - flags:
        assert argument in text


@pytest.mark.parametrize("group", ["", "models"])
def test_every_command_is_listed(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = help_of(group, capsys) if group else (main(["--help"]), capsys.readouterr().out)[1]
    names = re.findall(r"^  ([a-z]+)  ", text.split("Commands:")[1], re.MULTILINE)
    for name in names:
        full = f"{group} {name}".strip()
        assert any(command == full or command.startswith(full + " ") for command in documented())


def test_the_two_commands_stand_at_the_top() -> None:
    top = README[:400]
    assert "make audit REPO=" in top and "make test" in top
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert re.search(r"^audit: .*setup", makefile, re.MULTILINE)
    assert "make test" in (ROOT / ".ci" / "run").read_text("utf-8")


def test_the_example_pack_validates() -> None:
    block = section("Your own questions").split("```yaml\n", 1)[1].split("```", 1)[0]
    pack = StagePack.model_validate(yaml.safe_load(block))
    assert pack.stages[0].questions[0].facts


def test_every_file_of_the_tree_exists() -> None:
    tree = section("Files").split("```")[1].strip("\n").split("\n")
    folders: list[str] = []
    for line in tree:
        name = line.split()[0] if line.strip() else ""
        depth = (len(line) - len(line.lstrip())) // 2
        if name.endswith("/"):
            folders = [*folders[:depth], name]
        elif name:
            path = ROOT / "".join(folders[:depth]) / name
            assert path.exists(), line
            assert len(line.split()) > 1, f"{line}: one line per file"


def test_environment_variables_are_the_settings() -> None:
    from agent.catalogue import MODELS_VARIABLE
    from agent.settings import Settings

    named = set(re.findall(r"DEPOSITION_[A-Z_]+", README))
    assert named == {f"DEPOSITION_{field.upper()}" for field in Settings.model_fields} | {MODELS_VARIABLE}


def every_command() -> list[tuple[str, Any]]:
    """(full name, command) of each command and of the commands of each group."""
    found: list[tuple[str, Any]] = []
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found += [(f"{name} {below}", one) for below, one in inner.items()] if inner else [(name, command)]
    return found


COMMANDS = every_command()


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_the_help_of_a_command_is_complete(name: str, command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """It says in sentences what the command does and what each of its arguments and options is for."""
    told = " ".join((command.help or "").split())
    assert told and told.endswith("."), name
    text = " ".join(help_of(name, capsys).split())
    assert told.split(". ")[0] in text
    for parameter in command.params:
        said = " ".join((getattr(parameter, "help", "") or "").split())
        assert said, f"{name}: {parameter.name} is not explained"
        assert said.split("  ")[0].split(" [")[0] in text, f"{name}: {parameter.name}"


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _ in COMMANDS])
def test_the_usage_of_a_command_stands_in_the_readme(name: str, command: Any) -> None:
    """Its usage there has every option with its value, and every argument; the list below explains what it does."""
    block = " ".join(section("Commands").split("```")[1].split())
    usages = [part for part in block.split("deposition ")[1:] if re.match(rf"{re.escape(name)}(?= [\[A-Z-]|$)", part)]
    usages = usages or [part for part in block.split("deposition ")[1:] if part.startswith(name.split()[0])]
    usage = " ".join(usages)
    assert usage, name
    for parameter in command.params:
        flag = next((option for option in parameter.opts if option.startswith("-")), "")
        metavar = (parameter.metavar or "").strip("[]")
        if flag and not getattr(parameter, "is_flag", False):
            assert f"{flag} {metavar}" in usage, f"{name}: {flag} {metavar}"
        else:
            assert (flag or metavar) in usage, f"{name}: {flag or metavar}"
    assert f"- `{name.split()[0]}" in section("Commands"), f"{name} is not explained below the list"


def test_every_kind_of_census_query_has_a_row_with_an_example() -> None:
    from retrieval.census import KINDS

    for kind in KINDS.values():
        examples = ", ".join(f"`{example.strip()}`" for example in kind.example.split(", or "))
        row = f"| `{kind.name}` | {kind.summary} | {examples} |"
        cells = row.replace(" | ", "\0").replace("|", "\\|").replace("\0", " | ")
        assert f"\n|{cells[2:-2]}|\n" in README, row
