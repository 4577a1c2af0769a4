"""`python -m registration`: plan and apply from a command line."""

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from registration import report
from registration.error import RegistrationError
from registration.plan import CHANGES
from registration.session import Job, Outcome, UsageError, run
from registration.settings import Settings, read

_OK, _FAILED, _USAGE, _CHANGES = 0, 1, 2, 2
_OVERRIDES = ("project", "api", "store", "schedules", "removal")

_DESCRIPTION = "Keep the flows of a Prefect server equal to the files of a folder."
_EPILOG = """\
A new version is made only when what a flow runs has changed: not for a comment, a docstring or its format, and not
for a change in tasks/ or utils/, which travel in the image.

examples:
  python -m registration plan
      the flows in flows/ and their fingerprints; asks no server
  python -m registration plan --settings .local/registration-local.json
      what would change, and which part of each flow
  python -m registration apply --settings .local/registration-local.json
      make it so; run it again and nothing changes
  python -m registration apply --settings .local/registration-local.json --only pokemon-etl
      one flow and no other
  python -m registration plan --settings FILE --json --detailed-exitcode
      for a pipeline: exit 2 when something would change

exit: 0 done or nothing to do; 1 a flow failed; 2 bad usage (plan --detailed-exitcode: something would change)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Names and reasons are Unicode; a terminal of another encoding must not end a run that has written.
        sys.stdout.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    try:
        outcome = run(_job(options))
    except RegistrationError as error:
        report.complain(str(error))
        return _USAGE if isinstance(error, UsageError) else _FAILED
    return _tell(options, outcome)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m registration",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="plan|apply")
    for name, text in (("plan", "show what would change"), ("apply", "make the server have these flows")):
        command = commands.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=_EPILOG,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_options(command)
        if name == "plan":
            command.add_argument("--detailed-exitcode", action="store_true", help="exit 2 when something would change")
        else:
            command.add_argument(
                "--allow-empty", action="store_true", help="archive every flow when the folder has none"
            )
    return parser


def _add_options(command: argparse.ArgumentParser) -> None:
    add = command.add_argument
    add("--flows", type=Path, metavar="DIR", help="the folder of flow files (default: what the settings say, or flows)")
    add("--settings", type=Path, metavar="FILE", help="what the environment decides; the other options go before it")
    add("--project", metavar="NAME", help="the Prefect project")
    add("--api", metavar="URL", help="the Prefect API; plan without it shows the fingerprints alone")
    add(
        "--store",
        metavar="DIR|URL",
        help="where scripts are stored: a folder, relative to the project's root (the parent of --flows) here and for "
        "the agent, or https://ACCOUNT.blob.core.windows.net/CONTAINER (default: .local/scripts)",
    )
    add("--schedules", choices=("active", "paused"), help="schedules of new versions (default: active)")
    add("--removal", choices=("archive", "retain"), help="what happens to a flow whose file is gone (default: archive)")
    add("--only", action="append", default=[], metavar="NAME", help="this flow and no other; may be repeated")
    add("--jobs", type=_positive, default=4, metavar="N", help="the most things to do at a time (default: 4)")
    add("--timeout", type=float, default=60.0, metavar="SECONDS", help="for loading one file (default: 60)")
    add("--keep-going", action="store_true", help="apply the other flows when a file cannot be loaded")
    add("--bundles", type=Path, metavar="DIR", help="where loaded flows wait for apply (default: .local/bundles)")
    add("--json", action="store_true", help="print one JSON document")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _job(options: argparse.Namespace) -> Job:
    settings = read(options.settings) if options.settings else Settings()
    given = {name: getattr(options, name) for name in _OVERRIDES if getattr(options, name) is not None}
    settings = settings.model_copy(update=given)
    if options.command == "apply" and not settings.api:
        raise UsageError("apply needs the address of the API: give --api URL, or --settings FILE")
    if settings.api and not settings.project:
        raise UsageError("which project? give --project NAME, or --settings FILE")
    flows = options.flows or Path(settings.flows)
    if not flows.is_dir():
        raise UsageError(f"flows folder {flows} does not exist; give --flows DIR")
    return Job(
        settings=settings,
        flows=flows,
        bundles=options.bundles,
        only=tuple(options.only),
        jobs=options.jobs,
        timeout=options.timeout,
        apply=options.command == "apply",
        keep_going=options.keep_going,
        allow_empty=getattr(options, "allow_empty", False),
    )


def _tell(options: argparse.Namespace, outcome: Outcome) -> int:
    if options.json:
        sys.stdout.write(report.as_json(outcome.steps, outcome.failures) + "\n")
    elif outcome.problem is None:
        report.table(outcome.steps, sys.stdout)
        sys.stdout.write(report.closing(outcome.steps, outcome.failures, done=outcome.applied) + "\n")
    sys.stdout.flush()
    for failure in outcome.failures:
        report.complain(str(failure))
    if outcome.problem is not None:
        report.complain(str(outcome.problem))
    else:
        for line in report.problems(outcome.steps, dict(outcome.errors)):
            report.complain(line)
    if outcome.failures or outcome.errors or outcome.problem is not None:
        return _FAILED
    changes = any(step.action in CHANGES for step in outcome.steps)
    return _CHANGES if getattr(options, "detailed_exitcode", False) and changes else _OK
