"""`make drift`: whether a deployed stack's cloud is still what its state says, and what is not.

The program is not run: drift is told against what was deployed, whatever this checkout holds. Providers take the
caller's credentials; none is in the state.
"""

import argparse

from delivery.console import say
from delivery.deployed import engine
from delivery.deployed.engine import Request
from delivery.error import DeliveryError
from preview import drift
from preview.plan import Plan

NAME = "drift"
HELP = "compare a deployed stack with what is really there"
_DESCRIPTION = """\
Read every resource of a deployed stack anew, and tell what is gone and what was changed by other means, with the
properties. Nothing is changed, neither there nor in the state. The report is build/drift-STACK.md and .json. An update
that ends meanwhile makes what was read worthless, and is told instead; one that still runs is not noticed."""
_EPILOG = """\
examples:
  python -m delivery drift --stack prod
      for a nightly run: exit 1 when anything differs

exit: 0 it is as it was deployed; 1 it is not, or it cannot be read; 2 bad usage
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    engine.add(parser, allow=False)


def run(options: argparse.Namespace) -> int:
    """Compare; 1 when anything differs or cannot be read."""
    asked = engine.request(options)
    engine.begin(asked, NAME)
    try:
        plan = _read(asked)
    except DeliveryError as error:
        drift.write(asked.out, Plan.none(asked.stack, str(error), "refresh"))
        raise
    page = drift.write(asked.out, plan)
    drift.tell(plan, asked.say)
    asked.say(f"The report is {page}")
    if asked.json:
        say(drift.text(plan).rstrip())
    return int(not drift.none(plan))


def _read(asked: Request) -> Plan:
    before = engine.newest(asked)
    plan = engine.run(asked, f"Reading what {asked.stack} is", "refresh", "--preview-only")
    if engine.newest(asked) != before:
        raise DeliveryError(f"an update of {asked.stack} ran meanwhile; run it again")
    return plan
