"""`python -m preview EVENTLOG`: the summary and the record of what somebody had the engine do by hand."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from preview import deployment, drift, event_log, option, record, verdict
from preview.logging_command import disarmed
from preview.loss import losses, names
from preview.plan import Plan
from preview.schedule import scheduled_runs_here
from preview.summary import Occasion

_DESCRIPTION = """\
Write the summary and the record of what the engine did or would do, from its event log: build/preview-STACK of a
preview, deploy-STACK of an update, drift-STACK of a refresh, each as .md and .json. The log is what
`pulumi preview|up|refresh --event-log EVENTLOG` writes, with PULUMI_DEBUG_COMMANDS=true in its environment."""
_EPILOG = """\
examples:
  PULUMI_DEBUG_COMMANDS=true pulumi preview --stack dev --event-log build/events
  python -m preview build/events
      what that preview means: counts, red list, policies

exit: 0 nothing is wrong; 1 an error, red that is not allowed, a broken policy, a failure, drift; 2 bad usage
"""
_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; what is wrong with the log is one line on stderr."""
    options = _parser().parse_args(arguments)
    try:
        with options.log.open(encoding="utf-8", errors="replace") as lines:
            plan = event_log.read(lines, options.stack)
    except OSError as error:
        sys.stderr.write(f"error: {options.log}: {error.strerror}\n")
        return _USAGE
    if not plan.stack:
        sys.stderr.write(
            f"error: {options.log} tells of no resource, and so of no stack; if that is meant: --stack NAME\n"
        )
        return _USAGE
    options.allow = names(options.allow)
    try:
        return _report(plan, options)
    except OSError as error:
        sys.stderr.write(f"error: no report can be written to {options.out}: {error.strerror}\n")
        return _USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m preview",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("log", metavar="EVENTLOG", type=Path, help="the engine's event log")
    parser.add_argument("--stack", metavar="NAME", default="", help="the stack, where the log tells of no resource")
    option.add_allow(parser)
    option.add_output(parser)
    return parser


def _report(plan: Plan, options: argparse.Namespace) -> int:
    def say(line: str) -> None:
        (sys.stderr if options.json else sys.stdout).write(f"{disarmed(line)}\n")

    if plan.kind == "preview":
        found = losses(plan, options.allow, scheduled_runs_here)
        page, text, good = (
            record.write(options.out, plan, found, Occasion()),
            record.text(plan, found),
            verdict.stands(plan, found),
        )
        verdict.tell(plan, found, options.allow, say)
    elif plan.kind == "update":
        done = deployment.deployment(plan)
        page, text, good = deployment.write(options.out, plan, done), deployment.text(done), done.good
        deployment.tell(plan, done, say)
    else:
        page, text, good = drift.write(options.out, plan), drift.text(plan), drift.none(plan)
        drift.tell(plan, say)
    say(f"The report is {page}")
    if options.json:
        sys.stdout.write(disarmed(text))
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
