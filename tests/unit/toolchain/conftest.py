"""A machine with a Go that builds nothing: it writes scripts that tell the version they were asked for.

Its PATH holds the folder of the fixture and nothing else, so that no tool of the machine that tests is found.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

_GO = """#!{python}
import os, pathlib, sys, time
words = sys.argv[1:]
if words[0] == "env":
    print(os.environ["FAKE_GO_VERSION"])
elif words[0] == "list":
    print({module!r})
else:
    with open({started!r}, "a") as started:
        started.write(str(os.getpid()) + "\\n")
    end = time.monotonic() + 600
    while os.environ.get("FAKE_GO_WAITS") and time.monotonic() < end:
        time.sleep(0.01)
    if said := os.environ.get("FAKE_GO_SAYS"):
        sys.exit(said)
    target = pathlib.Path(words[words.index("-o") + 1])
    version = words[words.index("-ldflags") + 1].rpartition("=")[2]
    target.write_text("#!{python}\\nprint(" + repr(version) + ")\\n")
    target.chmod(0o755)
"""
_SCRIPTS = (
    "python/cmd/pulumi-language-python-exec",
    "python/dist/pulumi-resource-pulumi-python",
    "python/dist/pulumi-analyzer-policy-python",
)


@dataclass
class Machine:
    """A machine of its own for one test: a PATH, a cache, and the command that is tested."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.path = self.folder / "bin"
        self.cache = self.folder / "cache"
        self._started = self.folder / "started"
        self.environ |= {
            "PATH": str(self.path),
            "PREFECT_AKS_CACHE": str(self.cache),
            "PYTHONPATH": str(ROOT),
            "FAKE_GO_VERSION": "go1.99.0",
        }
        module = self.folder / "module"
        for script in _SCRIPTS:
            (module / script).parent.mkdir(parents=True, exist_ok=True)
            (module / script).write_text("#!/bin/sh\n")
        self.put("go", _GO.format(python=sys.executable, module=str(module), started=str(self._started)))

    def put(self, name: str, text: str) -> Path:
        """Put an executable on PATH."""
        file = self.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)
        return file

    def put_pulumi(self, version: str, *companions: str) -> None:
        """Put a `pulumi` on PATH that tells a version."""
        self.put("pulumi", f"#!/bin/sh\necho {version}\n")
        for name in companions:
            self.put(name, "#!/bin/sh\n")

    def start(self, **environ: str) -> subprocess.Popen[str]:
        """Start `python -m toolchain pulumi`."""
        return subprocess.Popen(
            [sys.executable, "-m", "toolchain", "pulumi"],
            cwd=self.folder,
            env=self.environ | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m toolchain pulumi` to its end."""
        with self.start(**environ) as process:
            out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def compilations(self) -> list[int]:
        """The process id of each compilation that was started."""
        return [int(line) for line in self._started.read_text().split()] if self._started.exists() else []

    def wait_for_compilation(self) -> int:
        """Wait until a compilation has started, and return its process id."""
        end = time.monotonic() + 30
        while not self.compilations():
            assert time.monotonic() < end, "no compilation started"
            time.sleep(0.01)
        return self.compilations()[0]

    def entries(self) -> list[str]:
        """The names of what the cache holds as done."""
        return sorted(
            folder.name
            for folder in self.cache.glob("*")
            if folder.is_dir() and folder.name != "logs" and not folder.name.startswith(".")
        )

    def parts(self) -> list[Path]:
        """What the cache holds half done."""
        return list(self.cache.glob(".*.part-*"))


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine with a Go and without a Pulumi."""
    return Machine(tmp_path, {key: value for key, value in os.environ.items() if key in {"HOME", "LANG"}})
