"""What the tests of single components share: what a component registers under Pulumi's mocks, as data."""

import asyncio
import base64
import contextlib
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pulumi
import pytest
from pulumi.runtime import mocks, rpc, settings
from pulumi.runtime.stack import run_pulumi_func

from components.placement import Placement

ASSIGNED = ("principalId", "clientId", "objectId", "result")
KUBECONFIG = """
clusters:
- name: aks
  cluster: {server: "https://aks.example.com:443", certificate-authority-data: Q0E=}
users:
- name: user
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1beta1
      command: kubelogin
      args: [get-token, --environment, AzurePublicCloud, --server-id, server, --client-id, client, --login, devicecode]
"""
MORE: dict[str, dict[str, Any]] = {
    "azure-native:containerservice:ManagedCluster": {
        "oidcIssuerProfile": {"enabled": True, "issuerURL": "https://issuer.example.com/"},
        "nodeResourceGroup": "nodes",
    },
    "azure-native:network:AzureFirewall": {"ipConfigurations": [{"privateIPAddress": "10.0.4.4"}]},
    "azure-native:network:PublicIPAddress": {"ipAddress": "203.0.113.7"},
    "azure-native:dbforpostgresql:Server": {"fullyQualifiedDomainName": "server.postgres.database.azure.com"},
}


@dataclass(frozen=True)
class Registered:
    """One resource as it was registered."""

    type: str
    name: str
    inputs: dict[str, Any]
    """By Pulumi's wire names, secrets resolved."""
    secrets: frozenset[str]
    """The inputs that are secret."""
    parent: str
    depends_on: frozenset[str]
    """Logical names, of what its inputs name too."""
    ignore_changes: tuple[str, ...]
    protect: bool


class Made(list[Registered]):
    """What a component registered, in order."""

    def of(self, kind: str) -> list[Registered]:
        """The resources whose type token ends in this."""
        return [each for each in self if each.type.endswith(f":{kind}")]

    def one(self, kind: str) -> Registered:
        """The only one of its type."""
        (found,) = self.of(kind)
        return found

    def named(self, name: str) -> Registered:
        """The one with this logical name."""
        (found,) = [each for each in self if each.name == name]
        return found


class _Cloud(mocks.Mocks):
    """Answers with the inputs, and with plausible values for what Azure would assign."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        physical = [value for key, value in args.inputs.items() if key.endswith("Name") and isinstance(value, str)]
        assigned = {key: str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{args.name}/{key}")) for key in ASSIGNED}
        named = {"name": next(reversed(physical), args.name)}
        answer = assigned | named | args.inputs | MORE.get(args.typ, {})
        if ids := args.inputs.get("identity", {}).get("userAssignedIdentities"):
            # A list of ids goes in, and a map by id comes back.
            answer["identity"] = args.inputs["identity"] | {"userAssignedIdentities": {each: {} for each in ids}}
        return f"/{args.typ}/{args.name}", answer

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:  # type: ignore[override]  # failures are optional
        assert args.token.endswith(":listManagedClusterUserCredentials")
        return {"kubeconfigs": [{"name": "clusterUser", "value": base64.b64encode(KUBECONFIG.encode()).decode()}]}


class _Monitor(mocks.MockMonitor):
    """Keeps what is registered, whole."""

    def __init__(self, made: Made) -> None:
        super().__init__(_Cloud())
        self.made = made

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the engine's name for it
        inputs = rpc.deserialize_properties(request.object)
        self.made.append(
            Registered(
                type=request.type,
                name=request.name,
                inputs={key: rpc.unwrap_rpc_secret(value) for key, value in inputs.items()},
                secrets=frozenset(key for key, value in inputs.items() if rpc.is_rpc_secret(value)),
                parent=request.parent.split("::")[-1],
                depends_on=frozenset(urn.split("::")[-1] for urn in request.dependencies),
                ignore_changes=tuple(request.ignoreChanges),
                protect=request.protect,
            )
        )
        return super().RegisterResource(request)


@pytest.fixture(scope="session")
def register() -> Callable[[Callable[[], object]], Made]:
    """Run a program under mocks and return what it registered."""

    def run(program: Callable[[], object]) -> Made:
        made = Made()

        async def stack() -> None:
            # Inside the loop: `set_mocks` registers a stack, and what is scheduled outside never runs.
            settings.SETTINGS.rpc_manager.clear()
            settings.SETTINGS.outputs.clear()
            settings.set_root_resource(None)
            mocks.set_mocks(_Cloud(), "prefect-aks", "test", preview=False, monitor=_Monitor(made))
            await run_pulumi_func(lambda: (program(), None)[1])

        # The monitor answers in another thread and needs a loop there, which nobody but us would close.
        answering = asyncio.new_event_loop()
        with contextlib.closing(answering), asyncio.Runner() as runner:
            threads = ThreadPoolExecutor(1, initializer=asyncio.set_event_loop, initargs=(answering,))
            runner.get_loop().set_default_executor(threads)
            try:
                runner.run(stack())
            finally:
                settings.set_root_resource(None)
        return made

    return run


@pytest.fixture(scope="session")
def placement() -> Placement:
    """Three zones of West Europe."""
    return Placement(
        base_name="prefect-test",
        subscription_id="00000000-0000-0000-0000-000000000001",
        tenant_id="00000000-0000-0000-0000-000000000002",
        resource_group="rg-prefect-test",
        location="westeurope",
        zones=("1", "2", "3"),
        tags={"environment": "test"},
    )


class Anything(pulumi.CustomResource):
    """Stands in for a component that another one waits for."""

    def __init__(self, name: str) -> None:
        super().__init__("test:index:Anything", name, {})


@pytest.fixture(scope="session")
def anything() -> Callable[[str], pulumi.Resource]:
    """Make a resource to wait for; inside the program alone."""
    return Anything
