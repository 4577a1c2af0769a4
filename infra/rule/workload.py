"""Rules of what runs in the cluster: its images, its labels and its numbers."""

from collections.abc import Iterator

from infra.problem import Problem


def way_to_the_images(image_mirror: bool, egress: str) -> Iterator[Problem]:
    """The firewall knows no registry but the environment's own."""
    if not image_mirror and egress == "firewall":
        fix = "set it to true, or egress to natGateway with its reason"
        yield Problem("imageMirror", "leaves no way to the images, as egress is firewall", fix)


def labels_of_the_agent(agent_labels: tuple[str, ...], flow_labels: tuple[str, ...]) -> Iterator[Problem]:
    """An agent takes the runs whose labels it has all of."""
    if not agent_labels:
        return
    lacking = [label for label in flow_labels if label not in agent_labels]
    if lacking:
        wrong = f"lacks {', '.join(lacking)} of flowLabels, so the agent would take no flow"
        yield Problem("agentLabels", wrong, "add what is lacking, or leave it empty")


def bounds_of_dask(dask: bool, dask_workers_minimum: int, dask_workers_maximum: int) -> Iterator[Problem]:
    """The autoscaler keeps between them."""
    if dask and dask_workers_minimum > dask_workers_maximum:
        wrong = f"is less than daskWorkersMinimum {dask_workers_minimum}"
        yield Problem("daskWorkersMaximum", wrong, "raise it, or lower daskWorkersMinimum")


RULES = (way_to_the_images, labels_of_the_agent, bounds_of_dask)
