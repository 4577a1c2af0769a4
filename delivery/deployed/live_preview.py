"""`make preview-live`: what an update would do to a deployed stack, with the caller's own identity and its real state.

It writes the same two files as the offline `make preview`, and nothing anywhere else.
"""

import argparse

from delivery.console import say
from delivery.deployed import engine
from delivery.deployed.engine import Request
from delivery.error import DeliveryError
from preview import record, verdict
from preview.loss import Loss, losses
from preview.plan import Plan
from preview.schedule import scheduled_runs
from preview.summary import Occasion

NAME = "preview-live"
HELP = "what an update would do to a deployed stack"
_DESCRIPTION = """\
Preview a deployed stack with your own login to its state and its cloud, and judge that by the security policies.
A right to read is enough: no lock is taken and nothing is written but the summary, build/preview-STACK.md and .json."""
_EPILOG = """\
examples:
  python -m delivery preview-live --stack dev
      what `pulumi up` would do to dev
  python -m delivery preview-live --stack dev --allow storage-account
      the same, where the account is meant to be replaced
  python -m delivery preview-live --stack dev --red tell
      for a pull request, whose reviewers decide on what is red

exit: 0 nothing is wrong with the plan; 1 it cannot be made, breaks a policy or is red, unless that is only told;
      2 bad usage
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    engine.add(parser, allow=True)
    parser.add_argument(
        "--red",
        choices=("tell", "refuse"),
        default="refuse",
        help="what becomes of a plan that replaces or deletes what holds data and is not allowed (default: refuse)",
    )


def run(options: argparse.Namespace) -> int:
    """Preview; 1 when anything is wrong with the plan."""
    asked = engine.request(options)
    plan, found = preview(asked)
    if asked.json:
        say(record.text(plan, found).rstrip())
    if options.red == "tell" and verdict.sound(plan) and not verdict.stands(plan, found):
        asked.say("red, and told only: whoever reviews decides")
        return 0
    return int(not verdict.stands(plan, found))


def preview(asked: Request) -> tuple[Plan, tuple[Loss, ...]]:
    """Preview a stack, write its summary and tell the plan.

    Raises:
        DeliveryError: there is no plan; the summary says so too.
    """
    occasion = Occasion(deployed=True)
    engine.begin(asked, "preview")
    try:
        packs = ("--policy-pack", str(asked.root.resolve() / "policies"))
        plan = engine.run(asked, f"Previewing the deployed stack {asked.stack}", "preview", *packs)
    except DeliveryError as error:
        record.write(asked.out, Plan.none(asked.stack, str(error)), (), occasion)
        raise
    found = losses(plan, asked.allow, scheduled_runs)
    page = record.write(asked.out, plan, found, occasion)
    verdict.tell(plan, found, asked.allow, asked.say)
    asked.say(f"The summary is {page}")
    return plan, found
