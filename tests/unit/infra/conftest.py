"""Configurations that are right: one by hand, and as many as a test asks for by a seed."""

import random
from collections.abc import Callable
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest

from infra import settings, stack_file
from infra.region import REGIONS

ROOT = Path(__file__).parents[3]
GUID = "00000000-0000-0000-0000-0000000000{:02x}"
NEIGHBOURS = {"Pulumi.other.yaml": IPv4Network("10.31.0.0/16")}
REQUIRED = {
    "deployerPrincipalId": "00000000-0000-0000-0000-0000000000dd",
    "platform": "azure",
    "nameSuffix": "acme",
    "addressSpace": "10.20.0.0/20",
    "alertEmails": "oncall@example.com",
    "administrators": GUID.format(10),
    "devopsOrganization": "acme",
    "devopsOrganizationId": GUID.format(11),
    "devopsProject": "data",
    "devopsServiceConnection": "prefect-qa",
}
REASON = "because a test says so"
GALLERY = (
    f"/subscriptions/{GUID.format(1)}/resourceGroups/rg-images/providers/Microsoft.Compute/galleries/shared_images"
)
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43


@pytest.fixture(scope="session")
def valid() -> dict[str, str]:
    """An environment with every control in full force: the declared defaults and what has none."""
    return stack_file.declared(ROOT) | REQUIRED


@pytest.fixture(scope="session")
def check() -> Callable[..., settings.Settings]:
    """The check of the program, beside another environment."""
    return lambda values, stack="qa", sealed=(): settings.check(
        values, "prefect-aks", stack, neighbours=NEIGHBOURS, sealed=set(sealed)
    )


@pytest.fixture(scope="session")
def generate(valid: dict[str, str]) -> Callable[[int], dict[str, str]]:
    """A right configuration of all that a seed chooses."""
    return lambda seed: valid | _generated(random.Random(seed))  # noqa: S311 - a seed is there to be guessed


def _relaxed(key: str, value: Any, *, relaxed: bool) -> dict[str, str]:
    return {key: str(value).lower() if isinstance(value, bool) else str(value), f"{key}Reason": REASON * relaxed}


def _generated(chance: random.Random) -> dict[str, str]:
    location = chance.choice([name for name, region in REGIONS.items() if region.zones])
    paired = REGIONS[location].pair is not None
    return {
        "location": location,
        "nameSuffix": "".join(chance.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=chance.randint(3, 8))),
        "kubernetesVersion": f"1.{chance.randint(30, 40)}",
        "upgradeChannel": chance.choice(["patch", "stable", "rapid"]),
        "nodeUpgradeChannel": chance.choice(["NodeImage", "SecurityPatch"]),
        "maintenanceHour": str(chance.randint(0, 23)),
        "softDeleteDays": str(chance.randint(7, 365)),
        "registryRetentionDays": str(chance.randint(0, 365)),
        "databaseVersion": chance.choice(["14", "15", "16", "17"]),
        "databaseStorageGib": chance.choice(["32", "128", "4096", "32767"]),
        "logRetentionDays": str(chance.randint(30, 730)),
        "logDailyCapGb": chance.choice(["-1", "1", "2.5", "1000"]),
        **_workload(chance),
        **_addresses(chance),
        **_access(chance),
        **_pools(chance),
        **_data(chance, paired=paired),
        **_protection(chance),
    }


def _workload(chance: random.Random) -> dict[str, str]:
    least = chance.randint(1, 5)
    return {
        "serverReplicas": str(chance.randint(1, 5)),
        **chance.choice(
            [{"flowLabels": "", "agentLabels": ""}, {"flowLabels": "aks, gpu", "agentLabels": "aks, gpu, large"}]
        ),
        "flowNetworks": chance.choice(["0.0.0.0/0", "10.0.0.0/8, 203.0.113.0/24"]),
        "dask": chance.choice(["true", "false"]),
        "daskWorkersMinimum": str(least),
        "daskWorkersMaximum": str(chance.randint(least, 500)),
    }


def _protection(chance: random.Random) -> dict[str, str]:
    protection, firewall = chance.random() < 0.7, chance.random() < 0.5
    egress = _relaxed("egress", "firewall" if firewall else "natGateway", relaxed=not firewall)
    return _relaxed("protection", protection, relaxed=not protection) | egress


