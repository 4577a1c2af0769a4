"""`make deploy`: a preview that may refuse, then the update, and a report of what it did.

The engine itself records the git revision with the update, which is what promotion goes by.
"""

import argparse
import sys
from dataclasses import replace

from delivery import engine, live_preview
from delivery.engine import Interrupted, Request
from delivery.error import DeliveryError
from preview import deployment, record, verdict
from preview.plan import Plan

NAME = "deploy"
HELP = "bring a stack to what this checkout says"
_DESCRIPTION = """\
Preview a stack; when nothing is wrong with the plan, update it, and tell what was built, registered and upgraded.
Refused before anything is changed: a plan that breaks a mandatory policy, or that replaces or deletes what holds data
and is not allowed by name. The report is build/deploy-STACK.md and .json, also of an update that fails."""
_EPILOG = """\
examples:
  python -m delivery deploy --stack dev
      preview, then update; run it again and nothing changes
  python -m delivery deploy --stack dev --allow storage-account
      the same, where the account is meant to be replaced

exit: 0 done or nothing to do; 1 refused, or a part failed (run it again when its reason is gone); 2 bad usage
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    engine.add(parser, allow=True)


def run(options: argparse.Namespace) -> int:
    """Deploy; 1 when a part failed."""
    asked = engine.request(options)
    record.forget(asked.out / f"deploy-{asked.stack}.md")
    try:
        _require(asked)
        done = _update(asked)
    except DeliveryError as error:
        deployment.write(asked.out, Plan.none(asked.stack, str(error), "update"))
        raise
    return _finish(asked, done)


def _require(asked: Request) -> None:
    """Preview, and let nothing go on that the preview is against."""
    plan, found = live_preview.preview(asked)
    if verdict.stands(plan, found):
        return
    counts = {
        "error": len(plan.problems),
        "broken policy": len(plan.broken),
        "red": len([loss for loss in found if not loss.allowed]),
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
    raise DeliveryError(f"{asked.stack} was left as it is: {told}; see {asked.out}/preview-{asked.stack}.md")


def _update(asked: Request) -> Plan:
    packs = ("--policy-pack", str(asked.root.resolve() / "policies"))
    try:
        return engine.run(asked, f"Updating {asked.stack}", "up", "--yes", "--skip-preview", *packs)
    except Interrupted as ended:
        _finish(asked, replace(ended.plan, kind="update"))
        raise


def _finish(asked: Request, done: Plan) -> int:
    """Write the report, tell it, and return 1 when a part failed."""
    report = deployment.deployment(done)
    page = deployment.write(asked.out, done)
    deployment.tell(done, report, asked.say)
    asked.say(f"The report is {page}")
    if asked.json:
        sys.stdout.write(deployment.text(report))
    return int(bool(report.failed))
