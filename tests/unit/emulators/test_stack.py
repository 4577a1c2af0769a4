import json
import os
import signal
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi.automation import OpType, StepEventMetadata
from pulumi.automation.events import StepEventStateMetadata

from emulators import stack
from registration.api import Server
from registration.fingerprint import PARTS
from registration.plan import Step

URN = f"urn:pulumi:local::prefect-aks::{stack.FLOW_TYPE}::flows-etl"
INPUTS = {"name": "etl", "schedules": "active", **dict.fromkeys(PARTS, "old")}


def state(inputs: dict[str, str], *, retained: bool = False) -> StepEventStateMetadata:
    outputs = {**inputs, "version": 3}
    return StepEventStateMetadata(
        stack.FLOW_TYPE, URN, "id", "", "", inputs=inputs, outputs=outputs, retain_on_delete=retained
    )


def registration(op: OpType, old: dict[str, str] | None, new: dict[str, str] | None, *, retained: bool = False) -> Step:
    step = StepEventMetadata(
        op,
        URN,
        stack.FLOW_TYPE,
        "",
        old=state(old, retained=retained) if old else None,
        new=state(new) if new else None,
    )
    return stack._step(step, {"etl": {"id": "now", "version": 4.0}} if new else {})  # noqa: SLF001 - the pure half of `up`


def test_a_changed_part_is_an_update_that_names_it() -> None:
    row = registration(OpType.UPDATE, INPUTS, {**INPUTS, "source": "new", "schedule": "new"})
    assert (row.action, row.version, row.reasons) == ("update", 4, ("source", "schedule"))


def test_a_change_beside_the_parts_is_a_setting() -> None:
    row = registration(OpType.UPDATE, INPUTS, {**INPUTS, "schedules": "paused"})
    assert (row.action, row.reasons) == ("settings", ("schedule: active → paused",))


def test_a_flow_that_was_never_there_is_registered() -> None:
    row = registration(OpType.CREATE, None, INPUTS)
    assert (row.name, row.action, row.version, row.reasons) == ("etl", "register", 4, ("new",))
    assert row.id == "now"


@pytest.mark.parametrize(("retained", "action"), [(False, "archive"), (True, "unchanged")])
def test_a_flow_that_is_gone_keeps_its_last_version_in_the_table(*, retained: bool, action: str) -> None:
    row = registration(OpType.DELETE, INPUTS, None, retained=retained)
    assert (row.name, row.action, row.version, row.id) == ("etl", action, 3, None)
    assert row.reasons[0] == "file is gone"


def test_what_the_server_has_otherwise_than_the_state_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def resource(kind: str, **outputs: str) -> dict[str, object]:
        return {"type": f"pulumi-python:dynamic/prefect-aks:{kind}", "id": "1", "outputs": {"api": "here", **outputs}}

    def server(project_id: str | None, **flows: str) -> None:
        rows: dict[str, Any] = {name: SimpleNamespace(id=flow_id) for name, flow_id in flows.items()}
        found = Server(tenant_id="1", project_id=project_id, rows=rows)
        monkeypatch.setattr(stack, "Api", lambda _: nullcontext(SimpleNamespace(server=lambda *_: found)))

    state = [{"type": "pulumi:pulumi:Stack"}, resource("Tenant", slug="t"), resource("Project", name="p")]
    state += [resource("Flow", name=name, flow_id=name * 2) for name in ("a", "b")]
    server("1", a="aa", b="bb", c="cc")
    assert stack._changed(state, "here") == []  # noqa: SLF001 - no engine is needed to see it
    server("1", a="aaa")
    assert stack._changed(state, "here") == ["flow a", "flow b"]  # noqa: SLF001 - likewise
    assert stack._changed(state, "elsewhere") == []  # noqa: SLF001 - likewise
    server(None)
    assert stack._changed(state[:3], "here") == ["project p"]  # noqa: SLF001 - likewise
    assert stack._changed(state[:2], "here") == []  # noqa: SLF001 - likewise


def test_the_last_flow_is_not_archived_for_want_of_files_unless_it_shall_be_retained() -> None:
    gone = registration(OpType.DELETE, INPUTS, None)
    with pytest.raises(stack.StackError, match=r"all 2 flow.*--allow-empty") as caught:
        stack._refuse_to_empty([gone, gone])  # noqa: SLF001 - the pure half of `up`
    assert "\n" not in str(caught.value)
    for other in (
        [],
        [gone, registration(OpType.SAME, INPUTS, INPUTS)],
        [registration(OpType.DELETE, INPUTS, None, retained=True)],
    ):
        stack._refuse_to_empty(other)  # noqa: SLF001 - likewise


def test_only_a_live_engine_holds_a_lock(tmp_path: Path) -> None:
    lock = tmp_path / "lock.json"
    for content in ("", "{}", json.dumps({"pid": os.getpid()}), json.dumps({"pid": 2**22 + 1})):
        lock.write_text(content, "utf-8")
        assert stack._holder(lock) is None  # noqa: SLF001 - whether a lock is removed hangs on it


def test_an_interrupt_waits_for_the_engine_to_end_its_step() -> None:
    steps: list[str] = []

    def update() -> None:
        with stack._orderly():  # noqa: SLF001 - no engine is needed to see it
            os.kill(os.getpid(), signal.SIGTERM)
            steps.append("unlocked")

    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        update()
    assert steps == ["unlocked"]
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        ("stdout: \n    error: flow a: no\n    error: update failed\n stderr: ", "flow a: no"),
        ("x\n error: an unhandled error occurred: exit 1\n  error: flows/a.py:1: bad", "flows/a.py:1: bad"),
        (" stderr: error: passphrase must be set", "passphrase must be set"),
        ("nothing", "pulumi failed; its lines above say why"),
        ("error: flow a: down: 1\nerror: flow b: down: 1\nerror: flow c: full", "flow a and 1 more: down: 1"),
    ],
)
def test_the_last_line_of_a_failure_is_what_tells_the_most(said: str, cause: str) -> None:
    assert stack._cause(said) == cause  # noqa: SLF001 - a pure function
