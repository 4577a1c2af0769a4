"""`make pipeline-setup`: what the pipeline needs of its Azure DevOps project and no file can ask for.

Run again it changes nothing; it takes nothing away.
"""

import argparse
import dataclasses
import json
import re
import uuid
from collections.abc import Iterator

from delivery.azure_devops import Project, of_a_person
from delivery.console import say
from delivery.error import DeliveryError, UsageError
from delivery.guard import Guards, Outcome

NAME = "pipeline-setup"
HELP = "set up the pipeline's branch policies and environments in Azure DevOps"
BRANCHES = {"dev": "dev", "stage": "stage", "prod": "main"}
"""What each environment is deployed from."""
APPROVED = "prod"
_DESCRIPTION = """\
Set up what the pipeline needs of its Azure DevOps project: a build validation policy on dev, stage and main, so that
nothing is merged without a green run; the environments prefect-dev, prefect-stage and prefect-prod, each with an
exclusive lock and the pipeline's permission to use it; and an approval on prefect-prod, by another than who began the
run.

It makes what is missing, says one line of each, and changes nothing the second time. The token is a personal access
token in AZURE_DEVOPS_EXT_PAT, else that of whoever is signed in with `az login`.
"""
_EPILOG = """\
examples:
  python -m delivery pipeline-setup --organization contoso --project data --repository prefect-aks \\
      --pipeline prefect-aks --approver 11111111-2222-3333-4444-555555555555
      everything; the approver is the id of a user or a group in Azure DevOps
  python -m delivery pipeline-setup … --dry-run
      what it would do
  python -m delivery pipeline-setup --organization contoso --project data --pipeline 7
      for a repository on GitHub, where the pipeline's `pr:` trigger takes the place of the policies

exit: 0 all is there; 1 something is missing or was refused; 2 bad usage
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
    project = Project(f"https://dev.azure.com/{options.organization}", options.project, of_a_person(), {})
    done: list[Outcome] = []
    try:
        for outcome in _set_up(project, options):
            done.append(outcome)
            if not options.json:
                say(f"{_TO_DO[outcome.action] if options.dry_run else outcome.action:<9}  {outcome.what}")
    finally:
        project.close()
    if options.json:
        say(json.dumps({"dryRun": options.dry_run, "outcomes": [dataclasses.asdict(each) for each in done]}, indent=2))
    if any(each.action == "missing" for each in done):
        raise DeliveryError(f"nobody approves what is deployed to {APPROVED}: run it again with --approver ID")
    return 0


def _check(options: argparse.Namespace) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]*", options.organization):
        raise UsageError(f"{options.organization!r} is no organisation; give its name, as in dev.azure.com/NAME")
    for approver in options.approver:
        try:
            uuid.UUID(approver)
        except ValueError:
            raise UsageError(f"{approver!r} is no id of an approver; give that of a user or a group, a GUID") from None


def _set_up(project: Project, options: argparse.Namespace) -> Iterator[Outcome]:
    guards = Guards(project, options.pipeline, rehearsal=options.dry_run)
    if options.repository:
        yield from guards.policies(options.repository, list(BRANCHES.values()))
    for stack in BRANCHES:
        yield from guards.environment(f"prefect-{stack}", options.approver if stack == APPROVED else None)
