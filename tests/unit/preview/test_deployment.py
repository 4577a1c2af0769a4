import json
from pathlib import Path

import pytest
from pulumi_kubernetes import helm

from components import flow_image, flow_registry
from preview import deployment
from preview.deployment import RELEASE
from preview.loss import FLOW, unforeseen
from preview.plan import IMAGE, Plan
from preview.summary import LIMIT
from tests.unit.preview.conftest import CLUSTER, Log, urn

DIGEST = "sha256:" + "ab" * 32


def lines_of(plan: Plan) -> list[str]:
    return deployment.lines(deployment.deployment(plan))


def updated(image: str = "update", server: str = "update") -> Log:
    log = Log(planning=False)
    log.step(image, IMAGE, "image", old={}, new={})
    log.says("flow image: Step 1/2")
    log.ended(image, IMAGE, "image", old={}, new={}, outputs={"digest": DIGEST})
    flow = {"name": "etl", "structure": "a", "schedules": "active"}
    log.done("update", FLOW, "flows-etl", old=flow, new={**flow, "structure": "b"}, outputs={"version": 2.0})
    for name in ("one", "two"):
        log.done("same", FLOW, f"flows-{name}", old={"name": name}, new={"name": name}, outputs={"version": 1})
    log.done(server, RELEASE, "server-release", old={}, new={})
    return log


def test_an_update_is_told_in_a_line_for_the_image_each_changed_flow_and_the_server() -> None:
    log = updated()
    log.outputs(flowImage=f"small.azurecr.io/flows@{DIGEST}")
    assert lines_of(log.plan()) == [
        "image    built flows@sha256:abababababab",
        "flows    etl update 2 structure",
        "         2 unchanged",
        "server   upgraded",
    ]


@pytest.mark.parametrize(("op", "word"), [("create", "installed"), ("same", "unchanged"), ("delete", "removed")])
def test_what_became_of_the_server_is_one_word(op: str, word: str) -> None:
    assert lines_of(updated(server=op).plan())[-1] == f"server   {word}"


def test_an_image_that_a_stack_pins_is_none_that_it_built() -> None:
    log = Log(planning=False)
    log.done("delete", IMAGE, "image", old={})
    log.outputs(flowImage=f"small.azurecr.io/flows@{DIGEST}")
    assert lines_of(log.plan()) == ["image    pinned flows@sha256:abababababab"]
    assert lines_of(updated("same").plan())[0] == "image    unchanged flows@sha256:abababababab"


def test_an_image_that_somebody_else_had_built_is_found() -> None:
    log = Log(planning=False)
    log.done("update", IMAGE, "image", old={}, new={}, outputs={"digest": DIGEST})
    assert lines_of(log.plan()) == ["image    found flows@sha256:abababababab"]


def test_nothing_is_told_of_what_a_stack_has_not() -> None:
    log = Log(planning=False)
    log.component("cluster")
    assert lines_of(log.plan()) == []


def test_flows_are_told_in_the_words_of_registration() -> None:
    log = Log(planning=False)
    log.done("create", FLOW, "flows-new", new={"name": "new"}, outputs={"version": 1})
    log.done("delete", FLOW, "flows-gone", old={"name": "gone"}, outputs={"version": 3})
    log.done("delete", FLOW, "flows-kept", old={"name": "kept"}, state={"retainOnDelete": True})
    log.done("update", FLOW, "flows-set", old={"name": "set", "api": 1}, new={"name": "set", "api": 2})
    log.failed("update", FLOW, "flows-bad", "no API", old={"name": "bad", "storage": 1}, new={"name": "bad"})
    found = {flow.name: (flow.op, flow.version, flow.reasons) for flow in deployment.deployment(log.plan()).flows}
    assert found == {
        "new": ("register", 1, ("new",)),
        "gone": ("archive", 3, ("file is gone",)),
        "kept": ("unchanged", None, ("file is gone", "retained")),
        "set": ("settings", None, ("api",)),
        "bad": ("failed", None, ("update", "storage")),
    }


def test_a_failed_update_lists_each_failure_and_the_rest_of_what_it_did(tmp_path: Path) -> None:
    log = updated()
    log.failed("update", "a:b:C", "aks", "no quota", old={}, new={})
    log.step("create", "a:b:C", "half", new={})
    said: list[str] = []
    plan = log.plan()
    deployment.tell(plan, deployment.deployment(plan), said.append)
    assert said[0] == "error: aks: no quota"
    assert said[1].startswith("error: half: it was begun")
    assert "server   upgraded" in said
    assert said[-1] == "dev: 2 failed, 3 updated, 2 unchanged"
    page = deployment.write(tmp_path, plan, deployment.deployment(plan))
    text = page.read_text()
    assert text.index("## Failed") < text.index("- aks: no quota") < text.index("## Flows")
    written = json.loads(page.with_suffix(".json").read_text())
    assert {*written} == {"stack", "image", "flows", "server", "counts", "failed", "lost"}
    assert written["flows"][0] == {"name": "etl", "op": "update", "version": 2, "reasons": ["structure"]}
    assert written["counts"] == {"failed": 2, "same": 2, "update": 3}
    assert {"urn": urn("a:b:C", "aks"), "message": "no quota"} in written["failed"]


def test_what_was_lost_without_having_been_previewed_is_told_first(tmp_path: Path) -> None:
    log = updated()
    log.done("replace", CLUSTER, "aks", old={}, new={})
    log.done("delete", FLOW, "flows-gone", old={"name": "gone"})
    plan, said = log.plan(), list[str]()
    done = deployment.deployment(plan, unforeseen(plan, Log().plan()))
    assert (done.good, done.failed) == (False, ())
    deployment.tell(plan, done, said.append)
    assert [line.removeprefix("lost without having been previewed: ") for line in said[:2]] == [
        "aks (ManagedCluster) was replaced; with it went: the cluster and all that runs in it",
        f"flows-gone (Flow) was archived; with it went: {done.lost[1].what}",
    ]
    page = deployment.write(tmp_path, plan, done)
    text = page.read_text()
    assert text.index("- **2 lost** without having") < text.index("## Lost without having been previewed\n\n- aks")
    assert [each["urn"] for each in json.loads(page.with_suffix(".json").read_text())["lost"]] == [
        urn(CLUSTER, "aks"),
        urn(FLOW, "flows-gone"),
    ]


def test_a_policy_that_only_the_update_could_break_is_a_failure() -> None:
    log = updated()
    log.violation("private", "close it", urn("a:b:C", "aks"))
    assert [each.message for each in deployment.deployment(log.plan()).failed] == ["policy private: close it"]


def test_the_report_is_bounded_whatever_was_done() -> None:
    log = Log(planning=False)
    for index in range(600):
        log.failed("update", FLOW, f"{'|' * 90}{index}", "<" * 900, old={"name": f"{index}"}, new={"script": 1})
    plan = log.plan()
    text = deployment.summary(plan, deployment.deployment(plan))
    assert len(text) <= LIMIT
    assert "more, in `deploy-dev.json`" in text


def test_the_types_are_those_of_the_program() -> None:
    made = [vars(kind)["_resource_type_name"] for kind in (flow_image.BuiltImage, flow_registry.Flow)]
    assert [f"pulumi-python:{kind}" for kind in made] == [IMAGE, FLOW]
    assert helm.v3.Release.pulumi_type == RELEASE
