import json
import os
import signal
from pathlib import Path

import pytest
from pulumi.automation import OpType, StepEventMetadata
from pulumi.automation.events import StepEventStateMetadata

from emulators import stack
from registration.fingerprint import PARTS

URN = f"urn:pulumi:local::prefect-aks::{stack.FLOW_TYPE}::flows-etl"
INPUTS = {"name": "etl", "schedules": "active", **dict.fromkeys(PARTS, "old")}


def state(inputs: dict[str, str], *, retained: bool = False) -> StepEventStateMetadata:
    outputs = {**inputs, "version": 3}
    return StepEventStateMetadata(
        stack.FLOW_TYPE, URN, "id", "", "", inputs=inputs, outputs=outputs, retain_on_delete=retained
    )


def registration(
    op: OpType, old: dict[str, str] | None, new: dict[str, str] | None, *, retained: bool = False
) -> stack.Registration:
    step = StepEventMetadata(
        op,
        URN,
        stack.FLOW_TYPE,
        "",
        old=state(old, retained=retained) if old else None,
        new=state(new) if new else None,
    )
    return stack._registration(step, {"etl": {"version": 4.0}} if new else {})  # noqa: SLF001 - the pure half of `up`


def test_a_changed_part_is_an_update_that_names_it() -> None:
    row = registration(OpType.UPDATE, INPUTS, {**INPUTS, "source": "new", "schedule": "new"})
    assert (row.action, row.version, row.reasons) == ("update", 4, ("source", "schedule"))


def test_a_change_beside_the_parts_is_a_setting() -> None:
    row = registration(OpType.UPDATE, INPUTS, {**INPUTS, "schedules": "paused"})
    assert (row.action, row.reasons) == ("settings", ("schedules",))


def test_a_flow_that_was_never_there_is_registered() -> None:
    row = registration(OpType.CREATE, None, INPUTS)
    assert (row.name, row.action, row.version, row.reasons) == ("etl", "register", 4, ())


@pytest.mark.parametrize(("retained", "action"), [(False, "archive"), (True, "retain")])
def test_a_flow_that_is_gone_keeps_its_last_version_in_the_table(*, retained: bool, action: str) -> None:
    row = registration(OpType.DELETE, INPUTS, None, retained=retained)
    assert (row.name, row.action, row.version) == ("etl", action, 3)


def test_the_table_has_one_aligned_line_a_flow() -> None:
    rows = [
        stack.Registration(name="a", action="unchanged", version=12, reasons=()),
        stack.Registration(name="long-name", action="update", version=2, reasons=("structure", "source")),
    ]
    headings, first, second = stack.table(rows)
    assert first.split() == ["a", "unchanged", "12"]
    assert second.split() == ["long-name", "update", "2", "structure,", "source"]
    assert headings.index("action") == first.index("unchanged") == second.index("update")


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
    ],
)
def test_the_last_line_of_a_failure_is_what_tells_the_most(said: str, cause: str) -> None:
    assert stack._cause(said) == cause  # noqa: SLF001 - a pure function
