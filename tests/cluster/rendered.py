"""The manifests of the agent, as its component makes them: `python -m tests.cluster.rendered '{"namespace": …}'`.

A process of its own, because Pulumi's mocks belong to a whole process.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
API_URL = "http://prefect-server-apollo.prefect-server:4200"
AGENT_IMAGE = "docker.io/prefecthq/prefect:1.4.1-python3.10"


def agent(namespace: str, *, labels: list[str], flow_image: str, storage: str, **env: str) -> list[dict[str, Any]]:
    """The manifests of the component PrefectAgent with these arguments, its namespace left out."""
    given = {
        "namespace": namespace,
        "image": AGENT_IMAGE,
        "flow_image": flow_image,
        "api_url": API_URL,
        "labels": labels,
        "flow_account": "flow",
        "flow_client_id": "00000000-0000-0000-0000-000000000000",
        "storage_connection": storage,
        "flow_environment": env,
    }
    command = [sys.executable, "-m", "tests.cluster.rendered"]
    done = subprocess.run(command, cwd=ROOT, input=json.dumps(given), stdout=subprocess.PIPE, text=True, check=True)
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return [manifest for manifest in found if manifest["kind"] != "Namespace"]


def main() -> None:
    """Make the component under mocks, and print what it asked for."""
    import pulumi  # noqa: PLC0415 - in this process alone

    from components.network_rule import Peer  # noqa: PLC0415 - likewise
    from components.prefect_agent import PrefectAgent, PrefectAgentArgs  # noqa: PLC0415 - likewise

    made = []

    class Keep(pulumi.runtime.Mocks):
        def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
            if not args.typ.startswith("kubernetes:"):
                return args.name, args.inputs
            named = {**args.inputs, "metadata": {"name": args.name, **args.inputs["metadata"]}}
            made.append(named)
            return args.name, named

        def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
            raise NotImplementedError(args.token)

    given = json.load(sys.stdin)
    arguments = PrefectAgentArgs(**{**given, "labels": tuple(given["labels"])}, api=Peer(ports=(4200,)))

    @pulumi.runtime.test
    def make() -> None:
        PrefectAgent("agent", arguments)

    pulumi.runtime.set_mocks(Keep(), preview=False)
    make()
    sys.stdout.write(json.dumps(_whole(made)))


def _whole(value: Any) -> Any:
    """Write numbers as Kubernetes wants them: over Pulumi's wire all of them are floats."""
    if isinstance(value, dict):
        return {key: _whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


if __name__ == "__main__":
    main()