def _addresses(chance: random.Random) -> dict[str, str]:
    prefix = chance.randint(16, 20)
    plan = IPv4Network("10.16.0.0/13")
    space = chance.choice(list(plan.subnets(new_prefix=prefix)))
    return {
        "addressSpace": str(space),
        "podCidr": chance.choice(["10.244.0.0/16", "192.168.0.0/16", "100.64.0.0/12"]),
        "serviceCidr": chance.choice(["172.16.0.0/20", "10.0.0.0/16", "10.96.0.0/13"]),
        "peerAddressSpaces": chance.choice(["", "10.200.0.0/16", "172.20.0.0/16, 10.201.0.0/24"]),
    }


def _access(chance: random.Random) -> dict[str, str]:
    closed = chance.random() < 0.5
    ranges = "" if closed else ", ".join(f"198.51.{third}.0/24" for third in range(chance.randint(1, 199)))
    deployer = chance.choice(["managedDevOpsPool", "scaleSet", *([] if closed else ["none"])])
    return {
        **_relaxed("publicAccess", "disabled" if closed else "authorizedRanges", relaxed=not closed),
        "authorizedIpRanges": ranges,
        "deployer": deployer,
        "deployerSshPublicKey": SSH_KEY if deployer == "scaleSet" else "",
        "deployerImage": chance.choice(
            [
                "",
                f"{GALLERY}/images/agent-24.04",
                f"{GALLERY}/images/agent/versions/1.2.30",
                f"{GALLERY}/images/a".lower(),
            ]
        ),
        "uiLogin": chance.choice(["true", "false"]),
        "uiHost": "prefect.example.com",
    }


def _pools(chance: random.Random) -> dict[str, str]:
    system, flows = chance.randint(2, 5), chance.randint(0, 20)
    ephemeral = chance.random() < 0.5
    sizes = ["Standard_D4ds_v5", "Standard_E8ads_v5", "Standard_F8s_v2", "Standard_D4a_v4"]
    sizes += [] if ephemeral else ["Standard_D4s_v5", "Standard_D16as_v6", "Standard_F4as_v6"]
    tier, encrypted = chance.choice(["Free", "Standard", "Premium"]), chance.random() < 0.7
    return {
        **_relaxed("systemPoolMinimum", system, relaxed=system < 3),
        "systemPoolMaximum": str(system + chance.randint(0, 5)),
        "flowPoolMinimum": str(flows),
        "flowPoolMaximum": str(max(flows, 1) + chance.randint(0, 100)),
        "spotPool": chance.choice(["true", "false"]),
        "flowPoolLabels": chance.choice(["", "team=data", "team=data, example.com/kind=large"]),
        **{f"{pool}PoolVmSize": chance.choice(sizes) for pool in ("system", "flow", "spot")},
        **_relaxed("osDiskType", "Ephemeral" if ephemeral else "Managed", relaxed=not ephemeral),
        **_relaxed("hostEncryption", encrypted, relaxed=not encrypted),
        **_relaxed("clusterTier", tier, relaxed=tier == "Free"),
    }


def _data(chance: random.Random, *, paired: bool) -> dict[str, str]:
    zones = chance.choice(["1", "2,3", "1,2,3", "3, 1, 2"])
    standby = chance.choice([*(["ZoneRedundant"] if len(zones) > 1 else []), "SameZone", "Disabled"])
    skus = ["Standard_D2ds_v5", "Standard_E4ads_v5", *(["Standard_B2s"] if standby == "Disabled" else [])]
    redundancy = chance.choice(["LRS", "ZRS", *(["GZRS"] if paired else [])])
    geo, days = paired and chance.random() < 0.5, chance.randint(7, 35)
    return {
        **_relaxed("zones", zones, relaxed=len(zones) < 5),
        **_relaxed("storageRedundancy", redundancy, relaxed=redundancy == "LRS"),
        **_relaxed("databaseHighAvailability", standby, relaxed=standby != "ZoneRedundant"),
        "databaseSku": chance.choice(skus),
        **_relaxed("databaseGeoBackup", geo, relaxed=not geo),
        **_relaxed("databaseBackupDays", days, relaxed=days < 14),
    }
