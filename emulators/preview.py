"""`make preview`: what `pulumi up` would do to an environment, shown with no credential, no network and no state of it.

The program and the engine are the real ones. What answers for Azure is `emulators.pulumi_providers`, whose limits
docs/offline-preview.md tells.
"""

import json
import sys
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from emulators import stack_file
from emulators.engine import Engine, engine
from emulators.machine import ROOT
from infra.stack_file import platform, stacks
from preview import record, revision, verdict
from preview.engine import EngineError, Progress, Say, judged
from preview.git import GitError
from preview.logging_command import disarmed
from preview.loss import losses
from preview.plan import Plan, Problem, name_of
from preview.schedule import scheduled_runs_here
from preview.summary import Occasion


class PreviewError(RuntimeError):
    """What was asked for cannot be previewed; the message is one line."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked for: `base` is a revision to compare with, `allow` names what may be replaced or deleted."""

    stack: str
    base: str | None = None
    allow: tuple[str, ...] = ()
    json: bool = False
    out: Path = Path("build")
    root: Path = ROOT


def preview(request: Request, say: Say) -> int:
    """Preview a stack, write its summary, and return 0 when nothing is wrong with the plan.

    Raises:
        PreviewError: there is no such stack, it is none of a cloud, or the summary cannot be written.
    """
    _require(request)
    try:
        record.begin(request.out / f"preview-{request.stack}.md")
    except record.RecordError as error:
        raise PreviewError(str(error)) from None
    try:
        plan, occasion = planned(request, say)
    except (EngineError, GitError, stack_file.StackFileError) as error:
        plan, occasion = Plan.none(request.stack, str(error)), Occasion(emulated=True)
    found = losses(plan, request.allow, scheduled_runs_here)
    page = record.write(request.out, plan, found, occasion)
    verdict.tell(plan, found, request.allow, say)
    say(f"The summary is {page}")
    if request.json:
        sys.stdout.write(disarmed(record.text(plan, found)))
    return int(not verdict.stands(plan, found))


def _require(request: Request) -> None:
    every = {name: request.root / f"Pulumi.{name}.yaml" for name in stacks(request.root)}
    known = [name for name, path in every.items() if platform(path.read_text("utf-8", "replace")) != "local"]
    if request.stack in known:
        return
    if request.stack in every:
        raise PreviewError(f"the stack {request.stack} has nothing in a cloud; `make up` previews and runs it")
    raise PreviewError(f"there is no stack {request.stack!r}; there are: {', '.join(known) or 'none'}")


def planned(request: Request, say: Say) -> tuple[Plan, Occasion]:
    """Let the engine make the plan.

    Raises:
        EngineError, GitError, StackFileError: there is none, for a reason outside of the program.
    """
    occasion = Occasion(emulated=True)
    with engine("prefect-aks-preview-") as pulumi:
        if request.base is None:
            return look(request, pulumi, say), occasion
        from emulators.surroundings import surrounded  # noqa: PLC0415 - it takes a second that most previews do not need

        with surrounded(pulumi) as deployed:
            occasion = replace(occasion, compared=deploy(request, request.base, deployed, say))
            protected = unprotect(request, deployed)
            return look(request, deployed, say, protected), occasion


def look(request: Request, pulumi: Engine, say: Say, protected: Collection[str] = ()) -> Plan:
    """Preview the working tree against what an engine's stack holds, and change nothing."""
    workspace = _workspace(pulumi, request.root, request.stack)
    progress = Progress(f"Previewing {request.stack}", say)
    code, said = pulumi.watch(
        *("preview", "--stack", request.stack, "--suppress-progress"),
        *("--config-file", str(workspace / f"Pulumi.{request.stack}.yaml")),
        *("--policy-pack", str(request.root / "policies")),
        cwd=request.root,
        log=pulumi.folder / "preview.events",
        on_line=progress.add,
    )
    plan = judged(progress.plan(request.stack), code, said)
    return replace(
        plan, steps=tuple(replace(step, protected=step.protected or step.urn in protected) for step in plan.steps)
    )


def unprotect(request: Request, pulumi: Engine) -> frozenset[str]:
    """Take the protection off what is deployed, and return its URNs: the engine's plan ends where it meets one."""
    workspace = pulumi.folder / "workspace"
    state = pulumi.folder / "state.json"
    pulumi.call("stack", "export", "--stack", request.stack, "--file", str(state), cwd=workspace)
    resources = json.loads(state.read_text("utf-8"))["deployment"].get("resources", [])
    protected = frozenset(resource["urn"] for resource in resources if resource.get("protect"))
    if protected:
        pulumi.call("state", "unprotect", "--all", "--yes", "--stack", request.stack, cwd=workspace)
    return protected


def deploy(request: Request, base: str, pulumi: Engine, say: Say) -> str:
    """Bring the emulated cloud to where a revision of the program leaves it; return what it was.

    Raises:
        EngineError: it cannot be deployed.
    """
    folder = pulumi.folder / "base"
    folder.mkdir()
    commit = revision.extract(request.root, base, folder)
    named = f"{base} ({commit})"
    if not (folder / f"Pulumi.{request.stack}.yaml").is_file():
        say(f"{named} has no Pulumi.{request.stack}.yaml, so everything is new")
        return f"{named}, which has no stack {request.stack}"
    workspace = _workspace(pulumi, folder, request.stack)
    progress = Progress(f"Deploying {named} to the emulated providers", say)
    code, said = pulumi.watch(
        *("up", "--yes", "--skip-preview", "--suppress-progress", "--suppress-outputs", "--stack", request.stack),
        *("--config-file", str(workspace / f"Pulumi.{request.stack}.yaml")),
        cwd=folder,
        log=pulumi.folder / "up.events",
        on_line=progress.add,
    )
    if code:
        plan = judged(progress.plan(request.stack), code, said)
        first = next(iter(plan.problems), Problem(message=f"pulumi failed, exit {code}"))
        where = f"{name_of(first.urn)}: " if first.urn else ""
        raise EngineError(f"{named} cannot be deployed to the emulated providers: {where}{first.message}")
    return named


def _workspace(pulumi: Engine, root: Path, stack: str) -> Path:
    """Make a folder with the stack file that the engine is given; a second one goes on with the same stack."""
    workspace = pulumi.folder / "workspace"
    copy = workspace / f"Pulumi.{stack}.yaml"
    source = root / copy.name
    text, secrets = stack_file.without_secrets(stack_file.read(source), source.name)
    first = not workspace.exists()
    workspace.mkdir(exist_ok=True)
    project = workspace / "Pulumi.yaml"
    # What is wrong with it, the engine says.
    project.write_bytes((root / project.name).read_bytes())
    salt = (
        [] if first else [line for line in copy.read_text("utf-8").splitlines() if line.startswith("encryptionsalt:")]
    )
    copy.write_text("\n".join([text, *salt, ""]), "utf-8")
    if first:
        pulumi.call("stack", "init", stack, cwd=workspace)
    if secrets:
        values = [word for path, value in secrets.items() for word in ("--secret", f"{path}={value}")]
        pulumi.call("config", "set-all", "--stack", stack, "--path", *values, cwd=workspace)
    return workspace
