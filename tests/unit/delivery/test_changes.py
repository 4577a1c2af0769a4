import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from delivery.__main__ import main
from delivery.change import change_report
from delivery.change import changes as command
from delivery.change.change import StackChange
from delivery.change.changes import changes
from delivery.change.flow_change import Loaded, Question
from delivery.error import DeliveryError
from tests.unit.delivery import scratch
from tests.unit.delivery.scratch import CHART, FILES, FLOW, PIN, ROOT


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("original")
    scratch.make(root)
    return root


@pytest.fixture
def project(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the project, where the command runs."""
    copy = tmp_path / "project"
    shutil.copytree(original, copy)
    monkeypatch.chdir(copy)
    return copy


@pytest.fixture
def unloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> Loaded:
        # In a thread pytest's own way to fail would go unseen.
        raise AssertionError("a flow was loaded")

    monkeypatch.setattr(command.flow_change, "load", load)


def dev() -> StackChange:
    (found,) = changes(Path(), "HEAD", ["dev"]).stacks
    return found


def happens(change: StackChange) -> dict[str, Any]:
    """The parts in which something happens."""
    parts = {name: getattr(change, name) for name in ("flows", "server", "settings", "program")}
    image = {} if change.image.action in {"unchanged", "pinned"} else {"image": change.image.action}
    return {name: part for name, part in parts.items() if part} | image


@pytest.mark.usefixtures("unloaded")
def test_a_change_of_documents_touches_nothing_and_loads_no_flow(project: Path) -> None:
    scratch.write(project, {"docs/page.md": "Another.\n", "docs/new.md": "", f"{CHART}/README.md": "No.\n"})
    found = changes(Path(), "HEAD")
    assert [(each.stack, each.touched, happens(each)) for each in found.stacks] == [
        ("dev", False, {}),
        ("stage", False, {}),
    ]


@pytest.mark.usefixtures("unloaded")
def test_a_change_of_the_chart_upgrades_the_server_and_nothing_else(project: Path) -> None:
    scratch.write(project, {f"{CHART}/templates/ui.yaml": "a: 2\n"})
    assert happens(dev()) == {"server": (f"{CHART}/templates/ui.yaml",)}
    assert dev().touched


@pytest.mark.usefixtures("unloaded")
def test_a_change_of_the_program_asks_for_a_preview_but_not_one_of_its_comments(project: Path) -> None:
    scratch.write(project, {"infra/program.py": '"""Two."""\n\nSIZE = 1  # as ever\n'})
    assert happens(dev()) == {}
    scratch.write(project, {"infra/program.py": "SIZE = 2\n", "infra/more.py": ""})
    assert happens(dev()) == {"program": ("infra/more.py", "infra/program.py")}


@pytest.mark.usefixtures("unloaded")
def test_a_changed_setting_is_told_for_the_stacks_that_it_changes(project: Path) -> None:
    text = FILES["Pulumi.stage.yaml"] + '  prefect-aks:zones: "1"\n'
    default = FILES["Pulumi.yaml"].replace('"1,2,3"', '"1"')
    scratch.write(project, {"Pulumi.stage.yaml": text})
    assert [each.touched for each in changes(Path(), "HEAD").stacks] == [False, True]
    scratch.write(project, {"Pulumi.yaml": default})
    for found in changes(Path(), "HEAD").stacks:
        assert [(each.key, each.before, each.after) for each in found.settings] == [("zones", "1,2,3", "1")]
        assert found.program == ()


@pytest.mark.usefixtures("unloaded")
def test_a_pinned_image_is_switched_by_its_pin_and_by_nothing_else(project: Path) -> None:
    scratch.write(project, {"Dockerfile": "FROM other\n"})
    assert [each.image.action for each in changes(Path(), "HEAD").stacks] == ["build", "pinned"]
    newer = PIN.replace("0" * 64, "1" * 64)
    scratch.write(project, {"Pulumi.stage.yaml": f"config:\n  prefect-aks:flowImage: {newer}\n"})
    image = changes(Path(), "HEAD", ["stage"]).stacks[0].image
    assert (image.action, image.before, image.after) == ("switch", PIN, newer)
    scratch.write(project, {"Pulumi.stage.yaml": "config: {}\n"})
    assert changes(Path(), "HEAD", ["stage"]).stacks[0].image.action == "build"


def test_each_flow_is_told_what_becomes_of_it_and_why(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    edits = {
        "flows/gone.py": None,
        "flows/new.py": FLOW.format(name="new", hours=1, value=1),
        "flows/quiet.py": f"# A remark.\n{FILES['flows/quiet.py']}",
        "flows/wrong.py": f"{FILES['flows/wrong.py']}this is wrong\n",
        "flows/later.py": FLOW.format(name="later", hours=2, value=1),
    }
    scratch.write(project, edits)
    assert main(["changes", "--base", "HEAD", "--stack", "dev", "--json"]) == 1
    told, problem = capfd.readouterr()
    flows = json.loads(told)["stacks"][0]["flows"]
    assert {flow["name"]: (flow["action"], flow["reasons"]) for flow in flows} == {
        "gone": ("archive", ["is not in flows/gone.py any more"]),
        "later": ("update", ["source", "schedule"]),
        "new": ("register", ["new"]),
        "quiet": ("unchanged", []),
        "wrong": ("unchanged", ["kept: flows/wrong.py is refused"]),
    }
    assert problem.startswith("error: flows/wrong.py:11: ")
    assert problem.count("\n") == 1


def test_labels_of_a_stack_are_a_reason_for_each_flow_and_removal_is_what_it_was(project: Path) -> None:
    text = "config:\n  prefect-aks:flowLabels: etl,fast\n  prefect-aks:flowRemoval: retain\n"
    scratch.write(project, {"Pulumi.dev.yaml": text, "flows/gone.py": None})
    found = dev()
    actions = {flow.name: (flow.action, flow.reasons) for flow in found.flows}
    assert actions.pop("gone")[0] == "archive"
    assert set(actions.values()) == {("update", ("run_config",))}
    assert [each.key for each in found.settings] == ["flowLabels", "flowRemoval"]


def test_a_stack_of_which_the_revision_knows_nothing_is_new(project: Path) -> None:
    scratch.write(project, {"Pulumi.qa.yaml": "config: {}\n", "Pulumi.stage.yaml": None})
    told = change_report.document(changes(Path(), "HEAD"))
    (qa,) = (each for each in told["stacks"] if each["stack"] == "qa")
    assert (qa["new"], qa["touched"], qa["image"]["action"], qa["server"]["action"]) == (True, True, "build", "install")
    assert {flow["action"] for flow in qa["flows"]} == {"register"}
    assert told["gone"] == ["stage"]


@pytest.mark.parametrize(("file", "new"), [("Pulumi.dev.yaml", ["dev"]), ("Pulumi.yaml", ["dev", "stage"])])
def test_a_stack_that_was_broken_in_the_revision_and_is_mended_is_new(
    file: str, new: list[str], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command.flow_change, "load", lambda *_: Loaded())
    scratch.write(project, {file: "config: [\n"})
    scratch.git(project, "commit", "--quiet", "--all", "--message", "broken")
    scratch.write(project, {file: FILES[file]})
    assert [each.stack for each in changes(Path(), "HEAD").stacks if each.new] == new


def test_to_the_pipeline_all_is_new_in_a_repositorys_first_commit(
    project: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = "##vso[task.setvariable variable=stacks;isOutput=true]"
    assert main(["changes", "--base", "HEAD^"]) == 2
    assert main(["changes", "--base", "HEAD^", "--pipeline"]) == 0
    assert f"{told}dev,stage\n" in capfd.readouterr().out
    scratch.git(project, "commit", "--quiet", "--allow-empty", "--message", "second")
    assert main(["changes", "--base", "HEAD^", "--pipeline"]) == 0
    assert f"{told}none\n" in capfd.readouterr().out
    # Of such a clone git says that its one commit has none before it.
    scratch.git(project, "clone", "--quiet", "--depth", "1", project.as_uri(), str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    assert main(["changes", "--base", "HEAD^", "--pipeline"]) == 2


@pytest.mark.usefixtures("unloaded")
def test_a_pipeline_is_given_the_stacks_that_are_touched(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    line = "##vso[task.setvariable variable=stacks;isOutput=true]"
    assert main(["changes", "--base", "HEAD", "--pipeline"]) == 0
    assert capfd.readouterr().out.endswith(f"{line}none\n")
    scratch.write(project, {"Dockerfile": "FROM other\n", f"{CHART}/values.yaml": "a: 1\n"})
    assert main(["changes", "--base", "HEAD", "--pipeline"]) == 0
    told = capfd.readouterr().out
    assert told.endswith(f"{line}dev,stage\n")
    assert "  image     build it: " in told
    assert "  image     pinned: registry.example.com/flows@" in told


def test_a_revision_whose_flows_nobody_can_load_any_more_is_a_reason_and_no_failure(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(question: Question, _: Path) -> Loaded:
        if question.root == Path():
            return Loaded(flows={"etl": {"name": "etl", "file": "flows/etl.py"}})
        raise DeliveryError("flows/ cannot be loaded: no")

    monkeypatch.setattr(command.flow_change, "load", load)
    scratch.write(project, {"flows/new.py": ""})
    (flow,) = dev().flows
    assert (flow.action, flow.reasons) == ("update", ("not compared, as the revision's flows/ cannot be loaded: no",))


@pytest.mark.usefixtures("unloaded", "project")
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--base", "nowhere"], "git knows no revision 'nowhere'"),
        (["--base", "--upload-pack=x"], "expected one argument"),
        (["--base=--upload-pack=x"], "git knows no revision '--upload-pack=x'"),
        (["--base", "HEAD", "--stack", "local"], "there is no stack 'local' in Azure; there are: dev, stage"),
    ],
)
def test_what_is_not_there_is_a_line_and_2(
    arguments: list[str], reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    try:
        status = main(["changes", *arguments])
    except SystemExit as ended:
        status = int(ended.code or 0)
    assert status == 2
    assert reason in capfd.readouterr().err.splitlines()[-1]


def test_a_line_in_a_task_of_this_project_builds_the_image_and_registers_nothing(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    names = scratch.git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file() and not name.startswith("tests/"):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, copy / name)
    scratch.commit(copy)
    with (copy / "tasks/pokemon.py").open("a") as file:
        file.write("MORE = 1\n")
    found = changes(copy, "HEAD", ["dev"])
    (dev,) = found.stacks
    assert found.problems == ()
    assert {flow.name: flow.action for flow in dev.flows}["pokemon-etl"] == "unchanged"
    assert happens(dev) == {"image": "build", "flows": dev.flows}
    assert {flow.action for flow in dev.flows} == {"unchanged"}
    assert dev.touched
    assert dev.image.files == ("tasks/pokemon.py",)
    assert [len(each or "") for each in (dev.image.before, dev.image.after)] == [16, 16]
    assert dev.image.before != dev.image.after
