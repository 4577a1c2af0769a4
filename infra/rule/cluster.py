"""Rules of node pools and upgrades, as AKS has them."""

from collections.abc import Iterator
from ipaddress import IPv4Network

from infra import address, machine_size
from infra.machine_size import MachineSize
from infra.problem import Problem

SYSTEM_CPUS = 4
NODES_OF_FREE = 1000
RESERVED_LABELS = ("kubernetes.azure.com", "kubernetes.io", "k8s.io", "prefect-aks")


def _size(name: str) -> MachineSize:
    size = machine_size.parse(name)
    assert size  # noqa: S101 - the field has this shape, or no rule is asked
    return size


def system_size(system_pool_vm_size: str) -> Iterator[Problem]:
    """AKS's own pods run there."""
    size = _size(system_pool_vm_size)
    if size.burstable:
        fix = "use a size of the D family, such as Standard_D4ds_v5"
        yield Problem("systemPoolVmSize", "is burstable, which AKS has no system pools of", fix)
    elif size.cpus < SYSTEM_CPUS:
        wrong = f"has fewer than {SYSTEM_CPUS} processors, which AKS asks for in a system pool"
        yield Problem("systemPoolVmSize", wrong, "use Standard_D4ds_v5 or larger")


def processor(system_pool_vm_size: str, flow_pool_vm_size: str, spot_pool_vm_size: str) -> Iterator[Problem]:
    """Images are built for x86-64."""
    given = {
        "systemPoolVmSize": system_pool_vm_size,
        "flowPoolVmSize": flow_pool_vm_size,
        "spotPoolVmSize": spot_pool_vm_size,
    }
    for key, name in given.items():
        if _size(name).arm:
            yield Problem(key, "has Arm processors, which the images are not built for", "use a size without a p")


def local_disk(
    os_disk_type: str, system_pool_vm_size: str, flow_pool_vm_size: str, spot_pool: bool, spot_pool_vm_size: str
) -> Iterator[Problem]:
    """An ephemeral disk is the machine's own."""
    given = {"systemPoolVmSize": system_pool_vm_size, "flowPoolVmSize": flow_pool_vm_size}
    if spot_pool:
        given["spotPoolVmSize"] = spot_pool_vm_size
    for key, name in given.items():
        if os_disk_type == "Ephemeral" and not _size(name).local_disk:
            fix = "use one like Standard_D4ds_v5, or set osDiskType to Managed with its reason"
            yield Problem(key, "has no local disk of 128 GiB, as osDiskType Ephemeral needs", fix)


def pool_bounds(
    system_pool_minimum: int, system_pool_maximum: int, flow_pool_minimum: int, flow_pool_maximum: int
) -> Iterator[Problem]:
    """The autoscaler keeps between them."""
    if system_pool_minimum > system_pool_maximum:
        wrong = f"is less than systemPoolMinimum {system_pool_minimum}"
        yield Problem("systemPoolMaximum", wrong, "raise it, or lower systemPoolMinimum")
    if flow_pool_minimum > flow_pool_maximum:
        wrong = f"is less than flowPoolMinimum {flow_pool_minimum}"
        yield Problem("flowPoolMaximum", wrong, "raise it, or lower flowPoolMinimum")


def room_for_nodes(  # noqa: PLR0913, PLR0917 - a rule's parameters are the fields that it is about
    address_space: IPv4Network,
    pod_cidr: IPv4Network,
    system_pool_maximum: int,
    flow_pool_maximum: int,
    spot_pool: bool,
    spot_pool_maximum: int,
) -> Iterator[Problem]:
    """Every node takes an address of the nodes' subnet and a /24 of the pods' range, and an upgrade adds nodes."""
    pools = [system_pool_maximum, flow_pool_maximum, *([spot_pool_maximum] if spot_pool else [])]
    nodes = sum(pool + address.surge(pool) for pool in pools)
    in_subnet, in_pods = address.most_nodes(address_space, pod_cidr)
    if nodes > in_pods:
        wrong = f"has a /24 for {in_pods} nodes, where the pools' maxima and an upgrade come to {nodes}"
        yield Problem("podCidr", wrong, "use a larger range, or lower a maximum")
    if address_space.prefixlen <= address.SMALLEST and nodes > in_subnet:
        wrong = f"has addresses for {in_subnet} nodes, where the pools' maxima and an upgrade come to {nodes}"
        yield Problem("addressSpace", wrong, "use a larger range, or lower a maximum")


def nodes_of_the_free_tier(
    cluster_tier: str, system_pool_maximum: int, flow_pool_maximum: int, spot_pool: bool, spot_pool_maximum: int
) -> Iterator[Problem]:
    """AKS's limit for clusters without an SLA."""
    nodes = system_pool_maximum + flow_pool_maximum + (spot_pool_maximum if spot_pool else 0)
    if cluster_tier == "Free" and nodes > NODES_OF_FREE:
        wrong = f"has at most {NODES_OF_FREE} nodes, where the pools' maxima come to {nodes}"
        yield Problem("clusterTier", wrong, "use Standard, or lower a maximum")


def labels(flow_pool_labels: tuple[str, ...]) -> Iterator[Problem]:
    """Labels that Kubernetes and AKS set themselves, and labels with two values."""
    names = [label.partition("=")[0] for label in flow_pool_labels]
    for name in names:
        prefix, slash, _ = name.partition("/")
        if slash and any(prefix == own or prefix.endswith(f".{own}") for own in RESERVED_LABELS):
            fix = "use a prefix of your own, or none"
            yield Problem(
                "flowPoolLabels", f"has {name}, whose prefix is kept for Kubernetes, AKS or this project", fix
            )
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield Problem("flowPoolLabels", f"gives {name} two values", "give it one")


RULES = (
    system_size,
    processor,
    local_disk,
    pool_bounds,
    room_for_nodes,
    nodes_of_the_free_tier,
    labels,
)
