"""`python -m infra.environment NAME --from OTHER`: write a new environment's stack file, checked before it is there.

The new file is the other one's text: comments and order stay. What no two environments can share is not copied.
"""

import argparse
import os
import re
import sys
from collections.abc import Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pulumi

from infra import address, naming, settings, stack_file

SECRETS_OF_A_STACK = ("secretsprovider", "encryptedkey", "encryptionsalt")
DESCRIPTION = """\
Write Pulumi.NAME.yaml: a copy of another environment's stack file with an address space of its own.

The address space is the next free one of the other's size in its addressPlan, apart from those of all stack files here.
Secrets are not copied: another stack cannot read them. The result is checked as `pulumi up` checks it, and written only
when it is right. Look it over, then see what it would make with `make preview STACK=NAME`."""


class Refusal(Exception):  # noqa: N818 - what it is
    """Why there is no new file; its text is for people."""


def _other(folder: Path, name: str) -> str:
    """Read the file to copy from."""
    known = sorted(path.name.split(".")[1] for path in folder.glob(stack_file.name("*")))
    if name not in known:
        raise Refusal(f"{stack_file.name(name)}: there is no such stack file; copy from one of {', '.join(known)}")
    return (folder / stack_file.name(name)).read_text(encoding="utf-8")


def _free_space(name: str, other: str, values: dict[str, str], neighbours: Mapping[str, IPv4Network]) -> IPv4Network:
    """Find the next address space of the other environment's size."""
    try:
        plan, size = IPv4Network(values["addressPlan"]), IPv4Network(values["addressSpace"]).prefixlen
        others = [values[key] for key in ("podCidr", "serviceCidr")] + values["peerAddressSpaces"].split(",")
        taken = [IPv4Network(each.strip()) for each in others if each.strip()]
    except ValueError as error:
        raise Refusal(f"{stack_file.name(other)}: {error}; mend it first") from None
    if size < plan.prefixlen:
        raise Refusal(
            f"{stack_file.name(other)}: its addressSpace is larger than its addressPlan {plan}; mend it first"
        )
    taken += neighbours.values()
    found = next(address.free(plan, size, taken), None)
    if not found:
        fix = f"enlarge addressPlan in {stack_file.name(other)}, or remove an environment's stack file"
        raise Refusal(f"{stack_file.name(name)}: addressPlan {plan} has no free /{size} left; {fix}")
    return found


def _block(lines: list[str], start: int) -> int:
    """Where the YAML block that starts in a line ends: before the next line that is not indented deeper."""
    indent = len(lines[start]) - len(lines[start].lstrip())
    end = start + 1
    while end < len(lines) and lines[end].strip() and len(lines[end]) - len(lines[end].lstrip()) > indent:
        end += 1
    return end


def _edit(text: str, dropped: set[str], space_key: str, space: IPv4Network) -> str:
    """Leave out the blocks of some keys, and set the address space; every other line stays as it is."""
    lines, kept, at = text.splitlines(), [], 0
    while at < len(lines):
        key = re.match(r"""\s*["']?([^\s"'#][^\s"']*?)["']?:(\s|$)""", lines[at])
        if key and key[1] in dropped:
            at = _block(lines, at)
            continue
        line = lines[at]
        if key and key[1] == space_key:
            line = re.sub(r"(:\s+)[^\s#]+", lambda found: f"{found[1]}{space}", line, count=1)
        kept.append(line)
        at += 1
    return "\n".join(kept) + "\n"


def _copy(text: str, other: str, name: str, space_key: str, space: IPv4Network) -> tuple[str, list[str]]:
    """Make the new text, and name the secrets that it lacks."""
    given = stack_file.config(text)
    secrets = sorted(key for key, value in given.items() if isinstance(value, dict))
    new = _edit(text, {*secrets, *SECRETS_OF_A_STACK}, space_key, space)
    expected: dict[str, Any] = {key: value for key, value in given.items() if key not in secrets}
    if stack_file.config(new) != expected | {space_key: str(space)}:
        raise Refusal(f"{stack_file.name(other)}: is not written with one key a line; rewrite it so, then copy it")
    head = f"# Environment {name}, made from {stack_file.name(other)}, whose remarks follow; say here what it is for.\n"
    return head + new, secrets


def _write(path: Path, text: str) -> None:
    """Put the whole file there at once, and never over another."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.link(unfinished, path)
    except FileExistsError:
        raise Refusal(f"{path.name}: exists already; choose another name") from None
    except OSError as error:
        raise Refusal(f"{path.name}: cannot be written ({error.strerror})") from None
    finally:
        unfinished.unlink(missing_ok=True)


def make(folder: Path, name: str, other: str) -> list[str]:
    """Write a new stack file, and return what to tell its maker.

    Raises:
        Refusal: when there is none, with every reason, one line each.
    """
    path = folder / stack_file.name(name)
    if not naming.ENVIRONMENT.match(name):
        raise Refusal(
            f"{name!r} is no name for an environment; use 2 to 10 lower-case letters and digits, a letter first"
        )
    if path.exists():
        raise Refusal(f"{path.name}: exists already; choose another name")
    if not (folder / stack_file.PROJECT_FILE).is_file():
        raise Refusal(f"{stack_file.PROJECT_FILE}: is not in this folder; run this in the project's own")
    project, declared = stack_file.namespace(folder), stack_file.declared(folder)
    try:
        text = _other(folder, other)
        values = declared | stack_file.of_project(stack_file.config(text), project)
    except ValueError as error:
        raise Refusal(f"{stack_file.name(other)}: {error}; mend it first") from None
    if values["platform"] != "azure":
        raise Refusal(f"{stack_file.name(other)}: is no environment in Azure; copy from another")
    neighbours = stack_file.neighbours(folder, project, name)
    space = _free_space(name, other, values, neighbours)
    new, secrets = _copy(text, other, name, f"{project}:addressSpace", space)
    settings.check(
        declared | stack_file.of_project(stack_file.config(new), project), project, name, neighbours=neighbours
    )
    _write(path, new)
    return [
        f"{path.name}: written, with addressSpace {space} and otherwise as {stack_file.name(other)}",
        *(f"set anew, as it is a secret: pulumi config set --stack {name} --secret {key}" for key in secrets),
        f"next: look it over (devopsServiceConnection and devopsSubject are its own), then `make preview STACK={name}`",
        f"to deploy it: `pulumi stack init {name}` with your secrets provider, then `pulumi up --stack {name}`",
    ]


def main(arguments: list[str]) -> int:
    """Run the command; 0 is a new file, 1 a refusal, 2 a wrong command line."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.environment",
        description=DESCRIPTION,
        epilog="example: python -m infra.environment qa --from dev",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help="the new environment: 2 to 10 lower-case letters and digits")
    parser.add_argument(
        "--from", dest="other", metavar="OTHER", required=True, help="the environment to copy, such as dev"
    )
    given = parser.parse_args(arguments)
    try:
        lines = make(Path.cwd(), given.name, given.other)
    except (Refusal, pulumi.RunError) as refusal:
        print(refusal, file=sys.stderr)  # noqa: T201 - a command's answer
        return 1
    print("\n".join(lines))  # noqa: T201 - a command's answer
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
