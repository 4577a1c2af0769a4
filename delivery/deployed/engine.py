"""The engine on a deployed stack: with the caller's own login, and the state that the stack has where that leads to.

Only an update changes anything. A preview, and the preview of a refresh, take no lock and write nothing there.
"""

import argparse
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from delivery.console import say, warn
from delivery.error import DeliveryError, UsageError
from infra import stack_file
from preview import engine, option, record
from preview.engine import Command, EngineError, Progress, Say
from preview.loss import names
from preview.message import errors_in
from preview.plan import Plan, Problem, one_line

_LOCK = re.compile(r"created by (?P<who>\S+) \(pid (?P<pid>\d+)\) at (?P<when>\S+)")
_QUERY = re.compile(r"(https?://[^\s\"?]+)\?[^\s\"]*")
_LOGIN = re.compile(r"(//)[^/@\s\"]+@")
_LONGEST = 300
_STATE = ("unable to open", "could not list bucket", ".pulumi/meta.yaml", "DefaultAzureCredential")
_SECRETS = ("secrets manager", "passphrase", "secrets (code=")


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is asked for: `allow` names what may be replaced or deleted; `out` is where the report goes."""

    stack: str
    allow: tuple[str, ...] = ()
    json: bool = False
    out: Path = Path("build")
    root: Path = Path()

    @property
    def say(self) -> Say:
        """Where lines for people go: beside the record, where that is printed."""
        return warn if self.json else say


class Interrupted(KeyboardInterrupt):
    """The caller was interrupted, and the engine ended what it had begun; `plan` is what it did until then."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self.plan = plan


def add(parser: argparse.ArgumentParser, *, allow: bool) -> None:
    """Say what a command on a deployed stack takes."""
    parser.add_argument("--stack", metavar="NAME", required=True, help="the environment, by its stack file")
    if allow:
        option.add_allow(parser)
    option.add_output(parser)


def request(options: argparse.Namespace) -> Request:
    """Make a request of what was given on the command line.

    Raises:
        UsageError: there is no such stack, or it is none of a cloud.
    """
    allowed = names(getattr(options, "allow", ()))
    asked = Request(stack=options.stack, allow=allowed, json=options.json, out=options.out)
    known = stack_file.stacks(asked.root)
    if asked.stack not in known:
        raise UsageError(f"there is no stack {asked.stack!r}; there are: {', '.join(known) or 'none'}")
    text = (asked.root / stack_file.name(asked.stack)).read_text("utf-8", "replace")
    if stack_file.platform(text) == "local":
        raise UsageError(f"the stack {asked.stack} has nothing in a cloud; `make up` previews and runs it")
    return asked


def begin(asked: Request, command: str) -> None:
    """Remove the report of an earlier run of a command.

    Raises:
        UsageError: none could be written.
    """
    try:
        record.begin(asked.out / f"{command}-{asked.stack}.md")
    except record.RecordError as error:
        raise UsageError(f"{error}; name another folder with --out") from None


def newest(asked: Request) -> str:
    """Return the newest entry of the stack's history: when it is another one, an update has ended in between.

    Raises:
        DeliveryError: it cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="prefect-aks-") as name:
        history = ("stack", "history", "--json", "--page-size", "1", "--page", "1", "--stack", asked.stack)
        watched = _command(asked, history, Path(name))
        try:
            code, said = engine.run(watched)
        except EngineError as error:
            raise _absent(error) from None
    if code:
        raise DeliveryError(explain(asked.stack, said))
    return said


def run(asked: Request, title: str, *command: str) -> Plan:
    """Run a command of the engine on the stack, tell how it goes, and return what its event log says.

    Whatever goes wrong once it was begun is a problem of what is returned.

    Raises:
        DeliveryError: it did not begin, for a reason outside of the program.
        Interrupted: it was begun.
    """
    progress = Progress(title, asked.say)
    with tempfile.TemporaryDirectory(prefix="prefect-aks-") as name:
        folder = Path(name)
        arguments = (
            *command,
            *("--stack", asked.stack, "--suppress-progress", "--suppress-outputs", "--suppress-permalink=true"),
        )
        watched = replace(
            _command(asked, arguments, folder),
            log=folder / "events",
            on_interrupt=lambda: asked.say("interrupted: pulumi ends what it has begun; once more, and it does not"),
        )
        try:
            code, said = engine.run(watched, progress.add)
        except EngineError as error:
            raise _absent(error) from None
        except KeyboardInterrupt:
            raise Interrupted(progress.plan(asked.stack)) from None
        except Exception as error:  # noqa: BLE001 - pulumi has ended, and what it did must be reported
            return _unfollowed(progress.plan(asked.stack), error)
    plan = progress.plan(asked.stack)
    if code and not (plan.steps or plan.problems or plan.violations):
        raise DeliveryError(explain(asked.stack, said))
    return engine.judged(plan, code, said)


def _command(asked: Request, arguments: Sequence[str], folder: Path) -> Command:
    environment = {**os.environ, "PULUMI_DEBUG_COMMANDS": "true", "PULUMI_SKIP_UPDATE_CHECK": "true"}
    return Command(arguments=arguments, cwd=asked.root, environment=environment, output=folder / "output")


def _absent(error: EngineError) -> DeliveryError:
    return DeliveryError(f"{error}; `make` brings one, or put your own on PATH")


def _unfollowed(plan: Plan, error: Exception) -> Plan:
    why = one_line(f"what pulumi did was not followed to its end, as of {type(error).__name__}: {error}")
    return replace(plan, problems=(*plan.problems, Problem(message=why)))


def explain(stack: str, said: str) -> str:
    """Put in one line why the engine did not begin, and what to do."""
    reason = next(iter(errors_in(said)), "pulumi failed, and does not say why")
    told = _short(reason)
    if "PULUMI_ACCESS_TOKEN" in reason:
        return (
            "nobody is logged in to a place for the state: `pulumi login azblob://CONTAINER`, or set PULUMI_BACKEND_URL"
        )
    if "no stack named" in reason:
        return f"there is no stack {stack} where you are logged in: `pulumi stack init {stack}`, or log in elsewhere"
    if "currently locked" in reason:
        found = _LOCK.search(reason)
        begun = f", begun by {found['who']} (process {found['pid']}) at {found['when']}" if found else ""
        return (
            f"another update of {stack} runs{begun}: wait for it; where it is dead, `pulumi cancel --stack {stack}`, "
            "then again"
        )
    if any(words in reason for words in _SECRETS):
        return f"the secrets of {stack} cannot be read, as its secrets provider refuses or is not reached: {told}"
    if any(words in reason for words in _STATE):
        return f"the state of {stack} cannot be read; are you logged in to Azure (`az login`)? {told}"
    return told


def _short(reason: str) -> str:
    """A reason without what may be a credential in an address, and without the list of all that was tried."""
    line = one_line(_LOGIN.sub(r"\1", _QUERY.sub(r"\1", reason))).partition(" Attempted credentials")[0]
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
