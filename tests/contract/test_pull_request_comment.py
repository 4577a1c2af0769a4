"""What `make comment` says to Azure Repos and to GitHub, and what it says when they do not take it."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from delivery.__main__ import main
from delivery.hosting import comment, pull_request, rest
from emulators import background
from emulators.azure_devops.app import TOKEN, DevOps
from emulators.azure_devops.fault import Fault
from emulators.background import listen
from preview.loss import losses
from preview.plan import Plan
from preview.summary import Occasion, summary
from tests.contract.pipeline_run import NAMES, PULL_REQUEST, VARIABLES
from tests.unit.preview.conftest import CLUSTER, Log

# Seconds that no test waits for, and that a busy machine does not reach.
LONG = 5
PROVIDERS = pytest.mark.parametrize("provider", ["azure", "github"])


class Run:
    """A run of the pipeline, in a folder of its own."""

    def __init__(self, devops: DevOps, patch: pytest.MonkeyPatch, output: pytest.CaptureFixture[str]) -> None:
        self.devops, self.store = devops, devops.store
        self._patch, self._output = patch, output

    def on(self, provider: str, **changed: str) -> "Run":
        for name, value in (VARIABLES[provider] | PULL_REQUEST[provider] | changed).items():
            self._patch.setenv(name, value)
        return self

    def preview(self, stack: str, plan: Plan) -> None:
        Path("build").mkdir(exist_ok=True)
        page = summary(plan, losses(plan), Occasion(emulated=True))
        Path(f"build/preview-{stack}.md").write_text(page.replace("`dev`", f"`{stack}`"))

    def comment(self, *arguments: str) -> tuple[str, str]:
        """Comment, which never fails, and give what it said and warned."""
        assert main(["comment", *arguments]) == 0
        said = self._output.readouterr()
        assert TOKEN not in said.out + said.err
        return said.out, said.err

    def texts(self) -> list[str]:
        threads = self.store.threads["prefect-aks/12"]
        found = [thread["comments"][0]["content"] for thread in threads]
        return found + [each["body"] for each in self.store.comments["contoso/prefect-aks/12"]]

    def statuses(self) -> list[str]:
        return [thread["status"] for thread in self.store.threads["prefect-aks/12"]]

    def asked(self, method: str) -> list[Any]:
        return [each for each in self.devops.requests if each["asked"].startswith(f"{method} ")]


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[DevOps, str]]:
    devops = DevOps()
    with background.serving(devops.application()) as url:
        yield devops, url


@pytest.fixture
def run(
    tmp_path: Path,
    served: tuple[DevOps, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Run:
    devops, url = served
    devops.clear()
    monkeypatch.setenv(rest.VARIABLE, url)
    monkeypatch.chdir(tmp_path)
    for name in {*NAMES, "TF_BUILD"}:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(rest, "_PAUSES", (0.01, 0.01, 0.01))
    return Run(devops, monkeypatch, capsys)


def green() -> Plan:
    log = Log()
    log.component("cluster")
    return log.plan()


def red() -> Plan:
    log = Log()
    log.replace(CLUSTER, "aks", "dnsPrefix")
    return log.plan()


@PROVIDERS
def test_each_stack_has_one_comment_which_every_run_writes_anew(run: Run, provider: str) -> None:
    run.on(provider).preview("dev", green())
    run.preview("stage", green())
    assert run.comment()[0] == "dev: commented\nstage: commented\n"
    run.preview("dev", red())
    assert run.comment()[0] == "dev: updated\nstage: unchanged\n"
    dev, stage = run.texts()
    assert dev.startswith("<!-- prefect-aks:preview:dev -->\n\n# Preview of `dev`\n")
    assert "**aks** (ManagedCluster) is replaced" in dev
    assert "# Preview of `stage`" in stage
    assert len(run.asked("POST")) == 2


def test_a_thread_is_active_while_something_is_red_and_closed_otherwise(run: Run) -> None:
    run.on("azure").preview("dev", green())
    run.comment()
    assert run.statuses() == ["closed"]
    run.preview("dev", red())
    run.comment()
    assert run.statuses() == ["active"]
    run.preview("dev", green())
    run.comment()
    assert run.statuses() == ["closed"]


@pytest.mark.parametrize("wrong", ["problem", "violation"])
def test_a_thread_is_active_for_an_error_and_for_a_broken_policy_too(run: Run, wrong: str) -> None:
    log = Log()
    cluster = log.component("cluster")
    log.problem("no", cluster) if wrong == "problem" else log.violation("private", "close it", cluster)
    run.on("azure").preview("dev", log.plan())
    run.comment()
    assert run.statuses() == ["active"]


def test_a_comment_says_of_which_commit_it_is_and_where_the_run_is(run: Run) -> None:
    run.on("azure").preview("dev", green())
    run.comment()
    url = "https://dev.azure.com/contoso/data%20%26%20more/_build/results?buildId=99"
    assert run.texts()[0].endswith(f"\n\nPreview of `0123456789` by [run 99]({url}).")


@PROVIDERS
def test_a_stack_that_a_later_push_does_not_touch_is_told_so_where_that_is_known(run: Run, provider: str) -> None:
    run.on(provider).preview("dev", red())
    run.preview("stage", green())
    run.comment()
    Path("build/preview-dev.md").unlink()
    assert run.comment()[0] == "stage: unchanged\n"
    assert run.comment("--touched", "stage")[0] == "dev: updated\nstage: unchanged\n"
    assert "The change does not touch `dev` any more." in run.texts()[0]
    Path("build/preview-stage.md").unlink()
    assert run.comment("--touched", "none")[0] == "dev: unchanged\nstage: updated\n"
    assert run.statuses() == (["closed", "closed"] if provider == "azure" else [])


@PROVIDERS
def test_what_others_write_is_left_alone_even_when_they_repeat_the_marker(run: Run, provider: str) -> None:
    text = "<!-- prefect-aks:preview:dev -->\n\nmine"
    thread = {"status": "active", "comments": [{"content": text, "commentType": "text"}]}
    run.store.begin_thread("prefect-aks/12", thread, "somebody")
    run.store.comments["contoso/prefect-aks/12"].append({"id": 5, "body": text, "user": {"login": "somebody"}})
    run.on(provider).preview("dev", green())
    run.comment()
    run.comment()
    assert run.texts().count(text) == 2
    assert sum("# Preview of `dev`" in each for each in run.texts()) == 1


def test_the_comment_is_found_behind_hundreds_of_others(run: Run) -> None:
    run.on("github").preview("dev", green())
    run.store.comments["contoso/prefect-aks/12"] = [
        {"id": number, "body": "+1", "user": {"login": "somebody"}} for number in range(1_000, 1_250)
    ]
    run.comment()
    run.preview("dev", red())
    assert run.comment()[0] == "dev: updated\n"
    assert len(run.texts()) == 251


@PROVIDERS
@pytest.mark.parametrize(
    ("status", "hint"), [(401, "the token is not taken"), (403, "may not comment"), (404, "knows no such pull request")]
)
def test_a_refusal_is_one_line_that_says_what_to_do(run: Run, provider: str, status: int, hint: str) -> None:
    run.on(provider).preview("dev", green())
    run.devops.faults.pending = [Fault(at="POST", status=status, message=f"secret {TOKEN}")]
    said, warned = run.comment()
    assert said == ""
    assert warned.startswith("warning: the pull request was not commented on: ")
    assert f"answers {status}: " in warned
    assert hint in warned
    assert warned.count("\n") == 1


def test_a_page_to_sign_in_at_is_a_token_that_is_not_taken(run: Run) -> None:
    run.on("azure").preview("dev", green())
    run.devops.faults.pending = [Fault(at="GET", status=203)]
    assert "answers 203: the token is not taken" in run.comment()[1]


def test_an_answer_that_makes_no_sense_fails_no_run(run: Run) -> None:
    run.on("azure").preview("dev", green())
    run.devops.faults.pending = [Fault(at="GET", status=200)]
    assert "it broke down with a KeyError" in run.comment()[1]


def test_a_token_of_nobody_is_refused(run: Run) -> None:
    run.on("azure", SYSTEM_ACCESSTOKEN="another").preview("dev", green())
    warned = run.comment()[1]
    assert "answers 401: the token is not taken; map SYSTEM_ACCESSTOKEN" in warned
    assert "another" not in warned


@PROVIDERS
@pytest.mark.parametrize(
    "fault",
    [
        {"at": "GET", "status": 503},
        {"at": "POST", "status": 429, "headers": {"Retry-After": "0"}},
        {"at": "POST", "status": 403, "headers": {"Retry-After": "0"}},
        {"at": "GET", "status": 429, "headers": {"Retry-After": "Thu, 01 Jan 2026 00:00:00 GMT"}},
    ],
)
def test_what_passes_is_asked_again(run: Run, provider: str, fault: dict[str, Any]) -> None:
    run.on(provider).preview("dev", green())
    run.devops.faults.pending = [Fault(**fault, times=2)]
    assert run.comment() == ("dev: commented\n", "")
    assert len(run.texts()) == 1


@PROVIDERS
def test_a_comment_that_may_have_been_taken_is_not_sent_again(run: Run, provider: str) -> None:
    run.on(provider).preview("dev", green())
    run.devops.faults.pending = [Fault(at="POST", status=502, times=9)]
    assert "answers 502" in run.comment()[1]
    assert len(run.asked("POST")) == 1


def test_a_service_that_wants_to_be_left_alone_for_an_hour_is(run: Run) -> None:
    run.on("azure").preview("dev", green())
    run.devops.faults.pending = [Fault(at="GET", status=429, headers={"Retry-After": "3600"})]
    begun = time.monotonic()
    assert "answers 429: too many were asked of it" in run.comment()[1]
    assert time.monotonic() - begun < 600


def test_an_answer_that_does_not_come_is_waited_for_a_while(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.on("azure").preview("dev", green())
    monkeypatch.setattr(rest, "_ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(rest, "SECONDS", 0.05)
    run.devops.faults.pending = [Fault(at="GET", seconds=0.5, times=9)]
    assert "Azure DevOps does not answer in time" in run.comment()[1]


def test_all_of_it_has_a_bound_whatever_keeps_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    run.on("azure").preview("dev", green())
    monkeypatch.setattr(comment, "SECONDS", 0.2)
    run.devops.faults.pending = [Fault(at="GET", seconds=LONG, status=401)]
    begun = time.monotonic()
    assert "it was not done after 0 seconds" in run.comment()[1]
    assert time.monotonic() - begun < LONG


def test_where_nobody_listens_the_run_goes_on(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with listen(0) as held:
        port = held.getsockname()[1]
    monkeypatch.setenv(rest.VARIABLE, f"http://127.0.0.1:{port}")
    run.on("azure").preview("dev", green())
    assert "Azure DevOps cannot be reached" in run.comment()[1]


@pytest.mark.parametrize(
    ("provider", "changed", "reason"),
    [
        ("azure", {"SYSTEM_ACCESSTOKEN": ""}, "SYSTEM_ACCESSTOKEN is not set"),
        ("github", {"GITHUB_TOKEN": "$(githubToken)"}, "GITHUB_TOKEN is not set"),
        ("azure", {"SYSTEM_PULLREQUEST_PULLREQUESTID": ""}, "this is no run of a pull request"),
        ("azure", {"BUILD_REPOSITORY_PROVIDER": "Bitbucket"}, "a repository of Bitbucket is in neither"),
        ("github", {"BUILD_REPOSITORY_NAME": "../../user"}, "is not OWNER/NAME"),
    ],
)
def test_without_a_token_or_a_pull_request_nobody_is_asked(
    run: Run, provider: str, changed: dict[str, str], reason: str
) -> None:
    run.on(provider, **changed).preview("dev", green())
    assert reason in run.comment()[1]
    assert run.devops.requests == []


def test_a_warning_reaches_the_page_of_a_run_of_azure_pipelines(run: Run) -> None:
    run.on("azure", TF_BUILD="True")
    assert run.comment()[0].startswith("##vso[task.logissue type=warning]the pull request was not commented on: ")


@pytest.mark.parametrize("place", ["https://example.com", "http://127.0.0.1:1@example.com", "http://10.0.0.1:80"])
def test_a_stand_in_is_on_this_machine(run: Run, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setenv(rest.VARIABLE, place)
    run.on("azure").preview("dev", green())
    assert "is not http://127.0.0.1:PORT" in run.comment()[1]


def test_no_token_is_shown_to_a_service_without_https(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(rest.VARIABLE)
    run.on("azure", SYSTEM_COLLECTIONURI="http://tfs.example.com/tfs/all/").preview("dev", green())
    assert "is not https" in run.comment()[1]


@PROVIDERS
def test_a_page_of_any_size_is_taken_cut_by_whole_lines_with_nothing_left_unfolded(run: Run, provider: str) -> None:
    page = "\n".join(["# Preview of `dev`", "", "<details>", *(f"| row {number} |" for number in range(9_000))])
    Path("build").mkdir()
    Path("build/preview-dev.md").write_text(f"{page}\n\n</details>\n")
    run.on(provider).comment()
    (text,) = run.texts()
    assert pull_request.LIMIT - 200 < len(text) <= pull_request.LIMIT
    assert text.count("<details>") == text.count("</details>") == 1
    assert "It is cut here; the rest is in `preview-dev.md` of the run." in text
    assert all(line in page for line in text.split("</details>")[0].splitlines()[2:])
