"""One run of a registered flow: started and watched with the real Prefect client, in a process of its own."""

import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from emulators.machine import Machine
from emulators.process import Process, answers

# `└── 12:30:59 | INFO    | message`, as `prefect run --watch` prints it.
_LINE = re.compile(r"^\W+\d\d:\d\d:\d\d \| (?P<level>[A-Z]+) *\| (?P<message>.*)$")
_MAPPED = re.compile(r"^Task '(?P<task>.+)\[\d+\]': (?:Starting|Finished) task run")
_DONE = re.compile(r"^Task '(?P<task>.+)\[\d+\]': Finished task run .*'(?:Success|Mapped|Skipped|Cached)'")
_ID = re.compile(r"UUID: (?P<id>[0-9a-f-]{36})")
_SUMMARY = re.compile(r"\d+ loaded")
# The last line of a run that succeeds.
_LAST = "Flow run SUCCESS"
_STEP = 50
_LATE_LOGS = 10.0

_RESULT = """query ($id: uuid!) {
  flow_run(where: {id: {_eq: $id}}) { state state_message logs(order_by: {timestamp: asc}) { message } }
}"""


class RunError(RuntimeError):
    """A run did not come to an end, or the client could not start it; the message is one line."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a run ended; `summary` is what its log says was loaded, if it says so."""

    state: str
    message: str
    summary: str


@dataclass(frozen=True, kw_only=True)
class Client:
    """The real client of one project on a machine, whose flows `agent` runs."""

    machine: Machine
    project: str
    agent: Process
    echo: Callable[[str], None]

    def run(self, flow: str, timeout: float = 600.0) -> Result:
        """Run a flow and wait for its final state.

        Raises:
            RunError: the run cannot be started, its agent stopped, or `timeout` seconds went by.
        """
        client = self._start(flow)
        causes: list[str] = []
        arguments = (client, time.monotonic() + timeout, self.agent, causes)
        threading.Thread(target=_guard, args=arguments, daemon=True).start()
        try:
            # An idle agent looks for work every ten seconds only.
            lines = _watch(client, self.echo, created=lambda: answers(f"{self.machine.agent_url}/poke"))
        finally:
            client.kill()
            client.wait()
        if causes:
            raise RunError(f"{flow}: {causes[0]}; see .local/log/agent.log")
        run_id = next((found["id"] for line in lines if (found := _ID.search(line))), None)
        if run_id is None:
            raise RunError(f"{flow}: the run could not be started: {lines[-1].strip() if lines else 'no reason given'}")
        return _result(self.machine.prefect_url, run_id)

    def _start(self, flow: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(  # noqa: S603 - Prefect's own client
            [sys.executable, "-m", "prefect", "run", "--project", self.project, "--name", flow, "--watch"],
            cwd=self.machine.root,
            env={**self.machine.environment(), "PYTHONIOENCODING": "utf-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            start_new_session=True,
        )


def _guard(client: "subprocess.Popen[str]", deadline: float, agent: Process, causes: list[str]) -> None:
    while client.poll() is None:
        if agent.find() is None:
            causes.append("the agent stopped")
        elif time.monotonic() > deadline:
            causes.append("the run did not end in time")
        if causes:
            client.kill()
            return
        time.sleep(0.5)


def _watch(client: "subprocess.Popen[str]", echo: Callable[[str], None], created: Callable[[], object]) -> list[str]:
    """Pass the client's lines on, but those of mapped tasks as a count now and then; return all of them."""
    lines: list[str] = []
    done: dict[str, int] = {}
    for raw in client.stdout or ():
        line = raw.rstrip()
        lines.append(line)
        logged = _LINE.match(line)
        if _ID.search(line):
            created()
        if logged is None:
            # The client's link leads to a web page that this machine has not.
            if line and "URL:" not in line:
                echo(line)
        elif finished := _DONE.match(logged["message"]):
            task = finished["task"]
            done[task] = done.get(task, 0) + 1
            if done[task] % _STEP == 0:
                echo(f"    {task}: {done[task]} finished")
        elif not _MAPPED.match(logged["message"]) or logged["level"] != "INFO" or "Finished" in logged["message"]:
            echo(line)
    return lines


def _result(api: str, run_id: str) -> Result:
    """Ask the server how the run ended; its last log lines arrive a moment after its final state."""
    deadline = time.monotonic() + _LATE_LOGS
    while True:
        found = _ask(api, run_id)
        messages = [log["message"] for log in found["logs"]]
        summaries = [match[0] for message in messages if (match := _SUMMARY.search(message))]
        ended = any(message.startswith(_LAST) for message in messages)
        if ended or found["state"] != "Success" or time.monotonic() > deadline:
            return Result(
                state=found["state"], message=found["state_message"] or "", summary=summaries[-1] if summaries else ""
            )
        time.sleep(0.5)


def _ask(api: str, run_id: str) -> dict[str, Any]:
    try:
        answer = httpx.post(api, json={"query": _RESULT, "variables": {"id": run_id}}, timeout=15.0, trust_env=False)
        (found,) = answer.raise_for_status().json()["data"]["flow_run"]
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"the Prefect API does not say how run {run_id} ended: {error}") from None
    return dict(found)
