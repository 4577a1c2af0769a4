"""`make bench`: registering flows, side by side with Prefect's own command, against the emulated API.

Both are whole processes, as a user starts them, turn by turn in one run. The emulator answers both, so what differs is
what each loads and asks; a real server is slower to answer.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from delivery.console import say, warn
from tests.conftest import PrefectApi

ROOT = Path(__file__).parents[2]
FILE = Path("build/bench.json")
OURS, THEIRS = "registration apply", "prefect register"
_FLOW = """from prefect import Flow, task


@task
def double(number):
    return 2 * number


with Flow("flow-{number}") as flow:
    double(double({number}))
"""
# What happens to the flows before each is timed, in this order.
CASES: Mapping[str, Callable[[Path], None]] = {
    "the first time": lambda _: None,
    "nothing changed": lambda _: None,
    "one flow changed": lambda flows: _edit(flows / "flow_0.py"),
}


@dataclass
class Case:
    """The seconds that each command took, a number a round."""

    name: str
    seconds: dict[str, list[float]] = field(default_factory=lambda: {OURS: [], THEIRS: []})

    def median(self, command: str) -> float:
        """Give the middle one."""
        return statistics.median(self.seconds[command])

    @property
    def ratio(self) -> float:
        """How many times as long Prefect's command takes."""
        return self.median(THEIRS) / self.median(OURS)


def main(arguments: Sequence[str] | None = None) -> int:
    """Time both, and tell it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--flows", type=int, default=50, help="how many flows there are (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each is timed (default: %(default)s)")
    options = parser.parse_args(arguments)
    cases = {name: Case(name) for name in CASES}
    with tempfile.TemporaryDirectory(prefix="prefect-aks-bench-") as name:
        api = PrefectApi(Path(name))
        tenant = api.mutate("create_tenant", "id", name="default", slug="default")["id"]
        try:
            for round_ in range(options.rounds):
                warn(f"round {round_ + 1} of {options.rounds} …")
                # Whoever goes first finds the files cold.
                for command in (OURS, THEIRS) if round_ % 2 else (THEIRS, OURS):
                    folder = Path(name) / f"{round_}-{command.split()[0]}"
                    api.mutate("create_project", "id", name=folder.name, tenant_id=tenant)
                    _round(folder, command, api.url, options.flows, cases)
                    _check(command, folder.name, api, options.flows)
        finally:
            api.stop()
    _tell(list(cases.values()), options)
    return 0


def _round(folder: Path, command: str, url: str, flows: int, cases: Mapping[str, Case]) -> None:
    (folder / "flows").mkdir(parents=True)
    for number in range(flows):
        (folder / "flows" / f"flow_{number}.py").write_text(_FLOW.format(number=number))
    environment, line = _command(command, folder, url)
    for name, prepare in CASES.items():
        prepare(folder / "flows")
        began = time.monotonic()
        done = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        cases[name].seconds[command].append(time.monotonic() - began)
        if done.returncode:
            raise SystemExit(f"{command} failed: {(done.stderr or done.stdout).strip()[-500:]}")


def _check(command: str, project: str, api: PrefectApi, flows: int) -> None:
    """See that both came to the same: a version of each flow, and a second of the one that changed."""
    where = f'{{project: {{name: {{_eq: "{project}"}}}}, archived: {{_eq: false}}}}'
    found = sorted(
        (row["name"], row["version"]) for row in api.query(f"{{ flow(where: {where}) {{ name version }} }}")["flow"]
    )
    if found != sorted((f"flow-{number}", 1 if number else 2) for number in range(flows)):
        raise SystemExit(f"{command} came to something else: {found}")


def _command(command: str, folder: Path, url: str) -> tuple[dict[str, str], list[str]]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    if command == OURS:
        line = [sys.executable, "-m", "registration", "apply", "--flows", "flows", "--api", url]
        return {**kept, "PYTHONPATH": str(ROOT)}, [*line, "--project", folder.name, "--store", str(folder / "store")]
    prefect = {"BACKEND": "server", "SERVER__ENDPOINT": url, "HOME_DIR": str(folder / "home")}
    environment = {**kept, **{f"PREFECT__{name}": value for name, value in prefect.items()}, "PYTHONWARNINGS": "ignore"}
    program = str(Path(sys.executable).parent / "prefect")
    return environment, [program, "register", "--project", folder.name, "--path", "flows"]


def _edit(file: Path) -> None:
    # One more task: Prefect's command sees no change of a value.
    file.write_text(f"{file.read_text()}    double(1)\n")


def _tell(cases: Sequence[Case], options: Any) -> None:
    say(f"{options.flows} flows, median of {options.rounds}  {THEIRS:>20}  {OURS:>20}  times as long")
    for case in cases:
        theirs, ours = (f"{case.median(command):.1f} s" for command in (THEIRS, OURS))
        say(f"{case.name:<24}  {theirs:>20}  {ours:>20}  {case.ratio:>13.1f}")
    FILE.parent.mkdir(exist_ok=True)
    rows = [{"name": each.name, "seconds": each.seconds, "ratio": round(each.ratio, 2)} for each in cases]
    document = {"flows": options.flows, "rounds": options.rounds, "cores": os.cpu_count(), "registration": rows}
    FILE.write_text(json.dumps(document, indent=2) + "\n")
    say(f"written to {FILE}")


if __name__ == "__main__":
    sys.exit(main())
