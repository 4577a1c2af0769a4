"""The project's YAML files as the engine reads them: what is declared, and what a stack file sets."""

from collections.abc import Iterator
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import yaml

PROJECT_FILE = "Pulumi.yaml"
SEALED = "sealed"
"""What stands for a secret that nobody can read here."""


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return SEALED
    return str(value).lower() if isinstance(value, bool) else str(value)


def _parse(text: str) -> dict[str, Any]:
    content = yaml.safe_load(text)
    return content if isinstance(content, dict) else {}


def _read(path: Path) -> dict[str, Any]:
    return _parse(path.read_text(encoding="utf-8"))


def name(stack: str) -> str:
    """A stack's file."""
    return f"Pulumi.{stack}.yaml"


def stacks(folder: Path) -> list[str]:
    """The stacks that have a file in a project."""
    # A stack's name may hold dots.
    return sorted(path.name.removeprefix("Pulumi.").removesuffix(".yaml") for path in folder.glob(name("*")))


def platform(text: str) -> str:
    """Where a stack file's environment runs; nothing when its text does not say, or is no stack file's."""
    try:
        given = config(text)
    except ValueError:
        # What is wrong with it, whoever reads all of it tells.
        return ""
    return str(next((value for key, value in given.items() if str(key).endswith(":platform")), ""))


def namespace(folder: Path) -> str:
    """The project's name, which every key in a stack file starts with."""
    return str(_read(folder / PROJECT_FILE)["name"])


def declared(folder: Path) -> dict[str, str]:
    """Every key that the project declares, with its default as text."""
    return {key: _text(value.get("default", "")) for key, value in _read(folder / PROJECT_FILE)["config"].items()}


def config(text: str) -> dict[str, Any]:
    """What a stack file's text sets, as YAML has it: a mapping is a secret.

    Raises:
        ValueError: where the text is no YAML.
    """
    try:
        found = _parse(text).get("config") or {}
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from None
    if not isinstance(found, dict):
        raise ValueError("its config is no mapping")  # noqa: TRY004 - one error for whatever is wrong with a file
    return found


def values(path: Path, project: str) -> dict[str, str]:
    """Every key of a project that a stack file sets, without its namespace, as text."""
    return of_project(config(path.read_text(encoding="utf-8")), project)


def of_project(given: dict[str, Any], project: str) -> dict[str, str]:
    """The keys of one namespace, without it, as text."""
    prefix = f"{project}:"
    return {key.removeprefix(prefix): _text(value) for key, value in given.items() if key.startswith(prefix)}


def neighbours(folder: Path, project: str, stack: str) -> dict[str, IPv4Network]:
    """The address spaces of the other stack files that have a sound one, by file name."""
    return dict(_neighbours(folder, project, stack))


def _neighbours(folder: Path, project: str, stack: str) -> Iterator[tuple[str, IPv4Network]]:
    for path in sorted(folder.glob(name("*"))):
        if path.name == name(stack):
            continue
        try:
            yield path.name, IPv4Network(values(path, project)["addressSpace"])
        except (KeyError, ValueError, OSError):
            continue  # that stack's own preview says what is wrong with it
