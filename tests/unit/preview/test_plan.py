import pytest

from preview.plan import Problem
from tests.unit.preview.conftest import CLUSTER, STACK, Log, urn


def test_a_replacement_is_one_step_with_the_properties_that_force_it() -> None:
    log = Log()
    log.replace(
        CLUSTER,
        "aks",
        "dnsPrefix",
        detailedDiff={"location": {"diffKind": "update-replace"}, "tags": {"diffKind": "update"}},
    )
    [step] = log.plan().steps
    assert (step.op, step.replace_keys) == ("replace", ("dnsPrefix", "location"))
    assert step.changed == ("location", "tags")
    assert log.plan().counts == {"replace": 1}


def test_an_update_names_the_inputs_that_differ() -> None:
    log = Log()
    log.step("update", CLUSTER, "aks", old={"count": 1, "size": "a", "gone": 1}, new={"count": 2, "size": "a"})
    [step] = log.plan().steps
    assert step.changed == ("count", "gone")


def test_a_resource_belongs_to_the_nearest_component_around_it_also_when_it_is_deleted() -> None:
    log = Log()
    log.step("same", "pulumi:pulumi:Stack", "prefect-aks-dev", parent="", old={}, new={}, custom=False)
    cluster = log.component("cluster")
    inner = log.component("inner", "prefect-aks:azure:Endpoint", cluster)
    aks = log.step("create", CLUSTER, "aks", parent=cluster, new={})
    log.step("create", "a:b:C", "child", parent=aks, new={})
    log.step("delete", "a:b:C", "gone", parent=inner, old={})
    log.step("create", "a:b:C", "alone", new={})
    found = {step.name: step.component for step in log.plan().steps}
    assert found == {
        "prefect-aks-dev": "",
        "cluster": "cluster",
        "inner": "inner",
        "aks": "cluster",
        "child": "cluster",
        "gone": "inner",
        "alone": "",
    }


def test_a_default_provider_is_not_counted_and_one_of_the_program_is() -> None:
    log = Log()
    log.step("create", "pulumi:providers:random", "default_4_21_4", new={})
    log.step("create", "pulumi:providers:azure-native", "azure", new={})
    assert [step.name for step in log.plan().steps] == ["azure"]


def test_a_name_may_hold_what_separates_the_parts_of_a_urn() -> None:
    log = Log()
    log.step("create", "a:b:C", "one::two", new={})
    assert [step.name for step in log.plan().steps] == ["one::two"]


def test_every_problem_of_the_settings_is_one_problem() -> None:
    log = Log()
    log.problem("Pulumi.dev.yaml: prefect-aks:zones: no\nPulumi.dev.yaml: prefect-aks:egress: no")
    log.problem("an unhandled error occurred: program exited with non-zero exit code: 1")
    assert [problem.message for problem in log.plan().problems] == [
        "Pulumi.dev.yaml: prefect-aks:egress: no",
        "Pulumi.dev.yaml: prefect-aks:zones: no",
    ]


def test_what_a_provider_says_of_a_resource_is_one_line_that_names_it() -> None:
    log = Log()
    log.problem("bad name\nsays Azure", urn(CLUSTER, "aks"))
    log.problem("preview failed")
    assert log.plan().problems == (Problem(urn=urn(CLUSTER, "aks"), message="bad name says Azure"),)


def test_a_stack_trace_is_cut_down_to_what_it_ends_in() -> None:
    log = Log()
    log.problem('Program failed:\nTraceback (most recent call last):\n  File "x.py", line 1\nTypeError: no\n\n')
    assert [problem.message for problem in log.plan().problems] == ["the program failed: TypeError: no"]


@pytest.mark.parametrize(
    "message",
    [
        'unable to replace resource "{}"\nas it is currently marked for protection. To unprotect …',
        'Preview failed: resource "{}" cannot be deleted\nbecause it is protected. To unprotect …',
    ],
)
def test_a_protected_resource_is_refused_and_no_error_of_the_plan(message: str) -> None:
    log = Log()
    whole = log.replace(CLUSTER, "aks", "location", state={"protect": True})
    log.problem(message.format(whole), whole)
    plan = log.plan()
    assert (plan.refused, plan.problems) == ({whole}, ())
    assert plan.steps[0].protected


def test_a_violation_is_told_without_the_policys_description_and_advice_breaks_nothing() -> None:
    log = Log()
    log.violation("cluster-private", "Clusters are private.\nset enable_private_cluster", STACK)
    log.violation("cheap", "spot is cheaper", STACK, "advisory")
    plan = log.plan()
    assert [each.message for each in plan.broken] == ["set enable_private_cluster"]
    assert [each.message for each in plan.violations] == ["spot is cheaper", "set enable_private_cluster"]


def test_the_order_of_the_log_does_not_matter() -> None:
    log = Log()
    cluster = log.component("cluster")
    for index in range(20):
        log.step("create", "a:b:C", f"r{index}", parent=cluster, new={})
        log.problem(f"problem {index}")
        log.violation(f"policy {index}", "no", cluster)
    assert log.plan(log.lines[::-1]) == log.plan(log.lines[10:] + log.lines[:10]) == log.plan()


def test_half_a_line_at_the_end_of_a_log_is_skipped() -> None:
    log = Log()
    log.component("cluster")
    assert log.plan([*log.lines, log.lines[0][:40]]) == log.plan()


def test_the_outputs_are_the_stacks() -> None:
    log = Log()
    log.outputs(relaxations={"egress": "cheap"})
    assert log.plan().outputs == {"relaxations": {"egress": "cheap"}}
