"""The real engine asks the real pack, on the emulated providers: what a person sees with `--policy-pack policies`."""

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from emulators.pulumi_providers import home

PROJECT = """
name: prefect-aks
runtime: {name: python, options: {toolchain: pip, virtualenv: .venv}}
"""
PROGRAM = """
import pulumi
from components import private_endpoint
from components.placement import Placement
from components.storage import Storage, StorageArgs

PROTECT, CONNECTED = FLAGS
if not CONNECTED:
    private_endpoint.connect = lambda name, opts, **_: pulumi.ComponentResource("test:index:Nothing", name, None, opts)
zero = "00000000-0000-0000-0000-000000000000"
network = f"/subscriptions/{zero}/resourceGroups/rg/providers/Microsoft.Network"
placement = Placement(
    base_name="prefect-dev",
    subscription_id=zero,
    tenant_id=zero,
    resource_group="rg",
    location="westeurope",
    zones=("1", "2", "3"),
    tags={},
)
Storage(
    "storage",
    StorageArgs(
        placement=placement,
        name="stprefectdevsample",
        redundancy="ZRS",
        endpoint_subnet_id=f"{network}/virtualNetworks/vnet/subnets/snet-endpoints",
        zone_id=f"{network}/privateDnsZones/privatelink.blob.core.windows.net",
        authorized_ip_ranges=(),
        soft_delete_days=7,
        result_retention_days=30,
        flow_principal_id=zero,
        writer_principal_ids={},
        writer_group_ids={},
        workspace_id=f"/subscriptions/{zero}/resourceGroups/rg/providers/Microsoft.OperationalInsights/workspaces/log",
        protect=PROTECT,
    ),
)
"""


@dataclass(frozen=True)
class Answer:
    """How a preview ended, and what the pack said."""

    code: int
    output: str
    violations: set[tuple[str, str, str]]
    """Policy, the resource's logical name and the line."""


@pytest.fixture(scope="module")
def preview(tmp_path_factory: pytest.TempPathFactory, copy_project: Callable[..., None]) -> Callable[..., Answer]:
    root = tmp_path_factory.mktemp("policy").resolve() / "checkout"
    copy_project(root, "policies")
    (root / "Pulumi.yaml").write_text(PROJECT, "utf-8")
    plugins, state, cloud = (root / ".local" / name for name in ("home", "state", "cloud"))
    for folder in (plugins, state, cloud):
        folder.mkdir(parents=True)
    home.install(plugins)
    environment = {
        **os.environ,
        **home.environment(plugins, cloud),
        "PULUMI_BACKEND_URL": f"file://{state}",
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_DEBUG_COMMANDS": "true",
        "PYTHONWARNINGS": "ignore",
    }

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["pulumi", *arguments, "--stack", "policy", "--non-interactive", "--color", "never"]
        return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)

    assert run("stack", "init").returncode == 0

    def answer(*, protect: bool, connected: bool) -> Answer:
        (root / "__main__.py").write_text(PROGRAM.replace("FLAGS", f"{protect}, {connected}"), "utf-8")
        log = root / ".local" / "events.json"
        log.unlink(missing_ok=True)
        done = run("preview", "--policy-pack", "policies", "--event-log", str(log))
        events = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
        told = [event["policyEvent"] for event in events if "policyEvent" in event]
        violations = {
            (event["policyName"], event["resourceUrn"].rsplit("::", 1)[1], event["message"].strip().split("\n")[-1])
            for event in told
        }
        return Answer(done.returncode, done.stdout + done.stderr, violations)

    return answer


def test_a_program_that_keeps_every_control_is_let_through(preview: Callable[..., Any]) -> None:
    answer = preview(protect=True, connected=True)
    assert answer.code == 0, answer.output
    assert answer.violations == set()
    assert "prefect-aks@v" in answer.output


def test_a_program_that_breaks_controls_is_stopped_with_a_line_for_each(preview: Callable[..., Any]) -> None:
    answer = preview(protect=False, connected=False)
    assert answer.code != 0
    assert {violation[:2] for violation in answer.violations} == {
        ("deletion-protected", "storage-account"),
        ("storage-private-endpoint", "storage-account"),
    }
    for _, _, line in answer.violations:
        assert line in answer.output
    assert "Traceback" not in answer.output
