"""Does a pipeline's steps on this machine, in a checkout that is there already.

A task that would only prepare an agent (Python, caches, kubelogin) is taken as done: the caller prepares the machine.
AzureCLI@2 runs its script with what the task would set, and logs in nowhere.
"""

import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from emulators.azure_pipelines.error import PipelineError
from emulators.azure_pipelines.pipeline import Job, Step

_CLIENT, _TENANT = "00000000-0000-0000-0000-0000000000c1", "00000000-0000-0000-0000-0000000000e1"


@dataclass(frozen=True, kw_only=True)
class MachineAgent:
    """An agent whose work tree is `root`."""

    root: Path
    environment: Mapping[str, str] = field(repr=False)
    """What its machine has in its environment; nothing else of this process's own reaches a step."""
    connections: Collection[str]
    """The service connections that there are."""
    id_token: str = field(repr=False)
    """What stands for a federated token, for steps that ask for it."""
    taken_as_done: Collection[str] = ()
    """Scripts that are not run."""

    def perform(self, _job: Job, step: Step, environment: Mapping[str, str]) -> tuple[int, str]:
        """Do a step, and give its exit code and what it printed."""
        if step.kind == "publish":
            there = (self.root / step.what).exists()
            return int(not there), "" if there else f"{step.what} is not there"
        if not step.script or step.script in self.taken_as_done:
            return 0, ""
        return self._shell(step, {**environment, **self._login(step)})

    def _login(self, step: Step) -> dict[str, str]:
        """Give what AzureCLI@2 adds to its script's environment."""
        if not step.connection:
            return {}
        if step.connection not in self.connections:
            raise PipelineError(f"there is no service connection {step.connection}")
        if (step.inputs.get("scriptType"), step.inputs.get("scriptLocation")) != ("bash", "inlineScript"):
            raise PipelineError(f"{step.what}: only scripts of bash that stand in the pipeline are run here")
        asked = step.inputs.get("addSpnToEnvironment", "").lower() == "true"
        principal = {"servicePrincipalId": _CLIENT, "tenantId": _TENANT, "idToken": self.id_token}
        return {
            "AZURE_CONFIG_DIR": str(self.root / ".local" / "azclitask"),
            "AZURESUBSCRIPTION_CLIENT_ID": _CLIENT,
            "AZURESUBSCRIPTION_TENANT_ID": _TENANT,
            **(principal if asked else {}),
        }

    def _shell(self, step: Step, environment: Mapping[str, str]) -> tuple[int, str]:
        done = subprocess.run(  # noqa: S603 - the pipeline's own script, as an agent runs it
            ["bash", "--noprofile", "--norc", "-c", step.script],  # noqa: S607 - the machine's own shell
            cwd=self.root,
            env={**self.environment, **environment, "TF_BUILD": "True"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
        return done.returncode, done.stdout
