"""What a tool is, and the tools there are.

A tool's versions are in its folders' go.mod and go.sum, never here. To add a tool, add a folder with those two
files and a `Tool` to `TOOLS`; docs/toolchain.md says how.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from toolchain.error import ToolError

Version = tuple[int, int, int]

_VERSION = re.compile(r"(\d+)\.(\d+)(?:\.(\d+))?")


def version_in(text: str) -> Version | None:
    """Return the first version number in a text, whatever stands around it."""
    found = _VERSION.search(text)
    return (int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def dotted(version: Version) -> str:
    """Write a version as people do."""
    return ".".join(map(str, version))


@dataclass(frozen=True, kw_only=True)
class Program:
    """An executable that Go builds from the module in the folder of the same name."""

    name: str
    package: str
    # The linker sets this variable to the version that go.mod pins `version_module` to.
    version_variable: str
    version_module: str


@dataclass(frozen=True, kw_only=True)
class Script:
    """A file of a module that `program` is built from, installed beside it as an executable."""

    program: str
    module: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A command and the files that it needs beside it.

    The first program is the command itself: its version is the tool's, and the least that is taken from PATH.
    """

    name: str
    programs: tuple[Program, ...]
    scripts: tuple[Script, ...] = ()
    version_arguments: tuple[str, ...] = ("version",)
    # A command from PATH is used only where these can be found as well.
    companions: tuple[str, ...] = ()
    pins: Path = Path(__file__).parent

    def pin_files(self) -> list[Path]:
        """List the files that decide what is built."""
        return [self.pins / program.name / file for program in self.programs for file in ("go.mod", "go.sum")]

    def recipe(self) -> str:
        """Return all that decides what is built, besides the pin files."""
        return repr((self.name, self.programs, self.scripts))

    def pinned(self, program: Program) -> str:
        """Return the version of a program, in Go's form, such as `v1.2.3`."""
        text = (self.pins / program.name / "go.mod").read_text()
        if found := re.search(rf"^(?:require)?\s+{re.escape(program.version_module)} (v\S+)", text, re.MULTILINE):
            return found[1]
        raise ToolError(f"toolchain/{program.name}/go.mod does not require {program.version_module}")

    def version(self) -> Version:
        """Return the pinned version of the command itself."""
        version = version_in(self.pinned(self.programs[0]))
        if version is None:
            raise ToolError(f"toolchain/{self.name}/go.mod pins no version of the form v1.2.3")
        return version

    def go_version(self) -> Version:
        """Return the oldest Go that can build all the programs."""
        needs = [(self.pins / program.name / "go.mod").read_text() for program in self.programs]
        found = [re.search(r"^go (\S+)$", text, re.MULTILINE) for text in needs]
        return max(version_in(line[1]) or (0, 0, 0) for line in found if line)


_PULUMI = "github.com/pulumi/pulumi"
_PULUMI_VERSION = f"{_PULUMI}/sdk/v3/go/common/version.Version"
_PYTHON_HOST = "pulumi-language-python"

PULUMI = Tool(
    name="pulumi",
    programs=(
        Program(
            name="pulumi",
            package=f"{_PULUMI}/pkg/v3/cmd/pulumi",
            version_variable=_PULUMI_VERSION,
            version_module=f"{_PULUMI}/pkg/v3",
        ),
        Program(
            name=_PYTHON_HOST,
            package=f"{_PULUMI}/sdk/python/cmd/{_PYTHON_HOST}/v3",
            version_variable=_PULUMI_VERSION,
            version_module=f"{_PULUMI}/sdk/v3",
        ),
    ),
    # The scripts come from the release that the language host comes from: it starts the first of them.
    scripts=(
        Script(program=_PYTHON_HOST, module=f"{_PULUMI}/sdk/v3", path=f"python/cmd/{_PYTHON_HOST}-exec"),
        Script(program=_PYTHON_HOST, module=f"{_PULUMI}/sdk/v3", path="python/dist/pulumi-resource-pulumi-python"),
        Script(program=_PYTHON_HOST, module=f"{_PULUMI}/sdk/v3", path="python/dist/pulumi-analyzer-policy-python"),
    ),
    companions=(_PYTHON_HOST, f"{_PYTHON_HOST}-exec", "pulumi-resource-pulumi-python"),
)

TOOLS = {tool.name: tool for tool in (PULUMI,)}
