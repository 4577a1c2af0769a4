"""What several unit tests share: the Pokémon source, and the plan of an environment in Azure.

The one is served in this process on a free port, the other is what the real program registers under Pulumi's mocks.
"""

import asyncio
import base64
import contextlib
import functools
import json
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime import mocks, rpc, settings
from pulumi.runtime.stack import run_in_stack

from components import flow_registry
from emulators.pokemon_api.server import application
from infra import program, registration_file, stack_file, workload
from registration import catalog

ROOT = Path(__file__).parents[2]
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
TENANT = "00000000-0000-0000-0000-000000000002"


@pytest.fixture(scope="session")
def pokemon_server() -> Iterator[str]:
    """The URL of a Pokémon API on 127.0.0.1."""
    server = uvicorn.Server(uvicorn.Config(application(), host="127.0.0.1", port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive(), "the Pokémon API did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}/api/v2"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def pokemon_api(pokemon_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, with the flows' settings pointing at it."""
    monkeypatch.setenv("POKEMON_API_URL", pokemon_server)
    return pokemon_server


@dataclass(frozen=True)
class PlannedResource:
    """One resource that the program registered; `parent` is a logical name, empty below the stack."""

    type: str
    name: str
    parent: str
    custom: bool
    inputs: dict[str, Any]
    """By Pulumi's wire names, secrets and outputs of others resolved."""
    secrets: frozenset[str]
    """The inputs that are secret."""
    provider: str
    """Logical name of its provider."""
    protect: bool
    request: Any = field(repr=False)
    """What the engine would be sent."""


@dataclass
class Plan:
    """What the program makes of one stack file."""

    resources: list[PlannedResource] = field(default_factory=list)
    outputs: dict[str, Any] = field(default_factory=dict)
    secret_outputs: set[str] = field(default_factory=set)

    def of(self, kind: str) -> list[PlannedResource]:
        """The resources whose type token is this, or ends in `:` and this."""
        return [each for each in self.resources if each.type == kind or each.type.endswith(f":{kind}")]

    def one(self, kind: str) -> PlannedResource:
        """The only one of its type."""
        (found,) = self.of(kind)
        return found


class _Cloud(mocks.Mocks):
    """Answers with the inputs, and with plausible values for what Azure would assign."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        physical = [value for key, value in args.inputs.items() if key.endswith("Name") and isinstance(value, str)]
        same = {key: str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{args.name}/{key}")) for key in ASSIGNED}
        assigned = same | {"name": next(reversed(physical), args.name), "tenantId": TENANT}
        if not args.custom:
            return "", {}
        state = assigned | args.inputs | MORE.get(args.typ, {})
        # Azure answers with an identity of another shape than it is asked for.
        state |= {"identity": {"type": "UserAssigned"}} if "identity" in state else {}
        return f"/subscriptions/{SUBSCRIPTION}/{args.typ}/{args.name}", state

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:  # type: ignore[override]  # failures are optional
        return CALLS.get(args.token, {})


KUBECONFIG = """
current-context: aks
clusters: [{name: aks, cluster: {server: "https://aks.example.com:443"}}]
"""
ASSIGNED = ("principalId", "clientId", "objectId", "immutableId", "result")
MORE: dict[str, dict[str, Any]] = {
    "azure-native:network:PublicIPAddress": {"ipAddress": "198.51.100.7"},
    "azure-native:containerregistry:Registry": {"loginServer": "registry.azurecr.io"},
    "azure-native:dbforpostgresql:Server": {"fullyQualifiedDomainName": "server.postgres.database.azure.com"},
    "azure-native:storage:StorageAccount": {"primaryEndpoints": {"blob": "https://account.blob.core.windows.net/"}},
    "azure-native:containerservice:ManagedCluster": {
        "oidcIssuerProfile": {"enabled": True, "issuerURL": "https://issuer.example.com/"},
        "nodeResourceGroup": "nodes",
    },
}
_DIGESTS = {"digest": f"sha256:{'0' * 64}"}
MORE |= dict.fromkeys(
    ("pulumi-python:dynamic/prefect-aks:Image", "pulumi-python:dynamic/prefect-aks:BuiltImage"), _DIGESTS
)
CALLS: dict[str, dict[str, Any]] = {
    "azure-native:authorization:getClientConfig": {
        "subscriptionId": SUBSCRIPTION,
        "tenantId": TENANT,
        "objectId": "00000000-0000-0000-0000-000000000003",
        "clientId": "00000000-0000-0000-0000-000000000004",
    },
    "azure-native:containerservice:listManagedClusterUserCredentials": {
        "kubeconfigs": [{"name": "clusterUser", "value": base64.b64encode(KUBECONFIG.encode()).decode()}],
    },
}


class _Monitor(mocks.MockMonitor):
    """Keeps what is registered, whole."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(_Cloud())
        self.plan = plan

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the engine's name for it
        if request.type != "pulumi:pulumi:Stack":
            inputs = rpc.deserialize_properties(request.object)
            parent = request.parent.split("::")
            registered = PlannedResource(
                type=request.type,
                name=request.name,
                parent="" if parent[2] == "pulumi:pulumi:Stack" else parent[3],
                custom=request.custom,
                inputs={key: rpc.unwrap_rpc_secret(value) for key, value in inputs.items()},
                secrets=frozenset(key for key, value in inputs.items() if rpc.is_rpc_secret(value)),
                provider=request.provider.split("::")[3] if request.provider else "",
                protect=request.protect,
                request=request,
            )
            self.plan.resources.append(registered)
        return super().RegisterResource(request)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802 - the engine's name for it
        if request.urn.split("::")[2] == "pulumi:pulumi:Stack":
            outputs = rpc.deserialize_properties(request.outputs)
            self.plan.outputs = {key: rpc.unwrap_rpc_secret(value) for key, value in outputs.items()}
            self.plan.secret_outputs = {key for key, value in outputs.items() if rpc.is_rpc_secret(value)}
        return super().RegisterResourceOutputs(request)


def _configure(monitor: mocks.MockMonitor, stack: str) -> None:
    """Do what `set_mocks` does, without the stack resource that it makes outside the program's event loop."""
    features = set(monitor.GetDeploymentInfo(Empty()).supportedFeatures)
    settings.set_root_resource(None)
    settings.configure(
        mocks.MockSettings(
            monitor=monitor,
            monitor_features=features,
            engine=mocks.MockEngine(None),
            project="prefect-aks",
            stack=stack,
            dry_run=False,
            organization=None,
            callbacks=None,
        )
    )


def _run() -> None:
    """Run the program; the thread that answers it has an event loop, which nobody else would close."""
    answering = asyncio.new_event_loop()
    with contextlib.closing(answering), asyncio.Runner() as runner:
        threads = ThreadPoolExecutor(1, initializer=asyncio.set_event_loop, initargs=(answering,))
        runner.get_loop().set_default_executor(threads)
        runner.run(run_in_stack(program.run))


@functools.cache
def _flows(run_config: catalog.RunConfig) -> catalog.Catalog:
    """What every stack loads, loaded once; all of them keep scripts in Azure."""
    store = "https://account.blob.core.windows.net/flows"
    return catalog.load(ROOT / "flows", store=store, run_config=run_config)


@functools.cache
def _plan(stack: str, overrides: frozenset[tuple[str, str]]) -> Plan:
    values = (
        stack_file.declared(ROOT) | stack_file.values(ROOT / stack_file.name(stack), "prefect-aks") | dict(overrides)
    )
    made = Plan()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULUMI_CONFIG", json.dumps({f"prefect-aks:{key}": value for key, value in values.items()}))
        # As `pulumi config set --secret` has it.
        patch.setenv("PULUMI_CONFIG_SECRET_KEYS", json.dumps(["prefect-aks:alertWebhook"]))
        patch.chdir(ROOT)
        # The program asks that it is there; here nobody logs in.
        patch.setattr(workload.shutil, "which", lambda name: f"/usr/bin/{name}")
        patch.setattr(flow_registry, "catalog", SimpleNamespace(load=lambda *_, run_config, **__: _flows(run_config)))
        # It would leave a file in this checkout.
        patch.setattr(registration_file, "write", lambda *_: None)
        _configure(_Monitor(made), stack)
        try:
            _run()
        finally:
            settings.set_root_resource(None)
    return made


@pytest.fixture(scope="session")
def plan() -> Callable[..., Plan]:
    """Run the program for a stack file, with some keys set otherwise as text; the same question is answered once."""
    return lambda stack, **overrides: _plan(stack, frozenset(overrides.items()))
