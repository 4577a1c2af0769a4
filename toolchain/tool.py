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
    """An executable that Go builds from the module in the folder of the same name, or in another one's folder."""

    name: str
    package: str
    # The version that go.mod pins this module to is the program's.
    version_module: str
    # The variables that the linker sets to it, as `variable={version}`; `{number}` is it without the `v`, `{major}` and
    # `{minor}` are parts of it.
    stamps: tuple[str, ...] = ()
    folder: str = ""

    @property
    def module(self) -> str:
        """The folder that holds its go.mod."""
        return self.folder or self.name


@dataclass(frozen=True, kw_only=True)
class Script:
    """A file of a module that `program` is built from, installed beside it as an executable."""

    program: str
    module: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A command and the files that it needs beside it.

    The first program is the command itself: its version is the tool's, and the least that is taken from PATH. A command
    without `version_arguments` tells none, and is never taken from there.
    """

    name: str
    programs: tuple[Program, ...]
    scripts: tuple[Script, ...] = ()
    version_arguments: tuple[str, ...] = ("version",)
    # A command from PATH is used only where these can be found as well.
    companions: tuple[str, ...] = ()
    # Files of this folder that a program is compiled from.
    sources: tuple[str, ...] = ()
    # Of Go, which the sources need to be compiled at all.
    experiments: tuple[str, ...] = ()
    pins: Path = Path(__file__).parent

    @property
    def command(self) -> str:
        """The executable that the tool is."""
        return self.programs[0].name

    def pin_files(self) -> list[Path]:
        """List the files that decide what is built."""
        modules = dict.fromkeys(program.module for program in self.programs)
        pins = [self.pins / module / file for module in modules for file in ("go.mod", "go.sum")]
        return [*pins, *(self.pins / source for source in self.sources)]

    def recipe(self) -> str:
        """Return all that decides what is built, besides the pin files."""
        return repr((self.name, self.programs, self.scripts, *self.experiments))

    def pinned(self, program: Program) -> str:
        """Return the version of a program, in Go's form, such as `v1.2.3`."""
        text = (self.pins / program.module / "go.mod").read_text()
        if found := re.search(rf"^(?:require)?\s+{re.escape(program.version_module)} (v\S+)", text, re.MULTILINE):
            return found[1]
        raise ToolError(f"toolchain/{program.module}/go.mod does not require {program.version_module}")

    def stamps(self, program: Program) -> str:
        """Return what the linker is told so that a program knows its version."""
        version = self.pinned(program)
        number = version.removeprefix("v")
        major, minor, *_ = number.split(".")
        values = {"version": version, "number": number, "major": major, "minor": minor}
        return " ".join(f"-X {stamp.format(**values)}" for stamp in program.stamps)

    def version(self) -> Version:
        """Return the pinned version of the command itself."""
        version = version_in(self.pinned(self.programs[0]))
        if version is None:
            raise ToolError(f"toolchain/{self.programs[0].module}/go.mod pins no version of the form v1.2.3")
        return version

    def go_version(self) -> Version:
        """Return the oldest Go that can build all the programs."""
        needs = [(self.pins / program.module / "go.mod").read_text() for program in self.programs]
        found = [re.search(r"^go (\S+)$", text, re.MULTILINE) for text in needs]
        return max(version_in(line[1]) or (0, 0, 0) for line in found if line)


_PULUMI = "github.com/pulumi/pulumi"
_PULUMI_VERSION = f"{_PULUMI}/sdk/v3/go/common/version.Version={{version}}"
_PYTHON_HOST = "pulumi-language-python"

