"""Where stages.yaml and the prompt templates are: beside the packages in a checkout, inside `agent`
in a wheel.
"""

from pathlib import Path

from agent.errors import MachineError

_PACKAGE = Path(__file__).resolve().parent


def asset(name: str) -> Path:
    """The file or folder `name` ("stages.yaml", "prompts"). Raises MachineError when the install is
    broken.
    """
    for folder in (_PACKAGE.parent, _PACKAGE / "_assets"):
        if (folder / name).exists() and (folder is not _PACKAGE.parent or _is_checkout()):
            return folder / name
    raise MachineError(f"{name} is missing from this installation", "install deposition again")


def default_pack() -> Path:
    """The stage pack that is shipped."""
    return asset("stages.yaml")


def prompts_folder() -> Path:
    """The folder of the prompt templates."""
    return asset("prompts")


def _is_checkout() -> bool:
    """Whether the package lies in the project's own folder; site-packages may hold a foreign
    `prompts`.
    """
    return (_PACKAGE.parent / "pyproject.toml").is_file()
