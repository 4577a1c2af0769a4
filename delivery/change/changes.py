"""`make changes`: what the difference between a revision and this checkout will do to each environment in Azure.

It asks no server and no cloud: what an environment has is taken to be what the revision makes of it.
"""

import argparse
import dataclasses
import json
import re
import tempfile
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from components.image_content import ImageContentError
from delivery import tree
from delivery.change import change, change_report, flow_change
from delivery.change.change import Configuration, ImageChange, StackChange
from delivery.change.change_report import Changes
from delivery.change.flow_change import FlowChange, Loaded, Question
from delivery.console import command, say, warn
from delivery.error import DeliveryError, UsageError
from delivery.tree import Tree
from registration import parallel

NAME = "changes"
HELP = "what a change will do to each environment"
_PARENT = "HEAD^"
_DESCRIPTION = """\
Say what the difference between a revision and this checkout, uncommitted edits included, will do to each stack in
Azure: the flow image, the flows, the Prefect server, the settings. Content decides and not paths: a comment in a flow
registers nothing. Where the program itself differs, anything may change: preview it.
"""
_EPILOG = """\
examples:
  python -m delivery changes --base main
      what this checkout will do, once it is merged to main and deployed
  python -m delivery changes --base HEAD --stack dev
      what the uncommitted edits will do to dev
  python -m delivery changes --base HEAD^1 --pipeline
      in a pull request's run: also set the pipeline's variable `stacks` to the stacks that are touched; where HEAD is
      a repository's first commit, everything is new to HEAD^

exit: 0 told; 1 a file cannot be loaded, and the rest is told; 2 no such revision or stack
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.description, parser.epilog = _DESCRIPTION, _EPILOG
    parser.add_argument("--base", metavar="REVISION", required=True, help="compare with this: a branch, tag or commit")
    parser.add_argument(
        "--stack", metavar="NAME", action="append", default=[], help="this stack alone; may be repeated"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print one JSON document")
    output.add_argument("--pipeline", action="store_true", help="also set Azure Pipelines' output variable `stacks`")


def run(options: argparse.Namespace) -> int:
    """Tell the changes; 1 when a part of this checkout cannot be read."""
    found = changes(Path(), options.base, options.stack, from_nothing=options.pipeline)
    if options.json:
        say(json.dumps(change_report.document(found), indent=2))
    else:
        for line in change_report.lines(found):
            say(line)
    for problem in found.problems:
        warn(f"error: {problem}")
    if options.pipeline:
        names = ",".join(each.stack for each in found.stacks if each.touched)
        command("task.setvariable variable=stacks;isOutput=true", names or "none")
    return int(bool(found.problems))


def changes(root: Path, base: str, only: Collection[str] = (), *, from_nothing: bool = False) -> Changes:
    """Compare a revision with a checkout, or nothing with a repository's first commit where that may be.

    Raises:
        UsageError: there is no such revision or stack.
        GitError: git fails in another way.
    """
    with tempfile.TemporaryDirectory(prefix="prefect-aks-changes-") as scratch:
        folder = Path(scratch) / "base"
        folder.mkdir()
        if from_nothing and base == _PARENT and tree.is_first(root):
            before, commit = Tree(root=folder, paths=()), "nothing"
        else:
            before, commit = tree.committed(root, base, folder)
        after = tree.working(root)
        now, was = _stacks(after, change.configuration), _stacks(before, change.known)
        if not now:
            raise UsageError("there is no stack in Azure here; run this in the project's own folder")
        if unknown := sorted({*only} - {*now}):
            raise UsageError(f"there is no stack {unknown[0]!r} in Azure; there are: {', '.join(now)}")
        wanted = {stack: (was.get(stack), each) for stack, each in now.items() if not only or stack in only}
        comparison = _Comparison(before=before, after=after, scratch=Path(scratch))
        comparison.load(wanted)
        stacks = tuple(comparison.stack(stack, *each) for stack, each in wanted.items())
        gone = () if only else tuple(sorted({*was} - {*now}))
        return Changes(
            base=base, commit=commit, stacks=stacks, gone=gone, problems=tuple(sorted(set(comparison.problems)))
        )


def _stacks(project: Tree, read: Callable[[Tree, str], Configuration | None]) -> dict[str, Configuration]:
    names = [name[1] for path in project.paths if (name := re.fullmatch(r"Pulumi\.([\w-]+)\.yaml", path))]
    found = {name: each for name in names if (each := read(project, name))}
    return {name: each for name, each in found.items() if each["platform"] == "azure"}


@dataclass(kw_only=True)
class _Comparison:
    """Two trees, and the flows of each as far as they had to be loaded."""

    before: Tree
    after: Tree
    scratch: Path
    problems: list[str] = field(default_factory=list)
    _asked: dict[str, tuple[Question | None, Question | None]] = field(default_factory=dict)
    """What is loaded for each stack, before and after."""
    _loaded: dict[Question, Loaded | Exception] = field(default_factory=dict)

    def load(self, stacks: Mapping[str, tuple[Configuration | None, Configuration]]) -> None:
        """Load what the stacks ask for, each once and all at the same time."""
        self._asked = {stack: self._questions(*pair) for stack, pair in stacks.items()}
        wanted = {question for pair in self._asked.values() for question in pair if question}
        done = parallel.each(lambda question: flow_change.load(question, self.scratch), sorted(wanted, key=str), 4)
        self._loaded = dict(done)

    def stack(self, stack: str, was: Configuration | None, now: Configuration) -> StackChange:
        """Compare for one stack."""
        return StackChange(
            stack=stack,
            new=was is None,
            image=self._image(was, now),
            flows=self._flows(stack, was),
            server=self._server,
            settings=change.settings(was, now) if was else (),
            program=self._program,
        )

    @cached_property
    def _server(self) -> tuple[str, ...]:
        return change.server(self.before, self.after)

    @cached_property
    def _program(self) -> tuple[str, ...]:
        return change.program(self.before, self.after)

    def _image(self, was: Configuration | None, now: Configuration) -> ImageChange:
        try:
            return change.image(self.before, self.after, was, now)
        except ImageContentError as error:
            self.problems.append(str(error))
            return ImageChange(action="unchanged", before=None, after="")

    def _questions(self, was: Configuration | None, now: Configuration) -> tuple[Question | None, Question | None]:
        """What to load before and after; nothing where both would say the same."""
        old, new = (_question(self.before, was) if was else None), _question(self.after, now)
        alike = old and dataclasses.replace(old, root=new.root) == new
        if alike and not tree.differing(self.before, self.after, new.folder, *flow_change.MADE_OF):
            return None, None
        return old, new

    def _flows(self, stack: str, was: Configuration | None) -> tuple[FlowChange, ...]:
        before, after = (self._answer(each) if each else Loaded() for each in self._asked[stack])
        if isinstance(after, DeliveryError):
            self.problems.append(str(after))
            return ()
        self.problems += after.refused.values()
        if isinstance(before, DeliveryError):
            return flow_change.unknown(after, f"not compared, as the revision's {before}")
        # What is deployed was told then what its removal means.
        return flow_change.compare(before, after, was["flowRemoval"] if was else "")

    def _answer(self, question: Question) -> Loaded | DeliveryError:
        answer = self._loaded[question]
        if isinstance(answer, Loaded | DeliveryError):
            return answer
        raise answer


def _question(project: Tree, stack: Configuration) -> Question:
    labels = stack.listed("flowLabels")
    agent = stack.listed("agentLabels") or labels
    return Question(root=project.root, folder=stack["flowsDirectory"], labels=labels, agent=agent)
