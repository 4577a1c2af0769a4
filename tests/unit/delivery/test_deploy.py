"""What `make deploy` does before and after the engine's turn."""

import errno
import json
from pathlib import Path

import pytest

from delivery.deployed import deploy, engine
from delivery.deployed.engine import Interrupted
from delivery.error import DeliveryError
from preview.engine import Progress
from preview.plan import Plan
from tests.unit.delivery.conftest import Checkout, Parse, done, red
from tests.unit.preview.conftest import CLUSTER, Log, urn


def test_nothing_is_updated_while_the_preview_is_against_it(checkout: Checkout, options: Parse) -> None:
    checkout.engine_says(preview=red(), up=done())
    with pytest.raises(DeliveryError, match=r"^dev was left as it is: 1 red; see build/preview-dev.md$"):
        deploy.run(options())
    assert [line.split()[0] for line in checkout.asked] == ["preview"]
    assert "dev was left as it is" in Path("build/deploy-dev.md").read_text()


def test_what_is_allowed_is_updated_with_the_policies_asked_each_time(checkout: Checkout, options: Parse) -> None:
    checkout.engine_says(preview=red(), up=done())
    assert deploy.run(options("--allow", "aks")) == 0
    preview, update = checkout.asked
    assert preview.startswith(f"preview --policy-pack {checkout.root}/policies --stack dev --suppress-progress")
    assert update.startswith(f"up --yes --skip-preview --policy-pack {checkout.root}/policies --stack dev")
    assert json.loads(Path("build/deploy-dev.json").read_text())["counts"] == {"replace": 1}


@pytest.mark.usefixtures("checkout")
def test_an_update_that_is_interrupted_leaves_a_report_of_what_it_did(
    options: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = done()
    log.step("delete", CLUSTER, "old", old={})

    def interrupted(*arguments: object) -> Plan:
        if "up" in arguments:
            raise Interrupted(log.plan())
        return Log().plan()

    monkeypatch.setattr(engine, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        deploy.run(options())
    assert [each["urn"] for each in json.loads(Path("build/deploy-dev.json").read_text())["failed"]] == [
        urn(CLUSTER, "old")
    ]


def test_what_an_update_took_without_a_preview_of_it_fails_the_deployment(
    checkout: Checkout, options: Parse, capsys: pytest.CaptureFixture[str]
) -> None:
    checkout.engine_says(preview=Log(), up=done())
    assert deploy.run(options()) == 1
    assert "lost without having been previewed: aks (ManagedCluster) was replaced" in capsys.readouterr().out
    [lost] = json.loads(Path("build/deploy-dev.json").read_text())["lost"]
    assert lost["urn"] == urn(CLUSTER, "aks")


@pytest.mark.parametrize("phase", ["Previewing", "Updating"])
def test_a_pipe_that_nobody_reads_any_more_loses_no_report(
    phase: str, checkout: Checkout, options: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = done()
    log.component("cluster")
    checkout.engine_says(preview=Log(), up=log)
    said: list[str] = []

    def closed(line: str) -> None:
        if said and said[-1].startswith(phase):
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        said.append(line)

    monkeypatch.setattr(engine, "say", closed)
    with pytest.raises(BrokenPipeError):
        deploy.run(options())
    record = json.loads(Path("build/deploy-dev.json").read_text())
    updated = [line.split()[0] for line in checkout.asked] == ["preview", "up"]
    assert updated is (phase == "Updating")
    assert record["counts"] == ({"create": 1, "replace": 1} if updated else {})
    assert [each["message"] for each in record["failed"]] == ([] if updated else ["[Errno 32] Broken pipe"])


def test_what_breaks_down_while_pulumi_works_is_in_the_report_of_what_it_did(
    checkout: Checkout, options: Parse, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Progress.add

    def broken(progress: Progress, line: str) -> None:
        add(progress, line)
        raise RecursionError("too deep")

    checkout.engine_says(preview=red(), up=done())
    monkeypatch.setattr(Progress, "add", broken)
    with pytest.raises(DeliveryError, match="1 error"):
        deploy.run(options("--allow", "aks"))
    assert "not followed to its end, as of RecursionError: too deep" in Path("build/preview-dev.md").read_text()
