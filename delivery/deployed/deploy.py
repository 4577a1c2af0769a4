"""`make deploy`: a preview that may refuse, then the update, and a report of what it did.

The engine itself records the git revision with the update, which is what promotion goes by.
"""

import argparse
from dataclasses import replace

from delivery.console import say
from delivery.deployed import engine, live_preview
from delivery.deployed.engine import Interrupted, Request
from delivery.error import DeliveryError
from preview import deployment, verdict
from preview.loss import unforeseen
from preview.plan import Plan, one_line

NAME = "deploy"
HELP = "bring a stack to what this checkout says"
_DESCRIPTION = """\
Preview a stack; when nothing is wrong with the plan, update it, and tell what was built, registered and upgraded.
Refused before anything is changed: a plan that breaks a mandatory policy, or that replaces or deletes what holds data
and is not allowed by name. The report is build/deploy-STACK.md and .json, also of an update that fails.

The update is planned anew. What somebody changes in the cloud or in the state after the preview was judged by nobody;
what is replaced or deleted for that reason, and held data, is told afterwards, and the exit is 1."""
_EPILOG = """\
examples:
  python -m delivery deploy --stack dev
      preview, then update; run it again and nothing changes
  python -m delivery deploy --stack dev --allow storage-account
      the same, where the account is meant to be replaced

exit: 0 done or nothing to do; 1 refused, or a part failed (run it again when its reason is gone), or data was lost
      without having been previewed; 2 bad usage
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    engine.add(parser, allow=True)


def run(options: argparse.Namespace) -> int:
    """Deploy; 1 when a part failed, or went without having been previewed."""
    asked = engine.request(options)
    engine.begin(asked, NAME)
    try:
        previewed = _require(asked)
        done = _update(asked, previewed)
    except (DeliveryError, OSError) as error:
        none = Plan.none(asked.stack, one_line(str(error)), "update")
        deployment.write(asked.out, none, deployment.deployment(none))
        raise
    return _finish(asked, previewed, done)


def _require(asked: Request) -> Plan:
    """Preview, and let nothing go on that the preview is against."""
    plan, found = live_preview.preview(asked)
    if verdict.stands(plan, found):
        return plan
    counts = {
        "error": len(plan.problems),
        "broken policy": len(plan.broken),
        "red": len([loss for loss in found if not loss.allowed]),
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    raise DeliveryError(f"{asked.stack} was left as it is: {told}; see {asked.out}/preview-{asked.stack}.md")


def _update(asked: Request, previewed: Plan) -> Plan:
    # It is not bound to a plan that the preview saved: the engine calls that an experiment, and where a value comes
    # out otherwise than planned, be it harmless, it stops midway with half of the update done.
    packs = ("--policy-pack", str(asked.root.resolve() / "policies"))
    try:
        return engine.run(asked, f"Updating {asked.stack}", "up", "--yes", "--skip-preview", *packs)
    except Interrupted as ended:
        _finish(asked, previewed, ended.plan)
        raise


def _finish(asked: Request, previewed: Plan, read: Plan) -> int:
    """Write the report, tell it, and return 1 when a part failed, or went without having been previewed."""
    # A log that says nothing does not say what it is of.
    done = replace(read, kind="update")
    report = deployment.deployment(done, unforeseen(done, previewed, asked.allow))
    page = deployment.write(asked.out, done, report)
    deployment.tell(done, report, asked.say)
    asked.say(f"The report is {page}")
    if asked.json:
        say(deployment.text(report).rstrip())
    return int(not report.good)
