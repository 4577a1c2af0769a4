"""`python -m delivery pr-project`: try a pull request's flows on a stack's server, in a project of their own."""

import argparse
import json
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from delivery.console import say
from delivery.deployed import stack
from delivery.error import DeliveryError, UsageError
from delivery.hosting import pull_request
from delivery.pr_project import agent, closing
from delivery.pr_project.agent import Agent
from delivery.pr_project.relay import relayed
from delivery.pr_project.smoke import Result, Smoke
from delivery.pr_project.trial import Trial, Tried, numbers
from registration.api import Api
from registration.azure_endpoint import azure_endpoint
from registration.connection import open_api
from registration.service_proxy import locator_of
from registration.store import CONNECTION_STRING, kind_of

NAME = "pr-project"
HELP = "try a pull request's flows in a project of their own"
_DESCRIPTION = """\
Register the flows that this checkout changes in the project pr-NUMBER of a deployed stack's Prefect server, and run
each of them once, with its parameters' defaults.

They run on this machine, with this checkout's tasks/ and utils/ and with your rights: try only what you would run
yourself. Their schedules are paused, and no environment's agent takes their runs."""
_EPILOG = """\
examples:
  python -m delivery pr-project 123
      the flows that differ from what dev runs
  python -m delivery pr-project 123 --base origin/dev
      the flows that differ from a revision
  python -m delivery pr-project 123 --flow daily-report
      this one as well: its tasks changed, and not itself
  python -m delivery pr-project this
      in a run of Azure Pipelines: its own pull request
  python -m delivery pr-project 123 --close
      take it all away, when the pull request is done
  python -m delivery pr-project ended --close
      in a run of Azure Pipelines: the projects of all pull requests that were merged or given up

`ended` asks Azure Repos with the token in SYSTEM_ACCESSTOKEN, or GitHub with that in GITHUB_TOKEN. A project whose pull
request is not known to have ended stays.

exit: 0 all that could be run succeeded; 1 a run did not, or something failed; 2 bad usage
"""
_THIS, _ENDED = "this", "ended"
_LONGEST = 86_400
# What Prefect takes for a credential in a connection string.
_KEYS = ("AccountKey=", "SharedAccessSignature=")


def add(parser: argparse.ArgumentParser) -> None:
    """Describe the command."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument(
        "number", type=_which, metavar="NUMBER|this|ended", help="a pull request, the run's own, or all that have ended"
    )
    parser.add_argument("--stack", default="dev", help="whose server it is tried on (default: dev)")
    parser.add_argument("--base", metavar="REVISION", help="compare with this revision (default: with what STACK runs)")
    parser.add_argument(
        "--flow", action="append", default=[], metavar="NAME", help="try this one, too; may be repeated"
    )
    parser.add_argument(
        "--timeout", type=_seconds, default=600.0, metavar="SECONDS", help="for each run (default: %(default).0f)"
    )
    parser.add_argument("--close", action="store_true", help="remove what there is of it: project, flows and runs")
    parser.add_argument("--json", action="store_true", help="print what was tried, or removed, as one JSON document")


def run(options: argparse.Namespace) -> int:
    """Try a pull request's flows, or take its project away."""
    if options.number == _ENDED:
        return _close_ended(options)
    root = Path.cwd()
    number = pull_request.number(os.environ) if options.number == _THIS else options.number
    trial = Trial(root=root, name=f"pr-{number}", deployment=stack.read(root, options.stack))
    if trial.name == trial.deployment.outputs.get("prefectProject"):
        raise DeliveryError(f"{trial.name} is the project of stack {options.stack} itself; it is left alone")
    with open_api(trial.api) as api:
        return closing.close(trial, api, as_json=options.json) if options.close else _try(trial, api, options)


def _close_ended(options: argparse.Namespace) -> int:
    if not options.close:
        raise UsageError(
            "what has ended is not tried any more; give --close with it (make: CLOSE=1), to take its projects away"
        )
    root = Path.cwd()
    deployment = stack.read(root, options.stack)
    with open_api(locator_of(deployment.output("prefectApi"))) as api:
        found = numbers(api, deployment)
        trials = {number: Trial(root=root, name=f"pr-{number}", deployment=deployment) for number in found}
        return closing.close_ended(trials, api, as_json=options.json)


def _which(text: str) -> str:
    if text not in {_THIS, _ENDED} and not re.fullmatch("[1-9][0-9]{0,8}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of a pull request")
    return text


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= _LONGEST:
        raise argparse.ArgumentTypeError(f"must be above 0, and at most {_LONGEST}")
    return seconds


def _try(trial: Trial, api: Api, options: argparse.Namespace) -> int:
    tried = {each.name: each for each in trial.register(api, options.base, options.flow)}
    if not options.json:
        say(_opening(trial, tried, options.base))
    width = max(map(len, tried), default=0)

    def tell(result: Result) -> None:
        if not options.json:
            say(_line(tried[result.flow], result, width))

    smoke = Smoke(api=api, agent=lambda: _agent(trial), seconds=options.timeout, tell=tell)
    results = smoke.run({name: each.id for name, each in tried.items()}) if tried else []
    if options.json:
        say(_document(trial, tried, results))
    return 0 if all(each.good for each in results) else 1


@contextmanager
def _agent(trial: Trial) -> Iterator[Agent]:
    with tempfile.TemporaryDirectory(prefix="prefect-aks-agent-") as name, relayed(trial.api) as url:
        folder = Path(name)
        environment = agent.client_environment(url, folder / "prefect", agent.lent(os.environ))
        given = environment.get(CONNECTION_STRING, "")
        if kind_of(trial.store) == "Azure" and not any(word in given for word in _KEYS):
            environment[CONNECTION_STRING] = azure_endpoint().connection_string(trial.store)
        with agent.running(trial.name, trial.root, environment, folder / "agent.log") as started:
            yield started


def _opening(trial: Trial, tried: dict[str, Tried], base: str | None) -> str:
    if not tried:
        return f"no flow here differs from {base or f'what {trial.deployment.stack} runs'}; nothing to try"
    return (
        f"{len(tried)} flow(s) in project {trial.name} on the server of {trial.deployment.stack}; running each once …"
    )


def _line(tried: Tried, result: Result, width: int) -> str:
    state = result.state or "not run"
    return f"{tried.name:<{width}}  {tried.action:<9}  {tried.version:>3}  {state:<9}  {result.message}".rstrip()


def _document(trial: Trial, tried: dict[str, Tried], results: list[Result]) -> str:
    flows = [
        {
            "name": each.flow,
            "action": tried[each.flow].action,
            "version": tried[each.flow].version,
            "state": each.state,
            "message": each.message,
            "run": each.run,
        }
        for each in results
    ]
    return json.dumps({"project": trial.name, "flows": flows}, indent=2)
