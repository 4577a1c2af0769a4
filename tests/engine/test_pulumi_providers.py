"""The emulated providers under the real engine: one small environment from its first preview to its end.

The fixtures are one story, each a chapter that goes on from the one before.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from emulators.pulumi_providers.home import environment, install

PROJECT = {
    "name": "small",
    "runtime": {"name": "python", "options": {"virtualenv": sys.prefix}},
}
SOUND = """
import pulumi
import pulumi_azuread as entra
import pulumi_kubernetes as kubernetes
import pulumi_random as random
from pulumi_azure_native import Provider, authorization, dbforpostgresql, managedidentity, network, resources, storage

LOCATION = "westeurope"
TAG = "one"
azure = pulumi.ResourceOptions(provider=Provider("azure"))
client = authorization.get_client_config_output(opts=pulumi.InvokeOutputOptions(provider=azure.provider))
group = resources.ResourceGroup("group", resource_group_name="rg-small", location="westeurope", opts=azure)
home = {"resource_group_name": group.name, "location": "westeurope"}
space = network.AddressSpaceArgs(address_prefixes=["10.1.0.0/16"])
vnet = network.VirtualNetwork("vnet", virtual_network_name="vnet-small", address_space=space, **home, opts=azure)
subnet = network.Subnet(
    "subnet", resource_group_name=group.name, virtual_network_name=vnet.name, address_prefix="10.1.0.0/24", opts=azure
)
account = storage.StorageAccount(
    "account",
    account_name="stsmall",
    resource_group_name=group.name,
    location=LOCATION,
    kind="StorageV2",
    sku=storage.SkuArgs(name="Standard_LRS"),
    tags={"tag": TAG},
    opts=azure,
)
container = storage.BlobContainer(
    "container", account_name=account.name, resource_group_name=group.name, container_name="flows", opts=azure
)
identity = managedidentity.UserAssignedIdentity("identity", **home, tags={"tag": TAG}, opts=azure)
role = pulumi.Output.format(
    "/subscriptions/{0}/providers/Microsoft.Authorization/roleDefinitions/ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    client.subscription_id,
)
authorization.RoleAssignment(
    "role", scope=account.id, principal_id=identity.principal_id, role_definition_id=role,
    principal_type="ServicePrincipal", opts=azure,
)
password = random.RandomPassword("password", length=24)
server = dbforpostgresql.Server(
    "server", server_name="psql-small", **home, administrator_login="prefect",
    administrator_login_password=password.result, opts=azure,
)
administrators = entra.Group("administrators", display_name="administrators", security_enabled=True)
kubernetes.core.v1.Secret("secret", string_data={"password": password.result})
pulumi.export("password", password.result)
pulumi.export("host", server.fully_qualified_domain_name)
pulumi.export("subnet", subnet.id)
pulumi.export("administrators", administrators.object_id)
"""
WRONG = """
import pulumi
from pulumi_azure_native import storage

