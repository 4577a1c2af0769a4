"""Rules of what runs in the cluster: its images, its labels and its numbers."""

from collections.abc import Iterator

from infra.problem import Problem
from registration import label


def way_to_the_images(image_mirror: bool, egress: str) -> Iterator[Problem]:
    """The firewall knows no registry but the environment's own."""
    if not image_mirror and egress == "firewall":
        fix = "set it to true, or egress to natGateway with its reason"
        yield Problem("imageMirror", "leaves no way to the images, as egress is firewall", fix)


def labels_of_the_agent(agent_labels: tuple[str, ...], flow_labels: tuple[str, ...]) -> Iterator[Problem]:
    """An agent takes the runs whose labels it has all of; one with labels takes none without."""
    if agent_labels and not label.takes(agent_labels, flow_labels):
        given = f"has not all of flowLabels {', '.join(flow_labels)}" if flow_labels else "needs flows with labels"
        fix = "add what is lacking, give flowLabels some of them, or leave it empty"
        yield Problem("agentLabels", f"{given}, so the agent would take no flow", fix)


def bounds_of_dask(dask: bool, dask_workers_minimum: int, dask_workers_maximum: int) -> Iterator[Problem]:
    """The autoscaler keeps between them."""
    if dask and dask_workers_minimum > dask_workers_maximum:
        wrong = f"is less than daskWorkersMinimum {dask_workers_minimum}"
        yield Problem("daskWorkersMaximum", wrong, "raise it, or lower daskWorkersMinimum")


def image_of_the_revision(flow_image: str, flow_image_revision: str) -> Iterator[Problem]:
    """It says where a named image comes from."""
    if flow_image_revision and not flow_image:
        yield Problem("flowImageRevision", "has no flowImage", "remove it, or promote an image with `make promote`")


RULES = (way_to_the_images, labels_of_the_agent, bounds_of_dask, image_of_the_revision)
