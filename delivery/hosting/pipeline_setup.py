"""`make pipeline-setup`: what the pipeline needs of its Azure DevOps project and no file can ask for.

Run again it changes nothing; it takes nothing away but what a guard may not let in.
"""

import argparse
import dataclasses
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from delivery.console import say
from delivery.error import DeliveryError, UsageError
from delivery.hosting.azure_devops import Project, of_a_person
from delivery.hosting.guard import Guards, Outcome
from infra import stack_file

NAME = "pipeline-setup"
HELP = "set up what guards the pipeline's branches, environments and service connections in Azure DevOps"
BRANCHES = {"dev": "dev", "stage": "stage", "prod": "main"}
"""What each environment is deployed from."""
ALLOWED = {
    "dev": ("refs/heads/dev", "refs/heads/feature/*", "refs/heads/main"),
    "stage": ("refs/heads/stage", "refs/heads/main"),
    "prod": ("refs/heads/main",),
}
"""From which branches each environment's service connection may be used; at night all are, from main."""
APPROVED = "prod"
# What somebody lets in who gives pull requests a project of their own on dev.
_BY_HAND = {"dev": ("refs/pull/*",)}
_DESCRIPTION = """\
Set up what the pipeline needs of its Azure DevOps project, and what guards it there:

- on dev, stage and main a build validation policy, and a review by another than who proposed or pushed last;
- the environments prefect-dev, prefect-stage and prefect-prod, each with an exclusive lock, and an approval on
  prefect-prod, by another than who began the run;
- on each stack's devopsServiceConnection a branch control: prod's may be used from main alone, stage's from stage and
  main, dev's from dev, feature/* and main;
- the pipeline's permission to use these, and each stack's devopsPreviewConnection.

It makes what is missing, tightens what is laxer, leaves what is stricter, says one line of each, and changes nothing
the second time. Service connections it does not make: one that is missing, or open to every pipeline, it tells.

The token is a personal access token in AZURE_DEVOPS_EXT_PAT, else that of whoever is signed in with `az login`.
"""
_EPILOG = """\
examples:
  python -m delivery pipeline-setup --organization contoso --project data --repository prefect-aks \\
      --pipeline prefect-aks --approver 11111111-2222-3333-4444-555555555555
      everything; the approver is the id of a user or a group in Azure DevOps
  python -m delivery pipeline-setup … --dry-run
      what it would do
  python -m delivery pipeline-setup --organization contoso --project data --pipeline 7
      for a repository on GitHub: no policies; there the pipeline's `pr:` trigger starts the runs, and a branch
      protection rule of your own must demand a green run and a review

exit: 0 all is there, but for what GitHub holds (with --dry-run: or would be); 1 something is missing or was refused;
2 bad usage
"""
_TO_DO = {"made": "to make", "changed": "to change", "unchanged": "unchanged", "missing": "missing"}


def add(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    give = parser.add_argument
    give("--organization", required=True, metavar="NAME", help="as in dev.azure.com/NAME")
    give("--project", required=True, metavar="NAME", help="the project of the pipeline")
    give("--repository", metavar="NAME", help="the repository in Azure Repos; none for one on GitHub")
    give("--pipeline", required=True, metavar="NAME|ID", help="the pipeline that runs azure-pipelines.yml")
    give("--approver", action="append", default=[], metavar="ID", help="who approves prod; may be repeated")
    give("--dry-run", action="store_true", help="change nothing, and say what would change")
    give("--json", action="store_true", help="print one JSON document")


def run(options: argparse.Namespace) -> int:
    """Set it up, and tell of each thing as it is done."""
    _check(options)
    connections = _connections(Path.cwd())
    project = Project(f"https://dev.azure.com/{options.organization}", options.project, of_a_person(), {})
    done: list[Outcome] = []
    try:
        for outcome in _set_up(project, options, connections):
            done.append(outcome)
            if not options.json:
                action = _TO_DO[outcome.action] if options.dry_run else outcome.action
                say(f"{action:<9}  {outcome.what}" + (f": {outcome.hint}" if outcome.hint else ""))
    finally:
        project.close()
    if options.json:
        say(json.dumps({"dryRun": options.dry_run, "outcomes": [dataclasses.asdict(each) for each in done]}, indent=2))
    if missing := [each for each in done if each.action == "missing"]:
        raise DeliveryError("not all is there: " + "; ".join(f"{each.what} ({each.hint})" for each in missing))
    return 0


def _check(options: argparse.Namespace) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", options.organization):
        raise UsageError(f"{options.organization!r} is no organisation; give its name, as in dev.azure.com/NAME")
    for approver in options.approver:
        try:
            uuid.UUID(approver)
        except ValueError:
            raise UsageError(f"{approver!r} is no id of an approver; give that of a user or a group, a GUID") from None


def _connections(root: Path) -> dict[str, tuple[str, str]]:
    """Give the service connections of each stack, the deploying and the previewing; empty where it names none."""
    try:
        project = stack_file.namespace(root)
        stacks = {stack: stack_file.values(root / stack_file.name(stack), project) for stack in BRANCHES}
    except FileNotFoundError as error:
        raise DeliveryError(f"there is no {Path(error.filename).name} here: run it in the project's checkout") from None
    except (OSError, ValueError) as error:
        raise DeliveryError(f"a stack file cannot be read: {error}; mend it first") from None
    keys = ("devopsServiceConnection", "devopsPreviewConnection")
    return {stack: (values.get(keys[0], ""), values.get(keys[1], "")) for stack, values in stacks.items()}


def _set_up(
    project: Project, options: argparse.Namespace, connections: Mapping[str, tuple[str, str]]
) -> Iterator[Outcome]:
    guards = Guards(project, options.pipeline, rehearsal=options.dry_run)
    if options.repository:
        yield from guards.policies(options.repository, list(BRANCHES.values()))
    for stack in BRANCHES:
        yield from guards.environment(f"prefect-{stack}", options.approver if stack == APPROVED else None)
    # On GitHub, Azure DevOps may not know what is.
    protected = {f"refs/heads/{each}" for each in BRANCHES.values()} if options.repository else set()
    for stack, (deploying, reading) in connections.items():
        if deploying:
            allowed = ALLOWED[stack]
            more = _BY_HAND.get(stack, ())
            yield from guards.connection(deploying, allowed, more=more, protected=protected.issuperset(allowed))
        else:
            hint = f"set devopsServiceConnection in {stack_file.name(stack)}"
            yield Outcome(what=f"service connection of {stack}", action="missing", hint=hint)
        if reading:
            yield from guards.connection(reading, None)
