"""`make comment`: the previews of a run on its pull request, one comment for each stack, which stays the same one.

It never fails a run: what keeps it from commenting is one line, and the status is 0 all the same.
"""

import argparse
import os
import queue
import re
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from delivery.console import command, say, warn
from delivery.error import DeliveryError
from delivery.hosting.pull_request import LIMIT, Comment, PullRequest, of_this_run
from delivery.hosting.rest import SECONDS

NAME = "comment"
HELP = "tell the previews on the pull request of this run"
_DESCRIPTION = """\
Tell each preview's summary on the pull request that this run of Azure Pipelines belongs to, in Azure Repos or on
GitHub. A stack has one comment, which every run writes anew. In Azure Repos its thread is active while something is
red, wrong or against a policy, and closed otherwise. With --touched, the comment of any other stack says that it is not
touched any more.

It reads the run's own variables, and a token from SYSTEM_ACCESSTOKEN or GITHUB_TOKEN. It never fails a run.
"""
_EPILOG = """\
examples:
  python -m delivery comment
      every build/preview-STACK.md
  python -m delivery comment --touched dev,stage
      the same; and where there is a comment of prod, it says that prod is not touched any more
  python -m delivery comment --touched none
      no stack is touched any more

exit: 0, whether or not it could comment
"""
_MARKER = re.compile(r"<!-- prefect-aks:preview:([\w.-]+) -->")
_PAGE = re.compile(r"preview-([\w.-]+)\.md")
# What the head of a summary says of what must not be passed over.
_ALARM = re.compile(r"^- \*\*\d+ (?:error|red|broken policy)\*\*: ", re.MULTILINE)


def add(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("pages", nargs="*", type=Path, metavar="PAGE", help="preview-STACK.md (default: all in build/)")
    parser.add_argument(
        "--provider", choices=("azure", "github"), help="where the pull request is (default: what the run says)"
    )
    parser.add_argument(
        "--touched",
        metavar="STACK,…",
        help="the stacks that the change touches, as `changes --pipeline` tells them, or none",
    )


def run(options: argparse.Namespace) -> int:
    """Comment, within a bounded time."""
    done: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            _comment(options, os.environ)
        except Exception as error:  # noqa: BLE001 - handed to the caller
            done.put(error)
        else:
            done.put(None)

    # A name that does not resolve, or an answer that trickles in, is waited for by no library's own limits.
    threading.Thread(target=work, daemon=True).start()
    try:
        error = done.get(timeout=SECONDS)
    except queue.Empty:
        error = DeliveryError(f"it was not done after {SECONDS:.0f} seconds")
    if error is not None:
        reason = str(error) if isinstance(error, DeliveryError) else f"it broke down with a {type(error).__name__}"
        _warn(f"the pull request was not commented on: {reason}")
    return 0


def _warn(message: str) -> None:
    if os.environ.get("TF_BUILD"):
        # Only so does Azure Pipelines show it on the run's page.
        command("task.logissue type=warning", message)
    else:
        warn(f"warning: {message}")


def _comment(options: argparse.Namespace, environment: Mapping[str, str]) -> None:
    pages = dict(_pages(options.pages or sorted(Path("build").glob("preview-*.md"))))
    if not pages and options.touched is None:
        raise DeliveryError("there is no build/preview-STACK.md; preview a stack first")
    touched = None if options.touched is None else {name.strip() for name in options.touched.split(",")}
    pull_request = of_this_run(environment, options.provider)
    try:
        for line in tell(pull_request, pages, touched, _origin(environment)):
            say(line)
    finally:
        pull_request.close()


def _pages(paths: Sequence[Path]) -> Iterator[tuple[str, str]]:
    for path in paths:
        name = _PAGE.fullmatch(path.name)
        if not name:
            raise DeliveryError(f"{path} is no preview-STACK.md")
        try:
            yield name[1], path.read_text("utf-8", "replace")
        except OSError as error:
            raise DeliveryError(f"{path} cannot be read: {error.strerror}") from None


def tell(
    pull_request: PullRequest, pages: Mapping[str, str], touched: Collection[str] | None, origin: str
) -> Iterator[str]:
    """Bring the comments to what the pages say, and those of other stacks too where `touched` is given."""
    known: dict[str, Comment] = {}
    for comment in pull_request.comments():
        if marker := _MARKER.match(comment.text.lstrip()):
            known[marker[1]] = comment
    others = () if touched is None else {*known} - {*touched} - {*pages}
    gone = {stack: _untouched(stack) for stack in others}
    for stack, page in sorted({**pages, **gone}.items()):
        text, wants_attention = body(stack, page, origin), bool(_ALARM.search(page.partition("\n## ")[0]))
        if found := known.get(stack):
            pull_request.update(found, text, wants_attention=wants_attention)
        else:
            pull_request.add(text, wants_attention=wants_attention)
        same = found and found.text == text and found.open == wants_attention
        yield f"{stack}: {'unchanged' if same else 'updated' if found else 'commented'}"


def body(stack: str, page: str, origin: str) -> str:
    """Make a comment of a page: marked, of a size that every provider takes."""
    head, foot = f"<!-- prefect-aks:preview:{stack} -->\n\n", f"\n\n{origin}" if origin else ""
    return head + _cut(page.strip(), LIMIT - len(head) - len(foot), stack) + foot


def _cut(page: str, room: int, stack: str) -> str:
    """Keep as many whole lines as fit, and leave nothing unfolded."""
    if len(page) <= room:
        return page
    end = f"\nIt is cut here; the rest is in `preview-{stack}.md` of the run."
    fold, kept, opened, size = "\n</details>\n", list[str](), False, 0
    for line in page.splitlines():
        size += len(line) + 1
        if size + len(fold) + len(end) > room:
            break
        kept.append(line)
        opened = (opened or line == "<details>") and line != "</details>"
    return "\n".join(kept) + (fold if opened else "") + end


def _untouched(stack: str) -> str:
    return f"# Preview of `{stack}`\n\nThe change does not touch `{stack}` any more."


def _origin(run: Mapping[str, str]) -> str:
    """Say which commit a comment is of, and where the run is."""
    commit = run.get("SYSTEM_PULLREQUEST_SOURCECOMMITID") or run.get("BUILD_SOURCEVERSION", "")
    collection, project, build = (
        run.get(name, "") for name in ("SYSTEM_COLLECTIONURI", "SYSTEM_TEAMPROJECT", "BUILD_BUILDID")
    )
    told = [f"of `{commit[:10]}`"] if re.fullmatch(r"[0-9a-f]{10,64}", commit) else []
    if re.fullmatch(r"https://[\w./-]+", collection) and project and re.fullmatch(r"[0-9]+", build):
        url = f"{collection.rstrip('/')}/{quote(project, safe='')}/_build/results?buildId={build}"
        told.append(f"by [run {build}]({url})")
    return f"Preview {' '.join(told)}." if told else ""
