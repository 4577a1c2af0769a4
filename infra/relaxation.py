"""The controls that a stack file may relax, each with a reason in the key of the same name that ends in `Reason`.

Resources carry the relaxed keys in a tag, by which the policies know what was meant.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic.alias_generators import to_snake

from infra.problem import Problem

WORDS = 3


@dataclass(frozen=True)
class Control:
    """One control, and what it takes for it to be in full force."""

    key: str
    strict: Callable[[Any], bool]
    fix: str
    """What to set the key to instead of giving a reason."""


CONTROLS = (
    Control("publicAccess", lambda given: given == "disabled", "disabled"),
    Control("egress", lambda given: given == "firewall", "firewall"),
    Control("zones", lambda given: set(given) == {"1", "2", "3"}, "1,2,3"),
    Control("clusterTier", lambda given: given != "Free", "Standard"),
    Control("systemPoolMinimum", lambda given: given >= 3, "3 or more"),  # noqa: PLR2004 - one node a zone
    Control("osDiskType", lambda given: given == "Ephemeral", "Ephemeral"),
    Control("hostEncryption", bool, "true"),
    Control("storageRedundancy", lambda given: given != "LRS", "ZRS or GZRS"),
    Control("registryExports", lambda given: not given, "false"),
    Control("databaseHighAvailability", lambda given: given == "ZoneRedundant", "ZoneRedundant"),
    Control("databaseBackupDays", lambda given: given >= 14, "14 or more"),  # noqa: PLR2004 - as the message says
    Control("databaseGeoBackup", bool, "true"),
    Control("protection", bool, "true"),
    Control("imageMirror", bool, "true"),
)


def relaxed(values: Mapping[str, Any]) -> dict[str, str]:
    """The relaxed keys and their reasons, of values by field name."""
    return {
        control.key: values[to_snake(f"{control.key}Reason")]
        for control in sorted(CONTROLS, key=lambda each: each.key)
        if not control.strict(values[to_snake(control.key)])
    }


def problems(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Ask for a reason wherever a control is relaxed, and only there; wrong values are left out of `values`."""
    for control in CONTROLS:
        key = f"{control.key}Reason"
        given, reason = values.get(to_snake(control.key)), values.get(to_snake(key))
        if given is None or reason is None:
            continue
        if control.strict(given):
            if reason:
                yield Problem(key, f"explains what is not relaxed, as {control.key} is in full force", "remove it")
        elif not reason:
            yield Problem(
                key, f"is missing, as {control.key} is relaxed", f"say why, or set {control.key} to {control.fix}"
            )
        elif len(reason.split()) < WORDS:
            yield Problem(key, "is too short to be a reason", f"say why in {WORDS} words or more")
