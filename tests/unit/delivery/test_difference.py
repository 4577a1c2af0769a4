import json
from collections.abc import Callable
from typing import Any

import pytest

from delivery import __main__ as delivery
from delivery.deployed import stack
from delivery.deployed.stack import Deployment, Update

ONE, OTHER = "ab" * 32, "cd" * 32


def deployed(name: str, digest: str, flows: dict[str, str], **update: Any) -> Deployment:
    outputs = {
        "flowImage": f"cr{name}.azurecr.io/flows@sha256:{digest}",
        "flowImageContentHash": "12" * 32,
        "flows": {flow: {"fingerprint": fingerprint} for flow, fingerprint in flows.items()},
    }
    given = {"succeeded": True, "revision": "0123456789" * 4, "config": {}, **update}
    return Deployment(stack=name, outputs=outputs, update=Update(**given))


@pytest.fixture
def diff(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def compare(first: Deployment, second: Deployment, *options: str) -> tuple[int, str, str]:
        there = {each.stack: each for each in (first, second)}
        monkeypatch.setattr(stack, "read", lambda _, name, __: there[name])
        code = delivery.main(["diff", "--from", first.stack, "--to", second.stack, *options])
        return code, *capsys.readouterr()

    return compare


def test_what_differs_is_told_by_name_and_kind(diff: Callable[..., Any]) -> None:
    first = deployed("stage", ONE, {"same": "11" * 32, "changed": "22" * 32, "new": "33" * 32})
    second = deployed("prod", OTHER, {"same": "11" * 32, "changed": "44" * 32, "old": "55" * 32})
    second.outputs["flowImageContentHash"] = None  # type: ignore[index]
    code, told, _ = diff(first, second)
    assert code == 0
    assert told.splitlines() == [
        "               stage         prod",
        "image          abababababab  cdcdcdcdcdcd  differs",
        "content        121212121212  -",
        "of revision    012345678901  012345678901",
        "deployed from  012345678901  012345678901",
        "",
        "changed        222222222222  444444444444  differs",
        "new            333333333333  -             only in stage",
        "old            -             555555555555  only in prod",
        "",
        "different images; 1 flow(s) are the same, 3 differ",
    ]


def test_stacks_that_run_the_same_differ_in_nothing_wherever_their_registries_are(diff: Callable[..., Any]) -> None:
    flows = {"one": "11" * 32}
    code, told, _ = diff(deployed("stage", ONE, flows), deployed("prod", ONE, flows), "--detailed-exitcode")
    assert code == 0
    assert told.splitlines()[-1] == "the same image; 1 flow(s) are the same"


@pytest.mark.parametrize(("digest", "fingerprint"), [(OTHER, "11"), (ONE, "22"), (ONE, "")])
def test_the_detailed_exit_code_and_the_document_tell_that_they_differ(
    digest: str, fingerprint: str, diff: Callable[..., Any]
) -> None:
    second = deployed("prod", digest, {"one": fingerprint}, revision="", dirty=True)
    code, told, _ = diff(deployed("stage", ONE, {"one": "11"}), second, "--detailed-exitcode", "--json")
    record = json.loads(told)
    assert (code, record["different"], record["to"]["revision"], record["to"]["dirty"]) == (3, True, None, True)
    assert (record["image"], len(record["flows"])) == (
        "same" if digest == ONE else "different",
        int(fingerprint != "11"),
    )


def test_a_stack_without_flows_or_an_image_is_compared_all_the_same(diff: Callable[..., Any]) -> None:
    empty = Deployment(stack="new", outputs={}, update=Update(config={}))
    code, told, warned = diff(deployed("stage", ONE, {"one": "11"}), empty)
    assert code == 0
    assert "only in stage" in told
    assert warned == ("warning: the last update of new did not succeed; what it runs may be half old, half new\n")
