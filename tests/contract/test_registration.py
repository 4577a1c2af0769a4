"""Registration against the emulated API, over HTTP: what the server has afterwards, and what is written."""

import json
import os
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from registration import api as api_module
from registration import apply, bundle, catalog, command
from registration.api import Api
from registration.error import RegistrationError
from registration.settings import RunConfig, Settings, write
from registration.store import open_store

ROOT = Path(__file__).parents[2]
FLOW = """
    from prefect import Flow, Parameter, task
    from prefect.schedules import CronSchedule
    from tasks.t import get

    @task
    def double(x):
        return x * 2

    with Flow("{name}", schedule={schedule}) as flow:
        double(get(Parameter("n", default=1)))
"""
CRON = 'CronSchedule("0 3 * * *")'


class Project:
    """A project of the test's own on a shared emulator, and the folder that it is registered from."""

    def __init__(self, root: Path, api: Any) -> None:
        self.root = root
        self.api = api
        self.name = root.name
        (root / "flows").mkdir(parents=True)
        (root / "tasks").mkdir()
        (root / "tasks" / "t.py").write_text("from prefect import task\n\n@task\ndef get(n):\n    return n\n")

    def flow(self, name: str, *, schedule: str = "None", more: str = "", file: str | None = None) -> Path:
        path = self.root / "flows" / f"{file or name}.py"
        path.write_text(textwrap.dedent(FLOW).format(name=name, schedule=schedule) + more)
        return path

    def run(self, verb: str, *options: str, url: str | None = None) -> tuple[int, dict[str, dict[str, Any]]]:
        """Run the command line in this process; give its status and the flows by name."""
        given = ["--api", url or self.api.url, "--project", self.name, "--flows", str(self.root / "flows")]
        self.status = command.main([verb, *given, "--json", *options])
        document = json.loads(self.said())
        self.summary = document["summary"]
        return self.status, {each["name"] or each["file"]: each for each in document["flows"]}

    said: Callable[[], str]

    def rows(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.api.query(
            "query($p: String!) { flow(where: {project: {name: {_eq: $p}}}, order_by: {name: asc, version: asc})"
            " { id name version archived is_schedule_active storage run_config flow_group_id"
            "   tasks_aggregate { aggregate { count } } edges_aggregate { aggregate { count } } } }",
            {"p": self.name},
        )["flow"]
        return found

    def versions(self) -> dict[str, int]:
        return {row["name"]: row["version"] for row in self.rows() if not row["archived"]}

    def active(self, name: str) -> bool:
        return next(
            bool(row["is_schedule_active"]) for row in self.rows() if row["name"] == name and not row["archived"]
        )


@pytest.fixture
def project(tmp_path: Path, shared_prefect_api: Any, capsys: pytest.CaptureFixture[str]) -> Project:
    made = Project(tmp_path / f"p{os.getpid()}-{tmp_path.name}", shared_prefect_api)
    made.said = lambda: capsys.readouterr().out
    return made


def actions(flows: dict[str, dict[str, Any]]) -> dict[str, str]:
    return {name: flow["action"] for name, flow in flows.items()}


def test_what_is_registered_is_unchanged_afterwards_and_nothing_is_written(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.flow("one", schedule=CRON)
    project.flow("two")
    status, flows = project.run("apply")
    assert (status, actions(flows)) == (0, {"one": "register", "two": "register"})
    assert {name: flow["version"] for name, flow in flows.items()} == {"one": 1, "two": 1}
    assert all(flow["id"] for flow in flows.values())
    sent: list[str] = []
    real = httpx.Client.post
    monkeypatch.setattr(
        httpx.Client, "post", lambda self, url, **given: sent.append(given["content"]) or real(self, url, **given)
    )
    status, flows = project.run("apply")
    assert (status, actions(flows)) == (0, {"one": "unchanged", "two": "unchanged"})
    assert len(sent) == 1
    assert "mutation" not in sent[0]


def test_exactly_the_flow_that_changed_gets_a_version_and_the_part_is_named(project: Project) -> None:
    project.flow("one")
    project.flow("two", schedule=CRON)
    project.run("apply")
    project.flow("two", schedule=CRON, more="\nwith flow:\n    double(3)\n")
    status, flows = project.run("plan", "--detailed-exitcode")
    assert (status, actions(flows)) == (2, {"one": "unchanged", "two": "update"})
    assert flows["two"]["reasons"] == ["structure", "source", "removes 10 scheduled runs"]
    assert project.summary["scheduled_runs_removed"] == 10
    project.run("apply")
    assert project.versions() == {"one": 1, "two": 2}
    assert project.run("plan", "--detailed-exitcode")[0] == 0


def test_comments_and_the_code_of_tasks_register_nothing(project: Project) -> None:
    path = project.flow("one")
    project.run("apply")
    path.write_text(f"# a note\n{path.read_text()}\n\n")
    tasks = project.root / "tasks" / "t.py"
    tasks.write_text(tasks.read_text().replace("return n", "return n + 1"))
    assert actions(project.run("apply")[1]) == {"one": "unchanged"}


def test_a_flow_that_no_agent_takes_keeps_everything_from_being_written_unless_asked(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.flow("one")
    project.flow("two", more="\nfrom prefect.run_configs import LocalRun\nflow.run_config = LocalRun(labels=['gpu'])\n")
    write(project.root / "s.json", Settings(agent_labels=("aks",), run_config=RunConfig(labels=("aks",))))
    given = ("--settings", str(project.root / "s.json"))
    arguments = ["--api", project.api.url, "--project", project.name, "--flows", str(project.root / "flows"), *given]
    for verb in ("plan", "apply"):
        assert command.main([verb, *arguments]) == 1
        said = capsys.readouterr().err
        assert "error: flows/two.py: flow 'two' would never run" in said
        assert project.rows() == []
    assert project.run("apply", *given, "--keep-going")[0] == 1
    assert project.versions() == {"one": 1}


def test_a_flow_whose_file_is_gone_is_archived_and_comes_back_as_a_new_version(project: Project) -> None:
    path = project.flow("one", schedule=CRON)
    project.flow("two")
    project.run("apply")
    path.unlink()
    assert actions(project.run("apply", "--removal", "retain")[1])["one"] == "unchanged"
    assert actions(project.run("apply")[1]) == {"one": "archive", "two": "unchanged"}
    assert project.versions() == {"two": 1}
    assert actions(project.run("apply")[1]) == {"two": "unchanged"}
    project.flow("one", schedule=CRON)
    project.run("apply")
    assert project.versions() == {"one": 2, "two": 1}


def test_an_empty_folder_does_not_archive_everything_unasked(project: Project) -> None:
    path = project.flow("one")
    project.run("apply")
    path.unlink()
    given = ["--api", project.api.url, "--project", project.name, "--flows", str(project.root / "flows")]
    assert command.main(["apply", *given]) == 2
    assert project.versions() == {"one": 1}
    assert command.main(["apply", *given, "--allow-empty"]) == 0
    assert project.versions() == {}


def test_one_file_that_fails_keeps_everything_unless_asked_to_go_on(project: Project) -> None:
    project.flow("one")
    project.flow("two")
    project.run("apply")
    project.flow("one", more="\nN = 1\n")
    line = len(project.flow("two", more="\n1 / 0\n").read_text().splitlines())
    status, flows = project.run("apply")
    assert status == 1
    assert flows["one"]["error"].startswith("not applied")
    assert flows["flows/two.py"]["error"].startswith(f"flows/two.py:{line}: ZeroDivisionError")
    assert project.versions() == {"one": 1, "two": 1}
    status, flows = project.run("apply", "--keep-going")
    assert status == 1
    assert project.versions() == {"one": 2, "two": 1}


def test_an_operators_pause_is_kept_by_a_run_and_by_a_new_version(project: Project) -> None:
    project.flow("one", schedule=CRON)
    _, flows = project.run("apply")
    assert project.active("one")
    project.api.mutate("set_schedule_inactive", "success", flow_id=flows["one"]["id"])
    project.run("apply")
    assert not project.active("one")
    project.flow("one", schedule=CRON, more="\nN = 1\n")
    project.run("apply")
    assert project.versions() == {"one": 2}
    assert not project.active("one")
    assert actions(project.run("plan")[1]) == {"one": "unchanged"}


def test_another_policy_changes_the_schedule_and_no_version(project: Project) -> None:
    project.flow("one", schedule=CRON)
    project.run("apply")
    _, flows = project.run("apply", "--schedules", "paused")
    assert flows["one"]["reasons"] == ["schedule: active → paused"]
    assert not project.active("one")
    project.run("apply", "--schedules", "active")
    assert project.active("one")
    assert project.versions() == {"one": 1}


def test_a_policy_that_an_operator_was_ahead_of_is_remembered_as_applied(project: Project) -> None:
    project.flow("one", schedule=CRON)
    _, flows = project.run("apply", "--schedules", "paused")
    project.api.mutate("set_schedule_active", "success", flow_id=flows["one"]["id"])
    assert actions(project.run("apply", "--schedules", "paused")[1]) == {"one": "unchanged"}
    project.run("apply", "--schedules", "active")
    assert actions(project.run("plan", "--schedules", "active")[1]) == {"one": "unchanged"}
    _, flows = project.run("apply", "--schedules", "paused")
    assert flows["one"]["reasons"] == ["schedule: active → paused"]
    assert not project.active("one")


def test_a_policy_that_came_with_a_version_that_failed_is_applied_by_the_next_run(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.flow("one", schedule=CRON)
    project.run("apply")
    moved = Settings(run_config=RunConfig(labels=("west",)), schedules="paused")
    write(project.root / "settings.json", moved)

    def refuse(*_: object, **__: object) -> str:
        raise RegistrationError("refused")

    with monkeypatch.context() as patch:
        patch.setattr(Api, "create_flow", refuse)
        assert project.run("apply", "--settings", str(project.root / "settings.json"))[0] == 1
    assert project.run("apply", "--settings", str(project.root / "settings.json"))[0] == 0
    assert project.versions() == {"one": 2}
    assert not project.active("one")


def test_a_flow_registered_by_prefects_own_client_is_left_alone_unless_a_file_has_its_name(project: Project) -> None:
    project.flow("one")
    project.run("apply")
    row = project.rows()[0]
    stranger = {"name": "stranger", "tasks": [], "edges": [], "storage": {"type": "Local", "path": "/x"}}
    project_id = project.api.query(
        "query($p: String!) { project(where: {name: {_eq: $p}}) { id } }", {"p": project.name}
    )["project"][0]["id"]
    project.api.mutate("create_flow", "id", project_id=project_id, serialized_flow=stranger)
    assert actions(project.run("apply")[1]) == {"one": "unchanged"}
    project.flow("stranger")
    assert project.run("plan")[1]["stranger"]["reasons"] == ["registered elsewhere"]
    project.run("apply")
    assert project.versions() == {"one": 1, "stranger": 2}
    assert row["id"] in {each["id"] for each in project.rows()}


def test_a_flow_that_keeps_its_own_storage_is_archived_when_its_file_is_gone(project: Project) -> None:
    project.flow("one")
    path = project.flow("two")
    path.write_text(
        "from prefect import Flow\nfrom prefect.storage import GitHub\n\n"
        "flow = Flow('two', storage=GitHub(repo='owner/repository', path='two.py'))\n"
    )
    project.run("apply")
    project_id = project.api.query(
        "query($p: String!) { project(where: {name: {_eq: $p}}) { id } }", {"p": project.name}
    )["project"][0]["id"]
    # Prefect's own client gives a key of the same form.
    stranger = {"name": "stranger", "tasks": [], "edges": [], "storage": {"type": "GitHub", "repo": "o/r"}}
    project.api.mutate("create_flow", "id", project_id=project_id, serialized_flow=stranger, idempotency_key="5" * 64)
    assert actions(project.run("plan")[1]) == {"one": "unchanged", "two": "unchanged"}
    path.unlink()
    assert actions(project.run("apply")[1]) == {"one": "unchanged", "two": "archive"}
    assert project.versions() == {"one": 1, "stranger": 1}


def test_every_unarchived_version_of_a_group_is_found_newest_first(project: Project, prefect_api: Any) -> None:
    project.api = prefect_api
    path = project.flow("one")
    for number in range(2):
        project.run("apply")
        path.write_text(f"{path.read_text()}\nN = {number}\n")
    with sqlite3.connect(prefect_api.database.removeprefix("sqlite:///")) as database:
        database.execute("UPDATE flow SET archived = 0")
    group = project.rows()[0]["flow_group_id"]
    with Api(prefect_api.url) as api:
        assert [row.version for row in api.flows_of_group(group)] == [2, 1]
        newest = api.flow_by_group(group)
        assert newest is not None
        assert newest.version == 2


def test_an_old_id_that_is_answered_after_a_failed_insert_is_noticed(project: Project, prefect_api: Any) -> None:
    project.api = prefect_api
    project.flow("one")
    project.run("apply")
    project.flow("one", more="\nN = 1\n")
    _, flows = project.run("plan")
    with sqlite3.connect(prefect_api.database.removeprefix("sqlite:///")) as database:
        settings = json.dumps({"idempotency_key": flows["one"]["key"]})
        database.execute("UPDATE flow_group SET settings = ?", (settings,))
    status, flows = project.run("apply")
    assert (status, flows["one"]["version"]) == (0, 2)
    assert project.versions() == {"one": 2}
    assert actions(project.run("apply")[1]) == {"one": "unchanged"}


@pytest.mark.parametrize("sent", [0, 500])
def test_a_flow_too_big_for_one_call_arrives_whole_and_is_finished_when_cut_short(
    sent: int, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.flow("one", more="\nwith flow:\n    for number in range(600):\n        double(number)\n")
    monkeypatch.setattr(api_module, "BODY_LIMIT", 2_000)
    real = Api.add_graph

    def cut_short(self: Api, flow_id: str, flow: Any) -> None:
        real(self, flow_id, {**flow, "edges": [], "tasks": flow["tasks"][:sent]})
        raise RegistrationError("cut short")

    monkeypatch.setattr(Api, "add_graph", cut_short)
    assert project.run("apply")[0] == 1
    monkeypatch.setattr(Api, "add_graph", real)
    _, flows = project.run("apply")
    assert flows["one"]["reasons"] == ["half registered"]
    row = project.rows()[0]
    assert row["version"] == 1
    assert row["tasks_aggregate"]["aggregate"]["count"] == 603
    assert row["edges_aggregate"]["aggregate"]["count"] == 2
    assert actions(project.run("apply")[1]) == {"one": "unchanged"}


def test_what_is_stored_is_what_prefect_loads(project: Project) -> None:
    (project.root / "flows" / "shared.py").write_text("N = 42\n")
    project.flow(
        "one",
        more="\nfrom flows.shared import N\n",
    )
    project.run("apply")
    storage = project.rows()[0]["storage"]
    code = (
        "import json, sys; from prefect.serialization.storage import StorageSchema\n"
        "flow = StorageSchema().load(json.loads(sys.argv[1])).get_flow('one')\n"
        "print(flow.name, sorted(flow.slugs.values()))"
    )
    (project.root / "flows").rename(project.root / "elsewhere")
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, json.dumps(storage)],
        cwd=project.root,
        env={**os.environ, "PYTHONPATH": str(project.root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.stdout.strip() == "one ['double-1', 'get-1', 'n']", ran.stderr


def test_the_storage_is_serialized_as_prefect_does_it(tmp_path: Path) -> None:
    url = "https://account.blob.core.windows.net/flows"
    locations = {"Local": open_store("scripts", tmp_path), "Azure": open_store(url, tmp_path)}
    code = (
        "import json, sys; from prefect.serialization.storage import StorageSchema\n"
        "given = json.loads(sys.argv[1])\n"
        "again = StorageSchema().dump(StorageSchema().load(given)); again.pop('__version__')\n"
        "print(json.dumps(again))"
    )
    for store in locations.values():
        given = store.storage("one", "a" * 64)
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code, json.dumps(given)], capture_output=True, text=True, check=True
        )
        assert json.loads(ran.stdout) == given


def test_settings_from_a_file_and_a_library_call_agree_with_the_command(project: Project) -> None:
    project.flow("one", schedule=CRON)
    settings = Settings(project=project.name, api=project.api.url, run_config=RunConfig(labels=("west",)))
    write(project.root / "settings.json", settings)
    project.run("apply", "--settings", str(project.root / "settings.json"))
    found = catalog.load(
        project.root / "flows", store=settings.store, run_config=settings.run_config, bundles=project.root / "b"
    )
    with Api(project.api.url) as api:
        server = api.server(project.name)
        held = bundle.read(project.root / "b", "one", found.records[0].key)
        store = open_store(settings.store, project.root)
        made = apply.register(api, store, held, project_id=str(server.project_id), schedules="active")
        assert (made.version, made.schedule_active) == (1, True)
        row = api.flow_by_group(made.flow_group_id)
        assert row is not None
        assert apply.parts_of(store, row) == found.records[0].parts
        (project.root / "flows" / "one.py").write_text((project.root / "flows" / "one.py").read_text() + "\nN = 1\n")
        again = catalog.load(
            project.root / "flows", store=settings.store, run_config=settings.run_config, bundles=project.root / "b"
        )
        held = bundle.read(project.root / "b", "one", again.records[0].key)
        assert apply.register(api, store, held, project_id=str(server.project_id), schedules="active").version == 2
    assert actions(project.run("apply", "--settings", str(project.root / "settings.json"))[1]) == {"one": "unchanged"}


def test_tenant_and_project_are_made_once(
    start_prefect_api: Callable[..., Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = Project(tmp_path / "fresh", start_prefect_api())
    made.said = lambda: capsys.readouterr().out
    made.flow("one")
    made.run("apply")
    assert len(made.api.query("{ tenant { id } }")["tenant"]) == 1
    with Api(made.api.url) as api:
        tenant_id = api.find_tenant("default")
        assert tenant_id is not None
        project_id = api.ensure_project("fresh", tenant_id)
        assert project_id == api.find_project("fresh", tenant_id)


def test_only_one_flow_is_applied_and_no_other_archived(project: Project) -> None:
    project.flow("one")
    path = project.flow("two")
    project.run("apply")
    path.unlink()
    project.flow("one", more="\nN = 1\n")
    (project.root / "flows" / "broken.py").write_text("1 / 0\n")
    status, flows = project.run("apply", "--only", "one")
    assert (status, actions(flows)) == (0, {"one": "update"})
    assert project.versions() == {"one": 2, "two": 1}
    assert command.main(["plan", "--flows", str(project.root / "flows"), "--only", "nobody"]) == 2
