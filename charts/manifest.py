"""Objects as Helm prints them, read as Kubernetes reads them."""

from typing import Any

import yaml

Manifest = dict[str, Any]


class _Loader(yaml.CSafeLoader):
    """To Kubernetes a plain `=` is a text; PyYAML gives it a kind of its own, of which it can make nothing."""


def _text(loader: _Loader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_Loader.add_constructor("tag:yaml.org,2002:value", _text)


def read(text: str) -> list[Manifest]:
    """Give the objects; documents that are empty are none."""
    return [document for document in yaml.load_all(text, _Loader) if document]
