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
from delivery.pr_project import interrupt

_LOOPBACK = "127.0.0.1"
# A pipeline that is cancelled gives 7.5 seconds from SIGINT to SIGTERM, and 2.5 more until it kills.
_GRACE = 5.0
# What a flow run needs of a person's or a pipeline's environment: its machine, the way out, and who it is in Azure.
# No prefix leads the last ones, as AZURE_DEVOPS_EXT_PAT is no business of a flow.
_LENT = frozenset(
    (
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "PYTHONPYCACHEPREFIX"),
        *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
        *("AZURE_CONFIG_DIR", "AZURE_AUTHORITY_HOST", "AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"),
        *("AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_CLIENT_CERTIFICATE_PASSWORD", "AZURE_FEDERATED_TOKEN_FILE"),
        *("IDENTITY_ENDPOINT", "IDENTITY_HEADER", "MSI_ENDPOINT", "MSI_SECRET", "AZURE_STORAGE_CONNECTION_STRING"),
    )
)
# The last two are the run-time settings of flows.
_LENT_PREFIXES = ("LC_", "FLOW_", "POKEMON_API_")


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


def lent(environ: Mapping[str, str]) -> dict[str, str]:
    """Give the part of a caller's environment that a pull request's flows may see: none of its other credentials."""
    return {name: value for name, value in environ.items() if name in _LENT or name.startswith(_LENT_PREFIXES)}


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
    try:
        with interrupt.ignored():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_GRACE)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
