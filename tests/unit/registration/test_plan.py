"""Which action a flow gets, and why."""

from dataclasses import replace
from typing import Any

import pytest

from registration.catalog import Catalog, Failure, Record
from registration.fingerprint import PARTS, fingerprint_of, key_of, run_config_part, script_storage_part
from registration.location import script_path
from registration.plan import active_after_update, leftovers, plan, wants_record, without_server
from registration.row import Row, group_key, row_of

RUN_CONFIG = {"type": "LocalRun", "labels": ["a"]}


def parts(**changed: str) -> dict[str, str]:
    own = {part: part for part in PARTS}
    return {**own, "storage": script_storage_part("Local"), "run_config": run_config_part(RUN_CONFIG), **changed}


def record(name: str = "f", *, scheduled: bool = False, **changed: str) -> Record:
    held = parts(**changed)
    return Record(
        name=name,
        file=f"flows/{name}.py",
        fingerprint=fingerprint_of(held),
        key=key_of(held),
        parts=held,
        scheduled=scheduled,
    )


def row(name: str = "f", of: Record | None = None, **fields: Any) -> Row:
    path = f".local/scripts/{script_path(name, (of or record(name)).fingerprint)}"
    found = row_of(
        {
            "id": f"id-{name}",
            "name": name,
            "version": 3,
            "flow_group_id": "group",
            "project": {"id": "p"},
            "flow_group": {"settings": {"idempotency_key": "0" * 64}},
            "storage": {"type": "Local", "path": path, "stored_as_script": True},
            "run_config": RUN_CONFIG,
        }
    )
    return replace(found, **fields)


def one(records: list[Record], rows: list[Row], past: dict[str, Any] | None = None, **options: Any) -> Any:
    failures = tuple(options.pop("failures", ()))
    steps = plan(
        Catalog(records=tuple(records), failures=failures),
        {each.name: each for each in rows},
        {"f": past} if past else {},
        **{"policy": "active", "removal": "archive", **options},
    )
    assert len(steps) == 1
    return steps[0]


def remembered(of: Record, policy: str = "active") -> dict[str, Any]:
    return {"file": of.file, "parts": {part: of.parts[part] for part in PARTS[:5]}, "schedules": {"p": policy}}


def test_a_flow_that_the_server_does_not_have_is_registered() -> None:
    step = one([record()], [])
    assert (step.action, step.reasons, step.active) == ("register", ("new",), True)


def test_a_flow_whose_registered_key_is_equal_is_unchanged_whatever_the_group_says() -> None:
    step = one([record()], [row()])
    assert (step.action, step.reasons, step.id, step.version) == ("unchanged", (), "id-f", 3)


def test_a_group_that_claims_the_key_for_another_flow_is_not_believed() -> None:
    new = record(source="changed")
    assert one([new], [row(group_key=new.key)], remembered(record())).action == "update"


@pytest.mark.parametrize("part", PARTS[:5])
def test_the_parts_that_changed_are_the_reasons(part: str) -> None:
    step = one([record(**{part: "changed"})], [row()], remembered(record()))
    assert (step.action, step.reasons) == ("update", (part,))


def test_what_the_environment_changed_is_read_off_the_row_alone() -> None:
    step = one([record()], [row(run_config={"type": "LocalRun", "labels": ["b"]})])
    assert (step.action, step.reasons) == ("update", ("run_config",))


def test_a_lost_record_leaves_the_part_unknown_and_the_flow_registered() -> None:
    step = one([record(source="changed")], [row()])
    assert (step.action, step.reasons) == ("update", ("unknown part",))


def test_a_flow_registered_by_other_means_is_taken_over_and_said_so() -> None:
    foreign = row(storage={"type": "Local", "path": "/x/y"}, group_key="not one of ours")
    assert one([record()], [foreign]).reasons == ("registered elsewhere",)


def test_an_update_says_how_many_scheduled_runs_it_removes() -> None:
    step = one([record(source="changed")], [row(scheduled_runs=10)], remembered(record()))
    assert step.reasons == ("source", "removes 10 scheduled runs")


def test_a_flow_whose_file_is_gone_is_archived_or_kept_as_the_settings_say() -> None:
    assert one([], [row(scheduled_runs=2)]).reasons == ("file is gone", "removes 2 scheduled runs")
    assert one([], [row()]).action == "archive"
    assert one([], [row()], removal="retain").action == "unchanged"


@pytest.mark.parametrize("past", [{}, {"f": {}}])
def test_a_flow_registered_by_other_means_is_never_archived(past: dict[str, Any]) -> None:
    foreign = {"f": row(storage={"type": "Local", "path": "/x/y"})}
    assert plan(Catalog(records=(), failures=()), foreign, past, policy="active", removal="archive") == []


def test_a_flow_with_its_own_storage_that_the_store_remembers_is_archived_when_its_file_is_gone() -> None:
    own = row(storage={"type": "GitHub", "repo": "o/r"}, group_key=record().key)
    assert one([], [own], remembered(record())).action == "archive"


