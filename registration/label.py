"""Which flows an agent takes: by Prefect Server's rule, a run waits for ever when no agent has all of its labels."""

from collections.abc import Collection, Iterable

from registration.catalog import Catalog, Failure, Record


def takes(agent: Collection[str], flow: Collection[str]) -> bool:
    """Whether an agent is offered the runs of a flow: it has all their labels, or neither side has any."""
    return set(flow) <= set(agent) and bool(flow or not agent)


def check(found: Catalog, agent: Collection[str] | None) -> Catalog:
    """Make every flow that an agent would never take a failure of its file; None for labels that are not known."""
    if agent is None:
        return found
    refused = [record for record in found.records if not takes(agent, record.labels)]
    failures = [Failure(file=each.file, line=None, reason=_reason(each, agent), text=each.name) for each in refused]
    return Catalog(
        records=tuple(record for record in found.records if record not in refused),
        failures=tuple(sorted([*found.failures, *failures], key=str)),
    )


def _reason(record: Record, agent: Collection[str]) -> str:
    missing = _names(set(record.labels) - set(agent))
    fix = f"take {missing} off its run config, or give the agent {missing}"
    if not record.labels:
        fix = "an agent with labels takes no run without; give the flow labels, or every flow of this environment"
    return (
        f"flow {record.name!r} would never run: its labels are {_names(record.labels)}, the agent's are "
        f"{_names(agent)}; {fix}"
    )


def _names(labels: Iterable[str]) -> str:
    return ", ".join(sorted(labels)) or "none"
