"""The agent's Role is the least that it can do with: each verb that is taken away costs something that is named.

Every agent here is the real one, in a pod of its own, under the token of its own service account.
"""

import base64
import copy
import gzip
import json
from dataclasses import dataclass
from typing import Any

import pytest

from tests.cluster import rendered
from tests.cluster.manifest import job

pytestmark = pytest.mark.audit

# What an agent does with its whole Role, and what it no longer does without one of the verbs.
ALL = {"creates Jobs", "fails runs of failed pods", "fails runs without an image", "tells events", "cleans up"}
WATCH = ALL - {"creates Jobs"}
LOST = {
    "jobs create": {"creates Jobs"},
    "jobs list": WATCH,
    "jobs delete": {"cleans up"},
    "pods list": WATCH - {"cleans up"},
    "events list": {"tells events"},
}
NOTHING = "nothing"
PLACE = "namespace-of-the-agent"
STATE = {"_result": {"type": "NoResultType", "__version__": "1.4.1"}, "context": {}, "__version__": "1.4.1"}


def make_run(api: Any, label: str, state: str = "") -> str:
    """Register a flow of one task, and make a run of it with a label and in a state."""
    task = {"slug": "a-1", "name": "a", "type": "prefect.Task", "trigger": {"fn": "all", "kwargs": {}}}
    run_config = {"type": "KubernetesRun", "labels": [label], "__version__": "1.4.1"}
    storage = {"type": "Local", "__version__": "1.4.1"}
    flow = {"name": label, "tasks": [task], "edges": [], "parameters": [], "__version__": "1.4.1"}
    text = base64.b64encode(gzip.compress(json.dumps({**flow, "storage": storage, "run_config": run_config}).encode()))
    project = api.mutate("create_project", "id", name=label, tenant_id=api.tenant)["id"]
    given = {"project_id": project, "serialized_flow": text.decode(), "set_schedule_active": False}
    registered = api.mutate("create_flow_from_compressed_string", "id", **given)["id"]
    run: str = api.mutate("create_flow_run", "id", flow_id=registered)["id"]
    if state:
        states = [{"flow_run_id": run, "version": None, "state": {**STATE, "type": state}}]
        api.mutate("set_flow_run_states", "states { status }", states=states)
    return run


