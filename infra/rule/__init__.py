"""What Azure, or the design, asks of several keys together.

A rule is a function that yields problems. Its parameters are the fields that it is about, by name: it is asked once
they are all right by themselves.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infra.problem import Problem
from infra.rule import access, cluster, data, network, place, workload

Rule = Callable[..., Iterator[Problem]]

RULES: tuple[Rule, ...] = (
    *place.RULES,
    *network.RULES,
    *access.RULES,
    *cluster.RULES,
    *data.RULES,
    *workload.RULES,
)


def problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Ask every rule whose fields are all among `values`."""
    for rule in RULES:
        names = inspect.signature(rule).parameters
        if names.keys() <= values.keys():
            yield from rule(**{name: values[name] for name in names})
