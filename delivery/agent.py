"""A Prefect agent of this machine, which runs the flows of one label and ends with the command that started it.

It and its runs are one process group, so that nothing of them is left, whatever they started.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from delivery.error import DeliveryError

_LOOPBACK = "127.0.0.1"
_GRACE = 10.0


@dataclass(frozen=True)
class Agent:
    """An agent that was started."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def check(self) -> None:
        """Raise a DeliveryError when it has ended by itself."""
        code = self.process.poll()
        if code is not None:
            lines = self.log.read_text("utf-8", errors="replace").splitlines()
            said = next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")
            raise DeliveryError(f"the Prefect agent stopped by itself (exit {code}): {said[:300]}")


def client_environment(api: str, home: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Give the environment of a process of Prefect's own: a caller's, with nothing of another Prefect in it.

    Args:
        api: Where the Prefect API answers plain HTTP.
        home: Where it keeps what it writes.
        environ: The caller's own environment.
    """
    kept = {name: value for name, value in environ.items() if not name.startswith("PREFECT__")}
    direct = ",".join(filter(None, [kept.get("NO_PROXY") or kept.get("no_proxy"), _LOOPBACK]))
    return {
        **kept,
        "NO_PROXY": direct,
        "no_proxy": direct,
        "PREFECT__BACKEND": "server",
        "PREFECT__SERVER__ENDPOINT": api,
        "PREFECT__HOME_DIR": str(home),
        "PREFECT__USER_CONFIG_PATH": str(home / "config.toml"),
        "PREFECT__CLOUD__LOGGING_HEARTBEAT": "1",
        # A thread beats as well as the default process, which imports Prefect anew for every run.
        "PREFECT__CLOUD__HEARTBEAT_MODE": "thread",
        "PYTHONUNBUFFERED": "1",
    }


@contextmanager
def running(label: str, root: Path, environment: Mapping[str, str], log: Path) -> Iterator[Agent]:
    """Run an agent, of the label's name, that takes the runs with this label alone.

    Flow runs start in `root`, and import its tasks/ and utils/.
    """
    start = (sys.executable, "-m", "prefect", "agent", "local", "start", "--name", label, "--label", label)
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - Prefect's own agent; a label is pr- and digits
            [*start, "--no-hostname-label", "--import-path", str(root)],
            cwd=root,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Agent(process, log)
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End the whole group: ask, wait for the agent, then kill what is left."""
    # A second Ctrl-C must leave nothing running.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
