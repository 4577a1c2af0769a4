"""A copy of a stack file that needs no secrets provider: its secrets are placeholders that say that they are.

The file is edited as YAML's nodes, not as values: `1.30` stays `1.30`.
"""

from pathlib import Path

import yaml

# What ties a stack to the one secrets provider that can read it.
_LOCKS = frozenset({"secretsprovider", "encryptedkey", "encryptionsalt"})
_TEXT = "tag:yaml.org,2002:str"


class StackFileError(ValueError):
    """The file is no stack file; the message is one line."""


def placeholder(key: str) -> str:
    """Return what stands for a secret: a URL, which is valid in most places, with a host that never exists."""
    return f"https://placeholder.invalid/{key}"


def read(path: Path) -> str:
    """Return a stack file's text.

    Raises:
        StackFileError: it is no text.
    """
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise StackFileError(f"{path.name}: it is no UTF-8 text, from byte {error.start} on") from None


def without_secrets(text: str, name: str) -> tuple[str, dict[str, str]]:
    """Return a stack file's text with placeholders, and these by their path as `pulumi config set --path` takes it.

    Raises:
        StackFileError: it is no YAML mapping; `name` says which file.
    """
    try:
        document = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise StackFileError(f"{name}{where}: it is no YAML: {getattr(error, 'problem', None) or error}") from None
    if document is None:
        return "", {}
    if not isinstance(document, yaml.MappingNode):
        raise StackFileError(f"{name}: a stack file is a mapping with the key `config`")
    document.value = [(key, value) for key, value in document.value if key.value not in _LOCKS]
    found: dict[str, str] = {}
    for key, value in document.value:
        if key.value == "config" and isinstance(value, yaml.MappingNode):
            value.value = [(each, _replaced(node, each.value, each.value, found)) for each, node in value.value]
    return yaml.serialize(document, Dumper=yaml.SafeDumper), found


def _replaced(node: yaml.Node, path: str, key: str, found: dict[str, str]) -> yaml.Node:
    if isinstance(node, yaml.SequenceNode):
        node.value = [_replaced(each, f"{path}[{index}]", key, found) for index, each in enumerate(node.value)]
    if isinstance(node, yaml.MappingNode):
        if [name.value for name, _ in node.value] == ["secure"]:
            found[path] = placeholder(key.rpartition(":")[2])
            return yaml.ScalarNode(_TEXT, found[path])
        node.value = [
            (name, _replaced(each, f"{path}[{_quoted(name.value)}]", key, found)) for name, each in node.value
        ]
    return node


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
