"""What the environment decides for a flow that left it open; what a flow sets itself is kept.

Works on live Prefect flows, whose annotations do not say what may be None, hence `Any`; only a worker imports it.
"""

from typing import Any

from registration.settings import RunConfig

# A flow's own storage is kept when its code is already where the storage says. Anything else would have to be
# pickled, uploaded or built while a plan is made.
_PLACE_OF_SCRIPT = {"Azure": "blob_name", "GCS": "key", "Local": "path", "S3": "key", "Webhook": None}
_NOTHING_TO_BUILD = {"Bitbucket", "CodeCommit", "Git", "GitHub", "GitLab", "Module"}


class DecorationError(Exception):
    """A flow that cannot be registered as it is written."""


def decorate(flow: Any, run_config: RunConfig) -> dict[str, Any]:
    """Serialize a flow with the run config that it is to run with; `storage` stays None unless the flow has its own."""
    _check_schedule(flow)
    if flow.run_config is None:
        flow.run_config = _run_config(run_config)
    elif not flow.run_config.labels:
        # Labels choose the agent; a flow that asks for a bigger machine has not chosen one.
        flow.run_config.labels = set(run_config.labels)
    if flow.storage is not None:
        _check_storage(flow)
        if flow.name not in flow.storage:
            flow.storage.add_flow(flow)
    serialized: dict[str, Any] = flow.serialize(build=False)
    return serialized


def _run_config(run_config: RunConfig) -> Any:
    from prefect.run_configs import KubernetesRun, LocalRun  # noqa: PLC0415 - only a worker may import prefect

    if run_config.type == "kubernetes":
        resources: dict[str, Any] = dict(run_config.resources)
        return KubernetesRun(labels=sorted(run_config.labels), **resources)
    return LocalRun(labels=sorted(run_config.labels))


def _check_schedule(flow: Any) -> None:
    if flow.schedule is None:
        return
    required = {parameter.name for parameter in flow.parameters() if parameter.required}
    for clock in flow.schedule.clocks:
        missing = sorted(required - set(clock.parameter_defaults or {}))
        if missing:
            raise DecorationError(
                f"flow {flow.name!r} has a schedule, and no default for its required parameter(s) "
                f"{', '.join(missing)}; give one in the Parameter or in each clock's parameter_defaults"
            )


def _check_storage(flow: Any) -> None:
    storage = flow.storage
    kind = type(storage).__name__
    if kind in _NOTHING_TO_BUILD:
        return
    script = bool(getattr(storage, "stored_as_script", False))
    if kind in _PLACE_OF_SCRIPT and script:
        place = _PLACE_OF_SCRIPT[kind]
        if place is None or getattr(storage, place):
            return
    if kind == "Docker" and script and storage.image_name and storage.image_tag:
        return
    raise DecorationError(
        f"flow {flow.name!r} sets the storage {kind}, which has to be built or pickled; "
        "leave the storage out and registration stores the script, or use a storage of a script that is already there"
    )
