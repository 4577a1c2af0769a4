"""A Pulumi engine for one command: its state, its plugins and its home are in a private folder that goes with it.

Its environment is made of a short list of variables, so no credential of the person who runs it can reach the program.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from emulators.machine import ROOT
from emulators.process import MARK, Process
from emulators.pulumi_providers import home as plugins
from preview.engine import Command, EngineError, run
from preview.message import errors_in

_KEPT = ("PATH", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "PYTHONPYCACHEPREFIX")
_GRACE = 5.0
# The longest step without an event is the first import of a cloud's SDK, about a minute on a slow machine.
_SILENCE = 300.0


@dataclass(frozen=True, kw_only=True)
class Engine:
    """The engine, with all that it writes below `folder`."""

    folder: Path
    environment: Mapping[str, str] = field(repr=False)

    def call(self, *arguments: str, cwd: Path) -> None:
        """Run a short command.

        Raises:
            EngineError: it failed.
        """
        code, said = self.watch(*arguments, cwd=cwd)
        if code:
            raise EngineError(
                next(iter(errors_in(said)), f"pulumi {arguments[0]} failed, exit {code}, and said nothing")
            )

    def watch(
        self, *arguments: str, cwd: Path, log: Path | None = None, on_line: Callable[[str], object] = str
    ) -> tuple[int, str]:
        """Run a command, hand over each line of its event log as it comes, and return its exit code and its output."""
        command = Command(
            arguments=arguments,
            cwd=cwd,
            environment=self.environment,
            output=self.folder / "output",
            log=log,
            silence=_SILENCE,
            grace=_GRACE,
        )
        code, said = run(command, lambda line: on_line(self._shown(line)))
        return code, self._shown(said)

    def _shown(self, text: str) -> str:
        # The private folder means nothing to whoever reads a message.
        return text.replace(f"{self.folder}/workspace/", "").replace(f"{self.folder}/", "")


@contextmanager
def engine(prefix: str) -> Iterator[Engine]:
    """Make an engine, and take away all of it in the end, also what it left running.

    Raises:
        EngineError: there is no Pulumi, for a reason that has been told.
    """
    path = _tool()
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    mark = Process(name="pulumi", home=folder, command=())
    interrupt = signal.getsignal(signal.SIGINT)
    try:
        plugin_home, cloud, state = folder / "home", folder / "cloud", folder / "state"
        commands = folder / "bin"
        for each in (plugin_home, cloud, state, commands):
            each.mkdir()
        _put_kubelogin(commands)
        plugins.install(plugin_home)
        yield Engine(
            folder=folder,
            environment={
                **{name: os.environ[name] for name in _KEPT if name in os.environ},
                "PATH": f"{path}:{os.environ.get('PATH', '')}:{commands}",
                "HOME": str(folder),
                **plugins.environment(plugin_home, cloud),
                "PULUMI_BACKEND_URL": f"file://{state}",
                "PULUMI_CONFIG_PASSPHRASE": "",
                # It makes --event-log known, which says what the engine does, as data.
                "PULUMI_DEBUG_COMMANDS": "true",
                "PYTHONWARNINGS": "ignore",
                MARK: mark.mark,
            },
        )
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        mark.stop(grace=_GRACE)
        shutil.rmtree(folder, ignore_errors=True)
        signal.signal(signal.SIGINT, interrupt)


def _put_kubelogin(folder: Path) -> None:
    """The program asks that it is there; on an emulated cluster nobody logs in."""
    command = folder / "kubelogin"
    command.write_text("#!/bin/sh\necho 'kubelogin is emulated, and logs nobody in' >&2\nexit 1\n", "utf-8")
    command.chmod(0o755)


def _tool() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "toolchain", "pulumi"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise EngineError("no Pulumi engine, for the reason above")
    return done.stdout.strip()