@dataclass
class Agent:
    """An agent whose Role lacks a verb, in a namespace with one Job of each kind that it has to care for."""

    cluster: Any
    api: Any
    namespace: str
    runs: dict[str, str]

    def start_jobs(self) -> None:
        """Start one Job that succeeds, one that fails, and one whose image is not there."""
        for name, command, image in (
            ("a", "true", "run.test/x"),
            ("b", "false", "run.test/x"),
            ("c", "", "missing.test/x"),
        ):
            self.runs[name] = make_run(self.api, f"{self.namespace}-{name}", "Submitted")
            labels = {"prefect.io/identifier": name, "prefect.io/flow_run_id": self.runs[name]}
            self.cluster.apply(job(name, command, image=image, labels=labels), namespace=self.namespace)
        self.runs["new"] = make_run(self.api, self.namespace)

    def have_ended(self) -> bool:
        """Whether the Jobs are as they are to be."""
        status = {name: self.cluster.batch.read_namespaced_job_status(name, self.namespace).status for name in "ab"}
        return bool(status["a"].succeeded and status["b"].failed)

    def start(self, manifests: list[dict[str, Any]], lacking: str) -> None:
        """Start the agent without a verb, and let it say more than usual."""
        made = copy.deepcopy(manifests)
        resource, _, verb = lacking.partition(" ")
        for manifest in made:
            for rule in manifest.get("rules", []):
                rule["verbs"] = [each for each in rule["verbs"] if rule["resources"] != [resource] or each != verb]
            manifest["rules"] = [rule for rule in manifest.get("rules", []) if rule["verbs"]]
            if manifest["kind"] == "Deployment":
                (container,) = manifest["spec"]["template"]["spec"]["containers"]
                container["env"].append({"name": "PREFECT__CLOUD__AGENT__LEVEL", "value": "DEBUG"})
        text = json.dumps(made).replace(PLACE, self.namespace)
        self.cluster.apply(*json.loads(text), namespace=self.namespace)

    def has_had_its_turn(self) -> bool:
        """Whether it has looked at the Jobs once and tried to deploy the new run."""
        pods = self.cluster.core.list_namespaced_pod(
            self.namespace, label_selector="app.kubernetes.io/name=prefect-agent"
        )
        log = "".join(self.cluster.log(pod) for pod in pods.items)
        looked = "Heartbeat succesful" in log or "jobs.batch is forbidden" in log
        return looked and self.row("new")["state"] != "Scheduled" and ("new" in self.jobs() or "aborted!" in log)

    def row(self, run: str) -> Any:
        selection = "state state_message logs { message }"
        row = self.api.query(f'{{ flow_run_by_pk(id: "{self.runs[run]}") {{ {selection} }} }}')["flow_run_by_pk"]
        return {**row, "state_message": row["state_message"] or ""}

    def jobs(self) -> set[str]:
        """The names of the flow runs that have a Job."""
        names = {run: name for name, run in self.runs.items()}
        listed = self.cluster.batch.list_namespaced_job(self.namespace).items
        return {names[job.metadata.labels["prefect.io/flow_run_id"]] for job in listed}

    def does(self) -> set[str]:
        """What it has done."""
        failed, without = self.row("b"), self.row("c")
        found = {
            "creates Jobs": "new" in self.jobs(),
            "fails runs of failed pods": "failed for this job" in failed["state_message"],
            "fails runs without an image": "Back-off pulling image" in without["state_message"],
            "tells events": any("Event: 'BackOff'" in line["message"] for line in without["logs"]),
            "cleans up": "a" not in self.jobs(),
        }
        return {name for name, done in found.items() if done}


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    """The agent's manifests, in a namespace that is yet to be named; its flow runs' image runs nothing."""
    return rendered.agent(PLACE, labels=[PLACE], flow_image="nothing.test/flow", storage="")


@pytest.fixture(scope="module")
def agents(
    cluster: Any, module_prefect_api: Any, start_kubelet: Any, manifests: list[dict[str, Any]]
) -> dict[str, Agent]:
    """One agent for each verb that can be lacking, and one that lacks nothing; all have had their turn."""
    api = module_prefect_api
    api.tenant = api.mutate("create_tenant", "id", name="default", slug="default")["id"]
    images = ("--run", "run.test/*", "--run", "*/prefecthq/prefect:*", "--missing", "missing.test/*")
    place = f"prefect-server-apollo.prefect-server:4200={api.url.removeprefix('http://')}"
    start_kubelet(*images, "--backoff", "0.2", "--host", place, "--label", "prefect-aks/pool=flows")
    made = {lacking: Agent(cluster, api, cluster.make_namespace(), {}) for lacking in (NOTHING, *LOST)}
    for agent in made.values():
        agent.start_jobs()
    for lacking, agent in made.items():
        cluster.until(agent.have_ended)
        agent.start(manifests, lacking)
    for agent in made.values():
        cluster.until(agent.has_had_its_turn, seconds=120)
        # One that may not list Jobs asks again and again, without a pause.
        cluster.apps.delete_namespaced_deployment("agent", agent.namespace)
    return made


def test_each_verb_of_the_role_has_its_scenario(manifests: list[dict[str, Any]]) -> None:
    (role,) = (manifest for manifest in manifests if manifest["kind"] == "Role")
    verbs = {f"{resource} {verb}" for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    assert verbs == LOST.keys()


def test_an_agent_with_its_whole_role_does_everything(agents: dict[str, Agent]) -> None:
    assert agents[NOTHING].does() == ALL


@pytest.mark.parametrize("lacking", LOST)
def test_an_agent_without_a_verb_no_longer_does_what_needs_it(agents: dict[str, Agent], lacking: str) -> None:
    assert agents[lacking].does() == ALL - LOST[lacking]