@pytest.mark.parametrize(
    "failure",
    [
        Failure(file="flows/f.py", line=1, reason="no"),
        Failure(file="flows/moved.py", line=1, reason="no", text="flow = Flow('f')"),
    ],
)
def test_a_flow_of_a_file_that_failed_is_not_archived(failure: Failure) -> None:
    step = one([], [row()], remembered(record()), failures=[failure])
    assert (step.action, step.reasons) == ("unchanged", (f"kept: {failure.file} is refused",))


def test_a_file_that_failed_keeps_only_its_own_flows() -> None:
    failure = Failure(file="flows/g.py", line=1, reason="no", text="nothing of that name")
    assert one([], [row(name="ffff")], failures=[failure]).action == "archive"


def test_only_the_named_flows_are_looked_at() -> None:
    step = one([record(), record("g")], [row(), row("g"), row("h")], only=("g",))
    assert (step.name, step.action) == ("g", "unchanged")


@pytest.mark.parametrize(
    ("applied", "policy", "active", "action"),
    [
        ("active", "active", True, "unchanged"),
        ("active", "active", False, "unchanged"),  # an operator paused it
        ("paused", "paused", True, "unchanged"),  # an operator started it
        ("active", "paused", True, "settings"),
        ("paused", "active", False, "settings"),
        ("active", "paused", False, "settings"),  # it already is, but nobody would know that it was applied
        ("paused", "active", True, "settings"),
        (None, "active", False, "unchanged"),  # nobody remembers: left alone
    ],
)
def test_only_another_policy_changes_the_schedule_of_a_flow_that_did_not_change(
    applied: str | None, policy: str, active: bool, action: str
) -> None:
    past = remembered(record(), applied) if applied else None
    step = one([record(scheduled=True)], [row(scheduled=True, schedule_active=active)], past, policy=policy)
    assert step.action == action
    assert step.action != "settings" or step.active == (policy == "active")


@pytest.mark.parametrize(
    ("applied", "policy", "active", "after"),
    [
        ("active", "active", True, True),
        ("active", "active", False, False),  # an operator's pause is kept
        ("paused", "active", False, True),
        ("active", "paused", True, False),
        ("paused", "paused", True, True),  # an operator's start is kept
        (None, "active", False, False),
        (None, "active", True, True),
        (None, "paused", True, False),
    ],
)
def test_a_new_version_keeps_what_an_operator_chose(
    applied: str | None, policy: Any, active: bool, after: bool
) -> None:
    past = remembered(record(), applied) if applied else None
    assert active_after_update(row(scheduled=True, schedule_active=active), past, policy) == after


def test_a_schedule_that_is_new_follows_the_policy() -> None:
    assert active_after_update(row(scheduled=False), remembered(record()), "active")
    assert not active_after_update(None, None, "paused")


def test_an_unchanged_flow_without_a_schedule_needs_no_record_from_the_store() -> None:
    assert not wants_record(record(), row())
    assert not wants_record(record(), None)
    assert wants_record(record(source="changed"), row())
    assert wants_record(record(scheduled=True), row(scheduled=True, schedule_active=True))
    assert wants_record(None, row())


def test_a_flow_that_was_left_half_registered_is_finished() -> None:
    batched = row(group_key=group_key(record().key, batched=True))
    for past in (None, remembered(record()), {**remembered(record()), "finished": {"p": "another version"}}):
        step = one([record()], [batched], past)
        assert (step.action, step.reasons) == ("update", ("half registered",))
    assert one([record()], [batched], {"finished": {"p": "id-f"}}).action == "unchanged"


def test_a_flow_that_was_left_half_registered_follows_another_policy_as_it_is_finished() -> None:
    half = row(group_key=group_key(record().key, batched=True), scheduled=True, schedule_active=True)
    for applied, active in (("active", False), ("paused", True)):  # the latter was started by an operator
        assert one([record()], [half], remembered(record(), applied), policy="paused").active == active


def test_an_older_version_that_a_broken_server_left_is_archived() -> None:
    steps = leftovers([row(), row("g", storage={})])
    assert [(step.name, step.action, step.id) for step in steps] == [("f", "archive", "id-f")]


def test_without_a_server_there_is_no_action() -> None:
    assert [(step.name, step.action) for step in without_server([record(), record("g")], ["g"])] == [("g", None)]


@pytest.mark.parametrize(
    ("key", "read"), [("a" * 64, "a" * 64), ("a" * 64 + ".2", "a" * 64), ("a" * 63, None), (None, None)]
)
def test_the_key_of_a_flow_with_its_own_storage_is_the_groups_without_its_suffix(key: str | None, read: str) -> None:
    own = row(storage={"type": "GitHub", "repo": "o/r"}, group_key=key)
    assert own.key == read
    assert own.fingerprint is None


def test_a_half_registered_flow_is_noticed_without_being_asked_for() -> None:
    assert wants_record(record(), row(group_key=group_key(record().key, batched=True)))
