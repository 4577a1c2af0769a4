import json
from pathlib import Path

import pytest

from delivery.hosting import pull_request
from delivery.hosting.comment import body
from preview import record
from preview.loss import losses
from preview.markdown import escape, fit
from preview.plan import Plan
from preview.summary import LIMIT, Occasion, headline, summary
from tests.unit.preview.conftest import CLUSTER, FLOW, STACK, Log

NASTY = "a|b`c`<script>*_[x](y)_* @team #12 ${{ x }}\n# no"


def text_of(plan: Plan, *allowed: str) -> str:
    return summary(plan, losses(plan, allowed), Occasion(emulated=True))


def large(count: int, name: str = "resource") -> Log:
    log = Log()
    for part in range(50):
        parent = log.component(f"component-{part}")
        for index in range(count // 50):
            log.step(
                "update",
                "azure-native:network:RouteTable",
                f"{name}-{part}-{index}",
                parent=parent,
                old={"a": 1},
                new={},
            )
    return log


def test_the_counts_stand_first_then_the_red_list_then_the_components() -> None:
    log = Log()
    cluster = log.component("cluster")
    log.step("create", "a:b:C", "new", parent=cluster, new={})
    log.replace(CLUSTER, "aks", "dnsPrefix", parent=cluster)
    log.outputs(relaxations={"egress": "A firewall is dear."})
    text = text_of(log.plan())
    lines = text.splitlines()
    assert lines[:3] == ["# Preview of `dev`", "", "**2 to create, 1 to replace**"]
    # A comment on a pull request has no place that a relative link could start from.
    assert "](" not in text
    places = [
        text.index(part) for part in ("docs/offline-preview.md", "## Red", "## Relaxed", "## By component", "<details>")
    ]
    assert places == sorted(places)
    assert "- **aks** (ManagedCluster) is replaced, forced by dnsPrefix: the cluster and all that runs in it" in lines
    assert "- **egress**: A firewall is dear." in lines
    assert "| cluster | 2 |  | 1 |  |  |" in lines


def test_errors_and_broken_policies_are_told_above_the_plan() -> None:
    log = Log()
    cluster = log.component("cluster")
    log.problem("name is taken", cluster)
    log.violation("private", "close it", cluster)
    log.violation("spot", "is cheaper", cluster, "advisory")
    lines = text_of(log.plan()).splitlines()
    assert lines.index("- cluster: name is taken") < lines.index("## By component")
    assert lines.index("- **private** cluster: close it") < lines.index("- advice: **spot** cluster: is cheaper")
    assert "- **1 error**: the plan below is not whole" in lines


@pytest.mark.parametrize("count", [0, 200, 5_000])
def test_the_summary_is_bounded_whatever_the_size_of_the_plan_and_its_red_list_stays(count: int) -> None:
    log = large(count)
    log.replace(CLUSTER, "aks", "dnsPrefix")
    text = text_of(log.plan())
    assert len(text) <= LIMIT
    assert "**aks** (ManagedCluster) is replaced" in text
    assert len(log.plan().steps) == 50 + count + 1
    assert text.count("<details>") == text.count("</details>")
    # What a comment adds, its mark and its run, fits as well.
    assert text.strip() in body("dev", text, "x" * 1_000)
    assert len(body("dev", text, "x" * 1_000)) <= pull_request.LIMIT


def test_it_is_bounded_also_when_everything_is_red_wrong_and_named_at_length() -> None:
    log = large(5_000, "x|" * 90)
    for index in range(500):
        whole = log.replace(CLUSTER, f"{'`|' * 300}{index}", *(f"property{key}" * 9 for key in range(9)))
        log.problem(f"{'<' * 4000}{index}", whole)
        log.violation(f"{'@' * 400}{index}", "&" * 4000, whole)
    log.outputs(relaxations={f"{'*' * 400}{index}": "_" * 4000 for index in range(500)})
    text = text_of(log.plan())
    assert len(text) <= LIMIT
    assert "## Red" in text
    assert text.count("more, in `preview-dev.json`") >= 4


def test_what_is_left_out_is_counted() -> None:
    lines = [f"- line {index}" for index in range(100)]
    kept = fit(lines, 200, "- and {} more")
    assert kept[-1] == f"- and {100 - len(kept) + 1} more"
    assert sum(len(line) + 1 for line in kept) <= 200
    assert fit(lines, 2_000, "- and {} more") == lines


def test_a_name_means_itself_in_a_table_and_calls_nobody() -> None:
    log = Log()
    component = log.component(NASTY)
    log.step("delete", CLUSTER, NASTY, parent=component, old={})
    text = text_of(log.plan())
    told = escape(NASTY)
    assert "<script>" not in text
    assert "@team" not in text
    assert "\n# no" not in text
    assert "#12" not in text
    assert told == r"a\|b\`c\`&lt;script&gt;\*\_\[x\](y)\_\* &#64;team &#35;12 \$\{\{ x \}\} &#35; no"
    rows = [line for line in text.splitlines() if line.startswith("| ") and told in line]
    assert [line.replace(r"\|", "").count("|") for line in rows] == [7, 5, 5]


def test_two_runs_of_one_plan_write_the_same_bytes(tmp_path: Path) -> None:
    log = large(200)
    log.replace(CLUSTER, "aks", "a", "b")
    written = []
    for order in (1, -1):
        plan = log.plan(log.lines[::order])
        record.write(tmp_path, plan, losses(plan), Occasion())
        written.append([(tmp_path / f"preview-dev.{kind}").read_bytes() for kind in ("md", "json")])
    assert written[0] == written[1]


def test_the_record_lists_every_resource_once_with_its_full_type(tmp_path: Path) -> None:
    log = Log()
    cluster = log.component("cluster")
    whole = log.replace(CLUSTER, "aks", "dnsPrefix", parent=cluster)
    log.step("same", "a:b:C", "same", old={}, new={})
    log.step("delete", FLOW, "flow", old={})
    plan = log.plan()
    record.write(tmp_path, plan, losses(plan, ["aks"]), Occasion())
    written = json.loads((tmp_path / "preview-dev.json").read_text())
    assert {*written} == {"stack", "counts", "red", "resources"}
    assert (written["stack"], written["counts"]) == ("dev", {"create": 1, "delete": 1, "replace": 1, "same": 1})
    aks = {"urn": whole, "type": CLUSTER, "op": "replace", "component": "cluster", "replaceKeys": ["dnsPrefix"]}
    assert aks in written["resources"]
    assert sum(written["counts"].values()) == len(written["resources"])
    red = {entry["urn"].rpartition("::")[2]: entry for entry in written["red"]}
    assert red["aks"] == {**aks, "holds": "the cluster and all that runs in it", "protected": False, "allowed": True}
    assert red["flow"]["scheduledRuns"] is None


def test_nothing_to_do_is_said_in_words() -> None:
    log = Log()
    log.step("same", "a:b:C", "one", old={}, new={})
    assert "**1 unchanged**" in text_of(log.plan())
    assert "**nothing planned**" in text_of(Plan(stack="dev"))


def test_a_protected_loss_says_that_the_real_update_would_be_refused() -> None:
    log = Log()
    whole = log.replace(CLUSTER, "aks", "a", state={"protect": True})
    log.problem("x is currently marked for protection", whole)
    assert "It is protected: `pulumi up` refuses" in text_of(log.plan())
    assert STACK not in text_of(log.plan(), "aks")


@pytest.mark.parametrize("wrong", [False, True])
def test_policies_are_said_to_hold_only_where_they_were_asked_about_the_whole_plan(wrong: bool) -> None:
    log = Log()
    log.component("cluster")
    if wrong:
        log.add("diagnosticEvent", severity="error", message="no such region")
    log.add("summaryEvent", PolicyPacks={"prefect-aks|local|policies": "0.1.0"})
    told = "No policy is broken: prefect-aks 0.1.0 was asked." in summary(log.plan(), (), Occasion())
    assert told is not wrong


def test_the_headline_says_when_it_is_of_a_deployed_stack() -> None:
    text = summary(Log().plan(), (), Occasion(deployed=True))
    assert text.startswith("# Preview of the deployed stack `dev`\n")
    assert "docs/offline-preview.md" not in text


def test_operations_of_every_kind_are_counted_in_words() -> None:
    log = Log()
    for op in ("read", "import", "refresh"):
        log.step(op, CLUSTER, op, old={}, new={})
    assert headline(log.plan()) == "1 to import, 1 to read, 1 to refresh"
    text = summary(log.plan(), (), Occasion())
    assert "| component | create | update | replace | delete | same | import | read | refresh |" in text
    assert "| import | azure-native:containerservice:ManagedCluster | import |  |" in text
    done = Log(planning=False)
    for op in ("create", "update", "replace", "delete", "same", "read", "import"):
        done.done(op, CLUSTER, op, old={}, new={})
    told = "1 created, 1 updated, 1 replaced, 1 deleted, 1 unchanged, 1 read, 1 imported"
    assert headline(done.plan()) == told