home = {"resource_group_name": "rg-small", "location": "westeurope"}
sku = {"nmae": "Standard_LRS"}
storage.StorageAccount("wrong", **home, account_name="st", kind=pulumi.Output.secret("hunter2"), sku=sku)
"""
LINES = {
    "sku.nmae: is not a property here; did you mean name?",
    "sku.name: is required and missing",
    'kind: "[secret]" is not one of Storage, StorageV2, BlobStorage, FileStorage, BlockBlobStorage',
}


@dataclass
class Outcome:
    """What the engine did to each resource, by its logical name, and what it said."""

    code: int
    output: str
    operations: dict[str, str] = field(default_factory=dict)
    details: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def changed(self) -> dict[str, str]:
        return {name: operation for name, operation in self.operations.items() if operation != "same"}


@dataclass(frozen=True)
class Small:
    """A stack of a small program."""

    root: Path

    @property
    def cloud(self) -> Path:
        return self.root / "cloud"

    def pulumi(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        variables = {
            **os.environ,
            **environment(self.root / "home", self.cloud),
            "PULUMI_BACKEND_URL": f"file://{self.root / 'state'}",
            "PULUMI_CONFIG_PASSPHRASE": "",
            "PULUMI_DEBUG_COMMANDS": "true",
            "PYTHONWARNINGS": "ignore",
        }
        command = ["pulumi", *arguments, "--stack", "small", "--non-interactive", "--color", "never"]
        return subprocess.run(command, cwd=self.root, env=variables, capture_output=True, text=True, check=False)

    def act(self, *arguments: str, text: str = SOUND, code: int = 0) -> Outcome:
        (self.root / "__main__.py").write_text(text)
        log = self.root / "events.json"
        log.unlink(missing_ok=True)
        done = self.pulumi(*arguments, "--event-log", str(log))
        outcome = Outcome(done.returncode, done.stdout + done.stderr)
        assert done.returncode == code, outcome.output
        assert "Traceback" not in outcome.output
        for event in map(json.loads, log.read_text().splitlines()):
            told = event.get("resOutputsEvent") or event.get("resourcePreEvent")
            if told:
                metadata = told["metadata"]
                name = metadata["urn"].rsplit("::", 1)[1]
                if not metadata["type"].startswith("pulumi:"):
                    outcome.operations[name] = metadata["op"]
                    outcome.details.setdefault(name, {}).update({key: it for key, it in metadata.items() if it})
        return outcome

    def stored(self, provider: str) -> Any:
        return json.loads((self.cloud / f"{provider}.json").read_text())["resources"]


NAMES = {
    *("group", "vnet", "subnet", "account", "container", "identity", "role"),
    *("password", "server", "administrators", "secret"),
}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Small]:
    stack = Small(tmp_path_factory.mktemp("small"))
    install(stack.root / "home")
    (stack.root / "state").mkdir()
    (stack.root / "Pulumi.yaml").write_text(json.dumps(PROJECT))
    made = stack.pulumi("stack", "init")
    assert made.returncode == 0, made.stderr
    return stack


@pytest.fixture(scope="module")
def previewed(small: Small) -> Outcome:
    return small.act("preview", "--diff")


@pytest.fixture(scope="module")
def deployed(small: Small, previewed: Outcome) -> dict[str, Any]:
    """The environment, made; its outputs."""
    del previewed
    made = small.act("up", "--yes", "--skip-preview")
    assert made.operations == dict.fromkeys(NAMES, "create")
    found: dict[str, Any] = json.loads(small.pulumi("stack", "output", "--json", "--show-secrets").stdout)
    return found


def test_each_mistake_is_refused_in_one_line_that_shows_no_secret(small: Small) -> None:
    output = small.act("preview", text=WRONG, code=1).output
    said = {line.strip() for line in output.splitlines() if line.startswith("    error: ")}
    refused = "error: azure-native:storage:StorageAccount resource 'wrong' has a problem: "
    assert said == {refused + line for line in LINES}
    assert "hunter2" not in output


def test_a_preview_shows_every_resource_and_knows_no_id(previewed: Outcome) -> None:
    assert previewed.operations == dict.fromkeys(NAMES, "create")
    shown = dict(
        line.split(":", 1) for line in previewed.output.partition("--outputs:--")[2].splitlines() if ":" in line
    )
    assert {shown[name].strip() for name in shown if name.strip() in {"host", "subnet", "administrators"}} == {
        "[unknown]"
    }


def test_ids_have_the_shape_of_azures(deployed: dict[str, Any]) -> None:
    assert deployed["subnet"].startswith("/subscriptions/")
    assert (
        "/resourceGroups/rg-small/providers/Microsoft.Network/virtualNetworks/vnet-small/subnets/subnet"
        in deployed["subnet"]
    )
    assert deployed["host"] == "psql-small.postgres.database.azure.com"


def test_no_secret_is_in_plain_text_in_the_state_or_in_the_cloud(small: Small, deployed: dict[str, Any]) -> None:
    password = deployed["password"]
    assert len(password) == 24
    files = [
        path for path in (small.root / "cloud", small.root / "state") for path in path.rglob("*") if path.is_file()
    ]
    assert len(files) > 4
    assert not [path for path in files if json.dumps(password)[1:-1] in path.read_text(errors="replace")]


@pytest.mark.usefixtures("deployed")
def test_a_second_up_changes_nothing(small: Small) -> None:
    assert small.act("up", "--yes", "--skip-preview").changed == {}


@pytest.mark.usefixtures("deployed")
def test_a_changed_location_replaces_and_says_which_property_does(small: Small) -> None:
    planned = small.act(
        "preview", text=SOUND.replace('LOCATION = "westeurope"', 'LOCATION = "northeurope"').replace('"one"', '"two"')
    )
    assert planned.details["account"]["keys"] == ["location"]
    replaced = dict.fromkeys(["account", "container", "role"], "create-replacement")
    assert planned.changed == {**replaced, "identity": "update"}


@pytest.mark.audit
@pytest.mark.usefixtures("deployed")
def test_drift_is_seen_by_a_refresh_and_repaired_by_the_next_up(small: Small) -> None:
    path = small.cloud / "azure-native.json"
    resources = small.stored("azure-native")
    (account,) = [one for one in resources if one.endswith("/storageAccounts/stsmall")]
    (container,) = [one for one in resources if one.endswith("/containers/flows")]
    resources[account]["properties"]["tags"] = {"tag": "drift"}
    del resources[container]
    path.write_text(json.dumps({"resources": resources}))
    assert small.act("refresh", "--yes", "--skip-preview").changed == {"account": "update", "container": "delete"}
    assert small.act("up", "--yes", "--skip-preview").changed == {"account": "update", "container": "create"}
    assert small.stored("azure-native")[account]["properties"]["tags"] == {"tag": "one"}
    assert set(small.act("destroy", "--yes", "--skip-preview").changed) == NAMES
    assert [small.stored(provider) for provider in ("azure-native", "azuread", "kubernetes", "random")] == [{}] * 4
