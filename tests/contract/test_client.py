"""The unmodified Prefect 1.4.1 command line against the emulator: projects, registration and lists."""

from pathlib import Path
from typing import Any

FLOW = """
from prefect import Flow, task
from prefect.run_configs import LocalRun
from prefect.storage import Local

@task(name="{task}")
def work():
    return 1

with Flow("{name}", storage=Local(path=__file__, stored_as_script=True), run_config=LocalRun(labels=["x"])) as flow:
    work()
"""


def write(folder: Path, name: str, task: str = "work") -> str:
    path = folder / f"{name}.py"
    path.write_text(FLOW.format(name=name, task=task))
    return str(path)


def test_a_project_is_created_once_listed_and_deleted(prefect_cli: Any, project: Any) -> None:
    name = f"{project.name}-cli"
    assert f"{name} created" in prefect_cli("create", "project", name, "--description", "what it is")
    prefect_cli("create", "project", name, "--skip-if-exists")
    assert "what it is" in prefect_cli("get", "projects", "--name", name)
    prefect_cli("delete", "project", name)
    assert "what it is" not in prefect_cli("get", "projects")


def test_a_flow_is_registered_skipped_while_unchanged_and_archived_when_changed(
    prefect_cli: Any, project: Any, tmp_path: Path
) -> None:
    path = write(tmp_path, project.name)
    register = ("register", "--project", project.name, "-p", path)
    assert "Version: 1" in prefect_cli(*register)
    assert "Skipped (metadata unchanged)" in prefect_cli(*register)
    write(tmp_path, project.name, task="more")
    assert "Version: 2" in prefect_cli(*register)
    assert "Version: 3" in prefect_cli(*register, "--force")
    rows = project.api.query(f'{{ flow(where: {{ project_id: {{ _eq: "{project.id}" }} }}) {{ version archived }} }}')
    assert {row["version"]: row["archived"] for row in rows["flow"]} == {1: True, 2: True, 3: False}


def test_a_missing_project_is_named_by_the_client(prefect_cli: Any, tmp_path: Path) -> None:
    output = prefect_cli("register", "--project", "nowhere", "-p", write(tmp_path, "lost"), status=1)
    assert "nowhere" in output


def test_flows_tasks_runs_and_logs_are_listed_and_described(prefect_cli: Any, project: Any) -> None:
    run = project.run(project.register("listed"))
    line = {"flow_run_id": run, "name": "n", "level": "INFO", "message": "said by the run"}
    project.api.mutate("write_run_logs", "success", logs=line)
    name = project.run_row(run, "name")["name"]
    listed = {
        ("get", "flows", "--project", project.name): project.name,
        ("get", "tasks", "--project", project.name): "a-1",
        ("get", "flow-runs", "--project", project.name): name,
        ("get", "logs", "--id", run): "said by the run",
        ("describe", "flows", "--name", "listed", "--project", project.name): '"archived": false',
        ("describe", "tasks", "--name", "listed", "--project", project.name): '"retry_delay": "00:01:30"',
        ("describe", "flow-runs", "--name", name, "--flow-name", "listed"): "Flow run scheduled.",
    }
    for command, expected in listed.items():
        assert expected in prefect_cli(*command), command
