"""What `make audit` writes: each slow test's outcome, its seconds and the figures that it recorded, as JSON.

A pytest plugin, loaded by name: `-p tests.audit`.
"""

import json
from pathlib import Path
from typing import Any

import pytest

FILE = Path("build/audit.json")

rows: dict[str, dict[str, Any]] = {}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "call" or report.outcome != "passed":
        rows[report.nodeid] = {
            "test": report.nodeid,
            "outcome": report.outcome,
            "seconds": round(report.duration, 1),
            "figures": dict(report.user_properties),
        }


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workerinput"):
        # One of several processes, which knows its own tests alone; what it reports reaches the one that started it.
        return
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(json.dumps({"tests": list(rows.values())}, indent=2) + "\n")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for row in rows.values():
        for figure, value in row["figures"].items():
            terminalreporter.write_line(f"{figure}: {value}")
    terminalreporter.write_line(f"written to {FILE}")
