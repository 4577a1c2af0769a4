"""What the difference between two trees does to one environment, beside its flows.

Paths decide nothing but who reads them: a file counts where its content differs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import yaml

from components import image_content
from components.image_content import ImageContentError
from delivery.change.flow_change import FlowChange
from delivery.error import UsageError
from delivery.tree import Tree, differing, meaning_otherwise
from infra import stack_file

CHART = "charts/prefect-server"
PROGRAM = (
    *("__main__.py", "components", "infra", "policies", "registration", "requirements/infra.txt"),
    # The engine that every stack is updated by.
    *("toolchain/pulumi", "toolchain/pulumi-language-python"),
)
# What the release's digest is of; see `components.prefect_server.chart_digest`.
_RENDERED = ("Chart.yaml", "charts", "files", "templates", "values.schema.json", "values.yaml")
_HIDDEN = "(secret)"
_SHORT = 16


@dataclass(frozen=True, kw_only=True)
class ImageChange:
    """What happens to the flow image; `before` and `after` are content hashes, or references of a pinned image."""

    action: Literal["build", "switch", "pinned", "unchanged"]
    before: str | None
    after: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SettingChange:
    """A key of the stack's configuration that has another value; None is no value at all."""

    key: str
    before: str | None
    after: str | None


@dataclass(frozen=True, kw_only=True)
class StackChange:
    """All that happens to one environment; `server` and `program` are the files that are the reason."""

    stack: str
    new: bool
    image: ImageChange
    flows: tuple[FlowChange, ...]
    server: tuple[str, ...]
    settings: tuple[SettingChange, ...]
    program: tuple[str, ...]

    @property
    def touched(self) -> bool:
        """Whether anything happens."""
        flows = any(flow.action != "unchanged" for flow in self.flows)
        image = self.image.action in {"build", "switch"}
        return bool(self.new or image or flows or self.server or self.settings or self.program)


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """What one stack file sets, and what the project declares, as text; `raw` has secrets as they are sealed."""

    declared: Mapping[str, str]
    given: Mapping[str, str]
    raw: Mapping[str, Any]

    def __getitem__(self, key: str) -> str:
        return self.given.get(key, self.declared.get(key, ""))

    def listed(self, key: str) -> tuple[str, ...]:
        """The entries of a value that is separated by commas."""
        return tuple(entry.strip() for entry in self[key].split(",") if entry.strip())


def configuration(tree: Tree, stack: str) -> Configuration | None:
    """Read a stack's configuration; None where the tree has no such stack.

    Raises:
        UsageError: a file is not as the engine wants it.
    """
    file = stack_file.name(stack)
    if not {file, stack_file.PROJECT_FILE} <= {*tree.paths}:
        return None
    try:
        declared, project = stack_file.declared(tree.root), stack_file.namespace(tree.root)
    except (yaml.YAMLError, ValueError, LookupError, AttributeError):
        raise UsageError(
            f"{stack_file.PROJECT_FILE}: is not the project that the engine wants; mend it first"
        ) from None
    try:
        raw = stack_file.config((tree.root / file).read_text("utf-8"))
    except ValueError as error:
        raise UsageError(f"{file}: {error}; mend it first") from None
    own = f"{project}:"
    return Configuration(
        declared=declared,
        given={key: str(value) for key, value in raw.items() if not key.startswith(own)}
        | stack_file.of_project(raw, project),
        raw={key.removeprefix(own): value for key, value in raw.items()},
    )


def known(tree: Tree, stack: str) -> Configuration | None:
    """Do the same for a revision, which nobody can mend any more: None also where a file of it cannot be read."""
    try:
        return configuration(tree, stack)
    except UsageError:
        return None


def settings(before: Configuration, after: Configuration) -> tuple[SettingChange, ...]:
    """Name the keys whose value differs; a key that is new with its default has no other value than before."""
    keys = {*before.given, *after.given, *({*before.declared} & {*after.declared})}
    return tuple(change for key in sorted(keys) if (change := _setting(key, before, after)))


def _setting(key: str, before: Configuration, after: Configuration) -> SettingChange | None:
    sealed = isinstance(before.raw.get(key), dict), isinstance(after.raw.get(key), dict)
    values = [each.given.get(key, each.declared.get(key)) for each in (before, after)]
    if values[0] == values[1] and not (any(sealed) and before.raw.get(key) != after.raw.get(key)):
        return None
    old, new = (_HIDDEN if any(sealed) and value else value for value in values)
    return SettingChange(key=key, before=old, after=new)


def image(before: Tree, after: Tree, was: Configuration | None, now: Configuration) -> ImageChange:
    """Say whether the flow image is built anew.

    Raises:
        ImageContentError: a part of it is missing in this checkout.
    """
    pin, old_pin = now["flowImage"], was["flowImage"] if was else ""
    # A tree from before there was an image has none.
    old = _content(before)
    if pin:
        action: Literal["switch", "pinned"] = "pinned" if pin == old_pin else "switch"
        return ImageChange(action=action, before=old_pin or _short(old), after=pin)
    new = image_content.files(after.root)
    files = tuple(sorted(path for path in {*old, *new} if old.get(path) != new.get(path)))
    if was and not files and not old_pin:
        return ImageChange(action="unchanged", before=_short(old), after=str(_short(new)))
    return ImageChange(action="build", before=old_pin or _short(old), after=str(_short(new)), files=files)


def _content(tree: Tree) -> Mapping[str, bytes]:
    try:
        return image_content.files(tree.root)
    except ImageContentError:
        return {}


def _short(content: Mapping[str, bytes]) -> str | None:
    return image_content.hash_of(content)[:_SHORT] if content else None


def server(before: Tree, after: Tree) -> tuple[str, ...]:
    """Name the files of the chart that make the release another one."""
    files = differing(before, after, *(f"{CHART}/{part}" for part in _RENDERED))
    names = ((file, file.rpartition("/")[2]) for file in files)
    return tuple(file for file, name in names if not name.startswith(".") and not name.endswith(("~", ".pyc")))


def program(before: Tree, after: Tree) -> tuple[str, ...]:
    """Name the files of the program that mean something else: anything may come of them, and a preview says what."""
    files = meaning_otherwise(before, after, *PROGRAM)
    return files if _project(before) == _project(after) else (stack_file.PROJECT_FILE, *files)


def _project(tree: Tree) -> Any:
    """The project file without what settings are compared for, and without what only people read."""
    try:
        content = yaml.safe_load((tree.below(stack_file.PROJECT_FILE) or {"": b""}).popitem()[1])
        entries = content.get("config") or {}
        bare = {key: {each: entry[each] for each in entry if each == "type"} for key, entry in entries.items()}
    except (yaml.YAMLError, AttributeError, TypeError):
        # A revision's own may be broken, or missing.
        return None
    return {key: value for key, value in content.items() if key != "description"} | {"config": bare}
