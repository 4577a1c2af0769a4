import json

from preview.event_log import Reader, read
from preview.plan import IMAGE
from tests.unit.preview.conftest import CLUSTER, FLOW, STACK, Log, urn

ACCOUNT = "azure-native:storage:StorageAccount"


def test_a_refresh_comes_to_what_it_found_and_names_the_properties() -> None:
    log = Log()
    log.refreshed("same", CLUSTER, "aks", old={"a": 1}, new={"a": 1})
    log.refreshed("delete", ACCOUNT, "gone", old={"a": 1})
    detail = {"tags.owner": {"diffKind": "update"}}
    log.refreshed("update", ACCOUNT, "touched", old={"a": 1}, new={"a": 2}, detailedDiff=detail)
    log.refreshed("update", FLOW, "flow", old={"structure": "a"}, new={"structure": "b"})
    log.refreshed("update", FLOW, "archived", old={"a": 1}, new={"a": 1}, state={"outputs": {"version": 2}})
    plan = log.plan()
    assert plan.kind == "refresh"
    assert {step.name: (step.op, step.changed) for step in plan.steps} == {
        "aks": ("same", ()),
        "gone": ("delete", ()),
        "touched": ("update", ("tags.owner",)),
        "flow": ("update", ("structure",)),
        "archived": ("update", ()),
    }


def test_what_only_the_outputs_show_is_found_by_a_refresh() -> None:
    log = Log()
    log.refreshed("update", ACCOUNT, "a", old={}, new={}, outputs={"tier": "Hot"})
    event = json.loads(log.lines[-1])
    event["resOutputsEvent"]["metadata"]["new"]["outputs"] = {"tier": "Cool"}
    log.lines[-1] = json.dumps(event)
    assert [step.changed for step in log.plan().steps] == [("tier",)]


def test_a_refresh_that_runs_the_program_does_not_hide_what_it_found() -> None:
    log = Log()
    log.refreshed("update", "pulumi:pulumi:Stack", "prefect-aks-dev", old={}, new={}, custom=False)
    log.step("same", "pulumi:pulumi:Stack", "prefect-aks-dev", old={}, new={}, custom=False)
    log.refreshed("delete", ACCOUNT, "gone", old={"a": 1})
    log.step("same", ACCOUNT, "gone", old={"a": 1}, new={"a": 1})
    assert log.plan().kind == "refresh"
    assert {step.name: step.op for step in log.plan().steps} == {"prefect-aks-dev": "same", "gone": "delete"}


def test_an_update_that_refreshes_first_is_an_update() -> None:
    log = Log(planning=False)
    log.refreshed("refresh", ACCOUNT, "a", old={"a": 1}, new={"a": 1})
    log.done("update", ACCOUNT, "a", old={"a": 1}, new={"a": 2})
    plan = log.plan()
    assert (plan.kind, plan.counts) == ("update", {"update": 1})
    assert plan.steps[0].changed == ("a",)


def test_a_refresh_that_read_nothing_is_a_refresh_all_the_same() -> None:
    log = Log()
    log.step("refresh", ACCOUNT, "a", old={}, new={})
    log.problem("no route", urn(ACCOUNT, "a"))
    assert (log.plan().kind, log.plan().counts) == ("refresh", {"refresh": 1})


def test_an_update_knows_what_failed_and_what_it_did_not_see_end() -> None:
    log = Log(planning=False)
    log.component("cluster")
    log.done("create", ACCOUNT, "a", new={}, outputs={"name": "st"})
    log.failed("update", CLUSTER, "aks", "no quota", old={}, new={})
    log.step("delete", ACCOUNT, "b", old={})
    plan = log.plan()
    assert plan.kind == "update"
    assert plan.counts == {"create": 2, "failed": 2}
    assert {step.name for step in plan.steps if step.failed} == {"aks", "b"}
    assert next(step for step in plan.steps if step.name == "a").results == {"name": "st"}


def test_in_a_preview_nothing_has_failed() -> None:
    log = Log()
    log.step("create", ACCOUNT, "a", new={})
    assert log.plan().counts == {"create": 1}


def test_what_was_given_up_because_something_else_failed_is_no_cause() -> None:
    log = Log(planning=False)
    log.problem("failed to run remediation: context canceled", urn(ACCOUNT, "a"))
    assert len(log.plan().problems) == 1
    log.failed("update", CLUSTER, "aks", "no quota", old={}, new={})
    assert [problem.message for problem in log.plan().problems] == ["no quota"]


def test_lines_of_the_images_build_are_news_and_those_of_others_are_not() -> None:
    log = Log(planning=False)
    log.says("before")
    image = log.step("create", IMAGE, "image", new={})
    log.says("Step 1/2 : FROM\tbase\x1b[0m")
    log.says("named", image)
    log.says("of another", urn(CLUSTER, "aks"))
    log.ended("create", IMAGE, "image", new={})
    log.says("afterwards")
    reader = Reader()
    told = [news.lines for line in log.lines if (news := reader.add(line)) and news.lines]
    assert told == [("Step 1/2 : FROM base [0m",), ("named",)]


def test_components_are_news_once_and_a_default_provider_never_counts() -> None:
    log = Log()
    log.component("cluster")
    log.component("cluster")
    log.step("create", "pulumi:providers:random", "default_4_21_4", new={})
    log.ended("create", "pulumi:providers:random", "default_4_21_4", new={})
    reader = Reader()
    assert [news.component for line in log.lines if (news := reader.add(line))] == ["cluster"]
    assert reader.count == 1


def test_a_property_that_forces_a_replacement_is_told_at_its_finest() -> None:
    log = Log()
    detail = {"networkProfile.serviceCidr": {"diffKind": "update-replace"}}
    log.replace(CLUSTER, "aks", "networkProfile", detailedDiff=detail)
    assert log.plan().steps[0].replace_keys == ("networkProfile.serviceCidr",)


def test_the_stack_is_named_by_the_log() -> None:
    log = Log()
    log.component("cluster")
    assert (read(log.lines).stack, read(log.lines, "other").stack, read([]).stack) == ("dev", "other", "")
    assert STACK.split(":")[2] == "dev"


def test_reading_and_importing_are_operations_like_any_other() -> None:
    log = Log()
    log.step("read", CLUSTER, "there", old={}, new={})
    log.step("import", ACCOUNT, "taken", old={}, new={})
    log.step("import-replacement", CLUSTER, "other", old={}, new={})
    assert log.plan().counts == {"import": 1, "read": 1, "replace": 1}