PULUMI = Tool(
    name="pulumi",
    programs=(
        Program(
            name="pulumi",
            package=f"{_PULUMI}/pkg/v3/cmd/pulumi",
            version_module=f"{_PULUMI}/pkg/v3",
            stamps=(_PULUMI_VERSION,),
        ),
        Program(
            name=_PYTHON_HOST,
            package=f"{_PULUMI}/sdk/python/cmd/{_PYTHON_HOST}/v3",
            version_module=f"{_PULUMI}/sdk/v3",
            stamps=(_PULUMI_VERSION,),
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

_KUBERNETES = "k8s.io/kubernetes"
_KUBERNETES_VERSION = tuple(
    f"k8s.io/component-base/version.{variable}"
    for variable in ("gitVersion={version}", "gitMajor={major}", "gitMinor={minor}")
)

KUBERNETES = Tool(
    name="kubernetes",
    programs=tuple(
        Program(
            name=name,
            package=f"{_KUBERNETES}/cmd/{name}",
            version_module=_KUBERNETES,
            stamps=_KUBERNETES_VERSION,
            folder="kubernetes",
        )
        for name in ("kube-apiserver", "kube-controller-manager")
    ),
    version_arguments=("--version",),
    companions=("kube-controller-manager",),
)

_ETCD = "go.etcd.io/etcd/server/v3"

# Kubernetes pins it, and most of what it is compiled from is Kubernetes' too.
ETCD = Tool(
    name="etcd",
    programs=(Program(name="etcd", package=_ETCD, version_module=_ETCD, folder="kubernetes"),),
    version_arguments=("--version",),
)

POD_SECURITY = Tool(
    name="pod-security",
    programs=(
        Program(
            name="pod-security",
            package="./pod-security",
            version_module="k8s.io/pod-security-admission",
            stamps=("main.version={version}",),
            folder="kubernetes",
        ),
    ),
    sources=("kubernetes/pod-security/main.go",),
)

_HELM = "helm.sh/helm/v3"
# The Kubernetes that charts are rendered for where no cluster is asked: that of its pinned k8s.io modules.
_HELM_KUBERNETES = tuple(
    f"{_HELM}/pkg/{package}.k8sVersion{part}"
    for package in ("chartutil", "lint/rules")
    for part in ("Major=1", "Minor=37")
)

HELM = Tool(
    name="helm",
    programs=(
        Program(
            name="helm",
            package=f"{_HELM}/cmd/helm",
            version_module=_HELM,
            stamps=(f"{_HELM}/internal/version.version={{version}}", *_HELM_KUBERNETES),
        ),
    ),
)

_HELM_UNITTEST = "github.com/helm-unittest/helm-unittest"

# It renders with Helm's own packages, so both are built from the same pins.
HELM_UNITTEST = Tool(
    name="helm-unittest",
    programs=(
        Program(
            name="helm-unittest",
            package=f"{_HELM_UNITTEST}/cmd/helm-unittest",
            version_module=_HELM_UNITTEST,
            folder="helm",
        ),
    ),
    version_arguments=(),
)

_KUBECONFORM = "github.com/yannh/kubeconform"

KUBECONFORM = Tool(
    name="kubeconform",
    programs=(
        Program(
            name="kubeconform",
            package=f"{_KUBECONFORM}/cmd/kubeconform",
            version_module=_KUBECONFORM,
            stamps=("main.version={version}",),
        ),
    ),
    version_arguments=("-v",),
)

_KUBE_SCORE = "github.com/zegl/kube-score"

KUBE_SCORE = Tool(
    name="kube-score",
    programs=(
        Program(
            name="kube-score",
            package=f"{_KUBE_SCORE}/cmd/kube-score",
            version_module=_KUBE_SCORE,
            stamps=("main.version={version}",),
        ),
    ),
)

_GITLEAKS = "github.com/zricethezav/gitleaks/v8"

GITLEAKS = Tool(
    name="gitleaks",
    programs=(
        Program(
            name="gitleaks",
            package=_GITLEAKS,
            version_module=_GITLEAKS,
            stamps=(f"{_GITLEAKS}/version.Version={{version}}",),
        ),
    ),
)

_TRIVY = "github.com/aquasecurity/trivy"

TRIVY = Tool(
    name="trivy",
    programs=(
        Program(
            name="trivy",
            package=f"{_TRIVY}/cmd/trivy",
            version_module=_TRIVY,
            # It compares this with what its checks need, and cannot read the `v`.
            stamps=(f"{_TRIVY}/pkg/version/app.ver={{number}}",),
        ),
    ),
    version_arguments=("--version",),
    experiments=("jsonv2",),
)

TOOLS = {
    tool.name: tool
    for tool in (
        PULUMI,
        KUBERNETES,
        ETCD,
        POD_SECURITY,
        HELM,
        HELM_UNITTEST,
        KUBECONFORM,
        KUBE_SCORE,
        GITLEAKS,
        TRIVY,
    )
}
